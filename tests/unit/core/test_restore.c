/*
 * Runs from their rows: restarts, manual retries, rows that lie.
 */
#include <criterion/criterion.h>

#include "base/map.h"
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

TestSuite(restore, .init = setup, .fini = teardown, .timeout = 60);

static const char plain[] = "flow: f\n"
                            "timeout: 1h\n"
                            "steps:\n"
                            "  a: { task: t.x }\n"
                            "  b: { task: t.x, wait_for: a, retries: 1, retry_delay: 60s }\n"
                            "  c: { task: t.x, wait_for: b }\n";

Test(restore, finished_work_is_not_done_again)
{
    sim_flow(sim, plain);
    sim_plan(sim, "b", SIM_HANG);
    sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a b ");
    sim_plan(sim, "b", SIM_OK);
    sim_restart(sim);
    struct run *run = core_run(sim->core, 1);
    cr_assert_eq(sim_state(run, "a"), STATE_COMPLETED);
    cr_assert_eq(val_int(sim_task(run, "a")->result), 1);
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a b b c ");
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(restore, an_interrupted_attempt_is_repeated_without_counting_as_a_retry)
{
    sim_flow(sim, plain);
    sim_plan(sim, "b", SIM_HANG);
    sim_submit(sim, "f");
    sim_drain(sim);
    for (int restarts = 0; restarts < 3; restarts++) {
        sim_restart(sim);
        sim_drain(sim);
    }
    struct run *run = core_run(sim->core, 1);
    struct task *task = sim_task(run, "b");
    cr_assert_eq(task->state, STATE_RETRYING);
    cr_assert_eq(task->attempt, 4);
    cr_assert_eq(task->attempt_free, 3);
    sim_end(sim, run, "b", CORE_OUTCOME_RETRY);
    cr_assert_eq(task->state, STATE_AWAITING_RETRY, "the one retry is still there");
}

Test(restore, an_attempt_that_must_not_be_repeated_is_crashed)
{
    sim_flow(sim, "flow: f\n"
                  "on_interrupted: fail\n"
                  "steps:\n"
                  "  a: { task: t.x, retries: 5 }\n");
    sim_plan(sim, "a", SIM_HANG);
    sim_submit(sim, "f");
    sim_drain(sim);
    sim_restart(sim);
    struct run *run = core_run(sim->core, 1);
    cr_assert_eq(sim_state(run, "a"), STATE_CRASHED);
    cr_assert_str_eq(sim_task(run, "a")->error->code, "engine.interrupted");
    cr_assert_eq(run->state, STATE_FAILED);
}

Test(restore, a_retry_keeps_its_time)
{
    sim_flow(sim, plain);
    sim_plan(sim, "b", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    sim_end(sim, run, "b", CORE_OUTCOME_RETRY);
    int64_t due_us = sim_task(run, "b")->due_us;
    sim->wall_us += 20000000;
    sim_restart(sim);
    run = core_run(sim->core, 1);
    cr_assert_eq(sim_state(run, "b"), STATE_AWAITING_RETRY);
    cr_assert_eq(sim_task(run, "b")->due_us, due_us);
    cr_assert_eq(sim->timer_delay_us, due_us - sim->wall_us);
    sim_plan(sim, "b", SIM_OK);
    sim_drain(sim);
    cr_assert_eq(sim_task(run, "b")->attempt, 2);
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(restore, a_retry_that_is_overdue_comes_at_once)
{
    sim_flow(sim, plain);
    sim_plan(sim, "b", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    sim_end(sim, run, "b", CORE_OUTCOME_RETRY);
    sim->wall_us += 100000000;
    sim_restart(sim);
    cr_assert_eq(sim->timer_delay_us, 0);
}

Test(restore, the_runs_timeout_counts_from_its_start)
{
    sim_flow(sim, plain);
    sim_plan(sim, "a", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    int64_t end_us = run->started_us + INT64_C(3600000000);
    sim->wall_us += 1000000000;
    sim_restart(sim);
    cr_assert_eq(sim->timer_delay_us, end_us - sim->wall_us);
    cr_assert_eq(sim_ring(sim, CORE_TIMER_RUN_TIMEOUT), 0);
}

Test(restore, a_cancel_under_way_is_finished)
{
    sim_flow(sim, plain);
    sim_plan(sim, "a", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    sim_cancel(sim, run);
    sim_restart(sim);
    run = core_run(sim->core, 1);
    cr_assert_eq(sim_state(run, "a"), STATE_CANCELLED);
    cr_assert_eq(run->state, STATE_CANCELLED);
    cr_assert_str_eq(run->error->text, "the test wants it");
}

Test(restore, finally_goes_on_where_it_was)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "finally:\n"
                  "  x: { task: t.x }\n"
                  "  y: { task: t.x, wait_for: x }\n");
    sim_plan(sim, "a", SIM_HANG);
    sim_plan(sim, "y", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    sim_cancel(sim, run);
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "y"), STATE_RUNNING);
    sim_plan(sim, "y", SIM_OK);
    sim_restart(sim);
    run = core_run(sim->core, 1);
    cr_assert(run->in_finally);
    cr_assert_eq(run->state, STATE_CANCELLING);
    cr_assert_eq(sim->timer_delay_us, CORE_FINALLY_LIMIT_US, "its time is limited again");
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a x y y ");
    cr_assert_eq(run->state, STATE_CANCELLED);
}

Test(restore, a_map_goes_on_with_the_children_that_are_left)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  m: { task: t.x, map: [1, 2] }\n"
                  "  n: { task: t.x, map: [1, 2] }\n");
    sim_plan(sim, "m[0]", SIM_HANG);
    sim_plan(sim, "n[1]", SIM_HANG);
    sim_plan(sim, "m[1]", SIM_WAIT);
    sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "m[0] n[0] n[1] ");
    sim->plan_count = 0;
    sim_restart(sim);
    sim_drain(sim);
    struct run *run = core_run(sim->core, 1);
    cr_assert_str_eq(sim->started, "m[0] n[0] n[1] m[0] n[1] m[1] ");
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(restore, children_of_maps_keep_their_places_whichever_map_came_first)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  m: { task: t.x, map: [1, 2], wait_for: n }\n"
                  "  n: { task: t.x, map: [1, 2] }\n"
                  "  end: { task: t.x, wait_for: m }\n");
    sim_plan(sim, "end", SIM_HANG);
    sim_submit(sim, "f");
    sim_drain(sim);
    sim_restart(sim);
    struct run *run = core_run(sim->core, 1);
    cr_assert_eq(run->steps[1].first_child, 3);
    cr_assert_eq(run->steps[0].first_child, 5);
    cr_assert_eq(sim_task(run, "m[1]")->index, 6);
    cr_assert_eq(sim_task(run, "m[1]")->state, STATE_COMPLETED);
}

