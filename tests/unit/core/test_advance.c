/*
 * What follows from the end of tasks: dependents, maps, `finally`, outputs, the end of the run.
 */
#include "core/advance.h"

#include <criterion/criterion.h>

#include "sim.h"

static struct sim *sim;

/* A fresh simulation. */
static void setup(void)
{
    sim = sim_new(1);
}

/* The end of the simulation. */
static void teardown(void)
{
    sim_free(sim);
}

TestSuite(advance, .init = setup, .fini = teardown, .timeout = 60);

static const char chain[] = "flow: chain\n"
                            "steps:\n"
                            "  a: { task: t.x }\n"
                            "  b: { task: t.x, wait_for: a }\n"
                            "  c: { task: t.x, wait_for: b }\n";

Test(advance, a_chain_runs_in_order_and_completes)
{
    sim_flow(sim, chain);
    struct run *run = sim_submit(sim, "chain");
    cr_assert_eq(run->state, STATE_RUNNING);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_COMPLETED);
    cr_assert_str_eq(sim->started, "a b c ");
    cr_assert_eq(sim->forget_count, 1);
    cr_assert_gt(run->ended_us, run->started_us);
}

Test(advance, a_failure_reaches_all_that_need_it_and_fails_the_run)
{
    sim_flow(sim, chain);
    sim_plan(sim, "a", SIM_FAIL);
    struct run *run = sim_submit(sim, "chain");
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "a"), STATE_FAILED);
    cr_assert_eq(sim_state(run, "b"), STATE_UPSTREAM_FAILED);
    cr_assert_eq(sim_state(run, "c"), STATE_UPSTREAM_FAILED);
    cr_assert_str_eq(sim_task(run, "c")->error->text,
                     "it needs b, which did not complete (UpstreamFailed)");
    cr_assert_eq(run->state, STATE_FAILED);
    cr_assert_str_eq(run->error->code, "flow.step_failed");
    cr_assert_str_eq(run->error->text, "a failed: it did not work");
}

Test(advance, the_error_of_a_run_names_the_cause_not_the_consequence)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  late: { task: t.x, wait_for: early }\n"
                  "  early: { task: t.x }\n");
    sim_plan(sim, "early", SIM_CRASH);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_FAILED);
    cr_assert_str_eq(run->error->text, "early crashed: it did not work");
}

Test(advance, a_step_that_may_fail_neither_stops_others_nor_fails_the_run)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x, allow_failure: true }\n"
                  "  b: { task: t.x, wait_for: a }\n");
    sim_plan(sim, "a", SIM_FAIL);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "a"), STATE_FAILED);
    cr_assert_eq(sim_state(run, "b"), STATE_COMPLETED);
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(advance, a_step_can_bear_the_failure_of_another_which_still_fails_the_run)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "  b: { task: t.x, wait_for: a, allow_failure: [a] }\n"
                  "  c: { task: t.x, wait_for: a }\n");
    sim_plan(sim, "a", SIM_FAIL);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "b"), STATE_COMPLETED);
    cr_assert_eq(sim_state(run, "c"), STATE_UPSTREAM_FAILED);
    cr_assert_eq(run->state, STATE_FAILED);
}

Test(advance, skipped_and_cached_steps_count_as_completed)
{
    sim_flow(sim, chain);
    sim_plan(sim, "a", SIM_SKIP);
    sim_plan(sim, "b", SIM_HIT);
    struct run *run = sim_submit(sim, "chain");
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "a"), STATE_SKIPPED);
    cr_assert_eq(sim_state(run, "b"), STATE_CACHED);
    cr_assert_eq(sim_state(run, "c"), STATE_COMPLETED);
    cr_assert_eq(run->state, STATE_COMPLETED);
    cr_assert_str_eq(sim->started, "c ");
}

Test(advance, a_broken_input_fails_the_step_without_running_it)
{
    sim_flow(sim, chain);
    sim_plan(sim, "a", SIM_BROKEN);
    struct run *run = sim_submit(sim, "chain");
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "a"), STATE_FAILED);
    cr_assert_eq(sim_task(run, "a")->attempt, 0);
    cr_assert_str_eq(sim_task(run, "a")->error->code, "input.invalid");
    cr_assert_eq(run->state, STATE_FAILED);
}

