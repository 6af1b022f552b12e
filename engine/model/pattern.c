/*
 * Regular expressions for string parameters, in a form that can not be made slow; see pattern.h.
 *
 * The expression is rewritten for the C library: \d and friends become bracket expressions, which
 * POSIX has and its letters lack. What POSIX would read differently from what people mean is
 * refused.
 */
#include "model/pattern.h"

#include <regex.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/must.h"

enum { REWRITTEN_MAX = PATTERN_MAX * 16 };

struct pattern {
    regex_t regex;
};

/* A class letter, outside and inside of brackets; NULL where there is no such form. */
struct class_letter {
    char letter;
    const char *outside;
    const char *inside;
};

static const struct class_letter class_letters[] = {
    {'d', "[0-9]", "0-9"},
    {'D', "[^0-9]", NULL},
    {'w', "[[:alnum:]_]", "[:alnum:]_"},
    {'W', "[^[:alnum:]_]", NULL},
    {'s', "[[:space:]]", "[:space:]"},
    {'S', "[^[:space:]]", NULL},
};

/* Letters after a backslash that people know from other dialects and that POSIX has not. */
static const char foreign_letters[] = "bBAzZGQEpPkKRXhHvVuUxcnrtfae";

static int rewrite(struct str pattern, struct buf *out, struct err_text *reterr_why);

/* The class of <letter>, or NULL. */
static const struct class_letter *find_class(char letter)
{
    for (size_t index = 0; index < sizeof(class_letters) / sizeof(class_letters[0]); index++) {
        if (class_letters[index].letter == letter) {
            return &class_letters[index];
        }
    }
    return NULL;
}

/* Rewrites the escape at <*at>, which stands on the backslash, and moves behind it. */
static int rewrite_escape(struct str pattern, size_t *at, bool in_brackets, struct buf *out,
                          struct err_text *reterr_why)
{
    if (*at + 1 >= pattern.len) {
        return err_set(reterr_why, ERR_INVALID, "ends in a lone backslash");
    }
    char letter = pattern.ptr[*at + 1];
    const struct class_letter *class = find_class(letter);
    const char *form = !class ? NULL : in_brackets ? class->inside : class->outside;
    *at += 2;
    if (form) {
        return buf_put_str(out, str_of(form));
    }
    if (letter >= '0' && letter <= '9') {
        return err_set(reterr_why, ERR_INVALID,
                       "uses the back-reference \\%c, which is not offered", letter);
    }
    if (in_brackets) {
        return err_set(reterr_why, ERR_INVALID,
                       "has a backslash in [...] that is not \\d, \\w or \\s; write the character "
                       "alone, with ] first and - last");
    }
    if (class || strchr(foreign_letters, letter)) {
        return err_set(reterr_why, ERR_INVALID, "uses \\%c, which is not offered", letter);
    }
    buf_put_byte(out, '\\');
    return buf_put_byte(out, (uint8_t)letter);
}

/* Copies a bracket expression that begins at <*at> and moves behind it. */
static int rewrite_brackets(struct str pattern, size_t *at, struct buf *out,
                            struct err_text *reterr_why)
{
    size_t index = *at + 1;
    buf_put_byte(out, '[');
    if (index < pattern.len && pattern.ptr[index] == '^') {
        buf_put_byte(out, '^');
        index++;
    }
    bool first = true;
    while (index < pattern.len && (first || pattern.ptr[index] != ']')) {
        first = false;
        char c = pattern.ptr[index];
        if (c == '\\') {
            int err = rewrite_escape(pattern, &index, true, out, reterr_why);
            if (err < 0) {
                return err;
            }
            continue;
        }
        bool named = c == '[' && index + 1 < pattern.len && strchr(":.=", pattern.ptr[index + 1]);
        if (named) {
            char kind = pattern.ptr[index + 1];
            size_t end = index + 2;
            while (end + 1 < pattern.len &&
                   !(pattern.ptr[end] == kind && pattern.ptr[end + 1] == ']')) {
                end++;
            }
            end = end + 1 < pattern.len ? end + 2 : pattern.len;
            buf_put(out, pattern.ptr + index, end - index);
            index = end;
            continue;
        }
        buf_put_byte(out, (uint8_t)c);
        index++;
    }
    if (index >= pattern.len) {
        return err_set(reterr_why, ERR_INVALID, "has a [ without its ]");
    }
    *at = index + 1;
    return buf_put_byte(out, ']');
}

