/*
 * Random flows, random outcomes, random order of answers, restarts and cancels at random moments.
 *
 * The simulation checks the invariants after every event (see sim.c). Here an oracle, which knows
 * nothing of events, computes what every task and run must come to: outcomes are a pure function of
 * seed, flow, step, item and number of failures so far, so order and restarts may change nothing.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/map.h"
#include "sim.h"

enum { STEPS_MAX = 60, SEEDS = 250, EVENTS_MAX = 2000000 };

TestSuite(core_property, .timeout = 600);

struct world {
    struct sim *sim;
    uint64_t seed;
    bool bad_things; /* attempts may fail in all ways */
};

/* ---- what is bound to happen -------------------------------------------------------------- */

/* A number that depends on all of these. */
static uint64_t fate(const struct world *world, const struct flow *flow, uint32_t step,
                     int32_t map_index, uint32_t failures, uint32_t salt)
{
    struct {
        char flow[16];
        uint64_t seed;
        uint32_t numbers[4];
    } key = {.seed = world->seed, .numbers = {step, (uint32_t)map_index, failures, salt}};
    snprintf(key.flow, sizeof key.flow, "%.*s", STR_ARGS(flow->name));
    return hash_checksum(77, &key, sizeof key);
}

/* How a task's preparation ends: SIM_OK means that it runs. */
static enum sim_plan prepare_fate(const struct world *world, const struct flow *flow, uint32_t step,
                                  int32_t map_index)
{
    switch (fate(world, flow, step, map_index, 0, 1) % 20) {
    case 0:
        return SIM_SKIP;
    case 1:
        return SIM_HIT;
    case 2:
        return world->bad_things ? SIM_BROKEN : SIM_OK;
    default:
        return SIM_OK;
    }
}

/* How the attempt after so many failures ends. */
static enum sim_plan attempt_fate(const struct world *world, const struct flow *flow, uint32_t step,
                                  int32_t map_index, uint32_t failures)
{
    static const enum sim_plan bad[] = {SIM_FAIL,      SIM_RETRY,     SIM_CRASH,
                                        SIM_TIMED_OUT, SIM_CANCELLED, SIM_HANG};
    uint64_t number = fate(world, flow, step, map_index, failures, 2);
    if (!world->bad_things || number % 6 != 0) {
        return SIM_OK;
    }
    enum sim_plan plan = bad[number / 6 % 6];
    bool can_hang = flow->steps[step].timeout_us > 0;
    return plan == SIM_HANG && !can_hang ? SIM_FAIL : plan;
}

/* Items of a map, -1 for a broken list, -2 for a false `when`. */
static int64_t map_fate(const struct world *world, const struct flow *flow, uint32_t step)
{
    int64_t number = (int64_t)(fate(world, flow, step, -1, 0, 3) % 8);
    if (number == 7) {
        return world->bad_things ? -1 : 0;
    }
    return number == 6 ? -2 : number;
}

/* sim.h's plan: the fate of the task at this moment. */
static enum sim_plan plan_now(void *user, const struct run *run, const struct task *task)
{
    const struct world *world = user;
    enum sim_plan prepare = prepare_fate(world, run->flow, task->step, task->map_index);
    if (prepare != SIM_OK || run->flow->steps[task->step].target_kind == FLOW_TARGET_FLOW) {
        return prepare;
    }
    bool running = task->place == CORE_PLACE_AT_WORK;
    uint32_t failures = task->attempt - task->attempt_free - running;
    return attempt_fate(world, run->flow, task->step, task->map_index, failures);
}

/* sim.h's map_count. */
static int64_t map_now(void *user, const struct run *run, const struct task *task)
{
    return map_fate(user, run->flow, task->step);
}

/* ---- the oracle --------------------------------------------------------------------------- */

static enum state oracle_run(const struct world *world, const struct flow *flow,
                             enum state *ret_states);

