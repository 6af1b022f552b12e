/*
 * leat/value.h: reading any bytes, writing values, and agreement with the engine's own msgpack.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <leat/value.h>

#include "base/buf.h"
#include "base/rng.h"
#include "fake_host.h"
#include "value/canon.h"
#include "value/pack.h"
#include "value/val.h"

/* A view of bytes written as a literal. */
#define VIEW(literal) ((leat_view){(const unsigned char *)(literal), sizeof(literal) - 1})

/* A view of a buffer. */
static leat_view view_of(const struct buf *buf)
{
    return (leat_view){buf->data, buf->len};
}

/* 1 when <str> has exactly this text. */
static int str_is_text(leat_str str, const char *text)
{
    return str.len == strlen(text) && memcmp(str.ptr, text, str.len) == 0;
}

Test(value, every_first_byte_has_its_type)
{
    static const struct {
        leat_view view;
        int type;
    } rows[] = {
        {VIEW("\x00"), LEAT_VIEW_INT},
        {VIEW("\x7f"), LEAT_VIEW_INT},
        {VIEW("\x80"), LEAT_VIEW_MAP},
        {VIEW("\x90"), LEAT_VIEW_LIST},
        {VIEW("\xa0"), LEAT_VIEW_STR},
        {VIEW("\xc0"), LEAT_VIEW_NIL},
        {VIEW("\xc1"), LEAT_VIEW_NONE},
        {VIEW("\xc2"), LEAT_VIEW_BOOL},
        {VIEW("\xc3"), LEAT_VIEW_BOOL},
        {VIEW("\xc4\0"), LEAT_VIEW_BYTES},
        {VIEW("\xc5\0\0"), LEAT_VIEW_BYTES},
        {VIEW("\xc6\0\0\0\0"), LEAT_VIEW_BYTES},
        {VIEW("\xc7\0\1"), LEAT_VIEW_EXT},
        {VIEW("\xc8\0\0\1"), LEAT_VIEW_EXT},
        {VIEW("\xc9\0\0\0\0\1"), LEAT_VIEW_EXT},
        {VIEW("\xca\0\0\0\0"), LEAT_VIEW_FLOAT},
        {VIEW("\xcb\0\0\0\0\0\0\0\0"), LEAT_VIEW_FLOAT},
        {VIEW("\xcc\0"), LEAT_VIEW_INT},
        {VIEW("\xcd\0\0"), LEAT_VIEW_INT},
        {VIEW("\xce\0\0\0\0"), LEAT_VIEW_INT},
        {VIEW("\xcf\0\0\0\0\0\0\0\0"), LEAT_VIEW_INT},
        {VIEW("\xd0\0"), LEAT_VIEW_INT},
        {VIEW("\xd1\0\0"), LEAT_VIEW_INT},
        {VIEW("\xd2\0\0\0\0"), LEAT_VIEW_INT},
        {VIEW("\xd3\0\0\0\0\0\0\0\0"), LEAT_VIEW_INT},
        {VIEW("\xd4\1\0"), LEAT_VIEW_EXT},
        {VIEW("\xd5\1\0\0"), LEAT_VIEW_EXT},
        {VIEW("\xd6\1\0\0\0\0"), LEAT_VIEW_EXT},
        {VIEW("\xd9\0"), LEAT_VIEW_STR},
        {VIEW("\xda\0\0"), LEAT_VIEW_STR},
        {VIEW("\xdb\0\0\0\0"), LEAT_VIEW_STR},
        {VIEW("\xdc\0\0"), LEAT_VIEW_LIST},
        {VIEW("\xdd\0\0\0\0"), LEAT_VIEW_LIST},
        {VIEW("\xde\0\0"), LEAT_VIEW_MAP},
        {VIEW("\xdf\0\0\0\0"), LEAT_VIEW_MAP},
        {VIEW("\xe0"), LEAT_VIEW_INT},
        {VIEW("\xff"), LEAT_VIEW_INT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_eq(leat_view_type(rows[i].view), rows[i].type, "row %zu", i);
        cr_expect_eq(leat_view_size(rows[i].view),
                     rows[i].type == LEAT_VIEW_NONE ? 0 : rows[i].view.len, "row %zu", i);
    }
}

Test(value, numbers_keep_their_value_at_every_width)
{
    static const int64_t numbers[] = {
        0,         1,          127,       128,          255,       256,      65535,  65536,
        -1,        -32,        -33,       -128,         -129,      -32768,   -32769, INT32_MIN,
        INT32_MAX, UINT32_MAX, 1LL << 40, -(1LL << 40), INT64_MIN, INT64_MAX};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        CLEANUP_BUF struct buf buf = BUF_INIT(100);
        unsigned char own[9];

        pack_int(&buf, numbers[i]);
        cr_expect_eq(leat_view_int(view_of(&buf), 77), numbers[i]);
        cr_expect_eq(leat_pack_int_(own, numbers[i]), buf.len, "as short as msgpack-c's");
        cr_expect_arr_eq(own, buf.data, buf.len);
    }
}

