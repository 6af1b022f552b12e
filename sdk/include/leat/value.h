/*
 * Reading and writing msgpack values inside a plugin, without a msgpack library.
 *
 * The reader allocates nothing and copies nothing: a leat_view borrows bytes and every function
 * checks every length, so that it is safe on bytes from anywhere, not only on those the host has
 * checked. What is missing, malformed or of another type reads as the empty view or as the caller's
 * fallback, so look-ups can be chained and tested once. Nothing here recurses; the cost of any call
 * is at most linear in the bytes of its view.
 *
 * The writer appends to memory of the call (freed by the host after run()) or to a fixed buffer of
 * the caller's. It remembers the first failure and says it once, in leat_writer_done().
 *
 * Convenience over leat/abi.h, no part of the contract. C11 and C++11.
 */
#ifndef LEAT_VALUE_H
#define LEAT_VALUE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <leat/abi.h>

/* Every function of the convenience layer; sdk/src/leat_sdk.c turns them into real symbols. */
#ifndef LEAT_API
#define LEAT_API static inline
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What leat_view_type() answers. NONE is the empty view and everything malformed. */
#define LEAT_VIEW_NONE 0
#define LEAT_VIEW_NIL 1
#define LEAT_VIEW_BOOL 2
#define LEAT_VIEW_INT 3
#define LEAT_VIEW_FLOAT 4
#define LEAT_VIEW_STR 5
#define LEAT_VIEW_BYTES 6
#define LEAT_VIEW_LIST 7
#define LEAT_VIEW_MAP 8
#define LEAT_VIEW_EXT 9

/* One value: the msgpack bytes that begin at <ptr>. {NULL, 0} is the empty view. */
typedef struct leat_view {
    const unsigned char *ptr;
    size_t len;
} leat_view;

/* A walk over the items of a list or a map. Its members are private. */
typedef struct leat_iter {
    const unsigned char *ptr;
    const unsigned char *end;
    uint64_t left;
    int32_t is_map;
} leat_iter;

/* A value being written. Its members are private. */
typedef struct leat_writer {
    leat_call *call; /* where memory comes from; NULL for a fixed buffer */
    unsigned char *ptr;
    size_t len;
    size_t size;
    uint32_t depth;
    int32_t failed;
    struct {
        size_t at; /* where the container's head stands */
        uint32_t count;
        uint32_t is_map;
    } open[LEAT_DEPTH_MAX];
} leat_writer;

/* ---- reading ---- */

/* A view of <msgpack>, which is borrowed for as long as the view and all views found in it are
 * used. */
LEAT_API leat_view leat_view_of(leat_str msgpack);

/* One of LEAT_VIEW_*. */
LEAT_API int leat_view_type(leat_view view);

/* Bytes of the value at the view's beginning with everything inside it, 0 when malformed. */
LEAT_API size_t leat_view_size(leat_view view);

/* Exactly the bytes of the value, to be handed on, for example to leat_write_value(). */
LEAT_API leat_str leat_view_raw(leat_view view);

/* Items of a list, pairs of a map, 0 for anything else. */
LEAT_API size_t leat_view_count(leat_view view);

/* The value as a number or truth, or <fallback> when it is of another type or does not fit. An int
 * reads as a float too; a float never reads as an int. */
LEAT_API int leat_view_bool(leat_view view, int fallback);
LEAT_API int64_t leat_view_int(leat_view view, int64_t fallback);
LEAT_API uint64_t leat_view_uint(leat_view view, uint64_t fallback);
LEAT_API double leat_view_float(leat_view view, double fallback);

/* Text of a string, content of bytes: borrowed, not NUL-terminated, {NULL, 0} for another type. An
 * empty string has a pointer. */
LEAT_API leat_str leat_view_str(leat_view view);
LEAT_API leat_str leat_view_bytes(leat_view view);

/* The value under <key> in a map, the first when there are several; empty when it is not there. */
LEAT_API leat_view leat_view_find(leat_view map, const char *key);

