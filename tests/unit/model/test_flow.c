/*
 * Flow files as a whole: the example, the mistakes, the limits, the speed.
 */
#include "model/flow.h"

#include <stdlib.h>
#include <time.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "tests/unit/model/fixture.h"
#include "value/tmpl.h"

static const char example[] =
    "flow: train\n"
    "description: Train the arrival-delay model for one month.\n"
    "version: \"1.2\"\n"
    "params:\n"
    "  month:  { type: string, pattern: '^\\d{4}-\\d{2}$', default: \"2001-01\" }\n"
    "  rounds: { type: int, min: 1, default: 50 }\n"
    "run_name: \"train-${params.month}\"\n"
    "tags: [ml]\n"
    "task_runner: { type: concurrent, width: 4 }\n"
    "timeout: 30m\n"
    "on_interrupted: fail\n"
    "durability: relaxed\n"
    "steps:\n"
    "  read:\n"
    "    task: csv.read\n"
    "    with: { path: \"data/flights-${params.month}.csv\" }\n"
    "    cache: { by: inputs, ttl: 7d }\n"
    "  features:\n"
    "    task: xgboost.train\n"
    "    description: Prepare.\n"
    "    with: { data: \"${steps.read}\" }\n"
    "    retries: 3\n"
    "    retry_delay: [1s, 5s, 30s]\n"
    "    retry_jitter: 0.5\n"
    "    retry_on: [\"http.*\"]\n"
    "    on_interrupted: retry\n"
    "    isolation: process\n"
    "    tags: gpu\n"
    "  train:\n"
    "    task: xgboost.train\n"
    "    with: { data: \"${steps.features.train}\", rounds: \"${params.rounds}\" }\n"
    "    timeout: 10m\n"
    "    wait_for: [read]\n"
    "    allow_failure: [read]\n"
    "  publish:\n"
    "    flow: publish\n"
    "    when: \"${steps.train.rmse < 20}\"\n"
    "    with: { model: \"${steps.train.model}\" }\n"
    "    allow_failure: true\n"
    "  each:\n"
    "    task: csv.read\n"
    "    map: \"${steps.read.files}\"\n"
    "    run_name: \"part ${index}\"\n"
    "    with: { path: \"${item}\" }\n"
    "    cache: { key: \"each-${item}\", ttl: 1h }\n"
    "finally:\n"
    "  tidy: { task: fs.remove, with: { path: \"${run.workdir}\" } }\n"
    "output: { model: \"${steps.train.model}\" }\n"
    "notify:\n"
    "  - { on: [Failed, Crashed], via: slack, with: { url: \"${secrets.slack_url}\" } }\n"
    "  - { on: Completed, via: log, message: \"rmse ${steps.train.rmse}\" }\n";

/* The example, parsed. */
static const struct flow *parse_example(void)
{
    struct parsed parsed = fixture_parse(example);
    cr_assert_eq(parsed.err, 0, "%s", parsed.problems);
    cr_assert_str_eq(parsed.problems, "");
    fixture_keep(parsed.problems);
    return fixture_keep(parsed.flow);
}

Test(flow, the_example_has_its_members)
{
    const struct flow *flow = parse_example();
    cr_assert(str_is(flow->name, "train"));
    cr_assert(str_is(flow->version, "1.2"));
    cr_assert(str_is(flow->description, "Train the arrival-delay model for one month."));
    cr_assert_eq(flow->param_count, 2);
    cr_assert(str_is(flow->params[1].name, "rounds"));
    cr_assert_not_null(flow->run_name);
    cr_assert_eq(flow->tag_count, 1);
    cr_assert_eq(flow->width, 4);
    cr_assert_not(flow->sequential);
    cr_assert_eq(flow->timeout_us, INT64_C(1800) * 1000000);
    cr_assert_eq(flow->durability, FLOW_DURABILITY_RELAXED);
    cr_assert_eq(flow->main_count, 5);
    cr_assert_eq(flow->step_count, 6);
    cr_assert_not_null(flow->output);
    cr_assert_eq(flow->notify_count, 2);
    cr_assert_eq(flow->exprs->count, 1);
}

Test(flow, steps_keep_the_order_of_the_file_and_finally_comes_last)
{
    const struct flow *flow = parse_example();
    static const char *const names[] = {"read", "features", "train", "publish", "each", "tidy"};
    for (uint32_t index = 0; index < 6; index++) {
        cr_assert(str_is(flow->steps[index].name, names[index]));
        cr_assert_eq(flow_find_step(flow, str_of(names[index])), index);
    }
    cr_assert_eq(flow_find_step(flow, STR("other")), -1);
    cr_assert_eq(flow->steps[0].line, 14);
    cr_assert_eq(flow->steps[0].column, 3);
}

