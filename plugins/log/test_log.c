/*
 * Tests of the log notifier.
 */
#include <criterion/criterion.h>

#include "plugins/log/log.c"
#include "plugins/testhost.h"

Test(log, writes_the_message, .timeout = 10)
{
    struct testhost *host = testhost_new(leat_plugin_v1());

    testhost_param(host, "event", "{\"message\": \"100 %% done\"}");
    cr_assert_eq(testhost_run(host, "log"), LEAT_OK);
    cr_assert_str_eq(testhost_logs(host), "100 % done\n");
    testhost_free(host);
}

Test(log, an_unknown_level_fails_for_good, .timeout = 10)
{
    struct testhost *host = testhost_new(leat_plugin_v1());

    testhost_param(host, "event", "{\"message\": \"x\"}");
    testhost_param(host, "level", "\"loud\"");
    cr_assert_eq(testhost_run(host, "log"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "log.bad_params");
    testhost_free(host);
}

Test(log, an_event_without_a_message_fails_for_good, .timeout = 10)
{
    struct testhost *host = testhost_new(leat_plugin_v1());

    testhost_param(host, "event", "{}");
    cr_assert_eq(testhost_run(host, "log"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "log.bad_event");
    testhost_free(host);
}
