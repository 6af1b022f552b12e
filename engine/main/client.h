/*
 * How commands reach an engine: the one that owns the home, over its socket; or, when nobody does,
 * an engine in this very process. Either way the requests and answers are those of the API.
 */
#ifndef MAIN_CLIENT_H
#define MAIN_CLIENT_H

#include <stdbool.h>

#include "api/api.h"
#include "main/cli.h"

struct client;

enum client_mode {
    CLIENT_LOOK, /* an engine in this process only reads; nothing interrupted is taken up */
    CLIENT_RUN,  /* it runs flows, and others may hand theirs to it */
};

/* Opens the client of <cli> once; later calls keep it. CLI_OK, or an exit code after a message.
 * Call it before this process has threads. */
int client_open(struct cli *cli, enum client_mode mode);
/* After the engine of another process has gone: finds its successor, or becomes it; with CLIENT_RUN
 * it takes up what was left. As client_open(). */
int client_reopen(struct cli *cli, enum client_mode mode);
/* Ends an engine of this process. NULL is allowed; returns NULL. */
struct client *client_close(struct client *client);

/* True when the engine lives in this process. */
bool client_is_engine(const struct client *client);

/*
 * One request; <target> begins after API_PREFIX ("/flow-runs?limit=5"), <body> may be VAL_NONE. The
 * answer is filled in also for problems; false (after a message) only when there is none. Free it
 * with api_response_done().
 */
bool client_call(struct client *client, const char *method, const char *target, struct val body,
                 struct api_response *ret_response);

/* The same for commands: opens a looking client, goes on without an engine that ended meanwhile,
 * and turns a problem into a message. CLI_OK, or the exit code; then there is nothing to free. */
int client_get(struct cli *cli, const char *method, const char *target, struct val body,
               struct api_response *ret_response);

/* The same without a message: ERR_NOT_FOUND with a sentence when the engine has gone and the
 * request was not sent, ERR_UNAVAILABLE when nobody knows what became of it. */
int client_try(struct client *client, const char *method, const char *target, struct val body,
               struct api_response *ret_response, struct err_text *reterr_why);

/* Prints the problem of a response; returns the exit code that fits. */
int client_problem(const struct api_response *response);

/* Follows a run (see api.h). False after a message. */
struct client_follow;
bool client_follow_new(struct client *client, const char *run, bool logs,
                       struct client_follow **ret_follow);
struct client_follow *client_follow_free(struct client_follow *follow);
/* As api_follow_next(). An answer that is no stream is API_FOLLOW_OVER after a message; the end of
 * the engine without one. */
enum api_follow_answer client_follow_next(struct client_follow *follow, int timeout_ms,
                                          struct buf *ret_value);
/* True when the engine of another process has gone before the run's end was heard of. */
bool client_follow_lost(const struct client_follow *follow);

/* Waits until the first attempts at the notifications of <run> are over, when the engine ends with
 * this process. */
void client_drain(struct client *client, uint64_t run);

/* Appends <text> percent-encoded, for paths and queries. */
void client_put_escaped(struct buf *out, struct str text);

#endif
