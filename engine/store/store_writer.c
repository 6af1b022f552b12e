/*
 * The store thread; see store_writer.h.
 */
#include "store/store_writer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
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

enum {
    GROUP_OPS = 4096,              /* a transaction takes no further batch past this */
    GROUP_BYTES = 4 * 1024 * 1024, /* or this */
    SPIN_US = 50,                  /* how long to look for more work before sleeping */
    ACKED_EVERY_US = 1000 * 1000,  /* side file */
    READERS_EVERY_US = 60 * 1000 * 1000,
    ROOM_EVERY_US = 1000 * 1000,     /* at most this often while busy */
    ROOM_RETRY_US = 5 * 1000 * 1000, /* while idle and not fine */
    COMMIT_ROW_SIZE = 16,            /* commit number, journal number */
    SCRATCH_MAX = STORE_SLICE * (STORE_KEY_MAX + 1),
};

static const uint64_t mebibyte = 1024 * 1024;

const struct str store_writer_commit_key = {"commit", 6};

struct queue {
    struct store_batch *first;
    struct store_batch *last;
};

/* A run of batches for one transaction. */
struct group {
    struct store_batch *first;
    size_t batches;
    size_t ops;
    size_t bytes;
};

struct store_writer {
    struct store_writer_config config;
    pthread_t thread;
    bool stopped;

    pthread_mutex_t lock; /* for the next six */
    pthread_cond_t work;
    pthread_cond_t idle;
    struct queue queued;
    struct queue finished;
    bool asleep;
    bool busy;
    bool stopping;

    uint64_t next_sequence; /* loop thread's */

    /* the store thread's own */
    struct buf scratch;
    int64_t active_us; /* end of the latest work */
    int64_t acked_us;
    int64_t readers_us;
    int64_t room_us;
    uint64_t acked_seq;
    struct err_text broken_why;

    /* written by the store thread, read by all */
    _Atomic size_t waiting;
    _Atomic uint64_t commit_seq;
    _Atomic uint64_t sequence;
    _Atomic uint64_t transactions;
    _Atomic uint64_t operations;
    _Atomic uint64_t commit_us;
    _Atomic uint64_t commit_us_max;
    _Atomic int room;
    _Atomic bool broken;
};

static void *run(void *arg);
static struct store_batch *take_queued(struct store_writer *writer);
static void spin(struct store_writer *writer);
static void sleep_until_work(struct store_writer *writer);
static void work_off(struct store_writer *writer, struct store_batch *list);
static struct store_batch *cut_group(struct store_batch *list, struct group *ret_group);
static void hand_back(struct store_writer *writer, const struct group *group);
static void write_group(struct store_writer *writer, const struct group *group);
static int transact(struct store_writer *writer, const struct group *group);
static int apply(struct store_writer *writer, struct MDB_txn *txn, const struct store_batch *batch);
static int apply_op(struct store_writer *writer, struct MDB_txn *txn, const struct store_op *op,
                    uint64_t *sequence);
static int sweep(struct store_writer *writer, const struct store_batch *batch);
static int sweep_slice(struct store_writer *writer, const struct store_op *op, bool *ret_more);
static int commit(struct store_writer *writer, struct MDB_txn *txn, uint64_t sequence);
static void note_failure(struct store_writer *writer, int err, const char *doing);
static int64_t next_chore_us(const struct store_writer *writer);
static void do_chores(struct store_writer *writer);
static void look_at_room(struct store_writer *writer);

/* The store is real even in simulations, and so is its time. */
static int64_t now_us(void)
{
    return clock_mono_us(&clock_real);
}

/* Adds a list whose end is known. */
static void queue_join(struct queue *queue, struct store_batch *first, struct store_batch *last)
{
    last->next = NULL;
    if (queue->last) {
        queue->last->next = first;
    } else {
        queue->first = first;
    }
    queue->last = last;
}

/* Takes everything out. */
static struct store_batch *queue_take(struct queue *queue)
{
    struct store_batch *first = queue->first;
    *queue = (struct queue){0};
    return first;
}

