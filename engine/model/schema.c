/*
 * JSON Schema of tables of keys; see schema.h.
 */
#include "model/schema.h"

#include "base/must.h"
#include "model/flow_form.h"
#include "model/flow_params.h"
#include "model/notify.h"
#include "value/json.h"
#include "value/pack.h"

enum { FRAGMENT_MAX = 4096 /* bytes of one row's schema */ };

/* Appends a pair of texts. */
static void pack_pair(struct buf *out, const char *key, const char *text)
{
    pack_cstr(out, key);
    pack_cstr(out, text);
}

/* Appends the pairs of a JSON object written in a table; returns their number. */
static uint32_t pack_fragment(const char *json, struct buf *out)
{
    const struct val_limits limits = {FRAGMENT_MAX, FRAGMENT_MAX, VAL_DEPTH_MAX};
    CLEANUP_BUF struct buf packed = BUF_INIT(FRAGMENT_MAX * 2);
    int err = json_parse(str_of(json), &limits, 0, &packed, NULL);
    must(err == 0);
    struct val object = {packed.data, packed.len};
    must(val_type(object) == VAL_MAP);
    struct val_iter iter = val_iter(object);
    struct str key;
    struct val member;
    while (val_next(&iter, &key, &member)) {
        pack_str(out, key);
        pack_val(out, member);
    }
    return val_count(object);
}

/* Appends "type": [text, <other>], for what may be written as text or as a number. */
static void pack_two_types(struct buf *out, const char *other)
{
    pack_cstr(out, "type");
    pack_list(out, 2);
    pack_cstr(out, "string");
    pack_cstr(out, other);
}

/* Appends "enum" of the words. */
static void pack_words(const char *const *words, struct buf *out)
{
    pack_cstr(out, "enum");
    size_t place = pack_list_open(out);
    uint32_t count = 0;
    for (; words[count]; count++) {
        pack_cstr(out, words[count]);
    }
    pack_close(out, place, count);
}

/* Appends a limit. */
static void pack_limit(struct buf *out, const char *name, int64_t limit)
{
    pack_cstr(out, name);
    pack_int(out, limit);
}

/* Appends "anyOf" of a text and a list of texts. */
static void pack_text_or_list(const struct key *key, struct buf *out)
{
    pack_cstr(out, "anyOf");
    pack_list(out, 2);
    pack_map(out, 1);
    pack_pair(out, "type", "string");
    pack_map(out, 4);
    pack_pair(out, "type", "array");
    pack_cstr(out, "items");
    pack_map(out, 1);
    pack_pair(out, "type", "string");
    pack_limit(out, "maxItems", key->max);
    pack_cstr(out, "uniqueItems");
    pack_bool(out, true);
}

/* Appends the pairs that describe a key's value; returns their number. */
static uint32_t pack_kind(const struct key *key, struct buf *out)
{
    if (key->schema) {
        return pack_fragment(key->schema, out);
    }
    switch (key->kind) {
    case KEY_TEXT:
        pack_pair(out, "type", "string");
        pack_limit(out, "minLength", 1);
        return 2;
    case KEY_NAME:
        pack_pair(out, "type", "string");
        pack_pair(out, "pattern", "^[A-Za-z_][A-Za-z0-9_.-]*$");
        pack_limit(out, "maxLength", key->max);
        return 3;
    case KEY_INT:
        pack_pair(out, "type", "integer");
        pack_limit(out, "minimum", key->min);
        pack_limit(out, "maximum", key->max);
        return 3;
    case KEY_BOOL:
        pack_pair(out, "type", "boolean");
        return 1;
    case KEY_DURATION:
        pack_two_types(out, "number");
        return 1;
    case KEY_SIZE:
        pack_two_types(out, "integer");
        return 1;
    case KEY_WORD:
        pack_words(key->words, out);
        return 1;
    case KEY_NAMES:
    case KEY_PATTERNS:
        pack_text_or_list(key, out);
        return 1;
    case KEY_MAP_TEMPLATE:
        pack_pair(out, "type", "object");
        return 1;
    case KEY_TEMPLATE:
        return 0;
    case KEY_CUSTOM:
        break;
    }
    unreachable("a custom key without a schema");
}

/* Appends the pairs of a table's object; returns their number. */
static uint32_t pack_table(const struct key_table *table, struct buf *out)
{
    uint32_t required = 0;
    pack_pair(out, "type", "object");
    pack_cstr(out, "properties");
    pack_map(out, table->count);
    for (uint32_t row = 0; row < table->count; row++) {
        const struct key *key = &table->keys[row];
        pack_cstr(out, key->name);
        size_t place = pack_map_open(out);
        uint32_t pairs = pack_kind(key, out);
        pack_pair(out, "description", key->doc);
        pack_close(out, place, pairs + 1);
        required += key->required;
    }
    pack_cstr(out, "required");
    pack_list(out, required);
    for (uint32_t row = 0; row < table->count; row++) {
        if (table->keys[row].required) {
            pack_cstr(out, table->keys[row].name);
        }
    }
    pack_cstr(out, "additionalProperties");
    pack_bool(out, false);
    return 4;
}

int schema_table(const struct key_table *table, struct buf *out)
{
    size_t place = pack_map_open(out);
    pack_close(out, place, pack_table(table, out));
    return buf_err(out);
}

/* Appends a step's object, which has exactly one of `task` and `flow`. */
static void pack_step(struct buf *out)
{
    size_t place = pack_map_open(out);
    uint32_t pairs = pack_table(&flow_form_step_keys, out);
    pairs +=
        pack_fragment("{\"oneOf\":[{\"required\":[\"task\"]},{\"required\":[\"flow\"]}]}", out);
    pack_close(out, place, pairs);
}

/* Appends a parameter: a declaration, or just a default. */
static void pack_param(struct buf *out)
{
    pack_map(out, 1);
    pack_cstr(out, "anyOf");
    pack_list(out, 2);
    schema_table(&flow_params_keys, out);
    pack_map(out, 1);
    pack_cstr(out, "not");
    pack_map(out, 1);
    pack_pair(out, "type", "object");
}

int schema_flow(struct buf *out)
{
    size_t place = pack_map_open(out);
    pack_pair(out, "$schema", "https://json-schema.org/draft/2020-12/schema");
    pack_pair(out, "title", "leat flow file");
    uint32_t pairs = 2 + pack_table(&flow_form_keys, out);
    pack_cstr(out, "$defs");
    pack_map(out, 6);
    pack_cstr(out, "step");
    pack_step(out);
    pack_cstr(out, "param");
    pack_param(out);
    pack_cstr(out, "cache");
    schema_table(&flow_form_cache_keys, out);
    pack_cstr(out, "retry_delay");
    schema_table(&flow_form_delay_keys, out);
    pack_cstr(out, "task_runner");
    schema_table(&flow_form_runner_keys, out);
    pack_cstr(out, "notify");
    schema_table(&notify_flow_keys, out);
    pack_close(out, place, pairs + 1);
    return buf_err(out);
}
