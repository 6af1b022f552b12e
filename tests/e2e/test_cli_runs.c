/*
 * The command line about runs: run, flow-run, task-run, cache, notification, api; each with an
 * engine in the process itself, and with one that runs elsewhere.
 */
#include <signal.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

static json_t *parsed; /* the latest of document_of() */

/* The document that a command printed; it ended with <code>. Lives until the next one. */
static json_t *document_of(const struct e2e_out *out, int code)
{
    json_error_t error;

    cr_assert_eq(out->code, code, "exit code %d: %s", out->code, out->err);
    json_decref(parsed);
    parsed = json_loads(out->out, 0, &error);
    cr_assert_not_null(parsed, "%s in: %s", error.text, out->out);
    return parsed;
}

/* Ends a test. */
static void finish(void)
{
    json_decref(parsed);
    e2e_end();
}

TestSuite(cli_runs, .init = e2e_begin, .fini = finish);

/* A command was refused: exit code 2, one message with <words>, nothing on standard output. */
static void expect_refused(const struct e2e_out *out, const char *words)
{
    cr_assert_eq(out->code, 2, "exit code %d: %s", out->code, out->err);
    cr_assert_str_eq(out->out, "");
    e2e_expect_words(out->err, words);
}

#define REFUSED(words, ...) expect_refused(e2e_leat(__VA_ARGS__), words)

static const char talk_flow[] =
    "flow: talk\n"
    "tags: [chatty]\n"
    "params: { word: hi }\n"
    "steps:\n"
    "  say: { task: exec.run, cache: inputs,\n"
    "         with: { shell: 'echo ${params.word}', parse: lines, log_stdout: true } }\n"
    "  each: { task: exec.run, map: [1, 2], with: { shell: 'true' } }\n"
    "output: '${steps.say.stdout[0]}'\n";

static const char fail_flow[] = "flow: fail\n"
                                "steps:\n"
                                "  a: { task: exec.run, with: { shell: 'exit 3' } }\n";

/* Tells "begun" through a FIFO and waits at another. */
static const char wait_flow[] =
    "flow: wait\n"
    "steps:\n"
    "  hold: { task: exec.run, with: { shell: 'echo begun >begun; read x <go; echo $x' } }\n";

/* Runs the talking flow and gives its id. */
static const char *talk(void)
{
    return e2e_member(e2e_run(talk_flow), "id");
}

/* Starts the waiting flow in the background; it is running when this returns. */
static struct e2e_process *start_waiting(void)
{
    struct e2e_process *process;

    e2e_fifo("begun");
    e2e_fifo("go");
    e2e_write("wait.yaml", wait_flow);
    process = e2e_start("run", "wait.yaml", "-n", "waiter");
    cr_assert_str_eq(e2e_take_line("begun"), "begun");
    return process;
}

/* ---- run ------------------------------------------------------------------------------------ */

Test(cli_runs, run_prints_plain_lines_and_a_summary_without_a_terminal)
{
    const struct e2e_out *out;

    e2e_write("talk.yaml", talk_flow);
    out = e2e_leat("run", "talk.yaml", "-n", "my-run", "-p", "word=hello");
    cr_assert_eq(out->code, 0, "%s", out->err);
    cr_assert_null(strchr(out->out, '\033'));
    e2e_expect_words(out->out, "✓ Completed  talk (my-run) in ");
    e2e_expect_words(out->out, "2 Completed");
    e2e_expect_words(out->out, "result    hello");
    e2e_expect_words(out->out, "leat flow-run inspect my-run");
}

Test(cli_runs, run_fails_with_the_reason)
{
    const struct e2e_out *out;

    e2e_write("fail.yaml", fail_flow);
    out = e2e_leat("run", "fail.yaml", "-q");
    cr_assert_eq(out->code, 1);
    e2e_expect_words(out->out, "✗ Failed  fail (");
    e2e_expect_words(out->out, "reason    a failed: ");
}

