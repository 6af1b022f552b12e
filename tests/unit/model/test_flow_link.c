/*
 * Links between steps: what makes one need another, and what is refused.
 */
#include "model/flow_link.h"

#include <criterion/criterion.h>

#include "base/buf.h"
#include "tests/unit/model/fixture.h"

#define HEAD "flow: f\nparams: { p: 1, s: { type: string, default: x, secret: true } }\nsteps:\n"
#define A "  a: { task: csv.read, with: { path: x } }\n"

/* The flow of HEAD and <steps>, which has to be right. */
static const struct flow *parse_good(const char *steps)
{
    CLEANUP_BUF struct buf text = BUF_INIT(64 * 1024);
    buf_printf(&text, HEAD "%s", steps);
    struct parsed parsed = fixture_parse(buf_cstr(&text));
    cr_assert_eq(parsed.err, 0, "%s", parsed.problems);
    fixture_keep(parsed.problems);
    return fixture_keep(parsed.flow);
}

/* The problems of HEAD and <steps>. */
static const char *problems_of(const char *steps)
{
    CLEANUP_BUF struct buf text = BUF_INIT(64 * 1024);
    buf_printf(&text, HEAD "%s", steps);
    struct parsed parsed = fixture_parse(buf_cstr(&text));
    flow_unref(parsed.flow);
    return fixture_keep(parsed.problems);
}

/* The one error of HEAD and <steps> has this sentence. */
static void refused(const char *steps, const char *sentence)
{
    const char *problems = problems_of(steps);
    cr_assert(strstr(problems, sentence), "%s", problems);
    cr_assert(strstr(problems, "\n1 error"), "%s", problems);
}

Test(flow_link, a_reference_makes_a_data_dependency)
{
    const struct flow *flow =
        parse_good(A "  b: { task: csv.read, with: { path: \"${steps.a}\" } }\n");
    cr_assert_eq(flow->steps[1].dep_count, 1);
    cr_assert_eq(flow->steps[1].deps[0].step, 0);
    cr_assert(flow->steps[1].deps[0].data);
    cr_assert_not(flow->steps[1].deps[0].tolerated);
    cr_assert_eq(flow->steps[0].dependent_count, 1);
    cr_assert_eq(flow->steps[0].dependents[0], 1);
}

Test(flow_link, wait_for_makes_an_order_without_data)
{
    const struct flow *flow =
        parse_good(A "  b: { task: csv.read, with: { path: x }, wait_for: a }\n");
    cr_assert_eq(flow->steps[1].dep_count, 1);
    cr_assert_not(flow->steps[1].deps[0].data);
}

Test(flow_link, repeated_references_are_one_dependency)
{
    const struct flow *flow = parse_good(
        A
        "  b: { task: csv.read, wait_for: [a], with: { path: \"${steps.a.x}/${steps.a.y}\" } }\n");
    cr_assert_eq(flow->steps[1].dep_count, 1);
    cr_assert(flow->steps[1].deps[0].data);
}

Test(flow_link, every_template_of_a_step_counts)
{
    const struct flow *flow = parse_good(
        A "  b: { task: csv.read, with: { path: x } }\n"
          "  c: { task: csv.read, with: { path: x } }\n"
          "  d: { task: csv.read, with: { path: x } }\n"
          "  e: { task: csv.read, with: { path: x } }\n"
          "  z: { task: csv.read, with: { path: \"${steps.e}\" }, when: \"${steps.d}\",\n"
          "       map: \"${steps.c}\", run_name: \"x ${steps.b}\",\n"
          "       cache: { key: \"${steps.a}\" } }\n");
    cr_assert_eq(flow->steps[5].dep_count, 5);
    for (uint32_t index = 0; index < 5; index++) {
        cr_assert_eq(flow->steps[5].deps[index].step, index);
    }
}

Test(flow_link, references_inside_expressions_count)
{
    const struct flow *flow = parse_good(
        A
        "  b: { task: csv.read, with: { path: x }, when: \"${[1 + steps.a.n] | length > 0}\" }\n");
    cr_assert_eq(flow->steps[1].dep_count, 1);
}

Test(flow_link, a_step_may_use_a_later_one)
{
    const struct flow *flow =
        parse_good("  b: { task: csv.read, with: { path: \"${steps.a}\" } }\n" A);
    cr_assert_eq(flow->steps[0].deps[0].step, 1);
}

