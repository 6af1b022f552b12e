/*
 * The largest names, values and lists that a flow or a caller may have, and one beyond each: the
 * engine goes on, and whoever asked for too much is told.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "tests/e2e/e2e.h"

TestSuite(limits, .init = e2e_begin, .fini = e2e_end);

/* What a run of flow "f" may be called, and what a flow, a step or a tag may. */
enum { RUN_NAME_MAX = 246, NAME_MAX_BYTES = 128, TAGS_MAX = 64 };

/* A text of <count> letters that lives as long as the test. */
static char *letters(char letter, int count)
{
    char *text = e2e_text("%*s", count, "");

    memset(text, letter, (size_t)count);
    return text;
}

/* Writes a JSON file with one parameter of <count> letters. */
static void write_params(const char *name, int count)
{
    e2e_write("p.json", e2e_text("{\"%s\": \"%s\"}", name, letters('a', count)));
}

/* ---- names ------------------------------------------------------------------------------------
 */

/* A cached step with the longest names. */
static char *long_names(void)
{
    return e2e_text("flow: %s\n"
                    "steps:\n"
                    "  %s: { task: exec.run, cache: inputs, with: { shell: 'echo x' } }\n",
                    letters('f', NAME_MAX_BYTES), letters('s', NAME_MAX_BYTES));
}

Test(limits, a_cached_step_may_have_the_longest_names)
{
    json_t *run = e2e_run(long_names());

    e2e_expect_task(run, letters('s', NAME_MAX_BYTES), "Completed");
    run = e2e_run(long_names());
    e2e_expect_task(run, letters('s', NAME_MAX_BYTES), "Cached");
}

Test(limits, a_run_has_a_name_of_246_bytes_at_most)
{
    const char *flow = "flow: f\nsteps:\n  a: { task: exec.run, with: { shell: 'true' } }\n";
    json_t *run = e2e_run(flow, "--name", letters('n', RUN_NAME_MAX));

    cr_assert_eq(strlen(e2e_member(run, "name")), RUN_NAME_MAX);
    e2e_refused(flow, "246", "--name", letters('n', RUN_NAME_MAX + 1));
}

Test(limits, a_longer_run_name_from_the_flow_is_cut_between_characters)
{
    json_t *run = e2e_run("flow: f\n"
                          "run_name: \"x${params.who}\"\n"
                          "params: { who: { type: string } }\n"
                          "steps:\n"
                          "  a: { task: exec.run, with: { shell: 'true' } }\n",
                          "-p",
                          "who=ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää"
                          "ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää");
    const char *name = e2e_member(run, "name");

    cr_assert_eq(strlen(name), RUN_NAME_MAX - 1, "%zu bytes", strlen(name));
}

/* A flow with 32 tags of its own, run with <count> more. */
static json_t *run_with_tags(int count, const char *refused)
{
    const char *args[2 * TAGS_MAX + 4] = {NULL};
    char *flow = e2e_text("flow: f\ntags: [");

    for (int i = 0; i < 32; i++) {
        flow = e2e_text("%s%sf%d", flow, i ? ", " : "", i);
    }
    flow = e2e_text("%s]\nsteps:\n  a: { task: exec.run, with: { shell: 'true' } }\n", flow);
    for (int i = 0; i < count; i++) {
        args[(size_t)2 * (size_t)i] = "--tag";
        args[(size_t)2 * (size_t)i + 1] =
            e2e_text("t%d%s", i, letters('t', NAME_MAX_BYTES - (i < 10 ? 2 : 3)));
    }
    if (refused) {
        e2e_refused_args(flow, refused, args);
        return NULL;
    }
    return e2e_run_args(flow, args);
}

Test(limits, a_run_has_64_tags_at_most)
{
    e2e_expect_state(run_with_tags(TAGS_MAX - 32, NULL), "Completed");
    run_with_tags(TAGS_MAX - 32 + 1, "64 tags");
}

/* ---- values -----------------------------------------------------------------------------------
 */

Test(limits, parameters_have_512_KiB_at_most)
{
    const char *flow =
        "flow: f\n"
        "params: { text: { type: string } }\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'wc -c', stdin: \"${params.text}\" } }\n"
        "output: \"${steps.a.stdout}\"\n";

    write_params("text", 512 * 1024 - 64);
    e2e_expect_state(e2e_run(flow, "-f", "p.json"), "Completed");
    write_params("text", 512 * 1024 + 1);
    e2e_refused(flow, "parameters", "-f", "p.json");
}

Test(limits, an_output_of_any_size_is_kept)
{
    static const int sizes[] = {16 * 1024 - 64, 16 * 1024, 16 * 1024 + 1, 64 * 1024, 300 * 1024};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        write_params("text", sizes[i]);
        e2e_expect_state(e2e_run("flow: f\n"
                                 "params: { text: { type: string } }\n"
                                 "steps:\n"
                                 "  a: { task: exec.run, with: { shell: 'true' } }\n"
                                 "output: [\"${params.text}\", \"${params.text}\"]\n",
                                 "-f", "p.json"),
                         "Completed");
    }
}

