/*
 * Tables of keys: reading YAML maps by a description of their keys; see reader.h.
 *
 * reader_map() walks the map once, finds each key's row in the table and stores or hands on its
 * value. The readers of single values below it report what is wrong in the same words everywhere.
 */
#include "model/reader.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/map.h"
#include "base/must.h"
#include "base/quantity.h"
#include "base/suggest.h"
#include "value/pack.h"

enum {
    KEYS_MAX = 64,                 /* rows of one table */
    VALUE_BYTES_MAX = 1024 * 1024, /* packed bytes of one literal value */
    SHOWN_MAX = 60,                /* bytes of a wrong text quoted in a message */
};

static void read_key(struct reader *reader, const struct key *key, const struct yaml_node *name,
                     const struct yaml_node *value, void *object);
static bool read_word(struct reader *reader, const struct yaml_node *node, const char *what,
                      const char *const *words, int64_t *ret_place);
static const struct key *report_unknown(struct reader *reader, const struct key_table *table,
                                        const struct yaml_node *name);

/* Formats the sentence of a problem at <place> and adds it. */
__attribute__((format(printf, 5, 0))) static void report(struct reader *reader,
                                                         enum diag_severity severity,
                                                         struct diag_place place, const char *hint,
                                                         const char *format, va_list args)
{
    char text[1024];
    vsnprintf(text, sizeof(text), format, args);
    diag_add(reader->diags, severity, place, STR_NONE, hint, "%s", text);
}

void reader_error(struct reader *reader, const struct yaml_node *node, const char *hint,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(reader, DIAG_ERROR, node->place, hint, format, args);
    va_end(args);
}

void reader_error_in(struct reader *reader, const struct yaml_node *node, size_t offset,
                     const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(reader, DIAG_ERROR, yaml_place_in(node, offset), hint, format, args);
    va_end(args);
}

void reader_warning(struct reader *reader, const struct yaml_node *node, const char *hint,
                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(reader, DIAG_WARNING, node->place, hint, format, args);
    va_end(args);
}

const char *reader_hint(struct reader *reader, struct str best)
{
    if (best.len == 0) {
        return NULL;
    }
    return arena_printf(reader->arena, "did you mean \"%.*s\"?", STR_ARGS(best));
}

bool reader_map(struct reader *reader, const struct yaml_node *node, const struct key_table *table,
                void *object)
{
    must(table->count <= KEYS_MAX);
    if (node->type != YAML_TYPE_MAP) {
        reader_error(reader, node, NULL, "%s must be a map of keys and values, not %s", table->what,
                     yaml_type_words(node->type));
        return false;
    }
    bool seen[KEYS_MAX] = {false};
    for (uint32_t index = 0; index < node->count; index++) {
        uint32_t row = 0;
        while (row < table->count && !str_is(node->keys[index]->text, table->keys[row].name)) {
            row++;
        }
        if (row == table->count) {
            const struct key *meant = report_unknown(reader, table, node->keys[index]);
            if (meant) {
                seen[meant - table->keys] = true;
            }
            continue;
        }
        seen[row] = true;
        read_key(reader, &table->keys[row], node->keys[index], node->items[index], object);
    }
    for (uint32_t row = 0; row < table->count; row++) {
        if (table->keys[row].required && !seen[row]) {
            reader_error(reader, node, NULL, "%s needs the key `%s`", table->what,
                         table->keys[row].name);
        }
    }
    return true;
}

/* True when <text> is one of the words between spaces in <words> (NULL: none). */
static bool is_one_of(struct str text, const char *words)
{
    const char *at = words ? words : "";
    while (*at) {
        size_t len = strcspn(at, " ");
        if (str_eq(text, (struct str){at, len})) {
            return true;
        }
        at += len;
        at += *at == ' ';
    }
    return false;
}

const struct key *reader_meant(const struct key_table *table, struct str text)
{
    struct suggest suggest = {.word = text};
    const struct key *meant = NULL;
    for (uint32_t row = 0; row < table->count; row++) {
        if (is_one_of(text, table->keys[row].also)) {
            return &table->keys[row];
        }
        size_t best = suggest.best.len;
        unsigned distance = suggest.distance;
        suggest_offer(&suggest, str_of(table->keys[row].name));
        if (suggest.best.len != best || suggest.distance != distance) {
            meant = &table->keys[row];
        }
    }
    return meant;
}

