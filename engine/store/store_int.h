/*
 * What the files of engine/store share behind the public headers: the parts of a struct store, and
 * the parts' own life. store.c owns the parts; store_read.c and store_log.c implement two of them.
 */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/kv.h"
#include "store/store.h"

struct store_reads;
struct store_logs;

/* The parts, borrowed. Any thread. */
struct store_reads *store_reads_of(struct store *store);
struct store_logs *store_logs_of(struct store *store);

/* The pool of reads of one environment. */
struct store_reads *store_reads_new(struct kv *kv);
/* No read may be open. NULL is allowed; returns NULL. */
struct store_reads *store_reads_free(struct store_reads *reads);
/* Fills in readers, oldest_read_us and damaged. Any thread. */
void store_reads_stats(struct store_reads *reads, struct store_stats *ret_stats);

/* Opens the environment of log lines in <parent> and starts its thread. Errors as kv_open. */
int store_logs_open(const char *parent, size_t map_size, struct store_logs **ret_logs,
                    struct err_text *reterr_why);
/* Writes what waits and stops the thread. NULL is allowed; returns NULL. */
struct store_logs *store_logs_close(struct store_logs *logs);
/* Fills in log_lines and log_dropped. Any thread. */
void store_logs_stats(struct store_logs *logs, struct store_stats *ret_stats);

#endif
