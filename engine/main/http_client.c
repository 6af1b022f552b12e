/*
 * See http_client.h.
 */
#include "main/http_client.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "api/socket.h"
#include "base/mem.h"
#include "base/must.h"

enum { BODY_MAX = 256 * 1024 * 1024, EVENT_MAX = 64 * 1024 * 1024, ANSWER_S = 120 };

/* The functions of libcurl that are used here. */
#define CURL_FUNCTIONS(F)       \
    F(curl_easy_init)           \
    F(curl_easy_setopt)         \
    F(curl_easy_perform)        \
    F(curl_easy_getinfo)        \
    F(curl_easy_cleanup)        \
    F(curl_easy_strerror)       \
    F(curl_slist_append)        \
    F(curl_slist_free_all)      \
    F(curl_multi_init)          \
    F(curl_multi_add_handle)    \
    F(curl_multi_remove_handle) \
    F(curl_multi_perform)       \
    F(curl_multi_poll)          \
    F(curl_multi_cleanup)       \
    F(curl_multi_info_read)

/* curl.h turns some of these into macros that check argument types. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

#define DECLARE(name) static __typeof__(&name) lib_##name;
CURL_FUNCTIONS(DECLARE)
#undef DECLARE

struct http_client {
    CURL *easy;
    int dir; /* where the socket lies; keeps <path> good */
    char path[SOCKET_PATH_SIZE];
};

struct http_stream {
    struct http_client *client;
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    struct buf bytes; /* received, not yet handed out */
    size_t searched;  /* bytes of it that hold no end of an event */
    bool over;
    char error[CURL_ERROR_SIZE];
};

/* Loads libcurl once. */
static int load(struct err_text *reterr_why)
{
    static bool loaded;
    void *library;

    if (loaded) {
        return 0;
    }
    library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        return err_set(reterr_why, ERR_UNAVAILABLE,
                       "libcurl is needed to talk to a running engine: %s", dlerror());
    }
#define LOAD(name)                                                                  \
    do {                                                                            \
        void *symbol = dlsym(library, #name);                                       \
        if (!symbol) {                                                              \
            return err_set(reterr_why, ERR_UNAVAILABLE, "libcurl lacks %s", #name); \
        }                                                                           \
        memcpy(&lib_##name, &symbol, sizeof(symbol));                               \
    } while (0);
    CURL_FUNCTIONS(LOAD)
#undef LOAD
    loaded = true;
    return 0;
}

/* What every transfer has in common. */
static void set_up(const struct http_client *client, CURL *easy, const char *target)
{
    CLEANUP_FREE char *url = xasprintf("http://127.0.0.1%s", target);

    lib_curl_easy_setopt(easy, CURLOPT_URL, url);
    lib_curl_easy_setopt(easy, CURLOPT_PROXY, "");
    lib_curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    lib_curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, client->path);
}

int http_client_new(const char *home, struct http_client **ret_client, struct err_text *reterr_why)
{
    struct http_client *client = xcalloc(1, sizeof(*client));
    int err = socket_path(home, &client->dir, client->path, reterr_why);

    if (err == 0) {
        err = load(reterr_why);
        if (err) {
            close(client->dir);
        }
    }
    if (err) {
        free(client);
        return err;
    }
    client->easy = lib_curl_easy_init();
    must(client->easy);
    *ret_client = client;
    return 0;
}

struct http_client *http_client_free(struct http_client *client)
{
    if (client) {
        lib_curl_easy_cleanup(client->easy);
        close(client->dir);
        free(client);
    }
    return NULL;
}

/* CURLOPT_WRITEFUNCTION: collects a body. */
static size_t collect(char *bytes, size_t size, size_t count, void *user)
{
    return buf_put(user, bytes, size * count) == 0 ? size * count : 0;
}

int http_client_call(struct http_client *client, const char *method, const char *target,
                     struct str body, int *ret_status, struct buf *ret_body,
                     struct err_text *reterr_why)
{
    char error[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    CURL *easy = client->easy;
    CURLcode code;
    long status = 0;

    set_up(client, easy, target);
    headers = lib_curl_slist_append(headers, "Content-Type: application/json");
    headers = lib_curl_slist_append(headers, "Expect:");
    lib_curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    lib_curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    lib_curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    lib_curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.len ? body.ptr : NULL);
    if (body.len == 0) {
        lib_curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        lib_curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    }
    lib_curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
    lib_curl_easy_setopt(easy, CURLOPT_WRITEDATA, ret_body);
    lib_curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    lib_curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)ANSWER_S);
    code = lib_curl_easy_perform(easy);
    lib_curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    lib_curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    lib_curl_slist_free_all(headers);
    if (code != CURLE_OK) {
        return err_set(reterr_why, code == CURLE_COULDNT_CONNECT ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
                       "the engine does not answer: %s",
                       error[0] ? error : lib_curl_easy_strerror(code));
    }
    *ret_status = (int)status;
    return 0;
}

