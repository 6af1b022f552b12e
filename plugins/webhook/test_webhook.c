/*
 * Tests of the webhook notifier against a scripted server on the loopback interface.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>

#include "plugins/testhost.h"
#include "plugins/testserver.h"
#include "plugins/webhook/webhook.c"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER_SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

static struct testserver *server;
static struct testhost *host;

/* A server, and a host that may reach it, for each test. */
static void begin(void)
{
    server = testserver_new();
    host = testhost_new(leat_plugin_v1());
    testhost_param(host, "event", "{\"id\": \"msg_1\", \"type\": \"flow_run.state\"}");
    testhost_param(host, "url", "\"%s\"", testserver_url(server, "/a"));
    testhost_param(host, "allow_http", "true");
    testhost_param(host, "allow_private", "true");
}

/* Ends them. */
static void end(void)
{
    testhost_free(host);
    testserver_free(server);
}

TestSuite(webhook, .init = begin, .fini = end, .timeout = 30);

/* Runs the notifier against a server that answers with this status line and headers. */
static leat_status notify_with(const char *status, const char *headers)
{
    testserver_answer_status(server, "/a", status, headers);
    return testhost_run(host, "webhook");
}

/* The value of a header of the last request, in static memory; "" without. */
static const char *sent(const char *name)
{
    static char value[256];
    char key[64];
    const char *at;

    snprintf(key, sizeof key, "\r\n%s: ", name);
    at = strcasestr(testserver_last(server), key);
    value[0] = '\0';
    if (at != NULL) {
        snprintf(value, sizeof value, "%.*s", (int)strcspn(at + strlen(key), "\r"),
                 at + strlen(key));
    }
    return value;
}