/* Item <index> of a list, empty when there are not so many. For a whole list use leat_iter. */
LEAT_API leat_view leat_view_at(leat_view list, size_t index);

/* Begins a walk over a list or a map; over anything else it ends at once. */
LEAT_API leat_iter leat_iter_of(leat_view view);

/* Moves to the next item and returns 1; 0 at the end or where the bytes are malformed. <ret_key> is
 * the empty view in a list. Each may be NULL. */
LEAT_API int leat_iter_next(leat_iter *iter, leat_view *ret_key, leat_view *ret_item);

/* 1 when the view is a string and equals <text>. */
LEAT_API int leat_view_is(leat_view view, const char *text);

/* ---- writing ---- */

/* Begins a value in memory of <call> [call-thread]. Nothing needs to be freed. */
LEAT_API void leat_writer_init(leat_writer *writer, leat_call *call);

/* Begins a value in the caller's <size> bytes at <memory>; more than fits is a failure. */
LEAT_API void leat_writer_init_fixed(leat_writer *writer, void *memory, size_t size);

/* Each appends one value. In a map, keys and values take turns and keys are strings. */
LEAT_API void leat_write_nil(leat_writer *writer);
LEAT_API void leat_write_bool(leat_writer *writer, int value);
LEAT_API void leat_write_int(leat_writer *writer, int64_t value);
LEAT_API void leat_write_uint(leat_writer *writer, uint64_t value);
LEAT_API void leat_write_float(leat_writer *writer, double value);
LEAT_API void leat_write_str(leat_writer *writer, leat_str text);
LEAT_API void leat_write_text(leat_writer *writer, const char *text);
LEAT_API void leat_write_bytes(leat_writer *writer, const void *data, size_t size);
/* Appends a finished msgpack value; must be one whole value. */
LEAT_API void leat_write_value(leat_writer *writer, leat_str msgpack);
/* The key of the next value of the innermost map. Same as leat_write_text(). */
LEAT_API void leat_write_key(leat_writer *writer, const char *key);

/* Lists and maps: everything between begin and end belongs to it. At most LEAT_DEPTH_MAX deep. */
LEAT_API void leat_write_list_begin(leat_writer *writer);
LEAT_API void leat_write_list_end(leat_writer *writer);
LEAT_API void leat_write_map_begin(leat_writer *writer);
LEAT_API void leat_write_map_end(leat_writer *writer);

/* The finished value, borrowed from the call or the caller's buffer; {NULL, 0} after any failure:
 * no memory, too deep, a container left open, a map with a key but no value,
 * not exactly one value. */
LEAT_API leat_str leat_writer_done(leat_writer *writer);

/* ---- bodies ---- */

/* The head of one msgpack object: where its payload stands and how many values follow it. */
typedef struct leat_head_ {
    int type;
    size_t start;   /* offset of the payload */
    size_t size;    /* bytes of the payload */
    uint64_t items; /* values inside: n for a list, 2n for a map */
} leat_head_;

/* <size> bytes, big end first. */
LEAT_API uint64_t leat_load_(const unsigned char *ptr, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++) {
        value = (value << 8) | ptr[i];
    }
    return value;
}

