/*
 * See shape.h. Shapes nest as deep as the tables do, which is a handful of levels: that is what
 * bounds the recursion of the check.
 */
#include "api/shape.h"

#include <stdio.h>

#include "base/must.h"
#include "base/suggest.h"
#include "value/pack.h"

/* How a type is called in sentences and in JSON Schema. */
static const struct {
    const char *words;
    const char *schema; /* NULL: no type at all */
} types[] = {
    [SHAPE_STR] = {"a string", "string"},        [SHAPE_TIME] = {"a time", "string"},
    [SHAPE_INT] = {"a whole number", "integer"}, [SHAPE_FLOAT] = {"a number", "number"},
    [SHAPE_BOOL] = {"true or false", "boolean"}, [SHAPE_ANY] = {"anything", NULL},
    [SHAPE_MAP] = {"an object", "object"},       [SHAPE_TEXTS] = {"an object of strings", "object"},
    [SHAPE_OBJECT] = {"an object", "object"},
};

/* ---- checking ------------------------------------------------------------------------------- */

/* The field of that name, or NULL. */
static const struct shape_field *find_field(const struct shape *shape, struct str name)
{
    for (size_t i = 0; i < shape->count; i++) {
        if (str_is(name, shape->fields[i].name)) {
            return &shape->fields[i];
        }
    }
    return NULL;
}

/* True for a map whose members are all strings. */
static bool is_texts(struct val value)
{
    struct val_iter iter;
    struct val member;

    if (val_type(value) != VAL_MAP) {
        return false;
    }
    iter = val_iter(value);
    while (val_next(&iter, NULL, &member)) {
        if (val_type(member) != VAL_STR) {
            return false;
        }
    }
    return true;
}

/* True when one value (not a list of them) has the field's type. */
static bool type_fits(const struct shape_field *field, struct val value)
{
    enum val_type type = val_type(value);

    switch (field->type) {
    case SHAPE_STR:
    case SHAPE_TIME:
        return type == VAL_STR;
    case SHAPE_INT:
        return type == VAL_INT || type == VAL_UINT;
    case SHAPE_FLOAT:
        return type == VAL_INT || type == VAL_UINT || type == VAL_FLOAT;
    case SHAPE_BOOL:
        return type == VAL_BOOL;
    case SHAPE_ANY:
        return true;
    case SHAPE_MAP:
    case SHAPE_OBJECT:
        return type == VAL_MAP;
    case SHAPE_TEXTS:
        return is_texts(value);
    }
    unreachable("a shape's type");
}

/* Checks one value that is not null and not a list of values. */
static int check_one(const struct shape_field *field, struct val value, struct err_text *reterr_why)
{
    if (!type_fits(field, value)) {
        return err_set(reterr_why, ERR_INVALID, "The member \"%s\" must be %s%s, not %s.",
                       field->name, field->list ? "a list, each " : "", types[field->type].words,
                       val_type_words(val_type(value)));
    }
    if (field->type == SHAPE_STR && !field->list && field->max &&
        val_str(value).len > (size_t)field->max) {
        return err_set(reterr_why, ERR_INVALID,
                       "The member \"%s\" has %zu bytes; at most %lld are allowed.", field->name,
                       val_str(value).len, (long long)field->max);
    }
    return field->type == SHAPE_OBJECT ? shape_check(field->object, value, reterr_why) : 0;
}

/* Checks a list member by member. */
static int check_list(const struct shape_field *field, struct val value,
                      struct err_text *reterr_why)
{
    struct val_iter iter;
    struct val member;

    if (val_type(value) != VAL_LIST) {
        return err_set(reterr_why, ERR_INVALID, "The member \"%s\" must be a list, not %s.",
                       field->name, val_type_words(val_type(value)));
    }
    if (field->type != SHAPE_OBJECT && field->max && val_count(value) > field->max) {
        return err_set(reterr_why, ERR_INVALID,
                       "The member \"%s\" has %u entries; at most %lld are allowed.", field->name,
                       val_count(value), (long long)field->max);
    }
    iter = val_iter(value);
    while (val_next(&iter, NULL, &member)) {
        int err = check_one(field, member, reterr_why);

        if (err) {
            return err;
        }
    }
    return 0;
}

/* Says that a member is unknown, and what was probably meant. */
static int refuse_unknown(const struct shape *shape, struct str name, struct err_text *reterr_why)
{
    struct suggest suggest = {.word = name};
    int shown = name.len > 64 ? 64 : (int)name.len;

    for (size_t i = 0; i < shape->count; i++) {
        suggest_offer(&suggest, str_of(shape->fields[i].name));
    }
    if (suggest.best.len) {
        return err_set(reterr_why, ERR_INVALID,
                       "There is no member \"%.*s\" here; did you mean \"%.*s\"?", shown, name.ptr,
                       STR_ARGS(suggest.best));
    }
    return err_set(reterr_why, ERR_INVALID, "There is no member \"%.*s\" here.", shown, name.ptr);
}

/* Finds a required member that is not there. */
static int check_required(const struct shape *shape, struct val value, struct err_text *reterr_why)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct shape_field *field = &shape->fields[i];

        if (!field->optional && !val_find(value, str_of(field->name)).ptr) {
            return err_set(reterr_why, ERR_INVALID, "The member \"%s\" is missing.", field->name);
        }
    }
    return 0;
}

