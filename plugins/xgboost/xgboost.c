/*
 * xgboost: gradient-boosted trees. Trains a model on a table, predicts with it, and measures how
 * much better than guessing it is.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xgboost/c_api.h>

#include <leat/plugin.h>
#include <leat/table.h>

#include "matrix.h"
#include "train.h"

enum {
    GROUPS = 10 /* equal parts that xgboost.evaluate cuts the rows into */
};

/* The call that is running, for XGBoost's messages: a host runs one at a time. */
static leat_call *running;

/* Passes a message of XGBoost on. */
static void on_message(const char *text)
{
    size_t len = strcspn(text, "\n");

    if (running != NULL && len > 0) {
        leat_debug(running, "%.*s", (int)len, text);
    }
}

/* Turns a model's bytes into a model. LEAT_OK or a reported outcome. */
static leat_status load_model(leat_call *call, struct features *ret_features,
                              BoosterHandle *ret_booster)
{
    leat_str bytes = leat_param_bytes(call, "model");
    BoosterHandle booster = NULL;
    const char **names = NULL;
    bst_ulong n = 0;
    leat_status status = LEAT_OK;

    if (bytes.len == 0) {
        return leat_fail(call, "xgboost.bad_model", "`model` is empty");
    }
    if (XGBoosterCreate(NULL, 0, &booster) != 0) {
        return matrix_report(call, "xgboost.failed", "creating a model");
    }
    if (XGBoosterLoadModelFromBuffer(booster, bytes.ptr, bytes.len) != 0 ||
        XGBoosterSetParam(booster, "nthread", "1") != 0 ||
        XGBoosterGetStrFeatureInfo(booster, "feature_name", &n, &names) != 0) {
        status = matrix_report(call, "xgboost.bad_model", "`model`");
    } else if (n == 0 || n > FEATURES_MAX) {
        status = leat_fail(call, "xgboost.bad_model",
                           "`model` does not name its columns; train it with xgboost.train");
    }
    ret_features->n = 0;
    for (bst_ulong i = 0; status == LEAT_OK && i < n; i++) {
        ret_features->names[i] = leat_str_dup(call, leat_str_of(names[i]));
        ret_features->n++;
        if (ret_features->names[i] == NULL) {
            status = leat_retry(call, -1, "xgboost.no_memory", "no memory for the features");
        }
    }
    if (status != LEAT_OK) {
        XGBoosterFree(booster);
        return status;
    }
    *ret_booster = booster;
    return LEAT_OK;
}

/* Predicts the rows of `data`. The predictions are in memory of the call. LEAT_OK or a reported
 * outcome. */
static leat_status predict(leat_call *call, leat_str label, struct matrix *ret_matrix,
                           double **ret_predictions)
{
    struct features features;
    BoosterHandle booster = NULL;
    const float *out = NULL;
    bst_ulong len = 0;
    leat_status status = load_model(call, &features, &booster);

    if (status != LEAT_OK) {
        return status;
    }
    status =
        matrix_make(call, "data", leat_param_value(call, "data"), &features, label, ret_matrix);
    if (status == LEAT_OK &&
        XGBoosterPredict(booster, ret_matrix->handle, 0, 0, 0, &len, &out) != 0) {
        status = matrix_report(call, "xgboost.failed", "predicting");
    }
    if (status == LEAT_OK && len != ret_matrix->rows) {
        status =
            leat_fail(call, "xgboost.bad_model",
                      "the model gives %llu numbers for %zu rows; only one for each is supported",
                      (unsigned long long)len, ret_matrix->rows);
    }
    if (status == LEAT_OK) {
        *ret_predictions = leat_alloc(call, len * sizeof **ret_predictions);
        if (*ret_predictions == NULL) {
            status = leat_retry(call, -1, "xgboost.no_memory", "no memory for the predictions");
        }
    }
    for (bst_ulong i = 0; status == LEAT_OK && i < len; i++) {
        (*ret_predictions)[i] = (double)out[i];
    }
    XGBoosterFree(booster);
    return status;
}

