/*
 * What a run is given: parameters, names, tags, variables, secrets, the environment.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

TestSuite(params, .init = e2e_begin, .fini = e2e_end);

#define ECHO                                           \
    "steps:\n"                                         \
    "  a: { task: json.parse, with: { text: '1' } }\n" \
    "output: '${params}'\n"

Test(params, defaults_are_used)
{
    json_t *run = e2e_run("flow: f\nparams: { n: 5, s: hi, l: [1, 2], b: true, f: 1.5 }\n" ECHO);

    e2e_expect_result(run, "{\"n\": 5, \"s\": \"hi\", \"l\": [1, 2], \"b\": true, \"f\": 1.5}");
}

Test(params, the_command_line_is_read_as_the_types_want_it)
{
    json_t *run =
        e2e_run("flow: f\n"
                "params:\n"
                "  n: { type: int }\n"
                "  s: { type: string }\n"
                "  b: { type: bool }\n"
                "  x: { type: float }\n"
                "  l: { type: list, items: int }\n"
                "  v: { type: value }\n"
                "  w: { type: value }\n"
                "  d: { type: duration }\n"
                "  z: { type: size }\n" ECHO,
                "-p", "n=0042", "-p", "s=12", "-p", "b=true", "-p", "x=2", "-p", "l=1,2,3", "-p",
                "v={\"a\":[null]}", "-p", "w=plain text", "-p", "d=1m30s", "-p", "z=4KiB");

    e2e_expect_result(run, "{\"n\": 42, \"s\": \"12\", \"b\": true, \"x\": 2.0, \"l\": [1, 2, 3], "
                           "\"v\": {\"a\": [null]}, \"w\": \"plain text\", \"d\": 90, "
                           "\"z\": 4096}");
}

Test(params, a_file_gives_parameters_and_the_command_line_wins)
{
    e2e_write("p.json", "{\"n\": 1, \"s\": \"from the file\"}");
    json_t *run = e2e_run("flow: f\nparams: { n: { type: int }, s: { type: string } }\n" ECHO,
                          "--params-file", "p.json", "-p", "n=2");

    e2e_expect_result(run, "{\"n\": 2, \"s\": \"from the file\"}");
}

Test(params, an_optional_one_is_null)
{
    json_t *run = e2e_run("flow: f\nparams: { n: { type: int, required: false } }\n" ECHO);

    e2e_expect_result(run, "{\"n\": null}");
}

Test(params, all_that_is_wrong_is_said_at_once)
{
    const char *text = e2e_refused("flow: f\n"
                                   "params:\n"
                                   "  n: { type: int, max: 10 }\n"
                                   "  s: { type: string, pattern: '^[a-z]+$' }\n"
                                   "  e: { type: string, enum: [red, green] }\n"
                                   "  q: { type: int }\n" ECHO,
                                   "4 errors", "-p", "n=11", "-p", "s=A", "-p", "e=gren");

    e2e_expect_words(text, "\"n\"");
    e2e_expect_words(text, "\"s\"");
    e2e_expect_words(text, "\"e\"");
    e2e_expect_words(text, "\"q\"");
}

Test(params, an_unknown_one_is_refused_with_a_suggestion)
{
    e2e_refused("flow: f\nparams: { rounds: 5 }\n" ECHO, "rounds", "-p", "ruonds=7");
}

Test(params, a_text_that_is_no_number_is_refused)
{
    e2e_refused("flow: f\nparams: { n: 5 }\n" ECHO, "integer", "-p", "n=many");
}

Test(params, a_number_in_a_file_is_never_a_string)
{
    e2e_write("p.json", "{\"s\": 12}");
    e2e_refused("flow: f\nparams: { s: { type: string } }\n" ECHO, "wants a string",
                "--params-file", "p.json");
}

Test(params, a_parameter_given_twice_is_refused)
{
    e2e_refused("flow: f\nparams: { n: 5 }\n" ECHO, "twice", "-p", "n=1", "-p", "n=2");
}

Test(params, a_parameter_without_a_value_is_refused)
{
    e2e_refused("flow: f\nparams: { n: 5 }\n" ECHO, "NAME=VALUE", "-p", "n");
}

Test(params, a_missing_params_file_is_named)
{
    e2e_refused("flow: f\nparams: { n: 5 }\n" ECHO, "none.json", "--params-file", "none.json");
}

Test(params, a_broken_params_file_is_refused_with_the_place)
{
    e2e_write("p.json", "{\"n\": 1,\n}");
    e2e_refused("flow: f\nparams: { n: 5 }\n" ECHO, "line 2", "--params-file", "p.json");
}

Test(params, a_params_file_must_hold_an_object)
{
    e2e_write("p.json", "[1]");
    e2e_refused("flow: f\nparams: { n: 5 }\n" ECHO, "object", "--params-file", "p.json");
}

/* One byte beyond 512 KiB with everything that goes with it is enough; half of it is not. */
Test(params, beyond_512_kib_they_are_refused)
{
    char *text = e2e_text("{\"s\": \"%0*d\"}", 512 * 1024, 0);

    e2e_write("p.json", text);
    e2e_refused("flow: f\nparams: { s: { type: string } }\n" ECHO, "524288", "--params-file",
                "p.json");
}