/* The head of a byte from 0xc0 to 0xdf, the ones whose length is not in the byte itself. */
LEAT_API int leat_head_tagged_(const unsigned char *ptr, size_t len, leat_head_ *ret_head)
{
    /* Type, bytes of the count that follows, bytes of payload besides what is counted. */
    static const unsigned char shapes[32][3] = {
        {LEAT_VIEW_NIL, 0, 0},   {LEAT_VIEW_NONE, 0, 0},  {LEAT_VIEW_BOOL, 0, 0},
        {LEAT_VIEW_BOOL, 0, 0},  {LEAT_VIEW_BYTES, 1, 0}, {LEAT_VIEW_BYTES, 2, 0},
        {LEAT_VIEW_BYTES, 4, 0}, {LEAT_VIEW_EXT, 1, 1},   {LEAT_VIEW_EXT, 2, 1},
        {LEAT_VIEW_EXT, 4, 1},   {LEAT_VIEW_FLOAT, 0, 4}, {LEAT_VIEW_FLOAT, 0, 8},
        {LEAT_VIEW_INT, 0, 1},   {LEAT_VIEW_INT, 0, 2},   {LEAT_VIEW_INT, 0, 4},
        {LEAT_VIEW_INT, 0, 8},   {LEAT_VIEW_INT, 0, 1},   {LEAT_VIEW_INT, 0, 2},
        {LEAT_VIEW_INT, 0, 4},   {LEAT_VIEW_INT, 0, 8},   {LEAT_VIEW_EXT, 0, 2},
        {LEAT_VIEW_EXT, 0, 3},   {LEAT_VIEW_EXT, 0, 5},   {LEAT_VIEW_EXT, 0, 9},
        {LEAT_VIEW_EXT, 0, 17},  {LEAT_VIEW_STR, 1, 0},   {LEAT_VIEW_STR, 2, 0},
        {LEAT_VIEW_STR, 4, 0},   {LEAT_VIEW_LIST, 2, 0},  {LEAT_VIEW_LIST, 4, 0},
        {LEAT_VIEW_MAP, 2, 0},   {LEAT_VIEW_MAP, 4, 0},
    };
    const unsigned char *shape = shapes[ptr[0] - 0xc0];
    uint64_t count;

    if (shape[0] == LEAT_VIEW_NONE || len - 1 < shape[1]) {
        return 0;
    }
    count = leat_load_(ptr + 1, shape[1]);
    ret_head->type = shape[0];
    ret_head->start = 1 + (size_t)shape[1];
    ret_head->size = shape[2];
    if (shape[0] == LEAT_VIEW_LIST || shape[0] == LEAT_VIEW_MAP) {
        ret_head->items = shape[0] == LEAT_VIEW_MAP ? count * 2 : count;
    } else {
        ret_head->size += (size_t)count;
    }
    return 1;
}

/* Reads the head at the beginning of <len> bytes; 0 unless it and its payload lie inside them.
 * Every item takes a byte at least, so a count that cannot fit is refused here. */
LEAT_API int leat_head_read_(const unsigned char *ptr, size_t len, leat_head_ *ret_head)
{
    unsigned byte;
    int known = 1;

    if (ptr == NULL || len == 0) {
        return 0;
    }
    byte = ptr[0];
    ret_head->type = LEAT_VIEW_INT;
    ret_head->start = 1;
    ret_head->size = 0;
    ret_head->items = 0;
    if (byte >= 0x80 && byte <= 0x8f) {
        ret_head->type = LEAT_VIEW_MAP;
        ret_head->items = (uint64_t)(byte & 0x0fu) * 2;
    } else if (byte >= 0x90 && byte <= 0x9f) {
        ret_head->type = LEAT_VIEW_LIST;
        ret_head->items = byte & 0x0fu;
    } else if (byte >= 0xa0 && byte <= 0xbf) {
        ret_head->type = LEAT_VIEW_STR;
        ret_head->size = byte & 0x1fu;
    } else if (byte >= 0xc0 && byte <= 0xdf) {
        known = leat_head_tagged_(ptr, len, ret_head);
    }
    return known && len - ret_head->start >= ret_head->size &&
           len - ret_head->start - ret_head->size >= ret_head->items;
}

/* The view that begins at <ptr>, cut to its own bytes, or the empty view. */
LEAT_API leat_view leat_view_cut_(const unsigned char *ptr, const unsigned char *end)
{
    leat_view view = {ptr, (size_t)(end - ptr)};
    leat_view none = {NULL, 0};

    view.len = leat_view_size(view);
    return view.len == 0 ? none : view;
}

LEAT_API leat_view leat_view_of(leat_str msgpack)
{
    leat_view view = {(const unsigned char *)msgpack.ptr, msgpack.ptr == NULL ? 0 : msgpack.len};

    return view;
}

