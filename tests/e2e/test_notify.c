/*
 * Notifications: who is told about the end of a run, what, how it is signed, and what happens when
 * the receiver is not there.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <sodium.h>

#include "tests/e2e/e2e.h"
#include "tests/e2e/receiver.h"

#define SECRET_BYTES "canary-of-thirty-two-bytes-in-all"
#define OK_STEP \
    "steps:\n"  \
    "  a: { task: json.parse, with: { text: '{\"n\": 42}' } }\n"
#define BAD_STEP \
    "steps:\n"   \
    "  a: { task: json.parse, with: { text: '{' } }\n"

static struct receiver *receiver;

/* Ends the server of a test that had one, too. */
static void end(void)
{
    receiver_free(receiver);
    receiver = NULL;
    e2e_end();
}

TestSuite(notify, .init = e2e_begin, .fini = end);

/* Writes HOME/leat.yaml. */
static void settings(const char *yaml)
{
    e2e_write(e2e_text("%s/leat.yaml", e2e_home()), yaml);
}

/* What became of the notifications. */
static json_t *deliveries(void)
{
    return json_object_get(e2e_json("notification", "deliveries"), "items");
}

/* The newest attempt. */
static json_t *last_delivery(void)
{
    json_t *items = deliveries();

    cr_assert_geq(json_array_size(items), 1);
    return json_array_get(items, 0);
}

/* ---- rules ------------------------------------------------------------------------------------
 */

Test(notify, a_message_becomes_a_line_of_the_log)
{
    e2e_run("flow: f\n" OK_STEP "notify:\n"
            "  - { on: Completed, via: log, message: 'n is ${steps.a.n}' }\n");

    e2e_expect_words(e2e_leat("flow-run", "logs", "@last")->out, "n is 42");
    cr_assert_str_eq(e2e_member(last_delivery(), "outcome"), "delivered");
}

Test(notify, without_a_message_the_engine_says_what_happened)
{
    json_t *run = e2e_run("flow: f\n" BAD_STEP "notify:\n"
                          "  - { on: Failed, via: log }\n");
    const char *logs = e2e_leat("flow-run", "logs", "@last")->out;

    e2e_expect_words(logs, e2e_member(run, "name"));
    e2e_expect_words(logs, "Failed");
}

Test(notify, a_rule_for_other_states_is_silent)
{
    e2e_run("flow: f\n" OK_STEP "notify:\n"
            "  - { on: [Failed, CRASHED, TimedOut], via: log }\n");

    cr_assert_eq(json_array_size(deliveries()), 0);
}

Test(notify, types_of_states_mean_all_their_names)
{
    e2e_run("flow: f\n" BAD_STEP "notify:\n"
            "  - { on: FAILED, via: log }\n"
            "  - { on: COMPLETED, via: log }\n");

    cr_assert_eq(json_array_size(deliveries()), 1);
}

Test(notify, a_rule_with_tags_wants_a_run_with_one_of_them)
{
    const char *yaml = "flow: f\n" OK_STEP "notify:\n"
                       "  - { on: Completed, via: log, tags: ['night*'] }\n";

    e2e_run(yaml, "--tag", "day");
    cr_assert_eq(json_array_size(deliveries()), 0);
    e2e_run(yaml, "--tag", "nightly");
    cr_assert_eq(json_array_size(deliveries()), 1);
}

Test(notify, rules_of_leat_yaml_hold_for_the_flows_that_they_name)
{
    settings("notify:\n"
             "  - { on: Completed, via: log, flows: 'train*', message: 'from the settings' }\n");
    e2e_run("flow: other\n" OK_STEP);
    cr_assert_eq(json_array_size(deliveries()), 0);
    e2e_run("flow: training\n" OK_STEP);
    cr_assert_eq(json_array_size(deliveries()), 1);
    e2e_expect_words(e2e_leat("flow-run", "logs", "@last")->out, "from the settings");
}

Test(notify, a_channel_of_leat_yaml_gives_a_notifier_a_name)
{
    settings("notifiers:\n"
             "  ops: { via: command, with: { command: [sh, -c, 'echo $LEAT_MESSAGE >told'] } }\n");
    e2e_run("flow: f\n" OK_STEP "notify:\n"
            "  - { on: Completed, via: ops, message: hello ops }\n");

    cr_assert_str_eq(e2e_read("home/told"), "hello ops\n");
}

Test(notify, an_unknown_notifier_is_a_mistake_in_the_file)
{
    e2e_refused("flow: f\n" OK_STEP "notify:\n"
                "  - { on: Completed, via: lgo }\n",
                "did you mean \"log\"");
}

