/*
 * Decisions: the only place where a state changes and where the list of decisions grows.
 *
 * A state is set here after a check against the table of moves, together with the times that go
 * with it, the record, and the notifications that the flow's rules ask for. One thread.
 */
#ifndef CORE_DECIDE_H
#define CORE_DECIDE_H

#include "core/core_types.h"

/* Appends <decision> to the list of the event being applied. */
void decide(struct core *core, struct core_decision decision);

/* The run enters <to>, which the table of moves must allow. */
void decide_run_state(struct core *core, struct run *run, enum state to);
/* The task enters <to>, which the table of moves must allow. */
void decide_task_state(struct core *core, struct run *run, struct task *task, enum state to);

/* Back to Pending from an end state, because somebody wants the run again. */
void decide_run_reset(struct core *core, struct run *run);
void decide_task_reset(struct core *core, struct run *run, struct task *task);

/* Decisions about a task that carry nothing but its epoch. */
void decide_task(struct core *core, struct run *run, const struct task *task,
                 enum core_decision_type type);
/* Arms a timer for the task, or for the run when <task> is NULL; negative delays count as 0. */
void decide_timer(struct core *core, struct run *run, const struct task *task,
                  enum core_timer timer, int64_t delay_us);

#endif
