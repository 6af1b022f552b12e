/*
 * The environment of log lines and the thread that writes it; see store_log.h.
 *
 *     key    run (8 bytes), number of the line over all runs (8 bytes)
 *     value  the line
 *
 * Lines gather in a buffer; every STORE_LOG_DELAY_MS the thread takes the buffer and writes it in
 * fully flushed transactions of at most 4 MiB. LMDB could write without a flush, but a power cut
 * might then tear the whole file; a few flushes a second cost nearly nothing.
 */
#include "store/store_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/must.h"
#include "store/key.h"
#include "store/kv_rows.h"
#include "store/store_int.h"

enum { TABLE_META = KV_META, TABLE_LOG, TABLE_COUNT };
enum {
    ENTRY_HEADER = 24,             /* run, sequence, length */
    EAGER_BYTES = 1024 * 1024,     /* this much waiting is written at once */
    GROUP_BYTES = 4 * 1024 * 1024, /* of one transaction */
};

static const char *const table_names[TABLE_COUNT] = {"meta", "log"};
static const char sequence_key[] = "sequence";

/* A waiting line, or with length DELETE_RUN an order to remove a run's lines. */
struct entry {
    uint64_t run;
    uint64_t sequence;
    uint64_t len;
};
#define DELETE_RUN UINT64_MAX

_Static_assert(sizeof(struct entry) == ENTRY_HEADER, "an entry is copied as it is");

struct store_logs {
    struct kv kv;
    pthread_t thread;
    pthread_mutex_t lock; /* for the next six */
    pthread_cond_t work;
    pthread_cond_t written;
    struct buf waiting;
    uint64_t sequence; /* of the newest line */
    uint64_t queued;   /* entries so far */
    uint64_t settled;  /* of these, written or dropped */
    bool hurry;        /* somebody waits for the disk */
    bool stopping;
    bool broken; /* thread's own: a commit failed, nothing more is written */
    struct buf scratch;
    _Atomic uint64_t lines;
    _Atomic uint64_t dropped;
};

static int read_sequence(struct kv *kv, uint64_t *ret_sequence);
static void *run_thread(void *arg);
static bool take(struct store_logs *logs, struct buf *ret_taken, uint64_t *ret_queued);
static void write_all(struct store_logs *logs, struct str taken);
static size_t write_group(struct store_logs *logs, struct str taken);
static int put_lines(struct store_logs *logs, struct MDB_txn *txn, struct str group,
                     uint64_t *ret_lines);
static void delete_run(struct store_logs *logs, uint64_t run);
static int delete_slice(struct store_logs *logs, struct str prefix, size_t *ret_removed);

int store_logs_open(const char *parent, size_t map_size, struct store_logs **ret_logs,
                    struct err_text *reterr_why)
{
    struct store_logs *logs = xcalloc(1, sizeof *logs);
    struct kv_spec spec = {.parent = parent,
                           .name = "log",
                           .tables = table_names,
                           .table_count = TABLE_COUNT,
                           .map_size = map_size};
    int err = kv_open(&spec, &logs->kv, reterr_why);
    if (err) {
        free(logs);
        return err;
    }
    err = read_sequence(&logs->kv, &logs->sequence);
    if (err) {
        (void)err_set(reterr_why, err, "%s has no readable line number: %s.", logs->kv.dir,
                      err_sentence(err));
        kv_done(&logs->kv);
        free(logs);
        return err;
    }
    buf_init(&logs->waiting, STORE_LOG_WAITING_MAX);
    buf_init(&logs->scratch, STORE_SLICE * (STORE_KEY_MAX + 1));
    pthread_condattr_t monotonic;
    bool ready = pthread_condattr_init(&monotonic) == 0 &&
                 pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                 pthread_mutex_init(&logs->lock, NULL) == 0 &&
                 pthread_cond_init(&logs->work, &monotonic) == 0 &&
                 pthread_cond_init(&logs->written, NULL) == 0;
    must(ready);
    pthread_condattr_destroy(&monotonic);
    int code = pthread_create(&logs->thread, NULL, run_thread, logs);
    if (code) {
        kv_done(&logs->kv);
        free(logs);
        return err_set(reterr_why, ERR_UNAVAILABLE, "The log thread can not be started: %s.",
                       strerror(code));
    }
    *ret_logs = logs;
    return 0;
}

