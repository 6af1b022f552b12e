/*
 * The life of a task: outcomes, retries, timeouts, returned attempts, late reports.
 */
#include "core/attempt.h"

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

TestSuite(attempt, .init = setup, .fini = teardown, .timeout = 60);

static const char plain[] = "flow: f\n"
                            "steps:\n"
                            "  a: { task: t.x }\n";
static const char patient[] = "flow: f\n"
                              "steps:\n"
                              "  a: { task: t.x, retries: 2, retry_delay: [1s, 5s] }\n";
static const char limited[] = "flow: f\n"
                              "steps:\n"
                              "  a: { task: t.x, timeout: 3s, retries: 1 }\n";

/* A run of <flow> whose step a runs its first attempt. */
static struct run *running(const char *flow)
{
    sim_flow(sim, flow);
    sim_plan(sim, "a", SIM_HANG);
    sim->manual_capacity = true;
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(sim_capacity(sim, 0, 1), 0);
    cr_assert_eq(sim_state(run, "a"), STATE_RUNNING);
    return run;
}

/* Without retries every outcome leads to its own state. */
static void outcome_gives(enum core_outcome outcome, enum state state, enum state of_run)
{
    struct run *run = running(plain);
    cr_assert_eq(sim_end(sim, run, "a", outcome), 0);
    cr_assert_eq(sim_state(run, "a"), state);
    cr_assert_eq(run->state, of_run);
    cr_assert_neq(sim_task(run, "a")->ended_us, 0);
}

Test(attempt, ok_completes)
{
    outcome_gives(CORE_OUTCOME_OK, STATE_COMPLETED, STATE_COMPLETED);
}

Test(attempt, a_wish_to_retry_fails_without_retries)
{
    outcome_gives(CORE_OUTCOME_RETRY, STATE_FAILED, STATE_FAILED);
}

Test(attempt, fail_fails)
{
    outcome_gives(CORE_OUTCOME_FAIL, STATE_FAILED, STATE_FAILED);
}

Test(attempt, a_crash_is_crashed)
{
    outcome_gives(CORE_OUTCOME_CRASHED, STATE_CRASHED, STATE_FAILED);
}

Test(attempt, a_timeout_of_the_host_is_timed_out)
{
    outcome_gives(CORE_OUTCOME_TIMED_OUT, STATE_TIMED_OUT, STATE_FAILED);
}

Test(attempt, cancelled_without_being_asked_counts_as_not_completed)
{
    outcome_gives(CORE_OUTCOME_CANCELLED, STATE_CANCELLED, STATE_FAILED);
}

Test(attempt, a_result_is_kept_and_the_input_freed)
{
    struct run *run = running(plain);
    cr_assert(sim_task(run, "a")->input.ptr);
    sim_end(sim, run, "a", CORE_OUTCOME_OK);
    cr_assert_not(sim_task(run, "a")->input.ptr);
    cr_assert_eq(val_int(sim_task(run, "a")->result), 1);
}

Test(attempt, retries_wait_for_their_delay_and_count_attempts)
{
    sim_flow(sim, patient);
    sim_plan(sim, "a", SIM_CRASH);
    sim->manual_capacity = true;
    struct run *run = sim_submit(sim, "f");
    sim_step(sim);
    sim_capacity(sim, 0, 1);
    uint32_t first_epoch = sim_task(run, "a")->epoch;
    sim_step(sim);
    struct task *task = sim_task(run, "a");
    cr_assert_eq(task->state, STATE_AWAITING_RETRY);
    cr_assert_eq(task->due_us, sim->wall_us + 1000000);
    cr_assert_eq(sim->timer_delay_us, 1000000);
    cr_assert_eq(run->active, 0);
    cr_assert_eq(sim_ring(sim, CORE_TIMER_RETRY), 0);
    cr_assert_eq(task->state, STATE_PENDING);
    cr_assert(task->input.ptr, "the input is kept for the next attempt");
    sim_capacity(sim, 0, 1);
    cr_assert_eq(task->state, STATE_RETRYING);
    cr_assert_eq(task->attempt, 2);
    cr_assert_gt(task->epoch, first_epoch);
    sim_step(sim);
    cr_assert_eq(sim->timer_delay_us, 5000000);
    sim_ring(sim, CORE_TIMER_RETRY);
    sim_capacity(sim, 0, 1);
    sim_step(sim);
    cr_assert_eq(task->state, STATE_CRASHED);
    cr_assert_eq(task->attempt, 3);
    cr_assert_eq(run->state, STATE_FAILED);
}

