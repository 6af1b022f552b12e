/*
 * Values to JSON and back through the jansson library (link with -ljansson).
 *
 * Bytes become {"$bin": "<base64>"} and such an object becomes bytes again; numbers that are not
 * finite become null. Duplicate keys, text after the end and nesting beyond LEAT_DEPTH_MAX are
 * refused.
 *
 * Convenience over leat/value.h, no part of the contract. C11 and C++11.
 */
#ifndef LEAT_JSON_H
#define LEAT_JSON_H

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include <leat/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The tree of <view>, to be released with json_decref(); NULL without memory or for text that is
 * not UTF-8. */
LEAT_API json_t *leat_json_tree(leat_view view);

/* The text of <view>, NUL-terminated, to be released with free(); NULL as above. <flags> are
 * jansson's, for example JSON_COMPACT or JSON_INDENT(2). */
LEAT_API char *leat_json_text(leat_view view, size_t flags);

/* Appends a tree as a value. What is too deep makes the writer fail. */
LEAT_API void leat_json_write(leat_writer *writer, json_t *json);

/* Parses <len> bytes of JSON and appends the value; 0 with the place and reason in <ret_why> (which
 * may be NULL) when it is not well-formed. */
LEAT_API int leat_json_parse(leat_writer *writer, const char *text, size_t len, char *ret_why,
                             size_t why_size);

/* ---- bodies ---- */

/* The base64 digits, in their order. */
LEAT_API const char *leat_base64_digits_(void)
{
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

/* {"$bin": "<base64 of the bytes>"}, or NULL without memory. */
LEAT_API json_t *leat_json_bytes_(leat_str bytes)
{
    const char *digits = leat_base64_digits_();
    size_t size = (bytes.len + 2) / 3 * 4;
    char *text = (char *)malloc(size + 1);
    json_t *json = NULL;
    size_t at = 0;

    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = 0;

        for (size_t k = 0; k < 3; k++) {
            bits = (bits << 8) | (k < have ? (unsigned char)bytes.ptr[i + k] : 0u);
        }
        for (size_t k = 0; k < 4; k++) {
            text[at++] = k <= have ? digits[(bits >> (18 - 6 * k)) & 63u] : '=';
        }
    }
    json = json_pack("{s:s%}", "$bin", text, size);
    free(text);
    return json;
}

/* The value of one base64 digit, 64 for any other character. */
LEAT_API uint32_t leat_base64_digit_(char digit)
{
    const char *at = digit == '\0' ? NULL : strchr(leat_base64_digits_(), digit);

    return at == NULL ? 64u : (uint32_t)(at - leat_base64_digits_());
}

/* Appends the bytes that <text> stands for; 0 when it is not base64. */
LEAT_API int leat_json_write_base64_(leat_writer *writer, const char *text, size_t len)
{
    unsigned char *bytes = (unsigned char *)malloc(len / 4 * 3 + 1);
    size_t pad = len >= 4 && text[len - 1] == '=' ? (text[len - 2] == '=' ? 2u : 1u) : 0u;
    int good = len % 4 == 0 && bytes != NULL;
    size_t size = 0;

    for (size_t i = 0; good && i < len; i += 4) {
        uint32_t bits = 0;

        for (size_t k = 0; k < 4; k++) {
            uint32_t digit = i + k >= len - pad ? 0u : leat_base64_digit_(text[i + k]);

            good = good && digit < 64;
            bits = (bits << 6) | (digit & 63u);
        }
        bytes[size++] = (unsigned char)(bits >> 16);
        bytes[size++] = (unsigned char)(bits >> 8);
        bytes[size++] = (unsigned char)bits;
    }
    if (good) {
        leat_write_bytes(writer, bytes, size - (size == 0 ? 0 : pad));
    }
    free(bytes);
    return good;
}

/* The tree of a list or a map. */
LEAT_API json_t *leat_json_container_(leat_view view, int is_map)
{
    json_t *json = is_map ? json_object() : json_array();
    leat_iter iter = leat_iter_of(view);
    leat_view key;
    leat_view item;

    while (json != NULL && leat_iter_next(&iter, &key, &item)) {
        leat_str name = leat_view_str(key);
        json_t *child = leat_json_tree(item);
        int failed = is_map ? json_object_setn_new(json, name.ptr, name.len, child)
                            : json_array_append_new(json, child);

        if (failed) {
            json_decref(json);
            json = NULL;
        }
    }
    return json;
}

