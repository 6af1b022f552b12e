/*
 * The life of one task; see attempt.h.
 */
#include "core/attempt.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "core/decide.h"
#include "core/live.h"
#include "core/queue.h"
#include "core/retry.h"

/* How an attempt ended, whoever says so. Borrowed. */
struct ending {
    enum core_outcome outcome;
    const char *code;
    const char *text;
    int64_t retry_after_ms;
    struct val result;
};

static const uint8_t nil_bytes[] = {0xC0};
static const uint8_t empty_list_bytes[] = {0x90};

/* The step of a task. */
static const struct flow_step *step_of(const struct run *run, const struct task *task)
{
    return &run->flow->steps[task->step];
}

/* True when a subflow does the task's work. */
static bool is_subflow(const struct run *run, const struct task *task)
{
    return step_of(run, task)->target_kind == FLOW_TARGET_FLOW;
}

void attempt_finish(struct core *core, struct run *run, struct task *task, enum state state,
                    const char *code, const char *text, struct val result)
{
    must(task->place != CORE_PLACE_OVER);
    if (code) {
        live_error_set(&task->error, code, text);
    } else {
        live_error_clear(&task->error);
    }
    live_val_clear(&task->input);
    live_val_clear(&task->result);
    task->result = live_val_dup(result);
    task->killing = false;
    task->kill_state = STATE_NONE;
    task->due_us = 0;
    decide_task_state(core, run, task, state);
    queue_place(core, run, task, CORE_PLACE_OVER);
    queue_fifo_push(run, &run->ended, task);
    live_mark_dirty(core, run);
}

int attempt_prepared(struct core *core, struct run *run, struct task *task,
                     const struct core_event *event)
{
    bool is_map = core_task_is_map(run, task);
    if (task->place != CORE_PLACE_PREPARING || is_map) {
        return ERR_CONFLICT;
    }
    const struct hash *key = event->prepared.key;
    task->has_cache_key = key != NULL;
    if (key) {
        task->cache_key = *key;
    }
    free(task->label);
    task->label = event->prepared.label ? xstrdup(event->prepared.label) : NULL;
    switch (event->prepared.how) {
    case CORE_PREPARED_RUN:
        live_val_clear(&task->input);
        task->input = live_val_dup(event->prepared.input);
        task->lane = event->prepared.lane;
        must(task->lane < CORE_LANES_MAX);
        queue_ready(core, run, task);
        break;
    case CORE_PREPARED_SKIP:
        attempt_finish(core, run, task, STATE_SKIPPED, NULL, NULL, VAL_NONE);
        break;
    case CORE_PREPARED_HIT:
        attempt_finish(core, run, task, STATE_CACHED, NULL, NULL, event->prepared.result);
        break;
    case CORE_PREPARED_FAIL:
        attempt_finish(core, run, task, STATE_FAILED, event->prepared.code, event->prepared.text,
                       VAL_NONE);
        break;
    }
    return 0;
}

/* Ends a mapped step whose list is too long to be held. */
static void map_too_long(struct core *core, struct run *run, struct task *task, uint32_t count)
{
    CLEANUP_BUF struct buf text = BUF_INIT(CORE_TEXT_MAX);
    buf_printf(&text,
               "the list to map over has %" PRIu32 " items; at most %d are allowed in one map and "
               "%u task runs in one flow run",
               count, FLOW_MAP_MAX, CORE_TASKS_MAX);
    attempt_finish(core, run, task, STATE_FAILED, "map.too_long", buf_cstr(&text), VAL_NONE);
}

/* Makes the children of a mapped step and lets them queue. */
static void map_expand(struct core *core, struct run *run, struct task *task, uint32_t count)
{
    uint32_t index = task->index;
    uint32_t first = run->task_count;
    bool fits = count <= FLOW_MAP_MAX && count <= CORE_TASKS_MAX - first;
    if (!fits || live_grow(run, first + count)) {
        map_too_long(core, run, task, count);
        return;
    }
    live_adopt_children(run, index, first, count);
    struct task *map = &run->tasks[index];
    queue_place(core, run, map, CORE_PLACE_AT_WORK);
    decide_task_state(core, run, map, STATE_RUNNING);
    queue_children(run, map);
}

