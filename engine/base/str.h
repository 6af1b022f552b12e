/*
 * A borrowed piece of text or bytes: pointer and length, not NUL-terminated.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr;
    size_t len;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf: "%.*s", STR_ARGS(s). */
#define STR_ARGS(s) (int)(s).len, (s).ptr

/* Wraps a C string (NULL gives STR_NONE). */
static inline struct str str_of(const char *text)
{
    return text ? (struct str){text, strlen(text)} : STR_NONE;
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_is(struct str a, const char *text)
{
    return str_eq(a, str_of(text));
}

/* True when <a> begins with <prefix>. */
static inline bool str_starts(struct str a, struct str prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

/* A copy as a C string on the heap; the caller frees it. Aborts when memory runs out. */
char *str_dup(struct str s);

/* True for well-formed UTF-8 without NUL. */
bool str_utf8_ok(struct str s);

/*
 * True for a name people may give to a flow, step, parameter or tag: 1 to <max> bytes of letters,
 * digits, `_`, `-` and `.`, beginning with a letter or `_`.
 */
bool str_name_ok(struct str s, size_t max);

/*
 * Shell-style pattern match with `*` (any run) and `?` (one byte); linear space, no backtracking
 * beyond the last star. Used for tags, flow names and error codes.
 */
bool str_match(struct str text, struct str pattern);

#endif
