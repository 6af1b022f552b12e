/*
 * What is refused: mistakes in files and on the command line, homes that can not be used, disks
 * that are full. Every refusal has its exit code and a sentence that says what to do.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "store/kv.h"
#include "store/kv_rows.h"
#include "tests/e2e/e2e.h"

TestSuite(refusals, .init = e2e_begin, .fini = e2e_end);

#define FINE       \
    "flow: fine\n" \
    "steps:\n"     \
    "  a: { task: json.parse, with: { text: '1' } }\n"

/* A command that must end with this code and these words on stderr. */
static void expect_end(const struct e2e_out *out, int code, const char *words)
{
    cr_assert_eq(out->code, code, "exit code %d: %s", out->code, out->err);
    e2e_expect_words(out->err, words);
    cr_assert_eq(strstr(out->err, "leat: leat:"), NULL);
}

/* ---- flow files -------------------------------------------------------------------------------
 */

Test(refusals, a_missing_file_is_named)
{
    expect_end(e2e_leat("run", "none.yaml"), 2, "none.yaml");
}

Test(refusals, a_directory_is_no_flow_file)
{
    expect_end(e2e_leat("run", "home"), 2, "home");
}

Test(refusals, a_file_that_can_not_be_read_is_named)
{
    e2e_write("flow.yaml", FINE);
    if (geteuid() == 0) {
        cr_skip_test("root may read everything");
    }
    chmod(e2e_text("%s/flow.yaml", e2e_dir()), 0);
    expect_end(e2e_leat("run", "flow.yaml"), 2, "flow.yaml");
}

Test(refusals, what_is_not_yaml_is_refused_with_its_place)
{
    e2e_refused("flow: f\nsteps: [\n", "flow.yaml:");
}

Test(refusals, what_is_not_text_is_refused)
{
    e2e_write_bytes("bin.yaml",
                    "\x7f"
                    "ELF\xff\xfe\0\0",
                    8);
    expect_end(e2e_leat("run", "bin.yaml"), 2, "bin.yaml");
}

Test(refusals, an_empty_file_is_no_flow)
{
    e2e_refused("", "flow.yaml");
}

Test(refusals, ten_mistakes_are_told_at_once_with_their_lines)
{
    const char *text = e2e_refused("flow: f\n"
                                   "parmas: {}\n"
                                   "params: { n: { type: itn } }\n"
                                   "timeout: soon\n"
                                   "steps:\n"
                                   "  a: { task: json.prase, with: { text: '1' } }\n"
                                   "  b: { task: json.parse }\n"
                                   "  c: { task: json.parse, with: { text: '${steps.x}' } }\n"
                                   "  d: { task: json.parse, with: { txet: '1', text: '2' } }\n"
                                   "  e: { task: json.parse, with: { text: 5 } }\n"
                                   "  f: { task: json.parse, with: { text: '1' }, retries: -1 }\n"
                                   "  g: { task: json.parse, with: { text: '${params.m}' } }\n"
                                   "output: '${steps.a +}'\n",
                                   "10 errors");

    for (int line = 2; line <= 4; line++) {
        e2e_expect_words(text, e2e_text("flow.yaml:%d:", line));
    }
    for (int line = 6; line <= 12; line++) {
        e2e_expect_words(text, e2e_text("flow.yaml:%d:", line));
    }
    e2e_expect_words(text, "did you mean \"json.parse\"");
}

Test(refusals, a_cycle_is_shown_as_a_path)
{
    const char *text = e2e_refused("flow: f\n"
                                   "steps:\n"
                                   "  a: { task: json.parse, with: { text: '${steps.c}' } }\n"
                                   "  b: { task: json.parse, with: { text: '${steps.a}' } }\n"
                                   "  c: { task: json.parse, with: { text: '${steps.b}' } }\n",
                                   "a");

    cr_assert(strstr(text, "circle") || strstr(text, "cycle") || strstr(text, "each other"), "%s",
              text);
}

Test(refusals, a_step_that_needs_itself_is_refused)
{
    e2e_refused("flow: f\n"
                "steps:\n"
                "  a: { task: json.parse, with: { text: '${steps.a}' } }\n",
                "a");
}

