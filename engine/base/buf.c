/*
 * A growing byte buffer with a mandatory maximum; see buf.h.
 *
 * The allocation always has one byte more than `cap`, for the NUL that buf_cstr() and buf_take()
 * promise.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/must.h"

enum { CAP_MIN = 64 };

void buf_init(struct buf *buf, size_t max)
{
    *buf = BUF_INIT(max);
}

void buf_done(struct buf *buf)
{
    if (buf) {
        free(buf->data);
        *buf = BUF_INIT(buf->max);
    }
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->err = 0;
}

int buf_err(const struct buf *buf)
{
    return buf->err;
}

struct str buf_str(const struct buf *buf)
{
    return (struct str){(const char *)buf->data, buf->len};
}

const char *buf_cstr(struct buf *buf)
{
    if (!buf->data) {
        return "";
    }
    buf->data[buf->len] = '\0';
    return (const char *)buf->data;
}

/* Drops the contents and remembers why. */
static int fail(struct buf *buf, int code)
{
    free(buf->data);
    *buf = (struct buf){.max = buf->max, .err = code};
    return code;
}

/* Makes room for <len> more bytes: doubling, but never beyond the maximum. */
static int grow(struct buf *buf, size_t len)
{
    must(buf->len <= buf->cap && buf->len <= buf->max);
    if (buf->err) {
        return buf->err;
    }
    if (len > buf->max - buf->len) {
        return fail(buf, ERR_LIMIT);
    }
    size_t need = buf->len + len;
    if (buf->data && need <= buf->cap) {
        return 0;
    }
    size_t cap = buf->cap > buf->max / 2 ? buf->max : buf->cap * 2;
    cap = cap < CAP_MIN ? CAP_MIN : cap;
    cap = cap > buf->max ? buf->max : cap;
    cap = cap < need ? need : cap;
    if (cap == SIZE_MAX) {
        return fail(buf, ERR_MEMORY);
    }
    uint8_t *data = realloc(buf->data, cap + 1);
    if (!data) {
        return fail(buf, ERR_MEMORY);
    }
    buf->data = data;
    buf->cap = cap;
    return 0;
}

int buf_put(struct buf *buf, const void *bytes, size_t len)
{
    must(bytes || len == 0);
    if (len == 0) {
        return buf->err;
    }
    int err = grow(buf, len);
    if (err) {
        return err;
    }
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    return 0;
}

int buf_put_byte(struct buf *buf, uint8_t byte)
{
    return buf_put(buf, &byte, 1);
}

int buf_put_str(struct buf *buf, struct str s)
{
    return buf_put(buf, s.ptr, s.len);
}

int buf_printf(struct buf *buf, const char *format, ...)
{
    if (buf->err) {
        return buf->err;
    }
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    must(len >= 0);
    int err = grow(buf, (size_t)len);
    if (!err) {
        /* The NUL goes into the spare byte behind `cap`. */
        int written = vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, format, again);
        must(written == len);
        buf->len += (size_t)len;
    }
    va_end(again);
    return err;
}

uint8_t *buf_reserve(struct buf *buf, size_t len)
{
    return grow(buf, len) ? NULL : buf->data + buf->len;
}

void buf_consume(struct buf *buf, size_t len)
{
    must(len <= buf->len);
    if (len > 0) {
        memmove(buf->data, buf->data + len, buf->len - len);
        buf->len -= len;
    }
}

uint8_t *buf_take(struct buf *buf, size_t *ret_len)
{
    if (grow(buf, 0)) {
        *ret_len = 0;
        return NULL;
    }
    uint8_t *data = buf->data;
    data[buf->len] = '\0';
    *ret_len = buf->len;
    *buf = BUF_INIT(buf->max);
    return data;
}
