/*
 * Cuts a CSV text (RFC 4180, with any delimiter) into fields, without memory of its own.
 */
#ifndef CSV_PARSER_H
#define CSV_PARSER_H

#include <stddef.h>

/* Where a walk over a text stands. */
struct parser {
    const char *text;
    size_t len;
    size_t at;
    size_t line;     /* counted from 1 */
    size_t row_line; /* the line on which the row of the last field began */
    int in_row;      /* a field of the present row has been taken, and it was not the last */
    char delimiter;
    const char *problem; /* set when parser_next() returns -1 */
};

/* One field, borrowed from the text. */
struct field {
    const char *ptr;
    size_t len;
    int quoted;  /* it stood in quotes, so it is text for certain */
    int doubled; /* it has doubled quotes inside, see field_copy() */
    int last;    /* the last one of its row */
};

/* Begins a walk; a byte order mark is skipped. */
void parser_init(struct parser *parser, const char *text, size_t len, char delimiter);

/* The next field: 1, 0 at the end of the text, -1 with `problem` and `line` set. Rows may end with
 * LF, CRLF or CR; empty lines between rows are skipped. */
int parser_next(struct parser *parser, struct field *ret_field);

/* Copies a field to <to>, which has room for its `len` bytes, with doubled quotes made single; the
 * number of bytes. */
size_t field_copy(const struct field *field, char *to);

#endif
