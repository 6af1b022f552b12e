/*
 * The spawner's process: waits for requests and for ends of children, nothing else.
 *
 * It is a subreaper: when a host has died, everything the host left behind (whatever sessions it
 * hid in) becomes a child of this process, is seen in the kernel's list of children, and killed.
 */
#include "work/forker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/must.h"

enum {
    FORKER_FD_SAFE = 64,        /* descriptors are moved here before they get their numbers */
    FORKER_LAST_SWEEP_MS = 5000 /* after the engine's end */
};

struct child {
    uint64_t id;
    pid_t pid;
    bool ended; /* reaped, not yet reported */
    struct spawner_report report;
};

struct forker {
    int socket;
    int signals;
    struct child *children;
    size_t count;
    size_t cap;
    bool unreported; /* the socket was full */
};

/* A start request taken apart; borrows from the message. */
struct start {
    const struct forker_head *head;
    const char *exe;
    char *argv[SPAWNER_ARGS_MAX + 1];
    char *envp[SPAWNER_ENV_MAX + 1];
    int fds[SPAWNER_FDS_MAX];
};

static bool serve_request(struct forker *forker);
static size_t take_fds(const struct msghdr *msg, int fds[SPAWNER_FDS_MAX]);
static bool parse_start(char *message, size_t len, const int *fds, size_t fds_count,
                        struct start *ret_start);
static char *next_text(char **at, const char *end);
static void start_child(struct forker *forker, const struct start *start);
_Noreturn static void run_child(const struct start *start, pid_t forker_pid);
static void place_fds(const struct start *start);
static void set_limits(const struct forker_head *head);
static void reset_signals(void);
static struct child *add_child(struct forker *forker, uint64_t id);
static void kill_child(const struct forker *forker, uint64_t id, int signal);
static void signal_group(pid_t pid, int signal);
static bool reap(struct forker *forker);
static bool reap_one(struct forker *forker, const siginfo_t *info);
static void sweep_orphans(const struct forker *forker);
static struct child *find_pid(const struct forker *forker, pid_t pid);
static void send_reports(struct forker *forker);
_Noreturn static void finish(struct forker *forker);
static int64_t now_ms(void);

_Noreturn void forker_run(int socket)
{
    struct forker forker = {.socket = socket};
    sigset_t child_signal;

    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, NULL);
    forker.signals = signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
    must(forker.signals >= 0);
    /* Ctrl-C in the terminal is the engine's business; this process outlives it by a moment. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "leat-spawner");

    for (;;) {
        struct pollfd polls[2] = {
            {.fd = socket, .events = (short)(POLLIN | (forker.unreported ? POLLOUT : 0))},
            {.fd = forker.signals, .events = POLLIN},
        };
        if (poll(polls, 2, -1) < 0) {
            must(errno == EINTR);
            continue;
        }
        if (polls[1].revents) {
            struct signalfd_siginfo info;
            ssize_t drained = read(forker.signals, &info, sizeof(info));
            (void)drained; /* Signals merge; reap() asks the kernel for the whole truth. */
            reap(&forker);
        }
        send_reports(&forker);
        if ((polls[0].revents & (POLLIN | POLLHUP | POLLERR)) && !serve_request(&forker)) {
            finish(&forker);
        }
    }
}

