/*
 * The pool with real hosts and a plugin that keeps the rules.
 */
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <leat/abi.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/blob.h"
#include "tests/unit/work/pool_kit.h"
#include "value/json.h"
#include "value/pack.h"
#include "work/frame.h"

static struct kit kit;

/* Starts the kit with defaults. */
static void start(void)
{
    kit_start(&kit, NULL);
}

/* Ends the kit. */
static void done(void)
{
    kit_done(&kit);
}

TestSuite(pool, .init = start, .fini = done);

Test(pool, a_call_without_results_gives_an_empty_map)
{
    const struct kit_result *result = kit_run(&kit, "good", "good.noop", "{}");

    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
    cr_assert_str_eq(result->json, "{}");
}

Test(pool, parameters_of_every_type_arrive)
{
    const struct kit_result *result = kit_run(
        &kit, "good", "good.echo",
        "{\"string\":\"h\xc3\xa9llo\",\"int\":-7,\"float\":3,\"bool\":true,\"duration\":1500000,"
        "\"size\":4096,\"bytes\":{\"$bin\":\"AAE=\"},\"value\":{\"a\":[1,null]},\"list\":[1,2],"
        "\"file\":\"/etc/x\"}");

    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
    cr_assert_str_eq(result->json,
                     "{\"string\":\"h\xc3\xa9llo\",\"int\":-7,\"float\":3.0,\"bool\":true,"
                     "\"duration\":1500000,\"size\":4096,\"bytes\":{\"$bin\":\"AAE=\"},"
                     "\"value\":{\"a\":[1,null]},\"list\":[1,2],\"file\":\"/etc/x\"}");
}

Test(pool, an_absent_optional_parameter_reads_as_empty)
{
    const struct kit_result *result = kit_run(&kit, "good", "good.echo", "{}");

    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
    cr_assert_str_eq(result->json, "{\"string\":\"\",\"int\":0,\"float\":0.0,\"bool\":false,"
                                   "\"duration\":0,\"size\":0,\"bytes\":{\"$bin\":\"\"},"
                                   "\"file\":\"\"}");
}

Test(pool, a_whole_result_is_not_a_map_of_keys)
{
    const struct kit_result *result = kit_run(&kit, "good", "good.whole", "{\"a\":[1,2,3]}");

    cr_assert_str_eq(result->json, "{\"a\":[1,2,3]}");
}

Test(pool, a_repeated_key_replaces_the_result)
{
    const struct kit_result *result = kit_run(&kit, "good", "good.replace", "{}");

    cr_assert_str_eq(result->json, "{\"a\":\"second\",\"b\":\"kept\"}");
}

Test(pool, an_unknown_part_fails)
{
    const struct kit_result *result = kit_run(&kit, "good", "good.nowhere", "{}");

    cr_assert_eq(result->end, POOL_FAIL);
    cr_assert_str_eq(result->code, "plugin.part");
}

Test(pool, a_task_and_a_notifier_are_told_apart_by_kind)
{
    struct pool_call call = {
        .plugin = kit_plugin(&kit, "good"),
        .kind = LEAT_KIND_NOTIFIER,
        .type = STR("good"),
        .timeout_ms = -1,
        .grace_ms = -1,
    };
    uint64_t id = kit_call_full(&kit, &call, "{}");

    kit_await(&kit, 1);
    cr_assert_eq(kit_result(&kit, id)->end, POOL_OK);
}

Test(pool, failure_and_retry_carry_code_text_and_delay)
{
    const struct kit_result *failed = kit_run(&kit, "good", "good.fail", "{}");
    cr_assert_eq(failed->end, POOL_FAIL);
    cr_assert_str_eq(failed->code, "good.bad");
    cr_assert_str_eq(failed->text, "no chance");
    cr_assert_eq(failed->retry_after_ms, -1);

    const struct kit_result *retry = kit_run(&kit, "good", "good.fail", "{\"retry\":true}");
    cr_assert_eq(retry->end, POOL_RETRY);
    cr_assert_str_eq(retry->code, "good.busy");
    cr_assert_eq(retry->retry_after_ms, 1500);
}

