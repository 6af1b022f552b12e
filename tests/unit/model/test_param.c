/*
 * Parameters: every type with what fits and what does not, limits, and text as people type it.
 */
#include "model/param.h"

#include <stdio.h>

#include <criterion/criterion.h>

#include "tests/unit/model/fixture.h"
#include "value/pack.h"

/* The result of a coercion as JSON, or the sentence of its failure after "!". */
static const char *coerce(const struct param_spec *spec, const char *json)
{
    static char text[4096];
    CLEANUP_BUF struct buf out = BUF_INIT(1024 * 1024);
    struct err_text why = {""};
    pack_bool(&out, true);
    int err = param_coerce(spec, fixture_val(json), &out, &why);
    if (err < 0) {
        cr_assert_eq(out.len, 1, "something was left behind");
        snprintf(text, sizeof(text), "!%s", why.text);
    } else {
        snprintf(text, sizeof(text), "%s", fixture_json(out.data + 1, out.len - 1));
    }
    return text;
}

/* The same for a typed text. */
static const char *coerce_text(const struct param_spec *spec, const char *typed)
{
    static char text[4096];
    CLEANUP_BUF struct buf out = BUF_INIT(1024 * 1024);
    struct err_text why = {""};
    int err = param_coerce_text(spec, str_of(typed), &out, &why);
    snprintf(text, sizeof(text), "%s%s", err < 0 ? "!" : "",
             err < 0 ? why.text : fixture_json(out.data, out.len));
    return text;
}

static const struct param_spec a_string = {.type = PARAM_STRING};
static const struct param_spec an_int = {.type = PARAM_INT};
static const struct param_spec a_float = {.type = PARAM_FLOAT};
static const struct param_spec a_bool = {.type = PARAM_BOOL};
static const struct param_spec a_duration = {.type = PARAM_DURATION};
static const struct param_spec a_size = {.type = PARAM_SIZE};
static const struct param_spec a_file = {.type = PARAM_FILE};
static const struct param_spec bytes = {.type = PARAM_BYTES};
static const struct param_spec anything = {.type = PARAM_VALUE};
static const struct param_spec ints = {.type = PARAM_INT, .list = true};

Test(param, the_numbers_of_types_are_those_of_the_sdk)
{
    cr_assert_eq(PARAM_STRING, 1);
    cr_assert_eq(PARAM_VALUE, 8);
    cr_assert_eq(PARAM_FILE, 9);
}

Test(param, types_have_names_and_names_have_types)
{
    cr_assert_eq(param_type_of(STR("duration")), PARAM_DURATION);
    cr_assert_eq((int)param_type_of(STR("list")), 0);
    cr_assert_str_eq(param_type_name(PARAM_SIZE), "size");
    cr_assert_str_eq(param_type_name((enum param_type)77), "?");
}

Test(param, a_string_takes_strings_only)
{
    cr_assert_str_eq(coerce(&a_string, "\"x\""), "\"x\"");
    cr_assert_str_eq(coerce(&a_string, "5"), "!wants a string, not an integer");
}

Test(param, an_int_takes_what_is_whole)
{
    cr_assert_str_eq(coerce(&an_int, "-5"), "-5");
    cr_assert_str_eq(coerce(&an_int, "2.0"), "2");
    cr_assert_str_eq(coerce(&an_int, "\"12\""), "12");
    cr_assert_str_eq(coerce(&an_int, "9223372036854775807"), "9223372036854775807");
}

Test(param, an_int_refuses_what_is_not_whole)
{
    cr_assert_str_eq(coerce(&an_int, "2.5"), "!wants an integer, not 2.5");
    cr_assert_str_eq(coerce(&an_int, "1e300"), "!wants an integer, not 1e+300");
    cr_assert_str_eq(coerce(&an_int, "\"lots\""), "!wants an integer, not \"lots\"");
    cr_assert_str_eq(coerce(&an_int, "\"\""), "!wants an integer, not \"\"");
    cr_assert_str_eq(coerce(&an_int, "\"9223372036854775808\""),
                     "!wants an integer, not \"9223372036854775808\"");
    cr_assert_str_eq(coerce(&an_int, "true"), "!wants an integer, not a boolean");
}

