/*
 * How times, sizes, texts and values look.
 */
#include <locale.h>

#include <criterion/criterion.h>

#include "main/show.h"
#include "main/term.h"
#include "value/json.h"

/* Fixture: widths are those of UTF-8. */
static void set_locale(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
}

TestSuite(show, .init = set_locale);

/* "... ago" for an instant <seconds> before now. */
static void expect_ago(int64_t seconds, const char *text)
{
    CLEANUP_BUF struct buf out = BUF_INIT(100);
    int64_t now = INT64_C(1700000000000000);

    show_ago(&out, now - seconds * 1000000, now);
    cr_assert_str_eq(buf_cstr(&out), text);
}

Test(show, times_are_told_relative_to_now)
{
    expect_ago(0, "just now");
    expect_ago(1, "1 s ago");
    expect_ago(89, "89 s ago");
    expect_ago(90, "2 min ago");
    expect_ago(5399, "90 min ago");
    expect_ago(5400, "2 h ago");
    expect_ago(129600, "2 days ago");
    expect_ago(-30, "in 30 s");
}

Test(show, no_instant_is_a_dash)
{
    CLEANUP_BUF struct buf out = BUF_INIT(100);

    show_ago(&out, 0, 1);
    cr_assert_str_eq(buf_cstr(&out), "-");
}

/* A size as text. */
static void expect_size(int64_t bytes, const char *text)
{
    CLEANUP_BUF struct buf out = BUF_INIT(100);

    show_size(&out, bytes);
    cr_assert_str_eq(buf_cstr(&out), text);
}

Test(show, sizes_have_units)
{
    expect_size(0, "0 B");
    expect_size(1023, "1023 B");
    expect_size(1536, "1.5 KiB");
    expect_size(20 << 20, "20 MiB");
    expect_size(INT64_C(5) << 40, "5.0 TiB");
}

Test(show, text_is_wrapped_at_words_and_indented)
{
    CLEANUP_BUF struct buf out = BUF_INIT(1000);

    show_wrapped(&out, STR("one two three four\nfive"), 2, 9);
    cr_assert_str_eq(buf_cstr(&out), "one two\n  three\n  four\n  five");
}

/* Shows a JSON text. */
static bool shown(const char *json, int lines_max, struct buf *out)
{
    CLEANUP_BUF struct buf value = BUF_INIT(10000);
    struct cli cli = {.width = 20, .terminal = true};

    cr_assert_eq(json_parse(str_of(json), &val_limits_task, 0, &value, NULL), 0);
    return show_value(out, &cli, (struct val){value.data, value.len}, 4, lines_max);
}

Test(show, strings_are_shown_as_they_are)
{
    CLEANUP_BUF struct buf out = BUF_INIT(1000);

    cr_assert(shown("\"a \\\"b\\\"\"", 5, &out));
    cr_assert_str_eq(buf_cstr(&out), "a \"b\"\n");
}

Test(show, long_values_are_cut_in_both_directions)
{
    CLEANUP_BUF struct buf out = BUF_INIT(1000);

    cr_assert_not(shown("[1, 2, 3]", 2, &out));
    cr_assert_str_eq(buf_cstr(&out), "[\n      1,\n    …\n");
    buf_clear(&out);
    cr_assert_not(shown("\"a text that is too long\"", 5, &out));
    cr_assert_str_eq(buf_cstr(&out), "a text that is…\n");
}

Test(show, characters_that_turn_text_are_not_let_through)
{
    CLEANUP_BUF struct buf out = BUF_INIT(1000);

    term_put_text(&out, STR("a\xe2\x80\xae"
                            "b\xc2\x9b\xff"));
    cr_assert_str_eq(buf_cstr(&out), "a?b??");
}

Test(show, wide_characters_count_twice)
{
    CLEANUP_BUF struct buf out = BUF_INIT(1000);

    cr_assert_eq(term_columns(STR("水車")), 4);
    cr_assert_eq(term_put_cut(&out, STR("水車小屋"), 6), 5);
    cr_assert_str_eq(buf_cstr(&out), "水車…");
}
