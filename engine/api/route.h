/*
 * Routes: the table of everything that can be asked, and finding the one that fits a request.
 *
 * The table (routes.c) is the only list: dispatch, checks of queries and bodies, OpenAPI and the
 * reference all read it. Adding a route is one entry there and one handler.
 */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/shape.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct api_call;

enum {
    ROUTE_IDS_MAX = 2,     /* `{...}` parts of a path */
    ROUTE_QUERY_MAX = 12,  /* query parameters of a route */
    ROUTE_PARTS_MAX = 8,   /* segments of a path */
    ROUTE_TEXT_MAX = 1024, /* bytes of a path part or of a query parameter's value */
};

enum route_query_type { ROUTE_TEXT, ROUTE_INT, ROUTE_BOOL, ROUTE_STATE };

/* One query parameter. */
struct route_query {
    const char *name;
    enum route_query_type type;
    int64_t min; /* INT */
    int64_t max;
    int64_t fallback; /* INT: when it is not given */
    const char *doc;
};

struct route {
    const char *method;              /* "GET"; HEAD is served by it too */
    const char *pattern;             /* after API_PREFIX: "/flow-runs/{run}/logs" */
    const char *id;                  /* operation id of OpenAPI: "run_logs" */
    const char *tag;                 /* chapter of the reference */
    const char *summary;             /* one sentence */
    const struct route_query *query; /* ended by one without a name; NULL for none */
    const struct shape *body;        /* NULL: the request has no body */
    bool body_optional;
    const struct shape *answer; /* NULL: no body (204) or a stream */
    int status;                 /* of success */
    bool stream;                /* text/event-stream */
    /* Writes the answer to call->out and returns 0, or an error with call->why filled. */
    int (*handle)(struct api_call *call);
};

extern const struct route route_table[];
extern const size_t route_count;

/* What a request's target says. Texts are decoded and lie in the arena. */
struct route_target {
    const struct route *route;
    struct str ids[ROUTE_IDS_MAX];
    struct str texts[ROUTE_QUERY_MAX]; /* by place in route->query; STR_NONE when not given */
    int64_t numbers[ROUTE_QUERY_MAX];  /* INT (fallback filled in), BOOL */
};

/*
 * Reads "/api/v1/path?query" for <method>. 0; ERR_NOT_FOUND: no such path; ERR_CONFLICT: the path
 * has other methods, which are in <ret_allow>; ERR_INVALID: bad encoding, unknown, repeated or
 * unfitting query parameter. All with a sentence. Memory is <arena>'s.
 */
int route_find(const char *method, struct str target, struct arena *arena,
               struct route_target *ret_target, char ret_allow[64], struct err_text *reterr_why);

#endif
