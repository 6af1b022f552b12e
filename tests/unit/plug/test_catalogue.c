/*
 * The catalogue: what a home and a bundled directory offer together, and what remains as they
 * change.
 */
#include "plug/catalogue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/plug/sample.h"

static struct catalogue *catalogue;

/* A catalogue of an empty home. */
static void enter(void)
{
    sample_enter();
    CLEANUP_FREE char *bundled = sample_path("bundled");
    catalogue = catalogue_new(sample_home, bundled, sample_describe, NULL);
}

/* Frees what enter() made. */
static void leave(void)
{
    catalogue_free(catalogue);
    sample_leave();
}

TestSuite(catalogue, .init = enter, .fini = leave);

/* Scans; returns the view. */
static const struct catalogue_view *scan(void)
{
    struct err_text why = {""};

    cr_assert_eq(catalogue_scan(catalogue, &why), 0, "%s", why.text);
    return catalogue_view(catalogue);
}

/* The file that ends with <place> in the newest view. */
static const struct catalogue_file *file_at(const char *place)
{
    const struct catalogue_view *view = catalogue_view(catalogue);
    CLEANUP_FREE char *path = sample_path(place);

    for (size_t i = 0; i < view->file_count; i++) {
        if (strcmp(view->files[i].path, path) == 0) {
            return &view->files[i];
        }
    }
    cr_assert_fail("%s is not in the view", place);
    return NULL;
}

/* Expects this status, and <word> in the reason. */
static void expect_status(const char *place, enum catalogue_status status, const char *word)
{
    const struct catalogue_file *file = file_at(place);

    cr_expect_eq(file->status, status, "%s is %s: %s", place, catalogue_status_name(file->status),
                 file->reason);
    cr_expect_not_null(strstr(file->reason, word), "\"%s\" is not in: %s", word, file->reason);
}

/* The task <type>, or NULL. */
static const struct plug_part *task(const char *type)
{
    return catalogue_part(catalogue, LEAT_KIND_TASK, str_of(type));
}

Test(catalogue, is_empty_before_the_first_scan)
{
    cr_expect_eq(catalogue_view(catalogue)->file_count, 0);
    cr_expect_null(task("csv.read"));
}

Test(catalogue, an_empty_home_is_no_error)
{
    file_remove_tree(sample_home, NULL);
    cr_expect_eq(scan()->file_count, 0);
}

Test(catalogue, offers_the_parts_of_both_directories)
{
    sample_declare("csv", "csv.read csv.write");
    sample_declare("mail", "!mail");
    sample_write("plugins/csv.so", "csv", "1.0", "");
    sample_write("bundled/mail.so", "mail", "2.0", "");
    const struct catalogue_view *view = scan();

    cr_assert_eq(view->part_count, 3);
    cr_expect_str_eq(task("csv.write")->plugin->name, "csv");
    cr_expect_not_null(catalogue_part(catalogue, LEAT_KIND_NOTIFIER, STR("mail")));
    cr_expect_null(task("mail"));
    cr_expect_null(task("csv.writ"));
    cr_expect_null(task("csv.writes"));
}

Test(catalogue, lists_home_first_and_each_directory_by_name)
{
    sample_declare("a", "a.x");
    sample_declare("b", "b.x");
    sample_declare("c", "c.x");
    sample_write("bundled/a.so", "a", "1", "");
    sample_write("plugins/c.so", "c", "1", "");
    sample_write("plugins/b.so", "b", "1", "");
    const struct catalogue_view *view = scan();

    cr_assert_eq(view->file_count, 3);
    cr_expect_str_eq(view->files[0].name, "b");
    cr_expect_str_eq(view->files[1].name, "c");
    cr_expect_str_eq(view->files[2].name, "a");
    cr_expect(view->files[2].bundled);
}

Test(catalogue, looks_at_nothing_but_so_files)
{
    sample_write("plugins/csv.so.tmp", "csv", "1.0", "");
    sample_write("plugins/.hidden.so", "csv", "1.0", "");
    sample_write("plugins/.so", "csv", "1.0", "");
    sample_write("plugins/README", "csv", "1.0", "");
    cr_expect_eq(scan()->file_count, 0);
}

