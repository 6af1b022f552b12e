/*
 * Tests of the csv plugin.
 */
#include <criterion/criterion.h>

#include "plugins/csv/csv.c"
#include "plugins/csv/parser.h"
#include "plugins/testhost.h"

static struct testhost *host;
static char file[] = "/tmp/leat-csv-XXXXXX";

/* A host and a file name for each test. */
static void begin(void)
{
    int fd = mkstemp(file);

    cr_assert(fd >= 0);
    close(fd);
    host = testhost_new(leat_plugin_v1());
    testhost_param(host, "path", "\"%s\"", file);
}

/* Ends them. */
static void end(void)
{
    testhost_free(host);
    unlink(file);
}

TestSuite(csv, .init = begin, .fini = end, .timeout = 60);

/* Reads a file with this content. */
static leat_status read_text(const char *content)
{
    cr_assert_eq(leat_file_write(file, content, strlen(content)), 0);
    return testhost_run(host, "csv.read");
}

/* A column of the last result, which must be there. */
static leat_column column(const char *name)
{
    leat_column found = {0};

    cr_assert_null(leat_table_problem(testhost_result(host, NULL)));
    cr_assert(leat_table_find(testhost_result(host, NULL), leat_str_of(name), &found), "%s", name);
    return found;
}

/* 1 when the cell is this text. */
static int text_is(const char *name, size_t row, const char *text)
{
    return leat_view_is(leat_view_at(column(name).texts, row), text);
}

Test(csv, guesses_types_from_all_rows)
{
    leat_column found;

    cr_assert_eq(read_text("i,f,s\n1,1,1\n-2,0.5e1,x\n"), LEAT_OK, "%s", testhost_text(host));
    found = column("i");
    cr_assert_eq(found.type, LEAT_COLUMN_I64);
    cr_assert_eq(leat_column_int(&found, 1), -2);
    found = column("f");
    cr_assert_eq(found.type, LEAT_COLUMN_F64);
    cr_assert_float_eq(leat_column_number(&found, 0), 1.0, 0);
    cr_assert_float_eq(leat_column_number(&found, 1), 5.0, 0);
    cr_assert(text_is("s", 0, "1") && text_is("s", 1, "x"));
}

Test(csv, missing_numbers_are_nan)
{
    leat_column found;

    cr_assert_eq(read_text("a,b\n,x\nNA,\n3,y"), LEAT_OK, "%s", testhost_text(host));
    found = column("a");
    cr_assert_eq(found.type, LEAT_COLUMN_F64);
    cr_assert(isnan(leat_column_number(&found, 0)) && isnan(leat_column_number(&found, 1)));
    cr_assert(text_is("b", 1, ""));
}

Test(csv, quotes_hold_delimiters_newlines_and_quotes)
{
    cr_assert_eq(read_text("a,b\r\n\"x,\"\"y\"\"\n z\",\"1\"\r\n"), LEAT_OK, "%s",
                 testhost_text(host));
    cr_assert_eq(leat_table_rows(testhost_result(host, NULL)), 1);
    cr_assert(text_is("a", 0, "x,\"y\"\n z"));
    cr_assert(text_is("b", 0, "1"));
}

Test(csv, a_leading_zero_makes_a_text)
{
    cr_assert_eq(read_text("zip,n\n00501,0\n10001,0.5\n"), LEAT_OK);
    cr_assert(text_is("zip", 0, "00501"));
    cr_assert_eq(column("n").type, LEAT_COLUMN_F64);
}

Test(csv, what_only_looks_like_a_number_is_text)
{
    static const char *const texts[] = {"-",    "+",     ".",   "1e", "1e+",
                                        "0x10", "1.2.3", "inf", " 1", "1 "};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char content[64];

        snprintf(content, sizeof content, "a\n%s\n", texts[i]);
        cr_assert_eq(read_text(content), LEAT_OK);
        cr_assert(text_is("a", 0, texts[i]), "%s", texts[i]);
    }
}

Test(csv, an_integer_of_nineteen_digits_becomes_a_fraction)
{
    cr_assert_eq(read_text("a,b\n123456789012345678,1234567890123456789\n"), LEAT_OK);
    cr_assert_eq(column("a").type, LEAT_COLUMN_I64);
    cr_assert_eq(column("b").type, LEAT_COLUMN_F64);
}

Test(csv, an_empty_last_field_counts)
{
    cr_assert_eq(read_text("a,b\n1,"), LEAT_OK, "%s", testhost_text(host));
    cr_assert_eq(leat_table_rows(testhost_result(host, NULL)), 1);
    cr_assert(text_is("b", 0, ""));
}

Test(csv, empty_lines_and_a_byte_order_mark_are_skipped)
{
    cr_assert_eq(read_text("\xef\xbb\xbf\n"
                           "a\n\n1\n\n\n2\n\n"),
                 LEAT_OK, "%s", testhost_text(host));
    cr_assert_eq(leat_table_rows(testhost_result(host, NULL)), 2);
    cr_assert_eq(column("a").type, LEAT_COLUMN_I64);
}