/* Reports a key that the table does not have. Returns the row that may have been meant, or NULL. */
static const struct key *report_unknown(struct reader *reader, const struct key_table *table,
                                        const struct yaml_node *name)
{
    const struct key *meant = diag_full(reader->diags) ? NULL : reader_meant(table, name->text);
    const char *hint = meant ? reader_hint(reader, str_of(meant->name)) : NULL;
    if (!hint && !diag_full(reader->diags)) {
        CLEANUP_BUF struct buf known = BUF_INIT(64 * 1024);
        for (uint32_t row = 0; row < table->count; row++) {
            buf_printf(&known, "%s%s", row > 0 ? ", " : "known keys: ", table->keys[row].name);
        }
        hint = arena_strdup(reader->arena, buf_cstr(&known));
    }
    reader_error(reader, name, hint, "%s has no key \"%.*s\"", table->what, STR_ARGS(name->text));
    return meant;
}

/* Stores <size> bytes in the member that the key fills. */
static void store(const struct key *key, void *object, const void *bytes, size_t size)
{
    memcpy((char *)object + key->offset, bytes, size);
}

/* Reads a value of a number-like kind. */
static bool read_number(struct reader *reader, const struct key *key, const struct yaml_node *value,
                        const char *what, int64_t *ret_number)
{
    switch (key->kind) {
    case KEY_INT:
        return reader_int(reader, value, what, key->min, key->max, ret_number);
    case KEY_DURATION:
        return reader_duration(reader, value, what, key->min, key->max, ret_number);
    case KEY_SIZE:
        return reader_size(reader, value, what, key->min, key->max, ret_number);
    case KEY_WORD:
        return read_word(reader, value, what, key->words, ret_number);
    case KEY_TEXT:
    case KEY_NAME:
    case KEY_BOOL:
    case KEY_NAMES:
    case KEY_PATTERNS:
    case KEY_TEMPLATE:
    case KEY_MAP_TEMPLATE:
    case KEY_CUSTOM:
        break;
    }
    unreachable("not a number");
}

/* Reads a template into the member of <key>. */
static void read_template(struct reader *reader, const struct key *key,
                          const struct yaml_node *value, void *object)
{
    const struct tmpl *tmpl = NULL;
    if (key->kind == KEY_MAP_TEMPLATE && value->type != YAML_TYPE_MAP) {
        reader_error(reader, value, NULL, "`%s` must be a map, not %s", key->name,
                     yaml_type_words(value->type));
        return;
    }
    if (reader_template(reader, value, &tmpl)) {
        store(key, object, &tmpl, sizeof(tmpl));
    }
}

/* Reads the value of one known key into <object>. */
static void read_key(struct reader *reader, const struct key *key, const struct yaml_node *name,
                     const struct yaml_node *value, void *object)
{
    char what[80];
    snprintf(what, sizeof(what), "`%s`", key->name);
    if (value->type == YAML_TYPE_NULL) {
        reader_error(reader, name, "give it a value or leave the key out", "%s has no value", what);
        return;
    }
    size_t max = (size_t)key->max;
    struct str text;
    struct key_strings strings;
    int64_t number = 0;
    bool boolean = false;
    switch (key->kind) {
    case KEY_TEXT:
        if (reader_text(reader, value, what, max, &text)) {
            store(key, object, &text, sizeof(text));
        }
        return;
    case KEY_NAME:
        if (reader_name(reader, value, what, max, &text)) {
            store(key, object, &text, sizeof(text));
        }
        return;
    case KEY_BOOL:
        if (reader_bool(reader, value, what, &boolean)) {
            store(key, object, &boolean, sizeof(boolean));
        }
        return;
    case KEY_INT:
    case KEY_DURATION:
    case KEY_SIZE:
    case KEY_WORD:
        if (read_number(reader, key, value, what, &number)) {
            store(key, object, &number, sizeof(number));
        }
        return;
    case KEY_NAMES:
    case KEY_PATTERNS:
        if (reader_strings(reader, value, what, key->kind == KEY_NAMES, (uint32_t)key->max,
                           &strings)) {
            store(key, object, &strings, sizeof(strings));
        }
        return;
    case KEY_TEMPLATE:
    case KEY_MAP_TEMPLATE:
        read_template(reader, key, value, object);
        return;
    case KEY_CUSTOM:
        key->read(reader, name, value, object);
        return;
    }
    unreachable("a kind outside the enum");
}