int http_stream_new(struct http_client *client, const char *target, struct http_stream **ret_stream,
                    struct err_text *reterr_why)
{
    struct http_stream *stream = xcalloc(1, sizeof(*stream));

    stream->client = client;
    stream->easy = lib_curl_easy_init();
    stream->multi = lib_curl_multi_init();
    must(stream->easy && stream->multi);
    buf_init(&stream->bytes, BODY_MAX);
    set_up(client, stream->easy, target);
    stream->headers = lib_curl_slist_append(NULL, "Accept: text/event-stream");
    lib_curl_easy_setopt(stream->easy, CURLOPT_HTTPHEADER, stream->headers);
    lib_curl_easy_setopt(stream->easy, CURLOPT_WRITEFUNCTION, collect);
    lib_curl_easy_setopt(stream->easy, CURLOPT_WRITEDATA, &stream->bytes);
    lib_curl_easy_setopt(stream->easy, CURLOPT_ERRORBUFFER, stream->error);
    if (lib_curl_multi_add_handle(stream->multi, stream->easy) != CURLM_OK) {
        http_stream_free(stream);
        return err_set(reterr_why, ERR_UNAVAILABLE, "the engine can not be followed");
    }
    *ret_stream = stream;
    return 0;
}

struct http_stream *http_stream_free(struct http_stream *stream)
{
    if (stream) {
        lib_curl_multi_remove_handle(stream->multi, stream->easy);
        lib_curl_easy_cleanup(stream->easy);
        lib_curl_multi_cleanup(stream->multi);
        lib_curl_slist_free_all(stream->headers);
        buf_done(&stream->bytes);
        free(stream);
    }
    return NULL;
}

int http_stream_status(const struct http_stream *stream)
{
    long status = 0;

    lib_curl_easy_getinfo(stream->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

/* Takes one event off the received bytes; false when there is no whole one yet. An event is lines
 * up to an empty line; its data lines are joined. */
static bool take_event(struct http_stream *stream, struct buf *ret_data)
{
    struct buf *bytes = &stream->bytes;

    for (;;) {
        const char *begin = (const char *)bytes->data;
        size_t from = stream->searched;
        const char *end =
            bytes->len > from ? memmem(begin + from, bytes->len - from, "\n\n", 2) : NULL;
        size_t whole;

        if (!end) {
            stream->searched = bytes->len > 0 ? bytes->len - 1 : 0;
            return false;
        }
        stream->searched = 0;
        whole = (size_t)(end - begin) + 2;
        for (const char *line = begin; line < end;) {
            const char *stop = memchr(line, '\n', (size_t)(end - line) + 1);

            if (strncmp(line, "data: ", 6) == 0) {
                buf_put(ret_data, line + 6, (size_t)(stop - line) - 6);
            }
            line = stop + 1;
        }
        buf_consume(bytes, whole);
        if (ret_data->len > 0) {
            return true; /* a comment alone has no data */
        }
    }
}

/* Lets libcurl work until something arrived, the transfer ended, or the time is over. */
static void pump(struct http_stream *stream, int timeout_ms)
{
    CURLMsg *message;
    int running = 0;
    int left = 0;

    size_t before = stream->bytes.len;

    lib_curl_multi_perform(stream->multi, &running);
    if (running > 0 && stream->bytes.len == before) {
        lib_curl_multi_poll(stream->multi, NULL, 0, timeout_ms, NULL);
        lib_curl_multi_perform(stream->multi, &running);
    }
    for (message = lib_curl_multi_info_read(stream->multi, &left); message;
         message = lib_curl_multi_info_read(stream->multi, &left)) {
        stream->over = stream->over || message->msg == CURLMSG_DONE;
    }
}

int http_stream_next(struct http_stream *stream, int timeout_ms, struct buf *ret_data,
                     struct err_text *reterr_why)
{
    buf_clear(ret_data);
    if (take_event(stream, ret_data)) {
        return 1;
    }
    do {
        if (stream->over) {
            buf_put_str(ret_data, buf_str(&stream->bytes));
            return err_set(reterr_why, ERR_UNAVAILABLE, "the engine ended the stream%s%s",
                           stream->error[0] ? ": " : "", stream->error);
        }
        pump(stream, timeout_ms < 0 ? 1000 : timeout_ms);
        if (take_event(stream, ret_data)) {
            return 1;
        }
    } while (timeout_ms < 0 || stream->over);
    return 0;
}