int store_writer_new(const struct store_writer_config *config, struct store_writer **ret_writer,
                     struct err_text *reterr_why)
{
    struct store_writer *writer = xcalloc(1, sizeof *writer);
    writer->config = *config;
    writer->next_sequence = config->sequence + 1;
    writer->acked_seq = config->commit_seq;
    buf_init(&writer->scratch, SCRATCH_MAX);
    atomic_init(&writer->commit_seq, config->commit_seq);
    atomic_init(&writer->sequence, config->sequence);
    pthread_condattr_t monotonic;
    bool ready = pthread_condattr_init(&monotonic) == 0 &&
                 pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                 pthread_mutex_init(&writer->lock, NULL) == 0 &&
                 pthread_cond_init(&writer->work, &monotonic) == 0 &&
                 pthread_cond_init(&writer->idle, NULL) == 0;
    must(ready);
    pthread_condattr_destroy(&monotonic);
    writer->readers_us = now_us();
    look_at_room(writer);
    int code = pthread_create(&writer->thread, NULL, run, writer);
    if (code) {
        writer->stopped = true;
        store_writer_free(writer);
        return err_set(reterr_why, ERR_UNAVAILABLE, "The store thread can not be started: %s.",
                       strerror(code));
    }
    *ret_writer = writer;
    return 0;
}

void store_writer_stop(struct store_writer *writer)
{
    if (writer->stopped) {
        return;
    }
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    writer->stopped = true;
}

struct store_writer *store_writer_free(struct store_writer *writer)
{
    if (!writer) {
        return NULL;
    }
    store_writer_stop(writer);
    must(!writer->queued.first && !writer->finished.first);
    pthread_cond_destroy(&writer->idle);
    pthread_cond_destroy(&writer->work);
    pthread_mutex_destroy(&writer->lock);
    buf_done(&writer->scratch);
    free(writer);
    return NULL;
}

void store_writer_submit(struct store_writer *writer, struct store_batch *batch)
{
    must(!writer->stopped);
    batch->first_sequence = writer->next_sequence;
    writer->next_sequence += batch->journals;
    pthread_mutex_lock(&writer->lock);
    queue_join(&writer->queued, batch, batch);
    atomic_fetch_add_explicit(&writer->waiting, 1, memory_order_release);
    bool asleep = writer->asleep;
    pthread_mutex_unlock(&writer->lock);
    if (asleep) {
        pthread_cond_signal(&writer->work);
    }
}

struct store_batch *store_writer_collect(struct store_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    struct store_batch *list = queue_take(&writer->finished);
    pthread_mutex_unlock(&writer->lock);
    return list;
}

