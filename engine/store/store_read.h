/*
 * Reading the store: snapshots, single records, ordered scans. Any thread; each struct store_read
 * belongs to one thread at a time.
 *
 * A read sees the store as of its beginning. Keep it short (under 10 ms; never across a network
 * write or a return to the loop): an open read keeps old pages from being reused. Records whose
 * checksum does not match are never shown: ERR_CORRUPT.
 */
#ifndef STORE_STORE_READ_H
#define STORE_STORE_READ_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "store/store.h"

enum { STORE_READS_MAX = 64 };

struct store_read;

/* 0; ERR_UNAVAILABLE when STORE_READS_MAX reads are open; ERR_IO, ERR_MEMORY. */
int store_read_begin(struct store *store, struct store_read **ret_read);
/* NULL is allowed; returns NULL. Everything borrowed from the read is gone afterwards. */
struct store_read *store_read_end(struct store_read *read);

#define CLEANUP_STORE_READ __attribute__((cleanup(store_read_cleanup)))
void store_read_cleanup(struct store_read **read);

/* Appends the value of <key> to <ret_copy>. 0, ERR_NOT_FOUND, ERR_CORRUPT, ERR_LIMIT, ERR_IO. */
int store_get(struct store_read *read, enum store_table table, struct str key,
              struct buf *ret_copy);
/* The value of <key> without a copy, borrowed until store_read_end. Errors as store_get. */
int store_peek(struct store_read *read, enum store_table table, struct str key,
               struct str *ret_val);

/* One record of a scan, borrowed until store_read_end. False ends the scan. */
typedef bool store_visit(void *user, struct str key, struct str val);

/*
 * Visits the records whose key begins with <prefix> (empty: all), in key order, or backwards when
 * <reverse>. <from> (empty: the edge) is where to begin: the first key >= <from>, or backwards the
 * first key <= <from>; it lies anywhere, also outside of <prefix>. Damaged records are skipped.
 * 0; ERR_CORRUPT when at least one record was skipped (all sound ones were visited); ERR_IO.
 */
int store_scan(struct store_read *read, enum store_table table, struct str prefix, struct str from,
               bool reverse, store_visit *visit, void *user);

/* Records in a table, damaged ones included. Constant time. */
int store_count(struct store_read *read, enum store_table table, uint64_t *ret_count);

#endif
