/*
 * A host's connection: one lock, one listening thread.
 *
 *   plugin threads --log, progress--+
 *   main thread    --result---------+-- lock --> data channel --> engine
 *   listening thread --output lines-+
 *                  <-- control channel -- cancel, recall, ping
 */
#include "work/host_io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <leat/abi.h>

#include "base/clock.h"
#include "base/mem.h"
#include "work/host.h"
#include "work/host_box.h"
#include "work/host_pipe.h"
#include "work/pool.h"

enum { STREAMS = POOL_STREAM_STDERR + 1 };
enum { LISTEN_CONTROL, LISTEN_WAKE, LISTEN_STDOUT, LISTEN_STDERR, LISTEN_COUNT };

struct output {
    struct host_io *io;
    struct host_pipe pipe; /* of log(): only its capture is used */
    struct host_pipe_sink sink;
    enum pool_stream stream;
    int32_t level;
};

struct host_io {
    pthread_mutex_t lock; /* all that follows but for the atomics */
    struct buf out;       /* frames on their way; empty when the lock is free */
    uint64_t running;     /* number of the running call, 0 outside calls */
    uint64_t begun;       /* highest number that has begun or was skipped */
    uint64_t recalled;    /* numbers up to this that have not begun never will */
    uint64_t cancel;      /* number that the engine wants to stop */
    int cancel_fd;
    bool cancel_fd_set;
    struct host_box *box;
    struct output outputs[STREAMS]; /* by enum pool_stream */
    int64_t progress_sent_us;       /* monotonic, when the last one went out */
    bool progress_held;
    double progress_fraction;
    char *progress_text;
    atomic_bool cancelled;
    int wake_fd; /* tells the listening thread to look at its time-out again */
};

static bool prepare_fds(void);
static void prepare_outputs(struct host_io *io);
static bool open_box(struct host_io *io);
static bool start_thread(struct host_io *io);
static void *listen_thread(void *user);
static int listen_timeout_ms(struct host_io *io);
static bool read_control(struct host_io *io, struct frame_reader *reader);
static void obey(struct host_io *io, const struct frame *frame);
static void begin_cancel(struct host_io *io);
static void answer(const struct frame *frame);
static void push(void *user);
static void emit_line(void *user, struct str line);
static void put_progress(struct host_io *io);
static void write_out(struct host_io *io);
static void send_all(int fd, const uint8_t *bytes, size_t len);
static int64_t mono_us(void);

struct host_io *host_io_new(void)
{
    if (!prepare_fds()) {
        return NULL;
    }
    struct host_io *io = xcalloc(1, sizeof(*io));
    pthread_mutex_init(&io->lock, NULL);
    buf_init(&io->out, FRAME_EVAL_MAX + FRAME_MAX);
    atomic_init(&io->cancelled, false);
    io->cancel_fd = -1;
    io->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    prepare_outputs(io);
    if (io->wake_fd < 0 || !open_box(io) || !start_thread(io)) {
        free(io);
        return NULL;
    }
    return io;
}

/* Checks that the descriptors are there and keeps them from processes that plugins start. */
static bool prepare_fds(void)
{
    for (int fd = HOST_FD_DATA; fd < HOST_FD_COUNT; fd++) {
        if (fcntl(fd, F_SETFD, FD_CLOEXEC)) {
            return false;
        }
    }
    for (int fd = HOST_FD_STDOUT; fd <= HOST_FD_STDERR; fd++) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK)) {
            return false;
        }
    }
    return true;
}

/* Says of each stream where its lines come from and go to. */
static void prepare_outputs(struct host_io *io)
{
    static const int fds[] = {-1, HOST_FD_STDOUT, HOST_FD_STDERR};
    static const int32_t levels[] = {0, LEAT_LOG_INFO, LEAT_LOG_WARNING};

    for (unsigned i = 0; i < STREAMS; i++) {
        struct output *output = &io->outputs[i];
        output->io = io;
        output->pipe.fd = fds[i];
        output->sink = (struct host_pipe_sink){emit_line, push, output};
        output->stream = (enum pool_stream)i;
        output->level = levels[i];
    }
}