Test(attempt, a_later_attempt_can_complete)
{
    struct run *run = running(patient);
    sim_end(sim, run, "a", CORE_OUTCOME_RETRY);
    cr_assert_str_eq(sim_task(run, "a")->error->text, "it did not work");
    sim_drain(sim);
    sim_capacity(sim, 0, 1);
    cr_assert_not(sim_task(run, "a")->error);
    sim_end(sim, run, "a", CORE_OUTCOME_OK);
    cr_assert_eq(sim_state(run, "a"), STATE_COMPLETED);
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(attempt, the_wish_of_a_part_lengthens_the_delay)
{
    struct run *run = running(patient);
    sim->retry_after_ms = 60000;
    sim_end(sim, run, "a", CORE_OUTCOME_RETRY);
    cr_assert_eq(sim->timer_delay_us, 60000000);
}

Test(attempt, codes_that_retry_on_does_not_name_fail_at_once)
{
    struct run *run = running("flow: f\n"
                              "steps:\n"
                              "  a: { task: t.x, retries: 2, retry_on: ['http.*'] }\n");
    sim->code = "http.busy";
    sim_end(sim, run, "a", CORE_OUTCOME_FAIL);
    cr_assert_eq(sim_state(run, "a"), STATE_AWAITING_RETRY);
    sim_drain(sim);
    sim_capacity(sim, 0, 1);
    sim->code = "sql.locked";
    sim_end(sim, run, "a", CORE_OUTCOME_RETRY);
    cr_assert_eq(sim_state(run, "a"), STATE_FAILED);
}

Test(attempt, what_a_part_calls_pointless_is_not_tried_again)
{
    struct run *run = running(patient);
    sim_end(sim, run, "a", CORE_OUTCOME_FAIL);
    cr_assert_eq(sim_state(run, "a"), STATE_FAILED);
}

Test(attempt, cancelled_is_never_tried_again)
{
    struct run *run = running(patient);
    sim_end(sim, run, "a", CORE_OUTCOME_CANCELLED);
    cr_assert_eq(sim_state(run, "a"), STATE_CANCELLED);
}

Test(attempt, a_timeout_kills_and_the_end_of_the_attempt_decides)
{
    struct run *run = running(limited);
    cr_assert_eq(sim->timer_delay_us, 3000000);
    cr_assert_eq(sim_ring(sim, CORE_TIMER_TIMEOUT), 0);
    cr_assert_eq(sim->kill_count, 1);
    cr_assert_eq(sim_state(run, "a"), STATE_RUNNING);
    sim_end(sim, run, "a", CORE_OUTCOME_CRASHED);
    cr_assert_eq(sim_state(run, "a"), STATE_AWAITING_RETRY);
    cr_assert_str_eq(sim_task(run, "a")->error->code, "task.timeout");
    cr_assert(strstr(sim_task(run, "a")->error->text, "timeout of 3 s"));
}

Test(attempt, the_last_timeout_is_timed_out)
{
    struct run *run = running(limited);
    sim_ring(sim, CORE_TIMER_TIMEOUT);
    sim_end(sim, run, "a", CORE_OUTCOME_CANCELLED);
    sim_drain(sim);
    sim_capacity(sim, 0, 1);
    sim_ring(sim, CORE_TIMER_TIMEOUT);
    sim_end(sim, run, "a", CORE_OUTCOME_CANCELLED);
    cr_assert_eq(sim_state(run, "a"), STATE_TIMED_OUT);
    cr_assert_eq(run->state, STATE_FAILED);
    cr_assert(strstr(run->error->text, "a timed out"));
}

Test(attempt, a_result_that_comes_after_the_kill_counts)
{
    struct run *run = running(limited);
    sim_ring(sim, CORE_TIMER_TIMEOUT);
    sim_end(sim, run, "a", CORE_OUTCOME_OK);
    cr_assert_eq(sim_state(run, "a"), STATE_COMPLETED);
}

Test(attempt, a_timeout_that_rings_twice_kills_once)
{
    struct run *run = running(limited);
    struct core_event event = {.type = CORE_TIMER,
                               .run = run->number,
                               .epoch = sim_task(run, "a")->epoch,
                               .timer = {.timer = CORE_TIMER_TIMEOUT}};
    cr_assert_eq(sim_apply(sim, &event), 0);
    cr_assert_eq(sim_apply(sim, &event), ERR_CONFLICT);
    cr_assert_eq(sim->kill_count, 1);
}

Test(attempt, a_returned_attempt_goes_to_the_front_and_does_not_count)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x }\n"
                  "  b: { task: t.x }\n");
    sim_plan(sim, "a", SIM_HANG);
    sim_plan(sim, "b", SIM_HANG);
    sim->manual_capacity = true;
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    sim_capacity(sim, 0, 1);
    uint32_t epoch = sim_task(run, "a")->epoch;
    cr_assert_eq(sim_return(sim, 0), 0);
    struct task *task = sim_task(run, "a");
    cr_assert_eq(task->state, STATE_PENDING);
    cr_assert_eq(task->attempt, 0);
    cr_assert_eq(task->started_us, 0);
    cr_assert_eq(core_lane_waiting(sim->core, 0), 2);
    struct core_event late = {
        .type = CORE_ENDED, .run = run->number, .epoch = epoch, .ended = {.outcome = 0}};
    cr_assert_eq(sim_apply(sim, &late), ERR_CONFLICT, "reports of the old attempt are stale");
    sim_capacity(sim, 0, 1);
    cr_assert_str_eq(sim->started, "a a ");
    cr_assert_eq(task->state, STATE_RUNNING);
}

