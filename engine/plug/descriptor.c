/*
 * Descriptors: from a loaded plugin to msgpack, from msgpack to a struct plug_plugin. See
 * descriptor.h.
 *
 *   {v: 1, abi: [major, minor], flags, name, version, summary,
 *    parts: [{kind, type, summary, flags,
 *             params: [{name, type, flags, fallback: text | nil, doc}]}]}
 *
 * Encoding checks what can only be seen in memory (sizes, missing pointers, texts without end) and
 * then decodes its own output, so that every other rule stands in one place: the decoder.
 */
#include "plug/descriptor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/params.h"
#include "value/pack.h"
#include "value/val.h"

enum { FORMAT_VERSION = 1, PLACE_SIZE = 320, STRIDE_MAX = 4096 };

/* The members every plugin has; later ones read as zero when the struct is shorter. */
#define PLUGIN_SIZE_MIN (offsetof(leat_plugin, parts) + sizeof(const leat_part *const *))
#define PART_SIZE_MIN (offsetof(leat_part, run) + sizeof(leat_status(*)(leat_call *)))
#define PARAM_SIZE_MIN (offsetof(leat_param, flags) + sizeof(uint32_t))

static const struct val_limits descriptor_limits = {
    .bytes_max = DESCRIPTOR_BYTES_MAX, .nodes_max = 1000000, .depth_max = 8};

/* What a sentence is about: "the plugin", "part 2 (csv.read)", ... */
struct place {
    char text[PLACE_SIZE];
};

/* Where a decoded descriptor is built. */
struct decoder {
    struct arena *arena;
    struct err_text *why;
    struct plug_part *parts; /* to be told at last where their plugin is */
};

static int encode_plugin(const leat_plugin *plugin, struct buf *out, struct err_text *reterr_why);
static int encode_part(const leat_part *part, size_t number, struct buf *out,
                       struct err_text *reterr_why);
static int encode_params(const leat_part *part, const struct place *owner, struct buf *out,
                         struct err_text *reterr_why);
static int decode_plugin(struct decoder *decoder, struct val map, struct plug_plugin *plugin);
static int decode_parts(struct decoder *decoder, struct val list, struct plug_plugin *plugin);
static int decode_part(struct decoder *decoder, struct val map, uint32_t number,
                       struct plug_part *part);
static int decode_params(struct decoder *decoder, struct val list, const struct place *owner,
                         struct plug_part *part);
static int decode_param(struct decoder *decoder, struct val map, const struct place *owner,
                        struct param_spec *spec);

/* Fills a place. */
static struct place place_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

static struct place place_of(const char *format, ...)
{
    struct place place;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(place.text, sizeof place.text, format, args);
    va_end(args);
    return place;
}

/* The plugin's struct as this engine knows it: what a shorter one lacks is zero. */
static void copy_known(void *ret_object, size_t known_size, const void *object, uint32_t size)
{
    memset(ret_object, 0, known_size);
    memcpy(ret_object, object, size < known_size ? size : known_size);
}

/* ---- encoding ---- */

int descriptor_encode(const leat_plugin *plugin, struct buf *out, struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf packed = BUF_INIT(DESCRIPTOR_BYTES_MAX);
    CLEANUP_ARENA struct arena arena;
    struct plug_plugin decoded;
    int err;

    arena_init(&arena, DESCRIPTOR_MEMORY_MAX);
    err = encode_plugin(plugin, &packed, reterr_why);
    if (err < 0) {
        return err;
    }
    if (buf_err(&packed) < 0) {
        return err_set(reterr_why, buf_err(&packed),
                       "the plugin's descriptor is larger than %d bytes", DESCRIPTOR_BYTES_MAX);
    }
    err = descriptor_decode(packed.data, packed.len, &arena, &decoded, reterr_why);
    if (err < 0) {
        return err;
    }
    return buf_put(out, packed.data, packed.len);
}

/* Packs a text of foreign memory, which must be there, end, and be UTF-8. */
static int encode_text(const char *text, size_t len_max, const struct place *place,
                       const char *what, struct buf *out, struct err_text *reterr_why)
{
    struct str str = {text, 0};

    if (text == NULL) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED, "%s has no %s", place->text, what);
    }
    str.len = strnlen(text, len_max + 1);
    if (str.len > len_max) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED, "%s has a %s of more than %zu bytes",
                       place->text, what, len_max);
    }
    if (!str_utf8_ok(str)) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED, "%s has a %s that is not UTF-8", place->text,
                       what);
    }
    pack_cstr(out, what);
    pack_str(out, str);
    return 0;
}

