/*
 * Between core's lanes and the pool of hosts: starts attempts when hosts have room, stops them, and
 * turns what the pool reports into events.
 *
 * Loop thread.
 */
#ifndef DRIVE_DISPATCH_H
#define DRIVE_DISPATCH_H

#include "drive/engine_int.h"

/* Starts the pool. */
int dispatch_open(struct engine *engine, struct err_text *reterr_why);
/* Ends the pool and everything that was in flight. */
void dispatch_close(struct engine *engine);

/* The lane of a part's plugin, made when it is new. */
uint32_t dispatch_lane(struct engine *engine, const struct plug_part *part,
                       enum flow_isolation isolation);

/* Lets core start what hosts have room for. */
void dispatch_fill(struct engine *engine);

/* Core has started an attempt; it takes its host's room from now on. */
void dispatch_committed(struct engine *engine, const struct run *run, uint32_t task);
/* Its records are durable: hand it to the pool. */
void dispatch_start(struct engine *engine, uint64_t run, uint32_t task, uint32_t epoch);
/* Stop an attempt. */
void dispatch_kill(struct engine *engine, const struct run *run, uint32_t task, uint32_t epoch);

#endif
