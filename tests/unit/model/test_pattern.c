/*
 * Patterns: the dialect, what is refused, and what must not become slow.
 */
#include "model/pattern.h"

#include <stdlib.h>

#include <criterion/criterion.h>

/* True when <pattern> is accepted and matches <text>. */
static bool matches(const char *pattern, const char *text)
{
    struct err_text why = {""};
    cr_assert_eq(pattern_check(str_of(pattern), &why), 0, "%s", why.text);
    struct pattern *compiled = pattern_new(str_of(pattern));
    bool found = pattern_matches(compiled, str_of(text));
    pattern_free(compiled);
    return found;
}

/* Why <pattern> is refused. */
static const char *refusal(const char *pattern, int want)
{
    static struct err_text why;
    cr_assert_eq(pattern_check(str_of(pattern), &why), want);
    return why.text;
}

Test(pattern, digits_letters_and_spaces_have_their_short_forms)
{
    cr_assert(matches("^\\d{4}-\\d{2}$", "2001-01"));
    cr_assert_not(matches("^\\d{4}-\\d{2}$", "2001-1"));
    cr_assert_not(matches("^\\d$", "d"));
    cr_assert(matches("^\\w+\\s\\S\\D\\W$", "ab_1 xy!"));
}

Test(pattern, short_forms_work_in_brackets)
{
    cr_assert(matches("^[\\d.-]+$", "1.2-3"));
    cr_assert_not(matches("^[\\d.-]+$", "1.2d"));
    cr_assert(matches("^[^\\s]$", "x"));
}

Test(pattern, brackets_may_begin_with_their_own_end)
{
    cr_assert(matches("^[]a]+$", "]a]"));
    cr_assert(matches("^[^]a]$", "b"));
    cr_assert(matches("^[[:digit:]]$", "5"));
}

Test(pattern, a_match_anywhere_counts)
{
    cr_assert(matches("b", "abc"));
    cr_assert_not(matches("^b", "abc"));
}

Test(pattern, an_empty_text_can_match)
{
    cr_assert(matches("^$", ""));
}

Test(pattern, escaped_characters_stand_for_themselves)
{
    cr_assert(matches("^\\.\\$\\\\$", ".$\\"));
    cr_assert_not(matches("^\\.$", "x"));
}

Test(pattern, back_references_are_refused)
{
    cr_assert_str_eq(refusal("(a*)\\1", ERR_INVALID),
                     "uses the back-reference \\1, which is not offered");
}

Test(pattern, groups_of_other_dialects_are_refused)
{
    cr_assert_str_eq(refusal("(?:a)", ERR_INVALID), "uses (?...), which is not offered");
}

Test(pattern, letters_of_other_dialects_are_refused)
{
    cr_assert_str_eq(refusal("\\bx", ERR_INVALID), "uses \\b, which is not offered");
}

Test(pattern, a_class_that_brackets_can_not_hold_is_refused)
{
    cr_assert(strstr(refusal("[\\D]", ERR_INVALID), "backslash in [...]"));
}

Test(pattern, an_open_bracket_is_refused)
{
    cr_assert_str_eq(refusal("[a", ERR_INVALID), "has a [ without its ]");
    refusal("[a[:digit:", ERR_INVALID);
    refusal("[", ERR_INVALID);
    refusal("[^", ERR_INVALID);
}

Test(pattern, an_open_group_is_refused)
{
    cr_assert(strstr(refusal("(a", ERR_INVALID), "is not a regular expression"));
}

Test(pattern, a_lone_backslash_is_refused)
{
    cr_assert_str_eq(refusal("a\\", ERR_INVALID), "ends in a lone backslash");
}

Test(pattern, an_empty_one_is_refused)
{
    refusal("", ERR_INVALID);
}

Test(pattern, one_byte_too_many_is_refused)
{
    char text[PATTERN_MAX + 2];
    memset(text, 'a', PATTERN_MAX + 1);
    text[PATTERN_MAX + 1] = '\0';
    cr_assert_str_eq(refusal(text, ERR_LIMIT), "is longer than 256 bytes");
    text[PATTERN_MAX] = '\0';
    cr_assert_eq(pattern_check(str_of(text), NULL), 0);
}

Test(pattern, nested_repeats_that_multiply_are_refused)
{
    cr_assert_eq(pattern_check(STR("(a{10}){100}"), NULL), 0);
    refusal("(a{11}){100}", ERR_LIMIT);
    refusal("a{1,99999999999999999999}", ERR_LIMIT);
}

Test(pattern, what_makes_backtrackers_slow_is_fast)
{
    char text[100002];
    memset(text, 'a', 100000);
    text[100000] = '!';
    text[100001] = '\0';
    cr_assert_not(matches("^(a|a|aa)+$", text));
    cr_assert_not(matches("^(a*)*b$", text));
}
