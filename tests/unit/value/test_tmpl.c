/*
 * Templates: parsing with offsets, building, evaluating against a scope made of JSON, and what is
 * handed to the evaluator.
 */
#include "value/tmpl.h"

#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "value/json.h"
#include "value/pack.h"
#include "values.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define BLOB "{\"$blob\":\"" HEX64 "\",\"size\":20000}"

static struct arena arena;
static struct tmpl_exprs exprs;
static struct tmpl_scope scope;
static struct val scope_value;
static struct err_text why;
static size_t err_offset;

/* root.name in `scope_value`. */
static int lookup(void *user, enum ref_root root, struct str name, struct val *ret_value)
{
    cr_assert_eq(user, &arena);
    struct val found = val_find(scope_value, str_of(ref_root_name(root)));
    if (found.ptr && name.len > 0) {
        found = val_find(found, name);
    }
    if (!found.ptr) {
        return ERR_NOT_FOUND;
    }
    *ret_value = found;
    return 0;
}

/* A lookup that is broken itself. */
static int lookup_broken(void *user, enum ref_root root, struct str name, struct val *ret_value)
{
    (void)user;
    (void)root;
    (void)name;
    (void)ret_value;
    return ERR_CORRUPT;
}

/* A store with one blob. */
static int get_blob(void *user, const struct blob_ref *blob, struct val *ret_value,
                    struct err_text *reterr_why)
{
    (void)blob;
    (void)reterr_why;
    *ret_value = values_json(user, "{\"x\":[7,8],\"name\":\"big\"}");
    return 0;
}

/* Starts each test from the same state. */
static void setup(void)
{
    arena_init(&arena, 64 << 20);
    exprs = (struct tmpl_exprs){0};
    scope = (struct tmpl_scope){.lookup = lookup, .user = &arena};
    scope_value = values_json(
        &arena, "{\"params\":{\"month\":\"2001-01\",\"n\":3,\"list\":[1,\"a\",null],\"half\":0.5},"
                "\"steps\":{\"read\":{\"table\":[10,20],\"big\":" BLOB "},\"skipped\":null,"
                "\"read-data\":5},"
                "\"item\":{\"id\":9},\"index\":4,\"run\":{\"name\":\"calm-otter\"},\"vars\":{}}");
    why.text[0] = '\0';
    err_offset = 9999;
}

/* Frees what the tests have made. */
static void teardown(void)
{
    arena_done(&arena);
}

TestSuite(tmpl, .init = setup, .fini = teardown);

/* A template of one string; fails the test when it is wrong. */
static const struct tmpl *parse(const char *text)
{
    const struct tmpl *tmpl = NULL;
    int err = tmpl_parse_string(&arena, str_of(text), &exprs, &tmpl, &err_offset, &why);
    cr_assert_eq(err, 0, "%s: %s", text, why.text);
    return tmpl;
}

/* The value of a template as JSON, or the error code as text. */
static const char *eval(const struct tmpl *tmpl)
{
    struct buf out = BUF_INIT(1 << 20);
    buf_put_byte(&out, 'x');
    why.text[0] = '\0';
    int err = tmpl_eval(tmpl, &scope, &out, &why);
    if (err) {
        cr_assert_eq(out.len, 1);
        cr_assert(err == TMPL_NEEDS_EVALUATOR || why.text[0]);
        buf_done(&out);
        return arena_printf(&arena, "%s", err > 0 ? "NEEDS" : err_name(err));
    }
    struct val v;
    err = val_scan(out.data + 1, out.len - 1, &val_limits_task, &v, &why);
    cr_assert_eq(err, 0, "%s", why.text);
    cr_assert_eq(v.len, out.len - 1);
    const char *text = values_text(&arena, v);
    buf_done(&out);
    return text;
}

#define EVAL(text) eval(parse(text))

