/*
 * See dispatch.h.
 */
#include "drive/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/must.h"
#include "drive/cache.h"
#include "drive/logs.h"
#include "drive/loop.h"
#include "drive/news.h"
#include "drive/outbox.h"
#include "drive/run_data.h"
#include "value/pack.h"

static void on_result(void *user, const struct pool_outcome *outcome);
static void on_returned(void *user, uint64_t call_id);
static void on_log(void *user, const struct pool_log *log);
static void on_progress(void *user, uint64_t call_id, double fraction, struct str text);
static void on_room(void *user, struct pool_plugin *plugin);
static void on_lost(void *user);

int dispatch_open(struct engine *engine, struct err_text *reterr_why)
{
    struct pool_config config = {
        .blob_dir = blob_dir_path(engine->blobs),
        .env_names = engine->settings->host_env,
        .hosts_max = (unsigned)engine->settings->hosts_max,
        .calls_per_host = (uint64_t)engine->settings->host_calls_max,
    };
    struct pool_callbacks callbacks = {
        .user = engine,
        .on_result = on_result,
        .on_returned = on_returned,
        .on_log = on_log,
        .on_progress = on_progress,
        .on_room = on_room,
        .on_eval = prepare_on_eval,
        .on_lost = on_lost,
    };

    return pool_new(&engine->loop, engine->spawner, &config, &callbacks, &engine->pool, reterr_why);
}

void dispatch_close(struct engine *engine)
{
    struct slot *slot;
    uint32_t cursor = 0;

    engine->pool = pool_free(engine->pool);
    while (slots_next(&engine->evals, &cursor, &slot)) {
        prepare_free(slot->object);
    }
    slots_done(&engine->evals);
    slots_done(&engine->calls);
    for (uint32_t i = 0; i < engine->lane_count; i++) {
        free(engine->lanes[i]);
    }
    free(TAKE(engine->lanes));
    engine->lane_count = 0;
}

uint32_t dispatch_lane(struct engine *engine, const struct plug_part *part,
                       enum flow_isolation isolation)
{
    struct pool_plugin *plugin = pool_plugin_get(engine->pool, &part->plugin->hash,
                                                 part->plugin->name, part->plugin->copy_path);
    bool isolated = isolation == FLOW_ISOLATION_PROCESS || (part->flags & LEAT_PART_ISOLATED) != 0;
    struct lane *lane;

    for (uint32_t i = 0; i < engine->lane_count; i++) {
        if (engine->lanes[i]->plugin == plugin && engine->lanes[i]->isolated == isolated) {
            return i;
        }
    }
    must(engine->lane_count < CORE_LANES_MAX);
    lane = xcalloc(1, sizeof(*lane));
    lane->plugin = plugin;
    lane->isolated = isolated;
    engine->lanes = xreallocarray(engine->lanes, engine->lane_count + 1, sizeof(*engine->lanes));
    engine->lanes[engine->lane_count] = lane;
    return engine->lane_count++;
}

void dispatch_fill(struct engine *engine)
{
    outbox_fill(engine);
    for (uint32_t i = 0; i < engine->lane_count; i++) {
        struct lane *lane = engine->lanes[i];
        uint32_t waiting = core_lane_waiting(engine->core, i);
        struct core_event event = {.type = CORE_CAPACITY, .wall_us = engine_wall_us()};
        uint32_t room;

        if (waiting == 0) {
            continue;
        }
        room = pool_room(engine->pool, lane->plugin, lane->isolated);
        if (room <= lane->committed) {
            continue;
        }
        event.capacity.lane = i;
        event.capacity.room = room - lane->committed;
        loop_apply(engine, &event, NULL);
    }
}

void dispatch_committed(struct engine *engine, const struct run *run, uint32_t task)
{
    engine->lanes[run->tasks[task].lane]->committed++;
}

/* Adds one fact. */
static void put_fact(struct buf *out, const char *name, const char *text)
{
    pack_cstr(out, name);
    pack_text(out, str_of(text));
}

