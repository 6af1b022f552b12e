/*
 * The result cache: what is in it, how large it is, and removing from it.
 */
#include "api/api_cache.h"

#include <string.h>

#include "api/api_handlers.h"
#include "api/call.h"
#include "api/rows.h"
#include "base/clock.h"
#include "drive/cache_admin.h"
#include "store/key.h"
#include "value/pack.h"

enum { SCANNED_MAX = 200000 }; /* entries that one page looks at */

uint64_t api_cache_bytes(struct val result)
{
    uint64_t bytes = result.len;
    struct val_iter iter;
    struct val member;

    if (val_type(result) == VAL_BLOB) {
        return bytes + val_blob(result).size;
    }
    if (val_type(result) != VAL_MAP) {
        return bytes;
    }
    iter = val_iter(result);
    while (val_next(&iter, NULL, &member)) {
        if (val_type(member) == VAL_BLOB) {
            bytes += val_blob(member).size;
        }
    }
    return bytes;
}

void api_cache_put(struct buf *out, const struct hash *key, const struct cache_row *row)
{
    pack_map(out, 7);
    rows_put_hash(out, "key", key);
    rows_put_str(out, "task_type", row->task_type);
    rows_put_str(out, "task", row->task_name);
    rows_put_uuid(out, "run", &row->run);
    rows_put_time(out, "created", row->created_us);
    rows_put_time(out, "expires", row->expires_us);
    rows_put_int(out, "bytes", (int64_t)api_cache_bytes(row->result));
}

/* A page of entries. */
struct page {
    struct buf *out;
    struct str task_type; /* STR_NONE: any */
    struct hash after;
    bool has_after;
    struct hash last;
    uint32_t limit;
    uint32_t count;
    uint32_t scanned;
    bool more;
};

/* store_visit over CACHE. */
static bool visit_entry(void *user, struct str key, struct str val)
{
    struct page *page = user;
    struct cache_row row;

    if (key.len != HASH_SIZE ||
        (page->has_after && memcmp(key.ptr, page->after.bytes, HASH_SIZE) == 0)) {
        return true;
    }
    if (page->count == page->limit || page->scanned == SCANNED_MAX) {
        page->more = true;
        return false;
    }
    page->scanned++;
    memcpy(page->last.bytes, key.ptr, HASH_SIZE);
    if (cache_row_parse(val, &row) == 0 &&
        (!page->task_type.ptr || str_eq(page->task_type, row.task_type))) {
        api_cache_put(page->out, &page->last, &row);
        page->count++;
    }
    return true;
}

int api_cache_list(struct api_call *call)
{
    struct page page = {.out = call->out,
                        .task_type = call_text(call, "task"),
                        .limit = (uint32_t)call_number(call, "limit")};
    struct str after = call_text(call, "after");
    size_t place;
    int err = call_read(call);

    if (err) {
        return err;
    }
    page.has_after = after.ptr != NULL;
    if (page.has_after && hash_parse(after, &page.after) != 0) {
        return call_fail(call, ERR_INVALID,
                         "The query parameter \"after\" must be the \"next\" of a page before.");
    }
    pack_map(call->out, 2);
    pack_cstr(call->out, "items");
    place = pack_list_open(call->out);
    store_scan(call->read, STORE_CACHE, STR_NONE, page.has_after ? MAP_KEY(page.after) : STR_NONE,
               false, visit_entry, &page);
    pack_close(call->out, place, page.count);
    if (page.more) {
        rows_put_hash(call->out, "next", &page.last);
    } else {
        rows_put_str(call->out, "next", STR_NONE);
    }
    return 0;
}

/* Sums of all entries. */
struct sums {
    int64_t now_us;
    uint64_t entries;
    uint64_t expired;
    uint64_t bytes;
};

/* store_visit over CACHE. */
static bool visit_sum(void *user, struct str key, struct str val)
{
    struct sums *sums = user;
    struct cache_row row;

    (void)key;
    sums->entries++;
    if (cache_row_parse(val, &row) == 0) {
        sums->bytes += api_cache_bytes(row.result);
        sums->expired += row.expires_us != 0 && row.expires_us <= sums->now_us;
    }
    return true;
}

int api_cache_stats(struct api_call *call)
{
    struct sums sums = {.now_us = clock_wall_us(&clock_real)};
    int err = call_read(call);

    if (err) {
        return err;
    }
    store_scan(call->read, STORE_CACHE, STR_NONE, STR_NONE, false, visit_sum, &sums);
    pack_map(call->out, 3);
    rows_put_int(call->out, "entries", (int64_t)sums.entries);
    rows_put_int(call->out, "expired", (int64_t)sums.expired);
    rows_put_int(call->out, "bytes", (int64_t)sums.bytes);
    return 0;
}

int api_cache_delete(struct api_call *call)
{
    struct cache_selection selection = {.task_type = call_text(call, "task"),
                                        .all = call_number(call, "all") != 0};
    struct str text = call_text(call, "key");
    struct hash key;
    uint64_t removed;
    int err;

    if ((text.ptr != NULL) + (selection.task_type.ptr != NULL) + selection.all != 1) {
        return call_fail(call, ERR_INVALID,
                         "Say what is to go with exactly one of \"key\", \"task\" and \"all\".");
    }
    if (text.ptr) {
        if (hash_parse(text, &key) != 0) {
            return call_fail(call, ERR_INVALID,
                             "The query parameter \"key\" must be 64 hexadecimal digits.");
        }
        selection.key = &key;
    }
    err = cache_remove(call->engine, &selection, &removed, &call->why);
    if (err) {
        return err;
    }
    pack_map(call->out, 1);
    rows_put_int(call->out, "removed", (int64_t)removed);
    return 0;
}