Test(refusals, an_expression_that_does_not_compile_is_found_by_the_check)
{
    e2e_write("flow.yaml", "flow: f\n"
                           "steps:\n"
                           "  a: { task: json.format, with: { value: '${1 + }' } }\n");
    const struct e2e_out *out = e2e_leat("check", "flow.yaml");

    cr_assert_eq(out->code, 2);
    e2e_expect_words(e2e_text("%s%s", out->out, out->err), "flow.yaml:3:");
}

Test(refusals, a_repeated_key_is_refused)
{
    e2e_refused("flow: f\n"
                "steps:\n"
                "  a: { task: json.parse, with: { text: '1' } }\n"
                "  a: { task: json.parse, with: { text: '2' } }\n",
                "flow.yaml:4:");
}

Test(refusals, a_tag_of_yaml_is_refused)
{
    e2e_refused("flow: !!python/object f\nsteps: {}\n", "flow.yaml:1:");
}

Test(refusals, an_alias_bomb_is_refused_quickly)
{
    const char *text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
                       "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                       "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                       "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                       "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                       "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                       "g: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";

    e2e_refused(text, "alias");
}

/* 16 MiB are the most. */
Test(refusals, a_file_that_is_too_large_is_refused)
{
    size_t len = 16 * 1024 * 1024 + 1;
    char *bytes = malloc(len);

    cr_assert_not_null(bytes);
    memset(bytes, '#', len);
    memcpy(bytes, "flow: f\n#", 9);
    e2e_write_bytes("large.yaml", bytes, len);
    free(bytes);
    const struct e2e_out *out = e2e_leat("run", "large.yaml");
    cr_assert_eq(out->code, 2, "%d %s", out->code, out->err);
    cr_assert_gt(strlen(out->err), 10);
    cr_assert_lt(strlen(out->err), 1000);
}

Test(refusals, a_name_that_is_too_long_is_refused)
{
    e2e_refused(
        e2e_text("flow: %0129d\nsteps:\n  a: { task: json.parse, with: { text: '1' } }\n", 0),
        "flow.yaml:1:");
}

Test(refusals, a_name_with_a_control_character_is_refused_and_shown_harmlessly)
{
    const char *text = e2e_refused("flow: f\n"
                                   "steps:\n"
                                   "  \"a\\e[31m\": { task: json.parse, with: { text: '1' } }\n",
                                   "flow.yaml:3:");

    cr_assert_null(strchr(text, '\033'));
}

Test(refusals, wrong_options_are_usage_errors)
{
    expect_end(e2e_leat("run", "flow.yaml", "--qiuet"), 2, "--quiet");
}

/* ---- settings ---------------------------------------------------------------------------------
 */

Test(refusals, a_mistake_in_leat_yaml_keeps_runs_from_starting)
{
    e2e_write(e2e_text("%s/leat.yaml", e2e_home()), "hosts: { mx: 3 }\n");
    e2e_refused(FINE, "leat.yaml:1:");
}

Test(refusals, a_setting_out_of_range_is_refused)
{
    setenv("LEAT_HOSTS_MAX", "0", 1);
    e2e_refused(FINE, "LEAT_HOSTS_MAX");
}

/* ---- homes ------------------------------------------------------------------------------------
 */

/* A command must end with code 3, words on stderr, and within a few seconds. */
static void expect_no_engine(const char *words)
{
    e2e_write("flow.yaml", FINE);
    expect_end(e2e_leat("run", "flow.yaml"), 3, words);
}

Test(refusals, a_home_that_is_a_file_is_refused)
{
    e2e_write("file", "");
    setenv("LEAT_HOME", e2e_text("%s/file", e2e_dir()), 1);
    expect_no_engine("file");
}

Test(refusals, a_home_below_a_file_is_refused)
{
    e2e_write("file", "");
    setenv("LEAT_HOME", e2e_text("%s/file/home", e2e_dir()), 1);
    expect_no_engine("file");
}

Test(refusals, a_home_on_proc_is_refused)
{
    setenv("LEAT_HOME", "/proc/leat-home", 1);
    expect_no_engine("/proc");
}

/* Runs a shell command that must succeed. */
static void shell(const char *command)
{
    const struct e2e_out *out =
        e2e_wait(e2e_start_program((const char *const[]){"sh", "-c", command, NULL}));

    cr_assert_eq(out->code, 0, "%s: %s", command, out->err);
}