LEAT_API int leat_view_type(leat_view view)
{
    leat_head_ head;

    return leat_head_read_(view.ptr, view.len, &head) ? head.type : LEAT_VIEW_NONE;
}

LEAT_API size_t leat_view_size(leat_view view)
{
    size_t at = 0;
    uint64_t wanted = 1;

    while (wanted > 0) {
        leat_head_ head;

        if (at >= view.len || !leat_head_read_(view.ptr + at, view.len - at, &head)) {
            return 0;
        }
        at += head.start + head.size;
        wanted += head.items - 1;
        if (wanted > view.len - at) {
            return 0;
        }
    }
    return at;
}

LEAT_API leat_str leat_view_raw(leat_view view)
{
    leat_str raw = {NULL, 0};
    size_t size = leat_view_size(view);

    if (size > 0) {
        raw.ptr = (const char *)view.ptr;
        raw.len = size;
    }
    return raw;
}

LEAT_API size_t leat_view_count(leat_view view)
{
    leat_head_ head;

    if (!leat_head_read_(view.ptr, view.len, &head)) {
        return 0;
    }
    return (size_t)(head.type == LEAT_VIEW_MAP ? head.items / 2 : head.items);
}

LEAT_API int leat_view_bool(leat_view view, int fallback)
{
    return leat_view_type(view) == LEAT_VIEW_BOOL ? view.ptr[0] == 0xc3 : fallback;
}

/* An int's 64 bits in two's complement, and whether they are below zero. 0 for another type. */
LEAT_API int leat_int_bits_(leat_view view, uint64_t *ret_bits, int *ret_negative)
{
    leat_head_ head;
    unsigned byte;
    uint64_t bits;
    unsigned width;

    if (!leat_head_read_(view.ptr, view.len, &head) || head.type != LEAT_VIEW_INT) {
        return 0;
    }
    byte = view.ptr[0];
    bits = head.size == 0 ? byte : leat_load_(view.ptr + 1, head.size);
    width = head.size == 0 ? 8u : (unsigned)head.size * 8u;
    *ret_negative = (byte >= 0xe0 || (byte >= 0xd0 && byte <= 0xd3)) && (bits >> (width - 1)) != 0;
    if (*ret_negative && width < 64) {
        bits |= ~(uint64_t)0 << width;
    }
    *ret_bits = bits;
    return 1;
}

LEAT_API int64_t leat_view_int(leat_view view, int64_t fallback)
{
    uint64_t bits;
    int negative;

    if (!leat_int_bits_(view, &bits, &negative)) {
        return fallback;
    }
    if (negative) {
        return -(int64_t)(~bits) - 1;
    }
    return bits > (uint64_t)INT64_MAX ? fallback : (int64_t)bits;
}

LEAT_API uint64_t leat_view_uint(leat_view view, uint64_t fallback)
{
    uint64_t bits;
    int negative;

    return leat_int_bits_(view, &bits, &negative) && !negative ? bits : fallback;
}

LEAT_API double leat_view_float(leat_view view, double fallback)
{
    uint64_t bits;
    int negative;
    double wide;
    float narrow;
    uint32_t half;

    if (leat_int_bits_(view, &bits, &negative)) {
        return negative ? (double)(-(int64_t)(~bits) - 1) : (double)bits;
    }
    if (leat_view_type(view) != LEAT_VIEW_FLOAT) {
        return fallback;
    }
    if (view.ptr[0] == 0xcb) {
        bits = leat_load_(view.ptr + 1, 8);
        memcpy(&wide, &bits, sizeof wide);
        return wide;
    }
    half = (uint32_t)leat_load_(view.ptr + 1, 4);
    memcpy(&narrow, &half, sizeof narrow);
    return (double)narrow;
}

/* The payload of a value of <type>, {NULL, 0} for another. */
LEAT_API leat_str leat_payload_(leat_view view, int type)
{
    leat_str text = {NULL, 0};
    leat_head_ head;

    if (leat_head_read_(view.ptr, view.len, &head) && head.type == type) {
        text.ptr = (const char *)view.ptr + head.start;
        text.len = head.size;
    }
    return text;
}

