/*
 * Sets of parameters: giving each declared parameter its value, and describing the set to forms;
 * see params.h.
 */
#include "model/params.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/suggest.h"
#include "value/pack.h"

enum { SMALL_MAX = 16 /* parameters of a set that is searched one by one */ };

const struct param_spec *params_find(const struct param_spec *specs, size_t count, struct str name)
{
    for (size_t index = 0; index < count; index++) {
        if (str_eq(specs[index].name, name)) {
            return &specs[index];
        }
    }
    return NULL;
}

/* Adds a problem about the parameter <name>. */
static void complain(struct diag_list *problems, struct str name, const char *hint,
                     const char *sentence)
{
    diag_add(problems, DIAG_ERROR, (struct diag_place){0, 0}, name, hint, "%s", sentence);
}

/* Reports a name that nobody declared. */
static void report_unknown(const struct param_spec *specs, size_t count, struct str name,
                           struct diag_list *problems)
{
    struct suggest suggest = {.word = name};
    bool full = diag_full(problems);
    for (size_t index = 0; index < count && !full; index++) {
        suggest_offer(&suggest, specs[index].name);
    }
    char hint[256];
    snprintf(hint, sizeof(hint), "did you mean \"%.*s\"?", STR_ARGS(suggest.best));
    char sentence[256];
    snprintf(sentence, sizeof(sentence), "there is no parameter \"%.*s\"%s",
             (int)(name.len < 150 ? name.len : 150), name.ptr,
             count == 0 ? "; none can be given" : "");
    complain(problems, name, suggest.best.len > 0 ? hint : NULL, sentence);
}

/* Puts each member of <given> (VAL_NONE: none) into the place of its parameter. */
static void collect(const struct param_spec *specs, size_t count, const struct map *places,
                    struct val given, struct val *values, struct diag_list *problems)
{
    if (!given.ptr) {
        return;
    }
    struct val_iter iter = val_iter(given);
    struct str name;
    struct val value;
    while (val_next(&iter, &name, &value)) {
        const struct param_spec *spec =
            places ? map_get(places, name) : params_find(specs, count, name);
        if (spec) {
            values[spec - specs] = value;
        } else {
            report_unknown(specs, count, name, problems);
        }
    }
}

/* Reports a required parameter without a value. */
static void report_missing(const struct param_spec *spec, struct diag_list *problems)
{
    char hint[128];
    snprintf(hint, sizeof(hint), "it is %s and has no default",
             param_type_words(spec->type, spec->list));
    char sentence[256];
    snprintf(sentence, sizeof(sentence), "the parameter \"%.*s\" is required",
             STR_ARGS(spec->name));
    complain(problems, spec->name, hint, sentence);
}

/* Appends the value of one parameter, or reports why there is none. */
static void bind_one(const struct param_spec *spec, struct val value, struct val text,
                     struct buf *out, struct diag_list *problems)
{
    struct err_text why = {""};
    int err = 0;
    bool wants_nil = spec->required && spec->type == PARAM_VALUE && !spec->list;
    if (text.ptr) {
        must(val_type(text) == VAL_STR);
        err = param_coerce_text(spec, val_str(text), out, &why);
    } else if (value.ptr && (val_type(value) != VAL_NIL || wants_nil)) {
        err = param_coerce(spec, value, out, &why);
    } else if (spec->fallback.ptr) {
        pack_val(out, spec->fallback);
    } else if (!spec->required) {
        pack_nil(out);
    } else {
        report_missing(spec, problems);
    }
    if (err < 0 && buf_err(out) == 0) {
        char sentence[ERR_TEXT_SIZE + 256];
        snprintf(sentence, sizeof(sentence), "the parameter \"%.*s\" %s", STR_ARGS(spec->name),
                 why.text);
        complain(problems, spec->name, NULL, sentence);
    }
}

/* Binds all parameters, one after the other. Small sets, which come with every task, need no heap.
 */