Test(restore, a_subflow_goes_on_under_its_parent)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  sub: { flow: g, timeout: 5s }\n");
    sim_flow(sim, "flow: g\n"
                  "steps:\n"
                  "  work: { task: t.x }\n");
    sim_plan(sim, "work", SIM_HANG);
    sim_submit(sim, "f");
    sim_drain(sim);
    sim_plan(sim, "work", SIM_OK);
    sim_restart(sim);
    cr_assert_eq(core_run_count(sim->core), 2);
    struct run *run = core_run(sim->core, 1);
    cr_assert_eq(sim_task(run, "sub")->child_run, 2);
    sim_drain(sim);
    cr_assert_eq(core_run_count(sim->core), 2, "there is no second child");
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(restore, a_subflow_whose_run_is_lost_is_submitted_again)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  sub: { flow: g }\n");
    sim_flow(sim, "flow: g\n"
                  "steps:\n"
                  "  work: { task: t.x }\n");
    sim_plan(sim, "work", SIM_HANG);
    sim_submit(sim, "f");
    sim_drain(sim);
    sim_lose(sim, 2);
    sim_plan(sim, "work", SIM_OK);
    sim_restart(sim);
    struct run *run = core_run(sim->core, 1);
    cr_assert_eq(sim_state(run, "sub"), STATE_PENDING);
    sim_drain(sim);
    cr_assert_eq(sim_task(run, "sub")->child_run, 3);
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(restore, epochs_never_repeat)
{
    sim_flow(sim, plain);
    sim_plan(sim, "a", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    uint32_t task_epoch = sim_task(run, "a")->epoch;
    uint32_t run_epoch = run->epoch;
    sim_restart(sim);
    run = core_run(sim->core, 1);
    cr_assert_gt(sim_task(run, "a")->epoch, task_epoch);
    cr_assert_gt(run->epoch, run_epoch);
}

/* ---- manual retry ------------------------------------------------------------------------- */

Test(restore, a_manual_retry_repeats_only_what_did_not_complete)
{
    sim_flow(sim, plain);
    sim_plan(sim, "b", SIM_RETRY);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_FAILED);
    cr_assert_eq(sim_task(run, "b")->attempt, 2);
    run = sim_retry(sim, 1);
    cr_assert_eq(run->state, STATE_RUNNING);
    cr_assert_eq(sim_state(run, "a"), STATE_COMPLETED);
    cr_assert_eq(sim_state(run, "c"), STATE_PENDING);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_FAILED, "the retries of the policy are there again");
    cr_assert_eq(sim_task(run, "b")->attempt, 4);
    sim_plan(sim, "b", SIM_OK);
    run = sim_retry(sim, 1);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_COMPLETED);
    cr_assert_null(run->error);
    cr_assert_str_eq(sim->started, "a b b b b b c ");
}

