/*
 * One process: four descriptors, a reader for each channel, one buffer of waiting frames.
 */
#include "work/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "base/mem.h"
#include "base/must.h"
#include "work/host.h"
#include "work/host_box.h"
#include "work/last_words.h"

enum { PROC_MAGIC = 0x70726f63, SET_MAGIC = 0x70736574 };

enum { CHANNEL_DATA, CHANNEL_CONTROL, CHANNELS };

struct channel {
    uv_poll_t poll; /* its data is the proc */
    struct frame_reader reader;
    int fd;
    bool ended; /* no more is read */
};

struct proc {
    unsigned magic;
    struct proc_set *set;
    struct proc *next; /* in the set */
    struct proc *prev;
    uint64_t id;
    struct channel channels[CHANNELS];
    int output[2]; /* reading ends of stdout and stderr */
    int box;
    struct buf out;
    size_t out_sent; /* bytes of `out` that are written */
    size_t frame_max;
    int watched;  /* libuv events of the data channel */
    bool dirty;   /* in the set's list of those to flush */
    bool blocked; /* waits for the socket to take more */
    bool leaving; /* the data channel ends after `out` */
    bool ended;   /* reported, or never started */
    struct proc *next_dirty;
    unsigned handles_open;
    const struct proc_events *events;
    void *user;
};

struct proc_set {
    unsigned magic;
    uv_loop_t *loop;
    struct spawner *spawner;
    uv_poll_t reports;
    char *exe;
    const char *const *env;
    uint64_t memory_max;
    uint32_t processes_max;
    uint64_t last_id;
    struct proc *procs;
    struct proc *dirty;
    bool lost;
};

/* Everything that is made before a process can be started; -1 is not there. */
struct plumbing {
    int data[2]; /* ours, its */
    int control[2];
    int out[2]; /* reading, writing end */
    int err[2];
    int box;
};

static int plumb(struct plumbing *plumbing, struct err_text *reterr_why);
static void unplumb(int *pair);
static int start(struct proc *proc, const char *const *argv, const struct plumbing *plumbing,
                 struct err_text *reterr_why);
static void listen_to(struct proc *proc);
static void on_readable(uv_poll_t *poll, int status, int events);
static void read_channel(struct proc *proc, struct channel *channel, int reads_max);
static bool hand_out(struct proc *proc, struct channel *channel);
static void end_channel(struct proc *proc, struct channel *channel, const char *why, bool closed);
static void on_reports(uv_poll_t *poll, int status, int events);
static void end_proc(struct proc *proc, const struct spawner_report *report);
static void lose(struct proc_set *set);
static void flush(struct proc *proc);
static void finish_leaving(struct proc *proc);
static void close_handles(struct proc *proc);
static void on_proc_closed(uv_handle_t *handle);
static void on_set_closed(uv_handle_t *handle);
static void mark_dirty(struct proc *proc);

int proc_set_new(struct uv_loop_s *loop, struct spawner *spawner, const struct pool_config *config,
                 const char *const *env, struct proc_set **ret_set, struct err_text *reterr_why)
{
    struct proc_set *set = xcalloc(1, sizeof(*set));

    set->magic = SET_MAGIC;
    set->loop = loop;
    set->spawner = spawner;
    set->exe = config->exe ? xstrdup(config->exe) : NULL;
    set->env = env;
    set->memory_max = config->memory_max;
    set->processes_max = config->processes_max;
    int err = uv_poll_init(loop, &set->reports, spawner_fd(spawner));
    if (err) {
        free(set->exe);
        free(set);
        return err_set(reterr_why, err, "the event loop does not take the spawner's reports: %s",
                       uv_strerror(err));
    }
    set->reports.data = set;
    uv_poll_start(&set->reports, UV_READABLE, on_reports);
    *ret_set = set;
    return 0;
}

struct proc_set *proc_set_free(struct proc_set *set)
{
    if (!set) {
        return NULL;
    }
    must(!set->procs);
    uv_close((uv_handle_t *)&set->reports, on_set_closed);
    return NULL;
}

/* The set's last handle is closed. */
static void on_set_closed(uv_handle_t *handle)
{
    struct proc_set *set = handle->data;

    must(set->magic == SET_MAGIC);
    set->magic = 0;
    free(set->exe);
    free(set);
}

bool proc_set_lost(const struct proc_set *set)
{
    return set->lost;
}

