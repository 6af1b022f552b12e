/*
 * Live news: a bounded queue per subscriber, filled by the loop thread.
 *
 * One lock guards the list of subscriptions, one per subscription its queue. News are copied into
 * each queue as length-prefixed bytes, so that a slow follower costs memory only up to its bound
 * and never delays the loop.
 */
#include "drive/hub.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/must.h"
#include "value/pack.h"

enum { QUEUE_BYTES_MAX = 64 * 1024 * 1024 };

struct hub_subscription {
    struct hub_subscription *next;
    bool all;
    struct uuid root;
    void (*wake)(void *user);
    void *user;

    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct buf queue; /* u32 length + bytes, oldest first */
    size_t taken;     /* bytes at the front of `queue` that were read already */
    uint32_t count;
    uint32_t lost;
    bool to_wake; /* got its first news since it was empty, and nobody has told it */
};

struct hub {
    pthread_mutex_t lock;
    struct hub_subscription *subscriptions;
    atomic_uint listeners; /* so that nobody listening costs one load */
    bool to_flush;         /* loop thread only */
};

struct hub *hub_new(void)
{
    struct hub *hub = xcalloc(1, sizeof(*hub));

    must(pthread_mutex_init(&hub->lock, NULL) == 0);
    return hub;
}

struct hub *hub_free(struct hub *hub)
{
    if (!hub) {
        return NULL;
    }
    must(!hub->subscriptions);
    pthread_mutex_destroy(&hub->lock);
    free(hub);
    return NULL;
}

struct hub_subscription *hub_subscribe(struct hub *hub, const struct uuid *root,
                                       void (*wake)(void *user), void *user)
{
    struct hub_subscription *subscription = xcalloc(1, sizeof(*subscription));
    pthread_condattr_t attributes;

    subscription->all = root == NULL;
    if (root) {
        subscription->root = *root;
    }
    subscription->wake = wake;
    subscription->user = user;
    buf_init(&subscription->queue, QUEUE_BYTES_MAX);
    must(pthread_condattr_init(&attributes) == 0);
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    must(pthread_mutex_init(&subscription->lock, NULL) == 0);
    must(pthread_cond_init(&subscription->filled, &attributes) == 0);
    pthread_condattr_destroy(&attributes);

    pthread_mutex_lock(&hub->lock);
    subscription->next = hub->subscriptions;
    hub->subscriptions = subscription;
    atomic_fetch_add(&hub->listeners, 1);
    pthread_mutex_unlock(&hub->lock);
    return subscription;
}

void hub_unsubscribe(struct hub *hub, struct hub_subscription *subscription)
{
    struct hub_subscription **link = &hub->subscriptions;

    pthread_mutex_lock(&hub->lock);
    while (*link != subscription) {
        must(*link);
        link = &(*link)->next;
    }
    *link = subscription->next;
    atomic_fetch_sub(&hub->listeners, 1);
    pthread_mutex_unlock(&hub->lock);

    pthread_cond_destroy(&subscription->filled);
    pthread_mutex_destroy(&subscription->lock);
    buf_done(&subscription->queue);
    free(subscription);
}

