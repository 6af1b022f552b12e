/*
 * The cache: results that are used again, and everything that must keep them from being used.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

TestSuite(cache, .init = e2e_begin, .fini = e2e_end);

/* A step that leaves a mark whenever it really runs. */
#define MARKING(cache)                                                                       \
    "flow: f\n"                                                                              \
    "params: { n: 1 }\n"                                                                     \
    "steps:\n"                                                                               \
    "  a: { task: exec.run, cache: " cache                                                   \
    ", with: { shell: 'echo x >>log; echo $N', env: { N: '${params.n}' }, parse: json } }\n" \
    "output: '${steps.a.stdout}'\n"

/* Runs a flow whose step a must be taken from the cache, or must not. */
static json_t *run_expecting(const char *yaml, bool cached, const char *option, const char *value)
{
    json_t *run = option ? e2e_run(yaml, option, value) : e2e_run(yaml);

    e2e_expect_task(run, "a", cached ? "Cached" : "Completed");
    cr_assert_eq(json_is_true(json_object_get(e2e_task(run, "a"), "cached")), cached);
    return run;
}

Test(cache, the_second_run_is_cached_and_gives_the_same)
{
    run_expecting(MARKING("inputs"), false, NULL, NULL);
    e2e_expect_result(run_expecting(MARKING("inputs"), true, NULL, NULL), "1");
    cr_assert_eq(e2e_lines("log"), 1);
}

Test(cache, by_default_nothing_is_cached)
{
    run_expecting(MARKING("off"), false, NULL, NULL);
    run_expecting(MARKING("off"), false, NULL, NULL);
    cr_assert_eq(e2e_lines("log"), 2);
}

Test(cache, another_parameter_is_a_miss)
{
    run_expecting(MARKING("inputs"), false, "-p", "n=1");
    e2e_expect_result(run_expecting(MARKING("inputs"), false, "-p", "n=2"), "2");
    e2e_expect_result(run_expecting(MARKING("inputs"), true, "-p", "n=1"), "1");
}

Test(cache, another_flow_with_the_same_inputs_is_a_hit)
{
    e2e_run("flow: one\n"
            "steps:\n"
            "  a: { task: json.parse, cache: inputs, with: { text: '[7]' } }\n");
    json_t *run = e2e_run("flow: two\n"
                          "steps:\n"
                          "  other: { task: json.parse, cache: inputs, with: { text: '[7]' } }\n");

    e2e_expect_task(run, "other", "Cached");
}

Test(cache, the_flow_gives_the_default_and_a_step_may_refuse)
{
    const char *yaml = "flow: f\n"
                       "cache: inputs\n"
                       "steps:\n"
                       "  a: { task: json.parse, with: { text: '1' } }\n"
                       "  b: { task: json.parse, cache: off, with: { text: '2' } }\n";

    e2e_run(yaml);
    json_t *run = e2e_run(yaml);
    e2e_expect_task(run, "a", "Cached");
    e2e_expect_task(run, "b", "Completed");
}

#define READING                                                                 \
    "flow: f\n"                                                                 \
    "params: { path: data }\n"                                                  \
    "steps:\n"                                                                  \
    "  a: { task: fs.read, cache: inputs, with: { path: '${params.path}' } }\n" \
    "output: '${steps.a.content}'\n"

Test(cache, another_content_of_a_file_is_a_miss)
{
    e2e_write("data", "one");
    run_expecting(READING, false, NULL, NULL);
    run_expecting(READING, true, NULL, NULL);
    e2e_write("data", "two");
    e2e_expect_result(run_expecting(READING, false, NULL, NULL), "\"two\"");
}

Test(cache, the_same_content_under_another_name_is_a_hit)
{
    e2e_write("data", "one");
    e2e_write("other", "one");
    run_expecting(READING, false, NULL, NULL);
    run_expecting(READING, true, "-p", "path=other");
}

Test(cache, a_file_that_is_not_there_leaves_the_error_to_the_task)
{
    json_t *run = e2e_run(READING);

    e2e_expect_state(run, "Failed");
    e2e_expect_error(e2e_task(run, "a"), "fs.not_found", "data");
}

/* The same name and version, but one byte differs. */
Test(cache, another_content_of_the_plugin_is_a_miss)
{
    const char *yaml = "flow: f\n"
                       "steps:\n"
                       "  a: { task: good.whole, cache: inputs, with: { a: 1 } }\n";
    const char *path = e2e_text("%s/plugins/good.so", e2e_home());

    e2e_plugin("good");
    run_expecting(yaml, false, NULL, NULL);
    run_expecting(yaml, true, NULL, NULL);
    cr_assert_eq(
        e2e_wait(e2e_start_program((const char *const[]){
                     "sh", "-c",
                     e2e_text("cp %s new; printf x >>new; touch -d '1 hour ago' new; mv new %s",
                              path, path),
                     NULL}))
            ->code,
        0);
    run_expecting(yaml, false, NULL, NULL);
}

