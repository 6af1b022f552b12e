/*
 * The keys of a flow file one by one: forms they may have and forms they may not.
 */
#include "model/flow_form.h"

#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/buf.h"
#include "tests/unit/model/fixture.h"

/* A flow whose one step has further keys (in flow style, beginning with a comma). */
static struct parsed parse_step(const char *keys)
{
    CLEANUP_BUF struct buf text = BUF_INIT(1024 * 1024);
    buf_printf(&text, "flow: f\nsteps:\n  a: { task: csv.read, with: { path: x } %s }\n", keys);
    return fixture_parse(buf_cstr(&text));
}

/* A flow with one step and further keys of its own. */
static struct parsed parse_flow(const char *keys)
{
    CLEANUP_BUF struct buf text = BUF_INIT(1024 * 1024);
    buf_printf(&text, "flow: f\nsteps: { a: { task: csv.read, with: { path: x } } }\n%s\n", keys);
    return fixture_parse(buf_cstr(&text));
}

/* The step of a flow that has to be right. */
static const struct flow_step *good_step(const char *keys)
{
    struct parsed parsed = parse_step(keys);
    cr_assert_eq(parsed.err, 0, "%s", parsed.problems);
    fixture_keep(parsed.problems);
    fixture_keep(parsed.flow);
    return &parsed.flow->steps[0];
}

/* The flow, likewise. */
static const struct flow *good_flow(const char *keys)
{
    struct parsed parsed = parse_flow(keys);
    cr_assert_eq(parsed.err, 0, "%s", parsed.problems);
    fixture_keep(parsed.problems);
    return fixture_keep(parsed.flow);
}

Test(flow_form, what_is_not_said_has_its_default)
{
    const struct flow *flow = good_flow("");
    const struct flow_step *step = &flow->steps[0];
    cr_assert_eq(flow->width, 0);
    cr_assert_eq(flow->timeout_us, 0);
    cr_assert_eq(flow->durability, FLOW_DURABILITY_STRICT);
    cr_assert_null(flow->output);
    cr_assert_eq(step->retry.retries, 0);
    cr_assert_eq(step->cache.mode, FLOW_CACHE_OFF);
    cr_assert_eq(step->interrupted, FLOW_INTERRUPTED_RETRY);
    cr_assert_eq(step->isolation, FLOW_ISOLATION_HOST);
    cr_assert_null(step->when);
    cr_assert_null(step->map);
}

Test(flow_form, a_sequential_runner_has_width_one)
{
    cr_assert(good_flow("task_runner: sequential")->sequential);
    cr_assert_eq(good_flow("task_runner: sequential")->width, 1);
    cr_assert_eq(good_flow("task_runner: { type: sequential }")->width, 1);
}

Test(flow_form, a_concurrent_runner_may_leave_the_width_to_the_engine)
{
    cr_assert_eq(good_flow("task_runner: concurrent")->width, 0);
    cr_assert_eq(good_flow("task_runner: { width: 10000 }")->width, 10000);
}

Test(flow_form, the_cache_of_the_flow_is_the_default_of_its_steps)
{
    const struct flow *flow = good_flow("cache: { by: inputs, ttl: 1h }");
    cr_assert_eq(flow->steps[0].cache.mode, FLOW_CACHE_INPUTS);
    cr_assert_eq(flow->steps[0].cache.ttl_us, INT64_C(3600) * 1000000);
}

Test(flow_form, a_subflow_is_never_cached)
{
    CLEANUP_PARSED struct parsed parsed = fixture_parse(
        "flow: f\ncache: inputs\nsteps: { a: { flow: publish, with: { model: 1 } } }\n");
    cr_assert_eq(parsed.err, 0, "%s", parsed.problems);
    cr_assert_eq(parsed.flow->steps[0].cache.mode, FLOW_CACHE_OFF);
}

Test(flow_form, a_cache_may_have_a_time_only)
{
    cr_assert_eq(good_step(", cache: { ttl: 1d }")->cache.mode, FLOW_CACHE_INPUTS);
}

Test(flow_form, off_turns_a_cache_off)
{
    cr_assert_eq(good_step(", cache: off")->cache.mode, FLOW_CACHE_OFF);
    cr_assert_eq(good_step(", cache: { by: off }")->cache.mode, FLOW_CACHE_OFF);
}

Test(flow_form, one_delay_is_a_list_of_one)
{
    const struct flow_step *step = good_step(", retries: 1, retry_delay: 1.5");
    cr_assert_eq(step->retry.delay_count, 1);
    cr_assert_eq(step->retry.delays_us[0], 1500000);
}

Test(flow_form, exponential_delays_have_a_base_and_a_maximum)
{
    const struct flow_step *step =
        good_step(", retries: 1, retry_delay: { exponential: 10s, max: 5m }");
    cr_assert(step->retry.exponential);
    cr_assert_eq(step->retry.delays_us[0], 10000000);
    cr_assert_eq(step->retry.delay_max_us, INT64_C(300000000));
}