/* The offset of the problem in a wrong string. */
static size_t wrong(const char *text)
{
    const struct tmpl *tmpl = NULL;
    why.text[0] = '\0';
    err_offset = 9999;
    int err = tmpl_parse_string(&arena, str_of(text), &exprs, &tmpl, &err_offset, &why);
    cr_assert_lt(err, 0, "%s", text);
    cr_assert_null(tmpl);
    cr_assert_neq(why.text[0], '\0');
    return err_offset;
}

Test(tmpl, a_whole_string_stands_for_the_value)
{
    cr_assert_str_eq(EVAL("${params.n}"), "3");
    cr_assert_str_eq(EVAL("${ params.list }"), "[1,\"a\",null]");
    cr_assert_str_eq(EVAL("${steps.read.table[1]}"), "20");
    cr_assert_str_eq(EVAL("${item.id}"), "9");
    cr_assert_str_eq(EVAL("${index}"), "4");
    cr_assert_str_eq(EVAL("${steps.skipped}"), "null");
    cr_assert_str_eq(EVAL("${steps.skipped.x.y}"), "null");
    cr_assert_str_eq(EVAL("${steps.read-data}"), "5");
}

Test(tmpl, inside_text_values_are_rendered)
{
    cr_assert_str_eq(EVAL("data/${params.month}.csv"), "\"data/2001-01.csv\"");
    cr_assert_str_eq(EVAL("${params.n}${params.half}${params.list} "),
                     "\"30.5[1,\\\"a\\\",null] \"");
    cr_assert_str_eq(EVAL(" ${steps.skipped}"), "\" null\"");
}

Test(tmpl, escapes_give_the_characters)
{
    cr_assert_str_eq(EVAL("$${params.n}"), "\"${params.n}\"");
    cr_assert_str_eq(EVAL("${params.n} $${x} $$${y} $ $$ {}"), "\"3 ${x} $${y} $ $$ {}\"");
    cr_assert_str_eq(EVAL("cost: 5$"), "\"cost: 5$\"");
    cr_assert_str_eq(EVAL(""), "\"\"");
}

Test(tmpl, a_string_without_references_is_one_literal)
{
    struct val literal = tmpl_literal(parse("a $${b}"));
    cr_assert_not_null(literal.ptr);
    cr_assert(str_is(val_str(literal), "a ${b}"));
    cr_assert_null(tmpl_literal(parse("${params.n}")).ptr);
}

Test(tmpl, rendered_strings_of_every_length_get_the_right_head)
{
    static const size_t lengths[] = {0, 30, 31, 32, 254, 255, 256, 65534, 65535, 65536, 100000};
    const struct tmpl *tmpl = parse("${params.n}${params.text}");
    for (size_t index = 0; index < sizeof(lengths) / sizeof(lengths[0]); index++) {
        struct buf text = BUF_INIT(1 << 20);
        buf_printf(&text, "{\"params\":{\"n\":7,\"text\":\"");
        for (size_t at = 0; at < lengths[index]; at++) {
            buf_put_byte(&text, 'x');
        }
        buf_printf(&text, "\"}}");
        scope_value = values_json(&arena, buf_cstr(&text));
        struct buf out = BUF_INIT(1 << 20);
        cr_assert_eq(tmpl_eval(tmpl, &scope, &out, &why), 0);
        struct val v;
        cr_assert_eq(val_scan(out.data, out.len, &val_limits_task, &v, &why), 0);
        cr_assert_eq(val_str(v).len, lengths[index] + 1);
        cr_assert_eq(val_str(v).ptr[0], '7');
        buf_done(&text);
        buf_done(&out);
    }
}

