/*
 * Descriptors: what comes through whole, and each rule that refuses one.
 */
#include "plug/descriptor.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "value/pack.h"

/* Never called. */
static leat_status run_nothing(leat_call *call)
{
    (void)call;
    return LEAT_FAIL;
}

/* A plugin that a test spoils in one place. */
struct sample {
    leat_param params[3];
    leat_part part;
    const leat_part *parts[3];
    leat_plugin plugin;
};

/* A sound one with a task of two parameters. */
static struct sample *make_sample(void)
{
    struct sample *sample = calloc(1, sizeof *sample);

    sample->params[0] =
        (leat_param){"path", NULL, "Which file", LEAT_TYPE_FILE, LEAT_PARAM_REQUIRED};
    sample->params[1] = (leat_param){"wait", "1m30s", "How long", LEAT_TYPE_DURATION, 0};
    sample->part = (leat_part){.struct_size = sizeof(leat_part),
                               .kind = LEAT_KIND_TASK,
                               .type = "csv.read",
                               .summary = "Reads a table",
                               .run = run_nothing,
                               .params = sample->params,
                               .param_stride = sizeof(leat_param),
                               .flags = LEAT_PART_IDEMPOTENT};
    sample->parts[0] = &sample->part;
    sample->plugin = (leat_plugin){.magic = LEAT_PLUGIN_MAGIC,
                                   .struct_size = sizeof(leat_plugin),
                                   .abi_major = LEAT_ABI_MAJOR,
                                   .abi_minor = LEAT_ABI_MINOR,
                                   .flags = LEAT_PLUGIN_THREADSAFE,
                                   .name = "csv",
                                   .version = "1.0",
                                   .summary = "Tables",
                                   .parts = sample->parts};
    return sample;
}

/* Encodes and decodes. The arena is left to the process's end. */
static int pass_through(const leat_plugin *plugin, struct plug_plugin *ret_plugin,
                        struct err_text *ret_why)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(DESCRIPTOR_BYTES_MAX);
    static struct arena arena;

    int err = descriptor_encode(plugin, &bytes, ret_why);
    if (err < 0) {
        cr_expect_eq(bytes.len, 0, "a failed encoding leaves nothing behind");
        return err;
    }
    arena_init(&arena, DESCRIPTOR_MEMORY_MAX);
    return descriptor_decode(bytes.data, bytes.len, &arena, ret_plugin, ret_why);
}

/* Expects that <plugin> is refused with a sentence that has <word>, and frees its sample. */
static void expect_refusal(struct sample *sample, int code, const char *word)
{
    struct plug_plugin decoded;
    struct err_text why = {""};

    cr_expect_eq(pass_through(&sample->plugin, &decoded, &why), code);
    cr_expect_not_null(strstr(why.text, word), "\"%s\" is not in: %s", word, why.text);
    free(sample);
}

Test(descriptor, everything_declared_comes_through)
{
    struct sample *sample = make_sample();
    struct plug_plugin plugin;

    cr_assert_eq(pass_through(&sample->plugin, &plugin, NULL), 0);
    cr_expect_str_eq(plugin.name, "csv");
    cr_expect_str_eq(plugin.version, "1.0");
    cr_expect_str_eq(plugin.summary, "Tables");
    cr_expect_eq(plugin.flags, LEAT_PLUGIN_THREADSAFE);
    cr_assert_eq(plugin.part_count, 1);
    cr_expect_str_eq(plugin.parts[0].type, "csv.read");
    cr_expect_str_eq(plugin.parts[0].summary, "Reads a table");
    cr_expect_eq(plugin.parts[0].kind, LEAT_KIND_TASK);
    cr_expect_eq(plugin.parts[0].flags, LEAT_PART_IDEMPOTENT);
    cr_expect_eq(plugin.parts[0].param_count, 2);
    free(sample);
}

Test(descriptor, parts_know_their_plugin)
{
    struct sample *sample = make_sample();
    struct plug_plugin plugin;

    cr_assert_eq(pass_through(&sample->plugin, &plugin, NULL), 0);
    cr_expect_eq(plugin.parts[0].plugin, &plugin);
    free(sample);
}