/* The number of the newest line on disk, 0 at first. */
static int read_sequence(struct kv *kv, uint64_t *ret_sequence)
{
    struct MDB_txn *txn = NULL;
    int err = kv_read_begin(kv, &txn);
    if (err) {
        return err;
    }
    struct str val = STR_NONE;
    err = kv_get(kv, txn, TABLE_META, str_of(sequence_key), &val);
    if (!err && val.len != sizeof *ret_sequence) {
        err = ERR_CORRUPT;
    }
    if (!err) {
        memcpy(ret_sequence, val.ptr, sizeof *ret_sequence);
    }
    kv_read_end(txn);
    return err == ERR_NOT_FOUND ? 0 : err;
}

struct store_logs *store_logs_close(struct store_logs *logs)
{
    if (!logs) {
        return NULL;
    }
    pthread_mutex_lock(&logs->lock);
    logs->stopping = true;
    pthread_cond_signal(&logs->work);
    pthread_mutex_unlock(&logs->lock);
    pthread_join(logs->thread, NULL);
    pthread_cond_destroy(&logs->written);
    pthread_cond_destroy(&logs->work);
    pthread_mutex_destroy(&logs->lock);
    buf_done(&logs->scratch);
    buf_done(&logs->waiting);
    kv_done(&logs->kv);
    free(logs);
    return NULL;
}

void store_logs_stats(struct store_logs *logs, struct store_stats *ret_stats)
{
    ret_stats->log_lines = atomic_load(&logs->lines);
    ret_stats->log_dropped = atomic_load(&logs->dropped);
}

/* Appends an entry with the lock held. */
static void enqueue(struct store_logs *logs, const struct entry *entry, struct str line)
{
    bool first = logs->waiting.len == 0;
    bool was_eager = logs->waiting.len >= EAGER_BYTES;
    (void)buf_put(&logs->waiting, entry, sizeof *entry);
    int err = buf_put_str(&logs->waiting, line);
    must(!err);
    logs->queued++;
    if (first || (!was_eager && logs->waiting.len >= EAGER_BYTES)) {
        pthread_cond_signal(&logs->work);
    }
}

int store_log(struct store *store, uint64_t run, struct str line)
{
    struct store_logs *logs = store_logs_of(store);
    pthread_mutex_lock(&logs->lock);
    /* Room for orders to delete is kept: those must not be lost. */
    bool fits = line.len <= STORE_LOG_LINE_MAX &&
                logs->waiting.len + ENTRY_HEADER + line.len <= STORE_LOG_WAITING_MAX - EAGER_BYTES;
    if (fits) {
        struct entry entry = {.run = run, .sequence = ++logs->sequence, .len = line.len};
        enqueue(logs, &entry, line);
    }
    pthread_mutex_unlock(&logs->lock);
    if (!fits) {
        atomic_fetch_add(&logs->dropped, 1);
        return ERR_LIMIT;
    }
    return 0;
}

void store_log_delete(struct store *store, uint64_t run)
{
    struct store_logs *logs = store_logs_of(store);
    struct entry entry = {.run = run, .len = DELETE_RUN};
    pthread_mutex_lock(&logs->lock);
    while (logs->waiting.len + ENTRY_HEADER > STORE_LOG_WAITING_MAX) {
        logs->hurry = true;
        pthread_cond_signal(&logs->work);
        pthread_cond_wait(&logs->written, &logs->lock);
    }
    enqueue(logs, &entry, STR_NONE);
    pthread_mutex_unlock(&logs->lock);
}