/* Reports a value of the wrong type or form; quotes it when it is short. */
static bool wrong(struct reader *reader, const struct yaml_node *node, const char *what,
                  const char *wanted, const char *hint)
{
    bool scalar = node->type != YAML_TYPE_LIST && node->type != YAML_TYPE_MAP;
    if (scalar && node->text.len <= SHOWN_MAX) {
        reader_error(reader, node, hint, "%s must be %s, not \"%.*s\"", what, wanted,
                     STR_ARGS(node->text));
    } else {
        reader_error(reader, node, hint, "%s must be %s, not %s", what, wanted,
                     yaml_type_words(node->type));
    }
    return false;
}

bool reader_text(struct reader *reader, const struct yaml_node *node, const char *what, size_t max,
                 struct str *ret_text)
{
    if (node->type != YAML_TYPE_STRING) {
        bool scalar = node->type != YAML_TYPE_LIST && node->type != YAML_TYPE_MAP;
        reader_error(reader, node, scalar ? "put it in quotes" : NULL, "%s must be a text, not %s",
                     what, yaml_type_words(node->type));
        return false;
    }
    if (node->text.len == 0 || node->text.len > max) {
        reader_error(reader, node, NULL, "%s must have 1 to %zu bytes, not %zu", what, max,
                     node->text.len);
        return false;
    }
    char *copy = arena_str(reader->arena, node->text);
    if (!copy) {
        return false;
    }
    *ret_text = (struct str){copy, node->text.len};
    return true;
}

bool reader_name(struct reader *reader, const struct yaml_node *node, const char *what, size_t max,
                 struct str *ret_name)
{
    struct str text;
    if (!reader_text(reader, node, what, max, &text)) {
        return false;
    }
    if (!str_name_ok(text, max)) {
        reader_error(reader, node,
                     "names have letters, digits, _ - and . and begin with a letter or _",
                     "%s is not a proper name: \"%.*s\"", what,
                     (int)(text.len < SHOWN_MAX ? text.len : SHOWN_MAX), text.ptr);
        return false;
    }
    *ret_name = text;
    return true;
}

bool reader_int(struct reader *reader, const struct yaml_node *node, const char *what, int64_t min,
                int64_t max, int64_t *ret_number)
{
    if (node->type != YAML_TYPE_INT || node->integer < min || node->integer > max) {
        char wanted[96];
        snprintf(wanted, sizeof(wanted), "an integer from %lld to %lld", (long long)min,
                 (long long)max);
        return wrong(reader, node, what, wanted, NULL);
    }
    *ret_number = node->integer;
    return true;
}

bool reader_float(struct reader *reader, const struct yaml_node *node, const char *what, double min,
                  double max, double *ret_number)
{
    bool whole = node->type == YAML_TYPE_INT;
    double number = whole ? (double)node->integer : node->number;
    if ((!whole && node->type != YAML_TYPE_FLOAT) || !(number >= min && number <= max)) {
        char wanted[96];
        snprintf(wanted, sizeof(wanted), "a number from %g to %g", min, max);
        return wrong(reader, node, what, wanted, NULL);
    }
    *ret_number = number;
    return true;
}

bool reader_bool(struct reader *reader, const struct yaml_node *node, const char *what,
                 bool *ret_bool)
{
    if (node->type != YAML_TYPE_BOOL) {
        return wrong(reader, node, what, "true or false", NULL);
    }
    *ret_bool = node->boolean;
    return true;
}

/* The text of a node that may hold a quantity, or STR_NONE. */
static struct str quantity_text(const struct yaml_node *node)
{
    bool may = node->type == YAML_TYPE_STRING || node->type == YAML_TYPE_INT ||
               node->type == YAML_TYPE_FLOAT;
    return may ? node->text : STR_NONE;
}

