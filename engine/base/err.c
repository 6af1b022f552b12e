/*
 * Error codes and finished sentences; see err.h.
 *
 * Names and sentences of our own codes come from err_table.h; those of negated errno values come
 * from the C library's static, thread-safe tables.
 */
#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* One line of err_table.h. */
struct err_row {
    int code;
    const char *name;
    const char *sentence;
    bool retryable;
};

static const struct err_row rows[] = {
#define ERR(name, number, sentence, retryable) {(number), #name, sentence, retryable},
#include "base/err_table.h"
#undef ERR
};

/* The row of <code>, or NULL when it is not one of ours. */
static const struct err_row *find(int code)
{
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        if (rows[index].code == code) {
            return &rows[index];
        }
    }
    return NULL;
}

const char *err_name(int code)
{
    const struct err_row *row = find(code);
    if (row) {
        return row->name;
    }
    if (code == 0) {
        return "OK";
    }
    const char *name = code < 0 && code > INT_MIN ? strerrorname_np(-code) : NULL;
    return name ? name : "UNKNOWN";
}

const char *err_sentence(int code)
{
    const struct err_row *row = find(code);
    if (row) {
        return row->sentence;
    }
    if (code == 0) {
        return "no error";
    }
    const char *sentence = code < 0 && code > INT_MIN ? strerrordesc_np(-code) : NULL;
    return sentence ? sentence : "unknown error";
}

bool err_retryable(int code)
{
    const struct err_row *row = find(code);
    if (row) {
        return row->retryable;
    }
    switch (code) {
    case -EAGAIN:
    case -EBUSY:
    case -ECONNABORTED:
    case -ECONNREFUSED:
    case -ECONNRESET:
    case -EHOSTUNREACH:
    case -EINTR:
    case -EIO:
    case -EMFILE:
    case -ENETDOWN:
    case -ENETUNREACH:
    case -ENFILE:
    case -ENOMEM:
    case -EPIPE:
    case -ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* Shortens a cut text so that it does not end inside a UTF-8 character. */
static void trim_partial_character(char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start == 0 || (unsigned char)text[start - 1] < 0xC0) {
        return;
    }
    unsigned char first = (unsigned char)text[start - 1];
    size_t need = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (len - (start - 1) < need) {
        text[start - 1] = '\0';
    }
}

int err_set(struct err_text *reterr_why, int code, const char *format, ...)
{
    if (!reterr_why) {
        return code;
    }
    /* Formatted aside first: arguments may point into the text that is replaced. */
    char text[ERR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0) {
        snprintf(text, sizeof text, "%s", err_sentence(code));
    } else if ((size_t)len >= sizeof text) {
        trim_partial_character(text, sizeof text - 1);
    }
    memcpy(reterr_why->text, text, sizeof text);
    return code;
}