Test(attempt, a_report_with_a_stale_epoch_is_refused)
{
    struct run *run = running(patient);
    struct core_event late = {.type = CORE_ENDED,
                              .run = run->number,
                              .epoch = sim_task(run, "a")->epoch,
                              .ended = {.outcome = CORE_OUTCOME_FAIL, .retry_after_ms = -1}};
    cr_assert_eq(sim_apply(sim, &late), 0);
    cr_assert_eq(sim_apply(sim, &late), ERR_CONFLICT);
    cr_assert_eq(sim_task(run, "a")->attempt, 1);
}

Test(attempt, answers_that_nobody_waits_for_are_refused)
{
    struct run *run = running(plain);
    struct core_event event = {.type = CORE_PREPARED, .run = run->number};
    cr_assert_eq(sim_apply(sim, &event), ERR_CONFLICT);
    event = (struct core_event){.type = CORE_MAPPED, .run = run->number};
    cr_assert_eq(sim_apply(sim, &event), ERR_CONFLICT);
    event = (struct core_event){.type = CORE_TIMER,
                                .run = run->number,
                                .epoch = sim_task(run, "a")->epoch,
                                .timer = {.timer = CORE_TIMER_RETRY}};
    cr_assert_eq(sim_apply(sim, &event), ERR_CONFLICT);
    sim_end(sim, run, "a", CORE_OUTCOME_OK);
    event = (struct core_event){
        .type = CORE_RETURNED, .run = run->number, .epoch = sim_task(run, "a")->epoch};
    cr_assert_eq(sim_apply(sim, &event), ERR_CONFLICT);
}

