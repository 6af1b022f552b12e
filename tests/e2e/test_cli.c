/*
 * The command line without runs: usage and its mistakes, help, init, check, schema, version,
 * config, and plugins at the desk.
 */
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

static json_t *parsed; /* the latest of document_of() */

/* The document that a command printed; it ended with <code>. Lives until the next one. */
static json_t *document_of(const struct e2e_out *out, int code)
{
    json_error_t error;

    cr_assert_eq(out->code, code, "exit code %d: %s", out->code, out->err);
    json_decref(parsed);
    parsed = json_loads(out->out, 0, &error);
    cr_assert_not_null(parsed, "%s in: %s", error.text, out->out);
    return parsed;
}

/* Ends a test. */
static void finish(void)
{
    json_decref(parsed);
    e2e_end();
}

TestSuite(cli, .init = e2e_begin, .fini = finish);

/* A command was refused: exit code 2, one message with <words>, nothing on standard output. */
static void expect_refused(const struct e2e_out *out, const char *words)
{
    cr_assert_eq(out->code, 2, "exit code %d: %s", out->code, out->err);
    cr_assert_str_eq(out->out, "");
    e2e_expect_words(out->err, words);
}

#define REFUSED(words, ...) expect_refused(e2e_leat(__VA_ARGS__), words)

/* ---- usage ---------------------------------------------------------------------------------- */

Test(cli, without_words_it_prints_help_and_fails)
{
    const struct e2e_out *out = e2e_wait(e2e_start_args((const char *const[]){NULL}));

    cr_assert_eq(out->code, 2);
    e2e_expect_words(out->out, "leat COMMAND");
    e2e_expect_words(out->out, "Exit codes");
}

Test(cli, help_is_found_by_option_and_by_word)
{
    const char *by_option = e2e_leat("flow-run", "ls", "--help")->out;

    e2e_expect_words(by_option, "leat flow-run ls [OPTIONS]");
    e2e_expect_words(by_option, "-s, --state STATE");
    cr_assert_str_eq(e2e_leat("help", "flow-run", "ls")->out, by_option);
    cr_assert_str_eq(e2e_leat("flow-runs", "ls", "-h")->out, by_option);
    cr_assert_eq(e2e_leat("help", "flow-run", "ls")->code, 0);
}

Test(cli, help_about_nothing_is_refused)
{
    REFUSED("there is no command \"leat flow-run sl\"; did you mean \"ls\"?", "help", "flow-run",
            "sl");
}

Test(cli, unknown_commands_are_refused_with_a_suggestion)
{
    REFUSED("there is no command \"leat chekc\"; did you mean \"check\"?", "chekc");
    REFUSED("there is no command \"leat zzzzzzzz\"; \"leat --help\" lists", "zzzzzzzz");
}

Test(cli, unknown_options_are_refused_with_a_suggestion)
{
    REFUSED("there is no option \"--satte\"; did you mean \"--state\"?", "flow-run", "ls",
            "--satte=x");
    REFUSED("there is no option \"-Z\"", "flow-run", "ls", "-Z");
}

Test(cli, options_want_their_values)
{
    REFUSED("--limit wants a value", "flow-run", "ls", "--limit");
    REFUSED("--limit wants a whole number from 1 to 1000, not \"1001\"", "flow-run", "ls",
            "--limit", "1001");
    REFUSED("--limit wants a whole number", "flow-run", "ls", "-l", "5x");
    REFUSED("--limit was given twice", "flow-run", "ls", "-l", "5", "-l", "6");
    REFUSED("--quiet takes no value", "run", "x.yaml", "--quiet=yes");
    REFUSED("--output wants text or json, not \"xml\"", "flow-run", "ls", "-o", "xml");
}

Test(cli, arguments_are_counted)
{
    REFUSED("\"leat run\" wants FLOW.yaml", "run");
    REFUSED("does not know what to do with \"b.yaml\"", "run", "a.yaml", "b.yaml");
}

Test(cli, common_options_may_stand_before_the_command)
{
    const char *elsewhere = e2e_text("%s/other", e2e_dir());

    cr_assert_eq(e2e_leat("--home", elsewhere, "-o", "json", "flow-run", "ls")->code, 0);
    cr_assert(e2e_exists("other/store"));
}

Test(cli, control_characters_never_reach_the_terminal)
{
    const struct e2e_out *out = e2e_leat("flow-run", "inspect", "a\033[31mb\xc2\x9b");

    cr_assert_eq(out->code, 2);
    cr_assert_null(strchr(out->err, '\033'));
    cr_assert_null(strstr(out->err, "\xc2\x9b"));
    e2e_expect_words(out->err, "a?[31mb");
}

