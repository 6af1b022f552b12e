/*
 * The directory of copies: what is kept, for how long, and what is not believed.
 */
#include "plug/copies.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/plug/sample.h"

static struct copies *copies;
static struct hash hash;

/* An open directory with the copy of one sample. */
static void enter(void)
{
    uint8_t bytes[SAMPLE_SIZE];

    sample_enter();
    copies = copies_new(sample_home);
    cr_assert_eq(copies_open(copies, NULL), 0);
    sample_make(bytes, "csv", "1.0", "");
    hash = sample_hash("csv", "1.0", "");
    cr_assert_eq(copies_put(copies, &hash, bytes, sizeof bytes, NULL), 0);
}

/* Frees what enter() made. */
static void leave(void)
{
    copies_free(copies);
    sample_leave();
}

TestSuite(copies, .init = enter, .fini = leave);

/* Asks for the plugin at the given second. */
static int describe_at(int64_t seconds, const struct plug_plugin **ret_plugin,
                       struct err_text *ret_why)
{
    return copies_describe(copies, &hash, "/p/csv.so", sample_describe, NULL,
                           (seconds - 60) * 1000000, seconds * 1000000, ret_plugin, ret_why);
}

/* Forgets everything that is only in memory. */
static void reopen(void)
{
    copies_free(copies);
    copies = copies_new(sample_home);
}

/* The path of this content's file with the ending, on the heap. */
static char *file_of(const char *ending)
{
    char *path = copies_path(copies, &hash);

    CLEANUP_FREE char *stem = xstrndup(path, strlen(path) - 2);
    free(path);
    return xasprintf("%s%s", stem, ending);
}

Test(copies, a_copy_is_named_by_its_hash_and_closed_to_others)
{
    CLEANUP_FREE char *path = copies_path(copies, &hash);
    struct stat info;

    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0500);
    cr_expect_eq(info.st_size, SAMPLE_SIZE);
    cr_expect(copies_has(copies, &hash, SAMPLE_SIZE));
}

Test(copies, a_copy_of_another_size_does_not_count)
{
    cr_expect_not(copies_has(copies, &hash, SAMPLE_SIZE + 1));
}

Test(copies, a_damaged_copy_is_found_out)
{
    CLEANUP_FREE char *path = copies_path(copies, &hash);

    cr_expect_eq(copies_verify(copies, &hash, NULL), 0);
    cr_assert_eq(file_write(path, "x", 1, 0500, NULL), 0);
    cr_expect_eq(copies_verify(copies, &hash, NULL), ERR_CORRUPT);
    cr_assert_eq(unlink(path), 0);
    cr_expect_eq(copies_verify(copies, &hash, NULL), ERR_NOT_FOUND);
}

Test(copies, a_short_copy_is_written_again)
{
    CLEANUP_FREE char *path = copies_path(copies, &hash);
    uint8_t bytes[SAMPLE_SIZE];

    cr_assert_eq(file_write(path, "x", 1, 0500, NULL), 0);
    sample_make(bytes, "csv", "1.0", "");
    cr_assert_eq(copies_put(copies, &hash, bytes, sizeof bytes, NULL), 0);
    cr_expect_eq(copies_verify(copies, &hash, NULL), 0);
}

Test(copies, a_described_plugin_carries_its_paths_and_hash)
{
    CLEANUP_FREE char *path = copies_path(copies, &hash);
    const struct plug_plugin *plugin = NULL;

    cr_assert_eq(describe_at(1, &plugin, NULL), 0);
    cr_expect_str_eq(plugin->copy_path, path);
    cr_expect_str_eq(plugin->source_path, "/p/csv.so");
    cr_expect_arr_eq(plugin->hash.bytes, hash.bytes, HASH_SIZE);
}

Test(copies, a_known_content_starts_no_process)
{
    const struct plug_plugin *first = NULL;
    const struct plug_plugin *second = NULL;

    cr_assert_eq(describe_at(1, &first, NULL), 0);
    cr_assert_eq(describe_at(1, &second, NULL), 0);
    cr_expect_eq(first, second);
    reopen();
    cr_assert_eq(describe_at(1, &second, NULL), 0);
    cr_expect_eq(sample_described, 1);
}

