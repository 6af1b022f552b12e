/*
 * The result cache over the API of a whole engine: listing, removing, explaining.
 */
#include "api/api.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/file.h"
#include "fixture.h"

static struct fixture fixture;

/* A fresh engine. */
static void start(void)
{
    fixture_start(&fixture);
}

/* Ends it. */
static void stop(void)
{
    fixture_stop(&fixture);
}

TestSuite(api_cache, .init = start, .fini = stop, .timeout = 60);

/* ---- entries ---- */

Test(api_cache, an_entry_says_who_made_it)
{
    const char *id = fixture_run(&fixture, flow_hello, "");
    struct val list = fixture_get(&fixture, "/cache");

    cr_assert_eq(count_at(list, "items"), 1);
    cr_assert_str_eq(text_at(list, "items.0.task_type"), "hello.greet");
    cr_assert_str_eq(text_at(list, "items.0.task"), "greet");
    cr_assert_str_eq(text_at(list, "items.0.run"), id);
    cr_assert(null_at(list, "items.0.expires"));
    cr_assert_gt(int_at(list, "items.0.bytes"), 0);
}

Test(api_cache, entries_come_page_by_page)
{
    struct val list;
    const char *first;
    const char *cursor;

    fixture_run(&fixture, flow_hello, "");
    fixture_run(&fixture, flow_hello, ", \"params\": {\"who\": \"b\"}");
    list = fixture_get(&fixture, "/cache?limit=1");
    first = text_at(list, "items.0.key");
    cursor = text_at(list, "next");
    list = fixture_get(&fixture, format("/cache?limit=1&after=%s", cursor));
    cr_assert_str_neq(text_at(list, "items.0.key"), first);
    cr_assert(null_at(list, "next"));
    fixture_ask(&fixture, "GET", "/cache?after=zz", NULL, 400);
}

Test(api_cache, entries_are_filtered_by_type)
{
    fixture_run(&fixture, flow_hello, "");
    cr_assert_eq(count_at(fixture_get(&fixture, "/cache?task=hello.greet"), "items"), 1);
    cr_assert_eq(count_at(fixture_get(&fixture, "/cache?task=hello.gree"), "items"), 0);
}

Test(api_cache, stats_count_entries_and_bytes)
{
    struct val stats;

    fixture_run(&fixture, flow_hello, "");
    stats = fixture_get(&fixture, "/cache/stats");
    cr_assert_eq(int_at(stats, "entries"), 1);
    cr_assert_eq(int_at(stats, "expired"), 0);
    cr_assert_gt(int_at(stats, "bytes"), 0);
}

/* Runs the hello flow with three different inputs. */
static void fill(void)
{
    fixture_run(&fixture, flow_hello, "");
    fixture_run(&fixture, flow_hello, ", \"params\": {\"who\": \"b\"}");
    fixture_run(&fixture, flow_hello, ", \"params\": {\"who\": \"c\"}");
}

/* Removes entries and tells how many went. */
static int64_t removed(const char *query)
{
    return int_at(fixture_ask(&fixture, "DELETE", format("/cache?%s", query), NULL, 200),
                  "removed");
}

Test(api_cache, one_entry_is_removed_by_key)
{
    const char *key;

    fill();
    key = text_at(fixture_get(&fixture, "/cache"), "items.0.key");
    cr_assert_eq(removed(format("key=%s", key)), 1);
    cr_assert_eq(count_at(fixture_get(&fixture, "/cache"), "items"), 2);
    cr_assert_eq(removed(format("key=%s", key)), 0);
}

Test(api_cache, entries_are_removed_by_type)
{
    fill();
    cr_assert_eq(removed("task=exec.run"), 0);
    cr_assert_eq(removed("task=hello.greet"), 3);
    cr_assert_eq(count_at(fixture_get(&fixture, "/cache"), "items"), 0);
}

Test(api_cache, everything_is_removed_at_once)
{
    fill();
    cr_assert_eq(removed("all=1"), 3);
    cr_assert_eq(removed("all=1"), 0);
}

Test(api_cache, a_removal_needs_exactly_one_choice)
{
    fixture_ask(&fixture, "DELETE", "/cache", NULL, 400);
    fixture_ask(&fixture, "DELETE", "/cache?all=0", NULL, 400);
    fixture_ask(&fixture, "DELETE", "/cache?all=1&task=a", NULL, 400);
    fixture_ask(&fixture, "DELETE", "/cache?key=12", NULL, 400);
}

/* ---- explaining ---- */

/* The sentence about a task of the latest run. */
static const char *explain(const char *task, const char *answer)
{
    struct val value = fixture_get(&fixture, format("/flow-runs/@last/task-runs/%s/cache", task));

    cr_assert_str_eq(text_at(value, "answer"), answer, "%s", text_at(value, "sentence"));
    return text_at(value, "sentence");
}

Test(api_cache, a_hit_names_the_run_that_made_it)
{
    fixture_run(&fixture, flow_hello, ", \"name\": \"maker\"");
    fixture_run(&fixture, flow_hello, "");
    cr_assert(strstr(explain("greet", "hit"), "hit: result of run maker from 20"));
}

Test(api_cache, the_first_run_misses_because_there_was_none)
{
    fixture_run(&fixture, flow_hello, "");
    cr_assert_str_eq(explain("greet", "miss"),
                     "miss: no other run has kept a result of step \"greet\"");
}

