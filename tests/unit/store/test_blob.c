/*
 * Blobs: what was put comes back, and what is missing, cut or altered is told from it.
 */
#include "store/blob.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "temp_store.h"

static struct blob_dir *blobs;

/* Opens temp_home/blobs. */
static void enter(void)
{
    temp_store_enter();
    cr_assert_eq(blob_dir_open(temp_home, &blobs, NULL), 0);
}

/* Closes and removes it. */
static void leave(void)
{
    blob_dir_close(blobs);
    temp_store_leave();
}

TestSuite(blob, .init = enter, .fini = leave);

/* Puts a text. */
static struct blob_ref put(const char *text)
{
    struct blob_ref ref;
    struct err_text why = {""};
    cr_assert_eq(blob_put(blobs, text, strlen(text), &ref, &why), 0, "%s", why.text);
    return ref;
}

/* The file of a blob, in memory that the next call uses again. */
static const char *path_of(const struct blob_ref *ref)
{
    static char path[256];
    char digits[HASH_TEXT_SIZE];
    hash_format(&ref->hash, digits);
    (void)snprintf(path, sizeof path, "%s/%.2s/%s", blob_dir_path(blobs), digits, digits + 2);
    return path;
}

/* Maps a blob and compares it. */
static void expect_content(struct blob_dir *dir, const struct blob_ref *ref, const char *text)
{
    const uint8_t *bytes = NULL;
    size_t len = 0;
    struct err_text why = {""};
    cr_assert_eq(blob_map(dir, ref, &bytes, &len, &why), 0, "%s", why.text);
    cr_expect_eq(len, strlen(text));
    cr_expect_arr_eq(bytes, text, len);
    blob_unmap(bytes, len);
}

/* Expects <code> from mapping in a fresh process's view, with a sentence that names the file. */
static void expect_refused(const struct blob_ref *ref, int code)
{
    struct blob_dir *fresh = NULL;
    cr_assert_eq(blob_dir_open(temp_home, &fresh, NULL), 0);
    const uint8_t *bytes = NULL;
    size_t len = 0;
    struct err_text why = {""};
    cr_expect_eq(blob_map(fresh, ref, &bytes, &len, &why), code);
    cr_expect_not_null(strstr(why.text, path_of(ref)), "%s", why.text);
    cr_expect_null(bytes);
    cr_expect_eq(blob_verify(blobs, ref, NULL), code);
    blob_dir_close(fresh);
}

Test(blob, what_was_put_comes_back)
{
    struct blob_ref ref = put("some content");
    cr_expect_eq(ref.size, 12);
    expect_content(blobs, &ref, "some content");
    cr_expect(blob_exists(blobs, &ref));
    cr_expect_eq(blob_verify(blobs, &ref, NULL), 0);
}

Test(blob, an_empty_value_comes_back)
{
    struct blob_ref ref = put("");
    expect_content(blobs, &ref, "");
}

Test(blob, another_process_reads_it_by_the_directory_path)
{
    struct blob_ref ref = put("shared");
    struct blob_dir *other = NULL;
    cr_assert_eq(blob_dir_open_path(blob_dir_path(blobs), &other, NULL), 0);
    expect_content(other, &ref, "shared");
    blob_dir_close(other);
}