Test(csv, takes_other_delimiters_and_names_columns_without_a_header)
{
    testhost_param(host, "delimiter", "\";\"");
    testhost_param(host, "header", "false");
    cr_assert_eq(read_text("1;a,b\n2;c\n"), LEAT_OK, "%s", testhost_text(host));
    cr_assert_eq(leat_table_rows(testhost_result(host, NULL)), 2);
    cr_assert(text_is("c2", 0, "a,b"));
    testhost_param(host, "names", "[\"n\", \"t\"]");
    cr_assert_eq(testhost_run(host, "csv.read"), LEAT_OK);
    cr_assert(text_is("t", 1, "c"));
}

Test(csv, keeps_the_wanted_columns_in_the_wanted_order)
{
    leat_iter iter;
    leat_column found;

    testhost_param(host, "columns", "[\"c\", \"a\"]");
    cr_assert_eq(read_text("a,b,c\n1,2,3\n"), LEAT_OK);
    cr_assert_eq(leat_table_width(testhost_result(host, NULL)), 2);
    iter = leat_table_columns(testhost_result(host, NULL));
    cr_assert(leat_table_next(&iter, &found));
    cr_assert_eq(leat_column_int(&found, 0), 3);
}

Test(csv, an_unknown_column_is_named)
{
    testhost_param(host, "columns", "[\"x\"]");
    cr_assert_eq(read_text("a\n1\n"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "csv.bad_params");
    cr_assert(strstr(testhost_text(host), "\"x\"") != NULL);
}

Test(csv, declared_types_are_not_guessed)
{
    testhost_param(host, "types", "{\"a\": \"str\", \"b\": \"f64\"}");
    cr_assert_eq(read_text("a,b\n1,2\n"), LEAT_OK);
    cr_assert(text_is("a", 0, "1"));
    cr_assert_eq(column("b").type, LEAT_COLUMN_F64);
}

Test(csv, a_cell_that_breaks_its_declared_type_is_shown)
{
    testhost_param(host, "types", "{\"a\": \"i64\"}");
    cr_assert_eq(read_text("a\n1\nx\n"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "csv.bad_csv");
    cr_assert(strstr(testhost_text(host), "line 3: column \"a\" holds \"x\"") != NULL, "%s",
              testhost_text(host));
}

Test(csv, broken_files_are_reported_with_their_line)
{
    static const char *const texts[][2] = {
        {"a,b\n1,2\n3\n", "line 3: the row has 1 fields"},
        {"a,b\n1,2,3\n", "line 2: the row has more than 2"},
        {"a\n\"x\ny\n", "line 2: a quote is opened"},
        {"a\n\"x\"y\n", "line 2: text follows"},
        {"a\nx\"y\n", "line 2: a quote stands"},
        {"a,a\n", "line 1: two columns"},
        {"a,\n", "line 1: the name of column 2"},
        {"a\n\xff\n", "line 2: column \"a\" is not UTF-8"},
        {"a,b\n\"x\n\ny\",1\n2\n", "line 5: the row has 1"},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cr_assert_eq(read_text(texts[i][0]), LEAT_FAIL, "%s", texts[i][0]);
        cr_assert_str_eq(testhost_code(host), "csv.bad_csv");
        cr_assert(strstr(testhost_text(host), texts[i][1]) != NULL, "%s", testhost_text(host));
    }
}

Test(csv, one_column_too_many_is_refused)
{
    char *content = malloc(8 * LEAT_TABLE_COLUMNS_MAX + 16);
    size_t len = 0;

    for (unsigned i = 0; i <= LEAT_TABLE_COLUMNS_MAX; i++) {
        len += (size_t)snprintf(content + len, 16, "c%u,", i);
    }
    content[len - 1] = '\n';
    content[len] = '\0';
    cr_assert_eq(read_text(content), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "csv.bad_csv");
    free(content);
}

Test(csv, an_empty_file_is_an_empty_table)
{
    cr_assert_eq(read_text(""), LEAT_OK, "%s", testhost_text(host));
    cr_assert_eq(leat_table_rows(testhost_result(host, NULL)), 0);
    cr_assert_eq(leat_table_width(testhost_result(host, NULL)), 0);
    cr_assert_eq(read_text("a,b\n"), LEAT_OK);
    cr_assert_eq(leat_table_width(testhost_result(host, NULL)), 2);
}

Test(csv, writes_what_it_reads)
{
    const char *content = "i,f,s\n1,0.1,\"a,\"\"b\"\"\"\n-2,,\"\"\n3,1e+300,x\n";
    char *again = NULL;
    size_t len = 0;
    leat_str table;

    cr_assert_eq(read_text(content), LEAT_OK, "%s", testhost_text(host));
    table = leat_view_raw(testhost_result(host, NULL));
    testhost_param_value(host, "table", table);
    cr_assert_eq(testhost_run(host, "csv.write"), LEAT_OK, "%s", testhost_text(host));
    cr_assert_str_eq(testhost_json(host, "rows"), "3");
    cr_assert_eq(leat_file_read(file, 1000, &again, &len), 0);
    cr_assert_str_eq(again, content);
    free(again);
}

Test(csv, what_is_not_a_table_is_not_written)
{
    testhost_param(host, "table", "{\"rows\": 1}");
    cr_assert_eq(testhost_run(host, "csv.write"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "csv.bad_params");
}
