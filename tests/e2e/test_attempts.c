/*
 * Attempts: retries and their delays, timeouts, how many run at a time, cancelling.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

TestSuite(attempts, .init = e2e_begin, .fini = e2e_end);

/* The number of attempts of a task run. */
static int attempts(json_t *run, const char *task)
{
    return (int)json_integer_value(json_object_get(e2e_task(run, task), "attempts"));
}

/* The seconds at which the lines of a file were written by `date +%s.%N`. */
static int read_seconds(const char *name, double *ret_seconds, int count_max)
{
    const char *text = e2e_read(name);
    int count = 0;

    while (*text && count < count_max) {
        char *end;

        ret_seconds[count++] = strtod(text, &end);
        text = end + (*end == '\n');
    }
    return count;
}

/* ---- retries ----------------------------------------------------------------------------------
 */

Test(attempts, a_flaky_step_is_retried_until_it_works)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, retries: 5, with: { shell: 'echo $LEAT_ATTEMPT >>log; test $LEAT_ATTEMPT = 3' } }\n");

    e2e_expect_state(run, "Completed");
    cr_assert_eq(attempts(run, "a"), 3);
    cr_assert_str_eq(e2e_read("log"), "1\n2\n3\n");
    cr_assert(json_is_null(json_object_get(e2e_task(run, "a"), "error")));
}

Test(attempts, retries_end_and_the_last_error_stays)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, retries: 2, with: { shell: 'echo x >>log; echo try $LEAT_ATTEMPT >&2; exit 1' } }\n");

    e2e_expect_state(run, "Failed");
    cr_assert_eq(attempts(run, "a"), 3);
    cr_assert_eq(e2e_lines("log"), 3);
    e2e_expect_error(e2e_task(run, "a"), "exec.exit", "try 3");
}

Test(attempts, a_list_of_delays_is_kept)
{
    double seconds[4];
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, retries: 3, retry_delay: [50ms, 300ms], with: { shell: 'date +%s.%N >>log; test $LEAT_ATTEMPT = 4' } }\n");

    e2e_expect_state(run, "Completed");
    cr_assert_eq(read_seconds("log", seconds, 4), 4);
    cr_assert_geq(seconds[1] - seconds[0], 0.05);
    cr_assert_geq(seconds[2] - seconds[1], 0.3);
    cr_assert_geq(seconds[3] - seconds[2], 0.3, "the last entry repeats");
}

Test(attempts, exponential_delays_double_up_to_their_maximum)
{
    double seconds[4];
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, retries: 3, retry_delay: { exponential: 100ms, max: 200ms },\n"
        "       with: { shell: 'date +%s.%N >>log; test $LEAT_ATTEMPT = 4' } }\n");

    e2e_expect_state(run, "Completed");
    cr_assert_eq(read_seconds("log", seconds, 4), 4);
    cr_assert_geq(seconds[1] - seconds[0], 0.1);
    cr_assert_geq(seconds[2] - seconds[1], 0.2);
    cr_assert_geq(seconds[3] - seconds[2], 0.2);
}

Test(attempts, errors_that_retry_on_does_not_name_fail_at_once)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, retries: 5, retry_on: ['http.*', exec.signal], with: { shell: 'echo x >>log; exit 1' } }\n");

    e2e_expect_state(run, "Failed");
    cr_assert_eq(e2e_lines("log"), 1);
}

Test(attempts, errors_that_retry_on_names_are_retried)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, retries: 5, retry_on: 'exec.e*', with: { shell: 'echo x >>log; test $LEAT_ATTEMPT = 2' } }\n");

    e2e_expect_state(run, "Completed");
    cr_assert_eq(e2e_lines("log"), 2);
}

Test(attempts, an_error_that_the_task_calls_final_is_not_retried)
{
    json_t *run =
        e2e_run("flow: f\n"
                "steps:\n"
                "  a: { task: exec.run, retries: 5, with: { command: [/no/such/program] } }\n");

    e2e_expect_state(run, "Failed");
    cr_assert_eq(attempts(run, "a"), 1);
    e2e_expect_error(e2e_task(run, "a"), "exec.not_found", "/no/such/program");
}

