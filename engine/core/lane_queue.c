/*
 * First-come queues; see lane_queue.h.
 */
#include "core/lane_queue.h"

#include <stdlib.h>

#include "base/mem.h"

/* The smallest ring, and how many dead entries are not worth a clean-up. */
enum { LANE_CAP_MIN = 64, LANE_DEAD_MIN = 1024 };

/* Where the <index>-th entry lies. */
static struct lane_queue_entry *entry_at(const struct lane_queue *lane, size_t index)
{
    return &lane->ring[(lane->head + index) & (lane->cap - 1)];
}

/* Makes room for one more entry. */
static void grow(struct lane_queue *lane)
{
    if (lane->count < lane->cap) {
        return;
    }
    size_t cap = lane->cap > 0 ? lane->cap * 2 : LANE_CAP_MIN;
    struct lane_queue_entry *ring = xreallocarray(NULL, cap, sizeof *ring);
    for (size_t index = 0; index < lane->count; index++) {
        ring[index] = *entry_at(lane, index);
    }
    free(lane->ring);
    lane->ring = ring;
    lane->cap = cap;
    lane->head = 0;
}

/* Drops entries whose task no longer waits; the order of the others stays. */
static void drop_dead(struct lane_queue *lane, lane_queue_alive *alive, const void *user)
{
    size_t kept = 0;
    for (size_t index = 0; index < lane->count; index++) {
        const struct lane_queue_entry *entry = entry_at(lane, index);
        if (alive(user, entry)) {
            *entry_at(lane, kept) = *entry;
            kept++;
        }
    }
    lane->count = kept;
}

void lane_queue_done(struct lane_queue *lane)
{
    free(lane->ring);
    *lane = (struct lane_queue){0};
}

void lane_queue_push(struct lane_queue *lane, struct lane_queue_entry entry,
                     lane_queue_alive *alive, const void *user)
{
    if (lane->count > LANE_DEAD_MIN && lane->count / 2 > lane->waiting) {
        drop_dead(lane, alive, user);
    }
    grow(lane);
    lane->count++;
    *entry_at(lane, lane->count - 1) = entry;
}

void lane_queue_push_front(struct lane_queue *lane, struct lane_queue_entry entry)
{
    grow(lane);
    lane->head = (lane->head + lane->cap - 1) & (lane->cap - 1);
    lane->count++;
    *entry_at(lane, 0) = entry;
}

bool lane_queue_pop(struct lane_queue *lane, struct lane_queue_entry *ret_entry)
{
    if (lane->count == 0) {
        return false;
    }
    *ret_entry = *entry_at(lane, 0);
    lane->head = (lane->head + 1) & (lane->cap - 1);
    lane->count--;
    return true;
}
