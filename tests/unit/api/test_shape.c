/*
 * Shapes: the check of objects, and the schema made from the same tables.
 */
#include "api/shape.h"

#include <criterion/criterion.h>
#include <string.h>

#include "value/json.h"

static const struct shape_field inner_fields[] = {{"x", SHAPE_INT, .doc = "A number."}};
static const struct shape inner = {"inner", "Inside.", inner_fields, 1};
static const struct shape_field fields[] = {
    {"name", SHAPE_STR, .max = 4, .doc = "Short."},
    {"words", SHAPE_STR, .list = true, .max = 2, .optional = true, .doc = "Few."},
    {"texts", SHAPE_TEXTS, .optional = true, .doc = "Texts."},
    {"flag", SHAPE_BOOL, .optional = true, .nullable = true, .doc = "A flag."},
    {"ratio", SHAPE_FLOAT, .optional = true, .doc = "A number."},
    {"inner", SHAPE_OBJECT, .object = &inner, .optional = true, .doc = "Inside."},
    {"any", SHAPE_ANY, .optional = true, .doc = "Whatever."},
};
static const struct shape shape = {"sample", "For tests.", fields,
                                   sizeof(fields) / sizeof(fields[0])};

static struct err_text why;

/* Checks a JSON text. */
static int check(const char *json)
{
    struct buf bytes = BUF_INIT(65536);
    int err;

    cr_assert_eq(json_parse(str_of(json), &val_limits_task, 0, &bytes, &why), 0, "%s", why.text);
    why.text[0] = '\0';
    err = shape_check(&shape, (struct val){bytes.data, bytes.len}, &why);
    buf_done(&bytes);
    return err;
}

Test(shape, an_object_with_all_that_is_required_fits)
{
    cr_assert_eq(check("{\"name\": \"ok\"}"), 0);
}

Test(shape, every_optional_member_may_be_there)
{
    cr_assert_eq(check("{\"name\": \"four\", \"words\": [\"a\", \"b\"], \"texts\": {\"k\": \"v\"}, "
                       "\"flag\": true, \"ratio\": 1, \"inner\": {\"x\": 1}, \"any\": [null]}"),
                 0, "%s", why.text);
}

Test(shape, null_fits_only_where_it_may_stand)
{
    cr_assert_eq(check("{\"name\": \"a\", \"flag\": null, \"any\": null}"), 0);
    cr_assert_eq(check("{\"name\": null}"), ERR_INVALID);
}

Test(shape, an_unknown_member_gets_a_suggestion)
{
    cr_assert_eq(check("{\"name\": \"a\", \"wrods\": []}"), ERR_INVALID);
    cr_assert(strstr(why.text, "did you mean \"words\"?"), "%s", why.text);
}

Test(shape, a_missing_member_is_named)
{
    cr_assert_eq(check("{}"), ERR_INVALID);
    cr_assert(strstr(why.text, "\"name\" is missing"), "%s", why.text);
}

Test(shape, what_is_no_object_is_refused)
{
    cr_assert_eq(check("[1]"), ERR_INVALID);
}

Test(shape, a_string_one_byte_too_long_is_refused)
{
    cr_assert_eq(check("{\"name\": \"fives\"}"), ERR_INVALID);
    cr_assert(strstr(why.text, "at most 4"), "%s", why.text);
}

Test(shape, a_list_one_entry_too_long_is_refused)
{
    cr_assert_eq(check("{\"name\": \"a\", \"words\": [\"a\", \"b\", \"c\"]}"), ERR_INVALID);
    cr_assert(strstr(why.text, "at most 2"), "%s", why.text);
}

Test(shape, wrong_types_are_refused_by_name)
{
    static const char *const texts[] = {
        "{\"name\": 1}",
        "{\"name\": \"a\", \"words\": \"a\"}",
        "{\"name\": \"a\", \"words\": [1]}",
        "{\"name\": \"a\", \"texts\": {\"k\": 1}}",
        "{\"name\": \"a\", \"texts\": []}",
        "{\"name\": \"a\", \"flag\": 1}",
        "{\"name\": \"a\", \"ratio\": \"1\"}",
        "{\"name\": \"a\", \"inner\": 1}",
        "{\"name\": \"a\", \"inner\": {\"x\": 1.5}}",
        "{\"name\": \"a\", \"inner\": {\"y\": 1}}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cr_expect_eq(check(texts[i]), ERR_INVALID, "%s", texts[i]);
    }
}

Test(shape, the_schema_lists_what_is_required)
{
    struct buf value = BUF_INIT(65536);
    struct buf json = BUF_INIT(65536);

    cr_assert_eq(shape_schema(&shape, &value), 0);
    json_print(&json, (struct val){value.data, value.len});
    cr_assert(strstr(buf_cstr(&json), "\"required\":[\"name\"]"), "%s", buf_cstr(&json));
    cr_assert(strstr(buf_cstr(&json), "\"additionalProperties\":false"));
    cr_assert(strstr(buf_cstr(&json), "\"#/components/schemas/inner\""));
    buf_done(&value);
    buf_done(&json);
}

Test(shape, words_say_what_a_field_is)
{
    char text[SHAPE_WORDS_SIZE];

    shape_words(&fields[1], text);
    cr_assert_str_eq(text, "list of string");
    shape_words(&fields[5], text);
    cr_assert_str_eq(text, "inner");
    shape_words(&fields[3], text);
    cr_assert_str_eq(text, "boolean or null");
}

/* True when the shape is in the list of all. */
static bool is_listed(const struct shape *wanted)
{
    for (size_t i = 0; shape_all[i]; i++) {
        if (shape_all[i] == wanted) {
            return true;
        }
    }
    return false;
}

Test(shape, all_shapes_stand_in_order_and_refer_to_listed_ones)
{
    for (size_t i = 0; shape_all[i]; i++) {
        cr_expect(i == 0 || strcmp(shape_all[i - 1]->name, shape_all[i]->name) < 0, "%s",
                  shape_all[i]->name);
        for (size_t f = 0; f < shape_all[i]->count; f++) {
            const struct shape_field *field = &shape_all[i]->fields[f];

            cr_expect(field->type != SHAPE_OBJECT || is_listed(field->object), "%s.%s",
                      shape_all[i]->name, field->name);
        }
    }
}
