/*
 * The index of plugin files: what is remembered, forgotten and not believed.
 */
#include "plug/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "tests/unit/plug/sample.h"

TestSuite(index, .init = sample_enter, .fini = sample_leave);

/* An entry with a recognisable number in it. */
static struct index_entry make_entry(uint64_t number)
{
    struct index_entry entry = {
        .stamp = {number, UINT64_MAX, 3, -4, 5}, .name = "csv", .version = "1.0"};

    entry.hash.bytes[0] = (uint8_t)number;
    entry.same_version = true;
    return entry;
}

/* Saves <index> and loads it into a new one. */
static struct index *reload(struct index *index)
{
    CLEANUP_FREE char *path = sample_path("index");
    struct index *loaded = index_new();

    cr_assert_eq(index_save(index, path, NULL), 0);
    index_load(loaded, path);
    index_free(index);
    return loaded;
}

/* Keeps paths that begin with "/keep". */
static bool keep_some(void *user, const char *path)
{
    (void)user;
    return strncmp(path, "/keep", 5) == 0;
}

Test(index, an_entry_comes_back_from_the_file)
{
    struct index *index = index_new();
    struct index_entry entry = make_entry(7);

    index_put(index, "/p/csv.so", &entry);
    index = reload(index);
    const struct index_entry *found = index_get(index, "/p/csv.so");
    cr_assert_not_null(found);
    cr_expect(index_stamp_same(&found->stamp, &entry.stamp));
    cr_expect_arr_eq(found->hash.bytes, entry.hash.bytes, HASH_SIZE);
    cr_expect_str_eq(found->name, "csv");
    cr_expect_str_eq(found->version, "1.0");
    cr_expect(found->same_version);
    index_free(index);
}

Test(index, a_missing_or_damaged_file_counts_as_empty)
{
    CLEANUP_FREE char *path = sample_path("index");
    struct index *index = index_new();

    index_load(index, path);
    sample_write_bytes("index", "\x93\x01\xc1", 3);
    index_load(index, path);
    cr_expect_null(index_get(index, "/p/csv.so"));
    index_free(index);
}

Test(index, damaged_rows_are_skipped_and_nothing_else)
{
    struct index *index = index_new();
    struct index_entry entry = make_entry(1);
    CLEANUP_FREE char *path = sample_path("index");
    uint8_t bytes[4096] = {0x92};

    index_put(index, "/p/csv.so", &entry);
    cr_assert_eq(index_save(index, path, NULL), 0);
    FILE *file = fopen(path, "rb");
    size_t len = fread(bytes + 1, 1, sizeof bytes - 1, file);
    fclose(file);
    /* In place of the head of a list of one: the rest of the head of a list of two, and a number.
     */
    bytes[1] = 0x01;
    sample_write_bytes("index", bytes, len + 1);
    struct index *loaded = index_new();
    index_load(loaded, path);
    cr_expect_not_null(index_get(loaded, "/p/csv.so"));
    index_free(loaded);
    index_free(index);
}

Test(index, a_sweep_forgets_what_is_refused)
{
    struct index *index = index_new();
    struct index_entry entry = make_entry(1);

    index_put(index, "/keep/a.so", &entry);
    index_put(index, "/drop/b.so", &entry);
    index_sweep(index, keep_some, NULL);
    index = reload(index);
    cr_expect_not_null(index_get(index, "/keep/a.so"));
    cr_expect_null(index_get(index, "/drop/b.so"));
    index_free(index);
}

Test(index, nothing_is_written_when_nothing_changed)
{
    CLEANUP_FREE char *path = sample_path("index");
    struct index *index = index_new();
    struct stat info;

    cr_assert_eq(index_save(index, path, NULL), 0);
    cr_expect_neq(stat(path, &info), 0);
    index_free(index);
}

Test(index, a_failed_write_is_an_error_and_is_tried_again)
{
    CLEANUP_FREE char *nowhere = sample_path("none/index");
    CLEANUP_FREE char *path = sample_path("index");
    struct index *index = index_new();
    struct index_entry entry = make_entry(1);
    struct stat info;

    index_put(index, "/p/csv.so", &entry);
    cr_expect_lt(index_save(index, nowhere, NULL), 0);
    cr_expect_eq(index_save(index, path, NULL), 0);
    cr_expect_eq(stat(path, &info), 0);
    index_free(index);
}

Test(index, a_path_that_is_not_utf8_is_not_remembered)
{
    struct index *index = index_new();
    struct index_entry entry = make_entry(1);

    index_put(index, "/p/\xff.so", &entry);
    cr_expect_null(index_get(index, "/p/\xff.so"));
    index_free(index);
}

Test(index, a_path_one_byte_too_long_is_not_remembered)
{
    struct index *index = index_new();
    struct index_entry entry = make_entry(1);
    char path[INDEX_PATH_MAX + 2];

    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    index_put(index, path, &entry);
    cr_expect_null(index_get(index, path));
    index_put(index, path + 1, &entry);
    cr_expect_not_null(index_get(index, path + 1));
    index_free(index);
}

Test(index, each_member_of_a_stamp_tells_files_apart)
{
    const struct index_stamp stamp = {1, 2, 3, 4, 5};
    struct index_stamp other[5] = {stamp, stamp, stamp, stamp, stamp};

    other[0].device++;
    other[1].inode++;
    other[2].size++;
    other[3].changed_ns++;
    other[4].touched_ns++;
    cr_expect(index_stamp_same(&stamp, &stamp));
    for (size_t i = 0; i < 5; i++) {
        cr_expect_not(index_stamp_same(&stamp, &other[i]));
    }
}

Test(index, a_stamp_settles_after_its_newest_time)
{
    const struct index_stamp stamp = {.changed_ns = 1000000000, .touched_ns = 5000000000};

    cr_expect_not(index_stamp_settled(&stamp, 6999999, 2000));
    cr_expect_not(index_stamp_settled(&stamp, 7000000, 2000));
    cr_expect(index_stamp_settled(&stamp, 7000001, 2000));
}

Test(index, a_stamp_from_the_future_never_settles)
{
    const struct index_stamp stamp = {.changed_ns = INT64_MAX};
    cr_expect_not(index_stamp_settled(&stamp, INT64_C(1800000000000000), 2000));
}
