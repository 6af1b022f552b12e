/*
 * Queues of tasks, across all runs, that wait for hosts of one kind.
 *
 * Only numbers are kept, so entries of tasks that were stopped may stay behind; whoever takes an
 * entry out looks whether its task still waits. The one who adds and stops tasks also keeps the
 * count of those that wait, by which a lane knows when to drop the dead ones. One thread.
 */
#ifndef CORE_LANE_QUEUE_H
#define CORE_LANE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lane_queue_entry {
    uint64_t run;
    uint32_t task;
    uint32_t epoch;
};

/* A ring; all zeros is an empty lane. */
struct lane_queue {
    struct lane_queue_entry *ring;
    size_t cap; /* 0 or a power of two */
    size_t head;
    size_t count;
    uint32_t waiting; /* entries whose task still waits; kept by the user */
};

/* True when the task of <entry> still waits in this lane. */
typedef bool lane_queue_alive(const void *user, const struct lane_queue_entry *entry);

/* Frees the memory; the lane is empty and usable afterwards. */
void lane_queue_done(struct lane_queue *lane);
/* Adds at the end. When most entries are dead, those for which <alive> is false go. */
void lane_queue_push(struct lane_queue *lane, struct lane_queue_entry entry,
                     lane_queue_alive *alive, const void *user);
/* Adds at the front. */
void lane_queue_push_front(struct lane_queue *lane, struct lane_queue_entry entry);
/* Takes the first entry out; false when there is none. */
bool lane_queue_pop(struct lane_queue *lane, struct lane_queue_entry *ret_entry);

#endif
