/*
 * Values to jq and back; see jqval.h. Both ways are flat loops with a frame per open container.
 *
 * jv's rule: every function consumes what it is given, except jv_copy and the kind and number
 * queries.
 */
#include "value/jqval.h"

#include <math.h>

#include "base/must.h"
#include "value/base64.h"
#include "value/pack.h"

/* 2^53: up to here a double counts in ones. */
#define EXACT_MAX 9007199254740992.0

/* ---- to jq ---- */

struct in_frame {
    struct val_iter iter;
    struct str key; /* of the member that is being made */
    jv made;
};

struct in {
    const struct ref_blobs *blobs;
    uint32_t depth;
    struct in_frame frames[JQVAL_DEPTH_MAX];
    struct err_text *reterr_why;
};

/* A jq string. */
static jv make_str(struct str text)
{
    return jv_string_sized(text.len > 0 ? text.ptr : "", (int)text.len);
}

/* {"$bin": "<base64>"} */
static jv make_bin(struct str bytes)
{
    CLEANUP_BUF struct buf text = BUF_INIT(bytes.len * 2 + 4);
    base64_put(&text, bytes);
    return JV_OBJECT(jv_string("$bin"), make_str(buf_str(&text)));
}

/* {"$blob": "<hash>", "size": n} */
static jv make_blob(const struct blob_ref *blob)
{
    char hex[HASH_TEXT_SIZE];
    hash_format(&blob->hash, hex);
    return JV_OBJECT(jv_string("$blob"), jv_string(hex), jv_string("size"),
                     jv_number((double)blob->size));
}

/* Refuses integers that a double can not hold. */
static int make_number(struct val value, jv *ret_jv, struct err_text *reterr_why)
{
    double number = val_float(value);
    bool exact = val_type(value) == VAL_FLOAT || fabs(number) < EXACT_MAX ||
                 (fabs(number) <= EXACT_MAX && val_type(value) == VAL_INT &&
                  val_int(value) == (int64_t)number); /* not the next one, rounded */
    if (!exact) {
        return err_set(reterr_why, ERR_RANGE,
                       "the integer %.0f is beyond 2^53, and expressions count in doubles; pass it "
                       "on by a plain reference, or as a string",
                       number);
    }
    *ret_jv = jv_number(number);
    return 0;
}

/* Opens a frame for a list or map. */
static int open_in(struct in *in, struct val value)
{
    if (in->depth == JQVAL_DEPTH_MAX) {
        return err_set(in->reterr_why, ERR_LIMIT,
                       "with its blobs opened, what the expression reads is nested deeper than %d "
                       "levels",
                       JQVAL_DEPTH_MAX);
    }
    struct val_iter iter = val_iter(value);
    in->frames[in->depth] = (struct in_frame){
        .iter = iter, .key = STR_NONE, .made = iter.map ? jv_object() : jv_array()};
    in->depth++;
    return 0;
}

/* Makes a scalar into <ret_jv>; a container only opens a frame, and <ret_jv> is invalid then. */
static int make_one(struct in *in, struct val value, jv *ret_jv)
{
    *ret_jv = jv_invalid();
    struct blob_ref blob;
    while (val_type(value) == VAL_BLOB) {
        blob = val_blob(value);
        int err = in->blobs && in->blobs->get
                      ? in->blobs->get(in->blobs->user, &blob, &value, in->reterr_why)
                      : 1;
        if (err == 1) {
            *ret_jv = make_blob(&blob);
            return 0;
        }
        if (err) {
            return err;
        }
    }
    switch (val_type(value)) {
    case VAL_LIST:
    case VAL_MAP:
        return open_in(in, value);
    case VAL_INT:
    case VAL_UINT:
    case VAL_FLOAT:
        return make_number(value, ret_jv, in->reterr_why);
    case VAL_BOOL:
        *ret_jv = jv_bool(val_bool(value));
        return 0;
    case VAL_STR:
        *ret_jv = make_str(val_str(value));
        return 0;
    case VAL_BIN:
        *ret_jv = make_bin(val_str(value));
        return 0;
    default:
        *ret_jv = jv_null();
        return 0;
    }
}

