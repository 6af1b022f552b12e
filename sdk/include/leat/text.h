/*
 * UTF-8 for plugins that take text from outside: every string in a value must be UTF-8.
 *
 * Convenience over leat/value.h, no part of the contract. C11 and C++11.
 */
#ifndef LEAT_TEXT_H
#define LEAT_TEXT_H

#include <leat/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the well-formed character at the beginning of <len> bytes, 0 when there is none. */
LEAT_API size_t leat_utf8_size(const char *text, size_t len);

/* 1 when all bytes are UTF-8. */
LEAT_API int leat_utf8_ok(leat_str text);

/* A NUL-terminated copy in memory of <call> [call-thread] in which bytes that are not UTF-8 have
 * become U+FFFD; {NULL, 0} without memory. */
LEAT_API leat_str leat_utf8_clean(leat_call *call, leat_str text);

/* ---- bodies ---- */

LEAT_API size_t leat_utf8_size(const char *text, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *ptr = (const unsigned char *)text;
    size_t size;
    uint32_t code;

    if (len == 0) {
        return 0;
    }
    if (ptr[0] < 0x80) {
        return 1;
    }
    size = ptr[0] < 0xc2 ? 0u : ptr[0] < 0xe0 ? 2u : ptr[0] < 0xf0 ? 3u : ptr[0] < 0xf5 ? 4u : 0u;
    if (size == 0 || size > len) {
        return 0;
    }
    code = ptr[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((ptr[i] & 0xc0u) != 0x80u) {
            return 0;
        }
        code = (code << 6) | (ptr[i] & 0x3fu);
    }
    return code >= least[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? size : 0;
}

LEAT_API int leat_utf8_ok(leat_str text)
{
    size_t at = 0;

    while (at < text.len) {
        size_t size = leat_utf8_size(text.ptr + at, text.len - at);

        if (size == 0) {
            return 0;
        }
        at += size;
    }
    return 1;
}

LEAT_API leat_str leat_utf8_clean(leat_call *call, leat_str text)
{
    leat_str clean = {NULL, 0};
    size_t broken = 0;
    size_t size;
    char *copy;

    for (size_t at = 0; at < text.len; at += size == 0 ? 1 : size) {
        size = leat_utf8_size(text.ptr + at, text.len - at);
        broken += size == 0;
    }
    copy = (char *)call->host->alloc(call, text.len + 2 * broken + 1);
    if (copy == NULL) {
        return clean;
    }
    clean.ptr = copy;
    for (size_t at = 0; at < text.len; at += size == 0 ? 1 : size) {
        size = leat_utf8_size(text.ptr + at, text.len - at);
        memcpy(copy + clean.len, size == 0 ? "\xef\xbf\xbd" : text.ptr + at, size == 0 ? 3 : size);
        clean.len += size == 0 ? 3 : size;
    }
    copy[clean.len] = '\0';
    return clean;
}

#ifdef __cplusplus
}
#endif

#endif