Test(pool, output_comes_before_the_result_and_names_its_stream)
{
    const struct kit_result *result = kit_run(&kit, "good", "good.talk", "{}");
    const struct {
        const char *text;
        enum pool_stream stream;
        int32_t level;
    } expected[] = {
        {"in the log", POOL_STREAM_LOG, LEAT_LOG_WARNING},
        {"with two lines", POOL_STREAM_LOG, LEAT_LOG_WARNING},
        {"on stdout", POOL_STREAM_STDOUT, LEAT_LOG_INFO},
        {"on stderr", POOL_STREAM_STDERR, LEAT_LOG_WARNING},
    };

    cr_assert_eq(kit.logs_count, 4);
    for (size_t i = 0; i < 4; i++) {
        size_t found = 0;
        while (found < 4 && strcmp(kit.logs[found].text, expected[i].text) != 0) {
            found++;
        }
        cr_assert_lt(found, 4, "\"%s\" is missing", expected[i].text);
        cr_assert_eq(kit.logs[found].stream, expected[i].stream);
        cr_assert_eq(kit.logs[found].level, expected[i].level);
        cr_assert_eq(kit.logs[found].call_id, result->call_id);
    }
}

Test(pool, progress_is_thinned_and_its_last_report_always_comes)
{
    const struct kit_result *result = kit_run(&kit, "good", "good.advance", "{}");

    cr_assert_eq(result->end, POOL_OK);
    cr_assert_leq(kit.progress_count, 2 + (unsigned)(result->duration_us / 100000));
    cr_assert_float_eq(kit.progress_last, 1.0, 1e-9);
    cr_assert_str_eq(kit.progress_text, "step 1000");
}

Test(pool, facts_directory_and_environment_are_as_promised)
{
    CLEANUP_BUF struct buf facts = BUF_INIT(1024);
    struct pool_call call = {
        .plugin = kit_plugin(&kit, "good"),
        .type = STR("good.facts"),
        .base_dir = STR("/usr"),
        .timeout_ms = -1,
        .grace_ms = -1,
    };

    setenv("KIT_SECRET", "must not be seen", 1);
    pack_map(&facts, 1);
    pack_cstr(&facts, "step");
    pack_cstr(&facts, "train");
    call.facts = (struct val){facts.data, facts.len};
    uint64_t id = kit_call_full(&kit, &call, "{}");
    kit_await(&kit, 1);
    const char *json = kit_result(&kit, id)->json;
    cr_assert(strstr(json, "\"step\":\"train\",\"unknown\":\"\",\"dir\":\"/usr\","
                           "\"secret\":\"unset\",\"allowed\":\"unset\""),
              "%s", json);
}

Test(pool, a_missing_directory_fails_the_call)
{
    struct pool_call call = {
        .plugin = kit_plugin(&kit, "good"),
        .type = STR("good.noop"),
        .base_dir = STR("/no/such/directory"),
        .timeout_ms = -1,
        .grace_ms = -1,
    };
    uint64_t id = kit_call_full(&kit, &call, "{}");

    kit_await(&kit, 1);
    cr_assert_eq(kit_result(&kit, id)->end, POOL_FAIL);
    cr_assert_str_eq(kit_result(&kit, id)->code, "task.directory");
}

Test(pool, a_large_result_becomes_a_blob_and_reads_back_as_input)
{
    const struct kit_result *big = kit_run(&kit, "good", "good.big", "{\"size\":100000}");
    cr_assert_eq(big->end, POOL_OK, "%s", big->text);
    struct val map = {big->value.data, big->value.len};
    struct val text = val_find(map, STR("text"));
    cr_assert_eq(val_type(text), VAL_BLOB);

    CLEANUP_FREE char *copy = xstrdup(big->json);
    const struct kit_result *measured = kit_run(&kit, "good", "good.measure", copy);
    cr_assert_eq(measured->end, POOL_OK, "%s", measured->text);
    cr_assert(strstr(measured->json, "\"len\":100000"), "%s", measured->json);
}

Test(pool, a_reference_inside_a_parameter_is_filled_in)
{
    const struct kit_result *big = kit_run(&kit, "good", "good.big", "{\"size\":20000}");
    CLEANUP_FREE char *input = xasprintf("{\"a\":[1,%s]}", big->json);

    const struct kit_result *whole = kit_run(&kit, "good", "good.whole", input);
    cr_assert_eq(whole->end, POOL_OK, "%s", whole->text);
    struct val value = {whole->value.data, whole->value.len};
    cr_assert_eq(val_type(value), VAL_BLOB, "it is large again");
    struct blob_dir *dir;
    struct blob_ref ref = val_blob(value);
    const uint8_t *bytes;
    size_t len;
    cr_assert_eq(blob_dir_open_path(kit.dir, &dir, NULL), 0);
    cr_assert_eq(blob_map(dir, &ref, &bytes, &len, NULL), 0);
    struct val stored = {bytes, len};
    struct val text = val_find(val_at(val_find(stored, STR("a")), 1), STR("text"));
    cr_assert_eq(val_type(text), VAL_STR);
    cr_assert_eq(val_str(text).len, 20000);
    blob_unmap(bytes, len);
    blob_dir_close(dir);
}