Test(flow, a_step_has_its_retry_policy)
{
    const struct flow_step *step = &parse_example()->steps[1];
    cr_assert_eq(step->retry.retries, 3);
    cr_assert_eq(step->retry.delay_count, 3);
    cr_assert_eq(step->retry.delays_us[2], 30000000);
    cr_assert_not(step->retry.exponential);
    cr_assert_eq(step->retry.jitter, 0.5);
    cr_assert_eq(step->retry.code_count, 1);
    cr_assert(str_is(step->retry.codes[0], "http.*"));
}

Test(flow, a_step_has_its_options)
{
    const struct flow *flow = parse_example();
    cr_assert_eq(flow->steps[1].isolation, FLOW_ISOLATION_PROCESS);
    cr_assert_eq(flow->steps[1].interrupted, FLOW_INTERRUPTED_RETRY);
    cr_assert_eq(flow->steps[0].interrupted, FLOW_INTERRUPTED_FAIL);
    cr_assert_eq(flow->steps[1].tag_count, 1);
    cr_assert_eq(flow->steps[2].timeout_us, INT64_C(600) * 1000000);
    cr_assert(flow->steps[3].allow_failure);
    cr_assert_eq(flow->steps[3].target_kind, FLOW_TARGET_FLOW);
    cr_assert(str_is(flow->steps[3].target, "publish"));
    cr_assert_not_null(flow->steps[3].when);
    cr_assert_not_null(flow->steps[4].map);
    cr_assert_not_null(flow->steps[4].run_name);
}

Test(flow, a_step_has_its_cache_policy)
{
    const struct flow *flow = parse_example();
    cr_assert_eq(flow->steps[0].cache.mode, FLOW_CACHE_INPUTS);
    cr_assert_eq(flow->steps[0].cache.ttl_us, INT64_C(7) * 86400 * 1000000);
    cr_assert_eq(flow->steps[1].cache.mode, FLOW_CACHE_OFF);
    cr_assert_eq(flow->steps[4].cache.mode, FLOW_CACHE_KEY);
    cr_assert_not_null(flow->steps[4].cache.key);
}

Test(flow, a_step_without_with_has_an_empty_map)
{
    CLEANUP_PARSED struct parsed parsed = fixture_parse("flow: f\nsteps: { a: { flow: publish } }");
    cr_assert_eq(parsed.err, ERR_INVALID);
    parsed_done(&parsed);
    struct diag_list *diags = diag_new("f", STR_NONE);
    cr_assert_eq(flow_parse(STR("flow: f\nsteps: { a: { task: x.y } }"), NULL, diags, &parsed.flow),
                 0);
    struct val with = tmpl_literal(parsed.flow->steps[0].with);
    cr_assert_eq(val_type(with), VAL_MAP);
    cr_assert_eq(val_count(with), 0);
    diag_free(diags);
    parsed.problems = NULL;
}

Test(flow, references_outlive_the_first_owner)
{
    struct parsed parsed = fixture_parse(example);
    struct flow *flow = flow_ref(parsed.flow);
    parsed_done(&parsed);
    cr_assert(str_is(flow->steps[5].name, "tidy"));
    cr_assert_null(flow_unref(flow));
    cr_assert_null(flow_unref(NULL));
}

Test(flow, a_flow_outlives_the_text_it_was_read_from)
{
    char *text = strdup(example);
    struct diag_list *diags = diag_new("f", str_of(text));
    struct flow *flow = NULL;
    cr_assert_eq(flow_parse(str_of(text), NULL, diags, &flow), 0);
    memset(text, 'x', strlen(text));
    free(text);
    diag_free(diags);
    uint32_t count = 0;
    const struct ref_use *uses = tmpl_uses(flow->steps[1].with, &count);
    cr_assert_eq(count, 1);
    cr_assert(str_is(uses[0].name, "read"));
    cr_assert(str_is(flow->exprs->list[0].text, "steps.train.rmse < 20"));
    cr_assert(str_is(flow->notify[0].via, "slack"));
    flow_unref(flow);
}

