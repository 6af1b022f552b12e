/*
 * Batches from the inside: operations one after the other in one piece of memory that is used again
 * for later batches, so that a batch costs no allocation in the long run.
 *
 * Internal to engine/store. Filled on the loop thread (functions of store.h), read by the store
 * thread (store_writer.c), recycled on the loop thread.
 */
#ifndef STORE_STORE_BATCH_H
#define STORE_STORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "store/store.h"

enum store_op_kind {
    STORE_OP_PUT,
    STORE_OP_APPEND,
    STORE_OP_DEL,
    STORE_OP_DEL_PREFIX, /* key: the prefix */
    STORE_OP_DEL_RANGE,  /* key: from, val: until */
    STORE_OP_JOURNAL,
};

/* One operation, borrowed from its batch. */
struct store_op {
    enum store_op_kind kind;
    enum store_table table;
    struct str key;
    struct str val;
};

struct store_batch {
    struct store_batch *next; /* in whatever list it is */
    store_done *done;
    void *user;
    int err;     /* sticky while it is filled; the outcome afterwards */
    bool sweeps; /* has a range deletion */
    uint32_t ops;
    uint32_t journals;       /* journal records among them */
    uint64_t first_sequence; /* of its journal records; set at submit */
    uint8_t *bytes;
    size_t len;
    size_t cap;
};

/* Walks the operations: set <*cursor> to 0 first; false at the end. */
bool store_batch_next(const struct store_batch *batch, size_t *cursor, struct store_op *ret_op);

/* Batches for reuse. */
struct store_batch_pool {
    struct store_batch *idle;
    size_t count;
};
struct store_batch *store_batch_pool_take(struct store_batch_pool *pool);
void store_batch_pool_give(struct store_batch_pool *pool, struct store_batch *batch);
void store_batch_pool_done(struct store_batch_pool *pool);

#endif
