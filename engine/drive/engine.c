/*
 * See engine.h. Start and end of an engine, and the requests of other threads.
 */
#include "drive/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/must.h"
#include "drive/cache.h"
#include "drive/cache_admin.h"
#include "drive/dispatch.h"
#include "drive/flows.h"
#include "drive/loop.h"
#include "drive/mail.h"
#include "drive/outbox.h"
#include "drive/run_data.h"
#include "drive/submit.h"
#include "drive/timers.h"
#include "store/key.h"
#include "store/store_read.h"
#include "work/describe.h"
#include "work/spawner.h"

enum { SCRATCH_MAX = 64 * 1024 * 1024 };

static void *engine_main(void *user);

/* ---- requests ------------------------------------------------------------------------------- */

int engine_submit(struct engine *engine, const struct engine_request *request,
                  struct engine_run *ret_run, struct buf *ret_problems)
{
    struct mail mail = {
        .type = MAIL_SUBMIT, .request = request, .ret_run = ret_run, .ret_problems = ret_problems};

    return mail_send(engine, &mail);
}

int engine_cancel(struct engine *engine, uint64_t run, const char *text,
                  struct err_text *reterr_why)
{
    struct mail mail = {.type = MAIL_CANCEL, .run = run, .text = text, .why = reterr_why};

    return mail_send(engine, &mail);
}

int engine_retry(struct engine *engine, uint64_t run, struct err_text *reterr_why)
{
    struct mail mail = {.type = MAIL_RETRY, .run = run, .why = reterr_why};

    return mail_send(engine, &mail);
}

int engine_delete(struct engine *engine, uint64_t run, struct err_text *reterr_why)
{
    struct mail mail = {.type = MAIL_DELETE, .run = run, .why = reterr_why};

    return mail_send(engine, &mail);
}

int engine_scan_plugins(struct engine *engine, struct err_text *reterr_why)
{
    struct mail mail = {.type = MAIL_SCAN, .why = reterr_why};

    return mail_send(engine, &mail);
}

int engine_settle(struct engine *engine)
{
    struct mail mail = {.type = MAIL_SETTLE};

    return mail_send(engine, &mail);
}

void engine_drain_notifications(struct engine *engine, uint64_t run)
{
    struct mail mail = {.type = MAIL_DRAIN, .run = run};

    mail_send(engine, &mail);
}

struct store *engine_store(struct engine *engine)
{
    return engine->store;
}

struct blob_dir *engine_blobs(struct engine *engine)
{
    return engine->blobs;
}

struct hub *engine_hub(struct engine *engine)
{
    return engine->hub;
}

struct catalogue *engine_catalogue(struct engine *engine)
{
    return engine->catalogue;
}

const char *engine_home(const struct engine *engine)
{
    return engine->home;
}

const struct settings *engine_settings(const struct engine *engine)
{
    return engine->settings;
}

/* Asks a run to stop. */
static void cancel(struct engine *engine, struct mail *mail)
{
    struct core_event event = {.type = CORE_CANCEL, .wall_us = engine_wall_us(), .run = mail->run};
    int err;

    event.cancel.text = mail->text;
    err = loop_apply(engine, &event, NULL);
    if (err == ERR_NOT_FOUND) {
        err_set(mail->why, err, "the run is not live: it has ended, or never was");
    } else if (err) {
        err_set(mail->why, err, "the run has ended, or is being stopped already");
    }
    if (err) {
        mail_reply(engine, mail, err);
        return;
    }
    loop_effect(engine, EFFECT_REPLY, mail->run)->mail = mail;
}

/* Does one request. */
static void answer(struct engine *engine, struct mail *mail)
{
    switch (mail->type) {
    case MAIL_SUBMIT:
        submit_request(engine, mail);
        return;
    case MAIL_CANCEL:
        cancel(engine, mail);
        return;
    case MAIL_RETRY:
        submit_retry(engine, mail);
        return;
    case MAIL_DELETE:
        submit_delete(engine, mail);
        return;
    case MAIL_DRAIN:
        outbox_drain(engine, mail);
        return;
    case MAIL_SCAN:
        mail_reply(engine, mail, catalogue_scan(engine->catalogue, mail->why));
        return;
    case MAIL_CACHE_REMOVE:
        cache_removal(engine, mail);
        return;
    case MAIL_SETTLE:
        loop_effect(engine, EFFECT_REPLY, 0)->mail = mail;
        return;
    case MAIL_STOP:
        engine->stopping = true;
        mail_reply(engine, mail, 0);
        return;
    }
    unreachable("a request of unknown type");
}

