/*
 * Values on their way from step to step: small and large, binary, deep, strange.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/e2e/e2e.h"

/* A home with the plugin that gives back what it gets. */
static void begin(void)
{
    e2e_begin();
    e2e_plugin("good");
}

TestSuite(values, .init = begin, .fini = e2e_end);

Test(values, a_result_beyond_16_kib_arrives_intact_in_the_next_step)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  big: { task: good.big, with: { size: 1000000 } }\n"
        "  next: { task: good.measure, with: { text: '${steps.big.text}' } }\n"
        "  same: { task: json.format, with: { value: '${steps.next.text == steps.big.text}' } }\n"
        "output: ['${steps.next.len}', '${steps.same}']\n");

    e2e_expect_state(run, "Completed");
    e2e_expect_result(run, "[1000000, \"true\"]");
}

/* One byte less than 16 KiB with its header is inline; one more is a file. */
Test(values, the_edge_of_16_kib_makes_no_difference)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  big: { task: good.big, map: [16380, 16381, 16382, 16383, 16384, 16385], with: { size: '${item}' } }\n"
        "  next: { task: good.measure, map: '${steps.big}', with: { text: '${item.text}' } }\n"
        "output: '${[steps.next[].len]}'\n");

    e2e_expect_result(run, "[16380, 16381, 16382, 16383, 16384, 16385]");
}

Test(values, a_large_value_is_shown_as_a_reference_and_whole_on_demand)
{
    e2e_run("flow: f\n"
            "steps:\n"
            "  big: { task: good.big, with: { size: 20000 } }\n");
    json_t *task = e2e_json("task-run", "inspect", "@last/big");
    json_t *reference = json_object_get(json_object_get(task, "result"), "text");

    cr_assert_eq(strlen(e2e_member(reference, "$blob")), 64);
    task = e2e_json("task-run", "inspect", "@last/big", "--expand");
    cr_assert_eq(json_string_length(json_object_get(json_object_get(task, "result"), "text")),
                 20000);
}

Test(values, large_values_work_in_texts)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  big: { task: good.big, with: { size: 50000 } }\n"
                          "  next: { task: good.measure, with: { text: '<${steps.big.text}>' } }\n"
                          "output: '${steps.next.len}'\n");

    e2e_expect_result(run, "50002");
}

Test(values, a_path_reaches_into_a_large_value)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'echo \"{\\\"rows\\\": [\"; seq -s, 20000; echo \"]}\"', parse: json } }\n"
        "  b: { task: json.format, with: { value: '${steps.a.stdout.rows[-1]}' } }\n"
        "output: '${steps.b}'\n");

    e2e_expect_state(run, "Completed");
    e2e_expect_result(run, "\"20000\"");
}

Test(values, a_large_list_can_be_mapped_over)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'printf [; seq -s, -w 1 2 9999 | sed \"s/[0-9]*/\\\"x&\\\"/g\"; printf ]', parse: json } }\n"
        "  b: { task: json.format, map: '${steps.a.stdout}', with: { value: '${item}' } }\n"
        "output: ['${steps.b | length}', '${steps.b[-1]}']\n");

    e2e_expect_result(run, "[5000, \"\\\"x9999\\\"\"]");
}

Test(values, a_large_output_of_a_subflow_arrives)
{
    e2e_write("sub.yaml", "flow: sub\n"
                          "steps:\n"
                          "  big: { task: good.big, with: { size: 100000 } }\n"
                          "output: { text: '${steps.big.text}' }\n");
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  sub: { flow: sub }\n"
                          "  next: { task: good.measure, with: { text: '${steps.sub.text}' } }\n"
                          "output: '${steps.next.len}'\n");

    e2e_expect_result(run, "100000");
}

Test(values, bytes_travel_as_bytes)
{
    static const unsigned char bytes[] = {0, 1, 0xff, 0xfe, '\n', 0x80};

    e2e_write_bytes("in", bytes, sizeof(bytes));
    json_t *run =
        e2e_run("flow: f\n"
                "steps:\n"
                "  a: { task: fs.read, with: { path: in, as: bytes } }\n"
                "  b: { task: fs.write, with: { path: out, content: '${steps.a.content}' } }\n"
                "  c: { task: exec.run, wait_for: b, with: { command: [cmp, in, out] } }\n"
                "output: '${steps.a.content}'\n");

    e2e_expect_state(run, "Completed");
    e2e_expect_result(run, "{\"$bin\": \"AAH//gqA\"}");
}

Test(values, large_bytes_travel_as_bytes)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  make: { task: exec.run, with: { command: [head, -c, '300000', /dev/urandom], parse: bytes } }\n"
        "  a: { task: fs.write, with: { path: a, content: '${steps.make.stdout}' } }\n"
        "  b: { task: fs.write, with: { path: b, content: '${steps.make.stdout}' } }\n"
        "  c: { task: exec.run, wait_for: [a, b], with: { shell: 'cmp a b && wc -c <a', parse: json } }\n"
        "output: '${steps.c.stdout}'\n");

    e2e_expect_state(run, "Completed");
    e2e_expect_result(run, "300000");
}