Test(param, an_int_refuses_unsigned_beyond_its_range)
{
    CLEANUP_BUF struct buf packed = BUF_INIT(64);
    CLEANUP_BUF struct buf out = BUF_INIT(64);
    pack_uint(&packed, UINT64_MAX);
    struct err_text why = {""};
    cr_assert_eq(param_coerce(&an_int, (struct val){packed.data, packed.len}, &out, &why),
                 ERR_RANGE);
    cr_assert_str_eq(why.text, "must be at most 9223372036854775807");
}

Test(param, a_float_takes_any_number)
{
    cr_assert_str_eq(coerce(&a_float, "2"), "2.0");
    cr_assert_str_eq(coerce(&a_float, "\"1e-3\""), "0.001");
    cr_assert_str_eq(coerce(&a_float, "\"nan\""), "!wants a number, not \"nan\"");
    cr_assert_str_eq(coerce(&a_float, "\"1e999\""), "!wants a number, not \"1e999\"");
}

Test(param, a_bool_takes_its_two_words_only)
{
    cr_assert_str_eq(coerce(&a_bool, "true"), "true");
    cr_assert_str_eq(coerce(&a_bool, "\"false\""), "false");
    cr_assert_str_eq(coerce(&a_bool, "\"yes\""), "!wants true or false, not \"yes\"");
    cr_assert_str_eq(coerce(&a_bool, "1"), "!wants true or false, not an integer");
}

Test(param, a_duration_becomes_microseconds)
{
    cr_assert_str_eq(coerce(&a_duration, "\"1m30s\""), "90000000");
    cr_assert_str_eq(coerce(&a_duration, "0.25"), "250000");
    cr_assert_str_eq(coerce(&a_duration, "-1"), "!must not be negative");
    cr_assert_str_eq(coerce(&a_duration, "1e18"), "!is too large");
    cr_assert_str_eq(coerce(&a_duration, "\"soon\""),
                     "!wants a duration such as 1h30m, not \"soon\"");
    cr_assert_str_eq(coerce(&a_duration, "[]"), "!wants a duration such as 1h30m, not a list");
}

Test(param, a_size_becomes_bytes)
{
    cr_assert_str_eq(coerce(&a_size, "\"64KiB\""), "65536");
    cr_assert_str_eq(coerce(&a_size, "10"), "10");
    cr_assert_str_eq(coerce(&a_size, "1.5"), "!wants a size such as 64KiB, not a float");
}

Test(param, a_file_is_a_path_that_is_not_empty)
{
    cr_assert_str_eq(coerce(&a_file, "\"a/b\""), "\"a/b\"");
    cr_assert_str_eq(coerce(&a_file, "\"\""), "!wants a path, not an empty string");
}

Test(param, bytes_take_binary_and_strings)
{
    cr_assert_str_eq(coerce(&bytes, "\"hi\""), "{\"$bin\":\"aGk=\"}");
    cr_assert_str_eq(coerce(&bytes, "{\"$bin\":\"aGk=\"}"), "{\"$bin\":\"aGk=\"}");
    cr_assert_str_eq(coerce(&bytes, "1"), "!wants binary data or a string, not an integer");
}

Test(param, a_value_takes_anything)
{
    cr_assert_str_eq(coerce(&anything, "{\"a\":[1,null]}"), "{\"a\":[1,null]}");
}

Test(param, a_list_coerces_its_members)
{
    cr_assert_str_eq(coerce(&ints, "[1,\"2\",3.0]"), "[1,2,3]");
    cr_assert_str_eq(coerce(&ints, "[1,\"x\"]"),
                     "!has a wrong member: [1] wants an integer, not \"x\"");
    cr_assert_str_eq(coerce(&ints, "5"), "!wants a list of integers, not an integer");
}