Test(pool, a_reference_to_a_missing_blob_fails_the_call)
{
    char input[256];

    snprintf(input, sizeof(input), "{\"text\":{\"$blob\":\"%064d\",\"size\":5}}", 7);
    const struct kit_result *result = kit_run(&kit, "good", "good.measure", input);
    cr_assert_neq(result->end, POOL_OK);
    cr_assert_str_eq(result->code, "input.unusable");
}

Test(pool, an_input_beyond_the_frame_limit_is_refused)
{
    CLEANUP_BUF struct buf input = BUF_INIT(2u << 20);
    CLEANUP_FREE char *text = xcalloc(FRAME_MAX + 1, 1);
    struct err_text why;

    memset(text, 'x', FRAME_MAX);
    pack_map(&input, 1);
    pack_cstr(&input, "text");
    pack_cstr(&input, text);
    struct pool_call call = {
        .id = 1,
        .plugin = kit_plugin(&kit, "good"),
        .kind = LEAT_KIND_TASK,
        .type = STR("good.measure"),
        .input = {input.data, input.len},
        .timeout_ms = -1,
    };
    cr_assert_eq(pool_call(kit.pool, &call, &why), ERR_LIMIT);
    cr_assert(strstr(why.text, "good.measure"), "%s", why.text);
}

Test(pool, a_running_call_is_cancelled_politely)
{
    uint64_t id = kit_call(&kit, kit_plugin(&kit, "good"), "good.wait", "{\"time\":60000000}");

    cr_assert_eq(pool_cancel(kit.pool, id, 30000), 0);
    kit_await(&kit, 1);
    cr_assert_eq(kit_result(&kit, id)->end, POOL_CANCELLED);
    cr_assert_str_eq(kit_result(&kit, id)->code, "task.cancelled");
}

Test(pool, cancelling_an_unknown_call_is_not_found)
{
    cr_assert_eq(pool_cancel(kit.pool, 4711, -1), ERR_NOT_FOUND);
}

Test(pool, a_result_after_a_cancel_counts)
{
    /* A call before it makes sure that the body gets to run. */
    kit_run(&kit, "good", "good.noop", "{}");
    uint64_t id = kit_call(&kit, kit_plugin(&kit, "good"), "good.finish", "{}");
    pool_flush(kit.pool);
    uv_run(&kit.loop, UV_RUN_NOWAIT);
    cr_assert_eq(pool_cancel(kit.pool, id, 30000), 0);
    kit_await(&kit, 2);
    const struct kit_result *result = kit_result(&kit, id);
    /* Cancelled before the host got to it is right as well. */
    cr_assert(result->end == POOL_OK || strstr(result->code, "task.cancelled"));
}

Test(pool, a_timeout_ends_a_call_that_listens)
{
    struct pool_call call = {
        .plugin = kit_plugin(&kit, "good"),
        .type = STR("good.wait"),
        .timeout_ms = 100,
        .grace_ms = 30000,
    };
    uint64_t id = kit_call_full(&kit, &call, "{\"time\":60000000}");

    kit_await(&kit, 1);
    cr_assert_eq(kit_result(&kit, id)->end, POOL_TIMED_OUT);
    cr_assert_str_eq(kit_result(&kit, id)->code, "task.timeout");
}

Test(pool, a_part_knows_its_deadline)
{
    struct pool_call call = {
        .plugin = kit_plugin(&kit, "good"),
        .type = STR("good.wait"),
        .timeout_ms = 50000,
        .grace_ms = -1,
    };
    uint64_t id = kit_call_full(&kit, &call, "{\"time\":1000}");

    kit_await(&kit, 1);
    long long left = -1;
    cr_assert_eq(sscanf(kit_result(&kit, id)->json, "{\"deadline_ms\":%lld}", &left), 1);
    cr_assert(left > 0 && left <= 50000, "%lld", left);
}

Test(pool, a_plugin_that_does_not_load_fails_its_calls)
{
    struct hash hash = {{1}};
    struct pool_plugin *plugin = pool_plugin_get(kit.pool, &hash, "gone", "/no/such/plugin.so");
    uint64_t id = kit_call(&kit, plugin, "gone.x", "{}");

    kit_await(&kit, 1);
    cr_assert_eq(kit_result(&kit, id)->end, POOL_FAIL);
    cr_assert_str_eq(kit_result(&kit, id)->code, "plugin.load");
    cr_assert(strstr(kit_result(&kit, id)->text, "/no/such/plugin.so"));
}

