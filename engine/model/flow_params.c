/*
 * The `params` of a flow file: declarations of parameters; see flow_params.h.
 *
 * A declaration is read in three goes: the keys, then the type (said or inferred from the default),
 * then everything whose form depends on the type: bounds, choices and the default itself.
 */
#include "model/flow_params.h"

#include <string.h>

#include "model/flow.h"
#include "model/pattern.h"
#include "value/canon.h"
#include "value/pack.h"

enum { BOUND_LENGTH_MAX = 1000000, DEFAULT_MAX = 512 * 1024 };

/* What one declaration says. */
struct param_form {
    int64_t type;     /* place in type_words, -1 when not said */
    int64_t items;    /* likewise */
    int64_t required; /* 1 true, 0 false, -1 not said */
    bool secret;
    const struct yaml_node *fallback;
    const struct yaml_node *min;
    const struct yaml_node *max;
    const struct yaml_node *choices;
    int64_t length_min;
    int64_t length_max;
    struct str pattern;
    struct str doc;
};

/* The order is that of enum param_type, then `list`. */
static const char *const type_words[] = {"string", "int",   "float", "bool", "duration", "size",
                                         "bytes",  "value", "file",  "list", NULL};
static const char *const item_words[] = {"string", "int",   "float", "bool", "duration",
                                         "size",   "bytes", "value", "file", NULL};
enum { VALUE_PLACE = PARAM_VALUE - 1, LIST_PLACE = 9 };

static void keep_default(struct reader *reader, const struct yaml_node *key,
                         const struct yaml_node *value, void *object);
static void keep_min(struct reader *reader, const struct yaml_node *key,
                     const struct yaml_node *value, void *object);
static void keep_max(struct reader *reader, const struct yaml_node *key,
                     const struct yaml_node *value, void *object);
static void keep_choices(struct reader *reader, const struct yaml_node *key,
                         const struct yaml_node *value, void *object);
static void read_required(struct reader *reader, const struct yaml_node *key,
                          const struct yaml_node *value, void *object);
static void read_pattern(struct reader *reader, const struct yaml_node *key,
                         const struct yaml_node *value, void *object);

#define PARAM(member) offsetof(struct param_form, member)
#define SCHEMA_BOUND "{\"type\":[\"number\",\"string\"]}"

static const struct key rows[] = {
    {.name = "type",
     .kind = KEY_WORD,
     .offset = PARAM(type),
     .words = type_words,
     .doc = "The type of the value; without it, that of the default."},
    {.name = "items",
     .kind = KEY_WORD,
     .offset = PARAM(items),
     .words = item_words,
     .also = "of item",
     .doc = "The type of a list's members; otherwise any."},
    {.name = "default",
     .kind = KEY_CUSTOM,
     .read = keep_default,
     .also = "value fallback",
     .schema = "{}",
     .doc = "The value when a run is given none."},
    {.name = "required",
     .kind = KEY_CUSTOM,
     .read = read_required,
     .also = "mandatory optional",
     .schema = "{\"type\":\"boolean\"}",
     .doc = "Whether a run must be given a value; true when there is no default."},
    {.name = "min",
     .kind = KEY_CUSTOM,
     .read = keep_min,
     .also = "minimum ge",
     .schema = SCHEMA_BOUND,
     .doc = "The least number, duration or size."},
    {.name = "max",
     .kind = KEY_CUSTOM,
     .read = keep_max,
     .also = "maximum le",
     .schema = SCHEMA_BOUND,
     .doc = "The largest number, duration or size."},
    {.name = "min_length",
     .kind = KEY_INT,
     .offset = PARAM(length_min),
     .max = BOUND_LENGTH_MAX,
     .also = "minLength min_items",
     .doc = "Fewest characters of a string, or members of a list."},
    {.name = "max_length",
     .kind = KEY_INT,
     .offset = PARAM(length_max),
     .min = 1,
     .max = BOUND_LENGTH_MAX,
     .also = "maxLength max_items",
     .doc = "Most characters of a string, or members of a list."},
    {.name = "pattern",
     .kind = KEY_CUSTOM,
     .read = read_pattern,
     .also = "regex match",
     .schema = "{\"type\":\"string\",\"maxLength\":256}",
     .doc = "Regular expression that a string must match somewhere."},
    {.name = "enum",
     .kind = KEY_CUSTOM,
     .read = keep_choices,
     .also = "choices one_of options",
     .schema = "{\"type\":\"array\",\"minItems\":1}",
     .doc = "The values that are allowed."},
    {.name = "description",
     .kind = KEY_TEXT,
     .offset = PARAM(doc),
     .max = FLOW_DESCRIPTION_MAX,
     .also = "doc help summary",
     .doc = "What the parameter is for, for people."},
    {.name = "secret",
     .kind = KEY_BOOL,
     .offset = PARAM(secret),
     .also = "sensitive password",
     .doc = "Whether the value is masked wherever it is shown."},
};

