/*
 * Mapped steps: one task run for each member of a list that is known when the flow runs.
 */
#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

TestSuite(map, .init = e2e_begin, .fini = e2e_end);

Test(map, the_result_is_the_list_of_results_in_order)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  list: { task: json.parse, with: { text: '[\"a\", \"b\", \"c\"]' } }\n"
        "  each: { task: json.format, map: '${steps.list}', with: { value: ['${index}', '${item}'] } }\n"
        "output: '${steps.each}'\n");

    e2e_expect_state(run, "Completed");
    e2e_expect_result(run, "[\"[0,\\\"a\\\"]\", \"[1,\\\"b\\\"]\", \"[2,\\\"c\\\"]\"]");
    e2e_expect_task(run, "each[2]", "Completed");
    cr_assert_eq(json_integer_value(json_object_get(e2e_task(run, "each[2]"), "map_index")), 2);
    cr_assert_eq(
        json_integer_value(json_object_get(json_object_get(e2e_task(run, "each"), "map"), "total")),
        3);
}

Test(map, an_empty_list_completes_at_once)
{
    json_t *run =
        e2e_run("flow: f\n"
                "steps:\n"
                "  list: { task: json.parse, with: { text: '[]' } }\n"
                "  each: { task: json.format, map: '${steps.list}', with: { value: '${item}' } }\n"
                "  after: { task: json.format, with: { value: '${steps.each}' } }\n"
                "output: '${steps.after}'\n");

    e2e_expect_task(run, "each", "Completed");
    e2e_expect_result(run, "\"[]\"");
}

Test(map, a_list_of_one_makes_a_list_of_one)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  each: { task: json.format, map: [7], with: { value: '${item}' } }\n"
                          "output: '${steps.each}'\n");

    e2e_expect_result(run, "[\"7\"]");
}

Test(map, a_thousand_items_come_back_in_order)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  each: { task: json.format, map: '${[range(1000)]}', with: { value: '${item}' } }\n"
        "output: '${[steps.each[] | tonumber] == [range(1000)]}'\n");

    e2e_expect_state(run, "Completed");
    e2e_expect_result(run, "true");
    e2e_expect_task(run, "each[999]", "Completed");
}

Test(map, a_failing_child_fails_the_step_after_all_children_ran)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  each:\n"
                          "    task: json.parse\n"
                          "    map: ['1', '{', '3']\n"
                          "    with: { text: '${item}' }\n"
                          "  after: { task: json.format, with: { value: '${steps.each}' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "each", "Failed");
    e2e_expect_task(run, "each[0]", "Completed");
    e2e_expect_task(run, "each[1]", "Failed");
    e2e_expect_task(run, "each[2]", "Completed");
    e2e_expect_task(run, "after", "UpstreamFailed");
    cr_assert_eq(json_integer_value(
                     json_object_get(json_object_get(e2e_task(run, "each"), "map"), "failed")),
                 1);
}

Test(map, a_list_that_is_none_fails_the_step)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  list: { task: json.parse, with: { text: '{\"a\": 1}' } }\n"
        "  each: { task: json.format, map: '${steps.list}', with: { value: '${item}' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "each"), "error"), "text"), "list");
}

Test(map, results_nest)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  each: { task: json.parse, map: ['[1, {\"a\": []}]', '[[2]]'], with: { text: '${item}' } }\n"
        "  again: { task: json.format, map: '${steps.each}', with: { value: '${item[0]}' } }\n"
        "output: { first: '${steps.each[0][1].a}', second: '${steps.again}' }\n");

    e2e_expect_result(run, "{\"first\": [], \"second\": [\"1\", \"[2]\"]}");
}

Test(map, a_condition_on_the_item_skips_single_children)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  each: { task: json.format, map: [1, 2, 3], when: '${item != 2}', with: { value: '${item}' } }\n"
        "output: '${steps.each}'\n");

    e2e_expect_task(run, "each[1]", "Skipped");
    e2e_expect_result(run, "[\"1\", null, \"3\"]");
}

Test(map, a_condition_without_the_item_skips_the_step)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "params: { go: false }\n"
        "steps:\n"
        "  each: { task: json.format, map: [1, 2], when: '${params.go}', with: { value: '${item}' } }\n"
        "output: '${steps.each}'\n");

    e2e_expect_task(run, "each", "Skipped");
    e2e_expect_result(run, "null");
}

Test(map, each_child_has_its_own_retries)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  each:\n"
        "    task: exec.run\n"
        "    map: [a, b]\n"
        "    retries: 2\n"
        "    with: { shell: 'echo x >>$N; test \"$N\" = a || test $LEAT_ATTEMPT = 3', env: { N: '${item}' } }\n");

    e2e_expect_state(run, "Completed");
    cr_assert_eq(e2e_lines("a"), 1);
    cr_assert_eq(e2e_lines("b"), 3);
    cr_assert_eq(json_integer_value(json_object_get(e2e_task(run, "each[1]"), "attempts")), 3);
}

Test(map, a_child_is_found_by_its_name)
{
    e2e_run("flow: f\n"
            "steps:\n"
            "  each: { task: json.format, map: [10, 11], with: { value: '${item}' } }\n");
    json_t *task = e2e_json("task-run", "inspect", "@last/each[1]");

    e2e_expect_result(task, "\"11\"");
}

/* Children may be of any number, but of no more than a million. */
Test(map, a_list_beyond_the_limit_fails_the_step)
{
    json_t *run =
        e2e_run("flow: f\n"
                "steps:\n"
                "  each: { task: json.format, map: '${[range(1000001)]}', with: { value: 1 } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "each", "Failed");
}
