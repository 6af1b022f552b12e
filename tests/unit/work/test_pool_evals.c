/*
 * Evaluations by a real evaluator process.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/work/pool_kit.h"
#include "value/eval.h"
#include "value/json.h"
#include "value/pack.h"
#include "work/evaluator.h"

static struct kit kit;

/* Starts the kit. */
static void start(void)
{
    kit_start(&kit, NULL);
}

/* Ends the kit. */
static void done(void)
{
    kit_done(&kit);
}

TestSuite(pool_evals, .init = start, .fini = done);

/* JSON as a value in <buf>. */
static struct val value_of(const char *json, struct buf *buf)
{
    struct err_text why;

    buf_init(buf, 8u << 20);
    cr_assert_eq(json_parse(str_of(json), &val_limits_task, JSON_PARSE_BLOBS, buf, &why), 0, "%s",
                 why.text);
    return (struct val){buf->data, buf->len};
}

/* Puts one evaluation of one expression into the queue. */
static void put(uint64_t id, const char *expression, const char *scope_json)
{
    CLEANUP_BUF struct buf jobs;
    CLEANUP_BUF struct buf scope;
    struct str text = str_of(expression);
    struct hash program = hash_bytes(expression, strlen(expression));
    struct err_text why = {""};
    struct pool_eval eval = {
        .id = id,
        .program = &program,
        .texts = &text,
        .texts_count = 1,
        .jobs = value_of("[[0,0]]", &jobs),
        .scope = value_of(scope_json, &scope),
    };

    cr_assert_eq(pool_eval(kit.pool, &eval, &why), 0, "%s", why.text);
}

/* True when enough evaluations have ended. */
static bool ended(struct kit *k, void *user)
{
    return k->evals_count >= *(unsigned *)user;
}

/* Runs until <count> evaluations have ended. */
static void await(unsigned count)
{
    kit_run_until(&kit, ended, &count);
}

Test(pool_evals, an_expression_is_evaluated)
{
    put(1, "params.a + 1", "{\"params\":{\"a\":41}}");
    await(1);
    cr_assert(kit.eval_ok, "%s", kit.eval_text);
    cr_assert_str_eq(kit.eval_json, "[[0,42]]");
}

/* Evaluates "<number> + 1" and looks at the result. */
static void add_one(unsigned number)
{
    CLEANUP_FREE char *expression = xasprintf("%u + 1", number);
    CLEANUP_FREE char *expected = xasprintf("[[0,%u]]", number + 1);

    put(kit.evals_count + 1, expression, "{}");
    await(kit.evals_count + 1);
    cr_assert(kit.eval_ok, "%s", kit.eval_text);
    cr_assert_str_eq(kit.eval_json, expected);
}

Test(pool_evals, programs_are_remembered_and_forgotten_alike)
{
    for (unsigned i = 0; i <= EVALUATOR_PROGRAMS_MAX; i++) {
        add_one(i);
        add_one(i);
    }
    add_one(0);
}

Test(pool_evals, a_program_that_does_not_compile_fails)
{
    put(1, "params.a +", "{}");
    await(1);
    cr_assert_not(kit.eval_ok);
    cr_assert_str_eq(kit.eval_code, "expression.failed");
    put(2, "params.a +", "{}");
    await(2);
    cr_assert_str_eq(kit.eval_code, "expression.failed", "also when it is known");
}

Test(pool_evals, an_endless_expression_is_ended_and_the_next_one_served)
{
    put(1, "def f: f; f", "{}");
    put(2, "1 + 1", "{}");
    await(1);
    cr_assert_not(kit.eval_ok);
    cr_assert_str_eq(kit.eval_code, "expression.timeout");
    await(2);
    cr_assert(kit.eval_ok, "%s", kit.eval_text);
    cr_assert_str_eq(kit.eval_json, "[[0,2]]");
}

Test(pool_evals, a_large_value_comes_back_as_a_reference)
{
    put(1, "[range(10000)]", "{}");
    await(1);
    cr_assert(kit.eval_ok, "%s", kit.eval_text);
    cr_assert(strstr(kit.eval_json, "\"$blob\""), "%s", kit.eval_json);
}

Test(pool_evals, a_file_is_hashed_relative_to_the_base_directory)
{
    CLEANUP_BUF struct buf jobs = BUF_INIT(1024);
    CLEANUP_FREE char *path = file_join(kit.dir, "data.txt");
    struct err_text why;
    cr_assert_eq(file_write(path, "hello", 5, 0600, NULL), 0);
    pack_list(&jobs, 1);
    eval_file_job_pack(&jobs, STR("data.txt"));
    struct pool_eval eval = {
        .id = 1,
        .jobs = {jobs.data, jobs.len},
        .base_dir = str_of(kit.dir),
    };

    cr_assert_eq(pool_eval(kit.pool, &eval, &why), 0);
    await(1);
    cr_assert(kit.eval_ok, "%s", kit.eval_text);
    cr_assert(strstr(kit.eval_json, "\"size\":5"), "%s", kit.eval_json);
}

Test(pool_evals, one_job_too_many_is_refused)
{
    CLEANUP_BUF struct buf jobs = BUF_INIT(1u << 20);
    struct err_text why;

    pack_list(&jobs, POOL_EVAL_JOBS_MAX + 1);
    for (int i = 0; i <= POOL_EVAL_JOBS_MAX; i++) {
        eval_file_job_pack(&jobs, STR("x"));
    }
    struct pool_eval eval = {.id = 1, .jobs = {jobs.data, jobs.len}};
    cr_assert_eq(pool_eval(kit.pool, &eval, &why), ERR_LIMIT);
}

Test(pool_evals, results_come_in_order)
{
    for (unsigned i = 1; i <= 100; i++) {
        put(i, "index * 2", "{\"index\":21}");
    }
    await(100);
    cr_assert_eq(kit.evals_count, 100);
    cr_assert_str_eq(kit.eval_json, "[[0,42]]");
}

Test(pool_evals, the_death_of_the_spawner_fails_what_waits)
{
    put(1, "def f: f; f", "{}");
    kill((pid_t)spawner_pid(kit.spawner), SIGKILL);
    await(1);
    cr_assert_not(kit.eval_ok);
}