Test(cache, a_failure_is_not_cached)
{
    const char *yaml =
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, cache: inputs, with: { shell: 'echo x >>log; test -e fixed' } }\n";

    e2e_expect_state(e2e_run(yaml), "Failed");
    e2e_write("fixed", "");
    run_expecting(yaml, false, NULL, NULL);
    run_expecting(yaml, true, NULL, NULL);
    cr_assert_eq(e2e_lines("log"), 2);
}

Test(cache, side_effects_are_never_cached)
{
    const char *yaml = "flow: f\n"
                       "cache: inputs\n"
                       "steps:\n"
                       "  a: { task: fs.write, with: { path: out, content: x } }\n";

    run_expecting(yaml, false, NULL, NULL);
    run_expecting(yaml, false, NULL, NULL);
}

/* The entry's age is its life: the second run begins when it is over. */
Test(cache, an_entry_past_its_time_is_a_miss)
{
    run_expecting(MARKING("{ ttl: 1s }"), false, NULL, NULL);
    run_expecting(MARKING("{ ttl: 1s }"), true, NULL, NULL);
    poll(NULL, 0, 1100);
    run_expecting(MARKING("{ ttl: 1s }"), false, NULL, NULL);
}

Test(cache, a_refresh_computes_anew_and_renews_the_entry)
{
    const char *yaml =
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, cache: inputs, with: { shell: 'echo x >>log; wc -l <log', parse: json } }\n"
        "output: '${steps.a.stdout}'\n";

    e2e_expect_result(run_expecting(yaml, false, NULL, NULL), "1");
    json_t *run = e2e_run(yaml, "--refresh-cache");
    e2e_expect_task(run, "a", "Completed");
    e2e_expect_result(run_expecting(yaml, true, NULL, NULL), "2");
}

Test(cache, a_key_of_ones_own_replaces_the_inputs)
{
    const char *yaml =
        "flow: f\n"
        "params: { month: { type: string }, n: 1 }\n"
        "steps:\n"
        "  a: { task: json.format, cache: { key: 'm-${params.month}' }, with: { value: '${params.n}' } }\n"
        "output: '${steps.a}'\n";
    json_t *run;

    e2e_run(yaml, "-p", "month=2001-01", "-p", "n=1");
    run = e2e_run(yaml, "-p", "month=2001-01", "-p", "n=2");
    e2e_expect_task(run, "a", "Cached");
    e2e_expect_result(run, "\"1\"");
    run = e2e_run(yaml, "-p", "month=2001-02", "-p", "n=2");
    e2e_expect_task(run, "a", "Completed");
}

/* Both steps are ready at once, and the one that works waits until both must have been looked at.
 */
Test(cache, two_equal_steps_compute_once)
{
    json_t *run = e2e_run("flow: f\n"
                          "cache: inputs\n"
                          "steps:\n"
                          "  a: { task: exec.run, with: { shell: 'echo x >>log; sleep 0.3' } }\n"
                          "  b: { task: exec.run, with: { shell: 'echo x >>log; sleep 0.3' } }\n");

    e2e_expect_state(run, "Completed");
    cr_assert_eq(e2e_lines("log"), 1);
    cr_assert_eq(json_is_true(json_object_get(e2e_task(run, "a"), "cached")) +
                     json_is_true(json_object_get(e2e_task(run, "b"), "cached")),
                 1);
}

Test(cache, when_the_first_of_two_equal_steps_fails_the_second_tries_itself)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "cache: inputs\n"
        "steps:\n"
        "  a: { task: exec.run, allow_failure: true, with: { shell: 'echo x >>log; test $(wc -l <log) = 2' } }\n"
        "  b: { task: exec.run, allow_failure: true, with: { shell: 'echo x >>log; test $(wc -l <log) = 2' } }\n");
    json_t *a = e2e_task(run, "a");
    json_t *b = e2e_task(run, "b");

    cr_assert_eq(e2e_lines("log"), 2);
    cr_assert_eq(
        (strcmp(e2e_state(a), "Completed") == 0) + (strcmp(e2e_state(b), "Completed") == 0), 1);
}

Test(cache, the_children_of_a_map_are_cached_one_by_one)
{
    const char *yaml =
        "flow: f\n"
        "params: { l: { type: list, items: int } }\n"
        "steps:\n"
        "  a: { task: json.format, map: '${params.l}', cache: inputs, with: { value: '${item}' } }\n";
    json_t *run;

    e2e_run(yaml, "-p", "l=1,2");
    run = e2e_run(yaml, "-p", "l=3,2");
    e2e_expect_task(run, "a[0]", "Completed");
    e2e_expect_task(run, "a[1]", "Cached");
}

