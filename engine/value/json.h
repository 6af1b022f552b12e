/*
 * Values as JSON text and back. Parsing is jansson's; printing walks the value in place.
 *
 * What JSON does not have is written as objects with a `$` key: binary data as {"$bin":
 * "<base64>"}, blob references as {"$blob": "<64 hex digits>", "size": <bytes>}. Both are read
 * back. NaN and infinities print as null. A whole float keeps its point ("1.0"), so that it stays a
 * float.
 */
#ifndef VALUE_JSON_H
#define VALUE_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "value/val.h"

enum json_parse_flags {
    /* {"$blob": ...} becomes a blob reference. Off, it is an error: people on the network may not
     * make up references. */
    JSON_PARSE_BLOBS = 1,
};

/*
 * Reads one JSON text (any value, nothing but white space after it) and appends the value to
 * <ret_value>. <limits> apply to the text's length and to the value. ERR_PARSE or ERR_LIMIT with a
 * sentence that begins with "line L, column C: " (not so for wrong `$` objects); ERR_RANGE for
 * integers outside 64 bits signed and for floats like 1e400. Repeated keys, NUL, lone surrogates
 * and bad UTF-8 are ERR_PARSE. <ret_value> is as before on failure (unless its own maximum was
 * hit). Any thread.
 */
int json_parse(struct str text, const struct val_limits *limits, unsigned flags,
               struct buf *ret_value, struct err_text *reterr_why);

/* Appends <value> as compact JSON on one line. Returns buf_err(). Any thread. */
int json_print(struct buf *buf, struct val value);
/* The same with line breaks and two spaces per level, without a final newline. */
int json_print_pretty(struct buf *buf, struct val value);
/* One JSON string literal, quoted and escaped; <text> must be UTF-8. */
int json_print_str(struct buf *buf, struct str text);

/*
 * Appends <value> as text for people: strings as they are, everything else as compact JSON. Used
 * for `${...}` inside a longer string.
 */
int json_print_text(struct buf *buf, struct val value);

#endif
