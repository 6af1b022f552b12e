/*
 * One HTTP request from beginning to end: redirects, limits, cancelling, and what kind of failure a
 * failure is. Used by every part of the http plugin; knows nothing of their parameters.
 */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include <leat/abi.h>

/* Most bytes and fields of response headers that are kept. */
#define TRANSFER_HEADERS_SIZE_MAX (64u << 10)
#define TRANSFER_HEADERS_MAX 256u
#define TRANSFER_REDIRECTS_MAX 5L

/* One response header; the name is in lower case. */
struct header {
    char *name;
    char *value;
};

/* What to ask for, and what came back. Zero it, fill in the first half, free with transfer_done().
 */
struct transfer {
    leat_call *call;
    CURLM *multi; /* keeps connections from call to call */
    const char *method;
    const char *url;
    struct curl_slist *headers; /* adopted */
    const char *body;           /* NULL: none */
    size_t body_len;
    int follow;         /* follow redirects */
    int decode;         /* accept compressed answers */
    int64_t timeout_ms; /* for everything; the attempt's deadline shortens it */
    int64_t size_max;   /* bytes of the body, after decompression */
    /* Takes a piece of the body; 0 to stop. */
    int (*sink)(void *user, const char *data, size_t len);
    void *user;

    long status;
    struct header response[TRANSFER_HEADERS_MAX];
    size_t n_response;
    size_t response_size;
    char *final_url;
    int64_t retry_after_ms; /* what the server asks for, -1 without */
    int64_t received;
    int64_t expected; /* what the server announced, -1 without */
    int too_large;
    int bad_headers;
};

/*
 * Performs the transfer. LEAT_OK when there is a whole answer, whatever its status; otherwise the
 * outcome has been reported and its status is returned.
 */
leat_status transfer_run(struct transfer *transfer);

/* Judges the answer's status: LEAT_OK for 2xx and for the codes in <ok_codes> (a list), otherwise
 * reports the outcome "http.<status>", worth a retry or not. */
leat_status transfer_judge(const struct transfer *transfer, leat_str ok_codes);

/* The value of a response header by its lower-case name, or NULL. */
const char *transfer_header(const struct transfer *transfer, const char *name);

/* Frees what the transfer took. */
void transfer_done(struct transfer *transfer);

#endif
