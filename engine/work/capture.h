/*
 * Turns a stream of output bytes into log lines: split at line ends, at most CAPTURE_LINE_MAX bytes
 * each, UTF-8, and at most CAPTURE_CALL_MAX bytes per call.
 *
 * What is too long for a line is cut with a mark; what is too much for a call is dropped after one
 * line that says so. Used by hosts for stdout, stderr and log(), by the pool for what a dead host
 * left in its pipes. One thread at a time.
 */
#ifndef WORK_CAPTURE_H
#define WORK_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum {
    CAPTURE_LINE_MAX = 16 * 1024,
    CAPTURE_CALL_MAX = 1024 * 1024, /* bytes of one stream during one call */
    CAPTURE_LINE_COST = 16,         /* what a line counts besides its bytes: short ones are dear */
};

/* The marks, for tests and readers. */
#define CAPTURE_CUT_MARK " [line cut]"
#define CAPTURE_END_MARK "output truncated"

/* Gets one line without its end, borrowed; may be empty. */
typedef void (*capture_emit_cb)(void *user, struct str line);

/* Members are private. */
struct capture {
    char line[CAPTURE_LINE_MAX];
    size_t len;
    bool cut; /* the rest of this line is dropped */
    uint64_t call_bytes;
    bool ended; /* the rest of this call is dropped */
};

/* Forgets everything: a new call begins. */
void capture_begin(struct capture *capture);
/* Adds bytes and emits the lines that they complete. */
void capture_feed(struct capture *capture, const char *bytes, size_t len, capture_emit_cb emit,
                  void *user);
/* Emits a line that has begun but not ended. */
void capture_flush(struct capture *capture, capture_emit_cb emit, void *user);

#endif
