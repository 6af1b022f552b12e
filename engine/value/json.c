/*
 * JSON: jansson reads, a flat walk over the value prints; see json.h.
 *
 * Before jansson sees a text, one pass over its bytes bounds nesting and number of values, so that
 * neither its recursion nor its tree can be made large by an outsider. The tree is then packed in
 * one flat loop. Printing needs no tree at all.
 */
#include "value/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/must.h"
#include "value/base64.h"
#include "value/pack.h"

/* ---- parsing ---- */

/* What one pass over the text has seen. */
struct outline {
    uint32_t line;
    size_t line_begin;
    uint32_t depth;
    uint32_t nodes;
};

/* A limit was passed at <offset>. */
static int over_limit(const struct outline *outline, size_t offset, const char *what, uint32_t most,
                      struct err_text *reterr_why)
{
    return err_set(reterr_why, ERR_LIMIT, "line %u, column %zu: the JSON %s than %u.",
                   outline->line, offset - outline->line_begin + 1, what, most);
}

/* Skips the string whose opening quote is at <at>; the offset of its closing quote. */
static size_t string_end(struct str text, size_t at)
{
    at++;
    while (at < text.len && text.ptr[at] != '"') {
        at += text.ptr[at] == '\\' ? 2 : 1;
    }
    return at;
}

/* Bounds nesting and number of values. Broken texts pass: jansson has the better words for them. */
static int outline_check(struct str text, const struct val_limits *limits,
                         struct err_text *reterr_why)
{
    uint32_t depth_max = limits->depth_max < VAL_DEPTH_MAX ? limits->depth_max : VAL_DEPTH_MAX;
    struct outline outline = {.line = 1};
    for (size_t at = 0; at < text.len; at++) {
        char c = text.ptr[at];
        if (c == '"') {
            at = string_end(text, at);
        } else if (c == '\n') {
            outline.line++;
            outline.line_begin = at + 1;
        } else if (c == '[' || c == '{') {
            outline.depth++;
            outline.nodes++;
        } else if (c == ']' || c == '}') {
            outline.depth -= outline.depth > 0 ? 1 : 0;
        } else if (c == ',') {
            outline.nodes++;
        }
        if (outline.depth > depth_max) {
            return over_limit(&outline, at, "is nested deeper", depth_max, reterr_why);
        }
        if (outline.nodes > limits->nodes_max) {
            return over_limit(&outline, at, "has more members", limits->nodes_max, reterr_why);
        }
    }
    return 0;
}

/* Turns jansson's error into ours. */
static int parse_error(const json_error_t *error, struct err_text *reterr_why)
{
    bool range = json_error_code(error) == json_error_numeric_overflow;
    const char *advice = range ? " (numbers must fit 64 bits; write larger ones as strings)" : "";
    return err_set(reterr_why, range ? ERR_RANGE : ERR_PARSE, "line %d, column %d: %s%s.",
                   error->line, error->column, error->text, advice);
}

/* Packs {"$bin": "..."}. */
static int pack_json_bin(struct buf *buf, const json_t *text, struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(buf->max);
    struct str base64 = {json_string_value(text), json_string_length(text)};
    if (!json_is_string(text) || base64_decode(base64, &bytes)) {
        return err_set(reterr_why, ERR_PARSE,
                       "The JSON object {\"$bin\": ...} does not hold "
                       "base64 text, so it can not become binary data.");
    }
    pack_bin(buf, bytes.data, bytes.len);
    return 0;
}

