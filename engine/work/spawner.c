/*
 * The engine's side of the spawner: requests out, reports in.
 */
#include "work/spawner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/must.h"
#include "work/forker.h"

enum { SPAWNER_FREE_MS = 5000, SPAWNER_KEPT_MAX = 4096 };

struct spawner {
    int socket;
    pid_t pid;
    bool lost;
    char *exe;
    struct spawner_report *kept; /* read while waiting for another one */
    size_t kept_count;
};

_Noreturn static void become_forker(int socket);
static int put_request(struct buf *buf, const char *exe, const struct spawner_request *request,
                       int *ret_fds, size_t *ret_fds_count);
static uint32_t put_texts(struct buf *buf, const char *const *texts);
static int send_message(struct spawner *spawner, const struct buf *buf, const int *fds,
                        size_t fds_count);
static int receive(struct spawner *spawner, struct spawner_report *ret_report);
static void keep(struct spawner *spawner, const struct spawner_report *report);
static void await_end(pid_t pid);
static int64_t now_ms(void);

int spawner_new(struct spawner **ret_spawner, struct err_text *reterr_why)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        return err_set(reterr_why, -errno, "no socket for the process that starts hosts: %s",
                       strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        become_forker(pair[1]);
    }
    int err = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return err_set(reterr_why, -err, "the process that starts hosts could not be made: %s",
                       strerror(err));
    }
    struct spawner *spawner = xcalloc(1, sizeof(*spawner));
    spawner->socket = pair[0];
    spawner->pid = pid;
    spawner->exe = xstrdup("/proc/self/exe");
    *ret_spawner = spawner;
    return 0;
}

/* The fork: nothing of the engine but stderr and the socket. */
_Noreturn static void become_forker(int socket)
{
    int fd = dup2(socket, 3);

    must(fd == 3);
    close_range(4, ~0u, 0);
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    setsid();
    forker_run(fd);
}

struct spawner *spawner_free(struct spawner *spawner)
{
    if (!spawner) {
        return NULL;
    }
    close(spawner->socket);
    await_end(spawner->pid);
    free(spawner->exe);
    free(spawner->kept);
    free(spawner);
    return NULL;
}

/* Waits for the spawner's own end; one that hangs is killed (its hosts die with it). */
static void await_end(pid_t pid)
{
    int fd = pidfd_open(pid, 0);
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    if (fd < 0 || poll(&wait, 1, SPAWNER_FREE_MS) == 0) {
        kill(pid, SIGKILL);
    }
    if (fd >= 0) {
        close(fd);
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

void spawner_set_exe(struct spawner *spawner, const char *exe)
{
    free(spawner->exe);
    spawner->exe = xstrdup(exe);
}

int64_t spawner_pid(const struct spawner *spawner)
{
    return spawner->pid;
}

int spawner_start(struct spawner *spawner, const struct spawner_request *request,
                  struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(SPAWNER_REQUEST_MAX);
    int fds[SPAWNER_FDS_MAX];
    size_t fds_count = 0;

    must(request->fds_count >= 3 && request->fds_count <= SPAWNER_FDS_MAX);
    const char *exe = request->exe ? request->exe : spawner->exe;
    int err = put_request(&buf, exe, request, fds, &fds_count);
    if (err) {
        return err_set(reterr_why, err,
                       "the arguments and environment of a host process are too large: at most "
                       "%d bytes, %d arguments and %d variables",
                       SPAWNER_REQUEST_MAX, SPAWNER_ARGS_MAX, SPAWNER_ENV_MAX);
    }
    err = send_message(spawner, &buf, fds, fds_count);
    if (err) {
        return err_set(reterr_why, err, "the process that starts hosts is gone");
    }
    return 0;
}

/* Writes the message of a start request and collects the descriptors that go with it. */
static int put_request(struct buf *buf, const char *exe, const struct spawner_request *request,
                       int *ret_fds, size_t *ret_fds_count)
{
    struct forker_head head = {
        .op = FORKER_START,
        .id = request->id,
        .memory_max = request->memory_max,
        .processes_max = request->processes_max,
        .fds_count = (uint32_t)request->fds_count,
    };
    size_t count = 0;

    for (size_t i = 0; i < request->fds_count; i++) {
        if (request->fds[i] < 0) {
            head.fds_null |= 1u << i;
        } else {
            ret_fds[count++] = request->fds[i];
        }
    }
    buf_put(buf, &head, sizeof(head));
    buf_put(buf, exe, strlen(exe) + 1);
    head.args_count = put_texts(buf, request->argv);
    head.env_count = put_texts(buf, request->envp);
    if (buf_err(buf)) {
        return buf_err(buf);
    }
    if (head.args_count > SPAWNER_ARGS_MAX || head.env_count > SPAWNER_ENV_MAX) {
        return ERR_LIMIT;
    }
    memcpy(buf->data, &head, sizeof(head));
    *ret_fds_count = count;
    return 0;
}

/* Appends NUL-terminated texts; how many. */
static uint32_t put_texts(struct buf *buf, const char *const *texts)
{
    uint32_t count = 0;

    while (texts[count]) {
        buf_put(buf, texts[count], strlen(texts[count]) + 1);
        count++;
    }
    return count;
}

/* One packet with its descriptors; blocks while the spawner has not read earlier ones. */
static int send_message(struct spawner *spawner, const struct buf *buf, const int *fds,
                        size_t fds_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * SPAWNER_FDS_MAX)];
    } control = {.bytes = {0}};
    struct iovec part = {buf->data, buf->len};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    if (fds_count > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds_count);
        struct cmsghdr *item = CMSG_FIRSTHDR(&msg);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = CMSG_LEN(sizeof(int) * fds_count);
        memcpy(CMSG_DATA(item), fds, sizeof(int) * fds_count);
    }
    while (!spawner->lost) {
        if (sendmsg(spawner->socket, &msg, MSG_NOSIGNAL) >= 0) {
            return 0;
        }
        if (errno != EINTR) {
            spawner->lost = true;
        }
    }
    return ERR_UNAVAILABLE;
}

