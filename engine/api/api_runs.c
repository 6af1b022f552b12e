/*
 * Flow runs: starting, listing, showing, stopping, repeating, removing, following.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_handlers.h"
#include "api/api_result.h"
#include "api/call.h"
#include "api/find.h"
#include "api/rows.h"
#include "api/run_page.h"
#include "value/pack.h"

/* ---- starting ------------------------------------------------------------------------------- */

/* Tags of the body as the engine takes them. */
static int read_tags(struct api_call *call, const char ***ret_tags)
{
    struct val list = call_member(call, "tags");
    const char **tags = NULL;
    struct val_iter iter;
    struct val member;
    size_t count = 0;

    if (!list.ptr) {
        *ret_tags = NULL;
        return 0;
    }
    tags = arena_array(&call->arena, val_count(list) + 1, sizeof(*tags));
    iter = val_iter(list);
    while (tags && val_next(&iter, NULL, &member)) {
        if (!str_name_ok(val_str(member), FLOW_NAME_MAX)) {
            return call_fail(call, ERR_INVALID,
                             "A tag has 1 to %d letters, digits, _, - and ., and begins with a "
                             "letter; \"%.*s\" does not.",
                             FLOW_NAME_MAX,
                             val_str(member).len > 64 ? 64 : STR_ARGS(val_str(member)));
        }
        tags[count++] = arena_str(&call->arena, val_str(member));
    }
    *ret_tags = tags;
    return tags ? 0 : ERR_MEMORY;
}

/* Paths and the name must make sense. */
static int check_request(struct api_call *call, const struct engine_request *request)
{
    if (request->base_dir && request->base_dir[0] != '/') {
        return call_fail(call, ERR_INVALID, "The member \"base_dir\" must be an absolute path.");
    }
    if (request->flow_file && request->flow_file[0] != '/') {
        return call_fail(call, ERR_INVALID, "The member \"flow_file\" must be an absolute path.");
    }
    if (request->name && !request->name[0]) {
        return call_fail(call, ERR_INVALID, "The member \"name\" must not be empty.");
    }
    return 0;
}

/* Fills the engine's request from the body. */
static int read_request(struct api_call *call, struct engine_request *ret_request)
{
    struct val text = call_member(call, "flow_text");
    struct val refresh = call_member(call, "refresh_cache");
    const char **tags = NULL;
    int err = read_tags(call, &tags);

    if (err) {
        return err;
    }
    *ret_request = (struct engine_request){
        .flow_text = val_str(text),
        .flow_file = call_string(call, "flow_file"),
        .base_dir = call_string(call, "base_dir"),
        .params = call_member(call, "params"),
        .typed = call_member(call, "typed"),
        .name = call_string(call, "name"),
        .tags = tags,
        .refresh_cache = refresh.ptr && val_bool(refresh),
    };
    err = check_request(call, ret_request);
    if (!ret_request->base_dir) {
        ret_request->base_dir = engine_home(call->engine);
    }
    if (!ret_request->flow_file) {
        ret_request->flow_file =
            arena_printf(&call->arena, "%s/flows/flow.yaml", engine_home(call->engine));
    }
    return err;
}

int api_runs_submit(struct api_call *call)
{
    struct engine_request request;
    struct engine_run run;
    char id[UUID_TEXT_SIZE];
    int err = read_request(call, &request);

    if (err) {
        return err;
    }
    err = engine_submit(call->engine, &request, &run, &call->problems);
    if (err == ERR_INVALID || err == ERR_LIMIT) {
        call->status = 422;
        return call_fail(call, err, "The flow can not run as it is; see its problems.");
    }
    if (err) {
        return call_fail(call, err, "The flow run could not be started: %s.", err_sentence(err));
    }
    uuid_format(&run.uuid, id);
    pack_map(call->out, 3);
    rows_put_str(call->out, "id", str_of(id));
    rows_put_int(call->out, "number", (int64_t)run.number);
    rows_put_str(call->out, "name", str_of(run.name));
    snprintf(call->response->location, sizeof(call->response->location), API_PREFIX "/flow-runs/%s",
             id);
    return 0;
}

