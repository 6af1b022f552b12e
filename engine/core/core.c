/*
 * The calls of core.h: life of the core, events, submission, and what readers ask.
 */
#include "core/core.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "core/advance.h"
#include "core/attempt.h"
#include "core/core_types.h"
#include "core/decide.h"
#include "core/live.h"
#include "core/run_name.h"
#include "core/stop.h"
#include "value/pack.h"

struct core *core_new(uint64_t seed, uint64_t next_run)
{
    must(next_run > 0);
    struct core *core = xcalloc(1, sizeof *core);
    core->runs = map_new();
    core->next_run = next_run;
    core->default_width = UINT32_MAX;
    rng_seed(&core->rng, seed);
    return core;
}

struct core *core_free(struct core *core)
{
    if (!core) {
        return NULL;
    }
    size_t cursor = 0;
    struct run *run = core_run_next(core, &cursor);
    while (run) {
        live_free(run);
        run = core_run_next(core, &cursor);
    }
    for (uint32_t lane = 0; lane < core->lane_count; lane++) {
        lane_queue_done(&core->lanes[lane]);
    }
    free(core->lanes);
    map_free(core->runs);
    free(core);
    return NULL;
}

void core_set_width(struct core *core, uint32_t width)
{
    core->default_width = width > 0 ? width : UINT32_MAX;
}

struct run *core_run(const struct core *core, uint64_t number)
{
    return map_get(core->runs, MAP_KEY(number));
}

uint32_t core_run_count(const struct core *core)
{
    return (uint32_t)map_count(core->runs);
}

struct run *core_run_next(const struct core *core, size_t *cursor)
{
    struct str key = STR_NONE;
    void *run = NULL;
    return map_next(core->runs, cursor, &key, &run) ? run : NULL;
}

uint32_t core_lane_waiting(const struct core *core, uint32_t lane)
{
    return lane < core->lane_count ? core->lanes[lane].waiting : 0;
}

void core_forget(struct core *core, uint64_t number)
{
    must(!core->dirty_head);
    struct run *run = map_remove(core->runs, MAP_KEY(number));
    if (!run) {
        return;
    }
    for (uint32_t index = 0; index < run->task_count; index++) {
        const struct task *task = &run->tasks[index];
        if (task->place == CORE_PLACE_FOR_HOST) {
            core->lanes[task->lane].waiting--;
        }
    }
    live_free(run);
}

/* Finds the task for whose subflow a run is submitted. */
static int find_stand_in(const struct core *core, const struct core_event *event,
                         struct run **ret_parent)
{
    *ret_parent = NULL;
    if (event->submit.parent_run == 0) {
        return 0;
    }
    struct run *parent = core_run(core, event->submit.parent_run);
    if (!parent || event->submit.parent_task >= parent->task_count) {
        return ERR_NOT_FOUND;
    }
    if (parent->tasks[event->submit.parent_task].place != CORE_PLACE_SUBMITTING) {
        return ERR_CONFLICT;
    }
    *ret_parent = parent;
    return parent->depth + 1 > CORE_SUBFLOW_DEPTH_MAX ? ERR_LIMIT : 0;
}

/* The flow's and the caller's tags without repetition. */
static int collect_tags(const struct core_event *event, struct str tags[CORE_TAGS_MAX],
                        uint32_t *ret_count)
{
    const struct flow *flow = event->submit.flow;
    uint32_t count = 0;
    bool fits = true;
    for (uint32_t index = 0; index < flow->tag_count; index++) {
        fits = fits && live_add_tag(tags, &count, flow->tags[index]);
    }
    const char *const *more = event->submit.tags;
    for (size_t index = 0; fits && more && more[index]; index++) {
        fits = live_add_tag(tags, &count, str_of(more[index]));
    }
    *ret_count = count;
    return fits ? 0 : ERR_LIMIT;
}

/* A run as the event describes it. */
static struct run *make_run(struct core *core, const struct core_event *event,
                            const struct str *tags, uint32_t tag_count)
{
    struct flow *flow = event->submit.flow;
    struct run *run = live_new(core->next_run, flow, tags, tag_count);
    core->next_run++;
    char friendly[RUN_NAME_SIZE];
    if (!event->submit.name) {
        run_name_random(&core->rng, friendly);
    }
    run->name = xstrdup(event->submit.name ? event->submit.name : friendly);
    run->base_dir = xstrdup(event->submit.base_dir ? event->submit.base_dir : "");
    run->uuid = event->submit.uuid;
    run->flow_hash = event->submit.flow_hash;
    run->params = live_val_dup(event->submit.params);
    run->refresh_cache = event->submit.refresh_cache;
    run->parent_run = event->submit.parent_run;
    run->parent_task = event->submit.parent_task;
    run->width = live_width(core, flow);
    run->created_us = core->wall_us;
    return run;
}

