/*
 * Frames: one table of members per type drives both directions, so that what is written and what is
 * accepted can not drift apart.
 */
#include "work/frame.h"

#include <math.h>
#include <string.h>

#include "base/must.h"
#include "value/pack.h"

enum field_kind {
    FIELD_U64, /* 0 to INT64_MAX */
    FIELD_U32,
    FIELD_I64,
    FIELD_I32,
    FIELD_DOUBLE,
    FIELD_HASH, /* bin of 32 bytes */
    FIELD_CODE, /* strings, by their limit */
    FIELD_TEXT,
    FIELD_NAME,
    FIELD_PATH,
    FIELD_MAP,
    FIELD_LIST,
    FIELD_LIST_OR_NIL,
    FIELD_BIN_OR_NIL,
    FIELD_VALUE, /* at most VAL_INLINE_MAX bytes */
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
};

#define FIELD(frame_member, field_member, field_kind)                                \
    {                                                                                \
#field_member, field_kind, offsetof(struct frame, frame_member.field_member) \
    }

static const struct field call_fields[] = {
    FIELD(call, seq, FIELD_U64),       FIELD(call, kind, FIELD_U32),
    FIELD(call, type, FIELD_NAME),     FIELD(call, timeout_ms, FIELD_I64),
    FIELD(call, base_dir, FIELD_PATH), FIELD(call, facts, FIELD_MAP),
    FIELD(call, input, FIELD_MAP),
};
static const struct field eval_fields[] = {
    FIELD(eval, seq, FIELD_U64),           FIELD(eval, program, FIELD_BIN_OR_NIL),
    FIELD(eval, texts, FIELD_LIST_OR_NIL), FIELD(eval, jobs, FIELD_LIST),
    FIELD(eval, scope, FIELD_MAP),         FIELD(eval, base_dir, FIELD_PATH),
};
static const struct field hello_fields[] = {
    FIELD(hello, wire_version, FIELD_U32), FIELD(hello, abi_major, FIELD_U32),
    FIELD(hello, abi_minor, FIELD_U32),    FIELD(hello, name, FIELD_NAME),
    FIELD(hello, version, FIELD_NAME),     FIELD(hello, hash, FIELD_HASH),
    FIELD(hello, pid, FIELD_I64),
};
static const struct field hello_failed_fields[] = {
    FIELD(hello_failed, code, FIELD_CODE),
    FIELD(hello_failed, text, FIELD_TEXT),
};
static const struct field result_fields[] = {
    FIELD(result, seq, FIELD_U64),
    FIELD(result, status, FIELD_I32),
    FIELD(result, code, FIELD_CODE),
    FIELD(result, text, FIELD_TEXT),
    FIELD(result, retry_after_ms, FIELD_I64),
    FIELD(result, started_us, FIELD_I64),
    FIELD(result, duration_us, FIELD_I64),
    FIELD(result, result, FIELD_VALUE),
};
static const struct field log_fields[] = {
    FIELD(log, seq, FIELD_U64),     FIELD(log, level, FIELD_I32), FIELD(log, stream, FIELD_U32),
    FIELD(log, wall_us, FIELD_I64), FIELD(log, text, FIELD_TEXT),
};
static const struct field progress_fields[] = {
    FIELD(progress, seq, FIELD_U64),
    FIELD(progress, fraction, FIELD_DOUBLE),
    FIELD(progress, text, FIELD_TEXT),
};
static const struct field eval_result_fields[] = {
    FIELD(eval_result, seq, FIELD_U64),
    FIELD(eval_result, results, FIELD_LIST_OR_NIL),
    FIELD(eval_result, code, FIELD_CODE),
    FIELD(eval_result, text, FIELD_TEXT),
};
static const struct field number_fields[] = {
    {"number", FIELD_U64, offsetof(struct frame, number)},
};
static const struct field recalled_fields[] = {
    FIELD(recalled, after, FIELD_U64),
    FIELD(recalled, through, FIELD_U64),
};

struct shape {
    const char *name;
    const struct field *fields;
    uint32_t count;
};

#define SHAPE(name, fields)                              \
    {                                                    \
        name, fields, sizeof(fields) / sizeof(fields[0]) \
    }