int proc_start(struct proc_set *set, const char *const *argv, size_t frame_max,
               const struct proc_events *events, void *user, struct proc **ret_proc,
               struct err_text *reterr_why)
{
    struct plumbing plumbing;

    int err = plumb(&plumbing, reterr_why);
    if (err) {
        return err;
    }
    struct proc *proc = xcalloc(1, sizeof(*proc));
    proc->magic = PROC_MAGIC;
    proc->set = set;
    proc->id = ++set->last_id;
    proc->frame_max = frame_max;
    proc->events = events;
    proc->user = user;
    proc->channels[CHANNEL_DATA].fd = plumbing.data[0];
    proc->channels[CHANNEL_CONTROL].fd = plumbing.control[0];
    proc->output[0] = plumbing.out[0];
    proc->output[1] = plumbing.err[0];
    proc->box = plumbing.box;
    buf_init(&proc->out, PROC_OUT_MAX);

    err = start(proc, argv, &plumbing, reterr_why);
    close(plumbing.data[1]);
    close(plumbing.control[1]);
    close(plumbing.out[1]);
    close(plumbing.err[1]);
    if (err) {
        close(plumbing.data[0]);
        close(plumbing.control[0]);
        close(plumbing.out[0]);
        close(plumbing.err[0]);
        close(plumbing.box);
        free(proc);
        return err;
    }
    listen_to(proc);
    proc->next = set->procs;
    if (set->procs) {
        set->procs->prev = proc;
    }
    set->procs = proc;
    *ret_proc = proc;
    return 0;
}

/* Makes the channels and pipes; all or nothing. */
static int plumb(struct plumbing *plumbing, struct err_text *reterr_why)
{
    *plumbing = (struct plumbing){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, -1};
    plumbing->box = memfd_create("leat-black-box", MFD_CLOEXEC);
    bool made = plumbing->box >= 0 && ftruncate(plumbing->box, sizeof(struct host_box)) == 0 &&
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, plumbing->data) == 0 &&
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, plumbing->control) == 0 &&
                pipe2(plumbing->out, O_CLOEXEC) == 0 && pipe2(plumbing->err, O_CLOEXEC) == 0 &&
                fcntl(plumbing->out[0], F_SETFL, O_NONBLOCK) == 0 &&
                fcntl(plumbing->err[0], F_SETFL, O_NONBLOCK) == 0;
    if (made) {
        return 0;
    }
    int err = -errno;
    unplumb(plumbing->data);
    unplumb(plumbing->control);
    unplumb(plumbing->out);
    unplumb(plumbing->err);
    mem_cleanup_close(&plumbing->box);
    return err_set(reterr_why, err, "no descriptors for a host process: %s", strerror(-err));
}

/* Closes both ends of what was made. */
static void unplumb(int *pair)
{
    mem_cleanup_close(&pair[0]);
    mem_cleanup_close(&pair[1]);
}

/* Asks the spawner for the process. */
static int start(struct proc *proc, const char *const *argv, const struct plumbing *plumbing,
                 struct err_text *reterr_why)
{
    const int fds[HOST_FD_COUNT] = {
        -1,
        plumbing->out[1],
        plumbing->err[1],
        [HOST_FD_DATA] = plumbing->data[1],
        [HOST_FD_CONTROL] = plumbing->control[1],
        [HOST_FD_STDOUT] = plumbing->out[0],
        [HOST_FD_STDERR] = plumbing->err[0],
        [HOST_FD_BOX] = plumbing->box,
    };
    struct spawner_request request = {
        .id = proc->id,
        .exe = proc->set->exe,
        .argv = argv,
        .envp = proc->set->env,
        .fds = fds,
        .fds_count = HOST_FD_COUNT,
        .memory_max = proc->set->memory_max,
        .processes_max = proc->set->processes_max,
    };

    return spawner_start(proc->set->spawner, &request, reterr_why);
}

/* Puts both channels into the loop. */
static void listen_to(struct proc *proc)
{
    for (unsigned i = 0; i < CHANNELS; i++) {
        struct channel *channel = &proc->channels[i];
        frame_reader_init(&channel->reader, proc->frame_max);
        must(uv_poll_init(proc->set->loop, &channel->poll, channel->fd) == 0);
        channel->poll.data = proc;
        proc->handles_open++;
        uv_poll_start(&channel->poll, UV_READABLE, on_readable);
    }
    proc->watched = UV_READABLE;
}

