/*
 * First-come queues with dead entries.
 */
#include "core/lane_queue.h"

#include <criterion/criterion.h>

TestSuite(lane_queue, .timeout = 10);

/* Tasks below the number that <user> points to are dead. */
static bool alive(const void *user, const struct lane_queue_entry *entry)
{
    return entry->task >= *(const uint32_t *)user;
}

static const uint32_t none_dead = 0;

/* Adds the task <number>. */
static void push(struct lane_queue *lane, uint32_t number, const uint32_t *dead)
{
    lane_queue_push(lane, (struct lane_queue_entry){.run = 1, .task = number}, alive, dead);
}

Test(lane_queue, first_come_is_first_served_while_it_grows)
{
    struct lane_queue lane = {0};
    struct lane_queue_entry entry;
    uint32_t next = 0;
    lane.waiting = UINT32_MAX;
    for (uint32_t number = 0; number < 10000; number++) {
        push(&lane, number, &none_dead);
        if (number % 3 == 0) {
            cr_assert(lane_queue_pop(&lane, &entry));
            cr_assert_eq(entry.task, next);
            next++;
        }
    }
    while (lane_queue_pop(&lane, &entry)) {
        cr_assert_eq(entry.task, next);
        next++;
    }
    cr_assert_eq(next, 10000);
    lane_queue_done(&lane);
}

Test(lane_queue, an_empty_lane_gives_nothing)
{
    struct lane_queue lane = {0};
    struct lane_queue_entry entry;
    cr_assert_not(lane_queue_pop(&lane, &entry));
    lane_queue_done(&lane);
}

Test(lane_queue, what_is_pushed_to_the_front_comes_first)
{
    struct lane_queue lane = {0};
    struct lane_queue_entry entry;
    lane_queue_push_front(&lane, (struct lane_queue_entry){.task = 5});
    push(&lane, 6, &none_dead);
    lane_queue_push_front(&lane, (struct lane_queue_entry){.task = 4});
    for (uint32_t number = 4; number <= 6; number++) {
        cr_assert(lane_queue_pop(&lane, &entry));
        cr_assert_eq(entry.task, number);
    }
    lane_queue_done(&lane);
}

Test(lane_queue, dead_entries_do_not_pile_up)
{
    struct lane_queue lane = {0};
    struct lane_queue_entry entry;
    uint32_t dead = 0;
    for (uint32_t number = 0; number < 1000000; number++) {
        lane.waiting = 1;
        push(&lane, number, &dead);
        dead = number;
    }
    cr_assert_lt(lane.cap, 5000);
    uint32_t last = 0;
    while (lane_queue_pop(&lane, &entry)) {
        cr_assert(entry.task > last || last == 0);
        last = entry.task;
    }
    cr_assert_eq(last, 999999);
    lane_queue_done(&lane);
}

Test(lane_queue, done_leaves_a_usable_empty_lane)
{
    struct lane_queue lane = {0};
    struct lane_queue_entry entry;
    push(&lane, 1, &none_dead);
    lane_queue_done(&lane);
    cr_assert_not(lane_queue_pop(&lane, &entry));
    push(&lane, 2, &none_dead);
    cr_assert(lane_queue_pop(&lane, &entry));
    cr_assert_eq(entry.task, 2);
    lane_queue_done(&lane);
}
