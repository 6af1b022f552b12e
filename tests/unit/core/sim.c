/*
 * A small drive for tests of core; see sim.h.
 */
#include "sim.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "model/diag.h"

/* Runs with more tasks are not checked after every event. */
enum { CHECKED_TASKS_MAX = 3000 };

struct sim_row {
    uint8_t *bytes;
    size_t len;
    struct val result;
    enum state state;
};

struct row_key {
    uint64_t run;
    uint64_t task;
};

static const uint8_t one_bytes[] = {0x01};
static const uint8_t empty_map[] = {0x80};
static const struct val one = {one_bytes, 1};
static const struct val no_params = {empty_map, 1};

static void take_decisions(struct sim *sim);

/* ---- life --------------------------------------------------------------------------------- */

struct sim *sim_new(uint64_t seed)
{
    struct sim *sim = xcalloc(1, sizeof *sim);
    sim->core = core_new(seed, 1);
    rng_seed(&sim->rng, seed);
    sim->wall_us = 1000000;
    sim->rows = map_new();
    sim->flows = map_new();
    sim->stamps = map_new();
    sim->lanes = 1;
    sim->code = "test.failed";
    sim->retry_after_ms = -1;
    return sim;
}

void sim_free(struct sim *sim)
{
    size_t cursor = 0;
    struct str key = STR_NONE;
    void *value = NULL;
    while (map_next(sim->rows, &cursor, &key, &value)) {
        struct sim_row *row = value;
        free(row->bytes);
        free((void *)(uintptr_t)row->result.ptr);
        free(row);
    }
    cursor = 0;
    while (map_next(sim->flows, &cursor, &key, &value)) {
        flow_unref(value);
    }
    core_free(sim->core);
    core_decisions_done(&sim->out);
    map_free(sim->rows);
    map_free(sim->flows);
    map_free(sim->stamps);
    free(sim->todo);
    free(sim);
}

struct flow *sim_flow(struct sim *sim, const char *text)
{
    struct diag_list *diags = diag_new("test.yaml", str_of(text));
    struct flow *flow = NULL;
    int err = flow_parse(str_of(text), NULL, diags, &flow);
    if (err) {
        CLEANUP_BUF struct buf all = BUF_INIT(1 << 20);
        diag_render(diags, false, &all);
        cr_assert_fail("the flow does not parse: %s", buf_cstr(&all));
    }
    diag_free(diags);
    struct flow *former = map_put(sim->flows, flow->name, flow);
    flow_unref(former);
    return flow;
}

/* ---- the store ---------------------------------------------------------------------------- */

/* The row of a run or task, or NULL. */
static struct sim_row *row_find(const struct sim *sim, uint64_t run, uint32_t task)
{
    struct row_key key = {run, task};
    return map_get(sim->rows, MAP_KEY(key));
}

struct str sim_row(const struct sim *sim, uint64_t run, uint32_t task)
{
    const struct sim_row *row = row_find(sim, run, task);
    return row ? (struct str){(const char *)row->bytes, row->len} : STR_NONE;
}

/* The state that was recorded last. */
static enum state recorded_state(const struct sim *sim, uint64_t run, uint32_t task)
{
    const struct sim_row *row = row_find(sim, run, task);
    if (row) {
        return row->state;
    }
    return task == CORE_NO_TASK ? STATE_NONE : STATE_PENDING;
}

/* Writes the row as it is now, as of a record that says <state>. */
static void row_write(struct sim *sim, const struct core_decision *decision)
{
    struct row_key key = {decision->run->number, decision->task};
    struct sim_row *row = map_get(sim->rows, MAP_KEY(key));
    if (!row) {
        row = xcalloc(1, sizeof *row);
        map_put(sim->rows, MAP_KEY(key), row);
    }
    CLEANUP_BUF struct buf bytes = BUF_INIT(1 << 24);
    struct val result = VAL_NONE;
    if (decision->task == CORE_NO_TASK) {
        record_run(decision->run, &bytes);
    } else {
        record_task(decision->run, &decision->run->tasks[decision->task], &bytes);
        result = decision->run->tasks[decision->task].result;
    }
    cr_assert_eq(buf_err(&bytes), 0);
    free(row->bytes);
    free((void *)(uintptr_t)row->result.ptr);
    row->bytes = buf_take(&bytes, &row->len);
    row->result = result.ptr ? (struct val){xmemdup(result.ptr, result.len), result.len} : VAL_NONE;
    row->state = decision->to;
}

