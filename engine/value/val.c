/*
 * Values in place: the scan that everything from outside must pass, and the walkers that rely on
 * it; see val.h.
 *
 * All loops are flat. The scan keeps one frame per open container (at most VAL_DEPTH_WRAPPED_MAX)
 * and the keys of all open maps on one stack; the walkers count how many values are still to come:
 *
 *     skip:  left = 1;  a scalar takes one away, a list of n takes one and adds n
 */
#include "value/val.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/must.h"

enum {
    KEYS_LOCAL = 64,    /* keys of open maps that fit on the C stack */
    KEYS_COMPARED = 16, /* maps up to this size compare each key with those before it */
    BLOB_PAYLOAD = HASH_SIZE + 8,
    BLOB_EXT = 1,
};

const struct val_limits val_limits_task = {
    .bytes_max = (size_t)64 << 20, .nodes_max = 1000000, .depth_max = VAL_DEPTH_MAX};

/* What the first byte of a value says. */
enum shape_kind { SHAPE_BAD, SHAPE_FIXED, SHAPE_STR, SHAPE_BIN, SHAPE_LIST, SHAPE_MAP, SHAPE_EXT };

struct shape {
    uint8_t kind;
    uint8_t width; /* bytes of the length or count that follows; 0: it is `fixed` */
    uint8_t fixed;
};

/* First bytes 0xc0 to 0xdf; the others carry their meaning in their upper bits. */
static const struct shape shapes[32] = {
    {SHAPE_FIXED, 0, 0}, /* nil */
    {SHAPE_BAD, 0, 0},   /* never used */
    {SHAPE_FIXED, 0, 0}, /* false */
    {SHAPE_FIXED, 0, 0}, /* true */
    {SHAPE_BIN, 1, 0},   /* bin 8 */
    {SHAPE_BIN, 2, 0},   /* bin 16 */
    {SHAPE_BIN, 4, 0},   /* bin 32 */
    {SHAPE_EXT, 1, 0},   /* ext 8 */
    {SHAPE_EXT, 2, 0},   /* ext 16 */
    {SHAPE_EXT, 4, 0},   /* ext 32 */
    {SHAPE_FIXED, 0, 4}, /* float 32 */
    {SHAPE_FIXED, 0, 8}, /* float 64 */
    {SHAPE_FIXED, 0, 1}, /* uint 8 */
    {SHAPE_FIXED, 0, 2}, /* uint 16 */
    {SHAPE_FIXED, 0, 4}, /* uint 32 */
    {SHAPE_FIXED, 0, 8}, /* uint 64 */
    {SHAPE_FIXED, 0, 1}, /* int 8 */
    {SHAPE_FIXED, 0, 2}, /* int 16 */
    {SHAPE_FIXED, 0, 4}, /* int 32 */
    {SHAPE_FIXED, 0, 8}, /* int 64 */
    {SHAPE_EXT, 0, 1},   /* fixext 1 */
    {SHAPE_EXT, 0, 2},   /* fixext 2 */
    {SHAPE_EXT, 0, 4},   /* fixext 4 */
    {SHAPE_EXT, 0, 8},   /* fixext 8 */
    {SHAPE_EXT, 0, 16},  /* fixext 16 */
    {SHAPE_STR, 1, 0},   /* str 8 */
    {SHAPE_STR, 2, 0},   /* str 16 */
    {SHAPE_STR, 4, 0},   /* str 32 */
    {SHAPE_LIST, 2, 0},  /* array 16 */
    {SHAPE_LIST, 4, 0},  /* array 32 */
    {SHAPE_MAP, 2, 0},   /* map 16 */
    {SHAPE_MAP, 4, 0},   /* map 32 */
};

/* The shape of a value that begins with <first>. */
static inline struct shape shape_of(uint8_t first)
{
    if (first < 0x80 || first >= 0xe0) {
        return (struct shape){SHAPE_FIXED, 0, 0};
    }
    if (first >= 0xc0) {
        return shapes[first - 0xc0];
    }
    if (first >= 0xa0) {
        return (struct shape){SHAPE_STR, 0, first & 0x1f};
    }
    return (struct shape){first >= 0x90 ? SHAPE_LIST : SHAPE_MAP, 0, first & 0x0f};
}

/* A big-endian number of <width> bytes. */
static inline uint64_t be(const uint8_t *bytes, size_t width)
{
    uint64_t number = 0;
    for (size_t index = 0; index < width; index++) {
        number = number << 8 | bytes[index];
    }
    return number;
}