/* Maps the black box; false when it is not there. */
static bool open_box(struct host_io *io)
{
    struct host_box *box =
        mmap(NULL, sizeof(*box), PROT_READ | PROT_WRITE, MAP_SHARED, HOST_FD_BOX, 0);

    if (box == MAP_FAILED) {
        return false;
    }
    io->box = box;
    io->outputs[POOL_STREAM_STDOUT].pipe.box = &box->streams[0];
    io->outputs[POOL_STREAM_STDERR].pipe.box = &box->streams[1];
    return true;
}

/* Starts the listening thread with all signals blocked: they belong to the plugin. */
static bool start_thread(struct host_io *io)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&thread, NULL, listen_thread, io);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err) {
        return false;
    }
    pthread_detach(thread);
    return true;
}

/* Serves the control channel and the output pipes until the process ends. */
static void *listen_thread(void *user)
{
    struct host_io *io = user;
    struct frame_reader reader;
    struct pollfd polls[LISTEN_COUNT] = {
        [LISTEN_CONTROL] = {.fd = HOST_FD_CONTROL, .events = POLLIN},
        [LISTEN_WAKE] = {.fd = io->wake_fd, .events = POLLIN},
        [LISTEN_STDOUT] = {.fd = HOST_FD_STDOUT, .events = POLLIN},
        [LISTEN_STDERR] = {.fd = HOST_FD_STDERR, .events = POLLIN},
    };

    frame_reader_init(&reader, FRAME_MAX);
    for (;;) {
        if (poll(polls, LISTEN_COUNT, listen_timeout_ms(io)) < 0) {
            continue;
        }
        uint64_t count;
        if (polls[LISTEN_WAKE].revents && read(io->wake_fd, &count, sizeof(count)) < 0) {
            polls[LISTEN_WAKE].fd = -1; /* The plugin closed our descriptor. */
        }
        if (polls[LISTEN_CONTROL].revents && !read_control(io, &reader)) {
            polls[LISTEN_CONTROL].fd = -1;
        }
        for (int i = LISTEN_STDOUT; i < LISTEN_COUNT; i++) {
            if (polls[i].revents == 0) {
                continue;
            }
            pthread_mutex_lock(&io->lock);
            struct output *output = &io->outputs[POOL_STREAM_STDOUT + i - LISTEN_STDOUT];
            bool open = host_pipe_read(&output->pipe, HOST_BOX_RAW_MAX, &output->sink);
            write_out(io);
            pthread_mutex_unlock(&io->lock);
            polls[i].fd = open ? polls[i].fd : -1;
        }
    }
    return NULL;
}

/* Until held-back progress is due, which is also sent here; -1 when there is none. */
static int listen_timeout_ms(struct host_io *io)
{
    int timeout_ms = -1;

    pthread_mutex_lock(&io->lock);
    if (io->progress_held) {
        int64_t passed_ms = (mono_us() - io->progress_sent_us) / 1000;
        if (passed_ms >= HOST_IO_PROGRESS_MS) {
            put_progress(io);
            write_out(io);
        } else {
            timeout_ms = (int)(HOST_IO_PROGRESS_MS - passed_ms);
        }
    }
    pthread_mutex_unlock(&io->lock);
    return timeout_ms;
}