/* Multiplies <*product> with the largest count of the repetition that begins at <at>. */
static int count_repeats(struct str pattern, size_t at, uint64_t *product,
                         struct err_text *reterr_why)
{
    uint64_t largest = 1;
    uint64_t number = 0;
    for (size_t index = at + 1; index < pattern.len && pattern.ptr[index] != '}'; index++) {
        char c = pattern.ptr[index];
        number = c >= '0' && c <= '9' ? number * 10 + (uint64_t)(c - '0') : 0;
        number = number > PATTERN_REPEAT_MAX ? PATTERN_REPEAT_MAX + 1 : number;
        largest = number > largest ? number : largest;
    }
    *product *= largest;
    if (*product > PATTERN_REPEAT_MAX) {
        return err_set(reterr_why, ERR_LIMIT,
                       "repeats too much: its counts in braces, multiplied, may be %d at most",
                       PATTERN_REPEAT_MAX);
    }
    return 0;
}

/* Appends the expression as the C library wants it. */
static int rewrite(struct str pattern, struct buf *out, struct err_text *reterr_why)
{
    uint64_t product = 1;
    size_t at = 0;
    while (at < pattern.len) {
        char c = pattern.ptr[at];
        int err = 0;
        if (c == '\\') {
            err = rewrite_escape(pattern, &at, false, out, reterr_why);
        } else if (c == '[') {
            err = rewrite_brackets(pattern, &at, out, reterr_why);
        } else if (c == '(' && at + 1 < pattern.len && pattern.ptr[at + 1] == '?') {
            err = err_set(reterr_why, ERR_INVALID, "uses (?...), which is not offered");
        } else {
            err = c == '{' ? count_repeats(pattern, at, &product, reterr_why) : 0;
            buf_put_byte(out, (uint8_t)c);
            at++;
        }
        if (err < 0) {
            return err;
        }
    }
    return buf_err(out);
}

int pattern_check(struct str pattern, struct err_text *reterr_why)
{
    if (pattern.len > PATTERN_MAX) {
        return err_set(reterr_why, ERR_LIMIT, "is longer than %d bytes", PATTERN_MAX);
    }
    if (pattern.len == 0 || memchr(pattern.ptr, '\0', pattern.len)) {
        return err_set(reterr_why, ERR_INVALID, "is empty or contains NUL");
    }
    CLEANUP_BUF struct buf text = BUF_INIT(REWRITTEN_MAX);
    int err = rewrite(pattern, &text, reterr_why);
    if (err < 0) {
        return err;
    }
    regex_t regex;
    int code = regcomp(&regex, buf_cstr(&text), REG_EXTENDED | REG_NOSUB);
    if (code != 0) {
        char reason[128];
        regerror(code, &regex, reason, sizeof(reason));
        return err_set(reterr_why, ERR_INVALID, "is not a regular expression: %s", reason);
    }
    regfree(&regex);
    return 0;
}

struct pattern *pattern_new(struct str text)
{
    CLEANUP_BUF struct buf expression = BUF_INIT(REWRITTEN_MAX);
    int err = rewrite(text, &expression, NULL);
    must(err == 0);
    struct pattern *pattern = xcalloc(1, sizeof(*pattern));
    int code = regcomp(&pattern->regex, buf_cstr(&expression), REG_EXTENDED | REG_NOSUB);
    must(code == 0 || code == REG_ESPACE);
    if (code != 0) {
        free(pattern);
        return NULL;
    }
    return pattern;
}

struct pattern *pattern_free(struct pattern *pattern)
{
    if (pattern) {
        regfree(&pattern->regex);
        free(pattern);
    }
    return NULL;
}

bool pattern_matches(const struct pattern *pattern, struct str text)
{
    CLEANUP_FREE char *copy = str_dup(text);
    return regexec(&pattern->regex, copy, 0, NULL, 0) == 0;
}