LEAT_API leat_str leat_view_str(leat_view view)
{
    return leat_payload_(view, LEAT_VIEW_STR);
}

LEAT_API leat_str leat_view_bytes(leat_view view)
{
    return leat_payload_(view, LEAT_VIEW_BYTES);
}

LEAT_API int leat_view_is(leat_view view, const char *text)
{
    leat_str own = leat_view_str(view);

    return own.ptr != NULL && own.len == strlen(text) && memcmp(own.ptr, text, own.len) == 0;
}

LEAT_API leat_view leat_view_find(leat_view map, const char *key)
{
    leat_view none = {NULL, 0};
    leat_iter iter = leat_iter_of(map);
    leat_view name;
    leat_view item;

    if (!iter.is_map) {
        return none;
    }
    while (leat_iter_next(&iter, &name, &item)) {
        if (leat_view_is(name, key)) {
            return item;
        }
    }
    return none;
}

LEAT_API leat_view leat_view_at(leat_view list, size_t index)
{
    leat_view none = {NULL, 0};
    leat_iter iter = leat_iter_of(list);
    leat_view item;

    if (iter.is_map) {
        return none;
    }
    while (leat_iter_next(&iter, NULL, &item)) {
        if (index == 0) {
            return item;
        }
        index--;
    }
    return none;
}

LEAT_API leat_iter leat_iter_of(leat_view view)
{
    leat_iter iter = {NULL, NULL, 0, 0};
    leat_head_ head;

    if (!leat_head_read_(view.ptr, view.len, &head) ||
        (head.type != LEAT_VIEW_LIST && head.type != LEAT_VIEW_MAP)) {
        return iter;
    }
    iter.ptr = view.ptr + head.start;
    iter.end = view.ptr + view.len;
    iter.is_map = head.type == LEAT_VIEW_MAP;
    iter.left = iter.is_map ? head.items / 2 : head.items;
    return iter;
}

LEAT_API int leat_iter_next(leat_iter *iter, leat_view *ret_key, leat_view *ret_item)
{
    leat_view key = {NULL, 0};
    leat_view item;

    if (iter->left == 0) {
        return 0;
    }
    if (iter->is_map) {
        key = leat_view_cut_(iter->ptr, iter->end);
        iter->ptr += key.len;
    }
    item = leat_view_cut_(iter->ptr, iter->end);
    if (item.len == 0 || (iter->is_map && key.len == 0)) {
        iter->left = 0;
        return 0;
    }
    iter->ptr += item.len;
    iter->left--;
    if (ret_key != NULL) {
        *ret_key = key;
    }
    if (ret_item != NULL) {
        *ret_item = item;
    }
    return 1;
}

/* Writes <value> as <size> bytes, big end first. */
LEAT_API void leat_store_(unsigned char *ptr, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ptr[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
    }
}

/* Writes the head of an unsigned number and returns its length, 9 at most. */
LEAT_API size_t leat_pack_uint_(unsigned char *ptr, uint64_t value)
{
    size_t power = 0;

    if (value < 0x80) {
        ptr[0] = (unsigned char)value;
        return 1;
    }
    while (power < 3 && (value >> (8u << power)) != 0) {
        power++;
    }
    ptr[0] = (unsigned char)(0xcc + power);
    leat_store_(ptr + 1, value, (size_t)1 << power);
    return 1 + ((size_t)1 << power);
}

/* The same for a signed one. */
LEAT_API size_t leat_pack_int_(unsigned char *ptr, int64_t value)
{
    size_t power = 0;

    if (value >= 0) {
        return leat_pack_uint_(ptr, (uint64_t)value);
    }
    if (value >= -32) {
        ptr[0] = (unsigned char)(uint64_t)value;
        return 1;
    }
    while (power < 3 && value < -((int64_t)1 << ((8u << power) - 1))) {
        power++;
    }
    ptr[0] = (unsigned char)(0xd0 + power);
    leat_store_(ptr + 1, (uint64_t)value, (size_t)1 << power);
    return 1 + ((size_t)1 << power);
}

