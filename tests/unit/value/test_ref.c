/*
 * References: spelling, what is found inside expressions, and paths through values.
 */
#include "value/ref.h"

#include <criterion/criterion.h>

#include "value/pack.h"
#include "values.h"

static struct arena arena;
static struct err_text why;

/* Starts each test from the same state. */
static void setup(void)
{
    arena_init(&arena, 1 << 20);
    why.text[0] = '\0';
}

/* Frees what the tests have made. */
static void teardown(void)
{
    arena_done(&arena);
}

TestSuite(ref, .init = setup, .fini = teardown);

/* "root|name|path as JSON" of a plain reference, "-" when it is none, "!" for an error. */
static const char *plain(const char *text)
{
    struct ref ref;
    int found = ref_parse(&arena, str_of(text), &ref, &why);
    if (found != 1) {
        return found == 0 ? "-" : "!";
    }
    return arena_printf(&arena, "%s|%.*s|%s", ref_root_name(ref.root), STR_ARGS(ref.name),
                        values_text(&arena, ref.path));
}

Test(ref, plain_references_are_split_into_root_name_and_path)
{
    cr_assert_str_eq(plain("params.month"), "params|month|[]");
    cr_assert_str_eq(plain("  steps.read.table.rows "), "steps|read|[\"table\",\"rows\"]");
    cr_assert_str_eq(plain("steps.read-data.a-b"), "steps|read-data|[\"a-b\"]");
    cr_assert_str_eq(plain("steps[\"a.b\"][ 0 ][-1].x"), "steps|a.b|[0,-1,\"x\"]");
    cr_assert_str_eq(plain("item"), "item||[]");
    cr_assert_str_eq(plain("item.name[2]"), "item||[\"name\",2]");
    cr_assert_str_eq(plain("index"), "index||[]");
    cr_assert_str_eq(plain("run.id"), "run|id|[]");
    cr_assert_str_eq(plain("vars.x"), "vars|x|[]");
    cr_assert_str_eq(plain("secrets.x_y"), "secrets|x_y|[]");
    cr_assert_str_eq(plain("env.HOME"), "env|HOME|[]");
    cr_assert_str_eq(plain("params"), "params||[]");
}

Test(ref, everything_else_is_left_to_expressions)
{
    static const char *const texts[] = {
        "params.a + 1",
        "params.a - 1",
        "params.a-",
        "params.a?",
        "params.a[]",
        "params.a[1:2]",
        "parameters.a",
        "length",
        "1",
        "\"x\"",
        "params.a | length",
        "params.\"a\"",
        "params[0]",
        "params[params.a]",
        ".params.a",
        "params..a",
        "steps[\"a\\u0062\"]",
        "params.1",
        "",
        "  ",
        "params.a[12345678901]",
    };
    for (size_t index = 0; index < sizeof(texts) / sizeof(texts[0]); index++) {
        cr_assert_str_eq(plain(texts[index]), "-", "%s", texts[index]);
    }
}

Test(ref, roots_that_hold_many_need_a_name)
{
    cr_assert_str_eq(plain("steps"), "!");
    cr_assert_str_eq(why.text, "`steps` alone is no value; name the step: steps.NAME.");
    cr_assert_str_eq(plain("vars"), "!");
    cr_assert_str_eq(plain("secrets"), "!");
    cr_assert_str_eq(plain("env"), "!");
    cr_assert_str_eq(plain("index.x"), "!");
}

Test(ref, a_path_has_at_most_32_members)
{
    struct buf text = BUF_INIT(200);
    buf_printf(&text, "item");
    for (int index = 0; index < 32; index++) {
        buf_printf(&text, ".a");
    }
    cr_assert_str_neq(plain(buf_cstr(&text)), "!");
    buf_printf(&text, ".a");
    cr_assert_str_eq(plain(buf_cstr(&text)), "!");
    cr_assert_str_eq(why.text, "A path may have at most 32 members.");
    buf_done(&text);
}

/* The uses in an expression as "root.name@offset+len ...", or "!offset" for an error. */
static const char *uses(const char *text)
{
    struct ref_scan scan;
    size_t offset = 0;
    why.text[0] = '\0';
    int err = ref_scan(&arena, str_of(text), &scan, &offset, &why);
    if (err) {
        cr_assert_neq(why.text[0], '\0');
        return arena_printf(&arena, "!%zu", offset);
    }
    const char *list = "";
    for (uint32_t index = 0; index < scan.uses_count; index++) {
        const struct ref_use *use = &scan.uses[index];
        list = arena_printf(&arena, "%s%s%s.%.*s@%u+%u", list, index ? " " : "",
                            ref_root_name(use->root), STR_ARGS(use->name), use->offset, use->len);
    }
    return list;
}

