/*
 * Tells followers what happened: makes the news of hub.h from transitions, logs and progress.
 *
 * News of transitions wait for their batch; logs and progress go out at once. Loop thread.
 */
#ifndef DRIVE_NEWS_H
#define DRIVE_NEWS_H

#include "drive/engine_int.h"

struct log_place; /* drive/logs.h */

void news_run(struct engine *engine, const struct run *run, enum state to);
void news_task(struct engine *engine, const struct run *run, const struct task *task,
               enum state from, enum state to);
void news_progress(struct engine *engine, const struct run *run, const struct task *task,
                   double fraction, struct str text);
/* <stream> is "log", "stdout" or "stderr". */
void news_log(struct engine *engine, const struct log_place *place, int32_t level,
              const char *stream, int64_t wall_us, struct str text);

/* Hands durable news to the followers of a run's tree. */
void news_publish(struct engine *engine, uint64_t run, struct str value);

#endif