/* Reads and obeys control frames; false when the channel is of no more use. */
static bool read_control(struct host_io *io, struct frame_reader *reader)
{
    uint8_t *space = frame_reader_space(reader);

    if (!space) {
        return false;
    }
    ssize_t len = recv(HOST_FD_CONTROL, space, FRAME_READ_SIZE, MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (len <= 0) {
        return false;
    }
    frame_reader_added(reader, (size_t)len);
    for (;;) {
        struct frame frame;
        int got = frame_reader_next(reader, &frame, NULL);
        if (got <= 0) {
            return got == 0;
        }
        obey(io, &frame);
    }
}

/* Does what one control frame says. */
static void obey(struct host_io *io, const struct frame *frame)
{
    struct frame reply;

    switch (frame->type) {
    case FRAME_CANCEL:
        pthread_mutex_lock(&io->lock);
        io->cancel = frame->number;
        if (io->running == frame->number) {
            begin_cancel(io);
        }
        pthread_mutex_unlock(&io->lock);
        return;
    case FRAME_RECALL:
        pthread_mutex_lock(&io->lock);
        if (io->recalled < frame->number) {
            io->recalled = frame->number;
        }
        reply = (struct frame){.type = FRAME_RECALLED,
                               .recalled = {.after = io->begun, .through = frame->number}};
        pthread_mutex_unlock(&io->lock);
        answer(&reply);
        return;
    case FRAME_PING:
        reply = (struct frame){.type = FRAME_PONG, .number = frame->number};
        answer(&reply);
        return;
    default:
        return; /* A newer engine's frame: hosts and engine are the same program, so never. */
    }
}

/* Raises the flag and the descriptor of the running call. The lock is held. */
static void begin_cancel(struct host_io *io)
{
    atomic_store(&io->cancelled, true);
    if (io->cancel_fd >= 0 && !io->cancel_fd_set) {
        uint64_t one = 1;
        io->cancel_fd_set = write(io->cancel_fd, &one, sizeof(one)) == sizeof(one);
    }
}

/* Writes a frame to the control channel, which only the listening thread does. */
static void answer(const struct frame *frame)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(FRAME_MAX);

    if (frame_put(&buf, frame, FRAME_MAX) == 0) {
        send_all(HOST_FD_CONTROL, buf.data, buf.len);
    }
}

int host_io_send(struct host_io *io, const struct frame *frame, size_t max)
{
    pthread_mutex_lock(&io->lock);
    int err = frame_put(&io->out, frame, max);
    write_out(io);
    pthread_mutex_unlock(&io->lock);
    return err;
}

bool host_io_begin(struct host_io *io, uint64_t seq)
{
    pthread_mutex_lock(&io->lock);
    bool wanted = seq > io->recalled;
    io->begun = seq;
    io->box->begun = seq;
    if (wanted) {
        io->running = seq;
        atomic_store(&io->cancelled, false);
        if (io->cancel_fd_set) {
            uint64_t count;
            io->cancel_fd_set = read(io->cancel_fd, &count, sizeof(count)) < 0;
        }
        if (io->cancel == seq) {
            begin_cancel(io);
        }
        io->progress_sent_us = 0;
        for (unsigned i = 0; i < STREAMS; i++) {
            capture_begin(&io->outputs[i].pipe.capture);
        }
    }
    pthread_mutex_unlock(&io->lock);
    return wanted;
}

int host_io_end(struct host_io *io, const struct frame *result)
{
    struct pollfd polls[2] = {
        {.fd = HOST_FD_STDOUT, .events = POLLIN},
        {.fd = HOST_FD_STDERR, .events = POLLIN},
    };

    pthread_mutex_lock(&io->lock);
    /* One system call tells for both pipes that there is nothing, which is the usual case. */
    bool some = poll(polls, 2, 0) > 0;
    for (unsigned i = 0; i < 2; i++) {
        struct output *output = &io->outputs[POOL_STREAM_STDOUT + i];
        if (some && polls[i].revents) {
            host_pipe_read(&output->pipe, HOST_IO_DRAIN_MAX, &output->sink);
        }
        host_pipe_flush(&output->pipe, &output->sink);
    }
    if (io->progress_held) {
        put_progress(io);
    }
    int err = result ? frame_put(&io->out, result, FRAME_MAX) : 0;
    if (!err) {
        io->running = 0;
    }
    write_out(io);
    pthread_mutex_unlock(&io->lock);
    return err;
}