/* ---- version, schema, config ---------------------------------------------------------------- */

Test(cli, version_needs_no_home)
{
    const struct e2e_out *out = e2e_leat("--version", "--home", "/nowhere/at/all");

    cr_assert_eq(out->code, 0);
    e2e_expect_words(out->out, "leat 0.1.0 (plugin ABI 1.0)");
}

Test(cli, version_is_a_document_too)
{
    json_t *version = e2e_json("version");

    cr_assert_str_eq(e2e_member(version, "version"), "0.1.0");
    e2e_expect_json(json_object_get(version, "abi"), "{\"major\": 1, \"minor\": 0}");
}

Test(cli, schema_is_a_json_schema_of_flow_files)
{
    json_t *schema = e2e_json("schema");

    e2e_expect_words(e2e_member(schema, "$schema"), "2020-12");
    cr_assert_not_null(json_object_get(json_object_get(schema, "properties"), "steps"));
}

Test(cli, config_view_tells_values_and_sources)
{
    json_t *items;

    e2e_write("home/leat.yaml", "hosts: { max: 3 }\n");
    setenv("LEAT_HOSTS_GRACE", "7s", 1);
    items = json_object_get(e2e_json("config", "view"), "items");
    unsetenv("LEAT_HOSTS_GRACE");
    cr_assert_eq(json_array_size(items), 4);
    e2e_expect_json(json_array_get(items, 0),
                    "{\"name\": \"hosts.max\", \"value\": \"3\", \"source\": \"leat.yaml\"}");
    e2e_expect_json(json_array_get(items, 2), "{\"name\": \"hosts.grace\", \"value\": \"7s\","
                                              " \"source\": \"LEAT_HOSTS_GRACE\"}");
    e2e_expect_words(e2e_leat("config", "view")->out, "Host processes at once");
}

Test(cli, mistakes_in_leat_yaml_are_shown_with_their_place)
{
    e2e_write("home/leat.yaml", "hosts: { maxx: 3 }\n");
    REFUSED("leat.yaml:1:10: error:", "flow-run", "ls");
}

/* ---- init ----------------------------------------------------------------------------------- */

Test(cli, init_makes_a_project_whose_flows_are_fine)
{
    const struct e2e_out *out = e2e_leat("init", "demo");

    cr_assert_eq(out->code, 0, "%s", out->err);
    e2e_expect_words(out->out, "cd demo");
    cr_assert(e2e_exists("demo/leat.yaml"));
    cr_assert(e2e_exists("demo/plugins/README.md"));
    out = e2e_leat("check", "demo/flows/hello.yaml", "demo/flows/pipeline.yaml");
    cr_assert_eq(out->code, 0, "%s", out->out);
    e2e_expect_words(out->out, "demo/flows/pipeline.yaml: ok (flow pipeline, 3 steps, 2 params)");
}

Test(cli, the_flows_of_init_run_and_are_cached)
{
    json_t *run;

    e2e_leat("init", "demo");
    run = e2e_json("run", "demo/flows/hello.yaml", "-p", "who=Ada");
    e2e_expect_result(run, "\"Hello, Ada!\"");
    e2e_expect_state(e2e_json("run", "demo/flows/pipeline.yaml", "-p", "days=2"), "Completed");
    run = e2e_json("run", "demo/flows/pipeline.yaml", "-p", "days=2");
    e2e_expect_task(run, "days", "Cached");
    e2e_expect_words(e2e_read("report.json"), "\"days\": 2");
}

Test(cli, the_settings_of_init_are_the_defaults)
{
    const char *text;
    char *line;
    char *bare = e2e_text("%10000s", "");
    size_t len = 0;

    e2e_leat("init", "demo");
    text = e2e_read("demo/leat.yaml");
    for (line = strstr(text, "\n\n"); line && *line; line++) {
        if (line[0] == '#' && line[1] == ' ' && line[-1] == '\n') {
            line++; /* a commented setting becomes one */
        } else {
            bare[len++] = *line;
        }
    }
    bare[len] = '\0';
    e2e_write("home/leat.yaml", bare);
    e2e_expect_words(e2e_leat("config", "view")->out, "32");
    cr_assert_eq(e2e_leat("config", "view")->code, 0, "%s", e2e_leat("config", "view")->err);
}

