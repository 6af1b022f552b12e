/*
 * Diagnostics: order, limits, rendering, and text that tries to play tricks.
 */
#include "model/diag.h"

#include <stdio.h>

#include <criterion/criterion.h>

#include "tests/unit/model/fixture.h"

/* The rendered list, which is freed. */
static const char *render(struct diag_list *list, bool colour)
{
    static struct buf out;
    buf_init(&out, 1024 * 1024);
    cr_assert_eq(diag_render(list, colour, &out), 0);
    diag_free(list);
    fixture_keep((void *)(uintptr_t)buf_cstr(&out));
    return buf_cstr(&out);
}

/* Adds an error without subject and hint. */
static void add(struct diag_list *list, uint32_t line, uint32_t column, const char *text)
{
    diag_add(list, DIAG_ERROR, (struct diag_place){line, column}, STR_NONE, NULL, "%s", text);
}

Test(diag, an_empty_list_renders_as_nothing)
{
    cr_assert_str_eq(render(diag_new("f", STR("a\n")), false), "");
}

Test(diag, a_problem_shows_its_line_caret_and_hint)
{
    struct diag_list *list = diag_new("f.yaml", STR("one\ntwo three\n"));
    diag_add(list, DIAG_ERROR, (struct diag_place){2, 5}, STR_NONE, "did you mean \"tree\"?",
             "there is no \"%s\"", "three");
    cr_assert_str_eq(render(list, false), "f.yaml:2:5: error: there is no \"three\"\n"
                                          "       2 | two three\n"
                                          "         |     ^\n"
                                          "         = did you mean \"tree\"?\n"
                                          "1 error\n");
}

Test(diag, a_problem_without_a_place_shows_no_line)
{
    struct diag_list *list = diag_new("parameters", STR_NONE);
    add(list, 0, 0, "something is missing");
    cr_assert_str_eq(render(list, false), "parameters: error: something is missing\n1 error\n");
}

Test(diag, a_list_without_a_name_shows_none)
{
    struct diag_list *list = diag_new("", STR_NONE);
    add(list, 0, 0, "x");
    cr_assert_str_eq(render(list, false), "error: x\n1 error\n");
}

Test(diag, problems_are_sorted_by_place_and_keep_their_order_at_the_same_one)
{
    struct diag_list *list = diag_new("f", STR("a\nb\n"));
    add(list, 2, 1, "third");
    add(list, 1, 1, "first");
    add(list, 1, 1, "second");
    cr_assert_str_eq(diag_at(list, 0)->text, "first");
    cr_assert_str_eq(diag_at(list, 1)->text, "second");
    cr_assert_str_eq(diag_at(list, 2)->text, "third");
    diag_free(list);
}

Test(diag, the_same_text_at_the_same_place_is_added_once)
{
    struct diag_list *list = diag_new("f", STR("a\n"));
    add(list, 1, 1, "x");
    add(list, 1, 1, "x");
    add(list, 1, 2, "x");
    cr_assert_eq(diag_count(list), 2);
    cr_assert_eq(diag_error_count(list), 2);
    diag_free(list);
}

Test(diag, more_than_the_maximum_are_counted_but_not_kept)
{
    struct diag_list *list = diag_new("f", STR("a\n"));
    for (uint32_t index = 0; index <= DIAG_MAX; index++) {
        add(list, 1, index + 1, "x");
    }
    cr_assert(diag_full(list));
    cr_assert_eq(diag_count(list), DIAG_MAX);
    cr_assert_eq(diag_error_count(list), DIAG_MAX + 1);
    cr_assert(strstr(render(list, false), "... and 1 more\n101 errors\n"));
}

Test(diag, warnings_are_no_errors)
{
    struct diag_list *list = diag_new("f", STR("a\n"));
    diag_add(list, DIAG_WARNING, (struct diag_place){1, 1}, STR_NONE, NULL, "hm");
    cr_assert_eq(diag_error_count(list), 0);
    cr_assert_str_eq(render(list, false),
                     "f:1:1: warning: hm\n       1 | a\n         | ^\n1 warning\n");
}

Test(diag, columns_count_characters_not_bytes)
{
    struct diag_list *list = diag_new("f", STR("\xc3\xa4\xc3\xb6 x\n"));
    add(list, 1, 4, "here");
    cr_assert(strstr(render(list, false), "| \xc3\xa4\xc3\xb6 x\n         |    ^\n"));
}

Test(diag, a_long_line_is_cut_around_the_caret)
{
    char text[5001];
    memset(text, 'a', 5000);
    text[4000] = 'X';
    text[5000] = '\0';
    struct diag_list *list = diag_new("f", str_of(text));
    add(list, 1, 4001, "here");
    const char *shown = render(list, false);
    const char *line = strstr(shown, "| ...") + 2;
    const char *caret = strstr(line, "| ") + 2;
    cr_assert_lt(strlen(shown), 400);
    cr_assert_eq(line[strcspn(caret, "^")], 'X');
}

Test(diag, control_and_direction_characters_are_not_passed_on)
{
    struct diag_list *list = diag_new("f", STR("\x1b[31m\xe2\x80\xaeyz\xc2\x9b\n"));
    add(list, 1, 1, "bad \x1b]0;x\x07 text");
    const char *shown = render(list, false);
    cr_assert_null(strchr(shown, '\x1b'));
    cr_assert_null(strstr(shown, "\xe2\x80\xae"));
    cr_assert_null(strstr(shown, "\xc2\x9b"));
    cr_assert(strstr(shown, "?[31m?yz?"));
}

Test(diag, a_long_sentence_is_cut_between_characters)
{
    char text[1500];
    for (size_t index = 0; index < 1498; index += 2) {
        memcpy(text + index, "\xc3\xa4", 2);
    }
    text[1498] = '\0';
    struct diag_list *list = diag_new("f", STR_NONE);
    add(list, 0, 0, text);
    struct str kept = str_of(diag_at(list, 0)->text);
    cr_assert_leq(kept.len, 512);
    cr_assert(str_utf8_ok(kept));
    cr_assert_str_eq(kept.ptr + kept.len - 3, "...");
    diag_free(list);
}

Test(diag, colour_marks_the_severity)
{
    struct diag_list *list = diag_new("f", STR_NONE);
    add(list, 0, 0, "x");
    cr_assert(strstr(render(list, true), "\033[1;31merror: \033[0mx"));
}

Test(diag, a_line_beyond_the_text_is_left_out)
{
    struct diag_list *list = diag_new("f", STR("a\n"));
    add(list, 9, 1, "end");
    cr_assert_str_eq(render(list, false), "f:9:1: error: end\n1 error\n");
}

Test(diag, pack_gives_all_members)
{
    struct diag_list *list = diag_new("f", STR("a\n"));
    diag_add(list, DIAG_ERROR, (struct diag_place){1, 2}, STR("month"), "do this", "no");
    CLEANUP_BUF struct buf out = BUF_INIT(4096);
    cr_assert_eq(diag_pack(list, &out), 0);
    cr_assert_str_eq(fixture_json(out.data, out.len),
                     "[{\"severity\":\"error\",\"line\":1,\"column\":2,\"subject\":\"month\","
                     "\"text\":\"no\",\"hint\":\"do this\"}]");
    diag_free(list);
}
