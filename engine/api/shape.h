/*
 * Shapes: what JSON objects of the API look like, as tables.
 *
 * One table serves the check of what comes in, the tests of what goes out, the OpenAPI description
 * and the reference. Adding a member is one line in shapes.c.
 */
#ifndef API_SHAPE_H
#define API_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "value/val.h"

enum shape_type {
    SHAPE_STR,
    SHAPE_TIME, /* RFC 3339 in UTC */
    SHAPE_INT,
    SHAPE_FLOAT,
    SHAPE_BOOL,
    SHAPE_ANY,
    SHAPE_MAP,   /* an object with any members */
    SHAPE_TEXTS, /* an object whose members are strings */
    SHAPE_OBJECT,
};

struct shape;

struct shape_field {
    const char *name;
    enum shape_type type;
    const struct shape *object; /* OBJECT */
    bool list;                  /* a list of such */
    bool nullable;
    bool optional;
    int64_t max; /* bytes of a string, members of a list; 0: what the body's limit allows */
    const char *doc;
};

struct shape {
    const char *name; /* "flow_run" */
    const char *doc;
    const struct shape_field *fields;
    size_t count;
};

/* Every shape by name of the variable: shapes.c. */
extern const struct shape shape_problem;
extern const struct shape shape_version;
extern const struct shape shape_health;
extern const struct shape shape_submit;
extern const struct shape shape_submitted;
extern const struct shape shape_cancel;
extern const struct shape shape_flow_run;
extern const struct shape shape_flow_runs;
extern const struct shape shape_flow_run_detail;
extern const struct shape shape_flow_text;
extern const struct shape shape_task_run;
extern const struct shape shape_task_runs;
extern const struct shape shape_task_run_detail;
extern const struct shape shape_log_lines;
extern const struct shape shape_plugins;
extern const struct shape shape_plugin_detail;
extern const struct shape shape_cache_entries;
extern const struct shape shape_cache_stats;
extern const struct shape shape_explanation;
extern const struct shape shape_removed;
extern const struct shape shape_deliveries;
extern const struct shape shape_config;
extern const struct shape shape_document;

/* The shapes above in order of name, ended by NULL. */
extern const struct shape *const shape_all[];

/*
 * Checks a value: every member known, required ones there, types and limits kept. ERR_INVALID with
 * a sentence that names the member, or the unknown one with a suggestion. Any thread.
 */
int shape_check(const struct shape *shape, struct val value, struct err_text *reterr_why);

/* Appends the JSON Schema of a shape as a value; other shapes are referred to by name. buf_err().
 */
int shape_schema(const struct shape *shape, struct buf *out);

/* "string", "integer", "list of flow_run", ... into <ret_text>. */
enum { SHAPE_WORDS_SIZE = 64 };
void shape_words(const struct shape_field *field, char ret_text[SHAPE_WORDS_SIZE]);

#endif
