/*
 * The tree of a followed run: what snapshots and news make of it.
 */
#include <stdio.h>

#include <criterion/criterion.h>

#include "main/run_model.h"
#include "value/json.h"

static struct run_model *model;

/* Fixture. */
static void begin(void)
{
    model = run_model_new();
}

/* Fixture. */
static void finish(void)
{
    model = run_model_free(model);
}

TestSuite(run_model, .init = begin, .fini = finish);

/* Hands over one object. */
static bool take(const char *json)
{
    CLEANUP_BUF struct buf value = BUF_INIT(100000);

    cr_assert_eq(json_parse(str_of(json), &val_limits_task, 0, &value, NULL), 0, "%s", json);
    return run_model_take(model, (struct val){value.data, value.len});
}

/* The tree as one line: "name:State name:State ..." with a dot per level. */
static void expect_tree(const char *expected)
{
    CLEANUP_BUF struct buf out = BUF_INIT(10000);
    size_t count;
    const struct run_node *const *nodes = run_model_nodes(model, &count);

    for (size_t i = 0; i < count; i++) {
        buf_put_str(&out, i > 0 ? STR(" ") : STR(""));
        for (int level = 0; level < nodes[i]->depth; level++) {
            buf_put_byte(&out, '.');
        }
        buf_printf(&out, "%s:%s", nodes[i]->name, nodes[i]->state);
    }
    cr_assert_str_eq(buf_cstr(&out), expected);
}

#define RUNNING "\"state\":{\"type\":\"RUNNING\",\"name\":\"Running\"}"
#define PENDING "\"state\":{\"type\":\"PENDING\",\"name\":\"Pending\"}"
#define COMPLETED "\"state\":{\"type\":\"COMPLETED\",\"name\":\"Completed\"}"
#define FAILED "\"state\":{\"type\":\"FAILED\",\"name\":\"Failed\"}"

static const char snapshot[] =
    "{\"type\":\"snapshot\",\"id\":\"r1\",\"flow\":\"f\",\"name\":\"n\"," RUNNING ","
    "\"started\":\"2026-11-21T20:00:00.000000Z\","
    "\"task_runs\":[{\"name\":\"a\"," COMPLETED ",\"started\":\"2026-11-21T20:00:00.000000Z\","
    "\"ended\":\"2026-11-21T20:00:01.000000Z\"},{\"name\":\"m\"," PENDING "}]}";

Test(run_model, a_snapshot_is_the_tree_in_the_order_of_the_flow)
{
    size_t count;

    cr_assert(take(snapshot));
    expect_tree("f · n:Running .a:Completed .m:Pending");
    cr_assert_eq(run_model_nodes(model, &count)[1]->ended_us -
                     run_model_nodes(model, &count)[1]->started_us,
                 1000000);
    cr_assert(run_model_running(model));
}

Test(run_model, news_of_tasks_change_their_nodes)
{
    take(snapshot);
    cr_assert(take("{\"type\":\"task_run\",\"run\":\"r1\",\"task\":\"m\",\"time\":5," FAILED
                   ",\"text\":\"oh\"}"));
    expect_tree("f · n:Running .a:Completed .m:Failed");
}

Test(run_model, news_of_unknown_runs_are_ignored)
{
    take(snapshot);
    cr_assert_not(take("{\"type\":\"task_run\",\"run\":\"r9\",\"task\":\"m\"," FAILED "}"));
    cr_assert_not(take("{\"type\":\"something new\"}"));
}

Test(run_model, runs_of_subflows_hang_below_their_task)
{
    take(snapshot);
    take("{\"type\":\"flow_run\",\"run\":\"r2\",\"parent\":\"r1\",\"parent_task\":\"m\","
         "\"flow\":\"g\",\"name\":\"x\"," RUNNING "}");
    take("{\"type\":\"task_run\",\"run\":\"r2\",\"task\":\"b\"," RUNNING "}");
    expect_tree("f · n:Running .a:Completed .m:Pending ..b:Running");
}

