/*
 * Batches: their limits, one past each, and that memory is used again without traces.
 */
#include "store/store_batch.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/err.h"

static char big[STORE_VALUE_MAX + 1];
static struct store_batch_pool pool;

/* Frees what the tests gave back. */
static void leave(void)
{
    store_batch_pool_done(&pool);
}

TestSuite(store_batch, .fini = leave);

Test(store_batch, operations_come_back_as_they_were_put)
{
    struct store_batch *batch = store_batch_pool_take(&pool);
    store_batch_put(batch, STORE_EVENT, STR("k1"), STR("v1"));
    store_batch_append(batch, STORE_AUDIT, STR("k2"), STR(""));
    store_batch_del(batch, STORE_LEASE, STR("k3"));
    store_batch_journal(batch, STR("event"));
    store_batch_del_range(batch, STORE_OUTBOX, STR("a"), STR("b"));
    size_t cursor = 0;
    struct store_op op;
    cr_assert(store_batch_next(batch, &cursor, &op));
    cr_expect(op.kind == STORE_OP_PUT && op.table == STORE_EVENT);
    cr_expect(str_is(op.key, "k1") && str_is(op.val, "v1"));
    cr_assert(store_batch_next(batch, &cursor, &op));
    cr_expect(op.kind == STORE_OP_APPEND && str_is(op.key, "k2") && op.val.len == 0);
    cr_assert(store_batch_next(batch, &cursor, &op));
    cr_expect(op.kind == STORE_OP_DEL && op.table == STORE_LEASE && str_is(op.key, "k3"));
    cr_assert(store_batch_next(batch, &cursor, &op));
    cr_expect(op.kind == STORE_OP_JOURNAL && str_is(op.val, "event"));
    cr_assert(store_batch_next(batch, &cursor, &op));
    cr_expect(op.kind == STORE_OP_DEL_RANGE && str_is(op.key, "a") && str_is(op.val, "b"));
    cr_expect(!store_batch_next(batch, &cursor, &op));
    cr_expect_eq(store_batch_count(batch), 5);
    store_batch_pool_give(&pool, batch);
}

Test(store_batch, a_value_of_the_largest_size_fits)
{
    struct store_batch *batch = store_batch_pool_take(&pool);
    cr_expect_eq(store_batch_put(batch, STORE_EVENT, STR("k"), (struct str){big, STORE_VALUE_MAX}),
                 0);
    store_batch_pool_give(&pool, batch);
}

Test(store_batch, a_value_one_byte_too_large_is_refused)
{
    struct store_batch *batch = store_batch_pool_take(&pool);
    struct str val = {big, STORE_VALUE_MAX + 1};
    cr_expect_eq(store_batch_put(batch, STORE_EVENT, STR("k"), val), ERR_LIMIT);
    store_batch_pool_give(&pool, batch);
}

Test(store_batch, a_key_one_byte_too_long_is_refused)
{
    struct store_batch *batch = store_batch_pool_take(&pool);
    struct str key = {big, STORE_KEY_MAX + 1};
    cr_expect_eq(store_batch_put(batch, STORE_EVENT, key, STR("v")), ERR_LIMIT);
    store_batch_pool_give(&pool, batch);
}

Test(store_batch, an_empty_key_is_refused)
{
    struct store_batch *batch = store_batch_pool_take(&pool);
    cr_expect_eq(store_batch_put(batch, STORE_EVENT, STR(""), STR("v")), ERR_LIMIT);
    store_batch_pool_give(&pool, batch);
}

Test(store_batch, an_operation_past_the_most_allowed_is_refused)
{
    struct store_batch *batch = store_batch_pool_take(&pool);
    for (int i = 0; i < STORE_BATCH_OPS_MAX; i++) {
        cr_assert_eq(store_batch_del(batch, STORE_EVENT, STR("k")), 0);
    }
    cr_expect_eq(store_batch_del(batch, STORE_EVENT, STR("k")), ERR_LIMIT);
    store_batch_pool_give(&pool, batch);
}

Test(store_batch, more_bytes_than_allowed_are_refused)
{
    struct store_batch *batch = store_batch_pool_take(&pool);
    struct str val = {big, STORE_VALUE_MAX};
    for (int i = 0; i < STORE_BATCH_BYTES_MAX / STORE_VALUE_MAX - 1; i++) {
        cr_assert_eq(store_batch_put(batch, STORE_EVENT, STR("k"), val), 0);
    }
    cr_expect_eq(store_batch_put(batch, STORE_EVENT, STR("k"), val), ERR_LIMIT);
    store_batch_pool_give(&pool, batch);
}

Test(store_batch, an_error_sticks)
{
    struct store_batch *batch = store_batch_pool_take(&pool);
    store_batch_put(batch, STORE_EVENT, STR(""), STR("v"));
    cr_expect_eq(store_batch_put(batch, STORE_EVENT, STR("k"), STR("v")), ERR_LIMIT);
    cr_expect_eq(store_batch_err(batch), ERR_LIMIT);
    cr_expect_eq(store_batch_count(batch), 0);
    store_batch_pool_give(&pool, batch);
}

Test(store_batch, a_recycled_batch_is_empty_and_sound)
{
    struct store_batch *batch = store_batch_pool_take(&pool);
    store_batch_put(batch, STORE_EVENT, STR("k"), STR("v"));
    store_batch_del_prefix(batch, STORE_EVENT, STR("k"));
    store_batch_put(batch, STORE_EVENT, STR(""), STR("v"));
    store_batch_pool_give(&pool, batch);
    struct store_batch *again = store_batch_pool_take(&pool);
    cr_expect_eq(again, batch);
    cr_expect_eq(store_batch_count(again), 0);
    cr_expect_eq(store_batch_err(again), 0);
    cr_expect(!again->sweeps);
    store_batch_pool_give(&pool, again);
}
