/*
 * References: the names that templates and expressions begin with, plain paths through a value, and
 * the references hidden in the text of a jq expression.
 *
 *     plain reference = root ( "." name | "[" integer "]" | "[" string "]" )*
 *
 * A name is made of letters, digits, `_` and `-`; a hyphen counts as part of the name when a name
 * character follows it directly, so subtraction needs spaces. Other names are written ["like so"].
 */
#ifndef VALUE_REF_H
#define VALUE_REF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "value/val.h"

enum ref_root {
    REF_PARAMS,
    REF_STEPS,
    REF_ITEM,  /* no name follows: item.x is a path into the item */
    REF_INDEX, /* no name and no path follows */
    REF_RUN,
    REF_VARS,
    REF_SECRETS,
    REF_ENV,
    REF_ROOTS_COUNT
};

/* Members a path may have, and bytes of one expression. */
enum { REF_PATH_MAX = 32, REF_EXPR_MAX = 8 * 1024 };

/* "params", "steps", ... Static text. */
const char *ref_root_name(enum ref_root root);

/* A parsed plain reference. Everything lives in the arena it was parsed into. */
struct ref {
    struct str text; /* as written, for messages */
    enum ref_root root;
    struct str name; /* what follows the root; empty for item and index and for the whole root */
    struct val path; /* a packed list of strings and integers: the way on from root.name */
};

/*
 * Reads <text> (white space around it is fine) as a plain reference. 1 and <ret_ref> when it is
 * one; 0 when it is not (then it may be an expression); ERR_INVALID with a sentence for `steps`,
 * `vars`, `secrets` or `env` without a name and for `index` with a path; ERR_LIMIT; ERR_MEMORY.
 */
int ref_parse(struct arena *arena, struct str text, struct ref *ret_ref,
              struct err_text *reterr_why);

/* One use of root.name in the text of an expression. */
struct ref_use {
    enum ref_root root;
    struct str name;    /* empty for item, index and a whole root; borrowed from the text */
    uint32_t offset;    /* of the root's first byte in the text */
    uint32_t len;       /* from the root to the end of the name */
    const void *origin; /* as the template builder was told, else NULL */
};

/* Where the walk over an expression's text ended and what it met; see ref_scan. */
struct ref_scan {
    struct ref_use *uses; /* in the arena, in text order, repeated uses kept */
    uint32_t uses_count;
    size_t end; /* offset of the unmatched `}`, or the text's length */
};

/*
 * Finds the references in the jq expression at the start of <text>: outside string literals, and in
 * `\(...)` inside them. The expression ends at the first unmatched `}` or at the end of the text.
 * Object keys, fields after a dot, $variables and calls such as index("x") are not references.
 *
 * ERR_PARSE for unbalanced brackets, unclosed strings, stray bytes; ERR_INVALID for `steps` and
 * friends without a constant name, for $ENV and for $__names; ERR_LIMIT beyond REF_EXPR_MAX. Then
 * <ret_offset> is the place and <reterr_why> a sentence. Any thread.
 */
int ref_scan(struct arena *arena, struct str text, struct ref_scan *ret_scan, size_t *reterr_offset,
             struct err_text *reterr_why);

/* Appends the jq program text of an expression: the same text, with `.some-name` after a root
 * turned into `["some-name"]`, which is how jq wants it. <text> has passed ref_scan. Returns
 * buf_err(). */
int ref_put_jq(struct buf *buf, struct str text);

/* Gives access to the contents of blobs. */
struct ref_blobs {
    /*
     * The scanned value that <blob> stands for, borrowed for as long as the caller walks. 0; 1 when
     * it is not at hand here; ERR_* with a sentence.
     */
    int (*get)(void *user, const struct blob_ref *blob, struct val *ret_value,
               struct err_text *reterr_why);
    void *user;
};

/*
 * Follows <path> (a packed list of strings and integers) from <from>. A negative integer counts
 * from the end of a list; nil gives nil whatever follows, because the results of skipped steps are
 * nil.
 *
 * 0 and the member (which may be a blob reference); 1 when the path leads through a blob that is
 * not at hand (<blobs> NULL: none is); ERR_NOT_FOUND or ERR_TYPE with a sentence that names <shown>
 * (the reference as written), the place, and what there is instead. No allocation. Any thread.
 */
int ref_follow(struct val from, struct val path, const struct ref_blobs *blobs, struct str shown,
               struct val *ret_member, struct err_text *reterr_why);

#endif
