/*
 * One request under way: what handlers get, and what they need again and again.
 *
 * A handler reads ids, query and body from the call, writes one msgpack map to call->out and
 * returns 0; or it returns an error with a finished sentence in call->why. One thread per call.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/api.h"
#include "api/pinned.h"
#include "api/route.h"
#include "drive/engine.h"
#include "store/store_read.h"

enum { CALL_MEMORY_MAX = 16 * 1024 * 1024 }; /* bytes of a call's arena */

struct api_call {
    struct api *api;
    const struct api_options *options;
    struct engine *engine;
    struct pinned *pinned;
    int64_t started_us; /* wall clock of the engine's start */
    struct route_target target;
    struct val body; /* VAL_NONE when there is none */
    struct arena arena;
    struct store_read *read; /* opened by call_read(); ended with the call at the latest */
    struct buf *out;         /* the answer */
    int status;              /* of success or failure; 0: the usual one */
    struct err_text why;
    struct buf problems; /* rendered for people; in the answer of a failure */
    struct api_response *response;
};

/* The text of a query parameter of the route (it must have it); STR_NONE when it is not given. */
struct str call_text(const struct api_call *call, const char *name);
/* Likewise the number of one that is INT or BOOL. */
int64_t call_number(const struct api_call *call, const char *name);

/* A member of the body, VAL_NONE when it is not there or null. */
struct val call_member(const struct api_call *call, const char *name);
/* A string member of the body as a C string in the call's arena, NULL when it is not there. */
const char *call_string(struct api_call *call, const char *name);

/* Opens the call's snapshot of the store, if it is not open. */
int call_read(struct api_call *call);
/* Ends it: before anything that blocks. */
void call_read_end(struct api_call *call);

/* The run that the path's first part names: see find.h. Opens the snapshot. */
int call_run(struct api_call *call, uint64_t *ret_number);

/* Fails with a sentence. */
int call_fail(struct api_call *call, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
