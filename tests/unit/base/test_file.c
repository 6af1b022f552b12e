/*
 * Files and directories, in a directory of its own for each test.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"

static char dir[] = "/tmp/leat-file.XXXXXX";

/* Makes the test's directory and goes there. */
static void enter(void)
{
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(chdir(dir), 0);
}

/* Removes the test's directory. */
static void leave(void)
{
    file_remove_tree(dir, NULL);
}

TestSuite(file, .init = enter, .fini = leave);

/* The number of names in the present directory. */
static unsigned count_names(void)
{
    unsigned count = 0;
    FILE *list = popen("ls -A", "re");
    char name[256];
    while (fgets(name, sizeof name, list)) {
        count++;
    }
    pclose(list);
    return count;
}

Test(file, write_then_read_returns_the_same_bytes)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(100);
    cr_assert_eq(file_write("a", "x\0y", 3, 0600, NULL), 0);
    cr_assert_eq(file_read("a", &buf, NULL), 0);
    cr_assert_eq(buf.len, 3);
    cr_assert_arr_eq(buf.data, "x\0y", 3);
}

Test(file, write_sets_the_mode_whatever_the_umask)
{
    umask(0077);
    cr_assert_eq(file_write("a", "x", 1, 0644, NULL), 0);
    struct stat info;
    cr_assert_eq(stat("a", &info), 0);
    cr_assert_eq(info.st_mode & 07777, 0644);
}

Test(file, write_replaces_and_leaves_nothing_else_behind)
{
    cr_assert_eq(file_write("a", "old", 3, 0600, NULL), 0);
    cr_assert_eq(file_write("a", "", 0, 0600, NULL), 0);
    CLEANUP_BUF struct buf buf = BUF_INIT(100);
    cr_assert_eq(file_read("a", &buf, NULL), 0);
    cr_assert_eq(buf.len, 0);
    cr_assert_eq(count_names(), 1);
}

Test(file, write_into_a_missing_directory_says_so)
{
    struct err_text why;
    cr_assert_eq(file_write("missing/a", "x", 1, 0600, &why), -ENOENT);
    cr_assert_str_eq(why.text, "Cannot create a file beside missing/a: No such file or directory.");
}

Test(file, write_that_fails_keeps_the_old_content)
{
    cr_assert_eq(file_write("a", "old", 3, 0600, NULL), 0);
    setenv("LEAT_FAULT", "file_write:error", 1);
    cr_assert_eq(file_write("a", "new", 3, 0600, NULL), -ENOSPC);
    CLEANUP_BUF struct buf buf = BUF_INIT(100);
    cr_assert_eq(file_read("a", &buf, NULL), 0);
    cr_assert_str_eq(buf_cstr(&buf), "old");
    cr_assert_eq(count_names(), 1);
}

Test(file, write_onto_a_directory_fails_and_cleans_up)
{
    cr_assert_eq(mkdir("a", 0700), 0);
    cr_assert_eq(file_write("a", "x", 1, 0600, NULL), -EISDIR);
    cr_assert_eq(count_names(), 1);
}

Test(file, read_takes_a_file_of_exactly_the_maximum)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(5);
    cr_assert_eq(file_write("a", "12345", 5, 0600, NULL), 0);
    cr_assert_eq(file_read("a", &buf, NULL), 0);
    cr_assert_str_eq(buf_cstr(&buf), "12345");
}

Test(file, read_refuses_one_byte_more)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(5);
    struct err_text why;
    cr_assert_eq(file_write("a", "123456", 6, 0600, NULL), 0);
    cr_assert_eq(file_read("a", &buf, &why), ERR_LIMIT);
    cr_assert_str_eq(why.text, "a is larger than the allowed 5 bytes.");
}

Test(file, read_takes_files_longer_than_its_pieces)
{
    enum { LEN = 200001 };
    char *bytes = xmalloc(LEN);
    memset(bytes, 'z', LEN);
    bytes[LEN - 1] = '!';
    CLEANUP_BUF struct buf buf = BUF_INIT(LEN);
    cr_assert_eq(file_write("a", bytes, LEN, 0600, NULL), 0);
    cr_assert_eq(file_read("a", &buf, NULL), 0);
    cr_assert_eq(buf.len, LEN);
    cr_assert_arr_eq(buf.data, bytes, LEN);
    free(bytes);
}

Test(file, read_of_what_is_no_file_says_why)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(5);
    struct err_text why;
    cr_assert_eq(file_read("missing", &buf, &why), -ENOENT);
    cr_assert_str_eq(why.text, "Cannot open missing: No such file or directory.");
    cr_assert_eq(file_read(".", &buf, &why), -EISDIR);
    cr_assert_str_eq(why.text, "Cannot read .: Is a directory.");
}

Test(file, read_of_a_pipe_without_writer_does_not_hang, .timeout = 5)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(5);
    cr_assert_eq(mkfifo("pipe", 0600), 0);
    cr_assert_eq(file_read("pipe", &buf, NULL), 0);
    cr_assert_eq(buf.len, 0);
}

Test(file, mkdirs_makes_all_levels_and_accepts_existing_ones)
{
    cr_assert_eq(file_mkdirs("a/b/c", 0700, NULL), 0);
    cr_assert(file_is_dir("a/b/c"));
    cr_assert_eq(file_mkdirs("a/b/c/", 0700, NULL), 0);
    CLEANUP_FREE char *absolute = file_join(dir, "x//y");
    cr_assert_eq(file_mkdirs(absolute, 0700, NULL), 0);
    cr_assert(file_is_dir("x/y"));
    cr_assert_eq(file_mkdirs("/", 0700, NULL), 0);
}

