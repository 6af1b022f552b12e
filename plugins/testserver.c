/*
 * See testserver.h. Plain sockets rather than a library, because half of the tests are about
 * servers that break the rules.
 */
#include "testserver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWERS_MAX = 32, REQUEST_MAX = 1 << 20 };

struct answer {
    char path[128];
    enum testserver_end end;
    char *raw;
    size_t len;
};

struct testserver {
    pthread_t thread;
    pthread_mutex_t lock;
    int listener;
    int stop[2]; /* closing the second end makes the first readable */
    unsigned port;
    char url[256];
    struct answer answers[ANSWERS_MAX];
    size_t n_answers;
    unsigned count;
    char last[REQUEST_MAX];
    char reading[REQUEST_MAX];
};

/* Waits until a descriptor is ready; 0 when the server is to end. */
static int wait_for(struct testserver *server, int fd, short events)
{
    struct pollfd fds[2] = {{fd, events, 0}, {server->stop[0], POLLIN, 0}};

    while (poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
    return fds[1].revents == 0;
}

/* The body's length that a complete head announces. */
static size_t body_len(const char *head)
{
    const char *at = strcasestr(head, "\r\nContent-Length:");

    return at == NULL ? 0 : (size_t)strtoul(at + 17, NULL, 10);
}

/* Reads one request; 0 when the client or the test ended it. */
static int read_request(struct testserver *server, int fd)
{
    size_t len = 0;

    while (wait_for(server, fd, POLLIN)) {
        ssize_t count = recv(fd, server->reading + len, sizeof server->reading - 1 - len, 0);
        const char *body;

        if (count <= 0) {
            return 0;
        }
        len += (size_t)count;
        server->reading[len] = '\0';
        body = strstr(server->reading, "\r\n\r\n");
        if (body != NULL &&
            len - (size_t)(body + 4 - server->reading) >= body_len(server->reading)) {
            return 1;
        }
    }
    return 0;
}

/* Sends bytes; 0 when the client or the test ended it. */
static int send_all(struct testserver *server, int fd, const char *data, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t count;

        if (!wait_for(server, fd, POLLOUT)) {
            return 0;
        }
        count = send(fd, data + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno != EAGAIN && errno != EINTR) {
            return 0;
        }
        done += count < 0 ? 0 : (size_t)count;
    }
    return 1;
}

/* Ends an answer the way it is scripted. */
static void end_answer(struct testserver *server, int fd, enum testserver_end end)
{
    struct linger linger = {1, 0};
    char rest[256];

    switch (end) {
    case TESTSERVER_STALL:
        while (wait_for(server, fd, POLLIN) && recv(fd, rest, sizeof rest, 0) > 0) {
        }
        break;
    case TESTSERVER_ENDLESS:
        memset(rest, 'x', sizeof rest);
        while (send_all(server, fd, rest, sizeof rest)) {
        }
        break;
    case TESTSERVER_RESET:
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        break;
    case TESTSERVER_CLOSE:
        break;
    }
}

/* Serves one connection. */
static void serve(struct testserver *server, int fd)
{
    static const char missing[] =
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const struct answer *answer = NULL;
    char path[128] = "";

    if (!read_request(server, fd)) {
        return;
    }
    pthread_mutex_lock(&server->lock);
    server->count++;
    memcpy(server->last, server->reading, strlen(server->reading) + 1);
    (void)!sscanf(server->reading, "%*s %127s", path);
    for (size_t i = 0; i < server->n_answers; i++) {
        if (strcmp(server->answers[i].path, path) == 0) {
            answer = &server->answers[i];
        }
    }
    pthread_mutex_unlock(&server->lock);
    if (answer == NULL) {
        send_all(server, fd, missing, sizeof missing - 1);
        return;
    }
    if (send_all(server, fd, answer->raw, answer->len)) {
        end_answer(server, fd, answer->end);
    }
}

/* The server's thread. */
static void *loop(void *user)
{
    struct testserver *server = user;

    while (wait_for(server, server->listener, POLLIN)) {
        int fd = accept(server->listener, NULL, NULL);

        if (fd >= 0) {
            serve(server, fd);
            close(fd);
        }
    }
    return NULL;
}

/* Ends the test program when something as basic as a socket is not to be had. */
static void sure(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "testserver: %s: %s\n", what, strerror(errno));
        abort();
    }
}

struct testserver *testserver_new(void)
{
    struct testserver *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;

    sure(server != NULL, "calloc");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_mutex_init(&server->lock, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sure(server->listener >= 0, "socket");
    sure(bind(server->listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    sure(listen(server->listener, 16) == 0, "listen");
    sure(getsockname(server->listener, (struct sockaddr *)&address, &len) == 0, "getsockname");
    sure(pipe2(server->stop, O_CLOEXEC) == 0, "pipe2");
    server->port = ntohs(address.sin_port);
    sure(pthread_create(&server->thread, NULL, loop, server) == 0, "pthread_create");
    return server;
}

void testserver_free(struct testserver *server)
{
    if (server == NULL) {
        return;
    }
    close(server->stop[1]);
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->listener);
    for (size_t i = 0; i < server->n_answers; i++) {
        free(server->answers[i].raw);
    }
    pthread_mutex_destroy(&server->lock);
    free(server);
}

const char *testserver_url(struct testserver *server, const char *path)
{
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u%s", server->port, path);
    return server->url;
}

void testserver_answer(struct testserver *server, const char *path, enum testserver_end end,
                       const char *raw, size_t len)
{
    struct answer *answer;

    pthread_mutex_lock(&server->lock);
    sure(server->n_answers < ANSWERS_MAX, "too many answers");
    answer = &server->answers[server->n_answers];
    snprintf(answer->path, sizeof answer->path, "%s", path);
    answer->end = end;
    answer->raw = malloc(len + 1);
    sure(answer->raw != NULL, "malloc");
    memcpy(answer->raw, raw, len);
    answer->len = len;
    server->n_answers++;
    pthread_mutex_unlock(&server->lock);
}

void testserver_answer_text(struct testserver *server, const char *path, const char *type,
                            const char *body)
{
    char *raw = NULL;
    int len = asprintf(&raw,
                       "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                       "Connection: close\r\n\r\n%s",
                       type, strlen(body), body);

    sure(len > 0, "asprintf");
    testserver_answer(server, path, TESTSERVER_CLOSE, raw, (size_t)len);
    free(raw);
}

void testserver_answer_status(struct testserver *server, const char *path, const char *status,
                              const char *headers)
{
    char *raw = NULL;
    int len = asprintf(&raw, "HTTP/1.1 %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n",
                       status, headers);

    sure(len > 0, "asprintf");
    testserver_answer(server, path, TESTSERVER_CLOSE, raw, (size_t)len);
    free(raw);
}

unsigned testserver_count(struct testserver *server)
{
    unsigned count;

    pthread_mutex_lock(&server->lock);
    count = server->count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

const char *testserver_last(struct testserver *server)
{
    return server->last;
}
