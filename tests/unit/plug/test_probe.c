/*
 * One file through the doors: where each kind of bad file stops, and when a file is read at all.
 */
#include "plug/probe.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "base/mem.h"
#include "plug/catalogue.h"
#include "tests/unit/plug/sample.h"

enum { LATER_S = 100 };

static struct probe probe;
static char *path;

/* A probe that sees everything from a time at which all files have settled. */
static void enter(void)
{
    sample_enter();
    probe = (struct probe){
        .copies = copies_new(sample_home),
        .index = index_new(),
        .describe = sample_describe,
        .wall_us = ((int64_t)time(NULL) + LATER_S) * 1000000,
        .settle_ms = CATALOGUE_SETTLE_MS,
        .refused_ms = CATALOGUE_REFUSED_MS,
    };
    cr_assert_eq(copies_open(probe.copies, NULL), 0);
    path = sample_path("plugins/csv.so");
}

/* Frees what enter() made. */
static void leave(void)
{
    free(path);
    index_free(probe.index);
    copies_free(probe.copies);
    sample_leave();
}

TestSuite(probe, .init = enter, .fini = leave);

/* Probes the file; a test that expects an error does it itself. */
static struct probe_result look(void)
{
    struct probe_result result = {.status = PROBE_REFUSED};

    cr_assert_eq(probe_file(&probe, path, &result, NULL), 0);
    return result;
}

/* Expects that the file stops with <word> in the reason, and that no process saw it. */
static void expect_stop(enum probe_status status, const char *word)
{
    struct probe_result result = look();

    cr_expect_eq(result.status, status);
    cr_expect_null(result.plugin);
    cr_expect_not_null(strstr(result.reason.text, word), "\"%s\" is not in: %s", word,
                       result.reason.text);
    cr_expect_eq(sample_described, 0);
}

Test(probe, a_sound_file_passes_all_doors)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    struct probe_result result = look();

    cr_assert_eq(result.status, PROBE_OK);
    cr_expect_str_eq(result.name, "csv");
    cr_expect_str_eq(result.version, "1.0");
    cr_expect_str_empty(result.reason.text);
    cr_expect_str_empty(result.warning.text);
    cr_expect_str_eq(result.plugin->source_path, path);
}

Test(probe, stops_a_symbolic_link)
{
    sample_write("other.so", "csv", "1.0", "");
    CLEANUP_FREE char *target = sample_path("other.so");
    cr_assert_eq(symlink(target, path), 0);
    expect_stop(PROBE_REFUSED, "symbolic link");
}

Test(probe, stops_a_fifo_without_waiting_for_it)
{
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_stop(PROBE_REFUSED, "not a regular file");
}

Test(probe, stops_a_directory)
{
    cr_assert_eq(mkdir(path, 0700), 0);
    expect_stop(PROBE_REFUSED, "not a regular file");
}

Test(probe, stops_a_file_the_group_may_write)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    cr_assert_eq(chmod(path, 0620), 0);
    if (chown(path, (uid_t)-1, 1) != 0) {
        cr_skip_test("only root can give a file to a group with others in it");
    }
    expect_stop(PROBE_REFUSED, "chmod go-w");
}

Test(probe, the_own_private_group_may_write_a_directory)
{
    const struct passwd *user = getpwuid(geteuid());
    const struct group *group = user ? getgrgid(user->pw_gid) : NULL;

    if (group == NULL || strcmp(group->gr_name, user->pw_name) != 0 || *group->gr_mem != NULL) {
        cr_skip_test("this user has no private group");
    }
    cr_assert_eq(chown(sample_home, (uid_t)-1, user->pw_gid), 0);
    cr_assert_eq(chmod(sample_home, 0770), 0);
    cr_expect_eq(probe_dir(sample_home, NULL), 0);
}

Test(probe, stops_a_file_everybody_may_write)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    cr_assert_eq(chmod(path, 0602), 0);
    expect_stop(PROBE_REFUSED, "chmod go-w");
}

Test(probe, stops_a_file_of_another_user)
{
    if (geteuid() != 0) {
        cr_skip_test("only root can give files away");
    }
    sample_write("plugins/csv.so", "csv", "1.0", "");
    cr_assert_eq(chown(path, 12345, (gid_t)-1), 0);
    expect_stop(PROBE_REFUSED, "belongs to user 12345");
}

Test(probe, stops_a_file_one_byte_too_large)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    cr_assert_eq(truncate(path, CATALOGUE_FILE_SIZE_MAX + 1), 0);
    expect_stop(PROBE_REFUSED, "larger than 64 MiB");
}

Test(probe, passes_a_file_of_the_largest_size)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    cr_assert_eq(truncate(path, CATALOGUE_FILE_SIZE_MAX), 0);
    cr_expect_eq(look().status, PROBE_OK);
}

Test(probe, stops_a_file_that_is_not_elf)
{
    sample_write_bytes("plugins/csv.so", "int main;", 9);
    expect_stop(PROBE_REFUSED, "not a shared object");
}

Test(probe, stops_an_old_truncated_file_for_good)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    cr_assert_eq(truncate(path, SAMPLE_SIZE - 1), 0);
    expect_stop(PROBE_REFUSED, "cut short");
}

Test(probe, lets_a_young_truncated_file_wait)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    cr_assert_eq(truncate(path, SAMPLE_SIZE - 1), 0);
    probe.wall_us -= INT64_C(1000000) * LATER_S;
    expect_stop(PROBE_PENDING, "still being written");
}