/* Puts a finished <member> into the innermost container. */
static void put_member(struct in *in, jv member)
{
    struct in_frame *frame = &in->frames[in->depth - 1];
    frame->made = frame->iter.map ? jv_object_set(frame->made, make_str(frame->key), member)
                                  : jv_array_append(frame->made, member);
}

int jqval_from(struct val value, const struct ref_blobs *blobs, jv *ret_jv,
               struct err_text *reterr_why)
{
    struct in in;
    in.blobs = blobs;
    in.depth = 0;
    in.reterr_why = reterr_why;
    jv made;
    int err = make_one(&in, value, &made);
    while (!err && in.depth > 0) {
        struct in_frame *frame = &in.frames[in.depth - 1];
        struct val member;
        if (val_next(&frame->iter, &frame->key, &member)) {
            err = make_one(&in, member, &made);
        } else {
            made = frame->made;
            in.depth--;
        }
        if (!err && jv_is_valid(made) && in.depth > 0) {
            put_member(&in, made);
        }
    }
    while (in.depth > 0) {
        in.depth--;
        jv_free(in.frames[in.depth].made);
    }
    if (!err) {
        *ret_jv = made;
    }
    return err;
}

/* ---- from jq ---- */

struct out_frame {
    jv container;
    jv keys; /* sorted, of an object */
    int next;
    int count;
};

struct out {
    struct buf *buf;
    size_t begin;
    uint32_t nodes;
    uint32_t depth;
    struct out_frame frames[VAL_DEPTH_MAX];
    struct err_text *reterr_why;
};

/* Packs a number: whole ones as integers. */
static void pack_number(struct buf *buf, double number)
{
    if (isnan(number)) {
        pack_nil(buf);
    } else if (fabs(number) <= EXACT_MAX && number == floor(number)) {
        pack_int(buf, (int64_t)number);
    } else {
        pack_float(buf, number);
    }
}

/* Packs a string, which is not consumed. */
static int pack_jv_str(struct out *out, jv text)
{
    struct str str = {jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text))};
    if (memchr(str.ptr, '\0', str.len)) {
        return err_set(out->reterr_why, ERR_INVALID,
                       "the result has a string with a NUL character in it");
    }
    pack_str(out->buf, str);
    return 0;
}

/* The member <key> of <object> when it is a string, as borrowed text; STR_NONE otherwise. */
static struct str member_text(jv object, const char *key)
{
    jv member = jv_object_get(jv_copy(object), jv_string(key));
    struct str text = STR_NONE;
    if (jv_get_kind(member) == JV_KIND_STRING) {
        int len = jv_string_length_bytes(jv_copy(member));
        text = (struct str){jv_string_value(member), (size_t)len};
    }
    jv_free(member); /* <object> keeps it alive */
    return text;
}

/* Packs an object of the form that binary data or a blob takes in JSON; false when it is not. */
static bool pack_special(struct out *out, jv object, int count)
{
    struct str base64 = count == 1 ? member_text(object, "$bin") : STR_NONE;
    if (base64.ptr) {
        CLEANUP_BUF struct buf bytes = BUF_INIT(base64.len);
        if (base64_decode(base64, &bytes)) {
            return false;
        }
        pack_bin(out->buf, bytes.data, bytes.len);
        return true;
    }
    struct str hex = count == 2 ? member_text(object, "$blob") : STR_NONE;
    struct blob_ref blob;
    if (!hex.ptr || hash_parse(hex, &blob.hash)) {
        return false;
    }
    jv size = jv_object_get(jv_copy(object), jv_string("size"));
    bool ok = jv_get_kind(size) == JV_KIND_NUMBER && jv_number_value(size) >= 0 &&
              jv_number_value(size) <= EXACT_MAX;
    blob.size = ok ? (uint64_t)jv_number_value(size) : 0;
    jv_free(size);
    if (ok) {
        pack_blob(out->buf, &blob);
    }
    return ok;
}

