/*
 * The API described by its own tables: as an OpenAPI 3.1 document, and as the reference for people.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "api/http.h"
#include "api/route.h"
#include "api/shape.h"
#include "core/state.h"
#include "value/pack.h"

/* ---- OpenAPI -------------------------------------------------------------------------------- */

/* A key with a text. */
static void put_text(struct buf *out, const char *key, const char *text)
{
    pack_cstr(out, key);
    pack_cstr(out, text);
}

/* "schema": {"$ref": ...} */
static void put_schema_ref(struct buf *out, const char *name)
{
    char ref[128];

    snprintf(ref, sizeof(ref), "#/components/schemas/%s", name);
    pack_cstr(out, "schema");
    pack_map(out, 1);
    put_text(out, "$ref", ref);
}

/* "content": {TYPE: {"schema": ...}} */
static void put_content(struct buf *out, const char *type, const struct shape *shape)
{
    pack_cstr(out, "content");
    pack_map(out, 1);
    pack_cstr(out, type);
    pack_map(out, 1);
    if (shape && shape->count) {
        put_schema_ref(out, shape->name);
    } else {
        pack_cstr(out, "schema");
        pack_map(out, 1);
        put_text(out, "type", shape ? "object" : "string");
    }
}

/* One `{name}` of a path. */
static void put_path_parameter(struct buf *out, const char *name, size_t len)
{
    pack_map(out, 4);
    pack_cstr(out, "name");
    pack_str(out, (struct str){name, len});
    put_text(out, "in", "path");
    pack_cstr(out, "required");
    pack_bool(out, true);
    pack_cstr(out, "schema");
    pack_map(out, 1);
    put_text(out, "type", "string");
}

/* The schema of a query parameter. */
static void put_query_schema(struct buf *out, const struct route_query *query)
{
    pack_cstr(out, "schema");
    switch (query->type) {
    case ROUTE_INT:
        pack_map(out, 4);
        put_text(out, "type", "integer");
        pack_cstr(out, "minimum");
        pack_int(out, query->min);
        pack_cstr(out, "maximum");
        pack_int(out, query->max);
        pack_cstr(out, "default");
        pack_int(out, query->fallback);
        return;
    case ROUTE_BOOL:
        pack_map(out, 1);
        put_text(out, "type", "boolean");
        return;
    case ROUTE_TEXT:
    case ROUTE_STATE:
        pack_map(out, 2);
        put_text(out, "type", "string");
        pack_cstr(out, "maxLength");
        pack_int(out, ROUTE_TEXT_MAX);
        return;
    }
}

/* One query parameter. */
static void put_query(struct buf *out, const struct route_query *query)
{
    pack_map(out, 4);
    put_text(out, "name", query->name);
    put_text(out, "in", "query");
    put_text(out, "description", query->doc);
    put_query_schema(out, query);
}

/* "parameters": of path and query. */
static void put_parameters(struct buf *out, const struct route *route)
{
    uint32_t count = 0;
    size_t place;

    pack_cstr(out, "parameters");
    place = pack_list_open(out);
    for (const char *at = strchr(route->pattern, '{'); at; at = strchr(at + 1, '{')) {
        put_path_parameter(out, at + 1, strcspn(at + 1, "}"));
        count++;
    }
    for (const struct route_query *query = route->query; query && query->name; query++) {
        put_query(out, query);
        count++;
    }
    pack_close(out, place, count);
}

/* "responses": success and any problem. */
static void put_responses(struct buf *out, const struct route *route)
{
    bool body = route->answer || route->stream;
    char status[16];

    snprintf(status, sizeof(status), "%d", route->status);
    pack_cstr(out, "responses");
    pack_map(out, 2);
    pack_cstr(out, status);
    pack_map(out, body ? 2 : 1);
    put_text(out, "description", route->answer ? route->answer->doc : route->summary);
    if (body) {
        put_content(out, route->stream ? "text/event-stream" : "application/json", route->answer);
    }
    pack_cstr(out, "default");
    pack_map(out, 2);
    put_text(out, "description", shape_problem.doc);
    put_content(out, "application/problem+json", &shape_problem);
}

