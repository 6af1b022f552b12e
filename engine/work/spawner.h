/*
 * The one process that forks: started before the engine has threads or memory worth copying, it
 * starts host processes, signals their groups and reports their ends.
 *
 * It is single-threaded and lives as long as the engine, so a host's parent-death signal refers to
 * something that does not end early. When the engine ends, however it ends, the spawner sees the
 * end of file, kills every group and everything that was orphaned to it, and exits.
 *
 * Process ids can not be confused: only the parent can reap, and it signals before it reaps. Hosts
 * are named by the caller's own ids; nobody else signals.
 *
 * Who calls: the pool, and describe.h for one process at a time. All functions: one thread, the
 * loop's.
 */
#ifndef WORK_SPAWNER_H
#define WORK_SPAWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct spawner;

enum {
    SPAWNER_FDS_MAX = 8,
    SPAWNER_ARGS_MAX = 64,
    SPAWNER_ENV_MAX = 256,
    SPAWNER_REQUEST_MAX = 128 * 1024, /* bytes of one request: arguments and environment */
    SPAWNER_NOFILE = 1024,            /* open files of a host */
};

struct spawner_request {
    uint64_t id;             /* the caller's name for the process; unique among the living */
    const char *exe;         /* what is executed; NULL: what spawner_set_exe() said */
    const char *const *argv; /* NULL-terminated */
    const char *const *envp; /* NULL-terminated; the whole environment */
    const int *fds;          /* fds[i] becomes descriptor i of the process; -1 is /dev/null */
    size_t fds_count;        /* 3 to SPAWNER_FDS_MAX */
    uint64_t memory_max;     /* RLIMIT_AS, 0 for none */
    uint32_t processes_max;  /* RLIMIT_NPROC, 0 for none */
};

/* How a process ended. */
struct spawner_report {
    uint64_t id;
    int64_t pid;    /* 0 when it never started */
    int32_t signal; /* 0 when it exited by itself */
    int32_t status; /* exit code; 127 also stands for "could not be executed" */
    int32_t err;    /* negated errno when it never started, else 0 */
};

/*
 * Forks the spawner. Call it before the process has a second thread, an open store or an event
 * loop. -errno with a sentence.
 */
int spawner_new(struct spawner **ret_spawner, struct err_text *reterr_why);

/* Closes the connection: the spawner kills all it started and exits; waits up to 5 s for that. NULL
 * is allowed; returns NULL. */
struct spawner *spawner_free(struct spawner *spawner);

/* What is executed when a request does not say; copied. At first it is the program that called
 * spawner_new(). Tests name the leat binary. */
void spawner_set_exe(struct spawner *spawner, const char *exe);

/* The spawner's own process id. */
int64_t spawner_pid(const struct spawner *spawner);

/*
 * Starts a process: own session and group, parent-death signal KILL, no_new_privs, no core dumps,
 * umask 077, default signals, no descriptors but the given ones. The descriptors stay the caller's
 * (close them afterwards). Returns when the request is on its way; a failed start is reported as an
 * end. ERR_LIMIT for too large a request, ERR_UNAVAILABLE when the spawner is gone.
 */
int spawner_start(struct spawner *spawner, const struct spawner_request *request,
                  struct err_text *reterr_why);

/* Sends <signal> to the process's group. Unknown and ended ids are ignored. ERR_UNAVAILABLE. */
int spawner_kill(struct spawner *spawner, uint64_t id, int signal);

/* A descriptor that becomes readable when reports arrive, for the loop. */
int spawner_fd(const struct spawner *spawner);

/* 1 and the next report, 0 when there is none now, ERR_UNAVAILABLE when the spawner is gone. Every
 * started id gets exactly one report while the spawner lives. */
int spawner_next(struct spawner *spawner, struct spawner_report *ret_report);

/* True when spawner_next() has a report although spawner_fd() may not be readable: another report
 * arrived while spawner_wait() waited for its own. */
bool spawner_pending(const struct spawner *spawner);

/* Waits up to <timeout_ms> for the report of <id>; others are kept for spawner_next(). 1 when it
 * came, 0 when not, ERR_UNAVAILABLE. Blocks the calling thread. */
int spawner_wait(struct spawner *spawner, uint64_t id, int64_t timeout_ms,
                 struct spawner_report *ret_report);

#endif