Test(api_cache, a_miss_names_the_parameter_that_changed)
{
    struct val value;

    fixture_run(&fixture, flow_hello, ", \"name\": \"brisk-otter\"");
    fixture_run(&fixture, flow_hello, ", \"params\": {\"who\": \"moon\"}");
    cr_assert(strstr(explain("greet", "miss"), "miss: parameter \"who\" changed (\"world\" -> "
                                               "\"moon\") since run brisk-otter at 20"),
              "%s", explain("greet", "miss"));
    value = fixture_get(&fixture, "/flow-runs/@last/task-runs/greet/cache");
    cr_assert_str_eq(text_at(value, "nearest.differs.0.part"), "who");
    cr_assert_str_eq(text_at(value, "nearest.differs.0.before"), "\"world\"");
    cr_assert_str_eq(text_at(value, "nearest.run_name"), "brisk-otter");
    cr_assert_str_eq(text_at(value, "key"), text_at(value, "entry.key"));
}

static const char flow_two[] = "flow: two\nparams:\n  a: { type: string, default: x }\n"
                               "  b: { type: string, default: x }\nsteps:\n  s:\n"
                               "    task: exec.run\n    cache: inputs\n"
                               "    with: { command: [echo, \"${params.a}\"], "
                               "stdin: \"${params.b}\" }\n";

Test(api_cache, the_nearest_of_several_earlier_entries_is_named)
{
    fixture_run(&fixture, flow_two, ", \"name\": \"near\", \"params\": {\"a\": \"1\"}");
    fixture_run(&fixture, flow_two, ", \"name\": \"far\", \"params\": {\"b\": \"2\"}");
    fixture_run(&fixture, flow_two, ", \"params\": {\"a\": \"1\", \"b\": \"3\"}");
    cr_assert(strstr(explain("s", "miss"), "parameter \"stdin\" changed (\"x\" -> \"3\") since "
                                           "run near"),
              "%s", explain("s", "miss"));
}

Test(api_cache, two_differences_are_both_named)
{
    fixture_run(&fixture, flow_two, "");
    fixture_run(&fixture, flow_two, ", \"params\": {\"a\": \"1\", \"b\": \"3\"}");
    cr_assert(strstr(explain("s", "miss"), "parameter \"command\" changed"));
    cr_assert(strstr(explain("s", "miss"), " and parameter \"stdin\" changed"));
}

Test(api_cache, a_refreshing_run_says_so)
{
    fixture_run(&fixture, flow_hello, "");
    fixture_run(&fixture, flow_hello, ", \"refresh_cache\": true");
    cr_assert(strstr(explain("greet", "miss"), "asked to refresh"));
}

Test(api_cache, a_removed_entry_is_told_from_a_changed_input)
{
    fixture_run(&fixture, flow_hello, "");
    removed("all=1");
    fixture_run(&fixture, flow_hello, "");
    cr_assert(strstr(explain("greet", "miss"), "no other run has kept"), "%s",
              explain("greet", "miss"));
}

Test(api_cache, an_expired_entry_says_when_it_was_made)
{
    const char *flow = "flow: brief\nsteps:\n  s: { task: hello.greet, cache: { by: inputs, ttl: "
                       "1ms } }\n";

    fixture_run(&fixture, flow, "");
    fixture_run(&fixture, flow, "");
    cr_assert(strstr(explain("s", "miss"), "had expired"), "%s", explain("s", "miss"));
}

Test(api_cache, a_step_without_cache_says_how_to_turn_it_on)
{
    fixture_run(&fixture, flow_fails, "");
    cr_assert(strstr(explain("bad", "off"), "caching is off for step \"bad\""));
}

Test(api_cache, a_subflow_is_explained_step_by_step)
{
    cr_assert_eq(file_mkdirs(format("%s/flows", fixture.home), 0755, NULL), 0);
    cr_assert_eq(file_write(format("%s/flows/greeting.yaml", fixture.home), flow_hello,
                            strlen(flow_hello), 0644, NULL),
                 0);
    fixture_run(&fixture, "flow: outer\nsteps:\n  call: { flow: greeting }\n", "");
    cr_assert(strstr(explain("call", "off"), "subflows as a whole are not cached"));
}

static const char flow_map[] = "flow: mapped\nparams:\n  who: { type: value, default: [a, b] }\n"
                               "steps:\n  fan:\n    task: hello.greet\n    cache: inputs\n"
                               "    map: \"${params.who}\"\n    with: { who: \"${item}\" }\n";

Test(api_cache, a_mapped_step_is_explained_child_by_child)
{
    fixture_run(&fixture, flow_map, "");
    cr_assert(strstr(explain("fan", "off"), "ask for \"fan[0]\""), "%s", explain("fan", "off"));
}

Test(api_cache, a_child_is_compared_with_its_counterpart_in_another_run)
{
    fixture_run(&fixture, flow_map, "");
    fixture_run(&fixture, flow_map, ", \"params\": {\"who\": [\"a\", \"c\"]}");
    explain("fan[0]", "hit");
    cr_assert(strstr(explain("fan[1]", "miss"), "(\"b\" -> \"c\")"), "%s",
              explain("fan[1]", "miss"));
}

Test(api_cache, a_failed_attempt_can_not_say_what_changed)
{
    const char *flow =
        "flow: f\nparams: { code: { type: int } }\nsteps:\n  s:\n    task: exec.run\n"
        "    cache: inputs\n    with: { shell: \"exit ${params.code}\" }\n";

    fixture_run(&fixture, flow, ", \"params\": {\"code\": 0}");
    fixture_run(&fixture, flow, ", \"params\": {\"code\": 1}");
    cr_assert(strstr(explain("s", "miss"), "once the step has completed"), "%s",
              explain("s", "miss"));
}

Test(api_cache, the_explanation_of_an_unknown_task_is_not_found)
{
    fixture_run(&fixture, flow_hello, "");
    fixture_ask(&fixture, "GET", "/flow-runs/@last/task-runs/none/cache", NULL, 404);
    fixture_ask(&fixture, "GET", "/flow-runs/nobody/task-runs/greet/cache", NULL, 404);
}
