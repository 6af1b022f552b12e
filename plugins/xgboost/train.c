/*
 * See train.h. Round by round, so that a cancelled step ends within one round and progress is real.
 * With the same data, parameters, seed and number of threads the model is the same byte for byte.
 * One thread unless told otherwise: waiting threads of OpenMP spin, and on a busy machine that
 * costs ten times what they gain.
 */
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xgboost/c_api.h>

#include <leat/plugin.h>
#include <leat/table.h>

#include "matrix.h"

enum { ROUNDS_MAX = 100000, METRIC_MAX = 64 };

/* A training on its way. */
struct training {
    leat_call *call;
    BoosterHandle booster;
    struct matrix train;
    struct matrix valid; /* all zeros without */
    struct features features;
    int64_t rounds; /* wanted */
    int64_t done;
    char metric[METRIC_MAX];
    double *train_scores; /* one a round */
    double *valid_scores;
    int64_t patience;
    int64_t best; /* the round with the best score so far, counted from 0 */
};

/* Sets one parameter of XGBoost. LEAT_OK or a reported outcome. */
static leat_status set(struct training *training, const char *name, const char *value)
{
    return XGBoosterSetParam(training->booster, name, value) == 0
               ? LEAT_OK
               : matrix_report(training->call, "xgboost.bad_params", name);
}

/* Sets a number as parameter. LEAT_OK or a reported outcome. */
static leat_status set_int(struct training *training, const char *name, int64_t value)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)value);
    return set(training, name, text);
}

/* Sets what `params` says. LEAT_OK or a reported outcome. */
static leat_status set_params(struct training *training)
{
    leat_iter iter = leat_iter_of(leat_param_value(training->call, "params"));
    leat_status status = LEAT_OK;
    leat_view key;
    leat_view item;

    while (status == LEAT_OK && leat_iter_next(&iter, &key, &item)) {
        const char *name = leat_str_dup(training->call, leat_view_str(key));
        const char *value = NULL;
        char number[40];

        switch (leat_view_type(item)) {
        case LEAT_VIEW_STR:
            value = leat_str_dup(training->call, leat_view_str(item));
            break;
        case LEAT_VIEW_INT:
            snprintf(number, sizeof number, "%lld", (long long)leat_view_int(item, 0));
            value = number;
            break;
        case LEAT_VIEW_FLOAT:
            snprintf(number, sizeof number, "%.17g", leat_view_float(item, 0));
            value = number;
            break;
        case LEAT_VIEW_BOOL:
            value = leat_view_bool(item, 0) ? "true" : "false";
            break;
        default:
            break;
        }
        if (name == NULL || value == NULL) {
            return leat_fail(training->call, "xgboost.bad_params",
                             "`params`: \"%.*s\" must be a text, a number or a truth",
                             LEAT_STRF(leat_view_str(key)));
        }
        status = set(training, name, value);
    }
    return status;
}

/* Makes the booster. LEAT_OK or a reported outcome. */
static leat_status make_booster(struct training *training)
{
    DMatrixHandle both[2] = {training->train.handle, training->valid.handle};
    leat_call *call = training->call;
    leat_status status;

    if (XGBoosterCreate(both, training->valid.handle == NULL ? 1 : 2, &training->booster) != 0) {
        return matrix_report(call, "xgboost.failed", "creating the model");
    }
    status = set(training, "objective", "reg:squarederror");
    if (status == LEAT_OK) {
        status = set(training, "tree_method", "hist");
    }
    if (status == LEAT_OK) {
        status = set_int(training, "nthread", leat_param_int(call, "threads"));
    }
    if (status == LEAT_OK) {
        status = set_int(training, "seed", leat_param_int(call, "seed"));
    }
    if (status == LEAT_OK) {
        status = set_params(training);
    }
    if (status == LEAT_OK &&
        XGBoosterSetStrFeatureInfo(training->booster, "feature_name", training->features.names,
                                   training->features.n) != 0) {
        status = matrix_report(call, "xgboost.failed", "naming the features");
    }
    return status;
}