Test(value, numbers_beyond_their_type_give_the_fallback)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(100);

    pack_uint(&buf, UINT64_MAX);
    cr_expect_eq(leat_view_int(view_of(&buf), 77), 77);
    cr_expect_eq(leat_view_uint(view_of(&buf), 77), UINT64_MAX);
    cr_expect_eq(leat_view_uint(VIEW("\xff"), 77), 77);
    cr_expect_eq(leat_view_int(VIEW("\xcb\0\0\0\0\0\0\0\0"), 77), 77);
}

Test(value, a_float_reads_from_floats_and_ints)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(100);

    pack_float(&buf, -0.1);
    cr_expect_eq(leat_view_float(view_of(&buf), 0), -0.1);
    cr_expect_eq(leat_view_float(VIEW("\xca\x3f\xc0\0\0"), 0), 1.5);
    cr_expect_eq(leat_view_float(VIEW("\xd0\x80"), 0), -128.0);
    cr_expect_eq(leat_view_float(VIEW("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), 0), 0x1p64);
    cr_expect_eq(leat_view_float(VIEW("\xa1\x31"), 9), 9);
}

Test(value, a_bool_is_not_a_number)
{
    cr_expect_eq(leat_view_bool(VIEW("\xc3"), 0), 1);
    cr_expect_eq(leat_view_bool(VIEW("\xc2"), 1), 0);
    cr_expect_eq(leat_view_bool(VIEW("\x01"), -1), -1);
    cr_expect_eq(leat_view_int(VIEW("\xc3"), 77), 77);
}

Test(value, text_and_bytes_are_different_types)
{
    cr_expect(str_is_text(leat_view_str(VIEW("\xa2hi")), "hi"));
    cr_expect_null(leat_view_bytes(VIEW("\xa2hi")).ptr);
    cr_expect(str_is_text(leat_view_bytes(VIEW("\xc4\2hi")), "hi"));
    cr_expect_null(leat_view_str(VIEW("\xc4\2hi")).ptr);
}

Test(value, an_empty_text_has_a_pointer)
{
    cr_expect_not_null(leat_view_str(VIEW("\xa0")).ptr);
}

Test(value, members_are_found_and_look_ups_chain)
{
    leat_view map = VIEW("\x82\xa1x\x01\xa1y\x81\xa1z\xa2hi");

    cr_expect_eq(leat_view_int(leat_view_find(map, "x"), 0), 1);
    cr_expect(leat_view_is(leat_view_find(leat_view_find(map, "y"), "z"), "hi"));
    cr_expect_eq(leat_view_type(leat_view_find(leat_view_find(map, "x"), "z")), LEAT_VIEW_NONE);
    cr_expect_eq(leat_view_type(leat_view_find(map, "w")), LEAT_VIEW_NONE);
}

Test(value, items_are_found_by_position)
{
    leat_view list = VIEW("\x93\x01\x92\x02\x03\x04");

    cr_expect_eq(leat_view_int(leat_view_at(list, 2), 0), 4);
    cr_expect_eq(leat_view_count(leat_view_at(list, 1)), 2);
    cr_expect_eq(leat_view_type(leat_view_at(list, 3)), LEAT_VIEW_NONE);
    cr_expect_eq(leat_view_type(leat_view_at(VIEW("\x81\xa1x\x01"), 0)), LEAT_VIEW_NONE);
}

Test(value, a_walk_sees_all_pairs_in_order)
{
    leat_iter iter = leat_iter_of(VIEW("\x82\xa1x\x01\xa1y\x02"));
    leat_view key;
    leat_view item;

    cr_assert(leat_iter_next(&iter, &key, &item));
    cr_expect(leat_view_is(key, "x"));
    cr_expect_eq(leat_view_int(item, 0), 1);
    cr_assert(leat_iter_next(&iter, NULL, &item));
    cr_expect_eq(leat_view_int(item, 0), 2);
    cr_expect_not(leat_iter_next(&iter, &key, &item));
    cr_expect_not(leat_iter_next(&iter, &key, &item));
}

Test(value, a_walk_ends_where_the_bytes_are_malformed)
{
    leat_iter iter = leat_iter_of(VIEW("\x93\x01\xc1\x03"));

    cr_expect(leat_iter_next(&iter, NULL, NULL));
    cr_expect_not(leat_iter_next(&iter, NULL, NULL));
    cr_expect_not(leat_iter_next(&iter, NULL, NULL));
}

Test(value, a_count_that_can_not_fit_is_no_container)
{
    cr_expect_eq(leat_view_type(VIEW("\xdd\xff\xff\xff\xff\x01")), LEAT_VIEW_NONE);
    cr_expect_eq(leat_view_type(VIEW("\xdf\xff\xff\xff\xff\x01")), LEAT_VIEW_NONE);
    cr_expect_eq(leat_view_count(VIEW("\xdc\x00\x02\x01")), 0);
    cr_expect_null(leat_view_str(VIEW("\xdb\xff\xff\xff\xff_")).ptr);
}

Test(value, nesting_of_any_depth_needs_no_stack)
{
    size_t len = 4 * 1024 * 1024;
    unsigned char *bytes = malloc(len);

    memset(bytes, 0x91, len);
    bytes[len - 1] = 0xc0;
    cr_expect_eq(leat_view_size((leat_view){bytes, len}), len);
    bytes[len - 1] = 0x91;
    cr_expect_eq(leat_view_size((leat_view){bytes, len}), 0);
    free(bytes);
}

Test(value, the_empty_view_is_safe_everywhere)
{
    leat_view none = {NULL, 0};

    cr_expect_eq(leat_view_type(none), LEAT_VIEW_NONE);
    cr_expect_eq(leat_view_size(none), 0);
    cr_expect_eq(leat_view_count(none), 0);
    cr_expect_eq(leat_view_int(none, 5), 5);
    cr_expect_eq(leat_view_type(leat_view_find(none, "x")), LEAT_VIEW_NONE);
    cr_expect_eq(leat_view_type(leat_view_at(none, 0)), LEAT_VIEW_NONE);
    cr_expect_null(leat_view_raw(none).ptr);
}

/* Appends a random value of at most <depth> levels. */
static void pack_random(struct buf *buf, struct rng *rng, int depth)
{
    uint64_t dice = rng_below(rng, depth > 0 ? 9 : 7);
    uint32_t count = (uint32_t)rng_below(rng, 5);
    char text[301];

    memset(text, 'a' + (int)rng_below(rng, 26), sizeof text);
    switch (dice) {
    case 0:
        pack_nil(buf);
        return;
    case 1:
        pack_bool(buf, rng_below(rng, 2) == 1);
        return;
    case 2:
        pack_int(buf, (int64_t)(rng_u64(rng) >> rng_below(rng, 64)));
        return;
    case 3:
        pack_int(buf, -(int64_t)(rng_u64(rng) >> (1 + rng_below(rng, 63))));
        return;
    case 4:
        pack_float(buf, (double)rng_u64(rng) / 7.0);
        return;
    case 5:
        pack_str(buf, (struct str){text, (size_t)rng_below(rng, 300)});
        return;
    case 6:
        pack_bin(buf, text, (size_t)rng_below(rng, 300));
        return;
    case 7:
        pack_list(buf, count);
        for (uint32_t i = 0; i < count; i++) {
            pack_random(buf, rng, depth - 1);
        }
        return;
    default:
        pack_map(buf, count);
        for (uint32_t i = 0; i < count; i++) {
            text[0] = (char)('a' + (int)i);
            pack_str(buf, (struct str){text, 1 + (size_t)rng_below(rng, 40)});
            pack_random(buf, rng, depth - 1);
        }
    }
}

/* Writes again what <view> holds, item by item. */
static void rewrite(leat_writer *writer, leat_view view)
{
    leat_iter iter = leat_iter_of(view);
    leat_view key;
    leat_view item;
    leat_str bytes = leat_view_bytes(view);

    switch (leat_view_type(view)) {
    case LEAT_VIEW_NIL:
        leat_write_nil(writer);
        return;
    case LEAT_VIEW_BOOL:
        leat_write_bool(writer, leat_view_bool(view, 0));
        return;
    case LEAT_VIEW_INT:
        leat_write_int(writer, leat_view_int(view, 0));
        return;
    case LEAT_VIEW_FLOAT:
        leat_write_float(writer, leat_view_float(view, 0));
        return;
    case LEAT_VIEW_STR:
        leat_write_str(writer, leat_view_str(view));
        return;
    case LEAT_VIEW_BYTES:
        leat_write_bytes(writer, bytes.ptr, bytes.len);
        return;
    case LEAT_VIEW_LIST:
        leat_write_list_begin(writer);
        while (leat_iter_next(&iter, NULL, &item)) {
            rewrite(writer, item);
        }
        leat_write_list_end(writer);
        return;
    default:
        leat_write_map_begin(writer);
        while (leat_iter_next(&iter, &key, &item)) {
            leat_write_str(writer, leat_view_str(key));
            rewrite(writer, item);
        }
        leat_write_map_end(writer);
    }
}

/* Compares a view with a value of the engine, member by member. */
static void expect_same(leat_view view, struct val v)
{
    leat_iter own = leat_iter_of(view);
    struct val_iter theirs;
    struct str name;
    struct val member;
    leat_view key;
    leat_view item;

    cr_assert_eq(leat_view_size(view), v.len);
    switch (val_type(v)) {
    case VAL_LIST:
    case VAL_MAP:
        cr_assert_eq(leat_view_count(view), val_count(v));
        theirs = val_iter(v);
        while (val_next(&theirs, &name, &member)) {
            cr_assert(leat_iter_next(&own, &key, &item));
            if (val_type(v) == VAL_MAP) {
                leat_str text = leat_view_str(key);
                cr_assert(str_eq((struct str){text.ptr, text.len}, name));
            }
            expect_same(item, member);
        }
        return;
    case VAL_STR:
        cr_assert_eq(leat_view_str(view).len, val_str(v).len);
        return;
    case VAL_INT:
        cr_assert_eq(leat_view_int(view, -77), val_int(v));
        return;
    default:
        return;
    }
}

Test(value, reader_writer_and_engine_agree_on_random_values)
{
    struct rng rng;

    rng_seed(&rng, 20261121);
    for (int round = 0; round < 2000; round++) {
        CLEANUP_BUF struct buf buf = BUF_INIT(1024 * 1024);
        struct fake_call *fake = fake_new();
        leat_writer writer;
        struct val v;

        pack_random(&buf, &rng, 4);
        cr_assert_eq(val_scan(buf.data, buf.len, &val_limits_task, &v, NULL), 0);
        expect_same(view_of(&buf), v);
        leat_writer_init(&writer, &fake->head);
        rewrite(&writer, view_of(&buf));
        leat_str again = leat_writer_done(&writer);
        cr_assert_not_null(again.ptr);
        struct val copy;
        cr_assert_eq(val_scan(again.ptr, again.len, &val_limits_task, &copy, NULL), 0);
        cr_assert_eq(copy.len, again.len);
        /* Heads of containers are wider in the writer's output; in canonical form all is equal. */
        struct hash first;
        struct hash second;
        cr_assert_eq(canon_hash(v, &first, NULL), 0);
        cr_assert_eq(canon_hash(copy, &second, NULL), 0);
        cr_assert_arr_eq(first.bytes, second.bytes, HASH_SIZE);
        fake_free(fake);
    }
}

Test(value, any_bytes_are_safe_to_read)
{
    struct rng rng;

    rng_seed(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)rng_below(&rng, 40);
        unsigned char *bytes = malloc(len == 0 ? 1 : len);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (unsigned char)rng_u64(&rng);
        }
        leat_view view = {bytes, len};
        leat_iter iter = leat_iter_of(view);
        leat_view item;
        while (leat_iter_next(&iter, NULL, &item)) {
            cr_assert(item.ptr >= bytes && item.ptr + item.len <= bytes + len);
        }
        struct val v;
        if (val_scan(bytes, len, &val_limits_task, &v, NULL) == 0) {
            cr_assert_eq(leat_view_size(view), v.len, "what the engine accepts, the reader reads");
        }
        (void)leat_view_float(view, 0);
        (void)leat_view_find(view, "x");
        free(bytes);
    }
}

