/*
 * The calls of core.h: submission, unknown things, limits, walking and forgetting.
 */
#include "core/core.h"

#include <criterion/criterion.h>
#include <stdio.h>

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

TestSuite(core, .init = setup, .fini = teardown, .timeout = 60);

static const char plain[] = "flow: f\n"
                            "tags: [one, two]\n"
                            "steps:\n"
                            "  a: { task: t.x }\n";

/* Submits with all details; the flow's reference is given back on failure. */
static int submit(const char *const *tags, uint64_t parent_run, uint32_t parent_task,
                  struct run **ret_run)
{
    struct flow *flow = map_get(sim->flows, STR("f"));
    struct core_event event = {
        .type = CORE_SUBMIT,
        .wall_us = 5,
        .submit = {.flow = flow_ref(flow),
                   .name = "my-run",
                   .base_dir = "/data",
                   .tags = tags,
                   .refresh_cache = true,
                   .parent_run = parent_run,
                   .parent_task = parent_task},
    };
    event.submit.uuid.bytes[0] = 7;
    event.submit.flow_hash.bytes[0] = 8;
    int err = core_apply(sim->core, &event, &sim->out, ret_run);
    if (err) {
        flow_unref(flow);
    }
    return err;
}

Test(core, a_submitted_run_has_what_the_caller_gave)
{
    sim_flow(sim, plain);
    struct run *run = NULL;
    cr_assert_eq(submit(NULL, 0, 0, &run), 0);
    cr_assert_str_eq(run->name, "my-run");
    cr_assert_str_eq(run->base_dir, "/data");
    cr_assert_eq(run->uuid.bytes[0], 7);
    cr_assert_eq(run->flow_hash.bytes[0], 8);
    cr_assert(run->refresh_cache);
    cr_assert_eq(run->number, 1);
    cr_assert_eq(run->created_us, 5);
    cr_assert_eq(core_run(sim->core, 1), run);
}

Test(core, a_run_without_a_name_gets_a_friendly_one)
{
    sim_flow(sim, plain);
    struct run *run = sim_submit(sim, "f");
    cr_assert(strchr(run->name, '-'));
}

Test(core, a_submission_records_two_states_and_asks_for_inputs)
{
    sim_flow(sim, plain);
    struct run *run = NULL;
    submit(NULL, 0, 0, &run);
    cr_assert_eq(sim->out.count, 3);
    cr_assert_eq(sim->out.list[0].type, CORE_DO_RECORD);
    cr_assert_eq(sim->out.list[0].from, STATE_NONE);
    cr_assert_eq(sim->out.list[0].to, STATE_PENDING);
    cr_assert_eq(sim->out.list[1].to, STATE_RUNNING);
    cr_assert_eq(sim->out.list[2].type, CORE_DO_PREPARE);
}

Test(core, tags_of_flow_and_caller_are_joined_without_repetition)
{
    sim_flow(sim, plain);
    static const char *const tags[] = {"two", "three", "three", NULL};
    struct run *run = NULL;
    cr_assert_eq(submit(tags, 0, 0, &run), 0);
    cr_assert_str_eq(run->tags[0], "one");
    cr_assert_str_eq(run->tags[1], "two");
    cr_assert_str_eq(run->tags[2], "three");
    cr_assert_null(run->tags[3]);
}

Test(core, too_many_tags_are_refused)
{
    sim_flow(sim, plain);
    char texts[CORE_TAGS_MAX][8];
    const char *tags[CORE_TAGS_MAX] = {NULL};
    for (uint32_t index = 0; index < CORE_TAGS_MAX - 1; index++) {
        snprintf(texts[index], 8, "t%u", (unsigned)index);
        tags[index] = texts[index];
    }
    struct run *run = NULL;
    cr_assert_eq(submit(tags, 0, 0, &run), ERR_LIMIT);
    cr_assert_null(run);
    cr_assert_eq(core_run_count(sim->core), 0);
    tags[CORE_TAGS_MAX - 2] = NULL;
    cr_assert_eq(submit(tags, 0, 0, &run), 0);
}

Test(core, a_subflow_needs_a_task_that_waits_for_it)
{
    sim_flow(sim, plain);
    struct run *run = NULL;
    cr_assert_eq(submit(NULL, 99, 0, &run), ERR_NOT_FOUND);
    submit(NULL, 0, 0, &run);
    cr_assert_eq(submit(NULL, run->number, 5, &run), ERR_NOT_FOUND);
    cr_assert_eq(submit(NULL, run->number, 0, &run), ERR_CONFLICT);
    cr_assert_eq(core_run_count(sim->core), 1);
}

