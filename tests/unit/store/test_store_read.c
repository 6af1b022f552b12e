/*
 * Reads: snapshots, scans in both directions, limits, and records that were damaged on disk.
 */
#include "store/store_read.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "temp_store.h"

TestSuite(store_read, .init = temp_store_enter, .fini = temp_store_leave);

/* A store with the rows a1 a2 b1 b2 b3 c1 in STORE_EVENT. */
static struct store *with_rows(void)
{
    struct store *store = temp_store_open();
    struct store_batch *batch = store_batch_new(store);
    const char *const keys[] = {"a1", "a2", "b1", "b2", "b3", "c1"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        store_batch_put(batch, STORE_EVENT, str_of(keys[i]), str_of(keys[i]));
    }
    cr_assert_eq(temp_store_commit(store, batch), 0);
    return store;
}

/* Writes keys one after the other. */
struct collected {
    char text[256];
    size_t most;
    size_t count;
};

/* Appends a key; the value of each row is its key. */
static bool collect(void *user, struct str key, struct str val)
{
    struct collected *collected = user;
    cr_expect(str_eq(key, val));
    size_t len = strlen(collected->text);
    (void)snprintf(collected->text + len, sizeof collected->text - len, "%.*s ", STR_ARGS(key));
    collected->count++;
    return collected->count != collected->most;
}

/* Expects a scan to visit <expected>, keys with a space after each. */
static void expect_scan(struct store *store, const char *prefix, const char *from, bool reverse,
                        const char *expected)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    cr_assert_eq(store_read_begin(store, &read), 0);
    struct collected collected = {.text = ""};
    int err =
        store_scan(read, STORE_EVENT, str_of(prefix), str_of(from), reverse, collect, &collected);
    cr_expect_eq(err, 0);
    cr_expect_str_eq(collected.text, expected, "prefix \"%s\" from \"%s\" reverse %d: %s", prefix,
                     from, reverse, collected.text);
}

Test(store_read, a_scan_without_bounds_visits_all_in_order)
{
    struct store *store = with_rows();
    expect_scan(store, "", "", false, "a1 a2 b1 b2 b3 c1 ");
    expect_scan(store, "", "", true, "c1 b3 b2 b1 a2 a1 ");
    store_close(store);
}

Test(store_read, a_scan_stays_within_its_prefix)
{
    struct store *store = with_rows();
    expect_scan(store, "b", "", false, "b1 b2 b3 ");
    expect_scan(store, "b", "", true, "b3 b2 b1 ");
    expect_scan(store, "c", "", true, "c1 ");
    expect_scan(store, "d", "", false, "");
    expect_scan(store, "d", "", true, "");
    expect_scan(store, "0", "", true, "");
    store_close(store);
}

Test(store_read, a_scan_begins_where_it_is_told)
{
    struct store *store = with_rows();
    expect_scan(store, "b", "b2", false, "b2 b3 ");
    expect_scan(store, "b", "b2", true, "b2 b1 ");
    expect_scan(store, "b", "b2x", false, "b3 ");
    expect_scan(store, "b", "b2x", true, "b2 b1 ");
    expect_scan(store, "", "b9", false, "c1 ");
    expect_scan(store, "", "b9", true, "b3 b2 b1 a2 a1 ");
    store_close(store);
}

Test(store_read, a_scan_may_begin_outside_of_its_prefix)
{
    struct store *store = with_rows();
    expect_scan(store, "b", "a", false, "b1 b2 b3 ");
    expect_scan(store, "b", "c", false, "");
    expect_scan(store, "b", "c", true, "b3 b2 b1 ");
    expect_scan(store, "b", "a", true, "");
    store_close(store);
}

Test(store_read, a_backward_scan_knows_prefixes_of_the_greatest_bytes)
{
    struct store *store = temp_store_open();
    struct store_batch *batch = store_batch_new(store);
    store_batch_put(batch, STORE_EVENT, STR("a\xff\xff"), STR("a\xff\xff"));
    store_batch_put(batch, STORE_EVENT, STR("b"), STR("b"));
    store_batch_put(batch, STORE_EVENT, STR("\xff\xff"), STR("\xff\xff"));
    cr_assert_eq(temp_store_commit(store, batch), 0);
    expect_scan(store, "a\xff", "", true, "a\xff\xff ");
    expect_scan(store, "\xff", "", true, "\xff\xff ");
    store_close(store);
}

Test(store_read, a_scan_of_an_empty_table_visits_nothing)
{
    struct store *store = temp_store_open();
    expect_scan(store, "", "", false, "");
    expect_scan(store, "", "", true, "");
    expect_scan(store, "p", "p1", true, "");
    store_close(store);
}

Test(store_read, a_visitor_can_end_the_scan)
{
    struct store *store = with_rows();
    CLEANUP_STORE_READ struct store_read *read = NULL;
    cr_assert_eq(store_read_begin(store, &read), 0);
    struct collected collected = {.text = "", .most = 2};
    store_scan(read, STORE_EVENT, STR(""), STR(""), false, collect, &collected);
    cr_expect_str_eq(collected.text, "a1 a2 ");
    read = store_read_end(read);
    store_close(store);
}