Test(cli_runs, run_takes_parameters_from_a_file)
{
    e2e_write("params.json", "{\"word\": \"from file\"}");
    e2e_expect_result(e2e_run(talk_flow, "-f", "params.json"), "\"from file\"");
    e2e_expect_result(e2e_run(talk_flow, "-f", "params.json", "-p", "word=typed"), "\"typed\"");
    e2e_refused(talk_flow, "params.json", "-f", "params.json.missing");
    e2e_write("params.json", "[1]");
    e2e_refused(talk_flow, "the parameters must be a JSON object", "-f", "params.json");
}

Test(cli_runs, run_refuses_bad_parameters)
{
    e2e_refused(talk_flow, "-p wants NAME=VALUE, not \"word\"", "-p", "word");
    e2e_refused(talk_flow, "the parameter \"word\" was given twice", "-p", "word=a", "-p",
                "word=b");
    e2e_refused(talk_flow, "did you mean \"word\"?", "-p", "wrod=a");
}

Test(cli_runs, run_refuses_what_is_no_flow_file)
{
    e2e_write_bytes("binary.yaml", "flow: \xff\xfe", 8);
    REFUSED("binary.yaml is not a flow file: it is not UTF-8 text", "run", "binary.yaml");
    REFUSED("missing.yaml", "run", "missing.yaml");
}

Test(cli_runs, an_interrupt_cancels_the_run)
{
    struct e2e_process *process = start_waiting();
    const struct e2e_out *out;

    kill(e2e_pid(process), SIGINT);
    out = e2e_wait(process);
    cr_assert_eq(out->code, 4, "%s", out->err);
    e2e_expect_words(out->err, "cancelling the run");
    e2e_expect_words(out->out, "■ Cancelled  wait (waiter)");
}

Test(cli_runs, names_with_control_characters_are_harmless)
{
    const char *text;

    e2e_run(talk_flow, "-n", "evil\033[2Jname", "-p", "word=a\033]0;x");
    text = e2e_leat("flow-run", "ls")->out;
    cr_assert_null(strchr(text, '\033'));
    e2e_expect_words(text, "evil?[2Jname");
    cr_assert_null(strchr(e2e_leat("flow-run", "inspect", "@last")->out, '\033'));
    cr_assert_null(strchr(e2e_leat("flow-run", "logs", "@last")->out, '\033'));
}

/* ---- flow-run ------------------------------------------------------------------------------- */

Test(cli_runs, flow_run_ls_filters)
{
    json_t *items;

    e2e_run(talk_flow, "-n", "first");
    e2e_run(talk_flow, "-n", "second", "-t", "extra");
    e2e_run(fail_flow);
    items = json_object_get(e2e_json("flow-run", "ls"), "items");
    cr_assert_eq(json_array_size(items), 3);
    items = json_object_get(e2e_json("flow-run", "ls", "--state", "FAILED"), "items");
    cr_assert_eq(json_array_size(items), 1);
    items = json_object_get(e2e_json("flow-run", "ls", "--tag", "extra"), "items");
    cr_assert_str_eq(e2e_member(json_array_get(items, 0), "name"), "second");
    items = json_object_get(e2e_json("flow-run", "ls", "--flow", "talk", "-l", "1"), "items");
    cr_assert_eq(json_array_size(items), 1);
    cr_assert_str_eq(e2e_member(json_array_get(items, 0), "name"), "second");
    e2e_expect_words(e2e_leat("flow-run", "ls", "-l", "1")->out, "there are more");
    REFUSED("\"Foo\" is none", "flow-run", "ls", "--state", "Foo");
}

Test(cli_runs, flow_run_ls_leaves_runs_of_subflows_out)
{
    e2e_write("child.yaml", fail_flow);
    e2e_write("flow.yaml", "");
    e2e_run("flow: top\nsteps:\n  a: { flow: child, allow_failure: true }\n");
    cr_assert_eq(json_array_size(json_object_get(e2e_json("flow-run", "ls"), "items")), 1);
    cr_assert_eq(
        json_array_size(json_object_get(e2e_json("flow-run", "ls", "--subflows"), "items")), 2);
}

Test(cli_runs, an_empty_list_says_so)
{
    const struct e2e_out *out = e2e_leat("flow-run", "ls");

    cr_assert_eq(out->code, 0);
    cr_assert_str_eq(out->out, "No flow runs.\n");
}