/* The same for a float: always nine bytes. */
LEAT_API size_t leat_pack_float_(unsigned char *ptr, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    ptr[0] = 0xcb;
    leat_store_(ptr + 1, bits, 8);
    return 9;
}

/* The same for the head of a string (<tag> 0xd9) or of bytes (<tag> 0xc4); 5 at most. */
LEAT_API size_t leat_pack_head_(unsigned char *ptr, unsigned tag, size_t len)
{
    size_t power = len < 0x100 ? 0 : len < 0x10000 ? 1 : 2;

    if (tag == 0xd9 && len < 32) {
        ptr[0] = (unsigned char)(0xa0 + len);
        return 1;
    }
    ptr[0] = (unsigned char)(tag + power);
    leat_store_(ptr + 1, len, (size_t)1 << power);
    return 1 + ((size_t)1 << power);
}

LEAT_API void leat_writer_init(leat_writer *writer, leat_call *call)
{
    memset(writer, 0, sizeof *writer);
    writer->call = call;
}

LEAT_API void leat_writer_init_fixed(leat_writer *writer, void *memory, size_t size)
{
    memset(writer, 0, sizeof *writer);
    writer->ptr = (unsigned char *)memory;
    writer->size = size;
}

/* Makes room for <size> more bytes; 0 and a remembered failure when there is none. Memory of the
 * call cannot be given back, so it doubles: all old pieces together are smaller
 * than the last one. */
LEAT_API int leat_writer_room_(leat_writer *writer, size_t size)
{
    size_t wanted = writer->size < 256 ? 256 : writer->size;
    void *fresh;

    if (writer->failed) {
        return 0;
    }
    if (writer->size - writer->len >= size) {
        return 1;
    }
    writer->failed = 1;
    if (writer->call == NULL || size > LEAT_RESULT_MAX || writer->len > LEAT_RESULT_MAX) {
        return 0;
    }
    while (wanted - writer->len < size) {
        wanted *= 2;
    }
    fresh = writer->call->host->alloc(writer->call, wanted);
    if (fresh == NULL) {
        return 0;
    }
    if (writer->len > 0) {
        memcpy(fresh, writer->ptr, writer->len);
    }
    writer->ptr = (unsigned char *)fresh;
    writer->size = wanted;
    writer->failed = 0;
    return 1;
}

/* Counts a value of the innermost container; a map's key must be a string. */
LEAT_API void leat_writer_count_(leat_writer *writer, int is_str)
{
    if (writer->depth == 0) {
        return;
    }
    if (writer->open[writer->depth - 1].is_map && !is_str &&
        writer->open[writer->depth - 1].count % 2 == 0) {
        writer->failed = 1;
    }
    writer->open[writer->depth - 1].count++;
}

/* Appends bytes, uncounted. */
LEAT_API void leat_writer_append_(leat_writer *writer, const void *data, size_t size)
{
    if (size > 0 && leat_writer_room_(writer, size)) {
        memcpy(writer->ptr + writer->len, data, size);
        writer->len += size;
    }
}

LEAT_API void leat_write_nil(leat_writer *writer)
{
    leat_writer_count_(writer, 0);
    leat_writer_append_(writer, "\xc0", 1);
}

LEAT_API void leat_write_bool(leat_writer *writer, int value)
{
    leat_writer_count_(writer, 0);
    leat_writer_append_(writer, value ? "\xc3" : "\xc2", 1);
}

LEAT_API void leat_write_int(leat_writer *writer, int64_t value)
{
    unsigned char head[9];

    leat_writer_count_(writer, 0);
    leat_writer_append_(writer, head, leat_pack_int_(head, value));
}

LEAT_API void leat_write_uint(leat_writer *writer, uint64_t value)
{
    unsigned char head[9];

    leat_writer_count_(writer, 0);
    leat_writer_append_(writer, head, leat_pack_uint_(head, value));
}

