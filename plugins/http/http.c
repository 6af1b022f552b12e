/*
 * http: asks servers over http and https through libcurl.
 *
 * Promises: nothing but these two protocols; every answer has a size limit; a cancelled step stops
 * at once, wherever the transfer stands; what may go better next time (no answer, 408, 425, 429,
 * 5xx) is worth a retry, with the server's Retry-After, and everything else is not.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <sodium.h>

#include <leat/json.h>
#include <leat/plugin.h>
#include <leat/text.h>

#include "download.h"
#include "transfer.h"

/* Most request headers a step may set. */
enum { HEADERS_MAX = 128 };

/* A body in memory. */
struct body {
    char *ptr;
    size_t len;
    size_t size;
};

/* The transfer's sink for a body in memory. */
static int on_data(void *user, const char *data, size_t len)
{
    struct body *body = user;

    if (body->size - body->len < len) {
        size_t size = body->size == 0 ? 16384 : body->size;
        char *fresh;

        while (size - body->len < len) {
            size *= 2;
        }
        fresh = realloc(body->ptr, size);
        if (fresh == NULL) {
            return 0;
        }
        body->ptr = fresh;
        body->size = size;
    }
    memcpy(body->ptr + body->len, data, len);
    body->len += len;
    return 1;
}

/* ---- request ---- */

/* 1 when the text can stand in a header: no control characters, which could begin another one. */
static int header_text_ok(leat_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];

        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            return 0;
        }
    }
    return text.ptr != NULL;
}

/* Adds "name: value"; 0 without memory. */
static int header_add(struct transfer *transfer, leat_str name, leat_str value)
{
    struct curl_slist *longer;
    char *line = NULL;

    /* A header without a value is written with a semicolon in libcurl's language. */
    if (asprintf(&line, value.len == 0 ? "%.*s;%.*s" : "%.*s: %.*s", LEAT_STRF(name),
                 LEAT_STRF(value)) < 0) {
        return 0;
    }
    longer = curl_slist_append(transfer->headers, line);
    free(line);
    if (longer == NULL) {
        return 0;
    }
    transfer->headers = longer;
    return 1;
}

