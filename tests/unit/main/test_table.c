/*
 * Tables: alignment, headings, and fitting to a terminal.
 */
#include <locale.h>
#include <string.h>

#include <criterion/criterion.h>

#include "main/table.h"

/* Fixture: widths are those of UTF-8. */
static void set_locale(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
}

TestSuite(table, .init = set_locale);

static const struct table_column columns[] = {
    {"NAME", false, 6, 0}, {"SIZE", true, 0, 1}, {"NOTE", false, 4, 2}, {NULL, false, 0, 0}};

/* A table of two rows as text. */
static const char *made(const struct cli *cli, struct buf *out)
{
    struct table *table = table_new(cli, columns, 0);

    table_cell(table, TERM_BOLD, STR("mühle"));
    table_cell(table, TERM_PLAIN, STR("7"));
    table_cell(table, TERM_PLAIN, STR("short"));
    table_cell(table, TERM_BOLD, STR("a-much-longer-name"));
    table_cell(table, TERM_PLAIN, STR("12345"));
    table_cell(table, TERM_PLAIN, STR_NONE);
    table_put(table, out);
    table_free(table);
    return buf_cstr(out);
}

Test(table, columns_are_aligned_by_width_not_bytes)
{
    CLEANUP_BUF struct buf out = BUF_INIT(4096);
    struct cli cli = {.width = 80};

    cr_assert_str_eq(made(&cli, &out), "NAME                 SIZE  NOTE\n"
                                       "mühle                   7  short\n"
                                       "a-much-longer-name  12345\n");
}

Test(table, a_narrow_terminal_cuts_what_may_be_cut)
{
    CLEANUP_BUF struct buf out = BUF_INIT(4096);
    struct cli cli = {.width = 28, .terminal = true};

    cr_assert_str_eq(made(&cli, &out), "NAME            SIZE  NOTE\n"
                                       "mühle              7  short\n"
                                       "a-much-longe…  12345\n");
}

Test(table, a_very_narrow_terminal_leaves_columns_out)
{
    CLEANUP_BUF struct buf out = BUF_INIT(4096);
    struct cli cli = {.width = 15, .terminal = true};

    cr_assert_str_eq(made(&cli, &out), "NAME      SIZE\n"
                                       "mühle        7\n"
                                       "a-much…  12345\n");
}

Test(table, columns_without_content_are_not_shown)
{
    CLEANUP_BUF struct buf out = BUF_INIT(4096);
    struct cli cli = {.width = 80};
    struct table *table = table_new(&cli, columns, 2);

    table_cell(table, TERM_PLAIN, STR("x"));
    table_cell(table, TERM_PLAIN, STR_NONE);
    table_cell(table, TERM_PLAIN, STR_NONE);
    table_put(table, &out);
    table_free(table);
    cr_assert_str_eq(buf_cstr(&out), "  NAME\n  x\n");
}

Test(table, colours_only_where_they_are_wanted)
{
    CLEANUP_BUF struct buf out = BUF_INIT(4096);
    struct cli cli = {.width = 80, .terminal = true, .colour = true};

    made(&cli, &out);
    cr_assert_not_null(strstr(buf_cstr(&out), "\033[1mmühle\033[0m"));
    cr_assert_not_null(strstr(buf_cstr(&out), "\033[2mNAME\033[0m"));
}

Test(table, control_characters_of_cells_are_shown_as_question_marks)
{
    CLEANUP_BUF struct buf out = BUF_INIT(4096);
    struct cli cli = {.width = 80};
    struct table *table = table_new(&cli, &columns[2], 0);

    table_cell(table, TERM_PLAIN, STR("a\033[2J\nb"));
    table_put(table, &out);
    table_free(table);
    cr_assert_str_eq(buf_cstr(&out), "NOTE\na?[2J?b\n");
}
