/*
 * Processes that are killed while they write: whatever was acknowledged is there afterwards, and
 * every batch is there as a whole or not at all.
 *
 * A child opens the store and writes batch after batch, several in flight; for each that ended well
 * it writes the batch's number into a pipe. The parent kills it, opens the store and looks.
 */
#include "store/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/rng.h"
#include "store/key.h"
#include "store/store_read.h"
#include "temp_store.h"

enum { FLIPS = 300, ROWS = 200 };
enum { CYCLES = 50, IN_FLIGHT = 16, ACKS_MAX = 60, SEED = 20261121 };

TestSuite(store_crash, .init = temp_store_enter, .fini = temp_store_leave);

/* What the child keeps. */
struct writer {
    struct store *store;
    int pipe_fd;
    uint64_t submitted;
    uint64_t ended;
};

/* Reports a batch: they end in order, so a count is enough. */
static void on_ended(void *user, int err)
{
    struct writer *writer = user;
    if (err) {
        _exit(1);
    }
    writer->ended++;
    if (write(writer->pipe_fd, &writer->ended, sizeof writer->ended) < 0) {
        _exit(2);
    }
}

/* Batch <number>: a journal record, a row of its own, a row that all batches change. */
static void submit(struct writer *writer, uint64_t number)
{
    struct store_key key = {0};
    key_u64(&key, number);
    struct str val = {(const char *)&number, sizeof number};
    struct store_batch *batch = store_batch_new(writer->store);
    store_batch_journal(batch, val);
    store_batch_put(batch, STORE_TASK_RUN, key_str(&key), val);
    store_batch_put(batch, STORE_FLOW_RUN, STR("newest"), val);
    store_submit(writer->store, batch, on_ended, writer);
}

/* The child: writes until it is killed. */
static void write_for_ever(int pipe_fd)
{
    struct writer writer = {.store = temp_store_open(), .pipe_fd = pipe_fd};
    writer.submitted = store_sequence(writer.store);
    writer.ended = writer.submitted;
    for (;;) {
        while (writer.submitted - writer.ended < IN_FLIGHT) {
            submit(&writer, ++writer.submitted);
        }
        store_poll(writer.store);
    }
}

/* Reads acknowledgements until the pipe is closed or <most> have come; returns the newest. */
static uint64_t read_acks(int pipe_fd, uint64_t most, uint64_t newest)
{
    uint64_t number = newest;
    for (uint64_t i = 0; i < most; i++) {
        if (read(pipe_fd, &number, sizeof number) != sizeof number) {
            break;
        }
        newest = number;
    }
    return newest;
}

/* Expects batches 1 to some number, each complete, at least up to <acked>; returns that number. */
static uint64_t expect_sound(uint64_t acked)
{
    struct store *store = temp_store_open();
    uint64_t newest = store_sequence(store);
    cr_assert_geq(newest, acked, "acknowledged %d, found %d", (int)acked, (int)newest);
    cr_assert_eq(temp_store_rows(store, STORE_JOURNAL), newest);
    cr_assert_eq(temp_store_rows(store, STORE_TASK_RUN), newest);
    CLEANUP_STORE_READ struct store_read *read = NULL;
    cr_assert_eq(store_read_begin(store, &read), 0);
    struct str val = STR_NONE;
    int err = store_peek(read, STORE_FLOW_RUN, STR("newest"), &val);
    cr_assert_eq(err, newest > 0 ? 0 : ERR_NOT_FOUND);
    if (!err) {
        cr_assert_arr_eq(val.ptr, &newest, sizeof newest);
    }
    read = store_read_end(read);
    store_close(store);
    return newest;
}

/* Starts a child, with a fault armed or NULL; gives the end of the pipe to read from. */
static pid_t start(const char *fault, int *ret_pipe_fd)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        if (fault) {
            setenv("LEAT_FAULT", fault, 1);
        }
        write_for_ever(ends[1]);
    }
    close(ends[1]);
    *ret_pipe_fd = ends[0];
    return pid;
}

/* Waits for a killed child and takes what it had acknowledged. */
static uint64_t bury(pid_t pid, int pipe_fd, uint64_t acked)
{
    int status = 0;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %d", status);
    acked = read_acks(pipe_fd, UINT64_MAX, acked);
    close(pipe_fd);
    return acked;
}