Test(probe, lets_a_missing_file_wait)
{
    expect_stop(PROBE_PENDING, "No such file");
}

Test(probe, leaves_nothing_of_a_stopped_file_in_the_store)
{
    sample_write_bytes("plugins/csv.so", "int main;", 9);
    (void)look();
    struct hash hash = hash_bytes("int main;", 9);
    cr_expect_not(copies_has(probe.copies, &hash, 9));
}

Test(probe, passes_on_what_the_child_says)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    sample_fail("csv", ERR_PLUGIN_REFUSED, "it died of SIGSEGV");
    struct probe_result result = look();

    cr_expect_eq(result.status, PROBE_REFUSED);
    cr_expect_str_eq(result.reason.text, "breaks the SDK's rules: it died of SIGSEGV");
    cr_expect_str_eq(result.name, "csv");
}

Test(probe, looks_again_at_a_refused_file_that_was_touched)
{
    probe.wall_us -= INT64_C(1000000) * (LATER_S - 10);
    sample_write("plugins/csv.so", "csv", "1.0", "");
    sample_fail("csv", ERR_PLUGIN_REFUSED, "no libfoo.so");
    (void)look();
    (void)look();
    cr_assert_eq(sample_described, 1);
    sample_declare("csv", "csv.read");
    sample_write("plugins/csv.so", "csv", "1.0", "");
    /* Time stamps of files are coarse: without this both writes may bear the same. */
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) + 10}};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
    cr_expect_eq(look().status, PROBE_OK);
}

Test(probe, waits_when_no_process_may_be_started)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    probe.describe = NULL;
    expect_stop(PROBE_PENDING, "not been described");
}

Test(probe, reports_an_error_of_ours_as_an_error)
{
    struct probe_result result;

    sample_write("plugins/csv.so", "csv", "1.0", "");
    sample_fail("csv", ERR_IO, "disk on fire");
    cr_expect_eq(probe_file(&probe, path, &result, NULL), ERR_IO);
}

/* Describes every plugin as "other". */
static int describe_other(void *user, const char *copy_path, struct buf *ret_msgpack,
                          struct err_text *reterr_why)
{
    CLEANUP_FREE char *other = sample_path("other.so");

    (void)copy_path;
    return sample_describe(user, other, ret_msgpack, reterr_why);
}

Test(probe, stops_a_plugin_whose_marker_and_descriptor_disagree)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    sample_write("other.so", "other", "1.0", "");
    probe.describe = describe_other;
    struct probe_result result = look();

    cr_expect_eq(result.status, PROBE_REFUSED);
    cr_expect_not_null(strstr(result.reason.text, "its marker says"));
}

Test(probe, an_unchanged_file_is_read_once)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    cr_expect(look().read);
    struct probe_result second = look();
    cr_expect_not(second.read);
    cr_expect_eq(second.status, PROBE_OK);
    cr_expect_str_eq(second.version, "1.0");
}

Test(probe, a_young_file_is_read_again)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    probe.wall_us -= INT64_C(1000000) * LATER_S;
    cr_expect(look().read);
    cr_expect(look().read);
}

Test(probe, a_replaced_file_is_read_again)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    struct probe_result first = look();
    sample_write("plugins/csv.so", "csv", "1.1", "");
    struct probe_result second = look();

    cr_expect(second.read);
    cr_expect_str_eq(second.version, "1.1");
    cr_expect_neq(first.plugin, second.plugin);
}

Test(probe, a_file_whose_copy_is_gone_is_read_again)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    struct probe_result result = look();
    cr_assert_eq(unlink(result.plugin->copy_path), 0);
    cr_expect(look().read);
    cr_expect(file_exists(result.plugin->copy_path));
}

Test(probe, warns_of_the_same_version_with_different_bytes)
{
    sample_write("plugins/csv.so", "csv", "1.0", "one");
    cr_expect_str_empty(look().warning.text);
    sample_write("plugins/csv.so", "csv", "1.0", "two");
    struct probe_result result = look();

    cr_expect_eq(result.status, PROBE_OK);
    cr_expect_not_null(strstr(result.warning.text, "still calls itself version 1.0"));
    cr_expect_str_eq(look().warning.text, result.warning.text, "the warning stays");
}

Test(probe, does_not_warn_of_a_new_version)
{
    sample_write("plugins/csv.so", "csv", "1.0", "one");
    (void)look();
    sample_write("plugins/csv.so", "csv", "1.1", "two");
    cr_expect_str_empty(look().warning.text);
}

Test(probe, a_directory_of_ours_is_fit)
{
    cr_expect_eq(probe_dir(sample_home, NULL), 0);
}

Test(probe, a_directory_others_may_write_is_not)
{
    struct err_text why;

    cr_assert_eq(chmod(sample_home, 0777), 0);
    cr_expect_eq(probe_dir(sample_home, &why), ERR_PLUGIN_REFUSED);
    cr_expect_not_null(strstr(why.text, "chmod go-w"));
}

Test(probe, a_missing_directory_is_told_from_an_unfit_one)
{
    cr_expect_eq(probe_dir(path, NULL), ERR_NOT_FOUND);
    sample_write_bytes("plugins/csv.so", "x", 1);
    cr_expect_eq(probe_dir(path, NULL), ERR_PLUGIN_REFUSED);
}