Test(tmpl, trees_are_written_like_msgpack)
{
    struct tmpl_builder b;
    const struct tmpl *tmpl;
    tmpl_builder_init(&b, &arena, &exprs);
    tmpl_put_map(&b, 4);
    tmpl_put_key(&b, STR("path"));
    cr_assert_eq(tmpl_put_string(&b, STR("d/${params.month}"), &err_offset, &why), 0);
    tmpl_put_key(&b, STR("list"));
    tmpl_put_list(&b, 2);
    tmpl_put_val(&b, values_json(&arena, "{\"a\":1}"));
    cr_assert_eq(tmpl_put_string(&b, STR("${params.n}"), &err_offset, &why), 0);
    tmpl_put_key(&b, STR("sub"));
    tmpl_put_tmpl(&b, parse("${item}"));
    tmpl_put_key(&b, STR("mixed"));
    tmpl_put_tmpl(&b, parse("<${index}>"));
    cr_assert_eq(tmpl_builder_finish(&b, &tmpl, &why), 0, "%s", why.text);
    tmpl_builder_done(&b);
    cr_assert_str_eq(eval(tmpl),
                     "{\"path\":\"d/2001-01\",\"list\":[{\"a\":1},3],\"sub\":{\"id\":9},"
                     "\"mixed\":\"<4>\"}");
    uint32_t count;
    const struct ref_use *uses = tmpl_uses(tmpl, &count);
    cr_assert_eq(count, 4);
    cr_assert_eq(uses[2].root, REF_ITEM);
}

Test(tmpl, a_tree_of_literals_is_one_literal)
{
    struct tmpl_builder b;
    const struct tmpl *tmpl;
    tmpl_builder_init(&b, &arena, &exprs);
    tmpl_put_map(&b, 2);
    tmpl_put_key(&b, STR("a"));
    tmpl_put_tmpl(&b, tmpl_of_val(&arena, values_json(&arena, "[1]")));
    tmpl_put_key(&b, STR("b"));
    tmpl_put_string(&b, STR("text"), &err_offset, &why);
    cr_assert_eq(tmpl_builder_finish(&b, &tmpl, &why), 0);
    tmpl_builder_done(&b);
    cr_assert_str_eq(values_text(&arena, tmpl_literal(tmpl)), "{\"a\":[1],\"b\":\"text\"}");
}

/* Finishes a builder that was filled wrongly. */
static int finish_wrong(struct tmpl_builder *b)
{
    const struct tmpl *tmpl = NULL;
    int err = tmpl_builder_finish(b, &tmpl, &why);
    tmpl_builder_done(b);
    cr_assert_null(tmpl);
    return err;
}

Test(tmpl, repeated_keys_and_broken_counts_are_found_at_the_end)
{
    struct tmpl_builder b;
    tmpl_builder_init(&b, &arena, &exprs);
    tmpl_put_map(&b, 2);
    tmpl_put_key(&b, STR("a"));
    tmpl_put_string(&b, STR("${item}"), &err_offset, &why);
    tmpl_put_key(&b, STR("a"));
    tmpl_put_string(&b, STR("${item}"), &err_offset, &why);
    cr_assert_eq(finish_wrong(&b), ERR_PARSE);
    tmpl_builder_init(&b, &arena, &exprs);
    tmpl_put_list(&b, 2);
    tmpl_put_string(&b, STR("${item}"), &err_offset, &why);
    cr_assert_eq(finish_wrong(&b), ERR_PARSE);
    tmpl_builder_init(&b, &arena, &exprs);
    tmpl_put_string(&b, STR("a"), &err_offset, &why);
    tmpl_put_string(&b, STR("b"), &err_offset, &why);
    cr_assert_eq(finish_wrong(&b), ERR_PARSE);
}

Test(tmpl, a_tree_is_at_most_32_levels_deep)
{
    struct tmpl_builder b;
    const struct tmpl *tmpl;
    for (int depth = 32; depth <= 33; depth++) {
        tmpl_builder_init(&b, &arena, &exprs);
        for (int level = 0; level < depth; level++) {
            tmpl_put_list(&b, 1);
        }
        tmpl_put_string(&b, STR("${params.n}"), &err_offset, &why);
        cr_assert_eq(tmpl_builder_finish(&b, &tmpl, &why), depth == 32 ? 0 : ERR_LIMIT);
        tmpl_builder_done(&b);
    }
}