/* Packs {"$blob": "...", "size": n}. */
static int pack_json_blob(struct buf *buf, const json_t *hex, const json_t *size, unsigned flags,
                          struct err_text *reterr_why)
{
    if (!(flags & JSON_PARSE_BLOBS)) {
        return err_set(reterr_why, ERR_INVALID,
                       "The JSON has a {\"$blob\": ...} object; references to stored values are "
                       "not accepted here.");
    }
    struct blob_ref blob;
    struct str text = {json_string_value(hex), json_string_length(hex)};
    if (!json_is_string(hex) || hash_parse(text, &blob.hash) || !json_is_integer(size) ||
        json_integer_value(size) < 0) {
        return err_set(reterr_why, ERR_PARSE,
                       "The JSON object {\"$blob\": ...} needs 64 hexadecimal digits and a size.");
    }
    blob.size = (uint64_t)json_integer_value(size);
    pack_blob(buf, &blob);
    return 0;
}

struct tree_frame {
    json_t *container;
    void *iter;   /* of an object */
    size_t index; /* of an array */
};

struct tree {
    struct buf *buf;
    unsigned flags;
    uint32_t depth;
    struct tree_frame frames[VAL_DEPTH_WRAPPED_MAX];
    struct err_text *reterr_why;
};

/* Packs an object, or its head and opens a frame for it. */
static int pack_object(struct tree *tree, json_t *object)
{
    size_t size = json_object_size(object);
    json_t *bin = size == 1 ? json_object_get(object, "$bin") : NULL;
    if (bin) {
        return pack_json_bin(tree->buf, bin, tree->reterr_why);
    }
    json_t *hex = size == 2 ? json_object_get(object, "$blob") : NULL;
    json_t *blob_size = hex ? json_object_get(object, "size") : NULL;
    if (blob_size) {
        return pack_json_blob(tree->buf, hex, blob_size, tree->flags, tree->reterr_why);
    }
    pack_map(tree->buf, (uint32_t)size);
    must(tree->depth < VAL_DEPTH_WRAPPED_MAX);
    tree->frames[tree->depth] = (struct tree_frame){object, json_object_iter(object), 0};
    tree->depth++;
    return 0;
}

/* Packs one value, of an array only the head. */
static int pack_json(struct tree *tree, json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return pack_object(tree, json);
    case JSON_ARRAY:
        pack_list(tree->buf, (uint32_t)json_array_size(json));
        must(tree->depth < VAL_DEPTH_WRAPPED_MAX);
        tree->frames[tree->depth] = (struct tree_frame){json, NULL, 0};
        tree->depth++;
        return 0;
    case JSON_STRING:
        pack_str(tree->buf, (struct str){json_string_value(json), json_string_length(json)});
        return 0;
    case JSON_INTEGER:
        pack_int(tree->buf, json_integer_value(json));
        return 0;
    case JSON_REAL:
        pack_float(tree->buf, json_real_value(json));
        return 0;
    case JSON_TRUE:
    case JSON_FALSE:
        pack_bool(tree->buf, json_is_true(json));
        return 0;
    default:
        pack_nil(tree->buf);
        return 0;
    }
}

/* The next member of the innermost container (its key packed), or NULL: it is closed then. */
static json_t *tree_next(struct tree *tree)
{
    struct tree_frame *frame = &tree->frames[tree->depth - 1];
    if (json_is_array(frame->container) && frame->index < json_array_size(frame->container)) {
        frame->index++;
        return json_array_get(frame->container, frame->index - 1);
    }
    if (json_is_object(frame->container) && frame->iter) {
        const char *key = json_object_iter_key(frame->iter);
        json_t *member = json_object_iter_value(frame->iter);
        frame->iter = json_object_iter_next(frame->container, frame->iter);
        pack_cstr(tree->buf, key);
        return member;
    }
    tree->depth--;
    return NULL;
}

/* Packs the whole tree. */
static int pack_tree(struct buf *buf, json_t *root, unsigned flags, struct err_text *reterr_why)
{
    struct tree tree;
    tree.buf = buf;
    tree.flags = flags;
    tree.depth = 0;
    tree.reterr_why = reterr_why;
    int err = pack_json(&tree, root);
    while (!err && tree.depth > 0) {
        json_t *member = tree_next(&tree);
        err = member ? pack_json(&tree, member) : 0;
    }
    return err;
}

