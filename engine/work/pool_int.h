/*
 * The pool's state, shared by pool.c (life, calls, time) and pool_room.c (how many hosts, which
 * one).
 */
#ifndef WORK_POOL_INT_H
#define WORK_POOL_INT_H

#include <uv.h>

#include "base/map.h"
#include "work/env.h"
#include "work/pool.h"
#include "work/pool_evals.h"
#include "work/pool_host.h"
#include "work/proc.h"

enum {
    POOL_SHORT_US = 1000,         /* bodies on average below this are worth sending ahead */
    POOL_AHEAD_US = 4000,         /* work in flight on one host, as far as the limits allow */
    POOL_BUSY_US = 5000,          /* a call this long is worth another host */
    POOL_STUCK_US = 100 * 1000,   /* the same where short calls are the rule: on a crowded machine a
                                     host may not get a processor for a while */
    POOL_BACKOFF_US = 100 * 1000, /* after a start that failed, doubling */
    POOL_BACKOFF_DOUBLINGS = 3,
};

struct pool_plugin {
    struct pool *pool;
    struct pool_plugin *next;
    struct hash hash;
    char *name;
    char *copy_path;
    void *user;
    struct pool_host *hosts;
    unsigned hosts_count;
    unsigned in_flight;
    uint64_t calls;
    uint64_t deaths;
    uint64_t starts;
    int64_t body_us;        /* moving average, -1 before the first */
    unsigned failed_starts; /* in a row */
    int64_t start_after_us;
    bool wants[2]; /* pool_room() said 0; [1]: for isolated calls */
    uint64_t wish; /* number of the oldest of these, to serve them in order; 0: none */
};

struct pool {
    unsigned magic;
    uv_loop_t *loop;
    struct pool_callbacks callbacks;
    struct pool_config config;
    struct pool_host_config host_config;
    char *blob_dir;
    struct env *env;
    struct proc_set *procs;
    struct pool_evals *evals;
    struct map *plugins_by_hash;
    struct pool_plugin *plugins;
    unsigned hosts_count;
    unsigned wants_count; /* plugins with a wish */
    uint64_t last_wish;
    uv_prepare_t before_block;
    uv_check_t after_block;
    int64_t loop_us; /* the time of this loop iteration: decisions in it agree with each other */
    uv_timer_t timer;
    int64_t timer_due_us; /* INT64_MAX: not armed */
    unsigned handles_open;
    bool lost_told;
};

/* Calls that pool_call() would take now, by pool_room.c. */
unsigned pool_room_count(struct pool *pool, struct pool_plugin *plugin, bool isolated);
/* When a plugin without hosts finds no place at all: another one has to give one up. */
void pool_room_beg(struct pool *pool, struct pool_plugin *plugin);
/* The host that gets the next call: an idle one, a new one, or the one with the least to do; NULL
 * with a sentence when there is no room. */
struct pool_host *pool_room_choose(struct pool *pool, struct pool_plugin *plugin, bool isolated,
                                   struct err_text *reterr_why);
/* Starts another host on the side when short calls pile up: they go on meanwhile. */
void pool_room_start_spare(struct pool *pool, struct pool_plugin *plugin);

/* From the beginning of a call until it counts as a long one. */
int64_t pool_room_stuck_us(const struct pool_plugin *plugin);

/* By pool.c. Ends a host after what it has. */
void pool_leave(struct pool *pool, struct pool_host *host);
/* Makes sure that the timer rings at <due_us> or before. */
void pool_watch(struct pool *pool, int64_t due_us);
/* The pool's monotonic time. */
int64_t pool_now_us(const struct pool *pool);
/* What hosts tell the pool. */
extern const struct pool_host_events pool_host_events;

/* True for a host that does nothing and could do something. */
static inline bool pool_host_idle(const struct pool_host_view *view)
{
    return view->ready && view->count == 0 && !view->leaving;
}

#endif
