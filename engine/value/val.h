/*
 * Values: one msgpack object as bytes, looked at in place.
 *
 * A struct val is borrowed bytes that val_scan() has accepted: every length fits, nesting and
 * node count are bounded, strings are UTF-8, map keys are distinct strings, and the only extension
 * is the blob reference. All other functions rely on that and never allocate or recurse.
 */
#ifndef VALUE_VAL_H
#define VALUE_VAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"

/* Values up to this many bytes travel and are stored inline; larger ones become blobs. */
enum { VAL_INLINE_MAX = 16 * 1024, VAL_DEPTH_MAX = 32 };

/* Frames and scopes wrap values in some levels of their own: the most that val_scan accepts when
 * its limits ask for more than VAL_DEPTH_MAX, and that the walkers are made for. */
enum { VAL_DEPTH_WRAPPED_MAX = 40 };

struct val {
    const uint8_t *ptr;
    size_t len;
};

#define VAL_NONE ((struct val){NULL, 0})

enum val_type {
    VAL_NIL,
    VAL_BOOL,
    VAL_INT,  /* fits int64_t */
    VAL_UINT, /* beyond int64_t */
    VAL_FLOAT,
    VAL_STR,
    VAL_BIN,
    VAL_LIST,
    VAL_MAP,
    VAL_BLOB, /* a blob reference */
};

struct val_limits {
    size_t bytes_max;
    uint32_t nodes_max; /* members of lists and maps at all levels together, keys not counted */
    uint32_t depth_max; /* containers inside each other; at most VAL_DEPTH_WRAPPED_MAX counts */
};

/* What a task may hand over or receive: 64 MiB, 1,000,000 nodes, depth 32. */
extern const struct val_limits val_limits_task;

/* A value that lives in a file named by its content hash. */
struct blob_ref {
    struct hash hash;
    uint64_t size;
};

/*
 * Checks that <bytes> begins with one well-formed value within <limits> and gives its extent.
 * Trailing bytes are allowed (ret_val->len tells). ERR_LIMIT, ERR_PARSE with a sentence that names
 * the offset; ret_val is untouched then. O(len), iterative, allocation only for duplicate-key
 * checks of large maps.
 */
int val_scan(const void *bytes, size_t len, const struct val_limits *limits, struct val *ret_val,
             struct err_text *reterr_why);

enum val_type val_type(struct val v);
/* "a string", "a list", ... for messages. */
const char *val_type_words(enum val_type type);

bool val_bool(struct val v);
int64_t val_int(struct val v);
uint64_t val_uint(struct val v);
/* The number as double, for VAL_INT, VAL_UINT and VAL_FLOAT. */
double val_float(struct val v);
/* Content of VAL_STR and VAL_BIN. */
struct str val_str(struct val v);
/* Number of members of a list or map. */
uint32_t val_count(struct val v);
struct blob_ref val_blob(struct val v);

/* Walks the members of a list or map; keys of a map come in <ret_key> (NULL allowed for lists). */
struct val_iter {
    const uint8_t *next;
    uint32_t left;
    bool map;
};
struct val_iter val_iter(struct val container);
bool val_next(struct val_iter *iter, struct str *ret_key, struct val *ret_member);

/* The member of a map, or VAL_NONE. O(members). */
struct val val_find(struct val map, struct str key);
/* The member of a list, or VAL_NONE. O(index). */
struct val val_at(struct val list, uint32_t index);

/* The extent of the value that begins at <ptr>, which lies inside scanned bytes. */
struct val val_here(const uint8_t *ptr);

#endif
