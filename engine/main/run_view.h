/*
 * What a followed run looks like: a live tree in a terminal, plain lines elsewhere, and the summary
 * at the end.
 */
#ifndef MAIN_RUN_VIEW_H
#define MAIN_RUN_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "main/cli.h"
#include "value/val.h"

struct run_view;

/* <quiet> shows nothing before the summary. */
struct run_view *run_view_new(const struct cli *cli, bool quiet);
/* NULL is allowed; returns NULL. */
struct run_view *run_view_free(struct run_view *view);

/* Takes up one object of a followed run (see api.h) and shows what follows from it. */
void run_view_take(struct run_view *view, struct val news);

/* Shows a sentence of this program's own. */
void run_view_say(struct run_view *view, const char *text);

/* Draws the live tree again, as time has passed. */
void run_view_tick(struct run_view *view);

/* The last picture of the tree and the summary; <run> is the API's flow_run. */
void run_view_end(struct run_view *view, struct val run);

#endif
