/*
 * Canonical bytes; see canon.h.
 *
 * One flat loop with a frame per open container. Lists are read as they come. The pairs of a map
 * are collected on one stack shared by all open maps, sorted there, and taken from it in order.
 */
#include "value/canon.h"

#include <math.h>
#include <stdlib.h>

#include "base/must.h"

enum { PAIRS_LOCAL = 32, STAGE_SIZE = 1024 };

/* Where the bytes go: a buffer, or a hash by way of a small stage. */
struct sink {
    struct buf *buf;
    struct hash_state *state;
    size_t staged;
    uint8_t stage[STAGE_SIZE];
};

struct pair {
    struct str key;
    struct val member;
};

struct frame {
    bool map;
    struct val_iter iter; /* of a list */
    size_t next;          /* of a map: its coming pair, and where its pairs begin and end */
    size_t begin;
    size_t end;
};

struct canon {
    struct sink *sink;
    struct pair *pairs; /* `pairs_local`, or the contents of `pairs_heap` */
    size_t pairs_count;
    size_t pairs_cap;
    uint32_t depth;
    struct frame frames[VAL_DEPTH_WRAPPED_MAX];
    struct buf pairs_heap;
    struct pair pairs_local[PAIRS_LOCAL];
};

/* Hands on <len> bytes. */
static void sink_put(struct sink *sink, const void *bytes, size_t len)
{
    if (sink->buf) {
        buf_put(sink->buf, bytes, len);
        return;
    }
    if (len > STAGE_SIZE - sink->staged) {
        hash_add(sink->state, sink->stage, sink->staged);
        sink->staged = 0;
    }
    if (len > STAGE_SIZE) {
        hash_add(sink->state, bytes, len);
    } else if (len > 0) {
        memcpy(sink->stage + sink->staged, bytes, len);
        sink->staged += len;
    }
}

/* A first byte, then <number> big-endian in <width> bytes. */
static void put_wide(struct sink *sink, uint8_t first, uint64_t number, size_t width)
{
    uint8_t bytes[9] = {first};
    for (size_t index = 0; index < width; index++) {
        bytes[1 + index] = (uint8_t)(number >> (8 * (width - 1 - index)));
    }
    sink_put(sink, bytes, 1 + width);
}

/* A number that is not negative, in its shortest form. */
static void put_uint(struct sink *sink, uint64_t number)
{
    if (number < 0x80) {
        put_wide(sink, (uint8_t)number, 0, 0);
    } else if (number <= UINT8_MAX) {
        put_wide(sink, 0xcc, number, 1);
    } else if (number <= UINT16_MAX) {
        put_wide(sink, 0xcd, number, 2);
    } else if (number <= UINT32_MAX) {
        put_wide(sink, 0xce, number, 4);
    } else {
        put_wide(sink, 0xcf, number, 8);
    }
}

/* An integer in its shortest form. */
static void put_int(struct sink *sink, int64_t number)
{
    uint64_t bits = (uint64_t)number;
    if (number >= 0) {
        put_uint(sink, bits);
    } else if (number >= -32) {
        put_wide(sink, (uint8_t)(bits & 0xff), 0, 0);
    } else if (number >= INT8_MIN) {
        put_wide(sink, 0xd0, bits, 1);
    } else if (number >= INT16_MIN) {
        put_wide(sink, 0xd1, bits, 2);
    } else if (number >= INT32_MIN) {
        put_wide(sink, 0xd2, bits, 4);
    } else {
        put_wide(sink, 0xd3, bits, 8);
    }
}

/* A head with a length or count: <small> is the first byte of the short form for numbers below
 * <small_end>, <first8> that of the form with one byte (0: there is none). */
static void put_head(struct sink *sink, uint8_t small, uint32_t small_end, uint8_t first8,
                     uint8_t first16, uint32_t number)
{
    if (number < small_end) {
        put_wide(sink, (uint8_t)(small | number), 0, 0);
    } else if (first8 && number <= UINT8_MAX) {
        put_wide(sink, first8, number, 1);
    } else if (number <= UINT16_MAX) {
        put_wide(sink, first16, number, 2);
    } else {
        put_wide(sink, (uint8_t)(first16 + 1), number, 4);
    }
}

/* A string, also as a key. */
static void put_str(struct sink *sink, struct str text)
{
    put_head(sink, 0xa0, 32, 0xd9, 0xda, (uint32_t)text.len);
    sink_put(sink, text.ptr, text.len);
}

/* A float; NaN is refused. */
static int put_float(struct sink *sink, double number, struct err_text *reterr_why)
{
    if (isnan(number)) {
        return err_set(reterr_why, ERR_INVALID,
                       "A value with NaN (not a number) in it equals nothing, so it can not be "
                       "part of a cache key; replace it by null or a number.");
    }
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    put_wide(sink, 0xcb, bits, 8);
    return 0;
}

/* Everything that is not a list or map. */
static int put_scalar(struct sink *sink, struct val value, enum val_type type,
                      struct err_text *reterr_why)
{
    switch (type) {
    case VAL_INT:
        put_int(sink, val_int(value));
        return 0;
    case VAL_UINT:
        put_uint(sink, val_uint(value));
        return 0;
    case VAL_FLOAT:
        return put_float(sink, val_float(value), reterr_why);
    case VAL_STR:
        put_str(sink, val_str(value));
        return 0;
    case VAL_BIN:
        put_head(sink, 0, 0, 0xc4, 0xc5, (uint32_t)val_str(value).len);
        sink_put(sink, val_str(value).ptr, val_str(value).len);
        return 0;
    default:
        /* nil, booleans and blob references have one form only */
        sink_put(sink, value.ptr, value.len);
        return 0;
    }
}

