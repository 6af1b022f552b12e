/*
 * The evaluator process and the evaluations in its queue.
 *
 * One process, started when the first evaluation comes; several evaluations are on their way to it
 * at once. When it dies, or takes too long, the evaluation that it worked on fails and the others
 * go to its successor. Used by pool.c only. Loop thread.
 */
#ifndef WORK_POOL_EVALS_H
#define WORK_POOL_EVALS_H

#include <stdint.h>

#include "work/pool.h"
#include "work/proc.h"

struct pool_evals;

enum {
    POOL_EVALS_AHEAD = 16,                    /* evaluations on their way to the process */
    POOL_EVALS_AHEAD_BYTES = 8 * 1024 * 1024, /* ... unless they are larger than this together */
    POOL_EVALS_LEAVE_MS = 2000,               /* for exiting after it was asked to */
};

/* <config> has its defaults filled in; everything is borrowed. on_eval and on_log are called. */
struct pool_evals *pool_evals_new(struct proc_set *set, const struct pool_config *config,
                                  const struct pool_callbacks *callbacks);
/* Without callbacks. NULL is allowed; returns NULL. */
struct pool_evals *pool_evals_free(struct pool_evals *evals);

/* As pool_eval(). */
int pool_evals_put(struct pool_evals *evals, const struct pool_eval *eval, int64_t now_us,
                   struct err_text *reterr_why);

/* Starts and sends what can be; outside of other callbacks, once per loop iteration. */
void pool_evals_step(struct pool_evals *evals, int64_t now_us);

/* Does what is due; when the next thing is, INT64_MAX for nothing. */
int64_t pool_evals_tick(struct pool_evals *evals, int64_t now_us);

#endif
