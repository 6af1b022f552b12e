/*
 * The table of things in flight: numbers, and what becomes of old ones.
 */
#include "drive/slots.h"

#include <criterion/criterion.h>

static struct slots slots;

/* An empty table. */
static void enter(void)
{
    slots_init(&slots);
}

/* Its end. */
static void leave(void)
{
    slots_done(&slots);
}

TestSuite(slots, .init = enter, .fini = leave);

/* Adds one thing that belongs to <run>. */
static uint64_t add(uint64_t run)
{
    struct slot *slot;
    uint64_t id = slots_add(&slots, &slot);

    slot->run = run;
    return id;
}

Test(slots, an_empty_table_knows_no_number)
{
    cr_assert_null(slots_get(&slots, 0));
    cr_assert_null(slots_get(&slots, 1));
    cr_assert_null(slots_get(&slots, UINT64_MAX));
}

Test(slots, what_was_added_is_found)
{
    uint64_t id = add(42);

    cr_assert_neq(id, 0);
    cr_assert_eq(slots_get(&slots, id)->run, 42);
    cr_assert_eq(slots.used, 1);
}

Test(slots, a_removed_number_finds_nothing)
{
    uint64_t id = add(42);

    slots_remove(&slots, id);
    cr_assert_null(slots_get(&slots, id));
    cr_assert_eq(slots.used, 0);
}

Test(slots, a_place_is_used_again_under_another_number)
{
    uint64_t old = add(1);
    uint64_t id;

    slots_remove(&slots, old);
    id = add(2);
    cr_assert_neq(id, old);
    cr_assert_eq((uint32_t)id, (uint32_t)old, "the same place");
    cr_assert_null(slots_get(&slots, old));
    cr_assert_eq(slots_get(&slots, id)->run, 2);
}

Test(slots, removing_an_old_number_leaves_the_new_one)
{
    uint64_t old = add(1);
    uint64_t id;

    slots_remove(&slots, old);
    id = add(2);
    slots_remove(&slots, old);
    cr_assert_not_null(slots_get(&slots, id));
    cr_assert_eq(slots.used, 1);
}

Test(slots, a_slot_that_is_used_again_is_empty)
{
    struct slot *slot;
    uint64_t id = slots_add(&slots, &slot);

    *slot = (struct slot){.run = 1,
                          .task = 2,
                          .epoch = 3,
                          .object = &slots,
                          .generation = slot->generation,
                          .next_free = slot->next_free};
    slots_remove(&slots, id);
    slots_add(&slots, &slot);
    cr_assert_eq(slot->run, 0);
    cr_assert_eq(slot->task, 0);
    cr_assert_eq(slot->epoch, 0);
    cr_assert_null(slot->object);
}

Test(slots, growing_keeps_what_is_there)
{
    enum { COUNT = 5000 };
    static uint64_t ids[COUNT];

    for (uint64_t i = 0; i < COUNT; i++) {
        ids[i] = add(i);
    }
    for (uint64_t i = 0; i < COUNT; i++) {
        cr_assert_eq(slots_get(&slots, ids[i])->run, i);
    }
    cr_assert_eq(slots.used, COUNT);
}

Test(slots, a_walk_meets_everything_once)
{
    enum { COUNT = 200 };
    struct slot *slot;
    uint32_t cursor = 0;
    uint64_t sum = 0;
    uint64_t id;

    for (uint64_t i = 1; i <= COUNT; i++) {
        id = add(i);
        if (i % 2 == 0) {
            slots_remove(&slots, id);
        }
    }
    for (id = slots_next(&slots, &cursor, &slot); id; id = slots_next(&slots, &cursor, &slot)) {
        cr_assert_eq(slots_get(&slots, id), slot);
        sum += slot->run;
    }
    cr_assert_eq(slots.used, COUNT / 2);
    cr_assert_eq(sum, (COUNT / 2) * (COUNT / 2), "the odd numbers");
}
