/*
 * Reading and writing rows; see kv_rows.h.
 */
#include "store/kv_rows.h"

#include <string.h>

#include <lmdb.h>

#include "base/err.h"
#include "base/must.h"
#include "store/envelope.h"
#include "store/store.h"

static int compare(struct str a, struct str b);
static struct str range_start(const struct kv_range *range);
static bool range_has(const struct kv_range *range, struct str key);
static int seek(MDB_cursor *cursor, struct str prefix, struct str from, bool reverse, MDB_val *key,
                MDB_val *record);
static int seek_back(MDB_cursor *cursor, struct str bound, bool inclusive, MDB_val *key,
                     MDB_val *record);
static bool successor(struct str prefix, uint8_t *ret_bytes, size_t *ret_len);

/* LMDB's view of our bytes; it does not write through it. */
static MDB_val to_mdb(struct str s)
{
    return (MDB_val){.mv_size = s.len, .mv_data = (void *)(uintptr_t)s.ptr};
}

/* Our view of LMDB's bytes. */
static struct str from_mdb(MDB_val val)
{
    return (struct str){val.mv_data, val.mv_size};
}

int kv_put(struct kv *kv, struct MDB_txn *txn, unsigned table, struct str key, struct str val,
           bool append)
{
    must(table < kv->table_count);
    uint8_t header[ENVELOPE_SIZE];
    envelope_seal(kv->seed, table, key, val, header);
    MDB_val mdb_key = to_mdb(key);
    MDB_val space = {.mv_size = ENVELOPE_SIZE + val.len};
    unsigned flags = MDB_RESERVE | (append ? MDB_APPEND : 0u);
    int code = mdb_put(txn, kv->tables[table], &mdb_key, &space, flags);
    if (code) {
        return kv_err(code);
    }
    uint8_t *record = space.mv_data;
    memcpy(record, header, ENVELOPE_SIZE);
    if (val.len > 0) {
        memcpy(record + ENVELOPE_SIZE, val.ptr, val.len);
    }
    return 0;
}

int kv_del(struct kv *kv, struct MDB_txn *txn, unsigned table, struct str key)
{
    must(table < kv->table_count);
    MDB_val mdb_key = to_mdb(key);
    int code = mdb_del(txn, kv->tables[table], &mdb_key, NULL);
    return code == MDB_NOTFOUND ? 0 : kv_err(code);
}

int kv_get(struct kv *kv, struct MDB_txn *txn, unsigned table, struct str key, struct str *ret_val)
{
    must(table < kv->table_count);
    MDB_val mdb_key = to_mdb(key);
    MDB_val record;
    int code = mdb_get(txn, kv->tables[table], &mdb_key, &record);
    if (code) {
        return kv_err(code);
    }
    return envelope_open(kv->seed, table, key, from_mdb(record), ret_val);
}

int kv_last_key(struct kv *kv, struct MDB_txn *txn, unsigned table, struct str *ret_key)
{
    must(table < kv->table_count);
    MDB_cursor *cursor = NULL;
    int code = mdb_cursor_open(txn, kv->tables[table], &cursor);
    if (code) {
        return kv_err(code);
    }
    MDB_val key;
    MDB_val record;
    code = mdb_cursor_get(cursor, &key, &record, MDB_LAST);
    mdb_cursor_close(cursor);
    if (code == 0) {
        *ret_key = from_mdb(key);
    }
    return kv_err(code);
}

int kv_count(struct kv *kv, struct MDB_txn *txn, unsigned table, uint64_t *ret_count)
{
    must(table < kv->table_count);
    MDB_stat stat;
    int code = mdb_stat(txn, kv->tables[table], &stat);
    if (code == 0) {
        *ret_count = stat.ms_entries;
    }
    return kv_err(code);
}

