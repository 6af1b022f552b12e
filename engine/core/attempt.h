/*
 * The life of one task, from the resolution of its input to its end state.
 *
 * core.c hands over events; advance.c and stop.c end tasks through attempt_finish(). Functions that
 * take an event return ERR_CONFLICT, and change nothing, when the task is not in a state for it.
 * The caller has checked the epoch. One thread.
 */
#ifndef CORE_ATTEMPT_H
#define CORE_ATTEMPT_H

#include "core/core_types.h"

/* CORE_PREPARED, CORE_MAPPED, CORE_ENDED, CORE_RETURNED, and CORE_TIMER for a task. */
int attempt_prepared(struct core *core, struct run *run, struct task *task,
                     const struct core_event *event);
int attempt_mapped(struct core *core, struct run *run, struct task *task,
                   const struct core_event *event);
int attempt_ended(struct core *core, struct run *run, struct task *task,
                  const struct core_event *event);
int attempt_returned(struct core *core, struct run *run, struct task *task);
int attempt_timer(struct core *core, struct run *run, struct task *task, enum core_timer timer);
/* CORE_CAPACITY: starts up to <room> tasks of <lane>. */
void attempt_capacity(struct core *core, uint32_t lane, uint32_t room);

/* The subflow of <task>, which is SUBMITTING, is the new run <child_run>. */
void attempt_submitted(struct core *core, struct run *run, struct task *task, uint64_t child_run);
/* A run has ended: so has the task in its parent that stands for it, if it still does. */
void attempt_child_over(struct core *core, const struct run *child);

/* The task enters the end state <state>. <code> NULL: no error. <result> is copied. The run is
 * marked dirty so that dependents hear of it. */
void attempt_finish(struct core *core, struct run *run, struct task *task, enum state state,
                    const char *code, const char *text, struct val result);
/* The task was at work and was interrupted for no fault of its own: back to Pending. The attempt
 * does not count as a failure. */
void attempt_interrupted(struct core *core, struct run *run, struct task *task);

#endif
