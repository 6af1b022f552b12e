/*
 * Large runs: long chains, wide flows, a map over a million items, in bounded time and memory.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "sim.h"

/* Sanitizers make everything several times slower. */
#if defined(__SANITIZE_ADDRESS__)
enum { ITEMS = 200000, SLOWNESS = 20 };
#else
enum { ITEMS = 1000000, SLOWNESS = 1 };
#endif

TestSuite(core_scale, .timeout = 300);

static struct sim *sim;

/* A fresh simulation. */
static void setup(void)
{
    sim = sim_new(1);
    sim->no_checks = true;
}

/* The end of the simulation. */
static void teardown(void)
{
    sim_free(sim);
}

/* Seconds of processor time. */
static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A flow of <count> steps; each needs the one before when <chain>. */
static void make_flow(uint32_t count, bool chain, const char *runner)
{
    CLEANUP_BUF struct buf text = BUF_INIT(64 << 20);
    buf_printf(&text, "flow: f\n%ssteps:\n", runner);
    for (uint32_t step = 0; step < count; step++) {
        buf_printf(&text, "  s%u: { task: t.x", step);
        if (chain && step > 0) {
            buf_printf(&text, ", wait_for: s%u", step - 1);
        }
        buf_printf(&text, " }\n");
    }
    sim_flow(sim, buf_cstr(&text));
}

Test(core_scale, a_chain_of_ten_thousand_steps_runs, .init = setup, .fini = teardown)
{
    make_flow(10000, true, "");
    double begin = seconds();
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_COMPLETED);
    cr_assert_eq(sim->start_count, 10000);
    cr_assert_lt(seconds() - begin, 5.0 * SLOWNESS);
}

Test(core_scale, a_failure_falls_down_ten_thousand_steps_in_one_event, .init = setup,
     .fini = teardown)
{
    make_flow(10000, true, "");
    sim_plan(sim, "s0", SIM_FAIL);
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_FAILED);
    cr_assert_eq(run->tasks[9999].state, STATE_UPSTREAM_FAILED);
    cr_assert_gt(sim->out.count, 10000);
}

Test(core_scale, wide_flows_do_not_ask_for_all_inputs_at_once, .init = setup, .fini = teardown)
{
    make_flow(20000, false, "");
    struct run *run = sim_submit(sim, "f");
    cr_assert_eq(run->ahead, CORE_AHEAD_MAX);
    cr_assert_lt(sim->out.count, CORE_AHEAD_MAX + 10);
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_COMPLETED);
}

Test(core_scale, long_sequential_flows_run, .init = setup, .fini = teardown)
{
    make_flow(20000, false, "task_runner: { type: sequential }\n");
    double begin = seconds();
    struct run *run = sim_submit(sim, "f");
    sim_drain(sim);
    cr_assert_eq(run->state, STATE_COMPLETED);
    cr_assert_lt(seconds() - begin, 5.0 * SLOWNESS);
}

/* The drive of the next tests keeps no rows: it only answers. */
struct quick {
    struct core *core;
    struct core_decisions out;
    struct core_event *answers; /* a ring */
    size_t first;
    size_t count;
    uint64_t records;
    size_t most;
};

enum { RING = 1 << 22 };

/* Adds the answer to a decision, if it wants one. */
static void quick_take(struct quick *quick, const struct core_decision *decision)
{
    static const uint8_t bytes[] = {0x01};
    struct core_event event = {.wall_us = 5,
                               .run = decision->run->number,
                               .task = decision->task,
                               .epoch = decision->epoch};
    switch (decision->type) {
    case CORE_DO_RECORD:
        quick->records++;
        return;
    case CORE_DO_MAP:
        event.type = CORE_MAPPED;
        event.mapped.count = ITEMS;
        break;
    case CORE_DO_PREPARE:
        event.type = CORE_PREPARED;
        event.prepared.input = (struct val){bytes, 1};
        break;
    case CORE_DO_START:
        event.type = CORE_ENDED;
        event.ended.result = (struct val){bytes, 1};
        break;
    default:
        return;
    }
    cr_assert_lt(quick->count, RING);
    quick->answers[(quick->first + quick->count) % RING] = event;
    quick->count++;
    quick->most = quick->count > quick->most ? quick->count : quick->most;
}

