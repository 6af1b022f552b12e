/*
 * The pool: life, calls in, outcomes out, time. How many hosts there are is decided in pool_room.c,
 * what happens on one host in pool_host.c, the evaluator is in pool_evals.c.
 */
#include "work/pool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/must.h"
#include "work/pool_int.h"
#include "work/spawner.h"

enum {
    POOL_MAGIC = 0x706f6f6c,
    LATE_US = 1000 * 1000, /* a tick this late: the loop was held up, not the hosts */
    AVERAGE_WEIGHT = 8,    /* of the past in the moving average */
};

static void fill_config(struct pool *pool, const struct pool_config *config);
static void on_before_block(uv_prepare_t *handle);
static void on_after_block(uv_check_t *handle);
static void on_timer(uv_timer_t *handle);
static void on_closed(uv_handle_t *handle);
static void tick_plugin(struct pool *pool, struct pool_plugin *plugin, int64_t now_us,
                        int64_t late_us);
static void offer_room(struct pool *pool);
static void settle(struct pool *pool, struct pool_host *host);
static void on_outcome(void *user, struct pool_host *host, const struct pool_outcome *outcome,
                       bool begun);
static void on_returned(void *user, struct pool_host *host, uint64_t call_id);
static void on_log(void *user, struct pool_host *host, const struct pool_log *log);
static void on_progress(void *user, struct pool_host *host, uint64_t call_id, double fraction,
                        struct str text);
static void on_ready(void *user, struct pool_host *host);
static void on_gone(void *user, struct pool_host *host, bool died);

const struct pool_host_events pool_host_events = {
    .on_outcome = on_outcome,
    .on_returned = on_returned,
    .on_log = on_log,
    .on_progress = on_progress,
    .on_ready = on_ready,
    .on_gone = on_gone,
};

int pool_new(struct uv_loop_s *loop, struct spawner *spawner, const struct pool_config *config,
             const struct pool_callbacks *callbacks, struct pool **ret_pool,
             struct err_text *reterr_why)
{
    if (!config->blob_dir) {
        return err_set(reterr_why, ERR_INVALID, "the pool needs a directory for large values");
    }
    struct pool *pool = xcalloc(1, sizeof(*pool));
    pool->magic = POOL_MAGIC;
    pool->loop = loop;
    pool->callbacks = *callbacks;
    fill_config(pool, config);
    pool->env = env_new(config->env_names);
    int err =
        proc_set_new(loop, spawner, &pool->config, env_list(pool->env), &pool->procs, reterr_why);
    if (err) {
        env_free(pool->env);
        free(pool->blob_dir);
        free(pool);
        return err;
    }
    pool->evals = pool_evals_new(pool->procs, &pool->config, &pool->callbacks);
    pool->plugins_by_hash = map_new();
    pool->timer_due_us = INT64_MAX;
    pool->loop_us = pool_now_us(pool);
    uv_prepare_init(loop, &pool->before_block);
    uv_check_init(loop, &pool->after_block);
    uv_timer_init(loop, &pool->timer);
    pool->before_block.data = pool;
    pool->after_block.data = pool;
    pool->timer.data = pool;
    pool->handles_open = 3;
    uv_prepare_start(&pool->before_block, on_before_block);
    uv_check_start(&pool->after_block, on_after_block);
    *ret_pool = pool;
    return 0;
}

/* Copies the configuration with defaults in place of zeros. */
static void fill_config(struct pool *pool, const struct pool_config *config)
{
    struct pool_config *c = &pool->config;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    *c = *config;
    pool->blob_dir = xstrdup(config->blob_dir);
    c->blob_dir = pool->blob_dir;
    c->env_names = NULL;
    c->hosts_max = c->hosts_max ? c->hosts_max : POOL_HOSTS_MAX_DEFAULT;
    c->cpus = c->cpus ? c->cpus : cpus > 0 ? (unsigned)cpus : 1;
    c->calls_per_host = c->calls_per_host ? c->calls_per_host : POOL_CALLS_PER_HOST_DEFAULT;
    c->host_age_ms = c->host_age_ms ? c->host_age_ms : POOL_HOST_AGE_MS_DEFAULT;
    c->host_idle_ms = c->host_idle_ms ? c->host_idle_ms : POOL_HOST_IDLE_MS_DEFAULT;
    c->start_ms = c->start_ms ? c->start_ms : POOL_START_MS_DEFAULT;
    c->silence_after_ms = c->silence_after_ms ? c->silence_after_ms : 10 * 1000;
    c->silence_ms = c->silence_ms ? c->silence_ms : 15 * 1000;
    c->clock = c->clock ? c->clock : &clock_real;
    pool->host_config = (struct pool_host_config){
        .blob_dir = pool->blob_dir,
        .start_us = c->start_ms * 1000,
        .silence_after_us = c->silence_after_ms * 1000,
        .silence_us = c->silence_ms * 1000,
    };
}

