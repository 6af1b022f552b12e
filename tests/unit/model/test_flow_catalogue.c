/*
 * Names of parts and flows, and the literals given to them.
 */
#include "model/flow_catalogue.h"

#include <criterion/criterion.h>

#include "base/buf.h"
#include "tests/unit/model/fixture.h"

/* The problems of a flow whose one step is <step>. */
static const char *problems_of(const char *step)
{
    CLEANUP_BUF struct buf text = BUF_INIT(64 * 1024);
    buf_printf(&text, "flow: f\nsteps:\n  a: { %s }\n", step);
    struct parsed parsed = fixture_parse(buf_cstr(&text));
    flow_unref(parsed.flow);
    return fixture_keep(parsed.problems);
}

Test(flow_catalogue, a_known_task_with_what_it_needs_is_fine)
{
    cr_assert_str_eq(problems_of("task: csv.read, with: { path: x, columns: [a, b] }"), "");
}

Test(flow_catalogue, values_with_references_are_left_to_the_run)
{
    cr_assert_str_eq(problems_of("task: xgboost.train, with: { data: 1, rounds: \"${vars.n}\" }"),
                     "");
    cr_assert_str_eq(problems_of("task: csv.read, with: { path: x, columns: [a, \"${vars.n}\"] }"),
                     "");
}

Test(flow_catalogue, an_unknown_task_is_refused)
{
    cr_assert(strstr(problems_of("task: zzzzzzzzz.yyyy"), "there is no task \"zzzzzzzzz.yyyy\""));
    cr_assert(strstr(problems_of("task: zzzzzzzzz.yyyy"), "= `leat plugin ls` lists"));
}

Test(flow_catalogue, an_unknown_subflow_is_refused)
{
    cr_assert(strstr(problems_of("flow: pubish"), "there is no flow \"pubish\""));
    cr_assert(strstr(problems_of("flow: pubish"), "did you mean \"publish\"?"));
}

Test(flow_catalogue, the_parameters_of_subflows_are_checked)
{
    cr_assert(strstr(problems_of("flow: publish, with: { modle: 1 }"),
                     "the flow \"publish\" has no parameter \"modle\""));
    cr_assert(
        strstr(problems_of("flow: publish"), "the flow \"publish\" needs the parameter \"model\""));
}

Test(flow_catalogue, literals_of_the_wrong_type_are_refused)
{
    cr_assert(strstr(problems_of("task: csv.read, with: { path: 5 }"),
                     "f.yaml:3:38: error: `path` wants a path, not an integer"));
    cr_assert(strstr(problems_of("task: csv.read, with: { path: x, columns: [a, 1] }"),
                     "`columns` has a wrong member: [1] wants a string, not an integer"));
}

Test(flow_catalogue, null_for_an_optional_parameter_is_fine)
{
    cr_assert_str_eq(problems_of("task: csv.read, with: { path: x, delimiter: null }"), "");
}

Test(flow_catalogue, null_for_a_required_parameter_is_refused)
{
    cr_assert(strstr(problems_of("task: csv.read, with: { path: null }"), "`path` wants a path"));
}

Test(flow_catalogue, without_a_catalogue_nothing_is_checked)
{
    struct diag_list *diags = diag_new("f", STR_NONE);
    struct flow *flow = NULL;
    cr_assert_eq(
        flow_parse(STR("flow: f\nsteps: { a: { task: x.y, with: { z: 1 } } }"), NULL, diags, &flow),
        0);
    flow_unref(flow);
    diag_free(diags);
}
