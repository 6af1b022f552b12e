/*
 * Flows that call flows.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

/* A fresh home, and a subflow that doubles a number. */
static void begin(void)
{
    e2e_begin();
    e2e_write("double.yaml",
              "flow: double\n"
              "params: { n: { type: int }, by: 2 }\n"
              "run_name: 'double-${params.n}'\n"
              "steps:\n"
              "  work: { task: json.format, with: { value: '${params.n * params.by}' } }\n"
              "output: { n: '${steps.work | tonumber}' }\n");
}

TestSuite(subflow, .init = begin, .fini = e2e_end);

Test(subflow, parameters_go_in_and_the_output_comes_out)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  sub: { flow: double, with: { n: 21 } }\n"
                          "  after: { task: json.format, with: { value: '${steps.sub.n}' } }\n"
                          "output: '${steps.after}'\n");

    e2e_expect_state(run, "Completed");
    e2e_expect_result(run, "\"42\"");
}

Test(subflow, it_is_a_flow_run_of_its_own_under_its_parent)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  sub: { flow: double, with: { n: 1 } }\n");
    json_t *child = e2e_json("flow-run", "inspect", e2e_member(e2e_task(run, "sub"), "child_run"));

    e2e_expect_state(child, "Completed");
    cr_assert_str_eq(e2e_member(child, "name"), "double-1");
    cr_assert_str_eq(e2e_member(json_object_get(child, "parent"), "run"), e2e_member(run, "id"));
    cr_assert_str_eq(e2e_member(json_object_get(child, "parent"), "task"), "sub");
}

Test(subflow, its_failure_fails_the_step)
{
    e2e_write("bad.yaml", "flow: bad\n"
                          "steps:\n"
                          "  x: { task: json.parse, with: { text: '{' } }\n");
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  sub: { flow: bad }\n"
                          "  after: { task: json.format, with: { value: '${steps.sub}' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "sub", "Failed");
    e2e_expect_task(run, "after", "UpstreamFailed");
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "sub"), "error"), "text"), "x");
}

Test(subflow, a_missing_one_is_a_mistake_in_the_file)
{
    const char *text = e2e_refused("flow: f\n"
                                   "steps:\n"
                                   "  sub: { flow: doubel, with: { n: 1 } }\n",
                                   "doubel");

    e2e_expect_words(text, "flow.yaml:3:");
}

Test(subflow, a_wrong_parameter_fails_the_step_with_a_sentence)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '\"many\"' } }\n"
                          "  sub: { flow: double, with: { n: '${steps.a}' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "sub"), "error"), "text"),
                     "the parameter \"n\" wants an integer");
}

Test(subflow, a_mapped_one_runs_once_for_each_item)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  sub: { flow: double, map: [1, 2, 3], with: { n: '${item}' } }\n"
                          "output: '${[steps.sub[].n]}'\n");

    e2e_expect_result(run, "[2, 4, 6]");
}

Test(subflow, a_flow_that_calls_itself_ends_at_the_limit)
{
    e2e_write("again.yaml", "flow: again\n"
                            "steps:\n"
                            "  x: { flow: again }\n");
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  sub: { flow: again }\n");

    e2e_expect_state(run, "Failed");
}

Test(subflow, the_end_of_a_parent_by_cancel_reaches_the_steps_of_its_children)
{
    e2e_fifo("began");
    e2e_write("slow.yaml",
              "flow: slow\n"
              "steps:\n"
              "  x: { task: exec.run, with: { shell: 'echo $$ >began; exec sleep 100' } }\n");
    struct e2e_process *leat = e2e_start_flow("flow: f\n"
                                              "steps:\n"
                                              "  sub: { flow: slow }\n");
    pid_t pid = (pid_t)strtol(e2e_take_line("began"), NULL, 10);

    kill(e2e_pid(leat), SIGINT);
    json_t *run = e2e_document(e2e_wait(leat));
    e2e_expect_state(run, "Cancelled");
    e2e_expect_task(run, "sub", "Cancelled");
    e2e_await_gone(pid);
    json_t *child = e2e_json("flow-run", "inspect", e2e_member(e2e_task(run, "sub"), "child_run"));
    e2e_expect_state(child, "Cancelled");
}

Test(subflow, a_retry_of_the_step_makes_a_new_run)
{
    e2e_write("flaky.yaml",
              "flow: flaky\n"
              "steps:\n"
              "  x: { task: exec.run, with: { shell: 'echo x >>log; test $(wc -l <log) = 2' } }\n");
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  sub: { flow: flaky, retries: 3 }\n");

    e2e_expect_state(run, "Completed");
    cr_assert_eq(json_integer_value(json_object_get(e2e_task(run, "sub"), "attempts")), 2);
    cr_assert_eq(e2e_lines("log"), 2);
}

Test(subflow, flows_of_the_home_are_found)
{
    e2e_wait(
        e2e_start_program((const char *const[]){"mkdir", e2e_text("%s/flows", e2e_home()), NULL}));
    e2e_write(e2e_text("%s/flows/shared.yaml", e2e_home()),
              "flow: shared\n"
              "steps:\n"
              "  x: { task: json.parse, with: { text: '5' } }\n"
              "output: '${steps.x}'\n");
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  sub: { flow: shared }\n"
                          "output: '${steps.sub}'\n");

    e2e_expect_result(run, "5");
}