/* The end of one task that is allowed to run: a step, or a child of a map. */
static enum state oracle_task(const struct world *world, const struct flow *flow, uint32_t step,
                              int32_t map_index)
{
    static const enum state ends[] = {
        [SIM_OK] = STATE_COMPLETED,        [SIM_FAIL] = STATE_FAILED,
        [SIM_RETRY] = STATE_FAILED,        [SIM_CRASH] = STATE_CRASHED,
        [SIM_TIMED_OUT] = STATE_TIMED_OUT, [SIM_CANCELLED] = STATE_CANCELLED,
        [SIM_HANG] = STATE_TIMED_OUT,      [SIM_DEAF] = STATE_COMPLETED,
        [SIM_SKIP] = STATE_SKIPPED,        [SIM_HIT] = STATE_CACHED,
        [SIM_BROKEN] = STATE_FAILED,
    };
    enum sim_plan plan = prepare_fate(world, flow, step, map_index);
    if (plan != SIM_OK) {
        return ends[plan];
    }
    if (flow->steps[step].target_kind == FLOW_TARGET_FLOW) {
        const struct flow *child = map_get(world->sim->flows, flow->steps[step].target);
        return oracle_run(world, child, NULL);
    }
    for (uint32_t failures = 0; failures <= flow->steps[step].retry.retries; failures++) {
        plan = attempt_fate(world, flow, step, map_index, failures);
        if (plan == SIM_OK || plan == SIM_CANCELLED || plan == SIM_FAIL) {
            break;
        }
    }
    return ends[plan];
}

/* The end of a step. */
static enum state oracle_step(const struct world *world, const struct flow *flow, uint32_t step,
                              const enum state *states)
{
    const struct flow_step *spec = &flow->steps[step];
    for (uint32_t index = 0; index < spec->dep_count; index++) {
        const struct flow_dep *dep = &spec->deps[index];
        bool fine = state_completed(states[dep->step]) || dep->tolerated ||
                    flow->steps[dep->step].allow_failure;
        if (!fine) {
            return STATE_UPSTREAM_FAILED;
        }
    }
    if (!spec->map) {
        return oracle_task(world, flow, step, -1);
    }
    int64_t count = map_fate(world, flow, step);
    if (count < 0) {
        return count == -1 ? STATE_FAILED : STATE_SKIPPED;
    }
    enum state end = STATE_COMPLETED;
    for (int32_t index = 0; index < count; index++) {
        if (!state_completed(oracle_task(world, flow, step, index))) {
            end = STATE_FAILED;
        }
    }
    return end;
}

/* The end of a run of <flow> that nobody cancels, and of its steps. */
static enum state oracle_run(const struct world *world, const struct flow *flow,
                             enum state *ret_states)
{
    enum state states[STEPS_MAX + 10];
    enum state end = STATE_COMPLETED;
    /* Generated flows name only earlier steps. */
    for (uint32_t step = 0; step < flow->step_count; step++) {
        states[step] = oracle_step(world, flow, step, states);
        if (!state_completed(states[step]) && !flow->steps[step].allow_failure) {
            end = STATE_FAILED;
        }
        if (ret_states) {
            ret_states[step] = states[step];
        }
    }
    return end;
}

/* ---- random flows ------------------------------------------------------------------------- */

/* True in one of <n> cases. */
static bool one_in(struct rng *rng, uint64_t n)
{
    return rng_below(rng, n) == 0;
}

/* Adds step <number>, which may need steps from <first> on. */
static void add_step(struct buf *text, struct rng *rng, uint32_t first, uint32_t number,
                     const char *subflow)
{
    buf_printf(text, "  s%u: {", number);
    if (subflow && one_in(rng, 6)) {
        buf_printf(text, " flow: %s", subflow);
    } else {
        buf_printf(text, " task: t.x");
    }
    if (one_in(rng, 4)) {
        buf_printf(text, ", map: [1]");
    }
    if (one_in(rng, 3)) {
        buf_printf(text, ", retries: %u, retry_delay: [1s, 2s]", (unsigned)rng_below(rng, 4));
    }
    if (one_in(rng, 3)) {
        buf_printf(text, ", timeout: 10s");
    }
    if (number > first && !one_in(rng, 4)) {
        uint32_t low = first + (uint32_t)rng_below(rng, number - first);
        uint32_t step = 1 + (uint32_t)rng_below(rng, 5);
        buf_printf(text, ", wait_for: [s%u", low);
        for (uint32_t dep = low + step; dep < number; dep += step) {
            buf_printf(text, ", s%u", dep);
        }
        buf_printf(text, "]");
        if (one_in(rng, 6)) {
            buf_printf(text, ", allow_failure: [s%u]", low);
        }
    } else if (one_in(rng, 5)) {
        buf_printf(text, ", allow_failure: true");
    }
    buf_printf(text, " }\n");
}