Test(restore, a_manual_retry_of_a_map_keeps_its_list_and_its_good_children)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  m: { task: t.x, map: [1, 2] }\n"
                  "finally:\n"
                  "  tidy: { task: t.x, map: [1, 2] }\n");
    sim_plan(sim, "m[1]", SIM_FAIL);
    sim_submit(sim, "f");
    sim_drain(sim);
    sim_plan(sim, "m[1]", SIM_OK);
    struct run *run = sim_retry(sim, 1);
    cr_assert_eq(sim_state(run, "m"), STATE_RUNNING);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_COMPLETED);
    cr_assert_str_eq(sim->started, "m[0] m[1] tidy[0] tidy[1] m[1] tidy[0] tidy[1] ");
}

Test(restore, a_retried_map_waits_for_what_it_needs)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x, allow_failure: true }\n"
                  "  m: { task: t.x, map: [1, 2], wait_for: a }\n");
    sim_plan(sim, "a", SIM_FAIL);
    sim_plan(sim, "m[1]", SIM_FAIL);
    sim_submit(sim, "f");
    sim_drain(sim);
    sim_plan(sim, "a", SIM_OK);
    sim_plan(sim, "m[1]", SIM_OK);
    struct run *run = sim_retry(sim, 1);
    cr_assert_eq(sim_state(run, "m"), STATE_PENDING);
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a m[0] m[1] a m[1] ");
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(restore, the_children_of_a_retried_map_can_be_cancelled_with_it)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x, allow_failure: true }\n"
                  "  m: { task: t.x, map: [1, 2], wait_for: a }\n");
    sim_plan(sim, "a", SIM_FAIL);
    sim_plan(sim, "m[1]", SIM_FAIL);
    sim_submit(sim, "f");
    sim_drain(sim);
    sim_plan(sim, "a", SIM_HANG);
    struct run *run = sim_retry(sim, 1);
    sim_drain(sim);
    sim_cancel(sim, run);
    cr_assert_eq(sim_state(run, "m"), STATE_CANCELLED);
    cr_assert_eq(sim_state(run, "m[1]"), STATE_CANCELLED);
    cr_assert_eq(sim_state(run, "m[0]"), STATE_COMPLETED);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_CANCELLED);
}

Test(restore, the_children_of_a_retried_map_fail_with_what_it_needs)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "  m: { task: t.x, map: [1, 2], wait_for: a }\n"
                  "finally:\n"
                  "  x: { task: t.x }\n"
                  "  n: { task: t.x, map: [1, 2], wait_for: x }\n");
    sim_plan(sim, "m[1]", SIM_FAIL);
    sim_submit(sim, "f");
    sim_drain(sim);
    sim_plan(sim, "x", SIM_FAIL);
    struct run *run = sim_retry(sim, 1);
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a m[0] m[1] x n[0] n[1] m[1] x ");
    cr_assert_eq(sim_state(run, "n"), STATE_UPSTREAM_FAILED);
    cr_assert_eq(sim_state(run, "n[0]"), STATE_UPSTREAM_FAILED);
    cr_assert_eq(run->state, STATE_FAILED);
}