struct proc *proc_free(struct proc *proc)
{
    if (!proc) {
        return NULL;
    }
    must(proc->magic == PROC_MAGIC);
    struct proc_set *set = proc->set;
    if (!proc->ended) {
        spawner_kill(set->spawner, proc->id, SIGKILL);
    }
    proc->ended = true;
    if (proc->prev) {
        proc->prev->next = proc->next;
    } else {
        set->procs = proc->next;
    }
    if (proc->next) {
        proc->next->prev = proc->prev;
    }
    for (struct proc **at = &set->dirty; *at; at = &(*at)->next_dirty) {
        if (*at == proc) {
            *at = proc->next_dirty;
            break;
        }
    }
    close_handles(proc);
    return NULL;
}

/* Lets libuv go; the memory goes with the last handle. */
static void close_handles(struct proc *proc)
{
    for (unsigned i = 0; i < CHANNELS; i++) {
        uv_close((uv_handle_t *)&proc->channels[i].poll, on_proc_closed);
    }
}

/* One handle is closed; after the last one nothing remains. */
static void on_proc_closed(uv_handle_t *handle)
{
    struct proc *proc = handle->data;

    must(proc->magic == PROC_MAGIC);
    if (--proc->handles_open > 0) {
        return;
    }
    for (unsigned i = 0; i < CHANNELS; i++) {
        close(proc->channels[i].fd);
        frame_reader_done(&proc->channels[i].reader);
        close(proc->output[i]);
    }
    close(proc->box);
    buf_done(&proc->out);
    proc->magic = 0;
    free(proc);
}

/* libuv: a channel can be read, or written again. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct proc *proc = poll->data;

    must(proc->magic == PROC_MAGIC);
    struct channel *channel = poll == &proc->channels[CHANNEL_DATA].poll
                                  ? &proc->channels[CHANNEL_DATA]
                                  : &proc->channels[CHANNEL_CONTROL];
    if (events & UV_WRITABLE) {
        flush(proc);
    }
    if ((events & UV_READABLE) || status < 0) {
        read_channel(proc, channel, PROC_READS_MAX);
    }
}

/* Reads and hands out what is there, up to a bound, so that one process can not keep the loop. */
static void read_channel(struct proc *proc, struct channel *channel, int reads_max)
{
    for (int i = 0; i < reads_max && !channel->ended; i++) {
        uint8_t *space = frame_reader_space(&channel->reader);
        if (!space) {
            end_channel(proc, channel, "its messages need more memory than there is", false);
            return;
        }
        ssize_t len = recv(channel->fd, space, FRAME_READ_SIZE, MSG_DONTWAIT);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len < 0 && errno == EAGAIN) {
            return;
        }
        if (len <= 0) {
            end_channel(proc, channel, "it closed its connection", true);
            return;
        }
        frame_reader_added(&channel->reader, (size_t)len);
        if (!hand_out(proc, channel) || len < FRAME_READ_SIZE) {
            return;
        }
    }
}

/* Hands out whole frames; false when there will be no more. */
static bool hand_out(struct proc *proc, struct channel *channel)
{
    bool control = channel == &proc->channels[CHANNEL_CONTROL];
    struct err_text why;

    while (!channel->ended) {
        struct frame frame;
        int got = frame_reader_next(&channel->reader, &frame, &why);
        if (got == 0) {
            return true;
        }
        if (got < 0) {
            end_channel(proc, channel, why.text, false);
            return false;
        }
        proc->events->on_frame(proc->user, &frame, control);
    }
    return false;
}

/* Reads no more from a channel. */
static void end_channel(struct proc *proc, struct channel *channel, const char *why, bool closed)
{
    channel->ended = true;
    uv_poll_stop(&channel->poll);
    if (!proc->ended) {
        proc->events->on_broken(proc->user, why, closed);
    }
}

/* libuv: the spawner has reports. */
static void on_reports(uv_poll_t *poll, int status, int events)
{
    struct proc_set *set = poll->data;

    (void)status;
    (void)events;
    must(set->magic == SET_MAGIC);
    proc_set_reports(set);
}

void proc_set_reports(struct proc_set *set)
{
    while (!set->lost) {
        struct spawner_report report;
        int got = spawner_next(set->spawner, &report);
        if (got == 0) {
            return;
        }
        if (got < 0) {
            lose(set);
            return;
        }
        struct proc *proc = set->procs;
        while (proc && proc->id != report.id) {
            proc = proc->next;
        }
        if (proc) {
            end_proc(proc, &report);
        }
    }
}