Test(pool, a_copy_with_other_content_is_not_loaded)
{
    CLEANUP_FREE char *path = kit_plugin_path("good");
    struct hash hash = {{1}};
    uint64_t id = kit_call(&kit, pool_plugin_get(kit.pool, &hash, "good", path), "good.noop", "{}");

    kit_await(&kit, 1);
    cr_assert_eq(kit_result(&kit, id)->end, POOL_FAIL);
    cr_assert(strstr(kit_result(&kit, id)->text, "is not what it was"));
}

Test(pool, a_plugin_that_does_not_open_fails_its_calls_with_its_words)
{
    const struct kit_result *result = kit_run(&kit, "closed", "closed.noop", "{}");

    cr_assert_eq(result->end, POOL_FAIL);
    cr_assert_str_eq(result->code, "plugin.open");
    cr_assert(strstr(result->text, "there is no licence on this machine"), "%s", result->text);
}

Test(pool, an_isolated_call_gets_a_process_of_its_own)
{
    struct pool_call call = {
        .plugin = kit_plugin(&kit, "stateful"),
        .type = STR("stateful.count"),
        .timeout_ms = -1,
        .grace_ms = -1,
        .isolated = true,
    };

    for (size_t i = 1; i <= 3; i++) {
        cr_assert_gt(pool_room(kit.pool, call.plugin, true), 0);
        uint64_t id = kit_call_full(&kit, &call, "{}");
        kit_await(&kit, i);
        cr_assert_str_eq(kit_result(&kit, id)->json, "{\"count\":1}");
    }
}

Test(pool, a_warm_host_keeps_the_state_of_its_plugin)
{
    for (int i = 1; i <= 3; i++) {
        CLEANUP_FREE char *expected = xasprintf("{\"count\":%d}", i);
        const struct kit_result *result = kit_run(&kit, "stateful", "stateful.count", "{}");
        cr_assert_str_eq(result->json, expected);
    }
}

Test(pool, short_bodies_are_sent_ahead)
{
    struct pool_plugin *plugin = kit_plugin(&kit, "good");

    cr_assert_leq(pool_room(kit.pool, plugin, false), 256);
    unsigned cold = pool_room(kit.pool, plugin, false);
    kit_run(&kit, "good", "good.noop", "{}");
    cr_assert_gt(pool_room(kit.pool, plugin, false), cold);
}

/* True when the calls behind a long one are back. */
static bool three_are_back(struct kit *k, void *user)
{
    (void)user;
    unsigned returned = 0;
    for (size_t i = 0; i < k->results_count; i++) {
        returned += k->results[i].returned;
    }
    return returned == 3;
}

Test(pool, calls_behind_a_long_one_come_back)
{
    struct pool_plugin *plugin = kit_plugin(&kit, "good");

    kit_run(&kit, "good", "good.noop", "{}");
    cr_assert_geq(pool_room(kit.pool, plugin, false), 4);
    uint64_t slow = kit_call(&kit, plugin, "good.wait", "{\"time\":60000000}");
    for (int i = 0; i < 3; i++) {
        kit_call(&kit, plugin, "good.noop", "{}");
    }
    kit_run_until(&kit, three_are_back, NULL);
    cr_assert_null(kit_result(&kit, slow));
    cr_assert_eq(pool_cancel(kit.pool, slow, -1), 0);
    kit_await(&kit, 5);
    cr_assert_eq(kit_result(&kit, slow)->end, POOL_CANCELLED);
}

Test(pool, a_call_cancelled_before_it_began_never_begins)
{
    struct pool_plugin *plugin = kit_plugin(&kit, "good");

    kit_run(&kit, "good", "good.noop", "{}");
    uint64_t slow = kit_call(&kit, plugin, "good.wait", "{\"time\":60000000}");
    uint64_t behind = kit_call(&kit, plugin, "good.talk", "{}");
    cr_assert_eq(pool_cancel(kit.pool, behind, -1), 0);
    kit_await(&kit, 2);
    cr_assert_eq(kit_result(&kit, behind)->end, POOL_CANCELLED);
    cr_assert_not(kit_logged(&kit, "on stdout"));
    pool_cancel(kit.pool, slow, -1);
    kit_await(&kit, 3);
}