LEAT_API void leat_write_float(leat_writer *writer, double value)
{
    unsigned char head[9];

    leat_writer_count_(writer, 0);
    leat_writer_append_(writer, head, leat_pack_float_(head, value));
}

LEAT_API void leat_write_str(leat_writer *writer, leat_str text)
{
    unsigned char head[5];

    leat_writer_count_(writer, 1);
    if (text.len > LEAT_RESULT_MAX) {
        writer->failed = 1;
        return;
    }
    leat_writer_append_(writer, head, leat_pack_head_(head, 0xd9, text.len));
    leat_writer_append_(writer, text.ptr, text.len);
}

LEAT_API void leat_write_text(leat_writer *writer, const char *text)
{
    leat_str str = {text, strlen(text)};

    leat_write_str(writer, str);
}

LEAT_API void leat_write_key(leat_writer *writer, const char *key)
{
    leat_write_text(writer, key);
}

LEAT_API void leat_write_bytes(leat_writer *writer, const void *data, size_t size)
{
    unsigned char head[5];

    leat_writer_count_(writer, 0);
    if (size > LEAT_RESULT_MAX) {
        writer->failed = 1;
        return;
    }
    leat_writer_append_(writer, head, leat_pack_head_(head, 0xc4, size));
    leat_writer_append_(writer, data, size);
}

LEAT_API void leat_write_value(leat_writer *writer, leat_str msgpack)
{
    leat_view view = leat_view_of(msgpack);

    if (view.len == 0 || leat_view_size(view) != view.len) {
        writer->failed = 1;
        return;
    }
    leat_writer_count_(writer, leat_view_type(view) == LEAT_VIEW_STR);
    leat_writer_append_(writer, msgpack.ptr, msgpack.len);
}

/* Opens a container with a head whose count is filled in at its end. */
LEAT_API void leat_writer_open_(leat_writer *writer, uint32_t is_map)
{
    unsigned char head[5] = {0xdd, 0, 0, 0, 0};

    leat_writer_count_(writer, 0);
    if (writer->depth == LEAT_DEPTH_MAX) {
        writer->failed = 1;
    }
    if (writer->failed) {
        return;
    }
    head[0] = is_map ? 0xdf : 0xdd;
    writer->open[writer->depth].at = writer->len;
    writer->open[writer->depth].count = 0;
    writer->open[writer->depth].is_map = is_map;
    writer->depth++;
    leat_writer_append_(writer, head, sizeof head);
}

/* Closes the innermost container, which must be of this kind. */
LEAT_API void leat_writer_close_(leat_writer *writer, uint32_t is_map)
{
    uint32_t count;

    if (writer->failed || writer->depth == 0 || writer->open[writer->depth - 1].is_map != is_map) {
        writer->failed = 1;
        return;
    }
    writer->depth--;
    count = writer->open[writer->depth].count;
    if (is_map && count % 2 != 0) {
        writer->failed = 1;
        return;
    }
    leat_store_(writer->ptr + writer->open[writer->depth].at + 1, is_map ? count / 2 : count, 4);
}

LEAT_API void leat_write_list_begin(leat_writer *writer)
{
    leat_writer_open_(writer, 0);
}

LEAT_API void leat_write_list_end(leat_writer *writer)
{
    leat_writer_close_(writer, 0);
}

LEAT_API void leat_write_map_begin(leat_writer *writer)
{
    leat_writer_open_(writer, 1);
}

LEAT_API void leat_write_map_end(leat_writer *writer)
{
    leat_writer_close_(writer, 1);
}

LEAT_API leat_str leat_writer_done(leat_writer *writer)
{
    leat_str value = {NULL, 0};
    leat_view view = {writer->ptr, writer->len};

    if (!writer->failed && writer->depth == 0 && writer->len > 0 &&
        leat_view_size(view) == writer->len) {
        value.ptr = (const char *)writer->ptr;
        value.len = writer->len;
    }
    return value;
}

#ifdef __cplusplus
}
#endif

#endif
