/*
 * Plugins that do harm, in real hosts: every call ends as promised, and the pool serves the next
 * one.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "base/mem.h"
#include "plug/descriptor.h"
#include "tests/unit/work/pool_kit.c" /* helpers of other folders are not linked here */
#include "work/capture.h"
#include "work/describe.h"

enum { CUT_SIZE = 5000 }; /* bytes of a plugin file that lost its end */

static struct kit kit;

/* Starts the kit with defaults. */
static void start(void)
{
    kit_start(&kit, NULL);
}

/* Whatever the test has done to the pool, a good plugin still works; then the kit ends. */
static void done(void)
{
    const struct kit_result *result = kit_run(&kit, "good", "good.noop", "{}");

    cr_assert_eq(result->end, POOL_OK, "afterwards: %s", result->text);
    kit_done(&kit);
}

TestSuite(hostile, .init = start, .fini = done);

/* Runs a part that crashes its host, and looks at the sentence. */
static void expect_crash(const char *plugin, const char *type, const char *code, const char *words)
{
    const struct kit_result *result = kit_run(&kit, plugin, type, "{}");

    cr_assert_eq(result->end, POOL_CRASHED, "%s", result->code);
    cr_assert_str_eq(result->code, code);
    cr_assert(strstr(result->text, words), "%s", result->text);
}

Test(hostile, a_segmentation_fault_is_named_and_its_last_words_are_kept)
{
    expect_crash("crash", "crash.segv", "host.died", "signal 11 (SIGSEGV) while it ran crash.segv");
    cr_assert(kit_logged(&kit, "last words"));
}

Test(hostile, an_abort_is_named)
{
    expect_crash("crash", "crash.abort", "host.died", "SIGABRT");
}

Test(hostile, an_exit_with_0_is_no_success)
{
    expect_crash("crash", "crash.exit0", "host.died", "exited with code 0");
}

Test(hostile, an_exit_without_handlers_is_named)
{
    expect_crash("crash", "crash.exit3", "host.died", "exited with code 3");
}

Test(hostile, a_kill_that_nobody_asked_for_hints_at_memory)
{
    expect_crash("crash", "crash.kill", "host.died", "out of memory");
}

Test(hostile, killing_its_own_group_kills_the_host_only)
{
    expect_crash("crash", "crash.group", "host.died", "SIGTERM");
}

/* Counts its results; true when all are there. */
static bool all_there(struct kit *k, void *user)
{
    return k->results_count >= *(size_t *)user;
}

Test(hostile, a_crash_costs_one_call_and_returns_those_behind_it)
{
    struct pool_plugin *crash = kit_plugin(&kit, "crash");
    size_t total = 1;

    uint64_t first = kit_call(&kit, crash, "crash.exit3", "{}");
    while (pool_room(kit.pool, crash, false) > 0) {
        kit_call(&kit, crash, "crash.exit3", "{}");
        total++;
    }
    kit_run_until(&kit, all_there, &total);
    cr_assert_eq(kit_result(&kit, first)->end, POOL_CRASHED);
    struct pool_plugin_stats stats;
    pool_plugin_stats(kit.pool, crash, &stats);
    cr_assert_geq(stats.deaths, 1);
    cr_assert_eq(stats.in_flight, 0);
}

/* Starts a deaf part and waits until it has said that it does not listen. */
static bool not_listening(struct kit *k, void *user)
{
    (void)user;
    return kit_logged(k, "not listening");
}

/* A deaf part is cancelled with a short grace. */
static void cancel_deaf(const char *type)
{
    uint64_t id = kit_call(&kit, kit_plugin(&kit, "deaf"), type, "{}");

    kit_run_until(&kit, not_listening, NULL);
    cr_assert_eq(pool_cancel(kit.pool, id, 50), 0);
    kit_await(&kit, 1);
    cr_assert_eq(kit_result(&kit, id)->end, POOL_CANCELLED, "%s", kit_result(&kit, id)->text);
}

Test(hostile, a_part_that_blocks_every_signal_is_cancelled)
{
    cancel_deaf("deaf.wait");
}

Test(hostile, a_part_that_spins_is_cancelled)
{
    cancel_deaf("deaf.spin");
}

Test(hostile, a_part_that_stopped_itself_is_cancelled)
{
    cancel_deaf("deaf.frozen");
}

Test(hostile, a_deaf_part_ends_by_its_timeout)
{
    struct pool_call call = {
        .plugin = kit_plugin(&kit, "deaf"),
        .type = STR("deaf.wait"),
        .timeout_ms = 100,
        .grace_ms = 50,
    };
    uint64_t id = kit_call_full(&kit, &call, "{}");

    kit_await(&kit, 1);
    cr_assert_eq(kit_result(&kit, id)->end, POOL_TIMED_OUT, "%s", kit_result(&kit, id)->text);
}

