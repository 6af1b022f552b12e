/*
 * "Did you mean ...?" for misspelt names.
 */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include "base/str.h"

/* Collects the best candidate so far; start with `struct suggest s = {.word = w};`. */
struct suggest {
    struct str word;
    struct str best;   /* empty while nothing is close enough */
    unsigned distance; /* of best */
};

/* Considers one known name (borrowed). Close enough means an edit distance, with transpositions
 * (Damerau, optimal string alignment), of at most a third of the longer word, rounded up. */
void suggest_offer(struct suggest *suggest, struct str known);

#endif
