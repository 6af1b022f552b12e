/*
 * Borrowed text: checks and matching; see str.h.
 */
#include "base/str.h"

#include "base/mem.h"

char *str_dup(struct str s)
{
    char *copy = xmalloc(s.len + 1);
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    copy[s.len] = '\0';
    return copy;
}

/*
 * The length of the well-formed character at the start of <bytes>, or 0. The second byte's range
 * depends on the first one: that is what keeps out overlong forms, surrogates and anything beyond
 * U+10FFFF.
 */
static size_t utf8_len(const unsigned char *bytes, size_t len)
{
    unsigned char first = bytes[0];
    if (first > 0 && first < 0x80) {
        return 1;
    }
    if (first < 0xC2 || first > 0xF4) {
        return 0;
    }
    size_t need = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (len < need) {
        return 0;
    }
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (bytes[1] < low || bytes[1] > high) {
        return 0;
    }
    for (size_t index = 2; index < need; index++) {
        if ((bytes[index] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return need;
}

bool str_utf8_ok(struct str s)
{
    const unsigned char *bytes = (const unsigned char *)s.ptr;
    size_t offset = 0;
    while (offset < s.len) {
        size_t step = utf8_len(bytes + offset, s.len - offset);
        if (step == 0) {
            return false;
        }
        offset += step;
    }
    return true;
}

/* True for ASCII letters and `_`, whatever the locale. */
static bool begins_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool str_name_ok(struct str s, size_t max)
{
    if (s.len == 0 || s.len > max || !begins_name(s.ptr[0])) {
        return false;
    }
    for (size_t index = 1; index < s.len; index++) {
        char c = s.ptr[index];
        bool ok = begins_name(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool str_match(struct str text, struct str pattern)
{
    size_t at = 0;
    size_t want = 0;
    size_t star = SIZE_MAX; /* just after the last star, and where its run ends for now */
    size_t run_end = 0;
    while (at < text.len) {
        if (want < pattern.len && pattern.ptr[want] == '*') {
            want++;
            star = want;
            run_end = at;
        } else if (want < pattern.len &&
                   (pattern.ptr[want] == '?' || pattern.ptr[want] == text.ptr[at])) {
            want++;
            at++;
        } else if (star != SIZE_MAX) {
            run_end++;
            at = run_end;
            want = star;
        } else {
            return false;
        }
    }
    while (want < pattern.len && pattern.ptr[want] == '*') {
        want++;
    }
    return want == pattern.len;
}
