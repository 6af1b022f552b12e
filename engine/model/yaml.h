/*
 * YAML text as a tree of nodes that know their line and column.
 *
 * Reads one document of YAML 1.2 with the core schema's scalars: `null ~ true false`, integers
 * (decimal, 0o, 0x), floats; everything else, `yes`, `no` and `on` included, is a string. Anchors and
 * aliases work within limits; tags, merge keys, duplicate keys, keys that are not scalars and more
 * than one document are refused. Iterative. Used for flow files and leat.yaml.
 */
#ifndef MODEL_YAML_H
#define MODEL_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "model/diag.h"

enum {
    YAML_TEXT_MAX = 16 * 1024 * 1024, /* bytes; flow files may have 100,000 steps */
    YAML_DEPTH_MAX = 64,
    YAML_ALIASES_MAX = 100,
    YAML_EXPANSION_MAX = 10, /* nodes with aliases followed, as a multiple of nodes written */
};

enum yaml_type {
    YAML_TYPE_NULL,
    YAML_TYPE_BOOL,
    YAML_TYPE_INT,
    YAML_TYPE_FLOAT,
    YAML_TYPE_STRING,
    YAML_TYPE_LIST,
    YAML_TYPE_MAP,
};

/* A node; children are borrowed from the arena. An aliased node is reached by several ways. */
struct yaml_node {
    enum yaml_type type;
    bool plain;             /* a scalar without quotes on one line: its column counts its bytes */
    struct diag_place place;
    struct str text;        /* scalars: the content as written, quotes and escapes resolved */
    union {
        bool boolean;
        int64_t integer;
        double number;
    };
    uint32_t count;                 /* members of a list or map */
    const struct yaml_node **keys;  /* maps: strings (or other scalars, by their text) */
    const struct yaml_node **items; /* members of a list, values of a map */
};

/*
 * Parses <text>, whose bytes are borrowed for the call only. 0 and the root, or ERR_PARSE, ERR_LIMIT
 * with the problems (syntax stops at the first; duplicate keys and the like go on) in <diags>. An
 * empty document gives a null node.
 */
int yaml_tree(struct str text, struct arena *arena, struct diag_list *diags,
              const struct yaml_node **ret_root);

/* The value of <key> in <map>, or NULL; linear, for maps with few keys. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/* "a list", "a whole number", ... for messages. */
const char *yaml_type_words(enum yaml_type type);

#endif
