/*
 * Flow runs over the API of a whole engine.
 */
#include "api/api.h"

#include <criterion/criterion.h>
#include <string.h>

#include "api/pinned.h"
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

TestSuite(api_runs, .init = start, .fini = stop, .timeout = 60);

Test(api_runs, a_submitted_run_completes_and_shows_its_result)
{
    const char *id = fixture_run(&fixture, flow_hello, ", \"typed\": {\"who\": \"moon\"}");
    struct val run = fixture_get(&fixture, format("/flow-runs/%s", id));

    cr_assert_str_eq(text_at(run, "state.name"), "Completed");
    cr_assert_str_eq(text_at(run, "result"), "Hello, moon!");
    cr_assert_str_eq(text_at(run, "params.who"), "moon");
    cr_assert_eq(int_at(run, "counts.Completed"), 1);
    cr_assert_str_eq(text_at(run, "task_runs.0.name"), "greet");
    cr_assert(null_at(run, "parent"));
}

Test(api_runs, the_answer_to_a_submission_says_where_the_run_is)
{
    const char *id = fixture_submit(&fixture, flow_hello, ", \"name\": \"tuesday\"");

    cr_assert_str_eq(fixture.response.location, format("/api/v1/flow-runs/%s", id));
    cr_assert_str_eq(text_at(api_response_value(&fixture.response), "name"), "tuesday");
    fixture_wait(&fixture, id);
}

Test(api_runs, every_mistake_of_a_flow_is_in_the_problems)
{
    struct val problem =
        fixture_ask(&fixture, "POST", "/flow-runs",
                    "{\"flow_text\": \"flow: x\\nsteps:\\n  a: {task: hello.gret}\\n"
                    "  b: {task: hello.greet, with: {whom: 1}}\\n\"}",
                    422);

    cr_assert(strstr(text_at(problem, "problems"), "hello.gret"));
    cr_assert(strstr(text_at(problem, "problems"), "whom"));
    cr_assert_str_eq(text_at(problem, "code"), "INVALID");
}

Test(api_runs, unfit_parameters_are_problems_too)
{
    struct val problem =
        fixture_ask(&fixture, "POST", "/flow-runs",
                    "{\"flow_text\": \"flow: x\\nparams: {n: {type: int}}\\nsteps:\\n"
                    "  a: {task: hello.greet}\\n\","
                    "\"params\": {\"n\": \"many\"}}",
                    422);

    cr_assert(strstr(text_at(problem, "problems"), "n"));
}

Test(api_runs, a_body_with_an_unknown_member_is_refused_with_a_suggestion)
{
    fixture_ask(&fixture, "POST", "/flow-runs", "{\"flow_tex\": \"\"}", 400);
    cr_assert(strstr(fixture_detail(&fixture), "did you mean \"flow_text\"?"));
}

Test(api_runs, malformed_json_is_refused_with_its_place)
{
    fixture_ask(&fixture, "POST", "/flow-runs", "{\"flow_text\":\n  nonsense}", 400);
    cr_assert(strstr(fixture_detail(&fixture), "line 2, column "), "%s", fixture_detail(&fixture));
}

Test(api_runs, a_submission_without_body_is_refused)
{
    fixture_ask(&fixture, "POST", "/flow-runs", NULL, 400);
}

Test(api_runs, a_relative_base_dir_is_refused)
{
    fixture_ask(&fixture, "POST", "/flow-runs",
                "{\"flow_text\": \"flow: x\", \"base_dir\": \"here\"}", 400);
    cr_assert(strstr(fixture_detail(&fixture), "base_dir"));
}

Test(api_runs, a_strange_tag_is_refused)
{
    fixture_ask(&fixture, "POST", "/flow-runs", "{\"flow_text\": \"x\", \"tags\": [\"a b\"]}", 400);
    cr_assert(strstr(fixture_detail(&fixture), "a b"));
}

