/*
 * Tests of the xgboost plugin on small tables with a known rule inside.
 */
#include <criterion/criterion.h>

#include "plugins/testhost.h"
#include "plugins/xgboost/xgboost.c"

enum { ROWS = 2000 };

static struct testhost *host;

/* Sets the parameter <name> to a table y = 10 a + noise, of ROWS rows beginning at row <from>. */
static void set_table(const char *name, size_t from)
{
    static char memory[ROWS * 40];
    static double columns[4][ROWS];
    leat_writer writer;

    for (size_t i = 0; i < ROWS; i++) {
        uint64_t bits = (from + i) * UINT64_C(0x9e3779b97f4a7c15);

        columns[0][i] = (double)((bits >> 20) % 1000) / 1000;
        columns[1][i] = (double)((bits >> 40) % 1000) / 1000;
        columns[2][i] = 10 * columns[0][i] + columns[1][i] / 10;
        columns[3][i] = i % 50 == 0 ? (double)NAN : columns[1][i];
    }
    leat_writer_init_fixed(&writer, memory, sizeof memory);
    leat_table_begin(&writer, ROWS);
    leat_table_floats(&writer, leat_str_of("a"), columns[0], ROWS);
    leat_table_floats(&writer, leat_str_of("noise"), columns[1], ROWS);
    leat_table_floats(&writer, leat_str_of("y"), columns[2], ROWS);
    leat_table_floats(&writer, leat_str_of("gaps"), columns[3], ROWS);
    leat_table_end(&writer);
    testhost_param_value(host, name, leat_writer_done(&writer));
}

/* A host with a table to learn from for each test. */
static void begin(void)
{
    host = testhost_new(leat_plugin_v1());
    set_table("data", 0);
    testhost_param(host, "label", "\"y\"");
    testhost_param(host, "rounds", "30");
}

/* Ends it. */
static void end(void)
{
    testhost_free(host);
}

TestSuite(xgboost, .init = begin, .fini = end, .timeout = 120);

/* A number out of the last result. */
static double number(const char *key)
{
    return leat_view_float(testhost_result(host, key), (double)NAN);
}

/* Trains, and prepares the host for predicting on fresh rows. */
static void train_and_switch(void)
{
    leat_str model;

    cr_assert_eq(testhost_run(host, "xgboost.train"), LEAT_OK, "%s", testhost_text(host));
    model = leat_view_raw(testhost_result(host, "model"));
    testhost_reset(host);
    testhost_param_value(host, "model", model);
    set_table("data", 100000);
}

Test(xgboost, learns_a_rule_and_does_better_than_guessing)
{
    train_and_switch();
    testhost_param(host, "label", "\"y\"");
    cr_assert_eq(testhost_run(host, "xgboost.evaluate"), LEAT_OK, "%s", testhost_text(host));
    cr_assert_lt(number("rmse"), 0.5);
    cr_assert_gt(number("baseline_rmse"), 2.0);
    cr_assert_gt(number("improvement"), 0.8);
    cr_assert_gt(number("r2"), 0.95);
    cr_assert_eq(leat_view_count(testhost_result(host, "groups")), 10);
}

Test(xgboost, groups_rise_with_the_prediction)
{
    leat_iter iter;
    leat_view group;
    double before = -1;

    train_and_switch();
    testhost_param(host, "label", "\"y\"");
    cr_assert_eq(testhost_run(host, "xgboost.evaluate"), LEAT_OK);
    iter = leat_iter_of(testhost_result(host, "groups"));
    while (leat_iter_next(&iter, NULL, &group)) {
        double actual = leat_view_float(leat_view_find(group, "actual"), -2);

        cr_assert_gt(actual, before);
        before = actual;
    }
}

Test(xgboost, predicts_one_number_a_row)
{
    leat_column column;

    train_and_switch();
    cr_assert_eq(testhost_run(host, "xgboost.predict"), LEAT_OK, "%s", testhost_text(host));
    cr_assert(leat_table_find(testhost_result(host, NULL), leat_str_of("prediction"), &column));
    cr_assert_eq(column.rows, ROWS);
    cr_assert(isfinite(leat_column_number(&column, ROWS - 1)));
}