const struct key_table flow_params_keys = KEY_TABLE("a parameter", rows);

static void declare(struct reader *reader, const struct yaml_node *name,
                    const struct yaml_node *node, struct param_spec *spec);
static void finish(struct reader *reader, const struct yaml_node *name, struct param_form *form,
                   struct param_spec *spec);

void flow_params_read(struct reader *reader, const struct yaml_node *node,
                      const struct param_spec **ret_specs, uint32_t *ret_count)
{
    if (node->type != YAML_TYPE_MAP) {
        reader_error(reader, node, NULL, "`params` must be a map of names and declarations, not %s",
                     yaml_type_words(node->type));
        return;
    }
    if (node->count > FLOW_PARAMS_MAX) {
        reader_error(reader, node, NULL, "a flow may have at most %d parameters, not %u",
                     FLOW_PARAMS_MAX, node->count);
        return;
    }
    struct param_spec *specs = arena_array(reader->arena, node->count + 1u, sizeof(*specs));
    if (!specs) {
        return;
    }
    for (uint32_t index = 0; index < node->count; index++) {
        declare(reader, node->keys[index], node->items[index], &specs[index]);
    }
    *ret_specs = specs;
    *ret_count = node->count;
}

/* default. */
static void keep_default(struct reader *reader, const struct yaml_node *key,
                         const struct yaml_node *value, void *object)
{
    (void)reader;
    (void)key;
    ((struct param_form *)object)->fallback = value;
}

/* min. */
static void keep_min(struct reader *reader, const struct yaml_node *key,
                     const struct yaml_node *value, void *object)
{
    (void)reader;
    (void)key;
    ((struct param_form *)object)->min = value;
}

/* max. */
static void keep_max(struct reader *reader, const struct yaml_node *key,
                     const struct yaml_node *value, void *object)
{
    (void)reader;
    (void)key;
    ((struct param_form *)object)->max = value;
}

/* enum. */
static void keep_choices(struct reader *reader, const struct yaml_node *key,
                         const struct yaml_node *value, void *object)
{
    if (value->type != YAML_TYPE_LIST || value->count == 0 || value->count > PARAM_ENUM_MAX) {
        reader_error(reader, key, NULL, "`enum` must be a list of 1 to %d values", PARAM_ENUM_MAX);
        return;
    }
    ((struct param_form *)object)->choices = value;
}

/* required, which differs from not being said. */
static void read_required(struct reader *reader, const struct yaml_node *key,
                          const struct yaml_node *value, void *object)
{
    (void)key;
    bool required = false;
    if (reader_bool(reader, value, "`required`", &required)) {
        ((struct param_form *)object)->required = required;
    }
}

/* pattern. */
static void read_pattern(struct reader *reader, const struct yaml_node *key,
                         const struct yaml_node *value, void *object)
{
    (void)key;
    struct str pattern;
    struct err_text why = {""};
    if (!reader_text(reader, value, "`pattern`", PATTERN_MAX, &pattern)) {
        return;
    }
    if (pattern_check(pattern, &why) < 0) {
        reader_error(reader, value, NULL, "the pattern %s", why.text);
        return;
    }
    ((struct param_form *)object)->pattern = pattern;
}

/* A name that can stand after `params.` in a reference. */
static bool name_ok(struct str name)
{
    return str_name_ok(name, FLOW_NAME_MAX) && !memchr(name.ptr, '.', name.len);
}

