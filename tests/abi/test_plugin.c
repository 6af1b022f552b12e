/*
 * leat/plugin.h: the descriptor that its macros write and the functions that plugins call, with a
 * plugin linked into the test.
 */
#define LEAT_STATIC sample
#include <leat/plugin.h>

#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/buf.h"
#include "fake_host.h"
#include "plug/descriptor.h"
#include "plug/manifest.h"

/* The example of the SDK's manual. */
static leat_status greet(leat_call *call)
{
    leat_str who = leat_param_str(call, "who");

    leat_info(call, "greeting %.*s", LEAT_STRF(who));
    return leat_result_fmt(call, "text", "Hello, %.*s!", LEAT_STRF(who));
}

/* A task without parameters. */
static leat_status nothing(leat_call *call)
{
    return leat_result_nil(call, "nothing");
}

/* Opens with the answer to everything. */
static leat_status open_plugin(leat_call *call, void **ret_state)
{
    static int answer = 42;

    (void)call;
    *ret_state = &answer;
    return LEAT_OK;
}

/* Nothing to close. */
static void close_plugin(void *state)
{
    (void)state;
}

LEAT_PLUGIN_EX("test.sample", "1.2.3", "A sample", LEAT_PLUGIN_THREADSAFE, open_plugin,
               close_plugin,
               LEAT_TASK(greet, "sample.greet", "Greets",
                         LEAT_STRING("who", "world", "Whom to greet"),
                         LEAT_INT_REQUIRED("times", "How often"),
                         LEAT_DURATION_LIST("pauses", "[\"1s\", 2]", "Between greetings"),
                         LEAT_SECRET("token", NULL, "A secret")),
               LEAT_TASK(nothing, "sample.nothing", "Does nothing"),
               LEAT_TASK_EX(nothing, "sample.slow", "Is slow", LEAT_PART_SLOW | LEAT_PART_NOCACHE),
               LEAT_NOTIFIER(greet, "sample", "Notifies", LEAT_STRING_REQUIRED("url", "Where to")),
               LEAT_NOTIFIER_EX(nothing, "sample.twice", "Notifies", LEAT_PART_IDEMPOTENT));

/* The descriptor as the engine sees it. */
static const struct plug_plugin *described(void)
{
    static struct arena arena;
    static struct plug_plugin plugin;
    CLEANUP_BUF struct buf bytes = BUF_INIT(DESCRIPTOR_BYTES_MAX);
    struct err_text why = {""};

    arena_init(&arena, DESCRIPTOR_MEMORY_MAX);
    cr_assert_eq(descriptor_encode(leat_plugin_v1_sample(), &bytes, &why), 0, "%s", why.text);
    cr_assert_eq(descriptor_decode(bytes.data, bytes.len, &arena, &plugin, &why), 0, "%s",
                 why.text);
    return &plugin;
}

Test(plugin, the_macros_write_a_descriptor_that_breaks_no_rule)
{
    const struct plug_plugin *plugin = described();

    cr_expect_str_eq(plugin->name, "test.sample");
    cr_expect_str_eq(plugin->version, "1.2.3");
    cr_expect_eq(plugin->flags, LEAT_PLUGIN_THREADSAFE);
    cr_expect_eq(plugin->part_count, 5);
    cr_expect_eq(leat_plugin_v1_sample()->open, open_plugin);
    cr_expect_eq(leat_plugin_v1_sample()->close, close_plugin);
}

Test(plugin, parts_have_their_kind_flags_and_parameters)
{
    const struct plug_part *parts = described()->parts;

    cr_expect_eq(parts[0].param_count, 4);
    cr_expect_eq(parts[1].param_count, 0);
    cr_expect_eq(parts[2].flags, LEAT_PART_SLOW | LEAT_PART_NOCACHE);
    cr_expect_eq(parts[3].kind, LEAT_KIND_NOTIFIER);
    cr_expect_eq(parts[3].param_count, 1);
    cr_expect_eq(parts[4].flags, LEAT_PART_IDEMPOTENT);
}

Test(plugin, parameters_have_their_type_and_flags)
{
    const struct param_spec *params = described()->parts[0].params;

    cr_expect_eq(params[0].type, PARAM_STRING);
    cr_expect_eq(params[1].type, PARAM_INT);
    cr_expect(params[1].required);
    cr_expect(params[2].list);
    cr_expect_eq(params[2].type, PARAM_DURATION);
    cr_expect(params[3].secret);
    cr_expect_null(params[3].fallback.ptr);
}