int attempt_mapped(struct core *core, struct run *run, struct task *task,
                   const struct core_event *event)
{
    bool is_map = core_task_is_map(run, task);
    if (task->place != CORE_PLACE_PREPARING || !is_map) {
        return ERR_CONFLICT;
    }
    if (event->mapped.failed) {
        attempt_finish(core, run, task, STATE_FAILED, event->mapped.code, event->mapped.text,
                       VAL_NONE);
    } else if (event->mapped.skip) {
        attempt_finish(core, run, task, STATE_SKIPPED, NULL, NULL, VAL_NONE);
    } else if (event->mapped.count == 0) {
        struct val empty = {empty_list_bytes, sizeof empty_list_bytes};
        attempt_finish(core, run, task, STATE_COMPLETED, NULL, NULL, empty);
    } else {
        map_expand(core, run, task, event->mapped.count);
    }
    return 0;
}

/* The task is at work from now on, in its next attempt. */
static void begin(struct core *core, struct run *run, struct task *task)
{
    task->attempt++;
    task->killing = false;
    task->kill_state = STATE_NONE;
    live_error_clear(&task->error);
    queue_place(core, run, task, CORE_PLACE_AT_WORK);
    decide_task_state(core, run, task, task->attempt == 1 ? STATE_RUNNING : STATE_RETRYING);
}

/* Arms the timer of the step's timeout. */
static void arm_timeout(struct core *core, struct run *run, const struct task *task)
{
    int64_t timeout_us = step_of(run, task)->timeout_us;
    if (timeout_us > 0) {
        decide_timer(core, run, task, CORE_TIMER_TIMEOUT, timeout_us);
    }
}

void attempt_capacity(struct core *core, uint32_t lane, uint32_t room)
{
    struct run *run = NULL;
    struct task *task = NULL;
    for (uint32_t started = 0; started < room; started++) {
        if (!queue_take(core, lane, &run, &task)) {
            return;
        }
        begin(core, run, task);
        decide_task(core, run, task, CORE_DO_START);
        arm_timeout(core, run, task);
        live_mark_dirty(core, run);
    }
}

void attempt_submitted(struct core *core, struct run *run, struct task *task, uint64_t child_run)
{
    must(task->place == CORE_PLACE_SUBMITTING);
    task->child_run = child_run;
    begin(core, run, task);
    arm_timeout(core, run, task);
    live_mark_dirty(core, run);
}

/* The state of a task whose last attempt ended like this. */
static enum state end_state(enum core_outcome outcome)
{
    switch (outcome) {
    case CORE_OUTCOME_OK:
        return STATE_COMPLETED;
    case CORE_OUTCOME_RETRY:
    case CORE_OUTCOME_FAIL:
        return STATE_FAILED;
    case CORE_OUTCOME_CANCELLED:
        return STATE_CANCELLED;
    case CORE_OUTCOME_CRASHED:
        return STATE_CRASHED;
    case CORE_OUTCOME_TIMED_OUT:
        return STATE_TIMED_OUT;
    }
    unreachable("outcomes are checked on arrival");
}

/* Another attempt after a pause, if the policy allows one. */
static bool try_again(struct core *core, struct run *run, struct task *task,
                      const struct ending *ending)
{
    const struct flow_retry *policy = &step_of(run, task)->retry;
    must(task->attempt > task->attempt_free);
    uint32_t failed = task->attempt - task->attempt_free;
    bool allowed =
        ending->outcome != CORE_OUTCOME_CANCELLED &&
        retry_allowed(policy, failed, ending->outcome == CORE_OUTCOME_FAIL, str_of(ending->code));
    if (!allowed) {
        return false;
    }
    int64_t delay_us = retry_delay_us(policy, failed, ending->retry_after_ms, &core->rng);
    live_error_set(&task->error, ending->code, ending->text);
    task->killing = false;
    task->kill_state = STATE_NONE;
    task->due_us = core->wall_us + delay_us;
    decide_task_state(core, run, task, STATE_AWAITING_RETRY);
    queue_place(core, run, task, CORE_PLACE_FOR_RETRY);
    decide_timer(core, run, task, CORE_TIMER_RETRY, delay_us);
    live_mark_dirty(core, run);
    return true;
}