Test(restore, a_manual_retry_of_a_cancelled_run_runs)
{
    sim_flow(sim, plain);
    sim_plan(sim, "a", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    sim_cancel(sim, run);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_CANCELLED);
    sim_plan(sim, "a", SIM_OK);
    run = sim_retry(sim, 1);
    cr_assert_eq(run->kill_state, STATE_NONE);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(restore, a_run_that_has_ended_is_only_forgotten_again)
{
    sim_flow(sim, plain);
    sim_submit(sim, "f");
    sim_drain(sim);
    struct run_row row;
    cr_assert_eq(record_parse_run(sim_row(sim, 1, CORE_NO_TASK), &row, NULL), 0);
    core_forget(sim->core, 1);
    struct run *run = NULL;
    struct flow *flow = flow_ref(map_get(sim->flows, STR("f")));
    cr_assert_eq(core_restore_begin(sim->core, 1, &row, flow, &run, NULL), 0);
    cr_assert_eq(core_restore_end(sim->core, run, false, 5, &sim->out, NULL), 0);
    cr_assert_eq(sim->out.count, 1);
    cr_assert_eq(sim->out.list[0].type, CORE_DO_FORGET);
}

Test(restore, the_order_in_which_parents_and_children_are_restored_does_not_matter)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  sub: { flow: g }\n");
    sim_flow(sim, "flow: g\n"
                  "on_interrupted: fail\n"
                  "steps:\n"
                  "  work: { task: t.x }\n");
    sim_plan(sim, "work", SIM_HANG);
    sim_submit(sim, "f");
    sim_drain(sim);
    sim->children_first = true;
    sim_restart(sim);
    struct run *run = core_run(sim->core, 1);
    cr_assert_eq(core_run(sim->core, 2)->state, STATE_FAILED);
    cr_assert_eq(sim_state(run, "sub"), STATE_FAILED);
    cr_assert_eq(run->state, STATE_FAILED);
}

Test(restore, tags_survive)
{
    sim_flow(sim, "flow: f\n"
                  "tags: [one, two]\n"
                  "steps:\n"
                  "  a: { task: t.x }\n");
    sim_submit(sim, "f");
    sim_restart(sim);
    struct run *run = core_run(sim->core, 1);
    cr_assert_str_eq(run->tags[0], "one");
    cr_assert_str_eq(run->tags[1], "two");
    cr_assert_null(run->tags[2]);
}

/* ---- rows that lie ------------------------------------------------------------------------ */

/* A run of <text> begun anew from a row in the state <state>. */
static struct run *begin(const char *text, enum state state)
{
    static const uint8_t empty_list[] = {0x90};
    static const uint8_t empty_map[] = {0x80};
    struct flow *flow = sim_flow(sim, text);
    struct run_row row = {
        .name = STR("r"),
        .flow_name = flow->name,
        .state = state,
        .kill_state = state == STATE_CANCELLING ? STATE_CANCELLED : STATE_NONE,
        .task_count = flow->step_count,
        .base_dir = STR(""),
        .tags = {empty_list, 1},
        .params = {empty_map, 1},
    };
    struct run *run = NULL;
    int err = core_restore_begin(sim->core, 1, &row, flow_ref(flow), &run, &sim->why);
    cr_assert_eq(err, 0, "%s", sim->why.text);
    return run;
}

/* A row of a step in the state <state>. */
static struct task_row row_of(const struct run *run, uint32_t step, enum state state)
{
    return (struct task_row){
        .index = step,
        .step = step,
        .step_name = run->flow->steps[step].name,
        .map_index = -1,
        .state = state,
        .kill_state = state == STATE_CANCELLING ? STATE_CANCELLED : STATE_NONE,
        .attempt = 1,
        .epoch = 1,
    };
}

/* Restores one row and ends; the first error, or 0. */
static int finish(struct run *run, const struct task_row *row, bool reset)
{
    int err = core_restore_task(run, row, VAL_NONE, &sim->why);
    if (!err) {
        err = core_restore_end(sim->core, run, reset, 1000, &sim->out, &sim->why);
    }
    return err;
}

static const char two[] = "flow: f\n"
                          "steps:\n"
                          "  a: { task: t.x }\n"
                          "  m: { task: t.x, map: [1] }\n"
                          "finally:\n"
                          "  z: { task: t.x }\n";

Test(restore, rows_of_other_steps_are_refused)
{
    struct run *run = begin(two, STATE_RUNNING);
    struct task_row row = row_of(run, 0, STATE_RUNNING);
    row.step_name = STR("other");
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
    row = row_of(run, 0, STATE_RUNNING);
    row.index = 3;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
    row = row_of(run, 0, STATE_RUNNING);
    row.step = 1;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
    row = row_of(run, 0, STATE_RUNNING);
    row.map_index = 0;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
    row = row_of(run, 0, STATE_RUNNING);
    row.kill_state = STATE_CANCELLED;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
    row = row_of(run, 0, STATE_RUNNING);
    row.attempt_free = 2;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
    cr_assert(strstr(sim->why.text, "does not fit"));
}

