/*
 * Values that may be too large for a row: stored inline up to VAL_INLINE_MAX, else as a blob.
 */
#ifndef DRIVE_BIG_H
#define DRIVE_BIG_H

#include "base/buf.h"
#include "store/blob.h"
#include "value/val.h"

/*
 * Appends <value> itself or a reference to the blob that now holds it. Writing a blob blocks for a
 * flush of the disk. Errors of blob_put() and of <out>.
 */
int big_put(struct blob_dir *blobs, struct val value, struct buf *out, struct err_text *reterr_why);

/* Appends what big_put() was given. Errors of blob_map(), ERR_CORRUPT, those of <out>. */
int big_get(struct blob_dir *blobs, struct val stored, struct buf *out,
            struct err_text *reterr_why);

#endif