Test(copies, a_damaged_descriptor_is_asked_for_again)
{
    CLEANUP_FREE char *path = file_of("desc");
    const struct plug_plugin *plugin = NULL;

    cr_assert_eq(describe_at(1, &plugin, NULL), 0);
    cr_assert_eq(file_write(path, "\xc1", 1, 0600, NULL), 0);
    reopen();
    cr_expect_eq(copies_plugin(copies, &hash, NULL, &plugin, NULL), ERR_NOT_FOUND);
    cr_assert_eq(describe_at(1, &plugin, NULL), 0);
    cr_expect_eq(sample_described, 2);
}

Test(copies, without_a_process_an_unknown_content_is_unavailable)
{
    const struct plug_plugin *plugin = NULL;

    cr_expect_eq(copies_describe(copies, &hash, NULL, NULL, NULL, 0, 1, &plugin, NULL),
                 ERR_UNAVAILABLE);
    cr_expect_null(plugin);
}

/* The second at which the note of refusal was written. */
static int64_t refused_at(void)
{
    CLEANUP_FREE char *path = file_of("refused");
    struct stat info;

    cr_assert_eq(stat(path, &info), 0);
    return info.st_mtim.tv_sec;
}

Test(copies, a_refusal_is_believed_for_its_time)
{
    const struct plug_plugin *plugin = NULL;
    struct err_text why = {""};

    sample_fail("csv", ERR_TIMEOUT, "it hangs");
    cr_assert_eq(describe_at(1, &plugin, &why), ERR_TIMEOUT);
    cr_assert_eq(describe_at(refused_at() + 30, &plugin, &why), ERR_PLUGIN_REFUSED);
    cr_expect_str_eq(why.text, "it hangs");
    cr_expect_eq(sample_described, 1);
    cr_assert_eq(describe_at(refused_at() + 62, &plugin, &why), ERR_TIMEOUT);
    cr_expect_eq(sample_described, 2);
}

Test(copies, a_refusal_from_the_future_is_not_believed)
{
    const struct plug_plugin *plugin = NULL;

    sample_fail("csv", ERR_PLUGIN_REFUSED, "it is broken");
    cr_assert_eq(describe_at(1, &plugin, NULL), ERR_PLUGIN_REFUSED);
    cr_assert_eq(describe_at(refused_at() - 10, &plugin, NULL), ERR_PLUGIN_REFUSED);
    cr_expect_eq(sample_described, 2);
}

Test(copies, a_failure_of_ours_is_no_refusal)
{
    CLEANUP_FREE char *path = file_of("refused");
    const struct plug_plugin *plugin = NULL;

    sample_fail("csv", ERR_UNAVAILABLE, "no spawner");
    cr_expect_eq(describe_at(1, &plugin, NULL), ERR_UNAVAILABLE);
    cr_expect_not(file_exists(path));
}

Test(copies, success_removes_the_note_of_refusal)
{
    CLEANUP_FREE char *path = file_of("refused");
    const struct plug_plugin *plugin = NULL;

    sample_fail("csv", ERR_PLUGIN_REFUSED, "it is broken");
    cr_assert_eq(describe_at(1, &plugin, NULL), ERR_PLUGIN_REFUSED);
    sample_declare("csv", "csv.read");
    cr_assert_eq(describe_at(refused_at() + 100, &plugin, NULL), 0);
    cr_expect_not(file_exists(path));
}

/* Answers with bytes that are not a descriptor. */
static int describe_nonsense(void *user, const char *copy_path, struct buf *ret_msgpack,
                             struct err_text *reterr_why)
{
    (void)user;
    (void)copy_path;
    (void)reterr_why;
    return buf_put(ret_msgpack, "hello", 5);
}

Test(copies, an_answer_that_is_not_a_descriptor_is_refused)
{
    const struct plug_plugin *plugin = NULL;

    cr_expect_eq(copies_describe(copies, &hash, NULL, describe_nonsense, NULL, 0, 1, &plugin, NULL),
                 ERR_PLUGIN_REFUSED);
}