int shape_check(const struct shape *shape, struct val value, struct err_text *reterr_why)
{
    struct val_iter iter;
    struct val member;
    struct str name;
    int err = 0;

    if (val_type(value) != VAL_MAP) {
        return err_set(reterr_why, ERR_INVALID, "An object is wanted here, not %s.",
                       val_type_words(val_type(value)));
    }
    iter = val_iter(value);
    while (err == 0 && val_next(&iter, &name, &member)) {
        const struct shape_field *field = find_field(shape, name);

        if (!field) {
            return refuse_unknown(shape, name, reterr_why);
        }
        if (val_type(member) == VAL_NIL && (field->nullable || field->type == SHAPE_ANY)) {
            continue;
        }
        err = field->list ? check_list(field, member, reterr_why)
                          : check_one(field, member, reterr_why);
    }
    return err ? err : check_required(shape, value, reterr_why);
}

/* ---- describing ----------------------------------------------------------------------------- */

/* A key with a text. */
static void put_text(struct buf *out, const char *key, const char *text)
{
    pack_cstr(out, key);
    pack_cstr(out, text);
}

/* {"$ref": "#/components/schemas/NAME"} */
static void put_ref(struct buf *out, const struct shape *shape)
{
    char ref[128];

    snprintf(ref, sizeof(ref), "#/components/schemas/%s", shape->name);
    pack_map(out, 1);
    put_text(out, "$ref", ref);
}

/* "type": TYPE or [TYPE, "null"]; returns how many members that is. */
static uint32_t put_type(struct buf *out, const char *type, bool nullable)
{
    pack_cstr(out, "type");
    if (nullable) {
        pack_list(out, 2);
    }
    pack_cstr(out, type);
    if (nullable) {
        pack_cstr(out, "null");
    }
    return 1;
}

/* The members of one value's schema; returns their number. */
static uint32_t put_one(struct buf *out, const struct shape_field *field, bool nullable)
{
    uint32_t count = 0;

    if (field->type == SHAPE_OBJECT) {
        pack_cstr(out, "anyOf");
        pack_list(out, nullable ? 2 : 1);
        put_ref(out, field->object);
        if (nullable) {
            pack_map(out, 1);
            put_text(out, "type", "null");
        }
        return 1;
    }
    if (types[field->type].schema) {
        count += put_type(out, types[field->type].schema, nullable);
    }
    if (field->type == SHAPE_TIME) {
        put_text(out, "format", "date-time");
        count++;
    }
    if (field->type == SHAPE_TEXTS) {
        pack_cstr(out, "additionalProperties");
        pack_map(out, 1);
        put_text(out, "type", "string");
        count++;
    }
    if (field->type == SHAPE_STR && !field->list && field->max) {
        pack_cstr(out, "maxLength");
        pack_int(out, field->max);
        count++;
    }
    return count;
}

/* The schema of one field. */
static void put_field(struct buf *out, const struct shape_field *field)
{
    size_t place = pack_map_open(out);
    uint32_t count = 1;

    put_text(out, "description", field->doc);
    if (field->list) {
        size_t items;

        count += put_type(out, "array", field->nullable) + 1;
        pack_cstr(out, "items");
        items = pack_map_open(out);
        pack_close(out, items, put_one(out, field, false));
    } else {
        count += put_one(out, field, field->nullable);
    }
    pack_close(out, place, count);
}

int shape_schema(const struct shape *shape, struct buf *out)
{
    uint32_t required = 0;
    size_t place;

    pack_map(out, 5);
    put_text(out, "type", "object");
    put_text(out, "description", shape->doc);
    pack_cstr(out, "properties");
    pack_map(out, (uint32_t)shape->count);
    for (size_t i = 0; i < shape->count; i++) {
        pack_cstr(out, shape->fields[i].name);
        put_field(out, &shape->fields[i]);
    }
    pack_cstr(out, "required");
    place = pack_list_open(out);
    for (size_t i = 0; i < shape->count; i++) {
        if (!shape->fields[i].optional) {
            pack_cstr(out, shape->fields[i].name);
            required++;
        }
    }
    pack_close(out, place, required);
    pack_cstr(out, "additionalProperties");
    pack_bool(out, false);
    return buf_err(out);
}

void shape_words(const struct shape_field *field, char ret_text[SHAPE_WORDS_SIZE])
{
    static const char *const words[] = {
        [SHAPE_STR] = "string",   [SHAPE_TIME] = "time",
        [SHAPE_INT] = "integer",  [SHAPE_FLOAT] = "number",
        [SHAPE_BOOL] = "boolean", [SHAPE_ANY] = "any value",
        [SHAPE_MAP] = "object",   [SHAPE_TEXTS] = "object of strings",
    };
    const char *word = field->type == SHAPE_OBJECT ? field->object->name : words[field->type];

    snprintf(ret_text, SHAPE_WORDS_SIZE, "%s%s%s", field->list ? "list of " : "", word,
             field->nullable ? " or null" : "");
}
