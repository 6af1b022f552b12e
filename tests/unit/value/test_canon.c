/*
 * Canonical form: independent of spelling and order, sensitive to everything else.
 */
#include "value/canon.h"

#include <stdio.h>

#include <criterion/criterion.h>
#include <msgpack.h>

#include "value/pack.h"
#include "values.h"

static struct err_text why;

/* The hash of a value that has one. */
static struct hash hash_of(struct val v)
{
    struct hash hash;
    cr_assert_eq(canon_hash(v, &hash, &why), 0, "%s", why.text);
    return hash;
}

/* True for equal hashes. */
static bool same(struct hash a, struct hash b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

Test(canon, order_of_keys_and_spelling_do_not_count)
{
    struct rng rng;
    rng_seed(&rng, 5);
    struct buf buf = BUF_INIT(1 << 20);
    struct buf other = BUF_INIT(1 << 20);
    for (int round = 0; round < 2000; round++) {
        buf_clear(&buf);
        buf_clear(&other);
        values_random(&buf, &rng, VALUES_LOOSE, 100);
        values_permute(&other, &rng, (struct val){buf.data, buf.len});
        cr_assert(same(hash_of((struct val){buf.data, buf.len}),
                       hash_of((struct val){other.data, other.len})));
    }
    buf_done(&buf);
    buf_done(&other);
}

Test(canon, form_is_a_value_that_is_its_own_canonical_form_and_means_the_same)
{
    struct rng rng;
    rng_seed(&rng, 6);
    struct buf buf = BUF_INIT(1 << 20);
    struct buf once = BUF_INIT(1 << 20);
    struct buf twice = BUF_INIT(1 << 20);
    for (int round = 0; round < 1000; round++) {
        buf_clear(&buf);
        buf_clear(&once);
        buf_clear(&twice);
        values_random(&buf, &rng, VALUES_LOOSE, 100);
        cr_assert_eq(canon_put(&once, (struct val){buf.data, buf.len}, &why), 0);
        struct val v;
        cr_assert_eq(val_scan(once.data, once.len, &val_limits_task, &v, &why), 0, "%s", why.text);
        cr_assert_eq(v.len, once.len);
        cr_assert_eq(canon_put(&twice, v, &why), 0);
        cr_assert(str_eq(buf_str(&once), buf_str(&twice)));
        cr_assert(same(hash_of(v), hash_bytes(once.data, once.len)));
    }
    buf_done(&buf);
    buf_done(&once);
    buf_done(&twice);
}

Test(canon, shortest_forms_are_those_of_msgpack_c)
{
    struct rng rng;
    rng_seed(&rng, 7);
    struct buf buf = BUF_INIT(100);
    for (int round = 0; round < 5000; round++) {
        buf_clear(&buf);
        if (round % 2) {
            pack_int(&buf, -(int64_t)(rng_u64(&rng) >> (1 + rng_below(&rng, 63))));
        } else {
            pack_uint(&buf, rng_u64(&rng) >> rng_below(&rng, 64));
        }
        struct buf canon = BUF_INIT(100);
        cr_assert_eq(canon_put(&canon, (struct val){buf.data, buf.len}, &why), 0);
        cr_assert(str_eq(buf_str(&canon), buf_str(&buf)));
        buf_done(&canon);
    }
    buf_done(&buf);
}

Test(canon, one_changed_byte_of_meaning_changes_the_hash)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    static const char *const different[] = {
        "{\"a\":1,\"b\":[1,2,{\"c\":\"x\"}]}",
        "{\"a\":2,\"b\":[1,2,{\"c\":\"x\"}]}",
        "{\"a\":1.0,\"b\":[1,2,{\"c\":\"x\"}]}",
        "{\"a\":1,\"b\":[2,1,{\"c\":\"x\"}]}",
        "{\"a\":1,\"b\":[1,2,{\"c\":\"y\"}]}",
        "{\"a\":1,\"b\":[1,2,{\"d\":\"x\"}]}",
        "{\"a\":1,\"b\":[1,2],\"c\":\"x\"}",
        "{\"a\":\"1\",\"b\":[1,2,{\"c\":\"x\"}]}",
        "{\"a\":true,\"b\":[1,2,{\"c\":\"x\"}]}",
        "{\"a\":null,\"b\":[1,2,{\"c\":\"x\"}]}",
        "{\"b\":[1,2,{\"c\":\"x\"}]}",
        "{\"a\":1,\"b\":[1,[2],{\"c\":\"x\"}]}",
    };
    enum { COUNT = sizeof(different) / sizeof(different[0]) };
    for (size_t left = 0; left < COUNT; left++) {
        for (size_t right = 0; right < left; right++) {
            cr_assert_not(same(hash_of(values_json(&arena, different[left])),
                               hash_of(values_json(&arena, different[right]))),
                          "%s and %s", different[left], different[right]);
        }
    }
    arena_done(&arena);
}

Test(canon, keys_are_sorted_bytewise_with_prefixes_first)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct buf buf = BUF_INIT(1000);
    struct val v = values_json(&arena, "{\"b\":1,\"ab\":2,\"a\":3,\"\":4,\"ä\":5,\"z\":6}");
    cr_assert_eq(canon_put(&buf, v, &why), 0);
    cr_assert_str_eq(values_text(&arena, (struct val){buf.data, buf.len}),
                     "{\"\":4,\"a\":3,\"ab\":2,\"b\":1,\"z\":6,\"ä\":5}");
    buf_done(&buf);
    arena_done(&arena);
}

Test(canon, the_form_never_changes)
{
    /* Caches of users are keyed by this: a failure here means a new key version, not a new hash. */
    struct arena arena;
    arena_init(&arena, 1 << 16);
    char text[HASH_TEXT_SIZE];
    struct hash hash = hash_of(values_json(&arena, "{\"b\":[1,-1,2.5,\"x\"],\"a\":null}"));
    hash_format(&hash, text);
    cr_assert_str_eq(text, "e5ec8a05089ba12a4449ef2324e3b7ee449df215170e37512ca58efc8fbd5b2e");
    arena_done(&arena);
}

Test(canon, nan_is_refused_and_infinity_is_not)
{
    struct val v = {(const uint8_t *)"\x91\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", 10};
    struct hash hash;
    cr_assert_eq(canon_hash(v, &hash, &why), ERR_INVALID);
    cr_assert(strstr(why.text, "NaN"));
    v.ptr = (const uint8_t *)"\x91\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00";
    cr_assert_eq(canon_hash(v, &hash, &why), 0);
}

Test(canon, large_maps_and_long_strings_hash_like_their_bytes)
{
    struct buf buf = BUF_INIT(1 << 22);
    struct buf canon = BUF_INIT(1 << 22);
    static char text[5000];
    memset(text, 'x', sizeof(text));
    pack_map(&buf, 2000);
    for (int index = 2000; index > 0; index--) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", index);
        pack_cstr(&buf, key);
        pack_str(&buf, (struct str){text, (size_t)index * 2});
    }
    struct val v = {buf.data, buf.len};
    cr_assert_eq(canon_put(&canon, v, &why), 0);
    cr_assert(same(hash_of(v), hash_bytes(canon.data, canon.len)));
    buf_done(&buf);
    buf_done(&canon);
}

Test(canon, a_full_buffer_is_an_error)
{
    struct buf buf = BUF_INIT(3);
    struct val v = {(const uint8_t *)"\xa4"
                                     "abcd",
                    5};
    cr_assert_eq(canon_put(&buf, v, &why), ERR_LIMIT);
}
