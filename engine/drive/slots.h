/*
 * A table of things in flight, addressed by numbers that are never used twice.
 *
 * The number holds the place and a generation, so looking one up is an array access and a stale
 * number finds nothing. One thread.
 */
#ifndef DRIVE_SLOTS_H
#define DRIVE_SLOTS_H

#include <stdint.h>

/* What is in flight: an attempt of a task, or something else behind <object>. */
struct slot {
    uint64_t run;
    uint32_t task;
    uint32_t epoch;
    void *object; /* the owner's; NULL for attempts */
    uint32_t generation;
    uint32_t next_free; /* or UINT32_MAX - 1 while in use */
};

struct slots {
    struct slot *list;
    uint32_t cap;
    uint32_t used;
    uint32_t first_free;
};

void slots_init(struct slots *slots);
void slots_done(struct slots *slots);

/* A new number, never 0; the slot is zeroed and borrowed until the next slots_add(). */
uint64_t slots_add(struct slots *slots, struct slot **ret_slot);
/* The slot of <id>, or NULL when it is not in flight. Borrowed until the next slots_add(). */
struct slot *slots_get(const struct slots *slots, uint64_t id);
/* Ends it; unknown numbers are ignored. */
void slots_remove(struct slots *slots, uint64_t id);
/* Walks everything in flight; set <*cursor> to 0 first; 0 at the end, else its number. */
uint64_t slots_next(const struct slots *slots, uint32_t *cursor, struct slot **ret_slot);

#endif
