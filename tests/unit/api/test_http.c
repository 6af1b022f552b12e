/*
 * The HTTP server on a real socket: carrying requests, and refusing what should not be carried.
 */
#include "api/http.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fixture.h"
#include "wire.h"

static struct fixture fixture;
static struct http *http;
static struct wire wire;
static struct wire_answer answer;

/* An engine, its server, and a connection. */
static void start(void)
{
    struct err_text why = {""};

    fixture_start(&fixture);
    cr_assert_eq(http_start(fixture.api, fixture.home, &http, &why), 0, "%s", why.text);
    wire_open(&wire, fixture.home);
}

/* Ends all three. */
static void stop(void)
{
    wire_answer_done(&answer);
    wire_close(&wire);
    http = http_stop(http);
    fixture_stop(&fixture);
}

TestSuite(http, .init = start, .fini = stop, .timeout = 60);

#define HEAD(method, path) method " " API_PREFIX path " HTTP/1.1\r\nHost: leat\r\n"

/* A POST of a flow run with more headers and a body. */
static const char *post(const char *headers, const char *body)
{
    return format(HEAD("POST", "/flow-runs") "%s\r\n%s", headers, body);
}

Test(http, an_answer_is_json_with_safe_headers)
{
    cr_assert_eq(wire_ask(&wire, HEAD("GET", "/version") "\r\n", &answer), 200);
    cr_assert_str_eq(wire_header(&answer, "Content-Type"), "application/json");
    cr_assert_str_eq(wire_header(&answer, "X-Content-Type-Options"), "nosniff");
    cr_assert_str_eq(wire_header(&answer, "Cache-Control"), "no-store");
    cr_assert(strstr(buf_cstr(&answer.body), "\"version\":\"1.2.3\""));
}

Test(http, no_answer_opens_the_door_to_other_sites)
{
    wire_ask(&wire, HEAD("GET", "/version") "Origin: http://evil.example\r\n\r\n", &answer);
    cr_assert_null(strcasestr((const char *)answer.head.data, "Access-Control"));
    cr_assert_eq(
        wire_ask(&wire, HEAD("OPTIONS", "/version") "Origin: http://evil.example\r\n\r\n", &answer),
        405);
    cr_assert_null(strcasestr((const char *)answer.head.data, "Access-Control"));
}

Test(http, head_has_the_headers_of_get_and_no_body)
{
    cr_assert_eq(wire_ask(&wire, HEAD("HEAD", "/version") "\r\n", &answer), 200);
    cr_assert_gt(strtoul(wire_header(&answer, "Content-Length"), NULL, 10), 0);
    cr_assert_eq(wire_ask(&wire, HEAD("GET", "/version") "\r\n", &answer), 200);
}

Test(http, an_error_is_a_problem)
{
    cr_assert_eq(wire_ask(&wire, HEAD("GET", "/nothing") "\r\n", &answer), 404);
    cr_assert_str_eq(wire_header(&answer, "Content-Type"), "application/problem+json");
}

Test(http, a_wrong_method_comes_with_allow)
{
    cr_assert_eq(wire_ask(&wire, HEAD("PUT", "/flow-runs") "Content-Length: 0\r\n\r\n", &answer),
                 405);
    cr_assert_str_eq(wire_header(&answer, "Allow"), "POST, GET, HEAD");
}

Test(http, a_run_can_be_submitted_and_deleted_on_one_connection)
{
    const char *body = "{\"flow_text\": \"flow: x\\nsteps:\\n  a: {task: hello.greet}\\n\"}";
    const char *id;

    cr_assert_eq(wire_ask(&wire,
                          post(format("Content-Type: application/json\r\nContent-Length: %zu\r\n",
                                      strlen(body)),
                               body),
                          &answer),
                 201);
    id = format("%.36s", strstr(wire_header(&answer, "Location"), "flow-runs/") + 10);
    fixture_wait(&fixture, id);
    cr_assert_eq(wire_ask(&wire, format(HEAD("DELETE", "/flow-runs/%s") "\r\n", id), &answer), 204);
    cr_assert_eq(answer.body.len, 0);
    cr_assert_eq(wire_ask(&wire, format(HEAD("GET", "/flow-runs/%s") "\r\n", id), &answer), 404);
}

Test(http, a_chunked_body_is_taken)
{
    cr_assert_eq(wire_ask(&wire,
                          post("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
                               "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"),
                          &answer),
                 400);
    cr_assert(strstr(buf_cstr(&answer.body), "\\\"flow_text\\\" is missing"), "%s",
              buf_cstr(&answer.body));
}