/* The length or count that belongs to <shape>, whose first byte is at <ptr>. */
static inline uint32_t shape_number(const uint8_t *ptr, struct shape shape)
{
    switch (shape.width) {
    case 0:
        return shape.fixed;
    case 1:
        return ptr[1];
    case 2:
        return (uint32_t)(ptr[1] << 8 | ptr[2]);
    default:
        return (uint32_t)ptr[1] << 24 | (uint32_t)ptr[2] << 16 | (uint32_t)ptr[3] << 8 | ptr[4];
    }
}

/* ---- the scan ---- */

struct frame {
    uint64_t left;      /* parts still to come: members, or keys and values of a map */
    uint32_t keys_base; /* where this map's keys begin on the stack of keys */
    bool map;
    bool many; /* a map that is checked for repeated keys at its end */
};

struct scan {
    const uint8_t *begin;
    const uint8_t *ptr;
    const uint8_t *end;
    const struct val_limits *limits;
    uint32_t nodes;
    uint32_t depth;
    struct frame frames[VAL_DEPTH_WRAPPED_MAX];
    struct str *keys; /* `keys_local`, or the contents of `keys_heap` */
    uint32_t keys_count;
    uint32_t keys_cap;
    struct buf keys_heap;
    struct str keys_local[KEYS_LOCAL];
    struct err_text *reterr_why;
};

/* A broken value: says where. */
static int broken(const struct scan *scan, const char *what)
{
    return err_set(scan->reterr_why, ERR_PARSE, "The value is malformed at byte %zu: %s.",
                   (size_t)(scan->ptr - scan->begin), what);
}

/* The value needs more bytes than there are: because it is cut short, or larger than allowed. */
static int too_short(const struct scan *scan, uint64_t need)
{
    size_t offset = (size_t)(scan->ptr - scan->begin);
    if (need > scan->limits->bytes_max || offset + need > scan->limits->bytes_max) {
        return err_set(scan->reterr_why, ERR_LIMIT,
                       "The value is larger than %zu bytes, the most that is allowed here.",
                       scan->limits->bytes_max);
    }
    return broken(scan, "it ends too early");
}

/* The value has more members, at all levels together, than allowed. */
static int too_many(const struct scan *scan)
{
    return err_set(scan->reterr_why, ERR_LIMIT,
                   "The value has more than %u members, the most that is allowed here.",
                   scan->limits->nodes_max);
}

/* UTF-8 without NUL: eight ASCII bytes at a time, the careful way from the first other one on. */
static bool text_ok(const uint8_t *bytes, size_t len)
{
    size_t at = 0;
    while (len - at >= 8) {
        uint64_t word;
        memcpy(&word, bytes + at, sizeof(word));
        uint64_t zero = (word - 0x0101010101010101u) & ~word;
        if ((word | zero) & 0x8080808080808080u) {
            break;
        }
        at += 8;
    }
    while (at < len && bytes[at] > 0 && bytes[at] < 0x80) {
        at++;
    }
    return at == len || str_utf8_ok((struct str){(const char *)bytes + at, len - at});
}

/* Doubles the room for keys; the first time they move to the heap. */
static int keys_grow(struct scan *scan)
{
    size_t len = scan->keys_count * sizeof(*scan->keys);
    struct buf *heap = &scan->keys_heap;
    if (scan->keys == scan->keys_local) {
        buf_put(heap, scan->keys_local, len);
    }
    heap->len = len;
    if (!buf_reserve(heap, len)) {
        return err_set(scan->reterr_why, ERR_MEMORY, "There is no memory to check a large map.");
    }
    scan->keys = (void *)heap->data;
    scan->keys_cap *= 2;
    return 0;
}

/* A key stands twice in a map. */
static int repeated(const struct scan *scan, struct str key)
{
    return err_set(scan->reterr_why, ERR_PARSE,
                   "The value is malformed at byte %zu: the key \"%.*s\" stands twice in one map.",
                   (size_t)((const uint8_t *)key.ptr - scan->begin),
                   key.len > 64 ? 64 : (int)key.len, key.ptr);
}

/* Remembers <key> of the innermost map; small maps are checked at once. */
static int keys_push(struct scan *scan, const struct frame *frame, struct str key)
{
    if (!frame->many) {
        for (uint32_t index = frame->keys_base; index < scan->keys_count; index++) {
            if (str_eq(scan->keys[index], key)) {
                return repeated(scan, key);
            }
        }
    }
    if (scan->keys_count == scan->keys_cap) {
        int err = keys_grow(scan);
        if (err) {
            return err;
        }
    }
    scan->keys[scan->keys_count] = key;
    scan->keys_count++;
    return 0;
}