Test(param, a_blob_fits_where_large_values_do)
{
    CLEANUP_BUF struct buf packed = BUF_INIT(64);
    CLEANUP_BUF struct buf out = BUF_INIT(256);
    struct blob_ref blob = {.size = 99};
    pack_blob(&packed, &blob);
    struct val given = {packed.data, packed.len};
    cr_assert_eq(param_coerce(&a_string, given, &out, NULL), 0);
    cr_assert_eq(param_coerce(&ints, given, &out, NULL), 0);
    cr_assert_eq(param_coerce(&anything, given, &out, NULL), 0);
    cr_assert_eq(param_coerce(&an_int, given, &out, NULL), ERR_TYPE);
}

Test(param, bounds_are_checked_in_the_type_s_own_form)
{
    static const uint8_t one[] = {0x01};
    static const uint8_t ten[] = {0x0a};
    struct param_spec spec = {.type = PARAM_INT, .min = {one, 1}, .max = {ten, 1}};
    cr_assert_str_eq(coerce(&spec, "1"), "1");
    cr_assert_str_eq(coerce(&spec, "10"), "10");
    cr_assert_str_eq(coerce(&spec, "0"), "!must be at least 1, not 0");
    cr_assert_str_eq(coerce(&spec, "11"), "!must be at most 10, not 11");
    spec.type = PARAM_SIZE;
    cr_assert_str_eq(coerce(&spec, "11"), "!must be at most 10 bytes, not 11");
    spec.type = PARAM_DURATION;
    cr_assert_str_eq(coerce(&spec, "1"), "!must be at most 1e-05 s, not 1 s");
    spec.type = PARAM_FLOAT;
    cr_assert_str_eq(coerce(&spec, "0.5"), "!must be at least 1, not 0.5");
}

Test(param, bounds_hold_for_members_of_lists)
{
    static const uint8_t one[] = {0x01};
    struct param_spec spec = {.type = PARAM_INT, .list = true, .min = {one, 1}};
    cr_assert_str_eq(coerce(&spec, "[1,0]"), "!has a wrong member: [1] must be at least 1, not 0");
}

Test(param, lengths_count_characters_of_strings)
{
    struct param_spec spec = {.type = PARAM_STRING, .length_min = 2, .length_max = 3};
    cr_assert_str_eq(coerce(&spec, "\"\xc3\xa4\xc3\xb6\xc3\xbc\""), "\"\xc3\xa4\xc3\xb6\xc3\xbc\"");
    cr_assert_str_eq(coerce(&spec, "\"a\""), "!must have at least 2 characters, not 1");
    cr_assert_str_eq(coerce(&spec, "\"abcd\""), "!must have at most 3 characters, not 4");
}

Test(param, lengths_count_members_of_lists)
{
    struct param_spec spec = {.type = PARAM_STRING, .list = true, .length_min = 1, .length_max = 2};
    cr_assert_str_eq(coerce(&spec, "[\"long enough\"]"), "[\"long enough\"]");
    cr_assert_str_eq(coerce(&spec, "[]"), "!must have at least 1 members, not 0");
    cr_assert_str_eq(coerce(&spec, "[\"a\",\"b\",\"c\"]"), "!must have at most 2 members, not 3");
}

Test(param, a_pattern_must_match)
{
    struct param_spec spec = {.type = PARAM_STRING, .pattern = STR("^\\d+$")};
    cr_assert_str_eq(coerce(&spec, "\"12\""), "\"12\"");
    cr_assert_str_eq(coerce(&spec, "\"x\""), "!must match the pattern ^\\d+$, and \"x\" does not");
}