Test(api_runs, a_failed_run_says_why)
{
    const char *id = fixture_run(&fixture, flow_fails, "");
    struct val run = fixture_get(&fixture, format("/flow-runs/%s", id));

    cr_assert_str_eq(text_at(run, "state.type"), "FAILED");
    cr_assert(!null_at(run, "error"));
    cr_assert_str_eq(text_at(run, "task_runs.0.state.name"), "Failed");
    cr_assert_str_eq(text_at(run, "task_runs.0.error.code"), "exec.exit");
    cr_assert_str_eq(text_at(run, "task_runs.1.state.name"), "UpstreamFailed");
    cr_assert(null_at(run, "result"));
}

Test(api_runs, secret_parameters_are_masked)
{
    const char *id = fixture_run(&fixture,
                                 "flow: x\nparams:\n  token: { type: string, secret: true }\n"
                                 "  user: { type: string }\n"
                                 "steps:\n  a: { task: hello.greet }\n",
                                 ", \"params\": {\"token\": \"hush\", \"user\": \"ann\"}");
    struct val run = fixture_get(&fixture, format("/flow-runs/%s", id));

    cr_assert_str_eq(text_at(run, "params.token"), "***");
    cr_assert_str_eq(text_at(run, "params.user"), "ann");
}

/* ---- names ---- */

Test(api_runs, a_run_is_found_by_name_and_the_newest_wins)
{
    const char *first = fixture_run(&fixture, flow_hello, ", \"name\": \"daily\"");
    const char *second = fixture_run(&fixture, flow_hello, ", \"name\": \"daily\"");
    struct val run = fixture_get(&fixture, "/flow-runs/daily");

    cr_assert_str_eq(text_at(run, "id"), second);
    cr_assert_str_neq(first, second);
}

Test(api_runs, a_unique_beginning_of_an_id_is_enough)
{
    const char *id = fixture_run(&fixture, flow_hello, "");
    struct val run = fixture_get(&fixture, format("/flow-runs/%.8s", id));

    cr_assert_str_eq(text_at(run, "id"), id);
}

Test(api_runs, an_ambiguous_beginning_of_an_id_is_refused)
{
    const char *id = fixture_run(&fixture, flow_hello, "");

    fixture_run(&fixture, flow_hello, "");
    fixture_ask(&fixture, "GET", format("/flow-runs/%.8s", id), NULL, 400);
    cr_assert(strstr(fixture_detail(&fixture), "More than one"));
}

Test(api_runs, last_is_the_newest_run_that_is_no_subflow)
{
    const char *id = fixture_run(&fixture, flow_hello, "");

    cr_assert_str_eq(text_at(fixture_get(&fixture, "/flow-runs/@last"), "id"), id);
}

Test(api_runs, there_is_no_last_run_in_an_empty_home)
{
    fixture_ask(&fixture, "GET", "/flow-runs/@last", NULL, 404);
}

Test(api_runs, a_misspelt_name_is_answered_with_a_suggestion)
{
    fixture_run(&fixture, flow_hello, ", \"name\": \"brisk-otter\"");
    fixture_ask(&fixture, "GET", "/flow-runs/brisk-oter", NULL, 404);
    cr_assert(strstr(fixture_detail(&fixture), "did you mean \"brisk-otter\"?"));
}

/* ---- lists ---- */

Test(api_runs, runs_are_listed_newest_first_page_by_page)
{
    const char *cursor;
    struct val list;

    fixture_run(&fixture, flow_hello, ", \"name\": \"one\"");
    fixture_run(&fixture, flow_hello, ", \"name\": \"two\"");
    fixture_run(&fixture, flow_hello, ", \"name\": \"three\"");
    list = fixture_get(&fixture, "/flow-runs?limit=2");
    cr_assert_str_eq(text_at(list, "items.0.name"), "three");
    cr_assert_str_eq(text_at(list, "items.1.name"), "two");
    cursor = text_at(list, "next");
    list = fixture_get(&fixture, format("/flow-runs?limit=2&after=%s", cursor));
    cr_assert_eq(count_at(list, "items"), 1);
    cr_assert_str_eq(text_at(list, "items.0.name"), "one");
    cr_assert(null_at(list, "next"));
}

Test(api_runs, a_full_last_page_has_no_next)
{
    fixture_run(&fixture, flow_hello, "");
    fixture_run(&fixture, flow_hello, "");
    cr_assert(null_at(fixture_get(&fixture, "/flow-runs?limit=2"), "next"));
}

