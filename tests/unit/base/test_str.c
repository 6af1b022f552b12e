/*
 * Borrowed text: comparison, UTF-8, names and patterns.
 */
#include "base/str.h"

#include <stdlib.h>

#include <criterion/criterion.h>

Test(str, of_null_is_none)
{
    struct str s = str_of(NULL);
    cr_assert_null(s.ptr);
    cr_assert_eq(s.len, 0);
}

Test(str, equal_texts_are_equal_wherever_they_are)
{
    char copy[] = "alpha";
    cr_assert(str_eq(STR("alpha"), str_of(copy)));
    cr_assert(str_eq(STR_NONE, STR("")));
    cr_assert_not(str_eq(STR("alpha"), STR("alphb")));
    cr_assert_not(str_eq(STR("alpha"), STR("alph")));
}

Test(str, bytes_after_a_nul_count_in_comparison)
{
    cr_assert_not(str_eq(STR("a\0b"), STR("a\0c")));
}

Test(str, starts_accepts_the_whole_word_and_nothing_longer)
{
    cr_assert(str_starts(STR("steps.x"), STR("steps.")));
    cr_assert(str_starts(STR("steps"), STR("steps")));
    cr_assert(str_starts(STR("steps"), STR("")));
    cr_assert_not(str_starts(STR("step"), STR("steps")));
}

Test(str, dup_ends_with_nul_and_is_a_copy)
{
    char *copy = str_dup((struct str){"abcdef", 3});
    cr_assert_str_eq(copy, "abc");
    free(copy);
    copy = str_dup(STR_NONE);
    cr_assert_str_eq(copy, "");
    free(copy);
}

Test(str, utf8_accepts_the_first_and_last_character_of_every_length)
{
    const char *good[] = {
        "\x01",         "\x7F",         "\xC2\x80",         "\xDF\xBF",         "\xE0\xA0\x80",
        "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "",
    };
    for (size_t index = 0; index < sizeof good / sizeof good[0]; index++) {
        cr_expect(str_utf8_ok(str_of(good[index])), "text %zu is good", index);
    }
}

Test(str, utf8_refuses_overlong_forms_surrogates_and_more)
{
    const char *bad[] = {
        "\x80",             /* a lone continuation */
        "\xC0\xAF",         /* overlong, two bytes */
        "\xC1\xBF",         /* the last overlong one */
        "\xE0\x9F\xBF",     /* overlong, three bytes */
        "\xF0\x8F\xBF\xBF", /* overlong, four bytes */
        "\xED\xA0\x80",     /* the first surrogate */
        "\xED\xBF\xBF",     /* the last surrogate */
        "\xF4\x90\x80\x80", /* one past U+10FFFF */
        "\xF5\x80\x80\x80", /* a first byte that never occurs */
        "\xC3",             /* cut after the first byte */
        "\xE2\x82",         /* cut in the middle */
        "\xE2\x28\xA1",     /* a broken second byte */
        "\xF0\x90\x28\xBC", /* a broken third byte */
        "\xF0\x90\x8C\x28", /* a broken fourth byte */
        "ok\xFF",           /* bad at the end */
    };
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        cr_expect_not(str_utf8_ok(str_of(bad[index])), "text %zu is bad", index);
    }
}

Test(str, utf8_refuses_nul)
{
    cr_assert_not(str_utf8_ok(STR("a\0b")));
}

Test(str, names_begin_with_a_letter_or_underscore)
{
    cr_expect(str_name_ok(STR("train"), 64));
    cr_expect(str_name_ok(STR("_x"), 64));
    cr_expect(str_name_ok(STR("Read-2.b_c"), 64));
    cr_expect_not(str_name_ok(STR("2nd"), 64));
    cr_expect_not(str_name_ok(STR("-x"), 64));
    cr_expect_not(str_name_ok(STR(".x"), 64));
    cr_expect_not(str_name_ok(STR("a b"), 64));
    cr_expect_not(str_name_ok(STR("a/b"), 64));
    cr_expect_not(str_name_ok(STR("gr\xC3\xBCn"), 64));
    cr_expect_not(str_name_ok(STR("a\0"), 64));
}

Test(str, names_have_one_to_max_bytes)
{
    cr_expect_not(str_name_ok(STR(""), 4));
    cr_expect(str_name_ok(STR("abcd"), 4));
    cr_expect_not(str_name_ok(STR("abcde"), 4));
}

Test(str, match_knows_star_and_question_mark)
{
    cr_expect(str_match(STR("etl.daily"), STR("etl.*")));
    cr_expect(str_match(STR("etl."), STR("etl.*")));
    cr_expect(str_match(STR("abc"), STR("a?c")));
    cr_expect(str_match(STR("abcbc"), STR("a*bc")));
    cr_expect(str_match(STR("mississippi"), STR("*iss*ip*")));
    cr_expect(str_match(STR(""), STR("**")));
    cr_expect(str_match(STR(""), STR("")));
    cr_expect_not(str_match(STR("etl"), STR("etl.*")));
    cr_expect_not(str_match(STR("ac"), STR("a?c")));
    cr_expect_not(str_match(STR("abc"), STR("abcd")));
    cr_expect_not(str_match(STR("abcd"), STR("abc")));
    cr_expect_not(str_match(STR("a"), STR("")));
}

Test(str, match_takes_polynomial_time_on_many_stars, .timeout = 10)
{
    char text[10001];
    char pattern[201];
    memset(text, 'a', sizeof text - 1);
    for (size_t index = 0; index < 200; index++) {
        pattern[index] = index % 2 == 0 ? '*' : 'a';
    }
    text[10000] = '\0';
    pattern[199] = 'b';
    pattern[200] = '\0';
    cr_assert_not(str_match(str_of(text), str_of(pattern)));
}