/* Packs a number under its name. */
static void encode_number(const char *name, uint64_t value, struct buf *out)
{
    pack_cstr(out, name);
    pack_uint(out, value);
}

/* What must hold before anything behind the struct's first members is read. */
static int check_plugin(const leat_plugin *plugin, struct err_text *reterr_why)
{
    if (plugin == NULL) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED, "%s() returned NULL", LEAT_PLUGIN_SYMBOL);
    }
    if (plugin->magic != LEAT_PLUGIN_MAGIC) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                       "%s() returned something that is not a leat_plugin: its magic number is "
                       "0x%08x instead of 0x%08x",
                       LEAT_PLUGIN_SYMBOL, plugin->magic, LEAT_PLUGIN_MAGIC);
    }
    if (plugin->struct_size < PLUGIN_SIZE_MIN) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                       "the plugin says that its leat_plugin has %u bytes; %zu is the least",
                       plugin->struct_size, PLUGIN_SIZE_MIN);
    }
    if (plugin->abi_major != LEAT_ABI_MAJOR) {
        return err_set(reterr_why, ERR_PLUGIN_ABI,
                       "the plugin's descriptor is of ABI %u.%u, this engine speaks %u.%u",
                       (unsigned)plugin->abi_major, (unsigned)plugin->abi_minor, LEAT_ABI_MAJOR,
                       LEAT_ABI_MINOR);
    }
    if (plugin->parts == NULL || plugin->parts[0] == NULL) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED, "the plugin declares no parts");
    }
    return 0;
}

/* Packs the whole plugin. */
static int encode_plugin(const leat_plugin *plugin, struct buf *out, struct err_text *reterr_why)
{
    struct place place = place_of("the plugin");
    uint32_t count = 0;
    size_t list;
    int err = check_plugin(plugin, reterr_why);

    if (err < 0) {
        return err;
    }
    pack_map(out, 7);
    encode_number("v", FORMAT_VERSION, out);
    pack_cstr(out, "abi");
    pack_list(out, 2);
    pack_uint(out, plugin->abi_major);
    pack_uint(out, plugin->abi_minor);
    encode_number("flags", plugin->flags, out);
    err = encode_text(plugin->name, DESCRIPTOR_NAME_MAX, &place, "name", out, reterr_why);
    if (err == 0) {
        err = encode_text(plugin->version, DESCRIPTOR_NAME_MAX, &place, "version", out, reterr_why);
    }
    if (err == 0) {
        err = encode_text(plugin->summary, DESCRIPTOR_SUMMARY_MAX, &place, "summary", out,
                          reterr_why);
    }
    pack_cstr(out, "parts");
    list = pack_list_open(out);
    while (err == 0 && plugin->parts[count] != NULL) {
        if (count == DESCRIPTOR_PARTS_MAX) {
            return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                           "the plugin declares more than %d parts (or its table of parts has no "
                           "NULL at its end)",
                           DESCRIPTOR_PARTS_MAX);
        }
        err = encode_part(plugin->parts[count], count + 1, out, reterr_why);
        count++;
    }
    pack_close(out, list, count);
    return err;
}

/* Packs one part. */
static int encode_part(const leat_part *part, size_t number, struct buf *out,
                       struct err_text *reterr_why)
{
    struct place place = place_of("part %zu", number);
    leat_part known;
    int err;

    if (part->struct_size < PART_SIZE_MIN) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                       "%s says that its leat_part has %u bytes; %zu is the least", place.text,
                       part->struct_size, PART_SIZE_MIN);
    }
    copy_known(&known, sizeof known, part, part->struct_size);
    pack_map(out, 5);
    encode_number("kind", known.kind, out);
    encode_number("flags", known.flags, out);
    err = encode_text(known.type, DESCRIPTOR_TYPE_MAX, &place, "type", out, reterr_why);
    if (err < 0) {
        return err;
    }
    place = place_of("part %zu (%s)", number, known.type);
    err = encode_text(known.summary, DESCRIPTOR_SUMMARY_MAX, &place, "summary", out, reterr_why);
    if (err < 0) {
        return err;
    }
    if (known.run == NULL) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED, "%s has no function to run", place.text);
    }
    return encode_params(&known, &place, out, reterr_why);
}

/* Packs one parameter. */
static int encode_param(const leat_param *param, const struct place *place, struct buf *out,
                        struct err_text *reterr_why)
{
    int err;

