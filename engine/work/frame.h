/*
 * What engine and host processes say to each other: a little-endian u32 length, then one msgpack
 * array whose first member is the type of frame.
 *
 *   data channel (fd 3)     engine -> host   CALL EVAL
 *                           host -> engine   HELLO HELLO_FAILED RESULT LOG PROGRESS EVAL_RESULT
 *   control channel (fd 4)  engine -> host   CANCEL RECALL PING
 *                           host -> engine   PONG RECALLED
 *
 * Calls are numbered by <seq>, from 1, per host, in the order in which they are sent and run.
 *
 * Nothing of a frame is believed before every member has passed val_scan() and its type and range
 * were checked, because a plugin can write to the channels whatever it likes. Used by the pool on
 * one side, by `leat host` on the other. Any thread; one reader by one thread at a time.
 */
#ifndef WORK_FRAME_H
#define WORK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "value/val.h"

enum {
    FRAME_WIRE_VERSION = 1,
    FRAME_HEAD_SIZE = 4,
    FRAME_MAX = (1024 + 64) * 1024,     /* of the msgpack array, tasks */
    FRAME_EVAL_MAX = 160 * 1024 * 1024, /* of the msgpack array, evaluator */
    FRAME_TEXT_MAX = 16 * 1024,         /* of a sentence or log line */
    FRAME_CODE_MAX = 128,
    FRAME_NAME_MAX = 256,
    FRAME_PATH_MAX = 4096,
};

enum frame_type {
    FRAME_CALL = 1,
    FRAME_EVAL = 2,
    FRAME_CANCEL = 3,
    FRAME_RECALL = 4,
    FRAME_PING = 5,
    FRAME_HELLO = 16,
    FRAME_HELLO_FAILED = 17,
    FRAME_RESULT = 18,
    FRAME_LOG = 19,
    FRAME_PROGRESS = 20,
    FRAME_EVAL_RESULT = 21,
    FRAME_PONG = 22,
    FRAME_RECALLED = 23,
};

/* Run one part. */
struct frame_call {
    uint64_t seq;
    uint32_t kind;
    struct str type;
    int64_t timeout_ms; /* -1 for none */
    struct str base_dir;
    struct val facts; /* map of strings */
    struct val input; /* map */
};

/* Do jobs; see value/eval.h. */
struct frame_eval {
    uint64_t seq;
    struct val program; /* bin of 32 bytes, or nil without expressions */
    struct val texts;   /* list of strings, or nil when this process has the program */
    struct val jobs;    /* list */
    struct val scope;   /* map */
    struct str base_dir;
};

struct frame_hello {
    uint32_t wire_version;
    uint32_t abi_major;
    uint32_t abi_minor;
    struct str name;
    struct str version;
    struct hash hash; /* zeros for the evaluator */
    int64_t pid;
};

/* The plugin can not be served; the process exits. */
struct frame_hello_failed {
    struct str code;
    struct str text;
};

struct frame_result {
    uint64_t seq;
    int32_t status; /* leat_status */
    struct str code;
    struct str text;
    int64_t retry_after_ms;
    int64_t started_us; /* wall clock */
    int64_t duration_us;
    struct val result; /* at most VAL_INLINE_MAX bytes; nil unless the status is LEAT_OK */
};

struct frame_log {
    uint64_t seq; /* 0 outside calls */
    int32_t level;
    uint32_t stream; /* enum pool_stream */
    int64_t wall_us;
    struct str text;
};

struct frame_progress {
    uint64_t seq;
    double fraction; /* NaN for unknown */
    struct str text;
};

struct frame_eval_result {
    uint64_t seq;
    struct val results; /* list as value/eval.h has it; nil when <code> says why there is none */
    struct str code;
    struct str text;
};

/* Calls after <after>, through <through>, were taken back and never begin. */
struct frame_recalled {
    uint64_t after;
    uint64_t through;
};

/* A decoded frame. Everything borrows from the bytes it was decoded from. */
struct frame {
    enum frame_type type;
    union {
        struct frame_call call;
        struct frame_eval eval;
        struct frame_hello hello;
        struct frame_hello_failed hello_failed;
        struct frame_result result;
        struct frame_log log;
        struct frame_progress progress;
        struct frame_eval_result eval_result;
        struct frame_recalled recalled;
        uint64_t number; /* CANCEL: seq; RECALL: the last seq sent; PING and PONG */
    };
};

/*
 * Appends one frame with its length. The texts are cut to their limits, values are copied as they
 * are (the caller has scanned them). On ERR_LIMIT (longer than <max>: FRAME_MAX or FRAME_EVAL_MAX)
 * the buffer is as it was before; ERR_MEMORY and the buffer's own maximum are sticky in the buffer.
 */
int frame_put(struct buf *buf, const struct frame *frame, size_t max);

/*
 * Decodes the msgpack array of one frame (without its length). ERR_PROTOCOL with a sentence that
 * says which member of which frame is wrong; ret_frame is untouched then.
 */
int frame_decode(const uint8_t *bytes, size_t len, struct frame *ret_frame,
                 struct err_text *reterr_why);

/* Cuts a stream of bytes into frames. Members are private. */
struct frame_reader {
    struct buf bytes;
    size_t start; /* of the first byte not yet handed out */
    size_t max;
};

enum { FRAME_READ_SIZE = 64 * 1024 };

/* <max>: FRAME_MAX or FRAME_EVAL_MAX. Allocates nothing yet. */
void frame_reader_init(struct frame_reader *reader, size_t max);
void frame_reader_done(struct frame_reader *reader);

/* Where the next read() may put FRAME_READ_SIZE bytes; NULL when memory ran out. Frames got before
 * are invalid afterwards. Memory grows only as fast as bytes really arrive. */
uint8_t *frame_reader_space(struct frame_reader *reader);
/* The read() put <len> bytes there. */
void frame_reader_added(struct frame_reader *reader, size_t len);

/* 1 and the next frame, borrowed until frame_reader_space(); 0 when more bytes are needed;
 * ERR_PROTOCOL with a sentence when the stream can not be trusted any more. */
int frame_reader_next(struct frame_reader *reader, struct frame *ret_frame,
                      struct err_text *reterr_why);

#endif