/* ---- checks ------------------------------------------------------------------------------- */

/* A record must follow the one before, and the table. */
static void check_record(struct sim *sim, const struct core_decision *decision)
{
    enum state before = recorded_state(sim, decision->run->number, decision->task);
    cr_assert_eq(before, decision->from, "a record says from %s, but it was %s",
                 state_name(decision->from), state_name(before));
    bool ok =
        state_move_ok(decision->from, decision->to) || state_reset_ok(decision->from, decision->to);
    cr_assert(ok, "%s to %s", state_name(decision->from), state_name(decision->to));
}

/* A task may start only when all that it needs is there. */
static void check_start(struct sim *sim, const struct core_decision *decision)
{
    const struct run *run = decision->run;
    const struct task *task = &run->tasks[decision->task];
    const struct flow_step *step = &run->flow->steps[task->step];
    cr_assert_eq(task->place, CORE_PLACE_AT_WORK);
    cr_assert(state_running((enum state)task->state));
    cr_assert_eq(task->epoch, decision->epoch);
    cr_assert(task->input.ptr);
    for (uint32_t index = 0; index < step->dep_count; index++) {
        const struct task *dep = &run->tasks[step->deps[index].step];
        cr_assert(state_terminal((enum state)dep->state));
        bool fine = state_completed((enum state)dep->state) || step->deps[index].tolerated ||
                    run->flow->steps[dep->step].allow_failure;
        cr_assert(fine);
    }
    for (uint32_t index = 0; index < run->flow->main_count; index++) {
        bool over = run->tasks[index].place == CORE_PLACE_OVER;
        cr_assert(over || task->step < run->flow->main_count);
    }
    /* First come, first served: nobody who waits in this lane came before. */
    struct row_key key = {run->number, task->index};
    uintptr_t stamp = (uintptr_t)map_remove(sim->stamps, MAP_KEY(key));
    size_t cursor = 0;
    struct str other_key = STR_NONE;
    void *other_stamp = NULL;
    while (!sim->no_checks && map_next(sim->stamps, &cursor, &other_key, &other_stamp)) {
        struct row_key other;
        memcpy(&other, other_key.ptr, sizeof other);
        const struct run *other_run = core_run(sim->core, other.run);
        const struct task *waiting = other_run ? &other_run->tasks[other.task] : NULL;
        if (waiting && waiting->place == CORE_PLACE_FOR_HOST && waiting->lane == task->lane) {
            cr_assert(stamp <= (uintptr_t)other_stamp, "a lane let somebody overtake");
        }
    }
}

/* Counters must be what a fresh count gives. */
static void check_run(struct sim *sim, struct run *run)
{
    uint32_t active = 0;
    uint32_t ahead = 0;
    uint32_t open = 0;
    for (uint32_t index = 0; index < run->task_count; index++) {
        const struct task *task = &run->tasks[index];
        bool map = core_task_is_map(run, task);
        bool terminal = state_terminal((enum state)task->state);
        cr_assert_eq(terminal, task->place == CORE_PLACE_OVER);
        cr_assert_eq(task->state, recorded_state(sim, run->number, index));
        active +=
            !map && (task->place == CORE_PLACE_FOR_HOST || task->place == CORE_PLACE_SUBMITTING ||
                     task->place == CORE_PLACE_AT_WORK);
        ahead += task->place >= CORE_PLACE_PREPARING && task->place <= CORE_PLACE_SUBMITTING;
        bool in_phase = (task->step >= run->flow->main_count) == run->in_finally;
        open += index < run->flow->step_count && in_phase && !terminal;
        cr_assert(!terminal || !task->input.ptr);
        struct row_key key = {run->number, index};
        if (task->place != CORE_PLACE_FOR_HOST) {
            map_remove(sim->stamps, MAP_KEY(key));
        } else if (!map_get(sim->stamps, MAP_KEY(key))) {
            map_put(sim->stamps, MAP_KEY(key), (void *)(uintptr_t)sim->now);
        }
    }
    cr_assert_eq(run->active, active);
    cr_assert_eq(run->ahead, ahead);
    cr_assert_leq(run->active, run->width);
    cr_assert_leq(run->ahead, CORE_AHEAD_MAX + run->busy);
    if (state_terminal((enum state)run->state)) {
        cr_assert_eq(open, 0);
        cr_assert_eq(active, 0);
    } else {
        cr_assert_eq(run->open, open);
    }
    cr_assert_eq(run->state, recorded_state(sim, run->number, CORE_NO_TASK));
}

