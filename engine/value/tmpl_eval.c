/*
 * Evaluating templates, and saying what the evaluator must do first; see tmpl.h.
 *
 * Values are copied as they stand. What is rendered into a string is written first; its head is
 * put in front of it when the length is known.
 */
#include "base/map.h"
#include "base/must.h"
#include "value/json.h"
#include "value/pack.h"
#include "value/tmpl.h"
#include "value/tmpl_int.h"

enum { STR_HEAD_MAX = 5, SHOWN_MAX = 128 };

/* What one evaluation needs to have at hand. */
struct eval {
    const struct tmpl_scope *scope;
    struct buf *out;
    struct err_text *reterr_why;
};

/* The answer to what <op> asks of the evaluator, or VAL_NONE. */
static struct val find_answer(const struct tmpl_scope *scope, const struct tmpl_op *op)
{
    for (size_t index = 0; index < scope->answers_count; index++) {
        const struct tmpl_answer *answer = &scope->answers[index];
        bool expr = answer->job.kind == TMPL_JOB_EXPR;
        if (op->kind == TMPL_OP_EXPR ? expr && answer->job.expr == op->expr
                                     : !expr && answer->job.ref == op->ref) {
            return answer->value;
        }
    }
    return VAL_NONE;
}

/* Looks up the root and name of a reference. */
static int look_up(const struct tmpl_scope *scope, const struct ref *ref, struct val *ret_value,
                   struct err_text *reterr_why)
{
    int err = scope->lookup(scope->user, ref->root, ref->name, ret_value);
    if (err == ERR_NOT_FOUND) {
        return err_set(reterr_why, err, "`%.*s`: there is no %s%s%.*s here.",
                       ref->text.len > SHOWN_MAX ? SHOWN_MAX : (int)ref->text.len, ref->text.ptr,
                       ref_root_name(ref->root), ref->name.len > 0 ? "." : "",
                       ref->name.len > SHOWN_MAX ? SHOWN_MAX : (int)ref->name.len, ref->name.ptr);
    }
    if (err) {
        return err_set(reterr_why, err, "`%.*s` could not be looked up: %s.",
                       ref->text.len > SHOWN_MAX ? SHOWN_MAX : (int)ref->text.len, ref->text.ptr,
                       err_sentence(err));
    }
    return 0;
}

/* Opens a blob that is to be rendered as text. 0, 1 when it is not at hand, or an error. */
static int open_for_text(const struct tmpl_scope *scope, struct val *value,
                         struct err_text *reterr_why)
{
    struct blob_ref blob = val_blob(*value);
    if (blob.size > TMPL_TEXT_MAX) {
        return err_set(reterr_why, ERR_LIMIT,
                       "A value of %llu bytes can not stand inside a text; %d are allowed.",
                       (unsigned long long)blob.size, TMPL_TEXT_MAX);
    }
    if (!scope->blobs.get) {
        return 1;
    }
    return scope->blobs.get(scope->blobs.user, &blob, value, reterr_why);
}

/* Follows the reference of <op> without the evaluator. 0, 1 when that can not be, or an error. */
static int follow(const struct tmpl_scope *scope, const struct tmpl_op *op, struct val *ret_value,
                  struct err_text *reterr_why)
{
    const struct ref *ref = op->ref;
    struct val value = VAL_NONE;
    int err = look_up(scope, ref, &value, reterr_why);
    if (err) {
        return err;
    }
    err = ref_follow(value, ref->path, &scope->blobs, ref->text, &value, reterr_why);
    if (err) {
        return err;
    }
    if (op->text && val_type(value) == VAL_BLOB) {
        err = open_for_text(scope, &value, reterr_why);
        if (err) {
            return err;
        }
    } else if (!op->text && value.len > VAL_INLINE_MAX) {
        return 1;
    }
    *ret_value = value;
    return 0;
}