int json_parse(struct str text, const struct val_limits *limits, unsigned flags,
               struct buf *ret_value, struct err_text *reterr_why)
{
    must(limits && ret_value);
    if (text.len > limits->bytes_max) {
        return err_set(reterr_why, ERR_LIMIT,
                       "line 1, column 1: the JSON has %zu bytes; %zu are allowed.", text.len,
                       limits->bytes_max);
    }
    int err = outline_check(text, limits, reterr_why);
    if (err) {
        return err;
    }
    json_error_t error;
    const char *bytes = text.len > 0 ? text.ptr : "";
    json_t *root = json_loadb(bytes, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!root) {
        return parse_error(&error, reterr_why);
    }
    size_t begin = ret_value->len;
    err = pack_tree(ret_value, root, flags, reterr_why);
    json_decref(root);
    if (buf_err(ret_value)) {
        return err_set(reterr_why, buf_err(ret_value), "The JSON's value is larger than %zu bytes.",
                       ret_value->max);
    }
    if (!err && ret_value->len - begin > limits->bytes_max) {
        err = err_set(reterr_why, ERR_LIMIT, "The JSON's value is larger than %zu bytes.",
                      limits->bytes_max);
    }
    if (err) {
        ret_value->len = begin;
    }
    return err;
}

/* ---- printing ---- */

/* The escape for <c> as a text, or NULL when it needs none. */
static const char *escape_of(unsigned char c, char room[8])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        break;
    }
    if (c >= 0x20 && c != 0x7f) {
        return NULL;
    }
    snprintf(room, 8, "\\u%04x", c);
    return room;
}

int json_print_str(struct buf *buf, struct str text)
{
    buf_put_byte(buf, '"');
    size_t begin = 0;
    for (size_t at = 0; at < text.len; at++) {
        unsigned char c = (unsigned char)text.ptr[at];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            continue;
        }
        char room[8];
        buf_put(buf, text.ptr + begin, at - begin);
        buf_put_str(buf, str_of(escape_of(c, room)));
        begin = at + 1;
    }
    if (begin < text.len) {
        buf_put(buf, text.ptr + begin, text.len - begin);
    }
    return buf_put_byte(buf, '"');
}

/* The shortest digits that read back as the same float, with a point or exponent in them. */
static void print_float(struct buf *buf, double number)
{
    if (!isfinite(number)) {
        buf_put_str(buf, STR("null"));
        return;
    }
    char text[40];
    int len = 0;
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, sizeof(text), "%.*g", digits, number);
        double again = strtod(text, NULL);
        if (memcmp(&again, &number, sizeof(again)) == 0) {
            break;
        }
    }
    buf_put(buf, text, (size_t)len);
    if (!strpbrk(text, ".e")) {
        buf_put_str(buf, STR(".0"));
    }
}

