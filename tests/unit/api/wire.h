/*
 * A small HTTP client for tests that want to send what no decent client would: bytes in, parsed
 * answers out.
 */
#ifndef TESTS_UNIT_API_WIRE_H
#define TESTS_UNIT_API_WIRE_H

#include <stdbool.h>

#include "base/buf.h"

struct wire {
    int fd;
    struct buf in; /* what was received and not used yet */
};

/* One answer. Valid until the next one is read. */
struct wire_answer {
    int status;
    struct buf head; /* status line and headers */
    struct buf body; /* chunks joined */
    bool closed;     /* the connection ended instead of an answer */
};

/* Connects to the engine of <home>; fails the test when that does not work. */
void wire_open(struct wire *wire, const char *home);
void wire_close(struct wire *wire);

/* Sends all bytes; false when the other side has closed. */
bool wire_send(struct wire *wire, const void *bytes, size_t len);
bool wire_text(struct wire *wire, const char *text);

/* Reads one whole answer. <head_only>: to a HEAD request. */
void wire_read(struct wire *wire, bool head_only, struct wire_answer *ret_answer);
/* Sends a text and reads the answer; returns its status, 0 when the connection was closed. */
int wire_ask(struct wire *wire, const char *text, struct wire_answer *ret_answer);
/* Reads more bytes of a stream into `in` until they contain <text>; false at its end. */
bool wire_until(struct wire *wire, const char *text);
/* True when the connection ends, whatever is still read from it. */
bool wire_ends(struct wire *wire);
void wire_answer_done(struct wire_answer *answer);

/* The value of a header, "" when it is not there. */
const char *wire_header(const struct wire_answer *answer, const char *name);

#endif