    pack_map(out, 5);
    encode_number("type", param->type, out);
    encode_number("flags", param->flags, out);
    err = encode_text(param->name, LEAT_KEY_MAX, place, "name", out, reterr_why);
    if (err == 0) {
        err = encode_text(param->doc, DESCRIPTOR_DOC_MAX, place, "doc", out, reterr_why);
    }
    if (err < 0) {
        return err;
    }
    if (param->fallback != NULL) {
        return encode_text(param->fallback, DESCRIPTOR_FALLBACK_MAX, place, "fallback", out,
                           reterr_why);
    }
    pack_cstr(out, "fallback");
    pack_nil(out);
    return 0;
}

/* Packs the parameters of <part>, which is complete as this engine knows it. */
static int encode_params(const leat_part *part, const struct place *owner, struct buf *out,
                         struct err_text *reterr_why)
{
    uint32_t count = 0;
    size_t list;

    if (part->param_stride != 0 &&
        (part->param_stride < PARAM_SIZE_MIN || part->param_stride > STRIDE_MAX ||
         part->param_stride % _Alignof(leat_param) != 0)) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                       "%s says that a leat_param has %u bytes, which can not be", owner->text,
                       part->param_stride);
    }
    pack_cstr(out, "params");
    list = pack_list_open(out);
    for (;;) {
        const leat_param *param = descriptor_abi_param(part, count);
        struct place place;
        int err;

        if (param == NULL) {
            break;
        }
        if (count == DESCRIPTOR_PARAMS_MAX) {
            return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                           "%s declares more than %d parameters (or their table has no end)",
                           owner->text, DESCRIPTOR_PARAMS_MAX);
        }
        count++;
        place = place_of("parameter %u of %s", count, owner->text);
        err = encode_param(param, &place, out, reterr_why);
        if (err < 0) {
            return err;
        }
    }
    pack_close(out, list, count);
    return 0;
}

/* ---- decoding ---- */

/* Fails with a sentence about a rule of the ABI. */
#define REFUSE(decoder, ...) err_set((decoder)->why, ERR_PLUGIN_REFUSED, __VA_ARGS__)

int descriptor_decode(const void *bytes, size_t len, struct arena *arena,
                      struct plug_plugin *ret_plugin, struct err_text *reterr_why)
{
    struct decoder decoder = {.arena = arena, .why = reterr_why};
    struct plug_plugin plugin = {0};
    struct err_text why;
    struct val map;
    int err = val_scan(bytes, len, &descriptor_limits, &map, &why);

    if (err < 0) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED, "the descriptor is not a value: %s",
                       why.text);
    }
    if (map.len != len || val_type(map) != VAL_MAP) {
        return REFUSE(&decoder, "the descriptor is not one map");
    }
    err = decode_plugin(&decoder, map, &plugin);
    if (err == 0) {
        err = decode_parts(&decoder, val_find(map, STR("parts")), &plugin);
    }
    if (arena_err(arena) < 0) {
        return err_set(reterr_why, arena_err(arena), "the descriptor takes too much memory");
    }
    if (err < 0) {
        return err;
    }
    *ret_plugin = plugin;
    for (uint32_t i = 0; i < plugin.part_count; i++) {
        decoder.parts[i].plugin = ret_plugin;
    }
    return 0;
}

/* A number of at most <max> under <key>. */
static int decode_number(struct decoder *decoder, struct val map, const char *key, uint64_t max,
                         uint64_t *ret_number)
{
    struct val member = val_find(map, str_of(key));

    if (member.ptr == NULL || val_type(member) != VAL_INT || val_int(member) < 0 ||
        (uint64_t)val_int(member) > max) {
        return REFUSE(decoder, "the descriptor's member \"%s\" is not a number that fits", key);
    }
    *ret_number = (uint64_t)val_int(member);
    return 0;
}

/* The same for the 32 bits of flags, kinds and types. */
static int decode_bits(struct decoder *decoder, struct val map, const char *key, uint32_t *ret_bits)
{
    uint64_t number = 0;
    int err = decode_number(decoder, map, key, UINT32_MAX, &number);

    if (err == 0) {
        *ret_bits = (uint32_t)number;
    }
    return err;
}

