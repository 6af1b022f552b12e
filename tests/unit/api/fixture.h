/*
 * A whole engine in a temporary home, with its API: real store, real spawner, real hosts, and the
 * plugins hello and exec. The test program itself is the host program (see fixture.c).
 */
#ifndef TESTS_UNIT_API_FIXTURE_H
#define TESTS_UNIT_API_FIXTURE_H

#include "api/api.h"
#include "drive/engine.h"

struct fixture {
    char home[128];
    struct settings settings;
    struct engine *engine;
    struct api *api;
    struct api_response response; /* the latest answer */
};

/* Starts everything; fails the test when that does not work. */
void fixture_start(struct fixture *fixture);
/* Ends everything and removes the home. */
void fixture_stop(struct fixture *fixture);
/* Ends the engine and starts another one on the same home. */
void fixture_restart(struct fixture *fixture);

/* Installs one more built plugin ("plugins/log.so"); seen from the next submission on. */
void fixture_install(struct fixture *fixture, const char *built);

/*
 * Sends a request (<body> is JSON or NULL) and expects <status>. The answer must have the shape
 * that its route promises. Returns its value, borrowed until the next request; VAL_NONE for none.
 */
struct val fixture_ask(struct fixture *fixture, const char *method, const char *target,
                       const char *body, int status);
/* The same with GET and 200. */
struct val fixture_get(struct fixture *fixture, const char *target);
/* The sentence of a problem. */
const char *fixture_detail(struct fixture *fixture);

/* Submits a flow with more members of the body (", \"name\": \"x\"", or ""); returns its id. */
const char *fixture_submit(struct fixture *fixture, const char *flow_text, const char *more);
/* Blocks until the run has ended; returns the name of its state. */
const char *fixture_wait(struct fixture *fixture, const char *run);
/* Both. */
const char *fixture_run(struct fixture *fixture, const char *flow_text, const char *more);
/* Blocks until the file exists, which a task makes. */
void fixture_wait_for_file(const char *path);

/* ---- looking into values ---- */

/* The value at a path like "items.0.state.name"; fails the test when it is not there. */
struct val at(struct val value, const char *path);
/* True when it is there. */
bool has(struct val value, const char *path);
/* The text at a path, in one of a few buffers used in turn. */
const char *text_at(struct val value, const char *path);
int64_t int_at(struct val value, const char *path);
bool null_at(struct val value, const char *path);
/* The number of members. */
uint32_t count_at(struct val value, const char *path);
/* A text made with printf, in one of a few buffers used in turn. */
const char *format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Flows that many tests use. */
extern const char flow_hello[]; /* step greet, parameter who */
extern const char flow_fails[]; /* step bad fails */

#endif
