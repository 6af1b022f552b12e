/*
 * Expressions: what they see, how they fail, what they can not reach.
 */
#include "value/expr.h"

#include <stdio.h>

#include <criterion/criterion.h>

#include "value/pack.h"
#include "value/tmpl.h"
#include "values.h"

static struct arena arena;
static struct err_text why;

/* Starts each test from the same state. */
static void setup(void)
{
    arena_init(&arena, 64 << 20);
    why.text[0] = '\0';
}

/* Frees what the tests have made. */
static void teardown(void)
{
    arena_done(&arena);
}

TestSuite(expr, .init = setup, .fini = teardown);

/* A program of one expression. */
static struct expr_program *program_of(const char *text)
{
    struct expr_program *program = NULL;
    struct str str = str_of(text);
    int err = expr_program_new(&str, 1, &program, &why);
    cr_assert_eq(err, 0, "%s", why.text);
    return program;
}

/* What expression <index> gives for a scope of JSON; "!" for an error. */
static const char *run(struct expr_program *program, uint32_t index, const char *scope)
{
    struct buf out = BUF_INIT((size_t)128 << 20);
    why.text[0] = '\0';
    int err = expr_run(program, index, values_json(&arena, scope), NULL, &out, &why);
    const char *text = "!";
    if (err) {
        cr_assert_eq(err, ERR_EXPRESSION);
        cr_assert_eq(out.len, 0);
    } else {
        struct val v;
        cr_assert_eq(val_scan(out.data, out.len, &val_limits_task, &v, &why), 0, "%s", why.text);
        text = values_text(&arena, v);
    }
    buf_done(&out);
    return text;
}

static const char scope_text[] =
    "{\"params\":{\"a\":2,\"s\":\"x\"},"
    "\"steps\":{\"read\":{\"rows\":[1,2,3]},\"b-c\":{\"d-e\":7}},"
    "\"item\":{\"k\":1},\"index\":5,\"run\":{\"id\":\"r\"},\"vars\":{\"v\":null},"
    "\"env\":{\"HOME\":\"/h\"}}";

/* What one expression gives for `scope_text`. */
static const char *once(const char *text)
{
    struct expr_program *program = program_of(text);
    const char *result = run(program, 0, scope_text);
    expr_program_free(program);
    return result;
}

Test(expr, sees_all_roots)
{
    cr_assert_str_eq(
        once("[params.a, steps.read.rows[1], item.k, index, run.id, vars.v, env.HOME]"),
        "[2,2,1,5,\"r\",null,\"/h\"]");
    cr_assert_str_eq(once("steps.b-c.d-e - params.a"), "5");
    cr_assert_str_eq(once("\"n=\\(params.a)\""), "\"n=2\"");
    cr_assert_str_eq(once("secrets.x // \"none\""), "\"none\"");
    cr_assert_str_eq(once("."), "null");
    cr_assert_str_eq(once("params | keys # with a comment"), "[\"a\",\"s\"]");
    cr_assert_str_eq(once("\"axb\" | index(\"x\")"), "1");
}

Test(expr, values_keep_their_kinds)
{
    cr_assert_str_eq(once("[1, 1.5, 1e3, -0.0, 1e300, true, null, \"ä\", {}, []]"),
                     "[1,1.5,1000,0,1e+300,true,null,\"ä\",{},[]]");
    cr_assert_str_eq(once("nan"), "null");
    cr_assert_str_eq(once("9007199254740992"), "9007199254740992");
    cr_assert_str_eq(once("{b: 1, a: {d: 1, c: 2}}"), "{\"a\":{\"c\":2,\"d\":1},\"b\":1}");
}

Test(expr, a_program_holds_many_expressions)
{
    static char texts[TMPL_EXPRS_MAX][32];
    struct str list[TMPL_EXPRS_MAX];
    for (int index = 0; index < TMPL_EXPRS_MAX; index++) {
        snprintf(texts[index], sizeof(texts[index]), "params.a + %d", index);
        list[index] = str_of(texts[index]);
    }
    struct expr_program *program = NULL;
    cr_assert_eq(expr_program_new(list, TMPL_EXPRS_MAX, &program, &why), 0, "%s", why.text);
    cr_assert_str_eq(run(program, 0, scope_text), "2");
    cr_assert_str_eq(run(program, 255, scope_text), "257");
    cr_assert_str_eq(run(program, 256, scope_text), "!");
    expr_program_free(program);
}

