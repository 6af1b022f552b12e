/*
 * Regular expressions for string parameters, in a form that can not be made slow.
 *
 * POSIX extended expressions through the C library, whose matcher is an automaton, plus \d \w \s
 * and their opposites. Back-references, which would need backtracking, are refused, and so are
 * repeat counts that would make the automaton huge. Like in JSON Schema, a match anywhere in the
 * text counts; ^ and $ bind it to the ends. Bytes, not characters: "." matches one byte.
 */
#ifndef MODEL_PATTERN_H
#define MODEL_PATTERN_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum {
    PATTERN_MAX = 256,        /* bytes of an expression */
    PATTERN_REPEAT_MAX = 1000 /* product of all its repeat counts */
};

/* 0, or ERR_LIMIT, ERR_INVALID with a sentence that begins with a verb ("is longer than ..."), for
 * use after "the pattern". Any thread. */
int pattern_check(struct str pattern, struct err_text *reterr_why);

struct pattern;

/* The expression, ready for use; <text> has passed the check. Heap; NULL when memory runs out. */
struct pattern *pattern_new(struct str text);
/* NULL is allowed; returns NULL. */
struct pattern *pattern_free(struct pattern *pattern);
/* True when <text> (without NUL) has a match somewhere. */
bool pattern_matches(const struct pattern *pattern, struct str text);

#endif
