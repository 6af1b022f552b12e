/*
 * One engine for a home, whatever happens to it: hand-over, sudden death, what is taken up again.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

TestSuite(engine, .init = e2e_begin, .fini = e2e_end);

/* A flow whose step tells its shell's process id and waits; on its second attempt it does not. */
#define WAITING(name)                                                                              \
    "flow: " name "\n"                                                                             \
    "steps:\n"                                                                                     \
    "  before: { task: exec.run, with: { shell: 'echo before >>log' } }\n"                         \
    "  a: { task: exec.run, wait_for: before, with: { shell: 'echo $$ >began; test -e go || exec " \
    "sleep 100' } }\n"                                                                             \
    "  after: { task: exec.run, wait_for: a, with: { shell: 'echo after >>log' } }\n"

#define QUICK                                          \
    "flow: quick\n"                                    \
    "steps:\n"                                         \
    "  a: { task: json.parse, with: { text: '1' } }\n" \
    "output: '${steps.a}'\n"

/* Starts it and waits until the step has begun. */
static struct e2e_process *start_waiting(pid_t *ret_shell)
{
    struct e2e_process *leat = e2e_start_flow(WAITING("waiting"));

    *ret_shell = (pid_t)strtol(e2e_take_line("began"), NULL, 10);
    return leat;
}

/* Every run of the home has ended. */
static void expect_all_ended(void)
{
    json_t *items = json_object_get(e2e_json("flow-run", "ls"), "items");
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
    {
        const char *type = e2e_member(json_object_get(item, "state"), "type");

        cr_assert(strcmp(type, "COMPLETED") == 0 || strcmp(type, "FAILED") == 0 ||
                      strcmp(type, "CANCELLED") == 0,
                  "%s is %s", e2e_member(item, "flow"), type);
    }
}

/* The run of a flow as the store shows it. */
static json_t *inspect(const char *flow)
{
    json_t *items = json_object_get(e2e_json("flow-run", "ls", "--flow", flow), "items");

    cr_assert_eq(json_array_size(items), 1);
    return e2e_json("flow-run", "inspect", e2e_member(json_array_get(items, 0), "id"));
}

/* ---- two at a time ----------------------------------------------------------------------------
 */

Test(engine, a_second_run_is_handed_to_the_engine_and_followed_to_its_end)
{
    pid_t shell;

    e2e_fifo("began");
    struct e2e_process *first = start_waiting(&shell);
    json_t *second = e2e_run(QUICK);

    e2e_expect_state(second, "Completed");
    e2e_expect_result(second, "1");
    kill(e2e_pid(first), SIGINT);
    cr_assert_eq(e2e_wait(first)->code, 4);
    cr_assert_eq(json_array_size(json_object_get(e2e_json("flow-run", "ls"), "items")), 2);
}

Test(engine, a_second_run_that_fails_says_so_by_its_exit_code)
{
    pid_t shell;

    e2e_fifo("began");
    struct e2e_process *first = start_waiting(&shell);
    json_t *second = e2e_run("flow: bad\n"
                             "steps:\n"
                             "  a: { task: json.parse, with: { text: '{' } }\n");

    e2e_expect_state(second, "Failed");
    kill(e2e_pid(first), SIGINT);
    e2e_wait(first);
}

Test(engine, mistakes_are_told_by_the_other_engine_just_as_well)
{
    pid_t shell;

    e2e_fifo("began");
    struct e2e_process *first = start_waiting(&shell);
    e2e_refused("flow: bad\n"
                "steps:\n"
                "  a: { task: json.prase, with: { text: '1' } }\n",
                "did you mean \"json.parse\"");
    kill(e2e_pid(first), SIGINT);
    e2e_wait(first);
}

Test(engine, ctrl_c_on_a_handed_over_run_cancels_that_run_only)
{
    pid_t shell;

    e2e_fifo("began");
    e2e_fifo("second");
    struct e2e_process *first = start_waiting(&shell);
    struct e2e_process *second = e2e_start_flow(
        "flow: second\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'echo x >second; exec sleep 100' } }\n");

    e2e_take_line("second");
    kill(e2e_pid(second), SIGINT);
    e2e_expect_state(e2e_document(e2e_wait(second)), "Cancelled");
    e2e_expect_state(inspect("waiting"), "Running");
    kill(e2e_pid(first), SIGINT);
    e2e_wait(first);
}

/* The first command's run is over before that of the second, whose engine it was. */
Test(engine, a_handed_over_run_goes_on_when_the_engine_ends)
{
    e2e_fifo("began");
    e2e_fifo("gate");
    e2e_fifo("second");
    struct e2e_process *first =
        e2e_start_flow("flow: first\n"
                       "steps:\n"
                       "  a: { task: exec.run, with: { shell: 'echo x >began; read l <gate' } }\n");

    e2e_take_line("began");
    struct e2e_process *second = e2e_start_flow(
        "flow: second\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'echo x >second; test $LEAT_ATTEMPT = 2 || exec sleep 100' } }\n");
    e2e_take_line("second");
    e2e_give_line("gate");
    e2e_expect_state(e2e_document(e2e_wait(first)), "Completed");
    json_t *run = e2e_document(e2e_wait(second));
    e2e_expect_state(run, "Completed");
    cr_assert_eq(json_integer_value(json_object_get(e2e_task(run, "a"), "attempts")), 2);
}