Test(cli, init_touches_nothing_that_is_there)
{
    e2e_leat("init", "demo");
    unlink(e2e_text("%s/demo/leat.yaml", e2e_dir()));
    e2e_write("demo/flows/hello.yaml", "mine\n");
    REFUSED("demo/flows/hello.yaml is there already", "init", "demo");
    cr_assert_str_eq(e2e_read("demo/flows/hello.yaml"), "mine\n");
    cr_assert_not(e2e_exists("demo/leat.yaml"));
}

Test(cli, init_tells_programs_what_it_made)
{
    json_t *made = e2e_json("init", "demo");

    cr_assert_str_eq(e2e_member(made, "directory"), e2e_text("%s/demo", e2e_dir()));
    cr_assert_eq(json_array_size(json_object_get(made, "files")), 5);
}

/* ---- check ---------------------------------------------------------------------------------- */

static const char bad_flow[] = "flow: bad\n"
                               "steps:\n"
                               "  a: { task: exec.rnu, with: { shell: x } }\n"
                               "  b: { task: exec.run, with: { shelll: x } }\n"
                               "  c: { task: exec.run, with: { shell: '${steps.a | foo bar}' } }\n";

Test(cli, check_shows_all_problems_of_all_files_at_once)
{
    const struct e2e_out *out;

    e2e_write("bad.yaml", bad_flow);
    e2e_write("good.yaml", "flow: good\nsteps:\n  a: { task: exec.run, with: { shell: x } }\n");
    out = e2e_leat("check", "bad.yaml", "good.yaml", "missing.yaml");
    cr_assert_eq(out->code, 2);
    e2e_expect_words(out->out, "bad.yaml:3:14: error: there is no task \"exec.rnu\"");
    e2e_expect_words(out->out, "did you mean \"exec.run\"?");
    e2e_expect_words(out->out, "bad.yaml:4:");
    e2e_expect_words(out->out, "bad.yaml:5:");
    e2e_expect_words(out->out, "good.yaml: ok (flow good, 1 step, 0 params)");
    e2e_expect_words(out->out, "missing.yaml");
}

Test(cli, check_lists_problems_as_a_document)
{
    const struct e2e_out *out;
    json_t *item;

    e2e_write("bad.yaml", bad_flow);
    out = e2e_leat("check", "bad.yaml", "-o", "json");
    item = json_array_get(json_object_get(document_of(out, 2), "items"), 0);
    cr_assert(json_is_false(json_object_get(item, "ok")));
    cr_assert_eq(json_array_size(json_object_get(item, "problems")), 3);
    cr_assert_eq(json_integer_value(
                     json_object_get(json_array_get(json_object_get(item, "problems"), 0), "line")),
                 3);
}

Test(cli, check_goes_into_subflows)
{
    const struct e2e_out *out;

    e2e_write("top.yaml", "flow: top\nsteps:\n  a: { flow: sub, with: { n: 1 } }\n");
    e2e_write("sub.yaml", "flow: sub\nparams: { n: 1 }\nsteps:\n  a: { task: nope.nope }\n");
    out = e2e_leat("check", "top.yaml");
    cr_assert_eq(out->code, 2);
    e2e_expect_words(out->out, "top.yaml: ok");
    e2e_expect_words(out->out, "sub.yaml:4:14: error: there is no task \"nope.nope\"");
}

Test(cli, a_subflow_that_can_not_be_read_is_blamed_itself)
{
    const struct e2e_out *out;

    e2e_write("top.yaml", "flow: top\nsteps:\n  a: { flow: sub, with: { n: 1 } }\n");
    e2e_write("sub.yaml", "flow: sub\nsteps: 5\n");
    out = e2e_leat("run", "top.yaml");
    cr_assert_eq(out->code, 2);
    e2e_expect_words(out->err, "sub.yaml:2:");
    cr_assert_null(strstr(out->err, "has no parameter"), "%s", out->err);
}

Test(cli, a_missing_subflow_is_looked_for_among_the_files)
{
    e2e_write("flow-helper.yaml", "flow: flow-helper\nsteps:\n  a: { task: exec.run }\n");
    e2e_write("top.yaml", "flow: top\nsteps:\n  a: { flow: flow-hepler }\n");
    e2e_expect_words(e2e_leat("check", "top.yaml")->out, "did you mean \"flow-helper\"?");
}

/* ---- plugins -------------------------------------------------------------------------------- */

Test(cli, plugin_ls_shows_files_and_why_some_are_refused)
{
    const struct e2e_out *out;

    e2e_plugin("good");
    e2e_write("home/plugins/broken.so", "no plugin");
    out = e2e_leat("plugin", "ls");
    cr_assert_eq(out->code, 0, "%s", out->err);
    e2e_expect_words(out->out, "csv.read, csv.write");
    e2e_expect_words(out->out, "refused");
    e2e_expect_words(out->out, "home/plugins/broken.so ");
    cr_assert_geq(json_array_size(json_object_get(e2e_json("plugin", "ls"), "items")), 10);
}

