/*
 * The table that plugins call, and the life of one call.
 */
#include "work/host_call.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/must.h"
#include "plug/descriptor.h"
#include "work/host_input.h"
#include "work/host_io.h"
#include "work/host_result.h"
#include "work/host_strays.h"

struct host_call {
    leat_call head; /* first, because plugins hand back a pointer to it */
    struct host_io *io;
    struct host_input *input;
    struct host_result *result;
    struct arena arena;
    pthread_t thread;
    void *state; /* of the plugin */
    bool opened;
    atomic_llong deadline_us; /* monotonic; 0 for none */
    bool failed;              /* something is wrong with the attempt whatever run() returns */
    leat_status failed_status;
    int64_t retry_after_ms;
    char code[LEAT_CODE_MAX + 1];
    char text[LEAT_TEXT_MAX + 1];
};

static leat_status table_param(leat_call *head, const char *name, uint32_t type, void *ret_value);
static leat_status table_input(leat_call *head, leat_str *ret_msgpack);
static leat_status table_result(leat_call *head, const char *key, const leat_str *msgpack);
static leat_status table_outcome(leat_call *head, leat_status status, const char *code,
                                 const char *text, int64_t retry_after_ms);
static int32_t table_cancelled(leat_call *head);
static int32_t table_cancel_fd(leat_call *head);
static int64_t table_deadline_ms(leat_call *head);
static void table_progress(leat_call *head, double done, const char *text);
static void table_log(leat_call *head, int32_t level, const char *text);
static void *table_alloc(leat_call *head, size_t size);
static const void *table_extension(leat_call *head, const char *id);
static void *table_state(leat_call *head);
static leat_str table_fact(leat_call *head, const char *name);

