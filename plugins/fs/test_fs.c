/*
 * Tests of the fs plugin in a directory of their own, which is also the working directory.
 */
#include <criterion/criterion.h>

#include "plugins/fs/fs.c"
#include "plugins/testhost.h"

static struct testhost *host;
static char folder[] = "/tmp/leat-fs-XXXXXX";

/* A host and an empty working directory for each test. */
static void begin(void)
{
    host = testhost_new(leat_plugin_v1());
    cr_assert(mkdtemp(folder) != NULL);
    cr_assert_eq(chdir(folder), 0);
}

/* Ends them. */
static void end(void)
{
    testhost_free(host);
    cr_assert_eq(testhost_shell("rm -rf %s", folder), 0);
}

TestSuite(fs, .init = begin, .fini = end, .timeout = 30);

/* Runs a part on the one path it needs. */
static leat_status run_on(const char *type, const char *path)
{
    testhost_param(host, "path", "\"%s\"", path);
    return testhost_run(host, type);
}

/* Runs a shell line that must succeed. */
static void shell(const char *line)
{
    cr_assert_eq(testhost_shell("%s", line), 0, "%s", line);
}

Test(fs, writes_and_reads_text)
{
    testhost_param(host, "content", "\"h\\u00e9\"");
    cr_assert_eq(run_on("fs.write", "a/b/c"), LEAT_OK);
    testhost_reset(host);
    cr_assert_eq(run_on("fs.read", "a/b/c"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "content"), "\"h\u00e9\"");
    cr_assert_str_eq(testhost_json(host, "size"), "3");
}

Test(fs, writes_other_values_as_json)
{
    testhost_param(host, "content", "{\"n\": [1]}");
    cr_assert_eq(run_on("fs.write", "a"), LEAT_OK);
    shell("test \"$(tr -d ' \\n' < a)\" = '{\"n\":[1]}'");
}

Test(fs, reads_what_is_not_text_as_bytes)
{
    shell("printf '\\377' > a");
    cr_assert_eq(run_on("fs.read", "a"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "content"), "{\"$bin\":\"/w==\"}");
    testhost_param(host, "as", "\"text\"");
    cr_assert_eq(run_on("fs.read", "a"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "fs.not_text");
}

Test(fs, a_missing_file_is_named)
{
    cr_assert_eq(run_on("fs.read", "nothing"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "fs.not_found");
}

Test(fs, a_directory_and_a_pipe_are_not_files)
{
    cr_assert_eq(run_on("fs.read", "."), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "fs.not_a_file");
    shell("mkfifo pipe");
    cr_assert_eq(run_on("fs.read", "pipe"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "fs.not_a_file");
}

Test(fs, a_file_one_byte_too_large_is_refused)
{
    shell("printf 12345 > a");
    testhost_param(host, "max_size", "5");
    cr_assert_eq(run_on("fs.read", "a"), LEAT_OK);
    testhost_param(host, "max_size", "4");
    cr_assert_eq(run_on("fs.read", "a"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "fs.too_large");
}

Test(fs, a_failed_write_leaves_nothing)
{
    shell("mkdir a");
    testhost_param(host, "content", "\"x\"");
    cr_assert_neq(run_on("fs.write", "a"), LEAT_OK);
    shell("test \"$(ls -A)\" = a && test -z \"$(ls -A a)\"");
}

Test(fs, copies_content_and_mode)
{
    shell("printf hello > a; chmod 751 a");
    testhost_param(host, "from", "\"a\"");
    testhost_param(host, "to", "\"d/b\"");
    cr_assert_eq(testhost_run(host, "fs.copy"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "size"), "5");
    shell("cmp a d/b && test $(stat -c %a d/b) = 751 && test $(ls -A d | wc -l) = 1");
}

Test(fs, copy_replaces_only_when_allowed)
{
    shell("printf a > a; printf b > b");
    testhost_param(host, "from", "\"a\"");
    testhost_param(host, "to", "\"b\"");
    testhost_param(host, "replace", "false");
    cr_assert_eq(testhost_run(host, "fs.copy"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "fs.exists");
    shell("test $(cat b) = b");
    testhost_param(host, "replace", "true");
    cr_assert_eq(testhost_run(host, "fs.copy"), LEAT_OK);
    shell("test $(cat b) = a && test $(ls | wc -l) = 2");
}

Test(fs, removes_a_file)
{
    shell("touch a");
    cr_assert_eq(run_on("fs.remove", "a"), LEAT_OK);
    shell("test ! -e a");
}

Test(fs, removing_nothing_is_fine_unless_told_otherwise)
{
    cr_assert_eq(run_on("fs.remove", "a"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "removed"), "0");
    testhost_param(host, "missing_ok", "false");
    cr_assert_eq(run_on("fs.remove", "a"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "fs.not_found");
}

Test(fs, removes_a_full_directory_only_when_told)
{
    shell("mkdir -p d/e; touch d/e/f");
    cr_assert_eq(run_on("fs.remove", "d"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "fs.not_empty");
    testhost_param(host, "recursive", "true");
    cr_assert_eq(run_on("fs.remove", "d"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "removed"), "3");
    shell("test ! -e d");
}

Test(fs, removing_follows_no_link)
{
    shell("mkdir keep; touch keep/file; mkdir d; ln -s ../keep d/link");
    testhost_param(host, "recursive", "true");
    cr_assert_eq(run_on("fs.remove", "d"), LEAT_OK);
    shell("test -e keep/file");
}

Test(fs, refuses_to_remove_the_ground_it_stands_on)
{
    static const char *const paths[] = {"/", "//", ".", "..", "/tmp", "./", "../"};

    testhost_param(host, "recursive", "true");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        cr_assert_eq(run_on("fs.remove", paths[i]), LEAT_FAIL, "%s", paths[i]);
        cr_assert_str_eq(testhost_code(host), "fs.refused");
    }
    cr_assert_eq(run_on("fs.remove", ""), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "fs.bad_path");
}

Test(fs, lists_what_matches_sorted)
{
    shell("mkdir d c.csv; touch d/b.csv d/a.csv d/x.txt");
    testhost_param(host, "pattern", "\"d/*.csv\"");
    cr_assert_eq(testhost_run(host, "fs.list"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "paths"), "[\"d/a.csv\",\"d/b.csv\"]");
    testhost_param(host, "pattern", "\"*\"");
    testhost_param(host, "kind", "\"file\"");
    cr_assert_eq(testhost_run(host, "fs.list"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "count"), "0");
}

Test(fs, looks_at_what_is_and_what_is_not)
{
    shell("printf 123 > a");
    cr_assert_eq(run_on("fs.stat", "a"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "exists"), "true");
    cr_assert_str_eq(testhost_json(host, "size"), "3");
    cr_assert_str_eq(testhost_json(host, "kind"), "\"file\"");
    cr_assert_eq(run_on("fs.stat", "b"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "exists"), "false");
}

Test(fs, makes_directories_once)
{
    cr_assert_eq(run_on("fs.mkdir", "a/b"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "created"), "true");
    cr_assert_eq(run_on("fs.mkdir", "a/b"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "created"), "false");
    shell("touch a/f");
    cr_assert_eq(run_on("fs.mkdir", "a/f"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "fs.exists");
}