/* Reads one declaration into <spec>. */
static void declare(struct reader *reader, const struct yaml_node *name,
                    const struct yaml_node *node, struct param_spec *spec)
{
    if (!name_ok(name->text)) {
        reader_error(reader, name,
                     "names have letters, digits, _ and - and begin with a letter or _",
                     "\"%.*s\" can not be the name of a parameter",
                     (int)(name->text.len < 60 ? name->text.len : 60), name->text.ptr);
    }
    /* A type that could not be read counts as any, so that it is no further mistake. */
    struct param_form form = {.type = -1, .items = -1, .required = -1};
    if (node->type == YAML_TYPE_MAP) {
        reader_map(reader, node, &flow_params_keys, &form);
        form.type = form.type < 0 && yaml_get(node, "type") ? VALUE_PLACE : form.type;
    } else {
        form.fallback = node;
    }
    if (node->type == YAML_TYPE_STRING && param_type_of(node->text) != 0) {
        reader_warning(reader, node, "for the type, write { type: ... }",
                       "this makes the text \"%.*s\" the parameter's default",
                       STR_ARGS(node->text));
    }
    char *copy = arena_str(reader->arena, name->text);
    spec->name = (struct str){copy ? copy : "", copy ? name->text.len : 0};
    finish(reader, name, &form, spec);
}

/* The type that a literal has by itself; PARAM_VALUE when there is none better. */
static enum param_type type_of(const struct yaml_node *node)
{
    switch (node->type) {
    case YAML_TYPE_BOOL:
        return PARAM_BOOL;
    case YAML_TYPE_INT:
        return PARAM_INT;
    case YAML_TYPE_FLOAT:
        return PARAM_FLOAT;
    case YAML_TYPE_STRING:
        return PARAM_STRING;
    case YAML_TYPE_NULL:
    case YAML_TYPE_LIST:
    case YAML_TYPE_MAP:
        break;
    }
    return PARAM_VALUE;
}

/* Infers the type from the default. */
static void infer_type(const struct yaml_node *node, struct param_spec *spec)
{
    spec->list = node->type == YAML_TYPE_LIST;
    spec->type = type_of(node);
    for (uint32_t index = 0; spec->list && index < node->count; index++) {
        enum param_type type = type_of(node->items[index]);
        spec->type = index == 0 || type == spec->type ? type : PARAM_VALUE;
        if (spec->type == PARAM_VALUE) {
            return;
        }
    }
}

/* Sets the type from the form, or from the default. */
static void set_type(struct reader *reader, const struct yaml_node *name,
                     const struct param_form *form, struct param_spec *spec)
{
    spec->type = PARAM_VALUE;
    if (form->type == LIST_PLACE) {
        spec->list = true;
        spec->type = form->items >= 0 ? (enum param_type)(form->items + 1) : PARAM_VALUE;
        return;
    }
    if (form->items >= 0) {
        reader_error(reader, name, "write { type: list, items: ... }", "`items` is only for lists");
    }
    if (form->type >= 0) {
        spec->type = (enum param_type)(form->type + 1);
    } else if (form->fallback && form->fallback->type != YAML_TYPE_NULL) {
        infer_type(form->fallback, spec);
    } else {
        reader_error(reader, name, "write for example { type: string }",
                     "the parameter \"%.*s\" needs a type or a default", STR_ARGS(spec->name));
    }
}

/* A literal of the file made to fit <spec>, in the arena; VAL_NONE after a problem. */
static struct val coerce(struct reader *reader, const struct param_spec *spec,
                         const struct yaml_node *node, const char *what)
{
    struct val literal;
    if (!reader_value(reader, node, &literal)) {
        return VAL_NONE;
    }
    CLEANUP_BUF struct buf made = BUF_INIT(DEFAULT_MAX);
    struct err_text why = {""};
    if (param_coerce(spec, literal, &made, &why) < 0) {
        reader_error(reader, node, NULL, "`%s` %s", what, why.text);
        return VAL_NONE;
    }
    const uint8_t *bytes = arena_memdup(reader->arena, made.data, made.len);
    return bytes ? (struct val){bytes, made.len} : VAL_NONE;
}

/* True for types whose values have an order. */
static bool ordered(enum param_type type)
{
    return type == PARAM_INT || type == PARAM_FLOAT || type == PARAM_DURATION || type == PARAM_SIZE;
}

