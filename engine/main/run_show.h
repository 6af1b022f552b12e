/*
 * Flow runs, task runs and log lines as people read them: lists, and everything about one.
 *
 * Each takes an answer of the API and appends text.
 */
#ifndef MAIN_RUN_SHOW_H
#define MAIN_RUN_SHOW_H

#include "base/buf.h"
#include "main/cli.h"
#include "value/val.h"

/* GET /flow-runs and GET /flow-runs/{run}. */
void run_show_list(const struct cli *cli, struct val answer, struct buf *out);
void run_show_one(const struct cli *cli, struct val run, struct buf *out);

/* The first line about a flow run: "✓ Completed  train (perky-eel) in 4.2 s". */
void run_show_title(const struct cli *cli, struct val run, struct buf *out);

/* GET /task-runs, GET .../task-runs and GET .../task-runs/{task}. */
void run_show_tasks(const struct cli *cli, struct val answer, struct buf *out);
void run_show_task(const struct cli *cli, struct val task, struct buf *out);

/* One log line, of GET .../logs or of a followed run. */
void run_show_log_line(const struct cli *cli, struct val line, struct buf *out);

#endif