/* Makes the flow <name>, whose subflows are runs of <subflow>. */
static void add_flow(struct world *world, struct rng *rng, const char *name, const char *subflow,
                     uint32_t steps_max)
{
    CLEANUP_BUF struct buf text = BUF_INIT(1 << 20);
    uint32_t main_count = 1 + (uint32_t)rng_below(rng, steps_max);
    uint32_t finally_count = one_in(rng, 2) ? 1 + (uint32_t)rng_below(rng, 4) : 0;
    buf_printf(&text, "flow: %s\n", name);
    if (one_in(rng, 5)) {
        buf_printf(&text, "task_runner: { type: sequential }\n");
    } else if (one_in(rng, 2)) {
        buf_printf(&text, "task_runner: { type: concurrent, width: %u }\n",
                   1 + (unsigned)rng_below(rng, 5));
    }
    buf_printf(&text, "steps:\n");
    for (uint32_t step = 0; step < main_count; step++) {
        add_step(&text, rng, 0, step, subflow);
    }
    if (finally_count > 0) {
        buf_printf(&text, "finally:\n");
    }
    for (uint32_t step = main_count; step < main_count + finally_count; step++) {
        add_step(&text, rng, main_count, step, subflow);
    }
    if (one_in(rng, 3)) {
        buf_printf(&text, "output: '${steps.s0}'\n");
    }
    sim_flow(world->sim, buf_cstr(&text));
}

/* A world with three flows, each of which may call the next. */
static struct world world_new(uint64_t seed)
{
    struct world world = {.sim = sim_new(seed), .seed = seed, .bad_things = seed % 5 != 0};
    struct rng rng;
    rng_seed(&rng, seed * 31 + 7);
    add_flow(&world, &rng, "third", NULL, 4);
    add_flow(&world, &rng, "second", "third", 8);
    add_flow(&world, &rng, "first", "second", STEPS_MAX);
    world.sim->lanes = 1 + (uint32_t)rng_below(&rng, 3);
    world.sim->plan = plan_now;
    world.sim->map_count = map_now;
    world.sim->ring_timeouts = true;
    sim_shuffle(world.sim);
    return world;
}

/* The root run. */
static struct run *root(const struct world *world)
{
    return core_run(world->sim->core, 1);
}

/* True when the root run has ended. */
static bool root_over(const struct world *world)
{
    return state_terminal((enum state)root(world)->state);
}

/* All runs and tasks must have ended. */
static void check_all_over(const struct world *world)
{
    size_t cursor = 0;
    struct run *run = core_run_next(world->sim->core, &cursor);
    while (run) {
        cr_assert(state_terminal((enum state)run->state), "seed %lu: run %lu is still %s",
                  (unsigned long)world->seed, (unsigned long)run->number,
                  state_name((enum state)run->state));
        for (uint32_t index = 0; index < run->task_count; index++) {
            cr_assert(state_terminal((enum state)run->tasks[index].state));
        }
        run = core_run_next(world->sim->core, &cursor);
    }
}

/* The root run must have come to what the oracle says. */
static void check_oracle(const struct world *world)
{
    struct run *run = root(world);
    enum state states[STEPS_MAX + 10];
    enum state end = oracle_run(world, run->flow, states);
    for (uint32_t step = 0; step < run->flow->step_count; step++) {
        cr_assert_eq(run->tasks[step].state, states[step], "seed %lu: s%u is %s, not %s",
                     (unsigned long)world->seed, (unsigned)step,
                     state_name((enum state)run->tasks[step].state), state_name(states[step]));
    }
    for (uint32_t index = run->flow->step_count; index < run->task_count; index++) {
        const struct task *child = &run->tasks[index];
        enum state expected = oracle_task(world, run->flow, child->step, child->map_index);
        cr_assert_eq(child->state, expected);
    }
    cr_assert_eq(run->state, end, "seed %lu", (unsigned long)world->seed);
}

/* ---- properties --------------------------------------------------------------------------- */

Test(core_property, whatever_the_order_of_answers_runs_come_to_what_the_oracle_says)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world = world_new(seed);
        world.sim->user = &world;
        sim_submit(world.sim, "first");
        sim_drain(world.sim);
        check_all_over(&world);
        check_oracle(&world);
        sim_free(world.sim);
    }
}

Test(core_property, attempts_that_are_handed_back_change_nothing)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world = world_new(seed);
        world.sim->user = &world;
        sim_submit(world.sim, "first");
        while (sim_step(world.sim)) {
            size_t count = world.sim->todo_count;
            if (count > 0 && one_in(&world.sim->rng, 4)) {
                sim_return(world.sim, rng_below(&world.sim->rng, count));
            }
        }
        check_all_over(&world);
        check_oracle(&world);
        sim_free(world.sim);
    }
}

