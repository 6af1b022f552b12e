/*
 * Putting the store together: the order in which its parts open and close, and the facts that come
 * from several of them; see store.h.
 */
#include "store/store.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "store/key.h"
#include "store/kv.h"
#include "store/kv_rows.h"
#include "store/store_batch.h"
#include "store/store_int.h"
#include "store/store_place.h"
#include "store/store_writer.h"

#define MAP_SIZE ((size_t)64 << 30)
#define LOG_MAP_SIZE ((size_t)16 << 30)

struct store {
    struct store_place *place;
    struct kv kv;
    struct store_writer *writer;
    struct store_reads *reads;
    struct store_logs *logs;
    struct store_batch_pool pool;
    _Atomic uint64_t waiting; /* batches submitted and not handed back */
    struct err_text warning;
};

static const char *const table_names[STORE_TABLES] = {
#define TABLE(NAME, number, text, holds) [number] = (text),
#include "store/tables.h"
#undef TABLE
};

/* The number of every line of tables.h is its position. */
enum table_position {
#define TABLE(NAME, number, text, holds) POSITION_##NAME,
#include "store/tables.h"
#undef TABLE
};
#define TABLE(NAME, number, text, holds) \
    _Static_assert(POSITION_##NAME == (number), "tables.h: the number of " text " is wrong");
#include "store/tables.h"
#undef TABLE
_Static_assert((int)STORE_TABLES <= (int)KV_TABLES_MAX, "kv.h has room for fewer tables");
_Static_assert((int)STORE_META == (int)KV_META, "kv.c keeps the identity in the meta table");

static int open_parts(struct store *store, const char *home, const struct store_options *options,
                      struct err_text *reterr_why);
static int open_state(struct store *store, const struct store_options *options,
                      struct err_text *reterr_why);
static int refuse_rollback(struct store *store, const struct store_options *options,
                           uint64_t commit_seq, struct err_text *reterr_why);
static int read_progress(struct store *store, uint64_t *ret_commit_seq, uint64_t *ret_sequence);
static int open_logs(struct store *store, const struct store_options *options,
                     struct err_text *reterr_why);
static int start_writer(struct store *store, const struct store_options *options,
                        uint64_t commit_seq, uint64_t sequence, struct err_text *reterr_why);
static size_t call_done(struct store *store, struct store_batch *list);

int store_open(const char *home, const struct store_options *options, struct store **ret_store,
               struct err_text *reterr_why)
{
    const struct store_options defaults = {0};
    struct store *store = xcalloc(1, sizeof *store);
    int err = open_parts(store, home, options ? options : &defaults, reterr_why);
    if (err) {
        store_close(store);
        return err;
    }
    *ret_store = store;
    return 0;
}

/* Everything in order: the lock before any file, the writer last. */
static int open_parts(struct store *store, const char *home, const struct store_options *options,
                      struct err_text *reterr_why)
{
    int err = store_place_open(home, &store->place, reterr_why);
    if (err) {
        return err;
    }
    const char *warning = store_place_warning(store->place);
    if (warning) {
        (void)err_set(&store->warning, 0, "%s", warning);
    }
    err = open_state(store, options, reterr_why);
    if (err) {
        return err;
    }
    uint64_t commit_seq = 0;
    uint64_t sequence = 0;
    err = read_progress(store, &commit_seq, &sequence);
    if (err) {
        return err_set(reterr_why, err, "The progress row of %s can not be read: %s.",
                       store->kv.dir, err_sentence(err));
    }
    err = refuse_rollback(store, options, commit_seq, reterr_why);
    if (err) {
        return err;
    }
    err = store_place_announce(store->place, store->kv.identity.generation, reterr_why);
    if (err) {
        return err;
    }
    err = open_logs(store, options, reterr_why);
    if (err) {
        return err;
    }
    store->reads = store_reads_new(&store->kv);
    return start_writer(store, options, commit_seq, sequence, reterr_why);
}

/* The state environment, unless it is missing although it once was there. */
static int open_state(struct store *store, const struct store_options *options,
                      struct err_text *reterr_why)
{
    const char *dir = store_place_dir(store->place);
    uint8_t id[KV_ID_SIZE];
    uint64_t acked = 0;
    bool was_there = store_place_read_acked(store->place, id, &acked) == 0 && acked > 0;
    if (was_there && !kv_exists(dir, "state") && !options->accept_rollback) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "%s/state is missing although %llu transactions were acknowledged; restore "
                       "a backup, or accept the loss with --accept-rollback.",
                       dir, (unsigned long long)acked);
    }
    struct kv_spec spec = {.parent = dir,
                           .name = "state",
                           .tables = table_names,
                           .table_count = STORE_TABLES,
                           .map_size = options->map_size > 0 ? options->map_size : MAP_SIZE};
    return kv_open(&spec, &store->kv, reterr_why);
}