bool reader_duration(struct reader *reader, const struct yaml_node *node, const char *what,
                     int64_t min_us, int64_t max_us, int64_t *ret_us)
{
    int64_t us = 0;
    struct str text = quantity_text(node);
    int err = text.ptr ? quantity_duration(text, &us) : ERR_PARSE;
    if (err == ERR_PARSE) {
        return wrong(reader, node, what, "a duration such as 90s, 1h30m or 250ms", NULL);
    }
    if (err < 0 || us < min_us || us > max_us) {
        reader_error(reader, node, NULL, "%s must be from %.15g s to %.15g s, not %.*s", what,
                     (double)min_us / 1e6, (double)max_us / 1e6, STR_ARGS(text));
        return false;
    }
    *ret_us = us;
    return true;
}

bool reader_size(struct reader *reader, const struct yaml_node *node, const char *what, int64_t min,
                 int64_t max, int64_t *ret_bytes)
{
    int64_t bytes = 0;
    struct str text = quantity_text(node);
    int err = text.ptr ? quantity_size(text, &bytes) : ERR_PARSE;
    if (err == ERR_PARSE) {
        return wrong(reader, node, what, "a size such as 64KiB or 10MB", NULL);
    }
    if (err < 0 || bytes < min || bytes > max) {
        reader_error(reader, node, NULL, "%s must be from %lld to %lld bytes, not %.*s", what,
                     (long long)min, (long long)max, STR_ARGS(text));
        return false;
    }
    *ret_bytes = bytes;
    return true;
}

/* Reads one of <words> as its place. */
static bool read_word(struct reader *reader, const struct yaml_node *node, const char *what,
                      const char *const *words, int64_t *ret_place)
{
    struct suggest suggest = {.word = node->text};
    CLEANUP_BUF struct buf wanted = BUF_INIT(4096);
    for (int64_t place = 0; words[place]; place++) {
        if (node->type == YAML_TYPE_STRING && str_is(node->text, words[place])) {
            *ret_place = place;
            return true;
        }
        suggest_offer(&suggest, str_of(words[place]));
        const char *between = place == 0 ? "" : words[place + 1] ? ", " : " or ";
        buf_printf(&wanted, "%s%s", between, words[place]);
    }
    return wrong(reader, node, what, buf_cstr(&wanted), reader_hint(reader, suggest.best));
}

/* Reads one member of a list of names or patterns. */
static bool read_string(struct reader *reader, const struct yaml_node *node, const char *what,
                        bool names, struct str *ret_text)
{
    enum { STRING_MAX = 128 };
    return names ? reader_name(reader, node, what, STRING_MAX, ret_text)
                 : reader_text(reader, node, what, STRING_MAX, ret_text);
}

bool reader_strings(struct reader *reader, const struct yaml_node *node, const char *what,
                    bool names, uint32_t max, struct key_strings *ret_strings)
{
    bool one = node->type != YAML_TYPE_LIST;
    uint32_t count = one ? 1 : node->count;
    if (count > max) {
        reader_error(reader, node, NULL, "%s has %u members, more than the allowed %u", what, count,
                     max);
        return false;
    }
    struct str *list = arena_array(reader->arena, count + 1u, sizeof(*list));
    if (!list) {
        return false;
    }
    struct map *seen = map_new();
    uint32_t kept = 0;
    for (uint32_t index = 0; index < count; index++) {
        const struct yaml_node *member = one ? node : node->items[index];
        if (!read_string(reader, member, what, names, &list[kept])) {
            continue;
        }
        if (map_put(seen, list[kept], list)) {
            reader_error(reader, member, NULL, "%s names \"%.*s\" twice", what,
                         STR_ARGS(list[kept]));
            continue;
        }
        kept++;
    }
    map_free(seen);
    bool fine = kept == count;
    if (fine) {
        *ret_strings = (struct key_strings){list, kept};
    }
    return fine;
}

/* Appends a scalar as it stands. */
static void pack_scalar(struct buf *out, const struct yaml_node *node)
{
    switch (node->type) {
    case YAML_TYPE_NULL:
        pack_nil(out);
        return;
    case YAML_TYPE_BOOL:
        pack_bool(out, node->boolean);
        return;
    case YAML_TYPE_INT:
        pack_int(out, node->integer);
        return;
    case YAML_TYPE_FLOAT:
        pack_float(out, node->number);
        return;
    case YAML_TYPE_STRING:
        pack_str(out, node->text);
        return;
    case YAML_TYPE_LIST:
    case YAML_TYPE_MAP:
        break;
    }
    unreachable("not a scalar");
}