/* ---- showing -------------------------------------------------------------------------------- */

/* Reads the number of a page's `after`. */
static int read_below(struct api_call *call, uint64_t *ret_below)
{
    struct str text = call_text(call, "after");
    char *end = NULL;

    *ret_below = UINT64_MAX;
    if (!text.ptr) {
        return 0;
    }
    *ret_below = strtoull(text.ptr, &end, 10);
    if (text.len == 0 || text.len > 20 || end != text.ptr + text.len || text.ptr[0] == '-' ||
        *ret_below == 0) {
        return call_fail(call, ERR_INVALID,
                         "The query parameter \"after\" must be the \"next\" of a page before.");
    }
    return 0;
}

/* "next": null, or the place of the next page. */
static void put_next(struct buf *out, uint64_t next)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, next);
    rows_put_str(out, "next", next ? str_of(text) : STR_NONE);
}

int api_runs_list(struct api_call *call)
{
    struct run_page_filter filter = {.state = rows_state_of(call_text(call, "state")),
                                     .flow = call_text(call, "flow"),
                                     .tag = call_text(call, "tag"),
                                     .name = call_text(call, "name"),
                                     .top = call_number(call, "top") != 0,
                                     .limit = (uint32_t)call_number(call, "limit")};
    struct rows rows = {.pinned = call->pinned};
    struct run_page page;
    int err = read_below(call, &filter.below);

    if (err == 0) {
        err = call_read(call);
    }
    if (err == 0) {
        err = run_page_find(call->read, &filter, &call->arena, &page);
    }
    if (err) {
        return err;
    }
    rows.read = call->read;
    pack_map(call->out, 2);
    pack_cstr(call->out, "items");
    pack_list(call->out, page.count);
    for (uint32_t i = 0; i < page.count; i++) {
        struct run_row row;
        size_t place = pack_map_open(call->out);

        err = find_run_row(call->read, page.numbers[i], &row, &call->why);
        if (err) {
            return err; /* it was there a moment ago, in the same snapshot */
        }
        pack_close(call->out, place,
                   rows_put_flow_run(&rows, page.numbers[i], &row, call_number(call, "counts") != 0,
                                     call->out));
    }
    put_next(call->out, page.next);
    return 0;
}

/* Writes a flow_run as the whole answer. */
static int put_run(struct api_call *call, uint64_t number)
{
    struct rows rows = {.pinned = call->pinned};
    struct run_row row;
    size_t place;
    int err = call_read(call);

    if (err == 0) {
        err = find_run_row(call->read, number, &row, &call->why);
    }
    if (err) {
        return err;
    }
    rows.read = call->read;
    place = pack_map_open(call->out);
    pack_close(call->out, place, rows_put_flow_run(&rows, number, &row, true, call->out));
    return 0;
}

int api_runs_get(struct api_call *call)
{
    struct rows_filter filter = {.state = {.all = true},
                                 .children = call_number(call, "children") != 0,
                                 .after = -1,
                                 .limit = (uint32_t)call_number(call, "tasks")};
    bool expand = call_number(call, "expand") != 0;
    struct rows rows = {.pinned = call->pinned};
    struct run_row row;
    uint64_t number;
    uint32_t count;
    int64_t next;
    size_t place;
    size_t tasks;
    int err = call_run(call, &number);

    if (err == 0) {
        err = find_run_row(call->read, number, &row, &call->why);
    }
    if (err) {
        return err;
    }
    rows.read = call->read;
    place = pack_map_open(call->out);
    count = rows_put_flow_run(&rows, number, &row, true, call->out);
    err = api_result_put(call, "result", row.result, expand);
    if (err) {
        return err;
    }
    pack_cstr(call->out, "task_runs");
    tasks = pack_list_open(call->out);
    pack_close(call->out, tasks,
               rows_put_task_runs(&rows, number, &row, &filter, call->out, &next));
    pack_close(call->out, place, count + 2);
    return 0;
}