struct pool *pool_free(struct pool *pool)
{
    if (!pool) {
        return NULL;
    }
    must(pool->magic == POOL_MAGIC);
    while (pool->plugins) {
        struct pool_plugin *plugin = pool->plugins;
        pool->plugins = plugin->next;
        while (plugin->hosts) {
            struct pool_host *host = plugin->hosts;
            plugin->hosts = pool_host_view(host)->next;
            pool_host_free(host);
        }
        free(plugin->name);
        free(plugin->copy_path);
        free(plugin);
    }
    pool_evals_free(pool->evals);
    proc_set_free(pool->procs);
    map_free(pool->plugins_by_hash);
    uv_close((uv_handle_t *)&pool->before_block, on_closed);
    uv_close((uv_handle_t *)&pool->after_block, on_closed);
    uv_close((uv_handle_t *)&pool->timer, on_closed);
    return NULL;
}

/* libuv: a handle of the pool is closed; the memory goes with the last one. */
static void on_closed(uv_handle_t *handle)
{
    struct pool *pool = handle->data;

    must(pool->magic == POOL_MAGIC);
    if (--pool->handles_open > 0) {
        return;
    }
    env_free(pool->env);
    free(pool->blob_dir);
    pool->magic = 0;
    free(pool);
}

/* ---- plugins ------------------------------------------------------------------------------ */

struct pool_plugin *pool_plugin_get(struct pool *pool, const struct hash *hash, const char *name,
                                    const char *copy_path)
{
    struct str key = {(const char *)hash->bytes, sizeof(hash->bytes)};

    struct pool_plugin *plugin = map_get(pool->plugins_by_hash, key);
    if (plugin) {
        return plugin;
    }
    plugin = xcalloc(1, sizeof(*plugin));
    plugin->pool = pool;
    plugin->hash = *hash;
    plugin->name = xstrdup(name);
    plugin->copy_path = xstrdup(copy_path);
    plugin->body_us = -1;
    plugin->next = pool->plugins;
    pool->plugins = plugin;
    map_put(pool->plugins_by_hash, key, plugin);
    return plugin;
}

const struct hash *pool_plugin_hash(const struct pool_plugin *plugin)
{
    return &plugin->hash;
}

const char *pool_plugin_name(const struct pool_plugin *plugin)
{
    return plugin->name;
}

void *pool_plugin_user(const struct pool_plugin *plugin)
{
    return plugin->user;
}

void pool_plugin_set_user(struct pool_plugin *plugin, void *user)
{
    plugin->user = user;
}

void pool_plugin_stats(const struct pool *pool, const struct pool_plugin *plugin,
                       struct pool_plugin_stats *ret_stats)
{
    must(plugin->pool == pool);
    *ret_stats = (struct pool_plugin_stats){
        .hosts = plugin->hosts_count,
        .in_flight = plugin->in_flight,
        .calls = plugin->calls,
        .deaths = plugin->deaths,
        .starts = plugin->starts,
        .body_us = plugin->body_us,
    };
}

unsigned pool_hosts(const struct pool *pool)
{
    return pool->hosts_count;
}

/* ---- room --------------------------------------------------------------------------------- */

unsigned pool_room(struct pool *pool, struct pool_plugin *plugin, bool isolated)
{
    unsigned count = pool_room_count(pool, plugin, isolated);

    if (count == 0 && !plugin->wants[isolated]) {
        if (!plugin->wish) {
            plugin->wish = ++pool->last_wish;
            pool->wants_count++;
        }
        plugin->wants[isolated] = true;
        pool_room_beg(pool, plugin);
        /* Running calls become long ones by time alone. */
        pool_watch(pool, pool_now_us(pool) + pool_room_stuck_us(plugin));
    }
    return count;
}

/* Tells plugins that had no room that they have. */
static void offer_room(struct pool *pool)
{
    if (pool->wants_count == 0) {
        return;
    }
    for (struct pool_plugin *plugin = pool->plugins; plugin; plugin = plugin->next) {
        for (unsigned isolated = 0; isolated < 2; isolated++) {
            if (!plugin->wants[isolated] || pool_room_count(pool, plugin, isolated) == 0) {
                continue;
            }
            plugin->wants[isolated] = false;
            if (!plugin->wants[0] && !plugin->wants[1]) {
                plugin->wish = 0;
                pool->wants_count--;
            }
            pool->callbacks.on_room(pool->callbacks.user, plugin);
        }
    }
}

/* ---- calls -------------------------------------------------------------------------------- */

