/*
 * Base64; see base64.h. Decoding accepts exactly what encoding produces.
 */
#include "value/base64.h"

#include "base/err.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_put(struct buf *buf, struct str bytes)
{
    const unsigned char *from = (const unsigned char *)bytes.ptr;
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t here = bytes.len - at < 3 ? bytes.len - at : 3;
        unsigned group = (unsigned)from[at] << 16;
        group |= here > 1 ? (unsigned)from[at + 1] << 8 : 0;
        group |= here > 2 ? (unsigned)from[at + 2] : 0;
        char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63],
                        here > 1 ? alphabet[group >> 6 & 63] : '=',
                        here > 2 ? alphabet[group & 63] : '='};
        buf_put(buf, text, sizeof(text));
    }
    return buf_err(buf);
}

/* The six bits of a character, or -1. */
static int bits_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes four characters, of which the last <padding> are `=`, into 3 - <padding> bytes. */
static int decode_group(const char *text, size_t padding, uint8_t ret_bytes[3])
{
    unsigned group = 0;
    for (size_t index = 0; index < 4; index++) {
        int bits = index < 4 - padding ? bits_of(text[index]) : 0;
        if (bits < 0) {
            return ERR_PARSE;
        }
        group = group << 6 | (unsigned)bits;
    }
    unsigned stray = padding == 0 ? 0 : padding == 1 ? 0xffu : 0xffffu;
    if (group & stray) {
        return ERR_PARSE;
    }
    ret_bytes[0] = (uint8_t)(group >> 16);
    ret_bytes[1] = (uint8_t)(group >> 8);
    ret_bytes[2] = (uint8_t)group;
    return 0;
}

int base64_decode(struct str text, struct buf *buf)
{
    if (text.len % 4 != 0) {
        return ERR_PARSE;
    }
    size_t begin = buf->len;
    for (size_t at = 0; at < text.len; at += 4) {
        size_t padding = 0;
        if (at + 4 == text.len && text.ptr[at + 3] == '=') {
            padding = text.ptr[at + 2] == '=' ? 2 : 1;
        }
        uint8_t bytes[3];
        if (decode_group(text.ptr + at, padding, bytes)) {
            buf->len = buf_err(buf) ? 0 : begin;
            return ERR_PARSE;
        }
        buf_put(buf, bytes, 3 - padding);
    }
    return buf_err(buf);
}