Test(restore, children_that_can_not_be_are_refused)
{
    struct run *run = begin(two, STATE_RUNNING);
    struct task_row row = row_of(run, 0, STATE_RUNNING);
    row.first_child = 3;
    row.child_count = 1;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT, "the step is not mapped");
    row = row_of(run, 1, STATE_RUNNING);
    row.first_child = 2;
    row.child_count = 1;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT, "the place belongs to a step");
    row.first_child = CORE_TASKS_MAX - 1;
    row.child_count = 2;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT, "beyond the last task");
    row.first_child = 3;
    row.child_count = FLOW_MAP_MAX + 1;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT, "too many");
    row.child_count = 2;
    cr_assert_eq(core_restore_task(run, &row, VAL_NONE, &sim->why), 0);
    cr_assert_eq(core_restore_task(run, &row, VAL_NONE, &sim->why), ERR_CORRUPT, "twice");
}

Test(restore, maps_must_not_share_children)
{
    struct run *run = begin("flow: f\n"
                            "steps:\n"
                            "  m: { task: t.x, map: [1] }\n"
                            "  n: { task: t.x, map: [1] }\n",
                            STATE_RUNNING);
    struct task_row row = row_of(run, 0, STATE_RUNNING);
    row.first_child = 2;
    row.child_count = 3;
    cr_assert_eq(core_restore_task(run, &row, VAL_NONE, NULL), 0);
    row = row_of(run, 1, STATE_RUNNING);
    row.first_child = 4;
    row.child_count = 3;
    cr_assert_eq(core_restore_task(run, &row, VAL_NONE, NULL), ERR_CORRUPT);
}

Test(restore, tasks_that_belong_to_nobody_are_refused)
{
    struct run *run = begin(two, STATE_RUNNING);
    struct task_row row = row_of(run, 1, STATE_RUNNING);
    row.first_child = 5;
    row.child_count = 1;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
    cr_assert(strstr(sim->why.text, "incomplete"));
}

Test(restore, a_failure_that_was_recorded_alone_still_reaches_its_dependents)
{
    struct run *run = begin("flow: f\n"
                            "steps:\n"
                            "  a: { task: t.x }\n"
                            "  b: { task: t.x, wait_for: a }\n"
                            "  c: { task: t.x, wait_for: b }\n",
                            STATE_RUNNING);
    struct task_row row = row_of(run, 0, STATE_FAILED);
    cr_assert_eq(finish(run, &row, false), 0);
    cr_assert_eq(sim_state(run, "b"), STATE_UPSTREAM_FAILED);
    cr_assert_eq(sim_state(run, "c"), STATE_UPSTREAM_FAILED);
    cr_assert_eq(run->state, STATE_FAILED);
}

Test(restore, a_step_that_could_not_run_for_an_unknown_reason_fails_the_run)
{
    struct run *run = begin("flow: f\n"
                            "steps:\n"
                            "  a: { task: t.x }\n",
                            STATE_RUNNING);
    struct task_row row = row_of(run, 0, STATE_UPSTREAM_FAILED);
    cr_assert_eq(finish(run, &row, false), 0);
    cr_assert_eq(run->state, STATE_FAILED);
    cr_assert_str_eq(run->error->text, "a could not run");
}

