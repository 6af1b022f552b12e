/*
 * Timers that core asked for: retries, timeouts. Loop thread.
 */
#ifndef DRIVE_TIMERS_H
#define DRIVE_TIMERS_H

#include "drive/engine_int.h"

/* Arms the timer of a CORE_DO_TIMER; one of the same kind for the same task is replaced. */
void timers_arm(struct engine *engine, const struct core_decision *decision);

/* Disarms what is armed for an ended task (CORE_NO_TASK: the run itself). */
void timers_task_over(struct engine *engine, uint64_t run, uint32_t task);

/* Disarms everything. The loop must run once more. */
void timers_done(struct engine *engine);

#endif
