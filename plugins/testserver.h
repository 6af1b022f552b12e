/*
 * A scripted HTTP server for tests of plugins: listens on a free port of 127.0.0.1, answers each
 * path as the test says, misbehaves on demand and remembers what it was asked. One connection at a
 * time, closed after each answer. It runs in a thread of the test program and ends with
 * testserver_free().
 */
#ifndef PLUGINS_TESTSERVER_H
#define PLUGINS_TESTSERVER_H

#include <stddef.h>

struct testserver;

/* What happens after the scripted bytes have been sent. */
enum testserver_end {
    TESTSERVER_CLOSE,  /* the connection is closed */
    TESTSERVER_STALL,  /* nothing more comes, until the client or the test gives up */
    TESTSERVER_RESET,  /* the connection is reset */
    TESTSERVER_ENDLESS /* more and more bytes come */
};

struct testserver *testserver_new(void);
void testserver_free(struct testserver *server);

/* The address of a path: "http://127.0.0.1:<port><path>", borrowed until the next call. */
const char *testserver_url(struct testserver *server, const char *path);

/* Answers a path with these raw bytes, a status line and headers included. At most 32 paths. */
void testserver_answer(struct testserver *server, const char *path, enum testserver_end end,
                       const char *raw, size_t len);

/* Answers a path with status 200 and a body of text. */
void testserver_answer_text(struct testserver *server, const char *path, const char *type,
                            const char *body);

/* Answers a path with a status line such as "503 Busy" and further header lines ("" or "A: b\r\n").
 */
void testserver_answer_status(struct testserver *server, const char *path, const char *status,
                              const char *headers);

/* How many requests came, and the last one as it came, "" without. */
unsigned testserver_count(struct testserver *server);
const char *testserver_last(struct testserver *server);

#endif