Test(webhook, signs_as_the_standard_says)
{
    char signature[SIGN_SIZE];

    cr_assert(sign_make(leat_str_of(SECRET), leat_str_of("msg_p5jXN8AQM9LWM0D4loKWxJek"),
                        1614265330, leat_str_of("{\"test\": 2432232314}"), signature));
    cr_assert_str_eq(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

Test(webhook, sends_the_event_with_id_time_and_signature)
{
    char signature[SIGN_SIZE];
    const char *body;

    testhost_param(host, "secret", "\"" SECRET "\"");
    cr_assert_eq(notify_with("204 No Content", ""), LEAT_OK, "%s", testhost_text(host));
    cr_assert_str_eq(sent("webhook-id"), "msg_1");
    body = strstr(testserver_last(server), "\r\n\r\n") + 4;
    cr_assert_str_eq(body, "{\"id\":\"msg_1\",\"type\":\"flow_run.state\"}");
    cr_assert(sign_make(leat_str_of(SECRET), leat_str_of("msg_1"),
                        strtoll(sent("webhook-timestamp"), NULL, 10), leat_str_of(body),
                        signature));
    cr_assert_str_eq(sent("webhook-signature"), signature);
}

Test(webhook, signs_twice_while_secrets_change)
{
    testhost_param(host, "secret", "\"" SECRET "\"");
    testhost_param(host, "old_secret", "\"" OTHER_SECRET "\"");
    cr_assert_eq(notify_with("200 OK", ""), LEAT_OK);
    cr_assert_eq(strlen(sent("webhook-signature")), 2 * (SIGN_SIZE - 1) + 1);
    cr_assert(strstr(sent("webhook-signature"), " v1,") != NULL);
}

Test(webhook, without_a_secret_there_is_no_signature)
{
    cr_assert_eq(notify_with("200 OK", ""), LEAT_OK);
    cr_assert_str_eq(sent("webhook-signature"), "");
}

Test(webhook, a_bad_secret_fails_for_good_and_is_not_shown)
{
    static const char *const secrets[] = {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_",
                                          "whsec_!!!!", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY="};

    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        testhost_param(host, "secret", "\"%s\"", secrets[i]);
        cr_assert_eq(testhost_run(host, "webhook"), LEAT_FAIL, "%s", secrets[i]);
        cr_assert_str_eq(testhost_code(host), "webhook.bad_secret");
        cr_assert(strstr(testhost_text(host), "AAECA") == NULL);
    }
    cr_assert_eq(testserver_count(server), 0);
}

Test(webhook, gone_means_never_again)
{
    cr_assert_eq(notify_with("410 Gone", ""), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "webhook.gone");
}

Test(webhook, other_failures_are_tried_again)
{
    cr_assert_eq(notify_with("404 Not Found", ""), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "webhook.404");
}

Test(webhook, a_busy_receiver_is_given_the_time_it_asks_for)
{
    cr_assert_eq(notify_with("429 Slow down", "Retry-After: 30\r\n"), LEAT_RETRY);
    cr_assert_eq(testhost_retry_after_ms(host), 30000);
}

Test(webhook, an_absurd_wish_for_patience_is_capped_at_a_day)
{
    cr_assert_eq(notify_with("503 Busy", "Retry-After: 99999999\r\n"), LEAT_RETRY);
    cr_assert_eq(testhost_retry_after_ms(host), 86400000);
}

Test(webhook, a_redirect_is_a_failure_and_not_followed)
{
    testserver_answer_text(server, "/b", "text/plain", "ok");
    cr_assert_eq(notify_with("302 Found", "Location: /b\r\n"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "webhook.302");
    cr_assert_eq(testserver_count(server), 1);
}

Test(webhook, an_error_quotes_the_answer)
{
    testserver_answer(server, "/a", TESTSERVER_CLOSE,
                      "HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nno\xffreason", 48);
    cr_assert_eq(testhost_run(host, "webhook"), LEAT_RETRY);
    cr_assert(strstr(testhost_text(host), "status 400: no\ufffdreason") != NULL, "%s",
              testhost_text(host));
}

Test(webhook, an_endless_answer_counts_by_its_status)
{
    testserver_answer(server, "/a", TESTSERVER_ENDLESS, "HTTP/1.1 200 OK\r\n\r\n", 19);
    cr_assert_eq(testhost_run(host, "webhook"), LEAT_OK, "%s", testhost_text(host));
}

Test(webhook, a_silent_receiver_times_out)
{
    testserver_answer(server, "/a", TESTSERVER_STALL, "", 0);
    testhost_param(host, "timeout", "200000");
    cr_assert_eq(testhost_run(host, "webhook"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "webhook.timeout");
}

Test(webhook, a_reset_in_the_middle_is_tried_again)
{
    testserver_answer(server, "/a", TESTSERVER_RESET, "HTTP/1.1 200 OK\r\nContent-Le", 27);
    cr_assert_eq(testhost_run(host, "webhook"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "webhook.no_answer");
}

Test(webhook, http_needs_permission)
{
    testhost_param(host, "allow_http", "false");
    cr_assert_eq(testhost_run(host, "webhook"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "webhook.bad_url");
}

Test(webhook, private_addresses_need_permission_however_they_are_spelled)
{
    static const char *const hosts[] = {"127.0.0.1",          "localhost", "0x7f000001",
                                        "2130706433",         "127.1",     "[::1]",
                                        "[::ffff:127.0.0.1]", "0"};

    testhost_param(host, "allow_private", "false");
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        testhost_param(host, "url", "\"http://%s:%s\"", hosts[i],
                       strrchr(testserver_url(server, "/a"), ':') + 1);
        cr_assert_eq(testhost_run(host, "webhook"), LEAT_FAIL, "%s: %s", hosts[i],
                     testhost_text(host));
        cr_assert_str_eq(testhost_code(host), "webhook.private_address");
    }
    cr_assert_eq(testserver_count(server), 0);
}

/* What address_is_private() says about a textual address. */
static int is_private(const char *text)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
    } address;

    memset(&address, 0, sizeof address);
    if (inet_pton(AF_INET, text, &address.in4.sin_addr) == 1) {
        address.in4.sin_family = AF_INET;
    } else {
        cr_assert_eq(inet_pton(AF_INET6, text, &address.in6.sin6_addr), 1, "%s", text);
        address.in6.sin6_family = AF_INET6;
    }
    return address_is_private(&address.any);
}

Test(webhook, knows_private_addresses_from_public_ones)
{
    static const char *const private_ones[] = {
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "198.19.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "fd00::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "::7f00:1",
        "64:ff9b:1::7f00:1",
    };
    static const char *const public_ones[] = {
        "1.1.1.1",         "9.255.255.255",  "11.0.0.1",   "100.63.255.255",   "100.128.0.1",
        "128.0.0.1",       "172.15.255.255", "172.32.0.1", "192.167.255.255",  "192.169.0.1",
        "223.255.255.255", "2606:4700::1",   "2a00::1",    "64:ff9b::101:101", "::ffff:1.1.1.1",
    };

    for (size_t i = 0; i < sizeof private_ones / sizeof private_ones[0]; i++) {
        cr_assert(is_private(private_ones[i]), "%s", private_ones[i]);
    }
    for (size_t i = 0; i < sizeof public_ones / sizeof public_ones[0]; i++) {
        cr_assert_not(is_private(public_ones[i]), "%s", public_ones[i]);
    }
}

Test(webhook, other_families_count_as_private)
{
    struct sockaddr address = {.sa_family = AF_UNIX};

    cr_assert(address_is_private(&address));
}

Test(webhook, a_header_cannot_smuggle_in_another)
{
    testhost_param(host, "headers", "{\"A\": \"x\\r\\nwebhook-id: y\"}");
    cr_assert_eq(testhost_run(host, "webhook"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "webhook.bad_params");
}

Test(webhook, proxies_of_the_environment_are_ignored)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    cr_assert_eq(notify_with("200 OK", ""), LEAT_OK, "%s", testhost_text(host));
}

Test(webhook, a_cancelled_delivery_stops)
{
    testserver_answer(server, "/a", TESTSERVER_STALL, "", 0);
    testhost_cancel_on_log(host, "");
    cr_assert_eq(testhost_run(host, "webhook"), LEAT_CANCELLED);
}
