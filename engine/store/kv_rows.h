/*
 * Rows of an LMDB environment: every value goes through its envelope here, both ways.
 *
 * Internal to engine/store. Limits on keys and values are the callers' business (store_batch.c).
 */
#ifndef STORE_KV_ROWS_H
#define STORE_KV_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "store/kv.h"

/* Adds or replaces; with <append>, <key> must be greater than all others (ERR_EXISTS). */
int kv_put(struct kv *kv, struct MDB_txn *txn, unsigned table, struct str key, struct str val,
           bool append);
/* A missing key is fine. */
int kv_del(struct kv *kv, struct MDB_txn *txn, unsigned table, struct str key);
/* The value, borrowed from the transaction. 0, ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO. */
int kv_get(struct kv *kv, struct MDB_txn *txn, unsigned table, struct str key, struct str *ret_val);
/* The greatest key of a table, borrowed from the transaction. 0, ERR_NOT_FOUND, ERR_IO. */
int kv_last_key(struct kv *kv, struct MDB_txn *txn, unsigned table, struct str *ret_key);
int kv_count(struct kv *kv, struct MDB_txn *txn, unsigned table, uint64_t *ret_count);

/* A part of a table: keys that begin with <prefix>, or with an empty one <from> <= key < <until>
 * (empty: no bound). */
struct kv_range {
    struct str prefix;
    struct str from;
    struct str until;
};

/*
 * Removes up to <max> keys of <range>: collects them first, since LMDB's cursors and deletions do
 * not mix. <scratch> is working memory. <ret_removed> below <max> means none are left.
 */
int kv_del_range(struct kv *kv, struct MDB_txn *txn, unsigned table, const struct kv_range *range,
                 size_t max, struct buf *scratch, size_t *ret_removed);
/* Counts the keys of <range>, up to <max>. */
int kv_count_range(struct kv *kv, struct MDB_txn *txn, unsigned table, const struct kv_range *range,
                   size_t max, size_t *ret_count);

/* Visits rows as store_scan (store_read.h) promises; <ret_damaged> counts the ones skipped. */
typedef bool kv_visit(void *user, struct str key, struct str val);
int kv_scan(struct kv *kv, struct MDB_txn *txn, unsigned table, struct str prefix, struct str from,
            bool reverse, kv_visit *visit, void *user, uint64_t *ret_damaged);

#endif