Test(tmpl, a_value_filled_in_may_not_make_the_result_too_deep)
{
    struct tmpl_builder b;
    const struct tmpl *tmpl;
    tmpl_builder_init(&b, &arena, &exprs);
    for (int level = 0; level < 31; level++) {
        tmpl_put_list(&b, 1);
    }
    tmpl_put_string(&b, STR("${params.deep}"), &err_offset, &why);
    cr_assert_eq(tmpl_builder_finish(&b, &tmpl, &why), 0);
    tmpl_builder_done(&b);
    scope_value = values_json(&arena, "{\"params\":{\"deep\":[1]}}");
    cr_assert_eq(eval(tmpl)[0], '[');
    scope_value = values_json(&arena, "{\"params\":{\"deep\":[[1]]}}");
    cr_assert_str_eq(eval(tmpl), "LIMIT");
}

Test(tmpl, a_wrong_string_tells_the_offset)
{
    cr_assert_eq(wrong("abc ${params.x"), 4);
    cr_assert(strstr(why.text, "not closed by }"));
    cr_assert_eq(wrong("abc ${}"), 6);
    cr_assert_eq(wrong("ab ${ (1 }"), 9);
    cr_assert_eq(wrong("ab ${1 + steps}"), 9);
    cr_assert_str_eq(why.text, "`steps` alone is no value; name the step: steps.NAME.");
    cr_assert_eq(wrong("${steps}"), 2);
    cr_assert_eq(wrong("${params.a} ${ $ENV.X }"), 15);
    cr_assert_eq(wrong("${"), 2);
}

Test(tmpl, a_wrong_string_counts_as_nil_so_that_building_can_go_on)
{
    struct tmpl_builder b;
    const struct tmpl *tmpl;
    tmpl_builder_init(&b, &arena, &exprs);
    tmpl_put_list(&b, 3);
    cr_assert_lt(tmpl_put_string(&b, STR("a ${params.x} ${steps}"), &err_offset, &why), 0);
    cr_assert_lt(tmpl_put_string(&b, STR("${params.x"), &err_offset, &why), 0);
    cr_assert_eq(tmpl_put_string(&b, STR("c"), &err_offset, &why), 0);
    cr_assert_eq(tmpl_builder_finish(&b, &tmpl, &why), 0);
    tmpl_builder_done(&b);
    uint32_t count;
    tmpl_uses(tmpl, &count);
    cr_assert_eq(count, 0);
    cr_assert_str_eq(eval(tmpl), "[null,null,\"c\"]");
}

Test(tmpl, uses_are_listed_with_offset_and_origin)
{
    struct tmpl_builder b;
    const struct tmpl *tmpl;
    int origin;
    tmpl_builder_init(&b, &arena, &exprs);
    b.origin = &origin;
    tmpl_put_string(&b, STR("a ${steps.read.x} ${ steps.b + params.n }"), &err_offset, &why);
    tmpl_builder_finish(&b, &tmpl, &why);
    tmpl_builder_done(&b);
    uint32_t count;
    const struct ref_use *uses = tmpl_uses(tmpl, &count);
    cr_assert_eq(count, 3);
    cr_assert(uses[0].root == REF_STEPS && str_is(uses[0].name, "read"));
    cr_assert_eq(uses[0].offset, 4);
    cr_assert_eq(uses[0].len, 10);
    cr_assert_eq(uses[0].origin, &origin);
    cr_assert(str_is(uses[1].name, "b"));
    cr_assert_eq(uses[1].offset, 21);
    cr_assert_eq(uses[2].root, REF_PARAMS);
    cr_assert_eq(uses[2].offset, 31);
}

Test(tmpl, a_whole_reference_is_recognised)
{
    const struct ref *ref = tmpl_plain(parse("${steps.read.table}"));
    cr_assert_not_null(ref);
    cr_assert(str_is(ref->name, "read"));
    cr_assert(str_is(ref->text, "steps.read.table"));
    cr_assert_null(tmpl_plain(parse("a ${steps.read.table}")));
    cr_assert_null(tmpl_plain(parse("${steps.read.table | length}")));
}

Test(tmpl, equal_expressions_share_their_number)
{
    parse("${params.n + 1}");
    parse("${ params.n * 2 } ${params.n + 1 }");
    cr_assert_eq(exprs.count, 2);
    cr_assert(str_is(exprs.list[0].text, "params.n + 1"));
    cr_assert_eq(exprs.list[1].uses_count, 1);
    cr_assert_eq(exprs.list[1].uses[0].offset, 0);
}

