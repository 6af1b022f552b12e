/*
 * See stream.h.
 */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <leat/plugin.h>
#include <leat/text.h>

enum {
    READ_SIZE = 65536,   /* bytes taken from a pipe at once: all it holds */
    LINE_MAX_LEN = 8192, /* bytes of one log line; longer lines are split */
    OUTPUT_START = 16384 /* first size of the captured output */
};

int stream_init(struct stream *stream, leat_call *call, size_t limit, int keep_tail, int to_log)
{
    memset(stream, 0, sizeof *stream);
    stream->call = call;
    stream->limit = limit;
    stream->keep_tail = keep_tail;
    stream->to_log = to_log;
    stream->line = to_log ? leat_alloc(call, LINE_MAX_LEN) : NULL;
    return !to_log || stream->line != NULL;
}

/* Logs the line that was put together. */
static void log_line(struct stream *stream)
{
    leat_str raw = {stream->line, stream->line_len};
    leat_str text = leat_utf8_clean(stream->call, raw);

    stream->line_len = 0;
    leat_info(stream->call, "%.*s", LEAT_STRF(text));
}

/* Splits bytes into log lines. */
static void log_bytes(struct stream *stream, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n' || stream->line_len == LINE_MAX_LEN) {
            log_line(stream);
        }
        if (bytes[i] != '\n') {
            stream->line[stream->line_len++] = bytes[i];
        }
    }
}

/* Makes room for <len> more captured bytes, as far as the limit; 0 without memory. */
static int make_room(struct stream *stream, size_t len)
{
    size_t size = stream->size == 0 ? OUTPUT_START : stream->size;
    char *fresh;

    if (stream->size - stream->len >= len || stream->size >= stream->limit) {
        return 1;
    }
    while (size - stream->len < len) {
        size *= 2;
    }
    fresh = realloc(stream->kept, size);
    if (fresh == NULL) {
        return 0;
    }
    stream->kept = fresh;
    stream->size = size;
    return 1;
}

/* Keeps bytes: the first ones or the last ones, as many as the limit allows. 0 without memory. */
static int keep(struct stream *stream, const char *bytes, size_t len)
{
    size_t drop;

    if (!stream->keep_tail && len > stream->limit - stream->len) {
        len = stream->limit - stream->len;
        stream->cut = 1;
    }
    if (stream->keep_tail && len > stream->limit) {
        bytes += len - stream->limit;
        len = stream->limit;
        stream->cut = 1;
    }
    if (!make_room(stream, len)) {
        return 0;
    }
    if (len > stream->limit - stream->len) {
        drop = len - (stream->limit - stream->len);
        memmove(stream->kept, stream->kept + drop, stream->len - drop);
        stream->len -= drop;
        stream->cut = 1;
    }
    if (len > 0) {
        memcpy(stream->kept + stream->len, bytes, len);
    }
    stream->len += len;
    return 1;
}

int stream_read(struct stream *stream, int *fd)
{
    char chunk[READ_SIZE];

    while (*fd >= 0) {
        ssize_t count = read(*fd, chunk, sizeof chunk);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EAGAIN) {
            return 1;
        }
        if (count <= 0) {
            close(*fd);
            *fd = -1;
            return 1;
        }
        if (stream->to_log) {
            log_bytes(stream, chunk, (size_t)count);
        }
        if (!keep(stream, chunk, (size_t)count)) {
            return 0;
        }
        if (count < (ssize_t)sizeof chunk) {
            return 1;
        }
    }
    return 1;
}

void stream_end(struct stream *stream)
{
    if (stream->line_len > 0) {
        log_line(stream);
    }
}

void stream_done(struct stream *stream)
{
    free(stream->kept);
    stream->kept = NULL;
}