/* Bytewise order, shorter first: LMDB's own. */
static int compare(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

/* Where the walk over a range begins. */
static struct str range_start(const struct kv_range *range)
{
    return range->prefix.len > 0 ? range->prefix : range->from;
}

/* True when <key>, at or after the start, is still inside. */
static bool range_has(const struct kv_range *range, struct str key)
{
    if (range->prefix.len > 0) {
        return str_starts(key, range->prefix);
    }
    return range->until.len == 0 || compare(key, range->until) < 0;
}

/* Walks up to <max> keys of a range; appends them to <keys> as length byte and bytes when given. */
static int collect(struct kv *kv, struct MDB_txn *txn, unsigned table, const struct kv_range *range,
                   size_t max, struct buf *keys, size_t *ret_count)
{
    must(table < kv->table_count);
    MDB_cursor *cursor = NULL;
    int code = mdb_cursor_open(txn, kv->tables[table], &cursor);
    if (code) {
        return kv_err(code);
    }
    MDB_val key = to_mdb(range_start(range));
    MDB_val record;
    size_t count = 0;
    code = mdb_cursor_get(cursor, &key, &record, key.mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (code == 0 && count < max && range_has(range, from_mdb(key))) {
        if (key.mv_size > STORE_KEY_MAX) {
            code = MDB_CORRUPTED;
            break;
        }
        if (keys) {
            buf_put_byte(keys, (uint8_t)key.mv_size);
            buf_put(keys, key.mv_data, key.mv_size);
        }
        count++;
        code = mdb_cursor_get(cursor, &key, &record, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (code != 0 && code != MDB_NOTFOUND) {
        return kv_err(code);
    }
    *ret_count = count;
    return 0;
}

int kv_del_range(struct kv *kv, struct MDB_txn *txn, unsigned table, const struct kv_range *range,
                 size_t max, struct buf *scratch, size_t *ret_removed)
{
    buf_clear(scratch);
    size_t count = 0;
    int err = collect(kv, txn, table, range, max, scratch, &count);
    if (err) {
        return err;
    }
    if (buf_err(scratch)) {
        return buf_err(scratch);
    }
    const uint8_t *next = scratch->data;
    for (size_t i = 0; i < count; i++) {
        struct str key = {(const char *)next + 1, next[0]};
        err = kv_del(kv, txn, table, key);
        if (err) {
            return err;
        }
        next += 1 + key.len;
    }
    *ret_removed = count;
    return 0;
}

int kv_count_range(struct kv *kv, struct MDB_txn *txn, unsigned table, const struct kv_range *range,
                   size_t max, size_t *ret_count)
{
    return collect(kv, txn, table, range, max, NULL, ret_count);
}

int kv_scan(struct kv *kv, struct MDB_txn *txn, unsigned table, struct str prefix, struct str from,
            bool reverse, kv_visit *visit, void *user, uint64_t *ret_damaged)
{
    must(table < kv->table_count);
    MDB_cursor *cursor = NULL;
    int code = mdb_cursor_open(txn, kv->tables[table], &cursor);
    if (code) {
        return kv_err(code);
    }
    uint64_t damaged = 0;
    MDB_val key;
    MDB_val record;
    code = seek(cursor, prefix, from, reverse, &key, &record);
    while (code == 0 && str_starts(from_mdb(key), prefix)) {
        struct str val;
        int err = envelope_open(kv->seed, table, from_mdb(key), from_mdb(record), &val);
        damaged += err != 0;
        if (!err && !visit(user, from_mdb(key), val)) {
            break;
        }
        code = mdb_cursor_get(cursor, &key, &record, reverse ? MDB_PREV : MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (code != 0 && code != MDB_NOTFOUND) {
        return kv_err(code);
    }
    *ret_damaged = damaged;
    return 0;
}

/* Puts the cursor on the first row of a scan. LMDB's code. */
static int seek(MDB_cursor *cursor, struct str prefix, struct str from, bool reverse, MDB_val *key,
                MDB_val *record)
{
    if (!reverse) {
        struct str start = compare(from, prefix) > 0 ? from : prefix;
        *key = to_mdb(start);
        return mdb_cursor_get(cursor, key, record, start.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
    }
    uint8_t after[STORE_KEY_MAX + 1];
    size_t after_len = 0;
    bool bounded = successor(prefix, after, &after_len);
    struct str end = {(const char *)after, after_len};
    if (from.len > 0 && (!bounded || compare(from, end) < 0)) {
        return seek_back(cursor, from, true, key, record);
    }
    if (bounded) {
        return seek_back(cursor, end, false, key, record);
    }
    return mdb_cursor_get(cursor, key, record, MDB_LAST);
}

/* The greatest key below <bound>, or equal to it when <inclusive>. */
static int seek_back(MDB_cursor *cursor, struct str bound, bool inclusive, MDB_val *key,
                     MDB_val *record)
{
    *key = to_mdb(bound);
    int code = mdb_cursor_get(cursor, key, record, MDB_SET_RANGE);
    if (code == MDB_NOTFOUND) {
        return mdb_cursor_get(cursor, key, record, MDB_LAST);
    }
    if (code == 0 && !(inclusive && str_eq(from_mdb(*key), bound))) {
        return mdb_cursor_get(cursor, key, record, MDB_PREV);
    }
    return code;
}

/* The smallest key greater than all that begin with <prefix>; false when there is none. */
static bool successor(struct str prefix, uint8_t *ret_bytes, size_t *ret_len)
{
    size_t len = prefix.len;
    while (len > 0 && (uint8_t)prefix.ptr[len - 1] == UINT8_MAX) {
        len--;
    }
    if (len == 0 || len > STORE_KEY_MAX) {
        return false;
    }
    memcpy(ret_bytes, prefix.ptr, len);
    ret_bytes[len - 1]++;
    *ret_len = len;
    return true;
}
