/*
 * Runs from their rows: after a restart of the engine, and for a manual retry; see core.h.
 *
 * Rows come from the disk, so whatever later code relies on is checked here before anything is
 * decided. What was at work when the engine died counts as interrupted, for no host outlives it.
 */
#include "core/core.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "core/advance.h"
#include "core/attempt.h"
#include "core/core_types.h"
#include "core/decide.h"
#include "core/live.h"
#include "core/queue.h"
#include "core/stop.h"

/* ---- filling in --------------------------------------------------------------------------- */

/* True when a row's end state of a stop fits its state. */
static bool kill_state_fits(enum state state, enum state kill_state)
{
    if (state == STATE_CANCELLING) {
        return kill_state == STATE_CANCELLED || kill_state == STATE_TIMED_OUT;
    }
    return kill_state == STATE_NONE;
}

/* A heap copy of a row's error, NULL when there is none. */
static struct core_error *error_of(struct str code, struct str text)
{
    if (!code.ptr) {
        return NULL;
    }
    CLEANUP_FREE char *code_text = str_dup(code);
    CLEANUP_FREE char *text_text = str_dup(text);
    struct core_error *error = NULL;
    live_error_set(&error, code_text, text_text);
    return error;
}

/* The tags of a row. */
static uint32_t tags_of(const struct run_row *row, struct str tags[CORE_TAGS_MAX])
{
    uint32_t count = 0;
    struct val_iter iter = val_iter(row->tags);
    struct val tag = VAL_NONE;
    while (val_next(&iter, NULL, &tag)) {
        live_add_tag(tags, &count, val_str(tag));
    }
    return count;
}

/* Copies the row into the run. */
static void fill_run(struct run *run, const struct run_row *row)
{
    run->uuid = row->uuid;
    run->flow_hash = row->flow_hash;
    run->name = str_dup(row->name);
    run->base_dir = str_dup(row->base_dir);
    run->params = live_val_dup(row->params);
    run->result = live_val_dup(row->result);
    run->error = error_of(row->error_code, row->error_text);
    run->state = (uint8_t)row->state;
    run->kill_state = (uint8_t)row->kill_state;
    run->refresh_cache = row->refresh_cache;
    run->epoch = row->epoch + 1;
    run->depth = row->depth;
    run->parent_run = row->parent_run;
    run->parent_task = row->parent_task;
    run->created_us = row->created_us;
    run->started_us = row->started_us;
    run->ended_us = row->ended_us;
    run->restoring = true;
}

int core_restore_begin(struct core *core, uint64_t number, const struct run_row *row,
                       struct flow *flow, struct run **ret_run, struct err_text *reterr_why)
{
    if (number > 0 && core_run(core, number)) {
        return err_set(reterr_why, ERR_EXISTS, "Flow run %llu is live already.",
                       (unsigned long long)number);
    }
    bool fits = number > 0 && str_eq(row->flow_name, flow->name) &&
                kill_state_fits(row->state, row->kill_state) && row->task_count >= flow->step_count;
    if (!fits) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "The row of flow run %llu does not fit its flow %.*s.",
                       (unsigned long long)number, STR_ARGS(flow->name));
    }
    struct str tags[CORE_TAGS_MAX];
    uint32_t tag_count = tags_of(row, tags);
    struct run *run = live_new(number, flow, tags, tag_count);
    fill_run(run, row);
    run->width = live_width(core, flow);
    void *former = map_put(core->runs, MAP_KEY(run->number), run);
    must(!former);
    if (core->next_run <= number) {
        core->next_run = number + 1;
    }
    *ret_run = run;
    return 0;
}

/* Makes the children of a mapped step where its row says that they are. */
static int place_children(struct run *run, const struct task_row *row)
{
    if (row->child_count == 0) {
        return 0;
    }
    bool fits = row->index < run->flow->step_count && run->flow->steps[row->index].map &&
                run->steps[row->index].child_count == 0 &&
                row->first_child >= run->flow->step_count && row->first_child < CORE_TASKS_MAX &&
                row->child_count <= FLOW_MAP_MAX &&
                row->child_count <= CORE_TASKS_MAX - row->first_child;
    if (!fits) {
        return ERR_CORRUPT;
    }
    int err = live_grow(run, row->first_child + row->child_count);
    if (err) {
        return err;
    }
    for (uint32_t index = 0; index < row->child_count; index++) {
        if (run->tasks[row->first_child + index].step != UINT32_MAX) {
            return ERR_CORRUPT;
        }
    }
    live_adopt_children(run, row->index, row->first_child, row->child_count);
    return 0;
}

/* True when the row belongs where its index says. */
static bool row_fits(const struct run *run, const struct task_row *row)
{
    if (row->index >= run->task_count) {
        return false;
    }
    const struct task *task = &run->tasks[row->index];
    return task->step == row->step && task->map_index == row->map_index &&
           str_eq(row->step_name, run->flow->steps[row->step].name) &&
           kill_state_fits(row->state, row->kill_state) && row->attempt_free <= row->attempt;
}

