/*
 * Tests of the http plugin against a scripted server on the loopback interface.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/http/http.c"
#include "plugins/testhost.h"
#include "plugins/testserver.h"

static struct testserver *server;
static struct testhost *host;
static char folder[] = "/tmp/leat-http-XXXXXX";

/* A server, a host and an empty folder for each test. */
static void begin(void)
{
    server = testserver_new();
    host = testhost_new(leat_plugin_v1());
    cr_assert(mkdtemp(folder) != NULL);
}

/* Ends them. */
static void end(void)
{
    testhost_free(host);
    testserver_free(server);
    cr_assert_eq(testhost_shell("rm -rf %s", folder), 0);
}

TestSuite(http, .init = begin, .fini = end, .timeout = 30);

/* Runs http.get on a path. */
static leat_status get(const char *path)
{
    testhost_param(host, "url", "\"%s\"", testserver_url(server, path));
    return testhost_run(host, "http.get");
}

Test(http, gives_status_headers_and_text)
{
    testserver_answer(server, "/a", TESTSERVER_CLOSE,
                      "HTTP/1.1 200 OK\r\nX-One: 1\r\nx-one: 2\r\nContent-Length: 5\r\n\r\nhello",
                      64);
    cr_assert_eq(get("/a"), LEAT_OK, "%s", testhost_text(host));
    cr_assert_str_eq(testhost_json(host, "status"), "200");
    cr_assert_str_eq(testhost_json(host, "body"), "\"hello\"");
    cr_assert(strstr(testhost_json(host, "headers"), "\"x-one\":\"1, 2\"") != NULL);
}

Test(http, reads_json_when_the_server_says_so)
{
    testserver_answer_text(server, "/a", "application/json; charset=utf-8", "{\"n\": [1, 2]}");
    cr_assert_eq(get("/a"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "body"), "{\"n\":[1,2]}");
}

