/*
 * Log lines over the API of a whole engine.
 */
#include "api/api.h"

#include <criterion/criterion.h>

#include "fixture.h"

static struct fixture fixture;

/* Two steps of five lines each; hello.greet writes one more. */
static const char flow_lines[] =
    "flow: chatty\n"
    "steps:\n"
    "  first:\n"
    "    task: exec.run\n"
    "    with: { shell: \"for i in 1 2 3 4 5; do echo line $i >&2; done\" }\n"
    "  second: { task: hello.greet, wait_for: [first], with: { who: log } }\n"
    "  fan: { task: hello.greet, map: [a, b], with: { who: \"${item}\" }, wait_for: [second] }\n";

/* An engine that has run the flow. */
static void start(void)
{
    fixture_start(&fixture);
    fixture_run(&fixture, flow_lines, "");
}

/* Ends it. */
static void stop(void)
{
    fixture_stop(&fixture);
}

TestSuite(api_logs, .init = start, .fini = stop, .timeout = 60);

Test(api_logs, lines_come_oldest_first_with_their_tasks)
{
    struct val list = fixture_get(&fixture, "/flow-runs/@last/logs?task=first");

    cr_assert_eq(count_at(list, "items"), 5);
    cr_assert_str_eq(text_at(list, "items.0.text"), "line 1");
    cr_assert_str_eq(text_at(list, "items.4.text"), "line 5");
    cr_assert_str_eq(text_at(list, "items.0.task"), "first");
    cr_assert(null_at(list, "next"));
}

Test(api_logs, pages_join_without_gap_or_overlap)
{
    struct val list = fixture_get(&fixture, "/flow-runs/@last/logs?task=first&limit=2");
    int64_t next = int_at(list, "next");

    cr_assert_eq(count_at(list, "items"), 2);
    list = fixture_get(&fixture, format("/flow-runs/@last/logs?task=first&after=%d", (int)next));
    cr_assert_eq(count_at(list, "items"), 3);
    cr_assert_str_eq(text_at(list, "items.0.text"), "line 3");
}

Test(api_logs, the_tail_is_the_newest_lines_in_order)
{
    struct val list = fixture_get(&fixture, "/flow-runs/@last/logs?task=first&tail=1&limit=2");

    cr_assert_eq(count_at(list, "items"), 2);
    cr_assert_str_eq(text_at(list, "items.0.text"), "line 4");
    cr_assert_str_eq(text_at(list, "items.1.text"), "line 5");
}

Test(api_logs, the_tail_of_no_lines_is_empty)
{
    struct val list = fixture_get(&fixture, "/flow-runs/@last/logs?level=100&tail=1");

    cr_assert_eq(count_at(list, "items"), 0);
}

Test(api_logs, levels_below_the_wanted_one_are_left_out)
{
    cr_assert_eq(count_at(fixture_get(&fixture, "/flow-runs/@last/logs?level=100"), "items"), 0);
    cr_assert_gt(count_at(fixture_get(&fixture, "/flow-runs/@last/logs?level=20"), "items"), 0);
}

Test(api_logs, lines_of_a_mapped_step_are_its_childrens)
{
    struct val list = fixture_get(&fixture, "/flow-runs/@last/logs?task=fan");

    cr_assert_eq(count_at(list, "items"), 2);
    cr_assert_eq(count_at(fixture_get(&fixture, "/flow-runs/@last/logs?task=fan[1]"), "items"), 1);
}

Test(api_logs, lines_of_an_unknown_task_are_not_found)
{
    fixture_ask(&fixture, "GET", "/flow-runs/@last/logs?task=thrid", NULL, 404);
}