/* Reads one message and does what it says; false at the end of file. */
static bool serve_request(struct forker *forker)
{
    static char message[SPAWNER_REQUEST_MAX];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * SPAWNER_FDS_MAX)];
    } control;
    struct iovec part = {message, sizeof(message)};
    struct msghdr msg = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };

    ssize_t len = recvmsg(forker->socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (len < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (len == 0) {
        return false;
    }
    must((size_t)len >= sizeof(struct forker_head));
    struct forker_head head;
    memcpy(&head, message, sizeof(head));
    if (head.op == FORKER_KILL) {
        kill_child(forker, head.id, head.signal);
        return true;
    }

    int fds[SPAWNER_FDS_MAX];
    size_t fds_count = take_fds(&msg, fds);
    struct start start = {.head = &head};
    must(parse_start(message, (size_t)len, fds, fds_count, &start));
    start_child(forker, &start);
    for (size_t i = 0; i < fds_count; i++) {
        close(fds[i]);
    }
    return true;
}

/* The descriptors that came with a message; how many. */
static size_t take_fds(const struct msghdr *msg, int fds[SPAWNER_FDS_MAX])
{
    struct cmsghdr *item = CMSG_FIRSTHDR(msg);

    if (!item || item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) {
        return 0;
    }
    size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    must(count <= SPAWNER_FDS_MAX);
    memcpy(fds, CMSG_DATA(item), count * sizeof(int));
    return count;
}

/* Finds the texts of a start request and spreads its descriptors; false when it is malformed. */
static bool parse_start(char *message, size_t len, const int *fds, size_t fds_count,
                        struct start *ret_start)
{
    const struct forker_head *head = ret_start->head;
    char *at = message + sizeof(*head);
    const char *end = message + len;
    size_t used = 0;

    if (head->args_count > SPAWNER_ARGS_MAX || head->env_count > SPAWNER_ENV_MAX ||
        head->fds_count > SPAWNER_FDS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < head->fds_count; i++) {
        bool null = head->fds_null & (1u << i);
        if (!null && used == fds_count) {
            return false;
        }
        ret_start->fds[i] = null ? -1 : fds[used++];
    }
    ret_start->exe = next_text(&at, end);
    for (uint32_t i = 0; i < head->args_count; i++) {
        ret_start->argv[i] = next_text(&at, end);
    }
    for (uint32_t i = 0; i < head->env_count; i++) {
        ret_start->envp[i] = next_text(&at, end);
    }
    return at == end;
}

/* The NUL-terminated text at <*at>, which moves behind it. */
static char *next_text(char **at, const char *end)
{
    char *text = *at;
    char *nul = memchr(text, 0, (size_t)(end - text));

    must(nul);
    *at = nul + 1;
    return text;
}

/* Forks and remembers the child; a failure becomes its report. */
static void start_child(struct forker *forker, const struct start *start)
{
    struct child *child = add_child(forker, start->head->id);
    pid_t self = getpid();
    /* Not fork(): handlers that libraries registered for it in the engine (libuv's closes its pipe)
     * would close descriptors whose numbers belong to the request by now. */
    pid_t pid = _Fork();

    if (pid == 0) {
        run_child(start, self);
    }
    if (pid < 0) {
        child->ended = true;
        child->report.err = -errno;
        send_reports(forker);
        return;
    }
    child->pid = pid;
    child->report.pid = pid;
}

/* The new process, up to the program's start. */
_Noreturn static void run_child(const struct start *start, pid_t forker_pid)
{
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != forker_pid) {
        _exit(127); /* The spawner died before the line above took effect. */
    }
    place_fds(start);
    set_limits(start->head);
    umask(077);
    reset_signals();
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    execve(start->exe, start->argv, start->envp);

    char text[512];
    int len =
        snprintf(text, sizeof(text), "cannot execute %.300s: %s\n", start->exe, strerror(errno));
    ssize_t written = write(STDERR_FILENO, text, (size_t)len);
    (void)written;
    _exit(127);
}