Test(expr, a_program_of_nothing_is_fine)
{
    struct expr_program *program = NULL;
    cr_assert_eq(expr_program_new(NULL, 0, &program, &why), 0);
    cr_assert_null(expr_program_free(program));
    cr_assert_null(expr_program_free(NULL));
}

Test(expr, failures_quote_the_expression_and_do_not_spoil_the_program)
{
    struct str texts[] = {STR("params.s.x"), STR("params.a")};
    struct expr_program *program = NULL;
    cr_assert_eq(expr_program_new(texts, 2, &program, &why), 0);
    cr_assert_str_eq(run(program, 0, scope_text), "!");
    cr_assert_str_eq(why.text,
                     "The expression `params.s.x` failed: Cannot index string with string "
                     "\"x\".");
    cr_assert_str_eq(run(program, 1, scope_text), "2");
    expr_program_free(program);
}

Test(expr, exactly_one_result_is_wanted)
{
    cr_assert_str_eq(once("empty"), "!");
    cr_assert(strstr(why.text, "it gives no value"));
    cr_assert_str_eq(once("1, 2"), "!");
    cr_assert(strstr(why.text, "more than one value"));
    cr_assert_str_eq(once("1, error(\"late\")"), "!");
    cr_assert_str_eq(once("error({a: 1})"), "!");
    cr_assert(strstr(why.text, "{\"a\":1}"));
    cr_assert_str_eq(once("error(null)"), "!");
}

Test(expr, the_outside_can_not_be_reached)
{
    static const char *const texts[] = {
        "input",
        "[inputs]",
        "input_filename",
        "input_line_number",
        "halt",
        "\"x\" | halt_error",
        "halt_error(1)",
        "\"a\" | modulemeta",
        "get_search_list",
    };
    for (size_t index = 0; index < sizeof(texts) / sizeof(texts[0]); index++) {
        cr_assert_str_eq(once(texts[index]), "!", "%s", texts[index]);
        cr_assert(strstr(why.text, "is not available in a flow"), "%s", why.text);
    }
    cr_assert_str_eq(once("1 | debug | stderr"), "1");
    cr_assert_str_eq(once("env.PATH"), "null");
}

Test(expr, integers_beyond_2_to_the_53_are_refused)
{
    struct expr_program *program = program_of("params.a");
    cr_assert_str_eq(run(program, 0, "{\"params\":{\"a\":9007199254740992}}"), "9007199254740992");
    cr_assert_str_eq(run(program, 0, "{\"params\":{\"a\":9007199254740993}}"), "!",
                     "it would be rounded");
    cr_assert_str_eq(run(program, 0, "{\"params\":{\"a\":-9007199254740993}}"), "!");
    cr_assert(strstr(why.text, "beyond 2^53"), "%s", why.text);
    expr_program_free(program);
}

Test(expr, results_are_limited)
{
    cr_assert_str_eq(once("reduce range(33) as $i (1; [.])"), "!");
    cr_assert(strstr(why.text, "nested deeper than 32"));
    cr_assert_str_eq(once("reduce range(32) as $i (1; [.]) | tojson | length"), "65");
    cr_assert_str_eq(once("[range(1000000)]"), "!");
    cr_assert(strstr(why.text, "1000000 members"));
    cr_assert_str_eq(once("\"a\\u0000b\""), "!");
    cr_assert(strstr(why.text, "NUL"));
}

Test(expr, binary_data_passes_through)
{
    struct expr_program *program = program_of("[params.b, (params.b | keys)]");
    cr_assert_str_eq(run(program, 0, "{\"params\":{\"b\":{\"$bin\":\"AAEC\"}}}"),
                     "[{\"$bin\":\"AAEC\"},[\"$bin\"]]");
    expr_program_free(program);
}

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define BLOB "{\"$blob\":\"" HEX64 "\",\"size\":20000}"

/* A store with one blob. */
static int get_blob(void *user, const struct blob_ref *blob, struct val *ret_value,
                    struct err_text *reterr_why)
{
    (void)blob;
    if (!user) {
        return err_set(reterr_why, ERR_IO, "the store is gone");
    }
    *ret_value = values_json(user, "{\"rows\":[5,6]}");
    return 0;
}

