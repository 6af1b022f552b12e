/*
 * Event streams over HTTP: a follower's objects as server-sent events.
 *
 * A stream costs no thread: when there is nothing to say its connection is suspended, and the
 * follower's wake function resumes it. A pulse resumes all of them now and then for a comment that
 * keeps the connection from looking dead.
 */
#ifndef API_HTTP_STREAM_H
#define API_HTTP_STREAM_H

#include <microhttpd.h>

#include "api/api.h"

struct http_streams;

/* Starts the pulse. At most <most> streams at a time. */
struct http_streams *http_streams_new(unsigned most, unsigned pulse_s);
/* Ends all streams soon, and takes no new ones: before the server stops. */
void http_streams_close(struct http_streams *streams);
/* After the server has stopped. NULL is allowed; returns NULL. */
struct http_streams *http_streams_free(struct http_streams *streams);

/* A response that streams <follow> (adopted in any case) on <connection>; NULL when there are too
 * many streams, or they are being closed. */
struct MHD_Response *http_streams_response(struct http_streams *streams,
                                           struct MHD_Connection *connection,
                                           struct api_follow *follow);

#endif
