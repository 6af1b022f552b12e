/*
 * See http.h. Everything that HTTP adds to the API is here: limits of headers and bodies, framing,
 * and the form of answers. libmicrohttpd parses; what it lets through and we do not want is refused
 * before any route is looked at:
 *
 *     request line, headers  ->  check_headers()  ->  body, bounded  ->  api_handle()  ->  answer
 *
 * A TCP listener would check Host and Origin in check_headers(); on this socket, which only its
 * owner can open, they say nothing.
 */
#include "api/http.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "api/api_int.h"
#include "api/http_stream.h"
#include "api/socket.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/must.h"
#include "value/json.h"

/* Room for the request and for the answer's headers; what the header limit does not use up. */
enum { CONNECTION_MEMORY = HTTP_HEADER_BYTES_MAX + 16 * 1024 };

/* A body beyond the limit is read and dropped up to here, so that the client reads its answer. */
enum { DROPPED_MAX = 4 * API_BODY_MAX };

/* How long the end waits for requests that are under way. */
enum { DRAIN_MS = 1000 };

struct http {
    struct api *api;
    char *home;
    int fd; /* the listening socket, which is the daemon's */
    struct MHD_Daemon *daemon;
    struct http_streams *streams;
    atomic_uint expecting; /* connections that are owed an answer, or have asked nothing yet */
};

/* One connection. */
struct peer {
    bool expecting; /* counted in http->expecting */
};

/* One request while its body arrives. */
struct exchange {
    char *target; /* path and query as they came */
    struct buf body;
    size_t dropped;
    bool begun;
    bool refused; /* its headers were, and the answer is queued */
};

/* ---- who waits for an answer ---------------------------------------------------------------- */

/* Counts a connection in or out. */
static void expect(struct http *http, struct peer *peer, bool expecting)
{
    if (peer->expecting != expecting) {
        peer->expecting = expecting;
        if (expecting) {
            atomic_fetch_add(&http->expecting, 1);
        } else {
            atomic_fetch_sub(&http->expecting, 1);
        }
    }
}

/* What on_connection() has made for a connection. */
static struct peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    must(info && info->socket_context);
    return info->socket_context;
}

/* A connection begins or ends. */
static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    (void)connection;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = xcalloc(1, sizeof(struct peer));
        expect(user, *context, true);
        return;
    }
    expect(user, *context, false);
    free(*context);
    *context = NULL;
}

/* Lets requests that were made before the socket's name was removed be answered, so that nobody has
 * to guess whether his run was started. */
static void drain(struct http *http)
{
    static const struct timespec moment = {.tv_nsec = 1000000};

    for (int waited_ms = 0; waited_ms < DRAIN_MS; waited_ms++) {
        struct pollfd backlog = {http->fd, POLLIN, 0};

        if (poll(&backlog, 1, 0) == 0 && atomic_load(&http->expecting) == 0) {
            return;
        }
        nanosleep(&moment, NULL);
    }
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Adds a header that is not empty. */
static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (value && value[0]) {
        must(MHD_add_response_header(response, name, value) == MHD_YES);
    }
}

