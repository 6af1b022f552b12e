/*
 * YAML trees: the core schema's scalars, places, and everything that is refused.
 */
#include "model/yaml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/buf.h"
#include "base/err.h"
#include "tests/unit/model/fixture.h"

/* One reading, in memory that lives as long as the test's process. */
struct reading {
    struct arena arena;
    struct diag_list *diags;
    const struct yaml_node *root;
    int err;
};

/* Reads <text>. */
static struct reading read_str(struct str text)
{
    struct reading reading = {.diags = fixture_keep(diag_new("f", text))};
    arena_init(&reading.arena, 1024 * 1024 * 1024);
    reading.err = yaml_tree(text, &reading.arena, reading.diags, &reading.root);
    fixture_keep(reading.arena.blocks);
    return reading;
}

/* The same for a C string. */
static struct reading read_text(const char *text)
{
    return read_str(str_of(text));
}

/* The text of the only problem of a reading that has one. */
static const char *only_problem(struct reading *reading)
{
    cr_assert_eq(diag_count(reading->diags), 1);
    return diag_at(reading->diags, 0)->text;
}

Test(yaml, an_empty_text_is_nothing)
{
    struct reading reading = read_text("# only a comment\n");
    cr_assert_eq(reading.err, 0);
    cr_assert_eq(reading.root->type, YAML_TYPE_NULL);
}

struct scalar_case {
    char text[24];
    enum yaml_type type;
};

