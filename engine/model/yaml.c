/*
 * YAML text as a tree of nodes that know their line and column; see yaml.h.
 *
 * libyaml delivers events; finished nodes wait on one stack until the container they belong to ends
 * and takes them off it. Depth is a counter and an array, so nothing here recurses.
 */
#include "model/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"

enum {
    KEYS_COMPARED_MAX = 16, /* maps up to this size look for repeated keys pair by pair */
};

/* A container whose end has not come yet. */
struct frame {
    struct yaml_node *node;
    size_t base; /* its first member on the stack of finished nodes */
    char *anchor;
};

struct builder {
    yaml_parser_t parser;
    struct arena *arena;
    struct diag_list *diags;
    struct map *anchors;
    const struct yaml_node **ready; /* finished nodes that belong to open frames */
    size_t ready_count;
    size_t ready_cap;
    struct frame frames[YAML_DEPTH_MAX];
    uint32_t depth;
    uint32_t nodes;
    uint32_t aliases;
    const struct yaml_node *root;
    bool ended; /* the first document is over */
    int err;    /* stops the reading */
};

static int read_events(struct builder *builder);
static void take_event(struct builder *builder, const yaml_event_t *event);
static void take_scalar(struct builder *builder, const yaml_event_t *event);
static void take_alias(struct builder *builder, const yaml_event_t *event);
static void open_frame(struct builder *builder, const yaml_event_t *event, bool map);
static void close_frame(struct builder *builder);
static void check_keys(struct builder *builder, const struct yaml_node *map);
static void resolve(struct builder *builder, struct yaml_node *node);

int yaml_tree(struct str text, struct arena *arena, struct diag_list *diags,
              const struct yaml_node **ret_root)
{
    if (text.len > YAML_TEXT_MAX) {
        diag_add(diags, DIAG_ERROR, (struct diag_place){0, 0}, STR_NONE, NULL,
                 "the file has %zu bytes, more than the allowed %d", text.len, YAML_TEXT_MAX);
        return ERR_LIMIT;
    }
    struct builder builder = {.arena = arena, .diags = diags};
    if (!yaml_parser_initialize(&builder.parser)) {
        return ERR_MEMORY;
    }
    builder.anchors = map_new();
    yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&builder.parser, (const unsigned char *)text.ptr, text.len);
    int err = read_events(&builder);
    while (builder.depth > 0) {
        builder.depth--;
        free(builder.frames[builder.depth].anchor);
    }
    free(builder.ready);
    map_free(builder.anchors);
    yaml_parser_delete(&builder.parser);
    if (err == 0) {
        *ret_root = builder.root;
    }
    return err;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    if (map->type != YAML_TYPE_MAP) {
        return NULL;
    }
    for (uint32_t index = 0; index < map->count; index++) {
        if (str_is(map->keys[index]->text, key)) {
            return map->items[index];
        }
    }
    return NULL;
}

const char *yaml_type_words(enum yaml_type type)
{
    switch (type) {
    case YAML_TYPE_NULL:
        return "nothing";
    case YAML_TYPE_BOOL:
        return "a boolean";
    case YAML_TYPE_INT:
        return "an integer";
    case YAML_TYPE_FLOAT:
        return "a float";
    case YAML_TYPE_STRING:
        return "a string";
    case YAML_TYPE_LIST:
        return "a list";
    case YAML_TYPE_MAP:
        return "a map";
    }
    unreachable("a type outside the enum");
}

/* The number of characters in <s>. */
static size_t count_chars(struct str s)
{
    size_t count = 0;
    for (size_t index = 0; index < s.len; index++) {
        count += ((unsigned char)s.ptr[index] & 0xC0) != 0x80;
    }
    return count;
}

struct diag_place yaml_place_in(const struct yaml_node *node, size_t offset)
{
    if (node->text_column == 0 || offset > node->text.len) {
        return node->place;
    }
    size_t chars = count_chars((struct str){node->text.ptr, offset});
    return (struct diag_place){node->place.line, node->text_column + (uint32_t)chars};
}