Test(plugin, the_marker_says_what_the_descriptor_says)
{
    cr_expect_str_eq(leat_marker_.name, "test.sample");
    cr_expect_str_eq(leat_marker_.version, "1.2.3");
    cr_expect_eq(leat_marker_.abi_major, LEAT_ABI_MAJOR);
    cr_expect_arr_eq(leat_marker_.magic,
                     "\x7f"
                     "leat-plugin\x7f\x01\n",
                     16);
}

Test(plugin, the_example_greets)
{
    struct fake_call *fake = fake_new();
    const leat_str who = {"Ada", 3};
    const struct fake_param params[] = {{"who", LEAT_TYPE_STRING, &who}, {NULL, 0, NULL}};

    fake->params = params;
    cr_expect_eq(greet(&fake->head), LEAT_OK);
    const struct fake_result *result = fake_result(fake, "text");
    cr_assert_not_null(result);
    cr_expect_arr_eq(result->bytes, "\xabHello, Ada!", result->len);
    cr_expect_eq(fake->level, LEAT_LOG_INFO);
    cr_expect_str_eq(fake->log, "greeting Ada");
    fake_free(fake);
}

Test(plugin, getters_ask_for_the_declared_type)
{
    struct fake_call *fake = fake_new();
    const int64_t number = -5;
    const double wide = 0.5;
    const int32_t yes = 1;
    const leat_str text = {"\x92\x01\x02", 3};
    const struct fake_param params[] = {
        {"i", LEAT_TYPE_INT, &number},
        {"f", LEAT_TYPE_FLOAT, &wide},
        {"b", LEAT_TYPE_BOOL, &yes},
        {"d", LEAT_TYPE_DURATION, &number},
        {"s", LEAT_TYPE_SIZE, &number},
        {"y", LEAT_TYPE_BYTES, &text},
        {"v", LEAT_TYPE_VALUE, &text},
        {"p", LEAT_TYPE_FILE, &text},
        {"l", LEAT_TYPE_LIST_OF(LEAT_TYPE_INT), &text},
        {NULL, 0, NULL},
    };
    leat_call *call = &fake->head;

    fake->params = params;
    cr_expect_eq(leat_param_int(call, "i"), -5);
    cr_expect_eq(leat_param_float(call, "f"), 0.5);
    cr_expect_eq(leat_param_bool(call, "b"), 1);
    cr_expect_eq(leat_param_duration(call, "d"), -5);
    cr_expect_eq(leat_param_size(call, "s"), -5);
    cr_expect_eq(leat_param_bytes(call, "y").len, 3);
    cr_expect_eq(leat_view_count(leat_param_value(call, "v")), 2);
    cr_expect_eq(leat_param_file(call, "p").len, 3);
    cr_expect_eq(leat_view_count(leat_param_int_list(call, "l")), 2);
    cr_expect_eq(fake->bad_params, 0);
    fake_free(fake);
}

Test(plugin, getters_of_undeclared_parameters_give_nothing)
{
    struct fake_call *fake = fake_new();
    leat_call *call = &fake->head;

    cr_expect_null(leat_param_str(call, "x").ptr);
    cr_expect_eq(leat_param_int(call, "x"), 0);
    cr_expect_eq(leat_param_float(call, "x"), 0);
    cr_expect_eq(leat_param_bool(call, "x"), 0);
    cr_expect_eq(leat_view_type(leat_param_value_list(call, "x")), LEAT_VIEW_NONE);
    cr_expect_eq(fake->bad_params, 5);
    fake_free(fake);
}

Test(plugin, given_tells_null_and_absence_from_a_value)
{
    struct fake_call *fake = fake_new();

    fake->input = (leat_str){"\x82\xa1x\xc0\xa1y\x00", 7};
    cr_expect_not(leat_param_given(&fake->head, "x"));
    cr_expect(leat_param_given(&fake->head, "y"));
    cr_expect_not(leat_param_given(&fake->head, "z"));
    fake_free(fake);
}