/* A text of 1 to <len_max> bytes under <key>, copied. */
static int decode_text(struct decoder *decoder, struct val map, const char *key, size_t len_max,
                       const struct place *place, const char **ret_text)
{
    struct val member = val_find(map, str_of(key));
    struct str text;
    char *copy;

    if (member.ptr == NULL || val_type(member) != VAL_STR) {
        return REFUSE(decoder, "%s has no %s", place->text, key);
    }
    text = val_str(member);
    if (text.len == 0) {
        return REFUSE(decoder, "%s has an empty %s", place->text, key);
    }
    if (text.len > len_max || memchr(text.ptr, '\0', text.len) != NULL) {
        return REFUSE(decoder, "%s has a %s of more than %zu bytes or with a NUL in it",
                      place->text, key, len_max);
    }
    copy = arena_str(decoder->arena, text);
    if (copy == NULL) {
        return arena_err(decoder->arena);
    }
    *ret_text = copy;
    return 0;
}

/* The two numbers of the ABI. */
static int decode_abi(struct decoder *decoder, struct val map, struct plug_plugin *plugin)
{
    struct val pair = val_find(map, STR("abi"));
    struct val part;
    int64_t numbers[2];

    if (pair.ptr == NULL || val_type(pair) != VAL_LIST || val_count(pair) != 2) {
        return REFUSE(decoder, "the descriptor does not say which ABI it is of");
    }
    for (uint32_t i = 0; i < 2; i++) {
        part = val_at(pair, i);
        if (val_type(part) != VAL_INT || val_int(part) < 0 || val_int(part) > UINT16_MAX) {
            return REFUSE(decoder, "the descriptor does not say which ABI it is of");
        }
        numbers[i] = val_int(part);
    }
    if (numbers[0] != LEAT_ABI_MAJOR) {
        return err_set(decoder->why, ERR_PLUGIN_ABI,
                       "the plugin's descriptor is of ABI %d.%d, this engine speaks %u.%u",
                       (int)numbers[0], (int)numbers[1], LEAT_ABI_MAJOR, LEAT_ABI_MINOR);
    }
    plugin->abi_major = (uint16_t)numbers[0];
    plugin->abi_minor = (uint16_t)numbers[1];
    return 0;
}

/* Everything but the parts. */
static int decode_plugin(struct decoder *decoder, struct val map, struct plug_plugin *plugin)
{
    struct place place = place_of("the plugin");
    uint64_t version = 0;
    int err = decode_number(decoder, map, "v", UINT32_MAX, &version);

    if (err == 0 && version != FORMAT_VERSION) {
        err = REFUSE(decoder, "the descriptor was written by another version of leat");
    }
    if (err == 0) {
        err = decode_abi(decoder, map, plugin);
    }
    if (err == 0) {
        err = decode_bits(decoder, map, "flags", &plugin->flags);
    }
    if (err == 0) {
        err = decode_text(decoder, map, "name", DESCRIPTOR_NAME_MAX, &place, &plugin->name);
    }
    if (err == 0 && !str_name_ok(str_of(plugin->name), DESCRIPTOR_NAME_MAX)) {
        err = REFUSE(decoder,
                     "the plugin's name \"%s\" is not made of letters, digits, `_`, `-` and `.` "
                     "with a letter or `_` first",
                     plugin->name);
    }
    if (err == 0) {
        err = decode_text(decoder, map, "version", DESCRIPTOR_NAME_MAX, &place, &plugin->version);
    }
    if (err == 0) {
        err =
            decode_text(decoder, map, "summary", DESCRIPTOR_SUMMARY_MAX, &place, &plugin->summary);
    }
    return err;
}

/* All parts, no two of the same kind and type. */
static int decode_parts(struct decoder *decoder, struct val list, struct plug_plugin *plugin)
{
    struct plug_part *parts;
    struct val_iter iter;
    struct val member;
    uint32_t count = 0;

    if (list.ptr == NULL || val_type(list) != VAL_LIST || val_count(list) == 0) {
        return REFUSE(decoder, "the plugin declares no parts");
    }
    if (val_count(list) > DESCRIPTOR_PARTS_MAX) {
        return REFUSE(decoder, "the plugin declares more than %d parts", DESCRIPTOR_PARTS_MAX);
    }
    parts = arena_array(decoder->arena, val_count(list), sizeof *parts);
    if (parts == NULL) {
        return arena_err(decoder->arena);
    }
    plugin->parts = parts;
    decoder->parts = parts;
    iter = val_iter(list);
    while (val_next(&iter, NULL, &member)) {
        struct plug_part *part = &parts[count];
        int err = decode_part(decoder, member, count + 1, part);

        if (err < 0) {
            return err;
        }
        if (descriptor_part(plugin, part->kind, str_of(part->type)) != NULL) {
            return REFUSE(decoder, "the plugin declares \"%s\" twice", part->type);
        }
        count++;
        plugin->part_count = count;
    }
    return 0;
}