Test(advance, a_step_with_a_failed_and_a_running_dependency_fails_at_once)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  slow: { task: t.x }\n"
                  "  bad: { task: t.x }\n"
                  "  end: { task: t.x, wait_for: [slow, bad] }\n");
    sim_plan(sim, "slow", SIM_HANG);
    sim_plan(sim, "bad", SIM_FAIL);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "end"), STATE_UPSTREAM_FAILED);
    cr_assert_eq(run->state, STATE_RUNNING);
    cr_assert_eq(sim_end(sim, run, "slow", CORE_OUTCOME_OK), 0);
    cr_assert_eq(run->state, STATE_FAILED);
}

static const char with_finally[] = "flow: f\n"
                                   "steps:\n"
                                   "  a: { task: t.x }\n"
                                   "finally:\n"
                                   "  tidy: { task: t.x }\n"
                                   "  tell: { task: t.x, wait_for: tidy }\n";

Test(advance, finally_runs_after_the_main_steps)
{
    sim_flow(sim, with_finally);
    struct run *run = sim_submit(sim, "f");
    cr_assert_not(run->in_finally);
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a tidy tell ");
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(advance, finally_runs_after_a_failure)
{
    sim_flow(sim, with_finally);
    sim_plan(sim, "a", SIM_FAIL);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a tidy tell ");
    cr_assert_eq(run->state, STATE_FAILED);
}

/* How a run stands in `finally` is told by its main steps: tidy must not change it by failing. */
static void expect_outlook(enum sim_plan plan, enum state state, const char *reason)
{
    CLEANUP_BUF struct buf text = BUF_INIT(2 * CORE_TEXT_MAX);
    sim_flow(sim, with_finally);
    sim_plan(sim, "a", plan);
    sim_plan(sim, "tidy", SIM_FAIL);
    struct run *run = sim_submit(sim, "f");
    cr_assert_eq(core_outlook(run, &text), run->state);
    while (!state_terminal(sim_state(run, "tidy"))) {
        cr_assert(sim_step(sim));
        if (run->in_finally && !state_terminal(sim_state(run, "tidy"))) {
            buf_clear(&text);
            cr_assert_eq(core_outlook(run, &text), state);
            cr_assert_str_eq(buf_cstr(&text), reason);
        }
    }
}

Test(advance, in_finally_a_run_that_went_well_looks_completed)
{
    expect_outlook(SIM_OK, STATE_COMPLETED, "");
}

Test(advance, in_finally_a_run_that_failed_looks_failed_and_says_why)
{
    expect_outlook(SIM_FAIL, STATE_FAILED, "a failed: it did not work");
}

Test(advance, a_failed_finally_step_fails_the_run)
{
    sim_flow(sim, with_finally);
    sim_plan(sim, "tidy", SIM_FAIL);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "tell"), STATE_UPSTREAM_FAILED);
    cr_assert_eq(run->state, STATE_FAILED);
    cr_assert_str_eq(run->error->text, "tidy failed: it did not work");
}

static const char with_output[] = "flow: f\n"
                                  "steps:\n"
                                  "  a: { task: t.x }\n"
                                  "output: '${steps.a}'\n";

Test(advance, the_output_is_resolved_when_all_went_well)
{
    sim_flow(sim, with_output);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_COMPLETED);
    cr_assert_eq(val_int(run->result), 1);
}

Test(advance, an_output_that_can_not_be_resolved_fails_the_run)
{
    sim_flow(sim, with_output);
    sim->output_fails = true;
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_FAILED);
    cr_assert_str_eq(run->error->code, "expression.failed");
}

Test(advance, the_output_of_a_failed_run_is_not_resolved)
{
    sim_flow(sim, with_output);
    sim_plan(sim, "a", SIM_FAIL);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_FAILED);
    cr_assert_not(run->asked_output);
}

