/*
 * What the store costs, next to what the disk and LMDB cost on the same machine in the same minute:
 * bench_store [<directory>]. Prints one line per figure: name, value, unit.
 *
 * Link with the engine's library of the release variant.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <lmdb.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rng.h"
#include "store/blob.h"
#include "store/key.h"
#include "store/store.h"
#include "store/store_log.h"
#include "store/store_read.h"

enum {
    PAGE = 4096,
    FLUSHES = 1500,
    RECORD = 200, /* bytes of a value */
    GROUPS = 300, /* LMDB transactions of 1,000 records */
    OPS = 200000, /* store operations of 3 rows each */
    OPS_IN_FLIGHT = 2000,
    SINGLES = 2000,    /* one operation at a time */
    RUNS_HOT = 500,    /* rows that change while runs are alive */
    RUNS_ALL = 100000, /* rows that change anywhere: the worst case */
    GETS = 500000,
    LINES = 300000,
    BLOBS = 300,
};

static char value[64 * 1024];

/* The time. */
static int64_t now_us(void)
{
    return clock_mono_us(&clock_real);
}

/* One line of the result. */
static void report(const char *name, double figure, const char *unit)
{
    printf("%-34s %12.1f %s\n", name, figure, unit);
    (void)fflush(stdout);
}

/* Order for qsort. */
static int by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Median and 99th percentile of <count> times, which are sorted. */
static void report_times(const char *name, int64_t *times_us, size_t count)
{
    char line[64];
    qsort(times_us, count, sizeof *times_us, by_size);
    (void)snprintf(line, sizeof line, "%s.p50", name);
    report(line, (double)times_us[count / 2], "us");
    (void)snprintf(line, sizeof line, "%s.p99", name);
    report(line, (double)times_us[count - 1 - count / 100], "us");
}

/* Writes a page and flushes, at the end or always in the same place. */
static void bench_flush(const char *dir, bool append)
{
    static int64_t times_us[FLUSHES];
    CLEANUP_FREE char *path = file_join(dir, "flush");
    CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && pwrite(fd, value, PAGE, 0) == PAGE && fsync(fd) == 0);
    for (int i = 0; i < FLUSHES; i++) {
        int64_t began = now_us();
        bool written = pwrite(fd, value, PAGE, append ? (off_t)i * PAGE : 0) == PAGE;
        must(written && fdatasync(fd) == 0);
        times_us[i] = now_us() - began;
    }
    report_times(append ? "floor.append_fdatasync" : "floor.overwrite_fdatasync", times_us,
                 FLUSHES);
}

/* LMDB alone, <per_txn> appended records a transaction, as durable as the store. */
static void bench_lmdb(const char *dir, const char *name, int transactions, int per_txn)
{
    CLEANUP_FREE char *path = file_join(dir, name);
    must(file_mkdirs(path, 0700, NULL) == 0);
    MDB_env *env = NULL;
    MDB_dbi dbi = 0;
    MDB_txn *txn = NULL;
    bool ready = mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, (size_t)4 << 30) == 0 &&
                 mdb_env_open(env, path, MDB_NOTLS, 0600) == 0;
    must(ready);
    static int64_t times_us[FLUSHES];
    uint64_t number = 0;
    int64_t all_began = now_us();
    for (int i = 0; i < transactions; i++) {
        int64_t began = now_us();
        must(mdb_txn_begin(env, NULL, 0, &txn) == 0 && mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
        for (int j = 0; j < per_txn; j++) {
            struct store_key key = {0};
            key_u64(&key, ++number);
            MDB_val mdb_key = {key.len, key.bytes};
            MDB_val mdb_val = {RECORD, value};
            must(mdb_put(txn, dbi, &mdb_key, &mdb_val, MDB_APPEND) == 0);
        }
        must(mdb_txn_commit(txn) == 0);
        times_us[i] = now_us() - began;
    }
    char line[64];
    (void)snprintf(line, sizeof line, "lmdb.append_%d_per_commit", per_txn);
    report(line, (double)number * 1e6 / (double)(now_us() - all_began), "records/s");
    report_times(line, times_us, (size_t)transactions);
    mdb_env_close(env);
}

static int wake_fd;
static unsigned ended;

/* From the store thread, as drive would do with its loop. */
static void on_wake(void *user)
{
    (void)user;
    must(eventfd_write(wake_fd, 1) == 0);
}

/* On the loop thread. */
static void on_done(void *user, int err)
{
    (void)user;
    must(!err);
    ended++;
}

/* Sleeps until the store has something to poll. */
static void wait_and_poll(struct store *store)
{
    eventfd_t number = 0;
    must(eventfd_read(wake_fd, &number) == 0);
    store_poll(store);
}

/* One transition as drive writes it: an event, a new row, a changed row. */
static void submit_op(struct store *store, uint64_t number, uint64_t runs, struct rng *rng)
{
    struct store_key fresh = {0};
    struct store_key updated = {0};
    key_u64(&fresh, number);
    key_u32(&fresh, 0);
    key_u64(&updated, rng_below(rng, runs));
    struct store_batch *batch = store_batch_new(store);
    store_batch_journal(batch, (struct str){value, 100});
    store_batch_put(batch, STORE_TASK_RUN, key_str(&fresh), (struct str){value, 120});
    store_batch_put(batch, STORE_FLOW_RUN, key_str(&updated), (struct str){value, RECORD});
    store_submit(store, batch, on_done, NULL);
}