/* The value of <op>, a reference or expression. 0, 1 when the evaluator is needed, or an error. */
static int op_value(const struct tmpl_scope *scope, const struct tmpl_op *op, struct val *ret_value,
                    struct err_text *reterr_why)
{
    int err = op->kind == TMPL_OP_REF ? follow(scope, op, ret_value, reterr_why) : 1;
    if (err != 1) {
        return err;
    }
    struct val answer = find_answer(scope, op);
    if (!answer.ptr) {
        return 1;
    }
    if (op->text && val_type(answer) == VAL_BLOB) {
        err = open_for_text(scope, &answer, reterr_why);
        if (err) {
            return err != 1 ? err
                            : err_set(reterr_why, ERR_LIMIT,
                                      "A value of more than %d bytes can not stand inside a text.",
                                      VAL_INLINE_MAX);
        }
    }
    *ret_value = answer;
    return 0;
}

/* Packs <value> where <depth> containers are around it. */
static int put_value(struct eval *eval, struct val value, uint8_t depth)
{
    enum val_type type = val_type(value);
    if (depth > 0 && (type == VAL_LIST || type == VAL_MAP)) {
        struct val_limits limits = {
            .bytes_max = value.len, .nodes_max = UINT32_MAX, .depth_max = VAL_DEPTH_MAX - depth};
        int err = val_scan(value.ptr, value.len, &limits, &value, eval->reterr_why);
        if (err) {
            return err;
        }
    }
    pack_val(eval->out, value);
    return 0;
}

/* Turns the text from <begin> on into a packed string. */
static int end_string(struct eval *eval, size_t begin)
{
    struct buf *out = eval->out;
    if (buf_err(out)) {
        return 0;
    }
    size_t len = out->len - begin;
    if (len > TMPL_TEXT_MAX) {
        return err_set(eval->reterr_why, ERR_LIMIT,
                       "The text is longer than %d bytes after its references were filled in.",
                       TMPL_TEXT_MAX);
    }
    size_t width = len < 32 ? 0 : len <= UINT8_MAX ? 1 : len <= UINT16_MAX ? 2 : 4;
    if (!buf_reserve(out, 1 + width)) {
        return 0;
    }
    uint8_t *head = out->data + begin;
    memmove(head + 1 + width, head, len);
    static const uint8_t first[] = {0xa0, 0xd9, 0xda, 0, 0xdb};
    head[0] = width == 0 ? (uint8_t)(first[0] | len) : first[width];
    for (size_t index = 0; index < width; index++) {
        head[1 + index] = (uint8_t)(len >> (8 * (width - 1 - index)));
    }
    out->len += 1 + width;
    return 0;
}

/* Writes a reference or expression. */
static int put_op(struct eval *eval, const struct tmpl_op *op)
{
    struct val value = VAL_NONE;
    int err = op_value(eval->scope, op, &value, eval->reterr_why);
    if (err) {
        return err;
    }
    if (op->text) {
        json_print_text(eval->out, value);
        return 0;
    }
    return put_value(eval, value, op->depth);
}

/* Writes all ops; <out> may hold a part of the result after a failure. */
static int put_ops(struct eval *eval, const struct tmpl *tmpl)
{
    size_t string_begin = 0;
    for (uint32_t index = 0; index < tmpl->ops_count; index++) {
        const struct tmpl_op *op = &tmpl->ops[index];
        int err = 0;
        switch (op->kind) {
        case TMPL_OP_RAW:
        case TMPL_OP_TEXT:
            buf_put(eval->out, tmpl->bytes + op->offset, op->len);
            break;
        case TMPL_OP_BEGIN:
            string_begin = eval->out->len;
            break;
        case TMPL_OP_END:
            err = end_string(eval, string_begin);
            break;
        case TMPL_OP_REF:
        case TMPL_OP_EXPR:
            err = put_op(eval, op);
            break;
        }
        if (err) {
            return err;
        }
    }
    return 0;
}

/* Ends a function that has appended to <out> from <begin> on: undoes that after a failure. */
static int end_output(struct buf *out, size_t begin, int err, struct err_text *reterr_why)
{
    if (buf_err(out)) {
        return err_set(reterr_why, buf_err(out),
                       "The result of a template does not fit into %zu bytes.", out->max);
    }
    if (err) {
        out->len = begin;
    }
    return err;
}