Test(cache, a_large_result_is_cached)
{
    const char *yaml = "flow: f\n"
                       "steps:\n"
                       "  a: { task: good.big, cache: inputs, with: { size: 100000 } }\n"
                       "  b: { task: good.measure, with: { text: '${steps.a.text}' } }\n"
                       "output: '${steps.b.len}'\n";

    e2e_plugin("good");
    run_expecting(yaml, false, NULL, NULL);
    e2e_expect_result(run_expecting(yaml, true, NULL, NULL), "100000");
}

/* Runs a shell command on the files of the large values. */
static void spoil(const char *command)
{
    const struct e2e_out *out = e2e_wait(e2e_start_program((const char *const[]){
        "sh", "-c",
        e2e_text("chmod -R u+w home/blobs; f=$(find home/blobs -type f); test -n \"$f\" && %s",
                 command),
        NULL}));

    cr_assert_eq(out->code, 0, "%s", out->err);
}

/* An entry whose large value was spoiled must be computed again, and be good afterwards. */
static void expect_miss_after(const char *command)
{
    const char *yaml = "flow: f\n"
                       "steps:\n"
                       "  a: { task: good.big, cache: inputs, with: { size: 100000 } }\n"
                       "  b: { task: json.format, with: { value: '${steps.a.text | length}' } }\n"
                       "output: '${steps.b}'\n";

    e2e_plugin("good");
    run_expecting(yaml, false, NULL, NULL);
    spoil(command);
    e2e_expect_result(run_expecting(yaml, false, NULL, NULL), "\"100000\"");
    e2e_expect_result(run_expecting(yaml, true, NULL, NULL), "\"100000\"");
}

Test(cache, an_entry_whose_value_was_altered_is_a_miss)
{
    expect_miss_after("printf Y | dd of=$f bs=1 seek=5000 conv=notrunc");
}

Test(cache, an_entry_whose_value_was_cut_is_a_miss)
{
    expect_miss_after("truncate -s 5000 $f");
}

Test(cache, an_entry_whose_value_is_gone_is_a_miss)
{
    expect_miss_after("rm $f");
}

/* ---- leat cache -------------------------------------------------------------------------------
 */

Test(cache, explain_names_the_parameter_that_changed)
{
    run_expecting(MARKING("inputs"), false, "-p", "n=1");
    run_expecting(MARKING("inputs"), false, "-p", "n=2");
    json_t *answer = e2e_json("cache", "explain", "@last/a");
    json_t *differs = json_object_get(json_object_get(answer, "nearest"), "differs");

    cr_assert_eq(json_array_size(differs), 1);
    cr_assert_str_eq(e2e_member(json_array_get(differs, 0), "part"), "env");
    e2e_expect_words(e2e_leat("cache", "explain", "@last/a")->out, "env");
}

Test(cache, explain_says_that_a_step_was_a_hit)
{
    run_expecting(MARKING("inputs"), false, NULL, NULL);
    run_expecting(MARKING("inputs"), true, NULL, NULL);
    cr_assert_str_eq(e2e_member(e2e_json("cache", "explain", "@last/a"), "answer"), "hit");
}

Test(cache, explain_says_that_caching_is_off)
{
    run_expecting(MARKING("off"), false, NULL, NULL);
    cr_assert_str_eq(e2e_member(e2e_json("cache", "explain", "@last/a"), "answer"), "off");
}

Test(cache, removed_entries_are_misses)
{
    run_expecting(MARKING("inputs"), false, NULL, NULL);
    json_t *removed = e2e_json("cache", "invalidate", "--task", "exec.run");
    cr_assert_eq(json_integer_value(json_object_get(removed, "removed")), 1);
    run_expecting(MARKING("inputs"), false, NULL, NULL);
}

Test(cache, entries_are_listed)
{
    run_expecting(MARKING("inputs"), false, NULL, NULL);
    json_t *items = json_object_get(e2e_json("cache", "ls"), "items");

    cr_assert_eq(json_array_size(items), 1);
    cr_assert_str_eq(e2e_member(json_array_get(items, 0), "task_type"), "exec.run");
}

/* Deleting the run that made an entry does not take the entry away. */
Test(cache, entries_outlive_their_runs)
{
    run_expecting(MARKING("inputs"), false, NULL, NULL);
    cr_assert_eq(e2e_leat("flow-run", "delete", "@last")->code, 0);
    run_expecting(MARKING("inputs"), true, NULL, NULL);
}

Test(cache, a_secret_counts_without_being_stored)
{
    const char *yaml =
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, cache: inputs, with: { shell: 'true', env: { K: '${secrets.key}' } } }\n";

    setenv("LEAT_SECRET_KEY", "canary-7777-first", 1);
    run_expecting(yaml, false, NULL, NULL);
    run_expecting(yaml, true, NULL, NULL);
    setenv("LEAT_SECRET_KEY", "canary-7777-second", 1);
    run_expecting(yaml, false, NULL, NULL);
    e2e_leat("cache", "explain", "@last/a");
    cr_assert_not(e2e_tree_holds("home", "canary-7777"));
}
