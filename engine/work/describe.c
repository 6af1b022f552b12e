/*
 * Door 3: start, read with a deadline, judge.
 */
#include "work/describe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "work/env.h"
#include "work/host.h"
#include "work/spawner.h"

enum { DESCRIBE_READ_SIZE = 16 * 1024, DESCRIBE_END_MS = 1000 };

/* Ids that no pool gives to its processes. */
#define DESCRIBE_ID_BASE ((uint64_t)1 << 62)

/* The reading ends of a child's descriptor and output, and what has come. */
struct child {
    uint64_t id;
    int data;
    int output;
    struct buf *msgpack;
    bool too_much;
    char words[DESCRIBE_OUTPUT_MAX]; /* the last output */
    size_t words_len;
};

static int start(struct spawner *spawner, const char *copy_path, struct child *child,
                 struct err_text *reterr_why);
static bool read_all(struct child *child, int64_t deadline_ms);
static bool read_data(struct child *child);
static bool read_output(struct child *child);
static void keep_words(struct child *child, const char *bytes, size_t len);
static int judge(const struct child *child, bool in_time, const struct spawner_report *report,
                 struct err_text *reterr_why);
static const char *last_words(const struct child *child, char *scratch, size_t size);
static int64_t now_ms(void);

int describe_plugin(void *spawner_user, const char *copy_path, struct buf *ret_msgpack,
                    struct err_text *reterr_why)
{
    struct spawner *spawner = spawner_user;
    struct spawner_report report;
    struct child child = {.data = -1, .output = -1, .msgpack = ret_msgpack};
    int64_t deadline_ms = now_ms() + DESCRIBE_MS;

    int err = start(spawner, copy_path, &child, reterr_why);
    if (err) {
        return err;
    }
    bool in_time = read_all(&child, deadline_ms);
    int64_t left_ms = deadline_ms - now_ms();
    int got = in_time ? spawner_wait(spawner, child.id, left_ms > 0 ? left_ms : 0, &report) : 0;
    if (got == 0) {
        in_time = false;
        spawner_kill(spawner, child.id, SIGKILL);
        got = spawner_wait(spawner, child.id, DESCRIBE_END_MS, &report);
    }
    close(child.data);
    close(child.output);
    if (got < 0) {
        return err_set(reterr_why, ERR_UNAVAILABLE, "the process that starts hosts is gone");
    }
    return judge(&child, in_time, got == 1 ? &report : NULL, reterr_why);
}

/* Starts the child with a channel for the descriptor and one pipe for all its output. */
static int start(struct spawner *spawner, const char *copy_path, struct child *child,
                 struct err_text *reterr_why)
{
    static uint64_t last_id = DESCRIBE_ID_BASE;
    const char *argv[] = {"leat", "host", "--describe", copy_path, NULL};
    int data[2];
    int output[2];

    if (pipe2(data, O_CLOEXEC)) {
        return err_set(reterr_why, -errno, "no pipe to read a plugin's descriptor: %s",
                       strerror(errno));
    }
    if (pipe2(output, O_CLOEXEC)) {
        int err = -errno;
        close(data[0]);
        close(data[1]);
        return err_set(reterr_why, err, "no pipe to read a plugin's output: %s", strerror(-err));
    }
    int fds[] = {-1, output[1], output[1], data[1]};
    struct env *env = env_new(NULL);
    struct spawner_request request = {
        .id = ++last_id,
        .argv = argv,
        .envp = env_list(env),
        .fds = fds,
        .fds_count = sizeof(fds) / sizeof(fds[0]),
    };
    int err = spawner_start(spawner, &request, reterr_why);
    env_free(env);
    close(data[1]);
    close(output[1]);
    if (err) {
        close(data[0]);
        close(output[0]);
        return err;
    }
    child->id = request.id;
    child->data = data[0];
    child->output = output[0];
    return 0;
}

