/*
 * Tables of keys: one description of a YAML map's keys that reads it, finds misspelt keys, and
 * makes the JSON Schema and the reference of the format.
 *
 * Flow files, notify rules and leat.yaml each have such tables. A key of a simple kind is stored
 * straight into a member of the object being filled; everything else has a function. Problems go to
 * the reader's diagnostics and never stop the reading, so one pass finds them all.
 */
#ifndef MODEL_READER_H
#define MODEL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "model/diag.h"
#include "model/yaml.h"
#include "value/tmpl.h"
#include "value/val.h"

struct flow_catalogue; /* model/flow_catalogue.h */

/* Everything a reading needs. The caller fills it; nothing in it is owned. */
struct reader {
    struct arena *arena; /* what is read lies here */
    struct diag_list *diags;
    struct tmpl_exprs *exprs;               /* jq expressions of templates are added here */
    const struct flow_catalogue *catalogue; /* NULL: names of parts and flows are not checked */
    void *user;                             /* for the functions of keys */
    const struct yaml_node *expr_nodes[TMPL_EXPRS_MAX]; /* where each expression stands first */
};

/* What a key's value is and what type the member at its offset has. */
enum key_kind {
    KEY_TEXT,         /* a string, 1 to <max> bytes: struct str */
    KEY_NAME,         /* a name (str_name_ok), 1 to <max> bytes: struct str */
    KEY_INT,          /* an integer from <min> to <max>: int64_t */
    KEY_BOOL,         /* bool */
    KEY_DURATION,     /* microseconds from <min> to <max>: int64_t */
    KEY_SIZE,         /* bytes from <min> to <max>: int64_t */
    KEY_WORD,         /* one of <words>, stored as its place: int64_t */
    KEY_NAMES,        /* a name or a list of up to <max> distinct names: struct key_strings */
    KEY_PATTERNS,     /* a pattern (str_match) or a list of up to <max>: struct key_strings */
    KEY_TEMPLATE,     /* any value with ${...} in its strings: const struct tmpl * */
    KEY_MAP_TEMPLATE, /* the same, and a map: const struct tmpl * */
    KEY_CUSTOM,       /* <read> does it */
};

struct key_strings {
    const struct str *list;
    uint32_t count;
};

struct key {
    const char *name;
    enum key_kind kind;
    bool required;
    const char *doc; /* one sentence for the schema */
    size_t offset;   /* of the member to fill */
    int64_t min;
    int64_t max;
    const char *const *words; /* KEY_WORD: ends with NULL */
    const char *also;         /* words between spaces that people write for it: suggestions */
    /* KEY_CUSTOM: reads <value> into <object>. */
    void (*read)(struct reader *reader, const struct yaml_node *key, const struct yaml_node *value,
                 void *object);
    const char *schema; /* JSON Schema of the value as JSON text; KEY_CUSTOM must have it */
};

struct key_table {
    const char *what; /* "a step", for messages */
    const struct key *keys;
    uint32_t count;
};

#define KEY_TABLE(words, array)                                                       \
    {                                                                                 \
        .what = (words), .keys = (array), .count = sizeof(array) / sizeof((array)[0]) \
    }

/* Reads the map <node> by <table> into <object>, whose members hold their defaults. False when
 * <node> is no map, which is reported. */
bool reader_map(struct reader *reader, const struct yaml_node *node, const struct key_table *table,
                void *object);

/* The row that somebody who wrote the unknown key <text> may have meant, or NULL. */
const struct key *reader_meant(const struct key_table *table, struct str text);

/* One problem at a node. <hint> may be NULL. */
void reader_error(struct reader *reader, const struct yaml_node *node, const char *hint,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same at a byte of a scalar's text. */
void reader_error_in(struct reader *reader, const struct yaml_node *node, size_t offset,
                     const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void reader_warning(struct reader *reader, const struct yaml_node *node, const char *hint,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* "did you mean "x"?" in the reader's arena, or NULL when <best> is empty. */
const char *reader_hint(struct reader *reader, struct str best);

/* Readers of single values, for functions of keys. False when a problem was reported; <ret> is
 * untouched then. <what> names the value in messages ("`timeout`"). */
bool reader_text(struct reader *reader, const struct yaml_node *node, const char *what, size_t max,
                 struct str *ret_text);
bool reader_name(struct reader *reader, const struct yaml_node *node, const char *what, size_t max,
                 struct str *ret_name);
bool reader_int(struct reader *reader, const struct yaml_node *node, const char *what, int64_t min,
                int64_t max, int64_t *ret_number);
bool reader_float(struct reader *reader, const struct yaml_node *node, const char *what, double min,
                  double max, double *ret_number);
bool reader_bool(struct reader *reader, const struct yaml_node *node, const char *what,
                 bool *ret_bool);
bool reader_duration(struct reader *reader, const struct yaml_node *node, const char *what,
                     int64_t min_us, int64_t max_us, int64_t *ret_us);
bool reader_size(struct reader *reader, const struct yaml_node *node, const char *what, int64_t min,
                 int64_t max, int64_t *ret_bytes);
bool reader_strings(struct reader *reader, const struct yaml_node *node, const char *what,
                    bool names, uint32_t max, struct key_strings *ret_strings);
/* A value that may hold templates. */
bool reader_template(struct reader *reader, const struct yaml_node *node,
                     const struct tmpl **ret_tmpl);
/* True when no string in <node> has a `${` (be it escaped), so that it stands for itself. */
bool reader_is_literal(const struct yaml_node *node);
/* A value as it stands, `${` being nothing special, as msgpack in the arena. */
bool reader_value(struct reader *reader, const struct yaml_node *node, struct val *ret_val);

#endif
