/*
 * The store thread under load and when things go wrong: grouping, full maps and disks, commits that
 * fail, with the fault points of the library and with real failures where they can be made.
 */
#include "store/store_writer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "store/store_read.h"
#include "temp_store.h"

enum { BIG = 16 * 1024 };

static char big[BIG];

TestSuite(store_writer, .init = temp_store_enter, .fini = temp_store_leave);

/* Keeps an outcome. */
static void on_done(void *user, int err)
{
    int *outcome = user;
    *outcome = err;
}

/* Submits one row without waiting. */
static void submit_row(struct store *store, const char *key, int *ret_outcome)
{
    struct store_batch *batch = store_batch_new(store);
    store_batch_put(batch, STORE_EVENT, str_of(key), STR("v"));
    store_submit(store, batch, on_done, ret_outcome);
}

/* Submits one appended row without waiting. */
static void submit_append(struct store *store, const char *key, int *ret_outcome)
{
    struct store_batch *batch = store_batch_new(store);
    store_batch_append(batch, STORE_AUDIT, str_of(key), STR("v"));
    store_submit(store, batch, on_done, ret_outcome);
}

/* The store thread has nothing to do now, so the environment may change. */
static void arm(const char *fault)
{
    cr_assert_eq(setenv("LEAT_FAULT", fault, 1), 0);
}

Test(store_writer, what_waits_shares_a_transaction)
{
    struct store *store = temp_store_open();
    int outcomes[500];
    memset(outcomes, 1, sizeof outcomes);
    arm("store.commit:delay-200");
    for (int i = 0; i < 500; i++) {
        submit_row(store, "k", &outcomes[i]);
    }
    store_drain(store);
    for (int i = 0; i < 500; i++) {
        cr_expect_eq(outcomes[i], 0);
    }
    struct store_stats stats;
    cr_assert_eq(store_stats(store, &stats), 0);
    cr_expect_eq(stats.operations, 500);
    cr_expect_leq(stats.transactions, 3);
    store_close(store);
}

Test(store_writer, a_bad_batch_harms_only_itself)
{
    struct store *store = temp_store_open();
    int outcomes[4] = {1, 1, 1, 1};
    arm("store.commit:delay-200");
    submit_append(store, "b", &outcomes[0]);
    submit_append(store, "c", &outcomes[1]);
    submit_append(store, "a", &outcomes[2]);
    submit_append(store, "d", &outcomes[3]);
    store_drain(store);
    cr_expect_eq(outcomes[0], 0);
    cr_expect_eq(outcomes[1], 0);
    cr_expect_eq(outcomes[2], ERR_EXISTS);
    cr_expect_eq(outcomes[3], 0);
    cr_expect(!store_broken(store));
    cr_expect_eq(temp_store_rows(store, STORE_AUDIT), 3);
    store_close(store);
}

Test(store_writer, a_group_that_fails_before_its_commit_is_tried_batch_by_batch)
{
    struct store *store = temp_store_open();
    int outcomes[2] = {1, 1};
    arm("store.apply:error");
    submit_row(store, "a", &outcomes[0]);
    store_drain(store);
    cr_expect_eq(outcomes[0], ERR_MEMORY);
    submit_row(store, "b", &outcomes[1]);
    store_drain(store);
    cr_expect_eq(outcomes[1], 0);
    cr_expect_eq(temp_store_rows(store, STORE_EVENT), 1);
    store_close(store);
}

