/*
 * Consequences of ends; see advance.h.
 */
#include "core/advance.h"

#include <inttypes.h>

#include "base/must.h"
#include "core/attempt.h"
#include "core/decide.h"
#include "core/live.h"
#include "core/queue.h"
#include "core/stop.h"

/* Mark in waiting_on: a dependency has ended such that the task can not run. */
#define HOPELESS UINT32_MAX

static const uint8_t empty_map_bytes[] = {0x80};

uint32_t advance_phase_first(const struct run *run)
{
    return run->in_finally ? run->flow->main_count : 0;
}

uint32_t advance_phase_end(const struct run *run)
{
    return run->in_finally ? run->flow->step_count : run->flow->main_count;
}

/* True when <step> may run although <dep>, which has ended, may not have completed. */
static bool dep_satisfied(const struct run *run, const struct flow_dep *dep)
{
    const struct task *task = &run->tasks[dep->step];
    return state_completed((enum state)task->state) || dep->tolerated ||
           run->flow->steps[dep->step].allow_failure;
}

/* The edge from <step> to <earlier>. */
static const struct flow_dep *dep_find(const struct flow_step *step, uint32_t earlier)
{
    uint32_t low = 0;
    uint32_t high = step->dep_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (step->deps[middle].step < earlier) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    must(low < step->dep_count && step->deps[low].step == earlier);
    return &step->deps[low];
}

/* Ends a task that can not run because <earlier> did not complete, and the children that it may
 * have from before a manual retry. */
static void upstream_failed(struct core *core, struct run *run, struct task *task, uint32_t earlier)
{
    CLEANUP_BUF struct buf text = BUF_INIT(CORE_TEXT_MAX);
    buf_printf(&text, "it needs %.*s, which did not complete (%s)",
               STR_ARGS(run->flow->steps[earlier].name),
               state_name((enum state)run->tasks[earlier].state));
    attempt_finish(core, run, task, STATE_UPSTREAM_FAILED, "upstream.failed", buf_cstr(&text),
                   VAL_NONE);
    const struct run_step *step = &run->steps[task->index];
    for (uint32_t index = 0; index < step->child_count; index++) {
        struct task *child = &run->tasks[step->first_child + index];
        if (child->place != CORE_PLACE_OVER) {
            attempt_finish(core, run, child, STATE_UPSTREAM_FAILED, "upstream.failed",
                           buf_cstr(&text), VAL_NONE);
        }
    }
}

/* What <task> waits for now: a number of dependencies, or HOPELESS. */
static uint32_t count_waiting(const struct run *run, const struct task *task)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    uint32_t waiting = 0;
    for (uint32_t index = 0; index < step->dep_count; index++) {
        const struct flow_dep *dep = &step->deps[index];
        if (run->tasks[dep->step].place != CORE_PLACE_OVER) {
            waiting++;
        } else if (!dep_satisfied(run, dep)) {
            return HOPELESS;
        }
    }
    return waiting;
}

/* The first dependency of <task> that makes it hopeless. */
static uint32_t first_failed_dep(const struct run *run, const struct task *task)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    for (uint32_t index = 0; index < step->dep_count; index++) {
        const struct flow_dep *dep = &step->deps[index];
        if (run->tasks[dep->step].place == CORE_PLACE_OVER && !dep_satisfied(run, dep)) {
            return dep->step;
        }
    }
    unreachable("the task has been found hopeless");
}

void advance_phase(struct core *core, struct run *run)
{
    uint32_t first = advance_phase_first(run);
    uint32_t end = advance_phase_end(run);
    run->open = 0;
    /* Count first: ending a task changes what the count would see. */
    for (uint32_t index = first; index < end; index++) {
        struct task *task = &run->tasks[index];
        run->open += task->place != CORE_PLACE_OVER;
        task->waiting_on = task->place == CORE_PLACE_BLOCKED ? count_waiting(run, task) : 0;
    }
    for (uint32_t index = first; index < end; index++) {
        struct task *task = &run->tasks[index];
        if (task->place != CORE_PLACE_BLOCKED) {
            continue;
        }
        if (task->waiting_on == HOPELESS) {
            upstream_failed(core, run, task, first_failed_dep(run, task));
        } else if (task->waiting_on == 0) {
            queue_enter(core, run, task);
        }
    }
    live_mark_dirty(core, run);
}