/* Ten mistakes of ten kinds in one file. */
static const char ten_mistakes[] =
    "flow: train\n"
    "descripton: Train the model.\n"
    "params:\n"
    "  rounds: { type: int, min: 1, default: many }\n"
    "steps:\n"
    "  read:\n"
    "    task: csv.raed\n"
    "    with: { path: \"data/${params.mnoth}.csv\" }\n"
    "  features:\n"
    "    with: { table: \"${steps.read}\" }\n"
    "    retries: lots\n"
    "  train:\n"
    "    task: xgboost.train\n"
    "    with: { data: \"${steps.featuers.train}\", rounds: 0, depht: 3 }\n"
    "  a: { task: csv.read, with: { path: \"${steps.b.path}\" } }\n"
    "  b: { task: csv.read, with: { path: \"${steps.a.path}\" } }\n";

Test(flow, ten_mistakes_give_ten_messages)
{
    CLEANUP_PARSED struct parsed parsed = fixture_parse(ten_mistakes);
    cr_assert_eq(parsed.err, ERR_INVALID);
    cr_assert_str_eq(
        parsed.problems,
        "f.yaml:2:1: error: a flow file has no key \"descripton\"\n"
        "       2 | descripton: Train the model.\n"
        "         | ^\n"
        "         = did you mean \"description\"?\n"
        "f.yaml:4:41: error: `default` wants an integer, not \"many\"\n"
        "       4 |   rounds: { type: int, min: 1, default: many }\n"
        "         |                                         ^\n"
        "f.yaml:7:11: error: there is no task \"csv.raed\"\n"
        "       7 |     task: csv.raed\n"
        "         |           ^\n"
        "         = did you mean \"csv.read\"?\n"
        "f.yaml:8:27: error: the flow has no parameter \"mnoth\"\n"
        "       8 |     with: { path: \"data/${params.mnoth}.csv\" }\n"
        "         |                           ^\n"
        "f.yaml:9:3: error: the step \"features\" has neither `task` nor `flow`\n"
        "       9 |   features:\n"
        "         |   ^\n"
        "         = for example `task: csv.read`\n"
        "f.yaml:11:14: error: `retries` must be an integer from 0 to 1000, not \"lots\"\n"
        "      11 |     retries: lots\n"
        "         |              ^\n"
        "f.yaml:14:22: error: there is no step \"featuers\"\n"
        "      14 |     with: { data: \"${steps.featuers.train}\", rounds: 0, depht: 3 }\n"
        "         |                      ^\n"
        "         = did you mean \"features\"?\n"
        "f.yaml:14:54: error: `rounds` must be at least 1, not 0\n"
        "      14 |     with: { data: \"${steps.featuers.train}\", rounds: 0, depht: 3 }\n"
        "         |                                                      ^\n"
        "f.yaml:14:57: error: the task \"xgboost.train\" has no parameter \"depht\"\n"
        "      14 |     with: { data: \"${steps.featuers.train}\", rounds: 0, depht: 3 }\n"
        "         |                                                         ^\n"
        "f.yaml:15:3: error: these steps need each other in a circle: a -> b -> a\n"
        "      15 |   a: { task: csv.read, with: { path: \"${steps.b.path}\" } }\n"
        "         |   ^\n"
        "         = an arrow points to what a step needs\n"
        "10 errors\n");
}

Test(flow, soft_yaml_problems_do_not_hide_the_others)
{
    CLEANUP_PARSED struct parsed parsed =
        fixture_parse("flow: f\nflow: g\nstesp: {}\nsteps: { a: { task: csv.raed } }\n");
    cr_assert_eq(parsed.errors, 3, "%s", parsed.problems);
}

Test(flow, an_empty_file_is_no_flow)
{
    CLEANUP_PARSED struct parsed parsed = fixture_parse("");
    cr_assert_str_eq(parsed.problems,
                     "f.yaml:1:1: error: a flow file must be a map of keys and values, not "
                     "nothing\n1 error\n");
}

Test(flow, broken_yaml_is_reported_alone)
{
    CLEANUP_PARSED struct parsed parsed = fixture_parse("flow: [\nsteps: x\n");
    cr_assert_eq(parsed.err, ERR_INVALID);
    cr_assert_eq(parsed.errors, 1);
}

Test(flow, a_wrong_expression_is_found_when_asked)
{
    static const char text[] = "flow: f\nsteps:\n"
                               "  a: { task: csv.read, with: { path: x }, when: \"${1 +}\" }\n";
    CLEANUP_PARSED struct parsed quick = fixture_parse_text(text, false);
    CLEANUP_PARSED struct parsed full = fixture_parse_text(text, true);
    cr_assert_eq(quick.err, 0);
    cr_assert_eq(full.err, ERR_INVALID);
    cr_assert(strstr(full.problems, "f.yaml:3:52: error: this expression is wrong: "), "%s",
              full.problems);
}