Test(core, subflows_nest_only_so_deep)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  again: { flow: f }\n");
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(core_run_count(sim->core), CORE_SUBFLOW_DEPTH_MAX + 1);
    struct run *deepest = core_run(sim->core, CORE_SUBFLOW_DEPTH_MAX + 1);
    cr_assert_eq(deepest->depth, CORE_SUBFLOW_DEPTH_MAX);
    struct task *task = sim_task(deepest, "again");
    cr_assert_eq(task->place, CORE_PLACE_SUBMITTING);
    struct run *none = NULL;
    cr_assert_eq(submit(NULL, deepest->number, 0, &none), ERR_LIMIT);
    struct core_event event = {
        .type = CORE_ENDED,
        .run = deepest->number,
        .epoch = task->epoch,
        .ended = {.outcome = CORE_OUTCOME_FAIL, .code = "subflow.too_deep", .retry_after_ms = -1}};
    cr_assert_eq(sim_apply(sim, &event), 0);
    cr_assert_eq(run->state, STATE_FAILED, "the failure goes up through all levels in one event");
}

Test(core, a_flow_without_steps_completes_at_once)
{
    /* No flow file can say this; an empty step list can only come from a flow written in C. */
    struct flow *flow = sim_flow(sim, plain);
    flow->main_count = 0;
    flow->step_count = 0;
    struct run *run = sim_submit(sim, "f");
    cr_assert_eq(run->state, STATE_COMPLETED);
    cr_assert_eq(sim->forget_count, 1);
}

Test(core, events_about_unknown_things_are_refused)
{
    sim_flow(sim, plain);
    struct run *run = sim_submit(sim, "f");
    struct core_event event = {.type = CORE_PREPARED, .run = 99};
    cr_assert_eq(sim_apply(sim, &event), ERR_NOT_FOUND);
    event.run = run->number;
    event.task = 1;
    cr_assert_eq(sim_apply(sim, &event), ERR_NOT_FOUND);
    event.task = CORE_NO_TASK;
    cr_assert_eq(sim_apply(sim, &event), ERR_NOT_FOUND);
    event = (struct core_event){.type = CORE_CANCEL, .run = 99};
    cr_assert_eq(sim_apply(sim, &event), ERR_NOT_FOUND);
    cr_assert_eq(sim->out.count, 0);
}

Test(core, runs_are_numbered_from_the_given_number_on)
{
    sim_flow(sim, plain);
    core_free(sim->core);
    sim->core = core_new(1, 1000);
    cr_assert_eq(sim_submit(sim, "f")->number, 1000);
    cr_assert_eq(sim_submit(sim, "f")->number, 1001);
}

Test(core, a_walk_meets_every_run_once)
{
    sim_flow(sim, plain);
    for (int count = 0; count < 10; count++) {
        sim_submit(sim, "f");
    }
    uint64_t sum = 0;
    size_t cursor = 0;
    struct run *run = core_run_next(sim->core, &cursor);
    while (run) {
        sum += run->number;
        run = core_run_next(sim->core, &cursor);
    }
    cr_assert_eq(sum, 55);
}

Test(core, a_forgotten_run_is_gone)
{
    sim_flow(sim, plain);
    struct run *run = sim_submit(sim, "f");
    uint64_t number = run->number;
    core_forget(sim->core, number);
    cr_assert_null(core_run(sim->core, number));
    core_forget(sim->core, number);
    cr_assert_eq(core_run_count(sim->core), 0);
}

Test(core, names_of_tasks_tell_step_and_place)
{
    sim_flow(sim, "flow: f\n"
                  "steps:\n"
                  "  m: { task: t.x, map: [1, 2] }\n");
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    char name[CORE_TASK_NAME_SIZE];
    core_task_name(run, &run->tasks[0], name);
    cr_assert_str_eq(name, "m");
    core_task_name(run, &run->tasks[2], name);
    cr_assert_str_eq(name, "m[1]");
}

Test(core, freeing_nothing_is_fine)
{
    cr_assert_null(core_free(NULL));
    struct core_decisions none = {0};
    core_decisions_done(&none);
}