Test(descriptor, parameters_become_specifications)
{
    struct sample *sample = make_sample();
    struct plug_plugin plugin;

    sample->params[0].flags |= LEAT_PARAM_SECRET;
    cr_assert_eq(pass_through(&sample->plugin, &plugin, NULL), 0);
    const struct param_spec *path = &plugin.parts[0].params[0];
    cr_expect(str_is(path->name, "path"));
    cr_expect(str_is(path->doc, "Which file"));
    cr_expect_eq(path->type, PARAM_FILE);
    cr_expect(path->required);
    cr_expect(path->secret);
    cr_expect_not(path->list);
    cr_expect_null(path->fallback.ptr);
    free(sample);
}

Test(descriptor, a_default_is_coerced_to_its_type)
{
    struct sample *sample = make_sample();
    struct plug_plugin plugin;

    cr_assert_eq(pass_through(&sample->plugin, &plugin, NULL), 0);
    cr_expect_eq(val_int(plugin.parts[0].params[1].fallback), INT64_C(90000000));
    free(sample);
}

Test(descriptor, a_list_takes_its_default_from_json)
{
    struct sample *sample = make_sample();
    struct plug_plugin plugin;

    sample->params[1] = (leat_param){"ids", "[1, 2, 3]", "Which", LEAT_TYPE_INT, LEAT_PARAM_LIST};
    cr_assert_eq(pass_through(&sample->plugin, &plugin, NULL), 0);
    cr_expect(plugin.parts[0].params[1].list);
    cr_expect_eq(val_count(plugin.parts[0].params[1].fallback), 3);
    free(sample);
}

Test(descriptor, unknown_flags_are_kept_and_harmless)
{
    struct sample *sample = make_sample();
    struct plug_plugin plugin;

    sample->part.flags = 0x80000001u;
    sample->params[0].flags |= 0x4000u;
    cr_assert_eq(pass_through(&sample->plugin, &plugin, NULL), 0);
    cr_expect_eq(plugin.parts[0].flags, 0x80000001u);
    free(sample);
}

Test(descriptor, a_part_without_parameters_needs_no_table)
{
    struct sample *sample = make_sample();
    struct plug_plugin plugin;

    sample->part.params = NULL;
    cr_assert_eq(pass_through(&sample->plugin, &plugin, NULL), 0);
    cr_expect_eq(plugin.parts[0].param_count, 0);
    free(sample);
}

Test(descriptor, a_part_of_fewer_members_reads_as_zero_beyond_them)
{
    struct sample *sample = make_sample();
    struct plug_plugin plugin;

    sample->part.struct_size = offsetof(leat_part, params);
    cr_assert_eq(pass_through(&sample->plugin, &plugin, NULL), 0);
    cr_expect_eq(plugin.parts[0].param_count, 0);
    cr_expect_eq(plugin.parts[0].flags, 0);
    free(sample);
}

Test(descriptor, parameters_of_more_members_are_stepped_over_whole)
{
    struct wide {
        leat_param param;
        uint64_t later;
    };
    static const struct wide table[] = {{{"a", NULL, "A", LEAT_TYPE_INT, 0}, 7},
                                        {{"b", NULL, "B", LEAT_TYPE_INT, 0}, 8},
                                        {{NULL, NULL, NULL, 0, 0}, 0}};
    struct sample *sample = make_sample();
    struct plug_plugin plugin;

    sample->part.params = &table[0].param;
    sample->part.param_stride = sizeof table[0];
    cr_assert_eq(pass_through(&sample->plugin, &plugin, NULL), 0);
    cr_assert_eq(plugin.parts[0].param_count, 2);
    cr_expect(str_is(plugin.parts[0].params[1].name, "b"));
    free(sample);
}

Test(descriptor, refuses_null)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(1000);
    cr_expect_eq(descriptor_encode(NULL, &bytes, NULL), ERR_PLUGIN_REFUSED);
}

Test(descriptor, refuses_a_wrong_magic_number)
{
    struct sample *sample = make_sample();
    sample->plugin.magic++;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "magic");
}

Test(descriptor, refuses_a_plugin_struct_that_is_too_short)
{
    struct sample *sample = make_sample();
    sample->plugin.struct_size = offsetof(leat_plugin, parts);
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "leat_plugin has");
}

Test(descriptor, refuses_another_abi)
{
    struct sample *sample = make_sample();
    sample->plugin.abi_major = 2;
    expect_refusal(sample, ERR_PLUGIN_ABI, "ABI 2.0");
}

Test(descriptor, refuses_a_plugin_without_parts)
{
    struct sample *sample = make_sample();
    sample->parts[0] = NULL;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "no parts");
}

Test(descriptor, refuses_a_plugin_without_name)
{
    struct sample *sample = make_sample();
    sample->plugin.name = NULL;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "no name");
}

