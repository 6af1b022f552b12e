/*
 * Waiting tasks: the flow's width, sequential flows, lanes, how far ahead tasks are prepared.
 */
#include "core/queue.h"

#include <criterion/criterion.h>
#include <signal.h>

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

TestSuite(queue, .init = setup, .fini = teardown, .timeout = 60);

static int64_t items;

/* The same number of items for every map. */
static int64_t count_items(void *user, const struct run *run, const struct task *task)
{
    (void)user;
    (void)run;
    (void)task;
    return items;
}

/* How many tasks of <run> are at <place>. */
static uint32_t count_at(const struct run *run, enum core_place place)
{
    uint32_t count = 0;
    for (uint32_t index = 0; index < run->task_count; index++) {
        count += run->tasks[index].place == place;
    }
    return count;
}

Test(queue, no_more_tasks_run_than_the_flow_is_wide)
{
    sim_flow(sim, "flow: f\n"
                  "task_runner: { type: concurrent, width: 2 }\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "  b: { task: t.x }\n"
                  "  c: { task: t.x }\n"
                  "  d: { task: t.x }\n");
    sim_plan(sim, "a", SIM_HANG);
    sim_plan(sim, "b", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a b ");
    cr_assert_eq(run->active, 2);
    cr_assert_eq(core_lane_waiting(sim->core, 0), 0);
    sim_end(sim, run, "b", CORE_OUTCOME_OK);
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a b c d ");
}

Test(queue, the_default_width_is_for_flows_that_name_none)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "  b: { task: t.x }\n"
                  "  c: { task: t.x }\n");
    core_set_width(sim->core, 2);
    struct run *narrow = sim_submit(sim, "f");
    core_set_width(sim->core, 0);
    struct run *wide = sim_submit(sim, "f");
    cr_assert_eq(narrow->width, 2);
    cr_assert_eq(wide->width, UINT32_MAX);
}