/* Packs the head of a container and opens a frame that takes it over. */
static int open_out(struct out *out, jv container, bool object, int count)
{
    if (out->depth == VAL_DEPTH_MAX) {
        jv_free(container);
        return err_set(out->reterr_why, ERR_LIMIT, "the result is nested deeper than %d levels",
                       VAL_DEPTH_MAX);
    }
    if (object) {
        pack_map(out->buf, (uint32_t)count);
    } else {
        pack_list(out->buf, (uint32_t)count);
    }
    out->frames[out->depth] = (struct out_frame){
        .container = container,
        .keys = object ? jv_keys(jv_copy(container)) : jv_null(),
        .count = count,
    };
    out->depth++;
    return 0;
}

/* Packs <value>, which is consumed; of a container only the head. */
static int pack_one(struct out *out, jv value)
{
    out->nodes++;
    if (out->nodes > val_limits_task.nodes_max ||
        out->buf->len - out->begin > val_limits_task.bytes_max) {
        jv_free(value);
        return err_set(out->reterr_why, ERR_LIMIT,
                       "the result is larger than %zu MiB or %u members",
                       val_limits_task.bytes_max >> 20, val_limits_task.nodes_max);
    }
    int err = 0;
    switch (jv_get_kind(value)) {
    case JV_KIND_OBJECT: {
        int count = jv_object_length(jv_copy(value));
        if (!pack_special(out, value, count)) {
            return open_out(out, value, true, count);
        }
        break;
    }
    case JV_KIND_ARRAY:
        return open_out(out, value, false, jv_array_length(jv_copy(value)));
    case JV_KIND_STRING:
        err = pack_jv_str(out, value);
        break;
    case JV_KIND_NUMBER:
        pack_number(out->buf, jv_number_value(value));
        break;
    case JV_KIND_TRUE:
    case JV_KIND_FALSE:
        pack_bool(out->buf, jv_get_kind(value) == JV_KIND_TRUE);
        break;
    default:
        pack_nil(out->buf);
        break;
    }
    jv_free(value);
    return err;
}

/* Closes the innermost container. */
static void close_out(struct out *out)
{
    out->depth--;
    jv_free(out->frames[out->depth].container);
    jv_free(out->frames[out->depth].keys);
}

/* Packs the next member of the innermost container, or closes it. */
static int next_out(struct out *out)
{
    struct out_frame *frame = &out->frames[out->depth - 1];
    if (frame->next == frame->count) {
        close_out(out);
        return 0;
    }
    int index = frame->next;
    frame->next++;
    if (jv_get_kind(frame->container) == JV_KIND_ARRAY) {
        return pack_one(out, jv_array_get(jv_copy(frame->container), index));
    }
    jv key = jv_array_get(jv_copy(frame->keys), index);
    int err = pack_jv_str(out, key);
    jv member = jv_object_get(jv_copy(frame->container), key);
    if (err) {
        jv_free(member);
        return err;
    }
    return pack_one(out, member);
}

int jqval_to(jv from, struct buf *buf, struct err_text *reterr_why)
{
    must(jv_is_valid(from));
    struct out out;
    out.buf = buf;
    out.begin = buf->len;
    out.nodes = 0;
    out.depth = 0;
    out.reterr_why = reterr_why;
    int err = pack_one(&out, from);
    while (!err && out.depth > 0 && !buf_err(buf)) {
        err = next_out(&out);
    }
    while (out.depth > 0) {
        close_out(&out);
    }
    if (!err && buf_err(buf)) {
        err = err_set(reterr_why, buf_err(buf), "the result is larger than %zu bytes", buf->max);
    }
    return err;
}