/* ---- writing ---- */

/* Begins a writer over the test's call. */
static leat_writer begin(struct fake_call *fake)
{
    leat_writer writer;

    leat_writer_init(&writer, &fake->head);
    return writer;
}

Test(value, a_writer_builds_nested_containers_without_counts)
{
    struct fake_call *fake = fake_new();
    leat_writer writer = begin(fake);

    leat_write_map_begin(&writer);
    leat_write_key(&writer, "rows");
    leat_write_list_begin(&writer);
    leat_write_int(&writer, 1);
    leat_write_text(&writer, "two");
    leat_write_list_end(&writer);
    leat_write_key(&writer, "more");
    leat_write_bool(&writer, 1);
    leat_write_map_end(&writer);
    leat_view map = leat_view_of(leat_writer_done(&writer));
    cr_assert_eq(leat_view_count(map), 2);
    cr_expect_eq(leat_view_count(leat_view_find(map, "rows")), 2);
    cr_expect(leat_view_is(leat_view_at(leat_view_find(map, "rows"), 1), "two"));
    fake_free(fake);
}

Test(value, a_writer_grows_to_large_values)
{
    struct fake_call *fake = fake_new();
    leat_writer writer = begin(fake);

    leat_write_list_begin(&writer);
    for (int i = 0; i < 100000; i++) {
        leat_write_float(&writer, i);
    }
    leat_write_list_end(&writer);
    leat_view list = leat_view_of(leat_writer_done(&writer));
    cr_assert_eq(leat_view_count(list), 100000);
    cr_expect_eq(leat_view_float(leat_view_at(list, 99999), 0), 99999.0);
    fake_free(fake);
}

