/*
 * Mapped blobs of one call, and filled-in values.
 */
#include "work/blob_view.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/must.h"
#include "store/blob.h"
#include "value/pack.h"

struct mapped {
    struct blob_ref ref;
    const uint8_t *bytes;
    size_t len;
    struct val value;
};

struct blob_view {
    struct blob_dir *dir;
    struct mapped *mapped;
    size_t mapped_count;
    size_t mapped_cap;
    uint8_t **copies; /* expanded values */
    size_t copies_count;
};

/* An iterative walk: the containers we are inside of. */
struct walk {
    struct val_iter levels[VAL_DEPTH_MAX];
    bool map[VAL_DEPTH_MAX];
    size_t depth;
};

static bool same_ref(const struct blob_ref *a, const struct blob_ref *b);
static int map_new(struct blob_view *view, const struct blob_ref *ref, struct val *ret_value,
                   struct err_text *reterr_why);
static int follow(struct blob_view *view, struct val *value, struct err_text *reterr_why);
static int fill(struct blob_view *view, struct val value, struct buf *out,
                struct err_text *reterr_why);
static int fill_one(struct blob_view *view, struct val value, struct walk *walk, struct buf *out,
                    struct err_text *reterr_why);
static int too_large(struct err_text *reterr_why);

struct blob_view *blob_view_new(struct blob_dir *dir)
{
    struct blob_view *view = xcalloc(1, sizeof(*view));

    view->dir = dir;
    return view;
}

struct blob_view *blob_view_free(struct blob_view *view)
{
    if (!view) {
        return NULL;
    }
    blob_view_reset(view);
    free(view->mapped);
    free(view->copies);
    free(view);
    return NULL;
}

void blob_view_reset(struct blob_view *view)
{
    for (size_t i = 0; i < view->mapped_count; i++) {
        blob_unmap(view->mapped[i].bytes, view->mapped[i].len);
    }
    view->mapped_count = 0;
    for (size_t i = 0; i < view->copies_count; i++) {
        free(view->copies[i]);
    }
    view->copies_count = 0;
}

int blob_view_get(struct blob_view *view, const struct blob_ref *ref, struct val *ret_value,
                  struct err_text *reterr_why)
{
    for (size_t i = 0; i < view->mapped_count; i++) {
        if (same_ref(&view->mapped[i].ref, ref)) {
            *ret_value = view->mapped[i].value;
            return 0;
        }
    }
    return map_new(view, ref, ret_value, reterr_why);
}

/* True for the same content. */
static bool same_ref(const struct blob_ref *a, const struct blob_ref *b)
{
    return a->size == b->size && memcmp(&a->hash, &b->hash, sizeof(a->hash)) == 0;
}

/* Maps, scans and remembers a blob. */
static int map_new(struct blob_view *view, const struct blob_ref *ref, struct val *ret_value,
                   struct err_text *reterr_why)
{
    struct mapped mapped = {.ref = *ref};

    if (!view->dir) {
        return err_set(reterr_why, ERR_NOT_FOUND, "there is no directory of large values here");
    }
    if (view->mapped_count == BLOB_VIEW_MAX) {
        return err_set(reterr_why, ERR_LIMIT, "the input refers to more than %d large values",
                       BLOB_VIEW_MAX);
    }
    int err = blob_map(view->dir, ref, &mapped.bytes, &mapped.len, reterr_why);
    if (err) {
        return err;
    }
    struct err_text why;
    err = val_scan(mapped.bytes, mapped.len, &val_limits_task, &mapped.value, &why);
    if (!err && mapped.value.len != mapped.len) {
        err = err_set(&why, ERR_CORRUPT, "bytes follow its end");
    }
    if (err) {
        blob_unmap(mapped.bytes, mapped.len);
        return err_set(reterr_why, err, "a large value of the input is not usable: %s", why.text);
    }
    if (view->mapped_count == view->mapped_cap) {
        view->mapped_cap = view->mapped_cap ? view->mapped_cap * 2 : 8;
        view->mapped = xreallocarray(view->mapped, view->mapped_cap, sizeof(view->mapped[0]));
    }
    view->mapped[view->mapped_count++] = mapped;
    *ret_value = mapped.value;
    return 0;
}