int spawner_kill(struct spawner *spawner, uint64_t id, int signal)
{
    struct forker_head head = {.op = FORKER_KILL, .id = id, .signal = signal};
    CLEANUP_BUF struct buf buf = BUF_INIT(sizeof(head));

    if (buf_put(&buf, &head, sizeof(head))) {
        return buf_err(&buf);
    }
    return send_message(spawner, &buf, NULL, 0);
}

int spawner_fd(const struct spawner *spawner)
{
    return spawner->socket;
}

int spawner_next(struct spawner *spawner, struct spawner_report *ret_report)
{
    if (spawner->kept_count > 0) {
        *ret_report = spawner->kept[0];
        spawner->kept_count--;
        memmove(spawner->kept, spawner->kept + 1, spawner->kept_count * sizeof(spawner->kept[0]));
        return 1;
    }
    return receive(spawner, ret_report);
}

bool spawner_pending(const struct spawner *spawner)
{
    return spawner->kept_count > 0;
}

int spawner_wait(struct spawner *spawner, uint64_t id, int64_t timeout_ms,
                 struct spawner_report *ret_report)
{
    int64_t deadline = now_ms() + timeout_ms;

    for (;;) {
        struct spawner_report report;
        int got = receive(spawner, &report);
        if (got < 0) {
            return got;
        }
        if (got == 1 && report.id == id) {
            *ret_report = report;
            return 1;
        }
        if (got == 1) {
            keep(spawner, &report);
            continue;
        }
        int64_t left = deadline - now_ms();
        if (left <= 0) {
            return 0;
        }
        struct pollfd wait = {.fd = spawner->socket, .events = POLLIN};
        poll(&wait, 1, (int)left);
    }
}

/* Puts a report aside for spawner_next(). */
static void keep(struct spawner *spawner, const struct spawner_report *report)
{
    must(spawner->kept_count < SPAWNER_KEPT_MAX);
    spawner->kept = xreallocarray(spawner->kept, spawner->kept_count + 1, sizeof(spawner->kept[0]));
    spawner->kept[spawner->kept_count++] = *report;
}

/* Reads one report from the socket: 1, 0 when there is none, ERR_UNAVAILABLE. */
static int receive(struct spawner *spawner, struct spawner_report *ret_report)
{
    struct spawner_report report;
    ssize_t len = recv(spawner->socket, &report, sizeof(report), MSG_DONTWAIT);

    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (len != sizeof(report)) {
        spawner->lost = true;
        return ERR_UNAVAILABLE;
    }
    *ret_report = report;
    return 1;
}

/* Monotonic milliseconds. */
static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