Test(tmpl, a_flow_has_at_most_256_expressions)
{
    char text[32];
    for (int index = 0; index < 256; index++) {
        snprintf(text, sizeof(text), "${params.n + %d}", index);
        parse(text);
    }
    parse("${params.n + 255}");
    cr_assert_eq(wrong("${params.n + 256}"), 2);
}

Test(tmpl, a_string_with_references_has_at_most_64_kib)
{
    struct buf text = BUF_INIT(1 << 20);
    buf_printf(&text, "${params.n}");
    while (text.len < TMPL_STRING_MAX) {
        buf_put_byte(&text, 'x');
    }
    parse(buf_cstr(&text));
    buf_put_byte(&text, 'x');
    cr_assert_eq(wrong(buf_cstr(&text)), 0);
    buf_done(&text);
}

Test(tmpl, a_template_has_at_most_10000_pieces_and_one_mebibyte)
{
    struct tmpl_builder b;
    tmpl_builder_init(&b, &arena, &exprs);
    tmpl_put_list(&b, 10000);
    for (int index = 0; index < 10000; index++) {
        tmpl_put_tmpl(&b, parse("${item}"));
    }
    cr_assert_eq(finish_wrong(&b), ERR_LIMIT);
    struct buf value = BUF_INIT(2 << 20);
    static char text[TMPL_SIZE_MAX];
    memset(text, 'x', sizeof(text));
    pack_str(&value, (struct str){text, sizeof(text)});
    tmpl_builder_init(&b, &arena, &exprs);
    tmpl_put_val(&b, (struct val){value.data, value.len});
    cr_assert_eq(finish_wrong(&b), ERR_LIMIT);
    buf_done(&value);
}

Test(tmpl, missing_things_are_errors_with_names)
{
    cr_assert_str_eq(EVAL("${vars.region}"), "NOT_FOUND");
    cr_assert_str_eq(why.text, "`vars.region`: there is no vars.region here.");
    cr_assert_str_eq(EVAL("x ${steps.read.tabel}"), "NOT_FOUND");
    cr_assert(strstr(why.text, "did you mean \"table\"?"));
    cr_assert_str_eq(EVAL("${params.n.x}"), "TYPE");
    cr_assert_str_eq(EVAL("${secrets.x}"), "NOT_FOUND");
}

Test(tmpl, errors_of_the_scope_pass_through)
{
    scope.lookup = lookup_broken;
    cr_assert_str_eq(EVAL("${params.n}"), "CORRUPT");
}

Test(tmpl, a_full_buffer_is_an_error)
{
    struct buf out = BUF_INIT(4);
    cr_assert_eq(tmpl_eval(parse("${params.month}"), &scope, &out, &why), ERR_LIMIT);
    buf_done(&out);
}

Test(tmpl, text_form_has_no_quotes)
{
    static const char *const pairs[][2] = {
        {"train-${params.month}", "train-2001-01"},
        {"${params.month}", "2001-01"},
        {"${params.list}", "[1,\"a\",null]"},
        {"plain", "plain"},
        {"${params.n}", "3"},
    };
    for (size_t index = 0; index < sizeof(pairs) / sizeof(pairs[0]); index++) {
        struct buf out = BUF_INIT(1000);
        buf_put_str(&out, STR(">"));
        cr_assert_eq(tmpl_text(parse(pairs[index][0]), &scope, &out, &why), 0);
        cr_assert_str_eq(buf_cstr(&out) + 1, pairs[index][1]);
        buf_done(&out);
    }
}

Test(tmpl, text_form_fails_like_the_value)
{
    struct buf out = BUF_INIT(1000);
    cr_assert_eq(tmpl_text(parse("a ${vars.x}"), &scope, &out, &why), ERR_NOT_FOUND);
    cr_assert_eq(tmpl_text(parse("${vars.x}"), &scope, &out, &why), ERR_NOT_FOUND);
    cr_assert_eq(tmpl_text(parse("${1 + 1}"), &scope, &out, &why), TMPL_NEEDS_EVALUATOR);
    cr_assert_eq(out.len, 0);
    buf_done(&out);
}