static void bind_all(const struct param_spec *specs, size_t count, struct val given,
                     struct val typed, struct buf *out, struct diag_list *problems)
{
    struct val few[SMALL_MAX * 2] = {{NULL, 0}};
    bool small = count <= SMALL_MAX;
    struct map *places = small ? NULL : map_new();
    for (size_t index = 0; index < count && !small; index++) {
        map_put(places, specs[index].name, (void *)(uintptr_t)&specs[index]);
    }
    struct val *many = small ? NULL : xcalloc(count * 2, sizeof(*many));
    struct val *values = small ? few : many;
    struct val *texts = values + count;
    collect(specs, count, places, given, values, problems);
    collect(specs, count, places, typed, texts, problems);
    pack_map(out, (uint32_t)count);
    for (size_t index = 0; index < count; index++) {
        pack_str(out, specs[index].name);
        bind_one(&specs[index], values[index], texts[index], out, problems);
    }
    map_free(places);
    free(many);
}

int params_bind(const struct param_spec *specs, size_t count, struct val given, struct val typed,
                struct buf *out, struct diag_list *problems)
{
    must(count < UINT32_MAX);
    if (given.ptr && val_type(given) != VAL_MAP) {
        diag_add(problems, DIAG_ERROR, (struct diag_place){0, 0}, STR_NONE, NULL,
                 "parameters must be a map of names and values, not %s",
                 val_type_words(val_type(given)));
        return ERR_INVALID;
    }
    size_t errors = diag_error_count(problems);
    size_t before = out->len;
    bind_all(specs, count, given, typed, out, problems);
    if (buf_err(out) != 0) {
        diag_add(problems, DIAG_ERROR, (struct diag_place){0, 0}, STR_NONE,
                 "put large data into a file and give its path",
                 "the parameters take more than the allowed %zu bytes", out->max);
        return buf_err(out);
    }
    if (diag_error_count(problems) > errors) {
        out->len = before;
        return ERR_INVALID;
    }
    return 0;
}

/* Appends a pair of texts. */
static void pack_pair(struct buf *out, const char *key, const char *text)
{
    pack_cstr(out, key);
    pack_cstr(out, text);
}

/* Appends the pairs that describe one value of the parameter's type; returns their number. */
static uint32_t pack_type(const struct param_spec *spec, struct buf *out)
{
    uint32_t count = 1;
    switch (spec->type) {
    case PARAM_INT:
        pack_pair(out, "type", "integer");
        break;
    case PARAM_FLOAT:
        pack_pair(out, "type", "number");
        break;
    case PARAM_BOOL:
        pack_pair(out, "type", "boolean");
        break;
    case PARAM_DURATION:
    case PARAM_SIZE:
        pack_cstr(out, "type");
        pack_list(out, 2);
        pack_cstr(out, "string");
        pack_cstr(out, spec->type == PARAM_SIZE ? "integer" : "number");
        pack_pair(out, "format", spec->type == PARAM_SIZE ? "leat-size" : "leat-duration");
        return 2;
    case PARAM_STRING:
        pack_pair(out, "type", "string");
        break;
    case PARAM_FILE:
        pack_pair(out, "type", "string");
        pack_pair(out, "format", "leat-file");
        return 2;
    case PARAM_BYTES:
        pack_pair(out, "type", "string");
        pack_pair(out, "contentEncoding", "base64");
        return 2;
    case PARAM_VALUE:
        count = 0;
        break;
    }
    return count;
}

/* Appends the bounds of one value; returns the number of pairs. Bounds of durations and sizes have
 * no form in JSON Schema, as these may be written as text. */
static uint32_t pack_bounds(const struct param_spec *spec, struct buf *out)
{
    uint32_t count = 0;
    bool number = spec->type == PARAM_INT || spec->type == PARAM_FLOAT;
    if (number && spec->min.ptr) {
        pack_cstr(out, "minimum");
        pack_val(out, spec->min);
        count++;
    }
    if (number && spec->max.ptr) {
        pack_cstr(out, "maximum");
        pack_val(out, spec->max);
        count++;
    }
    if (spec->pattern.len > 0) {
        pack_cstr(out, "pattern");
        pack_str(out, spec->pattern);
        count++;
    }
    if (spec->choices.ptr) {
        pack_cstr(out, "enum");
        pack_val(out, spec->choices);
        count++;
    }
    return count;
}

