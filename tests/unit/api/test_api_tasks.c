/*
 * Task runs over the API of a whole engine.
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

TestSuite(api_tasks, .init = start, .fini = stop, .timeout = 60);

static const char flow_map[] = "flow: mapped\n"
                               "steps:\n"
                               "  fan:\n"
                               "    task: hello.greet\n"
                               "    map: [ann, bob, cid]\n"
                               "    with: { who: \"${item}\" }\n"
                               "  last: { task: hello.greet, wait_for: [fan] }\n";

static const char flow_map_fails[] = "flow: mapped\n"
                                     "steps:\n"
                                     "  fan:\n"
                                     "    task: exec.run\n"
                                     "    map: [0, 1, 0, 2]\n"
                                     "    with: { shell: \"exit ${item}\" }\n";

Test(api_tasks, a_task_run_shows_its_result)
{
    const char *id = fixture_run(&fixture, flow_hello, "");
    struct val task = fixture_get(&fixture, format("/flow-runs/%s/task-runs/greet", id));

    cr_assert_str_eq(text_at(task, "result.text"), "Hello, world!");
    cr_assert_str_eq(text_at(task, "id"), format("%s/greet", id));
    cr_assert_eq(int_at(task, "attempts"), 1);
    cr_assert(null_at(task, "map_index"));
    cr_assert(!null_at(task, "duration_ms"));
}

Test(api_tasks, an_unknown_task_gets_a_suggestion)
{
    fixture_run(&fixture, flow_hello, "");
    fixture_ask(&fixture, "GET", "/flow-runs/@last/task-runs/gret", NULL, 404);
    cr_assert(strstr(fixture_detail(&fixture), "did you mean \"greet\"?"));
}

Test(api_tasks, odd_names_of_tasks_are_not_found)
{
    static const char *const names[] = {
        "greet[0]", "greet[", "greet[]", "[0]", "greet[x]", "greet[99999999999]", "greet[0]x"};

    fixture_run(&fixture, flow_hello, "");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        fixture_ask(&fixture, "GET", format("/flow-runs/@last/task-runs/%s", names[i]), NULL, 404);
    }
}

Test(api_tasks, a_mapped_step_lists_its_childrens_results)
{
    struct val task;

    fixture_run(&fixture, flow_map, "");
    task = fixture_get(&fixture, "/flow-runs/@last/task-runs/fan");
    cr_assert_eq(int_at(task, "map.total"), 3);
    cr_assert_eq(int_at(task, "map.done"), 3);
    cr_assert_eq(int_at(task, "map.failed"), 0);
    cr_assert_str_eq(text_at(task, "result.2.text"), "Hello, cid!");
}

Test(api_tasks, a_child_of_a_mapped_step_is_found_by_its_place)
{
    struct val task;

    fixture_run(&fixture, flow_map, "");
    task = fixture_get(&fixture, "/flow-runs/@last/task-runs/fan%5B1%5D");
    cr_assert_str_eq(text_at(task, "name"), "fan[1]");
    cr_assert_eq(int_at(task, "map_index"), 1);
    cr_assert_str_eq(text_at(task, "result.text"), "Hello, bob!");
    fixture_ask(&fixture, "GET", "/flow-runs/@last/task-runs/fan[3]", NULL, 404);
}

Test(api_tasks, failed_children_are_counted)
{
    struct val task;

    fixture_run(&fixture, flow_map_fails, "");
    task = fixture_get(&fixture, "/flow-runs/@last/task-runs/fan");
    cr_assert_eq(int_at(task, "map.done"), 4);
    cr_assert_eq(int_at(task, "map.failed"), 2);
}

Test(api_tasks, children_are_listed_only_when_asked_for)
{
    fixture_run(&fixture, flow_map, "");
    cr_assert_eq(count_at(fixture_get(&fixture, "/flow-runs/@last/task-runs"), "items"), 2);
    cr_assert_eq(count_at(fixture_get(&fixture, "/flow-runs/@last/task-runs?children=1"), "items"),
                 5);
    cr_assert_eq(count_at(fixture_get(&fixture, "/flow-runs/@last?children=1"), "task_runs"), 5);
    cr_assert_eq(count_at(fixture_get(&fixture, "/flow-runs/@last?tasks=0"), "task_runs"), 0);
}

Test(api_tasks, task_runs_of_a_run_come_page_by_page)
{
    const char *cursor;
    struct val list;

    fixture_run(&fixture, flow_map, "");
    list = fixture_get(&fixture, "/flow-runs/@last/task-runs?children=1&limit=3");
    cr_assert_str_eq(text_at(list, "items.2.name"), "fan[0]");
    cursor = text_at(list, "next");
    list = fixture_get(&fixture,
                       format("/flow-runs/@last/task-runs?children=1&limit=3&after=%s", cursor));
    cr_assert_eq(count_at(list, "items"), 2);
    cr_assert_str_eq(text_at(list, "items.0.name"), "fan[1]");
    cr_assert(null_at(list, "next"));
}

Test(api_tasks, task_runs_of_a_run_are_filtered_by_state)
{
    struct val list;

    fixture_run(&fixture, flow_map_fails, "");
    list = fixture_get(&fixture, "/flow-runs/@last/task-runs?children=1&state=FAILED");
    cr_assert_eq(count_at(list, "items"), 3);
    list = fixture_get(&fixture, "/flow-runs/@last/task-runs?children=1&state=Completed");
    cr_assert_eq(count_at(list, "items"), 2);
}

Test(api_tasks, task_runs_of_all_runs_come_newest_first)
{
    const char *first = fixture_run(&fixture, flow_hello, "");
    const char *second = fixture_run(&fixture, flow_fails, "");
    struct val list = fixture_get(&fixture, "/task-runs?limit=2");
    const char *cursor = text_at(list, "next");

    cr_assert_str_eq(text_at(list, "items.0.run"), second);
    list = fixture_get(&fixture, format("/task-runs?after=%s", cursor));
    cr_assert_eq(count_at(list, "items"), 1);
    cr_assert_str_eq(text_at(list, "items.0.run"), first);
    cr_assert(null_at(list, "next"));
}

Test(api_tasks, task_runs_of_all_runs_are_filtered)
{
    fixture_run(&fixture, flow_hello, "");
    fixture_run(&fixture, flow_fails, "");
    cr_assert_eq(count_at(fixture_get(&fixture, "/task-runs?state=FAILED"), "items"), 2);
    cr_assert_eq(count_at(fixture_get(&fixture, "/task-runs?step=greet"), "items"), 1);
    cr_assert_eq(count_at(fixture_get(&fixture, "/task-runs?step=gree"), "items"), 0);
}

Test(api_tasks, bad_cursors_are_refused)
{
    static const char *const cursors[] = {"", "x", "1", "1-", "-1", "1-2x", "0-0"};

    fixture_run(&fixture, flow_hello, "");
    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        fixture_ask(&fixture, "GET", format("/task-runs?after=%s", cursors[i]), NULL, 400);
    }
    fixture_ask(&fixture, "GET", "/flow-runs/@last/task-runs?after=4294967296", NULL, 400);
    fixture_ask(&fixture, "GET", "/flow-runs/@last/task-runs?after=", NULL, 400);
}

Test(api_tasks, large_results_are_references_until_expanded)
{
    struct val task;

    fixture_run(&fixture,
                "flow: big\nsteps:\n  a:\n    task: exec.run\n"
                "    with: { shell: \"head -c 20000 /dev/zero | tr '\\\\0' x\" }\n",
                "");
    task = fixture_get(&fixture, "/flow-runs/@last/task-runs/a");
    cr_assert_eq(val_type(at(task, "result.stdout")), VAL_BLOB);
    task = fixture_get(&fixture, "/flow-runs/@last/task-runs/a?expand=1");
    cr_assert_eq(val_str(at(task, "result.stdout")).len, 20000);
}

Test(api_tasks, a_subflow_leads_to_its_run_and_back)
{
    const char *path = format("%s/flows/greeting.yaml", fixture.home);
    const char *id;
    struct val run;
    const char *child;

    cr_assert_eq(file_mkdirs(format("%s/flows", fixture.home), 0755, NULL), 0);
    cr_assert_eq(file_write(path, flow_hello, strlen(flow_hello), 0644, NULL), 0);
    id = fixture_run(&fixture,
                     "flow: outer\nsteps:\n  call: { flow: greeting, with: { who: sub } }\n"
                     "output: \"${steps.call}\"\n",
                     "");
    run = fixture_get(&fixture, format("/flow-runs/%s", id));
    cr_assert_str_eq(text_at(run, "result"), "Hello, sub!");
    child = text_at(run, "task_runs.0.child_run");
    run = fixture_get(&fixture, format("/flow-runs/%s", child));
    cr_assert_str_eq(text_at(run, "parent.run"), id);
    cr_assert_str_eq(text_at(run, "parent.task"), "call");
    cr_assert_str_eq(text_at(fixture_get(&fixture, "/flow-runs/@last"), "id"), id);
    cr_assert_eq(count_at(fixture_get(&fixture, "/flow-runs?top=1"), "items"), 1);
}

Test(api_tasks, a_task_that_has_not_begun_is_pending)
{
    const char *path = format("%s/began", fixture.home);
    const char *id = fixture_submit(&fixture,
                                    format("flow: slow\nsteps:\n  wait:\n    task: exec.run\n"
                                           "    with: { shell: \"touch %s; sleep 600\", grace: "
                                           "100ms }\n  next: { task: hello.greet, wait_for: "
                                           "[wait] }\n",
                                           path),
                                    "");
    struct val task;

    fixture_wait_for_file(path);
    task = fixture_get(&fixture, format("/flow-runs/%s/task-runs/next", id));
    cr_assert_str_eq(text_at(task, "state.name"), "Pending");
    cr_assert(null_at(task, "result"));
    fixture_ask(&fixture, "GET", format("/flow-runs/%s/task-runs/none", id), NULL, 404);
    fixture_ask(&fixture, "POST", format("/flow-runs/%s/cancel", id), NULL, 202);
    fixture_wait(&fixture, id);
}
