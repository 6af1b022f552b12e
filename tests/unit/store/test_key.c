/*
 * Keys: the order of bytes is the order of the parts.
 */
#include "store/key.h"

#include <criterion/criterion.h>

#include "store/store.h"
#include "temp_store.h"

TestSuite(key, .init = temp_store_enter, .fini = temp_store_leave);

/* Bytewise order of two keys. */
static int order(const struct store_key *a, const struct store_key *b)
{
    size_t common = a->len < b->len ? a->len : b->len;
    int sign = memcmp(a->bytes, b->bytes, common);
    return sign != 0 ? sign : (a->len > b->len) - (a->len < b->len);
}

Test(key, numbers_sort_by_size)
{
    const uint64_t numbers[] = {0, 1, 255, 256, 65536, UINT32_MAX, (uint64_t)1 << 40, UINT64_MAX};
    for (size_t i = 1; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct store_key smaller = {0};
        struct store_key greater = {0};
        key_u64(&smaller, numbers[i - 1]);
        key_u64(&greater, numbers[i]);
        cr_assert_lt(order(&smaller, &greater), 0);
    }
}

Test(key, a_text_sorts_before_a_longer_one_whatever_follows)
{
    struct store_key shorter = {0};
    struct store_key longer = {0};
    key_text(&shorter, STR("flow"));
    key_u64(&shorter, UINT64_MAX);
    key_text(&longer, STR("flow.b"));
    key_u64(&longer, 0);
    cr_assert_lt(order(&shorter, &longer), 0);
}

Test(key, numbers_are_read_back)
{
    struct store_key key = {0};
    key_u8(&key, 7);
    key_u64(&key, 0x0123456789abcdef);
    key_u32(&key, 0xfedcba98);
    cr_assert_eq(key_read_u64(key_str(&key), 1), 0x0123456789abcdef);
    cr_assert_eq(key_read_u32(key_str(&key), 9), 0xfedcba98);
}

Test(key, reading_past_the_end_gives_zero)
{
    struct store_key key = {0};
    key_u64(&key, UINT64_MAX);
    cr_assert_eq(key_read_u64(key_str(&key), 1), 0);
    cr_assert_eq(key_read_u32(key_str(&key), 5), 0);
    cr_assert_eq(key_read_u64(STR("short"), 0), 0);
}

Test(key, a_key_of_the_longest_allowed_size_is_stored)
{
    struct store *store = temp_store_open();
    struct store_key key = {0};
    while (key.len < STORE_KEY_MAX) {
        key_u8(&key, 'x');
    }
    struct store_batch *batch = store_batch_new(store);
    cr_expect_eq(store_batch_put(batch, STORE_EVENT, key_str(&key), STR("v")), 0);
    cr_expect_eq(temp_store_commit(store, batch), 0);
    store_close(store);
}

Test(key, a_part_that_does_not_fit_makes_every_use_fail)
{
    struct store *store = temp_store_open();
    struct store_key key = {0};
    while (key.len < STORE_KEY_MAX - 3) {
        key_u8(&key, 'x');
    }
    key_u32(&key, 1);
    key_u8(&key, 1);
    struct store_batch *batch = store_batch_new(store);
    cr_expect_eq(store_batch_put(batch, STORE_EVENT, key_str(&key), STR("v")), ERR_LIMIT);
    cr_expect_eq(temp_store_commit(store, batch), ERR_LIMIT);
    store_close(store);
}