/* host_pipe_sink.push */
static void push(void *user)
{
    const struct output *output = user;

    write_out(output->io);
}

/* One line becomes one frame. The lock is held. */
static void emit_line(void *user, struct str line)
{
    struct output *output = user;
    struct frame frame = {
        .type = FRAME_LOG,
        .log = {.seq = output->io->running,
                .level = output->level,
                .stream = output->stream,
                .wall_us = clock_wall_us(&clock_real),
                .text = line},
    };

    frame_put(&output->io->out, &frame, FRAME_MAX);
}

void host_io_log(struct host_io *io, int32_t level, struct str text)
{
    struct output *output = &io->outputs[POOL_STREAM_LOG];
    struct capture *capture = &output->pipe.capture;

    pthread_mutex_lock(&io->lock);
    output->level = level;
    capture_feed(capture, text.ptr, text.len, emit_line, output);
    if (!capture->ended) {
        /* The end of the text ends the line, and counts as a byte: empty lines are not free. */
        capture_feed(capture, "\n", 1, emit_line, output);
    }
    write_out(io);
    pthread_mutex_unlock(&io->lock);
}

void host_io_progress(struct host_io *io, double fraction, struct str text)
{
    pthread_mutex_lock(&io->lock);
    if (io->running > 0) {
        bool held = io->progress_held;
        free(io->progress_text);
        io->progress_text = xstrndup(text.len ? text.ptr : "",
                                     text.len < FRAME_TEXT_MAX ? text.len : FRAME_TEXT_MAX);
        io->progress_fraction = fraction;
        io->progress_held = true;
        if (mono_us() - io->progress_sent_us >= HOST_IO_PROGRESS_MS * 1000) {
            put_progress(io);
            write_out(io);
        } else if (!held) {
            uint64_t one = 1;
            ssize_t written = write(io->wake_fd, &one, sizeof(one));
            (void)written; /* At worst it goes out with the result. */
        }
    }
    pthread_mutex_unlock(&io->lock);
}

/* Makes a frame of the held-back progress. The lock is held. */
static void put_progress(struct host_io *io)
{
    struct frame frame = {
        .type = FRAME_PROGRESS,
        .progress = {.seq = io->running,
                     .fraction = io->progress_fraction,
                     .text = str_of(io->progress_text)},
    };

    frame_put(&io->out, &frame, FRAME_MAX);
    io->progress_held = false;
    io->progress_sent_us = mono_us();
}

bool host_io_cancelled(struct host_io *io)
{
    return atomic_load_explicit(&io->cancelled, memory_order_relaxed);
}

int host_io_cancel_fd(struct host_io *io)
{
    pthread_mutex_lock(&io->lock);
    if (io->cancel_fd < 0) {
        io->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (atomic_load(&io->cancelled)) {
            begin_cancel(io);
        }
    }
    int fd = io->cancel_fd;
    pthread_mutex_unlock(&io->lock);
    return fd;
}

long host_io_read(struct host_io *io, void *bytes, size_t len)
{
    (void)io;
    for (;;) {
        ssize_t got = recv(HOST_FD_DATA, bytes, len, 0);
        if (got >= 0 || errno != EINTR) {
            return got;
        }
    }
}

/* Writes the collected frames. The lock is held. */
static void write_out(struct host_io *io)
{
    if (io->out.len > 0) {
        send_all(HOST_FD_DATA, io->out.data, io->out.len);
    }
    if (io->out.cap > FRAME_MAX || buf_err(&io->out)) {
        buf_done(&io->out);
    }
    buf_clear(&io->out);
}

/* Writes everything to a socket; a peer that is gone is ignored. */
static void send_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return;
        }
        bytes += sent;
        len -= (size_t)sent;
    }
}

/* Monotonic microseconds. */
static int64_t mono_us(void)
{
    return clock_mono_us(&clock_real);
}