Test(attempt, a_subflow_that_can_not_be_submitted_fails_the_step)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { flow: child, retries: 1 }\n");
    struct run *run = sim_submit(sim, "f");
    for (int attempt = 1; attempt <= 2; attempt++) {
        sim_plan(sim, "a", SIM_OK);
        while (sim_task(run, "a")->place != CORE_PLACE_SUBMITTING) {
            cr_assert(sim_step(sim));
        }
        sim_plan(sim, "a", SIM_WAIT);
        struct core_event event = {.type = CORE_ENDED,
                                   .run = run->number,
                                   .epoch = sim_task(run, "a")->epoch,
                                   .ended = {.outcome = CORE_OUTCOME_RETRY,
                                             .code = "subflow.missing",
                                             .text = "there is no such flow",
                                             .retry_after_ms = -1}};
        cr_assert_eq(sim_apply(sim, &event), 0);
        cr_assert_eq(sim_task(run, "a")->attempt, (uint32_t)attempt);
    }
    cr_assert_eq(sim_state(run, "a"), STATE_FAILED);
    cr_assert_eq(run->state, STATE_FAILED);
}

Test(attempt, a_subflow_that_takes_too_long_is_cancelled_and_its_step_timed_out)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { flow: child, timeout: 5s }\n");
    sim_flow(sim, "flow: child\n"
                  "steps:\n"
                  "  work: { task: t.x }\n");
    sim_plan(sim, "work", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    struct run *child = core_run(sim->core, 2);
    cr_assert_eq(sim_state(child, "work"), STATE_RUNNING);
    cr_assert_eq(sim_ring(sim, CORE_TIMER_TIMEOUT), 0);
    cr_assert_eq(child->state, STATE_CANCELLING);
    sim_drain(sim);
    cr_assert_eq(child->state, STATE_CANCELLED);
    cr_assert_eq(sim_state(run, "a"), STATE_TIMED_OUT);
    cr_assert_eq(run->state, STATE_FAILED);
}

Test(attempt, the_end_of_a_subflow_is_not_for_the_drive_to_report)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { flow: child }\n");
    sim_flow(sim, "flow: child\n"
                  "steps:\n"
                  "  work: { task: t.x }\n");
    sim_plan(sim, "work", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    struct core_event event = {.type = CORE_ENDED,
                               .run = run->number,
                               .epoch = sim_task(run, "a")->epoch,
                               .ended = {.outcome = CORE_OUTCOME_CRASHED, .retry_after_ms = -1}};
    cr_assert_eq(sim_apply(sim, &event), ERR_CONFLICT);
    core_forget(sim->core, 2);
    cr_assert_eq(sim_apply(sim, &event), 0, "unless the subflow's run was lost");
    cr_assert_eq(sim_state(run, "a"), STATE_CRASHED);
}

Test(attempt, long_texts_of_errors_are_cut_between_characters)
{
    struct run *run = running(plain);
    char text[CORE_TEXT_MAX + 10];
    memset(text, 'x', sizeof text);
    memcpy(text + CORE_TEXT_MAX - 1, "\xc3\xa9", 2);
    text[sizeof text - 1] = '\0';
    struct core_event event = {
        .type = CORE_ENDED,
        .run = run->number,
        .epoch = sim_task(run, "a")->epoch,
        .ended = {.outcome = CORE_OUTCOME_FAIL, .code = text, .text = text, .retry_after_ms = -1}};
    cr_assert_eq(sim_apply(sim, &event), 0);
    cr_assert_eq(strlen(sim_task(run, "a")->error->code), CORE_CODE_MAX);
    cr_assert_eq(strlen(sim_task(run, "a")->error->text), CORE_TEXT_MAX - 1);
}

