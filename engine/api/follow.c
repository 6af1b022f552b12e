/*
 * Followers: see api.h. The order of beginnings decides that nothing is missed:
 *
 *     subscribe to news  ->  settle  ->  snapshot  ->  stored log lines  ->  news
 *
 * News are made when something is decided, if somebody listens, and the store shows it a moment
 * later: settling in between puts what was decided too early for the news into the snapshot. What
 * is in both is left out: a follower remembers what it has told. Each struct belongs to one reader;
 * only its wake function is called from elsewhere.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_int.h"
#include "api/find.h"
#include "api/rows.h"
#include "api/snapshot.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include "core/core.h"
#include "drive/engine.h"
#include "value/pack.h"

enum { LINES_MAX = 64 * 1024 * 1024 }; /* bytes of stored lines in memory */

/* What comes next. */
enum phase { PHASE_SNAPSHOT, PHASE_LINES, PHASE_NEWS, PHASE_END, PHASE_OVER };

struct api_follow {
    struct api *api;
    struct hub_subscription *subscription;
    uint64_t number;
    char id[UUID_TEXT_SIZE];
    bool whole_tree; /* the run is at the top, so all news of its tree count */
    bool logs;       /* stored lines are still to be told */
    enum phase phase;
    enum state state;    /* the run's own, as far as it was told */
    struct err_text why; /* why it ends early; "" when it does not */

    struct map *members;    /* runs of the tree below, by id; values mean nothing */
    struct map *told;       /* how far the snapshot is, by "run/task" or "run"; see progress_of() */
    struct map *lines_told; /* checksums of stored lines */
    struct buf lines;       /* length and bytes of each */
    size_t lines_at;

    pthread_mutex_t lock; /* guards the two below */
    void (*wake)(void *user);
    void *user;
};

/* ---- begin and end -------------------------------------------------------------------------- */

/* From the hub: news have arrived at an empty queue. */
static void on_news(void *user)
{
    struct api_follow *follow = user;

    pthread_mutex_lock(&follow->lock);
    if (follow->wake) {
        follow->wake(follow->user);
    }
    pthread_mutex_unlock(&follow->lock);
}

void api_follow_set_wake(struct api_follow *follow, void (*wake)(void *user), void *user)
{
    pthread_mutex_lock(&follow->lock);
    follow->wake = wake;
    follow->user = user;
    pthread_mutex_unlock(&follow->lock);
}

/* The run at the top of the tree, whose id news are published under. */
static struct uuid root_of(struct store_read *read, const struct run_row *row)
{
    struct run_row above = *row;

    for (unsigned depth = 0; depth < CORE_SUBFLOW_DEPTH_MAX && above.parent_run; depth++) {
        if (find_run_row(read, above.parent_run, &above, NULL) != 0) {
            break;
        }
    }
    return above.uuid;
}

/* Finds the run. */
static int find(struct api_follow *follow, struct str run, struct uuid *ret_root,
                struct err_text *reterr_why)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct run_row row;
    int err = store_read_begin(engine_store(api_engine(follow->api)), &read);

    if (err) {
        return err_set(reterr_why, err, "The store can not be read: %s.", err_sentence(err));
    }
    err = find_run(read, run, &follow->number, reterr_why);
    if (err == 0) {
        err = find_run_row(read, follow->number, &row, reterr_why);
    }
    if (err) {
        return err;
    }
    uuid_format(&row.uuid, follow->id);
    follow->state = row.state;
    follow->whole_tree = row.parent_run == 0;
    *ret_root = root_of(read, &row);
    return 0;
}

int api_follow_new(struct api *api, struct str run, bool logs, void (*wake)(void *user), void *user,
                   struct api_follow **ret_follow, struct err_text *reterr_why)
{
    struct api_follow *follow = xcalloc(1, sizeof(*follow));
    struct uuid root;
    int err;

    follow->api = api;
    follow->logs = logs;
    follow->wake = wake;
    follow->user = user;
    must(pthread_mutex_init(&follow->lock, NULL) == 0);
    buf_init(&follow->lines, LINES_MAX);
    err = find(follow, run, &root, reterr_why);
    if (err) {
        api_follow_free(follow);
        return err;
    }
    follow->members = map_new();
    follow->told = map_new();
    follow->lines_told = map_new();
    follow->subscription = hub_subscribe(engine_hub(api_engine(api)), &root, on_news, follow);
    *ret_follow = follow;
    return 0;
}

struct api_follow *api_follow_free(struct api_follow *follow)
{
    if (!follow) {
        return NULL;
    }
    if (follow->subscription) {
        hub_unsubscribe(engine_hub(api_engine(follow->api)), follow->subscription);
    }
    map_free(follow->members);
    map_free(follow->told);
    map_free(follow->lines_told);
    buf_done(&follow->lines);
    pthread_mutex_destroy(&follow->lock);
    free(follow);
    return NULL;
}

