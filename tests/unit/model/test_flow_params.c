/*
 * Declarations of parameters in flow files.
 */
#include "model/flow_params.h"

#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/buf.h"
#include "tests/unit/model/fixture.h"

/* A flow with the declaration `p: <text>`. */
static struct parsed declare(const char *text)
{
    CLEANUP_BUF struct buf file = BUF_INIT(1024 * 1024);
    buf_printf(&file,
               "flow: f\nparams:\n  p: %s\nsteps: { a: { task: csv.read, with: { path: x } } }\n",
               text);
    return fixture_parse(buf_cstr(&file));
}

/* A declaration that has to be right. */
static const struct param_spec *good(const char *text)
{
    struct parsed parsed = declare(text);
    cr_assert_eq(parsed.err, 0, "%s", parsed.problems);
    fixture_keep(parsed.problems);
    fixture_keep(parsed.flow);
    return &parsed.flow->params[0];
}

/* A packed value as JSON. */
static const char *json(struct val value)
{
    return fixture_json(value.ptr, value.len);
}

Test(flow_params, a_default_alone_gives_the_type)
{
    cr_assert_eq(good("50")->type, PARAM_INT);
    cr_assert_eq(good("0.5")->type, PARAM_FLOAT);
    cr_assert_eq(good("true")->type, PARAM_BOOL);
    cr_assert_eq(good("abc")->type, PARAM_STRING);
    cr_assert_str_eq(json(good("50")->fallback), "50");
    cr_assert_not(good("50")->required);
}

Test(flow_params, a_list_alone_gives_a_list)
{
    const struct param_spec *spec = good("[1, 2]");
    cr_assert(spec->list);
    cr_assert_eq(spec->type, PARAM_INT);
    cr_assert_eq(good("[1, x]")->type, PARAM_VALUE);
    cr_assert_eq(good("[]")->type, PARAM_VALUE);
}

Test(flow_params, all_keys_are_kept)
{
    const struct param_spec *spec =
        good("{ type: string, default: abc, min_length: 2, max_length: 5, pattern: '^[a-z]+$', "
             "enum: [abc, xyz], description: Which., secret: true }");
    cr_assert_eq(spec->type, PARAM_STRING);
    cr_assert_eq(spec->length_min, 2);
    cr_assert_eq(spec->length_max, 5);
    cr_assert(str_is(spec->pattern, "^[a-z]+$"));
    cr_assert_str_eq(json(spec->choices), "[\"abc\",\"xyz\"]");
    cr_assert(str_is(spec->doc, "Which."));
    cr_assert(spec->secret);
}

Test(flow_params, bounds_and_defaults_have_the_type_s_own_form)
{
    const struct param_spec *spec = good("{ type: duration, default: 90s, min: 1s, max: 1h }");
    cr_assert_str_eq(json(spec->fallback), "90000000");
    cr_assert_str_eq(json(spec->min), "1000000");
    cr_assert_str_eq(json(spec->max), "3600000000");
}

Test(flow_params, without_a_default_it_is_required)
{
    cr_assert(good("{ type: int }")->required);
    cr_assert_not(good("{ type: int, required: false }")->required);
    cr_assert_null(good("{ type: int, required: false }")->fallback.ptr);
}

Test(flow_params, a_list_has_items)
{
    const struct param_spec *spec = good("{ type: list, items: int, default: [1, 2.0] }");
    cr_assert(spec->list);
    cr_assert_eq(spec->type, PARAM_INT);
    cr_assert_str_eq(json(spec->fallback), "[1,2]");
    cr_assert_eq(good("{ type: list }")->type, PARAM_VALUE);
}

Test(flow_params, a_type_as_a_default_is_suspicious)
{
    CLEANUP_PARSED struct parsed parsed = declare("int");
    cr_assert_eq(parsed.err, 0);
    cr_assert(strstr(parsed.problems, "warning: this makes the text \"int\" the parameter's"));
}