/* Checks all runs. */
static void check_all(struct sim *sim)
{
    size_t cursor = 0;
    struct run *run = core_run_next(sim->core, &cursor);
    while (run) {
        if (run->task_count <= CHECKED_TASKS_MAX && !sim->no_checks && !run->restoring) {
            check_run(sim, run);
        }
        run = core_run_next(sim->core, &cursor);
    }
}

/* ---- decisions ---------------------------------------------------------------------------- */

/* Remembers what core asks for. */
static void todo_add(struct sim *sim, struct sim_todo todo)
{
    if (sim->todo_first + sim->todo_count == sim->todo_cap) {
        if (sim->todo_first > sim->todo_cap / 2) {
            memmove(sim->todo, sim->todo + sim->todo_first, sim->todo_count * sizeof *sim->todo);
        } else {
            sim->todo_cap = sim->todo_cap ? 2 * sim->todo_cap : 64;
            sim->todo = xreallocarray(sim->todo, sim->todo_cap, sizeof *sim->todo);
            memmove(sim->todo, sim->todo + sim->todo_first, sim->todo_count * sizeof *sim->todo);
        }
        sim->todo_first = 0;
    }
    sim->todo[sim->todo_first + sim->todo_count] = todo;
    sim->todo_count++;
}

/* Takes the <index>-th thing to do out. */
static struct sim_todo todo_take(struct sim *sim, size_t index)
{
    struct sim_todo *list = sim->todo + sim->todo_first;
    struct sim_todo todo = list[index];
    memmove(list + 1, list, index * sizeof *list);
    sim->todo_first++;
    sim->todo_count--;
    return todo;
}

/* The running attempt of a task among the things to do, or -1. */
static int64_t todo_find_run(const struct sim *sim, uint64_t run, uint32_t task)
{
    for (size_t index = 0; index < sim->todo_count; index++) {
        const struct sim_todo *todo = &sim->todo[sim->todo_first + index];
        if (todo->ask == SIM_ASK_RUN && todo->run == run && todo->task == task) {
            return (int64_t)index;
        }
    }
    return -1;
}

/* Notes a start. */
static void take_start(struct sim *sim, const struct core_decision *decision)
{
    if (!sim->no_checks) {
        check_start(sim, decision);
    }
    sim->start_count++;
    char name[CORE_TASK_NAME_SIZE];
    core_task_name(decision->run, &decision->run->tasks[decision->task], name);
    size_t len = strlen(sim->started);
    if (len + strlen(name) + 2 < sizeof sim->started) {
        snprintf(sim->started + len, sizeof sim->started - len, "%s ", name);
    }
}

/* Marks the attempt as killed. */
static void take_kill(struct sim *sim, const struct core_decision *decision)
{
    sim->kill_count++;
    int64_t index = todo_find_run(sim, decision->run->number, decision->task);
    cr_assert_geq(index, 0, "a kill without an attempt");
    sim->todo[sim->todo_first + (size_t)index].killed = true;
}

