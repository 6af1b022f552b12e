/*
 * What a child writes to one of its pipes: kept up to a limit, and logged line by line.
 */
#ifndef EXEC_STREAM_H
#define EXEC_STREAM_H

#include <stddef.h>

#include <leat/abi.h>

/* One output stream of the child. */
struct stream {
    leat_call *call;
    char *kept; /* what is captured */
    size_t len;
    size_t size;
    size_t limit;
    int keep_tail; /* beyond `limit`, drop the beginning instead of the end */
    int cut;       /* something was dropped */
    int to_log;
    char *line; /* the log line being put together */
    size_t line_len;
};

/* Prepares a stream that keeps <limit> bytes; 0 without memory. Free with stream_done(). */
int stream_init(struct stream *stream, leat_call *call, size_t limit, int keep_tail, int to_log);

/* Takes what is in the pipe, which must not block. Closes it, by setting *fd to -1, at its end; 0
 * without memory. */
int stream_read(struct stream *stream, int *fd);

/* Logs a last line that has no newline. */
void stream_end(struct stream *stream);

/* Frees what is kept. */
void stream_done(struct stream *stream);

#endif