/* Gives the descriptors their numbers and closes all others. */
static void place_fds(const struct start *start)
{
    int safe[SPAWNER_FDS_MAX];
    uint32_t count = start->head->fds_count;

    for (uint32_t i = 0; i < count; i++) {
        int fd = start->fds[i] >= 0 ? start->fds[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
        safe[i] = fcntl(fd, F_DUPFD_CLOEXEC, FORKER_FD_SAFE);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (safe[i] < 0 || dup2(safe[i], (int)i) < 0) {
            _exit(127);
        }
    }
    close_range(count, ~0u, 0);
}

/* Resource limits; they can only be lowered. */
static void set_limits(const struct forker_head *head)
{
    struct rlimit none = {0, 0};
    struct rlimit files;

    setrlimit(RLIMIT_CORE, &none);
    if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_max > SPAWNER_NOFILE) {
        files.rlim_cur = SPAWNER_NOFILE;
        files.rlim_max = SPAWNER_NOFILE;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (head->memory_max) {
        struct rlimit memory = {head->memory_max, head->memory_max};
        setrlimit(RLIMIT_AS, &memory);
    }
    if (head->processes_max) {
        struct rlimit processes = {head->processes_max, head->processes_max};
        setrlimit(RLIMIT_NPROC, &processes);
    }
}

/* Default actions, nothing blocked. */
static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++) {
        signal(number, SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A new entry at the end of the table. */
static struct child *add_child(struct forker *forker, uint64_t id)
{
    if (forker->count == forker->cap) {
        forker->cap = forker->cap ? forker->cap * 2 : 16;
        forker->children =
            xreallocarray(forker->children, forker->cap, sizeof(forker->children[0]));
    }
    struct child *child = &forker->children[forker->count++];
    memset(child, 0, sizeof(*child));
    child->id = id;
    child->report.id = id;
    return child;
}

/* Signals the group of a living child. */
static void kill_child(const struct forker *forker, uint64_t id, int signal)
{
    for (size_t i = 0; i < forker->count; i++) {
        const struct child *child = &forker->children[i];
        if (child->id == id && !child->ended) {
            signal_group(child->pid, signal);
        }
    }
}

/* Signals a group whose leader is not yet reaped, so the number is surely its own. */
static void signal_group(pid_t pid, int signal)
{
    if (kill(-pid, signal)) {
        kill(pid, signal); /* It has not reached setsid() yet. */
    }
}

/* Takes note of every dead child; false when there is no child left at all. */
static bool reap(struct forker *forker)
{
    for (;;) {
        siginfo_t info = {.si_pid = 0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT)) {
            return errno == EINTR;
        }
        if (info.si_pid == 0) {
            return true;
        }
        if (!reap_one(forker, &info)) {
            return true;
        }
    }
}

/* Ends what a dead child left, then reaps it. */
static bool reap_one(struct forker *forker, const siginfo_t *info)
{
    struct child *child = find_pid(forker, info->si_pid);

    if (child) {
        kill(-child->pid, SIGKILL); /* The rest of its group; the leader is already dead. */
        child->ended = true;
        if (info->si_code == CLD_EXITED) {
            child->report.status = info->si_status;
        } else {
            child->report.signal = info->si_status;
        }
    }
    if (waitpid(info->si_pid, NULL, 0) < 0) {
        return false;
    }
    /* Reaping made its children ours: those of a host, or of an orphan killed before. */
    sweep_orphans(forker);
    return true;
}

/* Kills every child that nobody asked for. */
static void sweep_orphans(const struct forker *forker)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *list = fopen(path, "re");
    if (!list) {
        return; /* No /proc: groups were killed, escaped sessions can not be found. */
    }
    long pid;
    while (fscanf(list, "%ld", &pid) == 1) {
        if (!find_pid(forker, (pid_t)pid)) {
            kill((pid_t)pid, SIGKILL);
        }
    }
    fclose(list);
}

/* The living child with this process id, or NULL. */
static struct child *find_pid(const struct forker *forker, pid_t pid)
{
    for (size_t i = 0; i < forker->count; i++) {
        if (forker->children[i].pid == pid && !forker->children[i].ended) {
            return &forker->children[i];
        }
    }
    return NULL;
}

/* Sends the reports of ended children and forgets them, as far as the socket takes them. */
static void send_reports(struct forker *forker)
{
    size_t kept = 0;

    forker->unreported = false;
    for (size_t i = 0; i < forker->count; i++) {
        const struct child *child = &forker->children[i];
        if (child->ended && !forker->unreported) {
            ssize_t sent = send(forker->socket, &child->report, sizeof(child->report),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent > 0 || errno != EAGAIN) {
                continue; /* Sent, or the engine is gone, which serve_request() finds out. */
            }
            forker->unreported = true;
        }
        forker->children[kept++] = *child;
    }
    forker->count = kept;
}

/* The engine is gone: nothing that it started may survive. */
_Noreturn static void finish(struct forker *forker)
{
    int64_t deadline = now_ms() + FORKER_LAST_SWEEP_MS;

    for (size_t i = 0; i < forker->count; i++) {
        if (!forker->children[i].ended) {
            signal_group(forker->children[i].pid, SIGKILL);
        }
    }
    sweep_orphans(forker);
    while (reap(forker) && now_ms() < deadline) {
        struct pollfd wait = {.fd = forker->signals, .events = POLLIN};
        struct signalfd_siginfo info;
        poll(&wait, 1, 100);
        ssize_t drained = read(forker->signals, &info, sizeof(info));
        (void)drained;
    }
    _exit(0);
}

/* Monotonic milliseconds. */
static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