/* Takes one decision in. */
static void take_decision(struct sim *sim, const struct core_decision *decision)
{
    struct sim_todo todo = {
        .run = decision->run->number,
        .task = decision->task,
        .epoch = decision->epoch,
        .timer = decision->timer,
        .due_us = sim->wall_us + decision->delay_us,
    };
    switch (decision->type) {
    case CORE_DO_RECORD:
        sim->record_count++;
        if (decision->run->number > sim->last_run) {
            sim->last_run = decision->run->number;
        }
        check_record(sim, decision);
        row_write(sim, decision);
        return;
    case CORE_DO_PREPARE:
        todo.ask = SIM_ASK_PREPARE;
        break;
    case CORE_DO_MAP:
        todo.ask = SIM_ASK_MAP;
        break;
    case CORE_DO_START:
        take_start(sim, decision);
        todo.ask = SIM_ASK_RUN;
        break;
    case CORE_DO_SUBMIT:
        todo.ask = SIM_ASK_SUBMIT;
        break;
    case CORE_DO_KILL:
        take_kill(sim, decision);
        return;
    case CORE_DO_TIMER:
        sim->timer_delay_us = decision->delay_us;
        todo.ask = SIM_ASK_TIMER;
        break;
    case CORE_DO_OUTPUT:
        todo.ask = SIM_ASK_OUTPUT;
        break;
    case CORE_DO_NOTIFY:
        sim->notify_count++;
        return;
    case CORE_DO_FORGET:
        sim->forget_count++;
        return;
    }
    todo_add(sim, todo);
}

/* Takes all decisions in. */
static void take_decisions(struct sim *sim)
{
    sim->now++;
    for (uint32_t index = 0; index < sim->out.count; index++) {
        take_decision(sim, &sim->out.list[index]);
    }
    sim->now++;
    check_all(sim);
}

int sim_apply(struct sim *sim, struct core_event *event)
{
    event->wall_us = sim->wall_us;
    int err = core_apply(sim->core, event, &sim->out, NULL);
    if (!err && event->type == CORE_RETURNED) {
        /* Who is handed back goes to the front. */
        struct row_key key = {event->run, event->task};
        map_put(sim->stamps, MAP_KEY(key), (void *)(uintptr_t)1);
    }
    take_decisions(sim);
    return err;
}

/* ---- answers ------------------------------------------------------------------------------ */

/* Submits a run, as the subflow of a task if <parent> is there. */
static int submit(struct sim *sim, struct str flow_name, const struct sim_todo *parent,
                  struct run **ret_run)
{
    struct flow *flow = map_get(sim->flows, flow_name);
    cr_assert(flow, "there is no flow %.*s", STR_ARGS(flow_name));
    struct core_event event = {
        .type = CORE_SUBMIT,
        .wall_us = sim->wall_us,
        .submit = {.flow = flow_ref(flow),
                   .base_dir = "/tmp",
                   .params = no_params,
                   .parent_run = parent ? parent->run : 0,
                   .parent_task = parent ? parent->task : 0},
    };
    int err = core_apply(sim->core, &event, &sim->out, ret_run);
    if (err) {
        flow_unref(flow);
    }
    take_decisions(sim);
    return err;
}

struct run *sim_submit(struct sim *sim, const char *flow_name)
{
    struct run *run = NULL;
    int err = submit(sim, str_of(flow_name), NULL, &run);
    cr_assert_eq(err, 0);
    return run;
}

void sim_plan(struct sim *sim, const char *task_name, enum sim_plan plan)
{
    for (uint32_t index = 0; index < sim->plan_count; index++) {
        if (strcmp(sim->plans[index].name, task_name) == 0) {
            sim->plans[index].plan = plan;
            return;
        }
    }
    cr_assert_lt(sim->plan_count, 64);
    snprintf(sim->plans[sim->plan_count].name, 64, "%s", task_name);
    sim->plans[sim->plan_count].plan = plan;
    sim->plan_count++;
}

/* What is planned for a task. */
static enum sim_plan plan_of(const struct sim *sim, const struct run *run, const struct task *task)
{
    char name[CORE_TASK_NAME_SIZE];
    core_task_name(run, task, name);
    for (uint32_t index = 0; index < sim->plan_count; index++) {
        if (strcmp(sim->plans[index].name, name) == 0) {
            return sim->plans[index].plan;
        }
    }
    return sim->plan ? sim->plan(sim->user, run, task) : SIM_OK;
}