Test(value, a_writer_without_memory_fails_once_and_for_all)
{
    struct fake_call *fake = fake_new();
    leat_writer writer = begin(fake);

    fake->alloc_left = 1000;
    leat_write_list_begin(&writer);
    for (int i = 0; i < 1000; i++) {
        leat_write_int(&writer, i);
    }
    leat_write_list_end(&writer);
    cr_expect_null(leat_writer_done(&writer).ptr);
    fake_free(fake);
}

Test(value, a_fixed_buffer_takes_what_fits_and_no_byte_more)
{
    unsigned char bytes[9];
    leat_writer writer;

    leat_writer_init_fixed(&writer, bytes, 9);
    leat_write_float(&writer, 1.5);
    cr_expect_eq(leat_writer_done(&writer).len, 9);
    leat_writer_init_fixed(&writer, bytes, 8);
    leat_write_float(&writer, 1.5);
    cr_expect_null(leat_writer_done(&writer).ptr);
}

Test(value, a_key_without_value_is_a_failure)
{
    struct fake_call *fake = fake_new();
    leat_writer writer = begin(fake);

    leat_write_map_begin(&writer);
    leat_write_key(&writer, "x");
    leat_write_map_end(&writer);
    cr_expect_null(leat_writer_done(&writer).ptr);
    fake_free(fake);
}