/* A breach of the table's rules that fails the attempt. */
static void expect_misbehaviour(const char *type, const char *words)
{
    const struct kit_result *result = kit_run(&kit, "liar", type, "{\"text\":\"t\"}");

    cr_assert_eq(result->end, POOL_FAIL);
    cr_assert_str_eq(result->code, "plugin.misbehaved");
    cr_assert(strstr(result->text, words), "%s", result->text);
    cr_assert_eq(kit.logs[0].level, LEAT_LOG_PLUGIN_MISBEHAVING);
}

Test(hostile, a_garbage_result_fails)
{
    expect_misbehaviour("liar.garbage", "\"x\" is not usable");
}

Test(hostile, bytes_behind_a_result_fail)
{
    expect_misbehaviour("liar.trailing", "follow its end");
}

Test(hostile, a_result_of_nothing_fails)
{
    expect_misbehaviour("liar.nothing", "no bytes");
}

Test(hostile, a_forged_blob_reference_fails)
{
    expect_misbehaviour("liar.forge", "extension type");
}

Test(hostile, a_result_that_is_too_deep_fails)
{
    expect_misbehaviour("liar.deep", "32");
}

Test(hostile, a_result_too_many_fails)
{
    expect_misbehaviour("liar.many", "more than 256");
}

Test(hostile, a_key_too_long_fails)
{
    expect_misbehaviour("liar.long_key", "1 to 128 bytes");
}

Test(hostile, a_whole_result_after_keyed_ones_fails)
{
    expect_misbehaviour("liar.mixed", "after keyed ones");
}

Test(hostile, an_undeclared_parameter_fails)
{
    expect_misbehaviour("liar.undeclared", "\"nowhere\"");
}

Test(hostile, a_parameter_of_another_type_fails)
{
    expect_misbehaviour("liar.wrong_type", "\"text\"");
}

Test(hostile, a_result_from_another_thread_is_refused)
{
    const struct kit_result *result = kit_run(&kit, "liar", "liar.other_thread", "{}");

    cr_assert_str_eq(result->json, "{}");
    cr_assert(kit_logged(&kit, "from a thread that does not run the call"));
}

Test(hostile, a_status_that_does_not_exist_fails)
{
    const struct kit_result *result = kit_run(&kit, "liar", "liar.bad_status", "{}");

    cr_assert_eq(result->end, POOL_FAIL);
    cr_assert_str_eq(result->code, "plugin.bad_status");
}

Test(hostile, an_imagined_cancel_fails)
{
    const struct kit_result *result = kit_run(&kit, "liar", "liar.imagined", "{}");

    cr_assert_eq(result->end, POOL_FAIL);
    cr_assert_str_eq(result->code, "plugin.bad_status");
}

Test(hostile, memory_beyond_the_limit_of_a_call_is_refused)
{
    const struct kit_result *result = kit_run(&kit, "liar", "liar.greedy", "{}");

    cr_assert_str_eq(result->json, "{\"refused\":true}");
}

/* True when the last line of the flood says that it was cut. */
static bool marked_as_truncated(void)
{
    size_t marks = 0;

    for (size_t i = 0; i < kit.logs_count; i++) {
        marks += strcmp(kit.logs[i].text, CAPTURE_END_MARK) == 0;
    }
    return marks == 1;
}

Test(hostile, a_flood_without_line_ends_is_cut)
{
    const struct kit_result *result = kit_run(&kit, "flood", "flood.no_newline", "{\"mib\":300}");

    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
    cr_assert_leq(kit.log_bytes, CAPTURE_CALL_MAX + 64);
    cr_assert(kit_logged(&kit, CAPTURE_CUT_MARK) || kit.logs_count <= 2);
    cr_assert(marked_as_truncated());
}

Test(hostile, bytes_that_are_no_text_become_text)
{
    const struct kit_result *result = kit_run(&kit, "flood", "flood.not_utf8", "{}");

    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
    cr_assert_gt(kit.logs_count, 0);
    cr_assert(kit_logged(&kit, "\xef\xbf\xbd"));
}

Test(hostile, a_flood_of_empty_lines_is_cut)
{
    const struct kit_result *result = kit_run(&kit, "flood", "flood.empty_lines", "{\"mib\":4}");

    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
    cr_assert_leq(kit.logs_count, CAPTURE_CALL_MAX / CAPTURE_LINE_COST + 1);
    cr_assert(marked_as_truncated());
}

Test(hostile, a_flood_of_log_lines_is_cut)
{
    const struct kit_result *result = kit_run(&kit, "flood", "flood.log", "{\"lines\":300000}");

    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
    cr_assert_leq(kit.log_bytes, CAPTURE_CALL_MAX + 64);
    cr_assert(marked_as_truncated());
}

