/*
 * See slots.h. A number is generation << 32 | place + 1; free places form a list.
 */
#include "drive/slots.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/must.h"

enum { FIRST_CAP = 64 };

#define NO_SLOT UINT32_MAX
#define IN_USE (UINT32_MAX - 1)

void slots_init(struct slots *slots)
{
    *slots = (struct slots){.first_free = NO_SLOT};
}

void slots_done(struct slots *slots)
{
    free(slots->list);
    slots_init(slots);
}

/* Adds free places. */
static void grow(struct slots *slots)
{
    uint32_t cap = slots->cap ? slots->cap * 2 : FIRST_CAP;

    slots->list = xreallocarray(slots->list, cap, sizeof(*slots->list));
    memset(slots->list + slots->cap, 0, (cap - slots->cap) * sizeof(*slots->list));
    for (uint32_t i = cap; i > slots->cap; i--) {
        slots->list[i - 1].next_free = slots->first_free;
        slots->first_free = i - 1;
    }
    slots->cap = cap;
}

uint64_t slots_add(struct slots *slots, struct slot **ret_slot)
{
    uint32_t place;
    struct slot *slot;

    if (slots->first_free == NO_SLOT) {
        grow(slots);
    }
    place = slots->first_free;
    slot = &slots->list[place];
    slots->first_free = slot->next_free;
    *slot = (struct slot){.generation = slot->generation + 1, .next_free = IN_USE};
    slots->used++;
    *ret_slot = slot;
    return (uint64_t)slot->generation << 32 | (place + 1);
}

struct slot *slots_get(const struct slots *slots, uint64_t id)
{
    uint32_t place = (uint32_t)id - 1;
    struct slot *slot;

    if (place >= slots->cap) {
        return NULL;
    }
    slot = &slots->list[place];
    return slot->next_free == IN_USE && slot->generation == id >> 32 ? slot : NULL;
}

void slots_remove(struct slots *slots, uint64_t id)
{
    struct slot *slot = slots_get(slots, id);

    if (!slot) {
        return;
    }
    must(slots->used > 0);
    slot->next_free = slots->first_free;
    slots->first_free = (uint32_t)(slot - slots->list);
    slots->used--;
}

uint64_t slots_next(const struct slots *slots, uint32_t *cursor, struct slot **ret_slot)
{
    while (*cursor < slots->cap) {
        struct slot *slot = &slots->list[(*cursor)++];

        if (slot->next_free == IN_USE) {
            *ret_slot = slot;
            return (uint64_t)slot->generation << 32 | *cursor;
        }
    }
    return 0;
}