/* xgboost.predict */
static leat_status xgboost_predict(leat_call *call)
{
    struct matrix matrix = {0};
    double *predictions = NULL;
    leat_writer writer;
    leat_str none = {NULL, 0};
    leat_status status;

    running = call;
    status = predict(call, none, &matrix, &predictions);
    if (status == LEAT_OK) {
        leat_writer_init(&writer, call);
        leat_table_begin(&writer, matrix.rows);
        leat_table_floats(&writer, leat_str_of("prediction"), predictions, matrix.rows);
        leat_table_end(&writer);
        status = leat_result_whole(call, leat_writer_done(&writer));
    }
    matrix_done(&matrix);
    running = NULL;
    return status;
}

/* ---- evaluate ---- */

/* One row: what was predicted, and what was. */
struct pair {
    double predicted;
    double actual;
};

/* Order by prediction; by the actual value among equals, so that the order is always the same. */
static int pair_compare(const void *left, const void *right)
{
    const struct pair *a = left;
    const struct pair *b = right;

    if (a->predicted < b->predicted || a->predicted > b->predicted) {
        return a->predicted < b->predicted ? -1 : 1;
    }
    return (a->actual > b->actual) - (a->actual < b->actual);
}

/* Gives the rows in ten parts from the lowest to the highest prediction, with what was predicted
 * and what was on average. */
static leat_status give_groups(leat_call *call, struct pair *pairs, size_t n)
{
    leat_writer writer;

    qsort(pairs, n, sizeof *pairs, pair_compare);
    leat_writer_init(&writer, call);
    leat_write_list_begin(&writer);
    for (size_t group = 0; group < GROUPS; group++) {
        size_t begin = n * group / GROUPS;
        size_t end = n * (group + 1) / GROUPS;
        double predicted = 0;
        double actual = 0;

        if (begin == end) {
            continue;
        }
        for (size_t i = begin; i < end; i++) {
            predicted += pairs[i].predicted;
            actual += pairs[i].actual;
        }
        leat_write_map_begin(&writer);
        leat_write_key(&writer, "rows");
        leat_write_uint(&writer, end - begin);
        leat_write_key(&writer, "predicted");
        leat_write_float(&writer, predicted / (double)(end - begin));
        leat_write_key(&writer, "actual");
        leat_write_float(&writer, actual / (double)(end - begin));
        leat_write_map_end(&writer);
    }
    leat_write_list_end(&writer);
    return leat_result_value(call, "groups", leat_writer_done(&writer));
}

/* Gives the model's errors, those of a constant guess, and the comparison. */
static leat_status give_errors(leat_call *call, const struct pair *pairs, size_t n, double guess)
{
    double square = 0;
    double absolute = 0;
    double guess_square = 0;
    double guess_absolute = 0;
    double mean = 0;
    double variance = 0;

    for (size_t i = 0; i < n; i++) {
        mean += pairs[i].actual / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double error = pairs[i].predicted - pairs[i].actual;
        double guess_error = guess - pairs[i].actual;

        square += error * error;
        absolute += fabs(error);
        guess_square += guess_error * guess_error;
        guess_absolute += fabs(guess_error);
        variance += (mean - pairs[i].actual) * (mean - pairs[i].actual);
    }
    leat_result_int(call, "rows", (int64_t)n);
    leat_result_float(call, "rmse", sqrt(square / (double)n));
    leat_result_float(call, "mae", absolute / (double)n);
    if (variance > 0) {
        leat_result_float(call, "r2", 1 - square / variance);
    } else {
        leat_result_nil(call, "r2");
    }
    leat_result_float(call, "baseline", guess);
    leat_result_float(call, "baseline_rmse", sqrt(guess_square / (double)n));
    leat_result_float(call, "baseline_mae", guess_absolute / (double)n);
    return leat_result_float(call, "improvement",
                             guess_square > 0 ? 1 - sqrt(square / guess_square) : 0.0);
}