Test(blob, files_and_folders_are_private)
{
    struct blob_ref ref = put("secret");
    struct stat st;
    cr_assert_eq(stat(path_of(&ref), &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    cr_assert_eq(stat(blob_dir_path(blobs), &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0700);
}

Test(blob, the_same_content_is_written_once)
{
    struct blob_ref first = put("same");
    struct stat before;
    struct stat after;
    cr_assert_eq(stat(path_of(&first), &before), 0);
    struct blob_ref second = put("same");
    cr_assert_eq(stat(path_of(&first), &after), 0);
    cr_expect_eq(before.st_ino, after.st_ino);
    cr_expect_arr_eq(first.hash.bytes, second.hash.bytes, HASH_SIZE);
}

/* Sets the age of a file. */
static void make_old(const char *path, time_t age_s)
{
    struct timespec now;
    cr_assert_eq(clock_gettime(CLOCK_REALTIME, &now), 0);
    struct timespec times[2] = {{.tv_sec = now.tv_sec - age_s}, {.tv_sec = now.tv_sec - age_s}};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Counts blobs and keeps the age of the last. */
struct walked {
    unsigned count;
    int64_t age_s;
    uint64_t size;
};

/* One blob. */
static bool on_blob(void *user, const struct hash *hash, uint64_t size, int64_t age_s)
{
    struct walked *walked = user;
    cr_expect_neq(hash, NULL);
    walked->count++;
    walked->age_s = age_s;
    walked->size = size;
    return true;
}

Test(blob, putting_again_makes_it_young_for_the_sweep)
{
    struct blob_ref ref = put("same");
    make_old(path_of(&ref), 10000);
    struct walked walked = {0};
    blob_walk(blobs, on_blob, &walked);
    cr_expect_geq(walked.age_s, 9999);
    put("same");
    blob_walk(blobs, on_blob, &walked);
    cr_expect_lt(walked.age_s, 9999);
}

Test(blob, a_walk_visits_every_blob_and_nothing_else)
{
    put("one");
    put("two");
    struct blob_ref ref = put("three");
    cr_assert_eq(file_write(temp_path("blobs/note"), "x", 1, 0600, NULL), 0);
    char odd[300];
    (void)snprintf(odd, sizeof odd, "%.*s/odd", (int)strlen(path_of(&ref)) - 63, path_of(&ref));
    cr_assert_eq(file_write(odd, "x", 1, 0600, NULL), 0);
    struct walked walked = {0};
    blob_walk(blobs, on_blob, &walked);
    cr_expect_eq(walked.count, 3);
    cr_expect(file_exists(odd));
}

Test(blob, a_walk_removes_old_unfinished_files_and_spares_young_ones)
{
    struct blob_ref ref = put("content");
    char folder[300];
    (void)snprintf(folder, sizeof folder, "%.*s", (int)strlen(path_of(&ref)) - 63, path_of(&ref));
    char old[400];
    char young[400];
    (void)snprintf(old, sizeof old, "%s/.new-1-1", folder);
    (void)snprintf(young, sizeof young, "%s/.new-1-2", folder);
    cr_assert_eq(file_write(old, "x", 1, 0600, NULL), 0);
    cr_assert_eq(file_write(young, "x", 1, 0600, NULL), 0);
    make_old(old, 3700);
    struct walked walked = {0};
    blob_walk(blobs, on_blob, &walked);
    cr_expect_eq(walked.count, 1);
    cr_expect(!file_exists(old));
    cr_expect(file_exists(young));
}

/* Ends the walk at once. */
static bool stop(void *user, const struct hash *hash, uint64_t size, int64_t age_s)
{
    (void)on_blob(user, hash, size, age_s);
    return false;
}

Test(blob, a_visitor_can_end_the_walk)
{
    put("one");
    put("two");
    struct walked walked = {0};
    blob_walk(blobs, stop, &walked);
    cr_expect_eq(walked.count, 1);
}

Test(blob, a_missing_file_is_not_found)
{
    struct blob_ref ref = put("content");
    cr_assert_eq(unlink(path_of(&ref)), 0);
    cr_expect(!blob_exists(blobs, &ref));
    expect_refused(&ref, ERR_NOT_FOUND);
}

Test(blob, a_cut_file_is_damaged)
{
    struct blob_ref ref = put("content");
    cr_assert_eq(truncate(path_of(&ref), 3), 0);
    cr_expect(!blob_exists(blobs, &ref));
    expect_refused(&ref, ERR_CORRUPT);
}

Test(blob, an_altered_file_is_damaged)
{
    struct blob_ref ref = put("content");
    cr_assert_eq(file_write(path_of(&ref), "cOntent", 7, 0600, NULL), 0);
    expect_refused(&ref, ERR_CORRUPT);
}

Test(blob, a_reference_with_the_wrong_size_is_damaged)
{
    struct blob_ref ref = put("content");
    ref.size++;
    expect_refused(&ref, ERR_CORRUPT);
}

Test(blob, a_link_in_place_of_the_file_is_damaged)
{
    struct blob_ref ref = put("content");
    cr_assert_eq(rename(path_of(&ref), "elsewhere"), 0);
    cr_assert_eq(symlink(temp_path("elsewhere"), path_of(&ref)), 0);
    expect_refused(&ref, ERR_CORRUPT);
}

Test(blob, putting_repairs_a_cut_file)
{
    struct blob_ref ref = put("content");
    cr_assert_eq(truncate(path_of(&ref), 3), 0);
    put("content");
    expect_content(blobs, &ref, "content");
}

Test(blob, putting_repairs_an_altered_file)
{
    struct blob_ref ref = put("content");
    cr_assert_eq(file_write(path_of(&ref), "cOntent", 7, 0600, NULL), 0);
    struct blob_dir *fresh = NULL;
    cr_assert_eq(blob_dir_open(temp_home, &fresh, NULL), 0);
    cr_expect_eq(blob_put(fresh, "content", 7, &ref, NULL), 0);
    expect_content(fresh, &ref, "content");
    cr_expect_eq(blob_verify(fresh, &ref, NULL), 0);
    blob_dir_close(fresh);
}

Test(blob, removing_is_final_and_may_be_repeated)
{
    struct blob_ref ref = put("content");
    cr_expect_eq(blob_remove(blobs, &ref.hash), 0);
    cr_expect_eq(blob_remove(blobs, &ref.hash), 0);
    expect_refused(&ref, ERR_NOT_FOUND);
}

Test(blob, a_mapped_blob_stays_readable_when_it_is_removed)
{
    struct blob_ref ref = put("content");
    const uint8_t *bytes = NULL;
    size_t len = 0;
    cr_assert_eq(blob_map(blobs, &ref, &bytes, &len, NULL), 0);
    cr_assert_eq(blob_remove(blobs, &ref.hash), 0);
    cr_expect_arr_eq(bytes, "content", 7);
    blob_unmap(bytes, len);
}

Test(blob, one_byte_more_than_allowed_is_refused)
{
    size_t len = (size_t)BLOB_SIZE_MAX + 1;
    void *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    cr_assert_neq(bytes, MAP_FAILED);
    struct blob_ref ref;
    struct err_text why = {""};
    cr_expect_eq(blob_put(blobs, bytes, len, &ref, &why), ERR_LIMIT);
    cr_expect_not_null(strstr(why.text, "larger than the allowed"));
    munmap(bytes, len);
}

Test(blob, a_failed_write_leaves_nothing_behind)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 4;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct blob_ref ref;
    struct err_text why = {""};
    cr_expect_lt(blob_put(blobs, "content", 7, &ref, &why), 0);
    cr_expect_not_null(strstr(why.text, "Cannot write"), "%s", why.text);
    char command[128];
    (void)snprintf(command, sizeof command, "find %s -type f | wc -l", blob_dir_path(blobs));
    FILE *list = popen(command, "re");
    char count[16] = "";
    cr_assert_not_null(fgets(count, sizeof count, list));
    pclose(list);
    cr_expect_str_eq(count, "0\n");
}

Test(blob, writers_of_the_same_content_do_not_disturb_each_other)
{
    enum { WRITERS = 8, ROUNDS = 20 };
    pid_t pids[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            int failed = 0;
            for (int round = 0; round < ROUNDS; round++) {
                char text[32];
                (void)snprintf(text, sizeof text, "round %d", round);
                struct blob_ref ref;
                const uint8_t *bytes = NULL;
                size_t len = 0;
                failed |= blob_put(blobs, text, strlen(text), &ref, NULL);
                failed |= blob_map(blobs, &ref, &bytes, &len, NULL);
            }
            _exit(failed != 0);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 0;
        cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    struct walked walked = {0};
    blob_walk(blobs, on_blob, &walked);
    cr_expect_eq(walked.count, ROUNDS);
}
