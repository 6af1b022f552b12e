/*
 * Tests of the exec plugin against real programs: sh, cat, true and their like.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <sys/pidfd.h>

#include "plugins/exec/exec.c"
#include "plugins/testhost.h"

/* A host with the exec plugin, running one /bin/sh line. */
static struct testhost *host_with_shell(const char *line)
{
    struct testhost *host = testhost_new(leat_plugin_v1());

    testhost_param(host, "shell", "\"%s\"", line);
    return host;
}

Test(exec, runs_an_argument_list_without_a_shell, .timeout = 20)
{
    struct testhost *host = testhost_new(leat_plugin_v1());

    testhost_param(host, "command", "[\"echo\", \"$HOME; ls\", \"a b\"]");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "stdout"), "\"$HOME; ls a b\\n\"");
    cr_assert_str_eq(testhost_json(host, "exit_code"), "0");
    testhost_free(host);
}

Test(exec, gives_a_value_as_json_and_reads_json_back, .timeout = 20)
{
    struct testhost *host = testhost_new(leat_plugin_v1());

    testhost_param(host, "command", "[\"cat\"]");
    testhost_param(host, "input", "{\"n\":[1,2.5,null,true,\"\\u00e9\"]}");
    testhost_param(host, "parse", "\"json\"");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "stdout"), "{\"n\":[1,2.5,null,true,\"\u00e9\"]}");
    testhost_free(host);
}

Test(exec, an_input_larger_than_any_pipe_does_not_block, .timeout = 20)
{
    struct testhost *host = host_with_shell("wc -c");
    char *text = malloc(1 << 20);

    memset(text, 'x', (1 << 20) - 1);
    text[(1 << 20) - 1] = '\0';
    testhost_param(host, "stdin", "\"%s\"", text);
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "stdout"), "\"1048575\\n\"");
    free(text);
    testhost_free(host);
}

Test(exec, splits_output_into_lines, .timeout = 20)
{
    struct testhost *host = host_with_shell("printf 'one\\\\n\\\\ntwo'");

    testhost_param(host, "parse", "\"lines\"");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "stdout"), "[\"one\",\"\",\"two\"]");
    testhost_free(host);
}

Test(exec, replaces_bytes_that_are_not_utf8, .timeout = 20)
{
    struct testhost *host = host_with_shell("printf 'a\\\\377\\\\355\\\\240\\\\200b'");

    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "stdout"), "\"a\ufffd\ufffd\ufffd\ufffdb\"");
    testhost_free(host);
}

Test(exec, keeps_bytes_as_they_are_when_asked, .timeout = 20)
{
    struct testhost *host = host_with_shell("printf 'a\\\\377'");

    testhost_param(host, "parse", "\"bytes\"");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "stdout"), "{\"$bin\":\"Yf8=\"}");
    testhost_free(host);
}

Test(exec, logs_standard_error_line_by_line, .timeout = 20)
{
    struct testhost *host = host_with_shell("echo out; echo one >&2; printf two >&2");

    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_logs(host), "one\ntwo\n");
    cr_assert_str_eq(testhost_json(host, "stderr"), "\"one\\ntwo\"");
    testhost_free(host);
}

Test(exec, logs_standard_output_only_when_asked, .timeout = 20)
{
    struct testhost *host = host_with_shell("echo out; echo err >&2");

    testhost_param(host, "log_stdout", "true");
    testhost_param(host, "log_stderr", "false");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_logs(host), "out\n");
    testhost_free(host);
}

Test(exec, a_bad_exit_code_is_worth_a_retry_and_quotes_the_last_line, .timeout = 20)
{
    struct testhost *host = host_with_shell("echo first >&2; echo no such table >&2; exit 3");

    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "exec.exit");
    cr_assert_str_eq(testhost_text(host), "\"/bin/sh\" ended with exit code 3: no such table");
    testhost_free(host);
}

Test(exec, other_exit_codes_can_count_as_success, .timeout = 20)
{
    struct testhost *host = host_with_shell("exit 3");

    testhost_param(host, "ok_codes", "[0, 3]");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "exit_code"), "3");
    testhost_free(host);
}

Test(exec, names_the_signal_that_killed_the_program, .timeout = 20)
{
    struct testhost *host = host_with_shell("kill -SEGV $$");

    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "exec.signal");
    cr_assert(strstr(testhost_text(host), "SIGSEGV") != NULL);
    testhost_free(host);
}

Test(exec, an_unknown_program_fails_for_good, .timeout = 20)
{
    struct testhost *host = testhost_new(leat_plugin_v1());

    testhost_param(host, "command", "[\"no-such-program-here\"]");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "exec.not_found");
    testhost_free(host);
}

Test(exec, a_file_that_is_no_program_fails_for_good, .timeout = 20)
{
    struct testhost *host = testhost_new(leat_plugin_v1());

    testhost_param(host, "command", "[\"/etc/passwd\"]");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "exec.not_executable");
    testhost_free(host);
}

