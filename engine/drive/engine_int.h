/*
 * What the files of drive/ share: the engine's members, all owned by the loop thread.
 *
 * The path of one change: an event goes to loop_apply(), core decides, records go into the open
 * batch, and everything that must not happen before they are durable is kept as an effect of that
 * batch. At the end of the loop's iteration the batch goes to the store thread; when it comes back,
 * its effects happen.
 */
#ifndef DRIVE_ENGINE_INT_H
#define DRIVE_ENGINE_INT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/buf.h"
#include "base/map.h"
#include "core/core.h"
#include "drive/engine.h"
#include "drive/slots.h"
#include "work/pool.h"

struct delivery;
struct drain;
struct mail;
struct prep;
struct lane;

/* What must wait until a batch is durable. */
enum effect_type {
    EFFECT_START,      /* dispatch an attempt */
    EFFECT_SUBMIT,     /* submit the subflow of a task */
    EFFECT_FORGET,     /* drop an ended run */
    EFFECT_NEWS,       /* publish `len` bytes at `offset` of the batch's news */
    EFFECT_REPLY,      /* answer a caller */
    EFFECT_FLIGHT_END, /* let those go on who waited for the same computation */
    EFFECT_DELIVER,    /* send a notification */
};

struct effect {
    enum effect_type type;
    uint32_t task;
    uint32_t epoch;
    uint32_t len;
    uint64_t run;
    union {
        size_t offset;
        struct mail *mail;
        struct hash key;
        uint64_t notification;
    };
};

/* One batch on its way, with what happens afterwards. Recycled. */
struct commit {
    struct engine *engine;
    struct commit *next_free;
    struct store_batch *batch;
    struct effect *effects;
    uint32_t count;
    uint32_t cap;
    struct buf news;
};

/* What the loop works on between events. */
enum errand_type {
    ERRAND_TASK,   /* prepare a task */
    ERRAND_MAP,    /* prepare the list of a mapped step */
    ERRAND_OUTPUT, /* prepare the flow's output */
    ERRAND_START,  /* dispatch an attempt whose flow does not wait for the disk */
};

struct errand {
    enum errand_type type;
    uint32_t task;
    uint32_t epoch;
    uint64_t run;
};

struct engine {
    char *home;
    const struct settings *settings;
    bool passive;

    struct store *store;
    struct blob_dir *blobs;
    struct hub *hub;
    struct catalogue *catalogue;
    struct spawner *spawner;
    struct pool *pool;
    struct core *core;
    struct rng rng;

    uv_loop_t loop;
    uv_async_t store_done;
    uv_async_t mail_arrived;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_idle_t more_errands; /* active while errands are left, so that poll does not block */
    pthread_t thread;
    bool thread_started;
    bool stopping;

    pthread_mutex_t mail_lock;
    struct mail *mail_first;
    struct mail *mail_last;

    struct commit *open; /* collects records and effects; NULL when there are none */
    struct commit *free_commits;
    uint32_t commits_under_way;

    struct core_decisions decisions;
    struct errand *errands; /* a ring */
    uint32_t errand_head;
    uint32_t errand_count;
    uint32_t errand_cap;

    struct lane **lanes;
    uint32_t lane_count;
    struct slots calls;                  /* attempts and deliveries at the pool, by call id */
    struct slots evals;                  /* preparations at the evaluator, by evaluation id */
    struct map *timers;                  /* armed timers by (run, task, kind) */
    struct map *flights;                 /* computations under way by cache key */
    struct map *flows;                   /* parsed flows by hash of their text */
    struct map *deliveries;              /* notifications waiting or under way by number */
    struct delivery *deliveries_waiting; /* for a host */
    struct drain *drains;                /* who waits for first deliveries */
    uint64_t next_notification;

    struct buf scratch_given;   /* reused bytes: what a step gives, */
    struct buf scratch_input;   /* its bound input, */
    struct buf scratch_result;  /* a result from the cache, */
    struct diag_list *problems; /* empty between uses: what is wrong with an input, */
    struct buf scratch_row;     /* rows and frames; each valid only within one function */
};

/* One plugin's queue of ready attempts, as core numbers them. */
struct lane {
    struct pool_plugin *plugin;
    bool isolated;
    uint32_t committed; /* started by core, waiting for their commit */
};

static inline int64_t engine_wall_us(void)
{
    return clock_wall_us(&clock_real);
}

#endif
