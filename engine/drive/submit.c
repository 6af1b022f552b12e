/*
 * See submit.h. Restoring is in restore.c.
 */
#include "drive/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "core/run_name.h"
#include "drive/big.h"
#include "drive/flows.h"
#include "drive/loop.h"
#include "drive/mail.h"
#include "drive/run_data.h"
#include "drive/scope.h"
#include "model/params.h"
#include "value/pack.h"
#include "value/tmpl.h"

_Static_assert(ENGINE_RUN_NAME_MAX + 1 + sizeof(uint64_t) <= STORE_KEY_MAX, "names are keys");

/* What a new run is made from. */
struct making {
    struct flow *flow;
    struct hash hash;
    struct pins *pins;
    struct buf params; /* bound */
    struct buf stored; /* the same as core keeps it: itself or a blob reference */
};

/* Frees what making a run took. */
static void making_done(struct making *making)
{
    pins_unref(making->pins);
    buf_done(&making->params);
    buf_done(&making->stored);
}

/* Binds the parameters of a flow; problems are rendered. */
static int bind_params(struct engine *engine, struct making *making, struct val given,
                       struct val typed, struct buf *problems)
{
    struct diag_list *diags = diag_new("parameters", STR_NONE);
    CLEANUP_BUF struct buf bound = BUF_INIT(PARAMS_TOTAL_MAX);
    struct err_text why;
    int err;

    buf_init(&making->params, 2 * PARAMS_TOTAL_MAX);
    buf_init(&making->stored, PARAMS_TOTAL_MAX);
    err = params_bind(making->flow->params, making->flow->param_count, given, typed, &bound, diags);
    if (err) {
        diag_render(diags, false, problems);
    }
    diag_free(diags);
    if (err == 0) {
        params_for_templates(making->flow->params, making->flow->param_count,
                             (struct val){bound.data, bound.len}, &making->params);
        err = big_put(engine->blobs, (struct val){making->params.data, making->params.len},
                      &making->stored, &why);
        if (err) {
            buf_printf(problems, "error: %s\n", why.text);
        }
    }
    return err;
}

/* Renders the flow's `run_name`; false when it has none or it can not be rendered. */
static bool render_name(struct engine *engine, const struct making *making, char *ret_name,
                        size_t size)
{
    struct run_data data = {.params = {making->params.data, making->params.len}};
    struct run run = {.flow = making->flow,
                      .user = &data,
                      .params = data.params,
                      .name = (char[]){""},
                      .base_dir = (char[]){""},
                      .state = STATE_PENDING,
                      .created_us = engine_wall_us()};
    CLEANUP_BUF struct buf out = BUF_INIT(4096);
    struct scope scope;
    bool ok;

    if (!making->flow->run_name) {
        return false;
    }
    data.workdir = (char[]){""};
    data.workdir_made = true;
    scope_init(&scope, engine, &run, NULL);
    ok = tmpl_text(making->flow->run_name, &scope.tmpl, &out, NULL) == 0 && out.len > 0;
    if (ok) {
        size_t len = out.len < size - 1 ? out.len : size - 1;

        while (len < out.len && len > 0 && (out.data[len] & 0xC0) == 0x80) {
            len--; /* not in the middle of a character */
        }
        snprintf(ret_name, size, "%.*s", (int)len, (const char *)out.data);
    }
    scope_done(&scope);
    return ok;
}

/* Submits to core and completes the new run before its records are written. */
static int submit(struct engine *engine, struct making *making, struct core_event *event,
                  const struct run *parent, struct run **ret_run)
{
    struct run *run = NULL;
    int err;

    event->type = CORE_SUBMIT;
    event->wall_us = engine_wall_us();
    event->submit.uuid = uuid_v7(event->wall_us, &engine->rng);
    event->submit.flow = flow_ref(making->flow);
    event->submit.flow_hash = making->hash;
    event->submit.params = (struct val){making->stored.data, making->stored.len};
    err = core_apply(engine->core, event, &engine->decisions, &run);
    if (err) {
        flow_unref(making->flow);
        return err;
    }
    if (parent) {
        run_data_new(engine, run, making->pins, &run_data(parent)->root,
                     run_data(parent)->root_number);
    } else {
        run_data_new(engine, run, making->pins, &run->uuid, run->number);
        pins_write(engine, making->pins, run->number);
    }
    run_data_set_params(run, (struct val){making->params.data, making->params.len});
    loop_decisions(engine, &engine->decisions);
    *ret_run = run;
    return 0;
}

/* Refuses what is too long for a row or a key of the store, whoever let it through. */
static int check_request(const struct engine_request *request, struct buf *problems)
{
    size_t name = request->name ? strlen(request->name) : 0;
    size_t base_dir = request->base_dir ? strlen(request->base_dir) : 0;

    if (name > ENGINE_RUN_NAME_MAX || (request->name && !str_utf8_ok(str_of(request->name)))) {
        buf_printf(problems, "error: the name of a run has at most %d bytes and is UTF-8\n",
                   ENGINE_RUN_NAME_MAX);
        return ERR_INVALID;
    }
    if (base_dir > ENGINE_BASE_DIR_MAX) {
        buf_printf(problems, "error: the base directory of a run has at most %d bytes, not %zu\n",
                   ENGINE_BASE_DIR_MAX, base_dir);
        return ERR_INVALID;
    }
    for (const char *const *tag = request->tags; tag && *tag; tag++) {
        if (!str_name_ok(str_of(*tag), FLOW_NAME_MAX)) {
            buf_printf(problems,
                       "error: a tag has 1 to %d letters, digits, _, - and ., and begins with a "
                       "letter; \"%.64s\" does not\n",
                       FLOW_NAME_MAX, *tag);
            return ERR_INVALID;
        }
    }
    return 0;
}