Test(catalogue, a_bad_file_does_not_harm_the_others)
{
    sample_declare("csv", "csv.read");
    sample_write("plugins/csv.so", "csv", "1.0", "");
    sample_write_bytes("plugins/aaa.so", "nonsense", 8);
    (void)scan();
    expect_status("plugins/aaa.so", CATALOGUE_REFUSED, "not a shared object");
    cr_expect_not_null(task("csv.read"));
}

Test(catalogue, a_new_file_appears_at_the_next_scan)
{
    sample_declare("csv", "csv.read");
    (void)scan();
    sample_write("plugins/csv.so", "csv", "1.0", "");
    cr_expect_null(task("csv.read"));
    (void)scan();
    cr_expect_not_null(task("csv.read"));
}

Test(catalogue, nothing_new_means_the_same_view)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    sample_write_bytes("plugins/bad.so", "nonsense", 8);
    const struct catalogue_view *first = scan();
    const struct catalogue_view *second = scan();

    cr_expect_eq(first, second);
    cr_expect_eq(second->generation, 1);
    cr_expect_eq(sample_described, 1);
}

Test(catalogue, a_removed_plugin_stays_valid_for_those_who_have_it)
{
    CLEANUP_FREE char *path = sample_path("plugins/csv.so");

    sample_declare("csv", "csv.read");
    sample_write("plugins/csv.so", "csv", "1.0", "");
    (void)scan();
    const struct plug_part *part = task("csv.read");
    cr_assert_eq(unlink(path), 0);
    (void)scan();
    cr_expect_null(task("csv.read"));
    cr_expect_str_eq(part->plugin->name, "csv");
    cr_expect(file_exists(part->plugin->copy_path));
}

Test(catalogue, a_replaced_plugin_is_another_plugin)
{
    sample_declare("csv", "csv.read");
    sample_write("plugins/csv.so", "csv", "1.0", "");
    (void)scan();
    const struct plug_part *before = task("csv.read");
    sample_write("plugins/csv.so", "csv", "1.1", "");
    (void)scan();
    const struct plug_part *after = task("csv.read");

    cr_expect_neq(before, after);
    cr_expect_str_eq(before->plugin->version, "1.0");
    cr_expect_str_eq(after->plugin->version, "1.1");
}

Test(catalogue, another_process_starts_from_what_this_one_learnt)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    (void)scan();
    catalogue_free(catalogue);
    catalogue = catalogue_new(sample_home, NULL, NULL, NULL);
    (void)scan();
    expect_status("plugins/csv.so", CATALOGUE_OK, "");
    cr_expect_eq(sample_described, 1);
}

Test(catalogue, without_processes_an_unknown_file_stays_pending)
{
    catalogue_free(catalogue);
    catalogue = catalogue_new(sample_home, NULL, NULL, NULL);
    sample_write("plugins/csv.so", "csv", "1.0", "");
    (void)scan();
    expect_status("plugins/csv.so", CATALOGUE_PENDING, "not been described");
}

Test(catalogue, a_home_plugin_replaces_the_bundled_one_of_its_name)
{
    sample_declare("csv", "csv.read");
    sample_write("bundled/csv.so", "csv", "1.0", "");
    sample_write("plugins/mine.so", "csv", "2.0", "");
    (void)scan();
    expect_status("bundled/csv.so", CATALOGUE_REPLACED, "plugins/mine.so");
    expect_status("plugins/mine.so", CATALOGUE_OK, "");
    cr_expect_str_eq(task("csv.read")->plugin->version, "2.0");
}

