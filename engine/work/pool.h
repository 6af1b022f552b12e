/*
 * The pool of host processes: starts them through the spawner, hands calls to them over sockets,
 * and turns everything that can happen to a process into one outcome per call.
 *
 * What it promises to drive/ (its only caller, on the loop thread):
 *   - Every call that pool_call() took ends in exactly one callback: on_result, or on_returned when
 *     the call has not begun and can be given to pool_call() again (here or much later).
 *   - Whatever a plugin does (crash, exit, hang, garbage, silence), the call ends within its
 *     timeout plus grace plus POOL_TERM_MS, and no other call is harmed except by waiting.
 *   - on_log and on_progress of a call come before its on_result, in order.
 *   - Nothing is called back from inside pool_call(), pool_cancel(), pool_room() or pool_eval();
 *     callbacks come from the loop only, and may call every function here except pool_free().
 *
 * Queues of waiting work are core's business. The pool takes calls only while pool_room() says so;
 * it keeps short-bodied calls in flight ahead of a host (prefetch) and takes them back when the
 * call before them turns out to be slow.
 *
 * One host serves one plugin (content hash). Frames to hosts are collected and written once per
 * loop iteration.
 *
 * All functions: loop thread.
 */
#ifndef WORK_POOL_H
#define WORK_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "value/val.h"

struct pool;
struct pool_plugin;
struct spawner;
struct uv_loop_s; /* uv_loop_t */

enum {
    POOL_PREFETCH_MAX = 64, /* calls in flight on one host, bodies permitting */
    POOL_HOSTS_MAX_DEFAULT = 32,
    POOL_CALLS_PER_HOST_DEFAULT = 100000,
    POOL_HOST_AGE_MS_DEFAULT = 3600 * 1000,
    POOL_HOST_IDLE_MS_DEFAULT = 300 * 1000,
    POOL_START_MS_DEFAULT = 30 * 1000,
    POOL_TERM_MS = 2000,          /* from SIGTERM to SIGKILL */
    POOL_GRACE_MS_DEFAULT = 5000, /* from a polite cancel to SIGTERM */
    POOL_EVAL_MS = 10000,         /* longest evaluation */
    POOL_EVAL_JOBS_MAX = 4096,    /* jobs in one evaluation */
};

/* Zero or NULL means the default. All pointers are copied by pool_new(). */
struct pool_config {
    const char *exe;              /* the leat binary; default /proc/self/exe */
    const char *blob_dir;         /* where large values live; required */
    const char *const *env_names; /* environment names that hosts inherit besides the standard
                                     ones; NULL-terminated */
    unsigned hosts_max;           /* processes at once, the evaluator not counted */
    unsigned cpus;             /* hosts of one plugin that start without waiting; default: count */
    uint64_t calls_per_host;   /* a host is replaced after so many calls */
    int64_t host_age_ms;       /* ... or after this time */
    int64_t host_idle_ms;      /* an idle host is ended after this time */
    int64_t start_ms;          /* from process start to hello */
    int64_t silence_after_ms;  /* a call running longer gets pings; default 10 s */
    int64_t silence_ms;        /* no sign of life for so long ends the host; default 15 s */
    uint64_t memory_max;       /* RLIMIT_AS of a host in bytes; default none */
    uint32_t processes_max;    /* RLIMIT_NPROC (counts per user!); default none */
    const struct clock *clock; /* default clock_real; only the monotonic side is read */
};

/* How a call ended. */
enum pool_end {
    POOL_OK,        /* the part returned LEAT_OK; <result> counts, even after a cancel */
    POOL_RETRY,     /* the part asks to be tried again */
    POOL_FAIL,      /* the part failed, broke the ABI, or its plugin did not load */
    POOL_CANCELLED, /* pool_cancel() took effect, politely or not, before or after it began */
    POOL_TIMED_OUT, /* the timeout passed and the part did not return LEAT_OK after it */
    POOL_CRASHED,   /* the host died, broke the protocol or fell silent */
};