int core_restore_task(struct run *run, const struct task_row *row, struct val result,
                      struct err_text *reterr_why)
{
    must(run->restoring);
    int err = row_fits(run, row) ? place_children(run, row) : ERR_CORRUPT;
    if (err) {
        return err_set(reterr_why, err,
                       "The row of task %u (step %.*s) does not fit flow run %llu of %.*s.",
                       (unsigned)row->index, STR_ARGS(row->step_name),
                       (unsigned long long)run->number, STR_ARGS(run->flow->name));
    }
    struct task *task = &run->tasks[row->index];
    live_val_clear(&task->result);
    live_error_clear(&task->error);
    free(task->label);
    task->label = row->label.len > 0 ? str_dup(row->label) : NULL;
    task->result = live_val_dup(result);
    task->error = error_of(row->error_code, row->error_text);
    task->state = (uint8_t)row->state;
    task->kill_state = (uint8_t)row->kill_state;
    task->killing = row->state == STATE_CANCELLING;
    task->attempt = row->attempt;
    task->attempt_free = row->attempt_free;
    task->epoch = row->epoch;
    task->started_us = row->started_us;
    task->ended_us = row->ended_us;
    task->due_us = row->due_us;
    task->child_run = row->child_run;
    task->has_cache_key = row->has_cache_key;
    task->cache_key = row->cache_key;
    return 0;
}

/* ---- checking ----------------------------------------------------------------------------- */

/* True when all children of a map have ended. */
static bool children_over(const struct run *run, const struct run_step *step)
{
    for (uint32_t index = 0; index < step->child_count; index++) {
        if (!state_terminal((enum state)run->tasks[step->first_child + index].state)) {
            return false;
        }
    }
    return true;
}

/* True when a map's state fits what is known of its children. */
static bool map_ok(const struct run *run, const struct task *task)
{
    const struct run_step *step = &run->steps[task->step];
    switch ((enum state)task->state) {
    case STATE_PENDING:
        /* A manual retry keeps the list. */
        return step->child_count == 0 || !children_over(run, step);
    case STATE_RUNNING:
    case STATE_CANCELLING:
        return step->child_count > 0;
    default:
        return state_terminal((enum state)task->state) && children_over(run, step);
    }
}

/* True when the task's state is one that a task can be found in. */
static bool task_ok(const struct run *run, const struct task *task)
{
    if (task->step == UINT32_MAX) {
        return false;
    }
    if (core_task_is_map(run, task)) {
        return map_ok(run, task);
    }
    switch ((enum state)task->state) {
    case STATE_PENDING:
        return true;
    case STATE_RUNNING:
    case STATE_RETRYING:
    case STATE_CANCELLING:
    case STATE_AWAITING_RETRY:
        return task->attempt > task->attempt_free;
    default:
        return state_terminal((enum state)task->state);
    }
}

/* Checks what all later steps rely on. */
static int check_run(const struct run *run, struct err_text *reterr_why)
{
    enum state state = (enum state)run->state;
    bool over = state_terminal(state);
    bool ok = over || state == STATE_PENDING || state == STATE_RUNNING || state == STATE_CANCELLING;
    bool main_open = false;
    bool finally_begun = false;
    for (uint32_t index = 0; ok && index < run->task_count; index++) {
        const struct task *task = &run->tasks[index];
        ok = task_ok(run, task);
        if (!ok) {
            break;
        }
        bool task_over = state_terminal((enum state)task->state);
        bool waits = task->state == STATE_PENDING;
        main_open = main_open || (task->step < run->flow->main_count && !task_over);
        finally_begun = finally_begun || (task->step >= run->flow->main_count && !waits);
        ok = task_over || waits || !over;
    }
    if (!ok || (main_open && finally_begun)) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "The rows of flow run %llu of %.*s contradict each other or are incomplete.",
                       (unsigned long long)run->number, STR_ARGS(run->flow->name));
    }
    return 0;
}

/* ---- going on ----------------------------------------------------------------------------- */

/* Puts every task where its state says it stands, and counts maps' children. */
static void place_tasks(struct core *core, struct run *run)
{
    for (uint32_t index = 0; index < run->task_count; index++) {
        struct task *task = &run->tasks[index];
        enum state state = (enum state)task->state;
        struct run_step *step = &run->steps[task->step];
        if (state_terminal(state)) {
            queue_place(core, run, task, CORE_PLACE_OVER);
            step->children_done += task->map_index >= 0;
            step->children_bad += task->map_index >= 0 && !state_completed(state);
        } else if (state == STATE_AWAITING_RETRY) {
            queue_place(core, run, task, CORE_PLACE_FOR_RETRY);
        } else if (state != STATE_PENDING) {
            queue_place(core, run, task, CORE_PLACE_AT_WORK);
        }
    }
}

