/*
 * Reading YAML by tables of keys, as leat.yaml does it.
 */
#include "model/reader.h"

#include <stdlib.h>

#include <criterion/criterion.h>

#include "tests/unit/model/fixture.h"

/* What the table fills. */
struct form {
    struct str title;
    struct str name;
    int64_t count;
    bool flag;
    int64_t time_us;
    int64_t size;
    int64_t word;
    struct key_strings names;
    const struct tmpl *tmpl;
};

static const char *const words[] = {"one", "two", NULL};

static const struct key rows[] = {
    {.name = "title", .kind = KEY_TEXT, .offset = offsetof(struct form, title), .max = 10},
    {.name = "name",
     .kind = KEY_NAME,
     .offset = offsetof(struct form, name),
     .max = 10,
     .required = true},
    {.name = "count", .kind = KEY_INT, .offset = offsetof(struct form, count), .min = 1, .max = 5},
    {.name = "flag", .kind = KEY_BOOL, .offset = offsetof(struct form, flag)},
    {.name = "time",
     .kind = KEY_DURATION,
     .offset = offsetof(struct form, time_us),
     .max = 5000000},
    {.name = "size", .kind = KEY_SIZE, .offset = offsetof(struct form, size), .max = 1 << 20},
    {.name = "word", .kind = KEY_WORD, .offset = offsetof(struct form, word), .words = words},
    {.name = "names", .kind = KEY_NAMES, .offset = offsetof(struct form, names), .max = 3},
    {.name = "tmpl", .kind = KEY_MAP_TEMPLATE, .offset = offsetof(struct form, tmpl)},
};

static const struct key_table table = KEY_TABLE("a thing", rows);

/* One reading, in memory that lives as long as the test's process. */
struct reading {
    struct arena arena;
    struct tmpl_exprs exprs;
    struct diag_list *diags;
    struct form form;
};

/* Reads <text> by the table. */
static void read_text(struct reading *reading, const char *text)
{
    *reading = (struct reading){.diags = diag_new("f", str_of(text))};
    arena_init(&reading->arena, 1024 * 1024);
    struct reader reader = {
        .arena = &reading->arena, .diags = reading->diags, .exprs = &reading->exprs};
    const struct yaml_node *root = NULL;
    cr_assert_eq(yaml_tree(str_of(text), &reading->arena, reading->diags, &root), 0);
    reader_map(&reader, root, &table, &reading->form);
    fixture_keep(reading->diags);
    fixture_keep(reading->arena.blocks);
}

/* The sentence of the only problem of <text>. */
static const char *problem_of(const char *text)
{
    struct reading *reading = fixture_keep(calloc(1, sizeof(*reading)));
    read_text(reading, text);
    cr_assert_eq(diag_count(reading->diags), 1);
    return diag_at(reading->diags, 0)->text;
}

Test(reader, every_kind_is_stored)
{
    struct reading reading;
    read_text(&reading, "{ title: hi there, name: x, count: 5, flag: true, time: 5s, size: 1MiB, "
                        "word: two, names: [a, b], tmpl: { x: \"${run.id}\" } }");
    cr_assert_eq(diag_error_count(reading.diags), 0);
    cr_assert(str_is(reading.form.title, "hi there"));
    cr_assert(str_is(reading.form.name, "x"));
    cr_assert_eq(reading.form.count, 5);
    cr_assert(reading.form.flag);
    cr_assert_eq(reading.form.time_us, 5000000);
    cr_assert_eq(reading.form.size, 1 << 20);
    cr_assert_eq(reading.form.word, 1);
    cr_assert_eq(reading.form.names.count, 2);
    cr_assert_not_null(reading.form.tmpl);
}

Test(reader, what_is_not_said_keeps_its_default)
{
    struct reading reading;
    read_text(&reading, "name: x");
    cr_assert_eq(reading.form.count, 0);
    cr_assert_null(reading.form.tmpl);
}

Test(reader, one_name_is_a_list_of_one)
{
    struct reading reading;
    read_text(&reading, "{ name: x, names: a }");
    cr_assert_eq(reading.form.names.count, 1);
}

Test(reader, a_text_of_all_bytes_fits_and_one_more_does_not)
{
    struct reading reading;
    read_text(&reading, "{ name: x, title: \"0123456789\" }");
    cr_assert_eq(diag_error_count(reading.diags), 0);
    cr_assert_str_eq(problem_of("{ name: x, title: \"0123456789a\" }"),
                     "`title` must have 1 to 10 bytes, not 11");
}

Test(reader, wrong_values_are_reported)
{
    cr_assert_str_eq(problem_of("{ name: a/b }"), "`name` is not a proper name: \"a/b\"");
    cr_assert_str_eq(problem_of("{ name: x, count: 6 }"),
                     "`count` must be an integer from 1 to 5, not \"6\"");
    cr_assert_str_eq(problem_of("{ name: x, flag: yes }"),
                     "`flag` must be true or false, not \"yes\"");
    cr_assert_str_eq(problem_of("{ name: x, time: 6s }"), "`time` must be from 0 s to 5 s, not 6s");
    cr_assert_str_eq(problem_of("{ name: x, size: 2MiB }"),
                     "`size` must be from 0 to 1048576 bytes, not 2MiB");
    cr_assert_str_eq(problem_of("{ name: x, size: big }"),
                     "`size` must be a size such as 64KiB or 10MB, not \"big\"");
    cr_assert_str_eq(problem_of("{ name: x, word: three }"),
                     "`word` must be one or two, not \"three\"");
    cr_assert_str_eq(problem_of("{ name: x, names: [a, b, c, d] }"),
                     "`names` has 4 members, more than the allowed 3");
    cr_assert_str_eq(problem_of("{ name: x, tmpl: [1] }"), "`tmpl` must be a map, not a list");
    cr_assert_str_eq(problem_of("{ name: x, flag: }"), "`flag` has no value");
}

Test(reader, a_missing_key_is_reported)
{
    cr_assert_str_eq(problem_of("{ count: 1 }"), "a thing needs the key `name`");
}

Test(reader, an_unknown_key_without_a_neighbour_lists_the_known_ones)
{
    struct reading reading;
    read_text(&reading, "{ name: x, zzzzzzzzzzzz: 1 }");
    cr_assert_str_eq(diag_at(reading.diags, 0)->hint,
                     "known keys: title, name, count, flag, time, size, word, names, tmpl");
}

Test(reader, a_list_is_no_map)
{
    cr_assert_str_eq(problem_of("[1]"), "a thing must be a map of keys and values, not a list");
}

Test(reader, a_template_that_is_wrong_is_reported_at_its_byte)
{
    struct reading reading;
    read_text(&reading, "{ name: x, tmpl: { x: \"ab ${steps} c\" } }");
    cr_assert_eq(diag_error_count(reading.diags), 1);
    cr_assert_geq(diag_at(reading.diags, 0)->place.column, 27);
}

Test(reader, literals_are_told_from_templates)
{
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    struct diag_list *diags = diag_new("f", STR_NONE);
    const struct yaml_node *root = NULL;
    cr_assert_eq(yaml_tree(STR("[{ a: [x, \"${y}\"] }, { a: [x, \"$y\"] }]"), &arena, diags, &root),
                 0);
    cr_assert_not(reader_is_literal(root->items[0]));
    cr_assert(reader_is_literal(root->items[1]));
    diag_free(diags);
    arena_done(&arena);
}
