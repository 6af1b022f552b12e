/*
 * The evaluator's jobs, in the form in which templates pack them.
 */
#include "value/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "value/pack.h"
#include "values.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define BLOB "{\"$blob\":\"" HEX64 "\",\"size\":20000}"

static struct arena arena;
static struct err_text why;
static int puts_count;

/* A store that keeps nothing but the size. */
static int put_blob(void *user, struct val value, struct blob_ref *ret_blob,
                    struct err_text *reterr_why)
{
    if (user) {
        return err_set(reterr_why, ERR_IO, "The disk is full.");
    }
    puts_count++;
    *ret_blob = (struct blob_ref){.size = value.len};
    return 0;
}

/* A store with one blob that holds a list of 20000 numbers. */
static int get_blob(void *user, const struct blob_ref *blob, struct val *ret_value,
                    struct err_text *reterr_why)
{
    (void)blob;
    (void)reterr_why;
    struct buf list = BUF_INIT(1 << 20);
    pack_map(&list, 2);
    pack_cstr(&list, "rows");
    pack_list(&list, 20000);
    for (int index = 0; index < 20000; index++) {
        pack_int(&list, index % 100);
    }
    pack_cstr(&list, "name");
    pack_cstr(&list, "flights");
    *ret_value = (struct val){arena_memdup(user, list.data, list.len), list.len};
    buf_done(&list);
    return 0;
}

static struct eval_ctx ctx;

/* Starts each test from the same state. */
static void setup(void)
{
    arena_init(&arena, 64 << 20);
    ctx = (struct eval_ctx){.blobs = {get_blob, &arena}, .blob_put = put_blob};
    why.text[0] = '\0';
    puts_count = 0;
}

/* Frees what the tests have made. */
static void teardown(void)
{
    expr_program_free(ctx.program);
    arena_done(&arena);
}

TestSuite(eval, .init = setup, .fini = teardown);

/* The results of jobs given as JSON, as JSON; "!" when the whole fails. */
static const char *run(const char *jobs, const char *scope)
{
    struct buf out = BUF_INIT(1 << 20);
    struct val scope_value = scope ? values_json(&arena, scope) : VAL_NONE;
    int err = eval_run(&ctx, values_json(&arena, jobs), scope_value, &out, &why);
    const char *text = "!";
    if (!err) {
        struct val v;
        cr_assert_eq(val_scan(out.data, out.len, &val_limits_task, &v, &why), 0, "%s", why.text);
        cr_assert_eq(v.len, out.len);
        text = values_text(&arena, v);
    }
    buf_done(&out);
    return text;
}

Test(eval, expressions_run_against_the_scope)
{
    struct str texts[] = {STR("params.a + 1"), STR("[range(20000)]"), STR("error(\"no\")")};
    cr_assert_eq(expr_program_new(texts, 3, &ctx.program, &why), 0);
    cr_assert_str_eq(run("[[0,0],[0,2],[0,7]]", "{\"params\":{\"a\":1}}"),
                     "[[0,2],[-5024,\"The expression `error(\\\"no\\\")` failed: no.\"],"
                     "[-5024,\"The program has no expression number 7.\"]]");
    cr_assert_str_eq(run("[[0,0]]", NULL), "[[0,1]]");
}

Test(eval, large_results_become_blobs)
{
    struct str text = STR("[range(20000)]");
    cr_assert_eq(expr_program_new(&text, 1, &ctx.program, &why), 0);
    const char *result = run("[[0,0],[1,{\"b\":" BLOB "},[\"b\",\"rows\"],\"x\"]]", NULL);
    cr_assert(strstr(result, "[[0,{\"$blob\":\"000"), "%s", result);
    cr_assert_eq(puts_count, 2);
    ctx.user = &ctx;
    cr_assert_str_eq(run("[[0,0]]", NULL), "[[-5009,\"The disk is full.\"]]");
}

Test(eval, paths_go_through_blobs)
{
    cr_assert_str_eq(run("[[1,{\"b\":" BLOB "},[\"b\",\"rows\",101],\"x\"],"
                         "[1,{\"b\":" BLOB "},[\"b\"],\"x\"],[1,5,[],\"x\"]]",
                         NULL),
                     "[[0,1],[0," BLOB "],[0,5]]");
    cr_assert_str_eq(run("[[1,{\"b\":1},[\"c\"],\"steps.a.c\"]]", NULL),
                     "[[-5006,\"`steps.a.c`: there is no member \\\"c\\\"; there are: b.\"]]");
}

