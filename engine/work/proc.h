/*
 * Processes at the other end of two channels: started through the spawner, spoken to in frames,
 * reported ended once.
 *
 * A set holds what all of them share: the loop, the spawner, the environment. Used by pool_host.c
 * and pool_eval.c, which decide what is said; nothing here knows calls. Loop thread.
 */
#ifndef WORK_PROC_H
#define WORK_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "work/frame.h"
#include "work/pool.h"
#include "work/spawner.h"

struct proc;
struct proc_set;

enum { PROC_READS_MAX = 16 }; /* reads in a row from one process */

/* Bytes that may wait to be written to one process. */
#define PROC_OUT_MAX ((size_t)512 << 20)

/* What happens to a process. None is called from inside a function of this file but
 * proc_set_reports(); on_ended is the last. */
struct proc_events {
    void (*on_frame)(void *user, const struct frame *frame, bool control);
    /* The process breaks the protocol and should be killed. <closed>: it closed a channel, which
     * mostly means that the report of its end is on the way. */
    void (*on_broken)(void *user, const char *why, bool closed);
    /* A line of output that the process did not live to send. */
    void (*on_last_words)(void *user, enum pool_stream stream, struct str line);
    /* It is gone; <report> NULL: the spawner is. proc_free() may be called here. */
    void (*on_ended)(void *user, const struct spawner_report *report);
};

/* <env> as for spawner_request.envp; everything is borrowed for the life of the set but <exe>. */
int proc_set_new(struct uv_loop_s *loop, struct spawner *spawner, const struct pool_config *config,
                 const char *const *env, struct proc_set **ret_set, struct err_text *reterr_why);
/* All processes must have been freed. Closes asynchronously; NULL is allowed; returns NULL. */
struct proc_set *proc_set_free(struct proc_set *set);

/* Hands out reports that have arrived without the loop noticing (see spawner_pending). */
void proc_set_reports(struct proc_set *set);
/* Writes what is waiting to all processes. */
void proc_set_flush(struct proc_set *set);
/* True when the spawner is gone: nothing can be started any more. */
bool proc_set_lost(const struct proc_set *set);

/* Starts `leat <argv...>` with the descriptors of host.h. Frames to and from it are at most
 * <frame_max>. */
int proc_start(struct proc_set *set, const char *const *argv, size_t frame_max,
               const struct proc_events *events, void *user, struct proc **ret_proc,
               struct err_text *reterr_why);
/* Forgets it without events; one that lives is killed. NULL is allowed; returns NULL. */
struct proc *proc_free(struct proc *proc);

/* Adds a frame to what the next flush writes. ERR_LIMIT, ERR_MEMORY: nothing was added. */
int proc_send(struct proc *proc, const struct frame *frame);
/* Writes a small frame to the control channel at once; dropped when the process does not read. */
void proc_control(struct proc *proc, enum frame_type type, uint64_t number);
/* Signals the process's group. */
void proc_kill(struct proc *proc, int signal);
/* Ends the data channel after what has been sent: the process finishes and exits. */
void proc_leave(struct proc *proc);

/* The number of the last call that it began, by its black box. */
uint64_t proc_begun(const struct proc *proc);

/* "was killed by signal 11 (SIGSEGV)", "exited with code 3", ... */
void proc_report_words(const struct spawner_report *report, struct err_text *ret_words);

#endif