Test(queue, a_pause_before_a_retry_holds_no_slot)
{
    sim_flow(sim, "flow: f\n"
                  "task_runner: { type: concurrent, width: 1 }\n"
                  "steps:\n"
                  "  a: { task: t.x, retries: 1, retry_delay: 1h }\n"
                  "  b: { task: t.x }\n");
    sim_plan(sim, "a", SIM_HANG);
    sim_plan(sim, "b", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim->manual_capacity = true;
    sim_drain(sim);
    sim_capacity(sim, 0, 5);
    sim_end(sim, run, "a", CORE_OUTCOME_RETRY);
    sim_capacity(sim, 0, 5);
    cr_assert_eq(sim_state(run, "a"), STATE_AWAITING_RETRY);
    cr_assert_eq(sim_state(run, "b"), STATE_RUNNING);
}

Test(queue, a_sequential_flow_keeps_the_order_of_the_file)
{
    sim_flow(sim, "flow: f\n"
                  "task_runner: { type: sequential }\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "  b: { task: t.x, wait_for: a }\n"
                  "  c: { task: t.x }\n"
                  "  d: { task: t.x, wait_for: f }\n"
                  "  e: { task: t.x, map: [1, 2] }\n"
                  "  f: { task: t.x }\n");
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a b c e[0] e[1] f d ");
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(queue, a_sequential_flow_prepares_nothing_while_a_task_is_under_way)
{
    sim_flow(sim, "flow: f\n"
                  "task_runner: { type: sequential }\n"
                  "steps:\n"
                  "  a: { task: t.x, retries: 1, retry_delay: 1h }\n"
                  "  b: { task: t.x }\n");
    sim_plan(sim, "a", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim->manual_capacity = true;
    sim_drain(sim);
    sim_capacity(sim, 0, 5);
    cr_assert_eq(sim_task(run, "b")->place, CORE_PLACE_IN_LINE);
    sim_end(sim, run, "a", CORE_OUTCOME_RETRY);
    cr_assert_eq(sim_task(run, "b")->place, CORE_PLACE_IN_LINE, "not even before a retry");
    sim_plan(sim, "a", SIM_OK);
    sim->manual_capacity = false;
    sim_drain(sim);
    cr_assert_str_eq(sim->started, "a a b ");
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(queue, a_long_map_is_prepared_a_window_at_a_time)
{
    items = 20000;
    sim->map_count = count_items;
    sim->manual_capacity = true;
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  m: { task: t.x, map: [1] }\n");
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(run->ahead, CORE_AHEAD_MAX);
    cr_assert_eq(count_at(run, CORE_PLACE_FOR_HOST), CORE_AHEAD_MAX);
    cr_assert_eq(count_at(run, CORE_PLACE_BLOCKED), 20000 - CORE_AHEAD_MAX);
    sim_capacity(sim, 0, 10);
    cr_assert_eq(count_at(run, CORE_PLACE_PREPARING), 10);
}

Test(queue, a_narrow_flow_prepares_little_ahead)
{
    items = 20000;
    sim->map_count = count_items;
    sim->manual_capacity = true;
    sim_flow(sim, "flow: f\n"
                  "task_runner: { type: concurrent, width: 4 }\n"
                  "steps:\n"
                  "  m: { task: t.x, map: [1] }\n");
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(core_lane_waiting(sim->core, 0), 4);
    cr_assert_eq(count_at(run, CORE_PLACE_FOR_WIDTH), 256);
}

Test(queue, a_long_map_lets_other_steps_have_their_turn)
{
    items = 20000;
    sim->map_count = count_items;
    sim->manual_capacity = true;
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  m: { task: t.x, map: [1] }\n"
                  "  a: { task: t.x }\n"
                  "  b: { task: t.x, wait_for: a }\n");
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    sim_capacity(sim, 0, 3);
    sim_drain(sim);
    cr_assert_eq(sim_state(run, "a"), STATE_COMPLETED);
    sim_capacity(sim, 0, 2);
    cr_assert_neq(sim_task(run, "b")->place, CORE_PLACE_IN_LINE);
}

Test(queue, a_lane_serves_runs_in_the_order_in_which_their_tasks_came)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "  b: { task: t.x }\n");
    sim_flow(sim, "flow: g\n"
                  "steps:\n"
                  "  x: { task: t.x }\n"
                  "  y: { task: t.x }\n");
    sim->manual_capacity = true;
    sim_submit(sim, "f");
    sim_submit(sim, "g");
    sim_drain(sim);
    cr_assert_eq(core_lane_waiting(sim->core, 0), 4);
    sim_capacity(sim, 0, 1);
    sim_capacity(sim, 0, 3);
    cr_assert_str_eq(sim->started, "a b x y ");
    cr_assert_eq(core_lane_waiting(sim->core, 0), 0);
}

Test(queue, lanes_are_served_apart)
{
    sim->lanes = 2;
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "  b: { task: t.x }\n");
    sim->manual_capacity = true;
    sim_submit(sim, "f");
    sim_drain(sim);
    sim_capacity(sim, 1, 5);
    cr_assert_str_eq(sim->started, "b ");
    cr_assert_eq(core_lane_waiting(sim->core, 0), 1);
}

Test(queue, capacity_for_unknown_lanes_is_of_no_use)
{
    cr_assert_eq(sim_capacity(sim, 77, 5), 0);
    cr_assert_eq(sim->out.count, 0);
    cr_assert_eq(core_lane_waiting(sim->core, 77), 0);
}

Test(queue, tasks_of_a_forgotten_run_do_not_wait)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n");
    sim->manual_capacity = true;
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    core_forget(sim->core, run->number);
    cr_assert_eq(core_lane_waiting(sim->core, 0), 0);
    sim_capacity(sim, 0, 5);
    cr_assert_eq(sim->start_count, 0);
}

Test(queue, the_number_of_a_lane_has_a_limit, .signal = SIGABRT)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n");
    struct run *run = sim_submit(sim, "f");
    struct core_event event = {.type = CORE_PREPARED,
                               .run = run->number,
                               .prepared = {.how = CORE_PREPARED_RUN, .lane = CORE_LANES_MAX}};
    sim_apply(sim, &event);
}
