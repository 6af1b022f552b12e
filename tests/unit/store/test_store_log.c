/*
 * Log lines: order, runs side by side, deletion, what happens when there is no room.
 */
#include "store/store_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "temp_store.h"

TestSuite(store_log, .init = temp_store_enter, .fini = temp_store_leave);

/* What a scan has seen. */
struct seen {
    char text[512];
    uint64_t last;
    unsigned count;
    unsigned most;
};

/* Joins lines with commas. */
static bool see(void *user, uint64_t sequence, struct str line)
{
    struct seen *seen = user;
    size_t len = strlen(seen->text);
    (void)snprintf(seen->text + len, sizeof seen->text - len, "%.*s,", STR_ARGS(line));
    seen->last = sequence;
    seen->count++;
    return seen->count != seen->most;
}

/* Expects the lines of a run. */
static void expect_lines(struct store *store, uint64_t run, uint64_t from, bool reverse,
                         const char *expected)
{
    struct seen seen = {.text = ""};
    cr_expect_eq(store_log_scan(store, run, from, reverse, see, &seen), 0);
    cr_expect_str_eq(seen.text, expected);
}

/* A store with three lines of run 1 and two of run 2, on disk. */
static struct store *with_lines(void)
{
    struct store *store = temp_store_open();
    cr_assert_eq(store_log(store, 1, STR("a")), 0);
    cr_assert_eq(store_log(store, 2, STR("x")), 0);
    cr_assert_eq(store_log(store, 1, STR("b")), 0);
    cr_assert_eq(store_log(store, 1, STR("c")), 0);
    cr_assert_eq(store_log(store, 2, STR("y")), 0);
    store_log_flush(store);
    return store;
}

Test(store_log, lines_of_a_run_come_back_in_order)
{
    struct store *store = with_lines();
    expect_lines(store, 1, 0, false, "a,b,c,");
    expect_lines(store, 2, 0, false, "x,y,");
    expect_lines(store, 3, 0, false, "");
    expect_lines(store, 1, UINT64_MAX, true, "c,b,a,");
    store_close(store);
}

Test(store_log, a_scan_goes_on_after_the_last_line_seen)
{
    struct store *store = with_lines();
    struct seen seen = {.text = "", .most = 2};
    cr_assert_eq(store_log_scan(store, 1, 0, false, see, &seen), 0);
    cr_assert_str_eq(seen.text, "a,b,");
    expect_lines(store, 1, seen.last + 1, false, "c,");
    expect_lines(store, 1, seen.last, true, "b,a,");
    store_close(store);
}

Test(store_log, lines_survive_opening_again_and_numbers_go_on)
{
    struct store *store = with_lines();
    store_close(store);
    store = temp_store_open();
    cr_assert_eq(store_log(store, 1, STR("d")), 0);
    store_log_flush(store);
    expect_lines(store, 1, 0, false, "a,b,c,d,");
    struct seen seen = {.text = ""};
    cr_assert_eq(store_log_scan(store, 1, 0, false, see, &seen), 0);
    cr_expect_eq(seen.last, 6);
    store_close(store);
}

Test(store_log, close_writes_what_waits)
{
    struct store *store = temp_store_open();
    cr_assert_eq(store_log(store, 1, STR("a")), 0);
    store_close(store);
    store = temp_store_open();
    expect_lines(store, 1, 0, false, "a,");
    store_close(store);
}

Test(store_log, a_line_is_written_without_being_asked_for)
{
    struct store *store = temp_store_open();
    cr_assert_eq(store_log(store, 1, STR("a")), 0);
    struct seen seen = {.text = ""};
    while (seen.count == 0) {
        cr_assert_eq(store_log_scan(store, 1, 0, false, see, &seen), 0);
    }
    cr_expect_str_eq(seen.text, "a,");
    store_close(store);
}

Test(store_log, deleting_a_run_leaves_the_others_and_later_lines)
{
    struct store *store = with_lines();
    store_log_delete(store, 1);
    cr_assert_eq(store_log(store, 1, STR("later")), 0);
    store_log_flush(store);
    expect_lines(store, 1, 0, false, "later,");
    expect_lines(store, 2, 0, false, "x,y,");
    store_close(store);
}

