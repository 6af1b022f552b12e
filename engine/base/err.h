/*
 * Error codes and finished sentences.
 *
 * A function that can fail returns int: 0, or a negative code of err_table.h, or a negated errno.
 * Where a person will read the reason, it takes a struct err_text as well and fills it with one
 * complete sentence (what, where, what to do); the text is untouched on success.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err {
#define ERR(name, number, sentence, retryable) ERR_##name = (number),
#include "base/err_table.h"
#undef ERR
};

enum { ERR_TEXT_SIZE = 512 };

/* One sentence for people, always NUL-terminated and valid to print when a call has failed. */
struct err_text {
    char text[ERR_TEXT_SIZE];
};

/* "NOT_FOUND" for ERR_NOT_FOUND, "ENOENT" for -ENOENT. Static text. Any thread. */
const char *err_name(int code);

/* The sentence that belongs to <code>. Static text. Any thread. */
const char *err_sentence(int code);

/* True when doing the same again later may succeed. Any thread. */
bool err_retryable(int code);

/*
 * Writes a formatted sentence into <reterr_why> (NULL allowed; longer texts are cut at 511 bytes)
 * and returns <code>, so that a failing function ends in one statement. Any thread.
 */
int err_set(struct err_text *reterr_why, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
