/*
 * See http_stream.h.
 *
 *              read()                              wake(), pulse, close
 *     ------------------------------        -----------------------------------
 *     news_came = false                      news_came = true
 *     next object? write it                  if suspended: resume
 *     else, unless news_came: suspend
 *
 * Locks are taken in this order: list of streams, stream. The follower's own locks come before the
 * stream's when it wakes us, and are never taken while holding it.
 */
#include "api/http_stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/must.h"
#include "value/json.h"

enum { CHUNK_MAX = 64 * 1024, EVENT_MAX = 128 * 1024 * 1024 };

struct stream {
    struct http_streams *streams;
    struct stream *next;
    struct stream **link;
    struct MHD_Connection *connection;
    struct api_follow *follow;
    struct buf value; /* the follower's latest object */
    struct buf text;  /* the same as an event */
    size_t sent;      /* of `text` */
    bool over;

    pthread_mutex_t lock; /* guards what follows */
    bool suspended;
    bool news_came;
    bool pulse;
    bool closing;
};

struct http_streams {
    unsigned most;
    unsigned pulse_s;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct stream *first;
    unsigned count;
    bool closing;
};

/* ---- waking --------------------------------------------------------------------------------- */

/* Resumes the connection if it is suspended; the stream's lock is held. */
static void resume(struct stream *stream)
{
    stream->news_came = true;
    if (stream->suspended) {
        stream->suspended = false;
        MHD_resume_connection(stream->connection);
    }
}

/* From the follower: there is something new. */
static void on_wake(void *user)
{
    struct stream *stream = user;

    pthread_mutex_lock(&stream->lock);
    resume(stream);
    pthread_mutex_unlock(&stream->lock);
}

/* Wakes all streams; the list's lock is held. */
static void wake_all(struct http_streams *streams, bool closing)
{
    for (struct stream *stream = streams->first; stream; stream = stream->next) {
        pthread_mutex_lock(&stream->lock);
        stream->pulse = true;
        stream->closing = stream->closing || closing;
        resume(stream);
        pthread_mutex_unlock(&stream->lock);
    }
}

/* The thread of the pulse. */
static void *pulse_main(void *user)
{
    struct http_streams *streams = user;
    struct timespec next;

    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&streams->lock);
    while (!streams->closing) {
        next.tv_sec += streams->pulse_s;
        while (!streams->closing &&
               pthread_cond_timedwait(&streams->changed, &streams->lock, &next) == 0) {
        }
        wake_all(streams, false);
    }
    pthread_mutex_unlock(&streams->lock);
    return NULL;
}

/* ---- one stream ----------------------------------------------------------------------------- */

/* Writes the follower's object as an event. */
static void write_event(struct stream *stream)
{
    struct val value = {stream->value.data, stream->value.len};
    struct val type = val_find(value, STR("type"));

    buf_clear(&stream->text);
    stream->sent = 0;
    buf_put_str(&stream->text, STR("event: "));
    buf_put_str(&stream->text, val_str(type));
    buf_put_str(&stream->text, STR("\ndata: "));
    json_print(&stream->text, value);
    buf_put_str(&stream->text, STR("\n\n"));
}

/* Makes the next text to send; false when there is none now. */
static bool next_text(struct stream *stream)
{
    bool pulse;

    pthread_mutex_lock(&stream->lock);
    stream->news_came = false;
    pulse = stream->pulse;
    stream->pulse = false;
    stream->over = stream->over || stream->closing;
    pthread_mutex_unlock(&stream->lock);
    if (stream->over) {
        return false;
    }
    switch (api_follow_next(stream->follow, 0, &stream->value)) {
    case API_FOLLOW_NEWS:
        write_event(stream);
        stream->over = buf_err(&stream->text) != 0;
        return !stream->over;
    case API_FOLLOW_OVER:
        stream->over = true;
        return false;
    case API_FOLLOW_IDLE:
        break;
    }
    if (pulse) {
        buf_clear(&stream->text);
        stream->sent = 0;
        buf_put_str(&stream->text, STR(":\n\n"));
    }
    return pulse;
}