/* ---- the loop thread ------------------------------------------------------------------------ */

/* The store thread has finished batches; its thread. */
static void wake_for_store(void *user)
{
    struct engine *engine = user;

    uv_async_send(&engine->store_done);
}

/* Takes back finished batches. */
static void on_store_done(uv_async_t *handle)
{
    struct engine *engine = handle->data;

    store_poll(engine->store);
}

/* Takes up requests. */
static void on_mail(uv_async_t *handle)
{
    struct engine *engine = handle->data;

    for (struct mail *mail = mail_take(engine); mail; mail = mail_take(engine)) {
        answer(engine, mail);
    }
    if (engine->stopping) {
        uv_stop(&engine->loop);
    }
}

/* Before every poll. */
static void on_before_poll(uv_prepare_t *handle)
{
    loop_turn(handle->data);
}

/* After every poll. */
static void on_after_poll(uv_check_t *handle)
{
    loop_turn(handle->data);
}

/* Prepares the loop and its handles. */
static void open_loop(struct engine *engine)
{
    must(uv_loop_init(&engine->loop) == 0);
    must(uv_async_init(&engine->loop, &engine->store_done, on_store_done) == 0);
    must(uv_async_init(&engine->loop, &engine->mail_arrived, on_mail) == 0);
    must(uv_prepare_init(&engine->loop, &engine->before_poll) == 0);
    must(uv_check_init(&engine->loop, &engine->after_poll) == 0);
    must(uv_idle_init(&engine->loop, &engine->more_errands) == 0);
    engine->store_done.data = engine;
    engine->mail_arrived.data = engine;
    engine->before_poll.data = engine;
    engine->after_poll.data = engine;
    must(uv_prepare_start(&engine->before_poll, on_before_poll) == 0);
    must(uv_check_start(&engine->after_poll, on_after_poll) == 0);
}