Test(cli_runs, a_run_is_found_by_id_beginning_name_and_last)
{
    const char *id = e2e_member(e2e_run(talk_flow, "-n", "found-me"), "id");

    cr_assert_str_eq(e2e_member(e2e_json("flow-run", "inspect", id), "id"), id);
    cr_assert_str_eq(e2e_member(e2e_json("flow-run", "inspect", e2e_text("%.18s", id)), "id"), id);
    cr_assert_str_eq(e2e_member(e2e_json("flow-run", "inspect", "found-me"), "id"), id);
    cr_assert_str_eq(e2e_member(e2e_json("flow-run", "inspect", "@last"), "id"), id);
    REFUSED("no flow run \"lost-me\"", "flow-run", "inspect", "lost-me");
}

Test(cli_runs, inspect_shows_parameters_tasks_and_result)
{
    const char *text;

    e2e_run(talk_flow, "-p", "word=servus");
    text = e2e_leat("flow-run", "inspect", "@last")->out;
    e2e_expect_words(text, "✓ Completed  talk (");
    e2e_expect_words(text, "chatty");
    e2e_expect_words(text, "word  servus");
    e2e_expect_words(text, "✓ Completed  say");
    e2e_expect_words(text, "2 of 2");
    e2e_expect_words(text, "Result\n  servus");
    cr_assert_eq(json_array_size(json_object_get(
                     e2e_json("flow-run", "inspect", "@last", "--children"), "task_runs")),
                 4);
}

Test(cli_runs, inspect_shows_errors)
{
    e2e_run(fail_flow);
    e2e_expect_words(e2e_leat("flow-run", "inspect", "@last")->out,
                     "ended with exit code 3: it wrote nothing to standard error "
                     "[flow.step_failed]");
}

Test(cli_runs, logs_are_filtered)
{
    const char *text;

    e2e_run("flow: f\nsteps:\n"
            "  a: { task: exec.run, with: { shell: 'echo one; echo two', log_stdout: true } }\n"
            "  b: { task: exec.run, with: { shell: 'echo three >&2' }, wait_for: [a] }\n");
    text = e2e_leat("flow-run", "logs", "@last")->out;
    e2e_expect_words(text, "one\n");
    e2e_expect_words(text, "three\n");
    text = e2e_leat("flow-run", "logs", "@last", "--task", "a")->out;
    cr_assert_null(strstr(text, "three"));
    cr_assert_str_eq(e2e_leat("task-run", "logs", "@last/a")->out, text);
    text = e2e_leat("flow-run", "logs", "@last", "--tail", "1")->out;
    cr_assert_null(strstr(text, "two"));
    e2e_expect_words(text, "three");
    cr_assert_str_eq(e2e_leat("flow-run", "logs", "@last", "--level", "critical")->out, "");
    REFUSED("--level wants debug", "flow-run", "logs", "@last", "--level", "loud");
}

Test(cli_runs, logs_are_documents_line_by_line)
{
    const struct e2e_out *out;

    talk();
    out = e2e_leat("flow-run", "logs", "@last", "-o", "json");
    cr_assert_str_eq(e2e_member(document_of(out, 0), "text"), "hi");
}

Test(cli_runs, logs_of_a_run_that_is_over_end_by_themselves)
{
    talk();
    e2e_expect_words(e2e_leat("flow-run", "logs", "@last", "-f")->out, "hi\n");
}

Test(cli_runs, retry_runs_what_failed_again)
{
    const struct e2e_out *out;

    e2e_run("flow: f\nsteps:\n  a: { task: exec.run, with: { shell: 'test -e gate' } }\n");
    out = e2e_leat("flow-run", "retry", "@last");
    cr_assert_eq(out->code, 1);
    e2e_write("gate", "");
    out = e2e_leat("flow-run", "retry", "@last");
    cr_assert_eq(out->code, 0, "%s", out->err);
    e2e_expect_words(out->out, "✓ Completed  f (");
}