/* The task's own timeout was the reason to stop it. */
static void end_timed_out(struct core *core, struct run *run, struct task *task)
{
    CLEANUP_BUF struct buf text = BUF_INIT(CORE_TEXT_MAX);
    buf_printf(&text, "the attempt took longer than its timeout of %g s",
               (double)step_of(run, task)->timeout_us / 1e6);
    struct ending ending = {
        .outcome = CORE_OUTCOME_TIMED_OUT,
        .code = "task.timeout",
        .text = buf_cstr(&text),
        .retry_after_ms = -1,
    };
    if (!try_again(core, run, task, &ending)) {
        attempt_finish(core, run, task, STATE_TIMED_OUT, ending.code, ending.text, VAL_NONE);
    }
}

/* Draws the consequences of an attempt's end. A result counts even when the attempt was told to
 * stop: it is there. */
static void end(struct core *core, struct run *run, struct task *task, const struct ending *ending)
{
    if (ending->outcome == CORE_OUTCOME_OK) {
        attempt_finish(core, run, task, STATE_COMPLETED, NULL, NULL, ending->result);
        return;
    }
    if (task->state == STATE_CANCELLING) {
        attempt_finish(core, run, task, (enum state)task->kill_state, NULL, NULL, VAL_NONE);
        return;
    }
    if (task->killing) {
        end_timed_out(core, run, task);
        return;
    }
    if (!try_again(core, run, task, ending)) {
        attempt_finish(core, run, task, end_state(ending->outcome), ending->code, ending->text,
                       VAL_NONE);
    }
}

/* True when an attempt of the task runs whose end the drive reports. A subflow reports its own end,
 * unless its run was lost. */
static bool attempt_runs(const struct core *core, const struct run *run, const struct task *task)
{
    bool own_work = !is_subflow(run, task) || !core_run(core, task->child_run);
    return task->place == CORE_PLACE_AT_WORK && !core_task_is_map(run, task) && own_work;
}

int attempt_ended(struct core *core, struct run *run, struct task *task,
                  const struct core_event *event)
{
    bool submitting = task->place == CORE_PLACE_SUBMITTING;
    bool at_work = attempt_runs(core, run, task);
    enum core_outcome outcome = event->ended.outcome;
    must((unsigned)outcome <= CORE_OUTCOME_TIMED_OUT);
    if (!at_work && !(submitting && outcome != CORE_OUTCOME_OK)) {
        return ERR_CONFLICT;
    }
    struct ending ending = {
        .outcome = outcome,
        .code = event->ended.code ? event->ended.code : "task.failed",
        .text = event->ended.text,
        .retry_after_ms = event->ended.retry_after_ms,
        .result = event->ended.result,
    };
    if (!ending.result.ptr) {
        ending.result = (struct val){nil_bytes, sizeof nil_bytes};
    }
    if (submitting) {
        /* The attempt that was meant to be; a stop would have ended the task at once. */
        must(!task->killing);
        task->attempt++;
    }
    end(core, run, task, &ending);
    return 0;
}

int attempt_returned(struct core *core, struct run *run, struct task *task)
{
    if (is_subflow(run, task) || !attempt_runs(core, run, task)) {
        return ERR_CONFLICT;
    }
    if (task->state == STATE_CANCELLING) {
        attempt_finish(core, run, task, (enum state)task->kill_state, NULL, NULL, VAL_NONE);
        return 0;
    }
    must(task->attempt > task->attempt_free);
    task->attempt--;
    task->epoch++;
    task->killing = false;
    task->kill_state = STATE_NONE;
    if (task->attempt == 0) {
        task->started_us = 0;
    }
    decide_task_state(core, run, task, STATE_PENDING);
    queue_return(core, run, task);
    live_mark_dirty(core, run);
    return 0;
}