/* Expects every batch to end with ERR_IO, and the store to be sound once it is opened again. */
static void expect_broken(struct store *store)
{
    cr_expect(store_broken(store));
    cr_expect_gt(strlen(store_broken_why(store)), 20);
    cr_expect_eq(temp_store_put(store, STORE_EVENT, "later", "v"), ERR_IO);
    struct store_batch *batch = store_batch_new(store);
    store_batch_del_prefix(batch, STORE_EVENT, STR(""));
    cr_expect_eq(temp_store_commit(store, batch), ERR_IO);
    store_close(store);
    unsetenv("LEAT_FAULT");
    store = temp_store_open();
    cr_expect(!store_broken(store));
    cr_expect_str_eq(store_broken_why(store), "");
    cr_expect(temp_store_has(store, STORE_EVENT, "earlier", "v"));
    cr_expect(!temp_store_has(store, STORE_EVENT, "later", "v"));
    cr_expect_eq(temp_store_put(store, STORE_EVENT, "at last", "v"), 0);
    store_close(store);
}

Test(store_writer, a_failed_commit_breaks_the_store)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "earlier", "v"), 0);
    arm("store.commit:error");
    cr_expect_eq(temp_store_put(store, STORE_EVENT, "k", "v"), ERR_IO);
    expect_broken(store);
}

Test(store_writer, every_batch_that_waits_behind_a_failed_commit_gets_the_error)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "earlier", "v"), 0);
    int outcomes[100];
    memset(outcomes, 1, sizeof outcomes);
    arm("store.commit:error");
    for (int i = 0; i < 100; i++) {
        submit_row(store, "k", &outcomes[i]);
    }
    store_drain(store);
    for (int i = 0; i < 100; i++) {
        cr_expect_eq(outcomes[i], ERR_IO);
    }
    expect_broken(store);
}

/* The descriptor through which LMDB writes header pages, known by its O_DSYNC. */
static int find_header_descriptor(void)
{
    for (int fd = 3; fd < TEMP_DESCRIPTORS; fd++) {
        if (temp_descriptor_is(fd, "/state/data.mdb") && (fcntl(fd, F_GETFL) & O_DSYNC)) {
            return fd;
        }
    }
    return -1;
}

Test(store_writer, a_header_page_that_can_not_be_written_breaks_the_store)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "earlier", "v"), 0);
    int header_fd = find_header_descriptor();
    cr_assert_geq(header_fd, 0);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    cr_assert_eq(dup3(full, header_fd, O_CLOEXEC), header_fd);
    cr_expect_eq(temp_store_put(store, STORE_EVENT, "k", "v"), ERR_IO);
    expect_broken(store);
}

Test(store_writer, no_room_before_a_commit_is_an_error_of_the_batch_only)
{
    struct store *store = temp_store_open();
    arm("store.full:error");
    cr_expect_eq(temp_store_put(store, STORE_EVENT, "a", "v"), ERR_STORE_FULL);
    cr_expect_eq(temp_store_put(store, STORE_EVENT, "b", "v"), 0);
    cr_expect(!store_broken(store));
    cr_expect_eq(temp_store_rows(store, STORE_EVENT), 1);
    store_close(store);
}

/* Writes rows of 16 KiB until one fails; gives the error and how many there are. */
static int fill(struct store *store, int *ret_rows)
{
    int rows = 0;
    for (;;) {
        char key[16];
        int len = snprintf(key, sizeof key, "row%05d", rows);
        struct store_batch *batch = store_batch_new(store);
        store_batch_put(batch, STORE_RESULT, (struct str){key, (size_t)len},
                        (struct str){big, BIG - 64});
        int err = temp_store_commit(store, batch);
        if (err || rows == 1000) {
            *ret_rows = rows;
            return err;
        }
        rows++;
    }
}

Test(store_writer, a_full_map_refuses_writes_and_goes_on_after_deletions)
{
    struct store *store = temp_store_open_small((size_t)1 << 20);
    int rows = 0;
    cr_expect_eq(fill(store, &rows), ERR_STORE_FULL);
    cr_expect_gt(rows, 30);
    cr_expect(!store_broken(store));
    cr_expect_geq(store_room(store), STORE_ROOM_LOW);
    cr_expect_eq(temp_store_rows(store, STORE_RESULT), (uint64_t)rows);
    struct store_batch *batch = store_batch_new(store);
    store_batch_del_prefix(batch, STORE_RESULT, STR("row0000"));
    cr_expect_eq(temp_store_commit(store, batch), 0);
    cr_expect_eq(temp_store_put(store, STORE_EVENT, "k", "v"), 0);
    int again = 0;
    cr_expect_eq(fill(store, &again), ERR_STORE_FULL);
    store_close(store);
    store = temp_store_open_small((size_t)1 << 20);
    cr_expect(temp_store_has(store, STORE_EVENT, "k", "v"));
    store_close(store);
}

