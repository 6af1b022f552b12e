/*
 * The scan and the walkers: what is accepted is compared with msgpack-c's own unpacker, what is
 * refused is tried one past each limit.
 */
#include "value/val.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <msgpack.h>

#include "base/clock.h"
#include "value/pack.h"
#include "values.h"

static struct err_text why;

/* Scans literal bytes. */
static int scan(const char *bytes, size_t len, struct val *ret_val)
{
    why.text[0] = '\0';
    return val_scan(bytes, len, &val_limits_task, ret_val, &why);
}

#define SCAN(literal, ret) scan("" literal, sizeof(literal) - 1, ret)

/* True when our view of a scalar is that of msgpack-c. */
static bool scalar_agrees(struct val v, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return val_type(v) == VAL_NIL;
    case MSGPACK_OBJECT_BOOLEAN:
        return val_type(v) == VAL_BOOL && val_bool(v) == object->via.boolean;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return val_type(v) == (object->via.u64 > INT64_MAX ? VAL_UINT : VAL_INT) &&
               val_uint(v) == object->via.u64;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return val_type(v) == VAL_INT && val_int(v) == object->via.i64;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: {
        double number = val_float(v);
        return memcmp(&number, &object->via.f64, sizeof(number)) == 0;
    }
    case MSGPACK_OBJECT_STR:
        return val_type(v) == VAL_STR &&
               str_eq(val_str(v), (struct str){object->via.str.ptr, object->via.str.size});
    case MSGPACK_OBJECT_BIN:
        return val_type(v) == VAL_BIN &&
               str_eq(val_str(v), (struct str){object->via.bin.ptr, object->via.bin.size});
    case MSGPACK_OBJECT_EXT: {
        if (val_type(v) != VAL_BLOB || object->via.ext.type != 1 || object->via.ext.size != 40) {
            return false;
        }
        struct blob_ref blob = val_blob(v);
        return memcmp(object->via.ext.ptr, blob.hash.bytes, HASH_SIZE) == 0 &&
               memcmp(object->via.ext.ptr + HASH_SIZE, &blob.size, 8) == 0;
    }
    default:
        return false;
    }
}

/* True when our view of a value is that of msgpack-c. */
static bool agrees(struct val v, const msgpack_object *object)
{
    struct val_iter iter;
    struct str key = STR_NONE;
    struct val member;
    uint32_t count = 0;
    if (object->type == MSGPACK_OBJECT_ARRAY) {
        if (val_type(v) != VAL_LIST || val_count(v) != object->via.array.size) {
            return false;
        }
        for (iter = val_iter(v); val_next(&iter, NULL, &member); count++) {
            if (!agrees(member, &object->via.array.ptr[count])) {
                return false;
            }
        }
        return count == object->via.array.size;
    }
    if (object->type == MSGPACK_OBJECT_MAP) {
        if (val_type(v) != VAL_MAP || val_count(v) != object->via.map.size) {
            return false;
        }
        for (iter = val_iter(v); val_next(&iter, &key, &member); count++) {
            const msgpack_object_kv *pair = &object->via.map.ptr[count];
            struct str other = {pair->key.via.str.ptr, pair->key.via.str.size};
            if (!str_eq(key, other) || !agrees(member, &pair->val)) {
                return false;
            }
        }
        return count == object->via.map.size;
    }
    return scalar_agrees(v, object);
}

Test(val, sees_in_random_values_what_msgpack_c_sees)
{
    struct rng rng;
    rng_seed(&rng, 1);
    struct buf buf = BUF_INIT(1 << 20);
    for (int round = 0; round < 3000; round++) {
        buf_clear(&buf);
        values_random(&buf, &rng, round % 2 ? VALUES_LOOSE : 0, (uint32_t)rng_below(&rng, 300));
        struct val v;
        cr_assert_eq(val_scan(buf.data, buf.len, &val_limits_task, &v, &why), 0, "%s", why.text);
        cr_assert_eq(v.len, buf.len);
        msgpack_unpacked unpacked;
        msgpack_unpacked_init(&unpacked);
        cr_assert_eq(msgpack_unpack_next(&unpacked, (const char *)buf.data, buf.len, NULL),
                     MSGPACK_UNPACK_SUCCESS);
        cr_assert(agrees(v, &unpacked.data), "round %d", round);
        msgpack_unpacked_destroy(&unpacked);
    }
    buf_done(&buf);
}

