/*
 * Base64 with padding, the standard alphabet: how binary data travels in JSON.
 */
#ifndef VALUE_BASE64_H
#define VALUE_BASE64_H

#include "base/buf.h"
#include "base/str.h"

/* Appends the text for <bytes>. Returns buf_err(). Any thread. */
int base64_put(struct buf *buf, struct str bytes);

/* Appends the bytes that <text> stands for. 0; ERR_PARSE for a foreign character, a wrong length or
 * stray bits, with <buf> as before; buf_err(). Any thread. */
int base64_decode(struct str text, struct buf *buf);

#endif