Test(tmpl, blobs_pass_through_and_paths_into_them_need_the_evaluator)
{
    cr_assert_str_eq(EVAL("${steps.read.big}"), BLOB);
    cr_assert_str_eq(EVAL("${steps.read.big.x[0]}"), "NEEDS");
    cr_assert_str_eq(EVAL("<${steps.read.big}>"), "NEEDS");
    scope.blobs = (struct ref_blobs){get_blob, &arena};
    cr_assert_str_eq(EVAL("${steps.read.big.x[0]}"), "7");
    cr_assert_str_eq(EVAL("<${steps.read.big.name}>"), "\"<big>\"");
    cr_assert_str_eq(EVAL("<${steps.read.big}>"),
                     "\"<{\\\"x\\\":[7,8],\\\"name\\\":\\\"big\\\"}>\"");
}

Test(tmpl, values_of_more_than_16_kib_need_the_evaluator)
{
    struct buf text = BUF_INIT(1 << 20);
    buf_printf(&text, "{\"params\":{\"fits\":\"%0*d\",\"large\":\"%0*d\"}}", VAL_INLINE_MAX - 3, 0,
               VAL_INLINE_MAX - 2, 0);
    scope_value = values_json(&arena, buf_cstr(&text));
    buf_done(&text);
    cr_assert_eq(EVAL("${params.fits}")[0], '"');
    cr_assert_str_eq(EVAL("${params.large}"), "NEEDS");
    cr_assert_eq(EVAL("<${params.large}>")[0], '"');
}

Test(tmpl, a_blob_too_large_for_text_is_an_error)
{
    scope_value =
        values_json(&arena, "{\"params\":{\"b\":{\"$blob\":\"" HEX64 "\",\"size\":262145}}}");
    cr_assert_str_eq(EVAL("<${params.b}>"), "LIMIT");
}

/* The value of <tmpl> with <value> (JSON) as the answer to its only job. */
static const char *eval_answered(const struct tmpl *tmpl, const char *value,
                                 enum tmpl_job_kind kind)
{
    struct tmpl_job jobs[2];
    size_t count = 0;
    cr_assert_eq(tmpl_jobs(tmpl, &scope, 2, jobs, &count, &why), 0);
    cr_assert_eq(count, 1);
    cr_assert_eq(jobs[0].kind, kind);
    struct tmpl_answer answer = {jobs[0], values_json(&arena, value)};
    scope.answers = &answer;
    scope.answers_count = 1;
    const char *text = eval(tmpl);
    count = 0;
    tmpl_jobs(tmpl, &scope, 2, jobs, &count, NULL);
    cr_assert_eq(count, 0);
    scope.answers_count = 0;
    return text;
}

Test(tmpl, answers_of_the_evaluator_are_filled_in)
{
    cr_assert_str_eq(eval_answered(parse("${params.n + 1}"), "4", TMPL_JOB_EXPR), "4");
    cr_assert_str_eq(eval_answered(parse("<${params.n + 2}|${params.n + 2}>"), "5", TMPL_JOB_EXPR),
                     "\"<5|5>\"");
    cr_assert_str_eq(eval_answered(parse("${steps.read.big.x}"), "[7]", TMPL_JOB_PATH), "[7]");
    cr_assert_str_eq(eval_answered(parse("<${steps.read.big}>"), "\"t\"", TMPL_JOB_TEXT),
                     "\"<t>\"");
}

Test(tmpl, an_answer_that_is_a_blob_can_not_stand_in_text)
{
    cr_assert_str_eq(eval_answered(parse("<${params.n + 1}>"), BLOB, TMPL_JOB_EXPR), "LIMIT");
}