/* One part. */
static int decode_part(struct decoder *decoder, struct val map, uint32_t number,
                       struct plug_part *part)
{
    struct place place = place_of("part %u", number);
    int err;

    if (val_type(map) != VAL_MAP) {
        return REFUSE(decoder, "%s of the descriptor is not a map", place.text);
    }
    err = decode_bits(decoder, map, "kind", &part->kind);
    if (err == 0) {
        err = decode_bits(decoder, map, "flags", &part->flags);
    }
    if (err == 0) {
        err = decode_text(decoder, map, "type", DESCRIPTOR_TYPE_MAX, &place, &part->type);
    }
    if (err < 0) {
        return err;
    }
    place = place_of("part %u (%s)", number, part->type);
    if (part->kind != LEAT_KIND_TASK && part->kind != LEAT_KIND_NOTIFIER) {
        return REFUSE(decoder,
                      "%s is of kind %u, which this engine does not offer; it knows tasks (%u) "
                      "and notifiers (%u)",
                      place.text, part->kind, LEAT_KIND_TASK, LEAT_KIND_NOTIFIER);
    }
    if (!descriptor_type_ok(part->kind, str_of(part->type))) {
        return REFUSE(decoder,
                      "the type of %s is not words of letters, digits, `_` and `-` joined by "
                      "dots, as in \"csv.read\"%s",
                      place.text, part->kind == LEAT_KIND_TASK ? "; a task needs a dot" : "");
    }
    err = decode_text(decoder, map, "summary", DESCRIPTOR_SUMMARY_MAX, &place, &part->summary);
    if (err < 0) {
        return err;
    }
    return decode_params(decoder, val_find(map, STR("params")), &place, part);
}

/* All parameters of a part, no two of the same name. */
static int decode_params(struct decoder *decoder, struct val list, const struct place *owner,
                         struct plug_part *part)
{
    struct param_spec *specs;
    struct val_iter iter;
    struct val member;

    if (list.ptr == NULL || val_type(list) != VAL_LIST || val_count(list) > DESCRIPTOR_PARAMS_MAX) {
        return REFUSE(decoder, "%s has no list of at most %d parameters", owner->text,
                      DESCRIPTOR_PARAMS_MAX);
    }
    if (val_count(list) == 0) {
        return 0;
    }
    specs = arena_array(decoder->arena, val_count(list), sizeof *specs);
    if (specs == NULL) {
        return arena_err(decoder->arena);
    }
    part->params = specs;
    iter = val_iter(list);
    while (val_next(&iter, NULL, &member)) {
        struct param_spec *spec = &specs[part->param_count];
        int err = decode_param(decoder, member, owner, spec);

        if (err < 0) {
            return err;
        }
        if (params_find(specs, part->param_count, spec->name) != NULL) {
            return REFUSE(decoder, "%s declares the parameter \"%.*s\" twice", owner->text,
                          STR_ARGS(spec->name));
        }
        part->param_count++;
    }
    return 0;
}

/* Letters, digits and underscores, no digit first. */
static bool param_name_ok(const char *name)
{
    struct str str = str_of(name);

    return str_name_ok(str, LEAT_KEY_MAX) && strchr(name, '-') == NULL && strchr(name, '.') == NULL;
}

/* The default of <spec>, made to fit. */
static int decode_fallback(struct decoder *decoder, struct val map, const struct place *place,
                           struct param_spec *spec)
{
    CLEANUP_BUF struct buf coerced = BUF_INIT(DESCRIPTOR_FALLBACK_MAX * 2);
    struct val member = val_find(map, STR("fallback"));
    struct err_text why = {""};
    void *copy;
    int err;

    if (member.ptr == NULL || val_type(member) == VAL_NIL) {
        return 0;
    }
    if (val_type(member) != VAL_STR || val_str(member).len > DESCRIPTOR_FALLBACK_MAX) {
        return REFUSE(decoder, "%s has a default that is not a text of at most %d bytes",
                      place->text, DESCRIPTOR_FALLBACK_MAX);
    }
    if (spec->required) {
        return REFUSE(decoder, "%s is required and has a default all the same", place->text);
    }
    err = param_coerce_text(spec, val_str(member), &coerced, &why);
    if (err < 0) {
        return REFUSE(decoder, "%s has a default that does not fit: it %s", place->text, why.text);
    }
    copy = arena_memdup(decoder->arena, coerced.data, coerced.len);
    if (copy == NULL) {
        return arena_err(decoder->arena);
    }
    spec->fallback = (struct val){copy, coerced.len};
    return 0;
}