static const struct shape shapes[] = {
    [FRAME_CALL] = SHAPE("CALL", call_fields),
    [FRAME_EVAL] = SHAPE("EVAL", eval_fields),
    [FRAME_CANCEL] = SHAPE("CANCEL", number_fields),
    [FRAME_RECALL] = SHAPE("RECALL", number_fields),
    [FRAME_PING] = SHAPE("PING", number_fields),
    [FRAME_HELLO] = SHAPE("HELLO", hello_fields),
    [FRAME_HELLO_FAILED] = SHAPE("HELLO_FAILED", hello_failed_fields),
    [FRAME_RESULT] = SHAPE("RESULT", result_fields),
    [FRAME_LOG] = SHAPE("LOG", log_fields),
    [FRAME_PROGRESS] = SHAPE("PROGRESS", progress_fields),
    [FRAME_EVAL_RESULT] = SHAPE("EVAL_RESULT", eval_result_fields),
    [FRAME_PONG] = SHAPE("PONG", number_fields),
    [FRAME_RECALLED] = SHAPE("RECALLED", recalled_fields),
};

enum { SHAPES_COUNT = sizeof(shapes) / sizeof(shapes[0]) };

static void put_field(struct buf *buf, const struct field *field, const struct frame *frame);
static void put_string(struct buf *buf, struct str text, size_t max);
static size_t string_max(enum field_kind kind);
static int get_field(const struct field *field, struct val v, struct frame *frame);
static int get_number(const struct field *field, struct val v, void *target);
static int get_string(const struct field *field, struct val v, struct str *ret_text);
static int get_value(const struct field *field, struct val v, struct val *ret_value);
static int refuse(struct err_text *reterr_why, const char *what);

int frame_put(struct buf *buf, const struct frame *frame, size_t max)
{
    must((size_t)frame->type < SHAPES_COUNT && shapes[frame->type].fields);
    const struct shape *shape = &shapes[frame->type];
    size_t start = buf->len;
    static const uint8_t no_length[FRAME_HEAD_SIZE];

    buf_put(buf, no_length, sizeof(no_length));
    pack_list(buf, shape->count + 1);
    pack_uint(buf, frame->type);
    for (uint32_t i = 0; i < shape->count; i++) {
        put_field(buf, &shape->fields[i], frame);
    }
    if (buf_err(buf)) {
        return buf_err(buf);
    }
    size_t len = buf->len - start - FRAME_HEAD_SIZE;
    if (len > max) {
        buf->len = start;
        return ERR_LIMIT;
    }
    for (unsigned i = 0; i < FRAME_HEAD_SIZE; i++) {
        buf->data[start + i] = (uint8_t)(len >> (8 * i));
    }
    return 0;
}

/* Appends one member of <frame>. */
static void put_field(struct buf *buf, const struct field *field, const struct frame *frame)
{
    const void *source = (const char *)frame + field->offset;

    switch (field->kind) {
    case FIELD_U64:
        pack_uint(buf, *(const uint64_t *)source);
        return;
    case FIELD_U32:
        pack_uint(buf, *(const uint32_t *)source);
        return;
    case FIELD_I64:
        pack_int(buf, *(const int64_t *)source);
        return;
    case FIELD_I32:
        pack_int(buf, *(const int32_t *)source);
        return;
    case FIELD_DOUBLE:
        pack_float(buf, *(const double *)source);
        return;
    case FIELD_HASH:
        pack_bin(buf, source, HASH_SIZE);
        return;
    case FIELD_CODE:
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_PATH:
        put_string(buf, *(const struct str *)source, string_max(field->kind));
        return;
    case FIELD_MAP:
    case FIELD_LIST:
    case FIELD_LIST_OR_NIL:
    case FIELD_BIN_OR_NIL:
    case FIELD_VALUE: {
        const struct val *v = source;
        if (v->len > 0) {
            pack_val(buf, *v);
        } else if (field->kind == FIELD_MAP) {
            pack_map(buf, 0);
        } else {
            pack_nil(buf);
        }
        return;
    }
    }
    unreachable("field kind");
}

