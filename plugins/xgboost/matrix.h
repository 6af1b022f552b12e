/*
 * From tables to the matrices of XGBoost.
 */
#ifndef XGBOOST_MATRIX_H
#define XGBOOST_MATRIX_H

#include <stddef.h>

#include <xgboost/c_api.h>

#include <leat/abi.h>
#include <leat/value.h>

enum {
    FEATURES_MAX = 512 /* columns a model may use */
};

/* The columns a model uses, in their order; names are NUL-terminated. */
struct features {
    const char *names[FEATURES_MAX];
    size_t n;
};

/* A table as XGBoost takes it. Free with matrix_done(). */
struct matrix {
    DMatrixHandle handle;
    float *label; /* NULL without */
    size_t rows;
};

/* Reports what XGBoost says went wrong, and returns the status. */
leat_status matrix_report(leat_call *call, const char *code, const char *doing);

/* Chooses the features: those named in <wanted> (a list of names), or without any all columns of
 * numbers but the label. Memory of the call. LEAT_OK or a reported outcome. */
leat_status features_choose(leat_call *call, leat_view table, leat_view wanted, leat_str label,
                            struct features *ret_features);

/* Makes the matrix of these features, and of the label when <label> is not empty. <what> names the
 * table in messages. LEAT_OK or a reported outcome. */
leat_status matrix_make(leat_call *call, const char *what, leat_view table,
                        const struct features *features, leat_str label, struct matrix *ret_matrix);

/* Frees a matrix, also one of zeros. */
void matrix_done(struct matrix *matrix);

#endif