/* Reads everything that a dead process has left, then says that it is dead. */
static void end_proc(struct proc *proc, const struct spawner_report *report)
{
    proc->ended = true;
    for (unsigned i = 0; i < CHANNELS; i++) {
        struct channel *channel = &proc->channels[i];
        read_channel(proc, channel, INT32_MAX);
        if (!channel->ended) {
            channel->ended = true;
            uv_poll_stop(&channel->poll);
        }
    }
    last_words_read(proc->box, proc->output[0], POOL_STREAM_STDOUT, proc->events->on_last_words,
                    proc->user);
    last_words_read(proc->box, proc->output[1], POOL_STREAM_STDERR, proc->events->on_last_words,
                    proc->user);
    proc->events->on_ended(proc->user, report);
}

/* The spawner is gone, and with it every process (their parent-death signal). */
static void lose(struct proc_set *set)
{
    set->lost = true;
    uv_poll_stop(&set->reports);
    struct proc *proc = set->procs;
    while (proc) {
        struct proc *next = proc->next;
        proc->ended = true;
        proc->events->on_ended(proc->user, NULL);
        proc = next;
    }
}

int proc_send(struct proc *proc, const struct frame *frame)
{
    int err = frame_put(&proc->out, frame, proc->frame_max);

    if (err == 0) {
        mark_dirty(proc);
    }
    return err;
}

/* Puts a process into the list of those with something to write. */
static void mark_dirty(struct proc *proc)
{
    if (!proc->dirty && !proc->blocked) {
        proc->dirty = true;
        proc->next_dirty = proc->set->dirty;
        proc->set->dirty = proc;
    }
}

void proc_set_flush(struct proc_set *set)
{
    while (set->dirty) {
        struct proc *proc = set->dirty;
        set->dirty = proc->next_dirty;
        proc->dirty = false;
        flush(proc);
    }
}

/* Writes as much as the socket takes; the rest when the loop says that it takes more. */
static void flush(struct proc *proc)
{
    struct channel *channel = &proc->channels[CHANNEL_DATA];
    int wanted = UV_READABLE;

    proc->blocked = false;
    while (proc->out_sent < proc->out.len && !channel->ended) {
        ssize_t len = send(channel->fd, proc->out.data + proc->out_sent,
                           proc->out.len - proc->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len < 0 && errno == EAGAIN) {
            proc->blocked = true;
            wanted |= UV_WRITABLE;
            break;
        }
        if (len < 0) {
            break; /* It is dead; the report says how. */
        }
        proc->out_sent += (size_t)len;
    }
    if (!proc->blocked) {
        proc->out_sent = 0;
        if (proc->out.cap > FRAME_MAX) {
            buf_done(&proc->out);
        }
        buf_clear(&proc->out);
        finish_leaving(proc);
    }
    if (proc->watched != wanted && !channel->ended) {
        proc->watched = wanted;
        uv_poll_start(&channel->poll, wanted, on_readable);
    }
}

/* Says that nothing follows, when nothing does. */
static void finish_leaving(struct proc *proc)
{
    if (proc->leaving) {
        shutdown(proc->channels[CHANNEL_DATA].fd, SHUT_WR);
    }
}

void proc_leave(struct proc *proc)
{
    proc->leaving = true;
    mark_dirty(proc);
}

void proc_control(struct proc *proc, enum frame_type type, uint64_t number)
{
    struct frame frame = {.type = type, .number = number};
    CLEANUP_BUF struct buf buf = BUF_INIT(FRAME_MAX);

    if (frame_put(&buf, &frame, FRAME_MAX) == 0) {
        ssize_t len = send(proc->channels[CHANNEL_CONTROL].fd, buf.data, buf.len,
                           MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)len;
    }
}

void proc_kill(struct proc *proc, int signal)
{
    if (!proc->ended) {
        spawner_kill(proc->set->spawner, proc->id, signal);
    }
}

uint64_t proc_begun(const struct proc *proc)
{
    return last_words_begun(proc->box);
}

void proc_report_words(const struct spawner_report *report, struct err_text *ret_words)
{
    if (report->err) {
        err_set(ret_words, 0, "could not be started (%s)", strerror(-report->err));
        return;
    }
    if (report->signal) {
        const char *name = sigabbrev_np(report->signal);
        err_set(ret_words, 0, "was killed by signal %d (SIG%s)", report->signal, name ? name : "?");
        return;
    }
    err_set(ret_words, 0, "exited with code %d", report->status);
}
