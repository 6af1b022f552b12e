/*
 * Output to log lines.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "work/capture.h"

static struct capture capture;
static char lines[64][CAPTURE_LINE_MAX + 1];
static size_t lines_count;

/* Records a line. */
static void record(void *user, struct str line)
{
    (void)user;
    cr_assert_leq(line.len, CAPTURE_LINE_MAX);
    cr_assert(str_utf8_ok(line));
    if (lines_count < 64) {
        snprintf(lines[lines_count], sizeof(lines[0]), "%.*s", STR_ARGS(line));
    }
    lines_count++;
}

/* Feeds a text. */
static void feed(const char *text)
{
    capture_feed(&capture, text, strlen(text), record, NULL);
}

/* Begins anew. */
static void begin(void)
{
    capture_begin(&capture);
    lines_count = 0;
}

TestSuite(capture, .init = begin);

Test(capture, a_line_comes_when_it_ends)
{
    feed("ab");
    cr_assert_eq(lines_count, 0);
    feed("c\nd");
    cr_assert_eq(lines_count, 1);
    cr_assert_str_eq(lines[0], "abc");
}

Test(capture, what_has_not_ended_is_flushed)
{
    feed("abc");
    capture_flush(&capture, record, NULL);
    capture_flush(&capture, record, NULL);
    cr_assert_eq(lines_count, 1);
    cr_assert_str_eq(lines[0], "abc");
}

Test(capture, empty_lines_are_lines)
{
    feed("\n\n");
    cr_assert_eq(lines_count, 2);
}

Test(capture, a_carriage_return_at_the_end_goes)
{
    feed("a\rb\r\n");
    cr_assert_str_eq(lines[0], "a\rb");
}

Test(capture, a_nul_and_bad_bytes_are_replaced)
{
    capture_feed(&capture, "a\0b\xff\xc3\n", 6, record, NULL);
    cr_assert_str_eq(lines[0], "a\xef\xbf\xbd"
                               "b\xef\xbf\xbd\xef\xbf\xbd");
}

Test(capture, a_character_cut_between_two_pieces_stays_whole)
{
    feed("\xc3");
    feed("\xa9\n");
    cr_assert_str_eq(lines[0], "\xc3\xa9");
}

/* A line of <len> bytes and its end. */
static void feed_long(size_t len)
{
    CLEANUP_FREE char *text = xmalloc(len + 1);

    memset(text, 'x', len);
    text[len] = '\n';
    capture_feed(&capture, text, len + 1, record, NULL);
}

Test(capture, a_line_that_just_fits_is_whole)
{
    size_t fits = CAPTURE_LINE_MAX - strlen(CAPTURE_CUT_MARK);

    feed_long(fits);
    cr_assert_eq(strlen(lines[0]), fits);
    cr_assert_null(strstr(lines[0], CAPTURE_CUT_MARK));
}

Test(capture, a_line_one_byte_longer_is_cut_with_a_mark)
{
    feed_long(CAPTURE_LINE_MAX - strlen(CAPTURE_CUT_MARK) + 1);
    cr_assert_eq(lines_count, 1);
    cr_assert_eq(strlen(lines[0]), CAPTURE_LINE_MAX);
    cr_assert_str_eq(lines[0] + CAPTURE_LINE_MAX - strlen(CAPTURE_CUT_MARK), CAPTURE_CUT_MARK);
    feed("next\n");
    cr_assert_str_eq(lines[1], "next");
}

Test(capture, a_call_beyond_its_limit_says_so_once)
{
    for (int i = 0; i < 100; i++) {
        feed_long(16000);
    }
    cr_assert_eq(lines_count, CAPTURE_CALL_MAX / (16001 + CAPTURE_LINE_COST) + 1);
    cr_assert_leq(lines_count, 66);
    feed("more\n");
    capture_flush(&capture, record, NULL);
    cr_assert_eq(lines_count, CAPTURE_CALL_MAX / (16001 + CAPTURE_LINE_COST) + 1);
}

Test(capture, the_next_call_begins_anew)
{
    for (int i = 0; i < 100; i++) {
        feed_long(16000);
    }
    begin();
    feed("a\n");
    cr_assert_eq(lines_count, 1);
    cr_assert_str_eq(lines[0], "a");
}