/* What a part may ask about its attempt (leat_host.fact). */
static void put_facts(struct buf *out, const struct run *run, const struct task *task)
{
    char id[UUID_TEXT_SIZE];
    char name[CORE_TASK_NAME_SIZE];
    char text[UUID_TEXT_SIZE + CORE_TASK_NAME_SIZE + 1];

    uuid_format(&run->uuid, id);
    core_task_name(run, task, name);
    pack_map(out, 8);
    put_fact(out, "flow_run_id", id);
    put_fact(out, "flow_run_name", run->name);
    pack_cstr(out, "flow");
    pack_text(out, run->flow->name);
    pack_cstr(out, "step");
    pack_text(out, run->flow->steps[task->step].name);
    put_fact(out, "task_run", name);
    snprintf(text, sizeof(text), "%u", (unsigned)task->attempt);
    put_fact(out, "attempt", text);
    snprintf(text, sizeof(text), "%s/%s", id, name);
    put_fact(out, "idempotency_key", text);
    put_fact(out, "workdir", run_data(run)->workdir);
}

/* Tells core that an attempt ended without the pool's doing. */
static void end_attempt(struct engine *engine, const struct run *run, const struct task *task,
                        enum core_outcome outcome, const char *code, const char *text)
{
    struct core_event event = {.type = CORE_ENDED,
                               .wall_us = engine_wall_us(),
                               .run = run->number,
                               .task = task->index,
                               .epoch = task->epoch};

    event.ended.outcome = outcome;
    event.ended.code = code;
    event.ended.text = text;
    event.ended.retry_after_ms = -1;
    loop_apply(engine, &event, NULL);
}

/* Hands an attempt to the pool. */
static void call(struct engine *engine, const struct run *run, const struct task *task)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    const struct lane *lane = engine->lanes[task->lane];
    struct pool_call request = {.plugin = lane->plugin,
                                .kind = LEAT_KIND_TASK,
                                .type = step->target,
                                .input = task->input,
                                .base_dir = str_of(run->base_dir),
                                .timeout_ms = step->timeout_us ? step->timeout_us / 1000 : -1,
                                .grace_ms = engine->settings->cancel_grace_us / 1000,
                                .isolated = lane->isolated};
    struct buf *facts = &engine->scratch_row;
    struct err_text why;
    struct slot *slot;
    int err;

    buf_clear(facts);
    put_facts(facts, run, task);
    request.facts = (struct val){facts->data, facts->len};
    request.id = slots_add(&engine->calls, &slot);
    slot->run = run->number;
    slot->task = task->index;
    slot->epoch = task->epoch;
    err = pool_call(engine->pool, &request, &why);
    if (err == 0) {
        return;
    }
    slots_remove(&engine->calls, request.id);
    if (err == ERR_UNAVAILABLE) {
        struct core_event event = {.type = CORE_RETURNED,
                                   .wall_us = engine_wall_us(),
                                   .run = run->number,
                                   .task = task->index,
                                   .epoch = task->epoch};

        loop_apply(engine, &event, NULL);
        return;
    }
    end_attempt(engine, run, task, CORE_OUTCOME_FAIL, "input.too_large", why.text);
}

void dispatch_start(struct engine *engine, uint64_t number, uint32_t index, uint32_t epoch)
{
    struct run *run = core_run(engine->core, number);
    struct task *task;

    must(run);
    task = &run->tasks[index];
    must(engine->lanes[task->lane]->committed > 0);
    engine->lanes[task->lane]->committed--;
    if (task->epoch != epoch || task->place != CORE_PLACE_AT_WORK) {
        return;
    }
    if (task->killing) {
        end_attempt(engine, run, task, CORE_OUTCOME_CANCELLED, "task.cancelled",
                    "it was cancelled before it began");
        return;
    }
    call(engine, run, task);
}

void dispatch_kill(struct engine *engine, const struct run *run, uint32_t task, uint32_t epoch)
{
    struct slot *slot;
    uint32_t cursor = 0;
    uint64_t id;

    for (id = slots_next(&engine->calls, &cursor, &slot); id;
         id = slots_next(&engine->calls, &cursor, &slot)) {
        if (slot->run == run->number && slot->task == task && slot->epoch == epoch &&
            !slot->object) {
            pool_cancel(engine->pool, id, engine->settings->cancel_grace_us / 1000);
            return;
        }
    }
}

/* ---- what the pool reports ------------------------------------------------------------------ */

/* The attempt behind a call if core still cares for it, else NULL. */
static struct task *task_of(const struct engine *engine, const struct slot *slot,
                            struct run **ret_run)
{
    struct run *run = core_run(engine->core, slot->run);

    if (!run || slot->task >= run->task_count) {
        return NULL;
    }
    *ret_run = run;
    return &run->tasks[slot->task];
}

