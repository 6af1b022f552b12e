/*
 * Flow files as they were when runs began: read from the store, parsed, and kept for a while.
 *
 * Answers need them for steps that have not begun, for secret parameters and for the graph. Any
 * thread; a flow is borrowed between pinned_get() and pinned_put().
 */
#ifndef API_PINNED_H
#define API_PINNED_H

#include "base/err.h"
#include "base/hash.h"
#include "model/flow.h"
#include "store/blob.h"
#include "store/store_read.h"

enum { PINNED_KEPT_MAX = 64 }; /* flows kept */

struct pinned;

/* <blobs> is borrowed: large texts lie there. */
struct pinned *pinned_new(struct blob_dir *blobs);
/* NULL is allowed; returns NULL. */
struct pinned *pinned_free(struct pinned *pinned);

/* The flow whose text has <hash>. Errors of the store; ERR_CORRUPT when this version can not read
 * it any more. */
int pinned_get(struct pinned *pinned, struct store_read *read, const struct hash *hash,
               struct flow **ret_flow);
/* Gives it back. NULL is allowed. */
void pinned_put(struct pinned *pinned, struct flow *flow);

/* Appends the text itself. Errors of the store. */
int pinned_text(struct pinned *pinned, struct store_read *read, const struct hash *hash,
                struct buf *out);

#endif