Test(api_runs, every_filter_leaves_out_what_does_not_fit)
{
    static const struct {
        const char *query;
        uint32_t count;
    } cases[] = {
        {"state=Completed", 2},
        {"state=completed", 2},
        {"state=FAILED", 1},
        {"state=TimedOut", 0},
        {"state=RUNNING", 0},
        {"flow=greeting", 2},
        {"flow=greetin", 0},
        {"tag=red", 1},
        {"tag=re", 0},
        {"name=special", 1},
        {"name=none", 0},
        {"flow=greeting&tag=red", 1},
        {"flow=broken&tag=red", 0},
        {"state=FAILED&flow=broken", 1},
        {"top=1", 3},
        {"state=FAILED&flow=greeting", 0},
        {"", 3},
    };

    fixture_run(&fixture, flow_hello, ", \"name\": \"special\"");
    fixture_run(&fixture, flow_hello, ", \"tags\": [\"red\", \"big\"]");
    fixture_run(&fixture, flow_fails, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct val list = fixture_get(&fixture, format("/flow-runs?%s", cases[i].query));

        cr_expect_eq(count_at(list, "items"), cases[i].count, "%s gives %u", cases[i].query,
                     count_at(list, "items"));
    }
}

Test(api_runs, a_page_of_a_type_of_states_merges_its_states)
{
    const char *cursor;
    struct val list;

    fixture_run(&fixture, flow_hello, ", \"name\": \"one\"");
    fixture_run(&fixture, flow_fails, ", \"name\": \"two\"");
    fixture_run(&fixture, flow_hello, ", \"name\": \"three\"");
    list = fixture_get(&fixture, "/flow-runs?state=COMPLETED&limit=1");
    cr_assert_str_eq(text_at(list, "items.0.name"), "three");
    cursor = text_at(list, "next");
    list = fixture_get(&fixture, format("/flow-runs?state=COMPLETED&limit=1&after=%s", cursor));
    cr_assert_str_eq(text_at(list, "items.0.name"), "one");
}

Test(api_runs, a_bad_cursor_is_refused)
{
    fixture_ask(&fixture, "GET", "/flow-runs?after=x", NULL, 400);
    fixture_ask(&fixture, "GET", "/flow-runs?after=0", NULL, 400);
    fixture_ask(&fixture, "GET", "/flow-runs?after=-1", NULL, 400);
}

/* ---- changing ---- */

/* A flow whose step waits until it is stopped, after it has made a file. */
static const char *endless(const char *path)
{
    return format("flow: endless\nsteps:\n  wait:\n    task: exec.run\n    with:\n"
                  "      shell: \"touch %s; sleep 600\"\n      grace: 100ms\n"
                  "  next: { task: hello.greet, wait_for: [wait] }\n",
                  path);
}

Test(api_runs, a_live_run_shows_steps_that_have_not_begun)
{
    const char *path = format("%s/began", fixture.home);
    const char *id = fixture_submit(&fixture, endless(path), "");
    struct val run;

    fixture_wait_for_file(path);
    run = fixture_get(&fixture, format("/flow-runs/%s", id));
    cr_assert_str_eq(text_at(run, "task_runs.0.state.name"), "Running");
    cr_assert_str_eq(text_at(run, "task_runs.1.state.name"), "Pending");
    cr_assert_str_eq(text_at(run, "task_runs.1.name"), "next");
    cr_assert_eq(int_at(run, "counts.Pending"), 1);
    cr_assert(null_at(run, "ended"));
    fixture_ask(&fixture, "POST", format("/flow-runs/%s/cancel", id), NULL, 202);
    fixture_wait(&fixture, id);
}

Test(api_runs, a_live_run_is_cancelled_with_its_reason)
{
    const char *path = format("%s/began", fixture.home);
    const char *id = fixture_submit(&fixture, endless(path), "");

    fixture_wait_for_file(path);
    fixture_ask(&fixture, "POST", format("/flow-runs/%s/cancel", id),
                "{\"reason\": \"lunch time\"}", 202);
    cr_assert_str_eq(fixture_wait(&fixture, id), "Cancelled");
    cr_assert(strstr(text_at(fixture_get(&fixture, format("/flow-runs/%s", id)), "error.text"),
                     "lunch time"));
}