Test(http, pipelined_requests_are_answered_in_order)
{
    cr_assert_eq(
        wire_ask(&wire, HEAD("GET", "/version") "\r\n" HEAD("GET", "/nothing") "\r\n", &answer),
        200);
    wire_read(&wire, false, &answer);
    cr_assert_eq(answer.status, 404);
}

/* ---- refusals ---- */

Test(http, an_encoded_body_is_415)
{
    cr_assert_eq(wire_ask(&wire,
                          post("Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
                               "Content-Length: 2\r\n",
                               "{}"),
                          &answer),
                 415);
    cr_assert(wire_ends(&wire));
}

Test(http, a_body_that_is_no_json_is_415)
{
    cr_assert_eq(
        wire_ask(&wire, post("Content-Type: text/plain\r\nContent-Length: 2\r\n", "{}"), &answer),
        415);
}

Test(http, a_body_without_type_is_415)
{
    cr_assert_eq(wire_ask(&wire, post("Content-Length: 2\r\n", "{}"), &answer), 415);
}

Test(http, two_statements_about_the_length_are_refused)
{
    cr_assert_eq(wire_ask(&wire,
                          post("Content-Type: application/json\r\nContent-Length: 2\r\n"
                               "Transfer-Encoding: chunked\r\n",
                               "0\r\n\r\n"),
                          &answer),
                 400);
    cr_assert(wire_ends(&wire));
}

Test(http, two_lengths_are_refused)
{
    cr_assert_eq(wire_ask(&wire,
                          post("Content-Type: application/json\r\nContent-Length: 2\r\n"
                               "Content-Length: 3\r\n",
                               "{}}"),
                          &answer),
                 400);
    cr_assert(wire_ends(&wire));
}

Test(http, an_unknown_transfer_coding_is_refused)
{
    cr_assert_eq(
        wire_ask(&wire, post("Content-Type: application/json\r\nTransfer-Encoding: gzip\r\n", "{}"),
                 &answer),
        400);
}

/* Sends something broken and expects an error or the end, and the end after an error. */
static void expect_refusal(const char *text, size_t len)
{
    wire_send(&wire, text, len);
    wire_read(&wire, false, &answer);
    cr_assert(answer.closed || answer.status >= 400, "%d", answer.status);
    cr_assert(answer.closed || wire_ends(&wire));
}

Test(http, a_bad_chunk_is_refused)
{
    const char *text = post("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
                            "zz\r\n{}\r\n0\r\n\r\n");

    expect_refusal(text, strlen(text));
}

Test(http, a_negative_length_is_refused)
{
    const char *text = post("Content-Type: application/json\r\nContent-Length: -1\r\n", "{}");

    expect_refusal(text, strlen(text));
}

Test(http, garbage_is_refused)
{
    static const char text[] = "\x16\x03\x01\x02\x00\x01\r\n\r\n";

    expect_refusal(text, sizeof(text) - 1);
}

Test(http, a_request_line_of_64_kib_is_refused)
{
    CLEANUP_BUF struct buf text = BUF_INIT(128 * 1024);

    buf_put_str(&text, STR("GET /"));
    while (text.len < 65536) {
        buf_put_byte(&text, 'a');
    }
    buf_put_str(&text, STR(" HTTP/1.1\r\nHost: leat\r\n\r\n"));
    expect_refusal((const char *)text.data, text.len);
}

Test(http, an_absolute_target_is_refused)
{
    cr_assert_geq(wire_ask(&wire,
                           "GET http://evil.example" API_PREFIX "/version HTTP/1.1\r\n"
                           "Host: evil.example\r\n\r\n",
                           &answer),
                  400);
}

Test(http, two_hosts_are_refused)
{
    cr_assert_eq(wire_ask(&wire, HEAD("GET", "/version") "Host: other\r\n\r\n", &answer), 400);
}

/* A request with so many header lines in all. */
static int ask_with_lines(unsigned lines)
{
    CLEANUP_BUF struct buf text = BUF_INIT(128 * 1024);

    buf_put_str(&text, STR(HEAD("GET", "/version")));
    for (unsigned i = 1; i < lines; i++) {
        buf_printf(&text, "X-%u: y\r\n", i);
    }
    buf_put_str(&text, STR("\r\n"));
    return wire_ask(&wire, buf_cstr(&text), &answer);
}

Test(http, the_64th_header_line_is_the_last)
{
    cr_assert_eq(ask_with_lines(HTTP_HEADER_LINES_MAX), 200);
    cr_assert_eq(ask_with_lines(HTTP_HEADER_LINES_MAX + 1), 431);
    cr_assert(wire_ends(&wire));
}

