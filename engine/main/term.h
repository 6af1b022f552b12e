/*
 * What everything on a terminal has in common: colours and signs of states, durations, text without
 * control characters, and widths in columns.
 */
#ifndef MAIN_TERM_H
#define MAIN_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum term_colour {
    TERM_PLAIN,
    TERM_DIM,
    TERM_BOLD,
    TERM_RED,
    TERM_GREEN,
    TERM_YELLOW,
    TERM_BLUE,
    TERM_MAGENTA,
    TERM_CYAN,
};

/* Appends the code of a colour, or nothing when <on> is false. TERM_PLAIN ends colours. */
void term_colour(struct buf *out, bool on, enum term_colour colour);

/* The colour and the sign (one column) of a state, by its name. */
enum term_colour term_state_colour(struct str state);
const char *term_state_sign(struct str state);

/* Appends <text> with control characters shown as "?", so that no output moves the cursor. */
void term_put_text(struct buf *out, struct str text);
/* The same, cut to <columns> with an ellipsis; returns the columns used. */
int term_put_cut(struct buf *out, struct str text, int columns);
/* How many columns the text takes. */
int term_columns(struct str text);
/* Appends <count> spaces. */
void term_put_spaces(struct buf *out, int count);

/* Appends a length of time: "850 us", "12 ms", "1.24 s". */
void term_put_duration(struct buf *out, int64_t us);

#endif