/* Answers CORE_DO_PREPARE. */
static void answer_prepare(struct sim *sim, enum sim_plan plan, uint32_t lane,
                           struct core_event *event)
{
    event->type = CORE_PREPARED;
    event->prepared.how = CORE_PREPARED_RUN;
    event->prepared.input = one;
    event->prepared.lane = lane % sim->lanes;
    if (plan == SIM_SKIP) {
        event->prepared.how = CORE_PREPARED_SKIP;
    } else if (plan == SIM_HIT) {
        event->prepared.how = CORE_PREPARED_HIT;
        event->prepared.result = one;
    } else if (plan == SIM_BROKEN) {
        event->prepared.how = CORE_PREPARED_FAIL;
        event->prepared.code = "input.invalid";
        event->prepared.text = "the input is broken";
    }
}

/* Answers CORE_DO_MAP. */
static void answer_map(struct sim *sim, const struct run *run, const struct task *task,
                       struct core_event *event)
{
    int64_t count = sim->map_count ? sim->map_count(sim->user, run, task) : 2;
    event->type = CORE_MAPPED;
    event->mapped.skip = count == -2;
    event->mapped.failed = count == -1;
    event->mapped.count = count > 0 ? (uint32_t)count : 0;
    event->mapped.code = "map.invalid";
    event->mapped.text = "the list is not a list";
}

/* Answers CORE_DO_START. */
static void answer_run(struct sim *sim, enum sim_plan plan, bool killed, struct core_event *event)
{
    static const enum core_outcome outcomes[] = {
        [SIM_OK] = CORE_OUTCOME_OK,          [SIM_FAIL] = CORE_OUTCOME_FAIL,
        [SIM_RETRY] = CORE_OUTCOME_RETRY,    [SIM_CRASH] = CORE_OUTCOME_CRASHED,
        [SIM_HANG] = CORE_OUTCOME_CANCELLED, [SIM_TIMED_OUT] = CORE_OUTCOME_TIMED_OUT,
        [SIM_DEAF] = CORE_OUTCOME_OK,        [SIM_CANCELLED] = CORE_OUTCOME_CANCELLED,
        [SIM_WAIT] = CORE_OUTCOME_OK,
    };
    event->type = CORE_ENDED;
    event->ended.outcome = outcomes[plan];
    if (killed && plan != SIM_DEAF) {
        event->ended.outcome = CORE_OUTCOME_CANCELLED;
    }
    event->ended.code = sim->code;
    event->ended.text = "it did not work";
    event->ended.retry_after_ms = sim->retry_after_ms;
    event->ended.result = one;
}

/* Answers CORE_DO_OUTPUT. */
static void answer_output(const struct sim *sim, struct core_event *event)
{
    event->type = CORE_OUTPUT;
    event->output.failed = sim->output_fails;
    event->output.result = one;
    event->output.code = "expression.failed";
    event->output.text = "the output is broken";
}

/* True when the plans let this be answered now. */
static bool answerable(const struct sim *sim, const struct sim_todo *todo)
{
    const struct run *run = core_run(sim->core, todo->run);
    if (!run || todo->task == CORE_NO_TASK) {
        return todo->ask == SIM_ASK_OUTPUT;
    }
    const struct task *task = &run->tasks[todo->task];
    enum sim_plan plan = plan_of(sim, run, task);
    switch (todo->ask) {
    case SIM_ASK_TIMER:
        /* Timeouts ring for attempts that hang, and too late for all others. */
        return todo->timer == CORE_TIMER_RETRY || (sim->ring_timeouts && plan == SIM_HANG) ||
               task->epoch != todo->epoch || task->place == CORE_PLACE_OVER;
    case SIM_ASK_RUN:
        return (plan != SIM_HANG && plan != SIM_DEAF) || (todo->killed && plan != SIM_DEAF);
    case SIM_ASK_PREPARE:
    case SIM_ASK_MAP:
    case SIM_ASK_SUBMIT:
        return plan != SIM_WAIT;
    case SIM_ASK_OUTPUT:
        break;
    }
    return true;
}