Test(store_read, a_read_sees_the_store_as_of_its_beginning)
{
    struct store *store = temp_store_open();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "k", "old"), 0);
    struct store_read *read = NULL;
    cr_assert_eq(store_read_begin(store, &read), 0);
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "k", "new"), 0);
    struct str val = STR_NONE;
    cr_expect_eq(store_peek(read, STORE_EVENT, STR("k"), &val), 0);
    cr_expect(str_is(val, "old"));
    store_read_end(read);
    cr_expect(temp_store_has(store, STORE_EVENT, "k", "new"));
    store_close(store);
}

Test(store_read, get_copies_the_value)
{
    struct store *store = with_rows();
    CLEANUP_BUF struct buf copy = BUF_INIT(100);
    struct store_read *read = NULL;
    cr_assert_eq(store_read_begin(store, &read), 0);
    cr_expect_eq(store_get(read, STORE_EVENT, STR("b2"), &copy), 0);
    cr_expect_eq(store_get(read, STORE_EVENT, STR("b4"), &copy), ERR_NOT_FOUND);
    store_read_end(read);
    cr_expect(str_is(buf_str(&copy), "b2"));
    store_close(store);
}

Test(store_read, get_into_a_buffer_that_is_too_small_is_an_error)
{
    struct store *store = with_rows();
    struct buf copy = BUF_INIT(1);
    struct store_read *read = NULL;
    cr_assert_eq(store_read_begin(store, &read), 0);
    cr_expect_eq(store_get(read, STORE_EVENT, STR("b2"), &copy), ERR_LIMIT);
    store_read_end(read);
    store_close(store);
}

Test(store_read, keys_no_row_can_have_are_not_found)
{
    struct store *store = with_rows();
    char key[STORE_KEY_MAX + 1] = {1};
    struct str val = STR_NONE;
    struct store_read *read = NULL;
    cr_assert_eq(store_read_begin(store, &read), 0);
    cr_expect_eq(store_peek(read, STORE_EVENT, STR(""), &val), ERR_NOT_FOUND);
    cr_expect_eq(store_peek(read, STORE_EVENT, (struct str){key, sizeof key}, &val), ERR_NOT_FOUND);
    store_read_end(read);
    store_close(store);
}

Test(store_read, one_read_more_than_allowed_is_refused_until_one_ends)
{
    struct store *store = with_rows();
    struct store_read *reads[STORE_READS_MAX] = {NULL};
    for (int i = 0; i < STORE_READS_MAX; i++) {
        cr_assert_eq(store_read_begin(store, &reads[i]), 0);
    }
    struct store_read *extra = NULL;
    cr_expect_eq(store_read_begin(store, &extra), ERR_UNAVAILABLE);
    cr_expect_null(extra);
    reads[0] = store_read_end(reads[0]);
    cr_expect_eq(store_read_begin(store, &extra), 0);
    store_read_end(extra);
    for (int i = 1; i < STORE_READS_MAX; i++) {
        store_read_end(reads[i]);
    }
    store_close(store);
}

Test(store_read, open_reads_are_counted)
{
    struct store *store = with_rows();
    struct store_stats stats;
    struct store_read *read = NULL;
    cr_assert_eq(store_stats(store, &stats), 0);
    cr_expect_eq(stats.readers, 0);
    cr_expect_eq(stats.oldest_read_us, 0);
    cr_assert_eq(store_read_begin(store, &read), 0);
    cr_assert_eq(store_stats(store, &stats), 0);
    cr_expect_eq(stats.readers, 1);
    store_read_end(read);
    store_close(store);
}

/* Flips one bit in every copy of <text> in the data file of a closed store. */
static void damage_copies_of(const char *text)
{
    static char bytes[4 << 20];
    int fd = open("store/state/data.mdb", O_RDWR);
    ssize_t len = pread(fd, bytes, sizeof bytes, 0);
    cr_assert_gt(len, 0);
    size_t text_len = strlen(text);
    for (ssize_t at = 0; at + (ssize_t)text_len <= len; at++) {
        if (memcmp(bytes + at, text, text_len) == 0) {
            char flipped = (char)(bytes[at] ^ 0x20);
            cr_assert_eq(pwrite(fd, &flipped, 1, at), 1);
        }
    }
    close(fd);
}

Test(store_read, a_record_damaged_on_disk_is_never_shown)
{
    struct store *store = with_rows();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "b4", "precious value"), 0);
    store_close(store);
    damage_copies_of("precious value");
    store = temp_store_open();
    struct store_read *read = NULL;
    struct str val = STR("untouched");
    cr_assert_eq(store_read_begin(store, &read), 0);
    cr_expect_eq(store_peek(read, STORE_EVENT, STR("b4"), &val), ERR_CORRUPT);
    cr_expect(str_is(val, "untouched"));
    store_read_end(read);
    store_close(store);
}

Test(store_read, a_scan_skips_and_reports_damaged_records)
{
    struct store *store = with_rows();
    cr_assert_eq(temp_store_put(store, STORE_EVENT, "b4", "precious value"), 0);
    store_close(store);
    damage_copies_of("precious value");
    store = temp_store_open();
    struct store_read *read = NULL;
    struct collected collected = {.text = ""};
    cr_assert_eq(store_read_begin(store, &read), 0);
    int err = store_scan(read, STORE_EVENT, STR(""), STR(""), false, collect, &collected);
    cr_expect_eq(err, ERR_CORRUPT);
    cr_expect_str_eq(collected.text, "a1 a2 b1 b2 b3 c1 ");
    store_read_end(read);
    struct store_stats stats;
    cr_assert_eq(store_stats(store, &stats), 0);
    cr_expect_eq(stats.damaged, 1);
    store_close(store);
}