Test(value, a_key_that_is_no_text_is_a_failure)
{
    struct fake_call *fake = fake_new();
    leat_writer writer = begin(fake);

    leat_write_map_begin(&writer);
    leat_write_int(&writer, 1);
    leat_write_int(&writer, 2);
    leat_write_map_end(&writer);
    cr_expect_null(leat_writer_done(&writer).ptr);
    fake_free(fake);
}

Test(value, an_open_container_is_a_failure)
{
    struct fake_call *fake = fake_new();
    leat_writer writer = begin(fake);

    leat_write_list_begin(&writer);
    cr_expect_null(leat_writer_done(&writer).ptr);
    fake_free(fake);
}

Test(value, the_wrong_end_is_a_failure)
{
    struct fake_call *fake = fake_new();
    leat_writer writer = begin(fake);

    leat_write_list_begin(&writer);
    leat_write_map_end(&writer);
    cr_expect_null(leat_writer_done(&writer).ptr);
    fake_free(fake);
}

Test(value, two_values_are_a_failure_and_so_is_none)
{
    struct fake_call *fake = fake_new();
    leat_writer writer = begin(fake);

    cr_expect_null(leat_writer_done(&writer).ptr);
    leat_write_int(&writer, 1);
    leat_write_int(&writer, 2);
    cr_expect_null(leat_writer_done(&writer).ptr);
    fake_free(fake);
}

