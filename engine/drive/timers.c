/*
 * See timers.h. libuv keeps the armed timers in a heap; the map finds them again.
 */
#include "drive/timers.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "drive/loop.h"

/* Which timer it is; the key in the map. */
struct timer_key {
    uint64_t run;
    uint32_t task;
    uint32_t kind;
};

struct timer {
    uv_timer_t handle;
    struct engine *engine;
    struct timer_key key;
    uint32_t epoch;
};

/* Frees a closed timer. */
static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Stops a timer that is not in the map any more. */
static void drop(struct timer *timer)
{
    uv_close((uv_handle_t *)&timer->handle, on_closed);
}

/* A timer rang. */
static void on_timer(uv_timer_t *handle)
{
    struct timer *timer = handle->data;
    struct engine *engine = timer->engine;
    struct core_event event = {.type = CORE_TIMER,
                               .wall_us = engine_wall_us(),
                               .run = timer->key.run,
                               .task = timer->key.task,
                               .epoch = timer->epoch,
                               .timer.timer = (enum core_timer)timer->key.kind};

    must(map_remove(engine->timers, MAP_KEY(timer->key)) == timer);
    drop(timer);
    loop_apply(engine, &event, NULL);
}

void timers_arm(struct engine *engine, const struct core_decision *decision)
{
    struct timer *timer = xcalloc(1, sizeof(*timer));
    struct timer *old;
    uint64_t delay_ms = decision->delay_us > 0 ? (uint64_t)(decision->delay_us + 999) / 1000 : 0;

    timer->engine = engine;
    timer->key = (struct timer_key){decision->run->number, decision->task, decision->timer};
    timer->epoch = decision->epoch;
    must(uv_timer_init(&engine->loop, &timer->handle) == 0);
    timer->handle.data = timer;
    old = map_put(engine->timers, MAP_KEY(timer->key), timer);
    if (old) {
        drop(old);
    }
    uv_update_time(&engine->loop);
    must(uv_timer_start(&timer->handle, on_timer, delay_ms, 0) == 0);
}

void timers_task_over(struct engine *engine, uint64_t run, uint32_t task)
{
    static const enum core_timer kinds[] = {CORE_TIMER_RETRY, CORE_TIMER_TIMEOUT,
                                            CORE_TIMER_RUN_TIMEOUT, CORE_TIMER_FINALLY_LIMIT};

    if (map_count(engine->timers) == 0) {
        return;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct timer_key key = {run, task, kinds[i]};
        struct timer *timer = map_remove(engine->timers, MAP_KEY(key));

        if (timer) {
            drop(timer);
        }
    }
}

void timers_done(struct engine *engine)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    if (!engine->timers) {
        return;
    }
    while (map_next(engine->timers, &cursor, &key, &value)) {
        drop(value);
    }
    engine->timers = map_free(engine->timers);
}