Test(ref, uses_in_expressions_are_found)
{
    cr_assert_str_eq(uses("steps.train.rmse < 20"), "steps.train@0+11");
    cr_assert_str_eq(uses("params.a + params [ \"b c\" ] * index"),
                     "params.a@0+8 params.b c@11+16 index.@30+5");
    cr_assert_str_eq(uses("[steps.a.x[], steps.b-c.y.z]"), "steps.a@1+7 steps.b-c@14+9");
    cr_assert_str_eq(uses("params | keys"), "params.@0+6");
    cr_assert_str_eq(uses("params[item.key]"), "params.@0+6 item.@7+4");
    cr_assert_str_eq(uses("steps.a[params.n]"), "steps.a@0+7 params.n@8+8");
    cr_assert_str_eq(uses("if item.ok then vars.x else null end"), "item.@3+4 vars.x@16+6");
    cr_assert_str_eq(uses("1.5e3+params.a"), "params.a@6+8");
    cr_assert_str_eq(uses("reduce steps.s[] as $x (0; . + $x)"), "steps.s@7+7");
}

Test(ref, uses_inside_interpolations_are_found)
{
    cr_assert_str_eq(uses("\"a \\(params.x) b \\(\"\\(steps.y.z)\") c\""),
                     "params.x@5+8 steps.y@22+7");
}

Test(ref, text_that_only_looks_like_a_use_is_not_one)
{
    static const char *const texts[] = {
        "\"steps.a\"",          "\"\\\"steps.a\"",       "1 # steps.a", "[1] | .[0].steps",
        "{steps: 1} | .steps",  "{params: 1, steps: 2}", "$params",     "\"a\" | index(\"a\")",
        "1 as $steps | $steps", "@base64 \"x\"",         "stepsx",      "x_params",
        "def item: 1; 2",       "[1] | .params?",        "..",          "{a: 1, steps}",
    };
    for (size_t index = 0; index < sizeof(texts) / sizeof(texts[0]); index++) {
        cr_assert_str_eq(uses(texts[index]), "", "%s", texts[index]);
    }
}

Test(ref, values_of_object_keys_are_looked_at)
{
    cr_assert_str_eq(uses("{a: params.x, (vars.k): item, \"steps\": steps.s}"),
                     "params.x@4+8 vars.k@15+6 item.@24+4 steps.s@39+7");
}

Test(ref, an_expression_ends_at_the_unmatched_brace)
{
    struct ref_scan scan;
    size_t offset;
    cr_assert_eq(ref_scan(&arena, STR("{a: \"}\"} | .a} rest"), &scan, &offset, &why), 0);
    cr_assert_eq(scan.end, 13);
}

Test(ref, unbalanced_expressions_are_refused_at_the_right_place)
{
    cr_assert_str_eq(uses("(1"), "!0");
    cr_assert_str_eq(uses("1 + (2 + [3)"), "!11");
    cr_assert_str_eq(uses("1)"), "!1");
    cr_assert_str_eq(uses("[1}"), "!2");
    cr_assert_str_eq(uses("1 + \"abc"), "!4");
    cr_assert_str_eq(uses("\"abc \\(1 + 2"), "!5");
    cr_assert_str_eq(uses("\"abc \\(1 + 2) def"), "!5");
    cr_assert_str_eq(uses("\"abc\\"), "!0");
    cr_assert_str_eq(uses(""), "!0");
    cr_assert_str_eq(uses(" # only a comment"), "!0");
}

Test(ref, a_nul_character_is_refused)
{
    struct ref_scan scan;
    size_t offset = 0;
    cr_assert_eq(ref_scan(&arena, STR("1 + \0 2"), &scan, &offset, &why), ERR_PARSE);
    cr_assert_eq(offset, 4);
}

Test(ref, names_are_demanded_where_there_must_be_one)
{
    cr_assert_str_eq(uses("1 + (steps | length)"), "!5");
    cr_assert(strstr(why.text, "name the step: steps.NAME"));
    cr_assert_str_eq(uses("steps[params.x]"), "!0");
    cr_assert_str_eq(uses("vars | keys"), "!0");
    cr_assert_str_eq(uses("env.X + (env|length|tostring)"), "!9");
}

Test(ref, ways_around_the_scope_are_refused)
{
    cr_assert_str_eq(uses("$ENV.HOME"), "!0");
    cr_assert_str_eq(uses("1 + $ ENV.HOME"), "!4");
    cr_assert_str_eq(uses("$__prog_args"), "!0");
    cr_assert_str_eq(uses("1 | __e0"), "!4");
    cr_assert_str_eq(uses(".params.x"), "!0");
    cr_assert(strstr(why.text, "begin with a name"));
}

Test(ref, brackets_nest_up_to_64_levels)
{
    char text[200] = "";
    memset(text, '(', 64);
    text[64] = '1';
    memset(text + 65, ')', 64);
    cr_assert_str_eq(uses(text), "");
    memset(text, '(', 65);
    cr_assert_str_eq(uses(text), "!64");
}

Test(ref, an_expression_has_at_most_8_kib)
{
    static char text[8195];
    memset(text, ' ', 8191);
    text[8191] = '1';
    cr_assert_str_eq(uses(text), "");
    text[8191] = ' ';
    text[8192] = '1';
    cr_assert_str_eq(uses(text), "!0");
}

