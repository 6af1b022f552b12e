/*
 * Stopping runs; see stop.h.
 */
#include "core/stop.h"

#include "core/advance.h"
#include "core/attempt.h"
#include "core/decide.h"
#include "core/live.h"
#include "core/queue.h"

/* Stops a task at work: its attempt, its subflow, or nothing more when its children do the work. */
static void stop_at_work(struct core *core, struct run *run, struct task *task,
                         enum state kill_state)
{
    bool told = task->killing;
    task->killing = true;
    task->kill_state = (uint8_t)kill_state;
    if (task->state != STATE_CANCELLING) {
        decide_task_state(core, run, task, STATE_CANCELLING);
    }
    if (core_task_is_map(run, task)) {
        return;
    }
    if (run->flow->steps[task->step].target_kind != FLOW_TARGET_FLOW) {
        if (!told) {
            decide_task(core, run, task, CORE_DO_KILL);
        }
        return;
    }
    struct run *child = core_run(core, task->child_run);
    if (child) {
        live_want_stop(core, child);
    } else {
        attempt_finish(core, run, task, kill_state, NULL, NULL, VAL_NONE);
    }
}

void stop_tasks(struct core *core, struct run *run, enum state kill_state)
{
    uint32_t first = advance_phase_first(run);
    uint32_t end = advance_phase_end(run);
    queue_clear(run);
    for (uint32_t index = 0; index < run->task_count; index++) {
        struct task *task = &run->tasks[index];
        if (task->step < first || task->step >= end || task->place == CORE_PLACE_OVER) {
            continue;
        }
        if (task->place == CORE_PLACE_AT_WORK) {
            stop_at_work(core, run, task, kill_state);
        } else {
            attempt_finish(core, run, task, kill_state, NULL, NULL, VAL_NONE);
        }
    }
    live_mark_dirty(core, run);
}

/* Stops the run, which will end in <kill_state>. */
static void stop_run(struct core *core, struct run *run, enum state kill_state, const char *code,
                     const char *text)
{
    run->kill_state = (uint8_t)kill_state;
    live_error_set(&run->error, code, text);
    decide_run_state(core, run, STATE_CANCELLING);
    if (run->in_finally) {
        decide_timer(core, run, NULL, CORE_TIMER_FINALLY_LIMIT, CORE_FINALLY_LIMIT_US);
        live_mark_dirty(core, run);
    } else {
        stop_tasks(core, run, STATE_CANCELLED);
    }
}

/* True while a run can be stopped. */
static bool can_stop(const struct run *run)
{
    return !state_terminal((enum state)run->state) && run->state != STATE_CANCELLING;
}

int stop_cancel(struct core *core, struct run *run, const char *text)
{
    if (!can_stop(run)) {
        return ERR_CONFLICT;
    }
    stop_run(core, run, STATE_CANCELLED, "run.cancelled", text ? text : "it was cancelled");
    return 0;
}

void stop_from_parent(struct core *core, struct run *run)
{
    if (can_stop(run)) {
        stop_run(core, run, STATE_CANCELLED, "run.cancelled", "the run it belongs to was stopped");
    }
}

/* The main steps have taken too long. */
static int run_timed_out(struct core *core, struct run *run)
{
    if (!can_stop(run) || run->in_finally) {
        return ERR_CONFLICT;
    }
    CLEANUP_BUF struct buf text = BUF_INIT(CORE_TEXT_MAX);
    buf_printf(&text, "the flow took longer than its timeout of %g s",
               (double)run->flow->timeout_us / 1e6);
    stop_run(core, run, STATE_TIMED_OUT, "flow.timeout", buf_cstr(&text));
    return 0;
}

int stop_timer(struct core *core, struct run *run, enum core_timer timer)
{
    if (timer == CORE_TIMER_RUN_TIMEOUT) {
        return run_timed_out(core, run);
    }
    bool late = timer == CORE_TIMER_FINALLY_LIMIT && run->state == STATE_CANCELLING &&
                run->in_finally && run->open > 0;
    if (!late) {
        return ERR_CONFLICT;
    }
    stop_tasks(core, run, STATE_TIMED_OUT);
    return 0;
}