Test(attempt, a_step_whose_subflow_was_lost_can_time_out)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { flow: child, timeout: 5s }\n");
    sim_flow(sim, "flow: child\n"
                  "steps:\n"
                  "  work: { task: t.x }\n");
    sim_plan(sim, "work", SIM_HANG);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    core_forget(sim->core, 2);
    cr_assert_eq(sim_ring(sim, CORE_TIMER_TIMEOUT), 0);
    cr_assert_eq(sim_state(run, "a"), STATE_TIMED_OUT);
}

Test(attempt, the_end_of_a_subflow_whose_parent_is_gone_concerns_nobody)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { flow: child }\n");
    sim_flow(sim, "flow: child\n"
                  "steps:\n"
                  "  work: { task: t.x }\n");
    sim_plan(sim, "work", SIM_HANG);
    sim_submit(sim, "f");
    sim_drain(sim);
    core_forget(sim->core, 1);
    struct run *child = core_run(sim->core, 2);
    cr_assert_eq(sim_end(sim, child, "work", CORE_OUTCOME_OK), 0);
    cr_assert_eq(child->state, STATE_COMPLETED);
}

Test(attempt, a_timer_of_the_run_does_not_fit_a_task)
{
    struct run *run = running(plain);
    struct core_event event = {.type = CORE_TIMER,
                               .run = run->number,
                               .epoch = sim_task(run, "a")->epoch,
                               .timer = {.timer = CORE_TIMER_RUN_TIMEOUT}};
    cr_assert_eq(sim_apply(sim, &event), ERR_CONFLICT);
}

Test(attempt, a_task_keeps_its_cache_key)
{
    sim_flow(sim, plain);
    struct run *run = sim_submit(sim, "f");
    struct hash key = {{1, 2, 3}};
    struct core_event event = {
        .type = CORE_PREPARED, .run = run->number, .prepared = {.how = CORE_PREPARED_HIT}};
    event.prepared.key = &key;
    cr_assert_eq(sim_apply(sim, &event), 0);
    cr_assert(sim_task(run, "a")->has_cache_key);
    cr_assert_eq(memcmp(&sim_task(run, "a")->cache_key, &key, sizeof key), 0);
    cr_assert_eq(sim_state(run, "a"), STATE_CACHED);
}

/* ---- maps --------------------------------------------------------------------------------- */

static const char mapped[] = "flow: f\n"
                             "steps:\n"
                             "  m: { task: t.x, map: [1, 2, 3], retries: 1 }\n"
                             "  after: { task: t.x, wait_for: m }\n";
static int64_t wanted_count;

/* The same number of items for every map. */
static int64_t count_items(void *user, const struct run *run, const struct task *task)
{
    (void)user;
    (void)run;
    (void)task;
    return wanted_count;
}

/* A drained run of the mapped flow with a list of <count>. */
static struct run *map_run(int64_t count)
{
    wanted_count = count;
    sim->map_count = count_items;
    sim_flow(sim, mapped);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    return run;
}

Test(attempt, a_map_runs_a_child_for_every_item_in_order)
{
    struct run *run = map_run(3);
    cr_assert_str_eq(sim->started, "m[0] m[1] m[2] after ");
    cr_assert_eq(run->state, STATE_COMPLETED);
    CLEANUP_BUF struct buf list = BUF_INIT(100);
    cr_assert_eq(core_map_result(run, 0, &list), 0);
    cr_assert_eq(list.len, 4);
    cr_assert_eq(val_count(val_here(list.data)), 3);
}

Test(attempt, a_map_over_nothing_completes_at_once_with_an_empty_list)
{
    struct run *run = map_run(0);
    cr_assert_eq(sim_state(run, "m"), STATE_COMPLETED);
    cr_assert_eq(run->state, STATE_COMPLETED);
    CLEANUP_BUF struct buf list = BUF_INIT(100);
    core_map_result(run, 0, &list);
    cr_assert_eq(val_type(val_here(list.data)), VAL_LIST);
    cr_assert_eq(val_count(val_here(list.data)), 0);
}