static struct host_call *call_of(leat_call *head);
static bool on_call_thread(struct host_call *call, const char *function);
static void misbehaved(struct host_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void fail(struct host_call *call, leat_status status, const char *code, const char *text);
static void begin(struct host_call *call, const leat_part *part, const struct frame_call *frame);
static void end(struct host_call *call);
static leat_status run_part(struct host_call *call, const leat_plugin *plugin,
                            const leat_part *part, const struct frame_call *frame);
static void finish(struct host_call *call, leat_status status, struct frame_result *result);
static void refuse_late(struct host_call *call, struct frame *frame);

static const leat_host table = {
    .struct_size = sizeof(leat_host),
    .abi_major = LEAT_ABI_MAJOR,
    .abi_minor = LEAT_ABI_MINOR,
    .param = table_param,
    .input = table_input,
    .result = table_result,
    .outcome = table_outcome,
    .cancelled = table_cancelled,
    .cancel_fd = table_cancel_fd,
    .deadline_ms = table_deadline_ms,
    .progress = table_progress,
    .log = table_log,
    .alloc = table_alloc,
    .extension = table_extension,
    .state = table_state,
    .fact = table_fact,
};

struct host_call *host_call_new(struct host_io *io, struct blob_dir *blobs)
{
    struct host_call *call = xcalloc(1, sizeof(*call));

    call->head.host = &table;
    call->io = io;
    call->input = host_input_new(blobs);
    call->result = host_result_new(blobs);
    call->thread = pthread_self();
    arena_init(&call->arena, HOST_CALL_ALLOC_MAX);
    atomic_init(&call->deadline_us, 0);
    return call;
}

struct host_call *host_call_free(struct host_call *call)
{
    if (!call) {
        return NULL;
    }
    host_input_free(call->input);
    host_result_free(call->result);
    arena_done(&call->arena);
    free(call);
    return NULL;
}

int host_call_open(struct host_call *call, const leat_plugin *plugin, struct err_text *reterr_why)
{
    bool has_open = plugin->struct_size >= offsetof(leat_plugin, open) + sizeof(plugin->open);
    struct frame_call none = {.timeout_ms = -1, .facts = VAL_NONE, .input = VAL_NONE};

    call->opened = true;
    if (!has_open || !plugin->open) {
        return 0;
    }
    begin(call, NULL, &none);
    leat_status status = plugin->open(&call->head, &call->state);
    call->opened = status == LEAT_OK;
    end(call);
    if (call->opened) {
        return 0;
    }
    return err_set(reterr_why, ERR_PLUGIN_REFUSED, "the plugin %s did not open: %s", plugin->name,
                   call->text[0] ? call->text : "it does not say why");
}

void host_call_close(struct host_call *call, const leat_plugin *plugin)
{
    bool has_close = plugin->struct_size >= offsetof(leat_plugin, close) + sizeof(plugin->close);

    if (call->opened && has_close && plugin->close) {
        plugin->close(call->state);
    }
    call->opened = false;
}

void host_call_run(struct host_call *call, const leat_plugin *plugin,
                   const struct frame_call *frame)
{
    if (!host_io_begin(call->io, frame->seq)) {
        return;
    }
    struct frame reply = {
        .type = FRAME_RESULT,
        .result = {.seq = frame->seq,
                   .started_us = clock_wall_us(&clock_real),
                   .retry_after_ms = -1},
    };
    int64_t began_us = clock_mono_us(&clock_real);

    (void)FAULT("host.begin");
    leat_status status = LEAT_CANCELLED;
    const leat_part *part = descriptor_abi_part(plugin, frame->kind, frame->type);
    begin(call, part, frame);
    if (host_io_cancelled(call->io)) {
        fail(call, LEAT_CANCELLED, "task.cancelled", "it was cancelled before it began");
    } else {
        status = run_part(call, plugin, part, frame);
    }
    (void)FAULT("host.ran");
    fflush(stdout);
    fflush(stderr);
    host_strays_end();
    reply.result.duration_us = clock_mono_us(&clock_real) - began_us;
    finish(call, status, &reply.result);
    if (host_io_end(call->io, &reply)) {
        refuse_late(call, &reply);
    }
    (void)FAULT("host.sent");
    end(call);
}

/* Goes to the directory of the run and runs the part, if there is one. */
static leat_status run_part(struct host_call *call, const leat_plugin *plugin,
                            const leat_part *part, const struct frame_call *frame)
{
    CLEANUP_FREE char *dir = str_dup(frame->base_dir.len ? frame->base_dir : STR("/"));
    char text[LEAT_TEXT_MAX / 2];

    if (!part) {
        snprintf(text, sizeof(text), "the plugin %.64s has no part \"%.*s\"", plugin->name,
                 STR_ARGS(frame->type));
        fail(call, LEAT_FAIL, "plugin.part", text);
        return LEAT_FAIL;
    }
    if (chdir(dir)) {
        snprintf(text, sizeof(text), "the directory %s that the run was started in: %s", dir,
                 strerror(errno));
        fail(call, LEAT_FAIL, "task.directory", text);
        return LEAT_FAIL;
    }
    return part->run(&call->head);
}

/* Gets everything ready for the plugin's code. */
static void begin(struct host_call *call, const leat_part *part, const struct frame_call *frame)
{
    int64_t timeout_us = frame->timeout_ms * 1000;

    call->failed = false;
    call->retry_after_ms = -1;
    call->code[0] = 0;
    call->text[0] = 0;
    atomic_store(&call->deadline_us,
                 frame->timeout_ms < 0 ? 0 : clock_mono_us(&clock_real) + timeout_us);
    host_input_begin(call->input, part, frame->input, frame->facts);
    host_result_begin(call->result);
}

/* Takes back everything that was lent to the plugin. */
static void end(struct host_call *call)
{
    atomic_store(&call->deadline_us, 0);
    host_input_end(call->input);
    host_result_begin(call->result);
    arena_reset(&call->arena);
}

/* Turns what the part returned, said and handed over into the result frame. */
static void finish(struct host_call *call, leat_status status, struct frame_result *result)
{
    struct err_text why;

    if (!call->failed && status == LEAT_OK) {
        int err = host_result_finish(call->result, &result->result, &why);
        if (!err) {
            result->status = LEAT_OK;
            return;
        }
        fail(call, err_retryable(err) ? LEAT_RETRY : LEAT_FAIL, "result.storage", why.text);
    }
    if (!call->failed && (status < LEAT_OK || status > LEAT_CANCELLED)) {
        char text[128];
        snprintf(text, sizeof(text), "the part returned %d, which is none of the four words",
                 status);
        fail(call, LEAT_FAIL, "plugin.bad_status", text);
    }
    result->status = call->failed ? call->failed_status : status;
    result->code = call->code[0] ? str_of(call->code) : STR("plugin.failed");
    result->text = call->text[0] ? str_of(call->text) : STR("The part does not say why.");
    result->retry_after_ms = call->retry_after_ms;
    result->result = VAL_NONE;
}

/* The result frame did not fit: sends the failure in its place. */
static void refuse_late(struct host_call *call, struct frame *frame)
{
    frame->result.status = LEAT_FAIL;
    frame->result.code = STR("result.size");
    frame->result.text = STR("The result does not fit into a message to the engine.");
    frame->result.result = VAL_NONE;
    must(host_io_end(call->io, frame) == 0);
}

/* Fails the attempt; the first reason stays. */
static void fail(struct host_call *call, leat_status status, const char *code, const char *text)
{
    if (call->failed) {
        return;
    }
    call->failed = true;
    call->failed_status = status;
    snprintf(call->code, sizeof(call->code), "%s", code);
    snprintf(call->text, sizeof(call->text), "%s", text);
}

/* Logs a breach of the contract by the plugin and fails the attempt. */
static void misbehaved(struct host_call *call, const char *format, ...)
{
    struct err_text why;
    va_list args;

    va_start(args, format);
    vsnprintf(why.text, sizeof(why.text), format, args);
    va_end(args);
    host_io_log(call->io, LEAT_LOG_PLUGIN_MISBEHAVING, str_of(why.text));
    if (pthread_equal(pthread_self(), call->thread)) {
        fail(call, LEAT_FAIL, "plugin.misbehaved", why.text);
    }
}

/* The whole of a handle. */
static struct host_call *call_of(leat_call *head)
{
    return (struct host_call *)(void *)head;
}

/* True on the thread that runs calls; otherwise the breach is logged. */
static bool on_call_thread(struct host_call *call, const char *function)
{
    if (pthread_equal(pthread_self(), call->thread)) {
        return true;
    }
    misbehaved(call, "the plugin called %s() from a thread that does not run the call", function);
    return false;
}

/* leat_host.param */
static leat_status table_param(leat_call *head, const char *name, uint32_t type, void *ret_value)
{
    struct host_call *call = call_of(head);
    struct err_text why;

    if (!on_call_thread(call, "param")) {
        return LEAT_FAIL;
    }
    int err = host_input_param(call->input, name, type, ret_value, &why);
    if (err == 0) {
        return LEAT_OK;
    }
    if (err == ERR_INVALID) {
        misbehaved(call, "%s", why.text);
        return LEAT_FAIL;
    }
    if (err == ERR_TYPE) {
        host_io_log(call->io, LEAT_LOG_HOST_MISBEHAVING, str_of(why.text));
    }
    fail(call, err_retryable(err) ? LEAT_RETRY : LEAT_FAIL, "input.unusable", why.text);
    return LEAT_FAIL;
}

/* leat_host.input */
static leat_status table_input(leat_call *head, leat_str *ret_msgpack)
{
    struct host_call *call = call_of(head);
    struct err_text why;
    struct str whole;

    if (!on_call_thread(call, "input")) {
        return LEAT_FAIL;
    }
    int err = host_input_whole(call->input, &whole, &why);
    if (err) {
        fail(call, err_retryable(err) ? LEAT_RETRY : LEAT_FAIL, "input.unusable", why.text);
        return LEAT_FAIL;
    }
    *ret_msgpack = (leat_str){whole.ptr, whole.len};
    return LEAT_OK;
}

/* leat_host.result */
static leat_status table_result(leat_call *head, const char *key, const leat_str *msgpack)
{
    struct host_call *call = call_of(head);
    struct err_text why;

    if (!on_call_thread(call, "result")) {
        return LEAT_FAIL;
    }
    const char *bytes = msgpack ? msgpack->ptr : NULL;
    int err = host_result_put(call->result, key, bytes, msgpack ? msgpack->len : 0, &why);
    if (err == 0) {
        return LEAT_OK;
    }
    if (err == ERR_INVALID || err == ERR_PARSE || err == ERR_LIMIT) {
        misbehaved(call, "%s", why.text);
        return LEAT_FAIL;
    }
    fail(call, err_retryable(err) ? LEAT_RETRY : LEAT_FAIL, "result.storage", why.text);
    return LEAT_FAIL;
}

/* leat_host.outcome */
static leat_status table_outcome(leat_call *head, leat_status status, const char *code,
                                 const char *text, int64_t retry_after_ms)
{
    struct host_call *call = call_of(head);

    if (!on_call_thread(call, "outcome") || call->failed) {
        return status;
    }
    snprintf(call->code, sizeof(call->code), "%s", code ? code : "plugin.failed");
    snprintf(call->text, sizeof(call->text), "%s", text ? text : "");
    call->retry_after_ms = retry_after_ms < 0 ? -1 : retry_after_ms;
    return status;
}

/* leat_host.cancelled */
static int32_t table_cancelled(leat_call *head)
{
    return host_io_cancelled(call_of(head)->io);
}

/* leat_host.cancel_fd */
static int32_t table_cancel_fd(leat_call *head)
{
    return host_io_cancel_fd(call_of(head)->io);
}

/* leat_host.deadline_ms */
static int64_t table_deadline_ms(leat_call *head)
{
    int64_t deadline_us = atomic_load(&call_of(head)->deadline_us);

    if (deadline_us == 0) {
        return -1;
    }
    int64_t left_us = deadline_us - clock_mono_us(&clock_real);
    return left_us > 0 ? left_us / 1000 : 0;
}

/* leat_host.progress */
static void table_progress(leat_call *head, double done, const char *text)
{
    if (!isnan(done)) {
        done = done < 0 ? 0 : done > 1 ? 1 : done;
    }
    host_io_progress(call_of(head)->io, done, str_of(text));
}

/* leat_host.log */
static void table_log(leat_call *head, int32_t level, const char *text)
{
    if (text) {
        host_io_log(call_of(head)->io, level, str_of(text));
    }
}

/* leat_host.alloc */
static void *table_alloc(leat_call *head, size_t size)
{
    struct host_call *call = call_of(head);

    if (!on_call_thread(call, "alloc") || size > HOST_CALL_ALLOC_MAX) {
        return NULL;
    }
    return arena_alloc(&call->arena, size ? size : 1);
}

/* leat_host.extension: there are none yet. */
static const void *table_extension(leat_call *head, const char *id)
{
    (void)head;
    (void)id;
    return NULL;
}

/* leat_host.state */
static void *table_state(leat_call *head)
{
    return call_of(head)->state;
}

/* leat_host.fact */
static leat_str table_fact(leat_call *head, const char *name)
{
    struct str fact = host_input_fact(call_of(head)->input, name);

    if (fact.len > 0 && strcmp(name, "workdir") == 0) {
        CLEANUP_FREE char *path = str_dup(fact);

        (void)mkdir(path, 0700); /* made for those who ask; failing that, their first use fails */
    }
    return (leat_str){fact.ptr, fact.len};
}