/* Appends a string of at most <max> bytes, cut between characters, whatever bytes it is made of. */
static void put_string(struct buf *buf, struct str text, size_t max)
{
    if (text.len == 0) {
        pack_str(buf, STR(""));
        return;
    }
    bool clean = str_utf8_ok(text);
    /* Every byte that is not UTF-8 grows to the three of U+FFFD. */
    size_t limit = clean ? max : max / 3;
    if (text.len > limit) {
        text.len = limit;
        while (text.len > 0 && ((uint8_t)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    if (clean) {
        pack_str(buf, text);
        return;
    }
    pack_text(buf, text);
}

/* The limit in bytes of a kind of string. */
static size_t string_max(enum field_kind kind)
{
    switch (kind) {
    case FIELD_CODE:
        return FRAME_CODE_MAX;
    case FIELD_NAME:
        return FRAME_NAME_MAX;
    case FIELD_PATH:
        return FRAME_PATH_MAX;
    default:
        return FRAME_TEXT_MAX;
    }
}

int frame_decode(const uint8_t *bytes, size_t len, struct frame *ret_frame,
                 struct err_text *reterr_why)
{
    /* A fixarray head, then the type as a positive fixint: all types are below 128. */
    if (len < 2 || (bytes[0] & 0xf0) != 0x90 || bytes[1] >= SHAPES_COUNT ||
        !shapes[bytes[1]].fields) {
        return refuse(reterr_why, "it does not begin with a known type");
    }
    const struct shape *shape = &shapes[bytes[1]];
    if ((bytes[0] & 0x0fu) != shape->count + 1) {
        return err_set(reterr_why, ERR_PROTOCOL, "a frame %s has %u members instead of %u",
                       shape->name, bytes[0] & 0x0fu, shape->count + 1);
    }

    struct frame frame = {.type = (enum frame_type)bytes[1]};
    size_t at = 2;
    for (uint32_t i = 0; i < shape->count; i++) {
        struct val_limits limits = val_limits_task;
        struct val v;
        struct err_text why;
        limits.bytes_max = len - at;
        if (val_scan(bytes + at, len - at, &limits, &v, &why)) {
            return err_set(reterr_why, ERR_PROTOCOL, "member %s of a frame %s: %s",
                           shape->fields[i].name, shape->name, why.text);
        }
        if (get_field(&shape->fields[i], v, &frame)) {
            return err_set(reterr_why, ERR_PROTOCOL,
                           "member %s of a frame %s has the wrong type or is out of range",
                           shape->fields[i].name, shape->name);
        }
        at += v.len;
    }
    if (at != len) {
        return err_set(reterr_why, ERR_PROTOCOL, "a frame %s has %zu bytes after its end",
                       shape->name, len - at);
    }
    *ret_frame = frame;
    return 0;
}

/* Moves <v> to its place in <frame>, or ERR_TYPE. */
static int get_field(const struct field *field, struct val v, struct frame *frame)
{
    void *target = (char *)frame + field->offset;

    switch (field->kind) {
    case FIELD_U64:
    case FIELD_U32:
    case FIELD_I64:
    case FIELD_I32:
        return get_number(field, v, target);
    case FIELD_DOUBLE:
        if (val_type(v) != VAL_FLOAT) {
            return ERR_TYPE;
        }
        *(double *)target = val_float(v);
        return 0;
    case FIELD_HASH:
        if (val_type(v) != VAL_BIN || val_str(v).len != HASH_SIZE) {
            return ERR_TYPE;
        }
        memcpy(target, val_str(v).ptr, HASH_SIZE);
        return 0;
    case FIELD_CODE:
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_PATH:
        return get_string(field, v, target);
    case FIELD_MAP:
    case FIELD_LIST:
    case FIELD_LIST_OR_NIL:
    case FIELD_BIN_OR_NIL:
    case FIELD_VALUE:
        return get_value(field, v, target);
    }
    unreachable("field kind");
}

/* An integer that fits the member. */
static int get_number(const struct field *field, struct val v, void *target)
{
    if (val_type(v) != VAL_INT) {
        return ERR_TYPE;
    }
    int64_t number = val_int(v);
    switch (field->kind) {
    case FIELD_U64:
        if (number < 0) {
            return ERR_RANGE;
        }
        *(uint64_t *)target = (uint64_t)number;
        return 0;
    case FIELD_U32:
        if (number < 0 || number > UINT32_MAX) {
            return ERR_RANGE;
        }
        *(uint32_t *)target = (uint32_t)number;
        return 0;
    case FIELD_I32:
        if (number < INT32_MIN || number > INT32_MAX) {
            return ERR_RANGE;
        }
        *(int32_t *)target = (int32_t)number;
        return 0;
    default:
        *(int64_t *)target = number;
        return 0;
    }
}

/* A string within its limit. */
static int get_string(const struct field *field, struct val v, struct str *ret_text)
{
    if (val_type(v) != VAL_STR || val_str(v).len > string_max(field->kind)) {
        return ERR_TYPE;
    }
    *ret_text = val_str(v);
    return 0;
}

/* A value of the kind that the member wants; nil where allowed is VAL_NONE. */
static int get_value(const struct field *field, struct val v, struct val *ret_value)
{
    enum val_type type = val_type(v);
    bool nil = type == VAL_NIL;

    switch (field->kind) {
    case FIELD_MAP:
        if (type != VAL_MAP) {
            return ERR_TYPE;
        }
        break;
    case FIELD_LIST:
        if (type != VAL_LIST) {
            return ERR_TYPE;
        }
        break;
    case FIELD_LIST_OR_NIL:
        if (type != VAL_LIST && !nil) {
            return ERR_TYPE;
        }
        break;
    case FIELD_BIN_OR_NIL:
        if (type != VAL_BIN && !nil) {
            return ERR_TYPE;
        }
        break;
    default:
        if (v.len > VAL_INLINE_MAX) {
            return ERR_LIMIT;
        }
        *ret_value = v;
        return 0;
    }
    *ret_value = nil ? VAL_NONE : v;
    return 0;
}

/* ERR_PROTOCOL with a sentence about bytes that are no frame at all. */
static int refuse(struct err_text *reterr_why, const char *what)
{
    return err_set(reterr_why, ERR_PROTOCOL, "the bytes are not a frame: %s", what);
}

void frame_reader_init(struct frame_reader *reader, size_t max)
{
    must(max > 0);
    *reader = (struct frame_reader){.max = max};
    buf_init(&reader->bytes, 2 * (max + FRAME_HEAD_SIZE + FRAME_READ_SIZE));
}

void frame_reader_done(struct frame_reader *reader)
{
    if (!reader) {
        return;
    }
    buf_done(&reader->bytes);
    reader->start = 0;
}

uint8_t *frame_reader_space(struct frame_reader *reader)
{
    if (reader->start == reader->bytes.len && reader->bytes.cap > FRAME_MAX) {
        buf_done(&reader->bytes); /* One giant frame must not cost its memory for ever. */
        reader->start = 0;
    }
    if (reader->start > 0) {
        buf_consume(&reader->bytes, reader->start);
        reader->start = 0;
    }
    return buf_reserve(&reader->bytes, FRAME_READ_SIZE);
}

void frame_reader_added(struct frame_reader *reader, size_t len)
{
    must(len <= FRAME_READ_SIZE);
    reader->bytes.len += len;
}

int frame_reader_next(struct frame_reader *reader, struct frame *ret_frame,
                      struct err_text *reterr_why)
{
    if (buf_err(&reader->bytes)) {
        return refuse(reterr_why, "there is no memory for it");
    }
    size_t there = reader->bytes.len - reader->start;
    if (there < FRAME_HEAD_SIZE) {
        return 0;
    }
    const uint8_t *at = reader->bytes.data + reader->start;
    size_t len = at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
    if (len < 2 || len > reader->max) {
        return err_set(reterr_why, ERR_PROTOCOL,
                       "the bytes are not a frame: its length would be %zu of at most %zu", len,
                       reader->max);
    }
    if (there < FRAME_HEAD_SIZE + len) {
        return 0;
    }
    int err = frame_decode(at + FRAME_HEAD_SIZE, len, ret_frame, reterr_why);
    if (err) {
        return err;
    }
    reader->start += FRAME_HEAD_SIZE + len;
    return 1;
}