Test(limits, a_very_long_error_is_cut)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a:\n"
                          "    task: exec.run\n"
                          "    with:\n"
                          "      shell: 'head -c 300000 /dev/zero | tr \"\\0\" x >&2; exit 3'\n");

    e2e_expect_state(run, "Failed");
    cr_assert_leq(strlen(e2e_member(json_object_get(e2e_task(run, "a"), "error"), "text")), 4096);
}

Test(limits, a_custom_cache_key_may_be_long)
{
    static const char flow[] =
        "flow: f\n"
        "params: { text: { type: string } }\n"
        "steps:\n"
        "  a: { task: exec.run, cache: { key: \"${params.text}\" }, with: { shell: 'true' } }\n";

    write_params("text", 100 * 1024);
    e2e_expect_task(e2e_run(flow, "-f", "p.json"), "a", "Completed");
    e2e_expect_task(e2e_run(flow, "-f", "p.json"), "a", "Cached");
    write_params("text", 100 * 1024 + 1);
    e2e_expect_task(e2e_run(flow, "-f", "p.json"), "a", "Completed");
}

/* ---- many -------------------------------------------------------------------------------------
 */

Test(limits, a_step_may_be_used_by_more_than_a_thousand_steps_calling_one_subflow)
{
    enum { STEPS = 1001 };
    size_t size = STEPS * 32 + 64;
    char *text = e2e_text("%*s", (int)size, "");
    int len = snprintf(text, size, "flow: f\nsteps:\n");

    e2e_write("sub.yaml", "flow: sub\nsteps:\n  a: { task: exec.run, when: false, "
                          "with: { shell: 'true' } }\n");
    for (int i = 0; i < STEPS; i++) {
        len += snprintf(text + len, size - (size_t)len, "  s%d: { flow: sub }\n", i);
    }
    e2e_expect_state(e2e_run(text), "Completed");
}

Test(limits, a_run_with_a_hundred_thousand_waiting_tasks_is_cancelled, .timeout = 300)
{
    struct e2e_process *process;

    e2e_fifo("ready");
    process = e2e_start_flow("flow: f\n"
                             "steps:\n"
                             "  a:\n"
                             "    task: exec.run\n"
                             "    map: \"${[range(100000)]}\"\n"
                             "    with: { shell: 'echo x >ready; sleep 600' }\n",
                             "--name", "many");
    e2e_take_line("ready");
    cr_assert_eq(e2e_leat("flow-run", "cancel", "many")->code, 0);
    e2e_expect_state(e2e_document(e2e_wait(process)), "Cancelled");
}

/* ---- secrets in notifications -----------------------------------------------------------------
 */

Test(limits, a_notification_has_the_secrets_that_its_rule_names_and_no_others)
{
    setenv("LEAT_SECRET_KEY", "sesame", 1);
    e2e_expect_state(e2e_run("flow: f\n"
                             "params: { who: { type: string, default: \"x\" } }\n"
                             "steps:\n"
                             "  a: { task: exec.run, with: { shell: 'exit 3' } }\n"
                             "notify:\n"
                             "  - on: Failed\n"
                             "    via: command\n"
                             "    with:\n"
                             "      command: [sh, -c, \"echo \\\"$1 $2\\\" >$3\", sh,\n"
                             "                \"a${secrets.key}b\", \"${params.who}\",\n"
                             "                \"${run.base_dir}/told\"]\n",
                             "-p", "who=${secrets.key}"),
                     "Failed");
    unsetenv("LEAT_SECRET_KEY");
    cr_assert_str_eq(e2e_read("told"), "asesameb ${secrets.key}\n");
    cr_assert_not(e2e_tree_holds(e2e_home(), "sesame"), "secrets are not stored");
}

/* ---- what can not go on -----------------------------------------------------------------------
 */

Test(limits, a_run_whose_flow_is_gone_ends_crashed_and_can_be_deleted)
{
    struct e2e_process *process;
    json_t *run;

    e2e_fifo("ready");
    process = e2e_start_flow(
        e2e_text("flow: f\n# %s\n"
                 "steps:\n"
                 "  a: { task: exec.run, with: { shell: 'echo x >ready; sleep 600' } }\n",
                 letters('x', 20000)),
        "--name", "lost");
    e2e_take_line("ready");
    kill(e2e_pid(process), SIGKILL);
    e2e_wait(process);
    cr_assert_eq(file_remove_tree(e2e_text("%s/blobs", e2e_home()), NULL), 0);
    e2e_run("flow: g\nsteps:\n  a: { task: exec.run, with: { shell: 'true' } }\n");
    run = e2e_json("flow-run", "inspect", "lost");
    e2e_expect_state(run, "Crashed");
    e2e_expect_error(run, "run.lost", "flow");
    cr_assert_eq(e2e_leat("flow-run", "delete", "lost")->code, 0);
}