/* One operation: "get": {...}. */
static void put_operation(struct buf *out, const struct route *route)
{
    char method[16] = "";

    for (size_t i = 0; route->method[i] && i + 1 < sizeof(method); i++) {
        method[i] = (char)tolower((unsigned char)route->method[i]);
    }
    pack_cstr(out, method);
    pack_map(out, route->body ? 6 : 5);
    put_text(out, "operationId", route->id);
    put_text(out, "summary", route->summary);
    pack_cstr(out, "tags");
    pack_list(out, 1);
    pack_cstr(out, route->tag);
    put_parameters(out, route);
    if (route->body) {
        pack_cstr(out, "requestBody");
        pack_map(out, 2);
        pack_cstr(out, "required");
        pack_bool(out, !route->body_optional);
        put_content(out, "application/json", route->body);
    }
    put_responses(out, route);
}

/* "paths": each with its operations. */
static void put_paths(struct buf *out)
{
    uint32_t paths = 0;
    size_t place;

    pack_cstr(out, "paths");
    place = pack_map_open(out);
    for (size_t i = 0; i < route_count; i++) {
        uint32_t operations = 0;
        bool first = true;
        char path[256];
        size_t map;

        for (size_t before = 0; before < i && first; before++) {
            first = strcmp(route_table[before].pattern, route_table[i].pattern) != 0;
        }
        if (!first) {
            continue;
        }
        snprintf(path, sizeof(path), API_PREFIX "%s", route_table[i].pattern);
        pack_cstr(out, path);
        map = pack_map_open(out);
        for (size_t j = i; j < route_count; j++) {
            if (strcmp(route_table[j].pattern, route_table[i].pattern) == 0) {
                put_operation(out, &route_table[j]);
                operations++;
            }
        }
        pack_close(out, map, operations);
        paths++;
    }
    pack_close(out, place, paths);
}

int api_openapi(const char *version, struct buf *out)
{
    uint32_t shapes = 0;

    while (shape_all[shapes]) {
        shapes++;
    }
    pack_map(out, 4);
    put_text(out, "openapi", "3.1.0");
    pack_cstr(out, "info");
    pack_map(out, 3);
    put_text(out, "title", "leat");
    put_text(out, "version", version);
    put_text(
        out, "description",
        "The API of a leat engine. A flow run is named by its id, the beginning of its id, its "
        "name, or `@last`; a task run by `step` or `step[3]`.");
    put_paths(out);
    pack_cstr(out, "components");
    pack_map(out, 1);
    pack_cstr(out, "schemas");
    pack_map(out, shapes);
    for (uint32_t i = 0; i < shapes; i++) {
        pack_cstr(out, shape_all[i]->name);
        shape_schema(shape_all[i], out);
    }
    return buf_err(out);
}

/* ---- reference ------------------------------------------------------------------------------ */

/* The chapter before the routes. */
static const char reference_head[] =
    "# API reference\n"
    "\n"
    "Generated from the engine's own tables; `leat api GET /openapi.json` gives the same as an\n"
    "OpenAPI 3.1 document.\n"
    "\n"
    "An engine answers on the Unix socket `run/engine.sock` in its home, which only its owner may\n"
    "open. All paths begin with `" API_PREFIX "`. Bodies and answers are JSON in UTF-8.\n"
    "\n"
    "    leat api GET /flow-runs\n"
    "    curl --unix-socket $LEAT_HOME/run/engine.sock http://leat" API_PREFIX "/flow-runs\n"
    "\n"
    "**Names.** `{run}` is a flow run's id, the beginning of one (8 characters or more), a run's\n"
    "name (the newest with it), or `@last` (the newest that is no subflow). `{task}` is `step`,\n"
    "or `step[3]` for a child of a mapped step.\n"
    "\n"
    "**Errors** are `application/problem+json` (RFC 9457) with one sentence in `detail`:\n"
    "\n"
    "| Status | Meaning |\n"
    "|---|---|\n"
    "| 400 | The request makes no sense |\n"
    "| 404 | There is no such thing |\n"
    "| 405 | Another method is wanted, see `Allow` |\n"
    "| 409 | The state of things does not allow it |\n"
    "| 413, 414, 431 | Too large: body or answer, path, headers |\n"
    "| 415 | The body is not plain JSON |\n"
    "| 422 | The flow or its parameters have mistakes, all of them in `problems` |\n"
    "| 503 | Try again |\n"
    "| 507 | The disk or the store is full |\n"
    "\n"
    "**Pages.** Lists have `next`; ask again with `after` set to it until it is null. A page may\n"
    "be shorter than `limit` and still have a next one.\n"
    "\n"
    "**Values.** Results and parameters are JSON. Binary data is `{\"$bin\": \"<base64>\"}`. A\n"
    "value larger than 16 KiB is `{\"$blob\": \"<hash>\", \"size\": n}` unless `expand` was asked\n"
    "for.\n"
    "\n"
    "**Events.** A stream begins with `snapshot`: the run with its `task_runs`, and `child_runs`\n"
    "with theirs. Then come `flow_run`, `task_run`, `map`, `progress` and `log` as they happen,\n"
    "and `end` at last. Each event's `data` is one object whose `type` is the event's name;\n"
    "`time` is in microseconds since 1970. After `lost` (the reader was too slow) a new\n"
    "`snapshot` follows.\n";

