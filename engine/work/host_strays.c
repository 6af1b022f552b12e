/*
 * Finding and ending left-over processes.
 */
#include "work/host_strays.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STRAYS_ROUNDS = 200, STRAYS_ROUND_MS = HOST_STRAYS_MS / STRAYS_ROUNDS };

static unsigned sweep(void);
static unsigned sweep_children_of(const char *thread, pid_t session);
static pid_t session_of(pid_t pid);

void host_strays_begin(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void host_strays_end(void)
{
    siginfo_t info;

    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && errno == ECHILD) {
        return;
    }
    /* Each round may bring up children of what the round before has killed. */
    for (int round = 0; round < STRAYS_ROUNDS && sweep() > 0; round++) {
        struct timespec pause = {.tv_nsec = STRAYS_ROUND_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
}

/* Signals and reaps once; how many strays it saw. */
static unsigned sweep(void)
{
    DIR *threads = opendir("/proc/self/task");
    pid_t session = getsid(0);
    unsigned seen = 0;

    if (!threads) {
        return 0;
    }
    for (;;) {
        const struct dirent *entry = readdir(threads);
        if (!entry) {
            break;
        }
        if (entry->d_name[0] != '.') {
            seen += sweep_children_of(entry->d_name, session);
        }
    }
    closedir(threads);
    return seen;
}

/* The same for the children that the kernel keeps at one thread. */
static unsigned sweep_children_of(const char *thread, pid_t session)
{
    char path[64];
    unsigned seen = 0;
    long number;

    snprintf(path, sizeof(path), "/proc/self/task/%.20s/children", thread);
    FILE *list = fopen(path, "re");
    if (!list) {
        return 0;
    }
    while (fscanf(list, "%ld", &number) == 1) {
        pid_t pid = (pid_t)number;
        pid_t its_session = session_of(pid);
        if (its_session <= 0 || its_session == session) {
            continue;
        }
        seen++;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, WNOHANG);
    }
    fclose(list);
    return seen;
}

/* The session of a child, also of a dead one; 0 when it can not be told. */
static pid_t session_of(pid_t pid)
{
    char path[64];
    char line[512];
    int session = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        return 0;
    }
    /* The name in parentheses may hold anything, so what counts begins after the last one. */
    const char *after = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    if (after && sscanf(after + 1, " %*c %*d %*d %d", &session) != 1) {
        session = 0;
    }
    fclose(file);
    return session;
}