Test(attempts, every_attempt_has_the_same_idempotency_key)
{
    e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, retries: 1, with: { shell: 'echo $LEAT_IDEMPOTENCY_KEY >key$LEAT_ATTEMPT; test $LEAT_ATTEMPT = 2' } }\n");

    cr_assert_gt(strlen(e2e_read("key1")), 10);
    cr_assert_str_eq(e2e_read("key1"), e2e_read("key2"));
}

/* A plugin that says "come back in 1.5 s". */
Test(attempts, the_wish_of_a_task_for_a_pause_is_respected)
{
    e2e_plugin("good");
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: good.fail, retries: 1, with: { retry: true } }\n");
    json_t *task = e2e_task(run, "a");

    e2e_expect_error(task, "good.busy", "come back later");
    cr_assert_geq(e2e_instant(task, "ended") - e2e_instant(task, "started"), 1.5);
}

/* ---- timeouts ---------------------------------------------------------------------------------
 */

Test(attempts, a_step_that_takes_too_long_times_out_and_its_process_is_gone)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, timeout: 300ms, with: { shell: 'echo $$ >pid; exec sleep 100' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "a", "TimedOut");
    e2e_await_gone((pid_t)strtol(e2e_read("pid"), NULL, 10));
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "a"), "error"), "text"), "0.3 s");
}

Test(attempts, a_timeout_may_be_retried)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, timeout: 400ms, retries: 1, with: { shell: 'test $LEAT_ATTEMPT = 2 || exec sleep 100' } }\n");

    e2e_expect_state(run, "Completed");
    cr_assert_eq(attempts(run, "a"), 2);
}

Test(attempts, the_timeout_of_a_flow_stops_what_runs_and_still_tidies_up)
{
    json_t *run =
        e2e_run("flow: f\n"
                "timeout: 400ms\n"
                "steps:\n"
                "  a: { task: exec.run, with: { shell: 'echo $$ >pid; exec sleep 100' } }\n"
                "  b: { task: exec.run, wait_for: a, with: { shell: 'echo x >sign' } }\n"
                "finally:\n"
                "  tidy: { task: fs.write, with: { path: tidy, content: '${run.state}' } }\n");

    e2e_expect_state(run, "TimedOut");
    e2e_expect_task(run, "tidy", "Completed");
    cr_assert_str_eq(e2e_read("tidy"), "TimedOut");
    cr_assert_not(e2e_exists("sign"));
    e2e_await_gone((pid_t)strtol(e2e_read("pid"), NULL, 10));
}

/* ---- how many at a time -----------------------------------------------------------------------
 */

/* Counts how many of the lines "+" and "-" in a file are open at most. */
static int overlap(const char *name)
{
    int open = 0;
    int most = 0;

    for (const char *text = e2e_read(name); *text; text++) {
        open += *text == '+' ? 1 : *text == '-' ? -1 : 0;
        most = open > most ? open : most;
    }
    return most;
}

#define MARKED(options)                                                                         \
    "flow: f\n" options "steps:\n"                                                              \
    "  x: { task: exec.run, map: [1, 2, 3, 4, 5, 6], with: { shell: 'echo + >>log; sleep 0.1; " \
    "echo - >>log' } }\n"

Test(attempts, a_sequential_flow_runs_one_at_a_time)
{
    e2e_run(MARKED("task_runner: sequential\n"));
    cr_assert_eq(e2e_lines("log"), 12);
    cr_assert_eq(overlap("log"), 1);
}

Test(attempts, a_sequential_flow_keeps_the_order_of_the_file)
{
    e2e_run("flow: f\n"
            "task_runner: sequential\n"
            "steps:\n"
            "  c: { task: exec.run, wait_for: b, with: { shell: 'echo c >>log' } }\n"
            "  a: { task: exec.run, with: { shell: 'echo a >>log' } }\n"
            "  b: { task: exec.run, with: { shell: 'echo b >>log' } }\n"
            "  d: { task: exec.run, with: { shell: 'echo d >>log' } }\n");
    cr_assert_str_eq(e2e_read("log"), "a\nb\nc\nd\n", "%s", e2e_read("log"));
}

Test(attempts, the_width_limits_how_many_run_at_a_time)
{
    e2e_run(MARKED("task_runner: { width: 2 }\n"));
    cr_assert_eq(e2e_lines("log"), 12);
    cr_assert_eq(overlap("log"), 2);
}

/* ---- cancelling -------------------------------------------------------------------------------
 */