/* Applies an event and takes the decisions in. */
static void quick_apply(struct quick *quick, const struct core_event *event, struct run **ret_run)
{
    cr_assert_eq(core_apply(quick->core, event, &quick->out, ret_run), 0);
    for (uint32_t index = 0; index < quick->out.count; index++) {
        quick_take(quick, &quick->out.list[index]);
    }
}

/* Answers <count> times, or until all is answered; hosts have room for 1000. */
static void quick_drain(struct quick *quick, uint64_t count)
{
    const struct core_event room = {
        .type = CORE_CAPACITY, .wall_us = 5, .capacity = {.room = 1000}};
    while (count > 0 && (quick->count > 0 || core_lane_waiting(quick->core, 0) > 0)) {
        if (quick->count == 0) {
            quick_apply(quick, &room, NULL);
            continue;
        }
        struct core_event event = quick->answers[quick->first];
        quick->first = (quick->first + 1) % RING;
        quick->count--;
        count--;
        quick_apply(quick, &event, NULL);
    }
}

/* A run of a map over ITEMS items. */
static struct run *quick_run(struct quick *quick)
{
    quick->core = core_new(1, 1);
    quick->answers = xmalloc(RING * sizeof *quick->answers);
    struct flow *flow = sim_flow(sim, "flow: f\n"
                                      "steps:\n"
                                      "  m: { task: t.x, map: [1] }\n");
    struct core_event event = {
        .type = CORE_SUBMIT, .wall_us = 5, .submit = {.flow = flow_ref(flow)}};
    struct run *run = NULL;
    quick_apply(quick, &event, &run);
    return run;
}

/* Frees what quick_run() made. */
static void quick_done(struct quick *quick)
{
    core_free(quick->core);
    core_decisions_done(&quick->out);
    free(quick->answers);
}

Test(core_scale, a_task_takes_no_more_than_160_bytes)
{
    cr_assert_leq(sizeof(struct task), 160);
}

Test(core_scale, a_map_over_a_million_items_runs, .init = setup, .fini = teardown)
{
    struct quick quick = {0};
    double begin = seconds();
    struct run *run = quick_run(&quick);
    quick_drain(&quick, UINT64_MAX);
    double took = seconds() - begin;
    cr_assert_eq(run->state, STATE_COMPLETED);
    cr_assert_eq(quick.records, 5u + 2u * ITEMS);
    cr_assert_lt(took, 10.0 * SLOWNESS, "it took %g s", took);
    cr_assert_leq(quick.most, CORE_AHEAD_MAX + 1000, "answers never pile up");
    fprintf(stderr, "%d items in %.2f s\n", ITEMS, took);
    quick_done(&quick);
}

Test(core_scale, only_the_inputs_of_a_window_of_tasks_are_in_memory, .init = setup,
     .fini = teardown)
{
    struct quick quick = {0};
    struct run *run = quick_run(&quick);
    quick_drain(&quick, ITEMS / 10);
    uint32_t inputs = 0;
    for (uint32_t index = 0; index < run->task_count; index++) {
        inputs += run->tasks[index].input.ptr != NULL;
    }
    cr_assert_leq(inputs, CORE_AHEAD_MAX + 1000);
    quick_done(&quick);
}

Test(core_scale, a_map_over_a_million_items_is_cancelled_in_one_event, .init = setup,
     .fini = teardown)
{
    struct quick quick = {0};
    struct run *run = quick_run(&quick);
    quick_drain(&quick, 10000);
    double begin = seconds();
    struct core_event event = {.type = CORE_CANCEL, .wall_us = 5, .run = 1};
    quick_apply(&quick, &event, NULL);
    double took = seconds() - begin;
    cr_assert_lt(took, 2.0 * SLOWNESS, "it took %g s", took);
    while (quick.count > 0) {
        struct core_event answer = quick.answers[quick.first];
        quick.first = (quick.first + 1) % RING;
        quick.count--;
        core_apply(quick.core, &answer, &quick.out, NULL);
    }
    cr_assert_eq(run->state, STATE_CANCELLED);
    quick_done(&quick);
}