Test(pool, room_is_offered_when_there_was_none)
{
    struct pool_plugin *plugin = kit_plugin(&kit, "good");

    while (pool_room(kit.pool, plugin, false) > 0) {
        kit_call(&kit, plugin, "good.wait", "{\"time\":100}");
    }
    kit_await(&kit, kit.last_id);
    uv_run(&kit.loop, UV_RUN_NOWAIT);
    cr_assert_eq(kit.rooms, 1);
    cr_assert_gt(pool_room(kit.pool, plugin, false), 0);
}

/* True when more calls have found room than there are processors. */
static bool many_run(struct kit *k, void *user)
{
    struct pool_plugin *plugin = user;
    if (pool_room(k->pool, plugin, false) > 0) {
        kit_call(k, plugin, "good.wait", "{\"time\":60000000}");
    }
    return k->last_id >= 12;
}

Test(pool, long_calls_get_more_hosts_than_processors)
{
    struct pool_plugin *plugin = kit_plugin(&kit, "good");
    struct pool_plugin_stats stats;

    kit_run_until(&kit, many_run, plugin);
    pool_plugin_stats(kit.pool, plugin, &stats);
    cr_assert_eq(stats.hosts, 12);
}

Test(pool, a_host_is_replaced_after_its_share_of_calls)
{
    struct pool_config config = {.calls_per_host = 5};
    kit_done(&kit);
    kit_start(&kit, &config);
    struct pool_plugin *plugin = kit_plugin(&kit, "stateful");
    struct pool_plugin_stats stats;

    for (size_t i = 1; i <= 12; i++) {
        const struct kit_result *result = kit_run(&kit, "stateful", "stateful.count", "{}");
        cr_assert_eq(result->end, POOL_OK, "%s", result->text);
        cr_assert_leq(strtol(result->json + strlen("{\"count\":"), NULL, 10), 5);
    }
    pool_plugin_stats(kit.pool, plugin, &stats);
    cr_assert_geq(stats.starts, 3);
    cr_assert_eq(stats.deaths, 0);
}

/* True when a file is there. */
static bool file_is_there(struct kit *k, void *user)
{
    (void)k;
    return file_exists(user);
}

/* Keeps the loop turning while a test waits for something outside of it. */
static void turn(uv_timer_t *timer)
{
    (void)timer;
}

Test(pool, an_idle_host_closes_its_plugin_and_goes)
{
    struct pool_config config = {.host_idle_ms = 50};
    kit_done(&kit);
    kit_start(&kit, &config);
    CLEANUP_FREE char *sign = file_join(kit.dir, "closed");
    CLEANUP_FREE char *input = xasprintf("{\"closing_file\":\"%s\"}", sign);
    static uv_timer_t timer;

    kit_run(&kit, "stateful", "stateful.count", input);
    uv_timer_init(&kit.loop, &timer);
    uv_timer_start(&timer, turn, 10, 10);
    kit_run_until(&kit, file_is_there, sign);
    uv_close((uv_handle_t *)&timer, NULL);
}

Test(pool, an_idle_host_makes_room_for_another_plugin)
{
    struct pool_config config = {.hosts_max = 1};
    kit_done(&kit);
    kit_start(&kit, &config);

    cr_assert_eq(kit_run(&kit, "good", "good.noop", "{}")->end, POOL_OK);
    cr_assert_eq(kit_run(&kit, "stateful", "stateful.count", "{}")->end, POOL_OK);
    cr_assert_eq(kit_run(&kit, "good", "good.noop", "{}")->end, POOL_OK);
}

/* Calls again at once, so that the host is never idle. */
static void call_again(struct kit *k, const struct pool_outcome *outcome)
{
    struct pool_plugin *plugin = k->user;

    (void)outcome;
    if (pool_room(k->pool, plugin, false) > 0) {
        kit_call(k, plugin, "good.noop", "{}");
    }
}

/* True when room was offered. */
static bool room_offered(struct kit *k, void *user)
{
    (void)user;
    return k->rooms > 0;
}

Test(pool, a_busy_plugin_gives_up_a_host_for_one_without)
{
    struct pool_config config = {.hosts_max = 1};
    kit_done(&kit);
    kit_start(&kit, &config);
    struct pool_plugin *good = kit_plugin(&kit, "good");
    struct pool_plugin *other = kit_plugin(&kit, "stateful");

    kit.on_result = call_again;
    kit.user = good;
    kit_call(&kit, good, "good.noop", "{}");
    cr_assert_eq(pool_room(kit.pool, other, false), 0);
    kit_run_until(&kit, room_offered, NULL);
    cr_assert_gt(pool_room(kit.pool, other, false), 0);
    kit.on_result = NULL;
    cr_assert_eq(kit_run(&kit, "stateful", "stateful.count", "{}")->end, POOL_OK);
}