int pool_call(struct pool *pool, const struct pool_call *call, struct err_text *reterr_why)
{
    struct pool_plugin *plugin = call->plugin;

    must(pool->magic == POOL_MAGIC && plugin && plugin->pool == pool && call->id != 0);
    struct pool_host *host = pool_room_choose(pool, plugin, call->isolated, reterr_why);
    if (!host) {
        return ERR_UNAVAILABLE;
    }
    int64_t now = pool_now_us(pool);
    int err = pool_host_call(host, call, now, reterr_why);
    if (err) {
        return err;
    }
    plugin->in_flight++;
    if (call->timeout_ms >= 0) {
        pool_watch(pool, now + call->timeout_ms * 1000);
    }
    pool_watch(pool, now + pool->host_config.silence_after_us);
    if (pool_host_view(host)->count > 1) {
        pool_watch(pool, now + POOL_HOST_RECALL_US);
        pool_room_start_spare(pool, plugin);
    }
    return 0;
}

int pool_cancel(struct pool *pool, uint64_t call_id, int64_t grace_ms)
{
    int64_t grace_us = (grace_ms < 0 ? POOL_GRACE_MS_DEFAULT : grace_ms) * 1000;
    int64_t now = pool_now_us(pool);

    for (struct pool_plugin *plugin = pool->plugins; plugin; plugin = plugin->next) {
        for (struct pool_host *host = plugin->hosts; host; host = pool_host_view(host)->next) {
            if (pool_host_cancel(host, call_id, grace_us, now) == 0) {
                pool_watch(pool, now + grace_us);
                return 0;
            }
        }
    }
    return ERR_NOT_FOUND;
}

int pool_eval(struct pool *pool, const struct pool_eval *eval, struct err_text *reterr_why)
{
    int64_t now = pool_now_us(pool);

    int err = pool_evals_put(pool->evals, eval, now, reterr_why);
    if (err == 0) {
        pool_watch(pool, now + POOL_EVAL_MS * 1000);
    }
    return err;
}

void pool_flush(struct pool *pool)
{
    proc_set_flush(pool->procs);
}

/* ---- what hosts say ----------------------------------------------------------------------- */

/* pool_host: a call has ended. */
static void on_outcome(void *user, struct pool_host *host, const struct pool_outcome *outcome,
                       bool begun)
{
    struct pool *pool = user;
    struct pool_plugin *plugin = pool_host_view(host)->plugin;

    plugin->in_flight--;
    plugin->calls++;
    if (begun && outcome->end != POOL_CRASHED) {
        int64_t us = outcome->duration_us < 0 ? 0 : outcome->duration_us;
        plugin->body_us =
            plugin->body_us < 0 || us > plugin->body_us * AVERAGE_WEIGHT + POOL_SHORT_US
                ? us
                : (plugin->body_us * (AVERAGE_WEIGHT - 1) + us) / AVERAGE_WEIGHT;
    }
    settle(pool, host);
    pool->callbacks.on_result(pool->callbacks.user, outcome);
}

/* pool_host: a call comes back. */
static void on_returned(void *user, struct pool_host *host, uint64_t call_id)
{
    struct pool *pool = user;

    pool_host_view(host)->plugin->in_flight--;
    settle(pool, host);
    pool->callbacks.on_returned(pool->callbacks.user, call_id);
}

/* Lets a host go that has nothing to do and is used up, one of a kind or given up. */
static void settle(struct pool *pool, struct pool_host *host)
{
    const struct pool_host_view *view = pool_host_view(host);
    int64_t age_us = pool_now_us(pool) - view->born_us;

    if (view->leaving || view->recalling) {
        return;
    }
    bool used_up =
        view->calls >= pool->config.calls_per_host || age_us >= pool->config.host_age_ms * 1000;
    if (used_up || (view->count == 0 && (view->isolated || view->yielding))) {
        pool_leave(pool, host);
    } else if (view->count == 0) {
        pool_watch(pool, view->idle_since_us + pool->config.host_idle_ms * 1000);
    }
}

/* Ends a host after what it has. Its place is free at once when it has nothing. */
void pool_leave(struct pool *pool, struct pool_host *host)
{
    struct pool_host_view *view = pool_host_view(host);

    must(!view->leaving);
    pool_host_leave(host, pool_now_us(pool));
    pool_watch(pool, pool_now_us(pool) + POOL_HOST_LEAVE_MS * 1000);
}

/* pool_host: output. */
static void on_log(void *user, struct pool_host *host, const struct pool_log *log)
{
    struct pool *pool = user;
    struct pool_log line = *log;

    line.plugin = pool_host_view(host)->plugin;
    pool->callbacks.on_log(pool->callbacks.user, &line);
}