Test(notify, a_cancelled_run_tells_so)
{
    e2e_fifo("began");
    struct e2e_process *leat = e2e_start_flow(
        "flow: f\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'echo x >began; exec sleep 100' } }\n"
        "notify:\n"
        "  - { on: Cancelled, via: command, with: { command: [sh, -c, 'echo $LEAT_STATE >told'] } }\n");

    e2e_take_line("began");
    kill(e2e_pid(leat), SIGINT);
    e2e_document(e2e_wait(leat));
    cr_assert_str_eq(e2e_read("home/told"), "Cancelled\n");
}

/* ---- command ----------------------------------------------------------------------------------
 */

Test(notify, a_command_gets_the_event_and_its_main_facts)
{
    json_t *run = e2e_run(
        "flow: f\n" BAD_STEP "notify:\n"
        "  - { on: Failed, via: command, with: { command: [sh, -c, 'cat >event; echo \"$LEAT_FLOW $LEAT_STATE $LEAT_STATE_TYPE $LEAT_FLOW_RUN_ID\" >facts'] } }\n");
    json_t *event = json_loads(e2e_read("home/event"), 0, NULL);

    cr_assert_str_eq(e2e_read("home/facts"),
                     e2e_text("f Failed FAILED %s\n", e2e_member(run, "id")));
    cr_assert_not_null(event, "%s", e2e_read("home/event"));
    cr_expect_str_eq(e2e_member(event, "type"), "flow_run.state");
    cr_expect_str_eq(e2e_member(json_object_get(event, "flow_run"), "id"), e2e_member(run, "id"));
    cr_expect_str_eq(e2e_state(json_object_get(event, "flow_run")), "Failed");
    json_decref(event);
}

Test(notify, a_command_that_fails_is_recorded_and_tried_again_later)
{
    json_t *run = e2e_run(
        "flow: f\n" OK_STEP "notify:\n"
        "  - { on: Completed, via: command, with: { command: [sh, -c, 'echo no route >&2; exit 3'] } }\n");
    json_t *delivery = last_delivery();

    e2e_expect_state(run, "Completed");
    cr_assert_str_eq(e2e_member(delivery, "outcome"), "retry");
    cr_assert_str_eq(e2e_member(delivery, "code"), "command.exit");
    cr_assert_gt(e2e_instant(delivery, "next"), e2e_instant(delivery, "time"));
}

Test(notify, a_command_that_does_not_exist_is_put_aside)
{
    e2e_run("flow: f\n" OK_STEP "notify:\n"
            "  - { on: Completed, via: command, with: { command: [no-such-program] } }\n");

    cr_assert_str_eq(e2e_member(last_delivery(), "outcome"), "dead");
}

/* ---- webhook ----------------------------------------------------------------------------------
 */

/* A flow that tells the receiver about its end. */
static const char *hooked(const char *options)
{
    return e2e_text("flow: f\n" OK_STEP "notify:\n"
                    "  - on: Completed\n"
                    "    via: webhook\n"
                    "    with: { url: '%s', allow_http: true, allow_private: true%s }\n",
                    receiver_url(receiver), options);
}

/* What the receiver would compute over a request. */
static const char *signature_of(const struct received *request)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    char text[128];

    crypto_auth_hmacsha256_init(&state, (const unsigned char *)SECRET_BYTES, strlen(SECRET_BYTES));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)request->id, strlen(request->id));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)request->timestamp,
                                  strlen(request->timestamp));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)request->body, request->body_len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2base64(text, sizeof(text), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
    return e2e_text("v1,%s", text);
}

/* Gives the secret to the engine: whsec_ and the bytes in base64. */
static const char *give_secret(void)
{
    char text[128];

    sodium_bin2base64(text, sizeof(text), (const unsigned char *)SECRET_BYTES, strlen(SECRET_BYTES),
                      sodium_base64_VARIANT_ORIGINAL);
    const char *secret = e2e_text("whsec_%s", text);
    setenv("LEAT_SECRET_HOOK", secret, 1);
    return secret;
}

Test(notify, a_webhook_carries_the_event_and_a_signature_that_fits)
{
    receiver = receiver_new(200);
    give_secret();
    json_t *run = e2e_run(hooked(", secret: '${secrets.hook}'"));
    const struct received *request = receiver_await(receiver, 0);
    json_t *event = json_loads(request->body, 0, NULL);

    cr_assert_not_null(event, "%s", request->body);
    cr_expect_str_eq(request->signature, signature_of(request));
    cr_expect_str_eq(e2e_member(event, "id"), request->id);
    cr_expect_str_eq(e2e_member(json_object_get(event, "flow_run"), "id"), e2e_member(run, "id"));
    cr_expect_str_eq(e2e_member(last_delivery(), "outcome"), "delivered");
    cr_expect_eq(receiver_count(receiver), 1);
    json_decref(event);
}