/* 1 when the step sets this header itself. */
static int header_given(leat_call *call, const char *name)
{
    leat_iter iter = leat_iter_of(leat_param_value(call, "headers"));
    leat_view key;

    while (leat_iter_next(&iter, &key, NULL)) {
        leat_str text = leat_view_str(key);

        if (text.len == strlen(name) && strncasecmp(text.ptr, name, text.len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Adds the step's headers; LEAT_OK or a reported outcome. */
static leat_status add_headers(struct transfer *transfer)
{
    leat_call *call = transfer->call;
    leat_view map = leat_param_value(call, "headers");
    leat_iter iter = leat_iter_of(map);
    leat_view key;
    leat_view item;

    if ((leat_param_given(call, "headers") && leat_view_type(map) != LEAT_VIEW_MAP) ||
        leat_view_count(map) > HEADERS_MAX) {
        return leat_fail(call, "http.bad_params", "`headers` must be a map of at most %d texts",
                         HEADERS_MAX);
    }
    while (leat_iter_next(&iter, &key, &item)) {
        leat_str name = leat_view_str(key);
        leat_str value = leat_view_str(item);

        if (name.len == 0 || !header_text_ok(name) || memchr(name.ptr, ':', name.len) != NULL ||
            !header_text_ok(value)) {
            return leat_fail(call, "http.bad_params", "the header \"%.*s\" is not a line of text",
                             LEAT_STRF(name));
        }
        if (!header_add(transfer, name, value)) {
            return leat_retry(call, -1, "http.no_memory", "no memory for the headers");
        }
    }
    return LEAT_OK;
}

/* Adds the key that lets a server recognise a repeated attempt, for methods that change something.
 */
static leat_status add_idempotency_key(struct transfer *transfer)
{
    leat_str key = leat_fact(transfer->call, "idempotency_key");

    if (key.len == 0 || strcmp(transfer->method, "GET") == 0 ||
        strcmp(transfer->method, "HEAD") == 0 || header_given(transfer->call, "idempotency-key")) {
        return LEAT_OK;
    }
    return header_add(transfer, leat_str_of("Idempotency-Key"), key)
               ? LEAT_OK
               : leat_retry(transfer->call, -1, "http.no_memory", "no memory for the headers");
}

/* Fills in the body; LEAT_OK or a reported outcome. <ret_json> is to be freed. */
static leat_status add_body(struct transfer *transfer, char **ret_json)
{
    leat_call *call = transfer->call;
    leat_view body = leat_param_value(call, "body");
    leat_str text = leat_view_str(body).ptr != NULL ? leat_view_str(body) : leat_view_bytes(body);
    int has_json = leat_view_type(leat_param_value(call, "json")) != LEAT_VIEW_NONE;
    int has_body = leat_param_given(call, "body");

    if ((has_json && has_body) || (has_body && text.ptr == NULL)) {
        return leat_fail(call, "http.bad_params",
                         "give `body` as text or bytes, or `json` as any value, not both");
    }
    if (has_body) {
        transfer->body = text.ptr;
        transfer->body_len = text.len;
        return LEAT_OK;
    }
    if (!has_json) {
        return LEAT_OK;
    }
    *ret_json = leat_json_text(leat_param_value(call, "json"), JSON_COMPACT);
    if (*ret_json == NULL) {
        return leat_fail(call, "http.bad_params", "`json` cannot be written as JSON");
    }
    transfer->body = *ret_json;
    transfer->body_len = strlen(*ret_json);
    if (header_given(call, "content-type") ||
        header_add(transfer, leat_str_of("Content-Type"), leat_str_of("application/json"))) {
        return LEAT_OK;
    }
    return leat_retry(call, -1, "http.no_memory", "no memory for the headers");
}

/* ---- answer ---- */

/* 1 when the answer says that it is JSON. */
static int is_json(const struct transfer *transfer)
{
    const char *type = transfer_header(transfer, "content-type");
    size_t len = type == NULL ? 0 : strcspn(type, "; \t");

    return (len == 16 && strncasecmp(type, "application/json", 16) == 0) ||
           (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

/* Gives the body in the form the step asks for. */
static leat_status give_body(const struct transfer *transfer, const struct body *body)
{
    leat_call *call = transfer->call;
    leat_str parse = leat_param_str(call, "parse");
    leat_str text = {body->ptr == NULL ? "" : body->ptr, body->len};
    int automatic = leat_str_is(parse, "auto");

    if (leat_str_is(parse, "json") || (automatic && is_json(transfer) && body->len > 0)) {
        leat_writer writer;
        char why[256];

        leat_writer_init(&writer, call);
        if (!leat_json_parse(&writer, text.ptr, text.len, why, sizeof why)) {
            return leat_fail(call, "http.bad_json", "the answer of %s is not JSON: %s",
                             transfer->url, why);
        }
        return leat_result_value(call, "body", leat_writer_done(&writer));
    }
    if (leat_utf8_ok(text) && !leat_str_is(parse, "bytes")) {
        return leat_result_str(call, "body", text);
    }
    if (leat_str_is(parse, "text")) {
        return leat_fail(call, "http.bad_text",
                         "the answer of %s is not UTF-8 text; `parse: bytes` "
                         "takes it as it is",
                         transfer->url);
    }
    return leat_result_bytes(call, "body", text.ptr, text.len);
}

/* <text> if it is UTF-8, else <fallback>. */
static const char *text_or(const char *text, const char *fallback)
{
    return text != NULL && leat_utf8_ok(leat_str_of(text)) ? text : fallback;
}

/* Gives status, headers, address and body. */
static leat_status give(const struct transfer *transfer, const struct body *body)
{
    leat_call *call = transfer->call;
    leat_writer writer;

    leat_writer_init(&writer, call);
    leat_write_map_begin(&writer);
    for (size_t i = 0; i < transfer->n_response; i++) {
        leat_write_text(&writer, transfer->response[i].name);
        leat_write_text(&writer, text_or(transfer->response[i].value, ""));
    }
    leat_write_map_end(&writer);
    leat_result_value(call, "headers", leat_writer_done(&writer));
    leat_result_int(call, "status", transfer->status);
    leat_result_text(call, "url", text_or(transfer->final_url, transfer->url));
    return give_body(transfer, body);
}

/* ---- parts ---- */

/* Fills in what all parts share; LEAT_OK or a reported outcome. */
static leat_status prepare(leat_call *call, const char *method, struct transfer *ret_transfer)
{
    memset(ret_transfer, 0, sizeof *ret_transfer);
    ret_transfer->call = call;
    ret_transfer->multi = leat_state(call);
    ret_transfer->method = method;
    ret_transfer->url = leat_str_dup(call, leat_param_str(call, "url"));
    ret_transfer->follow = leat_param_bool(call, "follow");
    ret_transfer->timeout_ms = leat_param_duration(call, "timeout") / 1000;
    ret_transfer->size_max = leat_param_size(call, "max_size");
    if (ret_transfer->url == NULL) {
        return leat_fail(call, "http.bad_url", "the address has a NUL character inside");
    }
    /* libcurl waits a second for the word "continue" before it sends a large body; servers rarely
     * say it. */
    ret_transfer->headers = curl_slist_append(NULL, "Expect:");
    return add_headers(ret_transfer);
}

/* Asks with <method> and gives the answer. */
static leat_status ask(leat_call *call, const char *method, int with_body)
{
    leat_str parse = leat_param_str(call, "parse");
    struct transfer transfer;
    struct body body = {NULL, 0, 0};
    char *json = NULL;
    leat_status status;

    if (!leat_str_is(parse, "auto") && !leat_str_is(parse, "json") && !leat_str_is(parse, "text") &&
        !leat_str_is(parse, "bytes")) {
        return leat_fail(call, "http.bad_params",
                         "`parse` is auto, json, text or bytes, not \"%.*s\"", LEAT_STRF(parse));
    }
    status = prepare(call, method, &transfer);
    if (status == LEAT_OK) {
        status = add_idempotency_key(&transfer);
    }
    if (status == LEAT_OK && with_body) {
        status = add_body(&transfer, &json);
    }
    if (status == LEAT_OK) {
        transfer.decode = 1;
        transfer.sink = on_data;
        transfer.user = &body;
        status = transfer_run(&transfer);
    }
    if (status == LEAT_OK) {
        status = transfer_judge(&transfer, leat_view_raw(leat_param_int_list(call, "ok_codes")));
    }
    if (status == LEAT_OK) {
        status = give(&transfer, &body);
    }
    transfer_done(&transfer);
    free(body.ptr);
    free(json);
    return status;
}

/* http.get */
static leat_status http_get(leat_call *call)
{
    return ask(call, "GET", 0);
}

/* http.post */
static leat_status http_post(leat_call *call)
{
    return ask(call, "POST", 1);
}

/* http.request */
static leat_status http_request(leat_call *call)
{
    static const char *const methods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                          "PATCH", "DELETE", "OPTIONS"};
    leat_str method = leat_param_str(call, "method");

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (leat_str_is(method, methods[i])) {
            return ask(call, methods[i], 1);
        }
    }
    return leat_fail(call, "http.bad_params",
                     "`method` is GET, HEAD, POST, PUT, PATCH, DELETE or "
                     "OPTIONS, not \"%.*s\"",
                     LEAT_STRF(method));
}

/* http.download */
static leat_status http_download(leat_call *call)
{
    struct transfer transfer;
    leat_status status = prepare(call, "GET", &transfer);

    if (status == LEAT_OK) {
        status = download_run(&transfer);
    }
    transfer_done(&transfer);
    return status;
}

/* Starts libcurl and the pool of connections. */
static leat_status http_open(leat_call *call, void **ret_state)
{
    CURLM *multi;

    /* TLS libraries write to sockets without MSG_NOSIGNAL. */
    signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return leat_fail(call, "http.no_libcurl", "libcurl or libsodium does not start");
    }
    multi = curl_multi_init();
    if (multi == NULL) {
        curl_global_cleanup();
        return leat_fail(call, "http.no_memory", "no memory for libcurl");
    }
    *ret_state = multi;
    return LEAT_OK;
}

/* Ends both. */
static void http_close(void *state)
{
    curl_multi_cleanup(state);
    curl_global_cleanup();
}

#define URL LEAT_STRING_REQUIRED("url", "The address, http or https")
#define HEADERS LEAT_VALUE("headers", NULL, "Request headers, a map of texts")
#define TIMEOUT(fallback) \
    LEAT_DURATION("timeout", fallback, "For the whole request; the step's timeout shortens it")
#define MAX_SIZE(fallback) LEAT_SIZE("max_size", fallback, "Most bytes of an answer")
#define FOLLOW(fallback) LEAT_BOOL("follow", fallback, "Follow up to five redirects")
#define PARSE LEAT_STRING("parse", "auto", "What to make of the body: auto, json, text, bytes")
#define OK_CODES LEAT_INT_LIST("ok_codes", "[]", "Status codes besides 2xx that count as success")
#define BODY LEAT_VALUE("body", NULL, "The request's body, text or bytes")
#define JSON LEAT_VALUE("json", NULL, "The request's body, any value, sent as JSON")

LEAT_PLUGIN_EX(
    "http", "1.0.0", "Asks servers over http and https", 0, http_open, http_close,
    LEAT_TASK_EX(http_get, "http.get", "Fetch an address", LEAT_PART_IDEMPOTENT, URL, HEADERS,
                 TIMEOUT("60s"), MAX_SIZE("16MiB"), FOLLOW("true"), PARSE, OK_CODES),
    LEAT_TASK_EX(http_post, "http.post", "Send a value to an address", LEAT_PART_NOCACHE, URL, BODY,
                 JSON, HEADERS, TIMEOUT("60s"), MAX_SIZE("16MiB"), FOLLOW("false"), PARSE,
                 OK_CODES),
    LEAT_TASK_EX(http_request, "http.request", "Send any request", LEAT_PART_NOCACHE,
                 LEAT_STRING("method", "GET", "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"),
                 URL, BODY, JSON, HEADERS, TIMEOUT("60s"), MAX_SIZE("16MiB"), FOLLOW("false"),
                 PARSE, OK_CODES),
    LEAT_TASK_EX(http_download, "http.download",
                 "Fetch an address into a file, whole or not at all",
                 LEAT_PART_NOCACHE | LEAT_PART_IDEMPOTENT, URL,
                 LEAT_STRING_REQUIRED("path", "Where the file goes"),
                 LEAT_STRING("sha256", NULL,
                             "Its SHA-256; a file that has it is not fetched again"),
                 HEADERS, TIMEOUT("10m"), MAX_SIZE("1GiB"), FOLLOW("true")));
