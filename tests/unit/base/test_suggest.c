/*
 * "Did you mean ...?"
 */
#include "base/suggest.h"

#include <criterion/criterion.h>

/* What is suggested for <word> out of a few known names; "" for nothing. */
static const char *suggestion(const char *word)
{
    static const char *const known[] = {"retries", "retry_delay", "timeout", "task", "with", "a"};
    struct suggest suggest = {.word = str_of(word)};
    for (size_t index = 0; index < sizeof known / sizeof known[0]; index++) {
        suggest_offer(&suggest, str_of(known[index]));
    }
    return suggest.best.ptr ? suggest.best.ptr : "";
}

Test(suggest, finds_the_closest_name)
{
    cr_expect_str_eq(suggestion("retires"), "retries");
    cr_expect_str_eq(suggestion("timeuot"), "timeout");
    cr_expect_str_eq(suggestion("time_out"), "timeout");
    cr_expect_str_eq(suggestion("tsak"), "task");
    cr_expect_str_eq(suggestion("retry-delay"), "retry_delay");
}

Test(suggest, keeps_quiet_when_nothing_is_close)
{
    cr_expect_str_eq(suggestion("schedule"), "");
    cr_expect_str_eq(suggestion(""), "");
    cr_expect_str_eq(suggestion("b"), "");
}

Test(suggest, a_swap_of_neighbours_is_one_step)
{
    struct suggest suggest = {.word = STR("abdc")};
    suggest_offer(&suggest, STR("abcd"));
    cr_assert_eq(suggest.distance, 1);
}

Test(suggest, allows_a_third_of_the_longer_word_and_no_more)
{
    struct suggest suggest = {.word = STR("abcdef")};
    suggest_offer(&suggest, STR("abcxyz"));
    cr_assert_eq(suggest.best.len, 0, "three of six is too far");
    suggest_offer(&suggest, STR("abcdxy"));
    cr_assert(str_is(suggest.best, "abcdxy"), "two of six is near enough");
}

Test(suggest, the_first_of_equally_close_names_wins)
{
    struct suggest suggest = {.word = STR("cat")};
    suggest_offer(&suggest, STR("car"));
    suggest_offer(&suggest, STR("cap"));
    cr_assert(str_is(suggest.best, "car"));
}

Test(suggest, words_longer_than_128_bytes_are_never_suggested)
{
    char longest[130];
    memset(longest, 'x', sizeof longest);
    struct suggest suggest = {.word = {longest, 127}};
    suggest_offer(&suggest, (struct str){longest, 129});
    cr_assert_eq(suggest.best.len, 0);
    suggest_offer(&suggest, (struct str){longest, 128});
    cr_assert_eq(suggest.best.len, 128);
}
