/*
 * Last words of hosts.
 */
#include "work/last_words.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "work/capture.h"
#include "work/host_box.h"

enum { READ_SIZE = 16 * 1024 };

/* Where lines go. */
struct target {
    void (*emit)(void *user, enum pool_stream stream, struct str line);
    void *user;
    enum pool_stream stream;
};

static void open_box(int box, struct capture *capture, struct target *target);
static void drain_pipe(int pipe, struct capture *capture, struct target *target);
static bool is_zero(const char *bytes, size_t len);
static void on_line(void *user, struct str line);

void last_words_read(int box, int pipe, enum pool_stream stream,
                     void (*emit)(void *user, enum pool_stream stream, struct str line), void *user)
{
    struct target target = {emit, user, stream};
    struct capture *capture = xcalloc(1, sizeof(*capture));

    capture_begin(capture);
    open_box(box, capture, &target);
    drain_pipe(pipe, capture, &target);
    capture_flush(capture, on_line, &target);
    free(capture);
}

/* What had been read from the pipe. */
static void open_box(int box, struct capture *capture, struct target *target)
{
    struct host_box_stream *kept = xcalloc(1, sizeof(*kept));
    size_t index = (size_t)(target->stream - POOL_STREAM_STDOUT);
    off_t offset = (off_t)(offsetof(struct host_box, streams) + index * sizeof(*kept));

    if (pread(box, kept, sizeof(*kept), offset) == sizeof(*kept) &&
        kept->partial_len <= sizeof(kept->partial) && kept->raw_len <= sizeof(kept->raw)) {
        capture_feed(capture, kept->partial, kept->partial_len, on_line, target);
        if (!is_zero(kept->raw, kept->raw_len)) {
            capture_feed(capture, kept->raw, kept->raw_len, on_line, target);
        }
    }
    free(kept);
}

/* What is still there. */
static void drain_pipe(int pipe, struct capture *capture, struct target *target)
{
    char bytes[READ_SIZE];

    for (size_t total = 0; total < LAST_WORDS_MAX;) {
        ssize_t len = read(pipe, bytes, sizeof(bytes));
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0) {
            return;
        }
        capture_feed(capture, bytes, (size_t)len, on_line, target);
        total += (size_t)len;
    }
}

/* True when there is nothing but zeros. */
static bool is_zero(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

/* capture: one line. */
static void on_line(void *user, struct str line)
{
    const struct target *target = user;

    target->emit(target->user, target->stream, line);
}

uint64_t last_words_begun(int box)
{
    uint64_t begun = 0;

    ssize_t len = pread(box, &begun, sizeof(begun), offsetof(struct host_box, begun));
    return len == (ssize_t)sizeof(begun) ? begun : 0;
}
