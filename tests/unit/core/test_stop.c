/*
 * Cancel and timeouts of runs.
 */
#include "core/stop.h"

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

TestSuite(stop, .init = setup, .fini = teardown, .timeout = 60);

static const char wide[] = "flow: f\n"
                           "timeout: 30s\n"
                           "steps:\n"
                           "  runs: { task: t.x, timeout: 10s }\n"
                           "  done: { task: t.x }\n"
                           "  waits: { task: t.x, wait_for: runs }\n"
                           "  again: { task: t.x, retries: 1, retry_delay: 1h }\n"
                           "  m: { task: t.x, map: [1, 2] }\n";

/* A run with tasks in all kinds of places. */
static struct run *busy(void)
{
    sim_flow(sim, wide);
    sim_plan(sim, "runs", SIM_HANG);
    sim_plan(sim, "again", SIM_HANG);
    sim_plan(sim, "m[0]", SIM_HANG);
    sim_plan(sim, "m[1]", SIM_WAIT);
    sim->manual_capacity = true;
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    sim_capacity(sim, 0, 100);
    sim_drain(sim);
    sim_end(sim, run, "again", CORE_OUTCOME_RETRY);
    cr_assert_eq(sim_state(run, "done"), STATE_COMPLETED);
    cr_assert_eq(sim_state(run, "again"), STATE_AWAITING_RETRY);
    cr_assert_eq(sim_state(run, "m[0]"), STATE_RUNNING);
    cr_assert_eq(sim_task(run, "m[1]")->place, CORE_PLACE_PREPARING);
    return run;
}

Test(stop, a_cancel_ends_what_waits_and_kills_what_runs)
{
    struct run *run = busy();
    cr_assert_eq(sim_cancel(sim, run), 0);
    cr_assert_eq(run->state, STATE_CANCELLING);
    cr_assert_eq(sim_state(run, "runs"), STATE_CANCELLING);
    cr_assert_eq(sim_state(run, "waits"), STATE_CANCELLED);
    cr_assert_eq(sim_state(run, "again"), STATE_CANCELLED);
    cr_assert_eq(sim_state(run, "m"), STATE_CANCELLING);
    cr_assert_eq(sim_state(run, "m[0]"), STATE_CANCELLING);
    cr_assert_eq(sim_state(run, "m[1]"), STATE_CANCELLED);
    cr_assert_eq(sim_state(run, "done"), STATE_COMPLETED);
    cr_assert_eq(sim->kill_count, 2);
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "runs"), STATE_CANCELLED);
    cr_assert_eq(sim_state(run, "m"), STATE_CANCELLED);
    cr_assert_eq(run->state, STATE_CANCELLED);
    cr_assert_str_eq(run->error->code, "run.cancelled");
    cr_assert_str_eq(run->error->text, "the test wants it");
}

Test(stop, a_crash_under_the_kill_is_cancelled)
{
    struct run *run = busy();
    sim_cancel(sim, run);
    sim_end(sim, run, "runs", CORE_OUTCOME_CRASHED);
    cr_assert_eq(sim_state(run, "runs"), STATE_CANCELLED);
}

Test(stop, a_result_that_comes_after_the_kill_counts_but_starts_nothing)
{
    struct run *run = busy();
    sim_cancel(sim, run);
    sim_end(sim, run, "runs", CORE_OUTCOME_OK);
    cr_assert_eq(sim_state(run, "runs"), STATE_COMPLETED);
    cr_assert_eq(sim_state(run, "waits"), STATE_CANCELLED);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_CANCELLED);
}

Test(stop, an_attempt_that_is_returned_while_it_is_cancelled_is_cancelled)
{
    struct run *run = busy();
    sim_cancel(sim, run);
    uint32_t task = sim_task(run, "runs")->index;
    for (size_t index = 0; index < sim->todo_count; index++) {
        const struct sim_todo *todo = &sim->todo[sim->todo_first + index];
        if (todo->ask == SIM_ASK_RUN && todo->task == task) {
            cr_assert_eq(sim_return(sim, index), 0);
            break;
        }
    }
    cr_assert_eq(sim_state(run, "runs"), STATE_CANCELLED);
}