Test(attempt, a_map_without_a_list_fails)
{
    struct run *run = map_run(-1);
    cr_assert_eq(sim_state(run, "m"), STATE_FAILED);
    cr_assert_eq(sim_state(run, "after"), STATE_UPSTREAM_FAILED);
}

Test(attempt, a_skipped_map_has_no_children)
{
    struct run *run = map_run(-2);
    cr_assert_eq(sim_state(run, "m"), STATE_SKIPPED);
    cr_assert_eq(run->task_count, 2);
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(attempt, a_map_over_too_many_items_fails)
{
    struct run *run = map_run(FLOW_MAP_MAX + 1);
    cr_assert_eq(sim_state(run, "m"), STATE_FAILED);
    cr_assert_str_eq(sim_task(run, "m")->error->code, "map.too_long");
}

Test(attempt, maps_together_can_not_pass_the_limit_of_a_run)
{
    wanted_count = FLOW_MAP_MAX;
    sim->map_count = count_items;
    sim->no_checks = true;
    sim->manual_capacity = true;
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  a: { task: t.x, map: [1] }\n"
                  "  b: { task: t.x, map: [1] }\n"
                  "  c: { task: t.x, map: [1] }\n"
                  "  d: { task: t.x, map: [1] }\n");
    struct run *run = sim_submit(sim, "f");
    for (int answers = 0; answers < 4; answers++) {
        sim_step(sim);
    }
    cr_assert_eq(sim_state(run, "c"), STATE_RUNNING);
    cr_assert_eq(sim_state(run, "d"), STATE_FAILED);
    cr_assert_str_eq(sim_task(run, "d")->error->code, "map.too_long");
    cr_assert_leq(run->task_count, CORE_TASKS_MAX);
}

Test(attempt, a_map_runs_all_children_and_fails_when_one_failed)
{
    sim_plan(sim, "m[1]", SIM_RETRY);
    struct run *run = map_run(4);
    cr_assert_eq(sim_state(run, "m[1]"), STATE_FAILED);
    cr_assert_eq(sim_task(run, "m[1]")->attempt, 2, "children are tried again by themselves");
    cr_assert_eq(sim_state(run, "m[3]"), STATE_COMPLETED);
    cr_assert_eq(sim_state(run, "m"), STATE_FAILED);
    cr_assert_str_eq(sim_task(run, "m")->error->text,
                     "1 of 4 did not complete; first m[1]: it did not work");
    cr_assert_eq(sim_state(run, "after"), STATE_UPSTREAM_FAILED);
}

Test(attempt, missing_results_of_children_are_nil_in_the_list)
{
    sim_plan(sim, "m[0]", SIM_SKIP);
    struct run *run = map_run(2);
    CLEANUP_BUF struct buf list = BUF_INIT(100);
    core_map_result(run, 0, &list);
    cr_assert_eq(val_type(val_at(val_here(list.data), 0)), VAL_NIL);
    cr_assert_eq(val_int(val_at(val_here(list.data), 1)), 1);
}

Test(attempt, a_kept_result_of_a_map_replaces_the_list)
{
    static const uint8_t bytes[] = {0x91, 0x07};
    struct run *run = map_run(3);
    core_keep_result(run, 0, (struct val){bytes, 2});
    CLEANUP_BUF struct buf list = BUF_INIT(100);
    core_map_result(run, 0, &list);
    cr_assert_eq(list.len, 2);
    core_keep_result(run, 0, run->tasks[0].result);
    cr_assert_eq(val_int(val_at(run->tasks[0].result, 0)), 7);
}

Test(attempt, a_list_larger_than_the_buffer_is_an_error)
{
    struct run *run = map_run(200);
    CLEANUP_BUF struct buf list = BUF_INIT(100);
    cr_assert_eq(core_map_result(run, 0, &list), ERR_LIMIT);
}
