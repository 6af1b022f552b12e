/*
 * See wire.h.
 */
#include "wire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/socket.h"

enum { BYTES_MAX = 64 * 1024 * 1024 };

void wire_open(struct wire *wire, const char *home)
{
    struct err_text why = {""};

    cr_assert_eq(socket_connect(home, &wire->fd, &why), 0, "%s", why.text);
    buf_init(&wire->in, BYTES_MAX);
}

void wire_close(struct wire *wire)
{
    close(wire->fd);
    wire->fd = -1;
    buf_done(&wire->in);
}

bool wire_send(struct wire *wire, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t sent = send(wire->fd, at, len, MSG_NOSIGNAL);

        if (sent < 0) {
            return false;
        }
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool wire_text(struct wire *wire, const char *text)
{
    return wire_send(wire, text, strlen(text));
}

/* Reads some more bytes; false at the end. */
static bool fill(struct wire *wire)
{
    uint8_t *room = buf_reserve(&wire->in, 65536);
    ssize_t len = recv(wire->fd, room, 65536, 0);

    if (len <= 0) {
        return false;
    }
    wire->in.len += (size_t)len;
    return true;
}

bool wire_until(struct wire *wire, const char *text)
{
    while (wire->in.len == 0 || !memmem(wire->in.data, wire->in.len, text, strlen(text))) {
        if (!fill(wire)) {
            return false;
        }
    }
    return true;
}

bool wire_ends(struct wire *wire)
{
    while (fill(wire)) {
        buf_clear(&wire->in);
    }
    return true;
}

/* Moves <len> received bytes to <out>, reading more if need be. */
static void take(struct wire *wire, size_t len, struct buf *out)
{
    while (wire->in.len < len) {
        cr_assert(fill(wire), "the connection ended in the middle of an answer");
    }
    buf_put(out, wire->in.data, len);
    buf_consume(&wire->in, len);
}

/* Moves everything up to and with <end> to <out>. */
static void take_until(struct wire *wire, const char *end, struct buf *out)
{
    const uint8_t *at;

    cr_assert(wire_until(wire, end));
    at = memmem(wire->in.data, wire->in.len, end, strlen(end));
    take(wire, (size_t)(at - wire->in.data) + strlen(end), out);
}

const char *wire_header(const struct wire_answer *answer, const char *name)
{
    static char value[4096];
    char line[256];
    const char *at;

    snprintf(line, sizeof(line), "\r\n%s: ", name);
    at = strcasestr((const char *)answer->head.data, line);
    if (!at) {
        return "";
    }
    at += strlen(line);
    snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

/* Joins the chunks of a body. */
static void take_chunks(struct wire *wire, struct buf *out)
{
    size_t size = 1;

    while (size > 0) {
        struct buf line = BUF_INIT(256);
        struct buf end = BUF_INIT(2);

        take_until(wire, "\r\n", &line);
        size = strtoul(buf_cstr(&line), NULL, 16);
        take(wire, size, out);
        take(wire, 2, &end);
        buf_done(&line);
        buf_done(&end);
    }
}

void wire_answer_done(struct wire_answer *answer)
{
    buf_done(&answer->head);
    buf_done(&answer->body);
}

void wire_read(struct wire *wire, bool head_only, struct wire_answer *ret_answer)
{
    struct wire_answer answer = {0};

    buf_init(&answer.head, 65536);
    buf_init(&answer.body, BYTES_MAX);
    wire_answer_done(ret_answer);
    if (!wire_until(wire, "\r\n\r\n")) {
        answer.closed = true;
        *ret_answer = answer;
        return;
    }
    take_until(wire, "\r\n\r\n", &answer.head);
    buf_cstr(&answer.head);
    cr_assert_eq(sscanf((const char *)answer.head.data, "HTTP/1.1 %d", &answer.status), 1, "%s",
                 (const char *)answer.head.data);
    if (!head_only && strcmp(wire_header(&answer, "Transfer-Encoding"), "chunked") == 0) {
        take_chunks(wire, &answer.body);
    } else if (!head_only) {
        take(wire, strtoul(wire_header(&answer, "Content-Length"), NULL, 10), &answer.body);
    }
    *ret_answer = answer;
}

int wire_ask(struct wire *wire, const char *text, struct wire_answer *ret_answer)
{
    wire_text(wire, text); /* a refusal may come before all was sent */
    wire_read(wire, strncmp(text, "HEAD", 4) == 0, ret_answer);
    return ret_answer->status;
}