/* Queues <response> with the headers that all answers have. */
static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response, const char *content_type)
{
    enum MHD_Result result;

    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* Sends an answer of the API as JSON. */
static enum MHD_Result send_answer(struct MHD_Connection *connection,
                                   const struct api_response *answer, bool close)
{
    struct buf json = BUF_INIT(4 * (size_t)API_RESPONSE_MAX);
    struct MHD_Response *response;
    size_t len = 0;
    uint8_t *bytes = NULL;

    if (api_response_value(answer).ptr) {
        json_print(&json, api_response_value(answer));
        buf_put_byte(&json, '\n');
        bytes = buf_take(&json, &len);
        if (!bytes) {
            return MHD_NO; /* larger than any answer should be: the connection is closed */
        }
    }
    response = MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(bytes);
        return MHD_NO;
    }
    add_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
    add_header(response, MHD_HTTP_HEADER_LOCATION, answer->location);
    if (close) {
        add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    return queue(connection, (unsigned)answer->status, response, answer->content_type);
}

/* Sends a problem that HTTP itself found. */
static enum MHD_Result send_problem(struct MHD_Connection *connection, int status, int code,
                                    const char *detail)
{
    struct api_response answer;
    enum MHD_Result result;

    api_response_init(&answer);
    api_problem(&answer, status, code, detail, STR_NONE);
    result = send_answer(connection, &answer, true);
    api_response_done(&answer);
    return result;
}

/* Begins an event stream. */
static enum MHD_Result send_stream(struct http *http, struct MHD_Connection *connection,
                                   struct api_response *answer)
{
    struct api_follow *follow = answer->follow;
    struct MHD_Response *response;

    answer->follow = NULL;
    response = http_streams_response(http->streams, connection, follow);
    if (!response) {
        char detail[96];

        snprintf(detail, sizeof(detail), "There are %d event streams already; end one first.",
                 HTTP_STREAMS_MAX);
        return send_problem(connection, 503, ERR_UNAVAILABLE, detail);
    }
    expect(http, peer_of(connection), false);
    return queue(connection, 200, response, answer->content_type);
}

/* ---- headers -------------------------------------------------------------------------------- */

/* What is counted over the headers of a request. */
struct headers {
    unsigned lines;
    size_t bytes;
    unsigned lengths;   /* Content-Length */
    unsigned encodings; /* Transfer-Encoding */
    unsigned types;     /* Content-Type */
    unsigned hosts;
    bool content_encoding;
};

/* For MHD_get_connection_values_n(). */
static enum MHD_Result count_header(void *user, enum MHD_ValueKind kind, const char *name,
                                    size_t name_len, const char *value, size_t value_len)
{
    struct headers *headers = user;

    (void)kind;
    (void)value;
    headers->lines++;
    headers->bytes += name_len + value_len + sizeof(": \r\n") - 1;
    headers->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    headers->encodings += strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    headers->types += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_TYPE) == 0;
    headers->hosts += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
    headers->content_encoding =
        headers->content_encoding || strcasecmp(name, MHD_HTTP_HEADER_CONTENT_ENCODING) == 0;
    return MHD_YES;
}

/* One header's value, or NULL. */
static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* True when the announced length is too much. */
static bool is_too_long(struct MHD_Connection *connection)
{
    const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return length && strtoull(length, NULL, 10) > API_BODY_MAX;
}

/* Looks at everything but the body. A refusal is queued, and <ret_refused> set. */
static enum MHD_Result check_headers(struct MHD_Connection *connection, bool *ret_refused)
{
    const char *coding = header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    const char *type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE);
    struct headers headers = {0};

    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, count_header, &headers);
    *ret_refused = true;
    if (headers.lines > HTTP_HEADER_LINES_MAX || headers.bytes > HTTP_HEADER_BYTES_MAX) {
        return send_problem(connection, 431, ERR_LIMIT,
                            "The request has more than 64 header lines or 16 KiB of them.");
    }
    if (headers.lengths + headers.encodings > 1 || headers.types > 1 || headers.hosts > 1) {
        return send_problem(connection, 400, ERR_INVALID,
                            "The headers contradict each other about the body or the host.");
    }
    if (coding && strcasecmp(coding, "chunked") != 0) {
        return send_problem(connection, 400, ERR_INVALID,
                            "The only transfer coding known here is \"chunked\".");
    }
    if (headers.content_encoding) {
        return send_problem(connection, 415, ERR_INVALID,
                            "Bodies must come as they are, without a content encoding.");
    }
    if (type && !api_content_type_ok(str_of(type))) {
        return send_problem(connection, 415, ERR_INVALID,
                            "A body must be JSON, with the header Content-Type: application/json.");
    }
    if (is_too_long(connection)) {
        return send_problem(connection, 413, ERR_LIMIT,
                            "The body is larger than 16 MiB, the most that is taken.");
    }
    *ret_refused = false;
    return MHD_YES;
}

/* ---- requests ------------------------------------------------------------------------------- */

/* Takes a piece of the body. */
static enum MHD_Result take_piece(struct exchange *exchange, const char *bytes, size_t *len)
{
    if (exchange->dropped == 0) {
        buf_put(&exchange->body, bytes, *len);
    }
    if (buf_err(&exchange->body)) {
        exchange->dropped += *len;
    }
    *len = 0;
    return exchange->dropped > DROPPED_MAX ? MHD_NO : MHD_YES;
}

