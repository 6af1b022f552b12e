/*
 * The store with all its threads at work: one that submits and polls, some that read and ask for
 * facts, some that log, and the store's own two. Meant for the thread sanitizer
 * (`make tsan-test`), which ends the program at the first race; prints TAP.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/must.h"
#include "store/key.h"
#include "store/store.h"
#include "store/store_log.h"
#include "store/store_read.h"

enum { BATCHES = 2000, LINES = 2000, READERS = 2, LOGGERS = 2 };

static struct store *store;
static atomic_bool writing = true;
static atomic_uint woken;
static unsigned ended;
static unsigned failed;

/* From the store thread. */
static void on_wake(void *user)
{
    (void)user;
    atomic_fetch_add(&woken, 1);
}

/* On the loop thread. */
static void on_done(void *user, int err)
{
    (void)user;
    ended++;
    failed += err != 0;
}

/* Compares a row with its key: both hold the same number. */
static bool check_row(void *user, struct str key, struct str val)
{
    unsigned *wrong = user;
    *wrong += !str_eq(key, val);
    return true;
}

/* Thread: scans, counts and asks for facts; returns a pointer that is not NULL on trouble. */
static void *read_all(void *user)
{
    (void)user;
    unsigned wrong = 0;
    while (atomic_load(&writing)) {
        struct store_read *read = NULL;
        uint64_t count = 0;
        struct store_stats stats;
        wrong += store_read_begin(store, &read) != 0;
        wrong += store_scan(read, STORE_EVENT, STR(""), STR(""), false, check_row, &wrong) != 0;
        wrong += store_count(read, STORE_JOURNAL, &count) != 0;
        read = store_read_end(read);
        wrong += store_stats(store, &stats) != 0;
        wrong += store_broken(store) || store_room(store) > STORE_ROOM_RESERVE;
    }
    return wrong ? store : NULL;
}

/* Counts lines. */
static bool count_line(void *user, uint64_t sequence, struct str line)
{
    unsigned *lines = user;
    *lines += sequence > 0 && str_is(line, "line");
    return true;
}

/* Thread: logs for the run in <user>, looking now and then; returns not NULL on trouble. */
static void *log_all(void *user)
{
    const uint64_t *run = user;
    unsigned wrong = 0;
    for (unsigned i = 0; i < LINES; i++) {
        wrong += store_log(store, *run, STR("line")) != 0;
        if (i % 500 == 0) {
            unsigned lines = 0;
            wrong += store_log_scan(store, *run, 0, false, count_line, &lines) != 0;
        }
    }
    store_log_flush(store);
    unsigned lines = 0;
    wrong += store_log_scan(store, *run, 0, false, count_line, &lines) != 0;
    return wrong || lines != LINES ? store : NULL;
}

/* The loop thread's part: submits, polls, waits now and then. */
static void write_all(void)
{
    for (uint64_t number = 0; number < BATCHES; number++) {
        struct store_key key = {0};
        key_u64(&key, number % 100);
        struct store_batch *batch = store_batch_new(store);
        store_batch_journal(batch, STR("event"));
        store_batch_put(batch, STORE_EVENT, key_str(&key), key_str(&key));
        store_submit(store, batch, on_done, NULL);
        store_poll(store);
        if (number % 100 == 99) {
            store_drain(store);
        }
    }
    store_drain(store);
}

int main(void)
{
    char home[] = "/tmp/leat-race.XXXXXX";
    must(mkdtemp(home));
    struct store_options options = {
        .map_size = (size_t)64 << 20, .log_map_size = (size_t)64 << 20, .wake = on_wake};
    int err = store_open(home, &options, &store, NULL);
    must(!err);
    pthread_t threads[READERS + LOGGERS];
    uint64_t runs[LOGGERS];
    for (unsigned i = 0; i < READERS; i++) {
        err |= pthread_create(&threads[i], NULL, read_all, NULL);
    }
    for (unsigned i = 0; i < LOGGERS; i++) {
        runs[i] = i + 1;
        err |= pthread_create(&threads[READERS + i], NULL, log_all, &runs[i]);
    }
    must(!err);
    write_all();
    atomic_store(&writing, false);
    bool trouble = false;
    for (unsigned i = 0; i < READERS + LOGGERS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        trouble = trouble || result;
    }
    printf("%s - every batch ends well\n", ended == BATCHES && failed == 0 ? "ok" : "not ok");
    printf("%s - readers and loggers see what was written\n", trouble ? "not ok" : "ok");
    printf("%s - the loop is woken\n", atomic_load(&woken) > 0 ? "ok" : "not ok");
    store_close(store);
    file_remove_tree(home, NULL);
    return 0;
}
