/*
 * Version, health, settings and plugins; and what every request goes through.
 */
#include "api/api.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fixture.h"
#include "store/store_read.h"
#include "value/pack.h"

static struct fixture fixture;

/* A fresh engine. */
static void start(void)
{
    fixture_start(&fixture);
}

/* Ends it. */
static void stop(void)
{
    fixture_stop(&fixture);
}

TestSuite(api_system, .init = start, .fini = stop, .timeout = 60);

Test(api_system, the_version_names_program_and_home)
{
    struct val version = fixture_get(&fixture, "/version");

    cr_assert_str_eq(text_at(version, "version"), "1.2.3");
    cr_assert_str_eq(text_at(version, "home"), fixture.home);
    cr_assert_eq(int_at(version, "pid"), getpid());
}

Test(api_system, health_counts_runs)
{
    struct val health;

    fixture_run(&fixture, flow_hello, "");
    health = fixture_get(&fixture, "/health");
    cr_assert_str_eq(text_at(health, "status"), "ok");
    cr_assert_eq(int_at(health, "runs"), 1);
    cr_assert_eq(int_at(health, "live"), 0);
    cr_assert_gt(int_at(health, "store.transactions"), 0);
}

Test(api_system, settings_come_with_their_sources)
{
    struct val config = fixture_get(&fixture, "/config");

    cr_assert_str_eq(text_at(config, "items.0.name"), "hosts.max");
    cr_assert_str_eq(text_at(config, "items.0.source"), "default");
}

Test(api_system, the_openapi_document_is_served)
{
    cr_assert_str_eq(text_at(fixture_get(&fixture, "/openapi.json"), "openapi"), "3.1.0");
}

Test(api_system, plugins_are_listed_with_their_parts)
{
    struct val list = fixture_get(&fixture, "/plugins");

    cr_assert_eq(count_at(list, "items"), 2);
    cr_assert_str_eq(text_at(list, "items.1.name"), "example.hello");
    cr_assert_str_eq(text_at(list, "items.1.parts.0.type"), "hello.greet");
    cr_assert_str_eq(text_at(list, "items.1.status"), "ok");
    cr_assert(null_at(list, "items.1.reason"));
}

Test(api_system, a_plugin_shows_its_parameters_and_their_schema)
{
    struct val plugin = fixture_get(&fixture, "/plugins/example.hello");

    cr_assert_str_eq(text_at(plugin, "parts.0.params.0.name"), "who");
    cr_assert_str_eq(text_at(plugin, "parts.0.params.0.default"), "world");
    cr_assert_str_eq(text_at(plugin, "parts.0.schema.type"), "object");
    cr_assert_eq(int_at(plugin, "abi.major"), 1);
}

Test(api_system, an_unknown_plugin_gets_a_suggestion)
{
    fixture_ask(&fixture, "GET", "/plugins/example.helo", NULL, 404);
    cr_assert(strstr(fixture_detail(&fixture), "did you mean \"example.hello\"?"));
    fixture_ask(&fixture, "GET", "/plugins/zzzzzzzzzzzzzzzz", NULL, 404);
}

Test(api_system, a_file_that_is_no_plugin_is_listed_with_the_reason)
{
    struct val list;

    cr_assert_eq(file_write(format("%s/plugins/aaa.so", fixture.home), "no", 2, 0644, NULL), 0);
    list = fixture_get(&fixture, "/plugins?scan=1");
    cr_assert_eq(count_at(list, "items"), 3);
    cr_assert(!null_at(list, "items.0.reason"));
    cr_assert(null_at(list, "items.0.hash"));
    cr_assert_eq(count_at(list, "items.0.parts"), 0);
}

Test(api_system, a_new_plugin_is_seen_after_a_scan)
{
    CLEANUP_BUF struct buf content = BUF_INIT(64 * 1024 * 1024);

    cr_assert_eq(file_read(format("%s/plugins/exec.so", fixture.home), &content, NULL), 0);
    cr_assert_eq(unlink(format("%s/plugins/exec.so", fixture.home)), 0);
    cr_assert_eq(count_at(fixture_get(&fixture, "/plugins?scan=1"), "items"), 1);
    cr_assert_eq(file_write(format("%s/plugins/exec.so", fixture.home), content.data, content.len,
                            0644, NULL),
                 0);
    cr_assert_eq(count_at(fixture_get(&fixture, "/plugins"), "items"), 1);
    cr_assert_eq(count_at(fixture_get(&fixture, "/plugins?scan=1"), "items"), 2);
}

/* ---- requests in general ---- */

