/*
 * Transitions and decisions; see decide.h.
 */
#include "core/decide.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"

/* The smallest list of decisions. */
enum { DECISIONS_CAP_MIN = 64 };

void core_decisions_done(struct core_decisions *decisions)
{
    free(decisions->list);
    *decisions = (struct core_decisions){0};
}

void decide(struct core *core, struct core_decision decision)
{
    struct core_decisions *out = core->out;
    must(out);
    if (out->count == out->cap) {
        must(out->cap <= UINT32_MAX / 2);
        out->cap = out->cap > 0 ? out->cap * 2 : DECISIONS_CAP_MIN;
        out->list = xreallocarray(out->list, out->cap, sizeof *out->list);
    }
    out->list[out->count] = decision;
    out->count++;
}

/* Notifications for the run's new state. */
static void notify(struct core *core, struct run *run)
{
    const struct flow *flow = run->flow;
    if (flow->notify_count == 0) {
        return;
    }
    struct str tags[CORE_TAGS_MAX];
    uint32_t tag_count = 0;
    for (char **tag = run->tags; *tag; tag++) {
        tags[tag_count] = str_of(*tag);
        tag_count++;
    }
    enum state state = (enum state)run->state;
    struct str name = str_of(state_name(state));
    struct str type = str_of(state_type_name(state_type(state)));
    for (uint32_t rule = 0; rule < flow->notify_count; rule++) {
        if (notify_rule_matches(&flow->notify[rule], name, type, flow->name, tags, tag_count)) {
            decide(core, (struct core_decision){
                             .type = CORE_DO_NOTIFY,
                             .run = run,
                             .task = CORE_NO_TASK,
                             .epoch = run->epoch,
                             .to = state,
                             .rule = rule,
                         });
        }
    }
}

/* Sets the run's state and records it. */
static void run_set(struct core *core, struct run *run, enum state to)
{
    enum state from = (enum state)run->state;
    run->state = (uint8_t)to;
    if (state_running(to) && run->started_us == 0) {
        run->started_us = core->wall_us;
    }
    run->ended_us = state_terminal(to) ? core->wall_us : 0;
    decide(core, (struct core_decision){
                     .type = CORE_DO_RECORD,
                     .run = run,
                     .task = CORE_NO_TASK,
                     .epoch = run->epoch,
                     .from = from,
                     .to = to,
                 });
    notify(core, run);
}

void decide_run_state(struct core *core, struct run *run, enum state to)
{
    must(state_move_ok((enum state)run->state, to));
    run_set(core, run, to);
}

void decide_run_reset(struct core *core, struct run *run)
{
    must(state_reset_ok((enum state)run->state, STATE_PENDING));
    run_set(core, run, STATE_PENDING);
}

/* Sets the task's state and records it. */
static void task_set(struct core *core, struct run *run, struct task *task, enum state to)
{
    enum state from = (enum state)task->state;
    task->state = (uint8_t)to;
    if (state_running(to) && task->started_us == 0) {
        task->started_us = core->wall_us;
    }
    task->ended_us = state_terminal(to) ? core->wall_us : 0;
    decide(core, (struct core_decision){
                     .type = CORE_DO_RECORD,
                     .run = run,
                     .task = task->index,
                     .epoch = task->epoch,
                     .from = from,
                     .to = to,
                 });
}

void decide_task_state(struct core *core, struct run *run, struct task *task, enum state to)
{
    must(state_move_ok((enum state)task->state, to));
    task_set(core, run, task, to);
}

void decide_task_reset(struct core *core, struct run *run, struct task *task)
{
    must(state_reset_ok((enum state)task->state, STATE_PENDING));
    task_set(core, run, task, STATE_PENDING);
}

void decide_task(struct core *core, struct run *run, const struct task *task,
                 enum core_decision_type type)
{
    decide(core, (struct core_decision){
                     .type = type,
                     .run = run,
                     .task = task->index,
                     .epoch = task->epoch,
                 });
}

void decide_timer(struct core *core, struct run *run, const struct task *task,
                  enum core_timer timer, int64_t delay_us)
{
    decide(core, (struct core_decision){
                     .type = CORE_DO_TIMER,
                     .run = run,
                     .task = task ? task->index : CORE_NO_TASK,
                     .epoch = task ? task->epoch : run->epoch,
                     .timer = timer,
                     .delay_us = delay_us > 0 ? delay_us : 0,
                 });
}
