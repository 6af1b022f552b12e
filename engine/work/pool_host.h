/*
 * One host process of the pool and the calls in flight on it.
 *
 * Life:   STARTING --hello--> READY --leave/death--> gone
 * A call: sent, then head of the queue (= running), then one outcome; or taken back before it
 * began. Ladder of the head after a cancel or its timeout: polite frame --grace--> SIGTERM
 * --POOL_TERM_MS--> SIGKILL
 *
 * Decides nothing about how many hosts there are; that is pool.c, its only caller. Loop thread.
 */
#ifndef WORK_POOL_HOST_H
#define WORK_POOL_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "work/pool.h"
#include "work/proc.h"

struct pool_host;

enum {
    POOL_HOST_PINGS = 3,         /* without an answer, evenly spread, make a silence */
    POOL_HOST_RECALL_US = 50000, /* a call this long gives back what waits behind it */
    POOL_HOST_LEAVE_MS = 5000,   /* for closing, before it is killed */
    POOL_HOST_CLOSED_MS = 1000,  /* a process that closed its channel dies by itself until then */
};

/* To the pool; <host> is the one that it happens to. None is called from inside pool_host_call() or
 * pool_host_cancel(). */
struct pool_host_events {
    /* A call has ended. <begun>: its body ran (or was running). */
    void (*on_outcome)(void *user, struct pool_host *host, const struct pool_outcome *outcome,
                       bool begun);
    void (*on_returned)(void *user, struct pool_host *host, uint64_t call_id);
    void (*on_log)(void *user, struct pool_host *host, const struct pool_log *log);
    void (*on_progress)(void *user, struct pool_host *host, uint64_t call_id, double fraction,
                        struct str text);
    /* It has said hello. */
    void (*on_ready)(void *user, struct pool_host *host);
    /* It is gone and all its calls have ended; <died> when nobody had asked for that. The pool
     * frees it here. */
    void (*on_gone)(void *user, struct pool_host *host, bool died);
};

/* What the pool may look at, besides calling functions. Written by pool_host.c only, but for the
 * last group. */
struct pool_host_view {
    unsigned count; /* calls in flight */
    bool ready;
    bool leaving;          /* takes no more calls */
    bool recalling;        /* takes no calls until the answer is there */
    int64_t head_began_us; /* of the running call */
    int64_t idle_since_us; /* when count became 0 */
    int64_t born_us;
    uint64_t calls; /* ended */

    /* The pool's own. */
    struct pool_plugin *plugin;
    struct pool_host *next;
    bool isolated;
    bool yielding; /* leaves when it is idle, for the sake of another plugin */
};

/* Times that all hosts share, and what to start. */
struct pool_host_config {
    const char *blob_dir;
    int64_t start_us;
    int64_t silence_after_us;
    int64_t silence_us;
};

/* Starts a process for the plugin. <config>, <events> and the texts are borrowed for its life. */
int pool_host_new(struct proc_set *set, const struct pool_host_config *config, const char *name,
                  const char *copy_path, const struct hash *hash,
                  const struct pool_host_events *events, void *user, int64_t now_us,
                  struct pool_host **ret_host, struct err_text *reterr_why);
/* Without events; a living process is killed. NULL is allowed; returns NULL. */
struct pool_host *pool_host_free(struct pool_host *host);

struct pool_host_view *pool_host_view(struct pool_host *host);

/* Sends a call; the pool has seen that there is room (POOL_PREFETCH_MAX at most). ERR_LIMIT. */
int pool_host_call(struct pool_host *host, const struct pool_call *call, int64_t now_us,
                   struct err_text *reterr_why);
/* As pool_cancel(). */
int pool_host_cancel(struct pool_host *host, uint64_t call_id, int64_t grace_us, int64_t now_us);
/* Lets it finish what it has and exit. */
void pool_host_leave(struct pool_host *host, int64_t now_us);

/*
 * Does what is due: timeouts, ladder, pings. <late_us>: the loop itself was held up so long, which
 * is not the host's silence. Returns when the next thing is due, INT64_MAX for nothing.
 */
int64_t pool_host_tick(struct pool_host *host, int64_t now_us, int64_t late_us);

#endif
