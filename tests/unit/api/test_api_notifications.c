/*
 * The delivery log over the API of a whole engine.
 */
#include "api/api.h"

#include <criterion/criterion.h>
#include <string.h>

#include "fixture.h"

static struct fixture fixture;

/* An engine with two notifiers. */
static void start(void)
{
    fixture_start(&fixture);
    fixture_install(&fixture, "plugins/log.so");
    fixture_install(&fixture, "plugins/command.so");
}

/* Ends it. */
static void stop(void)
{
    fixture_stop(&fixture);
}

TestSuite(api_notifications, .init = start, .fini = stop, .timeout = 60);

/* Runs a flow that notifies, and waits for the first attempts. */
static const char *notify(const char *rules)
{
    const char *id = fixture_run(
        &fixture, format("flow: loud\nsteps:\n  a: { task: hello.greet }\nnotify:\n%s", rules), "");
    struct val run = fixture_get(&fixture, format("/flow-runs/%s", id));

    engine_drain_notifications(fixture.engine, (uint64_t)int_at(run, "number"));
    cr_assert_eq(engine_settle(fixture.engine), 0);
    return id;
}

static const char rule_log[] = "  - { on: [Completed], via: log }\n";
static const char rule_fails[] =
    "  - { on: [Completed], via: command, with: { command: [\"false\"] } }\n";

Test(api_notifications, a_delivered_notification_is_in_the_log)
{
    const char *id = notify(rule_log);
    struct val list = fixture_get(&fixture, "/notifications/deliveries");

    cr_assert_eq(count_at(list, "items"), 1);
    cr_assert_str_eq(text_at(list, "items.0.outcome"), "delivered");
    cr_assert_str_eq(text_at(list, "items.0.run"), id);
    cr_assert_str_eq(text_at(list, "items.0.via"), "log");
    cr_assert_str_eq(text_at(list, "items.0.state"), "Completed");
    cr_assert_eq(int_at(list, "items.0.attempt"), 1);
    cr_assert(null_at(list, "items.0.next"));
}

Test(api_notifications, a_failed_attempt_says_why_and_when_it_is_repeated)
{
    struct val list;

    notify(rule_fails);
    list = fixture_get(&fixture, "/notifications/deliveries?outcome=retry");
    cr_assert_eq(count_at(list, "items"), 1);
    cr_assert(!null_at(list, "items.0.code"));
    cr_assert(!null_at(list, "items.0.next"));
    cr_assert_eq(
        count_at(fixture_get(&fixture, "/notifications/deliveries?outcome=waiting"), "items"), 0);
}

Test(api_notifications, deliveries_are_filtered_by_run)
{
    const char *id = notify(rule_log);

    notify(rule_log);
    cr_assert_eq(count_at(fixture_get(&fixture, "/notifications/deliveries"), "items"), 2);
    cr_assert_eq(
        count_at(fixture_get(&fixture, format("/notifications/deliveries?run=%s", id)), "items"),
        1);
    fixture_ask(&fixture, "GET", "/notifications/deliveries?run=nobody", NULL, 404);
}

Test(api_notifications, deliveries_come_page_by_page_newest_first)
{
    const char *first = notify(rule_log);
    const char *second = notify(rule_log);
    struct val list = fixture_get(&fixture, "/notifications/deliveries?limit=1");
    const char *cursor = text_at(list, "next");

    cr_assert_str_eq(text_at(list, "items.0.run"), second);
    list = fixture_get(&fixture, format("/notifications/deliveries?limit=1&after=%s", cursor));
    cr_assert_str_eq(text_at(list, "items.0.run"), first);
    cr_assert(null_at(list, "next"));
}

Test(api_notifications, bad_questions_are_refused)
{
    fixture_ask(&fixture, "GET", "/notifications/deliveries?outcome=maybe", NULL, 400);
    fixture_ask(&fixture, "GET", "/notifications/deliveries?after=x", NULL, 400);
    fixture_ask(&fixture, "GET", "/notifications/deliveries?after=", NULL, 400);
}