/* The number behind "<set>-<metric>:" in XGBoost's line about a round, of the last metric there. */
static double find_score(const char *line, const char *set_name, char *ret_metric)
{
    size_t len = strlen(set_name);
    double score = (double)NAN;

    for (const char *at = strchr(line, '\t'); at != NULL; at = strchr(at + 1, '\t')) {
        const char *metric = at + 1 + len + 1;
        const char *colon;

        if (strncmp(at + 1, set_name, len) != 0 || at[1 + len] != '-') {
            continue;
        }
        colon = strchr(metric, ':');
        if (colon != NULL) {
            snprintf(ret_metric, METRIC_MAX, "%.*s", (int)(colon - metric), metric);
            score = strtod(colon + 1, NULL);
        }
    }
    return score;
}

/* Runs one round and keeps its scores. LEAT_OK or a reported outcome. */
static leat_status train_round(struct training *training)
{
    DMatrixHandle both[2] = {training->train.handle, training->valid.handle};
    const char *names[2] = {"train", "valid"};
    int round = (int)training->done;
    const char *line = NULL;

    if (XGBoosterUpdateOneIter(training->booster, round, training->train.handle) != 0) {
        return matrix_report(training->call, "xgboost.failed", "training");
    }
    if (XGBoosterEvalOneIter(training->booster, round, both, names,
                             training->valid.handle == NULL ? 1 : 2, &line) != 0) {
        return matrix_report(training->call, "xgboost.failed", "evaluating");
    }
    training->train_scores[round] = find_score(line, "train", training->metric);
    training->valid_scores[round] =
        training->valid.handle == NULL ? (double)NAN : find_score(line, "valid", training->metric);
    training->done++;
    return LEAT_OK;
}

/* 1 when more is better for this metric. */
static int higher_is_better(const char *metric)
{
    return strncmp(metric, "auc", 3) == 0 || strncmp(metric, "map", 3) == 0 ||
           strncmp(metric, "ndcg", 4) == 0;
}

/* 1 when `patience` rounds brought no better score on the validation table. */
static int has_converged(struct training *training)
{
    double now = training->valid_scores[training->done - 1];
    double best = training->valid_scores[training->best];

    if (training->patience <= 0 || training->valid.handle == NULL) {
        return 0;
    }
    if (higher_is_better(training->metric) ? now > best : now < best) {
        training->best = training->done - 1;
    }
    return training->done - 1 - training->best >= training->patience;
}

/* Runs all rounds. LEAT_OK or a reported outcome. */
static leat_status train_all(struct training *training)
{
    leat_call *call = training->call;
    int64_t every = training->rounds / 5 < 1 ? 1 : training->rounds / 5;
    leat_status status = LEAT_OK;

    while (training->done < training->rounds) {
        if (leat_cancelled(call)) {
            return leat_stopped(call);
        }
        status = train_round(training);
        if (status != LEAT_OK) {
            return status;
        }
        leat_progress_fmt(call, (double)training->done / (double)training->rounds,
                          "round %lld of %lld", (long long)training->done,
                          (long long)training->rounds);
        if (training->done % every == 0) {
            leat_info(call, "round %lld: %s %.4f", (long long)training->done, training->metric,
                      training->train_scores[training->done - 1]);
        }
        if (has_converged(training)) {
            leat_info(call, "no better %s since round %lld; stopping", training->metric,
                      (long long)training->best + 1);
            break;
        }
    }
    return LEAT_OK;
}

/* ---- results ---- */

/* Writes a list of scores under a key. */
static void write_scores(leat_writer *writer, const char *key, const double *scores, int64_t n)
{
    leat_write_key(writer, key);
    leat_write_list_begin(writer);
    for (int64_t i = 0; i < n; i++) {
        leat_write_float(writer, scores[i]);
    }
    leat_write_list_end(writer);
}

/* Gives the score on the train and the validation table after the last round, and how it came to
 * that. */