Test(advance, a_run_without_an_output_gives_the_empty_map)
{
    sim_flow(sim, chain);
    struct run *run = sim_submit(sim, "chain");
    sim_drain(sim);
    cr_assert_eq(val_type(run->result), VAL_MAP);
    cr_assert_eq(val_count(run->result), 0);
}

Test(advance, an_output_nobody_asked_for_is_refused)
{
    sim_flow(sim, with_output);
    struct run *run = sim_submit(sim, "f");
    struct core_event event = {.type = CORE_OUTPUT, .run = run->number};
    cr_assert_eq(sim_apply(sim, &event), ERR_CONFLICT);
    cr_assert_eq(run->state, STATE_RUNNING);
}

Test(advance, notify_rules_see_every_state_of_the_run)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "notify:\n"
                  "  - { on: [Failed], via: log }\n"
                  "  - { on: [RUNNING], via: log }\n"
                  "  - { on: [COMPLETED, FAILED], via: log }\n"
                  "  - { on: [COMPLETED], via: log, tags: [nightly] }\n");
    sim_submit(sim, "f");
    cr_assert_eq(sim->notify_count, 1);
    sim_drain(sim);
    cr_assert_eq(sim->notify_count, 2);
}

Test(advance, notify_rules_look_at_the_tags_of_the_run)
{
    sim_flow(sim, "flow: f\n"
                  "tags: [nightly]\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "notify:\n"
                  "  - { on: [COMPLETED], via: log, tags: [nightly] }\n");
    sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(sim->notify_count, 1);
}

/* ---- subflows ----------------------------------------------------------------------------- */

static const char parent_flow[] = "flow: parent\n"
                                  "steps:\n"
                                  "  sub: { flow: child, retries: 1 }\n"
                                  "  after: { task: t.x, wait_for: sub }\n";
static const char child_flow[] = "flow: child\n"
                                 "steps:\n"
                                 "  work: { task: t.x }\n"
                                 "output: '${steps.work}'\n";

Test(advance, a_subflow_gives_its_output_to_the_step_that_called_it)
{
    sim_flow(sim, parent_flow);
    sim_flow(sim, child_flow);
    struct run *run = sim_submit(sim, "parent");
    sim_drain(sim);
    struct run *child = core_run(sim->core, sim_task(run, "sub")->child_run);
    cr_assert_eq(child->state, STATE_COMPLETED);
    cr_assert_eq(child->depth, 1);
    cr_assert_eq(val_int(sim_task(run, "sub")->result), 1);
    cr_assert_eq(run->state, STATE_COMPLETED);
    cr_assert_str_eq(sim->started, "work after ");
}

Test(advance, a_failed_subflow_is_tried_again_as_a_new_run)
{
    sim_flow(sim, parent_flow);
    sim_flow(sim, child_flow);
    sim_plan(sim, "work", SIM_FAIL);
    struct run *run = sim_submit(sim, "parent");
    sim_drain(sim);
    struct task *task = sim_task(run, "sub");
    cr_assert_eq(task->state, STATE_FAILED);
    cr_assert_eq(task->attempt, 2);
    cr_assert_eq(task->child_run, 3);
    cr_assert_str_eq(task->error->code, "subflow.failed");
    cr_assert(strstr(task->error->text, "work failed: it did not work"));
    cr_assert_eq(run->state, STATE_FAILED);
}

Test(advance, a_step_is_running_as_soon_as_its_subflow_exists_and_not_before)
{
    sim_flow(sim, parent_flow);
    sim_flow(sim, child_flow);
    struct run *run = sim_submit(sim, "parent");
    cr_assert(sim_step(sim));
    cr_assert_eq(sim_state(run, "sub"), STATE_PENDING);
    cr_assert_eq(sim_task(run, "sub")->place, CORE_PLACE_SUBMITTING);
    cr_assert(sim_step(sim));
    cr_assert_eq(sim_state(run, "sub"), STATE_RUNNING);
    cr_assert_eq(sim_task(run, "sub")->child_run, 2);
}
