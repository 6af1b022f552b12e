/*
 * The canonical form of a value, and its hash: equal values have equal bytes.
 *
 * Canonical means: keys of maps sorted bytewise, integers and heads in their shortest form, floats
 * 64 bits wide. Types stay apart: 1 and 1.0 are different values. Cache keys are built on this, so
 * the form may never change without a new key version.
 */
#ifndef VALUE_CANON_H
#define VALUE_CANON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "value/val.h"

/*
 * Appends the canonical form of the scanned <value>. ERR_INVALID with a sentence for a NaN, which
 * equals nothing and so can not be a key; ERR_LIMIT or ERR_MEMORY from <buf>, whose contents are
 * then not usable. O(len log keys); heap memory only for maps of more than 32 keys. Any thread.
 */
int canon_put(struct buf *buf, struct val value, struct err_text *reterr_why);

/*
 * The BLAKE2b-256 of the canonical form, without building it. A blob reference counts as itself
 * (it is a content hash already). ERR_INVALID as above. Any thread.
 */
int canon_hash(struct val value, struct hash *ret_hash, struct err_text *reterr_why);

#endif