/* min and max, in the type's own form. */
static void set_bounds(struct reader *reader, const struct param_form *form,
                       struct param_spec *spec)
{
    if (!form->min && !form->max) {
        return;
    }
    if (!ordered(spec->type)) {
        reader_error(reader, form->min ? form->min : form->max, NULL,
                     "`min` and `max` are for numbers, durations and sizes, not for %s",
                     param_type_words(spec->type, false));
        return;
    }
    struct param_spec bare = {.name = spec->name, .type = spec->type};
    struct val min = form->min ? coerce(reader, &bare, form->min, "min") : VAL_NONE;
    struct val max = form->max ? coerce(reader, &bare, form->max, "max") : VAL_NONE;
    if (min.ptr && max.ptr && val_float(min) > val_float(max)) {
        reader_error(reader, form->max, NULL, "`max` is less than `min`");
        return;
    }
    spec->min = min;
    spec->max = max;
}

/* Length limits and the pattern. */
static void set_text_limits(struct reader *reader, const struct yaml_node *name,
                            const struct param_form *form, struct param_spec *spec)
{
    bool text = spec->type == PARAM_STRING || spec->type == PARAM_FILE;
    if ((form->length_min > 0 || form->length_max > 0) && !text && !spec->list) {
        reader_error(reader, name, NULL,
                     "`min_length` and `max_length` are for strings and lists, not for %s",
                     param_type_words(spec->type, false));
        return;
    }
    if (form->pattern.len > 0 && !text) {
        reader_error(reader, name, NULL, "`pattern` is for strings, not for %s",
                     param_type_words(spec->type, false));
        return;
    }
    if (form->length_max > 0 && form->length_max < form->length_min) {
        reader_error(reader, name, NULL, "`max_length` is less than `min_length`");
        return;
    }
    spec->length_min = (uint32_t)form->length_min;
    spec->length_max = (uint32_t)form->length_max;
    spec->pattern = form->pattern;
}

/* The list of allowed values, each made to fit and canonical. */
static void set_choices(struct reader *reader, const struct param_form *form,
                        struct param_spec *spec)
{
    if (!form->choices) {
        return;
    }
    struct param_spec bare = {.name = spec->name, .type = spec->type};
    CLEANUP_BUF struct buf packed = BUF_INIT(DEFAULT_MAX);
    pack_list(&packed, form->choices->count);
    bool fine = true;
    for (uint32_t index = 0; index < form->choices->count; index++) {
        struct val choice = coerce(reader, &bare, form->choices->items[index], "enum");
        struct err_text why = {""};
        if (choice.ptr && canon_put(&packed, choice, &why) < 0) {
            reader_error(reader, form->choices->items[index], NULL, "`enum` %s", why.text);
            return;
        }
        fine &= choice.ptr != NULL;
    }
    const uint8_t *bytes = fine ? arena_memdup(reader->arena, packed.data, packed.len) : NULL;
    spec->choices = bytes ? (struct val){bytes, packed.len} : VAL_NONE;
}

/* Everything that depends on other keys of the declaration. */
static void finish(struct reader *reader, const struct yaml_node *name, struct param_form *form,
                   struct param_spec *spec)
{
    if (form->fallback && !reader_is_literal(form->fallback)) {
        reader_error(reader, form->fallback, "compute it in a step instead",
                     "a default can not refer to anything with ${...}");
        form->fallback = NULL;
        spec->type = PARAM_VALUE;
        return;
    }
    set_type(reader, name, form, spec);
    set_bounds(reader, form, spec);
    set_text_limits(reader, name, form, spec);
    set_choices(reader, form, spec);
    spec->doc = form->doc;
    spec->secret = form->secret;
    spec->required = form->required == 1 || (form->required < 0 && !form->fallback);
    if (form->fallback && form->required == 1) {
        reader_error(reader, name, "leave one of them out",
                     "the parameter \"%.*s\" has a default, so it can not be required",
                     STR_ARGS(spec->name));
    } else if (form->fallback && form->fallback->type != YAML_TYPE_NULL) {
        spec->fallback = coerce(reader, spec, form->fallback, "default");
    }
}