/* One parameter. */
static int decode_param(struct decoder *decoder, struct val map, const struct place *owner,
                        struct param_spec *spec)
{
    struct place place = place_of("a parameter of %s", owner->text);
    const char *name = NULL;
    const char *doc = NULL;
    uint32_t type = 0;
    uint32_t flags = 0;
    int err;

    if (val_type(map) != VAL_MAP) {
        return REFUSE(decoder, "%s is not a map", place.text);
    }
    err = decode_text(decoder, map, "name", LEAT_KEY_MAX, &place, &name);
    if (err < 0) {
        return err;
    }
    place = place_of("the parameter \"%s\" of %s", name, owner->text);
    if (!param_name_ok(name)) {
        return REFUSE(decoder,
                      "the name of %s is not made of letters, digits and `_` with no digit first",
                      place.text);
    }
    err = decode_text(decoder, map, "doc", DESCRIPTOR_DOC_MAX, &place, &doc);
    if (err == 0) {
        err = decode_bits(decoder, map, "type", &type);
    }
    if (err == 0) {
        err = decode_bits(decoder, map, "flags", &flags);
    }
    if (err < 0) {
        return err;
    }
    if (type < LEAT_TYPE_STRING || type > LEAT_TYPE_FILE) {
        return REFUSE(decoder, "%s is of type %u, which this engine does not know", place.text,
                      type);
    }
    spec->name = str_of(name);
    spec->doc = str_of(doc);
    spec->type = (enum param_type)type;
    spec->list = (flags & LEAT_PARAM_LIST) != 0;
    spec->required = (flags & LEAT_PARAM_REQUIRED) != 0;
    spec->secret = (flags & LEAT_PARAM_SECRET) != 0;
    return decode_fallback(decoder, map, &place, spec);
}

/* ---- looking things up ---- */

const struct plug_part *descriptor_part(const struct plug_plugin *plugin, uint32_t kind,
                                        struct str type)
{
    for (uint32_t i = 0; i < plugin->part_count; i++) {
        if (plugin->parts[i].kind == kind && str_is(type, plugin->parts[i].type)) {
            return &plugin->parts[i];
        }
    }
    return NULL;
}

const leat_part *descriptor_abi_part(const leat_plugin *plugin, uint32_t kind, struct str type)
{
    for (size_t i = 0; plugin->parts[i] != NULL; i++) {
        if (plugin->parts[i]->kind == kind && str_is(type, plugin->parts[i]->type)) {
            return plugin->parts[i];
        }
    }
    return NULL;
}

const leat_param *descriptor_abi_param(const leat_part *part, size_t index)
{
    leat_part known;
    const leat_param *param;
    size_t stride;

    copy_known(&known, sizeof known, part, part->struct_size);
    if (known.params == NULL) {
        return NULL;
    }
    stride = known.param_stride == 0 ? PARAM_SIZE_MIN : known.param_stride;
    param = (const void *)((const char *)known.params + index * stride);
    return param->name == NULL ? NULL : param;
}

bool descriptor_type_ok(uint32_t kind, struct str type)
{
    bool dotted = false;

    if (!str_name_ok(type, DESCRIPTOR_TYPE_MAX) || type.ptr[0] == '_') {
        return false;
    }
    for (size_t i = 0; i < type.len; i++) {
        if (type.ptr[i] == '.') {
            dotted = true;
            if (i + 1 == type.len || type.ptr[i + 1] == '.') {
                return false;
            }
        }
    }
    return dotted || kind != LEAT_KIND_TASK;
}

_Static_assert(PARAM_STRING == LEAT_TYPE_STRING && PARAM_INT == LEAT_TYPE_INT &&
                   PARAM_FLOAT == LEAT_TYPE_FLOAT && PARAM_BOOL == LEAT_TYPE_BOOL &&
                   PARAM_DURATION == LEAT_TYPE_DURATION && PARAM_SIZE == LEAT_TYPE_SIZE &&
                   PARAM_BYTES == LEAT_TYPE_BYTES && PARAM_VALUE == LEAT_TYPE_VALUE &&
                   PARAM_FILE == LEAT_TYPE_FILE,
               "types of parameters have the numbers of the ABI");
