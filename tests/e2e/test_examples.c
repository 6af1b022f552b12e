/*
 * The flows in examples/flows give what their comments and the documentation promise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

/* A fresh home, and the folder with the examples as the tests see it. */
static void begin(void)
{
    e2e_begin();
    cr_assert_not_null(getenv("LEAT_ROOT"));
    cr_assert_eq(
        symlink(e2e_text("%s/examples", getenv("LEAT_ROOT")), e2e_text("%s/examples", e2e_dir())),
        0);
    e2e_write("LICENSE", "leat is free\nfor the world\nand leat stays so\n");
}

TestSuite(examples, .init = begin, .fini = e2e_end);

/* Runs an example with up to two parameters. */
static json_t *run(const char *name, const char *first, const char *second)
{
    const char *file = e2e_text("examples/flows/%s.yaml", name);

    if (second) {
        return e2e_document(e2e_leat("run", file, "-o", "json", "-p", first, "-p", second));
    }
    if (first) {
        return e2e_document(e2e_leat("run", file, "-o", "json", "-p", first));
    }
    return e2e_document(e2e_leat("run", file, "-o", "json"));
}

Test(examples, all_of_them_pass_the_check)
{
    const struct e2e_out *out = e2e_wait(e2e_start_program(
        (const char *const[]){"sh", "-c", "\"$LEAT_BIN\" check examples/flows/*.yaml", NULL}));

    cr_assert_eq(out->code, 0, "%s%s", out->out, out->err);
}

Test(examples, hello_greets)
{
    e2e_expect_result(run("hello", NULL, NULL), "\"Hello, world!\"");
}

Test(examples, hello_greets_whom_one_says)
{
    e2e_expect_result(run("hello", "who=Ada", NULL), "\"Hello, Ada!\"");
}

Test(examples, cache_works_once)
{
    e2e_expect_result(run("cache", NULL, NULL), "2");
    json_t *again = run("cache", NULL, NULL);
    e2e_expect_task(again, "read", "Cached");
    e2e_expect_task(again, "count", "Cached");
    e2e_expect_result(again, "2");
}

Test(examples, cache_works_again_for_another_pattern)
{
    run("cache", NULL, NULL);
    json_t *other = run("cache", "pattern=the", NULL);
    e2e_expect_task(other, "read", "Cached");
    e2e_expect_task(other, "count", "Completed");
    e2e_expect_result(other, "1");
}

Test(examples, a_program_in_another_language_gives_its_figures)
{
    e2e_expect_result(run("exec-any-language", "numbers=[3,5,10]", NULL),
                      "{\"n\": 3, \"mean\": 6, \"variance\": 8.66667}");
}

Test(examples, finally_tidies_up_after_a_success)
{
    json_t *done = run("finally", NULL, NULL);

    e2e_expect_state(done, "Completed");
    e2e_expect_task(done, "optional", "Failed");
    e2e_expect_task(done, "tidy", "Completed");
    cr_assert_not(e2e_exists(e2e_text("home/work/%s", e2e_member(done, "id"))));
}

Test(examples, finally_tidies_up_after_a_failure)
{
    json_t *done = run("finally", "fail=true", NULL);

    e2e_expect_state(done, "Failed");
    e2e_expect_error(e2e_task(done, "check"), "exec.exit", "as you wish");
    e2e_expect_task(done, "tidy", "Completed");
}

Test(examples, map_adds_up)
{
    e2e_expect_result(run("map", "words=[\"alpha\",\"beta\",\"gamma\"]", NULL),
                      "\"{\\\"letters\\\":14,\\\"longest\\\":5}\"");
}

Test(examples, notify_tells_of_a_success)
{
    json_t *done = run("notify", NULL, NULL);

    e2e_expect_state(done, "Completed");
    e2e_expect_words(e2e_leat("flow-run", "logs", "@last")->out,
                     e2e_text("notify (%s) went well", e2e_member(done, "name")));
    cr_assert_eq(json_array_size(json_object_get(e2e_json("notification", "deliveries"), "items")),
                 2);
}

Test(examples, notify_tells_of_a_failure)
{
    e2e_expect_state(run("notify", "fail=true", NULL), "Failed");
    e2e_expect_words(e2e_leat("flow-run", "logs", "@last")->out, "notify is Failed");
}

Test(examples, retries_work_on_the_third_attempt)
{
    json_t *done = run("retries", NULL, NULL);

    e2e_expect_result(done, "\"worked on attempt 3\"");
    cr_assert_eq(json_integer_value(json_object_get(e2e_task(done, "flaky"), "attempts")), 3);
}

Test(examples, subflows_greet_everybody)
{
    e2e_expect_result(run("subflow", NULL, NULL),
                      "[\"Hello, Ada.\", \"Hello, Grace.\", \"Hello, Edsger.\"]");
}

Test(examples, a_called_flow_runs_by_itself, .description = "subflow-greet")
{
    e2e_expect_result(run("subflow-greet", "who=Ada", NULL), "\"Hello, Ada.\"");
}

/* The whole pipeline on made-up flights: those of the demo would have to be fetched. */
Test(examples, the_pipeline_learns_and_reports)
{
    FILE *file = fopen(e2e_text("%s/flights.json", e2e_dir()), "we");

    cr_assert_not_null(file);
    fputs("[", file);
    for (int i = 0; i < 4000; i++) {
        fprintf(file, "%s{\"delay\": %d, \"distance\": %d, \"time\": %g}", i ? ", " : "",
                i % 240 / 4 - 10 + i % 7, 200 + i * 37 % 2500, i % 240 / 10.0);
    }
    fputs("]\n", file);
    fclose(file);
    const struct e2e_out *out =
        e2e_leat("run", "examples/flows/flights.yaml", "-o", "json", "-p", "data=flights.json",
                 "-p", "rounds=40", "-p", "report=report.md");
    json_t *done = e2e_document(out);
    e2e_expect_state(done, "Completed");
    cr_assert(e2e_exists("report.md"));
    e2e_expect_words(json_string_value(json_object_get(done, "result")), "% better");
    done = e2e_document(e2e_leat("run", "examples/flows/flights.yaml", "-o", "json", "-p",
                                 "data=flights.json", "-p", "rounds=40", "-p", "report=report.md"));
    e2e_expect_task(done, "read", "Cached");
    e2e_expect_task(done, "features", "Cached");
    e2e_expect_task(done, "train", "Cached");
}

Test(examples, the_smallest_plugin_greets)
{
    e2e_plugin("hello");
    e2e_expect_result(e2e_run("flow: f\n"
                              "steps:\n"
                              "  a: { task: hello.greet, with: { who: Ada } }\n"
                              "output: '${steps.a.text}'\n"),
                      "\"Hello, Ada!\"");
}

Test(examples, the_larger_plugin_counts_words)
{
    e2e_plugin("words");
    e2e_write("text", "The mill, the WHEEL and the water.\n");
    e2e_expect_result(e2e_run("flow: f\n"
                              "steps:\n"
                              "  a: { task: words.count, with: { files: [text], length_min: 4 } }\n"
                              "output: '${steps.a}'\n"),
                      "{\"total\": 3, \"distinct\": 3, \"counts\": {\"mill\": 1, \"wheel\": 1, "
                      "\"water\": 1}}");
}
