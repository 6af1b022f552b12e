/*
 * See api.h. From a request to its answer: limits, route, query, body, handler; and errors as
 * problems (RFC 9457).
 */
#include "api/api.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_int.h"
#include "api/call.h"
#include "api/rows.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "value/json.h"
#include "value/pack.h"

struct api {
    struct api_options options;
    struct pinned *pinned;
    int64_t started_us;
};

struct api *api_new(const struct api_options *options)
{
    struct api *api = xcalloc(1, sizeof(*api));

    api->options = *options;
    api->pinned = pinned_new(engine_blobs(options->engine));
    api->started_us = clock_wall_us(&clock_real);
    return api;
}

struct api *api_free(struct api *api)
{
    if (!api) {
        return NULL;
    }
    pinned_free(api->pinned);
    free(api);
    return NULL;
}

struct engine *api_engine(const struct api *api)
{
    return api->options.engine;
}

struct pinned *api_pinned(const struct api *api)
{
    return api->pinned;
}

/* ---- answers -------------------------------------------------------------------------------- */

void api_response_done(struct api_response *response)
{
    api_follow_free(response->follow);
    response->follow = NULL;
    buf_done(&response->value);
}

struct val api_response_value(const struct api_response *response)
{
    if (response->value.len == 0) {
        return VAL_NONE;
    }
    return (struct val){response->value.data, response->value.len};
}

struct str api_response_detail(const struct api_response *response)
{
    struct val value = api_response_value(response);
    struct val detail = response->problem && value.ptr ? val_find(value, STR("detail")) : VAL_NONE;

    return detail.ptr && val_type(detail) == VAL_STR ? val_str(detail) : STR("");
}

/* The status that belongs to an error of the engine. */
static int status_of(int err)
{
    switch (err) {
    case ERR_NOT_FOUND:
        return 404;
    case ERR_CONFLICT:
    case ERR_EXISTS:
        return 409;
    case ERR_INVALID:
    case ERR_PARSE:
    case ERR_TYPE:
    case ERR_RANGE:
    case ERR_EXPRESSION:
        return 400;
    case ERR_LIMIT:
        return 413;
    case ERR_UNAVAILABLE:
    case ERR_MEMORY:
        return 503;
    case ERR_TIMEOUT:
        return 504;
    case ERR_STORE_FULL:
        return 507;
    default:
        return 500;
    }
}

/* What HTTP calls a status. */
static const char *title_of(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (titles[i].status == status) {
            return titles[i].title;
        }
    }
    return "Error";
}

/* A sentence with a capital and a full stop: those of lower layers are made to follow a prefix. */
static void finish_sentence(struct err_text *why)
{
    size_t len = strlen(why->text);
    size_t word = strcspn(why->text, " ");

    if (len == 0) {
        return;
    }
    if (islower((unsigned char)why->text[0]) && strcspn(why->text, "._\"") > word) {
        why->text[0] = (char)toupper((unsigned char)why->text[0]);
    }
    if (!strchr(".?!", why->text[len - 1]) && len + 1 < sizeof(why->text)) {
        why->text[len] = '.';
        why->text[len + 1] = '\0';
    }
}

void api_problem(struct api_response *response, int status, int code, const char *detail,
                 struct str problems)
{
    struct buf *out = &response->value;
    struct err_text why;

    snprintf(why.text, sizeof(why.text), "%s", detail);
    finish_sentence(&why);
    buf_clear(out);
    pack_map(out, problems.len ? 6 : 5);
    rows_put_str(out, "type", STR("about:blank"));
    rows_put_str(out, "title", str_of(title_of(status)));
    rows_put_int(out, "status", status);
    rows_put_str(out, "detail", str_of(why.text));
    rows_put_str(out, "code", str_of(err_name(code)));
    if (problems.len) {
        rows_put_str(out, "problems", problems);
    }
    must(buf_err(out) == 0);
    response->status = status;
    response->problem = true;
    response->content_type = "application/problem+json";
}

void api_response_init(struct api_response *response)
{
    *response = (struct api_response){.status = 500};
    buf_init(&response->value, API_RESPONSE_MAX);
}

/* ---- requests ------------------------------------------------------------------------------- */

bool api_content_type_ok(struct str type)
{
    struct str plain = STR("application/json");

    if (type.len < plain.len || strncasecmp(type.ptr, plain.ptr, plain.len) != 0) {
        return false;
    }
    type.ptr += plain.len;
    type.len -= plain.len;
    while (type.len && (*type.ptr == ' ' || *type.ptr == ';')) {
        type.ptr++;
        type.len--;
    }
    return type.len == 0 || (type.len == sizeof("charset=utf-8") - 1 &&
                             strncasecmp(type.ptr, "charset=utf-8", type.len) == 0);
}