Test(hostile, a_long_line_is_cut_between_characters)
{
    const struct kit_result *result = kit_run(&kit, "flood", "flood.long_line", "{}");

    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
    cr_assert_eq(kit.logs_count, 1);
    cr_assert_leq(strlen(kit.logs[0].text), CAPTURE_LINE_MAX);
    cr_assert(strstr(kit.logs[0].text, "\xc3\xa9" CAPTURE_CUT_MARK));
}

Test(hostile, garbage_on_the_data_channel_is_a_breach)
{
    expect_crash("breaker", "breaker.garbage", "host.protocol", "not a frame");
}

Test(hostile, a_frame_of_4_gib_is_a_breach)
{
    expect_crash("breaker", "breaker.huge", "host.protocol", "4294967295");
}

Test(hostile, a_forged_result_is_a_breach)
{
    expect_crash("breaker", "breaker.forge", "host.protocol", "that it was not given");
}

Test(hostile, garbage_on_the_control_channel_is_a_breach)
{
    expect_crash("breaker", "breaker.control", "host.protocol", "not a frame");
}

Test(hostile, a_host_that_hangs_up_is_killed)
{
    expect_crash("breaker", "breaker.hang_up", "host.protocol", "closed its connection");
}

Test(hostile, a_host_without_descriptors_ends_somehow)
{
    const struct kit_result *result = kit_run(&kit, "breaker", "breaker.close_all", "{}");

    cr_assert_eq(result->end, POOL_CRASHED, "%s", result->code);
}

Test(hostile, leaked_memory_is_the_hosts_own)
{
    const struct kit_result *result = kit_run(&kit, "leaker", "leaker.memory", "{\"mib\":64}");

    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
}

Test(hostile, leaked_descriptors_are_limited)
{
    const struct kit_result *result = kit_run(&kit, "leaker", "leaker.descriptors", "{}");
    int count = 0;

    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
    cr_assert_eq(sscanf(result->json, "{\"count\":%d}", &count), 1);
    cr_assert(count > 0 && count <= SPAWNER_NOFILE, "%d", count);
}

/* The process id in a file that the plugin leaker has written. */
static int read_pid(const char *path)
{
    char text[32] = "";
    FILE *file = fopen(path, "r");

    cr_assert_not_null(file);
    char *line = fgets(text, sizeof(text), file);
    fclose(file);
    cr_assert_not_null(line);
    return (int)strtol(text, NULL, 10);
}

/* True when the process of such a file is gone. */
static bool is_gone(struct kit *k, void *user)
{
    (void)k;
    return kill(read_pid(user), 0) && errno == ESRCH;
}

/* Keeps the loop turning while a process dies. */
static void turn(uv_timer_t *timer)
{
    (void)timer;
}

/* Waits until the stray process is gone. */
static void expect_gone(const char *path)
{
    static uv_timer_t timer;

    uv_timer_init(&kit.loop, &timer);
    uv_timer_start(&timer, turn, 10, 10);
    kit_run_until(&kit, is_gone, (void *)(uintptr_t)path);
    uv_close((uv_handle_t *)&timer, NULL);
}

Test(hostile, a_hidden_process_ends_with_its_call)
{
    CLEANUP_FREE char *path = file_join(kit.dir, "pid");
    CLEANUP_FREE char *input = xasprintf("{\"file\":\"%s\"}", path);

    const struct kit_result *result = kit_run(&kit, "leaker", "leaker.stray", input);
    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
    expect_gone(path);
}

Test(hostile, a_hidden_process_ends_with_its_host)
{
    CLEANUP_FREE char *path = file_join(kit.dir, "pid");
    CLEANUP_FREE char *input = xasprintf("{\"file\":\"%s\",\"die\":true}", path);

    const struct kit_result *result = kit_run(&kit, "leaker", "leaker.stray", input);
    cr_assert_eq(result->end, POOL_CRASHED, "%s", result->code);
    expect_gone(path);
}

Test(hostile, a_helper_process_ends_with_the_pool)
{
    CLEANUP_FREE char *path = file_join(kit.dir, "pid");
    CLEANUP_FREE char *input = xasprintf("{\"file\":\"%s\"}", path);

    const struct kit_result *result = kit_run(&kit, "leaker", "leaker.helper", input);
    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
    cr_assert_not(is_gone(&kit, path), "helpers in the host's session may stay between calls");
    int pid = read_pid(path);
    kit_done(&kit);
    cr_assert(kill(pid, 0) && errno == ESRCH);
    kit_start(&kit, NULL);
}

Test(hostile, a_plugin_that_loads_for_ever_is_given_up)
{
    struct pool_config config = {.start_ms = 300};
    kit_done(&kit);
    kit_start(&kit, &config);

    expect_crash("slow_constructor", "slow_constructor.noop", "host.start", "too long");
    /* The good plugin may need longer under a sanitizer. */
    kit_done(&kit);
    kit_start(&kit, NULL);
}

