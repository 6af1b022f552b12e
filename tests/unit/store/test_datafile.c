/*
 * Data files that LMDB would trust blindly are refused before it sees them. Each test damages the
 * file of a real store.
 */
#include "store/datafile.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "store/store.h"
#include "temp_store.h"

enum { PAGE = 4096 };

static const char file[] = "store/state/data.mdb";

/* A closed store with some rows, so that it is several pages long. */
static void make_store(void)
{
    temp_store_enter();
    struct store *store = temp_store_open();
    for (int i = 0; i < 50; i++) {
        char key[16];
        char val[2000];
        memset(val, 'v', sizeof val);
        (void)snprintf(key, sizeof key, "key%d", i);
        val[sizeof val - 1] = '\0';
        cr_assert_eq(temp_store_put(store, STORE_EVENT, key, val), 0);
    }
    store_close(store);
}

TestSuite(datafile, .init = make_store, .fini = temp_store_leave);

/* Overwrites <len> bytes at <offset>. */
static void damage(off_t offset, const void *bytes, size_t len)
{
    int fd = open(file, O_WRONLY);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, bytes, len, offset), (ssize_t)len);
    close(fd);
}

/* The last page in use according to the newer header page. */
static uint64_t last_page(void)
{
    uint64_t fields[2][2] = {{0}};
    int fd = open(file, O_RDONLY);
    cr_assert_eq(pread(fd, fields[0], 16, 136), 16);
    cr_assert_eq(pread(fd, fields[1], 16, PAGE + 136), 16);
    close(fd);
    return fields[1][1] > fields[0][1] ? fields[1][0] : fields[0][0];
}

/* Expects <code> from the check and from opening the store, and a sentence that names the file. */
static void expect_refused(int code)
{
    struct err_text why = {""};
    cr_expect_eq(datafile_check(file, &why), code, "%s", why.text);
    cr_expect_not_null(strstr(why.text, file), "%s", why.text);
    struct err_text store_why = {""};
    cr_expect_eq(temp_store_try(&store_why), code, "%s", store_why.text);
}

Test(datafile, the_file_of_a_closed_store_is_accepted)
{
    struct err_text why = {""};
    cr_assert_eq(datafile_check(file, &why), 0, "%s", why.text);
}

Test(datafile, a_file_cut_at_any_page_in_use_is_refused)
{
    uint64_t pages = last_page() + 1;
    cr_assert_gt(pages, 20);
    for (uint64_t keep = pages - 1; keep >= 1; keep--) {
        cr_assert_eq(truncate(file, (off_t)keep * PAGE), 0);
        struct err_text why = {""};
        cr_expect_eq(datafile_check(file, &why), ERR_CORRUPT, "%d pages", (int)keep);
    }
}

Test(datafile, a_file_cut_by_one_byte_is_refused)
{
    cr_assert_eq(truncate(file, (off_t)(last_page() + 1) * PAGE - 1), 0);
    expect_refused(ERR_CORRUPT);
}

Test(datafile, a_file_cut_after_the_last_page_in_use_is_accepted)
{
    cr_assert_eq(truncate(file, (off_t)(last_page() + 1) * PAGE), 0);
    struct err_text why = {""};
    cr_expect_eq(datafile_check(file, &why), 0, "%s", why.text);
    cr_expect_eq(temp_store_try(&why), 0, "%s", why.text);
}

Test(datafile, an_empty_file_is_refused)
{
    cr_assert_eq(truncate(file, 0), 0);
    expect_refused(ERR_CORRUPT);
}

Test(datafile, a_damaged_first_header_is_refused)
{
    damage(16, "\0\0\0\0", 4);
    expect_refused(ERR_CORRUPT);
}

Test(datafile, a_damaged_second_header_is_refused)
{
    damage(PAGE + 16, "\0\0\0\0", 4);
    expect_refused(ERR_CORRUPT);
}

Test(datafile, a_header_page_that_says_it_is_none_is_refused)
{
    damage(10, "\0\0", 2);
    expect_refused(ERR_CORRUPT);
}

Test(datafile, another_data_format_is_refused)
{
    damage(20, "\2\0\0\0", 4);
    expect_refused(ERR_STORE_SCHEMA);
}

Test(datafile, an_impossible_page_size_is_refused)
{
    damage(40, "\1\0\0\0", 4);
    expect_refused(ERR_CORRUPT);
}

Test(datafile, header_pages_that_disagree_are_refused)
{
    damage(PAGE + 40, "\0\x20\0\0", 4);
    expect_refused(ERR_CORRUPT);
}

Test(datafile, an_impossible_last_page_is_refused)
{
    damage(136, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    expect_refused(ERR_CORRUPT);
}

Test(datafile, a_missing_file_is_reported)
{
    cr_assert_eq(unlink(file), 0);
    struct err_text why = {""};
    cr_expect_eq(datafile_check(file, &why), ERR_NOT_FOUND);
    cr_expect_eq(temp_store_try(&why), ERR_CORRUPT);
}

Test(datafile, a_file_others_can_read_is_refused)
{
    cr_assert_eq(chmod(file, 0640), 0);
    expect_refused(ERR_STORE_UNSUITABLE);
}

Test(datafile, a_link_is_refused)
{
    cr_assert_eq(rename(file, "elsewhere"), 0);
    cr_assert_eq(symlink("../../elsewhere", file), 0);
    expect_refused(ERR_STORE_UNSUITABLE);
}

Test(datafile, a_pipe_is_refused_without_waiting_for_a_writer)
{
    cr_assert_eq(unlink(file), 0);
    cr_assert_eq(mkfifo(file, 0600), 0);
    expect_refused(ERR_STORE_UNSUITABLE);
}

Test(datafile, a_file_of_another_user_is_refused)
{
    if (geteuid() != 0) {
        cr_skip_test("only root can give files away");
    }
    cr_assert_eq(chown(file, 65534, 65534), 0);
    expect_refused(ERR_STORE_UNSUITABLE);
}