/* Reads a body of JSON text into <ret_bytes>. */
static int parse_body(struct api_call *call, const struct api_request *request,
                      struct buf *ret_bytes)
{
    static const struct val_limits limits = {
        .bytes_max = API_BODY_MAX, .nodes_max = 1000000, .depth_max = VAL_DEPTH_MAX};
    struct err_text why = {""};
    int err;

    if (!api_content_type_ok(request->content_type)) {
        call->status = 415;
        return call_fail(call, ERR_INVALID,
                         "The body must be JSON, with the header Content-Type: application/json.");
    }
    err = json_parse(request->body, &limits, 0, ret_bytes, &why);
    if (err) {
        call->status = 400; /* also when it nests too deep: its size was fine */
        return call_fail(call, err, "The body is not usable JSON: %s", why.text);
    }
    call->body = (struct val){ret_bytes->data, ret_bytes->len};
    return 0;
}

/* Finds out what the body says and whether the route wants it. */
static int take_body(struct api_call *call, const struct api_request *request,
                     struct buf *ret_bytes)
{
    const struct route *route = call->target.route;
    bool given = request->body.len > 0 || request->body_value.ptr;
    int err = 0;

    if (request->body.len > API_BODY_MAX) {
        return call_fail(call, ERR_LIMIT, "The body is larger than %d bytes.", API_BODY_MAX);
    }
    if (given && !route->body) {
        return call_fail(call, ERR_INVALID, "This request has no body.");
    }
    if (!given && route->body && !route->body_optional) {
        return call_fail(call, ERR_INVALID, "This request needs a body of JSON.");
    }
    if (request->body_value.ptr) {
        call->body = request->body_value;
    } else if (given) {
        err = parse_body(call, request, ret_bytes);
    }
    return err || !call->body.ptr ? err : shape_check(route->body, call->body, &call->why);
}

/* Finds the route, reads the body, calls the handler. */
static int run_call(struct api_call *call, const struct api_request *request,
                    struct buf *body_bytes)
{
    int err;

    if (request->target.len > API_TARGET_MAX) {
        call->status = 414;
        return call_fail(call, ERR_LIMIT, "Path and query are longer than %d bytes.",
                         API_TARGET_MAX);
    }
    err = route_find(request->method, request->target, &call->arena, &call->target,
                     call->response->allow, &call->why);
    if (err) {
        call->status = err == ERR_CONFLICT ? 405 : 0;
        return err;
    }
    call->response->allow[0] = '\0';
    err = take_body(call, request, body_bytes);
    if (err) {
        return err;
    }
    err = call->target.route->handle(call);
    if (err == 0 && buf_err(call->out)) {
        return call_fail(call, buf_err(call->out),
                         "The answer would be larger than %d bytes; ask for less at a time.",
                         API_RESPONSE_MAX);
    }
    return err;
}

/* Turns the end of a call into its response. */
static void finish(struct api_call *call, int err)
{
    struct api_response *response = call->response;

    if (err) {
        if (!call->why.text[0]) {
            call_fail(call, err, "%s", err_sentence(err));
        }
        api_follow_free(response->follow);
        response->follow = NULL;
        api_problem(response, call->status ? call->status : status_of(err), err, call->why.text,
                    buf_str(&call->problems));
        return;
    }
    response->status = call->status ? call->status : call->target.route->status;
    if (call->target.route->stream) {
        response->content_type = "text/event-stream";
    } else if (response->value.len) {
        response->content_type = "application/json";
    }
}

void api_handle(struct api *api, const struct api_request *request,
                struct api_response *ret_response)
{
    CLEANUP_BUF struct buf body_bytes = BUF_INIT(2 * (size_t)API_BODY_MAX);
    struct api_call call = {.api = api,
                            .options = &api->options,
                            .engine = api->options.engine,
                            .pinned = api->pinned,
                            .started_us = api->started_us,
                            .out = &ret_response->value,
                            .response = ret_response};

    api_response_init(ret_response);
    arena_init(&call.arena, CALL_MEMORY_MAX);
    buf_init(&call.problems, 4 * 1024 * 1024);
    finish(&call, run_call(&call, request, &body_bytes));
    call_read_end(&call);
    buf_done(&call.problems);
    arena_done(&call.arena);
}
