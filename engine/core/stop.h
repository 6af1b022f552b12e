/*
 * Stopping runs: cancel, timeouts, and what a parent's stop means for its subflows.
 *
 *   Running --> Cancelling --> (attempts end) --> (`finally`) --> Cancelled or TimedOut
 *
 * Tasks that wait are Cancelled at once, those at work are told to stop, subflows are stopped in
 * the same event. One thread.
 */
#ifndef CORE_STOP_H
#define CORE_STOP_H

#include "core/core_types.h"

/* CORE_CANCEL. ERR_CONFLICT when the run has ended or is being stopped already. */
int stop_cancel(struct core *core, struct run *run, const char *text);
/* CORE_TIMER for a run. ERR_CONFLICT when it no longer matters. */
int stop_timer(struct core *core, struct run *run, enum core_timer timer);
/* The task that stands for this run in its parent is being stopped. */
void stop_from_parent(struct core *core, struct run *run);
/* Ends or stops all tasks of the present phase; those that are stopped will end in <kill_state>. */
void stop_tasks(struct core *core, struct run *run, enum state kill_state);

#endif