/* Appends the length limits; returns the number of pairs. */
static uint32_t pack_lengths(const struct param_spec *spec, struct buf *out)
{
    uint32_t count = 0;
    if (spec->length_min > 0) {
        pack_cstr(out, spec->list ? "minItems" : "minLength");
        pack_uint(out, spec->length_min);
        count++;
    }
    if (spec->length_max > 0) {
        pack_cstr(out, spec->list ? "maxItems" : "maxLength");
        pack_uint(out, spec->length_max);
        count++;
    }
    return count;
}

/* Appends the schema of one parameter. */
static void pack_param(const struct param_spec *spec, struct buf *out)
{
    size_t place = pack_map_open(out);
    uint32_t count = 0;
    if (spec->list) {
        pack_pair(out, "type", "array");
        pack_cstr(out, "items");
        size_t items = pack_map_open(out);
        uint32_t members = pack_type(spec, out);
        members += pack_bounds(spec, out);
        pack_close(out, items, members);
        count += 2;
    } else {
        count += pack_type(spec, out);
        count += pack_bounds(spec, out);
    }
    count += pack_lengths(spec, out);
    if (spec->doc.len > 0) {
        pack_cstr(out, "description");
        pack_text(out, spec->doc);
        count++;
    }
    if (spec->fallback.ptr && !spec->secret) {
        pack_cstr(out, "default");
        pack_val(out, spec->fallback);
        count++;
    }
    if (spec->secret) {
        pack_cstr(out, "writeOnly");
        pack_bool(out, true);
        count++;
    }
    pack_cstr(out, "x-leat-type");
    pack_cstr(out, param_type_name(spec->type));
    pack_close(out, place, count + 1);
}

int params_schema(const struct param_spec *specs, size_t count, struct buf *out)
{
    pack_map(out, 5);
    pack_pair(out, "$schema", "https://json-schema.org/draft/2020-12/schema");
    pack_pair(out, "type", "object");
    pack_cstr(out, "properties");
    pack_map(out, (uint32_t)count);
    uint32_t required = 0;
    for (size_t index = 0; index < count; index++) {
        pack_str(out, specs[index].name);
        pack_param(&specs[index], out);
        required += specs[index].required;
    }
    pack_cstr(out, "required");
    pack_list(out, required);
    for (size_t index = 0; index < count; index++) {
        if (specs[index].required) {
            pack_str(out, specs[index].name);
        }
    }
    pack_cstr(out, "additionalProperties");
    pack_bool(out, false);
    return buf_err(out);
}

/* A duration in microseconds as a number of seconds; null stays. */
static void put_seconds(struct buf *out, struct val duration)
{
    if (val_type(duration) != VAL_INT) {
        pack_val(out, duration);
    } else if (val_int(duration) % 1000000 == 0) {
        pack_int(out, val_int(duration) / 1000000);
    } else {
        pack_float(out, (double)val_int(duration) / 1e6);
    }
}

int params_for_templates(const struct param_spec *specs, size_t count, struct val bound,
                         struct buf *out)
{
    struct val_iter iter = val_iter(bound);
    struct val value;
    struct str name;
    must(val_count(bound) == count);
    pack_map(out, val_count(bound));
    for (size_t index = 0; val_next(&iter, &name, &value); index++) {
        pack_str(out, name);
        if (specs[index].type != PARAM_DURATION) {
            pack_val(out, value);
        } else if (val_type(value) == VAL_LIST) {
            struct val_iter members = val_iter(value);
            struct val member;
            pack_list(out, val_count(value));
            while (val_next(&members, NULL, &member)) {
                put_seconds(out, member);
            }
        } else {
            put_seconds(out, value);
        }
    }
    return buf_err(out);
}
