/*
 * See transfer.h. The multi interface is used for one transfer at a time: it can wait for the
 * server and for the cancel descriptor at once, and it keeps connections open between calls.
 */
#include "transfer.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <leat/plugin.h>

enum {
    CONNECT_TIMEOUT_MS = 10000,
    WAIT_MS = 1000,
    RETRY_AFTER_MS_MAX = 24 * 3600 * 1000, /* a server's wish beyond a day is not a wish */
};

/* curl's write function. */
static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    size_t len = size * count;

    transfer->received += (int64_t)len;
    if (transfer->received > transfer->size_max) {
        transfer->too_large = 1;
        return 0;
    }
    return transfer->sink(transfer->user, data, len) ? len : 0;
}

/* Forgets the headers, those of an answer that only redirects. */
static void headers_clear(struct transfer *transfer)
{
    for (size_t i = 0; i < transfer->n_response; i++) {
        free(transfer->response[i].name);
        free(transfer->response[i].value);
    }
    transfer->n_response = 0;
    transfer->response_size = 0;
}

/* Adds a value to the header of this name; 0 without memory. */
static int header_join(struct header *header, const char *value, size_t len)
{
    size_t old = strlen(header->value);
    char *joined = realloc(header->value, old + len + 3);

    if (joined == NULL) {
        return 0;
    }
    memcpy(joined + old, ", ", 2);
    memcpy(joined + old + 2, value, len);
    joined[old + 2 + len] = '\0';
    header->value = joined;
    return 1;
}

/* 1 when the name consists of printable ASCII, so that it can be a key. */
static int name_ok(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= 0x20 || name[i] >= 0x7f) {
            return 0;
        }
    }
    return len > 0 && len <= LEAT_KEY_MAX;
}

/* Keeps one header; 0 without memory or room. */
static int header_keep(struct transfer *transfer, const char *name, size_t name_len,
                       const char *value, size_t value_len)
{
    struct header *header;

    for (size_t i = 0; i < transfer->n_response; i++) {
        header = &transfer->response[i];
        if (strlen(header->name) == name_len && strncasecmp(header->name, name, name_len) == 0) {
            return header_join(header, value, value_len);
        }
    }
    if (transfer->n_response == TRANSFER_HEADERS_MAX) {
        return 0;
    }
    header = &transfer->response[transfer->n_response];
    header->name = strndup(name, name_len);
    header->value = strndup(value, value_len);
    if (header->name == NULL || header->value == NULL) {
        free(header->name);
        free(header->value);
        return 0;
    }
    for (char *at = header->name; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    transfer->n_response++;
    return 1;
}

/* curl's header function: one line, also the status line of each answer. */
static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    size_t len = size * count;
    const char *colon = memchr(line, ':', len);
    const char *value;
    size_t end = len;

    if (len > 5 && strncmp(line, "HTTP/", 5) == 0) {
        headers_clear(transfer);
        return len;
    }
    transfer->response_size += len;
    if (colon == NULL || !name_ok(line, (size_t)(colon - line))) {
        return len;
    }
    value = colon + 1;
    while (end > 0 && isspace((unsigned char)line[end - 1])) {
        end--;
    }
    while (value < line + end && isspace((unsigned char)*value)) {
        value++;
    }
    if (transfer->response_size > TRANSFER_HEADERS_SIZE_MAX ||
        !header_keep(transfer, line, (size_t)(colon - line), value,
                     value < line + end ? (size_t)(line + end - value) : 0)) {
        transfer->bad_headers = 1;
        return 0;
    }
    return len;
}

/* curl's progress function. */
static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now)
{
    struct transfer *transfer = user;

    (void)up_total;
    (void)up_now;
    if (total > 0 && now > 0 && now <= total) {
        leat_progress(transfer->call, (double)now / (double)total, NULL);
    }
    return 0;
}

/* The time there is, in milliseconds, at least 1. */
static long budget_ms(const struct transfer *transfer)
{
    int64_t deadline = leat_deadline_ms(transfer->call);
    int64_t budget = transfer->timeout_ms;

    if (deadline >= 0 && (budget <= 0 || deadline < budget)) {
        budget = deadline;
    }
    return budget < 1 ? 1 : budget > LONG_MAX ? LONG_MAX : (long)budget;
}

/* Sets the handle up. */
static void configure(struct transfer *transfer, CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_URL, transfer->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "leat");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, transfer->follow ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, TRANSFER_REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, budget_ms(transfer));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (transfer->decode) {
        curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    }
    if (strcmp(transfer->method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    }
    if (transfer->body != NULL || strcmp(transfer->method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body_len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, transfer->body == NULL ? "" : transfer->body);
    }
    /* Last, because the options above choose a method of their own. POST stays what libcurl calls
     * POST, so that a redirect may turn it into GET. */
    if (strcmp(transfer->method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
    } else if (strcmp(transfer->method, "GET") != 0 && strcmp(transfer->method, "HEAD") != 0) {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, transfer->method);
    }
}