Test(notify, the_secret_is_found_nowhere_in_the_home)
{
    receiver = receiver_new(503);
    const char *secret = give_secret();

    e2e_run(hooked(", secret: '${secrets.hook}'"));
    receiver_await(receiver, 0);
    e2e_leat("notification", "deliveries");
    e2e_leat("flow-run", "logs", "@last");
    cr_assert_not(e2e_tree_holds("home", secret + strlen("whsec_")));
    cr_assert_not(e2e_tree_holds("home", SECRET_BYTES));
}

Test(notify, a_missing_secret_does_not_send_anything)
{
    receiver = receiver_new(200);
    json_t *run = e2e_run(hooked(", secret: '${secrets.hook}'"));

    e2e_expect_state(run, "Completed");
    cr_assert_eq(receiver_count(receiver), 0);
    cr_assert_neq(strcmp(e2e_member(last_delivery(), "outcome"), "delivered"), 0);
}

/* The second attempt is made by another engine, five seconds after the first. */
Test(notify, a_webhook_that_fails_is_tried_again_with_the_same_id)
{
    receiver = receiver_new(503);
    e2e_run(hooked(""));
    cr_assert_str_eq(e2e_member(last_delivery(), "outcome"), "retry");
    cr_assert_str_eq(e2e_member(last_delivery(), "code"), "webhook.503");
    receiver_answer(receiver, 204);
    e2e_fifo("gate");
    struct e2e_process *leat =
        e2e_start_flow("flow: later\n"
                       "steps:\n"
                       "  a: { task: exec.run, with: { shell: 'read l <gate' } }\n");
    const struct received *second = receiver_await(receiver, 1);
    const struct received *first = receiver_await(receiver, 0);

    cr_expect_str_eq(first->id, second->id);
    cr_expect_geq(strtol(second->timestamp, NULL, 10) - strtol(first->timestamp, NULL, 10), 4);
    while (strcmp(e2e_member(last_delivery(), "outcome"), "delivered") != 0) {
        cr_assert_eq(kill(e2e_pid(leat), 0), 0);
    }
    e2e_give_line("gate");
    e2e_document(e2e_wait(leat));
    cr_assert_eq(receiver_count(receiver), 2);
}

Test(notify, a_receiver_that_is_gone_for_good_ends_the_delivery)
{
    receiver = receiver_new(410);
    e2e_run(hooked(""));
    cr_assert_str_eq(e2e_member(last_delivery(), "outcome"), "dead");
    cr_assert_str_eq(e2e_member(last_delivery(), "code"), "webhook.gone");
}

Test(notify, nobody_listening_is_recorded_and_tried_again)
{
    receiver = receiver_new(200);
    const char *yaml = hooked("");

    receiver_free(receiver);
    receiver = NULL;
    e2e_expect_state(e2e_run(yaml), "Completed");
    cr_assert_str_eq(e2e_member(last_delivery(), "outcome"), "retry");
    cr_assert_str_eq(e2e_member(last_delivery(), "code"), "webhook.no_answer");
}

Test(notify, private_addresses_are_refused_by_default)
{
    receiver = receiver_new(200);
    e2e_run(e2e_text("flow: f\n" OK_STEP "notify:\n"
                     "  - { on: Completed, via: webhook, with: { url: '%s', allow_http: true } }\n",
                     receiver_url(receiver)));
    cr_assert_eq(receiver_count(receiver), 0);
    cr_assert_str_eq(e2e_member(last_delivery(), "code"), "webhook.private_address");
}

/* The engine dies after the run has ended and before anybody was told. */
Test(notify, a_notification_survives_the_death_of_the_engine)
{
    e2e_fifo("began");
    struct e2e_process *leat = e2e_start_flow(
        "flow: f\n" OK_STEP "notify:\n"
        "  - { on: Completed, via: command, with: { command: [sh, -c, 'echo x >../began; test -e ../go || exec sleep 100; echo told >>told'] } }\n");

    e2e_take_line("began");
    kill(e2e_pid(leat), SIGKILL);
    e2e_wait(leat);
    e2e_write("go", "");
    e2e_fifo("gate");
    leat = e2e_start_flow(
        "flow: later\n"
        "steps:\n"
        "  a: { task: exec.run, with: { shell: 'until test -e home/told; do sleep 0.05; done' } }\n");
    e2e_document(e2e_wait(leat));
    /* At least once: the attempt that the engine left behind may still have come to its end. */
    cr_assert_geq(e2e_lines("home/told"), 1);
}