/* One step of a flow. */
static void put_step(struct buf *out, const struct flow *flow, uint32_t index)
{
    const struct flow_step *step = &flow->steps[index];

    pack_map(out, 8);
    rows_put_str(out, "name", step->name);
    rows_put_str(out, "kind", step->target_kind == FLOW_TARGET_TASK ? STR("task") : STR("flow"));
    rows_put_str(out, "target", step->target);
    pack_cstr(out, "mapped");
    pack_bool(out, step->map != NULL);
    pack_cstr(out, "conditional");
    pack_bool(out, step->when != NULL);
    pack_cstr(out, "finally");
    pack_bool(out, index >= flow->main_count);
    pack_cstr(out, "cached");
    pack_bool(out, step->cache.mode != FLOW_CACHE_OFF);
    pack_cstr(out, "needs");
    pack_list(out, step->dep_count);
    for (uint32_t i = 0; i < step->dep_count; i++) {
        pack_text(out, flow->steps[step->deps[i].step].name);
    }
}

/* Writes a flow with its text. */
static void put_flow(struct buf *out, const struct flow *flow, const struct hash *hash,
                     struct str text)
{
    pack_map(out, 5);
    rows_put_str(out, "name", flow->name);
    rows_put_str(out, "description", flow->description.ptr ? flow->description : STR(""));
    rows_put_hash(out, "hash", hash);
    rows_put_str(out, "text", text);
    pack_cstr(out, "steps");
    pack_list(out, flow->step_count);
    for (uint32_t i = 0; i < flow->step_count; i++) {
        put_step(out, flow, i);
    }
}

int api_runs_flow(struct api_call *call)
{
    CLEANUP_BUF struct buf text = BUF_INIT(FLOW_TEXT_MAX);
    struct flow *flow = NULL;
    struct run_row row;
    uint64_t number;
    int err = call_run(call, &number);

    if (err == 0) {
        err = find_run_row(call->read, number, &row, &call->why);
    }
    if (err) {
        return err;
    }
    err = pinned_text(call->pinned, call->read, &row.flow_hash, &text);
    if (err == 0) {
        err = pinned_get(call->pinned, call->read, &row.flow_hash, &flow);
    }
    if (err) {
        return call_fail(call, err, "The flow file of the run can not be read any more: %s.",
                         err_sentence(err));
    }
    put_flow(call->out, flow, &row.flow_hash, buf_str(&text));
    pinned_put(call->pinned, flow);
    return 0;
}

/* ---- changing ------------------------------------------------------------------------------- */

int api_runs_cancel(struct api_call *call)
{
    const char *reason = call->body.ptr ? call_string(call, "reason") : NULL;
    uint64_t number;
    int err = call_run(call, &number);

    if (err) {
        return err;
    }
    call_read_end(call);
    err = engine_cancel(call->engine, number, reason ? reason : "cancelled by request", &call->why);
    if (err == ERR_NOT_FOUND) { /* among the live ones; the store has it */
        return call_fail(call, ERR_CONFLICT, "The flow run has ended already.");
    }
    return err ? err : put_run(call, number);
}

int api_runs_retry(struct api_call *call)
{
    uint64_t number;
    int err = call_run(call, &number);

    if (err) {
        return err;
    }
    call_read_end(call);
    err = engine_retry(call->engine, number, &call->why);
    return err ? err : put_run(call, number);
}

int api_runs_delete(struct api_call *call)
{
    uint64_t number;
    int err = call_run(call, &number);

    if (err) {
        return err;
    }
    call_read_end(call);
    return engine_delete(call->engine, number, &call->why);
}

int api_runs_events(struct api_call *call)
{
    return api_follow_new(call->api, call->target.ids[0], call_number(call, "logs") != 0, NULL,
                          NULL, &call->response->follow, &call->why);
}