Test(exec, a_missing_directory_is_named, .timeout = 20)
{
    struct testhost *host = host_with_shell("pwd");

    testhost_param(host, "cwd", "\"/no/such/directory\"");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "exec.bad_cwd");
    testhost_free(host);
}

Test(exec, runs_in_the_given_directory, .timeout = 20)
{
    struct testhost *host = host_with_shell("pwd");

    testhost_param(host, "cwd", "\"/usr\"");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "stdout"), "\"/usr\\n\"");
    testhost_free(host);
}

Test(exec, sets_variables_and_tells_the_attempt, .timeout = 20)
{
    struct testhost *host = host_with_shell("echo $A $B $LEAT_STEP $LEAT_IDEMPOTENCY_KEY");

    testhost_param(host, "env", "{\"A\":\"x y\",\"B\":{\"n\":1}}");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "stdout"), "\"x y {\\\"n\\\":1} test test-key\\n\"");
    testhost_free(host);
}

Test(exec, a_variable_name_with_an_equals_sign_is_refused, .timeout = 20)
{
    struct testhost *host = host_with_shell("true");

    testhost_param(host, "env", "{\"A=B\":\"x\"}");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "exec.bad_params");
    testhost_free(host);
}

Test(exec, needs_exactly_one_of_command_and_shell, .timeout = 20)
{
    struct testhost *host = host_with_shell("true");

    testhost_param(host, "command", "[\"true\"]");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "exec.bad_params");
    testhost_reset(host);
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_FAIL);
    testhost_free(host);
}

Test(exec, broken_json_is_reported_with_its_place, .timeout = 20)
{
    struct testhost *host = host_with_shell("echo '{'; echo oops");

    testhost_param(host, "parse", "\"json\"");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "exec.bad_json");
    cr_assert(strstr(testhost_text(host), "line 2") != NULL, "%s", testhost_text(host));
    testhost_free(host);
}

Test(exec, text_beyond_the_limit_is_cut_and_says_so, .timeout = 20)
{
    struct testhost *host = host_with_shell("printf abcdef");

    testhost_param(host, "capture", "5");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "stdout"), "\"abcde\"");
    cr_assert_str_eq(testhost_json(host, "truncated"), "true");
    testhost_free(host);
}

Test(exec, text_of_exactly_the_limit_is_whole, .timeout = 20)
{
    struct testhost *host = host_with_shell("printf abcdef");

    testhost_param(host, "capture", "6");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "truncated"), "false");
    testhost_free(host);
}

Test(exec, json_beyond_the_limit_is_an_error_not_half_a_value, .timeout = 20)
{
    struct testhost *host = host_with_shell("echo 12345678");

    testhost_param(host, "capture", "4");
    testhost_param(host, "parse", "\"json\"");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "exec.too_large");
    testhost_free(host);
}

Test(exec, keeps_the_end_of_a_long_standard_error, .timeout = 20)
{
    struct testhost *host = host_with_shell("seq 1 20000 >&2");
    leat_str tail;

    testhost_param(host, "log_stderr", "false");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    tail = leat_view_str(testhost_result(host, "stderr"));
    cr_assert_eq(tail.len, TAIL_SIZE);
    cr_assert_eq(memcmp(tail.ptr + tail.len - 6, "20000\n", 6), 0);
    testhost_free(host);
}

Test(exec, cancel_ends_the_whole_group, .timeout = 20)
{
    struct testhost *host = host_with_shell("sleep 1000 & echo child $! >&2; wait");
    pid_t pid = 0;

    testhost_cancel_on_log(host, "child");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_CANCELLED);
    cr_assert_eq(sscanf(testhost_logs(host), "child %d", &pid), 1);
    /* Killed by now, but perhaps still on its way out. */
    struct pollfd gone = {pidfd_open(pid, 0), POLLIN, 0};

    cr_assert(gone.fd < 0 || poll(&gone, 1, 5000) == 1);
    testhost_free(host);
}

Test(exec, cancel_kills_a_program_that_ignores_the_polite_signal, .timeout = 20)
{
    struct testhost *host =
        host_with_shell("trap '' TERM; echo ready >&2; while :; do sleep 1000; done");

    testhost_param(host, "grace", "50000");
    testhost_cancel_on_log(host, "ready");
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_CANCELLED);
    testhost_free(host);
}

Test(exec, a_process_left_behind_neither_blocks_the_step_nor_outlives_it, .timeout = 20)
{
    struct testhost *host = host_with_shell("sleep 1000 & echo done");

    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "stdout"), "\"done\\n\"");
    testhost_free(host);
}

Test(exec, the_program_inherits_no_descriptors, .timeout = 20)
{
    struct testhost *host = host_with_shell("ls /proc/self/fd | wc -l");

    /* 0, 1, 2, and the one that ls opens to look. */
    cr_assert_eq(testhost_run(host, "exec.run"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "stdout"), "\"4\\n\"");
    testhost_free(host);
}
