/*
 * See receiver.h.
 */
#include "tests/e2e/receiver.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>
#include <microhttpd.h>

#include "tests/e2e/e2e.h"

enum { REQUESTS_MAX = 64, BODY_MAX = 1024 * 1024, WAIT_S = 40 };

struct receiver {
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct MHD_Daemon *daemon;
    unsigned status;
    int count;
    struct received requests[REQUESTS_MAX];
    char url[64];
};

/* Copies a header of a request. */
static void copy_header(struct MHD_Connection *connection, const char *name, char *ret_text,
                        size_t size)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);

    snprintf(ret_text, size, "%s", value ? value : "");
}

/* Remembers a request; the status of the answer. */
static unsigned remember(struct receiver *receiver, struct MHD_Connection *connection, char *body,
                         size_t len)
{
    unsigned status;

    pthread_mutex_lock(&receiver->lock);
    status = receiver->status;
    if (receiver->count < REQUESTS_MAX) {
        struct received *request = &receiver->requests[receiver->count++];

        copy_header(connection, "webhook-id", request->id, sizeof(request->id));
        copy_header(connection, "webhook-timestamp", request->timestamp,
                    sizeof(request->timestamp));
        copy_header(connection, "webhook-signature", request->signature,
                    sizeof(request->signature));
        request->body = body;
        request->body_len = len;
    } else {
        free(body);
    }
    pthread_cond_broadcast(&receiver->came);
    pthread_mutex_unlock(&receiver->lock);
    return status;
}

/* One request whose body is arriving. */
struct arriving {
    char *body;
    size_t len;
};

/* For MHD: headers, then pieces of the body, then the end. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *len, void **state)
{
    struct arriving *arriving = *state;
    struct MHD_Response *response;
    enum MHD_Result result;
    unsigned status;

    (void)url;
    (void)method;
    (void)version;
    if (!arriving) {
        *state = calloc(1, sizeof(*arriving));
        return *state ? MHD_YES : MHD_NO;
    }
    if (*len > 0) {
        char *grown = arriving->len + *len < BODY_MAX
                          ? realloc(arriving->body, arriving->len + *len + 1)
                          : NULL;

        if (!grown) {
            return MHD_NO;
        }
        memcpy(grown + arriving->len, bytes, *len);
        arriving->body = grown;
        arriving->len += *len;
        arriving->body[arriving->len] = '\0';
        *len = 0;
        return MHD_YES;
    }
    status = remember(user, connection, arriving->body, arriving->len);
    free(arriving);
    *state = NULL;
    response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

struct receiver *receiver_new(unsigned status)
{
    struct receiver *receiver = calloc(1, sizeof(*receiver));
    const union MHD_DaemonInfo *info;

    cr_assert_not_null(receiver);
    pthread_mutex_init(&receiver->lock, NULL);
    pthread_cond_init(&receiver->came, NULL);
    receiver->status = status;
    receiver->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG, 0,
                                        NULL, NULL, on_request, receiver, MHD_OPTION_END);
    cr_assert_not_null(receiver->daemon);
    info = MHD_get_daemon_info(receiver->daemon, MHD_DAEMON_INFO_BIND_PORT);
    snprintf(receiver->url, sizeof(receiver->url), "http://127.0.0.1:%u/hook",
             (unsigned)info->port);
    return receiver;
}

void receiver_free(struct receiver *receiver)
{
    if (receiver) {
        MHD_stop_daemon(receiver->daemon);
        for (int i = 0; i < receiver->count; i++) {
            free(receiver->requests[i].body);
        }
        pthread_cond_destroy(&receiver->came);
        pthread_mutex_destroy(&receiver->lock);
        free(receiver);
    }
}

void receiver_answer(struct receiver *receiver, unsigned status)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->status = status;
    pthread_mutex_unlock(&receiver->lock);
}

const char *receiver_url(const struct receiver *receiver)
{
    return receiver->url;
}

int receiver_count(struct receiver *receiver)
{
    int count;

    pthread_mutex_lock(&receiver->lock);
    count = receiver->count;
    pthread_mutex_unlock(&receiver->lock);
    return count;
}

const struct received *receiver_await(struct receiver *receiver, int number)
{
    struct timespec deadline;
    int err = 0;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += WAIT_S * e2e_patience();
    pthread_mutex_lock(&receiver->lock);
    while (receiver->count <= number && err == 0) {
        err = pthread_cond_timedwait(&receiver->came, &receiver->lock, &deadline);
    }
    pthread_mutex_unlock(&receiver->lock);
    cr_assert_eq(err, 0, "request %d did not come", number);
    return &receiver->requests[number];
}
