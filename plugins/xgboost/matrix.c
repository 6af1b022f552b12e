/*
 * See matrix.h. A missing number stays missing: XGBoost learns which way such rows go.
 */
#include "matrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <leat/plugin.h>
#include <leat/table.h>

leat_status matrix_report(leat_call *call, const char *code, const char *doing)
{
    const char *text = XGBGetLastError();
    size_t len = strcspn(text, "\n");

    /* Its messages begin with a time and a source line, and end with a stack trace. */
    for (size_t i = 0; i + 2 < len; i++) {
        if (text[i] == ':' && text[i + 1] == ' ' && i > 0 && text[i - 1] >= '0' &&
            text[i - 1] <= '9') {
            text += i + 2;
            len -= i + 2;
            break;
        }
    }
    return leat_fail(call, code, "%s: XGBoost says: %.*s", doing, (int)(len < 1000 ? len : 1000),
                     text);
}

/* Adds a feature. LEAT_OK or a reported outcome. */
static leat_status feature_add(leat_call *call, struct features *features, leat_str name)
{
    char *copy;

    if (features->n == FEATURES_MAX) {
        return leat_fail(call, "xgboost.bad_params", "there are more than %d features",
                         FEATURES_MAX);
    }
    copy = leat_str_dup(call, name);
    if (copy == NULL) {
        return leat_fail(call, "xgboost.bad_params", "a column's name has a NUL character inside");
    }
    features->names[features->n++] = copy;
    return LEAT_OK;
}

leat_status features_choose(leat_call *call, leat_view table, leat_view wanted, leat_str label,
                            struct features *ret_features)
{
    leat_iter names = leat_iter_of(wanted);
    leat_iter columns = leat_table_columns(table);
    leat_status status = LEAT_OK;
    leat_column column;
    leat_view item;

    ret_features->n = 0;
    while (status == LEAT_OK && leat_iter_next(&names, NULL, &item)) {
        status = feature_add(call, ret_features, leat_view_str(item));
    }
    while (status == LEAT_OK && leat_view_count(wanted) == 0 &&
           leat_table_next(&columns, &column)) {
        int is_label =
            column.name.len == label.len && memcmp(column.name.ptr, label.ptr, label.len) == 0;

        if (column.type != LEAT_COLUMN_STR && !is_label) {
            status = feature_add(call, ret_features, column.name);
        }
    }
    if (status == LEAT_OK && ret_features->n == 0) {
        return leat_fail(call, "xgboost.bad_data",
                         "the table has no column of numbers to learn from");
    }
    return status;
}

/* Finds a column of numbers. LEAT_OK or a reported outcome. */
static leat_status number_column(leat_call *call, const char *what, leat_view table, leat_str name,
                                 leat_column *ret_column)
{
    if (!leat_table_find(table, name, ret_column)) {
        return leat_fail(call, "xgboost.bad_data", "`%s` has no column \"%.*s\"", what,
                         LEAT_STRF(name));
    }
    if (ret_column->type == LEAT_COLUMN_STR) {
        return leat_fail(call, "xgboost.bad_data",
                         "column \"%.*s\" of `%s` holds texts, not numbers", LEAT_STRF(name), what);
    }
    return LEAT_OK;
}

/* Fills the cells in, row by row as XGBoost wants them. LEAT_OK or a reported outcome. */
static leat_status fill_cells(leat_call *call, const char *what, leat_view table,
                              const struct features *features, size_t rows, float *cells)
{
    for (size_t i = 0; i < features->n; i++) {
        leat_column column;
        leat_status status =
            number_column(call, what, table, leat_str_of(features->names[i]), &column);

        if (status != LEAT_OK) {
            return status;
        }
        for (size_t row = 0; row < rows; row++) {
            cells[row * features->n + i] = (float)leat_column_number(&column, row);
        }
    }
    return LEAT_OK;
}

/* Fills the label in; it must be a number everywhere. LEAT_OK or a reported outcome. */
static leat_status fill_label(leat_call *call, const char *what, leat_view table, leat_str label,
                              size_t rows, float *ret_label)
{
    leat_column column;
    leat_status status = number_column(call, what, table, label, &column);

    for (size_t row = 0; status == LEAT_OK && row < rows; row++) {
        ret_label[row] = (float)leat_column_number(&column, row);
        if (!isfinite(ret_label[row])) {
            return leat_fail(call, "xgboost.bad_data",
                             "row %zu of `%s` has no finite number in the label \"%.*s\"", row + 1,
                             what, LEAT_STRF(label));
        }
    }
    return status;
}

leat_status matrix_make(leat_call *call, const char *what, leat_view table,
                        const struct features *features, leat_str label, struct matrix *ret_matrix)
{
    const char *problem = leat_table_problem(table);
    size_t rows = leat_table_rows(table);
    struct matrix matrix = {NULL, NULL, rows};
    leat_status status = LEAT_OK;
    float *cells;

    if (problem != NULL || rows == 0) {
        return leat_fail(call, "xgboost.bad_data", "`%s`: %s", what,
                         problem != NULL ? problem : "the table has no rows");
    }
    cells = malloc(rows * features->n * sizeof *cells);
    if (label.len > 0) {
        matrix.label = malloc(rows * sizeof *matrix.label);
    }
    if (cells == NULL || (label.len > 0 && matrix.label == NULL)) {
        status = leat_retry(call, -1, "xgboost.no_memory", "no memory for `%s`", what);
    }
    if (status == LEAT_OK) {
        status = fill_cells(call, what, table, features, rows, cells);
    }
    if (status == LEAT_OK && label.len > 0) {
        status = fill_label(call, what, table, label, rows, matrix.label);
    }
    if (status == LEAT_OK &&
        XGDMatrixCreateFromMat_omp(cells, rows, features->n, NAN, &matrix.handle, 1) != 0) {
        status = matrix_report(call, "xgboost.bad_data", what);
    }
    if (status == LEAT_OK && label.len > 0 &&
        XGDMatrixSetFloatInfo(matrix.handle, "label", matrix.label, rows) != 0) {
        status = matrix_report(call, "xgboost.bad_data", what);
    }
    free(cells);
    if (status != LEAT_OK) {
        matrix_done(&matrix);
        return status;
    }
    *ret_matrix = matrix;
    return LEAT_OK;
}

void matrix_done(struct matrix *matrix)
{
    if (matrix->handle != NULL) {
        XGDMatrixFree(matrix->handle);
    }
    free(matrix->label);
    matrix->handle = NULL;
    matrix->label = NULL;
}