/* Why a map failed: how many of its children, and the first one's reason. */
static void map_failed(struct core *core, struct run *run, struct task *map)
{
    const struct run_step *step = &run->steps[map->index];
    const struct task *bad = &run->tasks[step->first_child];
    while (state_completed((enum state)bad->state)) {
        bad++;
    }
    char name[CORE_TASK_NAME_SIZE];
    core_task_name(run, bad, name);
    CLEANUP_BUF struct buf text = BUF_INIT(2 * CORE_TEXT_MAX);
    buf_printf(&text, "%" PRIu32 " of %" PRIu32 " did not complete; first %s: %s",
               step->children_bad, step->child_count, name,
               bad->error ? bad->error->text : state_name((enum state)bad->state));
    attempt_finish(core, run, map, STATE_FAILED, "map.failed", buf_cstr(&text), VAL_NONE);
}

void advance_map(struct core *core, struct run *run, struct task *map)
{
    const struct run_step *step = &run->steps[map->index];
    must(step->children_done <= step->child_count);
    /* A map whose list is kept for a retry can end before its children, see upstream_failed(). */
    if (step->children_done < step->child_count || map->place != CORE_PLACE_AT_WORK) {
        return;
    }
    if (step->children_bad == 0) {
        attempt_finish(core, run, map, STATE_COMPLETED, NULL, NULL, VAL_NONE);
    } else if (map->state == STATE_CANCELLING) {
        attempt_finish(core, run, map, (enum state)map->kill_state, NULL, NULL, VAL_NONE);
    } else {
        map_failed(core, run, map);
    }
}

/* A child has ended: so has its map, with the last one. */
static void child_ended(struct core *core, struct run *run, const struct task *child)
{
    struct run_step *step = &run->steps[child->step];
    step->children_done++;
    step->children_bad += !state_completed((enum state)child->state);
    advance_map(core, run, &run->tasks[child->step]);
}

/* A step has ended: tell those that wait for it. */
static void step_ended(struct core *core, struct run *run, const struct task *task)
{
    const struct flow_step *step = &run->flow->steps[task->index];
    must(run->open > 0);
    run->open--;
    bool fine = state_completed((enum state)task->state) || step->allow_failure;
    for (uint32_t index = 0; index < step->dependent_count; index++) {
        uint32_t later = step->dependents[index];
        struct task *dependent = &run->tasks[later];
        if (dependent->place != CORE_PLACE_BLOCKED) {
            continue;
        }
        if (!fine && !dep_find(&run->flow->steps[later], task->index)->tolerated) {
            upstream_failed(core, run, dependent, task->index);
            continue;
        }
        must(dependent->waiting_on > 0);
        dependent->waiting_on--;
        if (dependent->waiting_on == 0) {
            queue_enter(core, run, dependent);
        }
    }
}

/* The step before <end> whose failure fails the run: the first one that ran and is not allowed to
 * fail, else the first that did not complete at all. NULL when all is well. */
static const struct task *find_failure(const struct run *run, uint32_t end)
{
    const struct task *failure = NULL;
    for (uint32_t index = 0; index < end; index++) {
        const struct task *task = &run->tasks[index];
        enum state state = (enum state)task->state;
        if (state_completed(state) || run->flow->steps[index].allow_failure) {
            continue;
        }
        if (state != STATE_UPSTREAM_FAILED) {
            return task;
        }
        if (!failure) {
            failure = task;
        }
    }
    return failure;
}

/* What a step did that did not complete. */
static const char *failure_words(enum state state)
{
    switch (state) {
    case STATE_TIMED_OUT:
        return "timed out";
    case STATE_CRASHED:
        return "crashed";
    case STATE_CANCELLED:
        return "was cancelled";
    case STATE_UPSTREAM_FAILED:
        return "could not run";
    default:
        return "failed";
    }
}

/* The run enters its end state; whoever waits for it hears of it. */
static void run_over(struct core *core, struct run *run, enum state state)
{
    run->kill_state = STATE_NONE;
    decide_run_state(core, run, state);
    attempt_child_over(core, run);
    decide(core, (struct core_decision){
                     .type = CORE_DO_FORGET,
                     .run = run,
                     .task = CORE_NO_TASK,
                     .epoch = run->epoch,
                 });
}