Test(pool, names_of_the_configuration_reach_hosts_and_loader_names_do_not)
{
    const char *const names[] = {"KIT_ALLOWED", "LD_PRELOAD", NULL};
    struct pool_config config = {.env_names = names};
    setenv("KIT_ALLOWED", "seen", 1);
    setenv("LD_PRELOAD", "/no/such/library.so", 1);
    kit_done(&kit);
    kit_start(&kit, &config);

    const struct kit_result *result = kit_run(&kit, "good", "good.facts", "{}");
    cr_assert(strstr(result->json, "\"allowed\":\"seen\""), "%s", result->json);
    cr_assert_not(kit_logged(&kit, "LD_PRELOAD"));
}

/* True when the pool knows that the spawner is gone. */
static bool spawner_lost(struct kit *k, void *user)
{
    (void)user;
    return k->lost;
}

Test(pool, the_death_of_the_spawner_ends_every_call)
{
    uint64_t id = kit_call(&kit, kit_plugin(&kit, "good"), "good.wait", "{\"time\":60000000}");

    kill((pid_t)spawner_pid(kit.spawner), SIGKILL);
    kit_run_until(&kit, spawner_lost, NULL);
    cr_assert_eq(kit_result(&kit, id)->end, POOL_CRASHED);
    cr_assert_str_eq(kit_result(&kit, id)->code, "host.lost");
    cr_assert_eq(pool_room(kit.pool, kit_plugin(&kit, "good"), false), 0);
}

Test(pool, a_stopped_host_falls_silent)
{
    struct pool_config config = {.silence_after_ms = 100, .silence_ms = 400};
    kit_done(&kit);
    kit_start(&kit, &config);

    const struct kit_result *result = kit_run(&kit, "deaf", "deaf.frozen", "{}");
    cr_assert_eq(result->end, POOL_CRASHED);
    cr_assert_str_eq(result->code, "host.silent");
}

Test(pool, a_busy_host_that_answers_pings_is_left_alone)
{
    struct pool_config config = {.silence_after_ms = 50, .silence_ms = 600};
    kit_done(&kit);
    kit_start(&kit, &config);

    const struct kit_result *result = kit_run(&kit, "good", "good.wait", "{\"time\":1000000}");
    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
}

/* Starts a kit whose hosts die at a fault point. */
static void start_with_fault(const char *fault)
{
    const char *const names[] = {"LEAT_FAULT", NULL};
    struct pool_config config = {.env_names = names};

    setenv("LEAT_FAULT", fault, 1);
    kit_done(&kit);
    kit_start(&kit, &config);
    unsetenv("LEAT_FAULT");
}

Test(pool, a_host_killed_before_the_body_crashes_its_call_only)
{
    start_with_fault("host.begin:kill:2");
    cr_assert_eq(kit_run(&kit, "good", "good.noop", "{}")->end, POOL_OK);
    cr_assert_eq(kit_run(&kit, "good", "good.noop", "{}")->end, POOL_CRASHED);
    cr_assert_eq(kit_run(&kit, "good", "good.noop", "{}")->end, POOL_OK);
}

Test(pool, a_host_killed_before_it_sent_the_result_crashes_its_call)
{
    start_with_fault("host.ran:kill");
    const struct kit_result *result = kit_run(&kit, "good", "good.noop", "{}");
    cr_assert_eq(result->end, POOL_CRASHED);
    cr_assert(strstr(result->text, "SIGKILL"), "%s", result->text);
}

Test(pool, a_host_killed_after_it_sent_the_result_has_completed_its_call)
{
    start_with_fault("host.sent:kill");
    cr_assert_eq(kit_run(&kit, "good", "good.noop", "{}")->end, POOL_OK);
    cr_assert_eq(kit_run(&kit, "good", "good.noop", "{}")->end, POOL_OK);
}

Test(pool, can_be_freed_with_a_call_in_flight)
{
    /* The suite's end does it. */
    kit_call(&kit, kit_plugin(&kit, "good"), "good.wait", "{\"time\":60000000}");
    uv_run(&kit.loop, UV_RUN_NOWAIT);
    cr_assert_eq(kit.results_count, 0);
}