/* Suspends the connection; false when there is something to look at after all. */
static bool suspend(struct stream *stream)
{
    bool suspended;

    pthread_mutex_lock(&stream->lock);
    suspended = !stream->news_came && !stream->closing;
    if (suspended) {
        stream->suspended = true;
        MHD_suspend_connection(stream->connection);
    }
    pthread_mutex_unlock(&stream->lock);
    return suspended;
}

/* From the server: the next bytes, 0 for "later", or the end. */
static ssize_t on_read(void *user, uint64_t position, char *bytes, size_t most)
{
    struct stream *stream = user;
    size_t len;

    (void)position;
    while (stream->sent == stream->text.len && !next_text(stream)) {
        if (stream->over) {
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        if (suspend(stream)) {
            return 0;
        }
    }
    len = stream->text.len - stream->sent;
    len = len < most ? len : most;
    memcpy(bytes, stream->text.data + stream->sent, len);
    stream->sent += len;
    return (ssize_t)len;
}

/* From the server: the connection is over. */
static void on_free(void *user)
{
    struct stream *stream = user;
    struct http_streams *streams = stream->streams;

    stream->follow = api_follow_free(stream->follow); /* nobody wakes us from here on */
    pthread_mutex_lock(&streams->lock);
    *stream->link = stream->next;
    if (stream->next) {
        stream->next->link = stream->link;
    }
    streams->count--;
    pthread_mutex_unlock(&streams->lock);
    buf_done(&stream->value);
    buf_done(&stream->text);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

/* Puts a stream on the list; false when it is full. */
static bool enlist(struct http_streams *streams, struct stream *stream)
{
    bool ok;

    pthread_mutex_lock(&streams->lock);
    ok = !streams->closing && streams->count < streams->most;
    if (ok) {
        stream->next = streams->first;
        stream->link = &streams->first;
        if (stream->next) {
            stream->next->link = &stream->next;
        }
        streams->first = stream;
        streams->count++;
    }
    pthread_mutex_unlock(&streams->lock);
    return ok;
}

struct MHD_Response *http_streams_response(struct http_streams *streams,
                                           struct MHD_Connection *connection,
                                           struct api_follow *follow)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    struct MHD_Response *response;

    stream->streams = streams;
    stream->connection = connection;
    stream->follow = follow;
    buf_init(&stream->value, EVENT_MAX);
    buf_init(&stream->text, EVENT_MAX);
    must(pthread_mutex_init(&stream->lock, NULL) == 0);
    if (!enlist(streams, stream)) {
        api_follow_free(follow);
        pthread_mutex_destroy(&stream->lock);
        free(stream);
        return NULL;
    }
    api_follow_set_wake(follow, on_wake, stream);
    response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, CHUNK_MAX, on_read, stream, on_free);
    if (!response) {
        on_free(stream);
    }
    return response;
}

/* ---- all streams ---------------------------------------------------------------------------- */

struct http_streams *http_streams_new(unsigned most, unsigned pulse_s)
{
    struct http_streams *streams = xcalloc(1, sizeof(*streams));
    pthread_condattr_t attributes;

    streams->most = most;
    streams->pulse_s = pulse_s;
    must(pthread_mutex_init(&streams->lock, NULL) == 0);
    must(pthread_condattr_init(&attributes) == 0);
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&streams->changed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    must(pthread_create(&streams->thread, NULL, pulse_main, streams) == 0);
    return streams;
}

void http_streams_close(struct http_streams *streams)
{
    pthread_mutex_lock(&streams->lock);
    streams->closing = true;
    pthread_cond_signal(&streams->changed);
    wake_all(streams, true);
    pthread_mutex_unlock(&streams->lock);
    pthread_join(streams->thread, NULL);
}

struct http_streams *http_streams_free(struct http_streams *streams)
{
    if (!streams) {
        return NULL;
    }
    must(streams->count == 0);
    pthread_cond_destroy(&streams->changed);
    pthread_mutex_destroy(&streams->lock);
    free(streams);
    return NULL;
}