Test(hostile, a_plugin_that_exits_while_it_loads_is_a_crash)
{
    expect_crash("exit_constructor", "exit_constructor.noop", "host.died", "before it was ready");
}

Test(hostile, a_plugin_that_aborts_while_it_loads_is_a_crash)
{
    expect_crash("abort_constructor", "abort_constructor.noop", "host.died", "SIGABRT");
    cr_assert(kit_logged(&kit, "no good"));
}

Test(hostile, a_plugin_that_forks_while_it_loads_works)
{
    const struct kit_result *result =
        kit_run(&kit, "fork_constructor", "fork_constructor.noop", "{}");

    cr_assert_eq(result->end, POOL_OK, "%s", result->text);
}

Test(hostile, another_abi_does_not_load)
{
    const struct kit_result *result = kit_run(&kit, "wrong_abi", "x.y", "{}");

    cr_assert_eq(result->end, POOL_FAIL);
    cr_assert_str_eq(result->code, "plugin.load");
    cr_assert(strstr(result->text, "ABI 2.0"), "%s", result->text);
}

Test(hostile, a_library_that_is_no_plugin_does_not_load)
{
    const struct kit_result *result = kit_run(&kit, "no_entry", "x.y", "{}");

    cr_assert_eq(result->end, POOL_FAIL);
    cr_assert(strstr(result->text, "leat_plugin_v1"), "%s", result->text);
}

Test(hostile, a_truncated_plugin_does_not_load)
{
    CLEANUP_FREE char *path = kit_plugin_path("good");
    CLEANUP_FREE char *cut = file_join(kit.dir, "cut.so");
    CLEANUP_BUF struct buf bytes = BUF_INIT(64u << 20);
    struct hash hash;

    cr_assert_eq(file_read(path, &bytes, NULL), 0);
    cr_assert_eq(file_write(cut, bytes.data, CUT_SIZE, 0600, NULL), 0);
    hash = hash_bytes(bytes.data, CUT_SIZE);
    uint64_t id = kit_call(&kit, pool_plugin_get(kit.pool, &hash, "cut", cut), "good.noop", "{}");
    kit_await(&kit, 1);
    cr_assert_neq(kit_result(&kit, id)->end, POOL_OK);
}

/* Describes a hostile plugin; the error, and its sentence in <why>. */
static int describe(const char *name, struct buf *bytes, struct err_text *why)
{
    CLEANUP_FREE char *path = kit_plugin_path(name);

    why->text[0] = 0;
    return describe_plugin(kit.spawner, path, bytes, why);
}

Test(hostile, a_good_plugin_is_described)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(DESCRIBE_BYTES_MAX);
    CLEANUP_ARENA struct arena arena;
    struct plug_plugin plugin;
    struct err_text why;

    arena_init(&arena, DESCRIPTOR_MEMORY_MAX);
    cr_assert_eq(describe("good", &bytes, &why), 0, "%s", why.text);
    cr_assert_eq(descriptor_decode(bytes.data, bytes.len, &arena, &plugin, &why), 0, "%s",
                 why.text);
    cr_assert_str_eq(plugin.name, "good");
}

/* A description that fails, and why. */
static void expect_no_description(const char *name, int err, const char *words)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(DESCRIBE_BYTES_MAX);
    struct err_text why;

    cr_assert_eq(describe(name, &bytes, &why), err, "%s", why.text);
    cr_assert(strstr(why.text, words), "%s", why.text);
}

Test(hostile, describing_a_plugin_that_loads_for_ever_ends)
{
    expect_no_description("slow_constructor", ERR_TIMEOUT, "within 5 s");
}

Test(hostile, describing_a_plugin_that_exits_is_refused)
{
    expect_no_description("exit_constructor", ERR_PLUGIN_REFUSED, "exited with code 0");
}

Test(hostile, describing_a_plugin_that_aborts_gives_signal_and_last_words)
{
    expect_no_description("abort_constructor", ERR_PLUGIN_REFUSED, "SIGABRT");
    expect_no_description("abort_constructor", ERR_PLUGIN_REFUSED, "no good");
}

Test(hostile, describing_another_abi_is_refused)
{
    expect_no_description("wrong_abi", ERR_PLUGIN_REFUSED, "ABI 2.0");
}

Test(hostile, describing_a_plugin_that_forks_does_not_wait_for_the_fork)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(DESCRIBE_BYTES_MAX);
    struct err_text why;

    /* The fork holds the channel open; it is killed with the rest of the group. */
    cr_assert_eq(describe("fork_constructor", &bytes, &why), 0, "%s", why.text);
}