/*
 * One ended call. All bytes are borrowed until the callback returns.
 *
 * Codes of the pool itself: `host.died`, `host.protocol`, `host.silent`, `host.start` (no hello in
 * time), `host.lost` (the spawner is gone): POOL_CRASHED; `plugin.load`, `plugin.open`: POOL_FAIL;
 * `task.timeout`: POOL_TIMED_OUT; `task.cancelled`: POOL_CANCELLED. Everything else comes from the
 * part; its default is `plugin.failed`.
 */
struct pool_outcome {
    uint64_t call_id;
    enum pool_end end;
    struct str code;        /* empty for POOL_OK */
    struct str text;        /* one sentence, empty for POOL_OK */
    int64_t retry_after_ms; /* the part's wish, -1 for none */
    struct val result;      /* POOL_OK: a value of at most VAL_INLINE_MAX bytes (scanned; blob
                               references inside or instead); otherwise VAL_NONE */
    int64_t started_us;     /* wall clock at the beginning of the body, 0 if it never began */
    int64_t duration_us;    /* of the body, as far as known */
};

enum pool_stream { POOL_STREAM_LOG, POOL_STREAM_STDOUT, POOL_STREAM_STDERR };

/* One line of output, valid UTF-8 without line ends, at most LEAT_TEXT_MAX bytes; borrowed. */
struct pool_log {
    uint64_t call_id;           /* 0: the host itself, outside calls */
    struct pool_plugin *plugin; /* NULL for the evaluator */
    int32_t level;              /* LEAT_LOG_*; stdout is INFO, stderr WARNING */
    enum pool_stream stream;
    int64_t wall_us; /* when the host saw it */
    struct str text;
};

/* What one evaluation gave; borrowed until the callback returns. (Changed by the lead: jobs and
 * results travel in the packed form of value/eval.h, so that nobody translates them.) */
struct pool_eval_result {
    bool ok;
    struct val results; /* ok: the list that eval_run() made, one result per job, scanned; values of
                           more than VAL_INLINE_MAX bytes are blob references */
    struct str code;    /* not ok: `expression.timeout`, `expression.crashed`, `host.lost`, ... */
    struct str text;
};

struct pool_callbacks {
    void *user;
    void (*on_result)(void *user, const struct pool_outcome *outcome);
    /* The call has not begun and never will; the pool forgot it. */
    void (*on_returned)(void *user, uint64_t call_id);
    void (*on_log)(void *user, const struct pool_log *log);
    /* <fraction> is NaN when unknown. At most ten a second per call. */
    void (*on_progress)(void *user, uint64_t call_id, double fraction, struct str text);
    /* pool_room() of <plugin> was 0 when last asked, and is not any more. */
    void (*on_room)(void *user, struct pool_plugin *plugin);
    void (*on_eval)(void *user, uint64_t eval_id, const struct pool_eval_result *result);
    /* The spawner died: no host can be started or signalled any more. Calls in flight have been
     * ended. The engine should stop and be restarted. */
    void (*on_lost)(void *user);
};

/*
 * A pool without hosts; they start when work comes. <spawner> is borrowed and must outlive the
 * pool; the pool reads its reports. ERR_INVALID without a blob directory; libuv codes.
 */
int pool_new(struct uv_loop_s *loop, struct spawner *spawner, const struct pool_config *config,
             const struct pool_callbacks *callbacks, struct pool **ret_pool,
             struct err_text *reterr_why);

/*
 * Ends every host at once (SIGKILL to their groups) and frees the pool. Calls in flight get no
 * callback. Afterwards the loop must run once more (uv_run with UV_RUN_NOWAIT until it returns 0,
 * or its normal end) so that libuv lets go of the handles. NULL is allowed; returns NULL.
 */
struct pool *pool_free(struct pool *pool);

/*
 * The handle of one plugin, made at first sight and kept until pool_free(). <name> is for messages,
 * <copy_path> the content-addressed copy whose hash is <hash>; both are copied.
 */