void attempt_interrupted(struct core *core, struct run *run, struct task *task)
{
    must(task->attempt_free < task->attempt);
    task->attempt_free++;
    task->epoch++;
    decide_task_state(core, run, task, STATE_PENDING);
    queue_place(core, run, task, CORE_PLACE_BLOCKED);
    queue_enter(core, run, task);
    live_mark_dirty(core, run);
}

/* The pause before the next attempt is over. */
static int retry_due(struct core *core, struct run *run, struct task *task)
{
    if (task->place != CORE_PLACE_FOR_RETRY) {
        return ERR_CONFLICT;
    }
    task->due_us = 0;
    decide_task_state(core, run, task, STATE_PENDING);
    if (task->input.ptr) {
        queue_ready(core, run, task);
    } else {
        /* The engine was restarted meanwhile; inputs are not stored. */
        queue_enter(core, run, task);
    }
    live_mark_dirty(core, run);
    return 0;
}

/* The attempt has taken too long: stop it. What becomes of the task its end decides. */
static int timed_out(struct core *core, struct run *run, struct task *task)
{
    if (task->place != CORE_PLACE_AT_WORK || task->killing || core_task_is_map(run, task)) {
        return ERR_CONFLICT;
    }
    task->killing = true;
    task->kill_state = STATE_TIMED_OUT;
    if (!is_subflow(run, task)) {
        decide_task(core, run, task, CORE_DO_KILL);
        return 0;
    }
    struct run *child = core_run(core, task->child_run);
    if (child) {
        live_want_stop(core, child);
    } else {
        end_timed_out(core, run, task);
    }
    return 0;
}

int attempt_timer(struct core *core, struct run *run, struct task *task, enum core_timer timer)
{
    switch (timer) {
    case CORE_TIMER_RETRY:
        return retry_due(core, run, task);
    case CORE_TIMER_TIMEOUT:
        return timed_out(core, run, task);
    case CORE_TIMER_RUN_TIMEOUT:
    case CORE_TIMER_FINALLY_LIMIT:
        break;
    }
    return ERR_CONFLICT;
}

/* How the end of a subflow looks from its parent. */
static enum core_outcome child_outcome(const struct run *child)
{
    switch (state_type((enum state)child->state)) {
    case STATE_TYPE_COMPLETED:
        return CORE_OUTCOME_OK;
    case STATE_TYPE_CANCELLED:
        return CORE_OUTCOME_CANCELLED;
    case STATE_TYPE_CRASHED:
        return CORE_OUTCOME_CRASHED;
    default:
        return child->state == STATE_TIMED_OUT ? CORE_OUTCOME_TIMED_OUT : CORE_OUTCOME_RETRY;
    }
}

void attempt_child_over(struct core *core, const struct run *child)
{
    struct run *run = core_run(core, child->parent_run);
    if (!run || child->parent_task >= run->task_count) {
        return;
    }
    struct task *task = &run->tasks[child->parent_task];
    if (task->place != CORE_PLACE_AT_WORK || task->child_run != child->number) {
        return;
    }
    enum core_outcome outcome = child_outcome(child);
    bool cancelled = outcome == CORE_OUTCOME_CANCELLED;
    CLEANUP_BUF struct buf text = BUF_INIT(2 * CORE_TEXT_MAX);
    buf_printf(&text, "subflow %.*s (%s): %s", STR_ARGS(child->flow->name), child->name,
               child->error ? child->error->text : state_name((enum state)child->state));
    struct ending ending = {
        .outcome = outcome,
        .code = cancelled ? "subflow.cancelled" : "subflow.failed",
        .text = buf_cstr(&text),
        .retry_after_ms = -1,
        .result = child->result,
    };
    end(core, run, task, &ending);
}