Test(cli_runs, delete_removes_ended_runs)
{
    const char *first = talk();
    const char *second = talk();
    const struct e2e_out *out = e2e_leat("flow-run", "delete", first, second);

    cr_assert_eq(out->code, 0, "%s", out->err);
    e2e_expect_words(out->out, e2e_text("(%s)", second));
    cr_assert_str_eq(e2e_leat("flow-run", "ls")->out, "No flow runs.\n");
    REFUSED("no flow run", "flow-run", "delete", first);
}

/* ---- with an engine that runs elsewhere -------------------------------------------------------
 */

Test(cli_runs, commands_talk_to_the_engine_that_runs)
{
    struct e2e_process *process = start_waiting();
    json_t *run = e2e_json("flow-run", "inspect", "waiter");

    e2e_expect_state(run, "Running");
    e2e_expect_task(run, "hold", "Running");
    e2e_expect_words(e2e_leat("flow-run", "ls")->out, "● Running");
    e2e_expect_words(e2e_leat("task-run", "ls", "--state", "RUNNING")->out, "hold");
    e2e_give_line("go");
    cr_assert_eq(e2e_wait(process)->code, 0);
}

Test(cli_runs, a_second_run_goes_to_the_engine_that_runs)
{
    struct e2e_process *process = start_waiting();

    e2e_expect_result(e2e_run(talk_flow), "\"hi\"");
    e2e_give_line("go");
    cr_assert_eq(e2e_wait(process)->code, 0);
}

Test(cli_runs, cancel_stops_a_run_elsewhere)
{
    struct e2e_process *process = start_waiting();
    const struct e2e_out *out = e2e_leat("flow-run", "cancel", "waiter", "-r", "enough");

    cr_assert_eq(out->code, 0, "%s", out->err);
    e2e_expect_words(out->out, "cancelling waiter (");
    out = e2e_wait(process);
    cr_assert_eq(out->code, 4);
    e2e_expect_words(out->out, "reason    enough");
    REFUSED("has ended already", "flow-run", "cancel", "waiter");
}

Test(cli_runs, logs_are_followed_to_the_end)
{
    struct e2e_process *process = start_waiting();
    struct e2e_process *follower = e2e_start("flow-run", "logs", "waiter", "-f");
    const struct e2e_out *out;

    e2e_expect_words(e2e_leat("flow-run", "cancel", "waiter")->out, "cancelling");
    out = e2e_wait(follower);
    cr_assert_eq(out->code, 0, "%s", out->err);
    cr_assert_str_eq(out->err, "");
    cr_assert_eq(e2e_wait(process)->code, 4);
}

Test(cli_runs, followed_logs_are_documents_like_stored_ones)
{
    struct e2e_process *process;
    struct e2e_process *follower;
    const struct e2e_out *out;
    json_t *line;

    e2e_fifo("begun");
    e2e_fifo("go");
    e2e_write("wait.yaml", "flow: wait\n"
                           "steps:\n"
                           "  hold:\n"
                           "    task: exec.run\n"
                           "    with: { shell: 'echo x >begun; read x <go; echo out', "
                           "log_stdout: true }\n");
    process = e2e_start("run", "wait.yaml", "-n", "waiter");
    cr_assert_str_eq(e2e_take_line("begun"), "x");
    follower = e2e_start("flow-run", "logs", "waiter", "-f", "-o", "json");
    e2e_give_line("go");
    out = e2e_wait(follower);
    line = document_of(out, 0);
    cr_assert_str_eq(e2e_member(line, "task"), "hold");
    cr_assert_str_eq(e2e_member(line, "text"), "out");
    cr_assert_gt(e2e_instant(line, "time"), 1e9);
    cr_assert_eq(e2e_wait(process)->code, 0);
}

Test(cli_runs, several_processes_may_look_at_once)
{
    struct e2e_process *looks[4];

    talk();
    for (int i = 0; i < 4; i++) {
        looks[i] = e2e_start("flow-run", "ls");
    }
    for (int i = 0; i < 4; i++) {
        const struct e2e_out *out = e2e_wait(looks[i]);

        cr_assert_eq(out->code, 0, "%s", out->err);
        e2e_expect_words(out->out, "talk");
    }
}

/* ---- task-run ------------------------------------------------------------------------------- */