void store_log_flush(struct store *store)
{
    struct store_logs *logs = store_logs_of(store);
    pthread_mutex_lock(&logs->lock);
    uint64_t ticket = logs->queued;
    while (logs->settled < ticket) {
        logs->hurry = true;
        pthread_cond_signal(&logs->work);
        pthread_cond_wait(&logs->written, &logs->lock);
    }
    pthread_mutex_unlock(&logs->lock);
}

/* The thread: takes the buffer, writes it, tells who waits. */
static void *run_thread(void *arg)
{
    struct store_logs *logs = arg;
    CLEANUP_BUF struct buf taken = BUF_INIT(STORE_LOG_WAITING_MAX);
    uint64_t queued = 0;
    while (take(logs, &taken, &queued)) {
        write_all(logs, buf_str(&taken));
        if (taken.cap > 2 * EAGER_BYTES) {
            buf_done(&taken); /* the memory of a burst is not kept */
        } else {
            buf_clear(&taken);
        }
        pthread_mutex_lock(&logs->lock);
        logs->settled = queued;
        pthread_cond_broadcast(&logs->written);
        pthread_mutex_unlock(&logs->lock);
    }
    return NULL;
}

/* Waits for entries and lets some more gather; swaps buffers. False at the end. */
static bool take(struct store_logs *logs, struct buf *ret_taken, uint64_t *ret_queued)
{
    pthread_mutex_lock(&logs->lock);
    while (logs->waiting.len == 0 && !logs->stopping) {
        logs->hurry = false;
        pthread_cond_wait(&logs->work, &logs->lock);
    }
    int64_t due = clock_mono_us(&clock_real) + STORE_LOG_DELAY_MS * 1000;
    struct timespec until = {.tv_sec = due / 1000000, .tv_nsec = due % 1000000 * 1000};
    int code = 0;
    while (code == 0 && logs->waiting.len < EAGER_BYTES && !logs->hurry && !logs->stopping) {
        code = pthread_cond_timedwait(&logs->work, &logs->lock, &until);
    }
    bool some = logs->waiting.len > 0;
    struct buf empty = *ret_taken;
    *ret_taken = logs->waiting;
    logs->waiting = empty;
    *ret_queued = logs->queued;
    logs->hurry = false;
    pthread_mutex_unlock(&logs->lock);
    return some;
}

/* The entry at the start of <taken> and its line; moves <taken> past it. */
static struct entry next_entry(struct str *taken, struct str *ret_line)
{
    struct entry entry;
    must(taken->len >= sizeof entry);
    memcpy(&entry, taken->ptr, sizeof entry);
    size_t len = entry.len == DELETE_RUN ? 0 : (size_t)entry.len;
    *ret_line = (struct str){taken->ptr + sizeof entry, len};
    taken->ptr += sizeof entry + len;
    taken->len -= sizeof entry + len;
    return entry;
}

/* Everything in the buffer, in order. */
static void write_all(struct store_logs *logs, struct str taken)
{
    while (taken.len > 0) {
        struct str rest = taken;
        struct str line;
        struct entry entry = next_entry(&rest, &line);
        if (entry.len == DELETE_RUN) {
            delete_run(logs, entry.run);
            taken = rest;
            continue;
        }
        size_t used = write_group(logs, taken);
        taken.ptr += used;
        taken.len -= used;
    }
}

/* How much of <taken> goes into one transaction: lines up to the bound or the next deletion. */
static size_t group_size(struct str taken, size_t *ret_lines)
{
    struct str rest = taken;
    size_t used = 0;
    size_t lines = 0;
    while (rest.len > 0 && used < GROUP_BYTES) {
        struct str line;
        struct entry entry = next_entry(&rest, &line);
        if (entry.len == DELETE_RUN) {
            break;
        }
        used = taken.len - rest.len;
        lines++;
    }
    *ret_lines = lines;
    return used;
}

/* Writes the first lines of <taken> in one transaction and returns how many bytes that was. Lines
 * that can not be written are counted and dropped. */