/* Commit number and newest journal number on disk. */
static int read_progress(struct store *store, uint64_t *ret_commit_seq, uint64_t *ret_sequence)
{
    struct MDB_txn *txn = NULL;
    int err = kv_read_begin(&store->kv, &txn);
    if (err) {
        return err;
    }
    struct str val = STR_NONE;
    uint64_t row[2] = {0};
    err = kv_get(&store->kv, txn, STORE_META, store_writer_commit_key, &val);
    if (!err && val.len != sizeof row) {
        err = ERR_CORRUPT;
    }
    if (!err) {
        memcpy(row, val.ptr, sizeof row);
    }
    struct str last = STR_NONE;
    int last_err = kv_last_key(&store->kv, txn, STORE_JOURNAL, &last);
    uint64_t newest = last_err ? 0 : key_read_u64(last, 0);
    kv_read_end(txn);
    if (err && err != ERR_NOT_FOUND) {
        return err;
    }
    *ret_commit_seq = row[0];
    *ret_sequence = row[1] > newest ? row[1] : newest;
    return 0;
}

/* A store that is behind what was acknowledged lost something: a torn header, an old backup, a disk
 * that lies. */
static int refuse_rollback(struct store *store, const struct store_options *options,
                           uint64_t commit_seq, struct err_text *reterr_why)
{
    uint8_t id[KV_ID_SIZE];
    uint64_t acked = 0;
    if (store_place_read_acked(store->place, id, &acked) != 0) {
        return 0;
    }
    bool same = memcmp(id, store->kv.identity.id, KV_ID_SIZE) == 0;
    if (same && acked <= commit_seq) {
        return 0;
    }
    if (!options->accept_rollback && same) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "%s went back in time: transaction %llu was acknowledged, the newest it "
                       "has is %llu; restore a newer backup, or accept the loss with "
                       "--accept-rollback.",
                       store->kv.dir, (unsigned long long)acked, (unsigned long long)commit_seq);
    }
    int err = kv_set_generation(&store->kv, reterr_why);
    if (err) {
        return err;
    }
    if (store_place_write_acked(store->place, store->kv.identity.id, commit_seq) != 0) {
        return err_set(reterr_why, ERR_IO, "%s/acked can not be written: %s.",
                       store_place_dir(store->place), strerror(errno));
    }
    return 0;
}

/* Log lines may be lost, so a damaged environment is set aside for a new one. */
static int open_logs(struct store *store, const struct store_options *options,
                     struct err_text *reterr_why)
{
    const char *dir = store_place_dir(store->place);
    size_t map_size = options->log_map_size > 0 ? options->log_map_size : LOG_MAP_SIZE;
    struct err_text why = {""};
    int err = store_logs_open(dir, map_size, &store->logs, &why);
    if (err == ERR_CORRUPT) {
        CLEANUP_FREE char *from = file_join(dir, "log");
        CLEANUP_FREE char *to =
            xasprintf("%s.damaged-%lld", from, (long long)clock_wall_us(&clock_real));
        if (rename(from, to) == 0) {
            (void)err_set(&store->warning, 0, "Earlier log lines were set aside in %s: %.300s", to,
                          why.text);
            err = store_logs_open(dir, map_size, &store->logs, &why);
        }
    }
    return err ? err_set(reterr_why, err, "%s", why.text) : 0;
}