bool blob_view_has_ref(struct val value)
{
    /* How a reference begins: ext8, 40 bytes, type 1. Absent bytes prove absence at once. */
    static const uint8_t head[] = {0xc7, 40, 1};
    struct walk walk = {.depth = 0};

    if (!memmem(value.ptr, value.len, head, sizeof(head))) {
        return false;
    }
    for (;;) {
        enum val_type type = val_type(value);
        if (type == VAL_BLOB) {
            return true;
        }
        if (type == VAL_LIST || type == VAL_MAP) {
            must(walk.depth < VAL_DEPTH_MAX);
            walk.levels[walk.depth++] = val_iter(value);
        }
        struct str key;
        while (walk.depth > 0 && !val_next(&walk.levels[walk.depth - 1], &key, &value)) {
            walk.depth--;
        }
        if (walk.depth == 0) {
            return false;
        }
    }
}

int blob_view_expand(struct blob_view *view, struct val value, struct val *ret_value,
                     struct err_text *reterr_why)
{
    int err = follow(view, &value, reterr_why);
    if (err) {
        return err;
    }
    if (!blob_view_has_ref(value)) {
        *ret_value = value;
        return 0;
    }
    CLEANUP_BUF struct buf out = BUF_INIT(val_limits_task.bytes_max);
    err = fill(view, value, &out, reterr_why);
    if (err) {
        return err;
    }
    struct val whole;
    err = val_scan(out.data, out.len, &val_limits_task, &whole, reterr_why);
    if (err) {
        return err;
    }
    size_t len;
    view->copies = xreallocarray(view->copies, view->copies_count + 1, sizeof(view->copies[0]));
    uint8_t *copy = buf_take(&out, &len);
    view->copies[view->copies_count++] = copy;
    *ret_value = (struct val){copy, whole.len};
    return 0;
}

/* Replaces a reference by what it stands for, however often. */
static int follow(struct blob_view *view, struct val *value, struct err_text *reterr_why)
{
    for (int hops = 0; val_type(*value) == VAL_BLOB; hops++) {
        struct blob_ref ref = val_blob(*value);
        if (hops == VAL_DEPTH_MAX) {
            return too_large(reterr_why);
        }
        int err = blob_view_get(view, &ref, value, reterr_why);
        if (err) {
            return err;
        }
    }
    return 0;
}

/* Appends <value> with all references filled in. */
static int fill(struct blob_view *view, struct val value, struct buf *out,
                struct err_text *reterr_why)
{
    struct walk walk = {.depth = 0};

    int err = fill_one(view, value, &walk, out, reterr_why);
    while (!err && walk.depth > 0) {
        struct str key;
        struct val member;
        size_t top = walk.depth - 1;
        if (!val_next(&walk.levels[top], &key, &member)) {
            walk.depth--;
            continue;
        }
        if (walk.map[top]) {
            pack_str(out, key);
        }
        err = fill_one(view, member, &walk, out, reterr_why);
    }
    if (err) {
        return err;
    }
    return buf_err(out) ? too_large(reterr_why) : 0;
}

/* Appends a value without references, or the head of a container that is then walked. */
static int fill_one(struct blob_view *view, struct val value, struct walk *walk, struct buf *out,
                    struct err_text *reterr_why)
{
    int err = follow(view, &value, reterr_why);
    if (err) {
        return err;
    }
    if (!blob_view_has_ref(value)) {
        pack_val(out, value);
        return buf_err(out) ? too_large(reterr_why) : 0;
    }
    if (walk->depth == VAL_DEPTH_MAX) {
        return too_large(reterr_why);
    }
    bool map = val_type(value) == VAL_MAP;
    if (map) {
        pack_map(out, val_count(value));
    } else {
        pack_list(out, val_count(value));
    }
    walk->map[walk->depth] = map;
    walk->levels[walk->depth++] = val_iter(value);
    return 0;
}

/* ERR_LIMIT with the sentence for inputs that are too large in total. */
static int too_large(struct err_text *reterr_why)
{
    return err_set(reterr_why, ERR_LIMIT,
                   "the input with its large values filled in passes %zu bytes or %d levels; hand "
                   "over parts of it, or a file",
                   val_limits_task.bytes_max, VAL_DEPTH_MAX);
}