Test(val, every_cut_of_a_value_is_refused)
{
    struct rng rng;
    rng_seed(&rng, 2);
    struct buf buf = BUF_INIT(1 << 20);
    for (int round = 0; round < 100; round++) {
        buf_clear(&buf);
        values_random(&buf, &rng, VALUES_LOOSE, 30);
        for (size_t len = 0; len < buf.len; len++) {
            struct val v;
            cr_assert_eq(val_scan(buf.data, len, &val_limits_task, &v, &why), ERR_PARSE);
        }
    }
    buf_done(&buf);
}

Test(val, random_damage_never_gets_past_the_scan_unnoticed)
{
    struct rng rng;
    rng_seed(&rng, 3);
    struct buf buf = BUF_INIT(1 << 20);
    for (int round = 0; round < 20000; round++) {
        buf_clear(&buf);
        values_random(&buf, &rng, VALUES_LOOSE, 20);
        buf.data[rng_below(&rng, buf.len)] = (uint8_t)rng_u64(&rng);
        struct val v;
        if (val_scan(buf.data, buf.len, &val_limits_task, &v, &why) == 0) {
            cr_assert_leq(v.len, buf.len);
            cr_assert_eq(val_here(v.ptr).len, v.len);
        }
    }
    buf_done(&buf);
}

Test(val, scan_gives_the_extent_of_the_first_value)
{
    struct val v;
    cr_assert_eq(SCAN("\x92\x01\x02\x03", &v), 0);
    cr_assert_eq(v.len, 3);
}

Test(val, a_list_of_four_thousand_million_members_is_refused_at_once)
{
    struct val v;
    int err = SCAN("\xdd\xff\x00\x00\x00", &v);
    cr_assert(err == ERR_LIMIT || err == ERR_PARSE);
    err = SCAN("\xdf\xff\xff\xff\xff", &v);
    cr_assert(err == ERR_LIMIT || err == ERR_PARSE);
}

Test(val, a_count_that_does_not_fit_the_bytes_is_refused)
{
    struct val v;
    cr_assert_eq(SCAN("\xdd\x00\x00\x10\x00\x01\x02", &v), ERR_PARSE);
    cr_assert_str_eq(why.text, "The value is malformed at byte 0: it ends too early.");
}

/* <count> lists inside each other. */
static int scan_nested(size_t count, struct val *ret_val)
{
    static char bytes[100001];
    memset(bytes, '\x91', count);
    bytes[count] = '\xc0';
    return scan(bytes, count + 1, ret_val);
}

Test(val, depth_is_limited_to_32)
{
    struct val v;
    cr_assert_eq(scan_nested(32, &v), 0);
    cr_assert_eq(scan_nested(33, &v), ERR_LIMIT);
    cr_assert_str_eq(why.text, "The value is nested deeper than 32 levels at byte 32.");
}

Test(val, wrapped_depth_is_limited_to_40)
{
    struct val_limits limits = val_limits_task;
    limits.depth_max = 1000;
    uint8_t bytes[64];
    memset(bytes, 0x91, sizeof(bytes));
    struct val v;
    bytes[40] = 0xc0;
    cr_assert_eq(val_scan(bytes, sizeof(bytes), &limits, &v, &why), 0);
    bytes[40] = 0x91;
    bytes[41] = 0xc0;
    cr_assert_eq(val_scan(bytes, sizeof(bytes), &limits, &v, &why), ERR_LIMIT);
}

Test(val, a_hundred_thousand_levels_are_refused_within_a_millisecond)
{
    struct val v;
    int64_t best_us = INT64_MAX;
    for (int round = 0; round < 10; round++) {
        int64_t begin = clock_mono_us(&clock_real);
        cr_assert_eq(scan_nested(100000, &v), ERR_LIMIT);
        int64_t us = clock_mono_us(&clock_real) - begin;
        best_us = us < best_us ? us : best_us;
    }
    cr_assert_lt(best_us, 1000);
}

