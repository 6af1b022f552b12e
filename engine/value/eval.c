/*
 * The evaluator's jobs, one after the other; see eval.h.
 */
#include "value/eval.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/must.h"
#include "value/json.h"
#include "value/pack.h"
#include "value/tmpl.h"

void eval_file_job_pack(struct buf *out, struct str path)
{
    pack_list(out, 2);
    pack_uint(out, EVAL_FILE);
    pack_str(out, path);
}

/* One job while it is being done. */
struct job {
    const struct eval_ctx *ctx;
    struct val parts[4];
    struct val scope;
    struct buf *out; /* gets the value */
    struct err_text *reterr_why;
};

/* Packs <value>, as a blob when it is large. */
static int put_value(const struct job *job, struct val value)
{
    if (value.len <= VAL_INLINE_MAX) {
        pack_val(job->out, value);
        return 0;
    }
    struct blob_ref blob;
    int err = job->ctx->blob_put(job->ctx->user, value, &blob, job->reterr_why);
    if (!err) {
        pack_blob(job->out, &blob);
    }
    return err;
}

/* Runs an expression. */
static int do_expr(const struct job *job)
{
    if (!job->ctx->program) {
        return err_set(job->reterr_why, ERR_EXPRESSION, "The flow has no expressions.");
    }
    CLEANUP_BUF struct buf result = BUF_INIT(val_limits_task.bytes_max * 2);
    int err = expr_run(job->ctx->program, (uint32_t)val_int(job->parts[1]), job->scope,
                       &job->ctx->blobs, &result, job->reterr_why);
    return err ? err : put_value(job, (struct val){result.data, result.len});
}

/* Follows a path to <ret_value>. */
static int do_follow(const struct job *job, struct val *ret_value)
{
    int err = ref_follow(job->parts[1], job->parts[2], &job->ctx->blobs, val_str(job->parts[3]),
                         ret_value, job->reterr_why);
    if (err != 1) {
        return err;
    }
    struct str shown = val_str(job->parts[3]);
    return err_set(job->reterr_why, ERR_NOT_FOUND,
                   "`%.*s`: a stored value on the way is not there any more.",
                   shown.len > 128 ? 128 : (int)shown.len, shown.ptr);
}

/* Follows a path. */
static int do_path(const struct job *job)
{
    struct val value = VAL_NONE;
    int err = do_follow(job, &value);
    return err ? err : put_value(job, value);
}

/* Follows a path and renders what is there. */
static int do_text(const struct job *job)
{
    struct val value = VAL_NONE;
    int err = do_follow(job, &value);
    if (err) {
        return err;
    }
    if (val_type(value) == VAL_BLOB) {
        struct blob_ref blob = val_blob(value);
        const struct ref_blobs *blobs = &job->ctx->blobs;
        err = blobs->get ? blobs->get(blobs->user, &blob, &value, job->reterr_why) : 1;
    }
    if (err) {
        return err < 0 ? err
                       : err_set(job->reterr_why, ERR_NOT_FOUND,
                                 "A stored value is not there any more.");
    }
    CLEANUP_BUF struct buf text = BUF_INIT(TMPL_TEXT_MAX);
    if (json_print_text(&text, value)) {
        return err_set(job->reterr_why, ERR_LIMIT,
                       "A value that is rendered into a text may have at most %d bytes.",
                       TMPL_TEXT_MAX);
    }
    pack_str(job->out, buf_str(&text));
    return 0;
}

/* Hashes a regular file. */
static int do_file(const struct job *job)
{
    CLEANUP_FREE char *path = str_dup(val_str(job->parts[1]));
    /* Without O_NONBLOCK, opening a FIFO would wait for a writer. */
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status)) {
        int code = errno;
        return err_set(job->reterr_why, -code, "The file %s can not be read: %s.", path,
                       strerror(code));
    }
    if (!S_ISREG(status.st_mode)) {
        return err_set(job->reterr_why, ERR_INVALID,
                       "%s is not a regular file, so it has no content to compare.", path);
    }
    struct hash hash;
    uint64_t size;
    int err = hash_file(fd, &hash, &size, job->reterr_why);
    if (err) {
        return err;
    }
    pack_map(job->out, 2);
    pack_cstr(job->out, "hash");
    pack_bin(job->out, hash.bytes, HASH_SIZE);
    pack_cstr(job->out, "size");
    pack_uint(job->out, size);
    return 0;
}