Test(stop, answers_that_come_after_the_cancel_are_refused)
{
    struct run *run = busy();
    sim_cancel(sim, run);
    struct core_event event = {
        .type = CORE_PREPARED, .run = run->number, .task = sim_task(run, "m[1]")->index};
    cr_assert_eq(sim_apply(sim, &event), ERR_CONFLICT);
}

Test(stop, a_second_cancel_changes_nothing)
{
    struct run *run = busy();
    sim_cancel(sim, run);
    cr_assert_eq(sim_cancel(sim, run), ERR_CONFLICT);
    cr_assert_eq(sim->kill_count, 2);
}

Test(stop, a_run_that_has_ended_can_not_be_cancelled)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n");
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(sim_cancel(sim, run), ERR_CONFLICT);
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(stop, a_cancel_after_a_timeout_does_not_kill_twice)
{
    struct run *run = busy();
    cr_assert_eq(sim_ring(sim, CORE_TIMER_TIMEOUT), 0);
    cr_assert_eq(sim->kill_count, 1);
    sim_cancel(sim, run);
    cr_assert_eq(sim->kill_count, 2, "only the child of the map is killed now");
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "runs"), STATE_CANCELLED);
}

Test(stop, a_run_that_takes_too_long_is_timed_out)
{
    struct run *run = busy();
    cr_assert_eq(sim_ring(sim, CORE_TIMER_RUN_TIMEOUT), 0);
    cr_assert_eq(run->state, STATE_CANCELLING);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_TIMED_OUT);
    cr_assert_eq(sim_state(run, "runs"), STATE_CANCELLED);
    cr_assert_str_eq(run->error->code, "flow.timeout");
    cr_assert_str_eq(run->error->text, "the flow took longer than its timeout of 30 s");
}

Test(stop, a_run_timeout_after_a_cancel_is_refused)
{
    struct run *run = busy();
    sim_cancel(sim, run);
    cr_assert_eq(sim_ring(sim, CORE_TIMER_RUN_TIMEOUT), ERR_CONFLICT);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_CANCELLED);
}

static const char cleaning[] = "flow: f\n"
                               "timeout: 1h\n"
                               "steps:\n"
                               "  a: { task: t.x }\n"
                               "finally:\n"
                               "  tidy: { task: t.x }\n"
                               "  more: { task: t.x, wait_for: tidy }\n";

Test(stop, finally_steps_run_after_a_cancel)
{
    sim_flow(sim, cleaning);
    sim_plan(sim, "a", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    sim_cancel(sim, run);
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a tidy more ");
    cr_assert_eq(sim_state(run, "more"), STATE_COMPLETED);
    cr_assert_eq(run->state, STATE_CANCELLED);
}

Test(stop, finally_steps_go_on_when_the_cancel_comes_meanwhile)
{
    sim_flow(sim, cleaning);
    sim_plan(sim, "tidy", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert(run->in_finally);
    sim_cancel(sim, run);
    cr_assert_eq(sim->kill_count, 0);
    sim_end(sim, run, "tidy", CORE_OUTCOME_OK);
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "more"), STATE_COMPLETED);
    cr_assert_eq(run->state, STATE_CANCELLED);
}

Test(stop, finally_steps_of_a_cancelled_run_have_limited_time)
{
    sim_flow(sim, cleaning);
    sim_plan(sim, "a", SIM_HANG);
    sim_plan(sim, "tidy", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    sim_cancel(sim, run);
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "tidy"), STATE_RUNNING);
    cr_assert_eq(sim->timer_delay_us, CORE_FINALLY_LIMIT_US);
    cr_assert_eq(sim_ring(sim, CORE_TIMER_FINALLY_LIMIT), 0);
    cr_assert_eq(sim_state(run, "more"), STATE_TIMED_OUT);
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "tidy"), STATE_TIMED_OUT);
    cr_assert_eq(run->state, STATE_CANCELLED);
}