LEAT_API json_t *leat_json_tree(leat_view view)
{
    int type = leat_view_type(view);
    leat_str text;
    double number;

    switch (type) {
    case LEAT_VIEW_BOOL:
        return json_boolean(leat_view_bool(view, 0));
    case LEAT_VIEW_INT:
        if (leat_view_uint(view, 0) > (uint64_t)INT64_MAX) {
            return json_real((double)leat_view_uint(view, 0));
        }
        return json_integer(leat_view_int(view, 0));
    case LEAT_VIEW_FLOAT:
        number = leat_view_float(view, 0);
        return number - number == 0.0 ? json_real(number) : json_null();
    case LEAT_VIEW_STR:
        text = leat_view_str(view);
        return json_stringn(text.ptr, text.len);
    case LEAT_VIEW_BYTES:
        return leat_json_bytes_(leat_view_bytes(view));
    case LEAT_VIEW_LIST:
    case LEAT_VIEW_MAP:
        return leat_json_container_(view, type == LEAT_VIEW_MAP);
    default:
        return json_null();
    }
}

/* 1 when fifteen digits tell every number apart, so that 0.1 need not read 0.10000000000000001. */
LEAT_API int leat_json_short_(json_t *json)
{
    char text[40];
    void *at;

    switch (json_typeof(json)) {
    case JSON_REAL:
        snprintf(text, sizeof text, "%.15g", json_real_value(json));
        return !(strtod(text, NULL) < json_real_value(json)) &&
               !(strtod(text, NULL) > json_real_value(json));
    case JSON_ARRAY:
        for (size_t i = 0; i < json_array_size(json); i++) {
            if (!leat_json_short_(json_array_get(json, i))) {
                return 0;
            }
        }
        return 1;
    case JSON_OBJECT:
        for (at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
            if (!leat_json_short_(json_object_iter_value(at))) {
                return 0;
            }
        }
        return 1;
    default:
        return 1;
    }
}

LEAT_API char *leat_json_text(leat_view view, size_t flags)
{
    json_t *json = leat_json_tree(view);
    char *text = NULL;

    if (json != NULL) {
        flags |= JSON_ENCODE_ANY | (leat_json_short_(json) ? JSON_REAL_PRECISION(15) : 0u);
        text = json_dumps(json, flags);
    }

    json_decref(json);
    return text;
}

/* Appends an object as bytes when it is {"$bin": ...}; 0 when it is not. */
LEAT_API int leat_json_write_bin_(leat_writer *writer, json_t *json)
{
    json_t *bin = json_object_size(json) == 1 ? json_object_get(json, "$bin") : NULL;

    return json_is_string(bin) &&
           leat_json_write_base64_(writer, json_string_value(bin), json_string_length(bin));
}

/* Appends an object as a map. */
LEAT_API void leat_json_write_object_(leat_writer *writer, json_t *json)
{
    void *at = json_object_iter(json);

    if (leat_json_write_bin_(writer, json)) {
        return;
    }
    leat_write_map_begin(writer);
    while (at != NULL && !writer->failed) {
        leat_str key = {json_object_iter_key(at), json_object_iter_key_len(at)};

        leat_write_str(writer, key);
        leat_json_write(writer, json_object_iter_value(at));
        at = json_object_iter_next(json, at);
    }
    leat_write_map_end(writer);
}

LEAT_API void leat_json_write(leat_writer *writer, json_t *json)
{
    leat_str text;

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        leat_json_write_object_(writer, json);
        break;
    case JSON_ARRAY:
        leat_write_list_begin(writer);
        for (size_t i = 0; i < json_array_size(json) && !writer->failed; i++) {
            leat_json_write(writer, json_array_get(json, i));
        }
        leat_write_list_end(writer);
        break;
    case JSON_STRING:
        text.ptr = json_string_value(json);
        text.len = json_string_length(json);
        leat_write_str(writer, text);
        break;
    case JSON_INTEGER:
        leat_write_int(writer, json_integer_value(json));
        break;
    case JSON_REAL:
        leat_write_float(writer, json_real_value(json));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        leat_write_bool(writer, json_is_true(json));
        break;
    default:
        leat_write_nil(writer);
        break;
    }
}

LEAT_API int leat_json_parse(leat_writer *writer, const char *text, size_t len, char *ret_why,
                             size_t why_size)
{
    json_error_t error;
    json_t *json =
        json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (json == NULL) {
        if (ret_why != NULL) {
            snprintf(ret_why, why_size, "line %d, column %d: %s", error.line, error.column,
                     error.text);
        }
        return 0;
    }
    leat_json_write(writer, json);
    json_decref(json);
    if (writer->failed && ret_why != NULL) {
        snprintf(ret_why, why_size, "nested deeper than %u levels, or out of memory",
                 LEAT_DEPTH_MAX);
    }
    return !writer->failed;
}

#ifdef __cplusplus
}
#endif

#endif