int tmpl_eval(const struct tmpl *tmpl, const struct tmpl_scope *scope, struct buf *out,
              struct err_text *reterr_why)
{
    must(tmpl && scope && out);
    struct eval eval = {scope, out, reterr_why};
    size_t begin = out->len;
    int err = put_ops(&eval, tmpl);
    return end_output(out, begin, err, reterr_why);
}

int tmpl_text(const struct tmpl *tmpl, const struct tmpl_scope *scope, struct buf *out,
              struct err_text *reterr_why)
{
    must(tmpl && scope && out);
    size_t begin = out->len;
    bool single = tmpl->ops_count == 1 && tmpl->ops[0].kind != TMPL_OP_RAW;
    if (single) {
        struct eval eval = {scope, out, reterr_why};
        struct tmpl_op op = tmpl->ops[0];
        op.text = true;
        int err = put_op(&eval, &op);
        return end_output(out, begin, err, reterr_why);
    }
    CLEANUP_BUF struct buf value = BUF_INIT(out->max);
    int err = tmpl_eval(tmpl, scope, &value, reterr_why);
    if (!err) {
        json_print_text(out, (struct val){value.data, value.len});
    }
    return end_output(out, begin, err, reterr_why);
}

/* ---- jobs ---- */

/* The job that gives the value of <op>. */
static struct tmpl_job job_of(const struct tmpl_op *op)
{
    if (op->kind == TMPL_OP_EXPR) {
        return (struct tmpl_job){.kind = TMPL_JOB_EXPR, .expr = op->expr};
    }
    return (struct tmpl_job){.kind = op->text ? TMPL_JOB_TEXT : TMPL_JOB_PATH, .ref = op->ref};
}

/* True when <job> is among <jobs>. */
static bool has_job(const struct tmpl_job *jobs, size_t count, const struct tmpl_job *job)
{
    for (size_t index = 0; index < count; index++) {
        if (jobs[index].kind == job->kind && jobs[index].expr == job->expr &&
            jobs[index].ref == job->ref) {
            return true;
        }
    }
    return false;
}

int tmpl_jobs(const struct tmpl *tmpl, const struct tmpl_scope *scope, size_t max,
              struct tmpl_job *ret_jobs, size_t *ret_count, struct err_text *reterr_why)
{
    must(tmpl && scope && ret_jobs && ret_count);
    size_t count = 0;
    for (uint32_t index = 0; index < tmpl->ops_count; index++) {
        const struct tmpl_op *op = &tmpl->ops[index];
        if (op->kind != TMPL_OP_REF && op->kind != TMPL_OP_EXPR) {
            continue;
        }
        struct val value;
        int err = op_value(scope, op, &value, reterr_why);
        if (err < 0) {
            return err;
        }
        struct tmpl_job job = job_of(op);
        if (err == 0 || has_job(ret_jobs, count, &job)) {
            continue;
        }
        if (count == max) {
            return err_set(reterr_why, ERR_LIMIT,
                           "The template needs more than %zu expressions or large values at once.",
                           max);
        }
        ret_jobs[count] = job;
        count++;
    }
    *ret_count = count;
    return 0;
}

int tmpl_job_pack(const struct tmpl_job *job, const struct tmpl_scope *scope, struct buf *out,
                  struct err_text *reterr_why)
{
    must(job && scope && out);
    if (job->kind == TMPL_JOB_EXPR) {
        pack_list(out, 2);
        pack_uint(out, (uint64_t)job->kind);
        pack_uint(out, job->expr);
        return buf_err(out);
    }
    struct val value = VAL_NONE;
    int err = look_up(scope, job->ref, &value, reterr_why);
    if (err) {
        return err;
    }
    pack_list(out, 4);
    pack_uint(out, (uint64_t)job->kind);
    pack_val(out, value);
    pack_val(out, job->ref->path);
    pack_str(out, job->ref->text);
    return buf_err(out);
}

/* ---- the scope of expressions ---- */

/* What the scope map is made from. */
struct scope_pack {
    const struct tmpl_exprs *exprs;
    const struct tmpl_job *jobs;
    size_t jobs_count;
    const struct tmpl_scope *scope;
    struct buf *out;
    struct err_text *reterr_why;
};