static size_t write_group(struct store_logs *logs, struct str taken)
{
    size_t count = 0;
    size_t used = group_size(taken, &count);
    uint64_t lines = 0;
    struct MDB_txn *txn = NULL;
    int err = logs->broken || FAULT("store.log") ? ERR_IO : kv_make_room(&logs->kv, used, count);
    if (!err) {
        err = kv_begin(&logs->kv, &txn);
    }
    if (!err) {
        err = put_lines(logs, txn, (struct str){taken.ptr, used}, &lines);
        if (err) {
            kv_abort(txn);
        } else {
            err = kv_commit(txn);
        }
    }
    if (err) {
        logs->broken = logs->broken || (err != ERR_STORE_FULL && err != ERR_MEMORY);
        atomic_fetch_add(&logs->dropped, count);
    } else {
        atomic_fetch_add(&logs->lines, lines);
    }
    return used;
}

/* The lines of one group, and the number of the newest. */
static int put_lines(struct store_logs *logs, struct MDB_txn *txn, struct str group,
                     uint64_t *ret_lines)
{
    uint64_t sequence = 0;
    uint64_t lines = 0;
    while (group.len > 0) {
        struct str line;
        struct entry entry = next_entry(&group, &line);
        struct store_key key = {0};
        key_u64(&key, entry.run);
        key_u64(&key, entry.sequence);
        int err = kv_put(&logs->kv, txn, TABLE_LOG, key_str(&key), line, false);
        if (err) {
            return err;
        }
        sequence = entry.sequence;
        lines++;
    }
    *ret_lines = lines;
    struct str val = {(const char *)&sequence, sizeof sequence};
    return kv_put(&logs->kv, txn, TABLE_META, str_of(sequence_key), val, false);
}

/* Removes the lines of a run, slice by slice; gives up on the first error, as a later retention
 * run will ask again. */
static void delete_run(struct store_logs *logs, uint64_t run)
{
    struct store_key key = {0};
    key_u64(&key, run);
    size_t removed = STORE_SLICE;
    int err = 0;
    while (!err && removed == STORE_SLICE && !logs->broken) {
        err = delete_slice(logs, key_str(&key), &removed);
    }
}

/* One slice in one transaction. */
static int delete_slice(struct store_logs *logs, struct str prefix, size_t *ret_removed)
{
    struct MDB_txn *txn = NULL;
    int err = kv_make_room(&logs->kv, 0, STORE_SLICE);
    if (!err) {
        err = kv_begin(&logs->kv, &txn);
    }
    if (err) {
        return err;
    }
    struct kv_range range = {.prefix = prefix};
    err = kv_del_range(&logs->kv, txn, TABLE_LOG, &range, STORE_SLICE, &logs->scratch, ret_removed);
    if (err) {
        kv_abort(txn);
        return err;
    }
    err = kv_commit(txn);
    logs->broken = logs->broken || err == ERR_IO;
    return err;
}

/* What a scan passes along. */
struct scan {
    store_log_visit *visit;
    void *user;
};

/* Turns a row back into a line. */
static bool visit_row(void *user, struct str key, struct str val)
{
    const struct scan *scan = user;
    return scan->visit(scan->user, key_read_u64(key, 8), val);
}

int store_log_scan(struct store *store, uint64_t run, uint64_t from, bool reverse,
                   store_log_visit *visit, void *user)
{
    struct store_logs *logs = store_logs_of(store);
    struct MDB_txn *txn = NULL;
    int err = kv_read_begin(&logs->kv, &txn);
    if (err) {
        return err;
    }
    struct store_key prefix = {0};
    key_u64(&prefix, run);
    struct store_key first = prefix;
    key_u64(&first, from);
    struct scan scan = {visit, user};
    uint64_t damaged = 0;
    err = kv_scan(&logs->kv, txn, TABLE_LOG, key_str(&prefix), key_str(&first), reverse, visit_row,
                  &scan, &damaged);
    kv_read_end(txn);
    if (err) {
        return err;
    }
    return damaged > 0 ? ERR_CORRUPT : 0;
}
