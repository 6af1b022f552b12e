/*
 * Filling, walking and recycling batches; see store.h and store_batch.h. An operation is
 *
 *     0      1       2            3     4             8
 *     +------+-------+------------+-----+-------------+-----+-------+
 *     | kind | table | key length | 0   | value length| key | value |
 *     +------+-------+------------+-----+-------------+-----+-------+
 */
#include "store/store_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/must.h"

enum {
    HEADER_SIZE = 8,
    FIRST_CAPACITY = 1024,
    IDLE_MAX = 4096,           /* batches kept for reuse */
    IDLE_CAPACITY_MAX = 16384, /* bytes a batch keeps while idle */
};

/* Room for <size> more bytes; the batch is known to stay within its limit. */
static uint8_t *reserve(struct store_batch *batch, size_t size)
{
    if (batch->cap - batch->len < size) {
        size_t cap = batch->cap > 0 ? batch->cap : FIRST_CAPACITY;
        while (cap - batch->len < size) {
            cap *= 2;
        }
        batch->bytes = xrealloc(batch->bytes, cap);
        batch->cap = cap;
    }
    return batch->bytes + batch->len;
}

/* Adds one operation, or makes the batch fail. */
static int add(struct store_batch *batch, enum store_op_kind kind, enum store_table table,
               struct str key, struct str val, size_t val_max)
{
    must((unsigned)table < STORE_TABLES);
    if (batch->err) {
        return batch->err;
    }
    size_t size = HEADER_SIZE + key.len + val.len;
    bool fits = key.len <= STORE_KEY_MAX && val.len <= val_max &&
                batch->ops < STORE_BATCH_OPS_MAX && size <= STORE_BATCH_BYTES_MAX - batch->len;
    if (!fits) {
        batch->err = ERR_LIMIT;
        return ERR_LIMIT;
    }
    uint8_t *at = reserve(batch, size);
    uint32_t val_len = (uint32_t)val.len;
    at[0] = (uint8_t)kind;
    at[1] = (uint8_t)table;
    at[2] = (uint8_t)key.len;
    at[3] = 0;
    memcpy(at + 4, &val_len, sizeof val_len);
    if (key.len > 0) {
        memcpy(at + HEADER_SIZE, key.ptr, key.len);
    }
    if (val.len > 0) {
        memcpy(at + HEADER_SIZE + key.len, val.ptr, val.len);
    }
    batch->len += size;
    batch->ops++;
    return 0;
}

/* Adds an operation on one key, which can not be empty. */
static int add_keyed(struct store_batch *batch, enum store_op_kind kind, enum store_table table,
                     struct str key, struct str val)
{
    if (key.len == 0 && !batch->err) {
        batch->err = ERR_LIMIT;
    }
    return add(batch, kind, table, key, val, STORE_VALUE_MAX);
}

int store_batch_put(struct store_batch *batch, enum store_table table, struct str key,
                    struct str val)
{
    return add_keyed(batch, STORE_OP_PUT, table, key, val);
}

int store_batch_append(struct store_batch *batch, enum store_table table, struct str key,
                       struct str val)
{
    return add_keyed(batch, STORE_OP_APPEND, table, key, val);
}

int store_batch_del(struct store_batch *batch, enum store_table table, struct str key)
{
    return add_keyed(batch, STORE_OP_DEL, table, key, STR_NONE);
}

int store_batch_del_prefix(struct store_batch *batch, enum store_table table, struct str prefix)
{
    batch->sweeps = true;
    return add(batch, STORE_OP_DEL_PREFIX, table, prefix, STR_NONE, 0);
}

int store_batch_del_range(struct store_batch *batch, enum store_table table, struct str from,
                          struct str until)
{
    batch->sweeps = true;
    return add(batch, STORE_OP_DEL_RANGE, table, from, until, STORE_KEY_MAX);
}

int store_batch_journal(struct store_batch *batch, struct str val)
{
    int err = add(batch, STORE_OP_JOURNAL, STORE_JOURNAL, STR_NONE, val, STORE_VALUE_MAX);
    if (!err) {
        batch->journals++;
    }
    return err;
}

size_t store_batch_count(const struct store_batch *batch)
{
    return batch->ops;
}

size_t store_batch_bytes(const struct store_batch *batch)
{
    return batch->len;
}

int store_batch_err(const struct store_batch *batch)
{
    return batch->err;
}

bool store_batch_next(const struct store_batch *batch, size_t *cursor, struct store_op *ret_op)
{
    if (*cursor == batch->len) {
        return false;
    }
    must(*cursor < batch->len);
    const uint8_t *at = batch->bytes + *cursor;
    uint32_t val_len = 0;
    memcpy(&val_len, at + 4, sizeof val_len);
    const char *key = (const char *)at + HEADER_SIZE;
    *ret_op = (struct store_op){.kind = (enum store_op_kind)at[0],
                                .table = (enum store_table)at[1],
                                .key = {key, at[2]},
                                .val = {key + at[2], val_len}};
    *cursor += HEADER_SIZE + at[2] + (size_t)val_len;
    return true;
}

struct store_batch *store_batch_pool_take(struct store_batch_pool *pool)
{
    struct store_batch *batch = pool->idle;
    if (!batch) {
        return xcalloc(1, sizeof *batch);
    }
    pool->idle = batch->next;
    pool->count--;
    batch->next = NULL;
    return batch;
}

/* Frees a batch with its memory. */
static void destroy(struct store_batch *batch)
{
    free(batch->bytes);
    free(batch);
}

void store_batch_pool_give(struct store_batch_pool *pool, struct store_batch *batch)
{
    if (pool->count == IDLE_MAX || batch->cap > IDLE_CAPACITY_MAX) {
        destroy(batch);
        return;
    }
    *batch = (struct store_batch){.next = pool->idle, .bytes = batch->bytes, .cap = batch->cap};
    pool->idle = batch;
    pool->count++;
}

void store_batch_pool_done(struct store_batch_pool *pool)
{
    while (pool->idle) {
        struct store_batch *next = pool->idle->next;
        destroy(pool->idle);
        pool->idle = next;
    }
    pool->count = 0;
}