/* The sentence about a run that fails because of <task>. */
static void put_failure(const struct run *run, const struct task *task, struct buf *out)
{
    enum state state = (enum state)task->state;
    buf_printf(out, "%.*s %s", STR_ARGS(run->flow->steps[task->step].name), failure_words(state));
    if (task->error && task->error->text[0] != '\0') {
        buf_printf(out, ": %s", task->error->text);
    }
}

/* Ends the run as Failed because of <task>. */
static void run_failed(struct core *core, struct run *run, const struct task *task)
{
    CLEANUP_BUF struct buf text = BUF_INIT(2 * CORE_TEXT_MAX);
    put_failure(run, task, &text);
    live_error_set(&run->error, "flow.step_failed", buf_cstr(&text));
    run_over(core, run, STATE_FAILED);
}

enum state core_outlook(const struct run *run, struct buf *out)
{
    if (run->in_finally && run->state == STATE_RUNNING) {
        const struct task *failure = find_failure(run, run->flow->main_count);
        if (failure) {
            put_failure(run, failure, out);
        }
        return failure ? STATE_FAILED : STATE_COMPLETED;
    }
    buf_put_str(out, run->error ? str_of(run->error->text) : STR_NONE);
    return run->in_finally && run->state == STATE_CANCELLING ? (enum state)run->kill_state
                                                             : (enum state)run->state;
}

/* All steps have ended: so does the run, unless its output has to be resolved first. */
static void run_end(struct core *core, struct run *run)
{
    if (run->state == STATE_CANCELLING) {
        run_over(core, run, (enum state)run->kill_state);
        return;
    }
    const struct task *failure = find_failure(run, run->flow->step_count);
    if (failure) {
        run_failed(core, run, failure);
        return;
    }
    if (run->flow->output) {
        if (!run->asked_output) {
            run->asked_output = true;
            decide(core, (struct core_decision){
                             .type = CORE_DO_OUTPUT,
                             .run = run,
                             .task = CORE_NO_TASK,
                             .epoch = run->epoch,
                         });
        }
        return;
    }
    advance_completed(core, run, (struct val){empty_map_bytes, sizeof empty_map_bytes});
}

void advance_completed(struct core *core, struct run *run, struct val result)
{
    live_val_clear(&run->result);
    run->result = live_val_dup(result);
    run_over(core, run, STATE_COMPLETED);
}

void advance_output_failed(struct core *core, struct run *run, const char *code, const char *text)
{
    live_error_set(&run->error, code ? code : "flow.output_failed", text);
    run_over(core, run, STATE_FAILED);
}

/* Begins `finally`; a run that is being stopped gives it a limited time. */
static void finally_begin(struct core *core, struct run *run)
{
    run->in_finally = true;
    advance_phase(core, run);
    if (run->state == STATE_CANCELLING) {
        decide_timer(core, run, NULL, CORE_TIMER_FINALLY_LIMIT, CORE_FINALLY_LIMIT_US);
    }
}

/* Draws all consequences in one run. */
static void advance(struct core *core, struct run *run)
{
    if (state_terminal((enum state)run->state)) {
        return;
    }
    if (run->stop_wanted) {
        run->stop_wanted = false;
        stop_from_parent(core, run);
    }
    struct task *task = queue_fifo_pop(run, &run->ended);
    while (task) {
        if (task->map_index >= 0) {
            child_ended(core, run, task);
        } else {
            step_ended(core, run, task);
        }
        task = queue_fifo_pop(run, &run->ended);
    }
    if (run->open > 0) {
        queue_pump(core, run);
    } else if (!run->in_finally && run->flow->step_count > run->flow->main_count) {
        finally_begin(core, run);
    } else {
        run_end(core, run);
    }
}

void advance_all(struct core *core)
{
    while (core->dirty_head) {
        struct run *run = core->dirty_head;
        core->dirty_head = run->next_dirty;
        if (!core->dirty_head) {
            core->dirty_tail = NULL;
        }
        run->next_dirty = NULL;
        run->dirty = false;
        /* A run that is still being restored is looked at when that is done. */
        if (!run->restoring) {
            advance(core, run);
        }
    }
}