/* Fails a request with what was written to its problems, or a sentence. */
static void refuse(struct engine *engine, struct mail *mail, int err)
{
    if (mail->ret_problems->len == 0) {
        buf_printf(mail->ret_problems, "error: %s\n", err_sentence(err));
    }
    mail_reply(engine, mail, err);
}

void submit_request(struct engine *engine, struct mail *mail)
{
    const struct engine_request *request = mail->request;
    struct making making = {0};
    struct core_event event = {0};
    struct run *run;
    char name[ENGINE_RUN_NAME_MAX + 1];
    struct err_text why;
    int err = check_request(request, mail->ret_problems);

    if (err) {
        mail_reply(engine, mail, err);
        return;
    }
    err = catalogue_scan(engine->catalogue, &why);
    if (err) {
        buf_printf(mail->ret_problems, "error: %s\n", why.text);
        mail_reply(engine, mail, err);
        return;
    }
    if (store_room(engine->store) >= STORE_ROOM_LOW) {
        buf_printf(mail->ret_problems, "error: the disk or the store is nearly full: no new run is "
                                       "taken until there is room (see `leat api GET /health`)\n");
        mail_reply(engine, mail, ERR_STORE_FULL);
        return;
    }
    err = flows_collect(engine, request->flow_text, request->flow_file, &making.flow, &making.hash,
                        &making.pins, mail->ret_problems);
    if (err == 0) {
        err = bind_params(engine, &making, request->params, request->typed, mail->ret_problems);
    }
    if (err == 0) {
        event.submit.name = request->name;
        if (!event.submit.name && render_name(engine, &making, name, sizeof(name))) {
            event.submit.name = name;
        }
        event.submit.base_dir = request->base_dir;
        event.submit.tags = request->tags;
        event.submit.refresh_cache = request->refresh_cache;
        err = submit(engine, &making, &event, NULL, &run);
    }
    if (err == ERR_LIMIT && mail->ret_problems->len == 0) {
        buf_printf(mail->ret_problems, "error: a run has at most %u tags, the flow's included\n",
                   CORE_TAGS_MAX);
    }
    if (err) {
        refuse(engine, mail, err);
    } else {
        mail->ret_run->number = run->number;
        mail->ret_run->uuid = run->uuid;
        snprintf(mail->ret_run->name, sizeof(mail->ret_run->name), "%s", run->name);
        loop_effect(engine, EFFECT_REPLY, run->number)->mail = mail;
    }
    making_done(&making);
}

/* The subflow of a task can not be submitted. */
static void child_failed(struct engine *engine, const struct run *run, const struct task *task,
                         const char *code, const char *text)
{
    struct core_event event = {.type = CORE_ENDED,
                               .wall_us = engine_wall_us(),
                               .run = run->number,
                               .task = task->index,
                               .epoch = task->epoch};

    event.ended.outcome = CORE_OUTCOME_FAIL;
    event.ended.code = code;
    event.ended.text = text;
    event.ended.retry_after_ms = -1;
    loop_apply(engine, &event, NULL);
}

/* Why core takes no subflow's run. */
static const char *child_sentence(int err)
{
    return err == ERR_LIMIT ? "subflows call each other too deeply: at most 32 levels"
                            : err_sentence(err);
}

void submit_child(struct engine *engine, uint64_t number, uint32_t index, uint32_t epoch)
{
    struct run *parent = core_run(engine->core, number);
    struct task *task = parent ? &parent->tasks[index] : NULL;
    CLEANUP_BUF struct buf problems = BUF_INIT(64 * 1024);
    struct making making = {0};
    struct core_event event = {0};
    struct run *run;
    char name[ENGINE_RUN_NAME_MAX + 1];
    int err;

    if (!task || task->epoch != epoch || task->place != CORE_PLACE_SUBMITTING) {
        return;
    }
    making.pins = pins_ref(run_data(parent)->pins);
    making.flow = pins_flow(making.pins, parent->flow->steps[task->step].target, &making.hash);
    if (!making.flow) {
        child_failed(engine, parent, task, "subflow.missing",
                     "the text of the subflow is gone from the store");
        making_done(&making);
        return;
    }
    err = bind_params(engine, &making, task->input, VAL_NONE, &problems);
    if (err == 0) {
        event.submit.name = render_name(engine, &making, name, sizeof(name)) ? name : NULL;
        event.submit.base_dir = parent->base_dir;
        event.submit.refresh_cache = parent->refresh_cache;
        event.submit.parent_run = number;
        event.submit.parent_task = index;
        err = submit(engine, &making, &event, parent, &run);
    }
    if (err) {
        child_failed(engine, parent, task,
                     err == ERR_LIMIT && problems.len == 0 ? "subflow.too_deep" : "subflow.params",
                     problems.len ? buf_cstr(&problems) : child_sentence(err));
    }
    making_done(&making);
}

void submit_forget(struct engine *engine, uint64_t number)
{
    struct run *run = core_run(engine->core, number);

    if (!run || !state_terminal(run->state)) {
        return; /* a retry came before the records of its end were durable */
    }
    run_data_free(run);
    core_forget(engine->core, number);
}
