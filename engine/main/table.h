/*
 * Tables for people: aligned columns below dim headings, as wide as their cells, fitted to the
 * terminal. Elsewhere nothing is cut, so that programs get whole texts.
 */
#ifndef MAIN_TABLE_H
#define MAIN_TABLE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "main/cli.h"
#include "main/term.h"

struct table;

enum { TABLE_COLUMNS_MAX = 16 };

/* A table of them ends with a NULL title. */
struct table_column {
    const char *title; /* in capitals */
    bool right;        /* numbers */
    int keep;          /* the narrowest it may be cut to; 0: never cut */
    int leave;         /* when it is still too wide: the highest goes first; 0: never left out */
};

/* <columns> is borrowed; <indent> spaces stand before each line. */
struct table *table_new(const struct cli *cli, const struct table_column *columns, int indent);
/* NULL is allowed; returns NULL. */
struct table *table_free(struct table *table);

/* Texts of the last column are wrapped instead of cut when the terminal is too narrow. */
void table_wrap_last(struct table *table);

/* The next cell, row by row; the text is copied and its control characters are shown as "?". */
void table_cell(struct table *table, enum term_colour colour, struct str text);
/* A cell with sign and name of a state in its colour. */
void table_state(struct table *table, struct str state);
/* A buffer for the next cell's text, empty at first; table_end() puts it into the table. */
struct buf *table_begin(struct table *table);
void table_end(struct table *table, enum term_colour colour);

/* Appends the whole table. Every row must be complete. */
void table_put(const struct table *table, struct buf *out);

#endif
