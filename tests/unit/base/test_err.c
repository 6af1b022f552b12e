/*
 * Error codes, their names and sentences.
 */
#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <criterion/criterion.h>

/* All codes, to check what must hold for each. */
static const int codes[] = {
#define ERR(name, number, sentence, retryable) (number),
#include "base/err_table.h"
#undef ERR
};

enum { CODES_LEN = sizeof codes / sizeof codes[0] };

Test(err, names_are_those_of_the_table)
{
    cr_assert_str_eq(err_name(ERR_NOT_FOUND), "NOT_FOUND");
    cr_assert_str_eq(err_name(ERR_MEMORY), "MEMORY");
}

Test(err, errno_values_keep_their_names_and_sentences)
{
    cr_assert_str_eq(err_name(-ENOENT), "ENOENT");
    cr_assert_str_eq(err_sentence(-ENOENT), "No such file or directory");
}

Test(err, zero_is_no_error)
{
    cr_assert_str_eq(err_name(0), "OK");
    cr_assert_str_eq(err_sentence(0), "no error");
    cr_assert_not(err_retryable(0));
}

Test(err, unknown_codes_have_a_name_and_a_sentence)
{
    const int unknown[] = {1, -4000, -999999, INT_MIN, INT_MAX};
    for (size_t index = 0; index < sizeof unknown / sizeof unknown[0]; index++) {
        cr_expect_str_eq(err_name(unknown[index]), "UNKNOWN");
        cr_expect_str_eq(err_sentence(unknown[index]), "unknown error");
        cr_expect_not(err_retryable(unknown[index]));
    }
}

Test(err, codes_are_unique_and_outside_the_ranges_of_errno_and_libuv)
{
    for (size_t index = 0; index < CODES_LEN; index++) {
        cr_expect_lt(codes[index], -5000);
        for (size_t other = 0; other < index; other++) {
            cr_expect_neq(codes[index], codes[other]);
        }
    }
}

Test(err, every_code_has_a_sentence_without_full_stop)
{
    for (size_t index = 0; index < CODES_LEN; index++) {
        const char *sentence = err_sentence(codes[index]);
        cr_expect_gt(strlen(sentence), 8);
        cr_expect_neq(sentence[strlen(sentence) - 1], '.');
    }
}

Test(err, retryable_follows_the_table_and_the_kind_of_errno)
{
    cr_expect(err_retryable(ERR_TIMEOUT));
    cr_expect(err_retryable(ERR_UNAVAILABLE));
    cr_expect(err_retryable(-ECONNREFUSED));
    cr_expect(err_retryable(-EMFILE));
    cr_expect_not(err_retryable(ERR_INVALID));
    cr_expect_not(err_retryable(-ENOENT));
    cr_expect_not(err_retryable(-EACCES));
}

Test(err, set_returns_the_code_and_fills_the_text)
{
    struct err_text why;
    cr_assert_eq(err_set(&why, ERR_RANGE, "%s is %d.", "width", 0), ERR_RANGE);
    cr_assert_str_eq(why.text, "width is 0.");
}

Test(err, set_works_without_a_text)
{
    cr_assert_eq(err_set(NULL, ERR_RANGE, "%s", "lost"), ERR_RANGE);
}

Test(err, set_keeps_511_bytes_and_cuts_the_512th)
{
    char longest[ERR_TEXT_SIZE + 1];
    memset(longest, 'x', sizeof longest);
    longest[ERR_TEXT_SIZE] = '\0';
    struct err_text why;
    err_set(&why, ERR_LIMIT, "%.511s", longest);
    cr_assert_eq(strlen(why.text), 511);
    err_set(&why, ERR_LIMIT, "%s", longest);
    cr_assert_eq(strlen(why.text), 511);
}

Test(err, set_never_cuts_inside_a_character)
{
    char text[ERR_TEXT_SIZE + 8];
    memset(text, 'x', sizeof text);
    memcpy(text + 509, "\xE2\x82\xAC", 4);
    struct err_text why;
    err_set(&why, ERR_LIMIT, "%s", text);
    cr_assert_eq(strlen(why.text), 509);
}

Test(err, set_keeps_a_last_character_that_fits)
{
    char text[ERR_TEXT_SIZE + 8];
    memset(text, 'x', sizeof text);
    memcpy(text + 508, "\xE2\x82\xAC!", 5);
    struct err_text why;
    err_set(&why, ERR_LIMIT, "%s", text);
    cr_assert_eq(strlen(why.text), 511);
}

Test(err, set_may_quote_the_text_that_it_replaces)
{
    struct err_text why;
    err_set(&why, ERR_IO, "inner");
    err_set(&why, ERR_IO, "outer: %s", why.text);
    cr_assert_str_eq(why.text, "outer: inner");
}