/* pool_host: progress. */
static void on_progress(void *user, struct pool_host *host, uint64_t call_id, double fraction,
                        struct str text)
{
    struct pool *pool = user;

    (void)host;
    pool->callbacks.on_progress(pool->callbacks.user, call_id, fraction, text);
}

/* pool_host: hello. */
static void on_ready(void *user, struct pool_host *host)
{
    (void)user;
    pool_host_view(host)->plugin->failed_starts = 0;
}

/* pool_host: it is gone. */
static void on_gone(void *user, struct pool_host *host, bool died)
{
    struct pool *pool = user;
    struct pool_host_view *view = pool_host_view(host);
    struct pool_plugin *plugin = view->plugin;

    if (died && !view->ready) {
        unsigned doublings = plugin->failed_starts < POOL_BACKOFF_DOUBLINGS
                                 ? plugin->failed_starts
                                 : POOL_BACKOFF_DOUBLINGS;
        plugin->failed_starts++;
        plugin->start_after_us = pool_now_us(pool) + ((int64_t)POOL_BACKOFF_US << doublings);
        pool_watch(pool, plugin->start_after_us);
    }
    plugin->deaths += died;
    for (struct pool_host **at = &plugin->hosts; *at; at = &pool_host_view(*at)->next) {
        if (*at == host) {
            *at = view->next;
            break;
        }
    }
    plugin->hosts_count--;
    pool->hosts_count--;
    pool_host_free(host);
}

/* ---- time --------------------------------------------------------------------------------- */

/* Makes sure that the timer rings at <due_us> or before. */
void pool_watch(struct pool *pool, int64_t due_us)
{
    if (due_us >= pool->timer_due_us) {
        return;
    }
    int64_t wait_us = due_us - pool_now_us(pool);
    uint64_t wait_ms = wait_us > 0 ? (uint64_t)(wait_us + 999) / 1000 : 0;
    pool->timer_due_us = due_us;
    uv_update_time(pool->loop);
    uv_timer_start(&pool->timer, on_timer, wait_ms, 0);
}

/* libuv: something may be due. It often is not, because calls end before their time. */
static void on_timer(uv_timer_t *handle)
{
    struct pool *pool = handle->data;

    must(pool->magic == POOL_MAGIC);
    int64_t now = pool_now_us(pool);
    int64_t late_us = now - pool->timer_due_us;
    pool->loop_us = now;
    pool->timer_due_us = INT64_MAX;
    for (struct pool_plugin *plugin = pool->plugins; plugin; plugin = plugin->next) {
        tick_plugin(pool, plugin, now, late_us > LATE_US ? late_us : 0);
    }
    pool_watch(pool, pool_evals_tick(pool->evals, now));
}

/* The timer's work for one plugin. */
static void tick_plugin(struct pool *pool, struct pool_plugin *plugin, int64_t now, int64_t late_us)
{
    bool wants = plugin->wish != 0;

    if (wants && plugin->start_after_us > now) {
        pool_watch(pool, plugin->start_after_us);
    }
    for (struct pool_host *host = plugin->hosts; host; host = pool_host_view(host)->next) {
        pool_watch(pool, pool_host_tick(host, now, late_us));
        const struct pool_host_view *view = pool_host_view(host);
        int64_t idle_due_us = view->idle_since_us + pool->config.host_idle_ms * 1000;
        if (pool_host_idle(view) && now >= idle_due_us) {
            pool_leave(pool, host);
        } else if (pool_host_idle(view)) {
            pool_watch(pool, idle_due_us);
        }
        int64_t stuck_us = view->head_began_us + pool_room_stuck_us(plugin);
        if (wants && view->count > 0 && stuck_us >= now) {
            pool_watch(pool, stuck_us + 1);
        }
    }
}

/* libuv: the loop is about to wait. Whatever this iteration has brought goes out now. */
static void on_before_block(uv_prepare_t *handle)
{
    struct pool *pool = handle->data;

    must(pool->magic == POOL_MAGIC);
    pool->loop_us = pool_now_us(pool);
    proc_set_reports(pool->procs);
    offer_room(pool);
    pool_evals_step(pool->evals, pool_now_us(pool));
    proc_set_flush(pool->procs);
    if (proc_set_lost(pool->procs) && !pool->lost_told) {
        pool->lost_told = true;
        pool->callbacks.on_lost(pool->callbacks.user);
    }
}

/* libuv: the loop has waited, and handed out what came; timers are next. */
static void on_after_block(uv_check_t *handle)
{
    struct pool *pool = handle->data;

    must(pool->magic == POOL_MAGIC);
    pool->loop_us = pool_now_us(pool);
}

/* The pool's monotonic time. */
int64_t pool_now_us(const struct pool *pool)
{
    return clock_mono_us(pool->config.clock);
}