void store_writer_wait(struct store_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    while (writer->queued.first || writer->busy) {
        pthread_cond_wait(&writer->idle, &writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
}

uint64_t store_writer_next_sequence(const struct store_writer *writer)
{
    return writer->next_sequence;
}

uint64_t store_writer_sequence(const struct store_writer *writer)
{
    return atomic_load(&writer->sequence);
}

bool store_writer_broken(const struct store_writer *writer)
{
    return atomic_load_explicit(&writer->broken, memory_order_acquire);
}

const char *store_writer_broken_why(const struct store_writer *writer)
{
    return store_writer_broken(writer) ? writer->broken_why.text : "";
}

enum store_room store_writer_room(const struct store_writer *writer)
{
    return (enum store_room)atomic_load(&writer->room);
}

void store_writer_stats(const struct store_writer *writer, struct store_stats *ret_stats)
{
    ret_stats->commit_seq = atomic_load(&writer->commit_seq);
    ret_stats->sequence = atomic_load(&writer->sequence);
    ret_stats->transactions = atomic_load(&writer->transactions);
    ret_stats->operations = atomic_load(&writer->operations);
    ret_stats->commit_us = atomic_load(&writer->commit_us);
    ret_stats->commit_us_max = atomic_load(&writer->commit_us_max);
}

/* The thread. */
static void *run(void *arg)
{
    struct store_writer *writer = arg;
    for (;;) {
        struct store_batch *list = take_queued(writer);
        if (!list) {
            break;
        }
        work_off(writer, list);
        writer->active_us = now_us();
        do_chores(writer);
    }
    if (!store_writer_broken(writer)) {
        writer->acked_us = INT64_MIN / 2;
        do_chores(writer);
    }
    return NULL;
}

/* Everything queued, waiting for it if need be; NULL at the end. Marks the writer busy. */
static struct store_batch *take_queued(struct store_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->busy = false;
    if (!writer->queued.first) {
        pthread_cond_broadcast(&writer->idle);
    }
    if (!writer->queued.first && !writer->stopping) {
        pthread_mutex_unlock(&writer->lock);
        spin(writer);
        pthread_mutex_lock(&writer->lock);
    }
    while (!writer->queued.first && !writer->stopping) {
        sleep_until_work(writer);
    }
    struct store_batch *list = queue_take(&writer->queued);
    atomic_store_explicit(&writer->waiting, 0, memory_order_relaxed);
    writer->busy = list != NULL;
    pthread_mutex_unlock(&writer->lock);
    return list;
}

/* Looks for work a little longer: waking a sleeping thread costs as much as a small commit. */
static void spin(struct store_writer *writer)
{
    while (atomic_load_explicit(&writer->waiting, memory_order_acquire) == 0 &&
           now_us() - writer->active_us < SPIN_US) {
        sched_yield();
    }
}

/* Sleeps until woken or a chore is due, and does the chore. Called and returns with the lock. */
static void sleep_until_work(struct store_writer *writer)
{
    int64_t due = next_chore_us(writer);
    struct timespec until = {.tv_sec = due / 1000000, .tv_nsec = due % 1000000 * 1000};
    writer->asleep = true;
    int code = pthread_cond_timedwait(&writer->work, &writer->lock, &until);
    writer->asleep = false;
    must(code == 0 || code == ETIMEDOUT);
    if (code == ETIMEDOUT) {
        pthread_mutex_unlock(&writer->lock);
        do_chores(writer);
        pthread_mutex_lock(&writer->lock);
    }
}

/* Writes a list of batches, group after group. */
static void work_off(struct store_writer *writer, struct store_batch *list)
{
    while (list) {
        struct group group = {0};
        list = cut_group(list, &group);
        write_group(writer, &group);
        hand_back(writer, &group);
    }
}

/* Cuts the first group off a list and returns the rest. A sweeping batch is a group of its own,
 * since its slices must not overtake what was submitted before it. */
static struct store_batch *cut_group(struct store_batch *list, struct group *ret_group)
{
    struct group group = {.first = list};
    struct store_batch *last = NULL;
    struct store_batch *batch = list;
    while (batch) {
        bool fits = group.ops + batch->ops <= GROUP_OPS && group.bytes + batch->len <= GROUP_BYTES;
        bool alone = batch->sweeps || (last && last->sweeps);
        if (last && (alone || !fits)) {
            break;
        }
        group.batches++;
        group.ops += batch->ops;
        group.bytes += batch->len;
        last = batch;
        batch = batch->next;
    }
    last->next = NULL;
    *ret_group = group;
    return batch;
}

/* Gives a group to the loop thread. */
static void hand_back(struct store_writer *writer, const struct group *group)
{
    struct store_batch *last = group->first;
    while (last->next) {
        last = last->next;
    }
    pthread_mutex_lock(&writer->lock);
    bool first = writer->finished.first == NULL;
    queue_join(&writer->finished, group->first, last);
    pthread_mutex_unlock(&writer->lock);
    if (first && writer->config.wake) {
        writer->config.wake(writer->config.user);
    }
}

/* Decides the outcome of every batch of a group. */
static void write_group(struct store_writer *writer, const struct group *group)
{
    int err = group->first->sweeps && !group->first->err ? sweep(writer, group->first) : 0;
    if (!err) {
        err = transact(writer, group);
    }
    if (err && group->batches > 1 && !store_writer_broken(writer)) {
        struct store_batch *batch = group->first;
        while (batch) {
            struct store_batch *next = batch->next;
            struct group single = {batch, 1, batch->ops, batch->len};
            batch->next = NULL;
            write_group(writer, &single);
            batch->next = next;
            batch = next;
        }
        return;
    }
    if (err && store_writer_broken(writer)) {
        err = ERR_IO;
    }
    for (struct store_batch *batch = group->first; batch && err; batch = batch->next) {
        if (!batch->err) {
            batch->err = err;
        }
    }
}

/* One transaction for all sound batches of a group. Nothing of it is applied unless 0. */
static int transact(struct store_writer *writer, const struct group *group)
{
    if (store_writer_broken(writer)) {
        return ERR_IO;
    }
    int64_t began_us = now_us();
    uint64_t sequence = atomic_load(&writer->sequence);
    size_t ops = 0;
    struct MDB_txn *txn = NULL;
    int err = kv_make_room(writer->config.kv, group->bytes, group->ops);
    if (!err) {
        err = kv_begin(writer->config.kv, &txn);
    }
    for (struct store_batch *batch = group->first; batch && !err; batch = batch->next) {
        if (batch->err || batch->ops == 0) {
            continue;
        }
        ops += batch->ops;
        err = apply(writer, txn, batch);
        if (batch->journals > 0) {
            sequence = batch->first_sequence + batch->journals - 1;
        }
    }
    if (err || ops == 0) {
        kv_abort(txn);
        note_failure(writer, err, "A change could not be written");
        return err;
    }
    err = commit(writer, txn, sequence);
    if (err) {
        return err;
    }
    atomic_fetch_add(&writer->operations, ops);
    uint64_t took_us = (uint64_t)(now_us() - began_us);
    atomic_store(&writer->commit_us, took_us);
    if (took_us > atomic_load(&writer->commit_us_max)) {
        atomic_store(&writer->commit_us_max, took_us);
    }
    return 0;
}

/* All operations of one batch. */
static int apply(struct store_writer *writer, struct MDB_txn *txn, const struct store_batch *batch)
{
    if (FAULT("store.apply")) {
        return ERR_MEMORY;
    }
    uint64_t sequence = batch->first_sequence;
    size_t cursor = 0;
    struct store_op op;
    while (store_batch_next(batch, &cursor, &op)) {
        int err = apply_op(writer, txn, &op, &sequence);
        if (err) {
            return err;
        }
    }
    return 0;
}

/* The part of a table a range deletion names. */
static struct kv_range op_range(const struct store_op *op)
{
    if (op->kind == STORE_OP_DEL_PREFIX) {
        return (struct kv_range){.prefix = op->key};
    }
    return (struct kv_range){.from = op->key, .until = op->val};
}

/* One operation. */
static int apply_op(struct store_writer *writer, struct MDB_txn *txn, const struct store_op *op,
                    uint64_t *sequence)
{
    struct kv *kv = writer->config.kv;
    switch (op->kind) {
    case STORE_OP_PUT:
        return kv_put(kv, txn, op->table, op->key, op->val, false);
    case STORE_OP_APPEND:
        return kv_put(kv, txn, op->table, op->key, op->val, true);
    case STORE_OP_DEL:
        return kv_del(kv, txn, op->table, op->key);
    case STORE_OP_JOURNAL: {
        struct store_key key = {0};
        key_u64(&key, (*sequence)++);
        return kv_put(kv, txn, op->table, key_str(&key), op->val, true);
    }
    case STORE_OP_DEL_PREFIX:
    case STORE_OP_DEL_RANGE:
        break;
    }
    struct kv_range range = op_range(op);
    size_t removed = STORE_SLICE;
    int err = 0;
    while (!err && removed == STORE_SLICE) {
        err = kv_del_range(kv, txn, op->table, &range, STORE_SLICE, &writer->scratch, &removed);
    }
    return err;
}

/* Makes the range deletions of a batch small enough for its own transaction. */
static int sweep(struct store_writer *writer, const struct store_batch *batch)
{
    size_t cursor = 0;
    struct store_op op;
    while (store_batch_next(batch, &cursor, &op)) {
        bool more = op.kind == STORE_OP_DEL_PREFIX || op.kind == STORE_OP_DEL_RANGE;
        while (more) {
            int err = sweep_slice(writer, &op, &more);
            if (err) {
                return err;
            }
        }
    }
    return 0;
}

/* Removes one slice in a transaction of its own if more than a slice is there. */
static int sweep_slice(struct store_writer *writer, const struct store_op *op, bool *ret_more)
{
    if (store_writer_broken(writer)) {
        return ERR_IO;
    }
    struct kv *kv = writer->config.kv;
    struct kv_range range = op_range(op);
    struct MDB_txn *txn = NULL;
    size_t count = 0;
    int err = kv_make_room(kv, 0, STORE_SLICE);
    if (!err) {
        err = kv_begin(kv, &txn);
    }
    if (!err) {
        err = kv_count_range(kv, txn, op->table, &range, STORE_SLICE + 1, &count);
    }
    bool more = count > STORE_SLICE;
    if (!err && more) {
        err = kv_del_range(kv, txn, op->table, &range, STORE_SLICE, &writer->scratch, &count);
    }
    if (err || !more) {
        kv_abort(txn);
        note_failure(writer, err, "A deletion could not be written");
        *ret_more = false;
        return err;
    }
    return commit(writer, txn, atomic_load(&writer->sequence));
}

/* Numbers the transaction, commits it and publishes what it reached. */
static int commit(struct store_writer *writer, struct MDB_txn *txn, uint64_t sequence)
{
    uint64_t commit_seq = atomic_load(&writer->commit_seq) + 1;
    uint64_t row[2] = {commit_seq, sequence};
    struct str val = {(const char *)row, COMMIT_ROW_SIZE};
    int err = kv_put(writer->config.kv, txn, STORE_META, store_writer_commit_key, val, false);
    if (err) {
        kv_abort(txn);
        note_failure(writer, err, "A change could not be written");
        return err;
    }
    (void)FAULT("store.before_commit");
    err = kv_commit(txn);
    if (err) {
        note_failure(writer, err, "A commit failed and its outcome is unknown");
        return err;
    }
    (void)FAULT("store.after_commit");
    atomic_store(&writer->commit_seq, commit_seq);
    atomic_store(&writer->sequence, sequence);
    atomic_fetch_add(&writer->transactions, 1);
    return 0;
}

/* Stops the writer for good when <err> says that the storage can not be trusted. */
static void note_failure(struct store_writer *writer, int err, const char *doing)
{
    if (err == ERR_STORE_FULL) {
        look_at_room(writer);
    }
    if ((err != ERR_IO && err != ERR_CORRUPT) || store_writer_broken(writer)) {
        return;
    }
    (void)err_set(&writer->broken_why, err,
                  "%s (%s); the store must be opened again to learn what it holds.", doing,
                  err_sentence(err));
    atomic_store_explicit(&writer->broken, true, memory_order_release);
}

/* When the next chore is due. */
static int64_t next_chore_us(const struct store_writer *writer)
{
    int64_t due = writer->readers_us + READERS_EVERY_US;
    bool lags = writer->acked_seq != atomic_load(&writer->commit_seq);
    if (lags && writer->acked_us + ACKED_EVERY_US < due) {
        due = writer->acked_us + ACKED_EVERY_US;
    }
    bool tight = store_writer_room(writer) != STORE_ROOM_FINE;
    if (tight && writer->room_us + ROOM_RETRY_US < due) {
        due = writer->room_us + ROOM_RETRY_US;
    }
    return due;
}

/* Side file, stale readers, room: each when it is due. */
static void do_chores(struct store_writer *writer)
{
    if (store_writer_broken(writer)) {
        return;
    }
    int64_t now = now_us();
    uint64_t commit_seq = atomic_load(&writer->commit_seq);
    if (writer->acked_seq != commit_seq && now - writer->acked_us >= ACKED_EVERY_US) {
        /* A failure only makes the check at the next start weaker; the next second tries again. */
        (void)store_place_write_acked(writer->config.place, writer->config.kv->identity.id,
                                      commit_seq);
        writer->acked_seq = commit_seq;
        writer->acked_us = now;
    }
    if (now - writer->readers_us >= READERS_EVERY_US) {
        kv_check_readers(writer->config.kv);
        writer->readers_us = now;
    }
    if (now - writer->room_us >= ROOM_EVERY_US) {
        look_at_room(writer);
    }
}

/* How full map and disk are. */
static void look_at_room(struct store_writer *writer)
{
    struct kv *kv = writer->config.kv;
    struct kv_space space = {0};
    struct MDB_txn *txn = NULL;
    writer->room_us = now_us();
    if (kv_read_begin(kv, &txn) != 0) {
        return;
    }
    int err = kv_space(kv, txn, false, &space);
    if (!err && space.used_bytes >= space.map_bytes / 10 * 7) {
        err = kv_space(kv, txn, true, &space);
    }
    kv_read_end(txn);
    if (err) {
        return;
    }
    uint64_t tenth = space.map_bytes / 10;
    enum store_room room = STORE_ROOM_FINE;
    if (space.used_bytes >= 9 * tenth || space.disk_free < 64 * mebibyte) {
        room = STORE_ROOM_RESERVE;
    } else if (space.used_bytes >= 8 * tenth || space.disk_free < 256 * mebibyte) {
        room = STORE_ROOM_LOW;
    } else if (space.used_bytes >= 7 * tenth || space.disk_free < 1024 * mebibyte) {
        room = STORE_ROOM_TIGHT;
    }
    atomic_store(&writer->room, (int)room);
}