/* Drives the transfer until it has ended or is cancelled (then CURLE_ABORTED_BY_CALLBACK). */
static CURLcode drive(struct transfer *transfer)
{
    struct curl_waitfd cancel = {leat_cancel_fd(transfer->call), CURL_WAIT_POLLIN, 0};
    unsigned extra = cancel.fd >= 0 ? 1 : 0;
    int running = 1;
    int left;
    CURLMsg *message;

    while (running > 0) {
        if (leat_cancelled(transfer->call)) {
            return CURLE_ABORTED_BY_CALLBACK;
        }
        if (curl_multi_perform(transfer->multi, &running) != CURLM_OK) {
            return CURLE_FAILED_INIT;
        }
        if (running > 0 &&
            curl_multi_poll(transfer->multi, &cancel, extra, WAIT_MS, NULL) != CURLM_OK) {
            return CURLE_FAILED_INIT;
        }
    }
    message = curl_multi_info_read(transfer->multi, &left);
    return message == NULL || message->msg != CURLMSG_DONE ? CURLE_FAILED_INIT
                                                           : message->data.result;
}

/* Notes what the handle knows about the answer. */
static void note_answer(struct transfer *transfer, CURL *curl)
{
    curl_off_t wait = 0;
    curl_off_t expected = -1;
    const char *url = NULL;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &transfer->status);
    curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &url);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &expected);
    transfer->final_url = url == NULL ? NULL : strdup(url);
    transfer->expected = expected;
    transfer->retry_after_ms = -1;
    if (wait > 0) {
        transfer->retry_after_ms =
            wait > RETRY_AFTER_MS_MAX / 1000 ? RETRY_AFTER_MS_MAX : (int64_t)wait * 1000;
    }
}

/* Reports a transfer that brought no whole answer. */
static leat_status report(const struct transfer *transfer, CURLcode code)
{
    leat_call *call = transfer->call;
    const char *url = transfer->url;

    if (transfer->too_large) {
        return leat_fail(call, "http.too_large", "the answer from %s is larger than %lld bytes",
                         url, (long long)transfer->size_max);
    }
    if (transfer->bad_headers) {
        return leat_fail(call, "http.bad_headers",
                         "%s sent more than %u headers or %u bytes of headers", url,
                         TRANSFER_HEADERS_MAX, TRANSFER_HEADERS_SIZE_MAX);
    }
    switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
        return leat_stopped(call);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return leat_fail(call, "http.bad_url", "\"%s\" is not an http or https address", url);
    case CURLE_TOO_MANY_REDIRECTS:
        return leat_fail(call, "http.too_many_redirects", "%s redirects more than %ld times", url,
                         TRANSFER_REDIRECTS_MAX);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return leat_fail(call, "http.tls", "the certificate of %s was not accepted: %s", url,
                         curl_easy_strerror(code));
    case CURLE_WRITE_ERROR:
        return leat_retry(call, -1, "http.write", "the answer from %s could not be kept", url);
    case CURLE_COULDNT_RESOLVE_HOST:
        return leat_retry(call, -1, "http.resolve", "the host in %s is not known", url);
    case CURLE_COULDNT_CONNECT:
        return leat_retry(call, -1, "http.connect", "nobody answers at %s", url);
    case CURLE_OPERATION_TIMEDOUT:
        return leat_retry(call, -1, "http.timeout", "%s did not answer in time", url);
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return leat_retry(call, -1, "http.reset", "%s closed the connection early", url);
    default:
        return leat_retry(call, -1, "http.failed", "%s: %s", url, curl_easy_strerror(code));
    }
}

leat_status transfer_run(struct transfer *transfer)
{
    CURL *curl = curl_easy_init();
    CURLcode code = CURLE_FAILED_INIT;

    if (curl == NULL) {
        return leat_retry(transfer->call, -1, "http.no_memory", "no memory for a request");
    }
    configure(transfer, curl);
    if (curl_multi_add_handle(transfer->multi, curl) == CURLM_OK) {
        code = drive(transfer);
        note_answer(transfer, curl);
        curl_multi_remove_handle(transfer->multi, curl);
    }
    curl_easy_cleanup(curl);
    return code == CURLE_OK ? LEAT_OK : report(transfer, code);
}

leat_status transfer_judge(const struct transfer *transfer, leat_str ok_codes)
{
    leat_iter iter = leat_iter_of(leat_view_of(ok_codes));
    long status = transfer->status;
    leat_view item;
    char code[32];

    if (status >= 200 && status <= 299) {
        return LEAT_OK;
    }
    while (leat_iter_next(&iter, NULL, &item)) {
        if (leat_view_int(item, 0) == status) {
            return LEAT_OK;
        }
    }
    snprintf(code, sizeof code, "http.%ld", status);
    if (status == 408 || status == 425 || status == 429 || status >= 500) {
        return leat_retry(transfer->call, transfer->retry_after_ms, code,
                          "%s answered with status %ld", transfer->url, status);
    }
    return leat_fail(transfer->call, code, "%s answered with status %ld", transfer->url, status);
}

const char *transfer_header(const struct transfer *transfer, const char *name)
{
    for (size_t i = 0; i < transfer->n_response; i++) {
        if (strcmp(transfer->response[i].name, name) == 0) {
            return transfer->response[i].value;
        }
    }
    return NULL;
}

void transfer_done(struct transfer *transfer)
{
    headers_clear(transfer);
    curl_slist_free_all(transfer->headers);
    free(transfer->final_url);
    transfer->headers = NULL;
    transfer->final_url = NULL;
}
