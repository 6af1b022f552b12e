/*
 * See loop.h. Preparations are queued instead of done at once, because a preparation makes new
 * events and core's list of decisions is being walked; the queue also bounds how long one turn of
 * the loop takes.
 */
#include "drive/loop.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/must.h"
#include "drive/cache.h"
#include "drive/dispatch.h"
#include "drive/mail.h"
#include "drive/news.h"
#include "drive/outbox.h"
#include "drive/prepare.h"
#include "drive/records.h"
#include "drive/submit.h"
#include "drive/timers.h"

enum {
    ERRANDS_PER_TURN = 2000, /* things done before I/O is looked at again */
    OPS_PER_COMMIT = 3000,   /* operations after which a batch is sent off */
    BYTES_PER_COMMIT = 2 * 1024 * 1024,
    OPS_MAX = 32768, /* one event with more records is split */
    BYTES_MAX = 4 * 1024 * 1024,
    RECORD_OPS_MAX =
        16384, /* of one record, and of everything else that loop_room() is asked for */
    RECORD_BYTES_MAX = 12 * 1024 * 1024,
    NEWS_BYTES_MAX = 256 * 1024 * 1024,
};

_Static_assert(OPS_MAX + RECORD_OPS_MAX <= STORE_BATCH_OPS_MAX,
               "a record fits after the last check");
_Static_assert(BYTES_MAX + RECORD_BYTES_MAX <= STORE_BATCH_BYTES_MAX, "a record fits");

static void send_off(struct engine *engine);
static void send_off_above(struct engine *engine, size_t ops, size_t bytes);
static void on_durable(void *user, int err);
static void run_effect(struct engine *engine, struct commit *commit, const struct effect *effect);

/* Queues something to do. */
static void errand_add(struct engine *engine, struct errand errand)
{
    if (engine->errand_count == engine->errand_cap) {
        uint32_t cap = engine->errand_cap ? engine->errand_cap * 2 : 256;
        struct errand *ring = xcalloc(cap, sizeof(*ring));

        for (uint32_t i = 0; i < engine->errand_count; i++) {
            ring[i] = engine->errands[(engine->errand_head + i) % engine->errand_cap];
        }
        free(engine->errands);
        engine->errands = ring;
        engine->errand_head = 0;
        engine->errand_cap = cap;
    }
    engine->errands[(engine->errand_head + engine->errand_count) % engine->errand_cap] = errand;
    engine->errand_count++;
}

/* Takes up one decision. */
static void decide(struct engine *engine, const struct core_decision *decision)
{
    struct run *run = decision->run;
    struct errand errand = {.run = run->number, .task = decision->task, .epoch = decision->epoch};
    struct effect *effect;

    switch (decision->type) {
    case CORE_DO_RECORD:
        records_write(engine, decision);
        return;
    case CORE_DO_PREPARE:
        errand_add(engine, errand);
        return;
    case CORE_DO_MAP:
        errand.type = ERRAND_MAP;
        errand_add(engine, errand);
        return;
    case CORE_DO_OUTPUT:
        errand.type = ERRAND_OUTPUT;
        errand_add(engine, errand);
        return;
    case CORE_DO_START:
        dispatch_committed(engine, run, decision->task);
        if (run->flow->durability == FLOW_DURABILITY_RELAXED) {
            errand.type = ERRAND_START;
            errand_add(engine, errand);
            return;
        }
        effect = loop_effect(engine, EFFECT_START, run->number);
        break;
    case CORE_DO_SUBMIT:
        effect = loop_effect(engine, EFFECT_SUBMIT, run->number);
        break;
    case CORE_DO_KILL:
        dispatch_kill(engine, run, decision->task, decision->epoch);
        return;
    case CORE_DO_TIMER:
        timers_arm(engine, decision);
        return;
    case CORE_DO_NOTIFY:
        outbox_add(engine, run, &run->flow->notify[decision->rule], decision->to);
        return;
    case CORE_DO_FORGET:
        effect = loop_effect(engine, EFFECT_FORGET, run->number);
        break;
    default:
        unreachable("a decision of unknown type");
    }
    effect->task = decision->task;
    effect->epoch = decision->epoch;
}

void loop_decisions(struct engine *engine, const struct core_decisions *decisions)
{
    for (uint32_t i = 0; i < decisions->count; i++) {
        /* Only very large runs are split here, when they are stopped or fail. The run's own record
         * is the first (it is being stopped) or the last (it has ended), and whatever is missing in
         * between an engine that restores the run decides again. */
        loop_room(engine);
        decide(engine, &decisions->list[i]);
    }
}

int loop_apply(struct engine *engine, const struct core_event *event, struct run **ret_run)
{
    int err = core_apply(engine->core, event, &engine->decisions, ret_run);

    if (err == 0) {
        loop_decisions(engine, &engine->decisions);
        send_off_above(engine, OPS_PER_COMMIT, BYTES_PER_COMMIT);
    }
    return err;
}

/* The open commit, with a batch. */
static struct commit *open_commit(struct engine *engine)
{
    struct commit *commit = engine->open;

    if (commit) {
        return commit;
    }
    commit = engine->free_commits;
    if (commit) {
        engine->free_commits = commit->next_free;
    } else {
        commit = xcalloc(1, sizeof(*commit));
        commit->engine = engine;
        buf_init(&commit->news, NEWS_BYTES_MAX);
    }
    commit->batch = store_batch_new(engine->store);
    engine->open = commit;
    return commit;
}

struct store_batch *loop_batch(struct engine *engine)
{
    return open_commit(engine)->batch;
}

