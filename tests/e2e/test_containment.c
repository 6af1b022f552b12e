/*
 * Plugins that do harm inside flows: the run goes on, the step says what happened, and nothing is
 * left behind.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

TestSuite(containment, .init = e2e_begin, .fini = e2e_end);

/* Runs one harmful task beside, and before, healthy ones; only its own step may suffer. */
static json_t *run_beside(const char *plugin, const char *step)
{
    json_t *run;

    e2e_plugin(plugin);
    run = e2e_run(e2e_text("flow: f\n"
                           "steps:\n"
                           "  bad: { %s, allow_failure: true }\n"
                           "  beside: { task: json.parse, with: { text: '1' } }\n"
                           "  after: { task: json.parse, wait_for: bad, with: { text: '2' } }\n"
                           "output: ['${steps.beside}', '${steps.after}']\n",
                           step));
    e2e_expect_state(run, "Completed");
    e2e_expect_result(run, "[1, 2]");
    return e2e_task(run, "bad");
}

/* The same, and how the harmful step must end. */
static void expect_end(const char *plugin, const char *step, const char *state, const char *code,
                       const char *words)
{
    json_t *task = run_beside(plugin, step);

    cr_assert_str_eq(e2e_state(task), state);
    e2e_expect_error(task, code, words);
}

Test(containment, a_segmentation_fault_is_a_crash_with_its_signal)
{
    expect_end("crash", "task: crash.segv", "Crashed", "host.died", "SIGSEGV");
}

Test(containment, an_abort_is_a_crash_with_its_signal)
{
    expect_end("crash", "task: crash.abort", "Crashed", "host.died", "SIGABRT");
}

Test(containment, an_exit_without_a_result_is_a_crash)
{
    expect_end("crash", "task: crash.exit0", "Crashed", "host.died", "exit");
}

Test(containment, an_exit_code_is_told)
{
    expect_end("crash", "task: crash.exit3", "Crashed", "host.died", "3");
}

Test(containment, being_killed_is_a_crash)
{
    expect_end("crash", "task: crash.kill", "Crashed", "host.died", "SIGKILL");
}

Test(containment, killing_the_own_group_kills_nobody_else)
{
    expect_end("crash", "task: crash.group", "Crashed", "host.died", "SIGTERM");
}

Test(containment, the_last_words_of_a_crash_are_in_the_log)
{
    run_beside("crash", "task: crash.segv");
    e2e_expect_words(e2e_leat("flow-run", "logs", "@last")->out, "last words");
}

Test(containment, a_task_that_never_ends_and_ignores_signals_times_out)
{
    setenv("LEAT_HOSTS_GRACE", "200ms", 1);
    expect_end("deaf", "task: deaf.wait, timeout: 300ms", "TimedOut", "task.timeout", "timeout");
}

Test(containment, a_task_that_spins_times_out)
{
    setenv("LEAT_HOSTS_GRACE", "200ms", 1);
    expect_end("deaf", "task: deaf.spin, timeout: 300ms", "TimedOut", "task.timeout", "timeout");
}

Test(containment, a_task_that_stops_its_process_times_out)
{
    setenv("LEAT_HOSTS_GRACE", "200ms", 1);
    expect_end("deaf", "task: deaf.frozen, timeout: 300ms", "TimedOut", "task.timeout", "timeout");
}

Test(containment, garbage_on_the_connection_is_a_crash)
{
    expect_end("breaker", "task: breaker.garbage", "Crashed", "host.protocol", "frame");
}

Test(containment, a_forged_result_is_a_crash)
{
    expect_end("breaker", "task: breaker.forge", "Crashed", "host.protocol", "not given");
}

Test(containment, closing_all_descriptors_is_a_crash)
{
    json_t *task = run_beside("breaker", "task: breaker.close_all");

    cr_assert_str_eq(e2e_state(task), "Crashed");
}

Test(containment, a_result_that_is_no_value_fails_the_step)
{
    json_t *task = run_beside("liar", "task: liar.garbage");

    cr_assert_str_eq(e2e_state(task), "Failed");
}

Test(containment, a_forged_reference_fails_the_step)
{
    json_t *task = run_beside("liar", "task: liar.forge");

    cr_assert_str_eq(e2e_state(task), "Failed");
}

Test(containment, a_result_that_is_too_deep_fails_the_step)
{
    json_t *task = run_beside("liar", "task: liar.deep");

    cr_assert_str_eq(e2e_state(task), "Failed");
    e2e_expect_words(e2e_member(json_object_get(task, "error"), "text"), "32");
}

Test(containment, a_plugin_that_does_not_open_fails_the_step_with_its_reason)
{
    json_t *task = run_beside("closed", "task: closed.noop");

    cr_assert_str_eq(e2e_state(task), "Failed");
    e2e_expect_words(e2e_member(json_object_get(task, "error"), "text"), "no licence");
}

Test(containment, a_flood_of_output_is_cut_and_the_task_completes)
{
    json_t *task = run_beside("flood", "task: flood.no_newline, with: { mib: 64 }");
    const struct e2e_out *logs = e2e_leat("flow-run", "logs", "@last");

    cr_assert_str_eq(e2e_state(task), "Completed");
    cr_assert_lt(strlen(logs->out), 32 * 1024 * 1024);
    e2e_expect_words(logs->out, "aaaa");
}