Test(core_property, restarts_change_nothing)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world = world_new(seed);
        world.sim->user = &world;
        sim_submit(world.sim, "first");
        uint64_t restart_in = 1 + rng_below(&world.sim->rng, 100);
        while (!root_over(&world) && sim_step(world.sim)) {
            restart_in--;
            if (restart_in == 0 && !root_over(&world)) {
                sim_restart(world.sim);
                restart_in = 1 + rng_below(&world.sim->rng, 400);
            }
        }
        sim_drain(world.sim);
        check_all_over(&world);
        check_oracle(&world);
        sim_free(world.sim);
    }
}

Test(core_property, a_restored_run_is_the_run_that_was)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world = world_new(seed);
        world.sim->user = &world;
        sim_submit(world.sim, "first");
        uint64_t events = 1 + rng_below(&world.sim->rng, 300);
        while (events > 0 && !root_over(&world) && sim_step(world.sim)) {
            events--;
        }
        if (!root_over(&world)) {
            const struct run *before = root(&world);
            uint32_t task_count = before->task_count;
            enum state *states = calloc(task_count, sizeof *states);
            for (uint32_t index = 0; index < task_count; index++) {
                states[index] = (enum state)before->tasks[index].state;
            }
            bool in_finally = before->in_finally;
            sim_restart(world.sim);
            const struct run *after = root(&world);
            cr_assert_eq(after->task_count, task_count);
            cr_assert_eq(after->in_finally, in_finally);
            for (uint32_t index = 0; index < task_count; index++) {
                const struct task *task = &after->tasks[index];
                bool own_attempt = state_running(states[index]) && task->child_run == 0 &&
                                   !core_task_is_map(after, task);
                cr_assert_eq(task->state, own_attempt ? STATE_PENDING : states[index]);
            }
            free(states);
        }
        sim_free(world.sim);
    }
}

Test(core_property, a_cancel_at_any_moment_ends_everything)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world = world_new(seed);
        world.sim->user = &world;
        sim_submit(world.sim, "first");
        uint64_t events = rng_below(&world.sim->rng, 200);
        while (events > 0 && sim_step(world.sim)) {
            events--;
        }
        bool was_over = root_over(&world);
        bool restart = one_in(&world.sim->rng, 2);
        int err = sim_cancel(world.sim, root(&world));
        cr_assert_eq(err, was_over ? ERR_CONFLICT : 0);
        events = rng_below(&world.sim->rng, 20);
        while (events > 0 && sim_step(world.sim)) {
            events--;
        }
        if (restart && !root_over(&world)) {
            sim_restart(world.sim);
        }
        sim_drain(world.sim);
        check_all_over(&world);
        cr_assert(was_over || root(&world)->state == STATE_CANCELLED);
        sim_free(world.sim);
    }
}

Test(core_property, a_cancelled_subflow_ends_and_so_does_all_above_it)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world = world_new(seed);
        world.sim->user = &world;
        sim_submit(world.sim, "first");
        uint64_t events = rng_below(&world.sim->rng, 200);
        while (events > 0 && sim_step(world.sim)) {
            events--;
        }
        uint64_t number = 1 + rng_below(&world.sim->rng, core_run_count(world.sim->core));
        struct run *run = core_run(world.sim->core, number);
        bool was_over = state_terminal((enum state)run->state);
        cr_assert_eq(sim_cancel(world.sim, run), was_over ? ERR_CONFLICT : 0);
        sim_drain(world.sim);
        check_all_over(&world);
        cr_assert(was_over || run->state == STATE_CANCELLED);
        sim_free(world.sim);
    }
}

Test(core_property, a_manual_retry_after_all_troubles_are_gone_completes)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world = world_new(seed);
        world.sim->user = &world;
        sim_submit(world.sim, "first");
        if (one_in(&world.sim->rng, 3)) {
            uint64_t events = rng_below(&world.sim->rng, 100);
            while (events > 0 && sim_step(world.sim)) {
                events--;
            }
            sim_cancel(world.sim, root(&world));
        }
        sim_drain(world.sim);
        if (root(&world)->state != STATE_COMPLETED) {
            world.bad_things = false;
            sim_retry(world.sim, 1);
            sim_drain(world.sim);
            cr_assert_eq(root(&world)->state, STATE_COMPLETED, "seed %lu", (unsigned long)seed);
        }
        check_all_over(&world);
        sim_free(world.sim);
    }
}