void loop_room(struct engine *engine)
{
    send_off_above(engine, OPS_MAX, BYTES_MAX);
}

struct effect *loop_effect(struct engine *engine, enum effect_type type, uint64_t run)
{
    struct commit *commit = open_commit(engine);
    struct effect *effect;

    if (commit->count == commit->cap) {
        commit->cap = commit->cap ? commit->cap * 2 : 64;
        commit->effects = xreallocarray(commit->effects, commit->cap, sizeof(*commit->effects));
    }
    effect = &commit->effects[commit->count++];
    *effect = (struct effect){.type = type, .run = run};
    return effect;
}

struct buf *loop_news_begin(struct engine *engine, size_t *ret_offset)
{
    struct commit *commit = open_commit(engine);

    *ret_offset = commit->news.len;
    return &commit->news;
}

void loop_news_end(struct engine *engine, uint64_t run, size_t offset)
{
    struct commit *commit = engine->open;
    struct effect *effect;

    must(commit);
    if (buf_err(&commit->news)) {
        return; /* news may be lost, state may not */
    }
    effect = loop_effect(engine, EFFECT_NEWS, run);
    effect->offset = offset;
    effect->len = (uint32_t)(commit->news.len - offset);
}

/* Hands the open commit to the store thread. */
static void send_off(struct engine *engine)
{
    struct commit *commit = engine->open;

    if (!commit) {
        return;
    }
    engine->open = NULL;
    engine->commits_under_way++;
    store_submit(engine->store, TAKE(commit->batch), on_durable, commit);
}

/* The same when it has that many operations or bytes. */
static void send_off_above(struct engine *engine, size_t ops, size_t bytes)
{
    const struct commit *commit = engine->open;

    if (commit &&
        (store_batch_count(commit->batch) >= ops || store_batch_bytes(commit->batch) >= bytes)) {
        send_off(engine);
    }
}

/* A batch came back from the store thread. */
static void on_durable(void *user, int err)
{
    struct commit *commit = user;
    struct engine *engine = commit->engine;

    must(engine->commits_under_way > 0);
    engine->commits_under_way--;
    if (err) {
        if (err == ERR_STORE_FULL) {
            log_line(LOG_ERROR, "engine",
                     "the disk or the store is full, so nothing more can be recorded; stopping. "
                     "What was recorded is safe: make room, and the runs go on when an engine "
                     "starts");
        } else {
            log_line(LOG_ERROR, "engine", "the store refused a batch (%s); stopping: %s",
                     err_sentence(err), store_broken_why(engine->store));
        }
        _exit(75); /* the truth is on the disk; nothing of this batch was acknowledged */
    }
    for (uint32_t i = 0; i < commit->count; i++) {
        run_effect(engine, commit, &commit->effects[i]);
    }
    hub_flush(engine->hub);
    commit->count = 0;
    buf_clear(&commit->news);
    commit->next_free = engine->free_commits;
    engine->free_commits = commit;
}

/* Does what had to wait for a batch. */
static void run_effect(struct engine *engine, struct commit *commit, const struct effect *effect)
{
    if (engine->stopping && effect->type != EFFECT_REPLY) {
        return; /* the next engine finds what was recorded and goes on from there */
    }
    switch (effect->type) {
    case EFFECT_START:
        dispatch_start(engine, effect->run, effect->task, effect->epoch);
        return;
    case EFFECT_SUBMIT:
        submit_child(engine, effect->run, effect->task, effect->epoch);
        return;
    case EFFECT_FORGET:
        submit_forget(engine, effect->run);
        return;
    case EFFECT_NEWS:
        news_publish(engine, effect->run,
                     (struct str){(const char *)commit->news.data + effect->offset, effect->len});
        return;
    case EFFECT_REPLY:
        mail_reply(engine, effect->mail, 0);
        return;
    case EFFECT_FLIGHT_END:
        cache_flight_end(engine, &effect->key);
        return;
    case EFFECT_DELIVER:
        outbox_deliver(engine, effect->notification);
        return;
    }
    unreachable("an effect of unknown type");
}

/* Works on up to ERRANDS_PER_TURN things. */
static void run_errands(struct engine *engine)
{
    for (uint32_t n = 0; engine->errand_count > 0 && n < ERRANDS_PER_TURN; n++) {
        struct errand errand = engine->errands[engine->errand_head];

        engine->errand_head = (engine->errand_head + 1) % engine->errand_cap;
        engine->errand_count--;
        if (errand.type == ERRAND_START) {
            dispatch_start(engine, errand.run, errand.task, errand.epoch);
        } else {
            prepare(engine, &errand);
        }
    }
}

/* Only there so that poll does not block while `more_errands` is active. */
static void on_idle(uv_idle_t *handle)
{
    (void)handle;
}

void loop_turn(struct engine *engine)
{
    run_errands(engine);
    dispatch_fill(engine);
    send_off(engine);
    if (engine->errand_count > 0) {
        uv_idle_start(&engine->more_errands, on_idle);
    } else {
        uv_idle_stop(&engine->more_errands);
    }
}

void loop_drain(struct engine *engine)
{
    send_off(engine);
    store_drain(engine->store);
}

void loop_done(struct engine *engine)
{
    must(!engine->open);
    while (engine->free_commits) {
        struct commit *commit = engine->free_commits;

        engine->free_commits = commit->next_free;
        buf_done(&commit->news);
        free(commit->effects);
        free(commit);
    }
    free(TAKE(engine->errands));
    core_decisions_done(&engine->decisions);
}