Test(flow_link, tolerated_failures_mark_the_dependency)
{
    const struct flow *flow = parse_good(
        A "  b: { task: csv.read, with: { path: x }, wait_for: [a], allow_failure: [a] }\n");
    cr_assert(flow->steps[1].deps[0].tolerated);
    cr_assert_not(flow->steps[1].allow_failure);
}

Test(flow_link, steps_of_finally_depend_on_each_other_only)
{
    const struct flow *flow =
        parse_good(A "finally:\n"
                     "  x: { task: fs.remove, with: { path: \"${steps.a}\" } }\n"
                     "  y: { task: fs.remove, with: { path: \"${steps.x}\" } }\n");
    cr_assert_eq(flow->steps[1].dep_count, 0);
    cr_assert_eq(flow->steps[2].dep_count, 1);
    cr_assert_eq(flow->steps[2].deps[0].step, 1);
    cr_assert_eq(flow->steps[0].dependent_count, 0);
}

Test(flow_link, an_unknown_step_is_refused)
{
    refused("  alpha: { task: csv.read, with: { path: \"${steps.alhpa}\" } }\n",
            "there is no step \"alhpa\"");
}

Test(flow_link, an_unknown_step_in_wait_for_is_refused)
{
    refused(A "  b: { task: csv.read, with: { path: x }, wait_for: [a, c] }\n",
            "f.yaml:5:57: error: there is no step \"c\"");
}

Test(flow_link, an_unknown_step_in_allow_failure_is_refused)
{
    refused("  b: { task: csv.read, with: { path: x }, allow_failure: [c] }\n",
            "there is no step \"c\"");
}

Test(flow_link, its_own_result_is_refused)
{
    refused("  a: { task: csv.read, with: { path: \"${steps.a}\" } }\n",
            "the step \"a\" can not use its own result");
}

Test(flow_link, waiting_for_itself_is_refused)
{
    refused("  a: { task: csv.read, with: { path: x }, wait_for: a }\n",
            "the step \"a\" can not wait for itself");
}

Test(flow_link, tolerating_a_step_that_is_not_needed_is_refused)
{
    refused(A "  b: { task: csv.read, with: { path: x }, allow_failure: [a] }\n",
            "the step \"b\" does not need \"a\", so its failure changes nothing");
}

Test(flow_link, a_main_step_can_not_use_finally)
{
    refused("  a: { task: csv.read, with: { path: \"${steps.x}\" } }\n"
            "finally: { x: { task: fs.remove, with: { path: y } } }\n",
            "the step \"x\" belongs to `finally`, which runs after this");
}

Test(flow_link, a_main_step_can_not_wait_for_finally)
{
    refused("  a: { task: csv.read, with: { path: x }, wait_for: x }\n"
            "finally: { x: { task: fs.remove, with: { path: y } } }\n",
            "the step \"x\" belongs to `finally`, which runs after this");
}

Test(flow_link, output_can_not_use_finally)
{
    refused(A "finally: { x: { task: fs.remove, with: { path: y } } }\noutput: \"${steps.x}\"\n",
            "the step \"x\" belongs to `finally`, which runs after this");
}

Test(flow_link, waiting_for_main_steps_in_finally_is_idle)
{
    const char *problems =
        problems_of(A "finally: { x: { task: fs.remove, with: { path: y }, wait_for: a } }\n");
    cr_assert(strstr(problems, "warning: steps of `finally` wait for all other steps anyway"));
    cr_assert_null(strstr(problems, "error"));
}

Test(flow_link, finally_steps_need_other_names)
{
    refused(A "finally: { a: { task: fs.remove, with: { path: y } } }\n",
            "the step \"a\" of `finally` has the name of another step");
}

Test(flow_link, an_unknown_parameter_is_refused)
{
    refused("  a: { task: csv.read, with: { path: \"${params.q}\" } }\n",
            "the flow has no parameter \"q\"");
}

Test(flow_link, item_needs_a_map)
{
    refused("  a: { task: csv.read, with: { path: \"${item}\" } }\n",
            "`with` can use `item` and `index` only in a step with `map`");
}

Test(flow_link, the_map_itself_has_no_item)
{
    refused("  a: { task: csv.read, with: { path: x }, map: \"${item}\" }\n",
            "`map` can use `item` and `index` only in a step with `map`");
}