Test(store_writer, a_full_map_refuses_only_the_batches_that_do_not_fit)
{
    struct store *store = temp_store_open_small((size_t)1 << 20);
    int outcomes[3] = {1, 1, 1};
    arm("store.commit:delay-200");
    submit_row(store, "before", &outcomes[0]);
    struct store_batch *batch = store_batch_new(store);
    for (int i = 0; i < 80; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "row%05d", i);
        store_batch_put(batch, STORE_RESULT, (struct str){key, (size_t)len},
                        (struct str){big, BIG});
    }
    store_submit(store, batch, on_done, &outcomes[1]);
    submit_row(store, "after", &outcomes[2]);
    store_drain(store);
    cr_expect_eq(outcomes[0], 0);
    cr_expect_eq(outcomes[1], ERR_STORE_FULL);
    cr_expect_eq(outcomes[2], 0);
    cr_expect_eq(temp_store_rows(store, STORE_RESULT), 0);
    cr_expect_eq(temp_store_rows(store, STORE_EVENT), 2);
    store_close(store);
}

Test(store_writer, a_file_size_limit_refuses_writes_and_goes_on_when_it_is_lifted)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "k", "v"), 0);
    struct stat st;
    cr_assert_eq(stat("store/state/data.mdb", &st), 0);
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t most = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)st.st_size;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int rows = 0;
    cr_expect_eq(fill(store, &rows), ERR_STORE_FULL);
    cr_expect(!store_broken(store));
    limit.rlim_cur = most;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(temp_store_put(store, STORE_EVENT, "again", "v"), 0);
    store_close(store);
}

Test(store_writer, a_batch_as_large_as_allowed_is_written)
{
    struct store *store = temp_store_open();
    struct store_batch *batch = store_batch_new(store);
    int rows = 0;
    int err = 0;
    while (!err) {
        char key[16];
        int len = snprintf(key, sizeof key, "row%05d", rows);
        err = store_batch_put(batch, STORE_RESULT, (struct str){key, (size_t)len},
                              (struct str){big, BIG});
        rows++;
    }
    store_batch_free(store, batch);
    batch = store_batch_new(store);
    for (int i = 0; i < rows - 1; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "row%05d", i);
        store_batch_put(batch, STORE_RESULT, (struct str){key, (size_t)len},
                        (struct str){big, BIG});
    }
    cr_expect_eq(temp_store_commit(store, batch), 0);
    cr_expect_eq(temp_store_rows(store, STORE_RESULT), (uint64_t)rows - 1);
    store_close(store);
}

Test(store_writer, pages_freed_in_the_transaction_that_took_them_leave_the_file_long_enough)
{
    struct store *store = temp_store_open();
    for (int i = 0; i < 30; i++) {
        struct store_batch *batch = store_batch_new(store);
        char key[16];
        int len = snprintf(key, sizeof key, "row%05d", i);
        struct str row = {key, (size_t)len};
        store_batch_put(batch, STORE_EVENT, row, STR("v"));
        store_batch_put(batch, STORE_RESULT, row, (struct str){big, BIG});
        store_batch_del(batch, STORE_RESULT, row);
        cr_assert_eq(temp_store_commit(store, batch), 0);
    }
    store_close(store);
    store = temp_store_open();
    cr_expect_eq(temp_store_rows(store, STORE_EVENT), 30);
    store_close(store);
}
