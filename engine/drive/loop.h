/*
 * The heart of the loop thread: events go to core, decisions become records and effects, records
 * become durable, effects happen.
 *
 * All functions: loop thread.
 */
#ifndef DRIVE_LOOP_H
#define DRIVE_LOOP_H

#include "drive/engine_int.h"

/*
 * Applies one event and takes up what core decides. Errors are core's (stale and unfitting events
 * are ignored by it); <ret_run> as in core_apply().
 */
int loop_apply(struct engine *engine, const struct core_event *event, struct run **ret_run);

/* Takes up a list of decisions that did not come from loop_apply() (restored runs). */
void loop_decisions(struct engine *engine, const struct core_decisions *decisions);

/* The batch that collects records now; opened when there is none. */
struct store_batch *loop_batch(struct engine *engine);

/*
 * Sends the open batch off when it is rather full. Call it between things that may become durable
 * one after the other, so that neither comes to the limits of a batch: one thing may have 16384
 * operations and 12 MiB.
 */
void loop_room(struct engine *engine);

/* Adds an effect to the open batch; borrowed until the next one is added. */
struct effect *loop_effect(struct engine *engine, enum effect_type type, uint64_t run);

/* Where news of the open batch are encoded; follow with loop_news_end(). */
struct buf *loop_news_begin(struct engine *engine, size_t *ret_offset);
void loop_news_end(struct engine *engine, uint64_t run, size_t offset);

/* Works on preparations, fills hosts, sends the open batch off; called around every poll. */
void loop_turn(struct engine *engine);

/* Waits for all batches under way; used when stopping. */
void loop_drain(struct engine *engine);

/* Frees what the loop holds between batches. */
void loop_done(struct engine *engine);

#endif