/* Orders keys by length, then bytes: any total order will do. */
static int key_compare(const void *a, const void *b)
{
    const struct str *left = a;
    const struct str *right = b;
    if (left->len != right->len) {
        return left->len < right->len ? -1 : 1;
    }
    return left->len == 0 ? 0 : memcmp(left->ptr, right->ptr, left->len);
}

/* Ends the innermost map: large ones are checked here, and its keys are forgotten. */
static int keys_pop(struct scan *scan, const struct frame *frame)
{
    uint32_t count = scan->keys_count - frame->keys_base;
    struct str *keys = scan->keys + frame->keys_base;
    scan->keys_count = frame->keys_base;
    if (!frame->many) {
        return 0;
    }
    qsort(keys, count, sizeof(*keys), key_compare);
    for (uint32_t index = 1; index < count; index++) {
        if (str_eq(keys[index - 1], keys[index])) {
            return repeated(scan, keys[index]);
        }
    }
    return 0;
}

/* Opens a container of <count> members whose head has <head> bytes. */
static int open_container(struct scan *scan, bool map, uint32_t count, size_t head)
{
    uint64_t parts = map ? (uint64_t)count * 2 : count;
    size_t rest = (size_t)(scan->end - scan->ptr) - head;
    if (count > scan->limits->nodes_max - scan->nodes) {
        return too_many(scan);
    }
    if (parts > rest) {
        return too_short(scan, head + parts);
    }
    uint32_t depth_max = scan->limits->depth_max;
    depth_max = depth_max > VAL_DEPTH_WRAPPED_MAX ? VAL_DEPTH_WRAPPED_MAX : depth_max;
    if (scan->depth == depth_max) {
        return err_set(scan->reterr_why, ERR_LIMIT,
                       "The value is nested deeper than %u levels at byte %zu.", depth_max,
                       (size_t)(scan->ptr - scan->begin));
    }
    scan->frames[scan->depth] = (struct frame){
        .left = parts, .keys_base = scan->keys_count, .map = map, .many = count > KEYS_COMPARED};
    scan->depth++;
    scan->ptr += head;
    return 0;
}

/* Checks a string, binary or extension with <len> bytes of content after a head of <head>. */
static int scan_bytes(struct scan *scan, struct shape shape, uint32_t len, size_t head)
{
    size_t rest = (size_t)(scan->end - scan->ptr) - head;
    if (len > rest) {
        return too_short(scan, (uint64_t)head + len);
    }
    if (shape.kind == SHAPE_STR && !text_ok(scan->ptr + head, len)) {
        return broken(scan, "the string is not UTF-8, or has a NUL in it (hand over bytes as bin)");
    }
    if (shape.kind == SHAPE_EXT) {
        bool blob = shape.width == 1 && len == BLOB_PAYLOAD && scan->ptr[head - 1] == BLOB_EXT;
        if (!blob) {
            return broken(scan, "of the extension types only blob references are known");
        }
    }
    scan->ptr += head + len;
    return 0;
}

/* Checks one key of the map in <frame>. */
static int scan_key(struct scan *scan, const struct frame *frame)
{
    if (scan->ptr == scan->end) {
        return too_short(scan, 1);
    }
    struct shape shape = shape_of(*scan->ptr);
    if (shape.kind != SHAPE_STR) {
        return broken(scan, "the key of a map is not a string");
    }
    size_t head = 1u + shape.width;
    if ((size_t)(scan->end - scan->ptr) < head) {
        return too_short(scan, head);
    }
    uint32_t len = shape_number(scan->ptr, shape);
    int err = scan_bytes(scan, shape, len, head);
    if (err) {
        return err;
    }
    return keys_push(scan, frame, (struct str){(const char *)scan->ptr - len, len});
}

/* Checks one value; of a container only the head. */
static int scan_value(struct scan *scan)
{
    if (scan->ptr == scan->end) {
        return too_short(scan, 1);
    }
    struct shape shape = shape_of(*scan->ptr);
    size_t head = 1u + shape.width + (shape.kind == SHAPE_EXT ? 1u : 0u);
    if ((size_t)(scan->end - scan->ptr) < head) {
        return too_short(scan, head);
    }
    switch (shape.kind) {
    case SHAPE_FIXED:
        if ((size_t)(scan->end - scan->ptr) - head < shape.fixed) {
            return too_short(scan, head + shape.fixed);
        }
        scan->ptr += head + shape.fixed;
        return 0;
    case SHAPE_STR:
    case SHAPE_BIN:
    case SHAPE_EXT:
        return scan_bytes(scan, shape, shape_number(scan->ptr, shape), head);
    case SHAPE_LIST:
    case SHAPE_MAP:
        return open_container(scan, shape.kind == SHAPE_MAP, shape_number(scan->ptr, shape), head);
    default:
        return broken(scan, "the byte 0xc1 begins no value");
    }
}