Test(api_system, a_target_one_byte_too_long_is_refused)
{
    CLEANUP_BUF struct buf target = BUF_INIT(2 * API_TARGET_MAX);

    buf_put_str(&target, STR("/version?"));
    while (target.len < API_TARGET_MAX - (sizeof(API_PREFIX) - 1)) {
        buf_put_byte(&target, '&');
    }
    for (int extra = 0; extra < 2; extra++) {
        struct buf whole = BUF_INIT(2 * API_TARGET_MAX);
        struct api_response response;

        buf_put_str(&whole, STR(API_PREFIX));
        buf_put_str(&whole, buf_str(&target));
        api_handle(fixture.api, &(struct api_request){.method = "GET", .target = buf_str(&whole)},
                   &response);
        cr_expect_eq(response.status, extra ? 414 : 200);
        api_response_done(&response);
        buf_done(&whole);
        buf_put_byte(&target, '&');
    }
}

/* Sends a body of one type to the API. */
static int post(const char *type, struct str body)
{
    struct api_request request = {.method = "POST",
                                  .target = STR(API_PREFIX "/flow-runs"),
                                  .content_type = str_of(type),
                                  .body = body};
    struct api_response response;
    int status;

    api_handle(fixture.api, &request, &response);
    status = response.status;
    api_response_done(&response);
    return status;
}

Test(api_system, only_json_is_taken)
{
    static const char *const types[] = {"text/plain",          "application/x-www-form-urlencoded",
                                        "application/jsonx",   "application/json; charset=latin1",
                                        "multipart/form-data", NULL};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        cr_expect_eq(post(types[i], STR("{}")), 415, "%s", types[i] ? types[i] : "none");
    }
    cr_expect_eq(post("application/json", STR("{}")), 400);
    cr_expect_eq(post("Application/JSON;charset=UTF-8", STR("{}")), 400);
}

Test(api_system, a_body_one_byte_too_large_is_refused)
{
    char *body = malloc(API_BODY_MAX + 1);

    cr_assert(body);
    memset(body, ' ', API_BODY_MAX + 1);
    cr_expect_eq(post("application/json", (struct str){body, API_BODY_MAX}), 400);
    cr_expect_eq(post("application/json", (struct str){body, API_BODY_MAX + 1}), 413);
    free(body);
}

Test(api_system, hostile_json_is_refused)
{
    static const char *const texts[] = {
        "{\"flow_text\": \"\xff\"}",
        "{\"flow_text\": \"\\ud800\"}",
        "{\"flow_text\": \"\\u0000\"}",
        "{\"name\": 1, \"name\": 2}",
        "{\"name\": 1e400}",
        "[[[[",
        "{\"params\": {\"$blob\": \"00\", \"size\": 1}}",
        "{} {}",
        "nul",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cr_expect_eq(post("application/json", str_of(texts[i])), 400, "%s", texts[i]);
    }
}

Test(api_system, json_nested_too_deep_is_refused)
{
    CLEANUP_BUF struct buf body = BUF_INIT(1024 * 1024);

    for (int i = 0; i < 100000; i++) {
        buf_put_byte(&body, '[');
    }
    cr_assert_eq(post("application/json", buf_str(&body)), 400);
}

Test(api_system, a_body_where_none_belongs_is_refused)
{
    fixture_ask(&fixture, "GET", "/version", "{}", 400);
    fixture_ask(&fixture, "DELETE", "/flow-runs/x", "{}", 400);
}

Test(api_system, a_wrong_method_is_405_with_the_right_ones)
{
    fixture_ask(&fixture, "PATCH", "/flow-runs", NULL, 405);
    cr_assert_str_eq(fixture.response.allow, "POST, GET, HEAD");
}

Test(api_system, too_many_readers_of_the_store_are_told_to_try_again)
{
    struct store_read *reads[STORE_READS_MAX];
    int count = 0;

    while (count < STORE_READS_MAX &&
           store_read_begin(engine_store(fixture.engine), &reads[count]) == 0) {
        count++;
    }
    fixture_ask(&fixture, "GET", "/flow-runs", NULL, 503);
    while (count > 0) {
        store_read_end(reads[--count]);
    }
    fixture_get(&fixture, "/flow-runs");
}

Test(api_system, a_body_may_come_as_a_value)
{
    CLEANUP_BUF struct buf body = BUF_INIT(4096);
    struct api_request request = {.method = "POST", .target = STR(API_PREFIX "/flow-runs")};
    struct api_response response;

    pack_map(&body, 1);
    pack_cstr(&body, "flow_text");
    pack_cstr(&body, flow_hello);
    request.body_value = (struct val){body.data, body.len};
    api_handle(fixture.api, &request, &response);
    cr_assert_eq(response.status, 201);
    fixture_wait(&fixture, text_at(api_response_value(&response), "id"));
    api_response_done(&response);
}
