/*
 * Random values and JSON shorthand for the value tests; see values.h.
 */
#include "values.h"

#include <stdio.h>

#include <criterion/criterion.h>

#include "value/json.h"
#include "value/pack.h"

/* A head for <count> in a form that may be wider than needed. */
static void loose_head(struct buf *buf, struct rng *rng, uint8_t first16, uint32_t count)
{
    size_t width = rng_below(rng, 2) ? 2 : 4;
    buf_put_byte(buf, (uint8_t)(width == 2 ? first16 : first16 + 1));
    for (size_t index = 0; index < width; index++) {
        buf_put_byte(buf, (uint8_t)(count >> (8 * (width - 1 - index))));
    }
}

/* An integer somewhere between all magnitudes. */
static void random_int(struct buf *buf, struct rng *rng, unsigned flags)
{
    uint64_t number = rng_u64(rng) >> rng_below(rng, 64);
    if (flags & VALUES_LOOSE && rng_below(rng, 2)) {
        buf_put_byte(buf, 0xd3);
        for (int shift = 56; shift >= 0; shift -= 8) {
            buf_put_byte(buf, (uint8_t)(number >> shift));
        }
    } else if (rng_below(rng, 2)) {
        pack_int(buf, -(int64_t)(number >> 1));
    } else if (flags & VALUES_JSON) {
        pack_int(buf, (int64_t)(number >> 1));
    } else {
        pack_uint(buf, number);
    }
}

/* Text of ASCII, Latin, kana and emoji. */
static void random_str(struct buf *buf, struct rng *rng, unsigned flags)
{
    static const char *const pieces[] = {"a", "\"", "\\", "\n", "\x01", "ö", "の", "🚂", "$", "{"};
    char text[600] = "";
    size_t len = 0;
    size_t count = rng_below(rng, 10) == 0 ? 140 : rng_below(rng, 12);
    for (size_t index = 0; index < count; index++) {
        const char *piece = pieces[rng_below(rng, 10)];
        memcpy(text + len, piece, strlen(piece));
        len += strlen(piece);
    }
    if (flags & VALUES_LOOSE && rng_below(rng, 2)) {
        loose_head(buf, rng, 0xda, (uint32_t)len);
        buf_put(buf, text, len);
    } else {
        pack_str(buf, (struct str){text, len});
    }
}

/* A scalar. */
static void random_scalar(struct buf *buf, struct rng *rng, unsigned flags)
{
    static const double floats[] = {0.0, -0.0, 1.0, 0.1, -1e300, 5e-324, 1e21, 123456789.125};
    uint8_t bytes[40];
    for (size_t index = 0; index < sizeof(bytes); index++) {
        bytes[index] = (uint8_t)rng_u64(rng);
    }
    switch (rng_below(rng, flags & VALUES_JSON ? 6 : 7)) {
    case 0:
        pack_nil(buf);
        break;
    case 1:
        pack_bool(buf, rng_below(rng, 2));
        break;
    case 2:
        random_int(buf, rng, flags);
        break;
    case 3:
        if (flags & VALUES_LOOSE && rng_below(rng, 2)) {
            buf_put(buf, "\xca\x3f\x80\x00\x01", 5);
        } else {
            pack_float(buf, floats[rng_below(rng, 8)]);
        }
        break;
    case 4:
        random_str(buf, rng, flags);
        break;
    case 5:
        pack_bin(buf, bytes, rng_below(rng, sizeof(bytes)));
        break;
    default: {
        struct blob_ref blob = {.size = rng_u64(rng)};
        memcpy(blob.hash.bytes, bytes, HASH_SIZE);
        pack_blob(buf, &blob);
        break;
    }
    }
}

/* A value of at most <size> nodes, <depth> levels below the top. */
static void random_value(struct buf *buf, struct rng *rng, unsigned flags, uint32_t size,
                         uint32_t depth)
{
    if (size < 2 || depth == 8) {
        random_scalar(buf, rng, flags);
        return;
    }
    bool map = rng_below(rng, 2);
    uint32_t count = (uint32_t)rng_below(rng, size < 40 ? size : 40);
    if (flags & VALUES_LOOSE && rng_below(rng, 2)) {
        loose_head(buf, rng, map ? 0xde : 0xdc, count);
    } else if (map) {
        pack_map(buf, count);
    } else {
        pack_list(buf, count);
    }
    for (uint32_t index = 0; index < count; index++) {
        if (map) {
            char key[24];
            snprintf(key, sizeof(key), "%s%x", index % 3 ? "k" : "key-", index * 7919 % 65536);
            pack_cstr(buf, key);
        }
        random_value(buf, rng, flags, size / count, depth + 1);
    }
}

void values_random(struct buf *buf, struct rng *rng, unsigned flags, uint32_t size)
{
    random_value(buf, rng, flags, size, 0);
}

void values_permute(struct buf *buf, struct rng *rng, struct val value)
{
    enum val_type type = val_type(value);
    if (type != VAL_LIST && type != VAL_MAP) {
        pack_val(buf, value);
        return;
    }
    uint32_t count = val_count(value);
    uint32_t order[64];
    cr_assert_leq(count, 64);
    for (uint32_t index = 0; index < count; index++) {
        order[index] = index;
        uint32_t other = type == VAL_MAP ? (uint32_t)rng_below(rng, index + 1) : index;
        order[index] = order[other];
        order[other] = index;
    }
    if (type == VAL_MAP) {
        pack_map(buf, count);
    } else {
        pack_list(buf, count);
    }
    for (uint32_t index = 0; index < count; index++) {
        struct val_iter iter = val_iter(value);
        struct str key = STR_NONE;
        struct val member = VAL_NONE;
        for (uint32_t skip = 0; skip <= order[index]; skip++) {
            val_next(&iter, &key, &member);
        }
        if (type == VAL_MAP) {
            pack_str(buf, key);
        }
        values_permute(buf, rng, member);
    }
}

struct val values_json(struct arena *arena, const char *json)
{
    struct err_text why = {""};
    struct buf buf = BUF_INIT((size_t)64 << 20);
    int err = json_parse(str_of(json), &val_limits_task, JSON_PARSE_BLOBS, &buf, &why);
    cr_assert_eq(err, 0, "%s: %s", json, why.text);
    struct val value = {arena_memdup(arena, buf.data, buf.len), buf.len};
    buf_done(&buf);
    return value;
}

const char *values_text(struct arena *arena, struct val value)
{
    struct buf buf = BUF_INIT((size_t)64 << 20);
    cr_assert_eq(json_print(&buf, value), 0);
    const char *text = arena_strdup(arena, buf_cstr(&buf));
    buf_done(&buf);
    return text;
}