/* Everything has arrived: asks the API. */
static enum MHD_Result answer_request(struct http *http, struct MHD_Connection *connection,
                                      const char *method, const struct exchange *exchange)
{
    struct api_request request = {.method = method,
                                  .target = str_of(exchange->target),
                                  .content_type =
                                      str_of(header(connection, MHD_HTTP_HEADER_CONTENT_TYPE)),
                                  .body = buf_str(&exchange->body)};
    struct api_response answer;
    enum MHD_Result result;

    if (buf_err(&exchange->body)) {
        return send_problem(connection, 413, ERR_LIMIT,
                            "The body is larger than 16 MiB, the most that is taken.");
    }
    api_handle(http->api, &request, &answer);
    result = answer.follow ? send_stream(http, connection, &answer)
                           : send_answer(connection, &answer, false);
    api_response_done(&answer);
    return result;
}

/* ---- from the server ------------------------------------------------------------------------ */

/* The target as it came, before it is decoded and cut into pieces: begins an exchange. */
static void *on_target(void *user, const char *target, struct MHD_Connection *connection)
{
    struct exchange *exchange = xcalloc(1, sizeof(*exchange));

    expect(user, peer_of(connection), true);
    exchange->target = xstrdup(target);
    buf_init(&exchange->body, API_BODY_MAX);
    return exchange;
}

/* Headers; then each piece of the body; then the end of it. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *len, void **state)
{
    struct exchange *exchange = *state;

    (void)url;
    (void)version;
    if (!exchange->begun) {
        exchange->begun = true;
        return check_headers(connection, &exchange->refused);
    }
    if (exchange->refused) {
        *len = 0;
        return MHD_YES;
    }
    if (*len > 0) {
        return take_piece(exchange, bytes, len);
    }
    return answer_request(user, connection, method, exchange);
}

/* The exchange is over, one way or the other. */
static void on_completed(void *user, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct exchange *exchange = *state;

    (void)how;
    expect(user, peer_of(connection), false);
    if (exchange) {
        buf_done(&exchange->body);
        free(exchange->target);
        free(exchange);
        *state = NULL;
    }
}

/* What the server has to say about its clients is of interest to nobody but us. */
static void on_log(void *user, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void on_log(void *user, const char *format, va_list args)
{
    char text[512];
    int len = vsnprintf(text, sizeof(text), format, args);

    (void)user;
    if (len > 0) {
        text[strcspn(text, "\n")] = '\0';
        log_line(LOG_DEBUG, "http", "%s", text);
    }
}

/* ---- start and stop ------------------------------------------------------------------------- */

/* Starts the server on a listening socket, which is the server's from then on. */
static struct MHD_Daemon *start_daemon(struct http *http, int fd)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, http,                                                 /* handler */
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,                         /* first, or too late */
        MHD_OPTION_LISTEN_SOCKET, fd,                                     /* instead of a port */
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)HTTP_THREADS,              /* each with an epoll */
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,      /* in all threads */
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S,             /* of silence */
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,    /* bounds headers */
        MHD_OPTION_STRICT_FOR_CLIENT, 1,                                  /* no leniency */
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,                /* its beginning, end */
        MHD_OPTION_URI_LOG_CALLBACK, on_target, http,                     /* makes the exchange */
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END); /* frees it */
}

int http_start(struct api *api, const char *home, struct http **ret_http,
               struct err_text *reterr_why)
{
    struct http *http;
    int fd;
    int err = socket_listen(home, &fd, reterr_why);

    if (err) {
        return err;
    }
    http = xcalloc(1, sizeof(*http));
    http->api = api;
    http->home = xstrdup(home);
    http->streams = http_streams_new(HTTP_STREAMS_MAX, HTTP_PULSE_S);
    http->fd = fd;
    http->daemon = start_daemon(http, fd);
    if (!http->daemon) {
        close(fd);
        http_stop(http);
        return err_set(reterr_why, ERR_UNAVAILABLE,
                       "The HTTP server could not start its threads on %s.", home);
    }
    *ret_http = http;
    return 0;
}

struct http *http_stop(struct http *http)
{
    if (!http) {
        return NULL;
    }
    socket_remove(http->home);
    if (http->daemon) {
        drain(http);
    }
    http_streams_close(http->streams);
    if (http->daemon) {
        MHD_stop_daemon(http->daemon);
    }
    http_streams_free(http->streams);
    free(http->home);
    free(http);
    return NULL;
}