Test(xgboost, reports_every_round_and_its_scores)
{
    set_table("valid", 50000);
    cr_assert_eq(testhost_run(host, "xgboost.train"), LEAT_OK);
    cr_assert_eq(testhost_progress_count(host), 30);
    cr_assert_str_eq(testhost_json(host, "rounds"), "30");
    cr_assert_str_eq(testhost_json(host, "metric"), "\"rmse\"");
    cr_assert_eq(leat_view_count(leat_view_find(testhost_result(host, "history"), "train")), 30);
    cr_assert_eq(leat_view_count(leat_view_find(testhost_result(host, "history"), "valid")), 30);
    cr_assert_float_eq(number("rmse"), number("valid_score"), 0);
    cr_assert_lt(number("train_score"), 1.0);
    cr_assert_str_eq(testhost_json(host, "features"), "[\"a\",\"noise\",\"gaps\"]");
}

Test(xgboost, the_same_input_gives_the_same_model)
{
    static char first[1 << 20];
    leat_str model;
    size_t len;

    testhost_param(host, "params", "{\"subsample\": 0.5}");
    cr_assert_eq(testhost_run(host, "xgboost.train"), LEAT_OK);
    model = leat_view_bytes(testhost_result(host, "model"));
    len = model.len;
    cr_assert_lt(len, sizeof first);
    memcpy(first, model.ptr, len);
    cr_assert_eq(testhost_run(host, "xgboost.train"), LEAT_OK);
    model = leat_view_bytes(testhost_result(host, "model"));
    cr_assert_eq(model.len, len);
    cr_assert_eq(memcmp(model.ptr, first, len), 0);
}

Test(xgboost, stops_when_patience_ends)
{
    set_table("valid", 50000);
    testhost_param(host, "rounds", "1000");
    testhost_param(host, "patience", "3");
    testhost_param(host, "params", "{\"eta\": 1.0}");
    cr_assert_eq(testhost_run(host, "xgboost.train"), LEAT_OK);
    cr_assert_lt(number("rounds"), 1000);
    cr_assert(strstr(testhost_logs(host), "stopping") != NULL);
}

Test(xgboost, cancel_ends_the_training_between_rounds)
{
    testhost_cancel_on_progress(host, 3);
    cr_assert_eq(testhost_run(host, "xgboost.train"), LEAT_CANCELLED);
    cr_assert_eq(testhost_progress_count(host), 3);
}

Test(xgboost, uses_the_named_features_only)
{
    testhost_param(host, "features", "[\"noise\"]");
    cr_assert_eq(testhost_run(host, "xgboost.train"), LEAT_OK);
    cr_assert_str_eq(testhost_json(host, "features"), "[\"noise\"]");
    cr_assert_gt(number("rmse"), 2.0);
}

Test(xgboost, a_missing_column_is_named)
{
    testhost_param(host, "label", "\"z\"");
    cr_assert_eq(testhost_run(host, "xgboost.train"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "xgboost.bad_data");
    cr_assert(strstr(testhost_text(host), "\"z\"") != NULL);
}

Test(xgboost, a_label_with_gaps_is_refused)
{
    testhost_param(host, "label", "\"gaps\"");
    cr_assert_eq(testhost_run(host, "xgboost.train"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "xgboost.bad_data");
    cr_assert(strstr(testhost_text(host), "row 1 ") != NULL, "%s", testhost_text(host));
}

Test(xgboost, a_wrong_parameter_is_explained)
{
    testhost_param(host, "params", "{\"objective\": \"reg:nonsense\"}");
    cr_assert_eq(testhost_run(host, "xgboost.train"), LEAT_FAIL);
    cr_assert(strstr(testhost_text(host), "reg:nonsense") != NULL, "%s", testhost_text(host));
}

Test(xgboost, a_model_without_names_and_what_is_no_model_are_refused)
{
    testhost_reset(host);
    set_table("data", 0);
    testhost_param(host, "model", "{\"$bin\": \"e30=\"}");
    cr_assert_eq(testhost_run(host, "xgboost.predict"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "xgboost.bad_model");
    testhost_param(host, "model", "{\"$bin\": \"\"}");
    cr_assert_eq(testhost_run(host, "xgboost.predict"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "xgboost.bad_model");
}

Test(xgboost, too_many_rounds_are_refused)
{
    testhost_param(host, "rounds", "100001");
    cr_assert_eq(testhost_run(host, "xgboost.train"), LEAT_FAIL);
    cr_assert_str_eq(testhost_code(host), "xgboost.bad_params");
}