Test(descriptor, refuses_a_name_with_a_slash)
{
    struct sample *sample = make_sample();
    sample->plugin.name = "a/b";
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "a/b");
}

Test(descriptor, refuses_a_text_that_is_not_utf8)
{
    struct sample *sample = make_sample();
    sample->part.summary = "caf\xe9";
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "UTF-8");
}

Test(descriptor, refuses_a_summary_one_byte_too_long)
{
    struct sample *sample = make_sample();
    char text[DESCRIPTOR_SUMMARY_MAX + 2];

    memset(text, 's', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    sample->plugin.summary = text;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "summary of more than 1024");
}

Test(descriptor, refuses_an_empty_summary)
{
    struct sample *sample = make_sample();
    sample->part.summary = "";
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "part 1 (csv.read) has an empty summary");
}

Test(descriptor, refuses_a_part_that_is_too_short)
{
    struct sample *sample = make_sample();
    sample->part.struct_size = offsetof(leat_part, run);
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "part 1 says that its leat_part");
}

Test(descriptor, refuses_a_part_without_function)
{
    struct sample *sample = make_sample();
    sample->part.run = NULL;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "no function");
}

Test(descriptor, refuses_a_kind_it_does_not_offer)
{
    struct sample *sample = make_sample();
    sample->part.kind = LEAT_KIND_LAUNCHER;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "kind 4");
}

Test(descriptor, refuses_a_task_without_a_dot)
{
    struct sample *sample = make_sample();
    sample->part.type = "read";
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "needs a dot");
}

Test(descriptor, accepts_a_notifier_without_a_dot)
{
    struct sample *sample = make_sample();
    struct plug_plugin plugin;

    sample->part.kind = LEAT_KIND_NOTIFIER;
    sample->part.type = "slack";
    cr_expect_eq(pass_through(&sample->plugin, &plugin, NULL), 0);
    free(sample);
}

Test(descriptor, refuses_types_with_empty_words)
{
    static const char *const types[] = {".read", "csv.", "csv..read", "csv read", "", "1csv.read"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        cr_expect_not(descriptor_type_ok(LEAT_KIND_TASK, str_of(types[i])), "%s", types[i]);
    }
}

Test(descriptor, refuses_the_same_type_twice)
{
    struct sample *sample = make_sample();
    sample->parts[1] = &sample->part;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "\"csv.read\" twice");
}

Test(descriptor, accepts_a_task_and_a_notifier_of_the_same_type)
{
    struct sample *sample = make_sample();
    struct plug_plugin plugin;
    leat_part second = sample->part;

    second.kind = LEAT_KIND_NOTIFIER;
    sample->parts[1] = &second;
    cr_assert_eq(pass_through(&sample->plugin, &plugin, NULL), 0);
    cr_expect_eq(descriptor_part(&plugin, LEAT_KIND_NOTIFIER, STR("csv.read")), &plugin.parts[1]);
    free(sample);
}

Test(descriptor, refuses_one_part_too_many)
{
    struct sample *sample = make_sample();
    const leat_part *parts[DESCRIPTOR_PARTS_MAX + 2];

    for (size_t i = 0; i <= DESCRIPTOR_PARTS_MAX; i++) {
        parts[i] = &sample->part;
    }
    parts[DESCRIPTOR_PARTS_MAX + 1] = NULL;
    sample->plugin.parts = parts;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "more than 256 parts");
}

Test(descriptor, refuses_one_parameter_too_many)
{
    struct sample *sample = make_sample();
    leat_param params[DESCRIPTOR_PARAMS_MAX + 2] = {{NULL, NULL, NULL, 0, 0}};

    for (size_t i = 0; i <= DESCRIPTOR_PARAMS_MAX; i++) {
        params[i] = sample->params[0];
    }
    sample->part.params = params;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "more than 256 parameters");
}

Test(descriptor, refuses_a_stride_shorter_than_a_parameter)
{
    struct sample *sample = make_sample();
    sample->part.param_stride = 24;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "leat_param has 24 bytes");
}

Test(descriptor, refuses_a_parameter_twice)
{
    struct sample *sample = make_sample();
    sample->params[1].name = "path";
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "\"path\" twice");
}

Test(descriptor, refuses_a_parameter_name_with_a_dash)
{
    struct sample *sample = make_sample();
    sample->params[1].name = "dry-run";
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "dry-run");
}