Test(ref, an_expression_has_at_most_256_references)
{
    struct buf buf = BUF_INIT(10000);
    for (int index = 0; index < 256; index++) {
        buf_printf(&buf, "vars.x%d+", index);
    }
    buf_printf(&buf, "1");
    cr_assert_neq(uses(buf_cstr(&buf))[0], '!');
    buf_printf(&buf, "+item");
    cr_assert_eq(uses(buf_cstr(&buf))[0], '!');
    buf_done(&buf);
}

/* The jq text of an expression. */
static const char *jq_of(const char *text)
{
    struct buf buf = BUF_INIT(1000);
    ref_put_jq(&buf, str_of(text));
    const char *copy = arena_strdup(&arena, buf_cstr(&buf));
    buf_done(&buf);
    return copy;
}

Test(ref, hyphens_in_references_become_jq)
{
    cr_assert_str_eq(jq_of("steps.a-b.c-d[0].e"), "steps[\"a-b\"][\"c-d\"][0].e");
    cr_assert_str_eq(jq_of("\"x\\(params.a-1)\" + .b-c"), "\"x\\(params[\"a-1\"])\" + .b-c");
    cr_assert_str_eq(jq_of("params.a - params.b"), "params.a - params.b");
}

/* What a path of JSON leads to, as JSON, or the name of the error; "blob" when one is in the way.
 */
static const char *follow(const char *value, const char *path)
{
    struct val member;
    int err = ref_follow(values_json(&arena, value), values_json(&arena, path), NULL, STR("a.b"),
                         &member, &why);
    if (err == 1) {
        return "blob";
    }
    return err == 0 ? values_text(&arena, member) : err_name(err);
}

Test(ref, paths_lead_to_members)
{
    cr_assert_str_eq(follow("{\"a\":[1,{\"b\":2}]}", "[\"a\",1,\"b\"]"), "2");
    cr_assert_str_eq(follow("[1,2,3]", "[-1]"), "3");
    cr_assert_str_eq(follow("5", "[]"), "5");
    cr_assert_str_eq(follow("null", "[\"a\",0]"), "null");
    cr_assert_str_eq(follow("{\"a\":null}", "[\"a\",\"b\"]"), "null");
}

Test(ref, a_missing_member_is_an_error_that_says_what_there_is)
{
    struct val member;
    cr_assert_eq(ref_follow(values_json(&arena, "{\"table\":1,\"rows\":2}"),
                            values_json(&arena, "[\"tabel\"]"), NULL, STR("steps.read.tabel"),
                            &member, &why),
                 ERR_NOT_FOUND);
    cr_assert_str_eq(why.text, "`steps.read.tabel`: there is no member \"tabel\"; did you mean "
                               "\"table\"?");
    cr_assert_eq(ref_follow(values_json(&arena, "{\"table\":1,\"rows\":2}"),
                            values_json(&arena, "[\"xyzzyq\"]"), NULL, STR("x"), &member, &why),
                 ERR_NOT_FOUND);
    cr_assert_str_eq(why.text, "`x`: there is no member \"xyzzyq\"; there are: table, rows.");
    cr_assert_eq(ref_follow(values_json(&arena, "[1,2]"), values_json(&arena, "[2]"), NULL,
                            STR("x"), &member, &why),
                 ERR_NOT_FOUND);
    cr_assert_str_eq(why.text, "`x`: there is no member [2]; the list has 2.");
    cr_assert_eq(ref_follow(values_json(&arena, "[1,2]"), values_json(&arena, "[-3]"), NULL,
                            STR("x"), &member, &why),
                 ERR_NOT_FOUND);
}

Test(ref, members_of_the_wrong_kind_are_an_error)
{
    cr_assert_str_eq(follow("[1]", "[\"a\"]"), "TYPE");
    cr_assert(strstr(why.text, "asked of a list"));
    cr_assert_str_eq(follow("{\"a\":1}", "[0]"), "TYPE");
    cr_assert(strstr(why.text, "asked of a map"));
    cr_assert_str_eq(follow("5", "[0]"), "TYPE");
}

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define BLOB "{\"$blob\":\"" HEX64 "\",\"size\":20000}"

/* A store with one blob. */
static int get_blob(void *user, const struct blob_ref *blob, struct val *ret_value,
                    struct err_text *reterr_why)
{
    (void)reterr_why;
    cr_assert_eq(blob->size, 20000);
    *ret_value = values_json(user, "{\"x\":[7,8]}");
    return 0;
}

Test(ref, blobs_are_opened_on_the_way_and_not_at_the_end)
{
    struct ref_blobs blobs = {get_blob, &arena};
    struct val member;
    struct val value = values_json(&arena, "{\"b\":" BLOB "}");
    cr_assert_eq(
        ref_follow(value, values_json(&arena, "[\"b\",\"x\",1]"), &blobs, STR(""), &member, &why),
        0);
    cr_assert_eq(val_int(member), 8);
    cr_assert_eq(ref_follow(value, values_json(&arena, "[\"b\"]"), &blobs, STR(""), &member, &why),
                 0);
    cr_assert_eq(val_type(member), VAL_BLOB);
    cr_assert_str_eq(follow("{\"b\":" BLOB "}", "[\"b\",\"x\"]"), "blob");
}