Test(flow, right_expressions_pass)
{
    CLEANUP_PARSED struct parsed parsed = fixture_parse_text(example, true);
    cr_assert_eq(parsed.err, 0, "%s", parsed.problems);
}

Test(flow, names_must_be_names)
{
    static const char *const names[] = {
        "a.b", "../x", "\"a/b\"", "\"\"", "\"<script>\"", "\"\\u202eabc\"", "9a",
    };
    for (size_t index = 0; index < sizeof(names) / sizeof(names[0]); index++) {
        struct buf text = BUF_INIT(4096);
        buf_printf(&text, "flow: f\nsteps:\n  %s: { task: csv.read, with: { path: x } }\n",
                   names[index]);
        CLEANUP_PARSED struct parsed parsed = fixture_parse(buf_cstr(&text));
        cr_assert_eq(parsed.errors, 1, "%s", names[index]);
        cr_assert(strstr(parsed.problems, "can not be the name of a step"));
        buf_done(&text);
    }
}

Test(flow, a_name_of_ten_thousand_bytes_is_refused)
{
    CLEANUP_BUF struct buf text = BUF_INIT(64 * 1024);
    buf_printf(&text, "flow: f\nsteps:\n  ? %010000d\n  : { task: csv.read, with: { path: x } }\n",
               1);
    text.data[19] = 'a';
    CLEANUP_PARSED struct parsed parsed = fixture_parse(buf_cstr(&text));
    cr_assert(strstr(parsed.problems, "can not be the name of a step"));
    cr_assert_lt(strlen(parsed.problems), 1000);
}

/* A chain of steps, each using the result of the one before. */
static struct str make_chain(uint32_t count)
{
    struct buf text = BUF_INIT(FLOW_TEXT_MAX);
    buf_printf(&text, "flow: chain\nsteps:\n  s0: { task: csv.read, with: { path: x } }\n");
    for (uint32_t index = 1; index < count; index++) {
        buf_printf(&text, "  s%u:\n    task: csv.read\n    with: { path: \"${steps.s%u}\" }\n",
                   index, index - 1);
    }
    size_t len = 0;
    char *bytes = fixture_keep(buf_take(&text, &len));
    return (struct str){bytes, len};
}

Test(flow, a_chain_of_ten_thousand_steps_is_read_in_moments)
{
    struct str text = make_chain(10000);
    struct timespec before;
    struct timespec after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    CLEANUP_PARSED struct parsed parsed = fixture_parse(text.ptr);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    double ms = (double)(after.tv_sec - before.tv_sec) * 1e3 +
                (double)(after.tv_nsec - before.tv_nsec) / 1e6;
    cr_assert_eq(parsed.err, 0);
    cr_assert_eq(parsed.flow->steps[9999].deps[0].step, 9998);
    /* Some 70 ms; the bound leaves room for sanitizers and catches anything quadratic. */
    cr_assert_lt(ms, 3000);
}

Test(flow, as_many_steps_as_allowed_are_fine)
{
    CLEANUP_PARSED struct parsed parsed = fixture_parse(make_chain(FLOW_STEPS_MAX).ptr);
    cr_assert_eq(parsed.err, 0, "%s", parsed.problems);
}

Test(flow, one_step_more_is_refused)
{
    CLEANUP_PARSED struct parsed parsed = fixture_parse(make_chain(FLOW_STEPS_MAX + 1).ptr);
    cr_assert(strstr(parsed.problems, "the flow has 100001 steps, more than the allowed 100000"));
}

Test(flow, a_file_one_byte_too_long_is_refused)
{
    char *text = fixture_keep(malloc(FLOW_TEXT_MAX + 2u));
    memset(text, '\n', FLOW_TEXT_MAX + 1u);
    text[FLOW_TEXT_MAX + 1u] = '\0';
    CLEANUP_PARSED struct parsed parsed = fixture_parse(text);
    cr_assert_eq(parsed.err, ERR_LIMIT);
}

Test(flow, fifty_thousand_mistakes_are_read_in_moments)
{
    CLEANUP_BUF struct buf text = BUF_INIT(FLOW_TEXT_MAX);
    buf_printf(&text, "flow: f\nsteps:\n");
    for (int index = 0; index < 50000; index++) {
        buf_printf(&text,
                   "  step_number_%d: { task: csv.read, with: "
                   "{ path: \"${steps.sttep_number_%d}\" } }\n",
                   index, index);
    }
    CLEANUP_PARSED struct parsed parsed = fixture_parse(buf_cstr(&text));
    cr_assert_eq(parsed.errors, 50000);
}