Test(restore, a_map_whose_children_have_all_ended_ends)
{
    struct run *run = begin("flow: f\n"
                            "steps:\n"
                            "  m: { task: t.x, map: [1] }\n",
                            STATE_RUNNING);
    struct task_row row = row_of(run, 0, STATE_RUNNING);
    row.first_child = 1;
    row.child_count = 1;
    cr_assert_eq(core_restore_task(run, &row, VAL_NONE, NULL), 0);
    row = row_of(run, 0, STATE_COMPLETED);
    row.index = 1;
    row.map_index = 0;
    cr_assert_eq(finish(run, &row, false), 0);
    cr_assert_eq(sim_state(run, "m"), STATE_COMPLETED);
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(restore, a_cancel_that_was_recorded_in_part_is_finished)
{
    struct run *run = begin("flow: f\n"
                            "steps:\n"
                            "  a: { task: t.x }\n"
                            "  b: { task: t.x }\n",
                            STATE_CANCELLING);
    struct task_row row = row_of(run, 0, STATE_CANCELLING);
    cr_assert_eq(finish(run, &row, false), 0);
    cr_assert_eq(sim_state(run, "a"), STATE_CANCELLED);
    cr_assert_eq(sim_state(run, "b"), STATE_CANCELLED);
    cr_assert_eq(run->state, STATE_CANCELLED);
}

Test(restore, states_that_no_task_can_be_in_are_refused)
{
    static const enum state bad[] = {STATE_SCHEDULED, STATE_LATE, STATE_PAUSED, STATE_SUBMITTING};
    for (size_t index = 0; index < 4; index++) {
        struct run *run = begin(two, STATE_RUNNING);
        struct task_row row = row_of(run, 0, bad[index]);
        cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
        core_forget(sim->core, 1);
    }
}

Test(restore, running_without_an_attempt_is_refused)
{
    struct run *run = begin(two, STATE_RUNNING);
    struct task_row row = row_of(run, 0, STATE_RETRYING);
    row.attempt_free = 1;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
}

Test(restore, a_running_map_without_children_is_refused)
{
    struct run *run = begin(two, STATE_RUNNING);
    struct task_row row = row_of(run, 1, STATE_RUNNING);
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
}

Test(restore, an_ended_map_with_open_children_is_refused)
{
    struct run *run = begin(two, STATE_RUNNING);
    struct task_row row = row_of(run, 1, STATE_COMPLETED);
    row.first_child = 3;
    row.child_count = 1;
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
}

Test(restore, finally_before_the_end_of_the_main_steps_is_refused)
{
    struct run *run = begin(two, STATE_RUNNING);
    struct task_row row = row_of(run, 2, STATE_RUNNING);
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
}

Test(restore, an_ended_run_with_running_tasks_is_refused)
{
    struct run *run = begin(two, STATE_FAILED);
    struct task_row row = row_of(run, 0, STATE_RUNNING);
    cr_assert_eq(finish(run, &row, false), ERR_CORRUPT);
}

Test(restore, a_live_run_can_not_be_retried)
{
    struct run *run = begin(two, STATE_RUNNING);
    struct task_row row = row_of(run, 0, STATE_RUNNING);
    cr_assert_eq(finish(run, &row, true), ERR_CONFLICT);
}

Test(restore, run_rows_that_do_not_fit_are_refused)
{
    struct flow *flow = sim_flow(sim, two);
    struct run *run = NULL;
    struct run_row row = {
        .flow_name = STR("other"), .kill_state = STATE_NONE, .task_count = flow->step_count};
    cr_assert_eq(core_restore_begin(sim->core, 1, &row, flow, &run, &sim->why), ERR_CORRUPT);
    row.flow_name = STR("f");
    cr_assert_eq(core_restore_begin(sim->core, 0, &row, flow, &run, &sim->why), ERR_CORRUPT);
    row.task_count = 1;
    cr_assert_eq(core_restore_begin(sim->core, 1, &row, flow, &run, &sim->why), ERR_CORRUPT);
    row.task_count = flow->step_count;
    row.state = STATE_CANCELLING;
    cr_assert_eq(core_restore_begin(sim->core, 1, &row, flow, &run, &sim->why), ERR_CORRUPT);
    cr_assert_null(run);
    cr_assert_eq(core_run_count(sim->core), 0);
}

Test(restore, a_run_that_is_live_is_not_restored)
{
    begin(two, STATE_RUNNING);
    struct flow *flow = map_get(sim->flows, STR("f"));
    struct run_row row = {.flow_name = STR("f")};
    struct run *run = NULL;
    cr_assert_eq(core_restore_begin(sim->core, 1, &row, flow, &run, &sim->why), ERR_EXISTS);
}

Test(restore, a_run_that_is_being_restored_takes_no_events)
{
    struct run *run = begin(two, STATE_RUNNING);
    struct core_event event = {.type = CORE_CANCEL, .run = run->number};
    cr_assert_eq(core_apply(sim->core, &event, &sim->out, NULL), ERR_CONFLICT);
}

Test(restore, new_runs_get_numbers_beyond_the_restored_ones)
{
    begin(two, STATE_RUNNING);
    struct run *run = NULL;
    struct flow *flow = map_get(sim->flows, STR("f"));
    struct core_event event = {.type = CORE_SUBMIT, .submit = {.flow = flow_ref(flow)}};
    cr_assert_eq(core_apply(sim->core, &event, &sim->out, &run), 0);
    cr_assert_eq(run->number, 2);
}