Test(engine, a_handed_over_run_goes_on_when_the_engine_is_killed)
{
    pid_t shell;

    e2e_fifo("began");
    e2e_fifo("second");
    struct e2e_process *first = start_waiting(&shell);
    struct e2e_process *second = e2e_start_flow(
        "flow: second\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'echo x >second; test $LEAT_ATTEMPT = 2 || exec sleep 100' } }\n");

    e2e_take_line("second");
    kill(e2e_pid(first), SIGKILL);
    e2e_wait(first);
    e2e_expect_state(e2e_document(e2e_wait(second)), "Completed");
}

Test(engine, two_commands_at_the_same_moment_share_one_store)
{
    struct e2e_process *commands[6];

    e2e_write("quick.yaml", QUICK);
    for (int i = 0; i < 6; i++) {
        commands[i] = e2e_start("run", "quick.yaml", "-o", "json");
    }
    for (int i = 0; i < 6; i++) {
        e2e_expect_state(e2e_document(e2e_wait(commands[i])), "Completed");
    }
    cr_assert_eq(json_array_size(json_object_get(e2e_json("flow-run", "ls"), "items")), 6);
}

/* ---- sudden death -----------------------------------------------------------------------------
 */

Test(engine, killing_it_ends_every_process_it_started)
{
    pid_t shell;

    e2e_fifo("began");
    struct e2e_process *leat = start_waiting(&shell);

    kill(e2e_pid(leat), SIGKILL);
    cr_assert_eq(e2e_wait(leat)->code, 128 + SIGKILL);
    e2e_await_gone(shell);
}

Test(engine, after_its_death_the_next_run_takes_up_what_was_interrupted)
{
    pid_t shell;

    e2e_fifo("began");
    struct e2e_process *leat = start_waiting(&shell);

    kill(e2e_pid(leat), SIGKILL);
    e2e_wait(leat);
    e2e_expect_state(inspect("waiting"), "Running");
    e2e_write("go", "");
    e2e_fifo("gate");
    leat = e2e_start_flow("flow: next\n"
                          "steps:\n"
                          "  a: { task: exec.run, with: { shell: 'read l <gate' } }\n");
    e2e_take_line("began");
    while (strcmp(e2e_state(inspect("waiting")), "Completed") != 0) {
        cr_assert_str_eq(e2e_state(inspect("next")), "Running");
    }
    e2e_give_line("gate");
    e2e_expect_state(e2e_document(e2e_wait(leat)), "Completed");
    json_t *run = inspect("waiting");
    e2e_expect_state(run, "Completed");
    cr_assert_eq(json_integer_value(json_object_get(e2e_task(run, "a"), "attempts")), 2);
    cr_assert_str_eq(e2e_read("log"), "before\nafter\n", "finished work is not done again");
    expect_all_ended();
}

Test(engine, commands_that_only_look_touch_nothing_interrupted)
{
    pid_t shell;

    e2e_fifo("began");
    struct e2e_process *leat = start_waiting(&shell);

    kill(e2e_pid(leat), SIGKILL);
    e2e_wait(leat);
    e2e_expect_state(inspect("waiting"), "Running");
    cr_assert_eq(e2e_leat("flow-run", "logs", "@last")->code, 0);
    cr_assert_eq(e2e_leat("task-run", "ls", "--run", "@last")->code, 0);
    e2e_expect_state(inspect("waiting"), "Running");
}

Test(engine, an_interrupted_attempt_that_must_not_be_repeated_is_crashed)
{
    e2e_fifo("began");
    struct e2e_process *leat = e2e_start_flow(
        "flow: once\n"
        "on_interrupted: fail\n"
        "steps:\n"
        "  a: { task: exec.run, retries: 5, with: { shell: 'echo x >>log; echo $$ >began; exec sleep 100' } }\n");

    e2e_take_line("began");
    kill(e2e_pid(leat), SIGKILL);
    e2e_wait(leat);
    e2e_expect_state(e2e_run(QUICK), "Completed");
    json_t *run = inspect("once");
    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "a", "Crashed");
    cr_assert_eq(e2e_lines("log"), 1);
}

Test(engine, an_interrupted_run_can_be_cancelled)
{
    pid_t shell;

    e2e_fifo("began");
    struct e2e_process *leat = start_waiting(&shell);

    kill(e2e_pid(leat), SIGKILL);
    e2e_wait(leat);
    cr_assert_eq(e2e_leat("flow-run", "cancel", "@last")->code, 0);
    e2e_write("go", "");
    e2e_run(QUICK);
    e2e_expect_state(inspect("waiting"), "Cancelled");
    expect_all_ended();
}

