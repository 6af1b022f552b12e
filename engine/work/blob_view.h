/*
 * The blobs that one call (or one evaluation) looks at: mapped once, scanned once, given back all
 * at once; and values with their blob references filled in.
 *
 * Used by hosts and the evaluator. One thread.
 */
#ifndef WORK_BLOB_VIEW_H
#define WORK_BLOB_VIEW_H

#include <stdbool.h>

#include "base/err.h"
#include "value/val.h"

struct blob_dir;
struct blob_view;

enum { BLOB_VIEW_MAX = 65536 }; /* blobs of one call */

/* <dir> is borrowed; NULL when there is none, then every look-up fails. */
struct blob_view *blob_view_new(struct blob_dir *dir);
/* NULL is allowed; returns NULL. */
struct blob_view *blob_view_free(struct blob_view *view);
/* Gives everything back: values from this view are gone. */
void blob_view_reset(struct blob_view *view);

/* The scanned value that <ref> stands for, until the next reset; it may hold references itself.
 * ERR_NOT_FOUND, ERR_CORRUPT, ERR_LIMIT, ... with a sentence. */
int blob_view_get(struct blob_view *view, const struct blob_ref *ref, struct val *ret_value,
                  struct err_text *reterr_why);

/* True when <value> is or holds a blob reference. */
bool blob_view_has_ref(struct val value);

/*
 * <value> with every reference replaced by what it stands for, until the next reset: itself when
 * there is none, a mapped file when it is one, else a copy. ERR_LIMIT when the whole would pass the
 * limits of val_limits_task; errors of blob_view_get().
 */
int blob_view_expand(struct blob_view *view, struct val value, struct val *ret_value,
                     struct err_text *reterr_why);

#endif