/* Bytewise order of keys, a prefix first. */
static int pair_compare(const void *a, const void *b)
{
    struct str left = ((const struct pair *)a)->key;
    struct str right = ((const struct pair *)b)->key;
    size_t common = left.len < right.len ? left.len : right.len;
    int order = common == 0 ? 0 : memcmp(left.ptr, right.ptr, common);
    if (order != 0) {
        return order;
    }
    return left.len < right.len ? -1 : left.len > right.len;
}

/* Makes room for <count> more pairs. */
static int pairs_grow(struct canon *canon, uint32_t count, struct err_text *reterr_why)
{
    size_t need = canon->pairs_count + count;
    if (need <= canon->pairs_cap) {
        return 0;
    }
    size_t len = canon->pairs_count * sizeof(*canon->pairs);
    struct buf *heap = &canon->pairs_heap;
    if (canon->pairs == canon->pairs_local) {
        buf_put(heap, canon->pairs_local, len);
    }
    heap->len = len;
    if (!buf_reserve(heap, count * sizeof(*canon->pairs))) {
        return err_set(reterr_why, ERR_MEMORY, "There is no memory to sort a large map.");
    }
    canon->pairs = (void *)heap->data;
    canon->pairs_cap = heap->cap / sizeof(*canon->pairs);
    return 0;
}

/* Puts the sorted pairs of <map> on the stack. */
static int collect_pairs(struct canon *canon, struct val map, struct err_text *reterr_why)
{
    int err = pairs_grow(canon, val_count(map), reterr_why);
    if (err) {
        return err;
    }
    size_t begin = canon->pairs_count;
    struct val_iter iter = val_iter(map);
    struct pair pair = {.key = STR_NONE};
    while (val_next(&iter, &pair.key, &pair.member)) {
        canon->pairs[canon->pairs_count] = pair;
        canon->pairs_count++;
    }
    qsort(canon->pairs + begin, canon->pairs_count - begin, sizeof(pair), pair_compare);
    return 0;
}

/* Writes a scalar, or the head of a container and opens a frame for it. */
static int put_one(struct canon *canon, struct val value, struct err_text *reterr_why)
{
    enum val_type type = val_type(value);
    if (type != VAL_LIST && type != VAL_MAP) {
        return put_scalar(canon->sink, value, type, reterr_why);
    }
    must(canon->depth < VAL_DEPTH_WRAPPED_MAX);
    struct frame *frame = &canon->frames[canon->depth];
    canon->depth++;
    if (type == VAL_LIST) {
        put_head(canon->sink, 0x90, 16, 0, 0xdc, val_count(value));
        *frame = (struct frame){.iter = val_iter(value)};
        return 0;
    }
    put_head(canon->sink, 0x80, 16, 0, 0xde, val_count(value));
    size_t begin = canon->pairs_count;
    int err = collect_pairs(canon, value, reterr_why);
    *frame = (struct frame){.map = true, .next = begin, .begin = begin, .end = canon->pairs_count};
    return err;
}

/* The next member of the innermost container (its key written), or false: it is closed then. */
static bool next_member(struct canon *canon, struct val *ret_member)
{
    struct frame *frame = &canon->frames[canon->depth - 1];
    if (!frame->map && val_next(&frame->iter, NULL, ret_member)) {
        return true;
    }
    if (frame->map && frame->next < frame->end) {
        put_str(canon->sink, canon->pairs[frame->next].key);
        *ret_member = canon->pairs[frame->next].member;
        frame->next++;
        return true;
    }
    if (frame->map) {
        canon->pairs_count = frame->begin;
    }
    canon->depth--;
    return false;
}

/* Writes the whole of <value> to <sink>. */
static int canon_run(struct sink *sink, struct val value, struct err_text *reterr_why)
{
    must(value.len > 0);
    struct canon canon;
    canon.sink = sink;
    canon.pairs = canon.pairs_local;
    canon.pairs_count = 0;
    canon.pairs_cap = PAIRS_LOCAL;
    buf_init(&canon.pairs_heap, SIZE_MAX / 2);
    canon.depth = 0;
    int err = put_one(&canon, value, reterr_why);
    while (!err && canon.depth > 0) {
        struct val member;
        if (next_member(&canon, &member)) {
            err = put_one(&canon, member, reterr_why);
        }
    }
    buf_done(&canon.pairs_heap);
    return err;
}

int canon_put(struct buf *buf, struct val value, struct err_text *reterr_why)
{
    struct sink sink;
    sink.buf = buf;
    int err = canon_run(&sink, value, reterr_why);
    if (err) {
        return err;
    }
    if (buf_err(buf)) {
        return err_set(reterr_why, buf_err(buf), "The value does not fit into %zu bytes.",
                       buf->max);
    }
    return 0;
}

int canon_hash(struct val value, struct hash *ret_hash, struct err_text *reterr_why)
{
    struct hash_state state;
    struct sink sink;
    sink.buf = NULL;
    sink.state = &state;
    sink.staged = 0;
    hash_begin(&state);
    int err = canon_run(&sink, value, reterr_why);
    if (err) {
        return err;
    }
    hash_add(&state, sink.stage, sink.staged);
    *ret_hash = hash_end(&state);
    return 0;
}
