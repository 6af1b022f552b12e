/*
 * Reading output, with the black box open.
 */
#include "work/host_pipe.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static size_t announce(struct host_pipe *pipe);
static void keep_partial(struct host_pipe *pipe);

bool host_pipe_read(struct host_pipe *pipe, size_t max, const struct host_pipe_sink *sink)
{
    struct host_box_stream *box = pipe->box;

    for (size_t total = 0; total < max;) {
        size_t expected = announce(pipe);
        ssize_t len = read(pipe->fd, box->raw, expected);
        if (len <= 0) {
            box->raw_len = 0;
        }
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0) {
            return len < 0 && errno == EAGAIN;
        }
        capture_feed(&pipe->capture, box->raw, (size_t)len, sink->emit, sink->user);
        sink->push(sink->user);
        keep_partial(pipe);
        total += (size_t)len;
        if ((size_t)len < sizeof(box->raw)) {
            return true;
        }
    }
    return true;
}

/* Tells the black box how many bytes the next read() will take out of the pipe. */
static size_t announce(struct host_pipe *pipe)
{
    struct host_box_stream *box = pipe->box;
    int there = 0;

    if (ioctl(pipe->fd, FIONREAD, &there) || there < 1) {
        there = 1; /* The end of the pipe, or an error, which read() tells. */
    }
    size_t expected = (size_t)there < sizeof(box->raw) ? (size_t)there : sizeof(box->raw);
    memset(box->raw, 0, expected);
    box->raw_len = (uint32_t)expected;
    return expected;
}

/* Everything but the line that has begun is on its way. */
static void keep_partial(struct host_pipe *pipe)
{
    memcpy(pipe->box->partial, pipe->capture.line, pipe->capture.len);
    pipe->box->partial_len = (uint32_t)pipe->capture.len;
    pipe->box->raw_len = 0;
}

void host_pipe_flush(struct host_pipe *pipe, const struct host_pipe_sink *sink)
{
    if (pipe->capture.len > 0) {
        capture_flush(&pipe->capture, sink->emit, sink->user);
    }
    pipe->box->partial_len = 0;
}