Test(val, members_are_limited_at_all_levels_together)
{
    struct val_limits limits = {.bytes_max = 100, .nodes_max = 5, .depth_max = 32};
    struct val v;
    cr_assert_eq(val_scan("\x92\x93\x01\x02\x03\x04", 6, &limits, &v, &why), 0);
    cr_assert_eq(val_scan("\x93\x93\x01\x02\x03\x04\x05", 7, &limits, &v, &why), ERR_LIMIT);
    cr_assert_eq(val_scan("\x96\x01\x02\x03\x04\x05\x06", 7, &limits, &v, &why), ERR_LIMIT);
}

Test(val, keys_do_not_count_as_members)
{
    struct val_limits limits = {.bytes_max = 100, .nodes_max = 2, .depth_max = 32};
    struct val v;
    cr_assert_eq(val_scan("\x82\xa1x\x01\xa1y\x02", 7, &limits, &v, &why), 0);
}

Test(val, bytes_are_limited)
{
    struct val_limits limits = {.bytes_max = 4, .nodes_max = 5, .depth_max = 32};
    struct val v;
    cr_assert_eq(val_scan("\xa3\x61\x62\x63", 4, &limits, &v, &why), 0);
    cr_assert_eq(val_scan("\xa4\x61\x62\x63\x64", 5, &limits, &v, &why), ERR_LIMIT);
    cr_assert_eq(val_scan("\xa3\x61\x62\x63\x64", 5, &limits, &v, &why), 0);
}

Test(val, the_reserved_byte_is_refused)
{
    struct val v;
    cr_assert_eq(SCAN("\x91\xc1", &v), ERR_PARSE);
    cr_assert_str_eq(why.text, "The value is malformed at byte 1: the byte 0xc1 begins no value.");
}

Test(val, extensions_other_than_blobs_are_refused)
{
    struct val v;
    cr_assert_eq(SCAN("\xd4\x01\x00", &v), ERR_PARSE);
    cr_assert_eq(SCAN("\xd6\xff\x00\x00\x00\x00", &v), ERR_PARSE);
    char blob[43] = "\xc7\x28\x02";
    cr_assert_eq(scan(blob, sizeof(blob), &v), ERR_PARSE);
    blob[2] = 1;
    cr_assert_eq(scan(blob, sizeof(blob), &v), 0);
    cr_assert_eq(val_type(v), VAL_BLOB);
}

Test(val, broken_utf8_in_a_string_is_refused)
{
    struct val v;
    cr_assert_eq(SCAN("\xa2\xc3\x28", &v), ERR_PARSE);
    cr_assert_eq(SCAN("\xac"
                      "abcdefgh\xed\xa0\x80!",
                      &v),
                 ERR_PARSE);
    cr_assert_eq(SCAN("\xa3"
                      "a\0b",
                      &v),
                 ERR_PARSE);
    cr_assert_eq(SCAN("\xaa"
                      "12345678\0b",
                      &v),
                 ERR_PARSE);
    cr_assert_eq(SCAN("\xaa"
                      "1234\0"
                      "5678b",
                      &v),
                 ERR_PARSE);
    cr_assert_eq(SCAN("\xac"
                      "abcdefgh\xf0\x9f\x9a\x82",
                      &v),
                 0);
}

Test(val, any_byte_after_a_nul_still_shows_in_the_fast_check)
{
    /* A NUL below 0x01 borrows from its neighbour in the word-wise test; all places are tried. */
    for (size_t place = 0; place < 24; place++) {
        char bytes[25] = "\xb8"
                         "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
                         "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01";
        struct val v;
        cr_assert_eq(scan(bytes, 25, &v), 0);
        bytes[1 + place] = '\0';
        cr_assert_eq(scan(bytes, 25, &v), ERR_PARSE, "NUL at %zu", place);
        bytes[1 + place] = '\x80';
        cr_assert_eq(scan(bytes, 25, &v), ERR_PARSE, "0x80 at %zu", place);
    }
}