/* Closes whatever is still open. */
static void close_handle(uv_handle_t *handle, void *user)
{
    (void)user;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

/* Ends the loop: no handle is left. */
static void close_loop(struct engine *engine)
{
    uv_walk(&engine->loop, close_handle, NULL);
    while (uv_run(&engine->loop, UV_RUN_DEFAULT) != 0) {
    }
    must(uv_loop_close(&engine->loop) == 0);
}

/* Frees all live runs; their rows say how the next engine goes on. */
static void drop_runs(struct engine *engine)
{
    size_t cursor = 0;

    for (struct run *run = core_run_next(engine->core, &cursor); run;
         run = core_run_next(engine->core, &cursor)) {
        run_data_free(run);
    }
    engine->core = core_free(engine->core);
}

/* The loop thread. */
static void *engine_main(void *user)
{
    struct engine *engine = user;

    pthread_setname_np(pthread_self(), "leat-loop");
    uv_run(&engine->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* ---- start and end -------------------------------------------------------------------------- */

/* store_visit: notes the run number of the first key and ends the scan. */
static bool note_number(void *user, struct str key, struct str val)
{
    (void)val;
    *(uint64_t *)user = key_read_u64(key, 0);
    return false;
}

/* The number after the highest run in the store. */
static uint64_t next_run(struct engine *engine)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    uint64_t number = 0;

    if (store_read_begin(engine->store, &read) == 0) {
        store_scan(read, STORE_FLOW_RUN, STR_NONE, STR_NONE, true, note_number, &number);
    }
    return number + 1;
}

/* Opens the store and what belongs to the home. */
static int open_home(struct engine *engine, struct err_text *reterr_why)
{
    struct store_options options = {.map_size = (size_t)engine->settings->store_map_bytes,
                                    .wake = wake_for_store,
                                    .user = engine};
    int err = store_open(engine->home, &options, &engine->store, reterr_why);

    if (err == 0) {
        err = blob_dir_open(engine->home, &engine->blobs, reterr_why);
    }
    if (err == 0) {
        CLEANUP_FREE char *work = file_join(engine->home, "work");

        err = file_mkdirs(work, 0700, reterr_why); /* of which each run may have a part */
    }
    return err;
}

/* Takes up what is there: plugins, interrupted runs, waiting notifications. */
static int open_work(struct engine *engine, const struct engine_options *options,
                     struct err_text *reterr_why)
{
    int err;

    engine->catalogue =
        catalogue_new(engine->home, options->bundled_plugins, describe_plugin, engine->spawner);
    err = catalogue_scan(engine->catalogue, reterr_why);
    if (err == 0) {
        err = dispatch_open(engine, reterr_why);
    }
    if (err) {
        return err;
    }
    engine->core = core_new(rng_u64(&engine->rng), next_run(engine));
    if (engine->passive) {
        return 0;
    }
    err = outbox_open(engine, reterr_why);
    return err ? err : submit_restore_all(engine, reterr_why);
}

/* An engine with its containers, nothing opened. */
static struct engine *engine_new(const struct engine_options *options)
{
    struct engine *engine = xcalloc(1, sizeof(*engine));

    engine->home = xstrdup(options->home);
    engine->settings = options->settings;
    engine->spawner = options->spawner;
    engine->passive = options->passive;
    engine->hub = hub_new();
    engine->timers = map_new();
    engine->flights = map_new();
    engine->flows = map_new();
    engine->deliveries = map_new();
    slots_init(&engine->calls);
    slots_init(&engine->evals);
    buf_init(&engine->scratch_given, SCRATCH_MAX);
    buf_init(&engine->scratch_input, SCRATCH_MAX);
    buf_init(&engine->scratch_result, STORE_VALUE_MAX);
    buf_init(&engine->scratch_row, SCRATCH_MAX);
    engine->problems = diag_new("", STR_NONE);
    rng_seed_system(&engine->rng);
    must(pthread_mutex_init(&engine->mail_lock, NULL) == 0);
    open_loop(engine);
    return engine;
}

int engine_start(const struct engine_options *options, struct engine **ret_engine,
                 struct err_text *reterr_why)
{
    struct engine *engine = engine_new(options);
    int err = open_home(engine, reterr_why);

    if (err == 0) {
        err = open_work(engine, options, reterr_why);
    }
    if (err) {
        engine_stop(engine);
        return err;
    }
    must(pthread_create(&engine->thread, NULL, engine_main, engine) == 0);
    engine->thread_started = true;
    *ret_engine = engine;
    return 0;
}

/* Ends the loop thread. */
static void stop_thread(struct engine *engine)
{
    struct mail mail = {.type = MAIL_STOP};

    if (engine->thread_started) {
        mail_send(engine, &mail);
        pthread_join(engine->thread, NULL);
    }
}

void engine_stop(struct engine *engine)
{
    if (!engine) {
        return;
    }
    stop_thread(engine);
    if (engine->core) {
        outbox_close(engine);
        dispatch_close(engine);
        loop_drain(engine);
    }
    timers_done(engine);
    close_loop(engine);
    cache_done(engine);
    if (engine->core) {
        drop_runs(engine);
    }
    engine->store = store_close(engine->store);
    loop_done(engine);
    flows_done(engine);
    map_free(engine->deliveries);
    engine->catalogue = catalogue_free(engine->catalogue);
    engine->blobs = blob_dir_close(engine->blobs);
    spawner_free(engine->spawner);
    hub_free(engine->hub);
    buf_done(&engine->scratch_given);
    buf_done(&engine->scratch_input);
    buf_done(&engine->scratch_result);
    buf_done(&engine->scratch_row);
    diag_free(engine->problems);
    pthread_mutex_destroy(&engine->mail_lock);
    free(engine->home);
    free(engine);
}
