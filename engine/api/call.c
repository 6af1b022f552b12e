/*
 * See call.h.
 */
#include "api/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/find.h"
#include "base/must.h"

/* The place of a query parameter in the route's table. */
static size_t query_place(const struct api_call *call, const char *name)
{
    const struct route_query *query = call->target.route->query;

    for (size_t i = 0; query && query[i].name; i++) {
        if (strcmp(query[i].name, name) == 0) {
            return i;
        }
    }
    unreachable("a handler asks for a query parameter that its route does not have");
}

struct str call_text(const struct api_call *call, const char *name)
{
    return call->target.texts[query_place(call, name)];
}

int64_t call_number(const struct api_call *call, const char *name)
{
    return call->target.numbers[query_place(call, name)];
}

struct val call_member(const struct api_call *call, const char *name)
{
    struct val member = call->body.ptr ? val_find(call->body, str_of(name)) : VAL_NONE;

    return member.ptr && val_type(member) != VAL_NIL ? member : VAL_NONE;
}

const char *call_string(struct api_call *call, const char *name)
{
    struct val member = call_member(call, name);

    return member.ptr ? arena_str(&call->arena, val_str(member)) : NULL;
}

int call_read(struct api_call *call)
{
    int err;

    if (call->read) {
        return 0;
    }
    err = store_read_begin(engine_store(call->engine), &call->read);
    if (err == ERR_UNAVAILABLE) {
        return call_fail(call, err, "Too many readers are looking at the store; try again.");
    }
    return err ? call_fail(call, err, "The store can not be read: %s.", err_sentence(err)) : 0;
}

void call_read_end(struct api_call *call)
{
    call->read = store_read_end(call->read);
}

int call_run(struct api_call *call, uint64_t *ret_number)
{
    int err = call_read(call);

    return err ? err : find_run(call->read, call->target.ids[0], ret_number, &call->why);
}

int call_fail(struct api_call *call, int err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(call->why.text, sizeof(call->why.text), format, args);
    va_end(args);
    return err;
}
