/*
 * See big.h.
 */
#include "drive/big.h"

#include "value/pack.h"

int big_put(struct blob_dir *blobs, struct val value, struct buf *out, struct err_text *reterr_why)
{
    struct blob_ref ref;
    int err;

    if (value.len <= VAL_INLINE_MAX) {
        return buf_put(out, value.ptr, value.len);
    }
    err = blob_put(blobs, value.ptr, value.len, &ref, reterr_why);
    if (err) {
        return err;
    }
    pack_blob(out, &ref);
    return buf_err(out);
}

int big_get(struct blob_dir *blobs, struct val stored, struct buf *out, struct err_text *reterr_why)
{
    const uint8_t *bytes;
    struct blob_ref ref;
    struct val value;
    size_t len;
    int err;

    if (val_type(stored) != VAL_BLOB) {
        return buf_put(out, stored.ptr, stored.len);
    }
    ref = val_blob(stored);
    err = blob_map(blobs, &ref, &bytes, &len, reterr_why);
    if (err) {
        return err;
    }
    err = val_scan(bytes, len, &val_limits_task, &value, reterr_why);
    if (err == 0) {
        err = buf_put(out, value.ptr, value.len);
    } else {
        err = ERR_CORRUPT;
    }
    blob_unmap(bytes, len);
    return err;
}