/* Puts one ended task back to the beginning, for a manual retry. A map keeps its list. */
static void reset_task(struct core *core, struct run *run, struct task *task)
{
    live_val_clear(&task->result);
    live_error_clear(&task->error);
    task->has_cache_key = false;
    task->attempt_free = task->attempt;
    task->child_run = 0;
    task->started_us = 0;
    task->epoch++;
    decide_task_reset(core, run, task);
}

/* Puts an ended run back to the beginning, but for the steps that have completed. */
static void reset_run(struct core *core, struct run *run)
{
    live_val_clear(&run->result);
    live_error_clear(&run->error);
    run->kill_state = STATE_NONE;
    run->started_us = 0;
    decide_run_reset(core, run);
    for (uint32_t index = 0; index < run->task_count; index++) {
        struct task *task = &run->tasks[index];
        enum state state = (enum state)task->state;
        bool keep = state_completed(state) && task->step < run->flow->main_count;
        if (state_terminal(state) && !keep) {
            reset_task(core, run, task);
        }
    }
}

/* Goes on with a task whose attempt nobody knows anything about any more. */
static void resume_interrupted(struct core *core, struct run *run, struct task *task)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    bool repeat =
        step->interrupted == FLOW_INTERRUPTED_RETRY || step->target_kind == FLOW_TARGET_FLOW;
    if (task->state == STATE_CANCELLING) {
        attempt_finish(core, run, task, (enum state)task->kill_state, NULL, NULL, VAL_NONE);
    } else if (repeat) {
        attempt_interrupted(core, run, task);
    } else {
        attempt_finish(core, run, task, STATE_CRASHED, "engine.interrupted",
                       "the engine stopped while the attempt ran, so its outcome is unknown",
                       VAL_NONE);
    }
}

/* Goes on with a task that was at work. */
static void resume_at_work(struct core *core, struct run *run, struct task *task)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    if (core_task_is_map(run, task)) {
        if (task->state == STATE_RUNNING) {
            queue_children(run, task);
        }
        advance_map(core, run, task);
        return;
    }
    const struct run *child =
        step->target_kind == FLOW_TARGET_FLOW ? core_run(core, task->child_run) : NULL;
    if (!child) {
        resume_interrupted(core, run, task);
    } else if (state_terminal((enum state)child->state)) {
        attempt_child_over(core, child);
    } else if (step->timeout_us > 0) {
        decide_timer(core, run, task, CORE_TIMER_TIMEOUT, step->timeout_us);
    }
}

/* Goes on with all tasks that have begun. */
static void resume_tasks(struct core *core, struct run *run)
{
    for (uint32_t index = 0; index < run->task_count; index++) {
        struct task *task = &run->tasks[index];
        if (task->place == CORE_PLACE_AT_WORK) {
            resume_at_work(core, run, task);
        } else if (task->place == CORE_PLACE_FOR_RETRY) {
            decide_timer(core, run, task, CORE_TIMER_RETRY, task->due_us - core->wall_us);
        }
    }
}

/* Finds out which phase the run is in and begins it anew; timers too. */
static void resume_run(struct core *core, struct run *run)
{
    const struct flow *flow = run->flow;
    if (run->state == STATE_PENDING) {
        decide_run_state(core, run, STATE_RUNNING);
    }
    advance_phase(core, run);
    if (run->open == 0 && flow->step_count > flow->main_count) {
        run->in_finally = true;
        advance_phase(core, run);
    }
    if (run->in_finally && run->state == STATE_CANCELLING) {
        decide_timer(core, run, NULL, CORE_TIMER_FINALLY_LIMIT, CORE_FINALLY_LIMIT_US);
    }
    if (!run->in_finally && run->state == STATE_RUNNING && flow->timeout_us > 0) {
        decide_timer(core, run, NULL, CORE_TIMER_RUN_TIMEOUT,
                     run->started_us + flow->timeout_us - core->wall_us);
    }
    resume_tasks(core, run);
    if (!run->in_finally && run->state == STATE_CANCELLING) {
        stop_tasks(core, run, STATE_CANCELLED);
    }
}

int core_restore_end(struct core *core, struct run *run, bool reset_failed, int64_t wall_us,
                     struct core_decisions *out, struct err_text *reterr_why)
{
    must(run->restoring);
    out->count = 0;
    bool over = state_terminal((enum state)run->state);
    if (reset_failed && !over) {
        return err_set(reterr_why, ERR_CONFLICT,
                       "Flow run %s has not ended; it can not be retried.", run->name);
    }
    int err = check_run(run, reterr_why);
    if (err) {
        return err;
    }
    core->out = out;
    core->wall_us = wall_us;
    run->restoring = false;
    if (reset_failed) {
        reset_run(core, run);
    }
    place_tasks(core, run);
    if (over && !reset_failed) {
        decide(core, (struct core_decision){
                         .type = CORE_DO_FORGET,
                         .run = run,
                         .task = CORE_NO_TASK,
                         .epoch = run->epoch,
                     });
    } else {
        resume_run(core, run);
        live_mark_dirty(core, run);
        advance_all(core);
    }
    core->out = NULL;
    return 0;
}
