/*
 * webhook: tells a server what happened, signed as Standard Webhooks 1.0.0 says.
 *
 * Promises: https only unless allowed otherwise; no redirects, proxies, cookies or stored
 * passwords; no address inside the machine or the networks around it unless allowed, checked on the
 * very address that is connected to; the id is the same in every attempt, so that a receiver can
 * tell a repeated one.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>
#include <sodium.h>

#include <leat/json.h>
#include <leat/plugin.h>
#include <leat/text.h>

#include "address.h"
#include "sign.h"

enum {
    ANSWER_MAX = 65536, /* bytes of an answer that are read */
    EXCERPT_MAX = 200,  /* bytes of an answer that an error quotes */
    HEADERS_MAX = 32,   /* further headers a rule may set */
    CONNECT_TIMEOUT_MS = 10000,
    RETRY_AFTER_S_MAX = 24 * 3600
};

/* One delivery. */
struct delivery {
    leat_call *call;
    const char *url;
    struct curl_slist *headers;
    char *body;
    int allow_private;
    int refused; /* an address was private */
    long status;
    int64_t retry_after_ms;
    size_t received;
    char excerpt[EXCERPT_MAX];
    size_t excerpt_len;
};

/* ---- request ---- */

/* Adds "name: value". LEAT_OK or a reported outcome. */
static leat_status header_add(struct delivery *delivery, leat_str name, leat_str value)
{
    struct curl_slist *longer = NULL;
    char *line = NULL;

    for (size_t i = 0; i < name.len + value.len; i++) {
        unsigned char byte = (unsigned char)(i < name.len ? name.ptr[i] : value.ptr[i - name.len]);

        if (byte < 0x20 || byte == 0x7f || (i < name.len && byte == ':')) {
            return leat_fail(delivery->call, "webhook.bad_params",
                             "the header \"%.*s\" is not a line of text", LEAT_STRF(name));
        }
    }
    if (asprintf(&line, "%.*s: %.*s", LEAT_STRF(name), LEAT_STRF(value)) >= 0) {
        longer = curl_slist_append(delivery->headers, line);
        free(line);
    }
    if (longer == NULL) {
        return leat_retry(delivery->call, -1, "webhook.no_memory", "no memory for the headers");
    }
    delivery->headers = longer;
    return LEAT_OK;
}

/* Adds the rule's own headers. LEAT_OK or a reported outcome. */
static leat_status add_own_headers(struct delivery *delivery)
{
    leat_view map = leat_param_value(delivery->call, "headers");
    leat_iter iter = leat_iter_of(map);
    leat_status status = LEAT_OK;
    leat_view key;
    leat_view item;

    if (leat_view_count(map) > HEADERS_MAX) {
        return leat_fail(delivery->call, "webhook.bad_params", "there are more than %d headers",
                         HEADERS_MAX);
    }
    while (status == LEAT_OK && leat_iter_next(&iter, &key, &item)) {
        status = header_add(delivery, leat_view_str(key), leat_view_str(item));
    }
    return status;
}

/* Adds id, time and signatures. LEAT_OK or a reported outcome. */
static leat_status add_signature(struct delivery *delivery, leat_str id)
{
    static const char *const names[] = {"secret", "old_secret"};
    leat_call *call = delivery->call;
    int64_t now = (int64_t)time(NULL);
    char signatures[2 * SIGN_SIZE] = "";
    char text[32];
    leat_status status;

    for (size_t i = 0; i < 2; i++) {
        leat_str secret = leat_param_str(call, names[i]);
        char one[SIGN_SIZE];

        if (secret.len == 0) {
            continue;
        }
        if (!sign_make(secret, id, now, leat_str_of(delivery->body), one)) {
            return leat_fail(call, "webhook.bad_secret",
                             "`%s` is not whsec_ and %u to %u bytes in base64", names[i],
                             SIGN_SECRET_MIN, SIGN_SECRET_MAX);
        }
        snprintf(signatures + strlen(signatures), sizeof signatures - strlen(signatures), "%s%s",
                 signatures[0] == '\0' ? "" : " ", one);
    }
    snprintf(text, sizeof text, "%lld", (long long)now);
    status = header_add(delivery, leat_str_of("webhook-id"), id);
    if (status == LEAT_OK) {
        status = header_add(delivery, leat_str_of("webhook-timestamp"), leat_str_of(text));
    }
    if (status == LEAT_OK && signatures[0] != '\0') {
        status = header_add(delivery, leat_str_of("webhook-signature"), leat_str_of(signatures));
    }
    return status;
}

/* Makes body and headers. LEAT_OK or a reported outcome. */
static leat_status prepare(struct delivery *delivery)
{
    leat_call *call = delivery->call;
    leat_view event = leat_param_value(call, "event");
    leat_str id = leat_view_str(leat_view_find(event, "id"));
    leat_status status;

    delivery->url = leat_str_dup(call, leat_param_str(call, "url"));
    delivery->allow_private = leat_param_bool(call, "allow_private");
    delivery->body = leat_json_text(event, JSON_COMPACT);
    if (delivery->url == NULL || delivery->body == NULL || id.len == 0) {
        return leat_fail(call, "webhook.bad_params",
                         "`url` is not an address, or the event cannot be sent");
    }
    status = header_add(delivery, leat_str_of("Content-Type"), leat_str_of("application/json"));
    if (status == LEAT_OK) {
        status = add_signature(delivery, id);
    }
    return status == LEAT_OK ? add_own_headers(delivery) : status;
}

/* ---- transfer ---- */

/* curl's open-socket function: after the name has become an address, for every address that is
 * tried. */