/* Packs `name: value` unless that is done or there is no such name; counts what it packs. */
static int pack_name(struct scope_pack *pack, const struct ref_use *use, struct map *done,
                     uint32_t *count)
{
    if (map_get(done, use->name)) {
        return 0;
    }
    map_put(done, use->name, pack);
    struct val value = VAL_NONE;
    int err = pack->scope->lookup(pack->scope->user, use->root, use->name, &value);
    if (err == ERR_NOT_FOUND) {
        return 0;
    }
    if (err) {
        return err_set(pack->reterr_why, err, "`%s.%.*s` could not be looked up: %s.",
                       ref_root_name(use->root),
                       use->name.len > SHOWN_MAX ? SHOWN_MAX : (int)use->name.len, use->name.ptr,
                       err_sentence(err));
    }
    pack_str(pack->out, use->name);
    pack_val(pack->out, value);
    *count += 1;
    return 0;
}

/* Finds out how <root> is used: 0 not at all, 1 by names, 2 as a whole. */
static int root_usage(const struct scope_pack *pack, enum ref_root root)
{
    int usage = 0;
    for (size_t index = 0; index < pack->jobs_count; index++) {
        if (pack->jobs[index].kind != TMPL_JOB_EXPR) {
            continue;
        }
        must(pack->jobs[index].expr < pack->exprs->count);
        const struct tmpl_expr *expr = &pack->exprs->list[pack->jobs[index].expr];
        for (uint32_t at = 0; at < expr->uses_count; at++) {
            if (expr->uses[at].root == root) {
                int here = expr->uses[at].name.len == 0 ? 2 : 1;
                usage = here > usage ? here : usage;
            }
        }
    }
    return usage;
}

/* Packs the map of all names used of <root>. */
static int pack_names(struct scope_pack *pack, enum ref_root root)
{
    struct map *done = map_new();
    size_t place = pack_map_open(pack->out);
    uint32_t count = 0;
    int err = 0;
    for (size_t index = 0; index < pack->jobs_count && !err; index++) {
        if (pack->jobs[index].kind != TMPL_JOB_EXPR) {
            continue;
        }
        const struct tmpl_expr *expr = &pack->exprs->list[pack->jobs[index].expr];
        for (uint32_t at = 0; at < expr->uses_count && !err; at++) {
            if (expr->uses[at].root == root) {
                err = pack_name(pack, &expr->uses[at], done, &count);
            }
        }
    }
    pack_close(pack->out, place, count);
    map_free(done);
    return err;
}

/* Packs `root: ...` if the root is used at all. */
static int pack_root(struct scope_pack *pack, enum ref_root root, uint32_t *count)
{
    int usage = root_usage(pack, root);
    if (usage == 0) {
        return 0;
    }
    struct val whole = VAL_NONE;
    int err = usage == 2 ? pack->scope->lookup(pack->scope->user, root, STR(""), &whole) : 0;
    if (err == ERR_NOT_FOUND) {
        return 0;
    }
    if (err) {
        return err_set(pack->reterr_why, err, "`%s` could not be looked up: %s.",
                       ref_root_name(root), err_sentence(err));
    }
    *count += 1;
    pack_cstr(pack->out, ref_root_name(root));
    if (usage == 2) {
        pack_val(pack->out, whole);
        return 0;
    }
    return pack_names(pack, root);
}

int tmpl_scope_pack(const struct tmpl_exprs *exprs, const struct tmpl_job *jobs, size_t jobs_count,
                    const struct tmpl_scope *scope, struct buf *out, struct err_text *reterr_why)
{
    must(exprs && scope && out);
    must(jobs || jobs_count == 0);
    struct scope_pack pack = {exprs, jobs, jobs_count, scope, out, reterr_why};
    size_t begin = out->len;
    size_t place = pack_map_open(out);
    uint32_t count = 0;
    int err = 0;
    for (int root = 0; root < REF_ROOTS_COUNT && !err; root++) {
        err = pack_root(&pack, (enum ref_root)root, &count);
    }
    pack_close(out, place, count);
    return end_output(out, begin, err, reterr_why);
}