/* A declaration and what is wrong with it. */
struct refusal {
    char text[80];
    char sentence[100];
};

ParameterizedTestParameters(flow_params, a_wrong_declaration_is_refused)
{
    static struct refusal cases[] = {
        {"", "the parameter \"p\" needs a type or a default"},
        {"{}", "the parameter \"p\" needs a type or a default"},
        {"{ type: integer }", "`type` must be string, int, float, bool,"},
        {"{ type: int, default: x }", "`default` wants an integer, not \"x\""},
        {"{ type: int, min: 3, default: 2 }", "`default` must be at least 3, not 2"},
        {"{ type: int, min: 3, max: 2 }", "`max` is less than `min`"},
        {"{ type: int, min: x }", "`min` wants an integer, not \"x\""},
        {"{ type: string, min: 3 }", "`min` and `max` are for numbers, durations and sizes"},
        {"{ type: int, pattern: x }", "`pattern` is for strings, not for an integer"},
        {"{ type: int, min_length: 1 }", "`min_length` and `max_length` are for strings and lists"},
        {"{ type: string, min_length: 3, max_length: 2 }", "`max_length` is less than"},
        {"{ type: string, pattern: '(' }", "the pattern is not a regular expression"},
        {"{ type: int, enum: [] }", "`enum` must be a list of 1 to 1000 values"},
        {"{ type: int, enum: [1, x] }", "`enum` wants an integer, not \"x\""},
        {"{ type: int, enum: [1, 2], default: 3 }", "`default` must be one of 1, 2"},
        {"{ type: int, default: 1, required: true }", "has a default, so it can not be required"},
        {"{ type: int, items: int }", "`items` is only for lists"},
        {"{ default: \"${run.id}\" }", "a default can not refer to anything with ${...}"},
        {"\"${run.id}\"", "a default can not refer to anything with ${...}"},
        {"{ type: int, defualt: 1 }", "a parameter has no key \"defualt\""},
    };
    return cr_make_param_array(struct refusal, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct refusal *one, flow_params, a_wrong_declaration_is_refused)
{
    CLEANUP_PARSED struct parsed parsed = declare(one->text);
    cr_assert_eq(parsed.errors, 1, "%s", parsed.problems);
    cr_assert(strstr(parsed.problems, one->sentence), "%s", parsed.problems);
}

Test(flow_params, names_must_be_names)
{
    CLEANUP_PARSED struct parsed parsed = fixture_parse(
        "flow: f\nparams: { a.b: 1 }\nsteps: { a: { task: csv.read, with: { path: x } } }\n");
    cr_assert(strstr(parsed.problems, "\"a.b\" can not be the name of a parameter"));
}

Test(flow_params, one_parameter_too_many_is_refused)
{
    CLEANUP_BUF struct buf file = BUF_INIT(1024 * 1024);
    buf_printf(&file, "flow: f\nsteps: { a: { task: csv.read, with: { path: x } } }\nparams:\n");
    for (int index = 0; index <= FLOW_PARAMS_MAX; index++) {
        buf_printf(&file, "  p%d: 1\n", index);
    }
    CLEANUP_PARSED struct parsed parsed = fixture_parse(buf_cstr(&file));
    cr_assert(strstr(parsed.problems, "a flow may have at most 1000 parameters, not 1001"));
}

Test(flow_params, one_choice_too_many_is_refused)
{
    CLEANUP_BUF struct buf text = BUF_INIT(64 * 1024);
    buf_printf(&text, "{ enum: [0");
    for (int index = 1; index <= PARAM_ENUM_MAX; index++) {
        buf_printf(&text, ",%d", index);
    }
    buf_printf(&text, "], type: int }");
    CLEANUP_PARSED struct parsed parsed = declare(buf_cstr(&text));
    cr_assert(strstr(parsed.problems, "`enum` must be a list of 1 to 1000 values"));
}