Test(expr, blobs_are_opened_or_pass_through_as_references)
{
    struct expr_program *program = program_of("[steps.a, (steps.a.rows | length)]");
    cr_assert_str_eq(run(program, 0, "{\"steps\":{\"a\":" BLOB "}}"), "[" BLOB ",0]");
    struct buf out = BUF_INIT(1000);
    struct ref_blobs blobs = {get_blob, &arena};
    struct val scope = values_json(&arena, "{\"steps\":{\"a\":" BLOB "}}");
    cr_assert_eq(expr_run(program, 0, scope, &blobs, &out, &why), 0);
    cr_assert_str_eq(values_text(&arena, (struct val){out.data, out.len}), "[{\"rows\":[5,6]},2]");
    blobs.user = NULL;
    cr_assert_eq(expr_run(program, 0, scope, &blobs, &out, &why), ERR_EXPRESSION);
    cr_assert(strstr(why.text, "the store is gone"));
    buf_done(&out);
    expr_program_free(program);
}

Test(expr, random_values_survive_the_way_through_jq)
{
    struct rng rng;
    rng_seed(&rng, 31);
    struct expr_program *program = program_of("item");
    struct buf scope = BUF_INIT(1 << 20);
    struct buf out = BUF_INIT(1 << 20);
    int compared = 0;
    for (int round = 0; round < 500; round++) {
        buf_clear(&scope);
        buf_clear(&out);
        pack_map(&scope, 1);
        pack_cstr(&scope, "item");
        size_t begin = scope.len;
        values_random(&scope, &rng, VALUES_JSON, 20);
        int err = expr_run(program, 0, (struct val){scope.data, scope.len}, NULL, &out, &why);
        if (err) {
            cr_assert(strstr(why.text, "beyond 2^53"), "%s", why.text);
            continue;
        }
        compared++;
        struct val back;
        cr_assert_eq(val_scan(out.data, out.len, &val_limits_task, &back, &why), 0);
        struct buf again = BUF_INIT(1 << 20);
        struct val whole = {out.data, out.len};
        pack_map(&again, 1);
        pack_cstr(&again, "item");
        pack_val(&again, whole);
        struct buf third = BUF_INIT(1 << 20);
        cr_assert_eq(expr_run(program, 0, (struct val){again.data, again.len}, NULL, &third, &why),
                     0);
        cr_assert(str_eq(buf_str(&out), buf_str(&third)));
        enum val_type before = val_type(val_here(scope.data + begin));
        if (before != VAL_FLOAT) {
            cr_assert_eq(val_type(back), before);
        }
        buf_done(&again);
        buf_done(&third);
    }
    cr_assert_gt(compared, 100);
    buf_done(&scope);
    buf_done(&out);
    expr_program_free(program);
}

/* Collects problems as "index:sentence\n". */
static void collect(void *user, size_t index, const char *sentence)
{
    buf_printf(user, "%zu:%s\n", index, sentence);
}

Test(expr, check_accepts_what_is_right)
{
    struct str texts[] = {STR("params.a + 1"), STR("if item then 1 else 2 end")};
    struct buf problems = BUF_INIT(10000);
    cr_assert_eq(expr_check(texts, 2, collect, &problems), 0);
    cr_assert_eq(expr_check(NULL, 0, collect, &problems), 0);
    cr_assert_eq(problems.len, 0);
}

Test(expr, check_reports_every_wrong_expression)
{
    struct str texts[] = {
        STR("params.a + 1"),        STR("fooo(1)"), STR("1 +"),      STR("if 1 then 2"),
        STR("[1]\n| .[0]\n| barr"), STR("item"),    STR("$nothing"), STR("1 # it's fine"),
        STR("import \"a\" as b; 1")};
    struct buf problems = BUF_INIT(10000);
    cr_assert_eq(expr_check(texts, 9, collect, &problems), 6, "%s", buf_cstr(&problems));
    const char *text = buf_cstr(&problems);
    cr_assert(strstr(text, "1:jq says: fooo/1 is not defined.\n"), "%s", text);
    cr_assert(strstr(text, "2:jq says: syntax error"), "%s", text);
    cr_assert(strstr(text, "3:jq says: syntax error"), "%s", text);
    cr_assert(strstr(text, "4:jq says: barr/0 is not defined.\n"), "%s", text);
    cr_assert(strstr(text, "6:jq says: $nothing is not defined.\n"), "%s", text);
    cr_assert(strstr(text, "8:jq says: syntax error"), "%s", text);
    cr_assert_null(strstr(text, "__"));
    buf_done(&problems);
}

Test(expr, a_wrong_program_names_the_first_wrong_expression)
{
    struct str texts[] = {STR("params.a"), STR("fooo(params.a)")};
    struct expr_program *program = NULL;
    cr_assert_eq(expr_program_new(texts, 2, &program, &why), ERR_PARSE);
    cr_assert_null(program);
    cr_assert_str_eq(why.text, "The expression `fooo(params.a)` is wrong: jq says: fooo/1 is not "
                               "defined.");
}
