/*
 * Tests of the json plugin.
 */
#include <criterion/criterion.h>
#include <math.h>

#include <leat/table.h>

#include "plugins/json/json.c"
#include "plugins/testhost.h"

static struct testhost *host;
static char file[] = "/tmp/leat-json-XXXXXX";

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

TestSuite(json, .init = begin, .fini = end, .timeout = 60);

/* Runs a part on a file with this content. */
static leat_status run_on(const char *type, const char *content)
{
    cr_assert_eq(leat_file_write(file, content, strlen(content)), 0);
    return testhost_run(host, type);
}

/* A column of the last result, which must be there. */
static leat_column column(const char *name)
{
    leat_column found = {0};

    cr_assert_null(leat_table_problem(testhost_result(host, NULL)));
    cr_assert(leat_table_find(testhost_result(host, NULL), leat_str_of(name), &found), "%s", name);
    return found;
}

Test(json, reads_any_value)
{
    cr_assert_eq(run_on("json.read", " {\"a\": [1, -2.5, null, true, \"\\u0000\"]}\n"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, NULL), "{\"a\":[1,-2.5,null,true,\"\\u0000\"]}");
}

Test(json, tells_where_a_file_is_broken)
{
    cr_assert_eq(run_on("json.read", "{\n  \"a\": 1,\n  oops\n}"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "json.bad_json");
    cr_assert(strstr(testhost_text(host), "line 3, column 6") != NULL, "%s", testhost_text(host));
}

Test(json, refuses_duplicate_keys_and_text_after_the_end)
{
    cr_assert_eq(run_on("json.read", "{\"a\": 1, \"a\": 2}"), LEAT_FAIL);
    cr_assert_eq(run_on("json.read", "1 2"), LEAT_FAIL);
}

Test(json, refuses_one_level_too_many)
{
    char text[128];

    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    text[66] = '\0';
    cr_assert_eq(run_on("json.read", text), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "json.too_deep");
    text[65] = '\0';
    cr_assert_eq(run_on("json.read", text + 1), LEAT_OK);
}

Test(json, a_value_of_too_many_parts_points_to_tables)
{
    size_t n = LEAT_NODES_MAX;
    char *text = malloc(2 * n + 2);

    /* The list itself counts, so n items are one part too many. */
    for (size_t i = 0; i < n; i++) {
        memcpy(text + 1 + 2 * i, "1,", 2);
    }
    text[0] = '[';
    memcpy(text + 2 * n, "]", 2);
    cr_assert_eq(run_on("json.read", text), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "json.too_large");
    cr_assert(strstr(testhost_text(host), "json.table") != NULL);
    memcpy(text + 2 * n - 2, "]", 2);
    cr_assert_eq(run_on("json.read", text), LEAT_OK);
    free(text);
}

Test(json, a_missing_file_is_named)
{
    testhost_param(host, "path", "\"/no/such/file\"");
    cr_assert_eq(testhost_run(host, "json.read"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "json.file");
}

Test(json, makes_a_table_with_the_right_types)
{
    leat_column found;

    cr_assert_eq(run_on("json.table", "[{\"i\": 1, \"f\": 0.5, \"s\": \"a\", \"b\": true},\n"
                                      " {\"i\": -2, \"f\": 2, \"s\": \"\", \"b\": false}]"),
                 LEAT_OK, "%s", testhost_text(host));
    cr_assert_eq(leat_table_rows(testhost_result(host, NULL)), 2);
    found = column("i");
    cr_assert_eq(found.type, LEAT_COLUMN_I64);
    cr_assert_eq(leat_column_int(&found, 1), -2);
    found = column("f");
    cr_assert_eq(found.type, LEAT_COLUMN_F64);
    cr_assert_float_eq(leat_column_number(&found, 1), 2.0, 0);
    found = column("s");
    cr_assert_eq(found.type, LEAT_COLUMN_STR);
    cr_assert(leat_view_is(leat_view_at(found.texts, 0), "a"));
    found = column("b");
    cr_assert_eq(leat_column_int(&found, 0), 1);
}

Test(json, integers_become_fractions_when_one_comes)
{
    leat_column found;

    cr_assert_eq(run_on("json.table", "[{\"a\": 3}, {\"a\": 0.25}]"), LEAT_OK);
    found = column("a");
    cr_assert_eq(found.type, LEAT_COLUMN_F64);
    cr_assert_float_eq(leat_column_number(&found, 0), 3.0, 0);
}

Test(json, missing_values_are_nan_or_empty)
{
    leat_column found;

    cr_assert_eq(run_on("json.table", "[{\"a\": 1}, {\"s\": \"x\"}, {\"a\": null, \"s\": null}]"),
                 LEAT_OK, "%s", testhost_text(host));
    found = column("a");
    cr_assert_float_eq(leat_column_number(&found, 0), 1.0, 0);
    cr_assert(isnan(leat_column_number(&found, 1)) && isnan(leat_column_number(&found, 2)));
    found = column("s");
    cr_assert_eq(found.type, LEAT_COLUMN_STR);
    cr_assert(leat_view_is(leat_view_at(found.texts, 0), ""));
    cr_assert(leat_view_is(leat_view_at(found.texts, 1), "x"));
}

Test(json, keeps_the_wanted_columns_in_the_wanted_order)
{
    leat_iter iter;
    leat_column found;

    testhost_param(host, "columns", "[\"c\", \"a\"]");
    cr_assert_eq(run_on("json.table", "[{\"a\": 1, \"b\": {\"deep\": 1}, \"c\": 3}]"), LEAT_OK);
    cr_assert_eq(leat_table_width(testhost_result(host, NULL)), 2);
    iter = leat_table_columns(testhost_result(host, NULL));
    cr_assert(leat_table_next(&iter, &found));
    cr_assert_eq(strncmp(found.name.ptr, "c", 1), 0);
}

Test(json, numbers_and_texts_do_not_mix)
{
    cr_assert_eq(run_on("json.table", "[{\"a\": 1}, {\"a\": \"x\"}]"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "json.mixed");
    cr_assert(strstr(testhost_text(host), "row 2") != NULL);
}

Test(json, nested_rows_are_not_a_table)
{
    cr_assert_eq(run_on("json.table", "[{\"a\": [1]}]"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "json.not_flat");
}

Test(json, an_empty_array_is_an_empty_table)
{
    cr_assert_eq(run_on("json.table", " [ ] "), LEAT_OK);
    cr_assert_eq(leat_table_rows(testhost_result(host, NULL)), 0);
    cr_assert_null(leat_table_problem(testhost_result(host, NULL)));
}

Test(json, broken_tables_are_reported_with_their_place)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[",
        "[1]",
        "[{\"a\": 1}",
        "[{\"a\" 1}]",
        "[{\"a\": 1},]",
        "[{\"a\": 1}] x",
        "[{\"a\": 1} {\"a\": 2}]",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cr_assert_eq(run_on("json.table", texts[i]), LEAT_FAIL, "%s", texts[i]);
        cr_assert_str_eq(testhost_code(host), "json.bad_json");
        cr_assert(strstr(testhost_text(host), "line 1, column ") != NULL);
    }
}

Test(json, writes_what_it_reads)
{
    testhost_param(host, "value", "{\"a\":[0.1,\"x\"]}");
    cr_assert_eq(testhost_run(host, "json.write"), LEAT_OK);
    testhost_reset(host);
    testhost_param(host, "path", "\"%s\"", file);
    cr_assert_eq(testhost_run(host, "json.read"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, NULL), "{\"a\":[0.1,\"x\"]}");
}

Test(json, parses_and_formats_texts)
{
    testhost_reset(host);
    testhost_param(host, "text", "\"[1, {}]\"");
    cr_assert_eq(testhost_run(host, "json.parse"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, NULL), "[1,{}]");
    testhost_reset(host);
    testhost_param(host, "value", "[1, {}]");
    cr_assert_eq(testhost_run(host, "json.format"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, NULL), "\"[1,{}]\"");
}
