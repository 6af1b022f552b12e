/*
 * How many hosts a plugin gets, and which one gets a call.
 *
 * A plugin whose bodies are short (moving average below POOL_SHORT_US) gets few hosts with many
 * calls in flight; any other gets one call per host, up to one host per processor at once and one
 * more for every host whose call has been running for POOL_BUSY_US. Calls in flight grow as bodies
 * get shorter, so that they are about POOL_AHEAD_US of work. When places run out, idle hosts of
 * other plugins make room, and the plugin with the most hosts gives one up for a plugin with none.
 */
#include "work/pool_int.h"

static bool is_short(const struct pool_plugin *plugin);
static bool is_stuck(const struct pool *pool, const struct pool_host_view *view);
static bool is_serving(const struct pool *pool, const struct pool_host_view *view);
static bool any_serving(const struct pool *pool, const struct pool_plugin *plugin);
static unsigned host_limit(const struct pool *pool, const struct pool_plugin *plugin,
                           struct pool_host *host);
static unsigned startable(struct pool *pool, const struct pool_plugin *plugin, bool isolated);
static unsigned hosts_wanted(const struct pool *pool, const struct pool_plugin *plugin,
                             bool isolated, unsigned *ret_have);
static unsigned places_left(const struct pool *pool, const struct pool_plugin *plugin);
static unsigned places_promised(const struct pool *pool, const struct pool_plugin *plugin);
static bool evict_one(struct pool *pool, const struct pool_plugin *for_plugin);
static struct pool_host *start_host(struct pool *pool, struct pool_plugin *plugin, bool isolated,
                                    struct err_text *reterr_why);

unsigned pool_room_count(struct pool *pool, struct pool_plugin *plugin, bool isolated)
{
    unsigned total = 0;

    if (isolated) {
        return startable(pool, plugin, true);
    }
    for (struct pool_host *host = plugin->hosts; host; host = pool_host_view(host)->next) {
        unsigned limit = host_limit(pool, plugin, host);
        unsigned count = pool_host_view(host)->count;
        total += limit > count ? limit - count : 0;
    }
    if (is_short(plugin) && any_serving(pool, plugin)) {
        return total; /* Another host comes up on the side; see pool_room_start_spare(). */
    }
    return total + startable(pool, plugin, false);
}

/* True when bodies are known to be worth sending ahead. */
static bool is_short(const struct pool_plugin *plugin)
{
    return plugin->body_us >= 0 && plugin->body_us < POOL_SHORT_US;
}

/* True when the running call is a long one, whatever those before it were. */
static bool is_stuck(const struct pool *pool, const struct pool_host_view *view)
{
    return view->count > 0 &&
           pool->loop_us - view->head_began_us > pool_room_stuck_us(view->plugin);
}

int64_t pool_room_stuck_us(const struct pool_plugin *plugin)
{
    return is_short(plugin) ? POOL_STUCK_US : POOL_BUSY_US;
}

/* True for a host that works its calls off. */
static bool is_serving(const struct pool *pool, const struct pool_host_view *view)
{
    return view->ready && !view->leaving && !view->yielding && !view->isolated &&
           !is_stuck(pool, view);
}

/* True when the plugin has a host that does. */
static bool any_serving(const struct pool *pool, const struct pool_plugin *plugin)
{
    for (struct pool_host *host = plugin->hosts; host; host = pool_host_view(host)->next) {
        if (is_serving(pool, pool_host_view(host))) {
            return true;
        }
    }
    return false;
}

/* Calls that may be in flight on a host. */
static unsigned host_limit(const struct pool *pool, const struct pool_plugin *plugin,
                           struct pool_host *host)
{
    const struct pool_host_view *view = pool_host_view(host);

    if (view->leaving || view->recalling || view->yielding || view->isolated) {
        return 0;
    }
    if (!is_short(plugin) || is_stuck(pool, view)) {
        return 1;
    }
    if (!view->ready) {
        return any_serving(pool, plugin) ? 0 : 1;
    }
    int64_t body_us = plugin->body_us > 0 ? plugin->body_us : 1;
    int64_t ahead = POOL_AHEAD_US / body_us;
    return ahead < POOL_PREFETCH_MAX ? (unsigned)ahead : POOL_PREFETCH_MAX;
}

/* Hosts that could be started for the plugin now. */
static unsigned startable(struct pool *pool, const struct pool_plugin *plugin, bool isolated)
{
    unsigned have;

    if (proc_set_lost(pool->procs) || pool->loop_us < plugin->start_after_us) {
        return 0;
    }
    unsigned wanted = hosts_wanted(pool, plugin, isolated, &have);
    if (wanted <= have) {
        return 0;
    }
    unsigned places = places_left(pool, plugin);
    unsigned promised = places_promised(pool, plugin);
    places = places > promised ? places - promised : 0;
    return wanted - have < places ? wanted - have : places;
}

/* Hosts that the plugin's work is worth, and how many there are. */
static unsigned hosts_wanted(const struct pool *pool, const struct pool_plugin *plugin,
                             bool isolated, unsigned *ret_have)
{
    unsigned have = 0;
    unsigned busy = 0;

    for (struct pool_host *host = plugin->hosts; host; host = pool_host_view(host)->next) {
        const struct pool_host_view *view = pool_host_view(host);
        if (view->isolated != isolated || (view->leaving && view->count == 0)) {
            continue;
        }
        have++;
        busy += view->ready && is_stuck(pool, view);
    }
    *ret_have = have;
    return pool->config.cpus + busy;
}