struct pool_plugin *pool_plugin_get(struct pool *pool, const struct hash *hash, const char *name,
                                    const char *copy_path);

const struct hash *pool_plugin_hash(const struct pool_plugin *plugin);
const char *pool_plugin_name(const struct pool_plugin *plugin);
/* A pointer of the caller's own, NULL at first: what waits for this plugin, say. */
void *pool_plugin_user(const struct pool_plugin *plugin);
void pool_plugin_set_user(struct pool_plugin *plugin, void *user);

/*
 * How many calls pool_call() would take for <plugin> now. 0 also registers the wish for on_room.
 * O(hosts of the plugin). <isolated> asks about fresh processes.
 */
unsigned pool_room(struct pool *pool, struct pool_plugin *plugin, bool isolated);

struct pool_call {
    uint64_t id; /* not 0, unique among the calls in flight */
    struct pool_plugin *plugin;
    uint32_t kind;       /* LEAT_KIND_TASK or LEAT_KIND_NOTIFIER */
    struct str type;     /* the part, "csv.read" */
    struct val input;    /* scanned map, parameters bound and coerced */
    struct val facts;    /* scanned map of strings (see leat_host.fact), or VAL_NONE */
    struct str base_dir; /* absolute; where relative paths start. Empty: "/" */
    int64_t timeout_ms;  /* of the body, from its beginning; -1 for none */
    int64_t grace_ms;    /* after the timeout, before SIGTERM; -1 for the default */
    bool isolated;       /* a fresh process for this call alone */
};

/*
 * Takes one call (everything is copied into the frame). ERR_LIMIT when the frame would pass
 * FRAME_MAX (large values belong into blobs), ERR_UNAVAILABLE when there is no room. The call is
 * written to the host at the end of the loop iteration, or by pool_flush().
 */
int pool_call(struct pool *pool, const struct pool_call *call, struct err_text *reterr_why);

/*
 * Asks a call to stop: a call that has not begun never will; a running one gets the flag, after
 * <grace_ms> (-1: default) SIGTERM to its process group, after POOL_TERM_MS more SIGKILL. It ends
 * with on_result as always. ERR_NOT_FOUND for an id not in flight; repeating is harmless and may
 * only shorten the grace.
 */
int pool_cancel(struct pool *pool, uint64_t call_id, int64_t grace_ms);

/* Writes what is waiting to the hosts now instead of at the end of the loop iteration. */
void pool_flush(struct pool *pool);

struct pool_eval {
    uint64_t id;                /* not 0 */
    const struct hash *program; /* identifies <texts>; NULL when there is no expression job */
    const struct str *texts;    /* the expressions of the program, all of them */
    size_t texts_count;
    struct val jobs;     /* list of at most POOL_EVAL_JOBS_MAX jobs, as value/eval.h has them */
    struct val scope;    /* map: params, steps, item, ...; VAL_NONE is the empty map */
    struct str base_dir; /* where relative file paths of jobs start */
};

/*
 * Queues one evaluation on the evaluator process (started when needed; all bytes are copied). Each
 * ends in exactly one on_eval. ERR_LIMIT when larger than FRAME_EVAL_MAX or with too many jobs.
 */
int pool_eval(struct pool *pool, const struct pool_eval *eval, struct err_text *reterr_why);

struct pool_plugin_stats {
    unsigned hosts;     /* processes now */
    unsigned in_flight; /* calls taken and not ended */
    uint64_t calls;     /* ended since the start */
    uint64_t deaths;    /* hosts that died without being asked */
    uint64_t starts;    /* hosts started */
    int64_t body_us;    /* moving average of body durations, -1 before the first */
};

void pool_plugin_stats(const struct pool *pool, const struct pool_plugin *plugin,
                       struct pool_plugin_stats *ret_stats);

/* Host processes now (the evaluator not counted), for metrics. */
unsigned pool_hosts(const struct pool *pool);

#endif
