/*
 * The floors: what no engine on this machine can be faster than.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lmdb.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench.h"

enum { SAMPLES = 400, GROUPS = 60, GROUP = 1000, RECORD = 200, WAKES = 4000, SPAWNS = 300 };

extern char **environ;

/* Appends and flushes. */
static double flush_us(const char *dir)
{
    static const char page[4096];
    static double times[SAMPLES];
    CLEANUP_FREE char *path = file_join(dir, "flush");
    CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    for (int i = 0; i < SAMPLES; i++) {
        int64_t began = bench_now_us();

        must(write(fd, page, sizeof(page)) == sizeof(page) && fdatasync(fd) == 0);
        times[i] = (double)(bench_now_us() - began);
    }
    return bench_median(times, SAMPLES);
}

/* Appends <per_txn> records in each of <count> durable transactions; the median of one. */
static double commit_us(const char *dir, const char *name, int count, uint64_t per_txn)
{
    static const char record[RECORD];
    static double times[SAMPLES];
    CLEANUP_FREE char *path = file_join(dir, name);
    uint64_t number = 0;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;

    must(file_mkdirs(path, 0700, NULL) == 0 && mdb_env_create(&env) == 0 &&
         mdb_env_set_mapsize(env, (size_t)1 << 30) == 0 &&
         mdb_env_open(env, path, MDB_NOTLS, 0600) == 0);
    for (int i = 0; i < count; i++) {
        int64_t began = bench_now_us();

        must(mdb_txn_begin(env, NULL, 0, &txn) == 0 &&
             mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &dbi) == 0);
        for (uint64_t j = 0; j < per_txn; j++, number++) {
            MDB_val key = {sizeof(number), &number};
            MDB_val val = {RECORD, (void *)(uintptr_t)record};

            must(mdb_put(txn, dbi, &key, &val, MDB_APPEND) == 0);
        }
        must(mdb_txn_commit(txn) == 0);
        times[i] = (double)(bench_now_us() - began);
    }
    mdb_env_close(env);
    return bench_median(times, count);
}

/* Keeps this thread on one processor, so that a wake-up has to cross to another. */
static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    (void)sched_setaffinity(0, sizeof(set), &set); /* not allowed: measured where it runs */
}

/* The other thread of the wake-up probe. */
static void *echo(void *user)
{
    const int *fds = user;
    eventfd_t value;

    pin(1);
    for (int i = 0; i < WAKES; i++) {
        must(eventfd_read(fds[0], &value) == 0 && eventfd_write(fds[1], 1) == 0);
    }
    return NULL;
}

/* Two threads wake each other. */
static double wake_us(void)
{
    static double times[WAKES];
    int fds[2] = {eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC)};
    cpu_set_t before;
    pthread_t thread;
    eventfd_t value;

    must(sched_getaffinity(0, sizeof(before), &before) == 0);
    pin(0);
    must(pthread_create(&thread, NULL, echo, fds) == 0);
    for (int i = 0; i < WAKES; i++) {
        int64_t began = bench_now_us();

        must(eventfd_write(fds[0], 1) == 0 && eventfd_read(fds[1], &value) == 0);
        times[i] = (double)(bench_now_us() - began);
    }
    pthread_join(thread, NULL);
    must(sched_setaffinity(0, sizeof(before), &before) == 0);
    close(fds[0]);
    close(fds[1]);
    return bench_median(times, WAKES);
}

/* Starts `true` and waits for it. */
static void spawn_one(void)
{
    static char *const argv[] = {(char *)(uintptr_t) "true", NULL};
    pid_t pid;
    int status;

    must(posix_spawnp(&pid, "true", NULL, NULL, argv, environ) == 0);
    must(waitpid(pid, &status, 0) == pid && status == 0);
}

/* One process start. */
static double spawn_us(void)
{
    static double times[SPAWNS];

    for (int i = 0; i < SPAWNS; i++) {
        int64_t began = bench_now_us();

        spawn_one();
        times[i] = (double)(bench_now_us() - began);
    }
    return bench_median(times, SPAWNS);
}

/* Process starts from two processes at once, as a bare loop does them. */
static double spawns_per_s(void)
{
    int64_t began = bench_now_us();
    pid_t pids[2];

    for (int i = 0; i < 2; i++) {
        pids[i] = fork();
        must(pids[i] >= 0);
        if (pids[i] == 0) {
            for (int j = 0; j < SPAWNS * 2; j++) {
                spawn_one();
            }
            _exit(0);
        }
    }
    must(waitpid(pids[0], NULL, 0) > 0 && waitpid(pids[1], NULL, 0) > 0);
    return 2.0 * SPAWNS * 2 * 1e6 / (double)(bench_now_us() - began);
}

void floors_measure(const char *dir, struct floors *ret_floors)
{
    struct floors *floors = ret_floors;

    floors->flush_us = flush_us(dir);
    floors->commit_us = commit_us(dir, "single", SAMPLES, 1);
    floors->records_per_s = GROUP * 1e6 / commit_us(dir, "group", GROUPS, GROUP);
    floors->wake_us = wake_us();
    floors->spawn_us = spawn_us();
    floors->spawns_per_s = spawns_per_s();
    bench_heading("floors of this machine, now");
    bench_row("flush: append 4 KiB, fdatasync", floors->flush_us, 0, "us", "");
    bench_row("C: one record through LMDB, durable", floors->commit_us, 0, "us", "");
    bench_row("G: records appended, 1,000 a commit", floors->records_per_s, 0, "/s", "");
    bench_row("W: threads on two processors wake each other", floors->wake_us, 0, "us", "");
    bench_row("P: posix_spawn `true` and wait", floors->spawn_us, 0, "us", "");
    bench_row("P2: the same, two at a time", floors->spawns_per_s, 0, "/s", "");
}