Test(catalogue, a_refused_home_plugin_replaces_nothing)
{
    sample_declare("csv", "csv.read");
    sample_write("bundled/csv.so", "csv", "1.0", "");
    (void)scan();
    sample_fail("csv", ERR_PLUGIN_REFUSED, "it crashed");
    sample_write("plugins/csv.so", "csv", "2.0", "");
    (void)scan();
    expect_status("plugins/csv.so", CATALOGUE_REFUSED, "it crashed");
    cr_expect_str_eq(task("csv.read")->plugin->version, "1.0");
}

Test(catalogue, two_plugins_of_a_name_in_one_directory_are_both_refused)
{
    sample_write("plugins/a.so", "csv", "1.0", "");
    sample_write("plugins/b.so", "csv", "1.1", "");
    sample_write("plugins/c.so", "csv", "1.2", "");
    (void)scan();
    expect_status("plugins/a.so", CATALOGUE_REFUSED, ".so; remove one");
    expect_status("plugins/b.so", CATALOGUE_REFUSED, ".so; remove one");
    expect_status("plugins/c.so", CATALOGUE_REFUSED, ".so; remove one");
}

Test(catalogue, the_same_content_twice_is_served_once)
{
    sample_declare("csv", "csv.read");
    sample_write("plugins/a.so", "csv", "1.0", "");
    sample_write("plugins/b.so", "csv", "1.0", "");
    (void)scan();
    expect_status("plugins/a.so", CATALOGUE_OK, "");
    expect_status("plugins/b.so", CATALOGUE_REPLACED, "same content as");
    cr_expect_not_null(task("csv.read"));
}

Test(catalogue, a_part_declared_twice_is_refused_and_both_are_named)
{
    sample_declare("csv", "csv.read");
    sample_declare("tables", "csv.read");
    sample_write("plugins/csv.so", "csv", "1.0", "");
    sample_write("plugins/tables.so", "tables", "1.0", "");
    (void)scan();
    expect_status("plugins/csv.so", CATALOGUE_REFUSED, "plugins/tables.so (tables)");
    expect_status("plugins/tables.so", CATALOGUE_REFUSED, "plugins/csv.so (csv)");
    cr_expect_null(task("csv.read"));
}

Test(catalogue, a_third_plugin_with_the_part_is_refused_as_well)
{
    sample_declare("a", "csv.read");
    sample_declare("b", "csv.read");
    sample_declare("c", "csv.read");
    sample_write("plugins/a.so", "a", "1.0", "");
    sample_write("plugins/b.so", "b", "1.0", "");
    sample_write("plugins/c.so", "c", "1.0", "");
    (void)scan();
    expect_status("plugins/c.so", CATALOGUE_REFUSED, "csv.read");
}

Test(catalogue, a_task_and_a_notifier_may_share_a_type)
{
    sample_declare("a", "log.it");
    sample_declare("b", "!log.it");
    sample_write("plugins/a.so", "a", "1.0", "");
    sample_write("plugins/b.so", "b", "1.0", "");
    cr_expect_eq(scan()->part_count, 2);
}

Test(catalogue, a_home_plugin_may_not_take_a_bundled_part)
{
    sample_declare("csv", "csv.read");
    sample_declare("mine", "csv.read");
    sample_write("bundled/csv.so", "csv", "1.0", "");
    sample_write("plugins/mine.so", "mine", "1.0", "");
    (void)scan();
    expect_status("plugins/mine.so", CATALOGUE_REFUSED, "call this one the same");
    expect_status("bundled/csv.so", CATALOGUE_OK, "");
}

Test(catalogue, what_a_refused_plugin_had_replaced_comes_back)
{
    sample_declare("csv", "csv.read");
    sample_declare("fs", "fs.copy");
    sample_write("bundled/csv.so", "csv", "1.0", "");
    sample_write("bundled/fs.so", "fs", "1.0", "");
    (void)scan();
    sample_declare("csv", "csv.read fs.copy");
    sample_write("plugins/csv.so", "csv", "2.0", "");
    (void)scan();
    expect_status("plugins/csv.so", CATALOGUE_REFUSED, "fs.copy");
    expect_status("bundled/csv.so", CATALOGUE_OK, "");
    cr_expect_str_eq(task("csv.read")->plugin->version, "1.0");
}