Test(store_log, a_run_of_many_lines_is_deleted_whole)
{
    struct store *store = temp_store_open();
    for (int i = 0; i < 2 * STORE_SLICE + 7; i++) {
        cr_assert_eq(store_log(store, 1, STR("line")), 0);
    }
    store_log_delete(store, 1);
    store_log_flush(store);
    expect_lines(store, 1, 0, false, "");
    struct store_stats stats;
    cr_assert_eq(store_stats(store, &stats), 0);
    cr_expect_eq(stats.log_lines, 2 * STORE_SLICE + 7);
    cr_expect_eq(stats.log_dropped, 0);
    store_close(store);
}

Test(store_log, a_line_of_the_largest_size_is_kept)
{
    static char line[STORE_LOG_LINE_MAX];
    struct store *store = temp_store_open();
    cr_expect_eq(store_log(store, 1, (struct str){line, sizeof line}), 0);
    store_log_flush(store);
    struct seen seen = {.text = ""};
    cr_expect_eq(store_log_scan(store, 1, 0, false, see, &seen), 0);
    cr_expect_eq(seen.count, 1);
    store_close(store);
}

Test(store_log, a_line_one_byte_too_long_is_dropped_and_counted)
{
    static char line[STORE_LOG_LINE_MAX + 1];
    struct store *store = temp_store_open();
    cr_expect_eq(store_log(store, 1, (struct str){line, sizeof line}), ERR_LIMIT);
    struct store_stats stats;
    cr_assert_eq(store_stats(store, &stats), 0);
    cr_expect_eq(stats.log_dropped, 1);
    store_close(store);
}

Test(store_log, lines_past_what_may_wait_are_dropped_but_deletions_are_not)
{
    static char line[STORE_LOG_LINE_MAX];
    struct store *store = temp_store_open();
    /* The thread takes lines while the test adds them, so it is kept busy first. */
    cr_assert_eq(setenv("LEAT_FAULT", "store.log:delay-1000", 1), 0);
    cr_assert_eq(store_log(store, 2, STR("first")), 0);
    int err = 0;
    int tries = 0;
    while (!err && tries < 4000) {
        err = store_log(store, 1, (struct str){line, sizeof line});
        tries++;
    }
    cr_expect_eq(err, ERR_LIMIT);
    store_log_delete(store, 2);
    store_log_flush(store);
    expect_lines(store, 2, 0, false, "");
    store_close(store);
}

Test(store_log, a_failed_write_loses_lines_but_not_the_store)
{
    struct store *store = temp_store_open();
    cr_assert_eq(setenv("LEAT_FAULT", "store.log:error", 1), 0);
    cr_assert_eq(store_log(store, 1, STR("lost")), 0);
    store_log_flush(store);
    expect_lines(store, 1, 0, false, "");
    struct store_stats stats;
    cr_assert_eq(store_stats(store, &stats), 0);
    cr_expect_eq(stats.log_dropped, 1);
    cr_expect(!store_broken(store));
    cr_expect_eq(temp_store_put(store, STORE_EVENT, "k", "v"), 0);
    store_close(store);
}

Test(store_log, a_full_log_drops_lines_and_takes_more_after_deletions)
{
    static char line[STORE_LOG_LINE_MAX];
    struct store_options options = {.map_size = 1 << 20, .log_map_size = 1 << 20};
    struct store *store = NULL;
    cr_assert_eq(store_open(temp_home, &options, &store, NULL), 0);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(store_log(store, 1, (struct str){line, sizeof line}), 0);
        store_log_flush(store);
    }
    struct store_stats stats;
    cr_assert_eq(store_stats(store, &stats), 0);
    cr_expect_gt(stats.log_dropped, 10);
    cr_expect_gt(stats.log_lines, 20);
    store_log_delete(store, 1);
    cr_assert_eq(store_log(store, 2, STR("fits")), 0);
    store_log_flush(store);
    expect_lines(store, 2, 0, false, "fits,");
    store_close(store);
}
