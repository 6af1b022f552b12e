/*
 * The HTTP server of an engine: the API on HOME/run/engine.sock.
 *
 * A few threads of libmicrohttpd's serve all connections; event streams cost no thread. The socket
 * is 0600 in a directory 0700: who can connect may do everything.
 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include <stddef.h>

#include "base/err.h"

struct api;
struct http;

enum {
    HTTP_THREADS = 4,
    HTTP_CONNECTIONS_MAX = 512,
    HTTP_STREAMS_MAX = 64,             /* event streams at once */
    HTTP_HEADER_BYTES_MAX = 16 * 1024, /* request line and header lines together */
    HTTP_HEADER_LINES_MAX = 64,
    HTTP_IDLE_S = 30,  /* a connection that sends and takes nothing for so long is closed */
    HTTP_PULSE_S = 15, /* a silent event stream carries a comment this often */
};

/* Listens on the socket of <home>. <api> is borrowed until http_stop(). Errors of socket_listen();
 * ERR_UNAVAILABLE when the server can not start. */
int http_start(struct api *api, const char *home, struct http **ret_http,
               struct err_text *reterr_why);

/* Ends streams and connections, removes the socket. NULL is allowed; returns NULL. */
struct http *http_stop(struct http *http);

#endif