/* The paragraph about limits. */
static void describe_limits(struct buf *out)
{
    buf_printf(
        out,
        "\n**Limits.** Body %d MiB; path and query %d KiB; headers %d KiB in %d lines; answer\n"
        "%d MiB; %d event streams; %d connections; a connection that is silent for %d s is\n"
        "closed.\n",
        API_BODY_MAX >> 20, API_TARGET_MAX >> 10, HTTP_HEADER_BYTES_MAX >> 10,
        HTTP_HEADER_LINES_MAX, API_RESPONSE_MAX >> 20, HTTP_STREAMS_MAX, HTTP_CONNECTIONS_MAX,
        HTTP_IDLE_S);
}

/* The query parameters of a route. */
static void describe_query(struct buf *out, const struct route *route)
{
    if (!route->query) {
        return;
    }
    buf_put_str(out, STR("\n| Query | Type | Meaning |\n|---|---|---|\n"));
    for (const struct route_query *query = route->query; query->name; query++) {
        static const char *const types[] = {[ROUTE_TEXT] = "text",
                                            [ROUTE_INT] = "number",
                                            [ROUTE_BOOL] = "switch",
                                            [ROUTE_STATE] = "state"};

        buf_printf(out, "| `%s` | %s | %s", query->name, types[query->type], query->doc);
        if (query->type == ROUTE_INT && query->max == INT64_MAX) {
            buf_printf(out, " %lld is usual.", (long long)query->fallback);
        } else if (query->type == ROUTE_INT) {
            buf_printf(out, " %lld to %lld; %lld is usual.", (long long)query->min,
                       (long long)query->max, (long long)query->fallback);
        }
        buf_put_str(out, STR(" |\n"));
    }
}

/* One route. */
static void describe_route(struct buf *out, const struct route *route)
{
    buf_printf(out, "\n### %s %s\n\n%s\n", route->method, route->pattern, route->summary);
    describe_query(out, route);
    buf_put_str(out, STR("\n"));
    if (route->body) {
        buf_printf(out, "Body: [%s](#%s)%s. ", route->body->name, route->body->name,
                   route->body_optional ? ", may be left out" : "");
    }
    if (route->stream) {
        buf_printf(out, "Answer: %d, an event stream.\n", route->status);
    } else if (route->answer && route->answer->count) {
        buf_printf(out, "Answer: %d, [%s](#%s).\n", route->status, route->answer->name,
                   route->answer->name);
    } else {
        buf_printf(out, "Answer: %d%s.\n", route->status, route->answer ? ", a JSON object" : "");
    }
}

/* One shape. */
static void describe_shape(struct buf *out, const struct shape *shape)
{
    buf_printf(out, "\n### %s\n\n%s\n\n| Member | Type | Meaning |\n|---|---|---|\n", shape->name,
               shape->doc);
    for (size_t i = 0; i < shape->count; i++) {
        const struct shape_field *field = &shape->fields[i];
        char words[SHAPE_WORDS_SIZE];

        shape_words(field, words);
        buf_printf(out, "| `%s`%s | %s | %s |\n", field->name, field->optional ? " (optional)" : "",
                   words, field->doc);
    }
}

int api_reference(struct buf *out)
{
    const char *tag = "";

    buf_put_str(out, str_of(reference_head));
    describe_limits(out);
    for (size_t i = 0; i < route_count; i++) {
        if (strcmp(tag, route_table[i].tag) != 0) {
            tag = route_table[i].tag;
            buf_printf(out, "\n## %s\n", tag);
        }
        describe_route(out, &route_table[i]);
    }
    buf_put_str(out, STR("\n## Shapes\n"));
    for (size_t i = 0; shape_all[i]; i++) {
        describe_shape(out, shape_all[i]);
    }
    return buf_err(out);
}
