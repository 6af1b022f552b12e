/*
 * What follows from the end of tasks: dependents become free or fail, maps end, `finally` begins,
 * the run ends, its parent's task ends.
 *
 * core.c and restore.c call advance_all() at the end of every event; nothing here recurses, however
 * long the chain of steps. One thread.
 */
#ifndef CORE_ADVANCE_H
#define CORE_ADVANCE_H

#include "core/core_types.h"

/* Draws all consequences in all runs that are marked dirty. */
void advance_all(struct core *core);

/*
 * Begins the present phase (main steps, or `finally`): counts its open steps and what each of them
 * waits for, and lets those queue that wait for nothing. Tasks may be in any place, as after a
 * restart.
 */
void advance_phase(struct core *core, struct run *run);

/* Ends a mapped step whose children, as counted, have all ended. */
void advance_map(struct core *core, struct run *run, struct task *map);

/* All steps are over and the flow's output is <result>, which is copied; or can not be resolved. */
void advance_completed(struct core *core, struct run *run, struct val result);
void advance_output_failed(struct core *core, struct run *run, const char *code, const char *text);

/* The steps of the present phase: [first, end). */
uint32_t advance_phase_first(const struct run *run);
uint32_t advance_phase_end(const struct run *run);

#endif