Test(param, choices_are_compared_after_coercion)
{
    struct val choices = fixture_val("[1,2]");
    struct param_spec spec = {.type = PARAM_INT, .choices = choices};
    cr_assert_str_eq(coerce(&spec, "2.0"), "2");
    cr_assert_str_eq(coerce(&spec, "3"), "!must be one of 1, 2");
}

Test(param, choices_may_be_maps_in_any_key_order)
{
    struct param_spec spec = {.type = PARAM_VALUE, .choices = fixture_val("[{\"a\":1,\"b\":2}]")};
    cr_assert_str_eq(coerce(&spec, "{\"b\":2,\"a\":1}"), "{\"b\":2,\"a\":1}");
}

Test(param, many_choices_are_not_all_listed)
{
    CLEANUP_BUF struct buf json = BUF_INIT(64 * 1024);
    buf_printf(&json, "[0");
    for (int index = 1; index < 900; index++) {
        buf_printf(&json, ",%d", index);
    }
    buf_printf(&json, "]");
    struct param_spec spec = {.type = PARAM_INT, .choices = fixture_val(buf_cstr(&json))};
    cr_assert(strstr(coerce(&spec, "-1"), ", ..."));
}

Test(param, a_full_buffer_is_a_limit)
{
    CLEANUP_BUF struct buf out = BUF_INIT(4);
    struct err_text why = {""};
    cr_assert_eq(param_coerce(&a_string, fixture_val("\"longer\""), &out, &why), ERR_LIMIT);
    cr_assert_str_eq(why.text, "is too large");
}

Test(param, typed_text_is_taken_as_the_type_wants_it)
{
    cr_assert_str_eq(coerce_text(&a_string, "2021-01"), "\"2021-01\"");
    cr_assert_str_eq(coerce_text(&a_string, "5"), "\"5\"");
    cr_assert_str_eq(coerce_text(&an_int, "5"), "5");
    cr_assert_str_eq(coerce_text(&a_bool, "true"), "true");
    cr_assert_str_eq(coerce_text(&a_duration, "1h"), "3600000000");
    cr_assert_str_eq(coerce_text(&an_int, "five"), "!wants an integer, not \"five\"");
}

Test(param, typed_values_are_json_or_else_a_string)
{
    cr_assert_str_eq(coerce_text(&anything, "{\"a\": 1}"), "{\"a\":1}");
    cr_assert_str_eq(coerce_text(&anything, "hello"), "\"hello\"");
}

Test(param, typed_lists_are_json_or_stand_between_commas)
{
    cr_assert_str_eq(coerce_text(&ints, "[1,2]"), "[1,2]");
    cr_assert_str_eq(coerce_text(&ints, "1,2"), "[1,2]");
    cr_assert_str_eq(coerce_text(&ints, "1"), "[1]");
    cr_assert_str_eq(coerce_text(&ints, ""), "[]");
    cr_assert(strstr(coerce_text(&ints, "[1,"), "!is not a JSON list: "));
}

Test(param, typed_text_must_be_utf8)
{
    cr_assert_str_eq(coerce_text(&a_string, "\xff"), "!is not UTF-8 text");
}

Test(param, typed_text_one_byte_too_long_is_refused)
{
    static char text[PARAM_TEXT_MAX + 2];
    memset(text, 'a', PARAM_TEXT_MAX + 1);
    cr_assert_str_eq(coerce_text(&a_string, text), "!is longer than 524288 bytes");
}

Test(param, messages_never_quote_a_secret)
{
    struct param_spec spec = {
        .type = PARAM_STRING, .secret = true, .pattern = STR("^x$"), .length_max = 9};
    cr_assert_str_eq(coerce(&spec, "\"hunter2\""), "!is not within what is declared for it");
    cr_assert_str_eq(coerce(&spec, "12345"), "!wants a string");
    spec = (struct param_spec){.type = PARAM_INT, .secret = true};
    cr_assert_str_eq(coerce(&spec, "\"hunter2\""), "!wants an integer");
}