/* Compares predictions with the label and gives the figures. */
static leat_status judge(leat_call *call, const struct matrix *matrix, const double *predictions)
{
    struct pair *pairs = leat_alloc(call, matrix->rows * sizeof *pairs);
    double guess = leat_param_float(call, "baseline");

    if (pairs == NULL) {
        return leat_retry(call, -1, "xgboost.no_memory", "no memory for the comparison");
    }
    if (!leat_param_given(call, "baseline")) {
        guess = 0;
        for (size_t i = 0; i < matrix->rows; i++) {
            guess += (double)matrix->label[i] / (double)matrix->rows;
        }
    }
    for (size_t i = 0; i < matrix->rows; i++) {
        pairs[i].predicted = predictions[i];
        pairs[i].actual = (double)matrix->label[i];
    }
    give_errors(call, pairs, matrix->rows, guess);
    return give_groups(call, pairs, matrix->rows);
}

/* xgboost.evaluate */
static leat_status xgboost_evaluate(leat_call *call)
{
    leat_str label = leat_param_str(call, "label");
    struct matrix matrix = {0};
    double *predictions = NULL;
    leat_status status;

    if (label.len == 0) {
        return leat_fail(call, "xgboost.bad_params", "`label` is empty");
    }
    running = call;
    status = predict(call, label, &matrix, &predictions);
    if (status == LEAT_OK) {
        status = judge(call, &matrix, predictions);
    }
    matrix_done(&matrix);
    running = NULL;
    return status;
}

/* xgboost.train */
static leat_status xgboost_train(leat_call *call)
{
    leat_status status;

    if (leat_param_str(call, "label").len == 0) {
        return leat_fail(call, "xgboost.bad_params", "`label` is empty");
    }
    running = call;
    status = train_run(call);
    running = NULL;
    return status;
}

/* Has XGBoost's messages passed on. */
static leat_status xgboost_open(leat_call *call, void **ret_state)
{
    (void)call;
    *ret_state = NULL;
    XGBRegisterLogCallback(on_message);
    return LEAT_OK;
}

LEAT_PLUGIN_EX(
    "xgboost", "1.0.0", "Gradient-boosted trees", 0, xgboost_open, NULL,
    LEAT_TASK_EX(
        xgboost_train, "xgboost.train", "Train a model on a table", LEAT_PART_IDEMPOTENT,
        LEAT_VALUE_REQUIRED("data", "The table to learn from"),
        LEAT_STRING_REQUIRED("label", "The column to predict"),
        LEAT_STRING_LIST("features", NULL, "Columns to use; all others of numbers by default"),
        LEAT_VALUE("valid", NULL, "A table to measure on while training"),
        LEAT_INT("rounds", "50", "Trees to grow, one a round"),
        LEAT_INT("patience", "0", "Stop after so many rounds without a better score on `valid`"),
        LEAT_VALUE("params", NULL, "Parameters of XGBoost, for example {max_depth: 6, eta: 0.1}"),
        LEAT_INT("seed", "7", "Seed of everything random"),
        LEAT_INT("threads", "1", "Threads; more pay on an idle machine and large tables only")),
    LEAT_TASK_EX(xgboost_predict, "xgboost.predict", "Predict the rows of a table",
                 LEAT_PART_IDEMPOTENT, LEAT_BYTES_REQUIRED("model", "A model of xgboost.train"),
                 LEAT_VALUE_REQUIRED("data", "The table to predict")),
    LEAT_TASK_EX(xgboost_evaluate, "xgboost.evaluate", "Measure a model on a table it has not seen",
                 LEAT_PART_IDEMPOTENT, LEAT_BYTES_REQUIRED("model", "A model of xgboost.train"),
                 LEAT_VALUE_REQUIRED("data", "The table to measure on"),
                 LEAT_STRING_REQUIRED("label", "The column with the truth"),
                 LEAT_FLOAT("baseline", NULL,
                            "The constant to compare with, such as the train table's mean; "
                            "this table's mean by default")));
