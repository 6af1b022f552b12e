/*
 * A run and its subflows at one moment, for whoever begins to follow it.
 */
#ifndef API_SNAPSHOT_H
#define API_SNAPSHOT_H

#include "api/pinned.h"
#include "base/buf.h"
#include "core/record.h"

/*
 * Appends {"type":"snapshot", flow_run..., "task_runs", "child_runs"} of run <number> to <out>, and
 * the numbers of all runs shown (its own first, uint64_t each) to <ret_numbers>. <ret_state> is the
 * run's own state. ERR_NOT_FOUND when the run is gone; errors of the store.
 */
int snapshot_take(struct store *store, struct pinned *pinned, uint64_t number, struct buf *out,
                  struct buf *ret_numbers, enum state *ret_state, struct err_text *reterr_why);

/*
 * Appends the stored log lines of the runs <numbers> as "log" news, oldest first, each with its
 * length (uint32_t) before it; at most API_FOLLOW_LINES_MAX, the newest. Errors of the store.
 */
int snapshot_lines(struct store *store, const struct buf *numbers, struct buf *out);

#endif