/* Waits until the queue has news or the time is over; the subscription's lock is held. */
static void wait_for_news(struct hub_subscription *subscription, int timeout_ms)
{
    struct timespec deadline;

    if (timeout_ms < 0) {
        while (subscription->count == 0 && subscription->lost == 0) {
            pthread_cond_wait(&subscription->filled, &subscription->lock);
        }
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    while (subscription->count == 0 && subscription->lost == 0) {
        if (pthread_cond_timedwait(&subscription->filled, &subscription->lock, &deadline) != 0) {
            return;
        }
    }
}

/* Drops what was read when it has become most of the queue. */
static void compact(struct hub_subscription *subscription)
{
    if (subscription->taken == subscription->queue.len) {
        buf_clear(&subscription->queue);
        subscription->taken = 0;
    } else if (subscription->taken > 65536 && subscription->taken > subscription->queue.len / 2) {
        buf_consume(&subscription->queue, subscription->taken);
        subscription->taken = 0;
    }
}

/* Moves the oldest news of a non-empty queue to <out> (NULL drops it). */
static void pop(struct hub_subscription *subscription, struct buf *out)
{
    const uint8_t *at = subscription->queue.data + subscription->taken;
    uint32_t len = 0;

    must(subscription->count > 0);
    memcpy(&len, at, sizeof(len));
    if (out) {
        buf_put(out, at + sizeof(len), len);
    }
    subscription->taken += sizeof(len) + len;
    subscription->count--;
    compact(subscription);
}

bool hub_take(struct hub_subscription *subscription, int timeout_ms, struct buf *ret_value)
{
    bool found = true;

    buf_clear(ret_value);
    pthread_mutex_lock(&subscription->lock);
    if (timeout_ms != 0) {
        wait_for_news(subscription, timeout_ms);
    }
    if (subscription->lost > 0) {
        pack_map(ret_value, 2);
        pack_str(ret_value, STR("type"));
        pack_str(ret_value, STR("lost"));
        pack_str(ret_value, STR("count"));
        pack_int(ret_value, subscription->lost);
        subscription->lost = 0;
    } else if (subscription->count > 0) {
        pop(subscription, ret_value);
    } else {
        found = false;
    }
    pthread_mutex_unlock(&subscription->lock);
    return found;
}

/* True when news of <root>'s tree go to this subscription. */
static bool matches(const struct hub_subscription *subscription, const struct uuid *root)
{
    return subscription->all ||
           memcmp(subscription->root.bytes, root->bytes, sizeof(root->bytes)) == 0;
}

bool hub_wanted(const struct hub *hub, const struct uuid *root)
{
    struct hub *mutable_hub = (struct hub *)(uintptr_t)hub; /* the lock is not part of its value */
    bool wanted = false;

    if (atomic_load_explicit(&mutable_hub->listeners, memory_order_relaxed) == 0) {
        return false;
    }
    pthread_mutex_lock(&mutable_hub->lock);
    for (const struct hub_subscription *s = hub->subscriptions; s && !wanted; s = s->next) {
        wanted = matches(s, root);
    }
    pthread_mutex_unlock(&mutable_hub->lock);
    return wanted;
}

/* Appends news to one queue, dropping the oldest when it is full; true when it was empty. */
static bool push(struct hub_subscription *subscription, struct str value)
{
    uint32_t len = (uint32_t)value.len;
    bool was_empty = subscription->count == 0;

    while (subscription->count > 0 &&
           (subscription->count >= HUB_QUEUE_MAX ||
            subscription->queue.len + sizeof(len) + value.len > QUEUE_BYTES_MAX)) {
        pop(subscription, NULL);
        subscription->lost++;
    }
    buf_put(&subscription->queue, &len, sizeof(len));
    buf_put_str(&subscription->queue, value);
    must(buf_err(&subscription->queue) == 0);
    subscription->count++;
    return was_empty;
}

void hub_publish(struct hub *hub, const struct uuid *root, struct str value)
{
    pthread_mutex_lock(&hub->lock);
    for (struct hub_subscription *s = hub->subscriptions; s; s = s->next) {
        if (matches(s, root)) {
            pthread_mutex_lock(&s->lock);
            s->to_wake = push(s, value) || s->to_wake;
            pthread_mutex_unlock(&s->lock);
            hub->to_flush = true;
        }
    }
    pthread_mutex_unlock(&hub->lock);
}

void hub_flush(struct hub *hub)
{
    if (!hub->to_flush) {
        return;
    }
    hub->to_flush = false;
    pthread_mutex_lock(&hub->lock);
    for (struct hub_subscription *s = hub->subscriptions; s; s = s->next) {
        bool wake;

        pthread_mutex_lock(&s->lock);
        wake = s->to_wake;
        s->to_wake = false;
        if (wake) {
            pthread_cond_signal(&s->filled);
        }
        pthread_mutex_unlock(&s->lock);
        if (wake && s->wake) {
            s->wake(s->user);
        }
    }
    pthread_mutex_unlock(&hub->lock);
}