Test(http, broken_json_fails_with_its_place)
{
    testserver_answer_text(server, "/a", "application/json", "{\"n\": ");
    cr_assert_eq(get("/a"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "http.bad_json");
}

Test(http, bytes_that_are_not_text_come_as_bytes)
{
    testserver_answer_text(server, "/a", "text/plain", "\xff\xfe");
    cr_assert_eq(get("/a"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "body"), "{\"$bin\":\"//4=\"}");
}

Test(http, sends_headers_and_a_json_body)
{
    testserver_answer_text(server, "/a", "text/plain", "ok");
    testhost_param(host, "url", "\"%s\"", testserver_url(server, "/a"));
    testhost_param(host, "headers", "{\"X-Token\": \"abc\"}");
    testhost_param(host, "json", "{\"a\": 1}");
    cr_assert_eq(testhost_run(host, "http.post"), LEAT_OK);
    cr_assert(strstr(testserver_last(server), "\r\nX-Token: abc\r\n") != NULL);
    cr_assert(strstr(testserver_last(server), "\r\nContent-Type: application/json\r\n") != NULL);
    cr_assert(strstr(testserver_last(server), "\r\n\r\n{\"a\":1}") != NULL);
}

Test(http, a_changing_request_carries_the_idempotency_key)
{
    testserver_answer_text(server, "/a", "text/plain", "ok");
    testhost_param(host, "url", "\"%s\"", testserver_url(server, "/a"));
    testhost_param(host, "method", "\"PUT\"");
    cr_assert_eq(testhost_run(host, "http.request"), LEAT_OK);
    cr_assert_eq(strncmp(testserver_last(server), "PUT /a ", 7), 0);
    cr_assert(strstr(testserver_last(server), "\r\nIdempotency-Key: test-key\r\n") != NULL);
}

Test(http, a_header_cannot_smuggle_in_another)
{
    testhost_param(host, "headers", "{\"A\": \"x\\r\\nB: y\"}");
    cr_assert_eq(get("/a"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "http.bad_params");
    cr_assert_eq(testserver_count(server), 0);
}

Test(http, a_missing_page_is_not_worth_a_retry)
{
    cr_assert_eq(get("/nothing"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "http.404");
}

Test(http, a_missing_page_can_count_as_success)
{
    testhost_param(host, "ok_codes", "[404]");
    cr_assert_eq(get("/nothing"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "status"), "404");
}

Test(http, a_busy_server_is_worth_a_retry_when_it_says)
{
    testserver_answer_status(server, "/a", "503 Busy", "Retry-After: 7\r\n");
    cr_assert_eq(get("/a"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "http.503");
    cr_assert_eq(testhost_retry_after_ms(host), 7000);
}

Test(http, an_absurd_wish_for_patience_is_capped_at_a_day)
{
    testserver_answer_status(server, "/a", "429 Slow down", "Retry-After: 999999999\r\n");
    cr_assert_eq(get("/a"), LEAT_RETRY);
    cr_assert_eq(testhost_retry_after_ms(host), 86400000);
}

Test(http, follows_redirects_and_tells_where_it_ended)
{
    testserver_answer_status(server, "/a", "302 Found", "Location: /b\r\nX-Old: 1\r\n");
    testserver_answer_text(server, "/b", "text/plain", "there");
    cr_assert_eq(get("/a"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "body"), "\"there\"");
    cr_assert(strstr(testhost_json(host, "url"), "/b\"") != NULL);
    cr_assert(strstr(testhost_json(host, "headers"), "x-old") == NULL);
}

Test(http, does_not_follow_redirects_in_a_circle)
{
    testserver_answer_status(server, "/a", "302 Found", "Location: /a\r\n");
    cr_assert_eq(get("/a"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "http.too_many_redirects");
    cr_assert_eq(testserver_count(server), TRANSFER_REDIRECTS_MAX + 1);
}

Test(http, a_redirect_to_a_file_is_refused)
{
    testserver_answer_status(server, "/a", "302 Found", "Location: file:///etc/passwd\r\n");
    cr_assert_eq(get("/a"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "http.bad_url");
}

Test(http, other_protocols_are_refused)
{
    testhost_param(host, "url", "\"file:///etc/passwd\"");
    cr_assert_eq(testhost_run(host, "http.get"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "http.bad_url");
}

Test(http, a_silent_server_times_out)
{
    testserver_answer(server, "/a", TESTSERVER_STALL, "", 0);
    testhost_param(host, "timeout", "200000");
    cr_assert_eq(get("/a"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "http.timeout");
}

Test(http, the_deadline_of_the_attempt_shortens_the_timeout)
{
    testserver_answer(server, "/a", TESTSERVER_STALL, "", 0);
    testhost_deadline(host, 200);
    cr_assert_eq(get("/a"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "http.timeout");
}

Test(http, a_reset_connection_is_worth_a_retry)
{
    testserver_answer(server, "/a", TESTSERVER_RESET,
                      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 43);
    cr_assert_eq(get("/a"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "http.reset");
}

Test(http, half_an_answer_is_no_answer)
{
    testserver_answer(server, "/a", TESTSERVER_CLOSE,
                      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 43);
    cr_assert_eq(get("/a"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "http.reset");
}

Test(http, nobody_listening_is_worth_a_retry)
{
    /* A port that was free a moment ago. */
    struct testserver *other = testserver_new();
    char url[128];

    snprintf(url, sizeof url, "%s", testserver_url(other, "/a"));
    testserver_free(other);
    testhost_param(host, "url", "\"%s\"", url);
    cr_assert_eq(testhost_run(host, "http.get"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "http.connect");
}

Test(http, an_endless_answer_is_cut_off)
{
    testserver_answer(server, "/a", TESTSERVER_ENDLESS, "HTTP/1.1 200 OK\r\n\r\n", 19);
    testhost_param(host, "max_size", "100000");
    cr_assert_eq(get("/a"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "http.too_large");
}

Test(http, an_answer_of_exactly_the_limit_is_taken)
{
    testserver_answer_text(server, "/a", "text/plain", "12345");
    testhost_param(host, "max_size", "5");
    cr_assert_eq(get("/a"), LEAT_OK);
    testhost_param(host, "max_size", "4");
    cr_assert_eq(get("/a"), LEAT_FAIL);
}

Test(http, too_many_headers_are_refused)
{
    char raw[16384] = "HTTP/1.1 200 OK\r\n";
    size_t len = strlen(raw);

    for (unsigned i = 0; i <= TRANSFER_HEADERS_MAX; i++) {
        len += (size_t)snprintf(raw + len, sizeof raw - len, "h-%u: x\r\n", i);
    }
    len += (size_t)snprintf(raw + len, sizeof raw - len, "\r\n");
    testserver_answer(server, "/a", TESTSERVER_CLOSE, raw, len);
    cr_assert_eq(get("/a"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "http.bad_headers");
}

Test(http, a_cancelled_step_does_not_ask)
{
    testhost_cancel_on_log(host, "");
    cr_assert_eq(get("/a"), LEAT_CANCELLED);
    cr_assert_eq(testserver_count(server), 0);
}

Test(http, cancel_ends_a_transfer_on_its_way)
{
    testserver_answer(server, "/a", TESTSERVER_STALL,
                      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 43);
    testhost_cancel_on_progress(host, 1);
    cr_assert_eq(get("/a"), LEAT_CANCELLED);
}

/* ---- download ---- */

#define HELLO_SHA256 "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

/* Runs http.download of a path to <folder>/file. */
static leat_status download(const char *path)
{
    testhost_param(host, "url", "\"%s\"", testserver_url(server, path));
    testhost_param(host, "path", "\"%s/file\"", folder);
    return testhost_run(host, "http.download");
}

/* How many entries the folder has, and the content of its file. */
static unsigned folder_look(char *content, size_t size)
{
    char command[128];
    unsigned count = 0;
    FILE *file;

    snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
    file = popen(command, "r");
    cr_assert_eq(fscanf(file, "%u", &count), 1);
    pclose(file);
    snprintf(command, sizeof command, "%s/file", folder);
    file = fopen(command, "r");
    content[0] = '\0';
    if (file != NULL) {
        content[fread(content, 1, size - 1, file)] = '\0';
        fclose(file);
    }
    return count;
}

Test(http, download_writes_the_whole_file)
{
    char content[64];

    testserver_answer_text(server, "/a", "text/plain", "hello");
    cr_assert_eq(download("/a"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "sha256"), "\"" HELLO_SHA256 "\"");
    cr_assert_str_eq(testhost_json(host, "size"), "5");
    cr_assert_eq(folder_look(content, sizeof content), 1);
    cr_assert_str_eq(content, "hello");
}

Test(http, download_leaves_nothing_behind_when_half_a_file_came)
{
    char content[64];

    testserver_answer(server, "/a", TESTSERVER_CLOSE,
                      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 43);
    cr_assert_eq(download("/a"), LEAT_RETRY);
    cr_assert_eq(folder_look(content, sizeof content), 0);
}

Test(http, download_keeps_the_old_file_when_the_hash_is_wrong)
{
    char content[64];

    testserver_answer_text(server, "/a", "text/plain", "hello");
    testserver_answer_text(server, "/b", "text/plain", "other");
    cr_assert_eq(download("/a"), LEAT_OK);
    testhost_param(host, "sha256", "\"%064d\"", 0);
    cr_assert_eq(download("/b"), LEAT_RETRY);
    cr_assert_str_eq(testhost_code(host), "http.bad_hash");
    cr_assert_eq(folder_look(content, sizeof content), 1);
    cr_assert_str_eq(content, "hello");
}

Test(http, download_does_not_fetch_what_is_there)
{
    testserver_answer_text(server, "/a", "text/plain", "hello");
    testhost_param(host, "sha256", "\"" HELLO_SHA256 "\"");
    cr_assert_eq(download("/a"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "fetched"), "true");
    cr_assert_eq(download("/a"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "fetched"), "false");
    cr_assert_eq(testserver_count(server), 1);
}

Test(http, download_does_not_write_an_error_page)
{
    char content[64];

    cr_assert_eq(download("/nothing"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "http.404");
    cr_assert_eq(folder_look(content, sizeof content), 0);
}

Test(http, download_to_a_missing_folder_fails_before_asking)
{
    testhost_param(host, "url", "\"%s\"", testserver_url(server, "/a"));
    testhost_param(host, "path", "\"%s/no/file\"", folder);
    cr_assert_eq(testhost_run(host, "http.download"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "http.disk");
    cr_assert_eq(testserver_count(server), 0);
}
