/*
 * A pool of LMDB read transactions, and what one does with them; see store_read.h.
 *
 * Ended reads keep their slot in LMDB's table of readers and are renewed for the next one, which is
 * several times cheaper than beginning anew.
 */
#include "store/store_read.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "store/kv_rows.h"
#include "store/store_int.h"

struct store_read {
    struct store_reads *reads;
    struct store_read *next; /* in the idle list or the open list */
    struct store_read *prev; /* in the open list */
    struct MDB_txn *txn;
    int64_t began_us;
    uint64_t damaged; /* records met in this read */
};

struct store_reads {
    struct kv *kv;
    pthread_mutex_t lock; /* for the rest */
    struct store_read *idle;
    struct store_read *open;
    size_t open_count;
    uint64_t damaged;
};

static int begin_or_renew(struct store_read *read);
static struct store_read *take_slot(struct store_reads *reads);
static void give_slot(struct store_read *read);

struct store_reads *store_reads_new(struct kv *kv)
{
    struct store_reads *reads = xcalloc(1, sizeof *reads);
    reads->kv = kv;
    int failed = pthread_mutex_init(&reads->lock, NULL);
    must(!failed);
    return reads;
}

struct store_reads *store_reads_free(struct store_reads *reads)
{
    if (!reads) {
        return NULL;
    }
    must(reads->open_count == 0);
    while (reads->idle) {
        struct store_read *next = reads->idle->next;
        if (reads->idle->txn) {
            kv_read_end(reads->idle->txn);
        }
        free(reads->idle);
        reads->idle = next;
    }
    pthread_mutex_destroy(&reads->lock);
    free(reads);
    return NULL;
}

void store_reads_stats(struct store_reads *reads, struct store_stats *ret_stats)
{
    int64_t now_us = clock_mono_us(&clock_real);
    int64_t oldest_us = now_us;
    pthread_mutex_lock(&reads->lock);
    for (const struct store_read *read = reads->open; read; read = read->next) {
        oldest_us = read->began_us < oldest_us ? read->began_us : oldest_us;
    }
    ret_stats->readers = reads->open_count;
    ret_stats->damaged = reads->damaged;
    pthread_mutex_unlock(&reads->lock);
    ret_stats->oldest_read_us = (uint64_t)(now_us - oldest_us);
}

int store_read_begin(struct store *store, struct store_read **ret_read)
{
    struct store_read *read = take_slot(store_reads_of(store));
    if (!read) {
        return ERR_UNAVAILABLE;
    }
    int err = begin_or_renew(read);
    if (err) {
        give_slot(read);
        return err;
    }
    *ret_read = read;
    return 0;
}

/* A snapshot for a slot. */
static int begin_or_renew(struct store_read *read)
{
    if (read->txn) {
        return kv_read_renew(read->txn);
    }
    return kv_read_begin(read->reads->kv, &read->txn);
}

/* An idle slot or a new one, moved to the open list; NULL when there are too many. */
static struct store_read *take_slot(struct store_reads *reads)
{
    int64_t now_us = clock_mono_us(&clock_real);
    pthread_mutex_lock(&reads->lock);
    struct store_read *read = NULL;
    if (reads->open_count < STORE_READS_MAX) {
        read = reads->idle;
        if (read) {
            reads->idle = read->next;
        } else {
            read = xcalloc(1, sizeof *read);
            read->reads = reads;
        }
        read->began_us = now_us;
        read->damaged = 0;
        read->prev = NULL;
        read->next = reads->open;
        if (reads->open) {
            reads->open->prev = read;
        }
        reads->open = read;
        reads->open_count++;
    }
    pthread_mutex_unlock(&reads->lock);
    return read;
}

/* Moves a slot back to the idle list. */
static void give_slot(struct store_read *read)
{
    struct store_reads *reads = read->reads;
    pthread_mutex_lock(&reads->lock);
    must(reads->open_count > 0);
    if (read->prev) {
        read->prev->next = read->next;
    } else {
        reads->open = read->next;
    }
    if (read->next) {
        read->next->prev = read->prev;
    }
    reads->open_count--;
    reads->damaged += read->damaged;
    read->prev = NULL;
    read->next = reads->idle;
    reads->idle = read;
    pthread_mutex_unlock(&reads->lock);
}

struct store_read *store_read_end(struct store_read *read)
{
    if (read) {
        kv_read_reset(read->txn);
        give_slot(read);
    }
    return NULL;
}

void store_read_cleanup(struct store_read **read)
{
    *read = store_read_end(*read);
}

int store_peek(struct store_read *read, enum store_table table, struct str key, struct str *ret_val)
{
    if (key.len == 0 || key.len > STORE_KEY_MAX) {
        return ERR_NOT_FOUND;
    }
    int err = kv_get(read->reads->kv, read->txn, table, key, ret_val);
    read->damaged += err == ERR_CORRUPT;
    return err;
}

int store_get(struct store_read *read, enum store_table table, struct str key, struct buf *ret_copy)
{
    struct str val = STR_NONE;
    int err = store_peek(read, table, key, &val);
    return err ? err : buf_put_str(ret_copy, val);
}

int store_scan(struct store_read *read, enum store_table table, struct str prefix, struct str from,
               bool reverse, store_visit *visit, void *user)
{
    if (prefix.len > STORE_KEY_MAX || from.len > STORE_KEY_MAX) {
        return ERR_LIMIT;
    }
    uint64_t damaged = 0;
    int err =
        kv_scan(read->reads->kv, read->txn, table, prefix, from, reverse, visit, user, &damaged);
    read->damaged += damaged;
    if (err) {
        return err;
    }
    return damaged > 0 ? ERR_CORRUPT : 0;
}

int store_count(struct store_read *read, enum store_table table, uint64_t *ret_count)
{
    return kv_count(read->reads->kv, read->txn, table, ret_count);
}