/* The view of the result under <key>. */
static leat_view result_of(const struct fake_call *fake, const char *key)
{
    const struct fake_result *result = fake_result(fake, key);

    cr_assert_not_null(result, "no result %s", key);
    return (leat_view){result->bytes, result->len};
}

Test(plugin, results_have_the_type_of_their_function)
{
    struct fake_call *fake = fake_new();
    leat_call *call = &fake->head;

    cr_expect_eq(leat_result_str(call, "s", leat_str_of("text")), LEAT_OK);
    cr_expect_eq(leat_result_int(call, "i", INT64_MIN), LEAT_OK);
    cr_expect_eq(leat_result_float(call, "f", 0.25), LEAT_OK);
    cr_expect_eq(leat_result_bool(call, "b", 7), LEAT_OK);
    cr_expect_eq(leat_result_bytes(call, "y", "\0\1", 2), LEAT_OK);
    cr_expect_eq(leat_result_text(call, "t", ""), LEAT_OK);
    cr_expect(leat_view_is(result_of(fake, "s"), "text"));
    cr_expect_eq(leat_view_int(result_of(fake, "i"), 0), INT64_MIN);
    cr_expect_eq(leat_view_float(result_of(fake, "f"), 0), 0.25);
    cr_expect_eq(leat_view_bool(result_of(fake, "b"), -1), 1);
    cr_expect_eq(leat_view_bytes(result_of(fake, "y")).len, 2);
    cr_expect(leat_view_is(result_of(fake, "t"), ""));
    fake_free(fake);
}

Test(plugin, a_whole_result_has_no_key)
{
    struct fake_call *fake = fake_new();

    cr_expect_eq(leat_result_whole(&fake->head, (leat_str){"\x07", 1}), LEAT_OK);
    cr_expect_eq(leat_view_int(result_of(fake, ""), 0), 7);
    fake_free(fake);
}

Test(plugin, a_failed_writer_s_value_is_refused)
{
    struct fake_call *fake = fake_new();
    leat_writer writer;

    leat_writer_init(&writer, &fake->head);
    leat_write_list_begin(&writer);
    cr_expect_eq(leat_result_value(&fake->head, "x", leat_writer_done(&writer)), LEAT_FAIL);
    fake_free(fake);
}

Test(plugin, a_formatted_text_is_whole_at_every_length_around_the_stack_s)
{
    for (int len = LEAT_FORMAT_STACK - 3; len <= LEAT_FORMAT_STACK + 3; len++) {
        struct fake_call *fake = fake_new();

        leat_result_fmt(&fake->head, "x", "%0*d", len, 7);
        leat_warn(&fake->head, "%0*d", len, 7);
        cr_expect_eq(leat_view_str(result_of(fake, "x")).len, (size_t)len);
        cr_expect_eq(strlen(fake->log), (size_t)len);
        cr_expect_eq(fake->log[len - 1], '7');
        fake_free(fake);
    }
}

Test(plugin, a_long_result_without_memory_fails_with_a_reason)
{
    struct fake_call *fake = fake_new();

    fake->alloc_left = 100;
    cr_expect_eq(leat_result_fmt(&fake->head, "x", "%0*d", 1000, 7), LEAT_FAIL);
    cr_expect_str_eq(fake->code, "plugin.no_memory");
    fake_free(fake);
}

Test(plugin, a_result_past_the_limit_fails_before_it_is_copied)
{
    struct fake_call *fake = fake_new();

    fake->alloc_left = 100;
    cr_expect_eq(leat_result_bytes(&fake->head, "x", "", (size_t)LEAT_RESULT_MAX + 1), LEAT_FAIL);
    cr_expect_str_eq(fake->code, "plugin.result_too_large");
    fake_free(fake);
}

Test(plugin, fail_gives_code_and_sentence)
{
    struct fake_call *fake = fake_new();

    cr_expect_eq(leat_fail(&fake->head, "http.bad_url", "no host in %s", "x:"), LEAT_FAIL);
    cr_expect_eq(fake->status, LEAT_FAIL);
    cr_expect_str_eq(fake->code, "http.bad_url");
    cr_expect_str_eq(fake->text, "no host in x:");
    cr_expect_eq(fake->retry_after_ms, -1);
    fake_free(fake);
}

