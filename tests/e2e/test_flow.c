/*
 * Flows as their authors write them: order and data, conditions, failures, clean-up, expressions.
 */
#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

TestSuite(flow, .init = e2e_begin, .fini = e2e_end);

/* ---- order and data ---------------------------------------------------------------------------
 */

Test(flow, a_reference_carries_a_value_and_makes_the_order)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  b: { task: json.format, with: { value: ['${steps.a}', 3] } }\n"
                          "  a: { task: json.parse, with: { text: '{\"x\": [1, 2.5, null]}' } }\n"
                          "output: '${steps.b}'\n");

    e2e_expect_state(run, "Completed");
    e2e_expect_result(run, "\"[{\\\"x\\\":[1,2.5,null]},3]\"");
    cr_assert_leq(e2e_instant(e2e_task(run, "a"), "ended"),
                  e2e_instant(e2e_task(run, "b"), "started"));
}

Test(flow, a_path_reaches_into_a_result)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: json.parse, with: { text: '{\"rows\": [{\"odd name\": 1}, {\"n\": 2}]}' } }\n"
        "output:\n"
        "  first: '${steps.a.rows[0][\"odd name\"]}'\n"
        "  last: '${steps.a.rows[-1].n}'\n"
        "  text: 'n=${steps.a.rows[-1].n} of ${steps.a.rows}; $${not} a reference'\n");

    e2e_expect_result(run, "{\"first\": 1, \"last\": 2, \"text\": "
                           "\"n=2 of [{\\\"odd name\\\":1},{\\\"n\\\":2}]; ${not} a reference\"}");
}

Test(flow, a_path_that_leads_nowhere_fails_the_step_and_says_what_there_is)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '{\"rows\": 1}' } }\n"
                          "  b: { task: json.format, with: { value: '${steps.a.row}' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "b", "Failed");
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "b"), "error"), "text"), "rows");
}

Test(flow, wait_for_orders_steps_that_share_no_data)
{
    json_t *run =
        e2e_run("flow: f\n"
                "steps:\n"
                "  late: { task: exec.run, wait_for: early,\n"
                "          with: { command: [cat, sign], parse: lines } }\n"
                "  early: { task: exec.run, with: { shell: 'sleep 0.1; echo x >sign' } }\n"
                "output: '${steps.late.stdout}'\n");

    e2e_expect_result(run, "[\"x\"]");
}

/* Each of the two steps ends only when the other one has begun. */
Test(flow, steps_that_do_not_need_each_other_run_together)
{
    e2e_fifo("a");
    e2e_fifo("b");
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  x: { task: exec.run, with: { shell: 'echo >a; read l <b' } }\n"
                          "  y: { task: exec.run, with: { shell: 'echo >b; read l <a' } }\n");

    e2e_expect_state(run, "Completed");
}

Test(flow, a_chain_runs_in_its_order_whatever_the_file_says)
{
    json_t *run =
        e2e_run("flow: f\n"
                "steps:\n"
                "  c: { task: exec.run, wait_for: b, with: { shell: 'echo c >>log' } }\n"
                "  b: { task: exec.run, wait_for: [a], with: { shell: 'echo b >>log' } }\n"
                "  a: { task: exec.run, with: { shell: 'echo a >>log' } }\n");

    e2e_expect_state(run, "Completed");
    cr_assert_str_eq(e2e_read("log"), "a\nb\nc\n");
}

Test(flow, without_output_the_result_is_the_empty_map)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '1' } }\n");

    e2e_expect_result(run, "{}");
}

Test(flow, an_output_that_can_not_be_made_fails_the_run)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '{}' } }\n"
                          "output: '${steps.a.rows}'\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "a", "Completed");
    e2e_expect_words(e2e_member(json_object_get(run, "error"), "text"), "rows");
}

/* ---- conditions -------------------------------------------------------------------------------
 */

Test(flow, a_false_condition_skips_the_step_and_its_value_is_null)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, when: '${1 > 2}', with: { shell: 'echo x >sign' } }\n"
        "  b: { task: json.format, with: { value: ['${steps.a}', '${steps.a.stdout[0]}'] } }\n"
        "output: '${steps.b}'\n");

    e2e_expect_state(run, "Completed");
    e2e_expect_task(run, "a", "Skipped");
    e2e_expect_result(run, "\"[null,null]\"");
    cr_assert_not(e2e_exists("sign"));
}

Test(flow, a_true_condition_runs_the_step)
{
    json_t *run = e2e_run("flow: f\n"
                          "params: { go: true }\n"
                          "steps:\n"
                          "  a: { task: json.parse, when: '${params.go}', with: { text: '7' } }\n"
                          "output: '${steps.a}'\n");

    e2e_expect_result(run, "7");
}

Test(flow, a_condition_that_is_no_boolean_fails_the_step)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, when: '${run.name}', with: { text: '7' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "a"), "error"), "text"),
                     "wants true or false");
}

/* ---- failures ---------------------------------------------------------------------------------
 */

Test(flow, a_failed_step_fails_the_run_and_those_that_need_it_do_not_run)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: exec.run, with: { shell: 'echo bad luck >&2; exit 3' } }\n"
                          "  b: { task: exec.run, wait_for: a, with: { shell: 'echo x >sign' } }\n"
                          "  c: { task: exec.run, wait_for: b, with: { shell: 'echo x >sign' } }\n"
                          "  d: { task: exec.run, with: { shell: 'echo x >other' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_error(e2e_task(run, "a"), "exec.exit", "bad luck");
    e2e_expect_task(run, "b", "UpstreamFailed");
    e2e_expect_task(run, "c", "UpstreamFailed");
    e2e_expect_task(run, "d", "Completed");
    cr_assert_not(e2e_exists("sign"));
    e2e_expect_words(e2e_member(json_object_get(run, "error"), "text"), "a");
}