/* ---- what was told -------------------------------------------------------------------------- */

/* The text of a member, "" when it is not there. */
static struct str text_of(struct val map, const char *key)
{
    struct val member = val_find(map, str_of(key));

    return member.ptr && val_type(member) == VAL_STR ? val_str(member) : STR("");
}

/* The state of a run or task run as an object. */
static enum state state_of(struct val object)
{
    struct val state = val_find(object, STR("state"));

    return state.ptr && val_type(state) == VAL_MAP ? state_parse(text_of(state, "name"))
                                                   : STATE_NONE;
}

/* How far a run in <state> is, within its attempt: later states have greater numbers. */
static uintptr_t progress_of(enum state state, int64_t attempt)
{
    uintptr_t phase = 1;

    if (state_terminal(state)) {
        phase = 6;
    } else if (state == STATE_AWAITING_RETRY) {
        phase = 5;
    } else if (state_type(state) == STATE_TYPE_CANCELLING) {
        phase = 4;
    } else if (state_running(state)) {
        phase = 3;
    } else if (state == STATE_SUBMITTING) {
        phase = 2;
    }
    return state_terminal(state) ? UINTPTR_MAX : (uintptr_t)attempt * 8 + phase;
}

/* "run/task" or "run" as a key. */
static struct str key_of(struct str run, struct str task, char storage[256])
{
    int len = snprintf(storage, 256, "%.*s/%.*s", STR_ARGS(run), STR_ARGS(task));

    return (struct str){storage, len < 256 ? (size_t)len : 255};
}

/* The number of attempts that an object tells of. */
static int64_t attempt_of(struct val object, const char *key)
{
    struct val attempt = val_find(object, str_of(key));

    return attempt.ptr && val_type(attempt) == VAL_INT ? val_int(attempt) : 0;
}

/* Remembers how far a run and its tasks are in the snapshot. */
static void remember_run(struct api_follow *follow, struct val run)
{
    struct str id = text_of(run, "id");
    struct val_iter iter = val_iter(val_find(run, STR("task_runs")));
    char storage[256];
    struct val task;

    map_put(follow->members, id, follow);
    map_put(follow->told, key_of(id, STR(""), storage),
            (void *)progress_of(state_of(run), 0)); /* a number that is never 0 */
    while (val_next(&iter, NULL, &task)) {
        map_put(follow->told, key_of(id, text_of(task, "name"), storage),
                (void *)progress_of(state_of(task), attempt_of(task, "attempts")));
    }
}

/* Remembers the whole snapshot. */
static void remember(struct api_follow *follow, struct val snapshot)
{
    struct val_iter iter = val_iter(val_find(snapshot, STR("child_runs")));
    struct val run;

    follow->told = map_free(follow->told);
    follow->told = map_new();
    remember_run(follow, snapshot);
    while (val_next(&iter, NULL, &run)) {
        remember_run(follow, run);
    }
}

/* True for news that the snapshot contains already. The first newer one ends the comparison. */
static bool is_old(struct api_follow *follow, struct val news, struct str task)
{
    char storage[256];
    struct str key = key_of(text_of(news, "run"), task, storage);
    uintptr_t told = (uintptr_t)map_get(follow->told, key);

    if (told == 0) {
        return false;
    }
    if (progress_of(state_of(news), attempt_of(news, "attempt")) <= told) {
        return true;
    }
    map_remove(follow->told, key);
    return false;
}

/* What makes a log line the same line. */
static uint64_t line_checksum(struct val line)
{
    uint64_t sum = (uint64_t)attempt_of(line, "time");

    for (const char *const *key = (const char *const[]){"run", "task", "stream", "text", NULL};
         *key; key++) {
        struct str text = text_of(line, *key);

        sum = hash_checksum(sum, text.ptr, text.len);
    }
    return sum;
}

/* True for a line that was told as a stored one. */
static bool is_told_line(struct api_follow *follow, struct val news)
{
    uint64_t sum;

    if (map_count(follow->lines_told) == 0) {
        return false;
    }
    sum = line_checksum(news);
    return map_remove(follow->lines_told, MAP_KEY(sum)) != NULL;
}

/* ---- one object after the other ------------------------------------------------------------- */

/* The end: {"type":"end", "run", "state", "error"?}. */
static void put_end(const struct api_follow *follow, struct buf *out)
{
    pack_map(out, follow->why.text[0] ? 4 : 3);
    rows_put_str(out, "type", STR("end"));
    rows_put_str(out, "run", str_of(follow->id));
    rows_put_state(out, follow->state);
    if (follow->why.text[0]) {
        rows_put_str(out, "error", str_of(follow->why.text));
    }
}