Test(eval, blobs_that_are_gone_are_an_error)
{
    ctx.blobs.get = NULL;
    const char *result = run("[[1," BLOB ",[\"b\"],\"steps.a.b\"],[2," BLOB ",[],\"x\"]]", NULL);
    cr_assert(strstr(result, "`steps.a.b`: a stored value on the way is not there any more."), "%s",
              result);
    cr_assert(strstr(result, "A stored value is not there any more."), "%s", result);
}

Test(eval, text_is_rendered)
{
    cr_assert_str_eq(
        run("[[2,{\"b\":" BLOB "},[\"b\",\"name\"],\"x\"],[2,[1,\"a\"],[],\"x\"]]", NULL),
        "[[0,\"flights\"],[0,\"[1,\\\"a\\\"]\"]]");
    const char *result = run("[[2," BLOB ",[],\"x\"]]", NULL);
    cr_assert_eq(strncmp(result, "[[0,\"{\\\"rows\\\":[0,1,2", 21), 0);
}

Test(eval, expressions_without_a_program_are_an_error)
{
    cr_assert_str_eq(run("[[0,0]]", NULL), "[[-5024,\"The flow has no expressions.\"]]");
}

Test(eval, files_are_hashed)
{
    char path[] = "/tmp/leat-test-eval-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "abc", 3), 3);
    close(fd);
    struct buf jobs = BUF_INIT(1000);
    struct buf out = BUF_INIT(1000);
    pack_list(&jobs, 1);
    eval_file_job_pack(&jobs, str_of(path));
    cr_assert_eq(eval_run(&ctx, (struct val){jobs.data, jobs.len}, VAL_NONE, &out, &why), 0);
    struct val result = val_at(val_at((struct val){out.data, out.len}, 0), 1);
    struct hash hash = hash_bytes("abc", 3);
    cr_assert_eq(memcmp(val_str(val_find(result, STR("hash"))).ptr, hash.bytes, HASH_SIZE), 0);
    cr_assert_eq(val_int(val_find(result, STR("size"))), 3);
    unlink(path);
    buf_done(&jobs);
    buf_done(&out);
}

Test(eval, what_is_no_file_is_an_error_and_does_not_block)
{
    char path[] = "/tmp/leat-test-eval-XXXXXX";
    cr_assert_not_null(mkdtemp(path));
    char fifo[64];
    snprintf(fifo, sizeof(fifo), "%s/fifo", path);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    char jobs[256];
    snprintf(jobs, sizeof(jobs), "[[3,\"%s\"],[3,\"%s\"],[3,\"%s/none\"]]", path, fifo, path);
    const char *result = run(jobs, NULL);
    cr_assert(strstr(result, "/fifo is not a regular file"), "%s", result);
    cr_assert(strstr(result, "/none can not be read: No such file"), "%s", result);
    unlink(fifo);
    rmdir(path);
}

Test(eval, malformed_jobs_fail_the_whole_request)
{
    static const char *const wrong[] = {
        "{}",
        "5",
        "[5]",
        "[[]]",
        "[[0]]",
        "[[9,1]]",
        "[[\"0\",1]]",
        "[[0,-1]]",
        "[[0,\"x\"]]",
        "[[0,4294967296]]",
        "[[1,{},5,\"x\"]]",
        "[[1,{},[true],\"x\"]]",
        "[[1,{},[],1]]",
        "[[1,{}]]",
        "[[3,5]]",
        "[[0,1,2,3,4]]",
        "[[2,1,[1.5],\"x\"]]",
        "[[0,0,0]]",
    };
    for (size_t index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        cr_assert_str_eq(run(wrong[index], NULL), "!", "%s", wrong[index]);
    }
}

Test(eval, results_are_limited_by_the_buffer)
{
    struct buf out = BUF_INIT(5);
    cr_assert_eq(
        eval_run(&ctx, values_json(&arena, "[[1,[1,2,3,4,5,6,7],[],\"x\"]]"), VAL_NONE, &out, &why),
        ERR_LIMIT);
    buf_done(&out);
}