/* Whether <path> is a list of strings and integers. */
static bool is_path(struct val path)
{
    if (val_type(path) != VAL_LIST) {
        return false;
    }
    struct val_iter iter = val_iter(path);
    struct val step;
    while (val_next(&iter, NULL, &step)) {
        if (val_type(step) != VAL_STR && val_type(step) != VAL_INT) {
            return false;
        }
    }
    return true;
}

/* Splits a job into its parts and finds the function that does it; NULL when it is not a job. */
static int (*read_job(struct val value, struct val ret_parts[4]))(const struct job *)
{
    if (val_type(value) != VAL_LIST || val_count(value) < 2 || val_count(value) > 4) {
        return NULL;
    }
    uint32_t count = 0;
    struct val_iter iter = val_iter(value);
    while (val_next(&iter, NULL, &ret_parts[count])) {
        count++;
    }
    if (val_type(ret_parts[0]) != VAL_INT) {
        return NULL;
    }
    enum val_type type = val_type(ret_parts[1]);
    bool way = count == 4 && is_path(ret_parts[2]) && val_type(ret_parts[3]) == VAL_STR;
    switch (val_int(ret_parts[0])) {
    case EVAL_EXPR: {
        int64_t index = count == 2 && type == VAL_INT ? val_int(ret_parts[1]) : -1;
        return index >= 0 && index <= UINT32_MAX ? do_expr : NULL;
    }
    case EVAL_PATH:
        return way ? do_path : NULL;
    case EVAL_TEXT:
        return way ? do_text : NULL;
    case EVAL_FILE:
        return count == 2 && type == VAL_STR ? do_file : NULL;
    default:
        return NULL;
    }
}

/* Does one job and appends its result. */
static int run_job(const struct eval_ctx *ctx, struct val value, struct val scope, struct buf *out,
                   struct err_text *reterr_why)
{
    struct err_text why = {""};
    struct job job = {.ctx = ctx, .scope = scope, .out = out, .reterr_why = &why};
    int (*work)(const struct job *) = read_job(value, job.parts);
    if (!work) {
        return err_set(reterr_why, ERR_PROTOCOL, "A job for the evaluator is malformed.");
    }
    size_t begin = out->len;
    pack_list(out, 2);
    pack_int(out, 0);
    int err = work(&job);
    if (err && !buf_err(out)) {
        out->len = begin;
        pack_list(out, 2);
        pack_int(out, err);
        pack_text(out, str_of(why.text));
    }
    return 0;
}

int eval_run(const struct eval_ctx *ctx, struct val jobs, struct val scope, struct buf *out,
             struct err_text *reterr_why)
{
    static const uint8_t empty_map = 0x80;
    must(ctx && ctx->blob_put && out);
    if (jobs.len == 0 || val_type(jobs) != VAL_LIST) {
        return err_set(reterr_why, ERR_PROTOCOL, "The evaluator's jobs are not a list.");
    }
    if (scope.len == 0) {
        scope = (struct val){&empty_map, 1};
    }
    pack_list(out, val_count(jobs));
    struct val_iter iter = val_iter(jobs);
    struct val job;
    while (val_next(&iter, NULL, &job)) {
        int err = run_job(ctx, job, scope, out, reterr_why);
        if (err) {
            return err;
        }
    }
    if (buf_err(out)) {
        return err_set(reterr_why, buf_err(out), "The results are larger than %zu bytes.",
                       out->max);
    }
    return 0;
}