Test(store_crash, nothing_acknowledged_is_lost_by_killing_at_random_moments, .timeout = 300)
{
    struct rng rng;
    rng_seed(&rng, SEED);
    uint64_t acked = 0;
    for (int cycle = 0; cycle < CYCLES; cycle++) {
        int pipe_fd = -1;
        pid_t pid = start(NULL, &pipe_fd);
        acked = read_acks(pipe_fd, rng_below(&rng, ACKS_MAX), acked);
        struct timespec moment = {.tv_nsec = (long)rng_below(&rng, 3000000)};
        nanosleep(&moment, NULL);
        cr_assert_eq(kill(pid, SIGKILL), 0);
        acked = bury(pid, pipe_fd, acked);
        acked = expect_sound(acked);
    }
    cr_expect_gt(acked, CYCLES);
}

/* Kills at the nth pass of a fault point for several n. */
static void kill_at(const char *point)
{
    uint64_t acked = 0;
    for (int nth = 1; nth <= 12; nth++) {
        char fault[64];
        (void)snprintf(fault, sizeof fault, "%s:kill:%d", point, nth);
        int pipe_fd = -1;
        pid_t pid = start(fault, &pipe_fd);
        acked = bury(pid, pipe_fd, acked);
        acked = expect_sound(acked);
    }
}

Test(store_crash, nothing_acknowledged_is_lost_by_dying_before_a_commit, .timeout = 300)
{
    kill_at("store.before_commit");
}

Test(store_crash, nothing_acknowledged_is_lost_by_dying_after_a_commit, .timeout = 300)
{
    kill_at("store.after_commit");
}

Test(store_crash, nothing_acknowledged_is_lost_by_dying_while_opening, .timeout = 300)
{
    kill_at("store.commit");
}

/* The value of row <number>: long enough that rows fill several pages. */
static struct str row_value(int number, char ret_text[128])
{
    int len = snprintf(ret_text, 128, "%d/%0100d", number, number * 7919);
    return (struct str){ret_text, (size_t)len};
}

/* Checks that a row which is shown is one that was written. */
static bool check_row(void *user, struct str key, struct str val)
{
    bool *wrong = user;
    char text[128];
    uint32_t number = key_read_u32(key, 0);
    *wrong = *wrong || key.len != 4 || number >= ROWS || !str_eq(val, row_value((int)number, text));
    return true;
}

/* The child that meets the damaged store: exits with 1 when it is shown anything false. LMDB may
 * die of a damaged page; being stopped is not being lied to. */
static void look_at_damage(void)
{
    struct store_options options = {.map_size = (size_t)64 << 20};
    struct store *store = NULL;
    bool wrong = false;
    alarm(20);
    if (store_open(temp_home, &options, &store, NULL) != 0) {
        _exit(0);
    }
    struct store_read *read = NULL;
    if (store_read_begin(store, &read) == 0) {
        (void)store_scan(read, STORE_EVENT, STR(""), STR(""), false, check_row, &wrong);
        for (int i = 0; i < ROWS; i++) {
            struct store_key key = {0};
            struct str val = STR_NONE;
            key_u32(&key, (uint32_t)i);
            if (store_peek(read, STORE_EVENT, key_str(&key), &val) == 0) {
                (void)check_row(&wrong, key_str(&key), val);
            }
        }
        store_read_end(read);
    }
    _exit(wrong);
}

/* Writes the whole data file. */
static void put_file(const struct buf *bytes)
{
    cr_assert_eq(file_write("store/state/data.mdb", bytes->data, bytes->len, 0600, NULL), 0);
}

Test(store_crash, a_flipped_bit_anywhere_never_gives_a_wrong_value, .timeout = 300)
{
    struct store *store = temp_store_open();
    for (int i = 0; i < ROWS; i++) {
        struct store_key key = {0};
        char text[128];
        key_u32(&key, (uint32_t)i);
        struct store_batch *batch = store_batch_new(store);
        store_batch_put(batch, STORE_EVENT, key_str(&key), row_value(i, text));
        store_submit(store, batch, NULL, NULL);
    }
    store_close(store);
    CLEANUP_BUF struct buf bytes = BUF_INIT(64 << 20);
    cr_assert_eq(file_read("store/state/data.mdb", &bytes, NULL), 0);
    /* The file is longer than what is in use. */
    size_t used = 40 * 4096;
    cr_assert_gt(bytes.len, used);
    struct rng rng;
    rng_seed(&rng, SEED);
    for (int i = 0; i < FLIPS; i++) {
        size_t at = (size_t)rng_below(&rng, used);
        uint8_t bit = (uint8_t)(1u << rng_below(&rng, 8));
        bytes.data[at] ^= bit;
        put_file(&bytes);
        bytes.data[at] ^= bit;
        pid_t pid = fork();
        if (pid == 0) {
            look_at_damage();
        }
        int status = 0;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_expect(!WIFEXITED(status) || WEXITSTATUS(status) == 0, "byte %zu bit %u", at, bit);
        cr_expect(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM, "byte %zu hangs", at);
    }
}