/* Checks values until the outermost one is complete. */
static int scan_all(struct scan *scan)
{
    int err = scan_value(scan);
    while (!err && scan->depth > 0) {
        struct frame *frame = &scan->frames[scan->depth - 1];
        if (frame->left == 0) {
            scan->depth--;
            err = frame->map ? keys_pop(scan, frame) : 0;
            continue;
        }
        bool key = frame->map && frame->left % 2 == 0;
        frame->left--;
        if (!key && scan->nodes == scan->limits->nodes_max) {
            return too_many(scan);
        }
        scan->nodes += key ? 0 : 1;
        err = key ? scan_key(scan, frame) : scan_value(scan);
    }
    return err;
}

int val_scan(const void *bytes, size_t len, const struct val_limits *limits, struct val *ret_val,
             struct err_text *reterr_why)
{
    must(bytes || len == 0);
    must(limits && ret_val);
    struct scan scan;
    size_t avail = len < limits->bytes_max ? len : limits->bytes_max;
    scan.begin = bytes;
    scan.ptr = bytes;
    scan.end = len > 0 ? scan.begin + avail : bytes;
    scan.limits = limits;
    scan.nodes = 0;
    scan.depth = 0;
    scan.keys = scan.keys_local;
    scan.keys_count = 0;
    scan.keys_cap = KEYS_LOCAL;
    buf_init(&scan.keys_heap, SIZE_MAX / 2);
    scan.reterr_why = reterr_why;
    int err = scan_all(&scan);
    buf_done(&scan.keys_heap);
    if (!err) {
        *ret_val = (struct val){bytes, (size_t)(scan.ptr - scan.begin)};
    }
    return err;
}

/* ---- walking scanned values ---- */

/* The end of the value at <ptr>. */
static const uint8_t *skip(const uint8_t *ptr)
{
    uint64_t left = 1;
    while (left > 0) {
        struct shape shape = shape_of(*ptr);
        left--;
        switch (shape.kind) {
        case SHAPE_FIXED:
            ptr += 1u + shape.fixed;
            break;
        case SHAPE_LIST:
            left += shape_number(ptr, shape);
            ptr += 1u + shape.width;
            break;
        case SHAPE_MAP:
            left += (uint64_t)shape_number(ptr, shape) * 2;
            ptr += 1u + shape.width;
            break;
        case SHAPE_EXT:
            ptr += 2u + shape.width + shape_number(ptr, shape);
            break;
        default:
            ptr += 1u + shape.width + shape_number(ptr, shape);
            break;
        }
    }
    return ptr;
}

enum val_type val_type(struct val v)
{
    must(v.len > 0);
    struct shape shape = shape_of(v.ptr[0]);
    switch (shape.kind) {
    case SHAPE_STR:
        return VAL_STR;
    case SHAPE_BIN:
        return VAL_BIN;
    case SHAPE_LIST:
        return VAL_LIST;
    case SHAPE_MAP:
        return VAL_MAP;
    case SHAPE_EXT:
        return VAL_BLOB;
    default:
        break;
    }
    switch (v.ptr[0]) {
    case 0xc0:
        return VAL_NIL;
    case 0xc2:
    case 0xc3:
        return VAL_BOOL;
    case 0xca:
    case 0xcb:
        return VAL_FLOAT;
    case 0xcf:
        return v.ptr[1] & 0x80 ? VAL_UINT : VAL_INT;
    default:
        return VAL_INT;
    }
}

const char *val_type_words(enum val_type type)
{
    static const char *const words[] = {
        [VAL_NIL] = "null",        [VAL_BOOL] = "a boolean",
        [VAL_INT] = "an integer",  [VAL_UINT] = "an integer",
        [VAL_FLOAT] = "a float",   [VAL_STR] = "a string",
        [VAL_BIN] = "binary data", [VAL_LIST] = "a list",
        [VAL_MAP] = "a map",       [VAL_BLOB] = "a large value kept as a blob",
    };
    must((size_t)type < sizeof(words) / sizeof(words[0]));
    return words[type];
}

bool val_bool(struct val v)
{
    must(val_type(v) == VAL_BOOL);
    return v.ptr[0] == 0xc3;
}

