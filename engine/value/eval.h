/*
 * The evaluator's work on one request: the jobs that templates could not do in the engine (see
 * tmpl_jobs), done in the evaluator host. work/ carries the bytes both ways and owns time limits.
 *
 * Jobs come as a list, each one a list:
 *     [0, expression index]               run a jq expression against the scope
 *     [1, root value, path, shown]        follow a path
 *     [2, root value, path, shown]        follow a path and render it as text
 *     [3, file path]                      content hash of a file: {hash: bin, size: int}
 * Results go out as a list in the same order: [0, value], or [negative error code, sentence].
 */
#ifndef VALUE_EVAL_H
#define VALUE_EVAL_H

#include "base/buf.h"
#include "base/err.h"
#include "value/expr.h"
#include "value/ref.h"
#include "value/val.h"

enum eval_job_kind { EVAL_EXPR = 0, EVAL_PATH = 1, EVAL_TEXT = 2, EVAL_FILE = 3 };

struct eval_ctx {
    struct expr_program *program; /* NULL when no expression job can come */
    struct ref_blobs blobs;
    /* Stores a scanned value of more than VAL_INLINE_MAX bytes as a blob. 0 or ERR_* with a
     * sentence. */
    int (*blob_put)(void *user, struct val value, struct blob_ref *ret_blob,
                    struct err_text *reterr_why);
    void *user; /* for blob_put */
};

/* Packs job kind 3. */
void eval_file_job_pack(struct buf *out, struct str path);

/*
 * Does all <jobs> against <scope> (a map, or VAL_NONE) and appends the list of results to <out>.
 * A job that fails gives an error in its place; the call itself fails (ERR_PROTOCOL) only when
 * <jobs> is not a list of jobs, or with buf_err(). May run as long as an expression runs.
 */
int eval_run(const struct eval_ctx *ctx, struct val jobs, struct val scope, struct buf *out,
             struct err_text *reterr_why);

#endif
