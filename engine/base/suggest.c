/*
 * "Did you mean ...?"; see suggest.h.
 *
 * The distance is computed row by row over three short rows on the stack; longer words than these
 * rows are never suggested, which bounds the work that a strange file can cause.
 */
#include "base/suggest.h"

#include "base/must.h"

enum { WORD_LEN_MAX = 128 };

/* The smaller one. */
static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance of two words of at most WORD_LEN_MAX bytes. */
static unsigned distance(struct str a, struct str b)
{
    must(a.len <= WORD_LEN_MAX && b.len <= WORD_LEN_MAX);
    unsigned rows[3][WORD_LEN_MAX + 1];
    for (size_t column = 0; column <= b.len; column++) {
        rows[0][column] = (unsigned)column;
    }
    for (size_t row = 1; row <= a.len; row++) {
        unsigned *now = rows[row % 3];
        const unsigned *above = rows[(row + 2) % 3];
        const unsigned *above_two = rows[(row + 1) % 3];
        now[0] = (unsigned)row;
        for (size_t column = 1; column <= b.len; column++) {
            unsigned changed = a.ptr[row - 1] != b.ptr[column - 1];
            unsigned best = above[column - 1] + changed;
            best = least(best, above[column] + 1);
            best = least(best, now[column - 1] + 1);
            bool swapped = row > 1 && column > 1 && a.ptr[row - 1] == b.ptr[column - 2] &&
                           a.ptr[row - 2] == b.ptr[column - 1];
            now[column] = swapped ? least(best, above_two[column - 2] + 1) : best;
        }
    }
    return rows[a.len % 3][b.len];
}

void suggest_offer(struct suggest *suggest, struct str known)
{
    struct str word = suggest->word;
    if (word.len == 0 || known.len == 0 || word.len > WORD_LEN_MAX || known.len > WORD_LEN_MAX) {
        return;
    }
    size_t longest = word.len > known.len ? word.len : known.len;
    unsigned candidate = distance(word, known);
    bool close_enough = candidate <= (longest + 2) / 3;
    bool better = suggest->best.len == 0 || candidate < suggest->distance;
    /* A word that has nothing in common is no suggestion, however short. */
    if (close_enough && better && candidate < longest) {
        suggest->best = known;
        suggest->distance = candidate;
    }
}