/* Reads until the child has closed its data channel; false when that takes too long. */
static bool read_all(struct child *child, int64_t deadline_ms)
{
    struct pollfd polls[2] = {
        {.fd = child->data, .events = POLLIN},
        {.fd = child->output, .events = POLLIN},
    };

    while (polls[0].fd >= 0) {
        int64_t left_ms = deadline_ms - now_ms();
        if (left_ms <= 0) {
            return false;
        }
        int ready = poll(polls, 2, (int)left_ms);
        if (ready <= 0) {
            continue;
        }
        if (polls[1].revents && !read_output(child)) {
            polls[1].fd = -1;
        }
        if (polls[0].revents && !read_data(child)) {
            polls[0].fd = -1;
        }
    }
    /* What it printed last; a grandchild may hold the pipe open, so only what is there. */
    while (polls[1].fd >= 0 && poll(&polls[1], 1, 0) > 0 && now_ms() < deadline_ms) {
        if (!read_output(child)) {
            break;
        }
    }
    return true;
}

/* A piece of the descriptor; false at the end, or when there is too much of it. */
static bool read_data(struct child *child)
{
    char bytes[DESCRIBE_READ_SIZE];

    ssize_t len = read(child->data, bytes, sizeof(bytes));
    if (len <= 0) {
        return len < 0 && errno == EINTR;
    }
    child->too_much = buf_put(child->msgpack, bytes, (size_t)len) != 0;
    return !child->too_much;
}

/* A piece of output; false at the end. */
static bool read_output(struct child *child)
{
    char bytes[DESCRIBE_READ_SIZE];

    ssize_t len = read(child->output, bytes, sizeof(bytes));
    if (len <= 0) {
        return len < 0 && errno == EINTR;
    }
    keep_words(child, bytes, (size_t)len);
    return true;
}

/* Keeps the last bytes of all output. */
static void keep_words(struct child *child, const char *bytes, size_t len)
{
    if (len >= sizeof(child->words)) {
        memcpy(child->words, bytes + len - sizeof(child->words), sizeof(child->words));
        child->words_len = sizeof(child->words);
        return;
    }
    size_t over = child->words_len + len > sizeof(child->words)
                      ? child->words_len + len - sizeof(child->words)
                      : 0;
    memmove(child->words, child->words + over, child->words_len - over);
    child->words_len -= over;
    memcpy(child->words + child->words_len, bytes, len);
    child->words_len += len;
}

/* 0 when the child ended well with a descriptor, else what is wrong. */
static int judge(const struct child *child, bool in_time, const struct spawner_report *report,
                 struct err_text *reterr_why)
{
    char words[256];

    if (!in_time || !report) {
        return err_set(reterr_why, ERR_TIMEOUT,
                       "the plugin did not say what it offers within %d s of being loaded%s",
                       DESCRIBE_MS / 1000, last_words(child, words, sizeof(words)));
    }
    if (child->too_much) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                       "the plugin's descriptor is larger than %d bytes", DESCRIBE_BYTES_MAX);
    }
    if (report->err) {
        return err_set(reterr_why, report->err, "no process to load the plugin in: %s",
                       strerror(-report->err));
    }
    if (report->signal) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                       "the process that loaded the plugin was killed by signal %d (SIG%s)%s",
                       report->signal, sigabbrev_np(report->signal),
                       last_words(child, words, sizeof(words)));
    }
    if (report->status == HOST_EXIT_REFUSED && child->words_len > 0) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED, "%s",
                       last_words(child, words, sizeof(words)) + 2);
    }
    if (report->status || child->msgpack->len == 0) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                       "the process that loaded the plugin exited with code %d before it said "
                       "what the plugin offers%s",
                       report->status, last_words(child, words, sizeof(words)));
    }
    return 0;
}

/* ": " and the last line of output as printable text; "" when there is none. */
static const char *last_words(const struct child *child, char *scratch, size_t size)
{
    size_t end = child->words_len;

    while (end > 0 && child->words[end - 1] == '\n') {
        end--;
    }
    size_t start = end;
    while (start > 0 && child->words[start - 1] != '\n' && end - start < size - 3) {
        start--;
    }
    if (start == end) {
        return "";
    }
    snprintf(scratch, size, ": %.*s", (int)(end - start), child->words + start);
    for (char *at = scratch; *at; at++) {
        *at = (unsigned char)*at < 0x20 ? ' ' : *at;
    }
    return scratch;
}

/* Monotonic milliseconds. */
static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
