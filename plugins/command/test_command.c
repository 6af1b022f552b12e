/*
 * Tests of the command notifier. Programs leave their traces in a directory of the test.
 */
#include <criterion/criterion.h>

#include <leat/file.h>

#include "plugins/command/command.c"
#include "plugins/testhost.h"

static struct testhost *host;
static char folder[] = "/tmp/leat-command-XXXXXX";

/* A host with an event, and a directory, for each test. */
static void begin(void)
{
    host = testhost_new(leat_plugin_v1());
    cr_assert(mkdtemp(folder) != NULL);
    cr_assert_eq(chdir(folder), 0);
    testhost_param(
        host, "event",
        "{\"id\": \"e1\", \"message\": \"train is done\", \"flow_run\": {\"flow\": \"train\", "
        "\"state\": {\"type\": \"COMPLETED\", \"name\": \"Completed\"}}}");
}

/* Ends them. */
static void end(void)
{
    testhost_free(host);
    cr_assert_eq(testhost_shell("rm -rf %s", folder), 0);
}

TestSuite(command, .init = begin, .fini = end, .timeout = 30);

/* Runs a line of shell as the command. */
static leat_status run_shell(const char *line)
{
    testhost_param(host, "command", "[\"sh\", \"-c\", \"%s\"]", line);
    return testhost_run(host, "command");
}

/* What the file "out" holds, in memory to be freed. */
static char *output(void)
{
    char *text = NULL;
    size_t len;

    cr_assert_eq(leat_file_read("out", 100000, &text, &len), 0);
    return text;
}

Test(command, gives_the_event_on_standard_input)
{
    char *text;

    cr_assert_eq(run_shell("cat > out"), LEAT_OK, "%s", testhost_text(host));
    text = output();
    cr_assert_eq(strncmp(text, "{\"id\":\"e1\",\"message\":\"train is done\"", 36), 0, "%s", text);
    free(text);
}

Test(command, gives_the_facts_in_the_environment)
{
    char *text;

    setenv("LEAT_STATE", "other", 1);
    cr_assert_eq(run_shell("echo $LEAT_FLOW/$LEAT_STATE/$LEAT_STATE_TYPE/$LEAT_MESSAGE > out"),
                 LEAT_OK);
    text = output();
    cr_assert_str_eq(text, "train/Completed/COMPLETED/train is done\n");
    free(text);
}

Test(command, a_bad_exit_code_is_tried_again)
{
    cr_assert_eq(run_shell("exit 7"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "command.exit");
    cr_assert(strstr(testhost_text(host), "exit code 7") != NULL);
}

Test(command, a_signal_is_tried_again)
{
    cr_assert_eq(run_shell("kill -KILL $$"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "command.signal");
}

Test(command, an_unknown_program_fails_for_good)
{
    testhost_param(host, "command", "[\"no-such-program-here\"]");
    cr_assert_eq(testhost_run(host, "command"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "command.not_found");
}

Test(command, an_empty_command_fails_for_good)
{
    testhost_param(host, "command", "[]");
    cr_assert_eq(testhost_run(host, "command"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "command.bad_params");
}

Test(command, a_program_that_does_not_end_is_ended)
{
    testhost_param(host, "timeout", "100000");
    cr_assert_eq(run_shell("sleep 1000"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "command.timeout");
}

Test(command, a_cancelled_delivery_ends_its_program)
{
    testhost_cancel_on_log(host, "");
    cr_assert_eq(run_shell("sleep 1000"), LEAT_CANCELLED);
}