Test(cli_runs, task_runs_are_listed_and_shown)
{
    json_t *items;

    talk();
    items = json_object_get(e2e_json("task-run", "ls", "--run", "@last", "--children"), "items");
    cr_assert_eq(json_array_size(items), 4);
    e2e_expect_words(e2e_leat("task-run", "ls", "--step", "say")->out, "✓ Completed  say");
    e2e_expect_words(e2e_leat("task-run", "inspect", "@last/say")->out, "\"stdout\": [");
    cr_assert_str_eq(e2e_member(e2e_json("task-run", "inspect", "@last/each[1]"), "name"),
                     "each[1]");
    REFUSED("a task run is named RUN/TASK", "task-run", "inspect", "say");
    REFUSED("no task run \"nope\"", "task-run", "inspect", "@last/nope");
    REFUSED("--children needs --run", "task-run", "ls", "--children");
}

/* ---- cache ---------------------------------------------------------------------------------- */

Test(cli_runs, cache_entries_are_listed_counted_and_removed)
{
    json_t *items;
    const char *key;

    cr_assert_eq(e2e_leat("cache", "ls")->code, 0);
    talk();
    items = json_object_get(e2e_json("cache", "ls", "--task", "exec.run"), "items");
    cr_assert_eq(json_array_size(items), 1);
    key = e2e_member(json_array_get(items, 0), "key");
    e2e_expect_words(e2e_leat("cache", "ls")->out, "exec.run  say");
    e2e_expect_words(e2e_leat("cache", "stats")->out, "entries   1\n");
    REFUSED("say what is to go", "cache", "invalidate");
    REFUSED("say what is to go", "cache", "invalidate", "--all", "--task", "x.y");
    cr_assert_str_eq(e2e_leat("cache", "invalidate", "--task", "csv.read")->out,
                     "removed 0 entries\n");
    cr_assert_str_eq(e2e_leat("cache", "invalidate", "--key", key)->out, "removed 1 entry\n");
    e2e_expect_task(e2e_run(talk_flow), "say", "Completed");
}

Test(cli_runs, cache_explain_tells_hits_and_what_changed)
{
    const char *text;

    talk();
    talk();
    e2e_expect_words(e2e_leat("cache", "explain", "@last/say")->out, "hit: ");
    e2e_run(talk_flow, "-p", "word=other");
    text = e2e_leat("cache", "explain", "@last/say")->out;
    e2e_expect_words(text, "miss: ");
    e2e_expect_words(text, "\"echo hi\"");
    e2e_expect_words(text, "\"echo other\"");
    cr_assert_str_eq(e2e_member(e2e_json("cache", "explain", "@last/each[0]"), "answer"), "off");
}

/* ---- notification --------------------------------------------------------------------------- */

Test(cli_runs, notifications_rules_and_deliveries)
{
    json_t *items;

    e2e_write("home/leat.yaml", "notify:\n  - { on: [Completed], via: log, flows: talk }\n");
    e2e_expect_words(e2e_leat("notification", "ls")->out, "Completed  log  talk");
    items = json_object_get(e2e_json("notification", "ls"), "items");
    cr_assert_str_eq(e2e_member(json_array_get(items, 0), "via"), "log");
    e2e_run(fail_flow);
    cr_assert_str_eq(e2e_leat("notification", "deliveries")->out, "No notifications.\n");
    e2e_run(talk_flow, "-n", "told");
    e2e_expect_words(e2e_leat("notification", "deliveries", "--run", "told")->out,
                     "delivered  told  Completed  log");
    e2e_expect_words(e2e_leat("notification", "deliveries", "--outcome", "dead")->out,
                     "No notifications.");
}

/* ---- api ------------------------------------------------------------------------------------ */

Test(cli_runs, api_sends_any_request)
{
    const char *id = talk();

    cr_assert_str_eq(e2e_member(document_of(e2e_leat("api", "get", "/flow-runs/@last"), 0), "id"),
                     id);
    cr_assert_str_eq(
        e2e_member(document_of(e2e_leat("api", "GET", "/api/v1/flow-runs/@last"), 0), "id"), id);
    cr_assert_eq(e2e_leat("api", "DELETE", e2e_text("/flow-runs/%s", id))->code, 0);
    cr_assert_eq(e2e_leat("api", "GET", e2e_text("/flow-runs/%s", id))->code, 2);
}