Test(val, keys_that_are_not_strings_are_refused)
{
    struct val v;
    cr_assert_eq(SCAN("\x81\x01\x02", &v), ERR_PARSE);
    cr_assert_str_eq(why.text,
                     "The value is malformed at byte 1: the key of a map is not a string.");
}

Test(val, a_repeated_key_is_refused)
{
    struct val v;
    cr_assert_eq(SCAN("\x82\xa1x\x01\xa1x\x02", &v), ERR_PARSE);
    cr_assert_str_eq(why.text,
                     "The value is malformed at byte 5: the key \"x\" stands twice in one map.");
}

Test(val, the_same_key_in_different_maps_is_fine)
{
    struct val v;
    cr_assert_eq(SCAN("\x82\xa1x\x81\xa1x\x01\xa1y\x81\xa1x\x02", &v), 0);
}

/* A map of <count> numbered keys, the last of which repeats the one at <repeat> (if below count).
 */
static int scan_keys(uint32_t count, uint32_t repeat)
{
    struct buf buf = BUF_INIT(1 << 24);
    pack_map(&buf, count);
    for (uint32_t index = 0; index < count; index++) {
        char key[16];
        snprintf(key, sizeof(key), "%u", index == count - 1 && repeat < count ? repeat : index);
        pack_cstr(&buf, key);
        pack_map(&buf, 1);
        pack_cstr(&buf, key);
        pack_nil(&buf);
    }
    struct val v;
    int err = val_scan(buf.data, buf.len, &val_limits_task, &v, &why);
    buf_done(&buf);
    return err;
}

Test(val, a_repeated_key_is_found_in_maps_of_every_size)
{
    for (uint32_t count = 2; count < 140; count++) {
        cr_assert_eq(scan_keys(count, UINT32_MAX), 0);
        cr_assert_eq(scan_keys(count, 0), ERR_PARSE);
        cr_assert_eq(scan_keys(count, count - 2), ERR_PARSE);
    }
    cr_assert_eq(scan_keys(100000, UINT32_MAX), 0);
    cr_assert_eq(scan_keys(100000, 77777), ERR_PARSE);
}

Test(val, integers_keep_their_values_at_the_edges)
{
    static const int64_t numbers[] = {
        0,     1,         127,       128,       255,       256,        65535,
        65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, -1,         -32,
        -33,   -128,      -129,      -32768,    -32769,    UINT32_MAX, (int64_t)UINT32_MAX + 1};
    for (size_t index = 0; index < sizeof(numbers) / sizeof(numbers[0]); index++) {
        struct buf buf = BUF_INIT(16);
        pack_int(&buf, numbers[index]);
        struct val v = {buf.data, buf.len};
        cr_assert_eq(val_type(v), VAL_INT);
        cr_assert_eq(val_int(v), numbers[index]);
        buf_done(&buf);
    }
}

Test(val, numbers_beyond_int64_are_unsigned)
{
    struct val v;
    cr_assert_eq(SCAN("\xcf\x80\x00\x00\x00\x00\x00\x00\x00", &v), 0);
    cr_assert_eq(val_type(v), VAL_UINT);
    cr_assert_eq(val_uint(v), (uint64_t)1 << 63);
    cr_assert_float_eq(val_float(v), 9223372036854775808.0, 1.0);
}

Test(val, members_are_found_by_key_and_index)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct val v = values_json(&arena, "{\"a\": [10, [], 30], \"b\": null}");
    struct val list = val_find(v, STR("a"));
    cr_assert_eq(val_int(val_at(list, 2)), 30);
    cr_assert_null(val_at(list, 3).ptr);
    cr_assert_eq(val_type(val_find(v, STR("b"))), VAL_NIL);
    cr_assert_null(val_find(v, STR("c")).ptr);
    arena_done(&arena);
}

Test(val, asking_a_string_for_its_number_is_our_own_mistake, .signal = SIGABRT)
{
    struct val v;
    SCAN("\xa1x", &v);
    (void)val_int(v);
}
