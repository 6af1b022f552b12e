/*
 * Sets of parameters: merging, defaults, all problems at once, and the JSON Schema.
 */
#include "model/params.h"

#include <stdio.h>

#include <criterion/criterion.h>

#include "tests/unit/model/fixture.h"
#include "value/json.h"
#include "value/pack.h"

static const uint8_t fifty[] = {50};

static const struct param_spec specs[] = {
    {.name = {"month", 5}, .type = PARAM_STRING, .required = true, .doc = {"Which.", 6}},
    {.name = {"rounds", 6}, .type = PARAM_INT, .fallback = {fifty, 1}},
    {.name = {"limit", 5}, .type = PARAM_SIZE},
};

/* The bound set as JSON, or all problems, one per line. */
static const char *bind(const char *given, const char *typed)
{
    static struct buf text;
    buf_init(&text, 64 * 1024);
    CLEANUP_BUF struct buf out = BUF_INIT(PARAMS_TOTAL_MAX);
    struct diag_list *problems = diag_new("", STR_NONE);
    int err = params_bind(specs, 3, given ? fixture_val(given) : VAL_NONE,
                          typed ? fixture_val(typed) : VAL_NONE, &out, problems);
    cr_assert_eq(err == 0, diag_count(problems) == 0);
    for (size_t index = 0; index < diag_count(problems); index++) {
        const struct diag *diag = diag_at(problems, index);
        buf_printf(&text, "%s: %s%s%s\n", diag->subject, diag->text, diag->hint ? "; " : "",
                   diag->hint ? diag->hint : "");
    }
    if (err == 0) {
        buf_printf(&text, "%s", fixture_json(out.data, out.len));
    }
    cr_assert(err == 0 || out.len == 0);
    diag_free(problems);
    return fixture_keep((void *)(uintptr_t)buf_cstr(&text));
}

Test(params, defaults_fill_what_is_not_given)
{
    cr_assert_str_eq(bind("{\"month\":\"x\"}", NULL),
                     "{\"month\":\"x\",\"rounds\":50,\"limit\":null}");
}

Test(params, given_values_are_coerced)
{
    cr_assert_str_eq(bind("{\"limit\":\"1KiB\",\"month\":\"x\",\"rounds\":7}", NULL),
                     "{\"month\":\"x\",\"rounds\":7,\"limit\":1024}");
}

Test(params, typed_texts_win)
{
    cr_assert_str_eq(
        bind("{\"month\":\"x\",\"rounds\":7}", "{\"month\":\"2001\",\"rounds\":\"8\"}"),
        "{\"month\":\"2001\",\"rounds\":8,\"limit\":null}");
}

Test(params, null_counts_as_not_given)
{
    cr_assert_str_eq(bind("{\"month\":\"x\",\"rounds\":null}", NULL),
                     "{\"month\":\"x\",\"rounds\":50,\"limit\":null}");
    cr_assert_str_eq(bind("{\"month\":null}", NULL),
                     "month: the parameter \"month\" is required; it is a string and has no "
                     "default\n");
}

Test(params, null_is_a_value_for_a_required_value)
{
    static const struct param_spec any = {
        .name = {"any", 3}, .type = PARAM_VALUE, .required = true};
    CLEANUP_BUF struct buf out = BUF_INIT(100);
    struct diag_list *problems = diag_new("", STR_NONE);
    cr_assert_eq(params_bind(&any, 1, fixture_val("{\"any\":null}"), VAL_NONE, &out, problems), 0);
    cr_assert_str_eq(fixture_json(out.data, out.len), "{\"any\":null}");
    diag_free(problems);
}

Test(params, all_problems_are_reported)
{
    cr_assert_str_eq(bind("{\"mont\":1,\"rounds\":\"lots\",\"zzz\":1}", NULL),
                     "mont: there is no parameter \"mont\"; did you mean \"month\"?\n"
                     "zzz: there is no parameter \"zzz\"\n"
                     "month: the parameter \"month\" is required; it is a string and has no "
                     "default\n"
                     "rounds: the parameter \"rounds\" wants an integer, not \"lots\"\n");
}

Test(params, something_else_than_a_map_is_refused)
{
    cr_assert_str_eq(bind("[1]", NULL),
                     ": parameters must be a map of names and values, not a list\n");
}

Test(params, one_byte_too_many_in_total_is_refused)
{
    CLEANUP_BUF struct buf out = BUF_INIT(40);
    struct diag_list *problems = diag_new("", STR_NONE);
    const char *given = "{\"month\":\"aaaaaaaaaaaaaaaaaaaaaaaaa\"}";
    cr_assert_eq(params_bind(specs, 3, fixture_val(given), VAL_NONE, &out, problems), ERR_LIMIT);
    cr_assert_str_eq(diag_at(problems, 0)->text,
                     "the parameters take more than the allowed 40 bytes");
    diag_free(problems);
}