Test(plugin, retry_gives_the_delay)
{
    struct fake_call *fake = fake_new();

    cr_expect_eq(leat_retry(&fake->head, 30000, "http.busy", "wait"), LEAT_RETRY);
    cr_expect_eq(fake->status, LEAT_RETRY);
    cr_expect_eq(fake->retry_after_ms, 30000);
    fake_free(fake);
}

Test(plugin, stopping_is_neither_failure_nor_success)
{
    struct fake_call *fake = fake_new();

    fake->cancelled = 1;
    cr_expect(leat_cancelled(&fake->head));
    cr_expect_eq(leat_stopped(&fake->head), LEAT_CANCELLED);
    cr_expect_eq(fake->status, LEAT_CANCELLED);
    fake_free(fake);
}

Test(plugin, levels_of_log_lines_are_their_own)
{
    struct fake_call *fake = fake_new();

    leat_debug(&fake->head, "%d", 1);
    cr_expect_eq(fake->level, LEAT_LOG_DEBUG);
    leat_error(&fake->head, "%d", 2);
    cr_expect_eq(fake->level, LEAT_LOG_ERROR);
    cr_expect_str_eq(fake->log, "2");
    fake_free(fake);
}

Test(plugin, progress_comes_with_or_without_text)
{
    struct fake_call *fake = fake_new();

    leat_progress(&fake->head, 0.5, NULL);
    cr_expect_str_eq(fake->progress, "(none)");
    leat_progress_fmt(&fake->head, 0.75, "row %d", 3);
    cr_expect_eq(fake->done, 0.75);
    cr_expect_str_eq(fake->progress, "row 3");
    fake_free(fake);
}

Test(plugin, facts_state_and_extensions_are_passed_on)
{
    struct fake_call *fake = fake_new();
    int state = 3;

    fake->state = &state;
    cr_expect_eq(leat_state(&fake->head), &state);
    cr_expect(leat_str_is(leat_fact(&fake->head, "attempt"), "2"));
    cr_expect_eq(leat_fact(&fake->head, "weather").len, 0);
    cr_expect_not_null(leat_extension(&fake->head, "org.example.test/1"));
    cr_expect_null(leat_extension(&fake->head, "org.example.test/2"));
    cr_expect_eq(leat_deadline_ms(&fake->head), 1234);
    cr_expect_eq(leat_cancel_fd(&fake->head), -1);
    fake_free(fake);
}

Test(plugin, a_copied_text_ends_with_nul_and_has_none_inside)
{
    struct fake_call *fake = fake_new();

    cr_expect_str_eq(leat_str_dup(&fake->head, (leat_str){"abcdef", 3}), "abc");
    cr_expect_str_eq(leat_str_dup(&fake->head, (leat_str){NULL, 0}), "");
    cr_expect_null(leat_str_dup(&fake->head, (leat_str){"a\0b", 3}));
    fake->alloc_left = 3;
    cr_expect_null(leat_str_dup(&fake->head, (leat_str){"abc", 3}));
    fake_free(fake);
}

Test(plugin, has_tells_which_functions_a_shorter_host_has)
{
    struct fake_call *fake = fake_new();
    const leat_host *host = &fake->host;

    cr_expect(LEAT_HAS(host, fact));
    fake->host.struct_size = offsetof(leat_host, fact);
    cr_expect_not(LEAT_HAS(host, fact));
    cr_expect(LEAT_HAS(host, state));
    fake->host.struct_size = offsetof(leat_host, fact) + sizeof(host->fact) - 1;
    cr_expect_not(LEAT_HAS(host, fact));
    fake_free(fake);
}

Test(plugin, has_tells_a_function_that_is_not_set)
{
    struct fake_call *fake = fake_new();
    const leat_host *host = &fake->host;

    fake->host.state = NULL;
    cr_expect_not(LEAT_HAS(host, state));
    fake_free(fake);
}

Test(plugin, the_greeting_needs_only_what_the_first_release_had)
{
    struct fake_call *fake = fake_new();
    const leat_str who = {"Ada", 3};
    const struct fake_param params[] = {{"who", LEAT_TYPE_STRING, &who}, {NULL, 0, NULL}};

    /* A host of ABI 1.0, which ends after fact; what follows in memory is not a table. */
    fake->params = params;
    fake->host.abi_minor = 0;
    fake->host.struct_size = 112;
    cr_expect_eq(greet(&fake->head), LEAT_OK);
    fake_free(fake);
}