Test(stop, the_flows_timeout_does_not_concern_finally_steps)
{
    sim_flow(sim, cleaning);
    sim_plan(sim, "tidy", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(sim_ring(sim, CORE_TIMER_RUN_TIMEOUT), ERR_CONFLICT);
    cr_assert_eq(run->state, STATE_RUNNING);
}

Test(stop, timers_of_another_epoch_are_refused)
{
    sim_flow(sim, cleaning);
    sim_plan(sim, "a", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    struct core_event event = {.type = CORE_TIMER,
                               .run = run->number,
                               .task = CORE_NO_TASK,
                               .epoch = run->epoch + 1,
                               .timer = {.timer = CORE_TIMER_RUN_TIMEOUT}};
    cr_assert_eq(sim_apply(sim, &event), ERR_CONFLICT);
    event.epoch = run->epoch;
    event.timer.timer = CORE_TIMER_FINALLY_LIMIT;
    cr_assert_eq(sim_apply(sim, &event), ERR_CONFLICT);
}

Test(stop, a_cancel_while_the_output_is_awaited_ends_the_run_at_once)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "output: '${steps.a}'\n");
    struct run *run = sim_submit(sim, "f");
    while (!run->asked_output) {
        cr_assert(sim_step(sim));
    }
    cr_assert_eq(sim_cancel(sim, run), 0);
    cr_assert_eq(run->state, STATE_CANCELLED);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_CANCELLED);
}

/* ---- subflows ----------------------------------------------------------------------------- */

/* Three flows, one in the other, with a task at work in the last. */
static struct run *nested(void)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  sub: { flow: g }\n");
    sim_flow(sim, "flow: g\n"
                  "steps:\n"
                  "  sub: { flow: h }\n"
                  "  next: { task: t.x, wait_for: sub }\n");
    sim_flow(sim, "flow: h\n"
                  "steps:\n"
                  "  work: { task: t.x }\n");
    sim_plan(sim, "work", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(core_run_count(sim->core), 3);
    return run;
}

Test(stop, a_cancel_reaches_subflows_in_the_same_event)
{
    struct run *run = nested();
    sim_cancel(sim, run);
    cr_assert_eq(core_run(sim->core, 2)->state, STATE_CANCELLING);
    cr_assert_eq(core_run(sim->core, 3)->state, STATE_CANCELLING);
    cr_assert_eq(sim->kill_count, 1);
    sim_drain(sim);
    cr_assert_eq(core_run(sim->core, 3)->state, STATE_CANCELLED);
    cr_assert_eq(core_run(sim->core, 2)->state, STATE_CANCELLED);
    cr_assert_eq(sim_state(run, "sub"), STATE_CANCELLED);
    cr_assert_eq(run->state, STATE_CANCELLED);
}

Test(stop, a_subflow_that_completes_in_spite_of_the_cancel_counts)
{
    struct run *run = nested();
    sim_cancel(sim, run);
    sim_end(sim, core_run(sim->core, 3), "work", CORE_OUTCOME_OK);
    cr_assert_eq(sim_state(core_run(sim->core, 3), "work"), STATE_COMPLETED);
    cr_assert_eq(core_run(sim->core, 3)->state, STATE_CANCELLED, "the run itself was stopped");
    cr_assert_eq(run->state, STATE_CANCELLED);
}

Test(stop, a_cancelled_subflow_fails_its_parent)
{
    struct run *run = nested();
    sim_cancel(sim, core_run(sim->core, 3));
    sim_drain(sim);
    struct run *middle = core_run(sim->core, 2);
    cr_assert_eq(sim_state(middle, "sub"), STATE_CANCELLED);
    cr_assert_eq(sim_state(middle, "next"), STATE_UPSTREAM_FAILED);
    cr_assert_eq(middle->state, STATE_FAILED);
    cr_assert_eq(run->state, STATE_FAILED);
}

Test(stop, a_subflow_that_is_just_being_submitted_never_comes_to_be)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  sub: { flow: g }\n");
    sim_flow(sim, "flow: g\n"
                  "steps:\n"
                  "  work: { task: t.x }\n");
    struct run *run = sim_submit(sim, "f");
    while (sim_task(run, "sub")->place != CORE_PLACE_SUBMITTING) {
        cr_assert(sim_step(sim));
    }
    sim_cancel(sim, run);
    cr_assert_eq(run->state, STATE_CANCELLED);
    sim_drain(sim);
    cr_assert_eq(core_run_count(sim->core), 1);
}

Test(stop, a_task_whose_subflow_was_lost_can_be_stopped)
{
    struct run *run = nested();
    core_forget(sim->core, 3);
    core_forget(sim->core, 2);
    cr_assert_eq(sim_cancel(sim, run), 0);
    cr_assert_eq(run->state, STATE_CANCELLED);
}