Test(params, of_almost_512_kib_they_are_taken)
{
    char *text = e2e_text("{\"s\": \"%0*d\"}", 511 * 1024, 0);

    e2e_write("p.json", text);
    json_t *run = e2e_run("flow: f\nparams: { s: { type: string } }\n"
                          "steps:\n"
                          "  a: { task: json.format, with: { value: '${params.s | length}' } }\n"
                          "output: '${steps.a}'\n",
                          "--params-file", "p.json");

    e2e_expect_result(run, "\"523264\"");
}

/* ---- names and tags ---------------------------------------------------------------------------
 */

Test(params, a_run_name_is_made_of_parameters)
{
    json_t *run = e2e_run(
        "flow: f\nparams: { month: { type: string } }\nrun_name: 'train-${params.month}'\n" ECHO,
        "-p", "month=2001-02");

    cr_assert_str_eq(e2e_member(run, "name"), "train-2001-02");
    json_t *found = e2e_json("flow-run", "inspect", "train-2001-02");
    cr_assert_str_eq(e2e_member(found, "id"), e2e_member(run, "id"));
}

Test(params, a_name_on_the_command_line_wins)
{
    json_t *run = e2e_run("flow: f\nrun_name: other\n" ECHO, "--name", "mine");

    cr_assert_str_eq(e2e_member(run, "name"), "mine");
}

Test(params, without_a_name_a_friendly_one_is_made)
{
    json_t *run = e2e_run("flow: f\n" ECHO);

    cr_assert_not_null(strchr(e2e_member(run, "name"), '-'), "%s", e2e_member(run, "name"));
}

Test(params, a_name_that_is_too_long_is_refused)
{
    char *name = e2e_text("%0300d", 0);

    e2e_refused("flow: f\n" ECHO, "name", "--name", name);
}

Test(params, a_task_run_is_shown_under_the_name_that_its_step_gives)
{
    json_t *run = e2e_run("flow: f\n"
                          "params: { month: '2001-01' }\n"
                          "steps:\n"
                          "  a:\n"
                          "    task: json.format\n"
                          "    map: [x, y]\n"
                          "    run_name: '${params.month} ${item}'\n"
                          "    with: { value: 1 }\n");

    cr_assert_str_eq(e2e_member(e2e_task(run, "a[1]"), "label"), "2001-01 y");
}

Test(params, tags_come_from_the_flow_and_the_command_line)
{
    json_t *run = e2e_run("flow: f\ntags: [ml, nightly]\n" ECHO, "--tag", "mine", "--tag", "ml");

    e2e_expect_json(json_object_get(run, "tags"), "[\"ml\", \"nightly\", \"mine\"]");
    json_t *found = e2e_json("flow-run", "ls", "--tag", "mine");
    cr_assert_eq(json_array_size(json_object_get(found, "items")), 1);
    found = e2e_json("flow-run", "ls", "--tag", "other");
    cr_assert_eq(json_array_size(json_object_get(found, "items")), 0);
}

/* ---- the world around -------------------------------------------------------------------------
 */

