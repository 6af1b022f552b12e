/*
 * Log lines of runs: bytes in order, in an environment of their own with a writer thread of its
 * own, so that chatty tasks never slow down commits of state.
 *
 * At most the last STORE_LOG_DELAY_MS of lines may be lost in a crash; the rest is never torn.
 * Line numbers are given out over all runs: they grow, and have gaps within a run.
 */
#ifndef STORE_STORE_LOG_H
#define STORE_STORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "store/store.h"

enum {
    STORE_LOG_DELAY_MS = 100,                 /* a line is on disk this long after store_log */
    STORE_LOG_LINE_MAX = 16 * 1024,           /* bytes */
    STORE_LOG_WAITING_MAX = 16 * 1024 * 1024, /* bytes in memory that are not yet written */
};

/* Queues one line (copied) for <run>; never blocks. 0; ERR_LIMIT when it is longer than
 * STORE_LOG_LINE_MAX or too much is waiting: the line is dropped and counted. Any thread. */
int store_log(struct store *store, uint64_t run, struct str line);

/* Queues the removal of all lines of <run> written so far. Any thread. */
void store_log_delete(struct store *store, uint64_t run);

/* Blocks until everything queued so far is on disk (or dropped). Any thread but the writer's. */
void store_log_flush(struct store *store);

/* One line, borrowed until the function returns. False ends the scan. */
typedef bool store_log_visit(void *user, uint64_t sequence, struct str line);

/* Visits the lines of <run> with a number >= <from>, in order; backwards from the newest one
 * <= <from> when <reverse> (UINT64_MAX: from the end). Errors as store_scan. Any thread. */
int store_log_scan(struct store *store, uint64_t run, uint64_t from, bool reverse,
                   store_log_visit *visit, void *user);

#endif
