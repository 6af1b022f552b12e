/*
 * The pool kit.
 */
#include "tests/unit/work/pool_kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "value/json.h"

static const char *binary(void);
static struct kit_result *add_result(struct kit *kit, uint64_t call_id);
static char *json_of(struct val value);
static void on_result(void *user, const struct pool_outcome *outcome);
static void on_returned(void *user, uint64_t call_id);
static void on_log(void *user, const struct pool_log *log);
static void on_progress(void *user, uint64_t call_id, double fraction, struct str text);
static void on_room(void *user, struct pool_plugin *plugin);
static void on_eval(void *user, uint64_t eval_id, const struct pool_eval_result *result);
static void on_lost(void *user);
static void on_guard(uv_timer_t *timer);

void kit_start(struct kit *kit, const struct pool_config *config)
{
    struct pool_config own = config ? *config : (struct pool_config){.exe = NULL};
    struct err_text why = {""};
    struct pool_callbacks callbacks = {
        .user = kit,
        .on_result = on_result,
        .on_returned = on_returned,
        .on_log = on_log,
        .on_progress = on_progress,
        .on_room = on_room,
        .on_eval = on_eval,
        .on_lost = on_lost,
    };

    memset(kit, 0, sizeof(*kit));
    cr_assert_eq(spawner_new(&kit->spawner, &why), 0, "%s", why.text);
    spawner_set_exe(kit->spawner, binary());
    snprintf(kit->dir, sizeof(kit->dir), "/tmp/leat-pool-XXXXXX");
    cr_assert_not_null(mkdtemp(kit->dir));
    cr_assert_eq(uv_loop_init(&kit->loop), 0);
    uv_timer_init(&kit->loop, &kit->guard);
    kit->guard.data = kit;
    own.exe = binary();
    own.blob_dir = kit->dir;
    cr_assert_eq(pool_new(&kit->loop, kit->spawner, &own, &callbacks, &kit->pool, &why), 0, "%s",
                 why.text);
}

/* The program under test. */
static const char *binary(void)
{
    const char *path = getenv("LEAT_FAULT_BIN");

    path = path && *path ? path : getenv("LEAT_BIN");
    cr_assert(path && *path, "LEAT_BIN is not set");
    return path;
}

void kit_done(struct kit *kit)
{
    pool_free(kit->pool);
    uv_close((uv_handle_t *)&kit->guard, NULL);
    uv_run(&kit->loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&kit->loop), 0);
    spawner_free(kit->spawner);
    for (size_t i = 0; i < kit->results_count; i++) {
        free(kit->results[i].json);
        buf_done(&kit->results[i].value);
    }
    for (size_t i = 0; i < kit->logs_count; i++) {
        free(kit->logs[i].text);
    }
    free(kit->results);
    free(kit->logs);
    free(kit->eval_json);
    file_remove_tree(kit->dir, NULL);
}

char *kit_plugin_path(const char *name)
{
    const char *build = getenv("LEAT_BUILD");

    cr_assert(build && *build, "LEAT_BUILD is not set");
    return xasprintf("%s/hostile/%s.so", build, name);
}

struct pool_plugin *kit_plugin(struct kit *kit, const char *name)
{
    CLEANUP_FREE char *path = kit_plugin_path(name);
    struct hash hash;
    uint64_t size;
    struct err_text why;

    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s is missing", path);
    cr_assert_eq(hash_file(fd, &hash, &size, &why), 0);
    return pool_plugin_get(kit->pool, &hash, name, path);
}

uint64_t kit_call(struct kit *kit, struct pool_plugin *plugin, const char *type, const char *json)
{
    struct pool_call call = {
        .plugin = plugin,
        .kind = 1,
        .type = str_of(type),
        .timeout_ms = -1,
        .grace_ms = -1,
    };

    return kit_call_full(kit, &call, json);
}

uint64_t kit_call_full(struct kit *kit, const struct pool_call *call, const char *json)
{
    CLEANUP_BUF struct buf input = BUF_INIT(8u << 20);
    struct pool_call own = *call;
    struct err_text why;

    cr_assert_eq(json_parse(str_of(json), &val_limits_task, JSON_PARSE_BLOBS, &input, &why), 0,
                 "%s", why.text);
    own.id = ++kit->last_id;
    own.kind = own.kind ? own.kind : 1;
    own.input = (struct val){input.data, input.len};
    cr_assert_eq(pool_call(kit->pool, &own, &why), 0, "%s", why.text);
    return own.id;
}

/* Until enough results are there. */
static bool enough(struct kit *kit, void *user)
{
    return kit->results_count >= *(size_t *)user;
}

void kit_await(struct kit *kit, size_t count)
{
    kit_run_until(kit, enough, &count);
}