/* Appends <node> to a template; nesting has been checked, so the recursion is bounded. */
static bool put_node(struct reader *reader, struct tmpl_builder *builder,
                     const struct yaml_node *node)
{
    bool fine = true;
    if (node->type == YAML_TYPE_LIST || node->type == YAML_TYPE_MAP) {
        bool map = node->type == YAML_TYPE_MAP;
        if (map) {
            tmpl_put_map(builder, node->count);
        } else {
            tmpl_put_list(builder, node->count);
        }
        for (uint32_t index = 0; index < node->count; index++) {
            if (map) {
                tmpl_put_key(builder, node->keys[index]->text);
            }
            fine &= put_node(reader, builder, node->items[index]);
        }
        return fine;
    }
    if (node->type == YAML_TYPE_STRING) {
        size_t offset = 0;
        struct err_text why = {""};
        builder->origin = node;
        uint32_t known = reader->exprs->count;
        int err = tmpl_put_string(builder, node->text, &offset, &why);
        for (uint32_t expr = known; expr < reader->exprs->count; expr++) {
            reader->expr_nodes[expr] = node;
        }
        if (err < 0) {
            reader_error_in(reader, node, offset, NULL, "%s", why.text);
        }
        return err == 0;
    }
    CLEANUP_BUF struct buf packed = BUF_INIT(64);
    pack_scalar(&packed, node);
    tmpl_put_val(builder, (struct val){packed.data, packed.len});
    return true;
}

/* Refuses values that are nested too deep to become one value. */
static bool height_ok(struct reader *reader, const struct yaml_node *node)
{
    if (node->height > VAL_DEPTH_MAX) {
        reader_error(reader, node, NULL, "the value is nested deeper than %d levels",
                     VAL_DEPTH_MAX);
        return false;
    }
    return true;
}

bool reader_template(struct reader *reader, const struct yaml_node *node,
                     const struct tmpl **ret_tmpl)
{
    if (!height_ok(reader, node)) {
        return false;
    }
    struct tmpl_builder builder;
    tmpl_builder_init(&builder, reader->arena, reader->exprs);
    bool fine = put_node(reader, &builder, node);
    struct err_text why = {""};
    const struct tmpl *tmpl = NULL;
    int err = tmpl_builder_finish(&builder, &tmpl, &why);
    tmpl_builder_done(&builder);
    if (err < 0 && fine) {
        reader_error(reader, node, NULL, "%s", why.text);
    }
    if (err < 0 || !fine) {
        return false;
    }
    *ret_tmpl = tmpl;
    return true;
}

bool reader_is_literal(const struct yaml_node *node)
{
    if (node->type == YAML_TYPE_STRING) {
        return !memmem(node->text.ptr, node->text.len, "${", 2);
    }
    bool container = node->type == YAML_TYPE_LIST || node->type == YAML_TYPE_MAP;
    for (uint32_t index = 0; container && index < node->count; index++) {
        if (!reader_is_literal(node->items[index])) {
            return false;
        }
    }
    return true;
}

/* Appends <node> as it stands; nesting has been checked, so the recursion is bounded. */
static void pack_node(struct buf *out, const struct yaml_node *node)
{
    if (node->type == YAML_TYPE_LIST) {
        pack_list(out, node->count);
    } else if (node->type == YAML_TYPE_MAP) {
        pack_map(out, node->count);
    } else {
        pack_scalar(out, node);
        return;
    }
    for (uint32_t index = 0; index < node->count; index++) {
        if (node->type == YAML_TYPE_MAP) {
            pack_str(out, node->keys[index]->text);
        }
        pack_node(out, node->items[index]);
    }
}

bool reader_value(struct reader *reader, const struct yaml_node *node, struct val *ret_val)
{
    if (!height_ok(reader, node)) {
        return false;
    }
    CLEANUP_BUF struct buf packed = BUF_INIT(VALUE_BYTES_MAX);
    pack_node(&packed, node);
    if (buf_err(&packed) != 0) {
        reader_error(reader, node, NULL, "the value takes more than %d bytes", VALUE_BYTES_MAX);
        return false;
    }
    const uint8_t *bytes = arena_memdup(reader->arena, packed.data, packed.len);
    if (!bytes) {
        return false;
    }
    *ret_val = (struct val){bytes, packed.len};
    return true;
}