Test(api_runs, an_ended_run_can_not_be_cancelled)
{
    const char *id = fixture_run(&fixture, flow_hello, "");

    fixture_ask(&fixture, "POST", format("/flow-runs/%s/cancel", id), NULL, 409);
}

Test(api_runs, a_live_run_can_neither_be_deleted_nor_retried)
{
    const char *path = format("%s/began", fixture.home);
    const char *id = fixture_submit(&fixture, endless(path), "");

    fixture_wait_for_file(path);
    fixture_ask(&fixture, "DELETE", format("/flow-runs/%s", id), NULL, 409);
    fixture_ask(&fixture, "POST", format("/flow-runs/%s/retry", id), NULL, 409);
    fixture_ask(&fixture, "POST", format("/flow-runs/%s/cancel", id), NULL, 202);
    fixture_wait(&fixture, id);
}

Test(api_runs, a_deleted_run_is_gone)
{
    const char *id = fixture_run(&fixture, flow_hello, "");

    fixture_ask(&fixture, "DELETE", format("/flow-runs/%s", id), NULL, 204);
    fixture_ask(&fixture, "GET", format("/flow-runs/%s", id), NULL, 404);
    fixture_ask(&fixture, "DELETE", format("/flow-runs/%s", id), NULL, 404);
}

Test(api_runs, a_retried_run_keeps_what_completed)
{
    const char *mark = format("%s/mark", fixture.home);
    const char *flow = format("flow: second\nsteps:\n  first: { task: hello.greet }\n"
                              "  flaky:\n    task: exec.run\n    wait_for: [first]\n"
                              "    with: { shell: \"test -e %s || { touch %s; exit 1; }\" }\n",
                              mark, mark);
    const char *id = fixture_run(&fixture, flow, "");
    struct val run;

    cr_assert_str_eq(text_at(fixture_get(&fixture, "/flow-runs/@last"), "state.name"), "Failed");
    fixture_ask(&fixture, "POST", format("/flow-runs/%s/retry", id), NULL, 202);
    cr_assert_str_eq(fixture_wait(&fixture, id), "Completed");
    run = fixture_get(&fixture, format("/flow-runs/%s", id));
    cr_assert_eq(int_at(run, "task_runs.0.attempts"), 1);
}

/* ---- flow files ---- */

Test(api_runs, the_flow_of_a_run_is_shown_with_its_steps)
{
    const char *id = fixture_run(&fixture, flow_fails, "");
    struct val flow = fixture_get(&fixture, format("/flow-runs/%s/flow", id));

    cr_assert_str_eq(text_at(flow, "text"), flow_fails);
    cr_assert_str_eq(text_at(flow, "steps.1.needs.0"), "bad");
    cr_assert_str_eq(text_at(flow, "steps.0.target"), "exec.run");
}

Test(api_runs, answers_are_the_same_after_a_restart)
{
    const char *id = fixture_run(&fixture, flow_hello, "");

    fixture_restart(&fixture);
    cr_assert_str_eq(text_at(fixture_get(&fixture, format("/flow-runs/%s", id)), "result"),
                     "Hello, world!");
}

Test(api_runs, more_flows_than_are_kept_in_memory_are_shown)
{
    enum { FLOWS = PINNED_KEPT_MAX + 6 };
    struct val list;

    for (int i = 0; i < FLOWS; i++) {
        fixture_submit(&fixture,
                       format("flow: f%d\nparams: { p: { type: string, secret: true } }\n"
                              "steps:\n  a: { task: hello.greet }\n",
                              i),
                       ", \"params\": {\"p\": \"hush\"}");
    }
    for (int round = 0; round < 2; round++) {
        list = fixture_get(&fixture, "/flow-runs?limit=1000");
        cr_assert_eq(count_at(list, "items"), FLOWS);
        for (int i = 0; i < FLOWS; i++) {
            cr_assert_str_eq(text_at(list, format("items.%d.params.p", i)), "***");
        }
    }
    fixture_wait(&fixture, "@last");
}