Test(file, mkdirs_stops_at_a_file)
{
    struct err_text why;
    cr_assert_eq(file_write("a", "x", 1, 0600, NULL), 0);
    cr_assert_eq(file_mkdirs("a/b", 0700, &why), -ENOTDIR);
    cr_assert_eq(file_mkdirs("a", 0700, &why), -ENOTDIR);
    cr_assert_str_eq(why.text, "Cannot make the directory a: Not a directory.");
}

Test(file, mkdirs_of_an_empty_name_fails)
{
    cr_assert_eq(file_mkdirs("", 0700, NULL), -ENOENT);
}

Test(file, sync_dir_wants_a_directory)
{
    cr_assert_eq(file_sync_dir(".", NULL), 0);
    cr_assert_eq(file_write("a", "x", 1, 0600, NULL), 0);
    struct err_text why;
    cr_assert_eq(file_sync_dir("a", &why), -ENOTDIR);
    cr_assert_str_eq(why.text, "Cannot open the directory a: Not a directory.");
}

Test(file, remove_tree_removes_everything_below)
{
    cr_assert_eq(file_mkdirs("a/b/c", 0700, NULL), 0);
    cr_assert_eq(file_write("a/b/file", "x", 1, 0600, NULL), 0);
    cr_assert_eq(file_remove_tree("a", NULL), 0);
    cr_assert_not(file_exists("a"));
}

Test(file, remove_tree_takes_single_files_and_missing_ones)
{
    cr_assert_eq(file_write("a", "x", 1, 0600, NULL), 0);
    cr_assert_eq(file_remove_tree("a", NULL), 0);
    cr_assert_eq(file_remove_tree("a", NULL), 0);
}

Test(file, remove_tree_does_not_follow_links)
{
    cr_assert_eq(file_mkdirs("kept", 0700, NULL), 0);
    cr_assert_eq(file_write("kept/file", "x", 1, 0600, NULL), 0);
    cr_assert_eq(file_mkdirs("a", 0700, NULL), 0);
    cr_assert_eq(symlink("../kept", "a/link"), 0);
    cr_assert_eq(symlink("kept", "link"), 0);
    cr_assert_eq(file_remove_tree("a", NULL), 0);
    cr_assert_eq(file_remove_tree("link", NULL), 0);
    cr_assert(file_exists("kept/file"));
}

Test(file, remove_tree_goes_128_levels_deep_and_no_further)
{
    CLEANUP_BUF struct buf path = BUF_INIT(1000);
    buf_put_byte(&path, 'a');
    for (unsigned level = 1; level < 128; level++) {
        buf_put_str(&path, STR("/a"));
    }
    cr_assert_eq(file_mkdirs(buf_cstr(&path), 0700, NULL), 0);
    cr_assert_eq(file_remove_tree("a", NULL), 0);
    buf_put_str(&path, STR("/a"));
    cr_assert_eq(file_mkdirs(buf_cstr(&path), 0700, NULL), 0);
    struct err_text why;
    cr_assert_eq(file_remove_tree("a", &why), ERR_LIMIT);
    cr_assert_str_eq(why.text, "Cannot remove a: a limit was exceeded.");
    cr_assert_eq(file_remove_tree("a/a", NULL), 0);
}

Test(file, exists_sees_dangling_links)
{
    cr_assert_not(file_exists("a"));
    cr_assert_eq(symlink("nowhere", "a"), 0);
    cr_assert(file_exists("a"));
    cr_assert_not(file_is_dir("a"));
}

Test(file, write_all_reports_a_closed_descriptor)
{
    cr_assert_eq(file_write_all(-1, "x", 1), -EBADF);
    cr_assert_eq(file_write_all(-1, NULL, 0), 0);
}

/* Expects file_join(dir, name) to be <want>. */
static void expect_join(const char *first, const char *second, const char *want)
{
    CLEANUP_FREE char *joined = file_join(first, second);
    cr_expect_str_eq(joined, want);
}

Test(file, join_puts_one_slash_between)
{
    expect_join("a", "b", "a/b");
    expect_join("a/", "b", "a/b");
    expect_join("/", "b", "/b");
    expect_join("a", "/b", "/b");
    expect_join("", "b", "b");
}

/* Expects the parts of <path>. */
static void expect_parts(const char *path, const char *dirname, const char *basename)
{
    CLEANUP_FREE char *part = file_dirname(path);
    cr_expect_str_eq(part, dirname);
    cr_expect_str_eq(file_basename(path), basename);
}

Test(file, dirname_and_basename_take_a_path_apart)
{
    expect_parts("a/b/c", "a/b", "c");
    expect_parts("c", ".", "c");
    expect_parts("/c", "/", "c");
    expect_parts("a/", "a", "");
}

/* Expects file_absolute(path) to be <want>. */
static void expect_absolute(const char *path, const char *want)
{
    CLEANUP_FREE char *absolute = file_absolute(path);
    cr_expect_str_eq(absolute, want);
}

Test(file, absolute_removes_dots_and_double_slashes)
{
    expect_absolute("/a/./b//c/", "/a/b/c");
    expect_absolute("/a/b/../c", "/a/c");
    expect_absolute("/../..", "/");
    expect_absolute("/", "/");
    expect_absolute("/a/...", "/a/...");
    CLEANUP_FREE char *here = file_join(dir, "x");
    expect_absolute("x", here);
    expect_absolute("y/../x", here);
    expect_absolute("", dir);
}