/* The bits of an integer: sign-extended when it is of a signed form. */
static uint64_t int_bits(struct val v)
{
    uint8_t first = v.ptr[0];
    switch (first) {
    case 0xcc:
        return v.ptr[1];
    case 0xcd:
        return be(v.ptr + 1, 2);
    case 0xce:
        return be(v.ptr + 1, 4);
    case 0xcf:
    case 0xd3:
        return be(v.ptr + 1, 8);
    case 0xd0:
        return (uint64_t)(int8_t)v.ptr[1];
    case 0xd1:
        return (uint64_t)(int16_t)be(v.ptr + 1, 2);
    case 0xd2:
        return (uint64_t)(int32_t)be(v.ptr + 1, 4);
    default:
        return (uint64_t)(int8_t)first;
    }
}

int64_t val_int(struct val v)
{
    must(val_type(v) == VAL_INT);
    return (int64_t)int_bits(v);
}

uint64_t val_uint(struct val v)
{
    must(val_type(v) == VAL_UINT || val_int(v) >= 0);
    return int_bits(v);
}

double val_float(struct val v)
{
    enum val_type type = val_type(v);
    if (type == VAL_INT) {
        return (double)(int64_t)int_bits(v);
    }
    if (type == VAL_UINT) {
        return (double)int_bits(v);
    }
    must(type == VAL_FLOAT);
    if (v.ptr[0] == 0xca) {
        uint32_t bits = (uint32_t)be(v.ptr + 1, 4);
        float narrow;
        memcpy(&narrow, &bits, sizeof(narrow));
        return (double)narrow;
    }
    uint64_t bits = be(v.ptr + 1, 8);
    double wide;
    memcpy(&wide, &bits, sizeof(wide));
    return wide;
}

struct str val_str(struct val v)
{
    must(v.len > 0);
    struct shape shape = shape_of(v.ptr[0]);
    must(shape.kind == SHAPE_STR || shape.kind == SHAPE_BIN);
    return (struct str){(const char *)v.ptr + 1 + shape.width, shape_number(v.ptr, shape)};
}

uint32_t val_count(struct val v)
{
    must(v.len > 0);
    struct shape shape = shape_of(v.ptr[0]);
    must(shape.kind == SHAPE_LIST || shape.kind == SHAPE_MAP);
    return shape_number(v.ptr, shape);
}

struct blob_ref val_blob(struct val v)
{
    must(val_type(v) == VAL_BLOB);
    struct blob_ref blob = {.size = 0};
    const uint8_t *payload = v.ptr + 3;
    memcpy(blob.hash.bytes, payload, HASH_SIZE);
    for (int index = 7; index >= 0; index--) {
        blob.size = blob.size << 8 | payload[HASH_SIZE + index];
    }
    return blob;
}

struct val_iter val_iter(struct val container)
{
    must(container.len > 0);
    struct shape shape = shape_of(container.ptr[0]);
    must(shape.kind == SHAPE_LIST || shape.kind == SHAPE_MAP);
    return (struct val_iter){.next = container.ptr + 1 + shape.width,
                             .left = shape_number(container.ptr, shape),
                             .map = shape.kind == SHAPE_MAP};
}

bool val_next(struct val_iter *iter, struct str *ret_key, struct val *ret_member)
{
    if (iter->left == 0) {
        return false;
    }
    iter->left--;
    if (iter->map) {
        struct shape shape = shape_of(*iter->next);
        uint32_t len = shape_number(iter->next, shape);
        const uint8_t *text = iter->next + 1 + shape.width;
        if (ret_key) {
            *ret_key = (struct str){(const char *)text, len};
        }
        iter->next = text + len;
    }
    const uint8_t *end = skip(iter->next);
    *ret_member = (struct val){iter->next, (size_t)(end - iter->next)};
    iter->next = end;
    return true;
}

struct val val_find(struct val map, struct str key)
{
    must(val_type(map) == VAL_MAP);
    struct val_iter iter = val_iter(map);
    struct str found = STR_NONE;
    struct val member;
    while (val_next(&iter, &found, &member)) {
        if (str_eq(found, key)) {
            return member;
        }
    }
    return VAL_NONE;
}

struct val val_at(struct val list, uint32_t index)
{
    must(val_type(list) == VAL_LIST);
    struct val_iter iter = val_iter(list);
    struct val member;
    while (val_next(&iter, NULL, &member)) {
        if (index == 0) {
            return member;
        }
        index--;
    }
    return VAL_NONE;
}

struct val val_here(const uint8_t *ptr)
{
    return (struct val){ptr, (size_t)(skip(ptr) - ptr)};
}