Test(cli_runs, api_sends_a_body)
{
    const struct e2e_out *out;

    e2e_write("body.json", "{\"flow_text\": \"flow: x\\nsteps: 1\\n\"}");
    out = e2e_leat("api", "POST", "/flow-runs", "-d", "@body.json");
    e2e_expect_words(e2e_member(document_of(out, 2), "problems"), "error:");
    REFUSED("--data is not JSON: line 1", "api", "POST", "/flow-runs", "-d", "{");
    REFUSED("the method must be GET", "api", "FETCH", "/flow-runs");
    REFUSED("the path begins with a slash", "api", "GET", "flow-runs");
}

Test(cli_runs, api_prints_the_events_of_a_run)
{
    const char *text;

    talk();
    text = e2e_leat("api", "GET", "/flow-runs/@last/events")->out;
    e2e_expect_words(text, "\"type\":\"snapshot\"");
    e2e_expect_words(text, "\"type\":\"end\"");
    REFUSED("no flow run \"nobody\"", "api", "GET", "/flow-runs/nobody/events");
}

/* ---- interrupted runs ----------------------------------------------------------------------- */

/* Starts the waiting flow and kills its engine. */
static void interrupt_waiting(void)
{
    struct e2e_process *process = start_waiting();

    kill(e2e_pid(process), SIGKILL);
    cr_assert_eq(e2e_wait(process)->code, 128 + SIGKILL);
}

Test(cli_runs, an_interrupted_run_is_shown_as_such)
{
    interrupt_waiting();
    e2e_expect_words(e2e_leat("flow-run", "ls")->out, "leat flow-run watch RUN takes up");
    e2e_expect_words(e2e_leat("flow-run", "inspect", "waiter")->out,
                     "● Running  wait (waiter) for");
    cr_assert_eq(e2e_leat("flow-run", "logs", "waiter", "-f")->code, 0);
}

Test(cli_runs, watch_takes_an_interrupted_run_up)
{
    struct e2e_process *process;
    const struct e2e_out *out;

    interrupt_waiting();
    process = e2e_start("flow-run", "watch", "waiter");
    cr_assert_str_eq(e2e_take_line("begun"), "begun");
    e2e_give_line("go");
    out = e2e_wait(process);
    cr_assert_eq(out->code, 0, "%s", out->err);
    e2e_expect_words(out->out, "✓ Completed  wait (waiter)");
}

Test(cli_runs, an_interrupted_run_can_be_cancelled)
{
    const struct e2e_out *out;

    interrupt_waiting();
    out = e2e_leat("flow-run", "cancel", "waiter", "-r", "no more");
    cr_assert_eq(out->code, 0, "%s", out->err);
    e2e_expect_words(out->out, "■ Cancelled  wait (waiter)");
    e2e_expect_words(out->out, "no more");
}

Test(cli_runs, an_interrupt_ends_the_watching_alone)
{
    struct e2e_process *process = start_waiting();
    struct e2e_process *watcher;
    const struct e2e_out *out;

    e2e_fifo("seen");
    watcher = e2e_start_program(
        (const char *const[]){"sh", "-c", "exec \"$LEAT_BIN\" flow-run watch waiter >seen", NULL});
    e2e_expect_words(e2e_take_line("seen"), "wait · waiter");
    kill(e2e_pid(watcher), SIGINT);
    out = e2e_wait(watcher);
    cr_assert_eq(out->code, 4);
    e2e_expect_words(out->err, "stopped watching; the run was not cancelled");
    e2e_give_line("go");
    cr_assert_eq(e2e_wait(process)->code, 0);
}

Test(cli_runs, many_runs_at_once_are_all_done)
{
    struct e2e_process *runs[8];

    e2e_write("talk.yaml", talk_flow);
    for (int i = 0; i < 8; i++) {
        runs[i] = e2e_start("run", "talk.yaml", "-q");
    }
    for (int i = 0; i < 8; i++) {
        const struct e2e_out *out = e2e_wait(runs[i]);

        cr_assert_eq(out->code, 0, "%s%s", out->out, out->err);
    }
}