/* Runs leat as somebody who is not root; the directory is his. */
static const struct e2e_out *run_as_nobody(const char *before)
{
    const char *binary = getenv("LEAT_BIN");
    const struct e2e_out *out;

    if (geteuid() != 0) {
        cr_skip_test("only root can become somebody else");
    }
    out = e2e_wait(
        e2e_start_program((const char *const[]){"setpriv", "--reuid=65534", "--regid=65534",
                                                "--clear-groups", "test", "-x", binary, NULL}));
    if (out->code != 0) {
        cr_skip_test("the program is where nobody else may look");
    }
    e2e_write("flow.yaml", FINE);
    /* The folders of tests/run above ours are closed to others. */
    shell(e2e_text("chmod 755 . .. && case $(realpath ../..) in */leat-test.*) chmod 711 ../..;; "
                   "esac && chown -R 65534 . && %s",
                   before));
    return e2e_wait(e2e_start_program(
        (const char *const[]){"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary,
                              "run", "flow.yaml", "-o", "json", NULL}));
}

Test(refusals, somebody_who_is_not_root_may_run_flows)
{
    const struct e2e_out *out = run_as_nobody("true");

    e2e_expect_state(e2e_document(out), "Completed");
}

Test(refusals, a_store_that_can_not_be_read_is_refused)
{
    expect_end(run_as_nobody("chmod 0 home/store"), 3, "home/store");
}

Test(refusals, a_home_that_can_not_be_written_is_refused)
{
    expect_end(run_as_nobody("chown 0 home && chmod 755 home && rm -r home/run home/work; true"), 3,
               "home");
}

Test(refusals, a_store_of_somebody_else_is_refused)
{
    expect_end(run_as_nobody("chown -R 1 home && chmod -R a+rwX home"), 3, "home");
}

/* A later version would write the same row with a larger number. */
Test(refusals, a_store_of_a_later_version_is_refused)
{
    static const char *const tables[] = {"meta"};
    const uint8_t row[32] = {KV_SCHEMA_MAJOR + 1};
    struct MDB_txn *txn = NULL;
    struct err_text why;
    struct kv kv;

    e2e_expect_state(e2e_run(FINE), "Completed");
    struct kv_spec spec = {.parent = e2e_text("%s/store", e2e_home()),
                           .name = "state",
                           .tables = tables,
                           .table_count = 1,
                           .map_size = (size_t)1 << 30};
    cr_assert_eq(kv_open(&spec, &kv, &why), 0, "%s", why.text);
    kv.seed = 0;
    cr_assert_eq(kv_begin(&kv, &txn), 0);
    cr_assert_eq(kv_put(&kv, txn, KV_META, STR("identity"),
                        (struct str){(const char *)row, sizeof(row)}, false),
                 0);
    cr_assert_eq(kv_commit(txn), 0);
    kv_done(&kv);
    expect_no_engine("newer version");
}

Test(refusals, a_damaged_store_is_refused_and_left_alone)
{
    e2e_expect_state(e2e_run(FINE), "Completed");
    shell("printf 'garbage-garbage-garbage' | dd of=home/store/state/data.mdb bs=1 conv=notrunc && "
          "printf 'garbage-garbage-garbage' | dd of=home/store/state/data.mdb bs=1 seek=4096 "
          "conv=notrunc && cksum <home/store/state/data.mdb >before");
    expect_no_engine("store");
    shell("cksum <home/store/state/data.mdb >after && cmp before after");
}

Test(refusals, a_store_that_was_cut_is_refused)
{
    e2e_expect_state(e2e_run(FINE), "Completed");
    shell("truncate -s 5000 home/store/state/data.mdb");
    expect_no_engine("store");
}

Test(refusals, an_old_copy_of_the_store_is_noticed)
{
    e2e_expect_state(e2e_run(FINE), "Completed");
    shell("cp -a home/store/state old");
    e2e_expect_state(e2e_run(FINE), "Completed");
    shell("rm -r home/store/state && mv old home/store/state");
    expect_no_engine("store");
}