ParameterizedTestParameters(yaml, a_plain_scalar_has_the_type_of_the_core_schema)
{
    static struct scalar_case cases[] = {
        {"no", YAML_TYPE_STRING},       {"yes", YAML_TYPE_STRING},     {"on", YAML_TYPE_STRING},
        {"off", YAML_TYPE_STRING},      {"y", YAML_TYPE_STRING},       {"null", YAML_TYPE_NULL},
        {"~", YAML_TYPE_NULL},          {"Null", YAML_TYPE_NULL},      {"nULL", YAML_TYPE_STRING},
        {"true", YAML_TYPE_BOOL},       {"False", YAML_TYPE_BOOL},     {"tRUE", YAML_TYPE_STRING},
        {"0", YAML_TYPE_INT},           {"-17", YAML_TYPE_INT},        {"+5", YAML_TYPE_INT},
        {"007", YAML_TYPE_INT},         {"0o17", YAML_TYPE_INT},       {"0x1F", YAML_TYPE_INT},
        {"0b1", YAML_TYPE_STRING},      {"1_000", YAML_TYPE_STRING},   {"1.5", YAML_TYPE_FLOAT},
        {".5", YAML_TYPE_FLOAT},        {"1.", YAML_TYPE_FLOAT},       {"1e3", YAML_TYPE_FLOAT},
        {"-.inf", YAML_TYPE_FLOAT},     {".nan", YAML_TYPE_FLOAT},     {"-.nan", YAML_TYPE_STRING},
        {".", YAML_TYPE_STRING},        {"-", YAML_TYPE_STRING},       {"1e", YAML_TYPE_STRING},
        {"12:30:45", YAML_TYPE_STRING}, {"2001-01", YAML_TYPE_STRING}, {"1.2.3", YAML_TYPE_STRING},
    };
    return cr_make_param_array(struct scalar_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct scalar_case *one, yaml, a_plain_scalar_has_the_type_of_the_core_schema)
{
    char text[64];
    snprintf(text, sizeof(text), "a: %s\n",
             one->text[0] == '-' && !one->text[1] ? "\"-\"" : one->text);
    struct reading reading = read_text(text);
    cr_assert_eq(reading.err, 0);
    cr_assert_eq(yaml_get(reading.root, "a")->type, one->type, "%s is %s", one->text,
                 yaml_type_words(yaml_get(reading.root, "a")->type));
}

Test(yaml, numbers_have_their_values)
{
    struct reading reading = read_text("[-17, 0x1F, 0o17, 1.5, -.inf, 007]");
    const struct yaml_node **items = reading.root->items;
    cr_assert_eq(items[0]->integer, -17);
    cr_assert_eq(items[1]->integer, 31);
    cr_assert_eq(items[2]->integer, 15);
    cr_assert_eq(items[3]->number, 1.5);
    cr_assert(isinf(items[4]->number) && items[4]->number < 0);
    cr_assert_eq(items[5]->integer, 7);
}

Test(yaml, quotes_make_a_string_of_anything)
{
    struct reading reading = read_text("[\"1\", 'true', \"\"]");
    for (uint32_t index = 0; index < 3; index++) {
        cr_assert_eq(reading.root->items[index]->type, YAML_TYPE_STRING);
    }
}

Test(yaml, nodes_know_their_places)
{
    struct reading reading = read_text("a: 1\nb:\n  c: xyz\n");
    const struct yaml_node *c = yaml_get(yaml_get(reading.root, "b"), "c");
    cr_assert_eq(c->place.line, 3);
    cr_assert_eq(c->place.column, 6);
}

Test(yaml, a_place_inside_a_quoted_string_is_exact)
{
    struct reading reading = read_text("a: \"\xc3\xa4 ${x}\"\n");
    struct diag_place place = yaml_place_in(yaml_get(reading.root, "a"), 3);
    cr_assert_eq(place.line, 1);
    cr_assert_eq(place.column, 7);
}

Test(yaml, a_place_inside_an_escaped_string_is_its_beginning)
{
    struct reading reading = read_text("a: \"\\u00e4 ${x}\"\n");
    cr_assert_eq(yaml_place_in(yaml_get(reading.root, "a"), 3).column, 4);
}

Test(yaml, syntax_errors_have_a_place)
{
    struct reading reading = read_text("a: [1, 2\nb: 3\n");
    cr_assert_eq(reading.err, ERR_PARSE);
    cr_assert_null(reading.root);
    cr_assert_eq(diag_at(reading.diags, 0)->place.line, 2);
}

Test(yaml, broken_utf8_is_an_error)
{
    struct reading reading = read_text("a: \xff\xfe\n");
    cr_assert_eq(reading.err, ERR_PARSE);
}

Test(yaml, repeated_keys_are_reported_and_the_tree_is_whole)
{
    struct reading reading = read_text("a: 1\nb: 2\na: 3\n");
    cr_assert_eq(reading.err, 0);
    cr_assert_str_eq(only_problem(&reading), "the key \"a\" is repeated");
    cr_assert_str_eq(diag_at(reading.diags, 0)->hint, "the first one is on line 1");
}

Test(yaml, repeated_keys_are_found_in_large_maps)
{
    CLEANUP_BUF struct buf text = BUF_INIT(1024 * 1024);
    for (int index = 0; index < 1000; index++) {
        buf_printf(&text, "k%d: 1\n", index);
    }
    buf_printf(&text, "k500: 2\n");
    struct reading reading = read_str(buf_str(&text));
    cr_assert_str_eq(only_problem(&reading), "the key \"k500\" is repeated");
}

Test(yaml, merge_keys_are_refused)
{
    struct reading reading = read_text("a: &a {x: 1}\nb:\n  <<: *a\n");
    cr_assert_str_eq(only_problem(&reading), "merge keys (<<) are not supported");
}

Test(yaml, tags_are_refused)
{
    struct reading reading = read_text("a: !!str 5\n");
    cr_assert_str_eq(only_problem(&reading), "tags such as !!str are not supported");
}

Test(yaml, keys_that_are_containers_are_refused)
{
    struct reading reading = read_text("? [a, b]\n: 1\n");
    cr_assert_str_eq(only_problem(&reading), "a key must be a single word or text");
}

Test(yaml, a_second_document_is_refused)
{
    struct reading reading = read_text("a: 1\n---\nb: 2\n");
    cr_assert_eq(reading.err, ERR_PARSE);
}

Test(yaml, a_text_with_nul_is_refused)
{
    struct reading reading = read_text("a: \"x\\0y\"\n");
    cr_assert_str_eq(only_problem(&reading), "a text may not contain the character NUL");
}

Test(yaml, whole_numbers_beyond_64_bits_are_refused)
{
    struct reading reading = read_text("a: 9223372036854775808\n");
    cr_assert_str_eq(only_problem(&reading), "this integer does not fit into 64 bits");
}

Test(yaml, a_number_of_ten_thousand_digits_is_refused)
{
    char text[10100] = "a: 1.";
    memset(text + 5, '1', 10000);
    struct reading reading = read_text(text);
    cr_assert_str_eq(only_problem(&reading), "this number has too many digits");
}

Test(yaml, aliases_stand_for_their_anchors)
{
    struct reading reading = read_text("a: &x [1, 2]\nb: *x\n");
    cr_assert_eq(reading.err, 0);
    cr_assert_eq(yaml_get(reading.root, "b"), yaml_get(reading.root, "a"));
}

Test(yaml, an_alias_inside_its_own_anchor_is_refused)
{
    struct reading reading = read_text("a: &x [1, *x]\n");
    cr_assert_eq(reading.err, ERR_PARSE);
    cr_assert_str_eq(only_problem(&reading), "there is no anchor &x above this alias");
}

/* A text with <count> aliases of a scalar. */
static struct reading read_aliases(int count)
{
    CLEANUP_BUF struct buf text = BUF_INIT(1024 * 1024);
    buf_printf(&text, "- &x 1\n");
    for (int index = 0; index < count; index++) {
        buf_printf(&text, "- *x\n");
    }
    return read_str(buf_str(&text));
}

Test(yaml, as_many_aliases_as_allowed_are_fine)
{
    cr_assert_eq(read_aliases(YAML_ALIASES_MAX).err, 0);
}

Test(yaml, one_alias_more_is_refused)
{
    cr_assert_eq(read_aliases(YAML_ALIASES_MAX + 1).err, ERR_LIMIT);
}

Test(yaml, aliases_of_aliases_may_not_blow_up)
{
    struct reading reading = read_text("- &a [1,1,1,1,1,1,1,1,1]\n"
                                       "- &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                                       "- &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                                       "- &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                                       "- &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                                       "- &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                                       "- &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n"
                                       "- &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n"
                                       "- &i [*h,*h,*h,*h,*h,*h,*h,*h,*h]\n"
                                       "- &j [*i,*i,*i,*i,*i,*i,*i,*i,*i]\n"
                                       "- &k [*j,*j,*j,*j,*j,*j,*j,*j,*j]\n");
    cr_assert_eq(reading.err, ERR_LIMIT);
}

/* <depth> nested lists. */
static struct reading read_nested(size_t depth)
{
    char *text = fixture_keep(calloc(2, depth + 1));
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return read_text(text);
}

Test(yaml, nesting_up_to_the_limit_is_fine)
{
    cr_assert_eq(read_nested(YAML_DEPTH_MAX).err, 0);
}

Test(yaml, nesting_one_deeper_is_refused)
{
    struct reading reading = read_nested(YAML_DEPTH_MAX + 1);
    cr_assert_eq(reading.err, ERR_LIMIT);
    cr_assert_str_eq(only_problem(&reading), "values are nested deeper than 64 levels");
}

Test(yaml, a_hundred_thousand_open_brackets_are_refused_quickly)
{
    cr_assert_eq(read_nested(100000).err, ERR_LIMIT);
}

Test(yaml, aliases_may_not_nest_deeper_than_the_limit)
{
    struct reading reading =
        read_text("- &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]"
                  "]]]]]]]\n"
                  "- [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]]]]]]"
                  "]]]]]]]]\n");
    cr_assert_eq(reading.err, ERR_LIMIT);
}

Test(yaml, a_text_one_byte_too_long_is_refused)
{
    char *text = fixture_keep(malloc(YAML_TEXT_MAX + 2u));
    memset(text, '\n', YAML_TEXT_MAX + 1u);
    text[YAML_TEXT_MAX + 1u] = '\0';
    cr_assert_eq(read_text(text).err, ERR_LIMIT);
}

Test(yaml, one_value_too_many_is_refused)
{
    size_t len = (size_t)YAML_NODES_MAX * 2 + 2;
    char *text = fixture_keep(malloc(len + 1));
    text[0] = '[';
    for (size_t index = 1; index + 1 < len; index += 2) {
        text[index] = '1';
        text[index + 1] = ',';
    }
    text[len - 1] = ']';
    text[len] = '\0';
    cr_assert_eq(read_text(text).err, ERR_LIMIT);
}

Test(yaml, a_scalar_of_two_million_lines_is_one_value)
{
    size_t lines = 2000000;
    char *text = fixture_keep(malloc(5 + lines * 4 + 1));
    memcpy(text, "a: |\n", 5);
    for (size_t index = 0; index < lines; index++) {
        memcpy(text + 5 + index * 4, "  x\n", 4);
    }
    text[5 + lines * 4] = '\0';
    struct reading reading = read_text(text);
    cr_assert_eq(reading.err, 0);
    cr_assert_eq(yaml_get(reading.root, "a")->text.len, lines * 2);
}

Test(yaml, an_arena_that_is_full_is_reported)
{
    struct arena arena;
    arena_init(&arena, 200);
    struct diag_list *diags = diag_new("f", STR_NONE);
    const struct yaml_node *root = NULL;
    cr_assert_eq(yaml_tree(STR("[1, 2, 3, 4, 5, 6]"), &arena, diags, &root), ERR_LIMIT);
    cr_assert_null(root);
    arena_done(&arena);
    diag_free(diags);
}
