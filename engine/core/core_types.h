/*
 * What the modules of core share: the whole of its state, and the event being applied.
 *
 *   core.c      the calls of core.h: dispatch, submission
 *   live.c      allocation of runs
 *   decide.c    every transition and every decision
 *   queue.c     where tasks wait, from their last dependency to their start
 *   attempt.c   the life of a task from its preparation to its end
 *   advance.c   what the end of a task means for its dependents, its map, its run, its parent
 *   stop.c      cancel and timeouts of runs
 *   restore.c   runs from their rows
 *
 * Nothing recurses: work that one run causes in another (a child's end, a parent's stop) marks that
 * run dirty, and advance_all() looks at dirty runs until there are none.
 */
#ifndef CORE_CORE_TYPES_H
#define CORE_CORE_TYPES_H

#include "base/map.h"
#include "core/core.h"
#include "core/lane_queue.h"

struct core {
    struct map *runs; /* run number to struct run */
    struct rng rng;
    uint64_t next_run;
    uint32_t default_width; /* UINT32_MAX for no limit */
    struct lane_queue *lanes;
    uint32_t lane_count;
    struct run *dirty_head;
    struct run *dirty_tail;
    /* The event being applied. */
    struct core_decisions *out;
    int64_t wall_us;
};

#endif