/* Several deaths in a row, each while a map is in the middle of its work. */
Test(engine, a_map_survives_death_after_death)
{
    const char *yaml =
        "flow: map\n"
        "task_runner: { width: 4 }\n"
        "steps:\n"
        "  each: { task: exec.run, map: '${[range(40)]}', with: { shell: 'echo $I >>log; echo x >tick; sleep 0.01; echo $I', env: { I: '${item}' }, parse: json } }\n"
        "output: '${[steps.each[].stdout] == [range(40)]}'\n";
    struct e2e_process *leat;

    e2e_fifo("tick");
    leat = e2e_start_flow(yaml);
    for (int death = 0; death < 3; death++) {
        for (int i = 0; i < 8; i++) {
            e2e_take_line("tick");
        }
        kill(e2e_pid(leat), SIGKILL);
        e2e_wait(leat);
        e2e_write(
            "gated.yaml",
            "flow: gated\n"
            "steps:\n"
            "  a: { task: exec.run, with: { shell: 'until test -e over; do sleep 0.05; done' } }\n");
        leat = e2e_start("run", "gated.yaml", "-o", "json");
    }
    while (strcmp(e2e_state(inspect("map")), "Running") == 0) {
        cr_assert_eq(kill(e2e_pid(leat), 0), 0);
    }
    e2e_write("over", "");
    e2e_expect_state(e2e_document(e2e_wait(leat)), "Completed");
    e2e_expect_state(inspect("map"), "Completed");
    e2e_expect_result(inspect("map"), "true");
    cr_assert_leq(e2e_lines("log"), 40 + 3 * 4, "only what ran is done again");
}

Test(engine, a_dead_engine_leaves_a_socket_that_is_in_nobodys_way)
{
    pid_t shell;

    e2e_fifo("began");
    struct e2e_process *leat = start_waiting(&shell);

    kill(e2e_pid(leat), SIGKILL);
    e2e_wait(leat);
    cr_assert(e2e_exists("home/run/engine.sock"));
    cr_assert_eq(e2e_leat("flow-run", "ls")->code, 0);
    e2e_expect_state(e2e_run(QUICK), "Completed");
}

/* SIGSTOP is a pause, not a death: nobody else takes the home, and who asks waits for his answer.
 */
Test(engine, a_stopped_engine_keeps_its_home)
{
    pid_t shell;

    e2e_fifo("began");
    struct e2e_process *first = start_waiting(&shell);

    kill(e2e_pid(first), SIGSTOP);
    struct e2e_process *second = e2e_start_flow(QUICK);
    cr_assert_eq(e2e_find_process("run flow.yaml", e2e_pid(first)) > 0, true);
    kill(e2e_pid(first), SIGCONT);
    e2e_expect_state(e2e_document(e2e_wait(second)), "Completed");
    e2e_expect_state(inspect("waiting"), "Running");
    kill(e2e_pid(first), SIGINT);
    e2e_expect_state(e2e_document(e2e_wait(first)), "Cancelled");
}

/* ---- retries across engines -------------------------------------------------------------------
 */

Test(engine, a_waiting_retry_survives_the_death_of_the_engine)
{
    e2e_fifo("began");
    struct e2e_process *leat = e2e_start_flow(
        "flow: patient\n"
        "steps:\n"
        "  a: { task: exec.run, retries: 1, retry_delay: 500ms, with: { shell: 'echo x >began; echo x >>log; test $(wc -l <log) = 2' } }\n");

    e2e_take_line("began");
    while (strcmp(e2e_state(e2e_task(inspect("patient"), "a")), "AwaitingRetry") != 0) {
        cr_assert_eq(kill(e2e_pid(leat), 0), 0);
    }
    kill(e2e_pid(leat), SIGKILL);
    e2e_wait(leat);
    leat = e2e_start_flow(
        "flow: next\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'until test $(wc -l <log) = 2; do sleep 0.05; done; sleep 0.2' } }\n");
    e2e_expect_state(e2e_document(e2e_wait(leat)), "Completed");
    e2e_expect_state(inspect("patient"), "Completed");
}

/* ---- logs and lists ---------------------------------------------------------------------------
 */

Test(engine, log_lines_are_kept_with_their_task)
{
    e2e_run("flow: f\n"
            "steps:\n"
            "  a: { task: exec.run, with: { shell: 'echo from a >&2' } }\n"
            "  b: { task: exec.run, with: { shell: 'echo from b >&2' } }\n");
    const struct e2e_out *out = e2e_leat("flow-run", "logs", "@last", "--task", "a");

    e2e_expect_words(out->out, "from a");
    cr_assert_null(strstr(out->out, "from b"));
}

Test(engine, logs_can_be_followed_while_the_run_goes_on)
{
    e2e_fifo("began");
    e2e_fifo("gate");
    struct e2e_process *leat = e2e_start_flow(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'echo early >&2; echo x >began; read l <gate; echo late >&2' } }\n");

    e2e_take_line("began");
    struct e2e_process *follower = e2e_start("flow-run", "logs", "@last", "--follow");
    e2e_give_line("gate");
    e2e_wait(leat);
    const struct e2e_out *out = e2e_wait(follower);
    cr_assert_eq(out->code, 0, "%d: %s", out->code, out->err);
    e2e_expect_words(out->out, "early");
    e2e_expect_words(out->out, "late");
}