Test(containment, a_flood_of_lines_is_cut_and_says_so)
{
    json_t *task = run_beside("flood", "task: flood.empty_lines, with: { mib: 8 }");

    cr_assert_str_eq(e2e_state(task), "Completed");
    cr_assert_lt(strlen(e2e_leat("flow-run", "logs", "@last")->out), 64 * 1024 * 1024);
}

Test(containment, output_that_is_not_utf8_is_shown_as_text_all_the_same)
{
    json_t *task = run_beside("flood", "task: flood.not_utf8");
    json_t *lines = e2e_json("flow-run", "logs", "@last", "--tail", "1");

    cr_assert_str_eq(e2e_state(task), "Completed");
    cr_assert_not_null(lines);
}

Test(containment, a_hidden_process_ends_with_the_run)
{
    run_beside("leaker", "task: leaker.stray, with: { file: pid }");
    e2e_await_gone((pid_t)strtol(e2e_read("pid"), NULL, 10));
}

Test(containment, leaked_descriptors_do_not_reach_the_next_task)
{
    json_t *task = run_beside("leaker", "task: leaker.descriptors");

    cr_assert_str_eq(e2e_state(task), "Completed");
}

/* Plugins that harm the process that only asks them what they are. */
static void expect_refused(const char *plugin, const char *words)
{
    json_t *plugins;
    json_t *item;
    size_t i;
    const char *reason = NULL;

    e2e_plugin(plugin);
    plugins = e2e_json("plugin", "ls");
    json_array_foreach(json_object_get(plugins, "items"), i, item)
    {
        if (strstr(e2e_member(item, "path"), plugin)) {
            reason = e2e_member(item, "reason");
            cr_assert_str_eq(e2e_member(item, "status"), "refused");
        }
    }
    cr_assert_not_null(reason, "%s is not listed", plugin);
    e2e_expect_words(reason, words);
    e2e_expect_state(e2e_run("flow: f\n"
                             "steps:\n"
                             "  a: { task: json.parse, with: { text: '1' } }\n"),
                     "Completed");
}

Test(containment, a_plugin_that_aborts_while_it_is_loaded_is_refused)
{
    expect_refused("abort_constructor", "SIGABRT");
}

Test(containment, a_plugin_that_exits_while_it_is_loaded_is_refused)
{
    expect_refused("exit_constructor", "");
}

Test(containment, a_plugin_that_never_finishes_loading_is_refused)
{
    expect_refused("slow_constructor", "");
}

Test(containment, a_plugin_of_another_abi_is_refused)
{
    expect_refused("wrong_abi", "ABI");
}

Test(containment, a_library_that_is_no_plugin_is_refused)
{
    expect_refused("no_entry", "");
}

/* ---- crashes and retries ----------------------------------------------------------------------
 */

Test(containment, a_crash_can_be_retried)
{
    e2e_plugin("crash");
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: crash.abort, retries: 2, retry_on: host.died }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "a", "Crashed");
    cr_assert_eq(json_integer_value(json_object_get(e2e_task(run, "a"), "attempts")), 3);
}

/* Starts a flow whose step tells its attempt, and kills its host when the first one has begun. */
static const struct e2e_out *kill_host_of(const char *options)
{
    struct e2e_process *leat;
    pid_t shell;

    e2e_fifo("began");
    leat = e2e_start_flow(e2e_text(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, %s with: { shell: 'echo $$ >>pids; echo $$ >began; test $LEAT_ATTEMPT = 2 || exec sleep 100' } }\n",
        options));
    shell = (pid_t)strtol(e2e_take_line("began"), NULL, 10);
    kill(e2e_find_process("--plugin", 0), SIGKILL);
    e2e_await_gone(shell);
    return e2e_wait(leat);
}

Test(containment, a_host_killed_from_outside_is_a_crash)
{
    json_t *run = e2e_document(kill_host_of(""));

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "a", "Crashed");
    e2e_expect_error(e2e_task(run, "a"), "host.died", "SIGKILL");
}

Test(containment, a_host_killed_from_outside_is_replaced_for_the_retry)
{
    json_t *run = e2e_document(kill_host_of("retries: 1,"));

    e2e_expect_state(run, "Completed");
    cr_assert_eq(json_integer_value(json_object_get(e2e_task(run, "a"), "attempts")), 2);
}

Test(containment, isolation_gives_every_attempt_a_process_of_its_own)
{
    e2e_plugin("good");
    json_t *run = e2e_run("flow: f\n"
                          "task_runner: sequential\n"
                          "steps:\n"
                          "  own: { task: good.facts, map: [1, 2], isolation: process }\n"
                          "  shared: { task: good.facts, map: [1, 2] }\n"
                          "output:\n"
                          "  own: '${steps.own[0].pid == steps.own[1].pid}'\n"
                          "  shared: '${steps.shared[0].pid == steps.shared[1].pid}'\n");

    e2e_expect_result(run, "{\"own\": false, \"shared\": true}");
}
