/*
 * HTTP to an engine's socket, through libcurl.
 *
 * libcurl is loaded when it is first needed: linking it would cost every start of the program and
 * of each host several milliseconds (docs/decisions/). One thread.
 */
#ifndef MAIN_HTTP_CLIENT_H
#define MAIN_HTTP_CLIENT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct http_client;
struct http_stream;

/* A client of the engine that owns <home>. ERR_UNAVAILABLE when there is none, or when libcurl can
 * not be loaded. */
int http_client_new(const char *home, struct http_client **ret_client, struct err_text *reterr_why);
/* NULL is allowed; returns NULL. */
struct http_client *http_client_free(struct http_client *client);

/* One request with a JSON body (may be empty); the answer's body goes to <ret_body>. ERR_NOT_FOUND
 * when nobody listens, so that the request was not sent; ERR_UNAVAILABLE for all else. */
int http_client_call(struct http_client *client, const char *method, const char *target,
                     struct str body, int *ret_status, struct buf *ret_body,
                     struct err_text *reterr_why);

/* Opens an event stream on a connection of its own. */
int http_stream_new(struct http_client *client, const char *target, struct http_stream **ret_stream,
                    struct err_text *reterr_why);
/* NULL is allowed; returns NULL. */
struct http_stream *http_stream_free(struct http_stream *stream);
/*
 * The next event's data into <ret_data> (cleared first), waiting up to <timeout_ms> (-1: for ever).
 * 1 when there is one, 0 when not, ERR_* with a sentence when the stream has ended or broken;
 * <ret_data> holds the body of an answer that is no stream.
 */
int http_stream_next(struct http_stream *stream, int timeout_ms, struct buf *ret_data,
                     struct err_text *reterr_why);
/* The status of the answer, 0 before there is one. */
int http_stream_status(const struct http_stream *stream);

#endif