Test(params, find_goes_by_name)
{
    cr_assert_eq(params_find(specs, 3, STR("rounds")), &specs[1]);
    cr_assert_null(params_find(specs, 3, STR("round")));
}

Test(params, schema_describes_the_set)
{
    CLEANUP_BUF struct buf out = BUF_INIT(4096);
    cr_assert_eq(params_schema(specs, 3, &out), 0);
    struct val schema;
    cr_assert_eq(val_scan(out.data, out.len, &val_limits_task, &schema, NULL), 0);
    cr_assert_str_eq(
        fixture_json(out.data, out.len),
        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
        "\"properties\":{"
        "\"month\":{\"type\":\"string\",\"description\":\"Which.\",\"x-leat-type\":\"string\"},"
        "\"rounds\":{\"type\":\"integer\",\"default\":50,\"x-leat-type\":\"int\"},"
        "\"limit\":{\"type\":[\"string\",\"integer\"],\"format\":\"leat-size\","
        "\"x-leat-type\":\"size\"}},"
        "\"required\":[\"month\"],\"additionalProperties\":false}");
}

Test(params, schema_never_shows_a_secret_default)
{
    static const uint8_t word[] = {0xa2, 'h', 'i'};
    static const struct param_spec secret = {
        .name = {"key", 3}, .type = PARAM_STRING, .secret = true, .fallback = {word, 3}};
    CLEANUP_BUF struct buf out = BUF_INIT(4096);
    cr_assert_eq(params_schema(&secret, 1, &out), 0);
    const char *json = fixture_json(out.data, out.len);
    cr_assert_null(strstr(json, "\"default\""));
    cr_assert(strstr(json, "\"writeOnly\":true"));
}

Test(params, schema_puts_bounds_of_lists_on_their_members)
{
    static const struct param_spec list = {.name = {"n", 1},
                                           .type = PARAM_INT,
                                           .list = true,
                                           .min = {fifty, 1},
                                           .length_min = 1,
                                           .length_max = 9};
    CLEANUP_BUF struct buf out = BUF_INIT(4096);
    cr_assert_eq(params_schema(&list, 1, &out), 0);
    cr_assert(strstr(fixture_json(out.data, out.len),
                     "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":50},"
                     "\"minItems\":1,\"maxItems\":9,\"x-leat-type\":\"int\"}"));
}

Test(params, a_hundred_thousand_unknown_names_are_refused_quickly)
{
    static struct param_spec many[1000];
    static char names[1000][16];
    for (size_t index = 0; index < 1000; index++) {
        snprintf(names[index], sizeof(names[index]), "parameter%zu", index);
        many[index] = (struct param_spec){.name = str_of(names[index]), .type = PARAM_INT};
    }
    CLEANUP_BUF struct buf json = BUF_INIT(4 * 1024 * 1024);
    for (int index = 0; index < 100000; index++) {
        buf_printf(&json, "%s\"x%d\":1", index == 0 ? "{" : ",", index);
    }
    buf_printf(&json, "}");
    CLEANUP_BUF struct buf out = BUF_INIT(PARAMS_TOTAL_MAX);
    struct diag_list *problems = diag_new("", STR_NONE);
    struct val given = fixture_val(buf_cstr(&json));
    cr_assert_eq(params_bind(many, 1000, given, VAL_NONE, &out, problems), ERR_INVALID);
    cr_assert_eq(diag_error_count(problems), 100000);
    diag_free(problems);
}

Test(params, templates_see_durations_in_seconds)
{
    static const struct param_spec durations[] = {
        {.name = {"wait", 4}, .type = PARAM_DURATION},
        {.name = {"steps", 5}, .type = PARAM_DURATION, .list = true},
        {.name = {"size", 4}, .type = PARAM_SIZE},
        {.name = {"none", 4}, .type = PARAM_DURATION},
    };
    CLEANUP_BUF struct buf bound = BUF_INIT(1024);
    CLEANUP_BUF struct buf out = BUF_INIT(1024);
    CLEANUP_BUF struct buf json = BUF_INIT(1024);

    pack_map(&bound, 4);
    pack_cstr(&bound, "wait");
    pack_int(&bound, 90000000);
    pack_cstr(&bound, "steps");
    pack_list(&bound, 2);
    pack_int(&bound, 250000);
    pack_int(&bound, 1000000);
    pack_cstr(&bound, "size");
    pack_int(&bound, 65536);
    pack_cstr(&bound, "none");
    pack_nil(&bound);
    cr_assert_eq(params_for_templates(durations, 4, (struct val){bound.data, bound.len}, &out), 0);
    json_print(&json, (struct val){out.data, out.len});
    cr_assert_str_eq(buf_cstr(&json),
                     "{\"wait\":90,\"steps\":[0.25,1],\"size\":65536,\"none\":null}");
}