static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct delivery *delivery = user;

    (void)purpose;
    if (!delivery->allow_private && address_is_private(&address->addr)) {
        delivery->refused = 1;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* curl's write function: keeps the beginning, reads a limited amount. */
static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    struct delivery *delivery = user;
    size_t len = size * count;
    size_t room = EXCERPT_MAX - delivery->excerpt_len;

    memcpy(delivery->excerpt + delivery->excerpt_len, data, len < room ? len : room);
    delivery->excerpt_len += len < room ? len : room;
    delivery->received += len;
    return delivery->received > ANSWER_MAX ? 0 : len;
}

/* curl's progress function, called at least once a second. */
static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now)
{
    const struct delivery *delivery = user;

    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    return leat_cancelled(delivery->call);
}

/* Sets the handle up. */
static void configure(struct delivery *delivery, CURL *curl)
{
    int64_t timeout_ms = leat_param_duration(delivery->call, "timeout") / 1000;
    int64_t deadline_ms = leat_deadline_ms(delivery->call);

    if (deadline_ms >= 0 && deadline_ms < timeout_ms) {
        timeout_ms = deadline_ms;
    }
    curl_easy_setopt(curl, CURLOPT_URL, delivery->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
                     leat_param_bool(delivery->call, "allow_http") ? "http,https" : "https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "leat");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, delivery->headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(delivery->body));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, delivery->body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(timeout_ms < 1 ? 1 : timeout_ms));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, delivery);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, delivery);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, delivery);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

/* Sends it. */
static CURLcode transfer(struct delivery *delivery)
{
    CURL *curl = curl_easy_init();
    curl_off_t wait = 0;
    CURLcode code;

    if (curl == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    configure(delivery, curl);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &delivery->status);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
    delivery->retry_after_ms = -1;
    if (wait > 0) {
        delivery->retry_after_ms =
            (wait > RETRY_AFTER_S_MAX ? RETRY_AFTER_S_MAX : (int64_t)wait) * 1000;
    }
    curl_easy_cleanup(curl);
    return code;
}

/* ---- outcome ---- */

/* Reports a delivery that got no answer. */
static leat_status report(const struct delivery *delivery, CURLcode code)
{
    leat_call *call = delivery->call;

    if (delivery->refused) {
        return leat_fail(call, "webhook.private_address",
                         "the address of %s is private; `allow_private: true` permits it",
                         delivery->url);
    }
    switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
        return leat_stopped(call);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return leat_fail(call, "webhook.bad_url",
                         "\"%s\" is not an https address; `allow_http: true` permits http",
                         delivery->url);
    case CURLE_OPERATION_TIMEDOUT:
        return leat_retry(call, -1, "webhook.timeout", "%s did not answer in time", delivery->url);
    default:
        return leat_retry(call, -1, "webhook.no_answer", "%s: %s", delivery->url,
                          curl_easy_strerror(code));
    }
}

/* Judges the answer: every status but 2xx is a failure, and only 410 says "never again". */
static leat_status judge(const struct delivery *delivery)
{
    leat_call *call = delivery->call;
    leat_str excerpt = {delivery->excerpt, delivery->excerpt_len};
    char code[32];

    if (delivery->status >= 200 && delivery->status <= 299) {
        return leat_result_int(call, "status", delivery->status);
    }
    if (delivery->status == 410) {
        return leat_fail(call, "webhook.gone", "%s is gone for good", delivery->url);
    }
    snprintf(code, sizeof code, "webhook.%ld", delivery->status);
    excerpt = leat_utf8_clean(call, excerpt);
    return leat_retry(call, delivery->retry_after_ms, code, "%s answered with status %ld%s%.*s",
                      delivery->url, delivery->status, excerpt.len > 0 ? ": " : "",
                      LEAT_STRF(excerpt));
}

/* webhook */
static leat_status notify(leat_call *call)
{
    struct delivery delivery = {.call = call};
    leat_status status = prepare(&delivery);
    CURLcode code;

    if (status == LEAT_OK) {
        code = transfer(&delivery);
        /* An answer that is too long has said what matters in its first line. */
        status = code == CURLE_OK || (code == CURLE_WRITE_ERROR && delivery.status > 0)
                     ? judge(&delivery)
                     : report(&delivery, code);
    }
    curl_slist_free_all(delivery.headers);
    free(delivery.body);
    return status;
}

/* Starts the libraries. */
static leat_status webhook_open(leat_call *call, void **ret_state)
{
    /* TLS libraries write to sockets without MSG_NOSIGNAL. */
    signal(SIGPIPE, SIG_IGN);
    *ret_state = NULL;
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return leat_fail(call, "webhook.no_libcurl", "libcurl or libsodium does not start");
    }
    return LEAT_OK;
}

/* Ends them. */
static void webhook_close(void *state)
{
    (void)state;
    curl_global_cleanup();
}

LEAT_PLUGIN_EX(
    "webhook", "1.0.0", "Notifies by an HTTP request, signed as Standard Webhooks 1.0.0 says", 0,
    webhook_open, webhook_close,
    LEAT_NOTIFIER(notify, "webhook", "Send the event to an address",
                  LEAT_VALUE_REQUIRED("event", "What happened; the engine fills it in"),
                  LEAT_STRING_REQUIRED("url", "The address, https"),
                  LEAT_SECRET("secret", NULL,
                              "whsec_ and 24 to 64 bytes in base64; signs the request"),
                  LEAT_SECRET("old_secret", NULL, "The former secret, while receivers change over"),
                  LEAT_VALUE("headers", NULL, "Further headers, a map of texts"),
                  LEAT_DURATION("timeout", "20s", "For the whole request"),
                  LEAT_BOOL("allow_http", "false", "Permit http without encryption"),
                  LEAT_BOOL("allow_private", "false", "Permit addresses in private networks")));
