/*
 * Fuzzes the SDK's reader and writer of values (leat/value.h) against the engine's: whatever the
 * engine accepts reads the same in a plugin, and what a plugin copies through its writer is the
 * same value.
 */
#include <stdlib.h>
#include <string.h>

#include <leat/value.h>

#include "base/hash.h"
#include "base/must.h"
#include "value/canon.h"
#include "value/val.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { DEPTH_MAX = 64 };

/* Walks everything; every view lies inside the one it was found in. */
static void check_walk(leat_view view, int depth)
{
    leat_iter iter = leat_iter_of(view);
    leat_view key;
    leat_view item;

    while (depth < DEPTH_MAX && leat_iter_next(&iter, &key, &item)) {
        must(item.ptr >= view.ptr && item.ptr + item.len <= view.ptr + view.len);
        must(leat_view_size(item) == item.len && item.len > 0);
        check_walk(item, depth + 1);
    }
    (void)leat_view_int(view, 0);
    (void)leat_view_float(view, 0);
    leat_str text = leat_view_str(view);
    must(text.len == 0 || text.ptr + text.len <= (const char *)view.ptr + view.len);
}

/* Writes <view> again, member by member; depth is what the engine has accepted. */
static void copy_value(leat_writer *writer, leat_view view)
{
    leat_iter iter = leat_iter_of(view);
    int type = leat_view_type(view);
    leat_view key;
    leat_view item;

    if (type != LEAT_VIEW_LIST && type != LEAT_VIEW_MAP) {
        leat_write_value(writer, leat_view_raw(view));
        return;
    }
    if (type == LEAT_VIEW_LIST) {
        leat_write_list_begin(writer);
    } else {
        leat_write_map_begin(writer);
    }
    while (leat_iter_next(&iter, &key, &item)) {
        if (type == LEAT_VIEW_MAP) {
            leat_write_str(writer, leat_view_str(key));
        }
        copy_value(writer, item);
    }
    if (type == LEAT_VIEW_LIST) {
        leat_write_list_end(writer);
    } else {
        leat_write_map_end(writer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, bytes, len);
    leat_view view = {copy, len};
    struct val v;

    check_walk(view, 0);
    if (val_scan(copy, len, &val_limits_task, &v, NULL) == 0) {
        /* Heads of containers grow to five bytes at most, and a value has no more heads than bytes.
         */
        size_t room = 5 * len + 16;
        uint8_t *memory = malloc(room);
        leat_writer writer;

        must(leat_view_size(view) == v.len);
        view.len = v.len;
        leat_writer_init_fixed(&writer, memory, room);
        copy_value(&writer, view);
        leat_str again = leat_writer_done(&writer);
        must(again.ptr != NULL);
        struct val second;
        must(val_scan(again.ptr, again.len, &val_limits_task, &second, NULL) == 0);
        must(second.len == again.len);
        struct hash left;
        struct hash right;
        int err = canon_hash(v, &left, NULL);
        must(canon_hash(second, &right, NULL) == err);
        must(err < 0 || memcmp(left.bytes, right.bytes, HASH_SIZE) == 0);
        free(memory);
    }
    free(copy);
    return 0;
}