Test(flow_form, when_may_be_a_literal)
{
    cr_assert_not_null(good_step(", when: false")->when);
}

Test(flow_form, map_may_be_a_list)
{
    cr_assert_not_null(good_step(", map: [1, \"${run.id}\"]")->map);
}

Test(flow_form, retry_keys_without_retries_are_idle)
{
    CLEANUP_PARSED struct parsed parsed = parse_step(", retry_delay: 1s");
    cr_assert_eq(parsed.err, 0);
    cr_assert(strstr(parsed.problems, "warning: `retry_delay` has no effect without `retries`"));
}

/* Keys of a step and the sentence they are refused with. */
struct refusal {
    char keys[80];
    char sentence[120];
};

ParameterizedTestParameters(flow_form, a_wrong_key_of_a_step_is_refused)
{
    static struct refusal cases[] = {
        {", nothing: 1", "a step has no key \"nothing\""},
        {", flow: publish", "the step \"a\" has both `task` and `flow`"},
        {", when: \"x > 3\"", "`when` must be true, false or ${...}"},
        {", when: [1]", "`when` must be true, false or ${...}"},
        {", when: ", "`when` has no value"},
        {", map: 5", "`map` must be a list or ${...}, not an integer"},
        {", map: abc", "`map` must be a list or ${...}, not a string"},
        {", map: { a: \"${run.id}\" }", "`map` must be a list or ${...}, not a map"},
        {", run_name: 5", "`run_name` must be a text"},
        {", retries: -1", "`retries` must be an integer from 0 to 1000, not \"-1\""},
        {", retries: 1001", "`retries` must be an integer from 0 to 1000, not \"1001\""},
        {", retries: 1.5", "`retries` must be an integer from 0 to 1000, not \"1.5\""},
        {", retries: 1, retry_delay: []", "`retry_delay` must have 1 to 100 entries, not 0"},
        {", retries: 1, retry_delay: soon", "`retry_delay` must be a duration such as"},
        {", retries: 1, retry_delay: { max: 1s }", "`retry_delay` needs the key `exponential`"},
        {", retries: 1, retry_jitter: 11", "`retry_jitter` must be a number from 0 to 10"},
        {", retries: 1, retry_jitter: x", "`retry_jitter` must be a number from 0 to 10"},
        {", retries: 1, retry_on: 5", "`retry_on` must be a text, not an integer"},
        {", timeout: 0", "`timeout` must be from 0.001 s to 3155760000 s, not 0"},
        {", timeout: [1]", "`timeout` must be a duration such as 90s, 1h30m or 250ms, not a list"},
        {", cache: true", "`cache` must be off, inputs or a map with by or key, and ttl"},
        {", cache: { by: inputs, key: x }", "`cache` can not have both `by` and `key`"},
        {", cache: { by: outputs }", "`by` must be off or inputs, not \"outputs\""},
        {", isolation: vm", "`isolation` must be host or process, not \"vm\""},
        {", on_interrupted: x", "`on_interrupted` must be retry or fail, not \"x\""},
        {", tags: [a, a]", "`tags` names \"a\" twice"},
        {", tags: [a b]", "`tags` is not a proper name: \"a b\""},
        {", tags: []", ""},
        {", allow_failure: some", "`allow_failure` must be true, false or a list of steps"},
        {", description: []", "`description` must be a text, not a list"},
        {", description: \"\"", "`description` must have 1 to 16384 bytes, not 0"},
    };
    return cr_make_param_array(struct refusal, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct refusal *one, flow_form, a_wrong_key_of_a_step_is_refused)
{
    CLEANUP_PARSED struct parsed parsed = parse_step(one->keys);
    if (!one->sentence[0]) {
        cr_assert_eq(parsed.err, 0, "%s", parsed.problems);
        return;
    }
    cr_assert_eq(parsed.errors, 1, "%s", parsed.problems);
    cr_assert(strstr(parsed.problems, one->sentence), "%s", parsed.problems);
}

ParameterizedTestParameters(flow_form, a_wrong_key_of_a_flow_is_refused)
{
    static struct refusal cases[] = {
        {"task_runner: fast", "`task_runner` must be concurrent, sequential or a map"},
        {"task_runner: { width: 0 }", "`width` must be an integer from 1 to 10000, not \"0\""},
        {"task_runner: { width: 10001 }", "`width` must be an integer from 1 to 10000"},
        {"task_runner: { type: sequential, width: 2 }",
         "a sequential task runner can not have the width 2"},
        {"cache: { key: x }", "the `cache` of a flow can not have a `key`"},
        {"durability: some", "`durability` must be strict or relaxed, not \"some\""},
        {"version: 1.2", "`version` must be a text, not a float"},
        {"run_name: 5", "`run_name` must be a text"},
        {"finally: {}", "`finally` must be a map with at least one step, not an empty one"},
        {"finally: [a]", "`finally` must be a map with at least one step, not a list"},
        {"params: [a]", "`params` must be a map of names and declarations, not a list"},
        {"notify: {}", "`notify` must be a list of at most 100 rules, not a map"},
        {"output: \"${\"", "f.yaml:3:"},
    };
    return cr_make_param_array(struct refusal, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct refusal *one, flow_form, a_wrong_key_of_a_flow_is_refused)
{
    CLEANUP_PARSED struct parsed parsed = parse_flow(one->keys);
    cr_assert_eq(parsed.errors, 1, "%s", parsed.problems);
    cr_assert(strstr(parsed.problems, one->sentence), "%s", parsed.problems);
}

/* Words of other systems, and the key they mean here. */
struct synonym {
    char word[24];
    char key[24];
};

ParameterizedTestParameters(flow_form, words_of_other_systems_are_understood)
{
    static struct synonym cases[] = {
        {"needs", "wait_for"},   {"depends_on", "wait_for"},
        {"if", "when"},          {"foreach", "map"},
        {"params", "with"},      {"name", "run_name"},
        {"attempts", "retries"}, {"continue_on_error", "allow_failure"},
    };
    return cr_make_param_array(struct synonym, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct synonym *one, flow_form, words_of_other_systems_are_understood)
{
    char keys[64];
    char hint[64];
    snprintf(keys, sizeof(keys), ", %s: 1", one->word);
    snprintf(hint, sizeof(hint), "did you mean \"%s\"?", one->key);
    CLEANUP_PARSED struct parsed parsed = parse_step(keys);
    cr_assert_eq(parsed.errors, 1);
    cr_assert(strstr(parsed.problems, hint), "%s", parsed.problems);
}

Test(flow_form, a_misspelt_required_key_is_one_mistake)
{
    CLEANUP_PARSED struct parsed parsed =
        fixture_parse("flow: f\nstepz: { a: { task: csv.read, with: { path: x } } }\n");
    cr_assert_eq(parsed.errors, 1, "%s", parsed.problems);
}

Test(flow_form, a_misspelt_task_is_one_mistake)
{
    CLEANUP_PARSED struct parsed parsed =
        fixture_parse("flow: f\nsteps: { a: { tsak: csv.read } }");
    cr_assert_eq(parsed.errors, 1, "%s", parsed.problems);
}

Test(flow_form, a_step_must_be_a_map)
{
    CLEANUP_PARSED struct parsed parsed = fixture_parse("flow: f\nsteps: { a: csv.read }");
    cr_assert(strstr(parsed.problems, "a step must be a map of keys and values, not a string"));
}

Test(flow_form, a_subflow_can_not_be_isolated)
{
    CLEANUP_PARSED struct parsed parsed = fixture_parse(
        "flow: f\nsteps: { a: { flow: publish, with: { model: 1 }, isolation: process } }\n");
    cr_assert(strstr(parsed.problems, "`isolation` is for tasks, and this step calls a flow"));
}

Test(flow_form, one_tag_too_many_is_refused)
{
    CLEANUP_BUF struct buf keys = BUF_INIT(4096);
    buf_printf(&keys, "tags: [t0");
    for (int index = 1; index <= FLOW_TAGS_MAX; index++) {
        buf_printf(&keys, ", t%d", index);
    }
    buf_printf(&keys, "]");
    CLEANUP_PARSED struct parsed parsed = parse_flow(buf_cstr(&keys));
    cr_assert(strstr(parsed.problems, "`tags` has 33 members, more than the allowed 32"));
}

Test(flow_form, one_delay_too_many_is_refused)
{
    CLEANUP_BUF struct buf keys = BUF_INIT(4096);
    buf_printf(&keys, ", retries: 1, retry_delay: [1");
    for (int index = 1; index <= FLOW_DELAYS_MAX; index++) {
        buf_printf(&keys, ", 1");
    }
    buf_printf(&keys, "]");
    CLEANUP_PARSED struct parsed parsed = parse_step(buf_cstr(&keys));
    cr_assert(strstr(parsed.problems, "`retry_delay` must have 1 to 100 entries, not 101"));
}

Test(flow_form, a_value_nested_too_deep_is_refused)
{
    CLEANUP_BUF struct buf keys = BUF_INIT(4096);
    buf_printf(&keys, "output: ");
    for (int index = 0; index < VAL_DEPTH_MAX; index++) {
        buf_printf(&keys, "[");
    }
    buf_printf(&keys, "1");
    for (int index = 0; index < VAL_DEPTH_MAX; index++) {
        buf_printf(&keys, "]");
    }
    CLEANUP_PARSED struct parsed parsed = parse_flow(buf_cstr(&keys));
    cr_assert(strstr(parsed.problems, "the value is nested deeper than 32 levels"));
}
