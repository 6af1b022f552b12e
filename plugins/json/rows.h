/*
 * Reads a JSON array of flat objects into columns, one object at a time: a file of 200,000 rows
 * never becomes a tree of 200,000 objects.
 */
#ifndef JSON_ROWS_H
#define JSON_ROWS_H

#include <stddef.h>

#include <leat/abi.h>
#include <leat/value.h>

struct rows;

/* An empty set of columns for <call>; NULL without memory. With <wanted> (a list of names) not
 * empty, only those columns are kept, in that order. Free with rows_free(). */
struct rows *rows_new(leat_call *call, leat_view wanted);
void rows_free(struct rows *rows);

/* Reads a whole text. LEAT_OK or a reported outcome that says where the text is wrong. */
leat_status rows_read(struct rows *rows, const char *path, const char *text, size_t len);

/* Gives the table as the call's whole result. */
leat_status rows_give(struct rows *rows);

#endif