Test(descriptor, refuses_a_parameter_without_documentation)
{
    struct sample *sample = make_sample();
    sample->params[1].doc = NULL;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "parameter 2 of part 1 (csv.read) has no doc");
}

Test(descriptor, refuses_an_unknown_type)
{
    struct sample *sample = make_sample();
    sample->params[1].type = LEAT_TYPE_FILE + 1;
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "type 10");
}

Test(descriptor, refuses_a_default_that_does_not_fit)
{
    struct sample *sample = make_sample();
    sample->params[1].fallback = "soon";
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "\"wait\" of part 1 (csv.read) has a default");
}

Test(descriptor, refuses_a_default_of_a_required_parameter)
{
    struct sample *sample = make_sample();
    sample->params[0].fallback = "x";
    expect_refusal(sample, ERR_PLUGIN_REFUSED, "required and has a default");
}

/* Decodes bytes that no encoder wrote. */
static int decode(const void *bytes, size_t len)
{
    CLEANUP_ARENA struct arena arena;
    struct plug_plugin plugin;

    arena_init(&arena, DESCRIPTOR_MEMORY_MAX);
    return descriptor_decode(bytes, len, &arena, &plugin, NULL);
}

Test(descriptor, decoding_refuses_every_cut)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(DESCRIPTOR_BYTES_MAX);
    struct sample *sample = make_sample();

    cr_assert_eq(descriptor_encode(&sample->plugin, &bytes, NULL), 0);
    for (size_t len = 0; len < bytes.len; len++) {
        cr_expect_eq(decode(bytes.data, len), ERR_PLUGIN_REFUSED);
    }
    free(sample);
}

Test(descriptor, decoding_refuses_bytes_after_the_end)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(DESCRIPTOR_BYTES_MAX);
    struct sample *sample = make_sample();

    cr_assert_eq(descriptor_encode(&sample->plugin, &bytes, NULL), 0);
    pack_nil(&bytes);
    cr_expect_eq(decode(bytes.data, bytes.len), ERR_PLUGIN_REFUSED);
    free(sample);
}

Test(descriptor, decoding_refuses_a_descriptor_of_another_format)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(1000);

    pack_map(&bytes, 1);
    pack_cstr(&bytes, "v");
    pack_int(&bytes, 2);
    cr_expect_eq(decode(bytes.data, bytes.len), ERR_PLUGIN_REFUSED);
}

Test(descriptor, decoding_survives_any_one_damaged_byte)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(DESCRIPTOR_BYTES_MAX);
    struct sample *sample = make_sample();
    unsigned refused = 0;

    cr_assert_eq(descriptor_encode(&sample->plugin, &bytes, NULL), 0);
    for (size_t at = 0; at < bytes.len; at++) {
        uint8_t sound = bytes.data[at];
        for (unsigned value = 0; value < 256; value += 7) {
            bytes.data[at] = (uint8_t)value;
            refused += decode(bytes.data, bytes.len) < 0 ? 1 : 0;
        }
        bytes.data[at] = sound;
    }
    cr_expect_gt(refused, bytes.len);
    free(sample);
}

Test(descriptor, decoding_stops_at_the_arena_s_limit)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(DESCRIPTOR_BYTES_MAX);
    CLEANUP_ARENA struct arena arena;
    struct sample *sample = make_sample();
    struct plug_plugin plugin;

    cr_assert_eq(descriptor_encode(&sample->plugin, &bytes, NULL), 0);
    arena_init(&arena, 64);
    cr_expect_eq(descriptor_decode(bytes.data, bytes.len, &arena, &plugin, NULL), ERR_LIMIT);
    free(sample);
}

Test(descriptor, hosts_find_a_loaded_part_by_kind_and_type)
{
    struct sample *sample = make_sample();

    cr_expect_eq(descriptor_abi_part(&sample->plugin, LEAT_KIND_TASK, STR("csv.read")),
                 &sample->part);
    cr_expect_null(descriptor_abi_part(&sample->plugin, LEAT_KIND_NOTIFIER, STR("csv.read")));
    cr_expect_null(descriptor_abi_part(&sample->plugin, LEAT_KIND_TASK, STR("csv.rea")));
    free(sample);
}

Test(descriptor, hosts_walk_a_loaded_table_to_its_end)
{
    struct sample *sample = make_sample();

    cr_expect_eq(descriptor_abi_param(&sample->part, 1), &sample->params[1]);
    cr_expect_null(descriptor_abi_param(&sample->part, 2));
    free(sample);
}