Test(value, one_level_too_deep_is_a_failure)
{
    for (uint32_t depth = LEAT_DEPTH_MAX; depth <= LEAT_DEPTH_MAX + 1; depth++) {
        struct fake_call *fake = fake_new();
        leat_writer writer = begin(fake);

        for (uint32_t i = 0; i < depth; i++) {
            leat_write_list_begin(&writer);
        }
        for (uint32_t i = 0; i < depth; i++) {
            leat_write_list_end(&writer);
        }
        cr_expect_eq(leat_writer_done(&writer).ptr != NULL, depth == LEAT_DEPTH_MAX);
        fake_free(fake);
    }
}

Test(value, a_finished_value_is_taken_over_whole_or_not_at_all)
{
    struct fake_call *fake = fake_new();
    leat_writer writer = begin(fake);

    leat_write_list_begin(&writer);
    leat_write_value(&writer, (leat_str){"\x92\x01\x02", 3});
    leat_write_list_end(&writer);
    cr_expect_eq(leat_view_count(leat_view_at(leat_view_of(leat_writer_done(&writer)), 0)), 2);
    writer = begin(fake);
    leat_write_value(&writer, (leat_str){"\x92\x01", 2});
    cr_expect_null(leat_writer_done(&writer).ptr);
    writer = begin(fake);
    leat_write_value(&writer, (leat_str){"\x01\x02", 2});
    cr_expect_null(leat_writer_done(&writer).ptr);
    fake_free(fake);
}

Test(value, texts_of_every_length_class_come_back)
{
    static const size_t lengths[] = {0, 31, 32, 255, 256, 65535, 65536};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct fake_call *fake = fake_new();
        leat_writer writer = begin(fake);
        char *text = malloc(lengths[i] + 1);

        memset(text, 't', lengths[i]);
        leat_write_list_begin(&writer);
        leat_write_str(&writer, (leat_str){text, lengths[i]});
        leat_write_bytes(&writer, text, lengths[i]);
        leat_write_list_end(&writer);
        leat_view list = leat_view_of(leat_writer_done(&writer));
        cr_expect_eq(leat_view_str(leat_view_at(list, 0)).len, lengths[i]);
        cr_expect_eq(leat_view_bytes(leat_view_at(list, 1)).len, lengths[i]);
        free(text);
        fake_free(fake);
    }
}