/* core's word for the pool's. */
static enum core_outcome outcome_of(enum pool_end end)
{
    static const enum core_outcome outcomes[] = {
        [POOL_OK] = CORE_OUTCOME_OK,
        [POOL_RETRY] = CORE_OUTCOME_RETRY,
        [POOL_FAIL] = CORE_OUTCOME_FAIL,
        [POOL_CANCELLED] = CORE_OUTCOME_CANCELLED,
        [POOL_TIMED_OUT] = CORE_OUTCOME_TIMED_OUT,
        [POOL_CRASHED] = CORE_OUTCOME_CRASHED,
    };

    must((size_t)end < sizeof(outcomes) / sizeof(outcomes[0]));
    return outcomes[end];
}

/* pool_callbacks.on_result */
static void on_result(void *user, const struct pool_outcome *outcome)
{
    struct engine *engine = user;
    struct slot *found = slots_get(&engine->calls, outcome->call_id);
    struct core_event event = {.type = CORE_ENDED, .wall_us = engine_wall_us()};
    char code[LEAT_CODE_MAX + 1];
    char text[CORE_TEXT_MAX + 1];
    struct run *run = NULL;
    struct task *task;
    struct slot slot;

    if (!found) {
        return;
    }
    slot = *found;
    slots_remove(&engine->calls, outcome->call_id);
    if (slot.object) {
        outbox_answer(engine, slot.object, outcome);
        return;
    }
    snprintf(code, sizeof(code), "%.*s", STR_ARGS(outcome->code));
    snprintf(text, sizeof(text), "%.*s", STR_ARGS(outcome->text));
    event.run = slot.run;
    event.task = slot.task;
    event.epoch = slot.epoch;
    event.ended.outcome = outcome_of(outcome->end);
    event.ended.code = code;
    event.ended.text = text;
    event.ended.retry_after_ms = outcome->retry_after_ms;
    event.ended.result = outcome->result;
    task = task_of(engine, &slot, &run);
    if (task && task->epoch == slot.epoch && task->has_cache_key && outcome->end == POOL_OK) {
        cache_store(engine, run, task, outcome->result);
    }
    loop_apply(engine, &event, NULL);
}

/* pool_callbacks.on_returned */
static void on_returned(void *user, uint64_t call_id)
{
    struct engine *engine = user;
    struct slot *found = slots_get(&engine->calls, call_id);
    struct core_event event = {.type = CORE_RETURNED, .wall_us = engine_wall_us()};
    struct slot slot;

    if (!found) {
        return;
    }
    slot = *found;
    slots_remove(&engine->calls, call_id);
    if (slot.object) {
        outbox_again(engine, slot.object);
        return;
    }
    event.run = slot.run;
    event.task = slot.task;
    event.epoch = slot.epoch;
    loop_apply(engine, &event, NULL);
}

/* pool_callbacks.on_log */
static void on_log(void *user, const struct pool_log *log)
{
    struct engine *engine = user;
    const struct slot *slot = log->call_id ? slots_get(&engine->calls, log->call_id) : NULL;
    struct run *run = NULL;
    struct task *task = NULL;

    if (slot && slot->object) {
        outbox_log(engine, slot->object, log);
        return;
    }
    if (slot) {
        task = task_of(engine, slot, &run);
    }
    if (task) {
        char name[CORE_TASK_NAME_SIZE];
        struct log_place place = {.run = run->number,
                                  .run_id = &run->uuid,
                                  .root = &run_data(run)->root,
                                  .task = task->index,
                                  .task_name = name};

        core_task_name(run, task, name);
        logs_write(engine, &place, log->level, log->stream, log->wall_us, log->text);
    } else {
        log_line(LOG_INFO, log->plugin ? pool_plugin_name(log->plugin) : "evaluator", "%.*s",
                 STR_ARGS(log->text));
    }
}

/* pool_callbacks.on_progress */
static void on_progress(void *user, uint64_t call_id, double fraction, struct str text)
{
    struct engine *engine = user;
    const struct slot *slot = slots_get(&engine->calls, call_id);
    struct run *run = NULL;
    struct task *task;

    if (!slot || slot->object) {
        return;
    }
    task = task_of(engine, slot, &run);
    if (task) {
        news_progress(engine, run, task, fraction, text);
    }
}

/* pool_callbacks.on_room: every turn of the loop fills hosts anyway. */
static void on_room(void *user, struct pool_plugin *plugin)
{
    (void)user;
    (void)plugin;
}

/* pool_callbacks.on_lost */
static void on_lost(void *user)
{
    (void)user;
    log_line(LOG_ERROR, "engine", "the spawner died, so no host can be started; stopping");
    _exit(75); /* everything recorded is durable; a new engine goes on from there */
}
