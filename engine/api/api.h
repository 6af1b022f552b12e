/*
 * The API of an engine: requests in, values out, whatever carries them.
 *
 * Two transports share it: the HTTP server (http.h), and a process that is itself the engine and
 * calls api_handle() directly. Both see the same routes, checks and answers; only the carrier
 * differs. Answers are values (msgpack maps); over HTTP they travel as JSON.
 *
 *     GET /api/v1/flow-runs?limit=5     request  -> route -> handler -> response
 *
 * What can be asked, with all parameters and shapes, is in docs/reference-api.md and in the OpenAPI
 * description of api_openapi(), both made from the table of routes.
 */
#ifndef API_API_H
#define API_API_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "value/val.h"

struct api;
struct api_follow;
struct engine;

/* Where all routes begin. */
#define API_PREFIX "/api/v1"

enum {
    API_BODY_MAX = 16 * 1024 * 1024,     /* bytes of a request's body */
    API_TARGET_MAX = 8 * 1024,           /* bytes of path and query together */
    API_RESPONSE_MAX = 64 * 1024 * 1024, /* bytes of an answer as a value */
    API_FOLLOW_RUNS_MAX = 1000,          /* runs of a tree that a snapshot shows */
    API_FOLLOW_TASKS_MAX = 10000,        /* task runs of a tree that a snapshot shows */
    API_FOLLOW_LINES_MAX = 10000, /* newest stored log lines that a follower is given first */
};

/* One setting of leat.yaml or the environment as GET /config shows it. The texts are the caller's.
 */
struct api_setting {
    const char *name;   /* "hosts.max" */
    const char *value;  /* as people write it; secrets already masked */
    const char *source; /* "default", "leat.yaml:3", "LEAT_HOSTS_MAX" */
};

struct api_options {
    struct engine *engine;              /* borrowed for the API's life */
    const char *version;                /* of the program; borrowed */
    const struct api_setting *settings; /* borrowed */
    size_t setting_count;
};

/* Any number of threads may use an API at once. */
struct api *api_new(const struct api_options *options);
/* NULL is allowed; returns NULL. All followers must be gone. */
struct api *api_free(struct api *api);

struct api_request {
    const char *method;      /* "GET", "POST", "DELETE", ... */
    struct str target;       /* "/api/v1/flow-runs?limit=5", percent-encoded as on the wire */
    struct str content_type; /* of the body; STR_NONE when there is none */
    struct str body;         /* JSON text; empty when there is none */
    struct val body_value; /* the same as a value, for callers in this process; wins over `body` */
};

/* What comes back; every member is owned by the response. */
struct api_response {
    int status;               /* of HTTP: 200, 201, 202, 204, 400, 404, 405, 409, 413, 422, ... */
    bool problem;             /* the value is an error of RFC 9457: {status, title, detail, code} */
    struct buf value;         /* one msgpack map; empty for 204 and streams */
    const char *content_type; /* of HTTP; static text; NULL without a body */
    char allow[64];           /* methods of the route for a 405, or "" */
    char location[256];       /* where the new thing is for a 201, or "" */
    struct api_follow *follow; /* GET .../events: the stream; the caller takes it over */
};

/*
 * Answers one request; never fails, as failures are answers. <ret_response> is overwritten; free it
 * with api_response_done(). Blocks until a change is durable, which may take seconds for new
 * plugins. Any thread but the engine's loop.
 */
void api_handle(struct api *api, const struct api_request *request,
                struct api_response *ret_response);
void api_response_done(struct api_response *response);

/* The value of a response, VAL_NONE when it has none. Borrowed. */
struct val api_response_value(const struct api_response *response);
/* The one sentence of a problem ("" when there is none); borrowed, not NUL-terminated. */
struct str api_response_detail(const struct api_response *response);

/*
 * Following a run: the run itself and its subflows until it has ended. The first object is
 *
 *   {"type":"snapshot", ...flow_run with "task_runs", "child_runs":[flow_run with "task_runs"]}
 *
 * then, when <logs> was asked for, stored log lines as "log" news; then news as drive/hub.h
 * describes them, as they happen; at last {"type":"end", "run", "state":{...}}. News that the
 * snapshot or the stored lines contain already are left out. After {"type":"lost"} (the reader was
 * too slow) a new snapshot follows. A run that has ended gives snapshot, lines and end.
 */

/*
 * Begins to follow <run> (see api.md: uuid, prefix, name, "@last"). <wake> (NULL allowed) is called
 * from the engine's threads when api_follow_next() has something new after it had nothing; it must
 * not block. ERR_NOT_FOUND, ERR_INVALID with a sentence, errors of the store. Any thread.
 */
int api_follow_new(struct api *api, struct str run, bool logs, void (*wake)(void *user), void *user,
                   struct api_follow **ret_follow, struct err_text *reterr_why);
/* Sets <wake> of a follower that has none yet; before its first api_follow_next(). */
void api_follow_set_wake(struct api_follow *follow, void (*wake)(void *user), void *user);
/* NULL is allowed; returns NULL. */
struct api_follow *api_follow_free(struct api_follow *follow);

enum api_follow_answer {
    API_FOLLOW_NEWS, /* <ret_value> holds the next object */
    API_FOLLOW_IDLE, /* nothing within the time */
    API_FOLLOW_OVER, /* the end was given out before */
};

/* The next object into <ret_value> (cleared first). Waits up to <timeout_ms> (0: not at all, -1:
 * for ever). One thread per follower. */
enum api_follow_answer api_follow_next(struct api_follow *follow, int timeout_ms,
                                       struct buf *ret_value);

/* Appends the OpenAPI 3.1 description of all routes as a value; needs no engine. buf_err(). */
int api_openapi(const char *version, struct buf *out);
/* Appends docs/reference-api.md. buf_err(). */
int api_reference(struct buf *out);

#endif
