/*
 * JSON in both directions.
 */
#include "value/json.h"

#include <stdlib.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "value/pack.h"
#include "values.h"

static struct err_text why;

/* Parses and throws the value away. */
static int parse(struct str text)
{
    struct buf buf = BUF_INIT((size_t)64 << 20);
    why.text[0] = '\0';
    int err = json_parse(text, &val_limits_task, 0, &buf, &why);
    if (err) {
        cr_assert_eq(buf.len, 0);
    }
    buf_done(&buf);
    return err;
}

#define PARSE(literal) parse(STR(literal))

/* What a text becomes when it is parsed and printed again. */
static const char *again(struct arena *arena, const char *text)
{
    return values_text(arena, values_json(arena, text));
}

Test(json, random_values_survive_the_round_trip)
{
    struct rng rng;
    rng_seed(&rng, 11);
    struct buf value = BUF_INIT(1 << 20);
    struct buf text = BUF_INIT(1 << 22);
    struct buf back = BUF_INIT(1 << 20);
    for (int round = 0; round < 2000; round++) {
        buf_clear(&value);
        buf_clear(&text);
        buf_clear(&back);
        values_random(&value, &rng, VALUES_JSON, 100);
        struct val v = {value.data, value.len};
        cr_assert_eq(round % 2 ? json_print(&text, v) : json_print_pretty(&text, v), 0);
        int err = json_parse(buf_str(&text), &val_limits_task, 0, &back, &why);
        cr_assert_eq(err, 0, "%s in %s", why.text, buf_cstr(&text));
        cr_assert(str_eq(buf_str(&value), buf_str(&back)), "%s", buf_cstr(&text));
    }
    buf_done(&value);
    buf_done(&text);
    buf_done(&back);
}

Test(json, prints_compactly_and_in_order)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    static const char *const texts[] = {
        "null",
        "[]",
        "{}",
        "[[],{}]",
        "{\"b\":1,\"a\":[true,false]}",
        "-1.5",
        "1e+300",
        "0.1",
        "\"\\\"\\\\\\n\\r\\t\\u0001\\u007fä🚂/\"",
        "9223372036854775807",
        "-9223372036854775808",
        "100.0",
        "-0.0",
        "{\"$bin\":\"AAEC\"}",
    };
    for (size_t index = 0; index < sizeof(texts) / sizeof(texts[0]); index++) {
        cr_assert_str_eq(again(&arena, texts[index]), texts[index]);
    }
    arena_done(&arena);
}

Test(json, pretty_form_has_a_line_for_each_member)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct buf buf = BUF_INIT(1000);
    json_print_pretty(&buf, values_json(&arena, "{\"a\":[1,{}],\"b\":[]}"));
    cr_assert_str_eq(buf_cstr(&buf), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
    buf_done(&buf);
    arena_done(&arena);
}

Test(json, what_json_does_not_have_prints_as_null)
{
    struct buf buf = BUF_INIT(100);
    json_print(&buf, (struct val){(const uint8_t *)"\xcb\x7f\xf8\0\0\0\0\0\0", 9});
    json_print(&buf, (struct val){(const uint8_t *)"\xcb\xff\xf0\0\0\0\0\0\0", 9});
    cr_assert_str_eq(buf_cstr(&buf), "nullnull");
    buf_done(&buf);
}

Test(json, numbers_beyond_int64_print_but_do_not_parse)
{
    struct buf buf = BUF_INIT(100);
    pack_uint(&buf, UINT64_MAX);
    struct buf text = BUF_INIT(100);
    json_print(&text, (struct val){buf.data, buf.len});
    cr_assert_str_eq(buf_cstr(&text), "18446744073709551615");
    cr_assert_eq(parse(buf_str(&text)), ERR_RANGE);
    cr_assert(strstr(why.text, "write larger ones as strings"));
    buf_done(&buf);
    buf_done(&text);
}

Test(json, errors_tell_the_position)
{
    cr_assert_eq(PARSE("{\n  \"a\": 1,\n  \"b\" 2\n}"), ERR_PARSE);
    cr_assert_eq(strncmp(why.text, "line 3, column 7: ", 18), 0, "%s", why.text);
}

Test(json, malformed_texts_are_refused)
{
    cr_assert_eq(PARSE(""), ERR_PARSE);
    cr_assert_eq(PARSE("   "), ERR_PARSE);
    cr_assert_eq(PARSE("1 2"), ERR_PARSE);
    cr_assert_eq(PARSE("[1,]"), ERR_PARSE);
    cr_assert_eq(PARSE("{\"a\":1"), ERR_PARSE);
    cr_assert_eq(PARSE("]"), ERR_PARSE);
    cr_assert_eq(PARSE("\"abc"), ERR_PARSE);
    cr_assert_eq(PARSE("\"abc\\"), ERR_PARSE);
    cr_assert_eq(PARSE("nul"), ERR_PARSE);
    cr_assert_eq(PARSE("NaN"), ERR_PARSE);
    cr_assert_eq(PARSE("01"), ERR_PARSE);
    cr_assert_eq(PARSE("\xff"), ERR_PARSE);
    cr_assert_eq(PARSE("\"\xc3\x28\""), ERR_PARSE);
    cr_assert_eq(PARSE("\"\\ud800\""), ERR_PARSE);
    cr_assert_eq(PARSE("\"\\u0000\""), ERR_PARSE);
    cr_assert_eq(PARSE("\"a\0b\""), ERR_PARSE);
    cr_assert_eq(PARSE("{\"a\\u0000\":1}"), ERR_PARSE);
}

Test(json, repeated_keys_are_refused)
{
    cr_assert_eq(PARSE("{\"a\":1,\"a\":2}"), ERR_PARSE);
    cr_assert(strstr(why.text, "duplicate"), "%s", why.text);
}

