/*
 * Diagnostics: the problems of one text, collected and shown all at once.
 *
 * Whoever reads outside input (flow files, leat.yaml, parameters) adds problems as it meets them;
 * the command line renders them like a compiler, with the line and a caret; the API packs them.
 * Texts are copied. One thread.
 */
#ifndef MODEL_DIAG_H
#define MODEL_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* More problems than this are counted but not kept. */
enum { DIAG_MAX = 100 };

enum diag_severity { DIAG_ERROR, DIAG_WARNING };

/* Where in a text: line and column count from 1, the column in characters. {0, 0}: nowhere. */
struct diag_place {
    uint32_t line;
    uint32_t column;
};

struct diag {
    enum diag_severity severity;
    struct diag_place place;
    const char *subject; /* what it is about: a parameter, a key; "" when nothing fits better */
    const char *text;    /* one sentence, no full stop at its end */
    const char *hint;    /* what to do, or NULL */
};

struct diag_list;

/* An empty list about <text>, which is borrowed for the life of the list and called <name> in
 * messages ("flows/train.yaml"; copied). STR_NONE when the problems have no places. */
struct diag_list *diag_new(const char *name, struct str text);
/* NULL is allowed; returns NULL. */
struct diag_list *diag_free(struct diag_list *list);

/* Adds a problem. <hint> may be NULL; <subject> may be STR_NONE. The same text at the
 * same place is added once. */
void diag_add(struct diag_list *list, enum diag_severity severity, struct diag_place place,
              struct str subject, const char *hint, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Everything added so far, errors beyond DIAG_MAX included. */
size_t diag_error_count(const struct diag_list *list);
/* True when further problems will only be counted: no need to look for good hints any more. */
bool diag_full(const struct diag_list *list);
/* What is kept, at most DIAG_MAX. */
size_t diag_count(const struct diag_list *list);
/* The <index>-th, sorted by place (those without one first); borrowed until the next change. */
const struct diag *diag_at(struct diag_list *list, size_t index);

/*
 * Appends everything as text for people:
 *
 *   flows/train.yaml:12:11: error: there is no task "csv.raed"
 *         12 |     task: csv.raed
 *            |           ^
 *            = did you mean "csv.read"?
 *
 * and a last line with the totals. <colour> adds ANSI colours. Control characters of the text are
 * shown as "?". Returns buf_err(out).
 */
int diag_render(struct diag_list *list, bool colour, struct buf *out);

/* Appends a msgpack list of maps {severity, line, column, subject, text, hint}. buf_err(out). */
int diag_pack(struct diag_list *list, struct buf *out);

#endif