Test(catalogue, a_file_being_overwritten_is_served_with_its_old_content)
{
    CLEANUP_FREE char *path = sample_path("plugins/csv.so");

    sample_declare("csv", "csv.read");
    sample_write("plugins/csv.so", "csv", "1.0", "");
    (void)scan();
    cr_assert_eq(truncate(path, 100), 0);
    (void)scan();
    expect_status("plugins/csv.so", CATALOGUE_OK, "");
    cr_expect_not_null(strstr(file_at("plugins/csv.so")->warning, "being replaced"));
    cr_expect_str_eq(task("csv.read")->plugin->version, "1.0");
}

Test(catalogue, a_directory_others_may_write_is_refused_whole)
{
    CLEANUP_FREE char *dir = sample_path("plugins");

    sample_write("plugins/csv.so", "csv", "1.0", "");
    cr_assert_eq(chmod(dir, 0777), 0);
    const struct catalogue_view *view = scan();
    cr_expect_eq(view->file_count, 1);
    expect_status("plugins", CATALOGUE_REFUSED, "chmod go-w");
}

Test(catalogue, one_file_too_many_refuses_the_directory)
{
    CLEANUP_FREE char *extra = sample_path("plugins/extra.so");

    for (unsigned i = 0; i <= CATALOGUE_FILES_MAX; i++) {
        CLEANUP_FREE char *path = i == 0 ? xstrdup(extra) : xasprintf("%s%u.so", extra, i);
        cr_assert_eq(symlink("nowhere", path), 0);
    }
    cr_expect_eq(scan()->file_count, 1);
    expect_status("plugins", CATALOGUE_REFUSED, "more than 1024");
    cr_assert_eq(unlink(extra), 0);
    cr_expect_eq(scan()->file_count, CATALOGUE_FILES_MAX);
}

Test(catalogue, a_name_that_is_not_utf8_is_refused)
{
    sample_write("plugins/\xff.so", "csv", "1.0", "");
    (void)scan();
    expect_status("plugins", CATALOGUE_REFUSED, "UTF-8");
}

Test(catalogue, a_store_that_can_not_be_made_is_an_error_and_changes_nothing)
{
    sample_declare("csv", "csv.read");
    sample_write("plugins/csv.so", "csv", "1.0", "");
    sample_write_bytes("store", "x", 1);
    struct err_text why = {""};

    cr_expect_lt(catalogue_scan(catalogue, &why), 0);
    cr_expect_str_not_empty(why.text);
    cr_expect_eq(catalogue_view(catalogue)->generation, 0);
}

/* Expects that the scan fails when the <nth> file that is written meets a full disk, changes
 * nothing, and does its work when there is room again. The first file is the plugin itself. */
static void expect_recovery(const char *nth)
{
    CLEANUP_FREE char *fault = xasprintf("file_write:error:%s", nth);
    struct err_text why = {""};

    sample_declare("csv", "csv.read");
    cr_assert_eq(setenv("LEAT_FAULT", fault, 1), 0);
    sample_write("plugins/csv.so", "csv", "1.0", "");
    cr_expect_eq(catalogue_scan(catalogue, &why), -ENOSPC);
    cr_expect_str_not_empty(why.text);
    cr_expect_eq(catalogue_view(catalogue)->generation, 0);
    (void)scan();
    cr_expect_not_null(task("csv.read"));
}

Test(catalogue, a_full_disk_while_copying_is_an_error_that_passes)
{
    expect_recovery("2");
}

Test(catalogue, a_full_disk_while_keeping_the_descriptor_is_an_error_that_passes)
{
    expect_recovery("3");
}

Test(catalogue, finds_a_plugin_by_name)
{
    sample_write("plugins/csv.so", "csv", "1.0", "");
    (void)scan();
    cr_expect_str_eq(catalogue_plugin(catalogue, STR("csv"))->name, "csv");
    cr_expect_null(catalogue_plugin(catalogue, STR("cs")));
}

