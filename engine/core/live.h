/*
 * Live runs: memory of runs, tasks, values and errors.
 *
 * core.c and restore.c make runs here; all modules of core copy values and errors here. One thread.
 */
#ifndef CORE_LIVE_H
#define CORE_LIVE_H

#include "core/core_types.h"

/*
 * A run with tasks for the steps of <flow>, all Pending and BLOCKED, state none yet. It takes
 * over the caller's reference to <flow>. <tag_count> distinct tags are copied; the other texts and
 * values are for the caller to set.
 */
struct run *live_new(uint64_t number, struct flow *flow, const struct str *tags,
                     uint32_t tag_count);
/* Frees a run and all that it holds. NULL is allowed; returns NULL. */
struct run *live_free(struct run *run);

/*
 * Lets run->tasks reach up to <count>, at most CORE_TASKS_MAX. New tasks belong to no step yet
 * (UINT32_MAX). ERR_MEMORY, as an outsider decides how long a list is.
 */
int live_grow(struct run *run, uint32_t count);
/* Makes the tasks from <first> on the <count> children of the mapped step <step>. */
void live_adopt_children(struct run *run, uint32_t step, uint32_t first, uint32_t count);

/* Adds <tag> to <tags> unless it is there; false when there is no room. */
bool live_add_tag(struct str tags[CORE_TAGS_MAX], uint32_t *count, struct str tag);

/* The width of runs of <flow>. */
uint32_t live_width(const struct core *core, const struct flow *flow);

/* Puts the run into the core's list of runs to look at after the event. */
void live_mark_dirty(struct core *core, struct run *run);

/* The run, a subflow, is to be stopped as soon as it is looked at. */
void live_want_stop(struct core *core, struct run *run);

/* A copy on the heap (VAL_NONE stays so). */
struct val live_val_dup(struct val value);
/* Frees and empties. */
void live_val_clear(struct val *value);
/* Puts an error (texts NULL: "") in place of the former one; too long texts are cut. */
void live_error_set(struct core_error **error, const char *code, const char *text);
void live_error_clear(struct core_error **error);

#endif