/* Starts a flow whose step waits, and gives the process id of the step's shell. */
static struct e2e_process *start_waiting(pid_t *ret_pid)
{
    struct e2e_process *leat;

    e2e_fifo("began");
    leat = e2e_start_flow(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'echo $$ >began; exec sleep 100' } }\n"
        "  b: { task: exec.run, wait_for: a, with: { shell: 'echo x >sign' } }\n"
        "finally:\n"
        "  tidy: { task: fs.write, with: { path: tidy, content: '${run.state}' } }\n");
    *ret_pid = (pid_t)strtol(e2e_take_line("began"), NULL, 10);
    return leat;
}

/* A cancelled run, however it was cancelled. */
static void expect_cancelled(const struct e2e_out *out, pid_t pid)
{
    json_t *run = e2e_document(out);

    cr_assert_eq(out->code, 4);
    e2e_expect_state(run, "Cancelled");
    e2e_expect_task(run, "a", "Cancelled");
    e2e_expect_task(run, "tidy", "Completed");
    cr_assert_str_eq(e2e_read("tidy"), "Cancelled");
    cr_assert_not(e2e_exists("sign"));
    e2e_await_gone(pid);
}

/* As the terminal does it: the signal goes to the whole process group. */
Test(attempts, ctrl_c_cancels_the_run)
{
    pid_t pid;
    struct e2e_process *leat = start_waiting(&pid);

    kill(-e2e_pid(leat), SIGINT);
    expect_cancelled(e2e_wait(leat), pid);
}

Test(attempts, sigterm_cancels_the_run)
{
    pid_t pid;
    struct e2e_process *leat = start_waiting(&pid);

    kill(e2e_pid(leat), SIGTERM);
    expect_cancelled(e2e_wait(leat), pid);
}

Test(attempts, another_command_cancels_the_run_and_may_say_why)
{
    pid_t pid;
    struct e2e_process *leat = start_waiting(&pid);
    const struct e2e_out *out = e2e_leat("flow-run", "cancel", "@last", "--reason", "wrong month");
    const struct e2e_out *end = e2e_wait(leat);

    cr_assert_eq(out->code, 0, "%s", out->err);
    expect_cancelled(end, pid);
    e2e_expect_words(e2e_member(json_object_get(e2e_document(end), "error"), "text"),
                     "wrong month");
}

Test(attempts, a_third_ctrl_c_ends_the_program_at_once_and_leaves_no_process)
{
    e2e_fifo("began");
    e2e_plugin("deaf");
    struct e2e_process *leat = e2e_start_flow(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'trap : TERM; echo $$ >began; while :; do sleep 1; done', grace: 60s } }\n");
    pid_t pid = (pid_t)strtol(e2e_take_line("began"), NULL, 10);
    const struct e2e_out *out;

    for (int i = 0; i < 3; i++) {
        kill(e2e_pid(leat), SIGINT);
        poll(NULL, 0, 50); /* signals that are pending merge into one */
    }
    out = e2e_wait(leat);
    cr_assert_eq(out->code, 4);
    e2e_expect_words(out->err, "at once");
    e2e_await_gone(pid);
}

Test(attempts, a_run_that_has_ended_can_not_be_cancelled)
{
    e2e_run("flow: f\n"
            "steps:\n"
            "  a: { task: json.parse, with: { text: '1' } }\n");
    const struct e2e_out *out = e2e_leat("flow-run", "cancel", "@last");

    cr_assert_eq(out->code, 2, "%d", out->code);
    e2e_expect_words(out->err, "ended");
}

/* ---- retrying a run ---------------------------------------------------------------------------
 */

Test(attempts, a_failed_run_is_retried_without_redoing_what_is_done)
{
    e2e_run("flow: f\n"
            "steps:\n"
            "  a: { task: exec.run, with: { shell: 'echo a >>log' } }\n"
            "  b: { task: exec.run, wait_for: a, with: { shell: 'echo b >>log; test -e fixed' } }\n"
            "  c: { task: exec.run, wait_for: b, with: { shell: 'echo c >>log' } }\n");
    e2e_write("fixed", "");
    json_t *run = e2e_json("flow-run", "retry", "@last");

    e2e_expect_state(run, "Completed");
    cr_assert_str_eq(e2e_read("log"), "a\nb\nb\nc\n");
}
