/*
 * Where tasks wait between their last dependency and their start.
 *
 *   line        tasks that could be prepared, in the order in which they became so. A map that has
 *               its list stands for its children: each turn takes one of them, and the map goes
 *               back to the end, so that a long map and other steps share. A sequential flow takes
 *               the first step of the file instead, one at a time, none while another is under way.
 *   for_width   prepared tasks that wait for one of the flow's slots
 *   lane        those that have a slot and wait for a host; all runs together, first come first
 *
 * A task holds a slot from the moment it enters its lane. The counters of slots and of tasks
 * prepared ahead follow from tasks' places and from nothing else, so they can not leak. One thread.
 */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include "core/core_types.h"

/* Queues of one run; a task is in at most one of them. */
void queue_fifo_push(struct run *run, struct core_fifo *fifo, struct task *task);
/* NULL when empty. */
struct task *queue_fifo_pop(struct run *run, struct core_fifo *fifo);

/* Moves the task to <place> and keeps the counters. Queues are the caller's business. */
void queue_place(struct core *core, struct run *run, struct task *task, enum core_place place);

/* The task waits for nothing but its turn to be prepared. */
void queue_enter(struct core *core, struct run *run, struct task *task);
/* The children of a mapped step, which is AT_WORK, wait for their turns. */
void queue_children(struct run *run, const struct task *map);
/* The task is prepared: on to a slot. */
void queue_ready(struct core *core, struct run *run, struct task *task);
/* The task was handed back: to the front of its lane, with its slot. */
void queue_return(struct core *core, struct run *run, struct task *task);
/* Empties the run's queues, because all that is in them will be stopped. */
void queue_clear(struct run *run);

/* Gives out the run's free slots and turns: decisions to prepare, map and submit. */
void queue_pump(struct core *core, struct run *run);
/* Takes the first task out of <lane>; it is still FOR_HOST. False when none waits. */
bool queue_take(struct core *core, uint32_t lane, struct run **ret_run, struct task **ret_task);

#endif
