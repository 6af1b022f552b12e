/*
 * YAML text as a tree of nodes that know their line and column.
 *
 * Reads one document of YAML 1.2 with the core schema's scalars: `null ~ true false`, integers
 * (decimal, 0o, 0x), floats; everything else, `yes`, `no` and `on` included, is a string. Anchors
 * and aliases work within limits; tags, merge keys, duplicate keys, keys that are not scalars and
 * more than one document are refused. Iterative. Used for flow files and leat.yaml.
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
    YAML_NODES_MAX = 2000000,         /* nodes as written */
    YAML_DEPTH_MAX = 64,              /* nesting, aliases followed */
    YAML_ALIASES_MAX = 100,
    YAML_EXPANSION_MAX = 10, /* nodes with aliases followed, as a multiple of nodes written */
    YAML_NUMBER_MAX = 64,    /* bytes of a number */
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

/* A node; everything lies in the arena. An aliased node is reached by several ways. */
struct yaml_node {
    enum yaml_type type;
    struct diag_place place;
    uint32_t text_column; /* of the first character of <text> when it stands in the file as it is,
                           * on the line of <place>; 0 when it is folded, escaped or a block */
    struct str text;      /* scalars: the content, quotes and escapes resolved; NUL-terminated */
    union {
        bool boolean;
        int64_t integer;
        double number;
        const struct yaml_node **keys; /* maps: scalars, known by their text */
    };
    const struct yaml_node **items; /* members of a list, values of a map */
    uint32_t count;                 /* how many */
    uint32_t size;                  /* nodes from here on, aliases followed */
    uint32_t height;                /* levels from here on; 1 for a scalar */
};

/*
 * Parses <text>, whose bytes are borrowed for the call only. 0 and the root when there is a whole
 * tree; an empty document gives a null node. What does not keep it from being whole (repeated keys,
 * tags, merge keys, numbers that are too long) is an error in <diags> all the same, so look there
 * before the tree is used for good. Otherwise ERR_PARSE, ERR_LIMIT, or ERR_MEMORY, the first two
 * with the problem in <diags>.
 */
int yaml_tree(struct str text, struct arena *arena, struct diag_list *diags,
              const struct yaml_node **ret_root);

/* The value of <key> in <map>, or NULL; linear, for maps with few keys. NULL when <map> is no map.
 */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/* "a list", "an integer", ... for messages. Static text. */
const char *yaml_type_words(enum yaml_type type);
/* Where the byte <offset> of a scalar's text stands in the file; the node's place when unknown. */
struct diag_place yaml_place_in(const struct yaml_node *node, size_t offset);

#endif
