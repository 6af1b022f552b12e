/*
 * See child.h. posix_spawn does not copy the page tables of a host that has mapped gigabytes, so a
 * start costs the same whatever the host did before. The input is a file in memory: the child can
 * read as slowly as it likes, or not at all, and nobody has to feed it.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Closes a descriptor if it is one. */
static void shut(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

/* A file in memory that holds the input, positioned at its beginning; -1 and errno on failure. */
static int input_open(const char *input, size_t len)
{
    int fd = memfd_create("leat-stdin", MFD_CLOEXEC);
    size_t done = 0;

    if (fd < 0) {
        return -1;
    }
    while (done < len) {
        ssize_t count = pwrite(fd, input + done, len - done, (off_t)done);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            shut(&fd);
            return -1;
        }
        done += (size_t)count;
    }
    return fd;
}

/* What happens in the child between fork and exec; 0 or an errno value. */
static int actions_fill(posix_spawn_file_actions_t *actions, const struct child_plan *plan,
                        int input, int out, int err)
{
    int error = input >= 0 ? posix_spawn_file_actions_adddup2(actions, input, 0)
                           : posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(actions, out, 1);
    }
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(actions, err, 2);
    }
    if (error == 0) {
        error = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    }
    if (error == 0 && plan->cwd != NULL) {
        error = posix_spawn_file_actions_addchdir_np(actions, plan->cwd);
    }
    return error;
}

/* A clean start: own group, no blocked signals, none ignored; 0 or an errno value. */
static int attributes_fill(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    int error;

    sigemptyset(&none);
    /* All rather than a few: the C library then need not ask about each one. */
    sigfillset(&all);
    error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                     POSIX_SPAWN_SETSIGDEF);
    if (error == 0) {
        error = posix_spawnattr_setpgroup(attributes, 0);
    }
    if (error == 0) {
        error = posix_spawnattr_setsigmask(attributes, &none);
    }
    if (error == 0) {
        error = posix_spawnattr_setsigdefault(attributes, &all);
    }
    return error;
}

/* Starts the program with these descriptors; 0 or an errno value. */
static int spawn(const struct child_plan *plan, int input, int out, int err, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0) {
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    error = actions_fill(&actions, plan, input, out, err);
    if (error == 0) {
        error = attributes_fill(&attributes);
    }
    if (error == 0) {
        error = posix_spawnp(ret_pid, plan->argv[0], &actions, &attributes, plan->argv, plan->env);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Opens the pidfd of the child that was just started; 0 or an errno value, the child being gone
 * then. */
static int watch(struct child *child)
{
    int error;

    child->pidfd = pidfd_open(child->pid, 0);
    if (child->pidfd >= 0) {
        return 0;
    }
    error = errno;
    child_signal(child, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return error;
}

/* Makes the pipes and starts the child; 0 or an errno value. */
static int start_with_pipes(const struct child_plan *plan, int input, struct child *child)
{
    int out[2] = {-1, -1};
    int err[2] = {-1, -1};
    int error = 0;

    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 ||
        fcntl(out[0], F_SETFL, O_NONBLOCK) != 0 || fcntl(err[0], F_SETFL, O_NONBLOCK) != 0) {
        error = errno;
    }
    if (error == 0) {
        error = spawn(plan, input, out[1], err[1], &child->pid);
    }
    shut(&out[1]);
    shut(&err[1]);
    child->out = out[0];
    child->err = err[0];
    return error == 0 ? watch(child) : error;
}

int child_start(const struct child_plan *plan, struct child *ret_child)
{
    struct child child = {-1, -1, -1, -1};
    int input = -1;
    int error;

    if (plan->input != NULL) {
        input = input_open(plan->input, plan->input_len);
        if (input < 0) {
            return errno;
        }
    }
    error = start_with_pipes(plan, input, &child);
    shut(&input);
    if (error != 0) {
        child_done(&child);
        return error;
    }
    *ret_child = child;
    return 0;
}

void child_signal(const struct child *child, int sig)
{
    kill(-child->pid, sig);
}

int child_reap(struct child *child)
{
    siginfo_t info = {0};

    /* The ended child still holds its number, so the group cannot be somebody else's yet. */
    child_signal(child, SIGKILL);
    while (waitid(P_PID, (id_t)child->pid, &info, WEXITED) != 0 && errno == EINTR) {
    }
    return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

void child_done(struct child *child)
{
    shut(&child->pidfd);
    shut(&child->out);
    shut(&child->err);
}