/* Many operations in flight, which change rows of <runs> runs. */
static void bench_throughput(struct store *store, const char *name, uint64_t first, uint64_t runs,
                             struct rng *rng)
{
    struct store_stats before;
    struct store_stats after;
    must(store_stats(store, &before) == 0);
    unsigned submitted = 0;
    ended = 0;
    int64_t began = now_us();
    while (ended < OPS) {
        while (submitted < OPS && submitted - ended < OPS_IN_FLIGHT) {
            submit_op(store, first + submitted, runs, rng);
            submitted++;
        }
        wait_and_poll(store);
    }
    double took_us = (double)(now_us() - began);
    must(store_stats(store, &after) == 0);
    report(name, OPS * 1e6 / took_us, "ops/s");
    report("store.ops_per_commit", (double)OPS / (double)(after.transactions - before.transactions),
           "ops");
}

/* What the loop thread pays per operation. */
static void bench_submit_cost(struct store *store, struct rng *rng)
{
    ended = 0;
    int64_t began = now_us();
    for (unsigned i = 0; i < OPS_IN_FLIGHT; i++) {
        submit_op(store, 3 * OPS + i, RUNS_HOT, rng);
    }
    report("store.submit_cost", (double)(now_us() - began) * 1e3 / OPS_IN_FLIGHT, "ns/op");
    store_drain(store);
}

/* One operation at a time: latency from submit to done. */
static void bench_latency(struct store *store, struct rng *rng)
{
    static int64_t times_us[SINGLES];
    for (unsigned i = 0; i < SINGLES; i++) {
        ended = 0;
        int64_t began = now_us();
        submit_op(store, 4 * OPS + i, RUNS_HOT, rng);
        while (ended == 0) {
            wait_and_poll(store);
        }
        times_us[i] = now_us() - began;
    }
    report_times("store.one_op", times_us, SINGLES);
}

/* One row at a time, each in a read of its own. */
static void bench_reads(struct store *store, struct rng *rng)
{
    int64_t began = now_us();
    for (unsigned i = 0; i < GETS; i++) {
        struct store_read *read = NULL;
        struct str val = STR_NONE;
        struct store_key key = {0};
        key_u64(&key, rng_below(rng, OPS));
        key_u32(&key, 0);
        must(store_read_begin(store, &read) == 0);
        must(store_peek(read, STORE_TASK_RUN, key_str(&key), &val) == 0);
        store_read_end(read);
    }
    report("store.begin_peek_end", (double)(now_us() - began) * 1e3 / GETS, "ns");
}

/* As many lines as go through, of 50 runs. */
static void bench_log(struct store *store)
{
    int64_t began = now_us();
    for (unsigned i = 0; i < LINES; i++) {
        while (store_log(store, 1 + i % 50, (struct str){value, 100}) != 0) {
            store_log_flush(store);
        }
    }
    store_log_flush(store);
    report("store.log_lines", LINES * 1e6 / (double)(now_us() - began), "lines/s");
}

/* Different values of 64 KiB. */
static void bench_blobs(const char *dir)
{
    static int64_t times_us[BLOBS];
    struct blob_dir *blobs = NULL;
    must(blob_dir_open(dir, &blobs, NULL) == 0);
    for (unsigned i = 0; i < BLOBS; i++) {
        struct blob_ref ref;
        memcpy(value, &i, sizeof i);
        int64_t began = now_us();
        must(blob_put(blobs, value, sizeof value, &ref, NULL) == 0);
        times_us[i] = now_us() - began;
    }
    report_times("blob.put_64k", times_us, BLOBS);
    blob_dir_close(blobs);
}

int main(int argc, char **argv)
{
    char *dir = xasprintf("%s/leat-bench.XXXXXX", argc > 1 ? argv[1] : "/tmp");
    must(mkdtemp(dir));
    struct rng rng;
    rng_seed(&rng, 1);
    memset(value, 'v', sizeof value);
    bench_flush(dir, true);
    bench_flush(dir, false);
    bench_lmdb(dir, "single", FLUSHES, 1);
    bench_lmdb(dir, "group", GROUPS, 1000);

    wake_fd = eventfd(0, EFD_CLOEXEC);
    struct store_options options = {.wake = on_wake};
    struct store *store = NULL;
    must(wake_fd >= 0 && store_open(dir, &options, &store, NULL) == 0);
    bench_latency(store, &rng);
    bench_throughput(store, "store.submit_3_rows", 0, RUNS_HOT, &rng);
    bench_throughput(store, "store.submit_3_rows_scattered", OPS, RUNS_ALL, &rng);
    bench_submit_cost(store, &rng);
    bench_reads(store, &rng);
    bench_log(store);
    store_close(store);
    bench_blobs(dir);

    close(wake_fd);
    file_remove_tree(dir, NULL);
    free(dir);
    return 0;
}