/* Gives one answer, whatever core makes of it. */
static int answer(struct sim *sim, const struct sim_todo *todo)
{
    struct core_event event = {.run = todo->run, .task = todo->task, .epoch = todo->epoch};
    struct run *run = core_run(sim->core, todo->run);
    if (!run) {
        return ERR_NOT_FOUND;
    }
    struct task *task = todo->task == CORE_NO_TASK ? NULL : &run->tasks[todo->task];
    enum sim_plan plan = task ? plan_of(sim, run, task) : SIM_OK;
    sim->wall_us += 10;
    switch (todo->ask) {
    case SIM_ASK_PREPARE:
        answer_prepare(sim, plan, task->step, &event);
        break;
    case SIM_ASK_MAP:
        answer_map(sim, run, task, &event);
        break;
    case SIM_ASK_RUN:
        answer_run(sim, plan, todo->killed, &event);
        break;
    case SIM_ASK_SUBMIT: {
        struct run *child = NULL;
        if (task->epoch != todo->epoch || task->place != CORE_PLACE_SUBMITTING) {
            return ERR_CONFLICT;
        }
        return submit(sim, run->flow->steps[task->step].target, todo, &child);
    }
    case SIM_ASK_OUTPUT:
        answer_output(sim, &event);
        break;
    case SIM_ASK_TIMER:
        sim->wall_us = todo->due_us > sim->wall_us ? todo->due_us : sim->wall_us;
        event.type = CORE_TIMER;
        event.timer.timer = todo->timer;
        break;
    }
    return sim_apply(sim, &event);
}

/* Gives capacity to a lane that wants some; false when none does. */
static bool give_capacity(struct sim *sim)
{
    if (sim->manual_capacity) {
        return false;
    }
    for (uint32_t lane = 0; lane < sim->lanes; lane++) {
        if (core_lane_waiting(sim->core, lane) > 0) {
            uint32_t room = sim->shuffle ? 1 + (uint32_t)rng_below(&sim->rng, 4) : 1000;
            sim_capacity(sim, lane, room);
            return true;
        }
    }
    return false;
}

bool sim_step(struct sim *sim)
{
    bool capacity_first = !sim->shuffle || rng_below(&sim->rng, 3) == 0;
    if (capacity_first && give_capacity(sim)) {
        return true;
    }
    size_t offset = sim->shuffle && sim->todo_count ? rng_below(&sim->rng, sim->todo_count) : 0;
    for (size_t index = 0; index < sim->todo_count; index++) {
        size_t place = (index + offset) % sim->todo_count;
        if (answerable(sim, &sim->todo[sim->todo_first + place])) {
            struct sim_todo todo = todo_take(sim, place);
            answer(sim, &todo);
            return true;
        }
    }
    return give_capacity(sim);
}

void sim_drain(struct sim *sim)
{
    while (sim_step(sim)) {
    }
}

void sim_shuffle(struct sim *sim)
{
    sim->shuffle = true;
}

int sim_ring(struct sim *sim, enum core_timer timer)
{
    for (size_t index = 0; index < sim->todo_count; index++) {
        const struct sim_todo *todo = &sim->todo[sim->todo_first + index];
        if (todo->ask == SIM_ASK_TIMER && todo->timer == timer) {
            struct sim_todo taken = todo_take(sim, index);
            return answer(sim, &taken);
        }
    }
    cr_assert_fail("there is no such timer");
    return 0;
}

int sim_end(struct sim *sim, struct run *run, const char *task_name, enum core_outcome outcome)
{
    uint32_t task = sim_task(run, task_name)->index;
    int64_t index = todo_find_run(sim, run->number, task);
    cr_assert_geq(index, 0, "%s does not run", task_name);
    struct sim_todo todo = todo_take(sim, (size_t)index);
    struct core_event event = {
        .type = CORE_ENDED,
        .run = run->number,
        .task = task,
        .epoch = todo.epoch,
        .ended = {.outcome = outcome,
                  .code = sim->code,
                  .text = "it did not work",
                  .retry_after_ms = sim->retry_after_ms,
                  .result = one},
    };
    return sim_apply(sim, &event);
}