Test(flow_link, secrets_go_to_tasks_only)
{
    parse_good("  a: { task: csv.read, with: { path: \"${secrets.x}\" } }\n");
    refused(A "run_name: \"${secrets.x}\"\n", "`run_name` can not use secrets");
    refused("  a: { task: csv.read, with: { path: x }, when: \"${secrets.x}\" }\n",
            "`when` can not use secrets");
}

Test(flow_link, secret_parameters_are_not_shown)
{
    refused(A "run_name: \"x ${params.s}\"\n",
            "`run_name` is shown to people, so it can not use the secret parameter \"s\"");
}

Test(flow_link, all_parameters_at_once_are_not_shown_with_a_secret_among_them)
{
    refused(A "notify: [{ on: Completed, via: log, message: \"${params}\" }]\n",
            "so it can not use all parameters, of which \"s\" is secret");
}

Test(flow_link, notify_rules_do_not_compute)
{
    refused(A "notify: [{ on: Completed, via: log, message: \"${run.name | length}\" }]\n",
            "`message` of a notify rule takes plain references only");
}

Test(flow_link, the_name_of_a_run_can_not_use_results)
{
    refused(A "run_name: \"${steps.a}\"\n",
            "`run_name` can not use results of steps, as it is made before they run");
}

Test(flow_link, unknown_facts_about_the_run_are_refused)
{
    refused("  a: { task: csv.read, with: { path: \"${run.workdri}\" } }\n",
            "a run has no \"workdri\"");
}

Test(flow_link, a_circle_shows_its_whole_path)
{
    refused("  a: { task: csv.read, with: { path: x }, wait_for: c }\n"
            "  b: { task: csv.read, with: { path: x }, wait_for: a }\n"
            "  c: { task: csv.read, with: { path: x }, wait_for: b }\n"
            "  d: { task: csv.read, with: { path: x }, wait_for: c }\n",
            "these steps need each other in a circle: a -> c -> b -> a");
}

Test(flow_link, every_circle_is_reported)
{
    const char *problems = problems_of("  a: { task: csv.read, with: { path: x }, wait_for: b }\n"
                                       "  b: { task: csv.read, with: { path: x }, wait_for: a }\n"
                                       "  c: { task: csv.read, with: { path: x }, wait_for: d }\n"
                                       "  d: { task: csv.read, with: { path: x }, wait_for: c }\n");
    cr_assert(strstr(problems, "a -> b -> a"));
    cr_assert(strstr(problems, "c -> d -> c"));
    cr_assert(strstr(problems, "2 errors"));
}

Test(flow_link, circles_in_finally_are_found)
{
    refused(A "finally:\n  x: { task: fs.remove, with: { path: y }, wait_for: z }\n"
              "  z: { task: fs.remove, with: { path: y }, wait_for: x }\n",
            "x -> z -> x");
}

Test(flow_link, a_huge_circle_is_one_short_message)
{
    CLEANUP_BUF struct buf text = BUF_INIT(FLOW_TEXT_MAX);
    buf_printf(&text, "flow: f\nsteps:\n");
    for (int index = 0; index < 20000; index++) {
        buf_printf(&text, "  s%d: { task: csv.read, with: { path: x }, wait_for: s%d }\n", index,
                   (index + 1) % 20000);
    }
    CLEANUP_PARSED struct parsed parsed = fixture_parse(buf_cstr(&text));
    cr_assert_eq(parsed.errors, 1);
    cr_assert(strstr(parsed.problems, "s7 -> (19992 more) -> s0"), "%s", parsed.problems);
}

Test(flow_link, one_dependency_too_many_is_refused)
{
    /* n steps that each wait for all before have n (n - 1) / 2 dependencies. */
    CLEANUP_BUF struct buf text = BUF_INIT(FLOW_TEXT_MAX);
    buf_printf(&text, "flow: f\nsteps:\n");
    for (int index = 0; index < 1416; index++) {
        buf_printf(&text, "  s%d: { task: csv.read, with: { path: x }, wait_for: [", index);
        for (int before = 0; before < index; before++) {
            buf_printf(&text, "s%d,", before);
        }
        buf_printf(&text, "] }\n");
    }
    CLEANUP_PARSED struct parsed parsed = fixture_parse(buf_cstr(&text));
    cr_assert(strstr(parsed.problems, "the steps have more than 1000000 dependencies between them"),
              "%s", parsed.problems);
}
