/*
 * Tests of the flights plugin.
 */
#include <criterion/criterion.h>

#include "plugins/flights/flights.c"
#include "plugins/testhost.h"

enum { ROWS = 10000 };

static struct testhost *host;
static char file[] = "/tmp/leat-flights-XXXXXX";

/* Sets `table` to ROWS flights, the first four of which cannot be true. */
static void set_table(void)
{
    static char memory[ROWS * 32];
    static double columns[3][ROWS];
    leat_writer writer;

    for (size_t i = 0; i < ROWS; i++) {
        columns[0][i] = (double)(i % 40) - 10;
        columns[1][i] = (double)(i % 2000) + 100;
        columns[2][i] = (double)(i % 2400) / 100;
    }
    columns[0][0] = -61;
    columns[0][1] = 301;
    columns[0][2] = (double)NAN;
    columns[2][3] = 24;
    leat_writer_init_fixed(&writer, memory, sizeof memory);
    leat_table_begin(&writer, ROWS);
    leat_table_floats(&writer, leat_str_of("delay"), columns[0], ROWS);
    leat_table_floats(&writer, leat_str_of("distance"), columns[1], ROWS);
    leat_table_floats(&writer, leat_str_of("time"), columns[2], ROWS);
    leat_table_end(&writer);
    testhost_param_value(host, "table", leat_writer_done(&writer));
}

/* A host and a file name for each test. */
static void begin(void)
{
    int fd = mkstemp(file);

    cr_assert(fd >= 0);
    close(fd);
    host = testhost_new(leat_plugin_v1());
}

/* Ends them. */
static void end(void)
{
    testhost_free(host);
    unlink(file);
}

TestSuite(flights, .init = begin, .fini = end, .timeout = 30);

/* A number out of the last result. */
static int64_t number(const char *key)
{
    return leat_view_int(testhost_result(host, key), -1);
}

/* A cell of a table of the last result. */
static double cell(const char *table, const char *name, size_t row)
{
    leat_column column;

    cr_assert_null(leat_table_problem(testhost_result(host, table)));
    cr_assert(leat_table_find(testhost_result(host, table), leat_str_of(name), &column));
    return leat_column_number(&column, row);
}

Test(flights, drops_what_cannot_be_true)
{
    set_table();
    cr_assert_eq(testhost_run(host, "flights.features"), LEAT_OK, "%s", testhost_text(host));
    cr_assert_eq(number("dropped"), 4);
    cr_assert_eq(number("rows"), ROWS - 4);
    cr_assert_eq(number("train_rows") + number("test_rows"), ROWS - 4);
}

Test(flights, splits_by_the_wished_share_and_always_the_same_way)
{
    double first;

    set_table();
    testhost_param(host, "test_share", "0.3");
    cr_assert_eq(testhost_run(host, "flights.features"), LEAT_OK);
    cr_assert_gt(number("test_rows"), ROWS * 28 / 100);
    cr_assert_lt(number("test_rows"), ROWS * 32 / 100);
    first = cell("test", "distance", 0);
    cr_assert_eq(testhost_run(host, "flights.features"), LEAT_OK);
    cr_assert_float_eq(cell("test", "distance", 0), first, 0);
    testhost_param(host, "seed", "2");
    cr_assert_eq(testhost_run(host, "flights.features"), LEAT_OK);
    cr_assert_neq(cell("test", "distance", 0), first);
}

Test(flights, derives_features_from_the_clock)
{
    double hour;

    set_table();
    cr_assert_eq(testhost_run(host, "flights.features"), LEAT_OK);
    for (size_t row = 0; row < 1000; row++) {
        hour = cell("train", "hour", row);
        cr_assert_float_eq(cell("train", "since_dawn", row), hour < 5 ? hour + 19 : hour - 5, 1e-9);
        cr_assert_eq(cell("train", "peak", row) > 0,
                     (hour >= 7 && hour < 9) || (hour >= 16 && hour < 19));
        cr_assert_geq(cell("train", "traffic", row), 1);
    }
}

Test(flights, names_a_missing_column)
{
    testhost_param(host, "table", "{\"rows\": 0, \"columns\": {}}");
    cr_assert_eq(testhost_run(host, "flights.features"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "flights.bad_table");
    cr_assert(strstr(testhost_text(host), "\"delay\"") != NULL);
}

Test(flights, refuses_a_share_that_leaves_a_side_empty)
{
    set_table();
    testhost_param(host, "test_share", "1");
    cr_assert_eq(testhost_run(host, "flights.features"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "flights.bad_params");
}

Test(flights, writes_a_report_and_says_it_in_a_sentence)
{
    char *text = NULL;
    size_t len = 0;

    testhost_param(host, "path", "\"%s\"", file);
    testhost_param(host, "train_rows", "800");
    testhost_param(
        host, "metrics",
        "{\"rows\": 200, \"rmse\": 9.0, \"mae\": 5.0, \"baseline\": 7.0, \"baseline_rmse\": "
        "10.0, \"baseline_mae\": 6.0, \"improvement\": 0.1, \"groups\": [{\"rows\": 100, "
        "\"predicted\": -1.0, \"actual\": -1.5}, {\"rows\": 100, \"predicted\": 9.0, "
        "\"actual\": 12.0}]}");
    cr_assert_eq(testhost_run(host, "flights.report"), LEAT_OK, "%s", testhost_text(host));
    cr_assert_str_eq(
        testhost_json(host, "summary"),
        "\"error 9.00 min, 10.00 min when always guessing the mean: 10.0 % better; the "
        "tenth it trusts most left 1.5 min early, the tenth it trusts least 12.0 min "
        "late\"");
    cr_assert_eq(leat_file_read(file, 100000, &text, &len), 0);
    cr_assert(strstr(text, "Learned from 800 flights, judged on 200 others") != NULL, "%s", text);
    cr_assert(strstr(text, "| 2 | 9.0 min | 12.0 min | ############ |") != NULL, "%s", text);
    free(text);
}

Test(flights, a_report_needs_metrics)
{
    testhost_param(host, "path", "\"%s\"", file);
    testhost_param(host, "metrics", "{}");
    cr_assert_eq(testhost_run(host, "flights.report"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "flights.bad_params");
}
