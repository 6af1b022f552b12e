/*
 * One output stream of a host: its pipe, the line that has begun, and its part of the black box.
 *
 * Used by host_io.c, under its lock.
 */
#ifndef WORK_HOST_PIPE_H
#define WORK_HOST_PIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "work/capture.h"
#include "work/host_box.h"

/* Where lines go: <emit> takes each, <push> sends what <emit> has collected. */
struct host_pipe_sink {
    capture_emit_cb emit;
    void (*push)(void *user);
    void *user;
};

struct host_pipe {
    int fd; /* reading end, non-blocking */
    struct host_box_stream *box;
    struct capture capture;
};

/* Reads what is there, up to <max> bytes; false when nothing will come any more. */
bool host_pipe_read(struct host_pipe *pipe, size_t max, const struct host_pipe_sink *sink);
/* Emits a line that has begun but not ended. */
void host_pipe_flush(struct host_pipe *pipe, const struct host_pipe_sink *sink);

#endif