/* Reads stored lines and remembers them. */
static void load_lines(struct api_follow *follow, const struct buf *numbers)
{
    struct store *store = engine_store(api_engine(follow->api));

    follow->logs = false;
    if (snapshot_lines(store, numbers, &follow->lines) != 0) {
        buf_clear(&follow->lines); /* news will still come */
    }
    for (size_t at = 0; at < follow->lines.len;) {
        uint64_t sum;
        uint32_t len;

        memcpy(&len, follow->lines.data + at, sizeof(len));
        sum = line_checksum(val_here(follow->lines.data + at + sizeof(len)));
        map_put(follow->lines_told, MAP_KEY(sum), follow);
        at += sizeof(len) + len;
    }
}

/* Writes the snapshot and decides how to go on. */
static enum api_follow_answer next_snapshot(struct api_follow *follow, struct buf *out)
{
    struct engine *engine = api_engine(follow->api);
    CLEANUP_BUF struct buf numbers = BUF_INIT(2 * sizeof(uint64_t) * API_FOLLOW_TASKS_MAX);
    enum state state;
    int err = engine_settle(engine);

    if (err == 0) {
        err = snapshot_take(engine_store(engine), api_pinned(follow->api), follow->number, out,
                            &numbers, &state, &follow->why);
    }
    if (err) {
        if (!follow->why.text[0]) {
            err_set(&follow->why, err, "The run can not be read: %s.", err_sentence(err));
        }
        buf_clear(out);
        put_end(follow, out);
        follow->phase = PHASE_OVER;
        return API_FOLLOW_NEWS;
    }
    follow->state = state;
    remember(follow, val_here(out->data));
    if (follow->logs) {
        load_lines(follow, &numbers);
    }
    follow->phase = PHASE_LINES;
    return API_FOLLOW_NEWS;
}

/* Takes the next stored line; false when there is none left. */
static bool next_line(struct api_follow *follow, struct buf *out)
{
    uint32_t len;

    if (follow->lines_at == follow->lines.len) {
        buf_done(&follow->lines);
        follow->lines_at = 0;
        return false;
    }
    memcpy(&len, follow->lines.data + follow->lines_at, sizeof(len));
    buf_put(out, follow->lines.data + follow->lines_at + sizeof(len), len);
    follow->lines_at += sizeof(len) + len;
    return true;
}

/* True when news are for this follower and say something new; keeps track of the run's state. */
static bool take_up(struct api_follow *follow, struct val news)
{
    struct str type = text_of(news, "type");
    struct str run = text_of(news, "run");

    if (str_is(type, "lost")) {
        follow->phase = PHASE_SNAPSHOT;
        return true;
    }
    if (str_is(type, "flow_run") && map_get(follow->members, text_of(news, "parent"))) {
        map_put(follow->members, run, follow);
    }
    if (!follow->whole_tree && !map_get(follow->members, run)) {
        return false;
    }
    if (str_is(type, "log")) {
        return !is_told_line(follow, news);
    }
    if (str_is(type, "task_run")) {
        return !is_old(follow, news, text_of(news, "task"));
    }
    if (!str_is(type, "flow_run")) {
        return true;
    }
    if (is_old(follow, news, STR(""))) {
        return false;
    }
    if (str_is(run, follow->id)) {
        follow->state = state_of(news);
        follow->phase = state_terminal(follow->state) ? PHASE_END : PHASE_NEWS;
    }
    return true;
}

/* Waits for the next news that count. */
static enum api_follow_answer next_news(struct api_follow *follow, int timeout_ms, struct buf *out)
{
    int64_t until_us = clock_mono_us(&clock_real) + (int64_t)timeout_ms * 1000;
    int left_ms = timeout_ms;

    while (hub_take(follow->subscription, left_ms, out)) {
        if (take_up(follow, val_here(out->data))) {
            return API_FOLLOW_NEWS;
        }
        if (timeout_ms > 0) {
            int64_t left_us = until_us - clock_mono_us(&clock_real);

            left_ms = left_us > 0 ? (int)(left_us / 1000) : 0;
        }
    }
    buf_clear(out);
    return API_FOLLOW_IDLE;
}

enum api_follow_answer api_follow_next(struct api_follow *follow, int timeout_ms,
                                       struct buf *ret_value)
{
    buf_clear(ret_value);
    if (follow->phase == PHASE_SNAPSHOT) {
        return next_snapshot(follow, ret_value);
    }
    if (follow->phase == PHASE_LINES) {
        if (next_line(follow, ret_value)) {
            return API_FOLLOW_NEWS;
        }
        follow->phase = state_terminal(follow->state) ? PHASE_END : PHASE_NEWS;
    }
    if (follow->phase == PHASE_NEWS) {
        return next_news(follow, timeout_ms, ret_value);
    }
    if (follow->phase == PHASE_OVER) {
        return API_FOLLOW_OVER;
    }
    put_end(follow, ret_value);
    follow->phase = PHASE_OVER;
    return API_FOLLOW_NEWS;
}