/* The thread that writes. */
static int start_writer(struct store *store, const struct store_options *options,
                        uint64_t commit_seq, uint64_t sequence, struct err_text *reterr_why)
{
    struct store_writer_config config = {.kv = &store->kv,
                                         .place = store->place,
                                         .commit_seq = commit_seq,
                                         .sequence = sequence,
                                         .wake = options->wake,
                                         .user = options->user};
    return store_writer_new(&config, &store->writer, reterr_why);
}

struct store *store_close(struct store *store)
{
    if (!store) {
        return NULL;
    }
    if (store->writer) {
        /* `done` functions may submit again: until none does. */
        while (atomic_load(&store->waiting) > 0) {
            store_drain(store);
        }
        store_writer_stop(store->writer);
        store->writer = store_writer_free(store->writer);
    }
    store->logs = store_logs_close(store->logs);
    store->reads = store_reads_free(store->reads);
    kv_done(&store->kv);
    store->place = store_place_close(store->place);
    store_batch_pool_done(&store->pool);
    free(store);
    return NULL;
}

int store_owner(const char *home, pid_t *ret_pid)
{
    return store_place_owner(home, ret_pid);
}

const char *store_warning(const struct store *store)
{
    return store->warning.text[0] ? store->warning.text : NULL;
}

bool store_broken(const struct store *store)
{
    return store_writer_broken(store->writer);
}

const char *store_broken_why(const struct store *store)
{
    return store_writer_broken_why(store->writer);
}

const char *store_engine_version(void)
{
    return kv_version();
}

struct store_reads *store_reads_of(struct store *store)
{
    return store->reads;
}

struct store_logs *store_logs_of(struct store *store)
{
    return store->logs;
}

struct store_batch *store_batch_new(struct store *store)
{
    return store_batch_pool_take(&store->pool);
}

struct store_batch *store_batch_free(struct store *store, struct store_batch *batch)
{
    if (batch) {
        store_batch_pool_give(&store->pool, batch);
    }
    return NULL;
}

void store_submit(struct store *store, struct store_batch *batch, store_done *done, void *user)
{
    batch->done = done;
    batch->user = user;
    atomic_fetch_add(&store->waiting, 1);
    store_writer_submit(store->writer, batch);
}

size_t store_poll(struct store *store)
{
    return call_done(store, store_writer_collect(store->writer));
}

void store_drain(struct store *store)
{
    store_writer_wait(store->writer);
    store_poll(store);
}

/* Tells the owners of a list of finished batches and recycles them. */
static size_t call_done(struct store *store, struct store_batch *list)
{
    size_t count = 0;
    while (list) {
        struct store_batch *next = list->next;
        store_done *done = list->done;
        void *user = list->user;
        int err = list->err;
        must(atomic_load(&store->waiting) > 0);
        atomic_fetch_sub(&store->waiting, 1);
        store_batch_pool_give(&store->pool, list);
        if (done) {
            done(user, err);
        }
        count++;
        list = next;
    }
    return count;
}

size_t store_waiting(const struct store *store)
{
    return (size_t)atomic_load(&store->waiting);
}

uint64_t store_next_sequence(const struct store *store)
{
    return store_writer_next_sequence(store->writer);
}

uint64_t store_sequence(const struct store *store)
{
    return store_writer_sequence(store->writer);
}

enum store_room store_room(const struct store *store)
{
    return store_writer_room(store->writer);
}

int store_stats(struct store *store, struct store_stats *ret_stats)
{
    struct MDB_txn *txn = NULL;
    int err = kv_read_begin(&store->kv, &txn);
    if (err) {
        return err;
    }
    struct kv_space space = {0};
    err = kv_space(&store->kv, txn, true, &space);
    kv_read_end(txn);
    if (err) {
        return err;
    }
    struct store_stats stats = {.generation = store->kv.identity.generation,
                                .batches_waiting = store_waiting(store),
                                .map_bytes = space.map_bytes,
                                .used_bytes = space.used_bytes,
                                .file_bytes = space.file_bytes,
                                .disk_free_bytes = space.disk_free};
    store_writer_stats(store->writer, &stats);
    store_reads_stats(store->reads, &stats);
    store_logs_stats(store->logs, &stats);
    *ret_stats = stats;
    return 0;
}