Test(flow, a_failure_that_is_allowed_fails_nothing_and_is_null_for_others)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '{' }, allow_failure: true }\n"
                          "  b: { task: json.format, with: { value: ['${steps.a.x.y}'] } }\n"
                          "output: '${steps.b}'\n");

    e2e_expect_state(run, "Completed");
    e2e_expect_task(run, "a", "Failed");
    e2e_expect_result(run, "\"[null]\"");
}

Test(flow, a_step_that_allows_failures_of_others_runs_but_the_flow_fails)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '{' } }\n"
                          "  b: { task: json.format, with: { value: '${steps.a // \"none\"}' },\n"
                          "       allow_failure: [a] }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "a", "Failed");
    e2e_expect_task(run, "b", "Completed");
}

Test(flow, a_list_of_allowed_failures_allows_no_others)
{
    json_t *run =
        e2e_run("flow: f\n"
                "steps:\n"
                "  a: { task: json.parse, with: { text: '{' } }\n"
                "  b: { task: json.parse, with: { text: '{' } }\n"
                "  c: { task: json.format, with: { value: ['${steps.a}', '${steps.b}'] },\n"
                "       allow_failure: [a] }\n");

    e2e_expect_task(run, "c", "UpstreamFailed");
}

Test(flow, parameters_of_a_wrong_type_fail_the_step_without_running_it)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '[1]' } }\n"
                          "  b: { task: exec.run, with: { shell: '${steps.a}' }, retries: 3 }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "b", "Failed");
    cr_assert_eq(json_integer_value(json_object_get(e2e_task(run, "b"), "attempts")), 0);
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "b"), "error"), "text"), "shell");
}

/* ---- finally ----------------------------------------------------------------------------------
 */

#define TIDY     \
    "finally:\n" \
    "  tidy: { task: exec.run, with: { shell: 'echo $S >>tidy', env: { S: '${run.state}' } } }\n"

Test(flow, finally_runs_after_a_success)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '1' } }\n" TIDY);

    e2e_expect_state(run, "Completed");
    cr_assert_str_eq(e2e_read("tidy"), "Completed\n");
    cr_assert_leq(e2e_instant(e2e_task(run, "a"), "ended"),
                  e2e_instant(e2e_task(run, "tidy"), "started"));
}

Test(flow, finally_runs_after_a_failure_and_knows_why)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: json.parse, with: { text: '{' } }\n"
        "finally:\n"
        "  tidy: { task: fs.write, with: { path: tidy, content: '${run.state} ${steps.a} ${run.error}' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "tidy", "Completed");
    e2e_expect_words(e2e_read("tidy"), "Failed null a failed: ");
}

Test(flow, finally_steps_have_an_order_of_their_own)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '1' } }\n"
                          "finally:\n"
                          "  z: { task: exec.run, wait_for: y, with: { shell: 'echo z >>log' } }\n"
                          "  y: { task: exec.run, with: { shell: 'echo y >>log' } }\n");

    e2e_expect_state(run, "Completed");
    cr_assert_str_eq(e2e_read("log"), "y\nz\n");
}

Test(flow, a_failure_in_finally_fails_the_run)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '1' } }\n"
                          "finally:\n"
                          "  tidy: { task: json.parse, with: { text: '{' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "a", "Completed");
}

/* ---- expressions ------------------------------------------------------------------------------
 */

Test(flow, expressions_work_on_results)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: json.parse, with: { text: '[3, 1, 2]' } }\n"
        "output:\n"
        "  sorted: '${steps.a | sort}'\n"
        "  sum: '${[steps.a[] | . * 2] | add}'\n"
        "  text: 'the largest is ${steps.a | max}'\n"
        "  choice: \"${if (steps.a | length) > 2 then \\\"many\\\" else \\\"few\\\" end}\"\n");

    e2e_expect_result(run, "{\"sorted\": [1, 2, 3], \"sum\": 12, \"text\": \"the largest is 3\", "
                           "\"choice\": \"many\"}");
}

Test(flow, an_expression_that_fails_fails_its_step_with_the_reason)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '[3]' } }\n"
                          "  b: { task: json.format, with: { value: '${steps.a + 1}' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "b", "Failed");
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "b"), "error"), "text"),
                     "cannot be added");
}

Test(flow, an_expression_without_a_result_fails_its_step)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  b: { task: json.format, with: { value: '${empty}' } }\n");

    e2e_expect_task(run, "b", "Failed");
}

Test(flow, expressions_do_not_reach_outside)
{
    e2e_refused("flow: f\n"
                "steps:\n"
                "  b: { task: json.format, with: { value: '${$ENV.HOME}' } }\n",
                "$ENV is not known here");
}

/* The program goes on with another one after its evaluator was killed. */
Test(flow, an_expression_that_never_ends_is_stopped)
{
    json_t *run =
        e2e_run("flow: f\n"
                "steps:\n"
                "  a: { task: json.format, with: { value: '${[range(1e18)] | length}' },\n"
                "       allow_failure: true }\n"
                "  b: { task: json.format, wait_for: a, with: { value: '${1 + 1}' } }\n"
                "output: '${steps.b}'\n");

    e2e_expect_error(e2e_task(run, "a"), "expression.timeout", "10 s");
    e2e_expect_result(run, "\"2\"");
}