Test(tmpl, jobs_are_limited)
{
    struct tmpl_job jobs[1];
    size_t count;
    cr_assert_eq(tmpl_jobs(parse("${1 + 1} ${2 + 2}"), &scope, 1, jobs, &count, &why), ERR_LIMIT);
}

/* All jobs of <tmpl>, packed, as JSON. */
static const char *jobs_text(const struct tmpl *tmpl)
{
    struct tmpl_job jobs[8];
    size_t count = 0;
    cr_assert_eq(tmpl_jobs(tmpl, &scope, 8, jobs, &count, &why), 0, "%s", why.text);
    struct buf out = BUF_INIT(1 << 16);
    pack_list(&out, (uint32_t)count);
    for (size_t index = 0; index < count; index++) {
        cr_assert_eq(tmpl_job_pack(&jobs[index], &scope, &out, &why), 0);
    }
    const char *text = values_text(&arena, (struct val){out.data, out.len});
    buf_done(&out);
    return text;
}

Test(tmpl, jobs_are_packed_for_the_evaluator)
{
    cr_assert_str_eq(jobs_text(parse("${steps.read.big.x[0]} ${1 + 1}")),
                     "[[2,{\"table\":[10,20],\"big\":" BLOB "},[\"big\",\"x\",0],"
                     "\"steps.read.big.x[0]\"],[0,0]]");
}

/* The scope map for all expressions of <tmpl>, as JSON. */
static const char *scope_text(const struct tmpl *tmpl)
{
    struct tmpl_job jobs[8];
    size_t count = 0;
    cr_assert_eq(tmpl_jobs(tmpl, &scope, 8, jobs, &count, &why), 0);
    struct buf out = BUF_INIT(1 << 16);
    int err = tmpl_scope_pack(&exprs, jobs, count, &scope, &out, &why);
    cr_assert_eq(err, 0, "%s", why.text);
    const char *text = values_text(&arena, (struct val){out.data, out.len});
    buf_done(&out);
    return text;
}

Test(tmpl, the_scope_holds_what_the_expressions_use_and_no_more)
{
    cr_assert_str_eq(scope_text(parse("${params.n + steps.read.table[0]} ${params.n * index}")),
                     "{\"params\":{\"n\":3},\"steps\":{\"read\":{\"table\":[10,20],\"big\":" BLOB
                     "}},\"index\":4}");
    cr_assert_str_eq(scope_text(parse("${item | keys}")), "{\"item\":{\"id\":9}}");
    cr_assert_str_eq(scope_text(parse("${vars.x // 1}")), "{\"vars\":{}}");
    cr_assert_str_eq(scope_text(parse("${run | keys}${run.name + \"\"}")),
                     "{\"run\":{\"name\":\"calm-otter\"}}");
    cr_assert_str_eq(scope_text(parse("${1 + 1}")), "{}");
}

Test(tmpl, errors_while_the_scope_is_packed_pass_through)
{
    struct tmpl_job job = {.kind = TMPL_JOB_EXPR};
    struct buf out = BUF_INIT(1 << 16);
    parse("${params.n + 1}");
    parse("${params | keys}");
    scope.lookup = lookup_broken;
    cr_assert_eq(tmpl_scope_pack(&exprs, &job, 1, &scope, &out, &why), ERR_CORRUPT);
    job.expr = 1;
    cr_assert_eq(tmpl_scope_pack(&exprs, &job, 1, &scope, &out, &why), ERR_CORRUPT);
    cr_assert_eq(out.len, 0);
    buf_done(&out);
}

Test(tmpl, a_full_arena_is_an_error_not_a_crash)
{
    for (size_t size = 0; size < 6000; size += 16) {
        struct arena small;
        struct tmpl_exprs own = {0};
        const struct tmpl *tmpl;
        arena_init(&small, size);
        int err = tmpl_parse_string(&small, STR("a ${params.a} ${params.n + vars.x} ${steps.x.y}"),
                                    &own, &tmpl, &err_offset, &why);
        cr_assert(err == 0 || err == ERR_LIMIT, "%zu: %d", size, err);
        cr_assert(err == 0 || size < 4000);
        arena_done(&small);
    }
}
