/*
 * A growing byte buffer with a mandatory maximum.
 *
 * Errors are sticky: after an append that would pass the maximum (or when memory runs out) the
 * contents are freed, every later append does nothing, and buf_err() tells why. So a writer may
 * append many times and check once.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    int err;
};

/* An empty buffer that will never hold more than <max> bytes. Allocates nothing. */
#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})
#define CLEANUP_BUF __attribute__((cleanup(buf_done)))

void buf_init(struct buf *buf, size_t max);
/* Frees the contents; <buf> may be used again afterwards. NULL is allowed. */
void buf_done(struct buf *buf);
/* Forgets contents and error but keeps the memory. */
void buf_clear(struct buf *buf);

/* 0, ERR_LIMIT or ERR_MEMORY. */
int buf_err(const struct buf *buf);
/* The contents, borrowed until the next change. */
struct str buf_str(const struct buf *buf);
/* The contents with a NUL after them (not counted in len), borrowed; "" after an error. */
const char *buf_cstr(struct buf *buf);

/* Appends; return buf_err(). */
int buf_put(struct buf *buf, const void *bytes, size_t len);
int buf_put_byte(struct buf *buf, uint8_t byte);
int buf_put_str(struct buf *buf, struct str s);
int buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for <len> more bytes and returns where they go (NULL after an error); the caller
 * writes there and adds what it wrote to `len`. */
uint8_t *buf_reserve(struct buf *buf, size_t len);
/* Drops the first <len> bytes. */
void buf_consume(struct buf *buf, size_t len);

/* Moves the contents out (the caller frees them); <buf> is empty afterwards. A NUL follows the
 * contents. NULL only after an error. */
uint8_t *buf_take(struct buf *buf, size_t *ret_len);

#endif