Test(cli, plugin_info_describes_tasks_and_parameters)
{
    const char *text = e2e_leat("plugin", "info", "csv")->out;

    e2e_expect_words(text, "csv.read  task");
    e2e_expect_words(text, "256 MiB");
    e2e_expect_words(text, "required");
    cr_assert_str_eq(e2e_member(e2e_json("plugin", "info", "csv"), "name"), "csv");
    REFUSED("There is no plugin \"cvs\"; did you mean \"csv\"?", "plugin", "info", "cvs");
}

Test(cli, plugin_info_reads_a_file_that_is_not_installed)
{
    const char *file = e2e_text("%s/examples/plugins/hello.so", getenv("LEAT_BUILD"));
    const struct e2e_out *out = e2e_leat("plugin", "info", file);

    cr_assert_eq(out->code, 0, "%s", out->err);
    e2e_expect_words(out->out, "hello.greet  task");
    cr_assert_neq(e2e_leat("plugin", "info", "example.hello")->code, 0);
}

Test(cli, plugin_run_prints_the_result_and_logs_aside)
{
    const char *file = e2e_text("%s/examples/plugins/hello.so", getenv("LEAT_BUILD"));
    const struct e2e_out *out = e2e_leat("plugin", "run", file, "hello.greet", "-p", "who=Ada");

    e2e_expect_json(document_of(out, 0), "{\"text\": \"Hello, Ada!\"}");
    e2e_expect_words(out->err, "greeting Ada");
}

Test(cli, plugin_run_reads_parameters_with_the_types_of_the_task)
{
    const struct e2e_out *out;

    e2e_write("data.csv", "a;b\n1;2\n");
    out = e2e_leat("plugin", "run", "csv", "csv.read", "-p", "path=data.csv", "-p", "delimiter=;",
                   "-p", "columns=b", "-p", "max_size=1MiB");
    cr_assert_eq(json_object_size(json_object_get(document_of(out, 0), "columns")), 1);
}

Test(cli, plugin_run_fails_with_the_error_of_the_task)
{
    const struct e2e_out *out =
        e2e_leat("plugin", "run", "csv", "csv.read", "-p", "path=missing.csv");

    cr_assert_eq(out->code, 1);
    cr_assert_str_eq(out->out, "");
    e2e_expect_words(out->err, "missing.csv");
    e2e_expect_words(out->err, "[csv.");
}

Test(cli, plugin_run_refuses_what_is_not_there)
{
    REFUSED("the plugin csv has no task \"csv.raed\"; did you mean \"csv.read\"?", "plugin", "run",
            "csv", "csv.raed");
    REFUSED("log is a notifier; only tasks can be run", "plugin", "run", "log", "log");
    REFUSED("there is no parameter \"pth\"", "plugin", "run", "csv", "csv.read", "-p", "pth=x",
            "-p", "path=y");
    REFUSED("-p wants NAME=VALUE, not \"x\"", "plugin", "run", "csv", "csv.read", "-p", "x");
}

Test(cli, plugin_check_passes_a_good_plugin)
{
    const char *file = e2e_text("%s/examples/plugins/hello.so", getenv("LEAT_BUILD"));
    json_t *report = e2e_json("plugin", "check", file);

    cr_assert(json_is_true(json_object_get(report, "ok")));
    cr_assert_geq(json_array_size(json_object_get(report, "rules")), 5);
    e2e_expect_words(e2e_leat("plugin", "check", file)->out, "1 part with 1 parameter");
}

Test(cli, plugin_check_names_the_broken_rule)
{
    const struct e2e_out *out =
        e2e_leat("plugin", "check", e2e_text("%s/hostile/wrong_abi.so", getenv("LEAT_BUILD")));

    cr_assert_eq(out->code, 2);
    e2e_expect_words(out->out, "✗ marker");
    e2e_expect_words(out->out, "1 broken rule");
    out = e2e_leat("plugin", "check",
                   e2e_text("%s/hostile/abort_constructor.so", getenv("LEAT_BUILD")));
    cr_assert_eq(out->code, 2);
    e2e_expect_words(out->out, "✓ marker");
    e2e_expect_words(out->out, "✗ descriptor");
    REFUSED("there is no file nowhere.so", "plugin", "check", "nowhere.so");
}