/* A decimal integer. */
static void print_int(struct buf *buf, bool negative, uint64_t magnitude)
{
    char text[24];
    size_t at = sizeof(text);
    do {
        at--;
        text[at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (negative) {
        at--;
        text[at] = '-';
    }
    buf_put(buf, text + at, sizeof(text) - at);
}

/* A blob reference as an object. */
static void print_blob(struct buf *buf, struct blob_ref blob)
{
    char hex[HASH_TEXT_SIZE];
    hash_format(&blob.hash, hex);
    buf_put_str(buf, STR("{\"$blob\":\""));
    buf_put_str(buf, str_of(hex));
    buf_put_str(buf, STR("\",\"size\":"));
    print_int(buf, false, blob.size);
    buf_put_byte(buf, '}');
}

/* Everything that is not a list or map. */
static void print_scalar(struct buf *buf, struct val value, enum val_type type)
{
    switch (type) {
    case VAL_BOOL:
        buf_put_str(buf, val_bool(value) ? STR("true") : STR("false"));
        break;
    case VAL_INT: {
        int64_t number = val_int(value);
        print_int(buf, number < 0, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
        break;
    }
    case VAL_UINT:
        print_int(buf, false, val_uint(value));
        break;
    case VAL_FLOAT:
        print_float(buf, val_float(value));
        break;
    case VAL_STR:
        json_print_str(buf, val_str(value));
        break;
    case VAL_BIN:
        buf_put_str(buf, STR("{\"$bin\":\""));
        base64_put(buf, val_str(value));
        buf_put_str(buf, STR("\"}"));
        break;
    case VAL_BLOB:
        print_blob(buf, val_blob(value));
        break;
    default:
        buf_put_str(buf, STR("null"));
        break;
    }
}

struct print_frame {
    uint32_t left;
    bool map;
    bool any; /* a member has been printed */
};

struct print {
    struct buf *buf;
    bool pretty;
    uint32_t depth;
    const uint8_t *ptr; /* what comes next in the value */
    struct print_frame frames[VAL_DEPTH_WRAPPED_MAX];
};

/* Starts a line for something at the present depth. */
static void print_break(const struct print *print)
{
    if (!print->pretty) {
        return;
    }
    buf_put_byte(print->buf, '\n');
    for (uint32_t level = 0; level < print->depth; level++) {
        buf_put_str(print->buf, STR("  "));
    }
}

/* Prints the value at the cursor; of a container only its opening bracket. */
static void print_one(struct print *print)
{
    struct val value = {print->ptr, 1};
    enum val_type type = val_type(value);
    if (type != VAL_LIST && type != VAL_MAP) {
        value = val_here(print->ptr);
        print_scalar(print->buf, value, type);
        print->ptr += value.len;
        return;
    }
    must(print->depth < VAL_DEPTH_WRAPPED_MAX);
    struct val_iter iter = val_iter(value);
    print->frames[print->depth] = (struct print_frame){.left = iter.left, .map = iter.map};
    print->depth++;
    print->ptr = iter.next;
    buf_put_byte(print->buf, iter.map ? '{' : '[');
}

/* Closes the containers that are complete. */
static void print_close(struct print *print)
{
    while (print->depth > 0 && print->frames[print->depth - 1].left == 0) {
        struct print_frame frame = print->frames[print->depth - 1];
        print->depth--;
        if (frame.any) {
            print_break(print);
        }
        buf_put_byte(print->buf, frame.map ? '}' : ']');
    }
}

/* Prints what stands before a member of the innermost container: comma, line break, key. */
static void print_before(struct print *print)
{
    struct print_frame *frame = &print->frames[print->depth - 1];
    if (frame->any) {
        buf_put_byte(print->buf, ',');
    }
    print_break(print);
    frame->any = true;
    frame->left--;
    if (frame->map) {
        struct val key = val_here(print->ptr);
        json_print_str(print->buf, val_str(key));
        buf_put_str(print->buf, print->pretty ? STR(": ") : STR(":"));
        print->ptr += key.len;
    }
}

/* Prints the whole of <value>. */
static int print_all(struct buf *buf, struct val value, bool pretty)
{
    must(value.len > 0);
    struct print print;
    print.buf = buf;
    print.pretty = pretty;
    print.depth = 0;
    print.ptr = value.ptr;
    print_one(&print);
    print_close(&print);
    while (print.depth > 0 && !buf_err(buf)) {
        print_before(&print);
        print_one(&print);
        print_close(&print);
    }
    return buf_err(buf);
}

int json_print(struct buf *buf, struct val value)
{
    return print_all(buf, value, false);
}

int json_print_pretty(struct buf *buf, struct val value)
{
    return print_all(buf, value, true);
}

int json_print_text(struct buf *buf, struct val value)
{
    if (val_type(value) == VAL_STR) {
        return buf_put_str(buf, val_str(value));
    }
    return json_print(buf, value);
}
