/*
 * What becomes of a call: outcomes from what a host said about it, or from how the host died.
 *
 * Pure functions, used by pool_host.c.
 */
#ifndef WORK_POOL_JUDGE_H
#define WORK_POOL_JUDGE_H

#include <stdbool.h>

#include "work/frame.h"
#include "work/pool.h"
#include "work/spawner.h"

/* Why the pool killed a host, besides for its call's sake. */
enum pool_doom { POOL_DOOM_NONE, POOL_DOOM_START, POOL_DOOM_SILENT, POOL_DOOM_PROTOCOL };

/* What is known about a call; the texts are borrowed. */
struct pool_case {
    bool cancelled; /* it was told to stop */
    bool timed_out; /* it was told to stop because of its timeout */
    bool ready;     /* its host had said hello */
    const char *type;
    const char *plugin;
    enum pool_doom doom;
    const char *doom_why; /* a sentence without its end */
};

/* A result frame came. */
void pool_judge_result(const struct pool_case *facts, const struct frame_result *result,
                       struct pool_outcome *outcome);
/* It was told to stop, and did not complete. */
void pool_judge_stopped(const struct pool_case *facts, struct pool_outcome *outcome);
/* Its host died (<report> NULL: with the spawner). The outcome's text lives in <text>. */
void pool_judge_dead(const struct pool_case *facts, const struct spawner_report *report,
                     struct pool_outcome *outcome, struct err_text *text);

#endif
