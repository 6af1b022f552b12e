/*
 * Live news: who gets them, in which order, what happens to those who do not keep up.
 */
#include "drive/hub.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "value/pack.h"

static struct hub *hub;
static struct buf news;
static const struct uuid tree = {.bytes = {1}};
static const struct uuid other_tree = {.bytes = {2}};

/* A hub without subscribers. */
static void enter(void)
{
    hub = hub_new();
    buf_init(&news, 1024 * 1024);
}

/* Its end. */
static void leave(void)
{
    buf_done(&news);
    hub_free(hub);
}

TestSuite(hub, .init = enter, .fini = leave, .timeout = 60);

/* Publishes a number. */
static void publish(const struct uuid *root, int number)
{
    CLEANUP_BUF struct buf value = BUF_INIT(64);

    pack_int(&value, number);
    hub_publish(hub, root, buf_str(&value));
}

/* Takes a number without waiting; -1 when there is none, -2 for news of another kind. */
static int take(struct hub_subscription *subscription)
{
    if (!hub_take(subscription, 0, &news)) {
        return -1;
    }
    return val_type(val_here(news.data)) == VAL_INT ? (int)val_int(val_here(news.data)) : -2;
}

Test(hub, news_come_in_the_order_of_publishing)
{
    struct hub_subscription *all = hub_subscribe(hub, NULL, NULL, NULL);

    for (int i = 0; i < 1000; i++) {
        publish(i % 2 ? &tree : &other_tree, i);
    }
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(take(all), i);
    }
    cr_assert_eq(take(all), -1);
    hub_unsubscribe(hub, all);
}

Test(hub, a_subscriber_of_a_tree_gets_only_its_news)
{
    struct hub_subscription *one = hub_subscribe(hub, &tree, NULL, NULL);

    publish(&other_tree, 1);
    publish(&tree, 2);
    cr_assert_eq(take(one), 2);
    cr_assert_eq(take(one), -1);
    hub_unsubscribe(hub, one);
}

Test(hub, what_was_published_before_is_not_seen)
{
    struct hub_subscription *late;

    publish(&tree, 1);
    late = hub_subscribe(hub, NULL, NULL, NULL);
    cr_assert_eq(take(late), -1);
    hub_unsubscribe(hub, late);
}

Test(hub, nothing_is_wanted_while_nobody_listens_to_the_tree)
{
    struct hub_subscription *one;

    cr_assert_not(hub_wanted(hub, &tree));
    one = hub_subscribe(hub, &tree, NULL, NULL);
    cr_assert(hub_wanted(hub, &tree));
    cr_assert_not(hub_wanted(hub, &other_tree));
    hub_unsubscribe(hub, one);
    cr_assert_not(hub_wanted(hub, &tree));
}

Test(hub, who_falls_behind_loses_the_oldest_and_is_told_how_many)
{
    enum { TOO_MANY = 3 };
    struct hub_subscription *slow = hub_subscribe(hub, NULL, NULL, NULL);

    for (int i = 0; i < HUB_QUEUE_MAX + TOO_MANY; i++) {
        publish(&tree, i);
    }
    cr_assert(hub_take(slow, 0, &news));
    cr_assert(str_eq(val_str(val_find(val_here(news.data), STR("type"))), STR("lost")));
    cr_assert_eq(val_int(val_find(val_here(news.data), STR("count"))), TOO_MANY);
    for (int i = TOO_MANY; i < HUB_QUEUE_MAX + TOO_MANY; i++) {
        cr_assert_eq(take(slow), i);
    }
    cr_assert_eq(take(slow), -1);
    hub_unsubscribe(hub, slow);
}

Test(hub, a_full_queue_that_was_emptied_loses_nothing)
{
    struct hub_subscription *all = hub_subscribe(hub, NULL, NULL, NULL);

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < HUB_QUEUE_MAX; i++) {
            publish(&tree, i);
        }
        for (int i = 0; i < HUB_QUEUE_MAX; i++) {
            cr_assert_eq(take(all), i);
        }
    }
    hub_unsubscribe(hub, all);
}