Test(json, numbers_out_of_range_are_refused)
{
    cr_assert_eq(PARSE("1e400"), ERR_RANGE);
    cr_assert_eq(PARSE("9223372036854775808"), ERR_RANGE);
    cr_assert_eq(PARSE("-9223372036854775809"), ERR_RANGE);
}

Test(json, a_number_of_ten_megabytes_is_refused)
{
    enum { DIGITS = 10 << 20 };
    char *text = malloc(DIGITS);
    memset(text, '7', DIGITS);
    cr_assert_eq(parse((struct str){text, DIGITS}), ERR_RANGE);
    free(text);
}

/* <count> lists inside each other, closed again. */
static int parse_nested(size_t count)
{
    char *text = malloc(2 * count);
    memset(text, '[', count);
    memset(text + count, ']', count);
    int err = parse((struct str){text, 2 * count});
    free(text);
    return err;
}

Test(json, depth_is_limited_to_32)
{
    cr_assert_eq(parse_nested(32), 0);
    cr_assert_eq(parse_nested(33), ERR_LIMIT);
    cr_assert_str_eq(why.text, "line 1, column 33: the JSON is nested deeper than 32.");
}

Test(json, a_hundred_thousand_levels_are_refused_within_a_millisecond)
{
    static char text[100000];
    memset(text, '[', sizeof(text));
    int64_t best_us = INT64_MAX;
    for (int round = 0; round < 10; round++) {
        int64_t begin = clock_mono_us(&clock_real);
        cr_assert_eq(parse((struct str){text, sizeof(text)}), ERR_LIMIT);
        int64_t us = clock_mono_us(&clock_real) - begin;
        best_us = us < best_us ? us : best_us;
    }
    cr_assert_lt(best_us, 1000);
}

Test(json, brackets_and_commas_inside_strings_do_not_count)
{
    struct val_limits limits = {.bytes_max = 1000, .nodes_max = 3, .depth_max = 1};
    struct buf buf = BUF_INIT(1000);
    cr_assert_eq(json_parse(STR("[\"[[[,,,,\\\"[[[,,,\",1]"), &limits, 0, &buf, &why), 0);
    buf_done(&buf);
}

Test(json, members_are_limited_before_the_parser_sees_them)
{
    struct val_limits limits = {.bytes_max = 1000, .nodes_max = 4, .depth_max = 32};
    struct buf buf = BUF_INIT(1000);
    cr_assert_eq(json_parse(STR("[1,2,3,4]"), &limits, 0, &buf, &why), 0);
    cr_assert_eq(json_parse(STR("[1,2,3,4,5]"), &limits, 0, &buf, &why), ERR_LIMIT);
    buf_done(&buf);
}

Test(json, bytes_are_limited_as_text_and_as_value)
{
    struct val_limits limits = {.bytes_max = 9, .nodes_max = 4, .depth_max = 32};
    struct buf buf = BUF_INIT(1000);
    cr_assert_eq(json_parse(STR("[1,2,3]  "), &limits, 0, &buf, &why), 0);
    cr_assert_eq(json_parse(STR("[1,2,3]   "), &limits, 0, &buf, &why), ERR_LIMIT);
    size_t len = buf.len;
    cr_assert_eq(json_parse(STR("[1.0]"), &limits, 0, &buf, &why), ERR_LIMIT);
    cr_assert_eq(buf.len, len);
    buf_done(&buf);
}

Test(json, broken_base64_is_refused)
{
    cr_assert_eq(PARSE("{\"$bin\":\"AA=\"}"), ERR_PARSE);
    cr_assert_eq(PARSE("{\"$bin\":\"A!==\"}"), ERR_PARSE);
    cr_assert_eq(PARSE("{\"$bin\":\"AB==\"}"), ERR_PARSE);
    cr_assert_eq(PARSE("{\"$bin\":\"AA==AA==\"}"), ERR_PARSE);
    cr_assert_eq(PARSE("{\"$bin\":1}"), ERR_PARSE);
    cr_assert_eq(PARSE("{\"$bin\":1,\"x\":2}"), 0);
}

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

Test(json, blob_references_are_read_only_where_they_are_allowed)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    static const char text[] = "{\"$blob\":\"" HEX64 "\",\"size\":20000}";
    cr_assert_eq(parse(str_of(text)), ERR_INVALID);
    cr_assert_eq(val_type(values_json(&arena, text)), VAL_BLOB);
    cr_assert_str_eq(again(&arena, text), text);
    struct buf buf = BUF_INIT(100);
    cr_assert_eq(json_parse(STR("{\"$blob\":\"12\",\"size\":1}"), &val_limits_task,
                            JSON_PARSE_BLOBS, &buf, &why),
                 ERR_PARSE);
    cr_assert_eq(json_parse(STR("{\"$blob\":\"" HEX64 "\",\"size\":-1}"), &val_limits_task,
                            JSON_PARSE_BLOBS, &buf, &why),
                 ERR_PARSE);
    buf_done(&buf);
    arena_done(&arena);
}

Test(json, text_form_leaves_strings_alone)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct buf buf = BUF_INIT(100);
    json_print_text(&buf, values_json(&arena, "\"a \\\"b\\\"\""));
    json_print_text(&buf, values_json(&arena, "[\"c\"]"));
    cr_assert_str_eq(buf_cstr(&buf), "a \"b\"[\"c\"]");
    buf_done(&buf);
    arena_done(&arena);
}

Test(json, a_full_buffer_is_an_error)
{
    struct buf buf = BUF_INIT(3);
    cr_assert_eq(json_parse(STR("\"abcdef\""), &val_limits_task, 0, &buf, &why), ERR_LIMIT);
    buf_done(&buf);
}