/* A request with one header line of a length. */
static int ask_with_bytes(size_t bytes)
{
    CLEANUP_BUF struct buf text = BUF_INIT(128 * 1024);

    buf_put_str(&text, STR(HEAD("GET", "/version") "X-Long: "));
    for (size_t i = 0; i < bytes; i++) {
        buf_put_byte(&text, 'a');
    }
    buf_put_str(&text, STR("\r\n\r\n"));
    return wire_ask(&wire, buf_cstr(&text), &answer);
}

Test(http, headers_past_their_limit_are_refused)
{
    size_t most = HTTP_HEADER_BYTES_MAX - strlen("Host: leat\r\nX-Long: \r\n");

    cr_assert_eq(ask_with_bytes(most), 200);
    cr_assert_eq(ask_with_bytes(most + 1), 431);
}

Test(http, ten_thousand_header_lines_are_refused)
{
    int status = ask_with_lines(10000);

    cr_assert(status >= 400 || answer.closed);
}

Test(http, an_announced_body_past_the_limit_is_refused_unread)
{
    const char *headers =
        format("Content-Type: application/json\r\nContent-Length: %d\r\n", API_BODY_MAX + 1);

    cr_assert_eq(wire_ask(&wire, post(headers, ""), &answer), 413);
    cr_assert(wire_ends(&wire));
}

/* Sends a chunked body of blanks. */
static int ask_with_body(size_t bytes)
{
    CLEANUP_FREE char *blanks = xmalloc(65536);
    char line[32];

    memset(blanks, ' ', 65536);
    wire_text(&wire, post("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", ""));
    while (bytes > 0) {
        size_t piece = bytes < 65536 ? bytes : 65536;

        snprintf(line, sizeof(line), "%zx\r\n", piece);
        wire_text(&wire, line);
        wire_send(&wire, blanks, piece);
        wire_text(&wire, "\r\n");
        bytes -= piece;
    }
    wire_text(&wire, "0\r\n\r\n");
    wire_read(&wire, false, &answer);
    return answer.status;
}

Test(http, a_body_one_byte_past_the_limit_is_413)
{
    cr_assert_eq(ask_with_body(API_BODY_MAX), 400); /* blanks are no JSON */
    cr_assert_eq(ask_with_body(API_BODY_MAX + 1), 413);
}

Test(http, an_endless_body_is_cut_off)
{
    ask_with_body(6 * (size_t)API_BODY_MAX);
    cr_assert(answer.closed || wire_ends(&wire));
}

Test(http, slow_clients_are_in_nobodys_way)
{
    struct wire slow[8 * HTTP_THREADS];

    for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
        wire_open(&slow[i], fixture.home);
        wire_text(&slow[i], i % 2 ? "GET /api" : post("Content-Length: 10\r\n", "{"));
    }
    cr_assert_eq(wire_ask(&wire, HEAD("GET", "/version") "\r\n", &answer), 200);
    for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
        wire_close(&slow[i]);
    }
}

Test(http, a_client_that_goes_away_in_the_middle_leaves_no_trace)
{
    for (int i = 0; i < 50; i++) {
        struct wire gone;

        wire_open(&gone, fixture.home);
        wire_text(&gone, post("Content-Type: application/json\r\nContent-Length: 1000\r\n", "{"));
        wire_close(&gone);
    }
    cr_assert_eq(wire_ask(&wire, HEAD("GET", "/version") "\r\n", &answer), 200);
}

Test(http, a_large_flow_travels)
{
    CLEANUP_BUF struct buf flow = BUF_INIT(API_BODY_MAX);
    CLEANUP_BUF struct buf request = BUF_INIT(2 * (size_t)API_BODY_MAX);

    buf_put_str(&flow, STR("{\"flow_text\": \"flow: x\\nsteps:\\n  a: {task: hello.greet}\\n"));
    for (int i = 0; i < 20000; i++) {
        buf_put_str(&flow, STR("# a comment that makes the file longer\\n"));
    }
    buf_put_str(&flow, STR("\"}"));
    buf_printf(&request,
               HEAD("POST", "/flow-runs") "Content-Type: application/json\r\n"
                                          "Content-Length: %zu\r\n\r\n",
               flow.len);
    buf_put_str(&request, buf_str(&flow));
    cr_assert_eq(wire_ask(&wire, buf_cstr(&request), &answer), 201);
    fixture_wait(&fixture, "@last");
}