Test(hub, large_news_are_bounded_by_their_bytes)
{
    enum { SIZE = 1024 * 1024, COUNT = 100 };
    struct hub_subscription *slow = hub_subscribe(hub, NULL, NULL, NULL);
    CLEANUP_BUF struct buf value = BUF_INIT(2 * SIZE);
    CLEANUP_BUF struct buf zeros = BUF_INIT(SIZE);
    int taken = 0;
    int lost;

    memset(buf_reserve(&zeros, SIZE), 0, SIZE);
    zeros.len = SIZE;
    pack_bin(&value, zeros.data, zeros.len);
    news.max = 2 * SIZE;
    for (int i = 0; i < COUNT; i++) {
        hub_publish(hub, &tree, buf_str(&value));
    }
    cr_assert(hub_take(slow, 0, &news));
    lost = (int)val_int(val_find(val_here(news.data), STR("count")));
    while (hub_take(slow, 0, &news)) {
        taken++;
    }
    cr_assert_geq(lost, COUNT - 64);
    cr_assert_eq(taken + lost, COUNT);
    hub_unsubscribe(hub, slow);
}

/* Counts how often a subscriber is woken. */
static void count_wake(void *user)
{
    ++*(int *)user;
}

Test(hub, a_flush_wakes_each_subscriber_once)
{
    int woken = 0;
    int others = 0;
    struct hub_subscription *one = hub_subscribe(hub, &tree, count_wake, &woken);
    struct hub_subscription *two = hub_subscribe(hub, &other_tree, count_wake, &others);

    publish(&tree, 1);
    publish(&tree, 2);
    cr_assert_eq(woken, 0, "news wait for the flush");
    hub_flush(hub);
    cr_assert_eq(woken, 1);
    cr_assert_eq(others, 0);
    hub_flush(hub);
    cr_assert_eq(woken, 1, "there was nothing new");
    hub_unsubscribe(hub, one);
    hub_unsubscribe(hub, two);
}

Test(hub, who_has_news_left_is_not_woken_again)
{
    int woken = 0;
    struct hub_subscription *one = hub_subscribe(hub, &tree, count_wake, &woken);

    publish(&tree, 1);
    hub_flush(hub);
    publish(&tree, 2);
    hub_flush(hub);
    cr_assert_eq(woken, 1);
    cr_assert_eq(take(one), 1);
    cr_assert_eq(take(one), 2);
    publish(&tree, 3);
    hub_flush(hub);
    cr_assert_eq(woken, 2);
    hub_unsubscribe(hub, one);
}

Test(hub, waiting_ends_with_its_time)
{
    struct hub_subscription *one = hub_subscribe(hub, &tree, NULL, NULL);

    cr_assert_not(hub_take(one, 1, &news));
    cr_assert_not(hub_take(one, 1001, &news), "seconds and milliseconds add up");
    hub_unsubscribe(hub, one);
}

/* Waits for one number on a thread of its own. */
static void *wait_for_one(void *user)
{
    struct hub_subscription *subscription = user;
    CLEANUP_BUF struct buf value = BUF_INIT(64);

    hub_take(subscription, -1, &value);
    return (void *)(uintptr_t)val_int(val_here(value.data));
}

Test(hub, who_waits_for_ever_is_woken_by_the_flush)
{
    struct hub_subscription *one = hub_subscribe(hub, &tree, NULL, NULL);
    pthread_t thread;
    void *number;

    cr_assert_eq(pthread_create(&thread, NULL, wait_for_one, one), 0);
    publish(&tree, 7);
    hub_flush(hub);
    cr_assert_eq(pthread_join(thread, &number), 0);
    cr_assert_eq((uintptr_t)number, 7);
    hub_unsubscribe(hub, one);
}