static void give_scores(struct training *training)
{
    leat_call *call = training->call;
    double train_score = training->train_scores[training->done - 1];
    double valid_score = training->valid_scores[training->done - 1];
    leat_writer writer;

    leat_writer_init(&writer, call);
    leat_write_map_begin(&writer);
    write_scores(&writer, "train", training->train_scores, training->done);
    if (training->valid.handle != NULL) {
        write_scores(&writer, "valid", training->valid_scores, training->done);
    }
    leat_write_map_end(&writer);
    leat_result_value(call, "history", leat_writer_done(&writer));
    leat_result_text(call, "metric", training->metric);
    leat_result_float(call, "train_score", train_score);
    if (training->valid.handle != NULL) {
        leat_result_float(call, "valid_score", valid_score);
    }
    leat_result_float(call, training->metric,
                      training->valid.handle != NULL ? valid_score : train_score);
}

/* Gives everything. */
static leat_status give(struct training *training)
{
    leat_call *call = training->call;
    const char *model = NULL;
    bst_ulong len = 0;
    double sum = 0;
    leat_writer writer;

    if (XGBoosterSaveModelToBuffer(training->booster, "{\"format\": \"ubj\"}", &len, &model) != 0) {
        return matrix_report(call, "xgboost.failed", "saving the model");
    }
    leat_writer_init(&writer, call);
    leat_write_list_begin(&writer);
    for (size_t i = 0; i < training->features.n; i++) {
        leat_write_text(&writer, training->features.names[i]);
    }
    leat_write_list_end(&writer);
    for (size_t row = 0; row < training->train.rows; row++) {
        sum += (double)training->train.label[row];
    }
    leat_result_value(call, "features", leat_writer_done(&writer));
    leat_result_int(call, "rows", (int64_t)training->train.rows);
    leat_result_int(call, "rounds", training->done);
    leat_result_float(call, "label_mean", sum / (double)training->train.rows);
    give_scores(training);
    return leat_result_bytes(call, "model", model, len);
}

/* Prepares the tables. LEAT_OK or a reported outcome. */
static leat_status prepare(struct training *training)
{
    leat_call *call = training->call;
    leat_view data = leat_param_value(call, "data");
    leat_str label = leat_param_str(call, "label");
    const char *problem = leat_table_problem(data);
    leat_status status;

    if (problem != NULL) {
        return leat_fail(call, "xgboost.bad_data", "`data`: %s", problem);
    }
    status = features_choose(call, data, leat_param_str_list(call, "features"), label,
                             &training->features);
    if (status == LEAT_OK) {
        status = matrix_make(call, "data", data, &training->features, label, &training->train);
    }
    if (status == LEAT_OK && leat_param_given(call, "valid")) {
        status = matrix_make(call, "valid", leat_param_value(call, "valid"), &training->features,
                             label, &training->valid);
    }
    return status;
}

leat_status train_run(leat_call *call)
{
    struct training training = {.call = call};
    leat_status status;

    training.rounds = leat_param_int(call, "rounds");
    training.patience = leat_param_int(call, "patience");
    if (training.rounds < 1 || training.rounds > ROUNDS_MAX) {
        return leat_fail(call, "xgboost.bad_params", "`rounds` is 1 to %d, not %lld", ROUNDS_MAX,
                         (long long)training.rounds);
    }
    training.train_scores = leat_alloc(call, (size_t)training.rounds * sizeof(double));
    training.valid_scores = leat_alloc(call, (size_t)training.rounds * sizeof(double));
    if (training.train_scores == NULL || training.valid_scores == NULL) {
        return leat_retry(call, -1, "xgboost.no_memory", "no memory for the scores");
    }
    status = prepare(&training);
    if (status == LEAT_OK) {
        status = make_booster(&training);
    }
    if (status == LEAT_OK) {
        status = train_all(&training);
    }
    if (status == LEAT_OK) {
        status = give(&training);
    }
    if (training.booster != NULL) {
        XGBoosterFree(training.booster);
    }
    matrix_done(&training.train);
    matrix_done(&training.valid);
    return status;
}