int sim_return(struct sim *sim, size_t index)
{
    const struct sim_todo *todo = &sim->todo[sim->todo_first + index];
    if (todo->ask != SIM_ASK_RUN) {
        return ERR_CONFLICT;
    }
    struct sim_todo taken = todo_take(sim, index);
    struct core_event event = {
        .type = CORE_RETURNED, .run = taken.run, .task = taken.task, .epoch = taken.epoch};
    return sim_apply(sim, &event);
}

int sim_cancel(struct sim *sim, struct run *run)
{
    struct core_event event = {
        .type = CORE_CANCEL, .run = run->number, .cancel = {.text = "the test wants it"}};
    return sim_apply(sim, &event);
}

int sim_capacity(struct sim *sim, uint32_t lane, uint32_t room)
{
    struct core_event event = {.type = CORE_CAPACITY, .capacity = {.lane = lane, .room = room}};
    return sim_apply(sim, &event);
}

/* ---- restoring ---------------------------------------------------------------------------- */

/* Begins to restore a run from its rows. */
static struct run *restore_begin(struct sim *sim, uint64_t number)
{
    struct run_row row;
    struct run *run = NULL;
    int err = record_parse_run(sim_row(sim, number, CORE_NO_TASK), &row, &sim->why);
    cr_assert_eq(err, 0, "%s", sim->why.text);
    struct flow *flow = map_get(sim->flows, row.flow_name);
    err = core_restore_begin(sim->core, number, &row, flow_ref(flow), &run, &sim->why);
    cr_assert_eq(err, 0, "%s", sim->why.text);
    for (uint32_t index = 0; index < run->task_count; index++) {
        const struct sim_row *stored = row_find(sim, number, index);
        if (stored) {
            struct task_row task_row;
            struct str bytes = {(const char *)stored->bytes, stored->len};
            err = record_parse_task(bytes, &task_row, &sim->why);
            cr_assert_eq(err, 0, "%s", sim->why.text);
            err = core_restore_task(run, &task_row, stored->result, &sim->why);
            cr_assert_eq(err, 0, "%s", sim->why.text);
        }
    }
    return run;
}

void sim_restart(struct sim *sim)
{
    core_free(sim->core);
    sim->core = core_new(7, sim->last_run + 1);
    sim->todo_count = 0;
    map_free(sim->stamps);
    sim->stamps = map_new();
    for (uint64_t number = 1; number <= sim->last_run; number++) {
        enum state state = recorded_state(sim, number, CORE_NO_TASK);
        if (state != STATE_NONE && !state_terminal(state)) {
            restore_begin(sim, number);
        }
    }
    for (uint64_t number = 1; number <= sim->last_run; number++) {
        uint64_t turn = sim->children_first ? sim->last_run + 1 - number : number;
        struct run *run = core_run(sim->core, turn);
        if (run) {
            int err = core_restore_end(sim->core, run, false, sim->wall_us, &sim->out, &sim->why);
            cr_assert_eq(err, 0, "%s", sim->why.text);
            take_decisions(sim);
        }
    }
}

void sim_lose(struct sim *sim, uint64_t run)
{
    row_find(sim, run, CORE_NO_TASK)->state = STATE_NONE;
}

struct run *sim_retry(struct sim *sim, uint64_t number)
{
    core_forget(sim->core, number);
    struct run *run = restore_begin(sim, number);
    int err = core_restore_end(sim->core, run, true, sim->wall_us, &sim->out, &sim->why);
    cr_assert_eq(err, 0, "%s", sim->why.text);
    take_decisions(sim);
    return run;
}

/* ---- looking ------------------------------------------------------------------------------ */

struct task *sim_task(struct run *run, const char *task_name)
{
    for (uint32_t index = 0; index < run->task_count; index++) {
        char name[CORE_TASK_NAME_SIZE];
        core_task_name(run, &run->tasks[index], name);
        if (strcmp(name, task_name) == 0) {
            return &run->tasks[index];
        }
    }
    cr_assert_fail("there is no task %s", task_name);
    return NULL;
}

enum state sim_state(struct run *run, const char *task_name)
{
    return (enum state)sim_task(run, task_name)->state;
}
