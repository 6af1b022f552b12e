/*
 * Rows of the result cache: what is read back, what is refused, and keys of long names.
 */
#include "drive/cache.h"

#include <criterion/criterion.h>
#include <string.h>

#include "value/pack.h"

static struct buf row;

/* A good row. */
static void enter(void)
{
    static const uint8_t uuid[UUID_SIZE] = {9};
    static const uint8_t hash[HASH_SIZE] = {8};

    buf_init(&row, 4096);
    pack_list(&row, 8);
    pack_int(&row, 1);
    pack_int(&row, 1000);
    pack_int(&row, 2000);
    pack_cstr(&row, "csv.read");
    pack_cstr(&row, "load[3]");
    pack_bin(&row, uuid, sizeof(uuid));
    pack_map(&row, 1);
    pack_cstr(&row, "rows");
    pack_int(&row, 5);
    pack_list(&row, 1);
    pack_list(&row, 3);
    pack_cstr(&row, "path");
    pack_bin(&row, hash, sizeof(hash));
    pack_cstr(&row, "\"a.csv\"");
}

/* Its end. */
static void leave(void)
{
    buf_done(&row);
}

TestSuite(cache_rows, .init = enter, .fini = leave);

Test(cache_rows, an_entry_comes_back)
{
    struct cache_row entry;

    cr_assert_eq(cache_row_parse(buf_str(&row), &entry), 0);
    cr_assert_eq(entry.created_us, 1000);
    cr_assert_eq(entry.expires_us, 2000);
    cr_assert(str_eq(entry.task_type, STR("csv.read")));
    cr_assert(str_eq(entry.task_name, STR("load[3]")));
    cr_assert_eq(entry.run.bytes[0], 9);
    cr_assert_eq(val_int(val_find(entry.result, STR("rows"))), 5);
    cr_assert_eq(val_count(entry.parts), 1);
}

Test(cache_rows, a_row_cut_anywhere_is_refused)
{
    struct cache_row entry;

    for (size_t len = 0; len < row.len; len++) {
        struct str cut = {(const char *)row.data, len};

        cr_assert_eq(cache_row_parse(cut, &entry), ERR_CORRUPT, "%zu bytes", len);
    }
}

Test(cache_rows, a_row_with_any_byte_changed_is_read_or_refused)
{
    struct cache_row entry;

    for (size_t at = 0; at < row.len; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t kept = row.data[at];
            int err;

            row.data[at] = (uint8_t)byte;
            err = cache_row_parse(buf_str(&row), &entry);
            cr_assert(err == 0 || err == ERR_CORRUPT);
            row.data[at] = kept;
        }
    }
}

Test(cache_rows, another_version_is_refused)
{
    struct cache_row entry;

    row.data[1] = 2;
    cr_assert_eq(cache_row_parse(buf_str(&row), &entry), ERR_CORRUPT);
}

Test(cache_rows, a_result_as_deep_as_results_are_is_read)
{
    CLEANUP_BUF struct buf deep = BUF_INIT(4096);
    static const uint8_t uuid[UUID_SIZE];
    struct cache_row entry;

    pack_list(&deep, 8);
    pack_int(&deep, 1);
    pack_int(&deep, 0);
    pack_int(&deep, 0);
    pack_cstr(&deep, "t");
    pack_cstr(&deep, "t");
    pack_bin(&deep, uuid, sizeof(uuid));
    for (int i = 0; i < VAL_DEPTH_MAX; i++) {
        pack_list(&deep, i < VAL_DEPTH_MAX - 1);
    }
    pack_list(&deep, 0);
    cr_assert_eq(cache_row_parse(buf_str(&deep), &entry), 0);
}

/* Two names of <flow> and <step> bytes. */
static struct store_key prefix_of(size_t flow, size_t step, char letter)
{
    static char names[2][FLOW_NAME_MAX];
    struct store_key key;

    memset(names[0], 'f', FLOW_NAME_MAX);
    memset(names[1], letter, FLOW_NAME_MAX);
    cache_task_prefix((struct str){names[0], flow}, (struct str){names[1], step}, &key);
    return key;
}

Test(cache_rows, the_longest_names_leave_room_for_time_and_key)
{
    for (size_t len = 1; len <= FLOW_NAME_MAX; len++) {
        struct store_key key = prefix_of(len, FLOW_NAME_MAX, 's');

        cr_assert_leq(key.len, STORE_KEY_MAX - 16, "flow name of %zu bytes", len);
    }
}

Test(cache_rows, short_names_are_in_the_key)
{
    struct store_key key = prefix_of(1, 2, 's');

    cr_assert_eq(key.len, 5);
    cr_assert_eq(memcmp(key.bytes, "f\0ss\0", 5), 0);
}

Test(cache_rows, long_names_that_differ_have_different_keys)
{
    struct store_key one = prefix_of(FLOW_NAME_MAX, FLOW_NAME_MAX, 's');
    struct store_key two = prefix_of(FLOW_NAME_MAX, FLOW_NAME_MAX, 't');

    cr_assert_eq(one.len, two.len);
    cr_assert_neq(memcmp(one.bytes, two.bytes, one.len), 0);
}