Test(run_model, children_of_a_map_are_counted_and_the_first_failures_shown)
{
    size_t count;

    take(snapshot);
    take("{\"type\":\"map\",\"run\":\"r1\",\"task\":\"m\",\"total\":10,\"done\":8,\"bad\":7}");
    for (int i = 0; i < 7; i++) {
        char news[200];

        snprintf(news, sizeof(news),
                 "{\"type\":\"task_run\",\"run\":\"r1\",\"task\":\"m[%d]\"," FAILED "}", i);
        take(news);
    }
    take("{\"type\":\"task_run\",\"run\":\"r1\",\"task\":\"m[8]\"," COMPLETED "}");
    expect_tree("f · n:Running .a:Completed .m:Pending ..m[0]:Failed ..m[1]:Failed ..m[2]:Failed "
                "..m[3]:Failed ..m[4]:Failed");
    cr_assert_eq(run_model_nodes(model, &count)[2]->bad, 7);
    cr_assert_eq(run_model_nodes(model, &count)[2]->total, 10);
}

Test(run_model, a_mapped_subflow_shows_the_runs_that_go_on)
{
    take(snapshot);
    take("{\"type\":\"flow_run\",\"run\":\"r2\",\"parent\":\"r1\",\"parent_task\":\"m[0]\","
         "\"flow\":\"g\",\"name\":\"x\"," RUNNING "}");
    take("{\"type\":\"task_run\",\"run\":\"r2\",\"task\":\"b\"," RUNNING "}");
    expect_tree("f · n:Running .a:Completed .m:Pending ..m[0]:Running ...b:Running");
    take("{\"type\":\"flow_run\",\"run\":\"r2\",\"parent\":\"r1\",\"parent_task\":\"m[0]\","
         "\"flow\":\"g\",\"name\":\"x\"," COMPLETED "}");
    expect_tree("f · n:Running .a:Completed .m:Pending");
}

/* The path of the node that some news are about. */
static void expect_path(const char *json, const char *path)
{
    CLEANUP_BUF struct buf value = BUF_INIT(1000);
    const struct run_node *node;

    cr_assert_eq(json_parse(str_of(json), &val_limits_task, 0, &value, NULL), 0);
    node = run_model_find(model, (struct val){value.data, value.len});
    cr_assert_not_null(node);
    cr_assert_str_eq(node->path, path);
}

Test(run_model, paths_name_the_tasks_above)
{
    take(snapshot);
    take("{\"type\":\"flow_run\",\"run\":\"r2\",\"parent\":\"r1\",\"parent_task\":\"m[0]\","
         "\"flow\":\"g\",\"name\":\"x\"," RUNNING "}");
    take("{\"type\":\"task_run\",\"run\":\"r2\",\"task\":\"b\"," RUNNING "}");
    expect_path("{\"run\":\"r2\",\"task\":\"b\"}", "m[0]/b");
    expect_path("{\"run\":\"r2\"}", "m[0]");
    expect_path("{\"run\":\"r1\",\"task\":\"a\"}", "a");
    expect_path("{\"run\":\"r1\"}", "");
}

Test(run_model, progress_is_kept_until_the_next_state)
{
    size_t count;

    take(snapshot);
    take(
        "{\"type\":\"progress\",\"run\":\"r1\",\"task\":\"m\",\"fraction\":0.5,\"text\":\"half\"}");
    cr_assert_eq(run_model_nodes(model, &count)[2]->fraction, 0.5);
    cr_assert_str_eq(run_model_nodes(model, &count)[2]->text, "half");
    take("{\"type\":\"task_run\",\"run\":\"r1\",\"task\":\"m\"," COMPLETED "}");
    cr_assert(run_model_nodes(model, &count)[2]->fraction < 0);
    cr_assert_not(take("{\"type\":\"progress\",\"run\":\"r1\",\"task\":\"m\",\"fraction\":0.9}"));
}

Test(run_model, a_retry_says_when)
{
    size_t count;

    take(snapshot);
    take("{\"type\":\"task_run\",\"run\":\"r1\",\"task\":\"m\",\"time\":1000,\"attempt\":1,"
         "\"retry_us\":500,\"state\":{\"type\":\"SCHEDULED\",\"name\":\"AwaitingRetry\"}}");
    cr_assert_eq(run_model_nodes(model, &count)[2]->due_us, 1500);
    cr_assert_eq(run_model_nodes(model, &count)[2]->attempt, 1);
}