/* libyaml's position as ours. */
static struct diag_place place_of(yaml_mark_t mark)
{
    return (struct diag_place){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

/* Reports a problem that does not stop the reading. */
static void complain(struct builder *builder, struct diag_place place, const char *hint,
                     const char *sentence)
{
    diag_add(builder->diags, DIAG_ERROR, place, STR_NONE, hint, "%s", sentence);
}

/* Reports a problem after which the reading stops with <err>. */
static void give_up(struct builder *builder, struct diag_place place, int err, const char *sentence)
{
    complain(builder, place, NULL, sentence);
    builder->err = err;
}

/* Reports what libyaml says about broken syntax. */
static void report_syntax(struct builder *builder)
{
    const yaml_parser_t *parser = &builder->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        builder->err = ERR_MEMORY;
        return;
    }
    struct diag_place place = place_of(parser->problem_mark);
    if (parser->error == YAML_READER_ERROR) {
        place =
            (struct diag_place){(uint32_t)parser->mark.line + 1, (uint32_t)parser->mark.column + 1};
    }
    builder->err = ERR_PARSE;
    diag_add(builder->diags, DIAG_ERROR, place, STR_NONE,
             parser->context ? "quotes, brackets and indentation above it may be the cause" : NULL,
             "this is not well-formed YAML: %s%s%s", parser->problem ? parser->problem : "?",
             parser->context ? " " : "", parser->context ? parser->context : "");
}

/* Takes events until the end of the text or the first problem that stops. */
static int read_events(struct builder *builder)
{
    bool done = false;
    while (!done && builder->err == 0) {
        yaml_event_t event;
        if (!yaml_parser_parse(&builder->parser, &event)) {
            report_syntax(builder);
            break;
        }
        done = event.type == YAML_STREAM_END_EVENT;
        take_event(builder, &event);
        yaml_event_delete(&event);
    }
    if (builder->err == 0 && !builder->root) {
        struct yaml_node *node = arena_alloc(builder->arena, sizeof(*node));
        if (!node) {
            return arena_err(builder->arena);
        }
        *node = (struct yaml_node){
            .type = YAML_TYPE_NULL, .place = {1, 1}, .text = STR(""), .size = 1, .height = 1};
        builder->root = node;
    }
    return builder->err;
}

/* Sends an event to its function. */
static void take_event(struct builder *builder, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (builder->ended) {
            give_up(builder, place_of(event->start_mark), ERR_PARSE,
                    "a second document begins here, but a file holds one");
        }
        break;
    case YAML_DOCUMENT_END_EVENT:
        builder->ended = true;
        break;
    case YAML_SCALAR_EVENT:
        take_scalar(builder, event);
        break;
    case YAML_ALIAS_EVENT:
        take_alias(builder, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        open_frame(builder, event, false);
        break;
    case YAML_MAPPING_START_EVENT:
        open_frame(builder, event, true);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_frame(builder);
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
        break;
    }
}

/* A new node at the event's place, or NULL with the builder's error set. */
static struct yaml_node *new_node(struct builder *builder, const yaml_event_t *event,
                                  enum yaml_type type)
{
    struct diag_place place = place_of(event->start_mark);
    if (builder->nodes == YAML_NODES_MAX) {
        diag_add(builder->diags, DIAG_ERROR, place, STR_NONE, NULL,
                 "the file has more than %d values", YAML_NODES_MAX);
        builder->err = ERR_LIMIT;
        return NULL;
    }
    struct yaml_node *node = arena_alloc(builder->arena, sizeof(*node));
    if (!node) {
        builder->err = arena_err(builder->arena);
        return NULL;
    }
    builder->nodes++;
    *node = (struct yaml_node){.type = type, .place = place, .size = 1, .height = 1};
    return node;
}

/* Hands a finished node to the frame it belongs to. */
static void push_ready(struct builder *builder, const struct yaml_node *node)
{
    if (builder->depth == 0) {
        builder->root = node;
        return;
    }
    struct frame *top = &builder->frames[builder->depth - 1];
    bool is_key = top->node->type == YAML_TYPE_MAP && (builder->ready_count - top->base) % 2 == 0;
    if (is_key && (node->type == YAML_TYPE_LIST || node->type == YAML_TYPE_MAP)) {
        complain(builder, node->place, NULL, "a key must be a single word or text");
    }
    if (builder->ready_count == builder->ready_cap) {
        builder->ready_cap = builder->ready_cap ? builder->ready_cap * 2 : 64;
        builder->ready =
            xreallocarray((void *)builder->ready, builder->ready_cap, sizeof(*builder->ready));
    }
    builder->ready[builder->ready_count] = node;
    builder->ready_count++;
}

/* Remembers <node> under <anchor> (NULL for none). */
static void name_node(struct builder *builder, const yaml_char_t *anchor,
                      const struct yaml_node *node)
{
    if (anchor) {
        map_put(builder->anchors, str_of((const char *)anchor), (void *)(uintptr_t)node);
    }
}

/* Refuses a tag. */
static void check_tag(struct builder *builder, const yaml_char_t *tag, struct diag_place place)
{
    if (tag) {
        complain(builder, place, "leave it out; quotes make a text of anything",
                 "tags such as !!str are not supported");
    }
}

/* A scalar event becomes a node. */
static void take_scalar(struct builder *builder, const yaml_event_t *event)
{
    struct yaml_node *node = new_node(builder, event, YAML_TYPE_STRING);
    if (!node) {
        return;
    }
    node->text = (struct str){(const char *)event->data.scalar.value, event->data.scalar.length};
    node->text.ptr = arena_str(builder->arena, node->text);
    if (!node->text.ptr) {
        builder->err = arena_err(builder->arena);
        return;
    }
    check_tag(builder, event->data.scalar.tag, node->place);
    if (memchr(node->text.ptr, '\0', node->text.len)) {
        complain(builder, node->place, NULL, "a text may not contain the character NUL");
        node->text.len = strlen(node->text.ptr);
    }
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    size_t quotes = plain ? 0 : 2;
    bool one_line = event->start_mark.line == event->end_mark.line;
    if (one_line &&
        event->end_mark.column - event->start_mark.column == count_chars(node->text) + quotes) {
        node->text_column = node->place.column + (plain ? 0 : 1);
    }
    if (plain) {
        resolve(builder, node);
    }
    name_node(builder, event->data.scalar.anchor, node);
    push_ready(builder, node);
}

/* An alias stands for the finished node with that anchor. */
static void take_alias(struct builder *builder, const yaml_event_t *event)
{
    struct diag_place place = place_of(event->start_mark);
    const char *name = (const char *)event->data.alias.anchor;
    builder->aliases++;
    builder->nodes++;
    if (builder->aliases > YAML_ALIASES_MAX) {
        diag_add(builder->diags, DIAG_ERROR, place, STR_NONE, NULL,
                 "the file uses more than %d aliases", YAML_ALIASES_MAX);
        builder->err = ERR_LIMIT;
        return;
    }
    const struct yaml_node *node = map_get(builder->anchors, str_of(name));
    if (!node) {
        diag_add(builder->diags, DIAG_ERROR, place, STR_NONE,
                 "an anchor must be complete before it is used",
                 "there is no anchor &%s above this alias", name);
        builder->err = ERR_PARSE;
        return;
    }
    if (builder->depth + node->height > YAML_DEPTH_MAX) {
        diag_add(builder->diags, DIAG_ERROR, place, STR_NONE, NULL,
                 "values are nested deeper than %d levels", YAML_DEPTH_MAX);
        builder->err = ERR_LIMIT;
        return;
    }
    push_ready(builder, node);
}

/* A list or map begins. */
static void open_frame(struct builder *builder, const yaml_event_t *event, bool map)
{
    if (builder->depth == YAML_DEPTH_MAX) {
        diag_add(builder->diags, DIAG_ERROR, place_of(event->start_mark), STR_NONE, NULL,
                 "values are nested deeper than %d levels", YAML_DEPTH_MAX);
        builder->err = ERR_LIMIT;
        return;
    }
    struct yaml_node *node = new_node(builder, event, map ? YAML_TYPE_MAP : YAML_TYPE_LIST);
    if (!node) {
        return;
    }
    const yaml_char_t *anchor =
        map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    check_tag(builder, tag, node->place);
    builder->frames[builder->depth] = (struct frame){
        .node = node,
        .base = builder->ready_count,
        .anchor = anchor ? xstrdup((const char *)anchor) : NULL,
    };
    builder->depth++;
}

/* Moves the finished members of <frame> into its node. False when memory runs out. */
static bool fill_node(struct builder *builder, const struct frame *frame)
{
    struct yaml_node *node = frame->node;
    bool map = node->type == YAML_TYPE_MAP;
    size_t stride = map ? 2 : 1;
    node->count = (uint32_t)((builder->ready_count - frame->base) / stride);
    node->items = arena_array(builder->arena, node->count + 1u, sizeof(*node->items));
    if (map) {
        node->keys = arena_array(builder->arena, node->count + 1u, sizeof(*node->keys));
    }
    if (!node->items || (map && !node->keys)) {
        return false;
    }
    uint64_t size = 1;
    for (uint32_t index = 0; index < node->count; index++) {
        const struct yaml_node *const *member = &builder->ready[frame->base + index * stride];
        if (map) {
            node->keys[index] = member[0];
            size += member[0]->size;
        }
        node->items[index] = member[stride - 1];
        size += node->items[index]->size;
        if (node->items[index]->height >= node->height) {
            node->height = node->items[index]->height + 1;
        }
    }
    node->size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    return true;
}

/* A list or map ends. */
static void close_frame(struct builder *builder)
{
    must(builder->depth > 0);
    builder->depth--;
    struct frame frame = builder->frames[builder->depth];
    if (fill_node(builder, &frame)) {
        builder->ready_count = frame.base;
        if (frame.node->type == YAML_TYPE_MAP) {
            check_keys(builder, frame.node);
        }
        name_node(builder, (const yaml_char_t *)frame.anchor, frame.node);
        push_ready(builder, frame.node);
    } else {
        builder->err = arena_err(builder->arena);
    }
    free(frame.anchor);
    uint64_t allowed = (uint64_t)builder->nodes * YAML_EXPANSION_MAX;
    if (builder->err == 0 && builder->depth == 0 && frame.node->size > allowed) {
        diag_add(builder->diags, DIAG_ERROR, frame.node->place, STR_NONE,
                 "write some of the repeated parts out, or use a subflow",
                 "aliases make the file more than %d times larger than it is written",
                 YAML_EXPANSION_MAX);
        builder->err = ERR_LIMIT;
    }
}

/* Reports a key that stood before in the same map. */
static void report_repeated(struct builder *builder, const struct yaml_node *key,
                            const struct yaml_node *first)
{
    char hint[64];
    snprintf(hint, sizeof(hint), "the first one is on line %u", first->place.line);
    diag_add(builder->diags, DIAG_ERROR, key->place, key->text, hint,
             "the key \"%.*s\" is repeated", STR_ARGS(key->text));
}

/* Refuses merge keys and repeated keys. */
static void check_keys(struct builder *builder, const struct yaml_node *map)
{
    struct map *seen = map->count > KEYS_COMPARED_MAX ? map_new() : NULL;
    for (uint32_t index = 0; index < map->count; index++) {
        const struct yaml_node *key = map->keys[index];
        if (str_eq(key->text, STR("<<"))) {
            complain(builder, key->place, "repeat the keys, or put them into a subflow",
                     "merge keys (<<) are not supported");
        }
        const struct yaml_node *first = NULL;
        if (seen) {
            first = map_put(seen, key->text, (void *)(uintptr_t)key);
        }
        for (uint32_t before = 0; !seen && !first && before < index; before++) {
            first = str_eq(map->keys[before]->text, key->text) ? map->keys[before] : NULL;
        }
        if (first) {
            report_repeated(builder, key, first);
        }
    }
    map_free(seen);
}

/* True when <text> is one of the words between spaces in <words>. */
static bool is_one_of(struct str text, const char *words)
{
    const char *at = words;
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

/* How many bytes from <offset> on are in <set>. */
static size_t span(struct str text, size_t offset, const char *set)
{
    size_t len = 0;
    while (offset + len < text.len && strchr(set, text.ptr[offset + len])) {
        len++;
    }
    return len;
}

/* The base of the integer that <text> is by the core schema, or 0. */
static int integer_base(struct str text)
{
    bool prefixed = text.len > 2 && text.ptr[0] == '0';
    if (prefixed && text.ptr[1] == 'o' && span(text, 2, "01234567") == text.len - 2) {
        return 8;
    }
    if (prefixed && text.ptr[1] == 'x' && span(text, 2, "0123456789abcdefABCDEF") == text.len - 2) {
        return 16;
    }
    size_t sign = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    return text.len > sign && span(text, sign, "0123456789") == text.len - sign ? 10 : 0;
}

/* True when <text> is a float by the core schema. */
static bool is_float(struct str text)
{
    size_t at = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    if (is_one_of((struct str){text.ptr + at, text.len - at}, ".inf .Inf .INF")) {
        return true;
    }
    size_t whole = span(text, at, "0123456789");
    at += whole;
    size_t fraction = 0;
    if (at < text.len && text.ptr[at] == '.') {
        at++;
        fraction = span(text, at, "0123456789");
        at += fraction;
    }
    if (whole + fraction == 0) {
        return false;
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        at += at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+');
        size_t digits = span(text, at, "0123456789");
        at += digits;
        return digits > 0 && at == text.len;
    }
    return at == text.len;
}

/* Gives a plain number its value; its text is NUL-terminated. */
static void resolve_number(struct builder *builder, struct yaml_node *node, int base)
{
    if (node->text.len > YAML_NUMBER_MAX) {
        complain(builder, node->place, "put it in quotes to make it a text",
                 "this number has too many digits");
        return;
    }
    if (base == 0) {
        const char *dot = strchr(node->text.ptr, '.');
        bool special = dot && dot[1] != '\0' && strchr("iInN", dot[1]);
        bool minus = node->text.ptr[0] == '-';
        double infinite = minus ? -__builtin_inf() : __builtin_inf();
        node->type = YAML_TYPE_FLOAT;
        node->number = !special                         ? strtod(node->text.ptr, NULL)
                       : dot[1] == 'n' || dot[1] == 'N' ? __builtin_nan("")
                                                        : infinite;
        return;
    }
    errno = 0;
    long long number = strtoll(node->text.ptr + (base == 10 ? 0 : 2), NULL, base);
    if (errno == ERANGE) {
        complain(builder, node->place, "put it in quotes to make it a text",
                 "this integer does not fit into 64 bits");
        return;
    }
    node->type = YAML_TYPE_INT;
    node->integer = number;
}

/* Decides what a plain scalar is, by YAML 1.2's core schema. */
static void resolve(struct builder *builder, struct yaml_node *node)
{
    bool text = node->text.len > 0 && !strchr("~nNtTfF+-.0123456789", node->text.ptr[0]);
    if (text) {
        return;
    }
    if (node->text.len == 0 || is_one_of(node->text, "~ null Null NULL")) {
        node->type = YAML_TYPE_NULL;
        return;
    }
    if (is_one_of(node->text, "true True TRUE false False FALSE")) {
        node->type = YAML_TYPE_BOOL;
        node->boolean = node->text.ptr[0] == 't' || node->text.ptr[0] == 'T';
        return;
    }
    int base = integer_base(node->text);
    if (base != 0 || is_float(node->text) || is_one_of(node->text, ".nan .NaN .NAN")) {
        resolve_number(builder, node, base);
    }
}