/* Processes that could be added, also in the places of idle hosts of others than <plugin> (NULL:
 * idle hosts keep their places). Hosts on their way out do not count. */
static unsigned places_left(const struct pool *pool, const struct pool_plugin *plugin)
{
    unsigned taken = 0;

    for (const struct pool_plugin *other = pool->plugins; other; other = other->next) {
        for (struct pool_host *host = other->hosts; host; host = pool_host_view(host)->next) {
            const struct pool_host_view *view = pool_host_view(host);
            bool given = plugin && other != plugin && pool_host_idle(view);
            taken += !given && !(view->leaving && view->count == 0);
        }
    }
    return taken < pool->config.hosts_max ? pool->config.hosts_max - taken : 0;
}

/* Places that other plugins have asked for before, having none. */
static unsigned places_promised(const struct pool *pool, const struct pool_plugin *plugin)
{
    unsigned promised = 0;

    if (pool->wants_count == 0) {
        return 0;
    }
    for (const struct pool_plugin *other = pool->plugins; other; other = other->next) {
        promised += other != plugin && other->wish && other->hosts_count == 0 &&
                    (!plugin->wish || other->wish < plugin->wish);
    }
    return promised;
}

void pool_room_beg(struct pool *pool, struct pool_plugin *plugin)
{
    struct pool_plugin *richest = NULL;
    struct pool_host *least = NULL;

    if (plugin->hosts_count > 0 || places_left(pool, plugin) > 0) {
        return;
    }
    for (struct pool_plugin *other = pool->plugins; other; other = other->next) {
        for (struct pool_host *host = other->hosts; host; host = pool_host_view(host)->next) {
            if (pool_host_view(host)->yielding) {
                return; /* One at a time. */
            }
        }
        if (other != plugin && (!richest || other->hosts_count > richest->hosts_count)) {
            richest = other;
        }
    }
    for (struct pool_host *host = richest ? richest->hosts : NULL; host;
         host = pool_host_view(host)->next) {
        const struct pool_host_view *view = pool_host_view(host);
        if (!view->leaving && (!least || view->count < pool_host_view(least)->count)) {
            least = host;
        }
    }
    if (least) {
        pool_host_view(least)->yielding = true;
    }
}

struct pool_host *pool_room_choose(struct pool *pool, struct pool_plugin *plugin, bool isolated,
                                   struct err_text *reterr_why)
{
    struct pool_host *best = NULL;

    for (struct pool_host *host = isolated ? NULL : plugin->hosts; host;
         host = pool_host_view(host)->next) {
        unsigned count = pool_host_view(host)->count;
        if (count < host_limit(pool, plugin, host) &&
            (!best || count < pool_host_view(best)->count)) {
            best = host;
        }
    }
    if (best) {
        return best;
    }
    if (startable(pool, plugin, isolated) == 0) {
        err_set(reterr_why, 0, "there is no room for a call of plugin %s now", plugin->name);
        return NULL;
    }
    return start_host(pool, plugin, isolated, reterr_why);
}

/* A new host, in the place of an idle one of another plugin if need be. */
static struct pool_host *start_host(struct pool *pool, struct pool_plugin *plugin, bool isolated,
                                    struct err_text *reterr_why)
{
    struct pool_host *host;
    int64_t now_us = pool_now_us(pool);

    if (places_left(pool, NULL) == 0 && !evict_one(pool, plugin)) {
        err_set(reterr_why, 0, "all %u host processes are busy", pool->config.hosts_max);
        return NULL;
    }
    int err = pool_host_new(pool->procs, &pool->host_config, plugin->name, plugin->copy_path,
                            &plugin->hash, &pool_host_events, pool, now_us, &host, reterr_why);
    if (err) {
        /* Descriptors or memory are short: a moment later may be better. */
        plugin->start_after_us = now_us + POOL_BACKOFF_US;
        pool_watch(pool, plugin->start_after_us);
        return NULL;
    }
    struct pool_host_view *view = pool_host_view(host);
    view->plugin = plugin;
    view->isolated = isolated;
    view->next = plugin->hosts;
    plugin->hosts = host;
    plugin->hosts_count++;
    plugin->starts++;
    pool->hosts_count++;
    pool_watch(pool, now_us + pool->host_config.start_us);
    return host;
}

/* Ends the longest idle host of another plugin; false when there is none. */
static bool evict_one(struct pool *pool, const struct pool_plugin *for_plugin)
{
    struct pool_host *oldest = NULL;

    for (struct pool_plugin *other = pool->plugins; other; other = other->next) {
        for (struct pool_host *host = other->hosts; host; host = pool_host_view(host)->next) {
            const struct pool_host_view *view = pool_host_view(host);
            if (other != for_plugin && pool_host_idle(view) &&
                (!oldest || view->idle_since_us < pool_host_view(oldest)->idle_since_us)) {
                oldest = host;
            }
        }
    }
    if (oldest) {
        pool_leave(pool, oldest);
    }
    return oldest != NULL;
}

void pool_room_start_spare(struct pool *pool, struct pool_plugin *plugin)
{
    unsigned most = 0;

    for (struct pool_host *host = plugin->hosts; host; host = pool_host_view(host)->next) {
        const struct pool_host_view *view = pool_host_view(host);
        if (!view->ready && !view->leaving) {
            return; /* One is on its way. */
        }
        most += host_limit(pool, plugin, host);
    }
    if (plugin->in_flight * 2 > most && plugin->failed_starts == 0 &&
        startable(pool, plugin, false) > 0) {
        start_host(pool, plugin, false, NULL);
    }
}