/* A home of 12 MiB on a file system of its own, in a mount namespace of this test's process. */
static void mount_small(const char *options)
{
    const char *home = e2e_text("%s/small", e2e_dir());

    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        cr_skip_test("only root can mount a small disk");
    }
    cr_assert_eq(mkdir(home, 0700), 0);
    if (mount("small", home, "tmpfs", 0, options) != 0) {
        cr_skip_test("no tmpfs here");
    }
    setenv("LEAT_HOME", home, 1);
}

Test(refusals, a_disk_without_room_is_told_before_anything_starts)
{
    mount_small("size=12m");
    e2e_write("flow.yaml", FINE);
    const struct e2e_out *out = e2e_leat("run", "flow.yaml");
    cr_assert_neq(out->code, 0);
    cr_assert(out->code == 3 || out->code == 75, "%d: %s", out->code, out->err);
    e2e_expect_words(out->err, "nearly full");
    umount2(e2e_text("%s/small", e2e_dir()), MNT_DETACH);
}

Test(refusals, a_disk_that_is_quite_full_is_told_in_words)
{
    mount_small("size=64k");
    e2e_write("flow.yaml", FINE);
    const struct e2e_out *out = e2e_leat("run", "flow.yaml");
    cr_assert(out->code == 3 || out->code == 75, "%d: %s", out->code, out->err);
    cr_assert_gt(strlen(out->err), 10);
    umount2(e2e_text("%s/small", e2e_dir()), MNT_DETACH);
}

Test(refusals, a_home_in_memory_works_and_its_health_says_what_that_means)
{
    mount_small("size=600m");
    e2e_write("flow.yaml", FINE);
    cr_assert_eq(e2e_leat("run", "flow.yaml")->code, 0);
    const struct e2e_out *out = e2e_leat("api", "GET", "/health");
    e2e_expect_words(out->out, "memory");
    umount2(e2e_text("%s/small", e2e_dir()), MNT_DETACH);
}

/* ---- plugins ----------------------------------------------------------------------------------
 */

/* A plugin file that must not be used; <words> must be in the reason. */
static void expect_plugin_refused(const char *command, const char *words)
{
    json_t *item;
    size_t i;
    bool found = false;

    e2e_plugin("good");
    shell(e2e_text("cd home/plugins && %s", command));
    json_array_foreach(json_object_get(e2e_json("plugin", "ls"), "items"), i, item)
    {
        if (strstr(e2e_member(item, "path"), "home/plugins/")) {
            found = true;
            cr_assert_neq(strcmp(e2e_member(item, "status"), "ok"), 0);
            e2e_expect_words(e2e_member(item, "reason"), words);
        }
    }
    cr_assert(found);
    e2e_refused("flow: f\nsteps:\n  a: { task: good.noop }\n", "good.noop");
}

Test(refusals, a_plugin_that_others_may_write_is_not_used)
{
    expect_plugin_refused("chmod o+w good.so", "chmod go-w");
}

Test(refusals, a_symbolic_link_is_no_plugin)
{
    expect_plugin_refused("mv good.so ../good.so && ln -s ../good.so good.so", "link");
}

Test(refusals, an_empty_file_is_no_plugin)
{
    expect_plugin_refused("truncate -s 0 good.so && touch -d '1 hour ago' good.so", "");
}

Test(refusals, half_a_file_is_no_plugin)
{
    expect_plugin_refused("truncate -s 5000 good.so && touch -d '1 hour ago' good.so", "");
}

Test(refusals, a_fifo_is_no_plugin)
{
    expect_plugin_refused("rm good.so && mkfifo good.so", "");
}

Test(refusals, a_task_that_two_plugins_offer_is_refused_with_both_names)
{
    e2e_plugin("good");
    shell("cd home/plugins && sed 's/^/ /' good.so >/dev/null; cp -p good.so twin.so");
    json_t *plugins = json_object_get(e2e_json("plugin", "ls"), "items");
    json_t *item;
    size_t i;
    int refused = 0;

    json_array_foreach(plugins, i, item)
    {
        refused += strstr(e2e_member(item, "path"), "home/plugins/") &&
                   strcmp(e2e_member(item, "status"), "ok") != 0;
    }
    cr_assert_geq(refused, 1, "two files with one plugin can not both be used");
}