Test(values, output_that_is_not_utf8_is_made_readable)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: exec.run, with: { shell: 'printf \"a\\377b\"' } }\n"
                          "output: '${steps.a.stdout}'\n");

    e2e_expect_result(run, "\"a\xef\xbf\xbd"
                           "b\"");
}

Test(values, what_is_deeper_than_32_is_refused_with_a_clear_text)
{
    char open[41];
    char close[41];

    memset(open, '[', 40);
    memset(close, ']', 40);
    open[40] = close[40] = '\0';
    json_t *run = e2e_run(e2e_text("flow: f\n"
                                   "steps:\n"
                                   "  a: { task: json.parse, with: { text: '%s1%s' } }\n",
                                   open, close));

    e2e_expect_state(run, "Failed");
    e2e_expect_error(e2e_task(run, "a"), "json.too_deep", "32");
}

Test(values, a_value_that_grows_too_deep_on_its_way_fails_its_step)
{
    char open[32];
    char close[32];

    memset(open, '[', 31);
    memset(close, ']', 31);
    open[31] = close[31] = '\0';
    json_t *run =
        e2e_run(e2e_text("flow: f\n"
                         "steps:\n"
                         "  a: { task: json.parse, with: { text: '%s1%s' } }\n"
                         "  b: { task: json.format, with: { value: [[['${steps.a}']]] } }\n",
                         open, close));

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "a", "Completed");
    e2e_expect_task(run, "b", "Failed");
}

/* 64 MiB is the most that one result may take. */
Test(values, a_result_beyond_the_limit_fails_the_step_with_a_clear_text)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: good.big, retries: 2, with: { size: 64MiB } }\n");

    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "a", "Failed");
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "a"), "error"), "text"), "67108");
    cr_assert_eq(json_integer_value(json_object_get(e2e_task(run, "a"), "attempts")), 1);
}

Test(values, whole_numbers_keep_their_64_bits)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a: { task: json.parse, with: { text: '[9223372036854775807, -9223372036854775808]' } }\n"
        "  b: { task: good.whole, with: { a: '${steps.a}' } }\n"
        "output: '${steps.b.a}'\n");

    e2e_expect_result(run, "[9223372036854775807, -9223372036854775808]");
}

Test(values, whole_numbers_that_jq_would_round_are_refused)
{
    json_t *run = e2e_run("flow: f\n"
                          "steps:\n"
                          "  a: { task: json.parse, with: { text: '9007199254740993' } }\n"
                          "  b: { task: json.format, with: { value: '${steps.a + 1}' } }\n");

    e2e_expect_task(run, "b", "Failed");
    e2e_expect_words(e2e_member(json_object_get(e2e_task(run, "b"), "error"), "text"), "2^53");
}

Test(values, every_type_of_parameter_arrives_as_what_it_is)
{
    json_t *run = e2e_run(
        "flow: f\n"
        "steps:\n"
        "  a:\n"
        "    task: good.echo\n"
        "    with: { string: 'caf\xc3\xa9 \xe2\x82\xac', int: 7, float: 2, bool: true, duration: 1m30s, size: 4KiB,\n"
        "            value: { x: [null] }, list: [1, 2], file: some/path }\n"
        "output: '${steps.a}'\n");

    e2e_expect_result(run, "{\"string\": \"caf\xc3\xa9 \xe2\x82\xac\", \"int\": 7, \"float\": 2.0, "
                           "\"bool\": true, \"duration\": 90000000, \"size\": 4096, "
                           "\"bytes\": {\"$bin\": \"\"}, \"value\": {\"x\": [null]}, "
                           "\"list\": [1, 2], \"file\": \"some/path\"}");
}

Test(values, a_damaged_blob_fails_the_step_that_needs_it)
{
    e2e_fifo("gate");
    e2e_fifo("began");
    struct e2e_process *leat = e2e_start_flow(
        "flow: f\n"
        "steps:\n"
        "  big: { task: good.big, with: { size: 100000 } }\n"
        "  wait: { task: exec.run, wait_for: big, with: { shell: 'echo x >began; read l <gate' } }\n"
        "  next: { task: json.format, wait_for: wait, with: { value: '${steps.big.text}' } }\n");

    e2e_take_line("began");
    cr_assert_eq(
        e2e_wait(
            e2e_start_program((const char *const[]){
                "sh", "-c",
                "chmod -R u+w home/blobs; f=$(find home/blobs -type f); printf Y | dd of=$f bs=1 seek=500 conv=notrunc",
                NULL}))
            ->code,
        0);
    e2e_give_line("gate");
    json_t *run = e2e_document(e2e_wait(leat));
    e2e_expect_state(run, "Failed");
    e2e_expect_task(run, "next", "Failed");
}