Test(params, variables_come_from_leat_yaml)
{
    e2e_write(e2e_text("%s/leat.yaml", e2e_home()), "vars: { region: eu, limits: { n: 3 } }\n");
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: json.format, with: { value: ['${vars.region}', '${vars.limits.n}'] } }\n"
        "output: '${steps.a}'\n");

    e2e_expect_result(run, "\"[\\\"eu\\\",3]\"");
}

Test(params, a_variable_that_is_not_there_fails_the_step_by_name)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.format, with: { value: '${vars.region}' } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "a"), "error"), "text"), "region");
}

Test(params, the_environment_of_the_engine_can_be_read)
{
    setenv("COLOUR_OF_TEST", "teal", 1);
    json_t *run =
        e2e_run("flow: f\n"
                "steps:\n"
                "  a: { task: json.format, with: { value: 'is ${env.COLOUR_OF_TEST}' } }\n"
                "output: '${steps.a}'\n");

    e2e_expect_result(run, "\"\\\"is teal\\\"\"");
}

Test(params, hosts_inherit_only_what_leat_yaml_names)
{
    setenv("COLOUR_OF_TEST", "teal", 1);
    setenv("SIZE_OF_TEST", "xl", 1);
    e2e_write(e2e_text("%s/leat.yaml", e2e_home()), "hosts: { env: [SIZE_OF_TEST] }\n");
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'echo \"$COLOUR_OF_TEST,$SIZE_OF_TEST\"', parse: lines } }\n"
        "output: '${steps.a.stdout}'\n");

    e2e_expect_result(run, "[\",xl\"]");
}

Test(params, a_secret_reaches_the_step_and_nothing_else)
{
    setenv("LEAT_SECRET_API_KEY", "canary-8461-secret", 1);
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'test $${#KEY} = 18 && env | grep -c LEAT_SECRET || true', env: { KEY: '${secrets.api_key}' }, parse: lines } }\n"
        "output: '${steps.a.stdout}'\n");

    e2e_expect_result(run, "[\"0\"]");
    cr_assert_not(e2e_tree_holds("home", "canary-8461-secret"));
}

Test(params, a_secret_is_not_read_through_the_environment)
{
    setenv("LEAT_SECRET_API_KEY", "canary-8461-secret", 1);
    json_t *run =
        e2e_run("flow: f\n"
                "steps:\n"
                "  a: { task: json.format, with: { value: '${env.LEAT_SECRET_API_KEY}' } }\n");

    e2e_expect_state(run, "Failed");
}

Test(params, a_missing_secret_fails_the_step_by_name)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'true', env: { KEY: '${secrets.api_key}' } } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "a"), "error"), "text"),
                     "secrets.api_key");
}

Test(params, a_secret_in_a_name_is_refused)
{
    e2e_refused("flow: f\nrun_name: '${secrets.api_key}'\n" ECHO, "secrets");
}

Test(params, a_secret_parameter_is_masked_wherever_it_is_shown)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "params: { key: { type: string, secret: true } }\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'test $${#KEY} = 17', env: { KEY: '${params.key}' } } }\n",
        "-p", "key=canary-1212-param");
    char *text = json_dumps(run, 0);

    e2e_expect_state(run, "Completed");
    cr_expect_null(strstr(text, "canary-1212"), "%s", text);
    free(text);
    cr_assert_null(strstr(e2e_leat("flow-run", "inspect", "@last")->out, "canary-1212"));
}

Test(params, relative_paths_begin_where_leat_was_called)
{
    e2e_write("data.txt", "here\n");
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: fs.read, with: { path: data.txt } }\n"
                          "output: { text: '${steps.a.content}', dir: '${run.base_dir}' }\n");

    e2e_expect_result(run, e2e_text("{\"text\": \"here\\n\", \"dir\": \"%s\"}", e2e_dir()));
}

Test(params, a_run_has_a_directory_of_its_own)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'test -d \"$D\" && echo $D', env: { D: '${run.workdir}' }, parse: lines } }\n"
        "output: '${steps.a.stdout[0]}'\n");

    e2e_expect_state(run, "Completed");
    e2e_expect_words(json_string_value(json_object_get(run, "result")), e2e_member(run, "id"));
}