void kit_run_until(struct kit *kit, bool (*done)(struct kit *kit, void *user), void *user)
{
    kit->timed_out = false;
    uv_update_time(&kit->loop);
    uv_timer_start(&kit->guard, on_guard, KIT_WAIT_MS, 0);
    while (!done(kit, user) && !kit->timed_out) {
        uv_run(&kit->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&kit->guard);
    cr_assert(!kit->timed_out, "nothing happened for %d ms", KIT_WAIT_MS);
}

/* The test waits for something that does not come. */
static void on_guard(uv_timer_t *timer)
{
    struct kit *kit = timer->data;

    kit->timed_out = true;
}

const struct kit_result *kit_result(const struct kit *kit, uint64_t call_id)
{
    for (size_t i = 0; i < kit->results_count; i++) {
        if (kit->results[i].call_id == call_id) {
            return &kit->results[i];
        }
    }
    return NULL;
}

const struct kit_result *kit_run(struct kit *kit, const char *plugin, const char *type,
                                 const char *json)
{
    for (int i = 0; i < KIT_RETURNS_MAX; i++) {
        uint64_t id = kit_call(kit, kit_plugin(kit, plugin), type, json);
        kit_await(kit, kit->results_count + 1);
        const struct kit_result *result = kit_result(kit, id);
        cr_assert_not_null(result);
        if (!result->returned) {
            return result;
        }
    }
    cr_assert_fail("the call came back %d times", KIT_RETURNS_MAX);
    return NULL;
}

bool kit_logged(const struct kit *kit, const char *part)
{
    for (size_t i = 0; i < kit->logs_count; i++) {
        if (strstr(kit->logs[i].text, part)) {
            return true;
        }
    }
    return false;
}

/* A new record. */
static struct kit_result *add_result(struct kit *kit, uint64_t call_id)
{
    kit->results = xreallocarray(kit->results, kit->results_count + 1, sizeof(kit->results[0]));
    struct kit_result *result = &kit->results[kit->results_count++];
    memset(result, 0, sizeof(*result));
    result->call_id = call_id;
    buf_init(&result->value, VAL_INLINE_MAX + 1);
    return result;
}

/* A value as JSON on the heap. */
static char *json_of(struct val value)
{
    CLEANUP_BUF struct buf text = BUF_INIT(64u << 20);

    cr_assert_eq(json_print(&text, value), 0);
    return xstrdup(buf_cstr(&text));
}

/* pool_callbacks */
static void on_result(void *user, const struct pool_outcome *outcome)
{
    struct kit *kit = user;

    if (kit->on_result) {
        kit->on_result(kit, outcome);
        return;
    }
    cr_assert_null(kit_result(kit, outcome->call_id), "a call ended twice");
    struct kit_result *result = add_result(kit, outcome->call_id);
    result->end = outcome->end;
    snprintf(result->code, sizeof(result->code), "%.*s", STR_ARGS(outcome->code));
    snprintf(result->text, sizeof(result->text), "%.*s", STR_ARGS(outcome->text));
    result->retry_after_ms = outcome->retry_after_ms;
    result->duration_us = outcome->duration_us;
    if (outcome->end == POOL_OK) {
        result->json = json_of(outcome->result);
        buf_put(&result->value, outcome->result.ptr, outcome->result.len);
    }
}

/* pool_callbacks */
static void on_returned(void *user, uint64_t call_id)
{
    struct kit *kit = user;

    cr_assert_null(kit_result(kit, call_id), "a call ended and came back");
    add_result(kit, call_id)->returned = true;
}

/* pool_callbacks */
static void on_log(void *user, const struct pool_log *log)
{
    struct kit *kit = user;

    cr_assert(str_utf8_ok(log->text));
    if ((kit->logs_count & (kit->logs_count - 1)) == 0) {
        size_t cap = kit->logs_count ? 2 * kit->logs_count : 1;
        kit->logs = xreallocarray(kit->logs, cap, sizeof(kit->logs[0]));
    }
    kit->logs[kit->logs_count++] = (struct kit_log){
        .call_id = log->call_id,
        .level = log->level,
        .stream = log->stream,
        .text = str_dup(log->text),
    };
    kit->log_bytes += log->text.len;
}

/* pool_callbacks */
static void on_progress(void *user, uint64_t call_id, double fraction, struct str text)
{
    struct kit *kit = user;

    (void)call_id;
    kit->progress_count++;
    kit->progress_last = fraction;
    snprintf(kit->progress_text, sizeof(kit->progress_text), "%.*s", STR_ARGS(text));
}

/* pool_callbacks */
static void on_room(void *user, struct pool_plugin *plugin)
{
    struct kit *kit = user;

    (void)plugin;
    kit->rooms++;
}

/* pool_callbacks */
static void on_eval(void *user, uint64_t eval_id, const struct pool_eval_result *result)
{
    struct kit *kit = user;

    (void)eval_id;
    kit->evals_count++;
    kit->eval_ok = result->ok;
    snprintf(kit->eval_code, sizeof(kit->eval_code), "%.*s", STR_ARGS(result->code));
    snprintf(kit->eval_text, sizeof(kit->eval_text), "%.*s", STR_ARGS(result->text));
    free(kit->eval_json);
    kit->eval_json = result->ok ? json_of(result->results) : NULL;
}

/* pool_callbacks */
static void on_lost(void *user)
{
    struct kit *kit = user;

    kit->lost = true;
}