/* CORE_SUBMIT. */
static int submit(struct core *core, const struct core_event *event, struct run **ret_run)
{
    struct run *parent = NULL;
    struct str tags[CORE_TAGS_MAX];
    uint32_t tag_count = 0;
    int err = find_stand_in(core, event, &parent);
    if (err) {
        return err;
    }
    err = collect_tags(event, tags, &tag_count);
    if (err) {
        return err;
    }
    struct run *run = make_run(core, event, tags, tag_count);
    run->depth = parent ? parent->depth + 1 : 0;
    void *former = map_put(core->runs, MAP_KEY(run->number), run);
    must(!former);
    decide_run_state(core, run, STATE_PENDING);
    decide_run_state(core, run, STATE_RUNNING);
    if (run->flow->timeout_us > 0) {
        decide_timer(core, run, NULL, CORE_TIMER_RUN_TIMEOUT, run->flow->timeout_us);
    }
    if (parent) {
        attempt_submitted(core, parent, &parent->tasks[event->submit.parent_task], run->number);
    }
    advance_phase(core, run);
    *ret_run = run;
    return 0;
}

/* CORE_OUTPUT. */
static int output(struct core *core, struct run *run, const struct core_event *event)
{
    bool awaited = run->asked_output && run->state == STATE_RUNNING;
    if (!awaited) {
        return ERR_CONFLICT;
    }
    if (event->output.failed) {
        advance_output_failed(core, run, event->output.code, event->output.text);
    } else {
        advance_completed(core, run, event->output.result);
    }
    return 0;
}

/* Events about one task. */
static int apply_to_task(struct core *core, struct run *run, const struct core_event *event)
{
    if (event->task >= run->task_count) {
        return ERR_NOT_FOUND;
    }
    struct task *task = &run->tasks[event->task];
    bool has_epoch =
        event->type == CORE_ENDED || event->type == CORE_RETURNED || event->type == CORE_TIMER;
    if (has_epoch && event->epoch != task->epoch) {
        return ERR_CONFLICT;
    }
    switch (event->type) {
    case CORE_PREPARED:
        return attempt_prepared(core, run, task, event);
    case CORE_MAPPED:
        return attempt_mapped(core, run, task, event);
    case CORE_ENDED:
        return attempt_ended(core, run, task, event);
    case CORE_RETURNED:
        return attempt_returned(core, run, task);
    case CORE_TIMER:
        return attempt_timer(core, run, task, event->timer.timer);
    default:
        unreachable("the event is not about a task");
    }
}

/* Events about one run. */
static int apply_to_run(struct core *core, const struct core_event *event)
{
    struct run *run = core_run(core, event->run);
    if (!run) {
        return ERR_NOT_FOUND;
    }
    if (run->restoring) {
        return ERR_CONFLICT;
    }
    int err = 0;
    if (event->type == CORE_OUTPUT) {
        err = output(core, run, event);
    } else if (event->type == CORE_CANCEL) {
        err = stop_cancel(core, run, event->cancel.text);
    } else if (event->type == CORE_TIMER && event->task == CORE_NO_TASK) {
        err = event->epoch == run->epoch ? stop_timer(core, run, event->timer.timer) : ERR_CONFLICT;
    } else {
        err = apply_to_task(core, run, event);
    }
    if (!err) {
        live_mark_dirty(core, run);
    }
    return err;
}

int core_apply(struct core *core, const struct core_event *event, struct core_decisions *out,
               struct run **ret_run)
{
    must(!core->dirty_head);
    out->count = 0;
    core->out = out;
    core->wall_us = event->wall_us;
    int err = 0;
    struct run *made = NULL;
    if (event->type == CORE_SUBMIT) {
        err = submit(core, event, &made);
    } else if (event->type == CORE_CAPACITY) {
        attempt_capacity(core, event->capacity.lane, event->capacity.room);
    } else {
        err = apply_to_run(core, event);
    }
    advance_all(core);
    core->out = NULL;
    if (made && ret_run) {
        *ret_run = made;
    }
    must(!err || out->count == 0);
    return err;
}

void core_task_name(const struct run *run, const struct task *task,
                    char ret_text[CORE_TASK_NAME_SIZE])
{
    struct str name = run->flow->steps[task->step].name;
    if (task->map_index < 0) {
        snprintf(ret_text, CORE_TASK_NAME_SIZE, "%.*s", STR_ARGS(name));
    } else {
        snprintf(ret_text, CORE_TASK_NAME_SIZE, "%.*s[%d]", STR_ARGS(name), task->map_index);
    }
}

bool core_task_is_map(const struct run *run, const struct task *task)
{
    return task->map_index < 0 && run->flow->steps[task->step].map;
}

int core_map_result(const struct run *run, uint32_t step, struct buf *out)
{
    must(step < run->flow->step_count);
    if (run->tasks[step].result.ptr) {
        pack_val(out, run->tasks[step].result);
        return buf_err(out);
    }
    const struct run_step *map = &run->steps[step];
    pack_list(out, map->child_count);
    for (uint32_t index = 0; index < map->child_count; index++) {
        struct val result = run->tasks[map->first_child + index].result;
        if (result.ptr) {
            pack_val(out, result);
        } else {
            pack_nil(out);
        }
    }
    return buf_err(out);
}

void core_keep_result(struct run *run, uint32_t task, struct val result)
{
    must(task < run->task_count);
    struct val copy = live_val_dup(result);
    live_val_clear(&run->tasks[task].result);
    run->tasks[task].result = copy;
}