/* Expects <word> in what is said about a missing task. */
static void expect_missing(const char *type, const char *word)
{
    struct err_text why = {""};

    cr_expect_eq(catalogue_part_missing(catalogue, LEAT_KIND_TASK, str_of(type), &why),
                 ERR_NOT_FOUND);
    cr_expect_not_null(strstr(why.text, word), "\"%s\" is not in: %s", word, why.text);
}

Test(catalogue, suggests_a_task_of_a_similar_name)
{
    sample_declare("csv", "csv.read");
    sample_write("plugins/csv.so", "csv", "1.0", "");
    (void)scan();
    expect_missing("csv.raed", "did you mean \"csv.read\"");
    expect_missing("train", "leat plugin ls");
}

Test(catalogue, names_the_refused_file_that_has_the_task)
{
    sample_declare("a", "csv.read");
    sample_declare("b", "csv.read");
    sample_write("plugins/a.so", "a", "1.0", "");
    sample_write("plugins/b.so", "b", "1.0", "");
    (void)scan();
    expect_missing("csv.read", "plugins/a.so, which can not be used");
}

Test(catalogue, counts_unusable_files_when_nothing_else_helps)
{
    sample_write_bytes("plugins/bad.so", "nonsense", 8);
    (void)scan();
    expect_missing("csv.read", "1 plugin file(s)");
}

Test(catalogue, a_pinned_content_is_found_after_its_file_is_gone)
{
    const struct plug_plugin *plugin = NULL;
    CLEANUP_FREE char *path = sample_path("plugins/csv.so");
    struct hash hash = sample_hash("csv", "1.0", "");

    sample_declare("csv", "csv.read");
    sample_write("plugins/csv.so", "csv", "1.0", "");
    (void)scan();
    cr_assert_eq(unlink(path), 0);
    catalogue_free(catalogue);
    catalogue = catalogue_new(sample_home, NULL, NULL, NULL);
    (void)scan();
    cr_assert_eq(catalogue_pin(catalogue, &hash, &plugin, NULL), 0);
    cr_expect_str_eq(plugin->name, "csv");
    cr_expect_not_null(descriptor_part(plugin, LEAT_KIND_TASK, STR("csv.read")));
}

Test(catalogue, a_pinned_content_that_is_offered_is_the_offered_plugin)
{
    const struct plug_plugin *plugin = NULL;
    struct hash hash = sample_hash("csv", "1.0", "");

    sample_write("plugins/csv.so", "csv", "1.0", "");
    (void)scan();
    cr_assert_eq(catalogue_pin(catalogue, &hash, &plugin, NULL), 0);
    cr_expect_eq(plugin, catalogue_plugin(catalogue, STR("csv")));
}

Test(catalogue, an_unknown_content_can_not_be_pinned)
{
    const struct plug_plugin *plugin = NULL;
    struct hash hash = sample_hash("csv", "1.0", "");

    (void)scan();
    cr_expect_eq(catalogue_pin(catalogue, &hash, &plugin, NULL), ERR_NOT_FOUND);
}

Test(catalogue, a_damaged_copy_can_not_be_pinned)
{
    const struct plug_plugin *plugin = NULL;
    CLEANUP_FREE char *path = sample_path("plugins/csv.so");
    struct hash hash = sample_hash("csv", "1.0", "");

    sample_write("plugins/csv.so", "csv", "1.0", "");
    (void)scan();
    plugin = catalogue_plugin(catalogue, STR("csv"));
    cr_assert_eq(file_write(plugin->copy_path, "x", 1, 0500, NULL), 0);
    cr_assert_eq(unlink(path), 0);
    (void)scan();
    cr_expect_eq(catalogue_pin(catalogue, &hash, &plugin, NULL), ERR_CORRUPT);
}

Test(catalogue, statuses_have_names)
{
    cr_expect_str_eq(catalogue_status_name(CATALOGUE_OK), "ok");
    cr_expect_str_eq(catalogue_status_name(CATALOGUE_REFUSED), "refused");
}
