/*
 * Templates: values with `${...}` in their strings.
 *
 * A string that is exactly `${...}` stands for the value itself; inside longer text the value is
 * rendered (strings as they are, everything else as JSON). `$${` is a literal `${`. What stands in
 * the braces is a plain reference (resolved here) or a jq expression (resolved by the evaluator and
 * handed in as an answer).
 *
 * A template is flat: runs of packed bytes with references in between, in the order in which the
 * result is written. So evaluation is one loop that copies, and a template without references is
 * one packed value. model/ builds templates from flow files; drive/ evaluates them.
 */
#ifndef VALUE_TMPL_H
#define VALUE_TMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "value/ref.h"
#include "value/val.h"

enum {
    TMPL_STRING_MAX = 64 * 1024, /* bytes of one string with `${...}` */
    TMPL_SIZE_MAX = 1024 * 1024, /* packed bytes of one template */
    TMPL_OPS_MAX = 10000,        /* references and runs of text in one template */
    TMPL_TEXT_MAX = 256 * 1024,  /* bytes that one string may have after rendering */
    TMPL_JOBS_MAX = 256,         /* evaluator jobs that one template may need */
    TMPL_EXPRS_MAX = 256         /* distinct expressions in one flow */
};

/* tmpl_eval: the evaluator must do the jobs of tmpl_jobs first. */
#define TMPL_NEEDS_EVALUATOR 1

struct tmpl;

/* ---- Expressions of a flow ---- */

struct tmpl_expr {
    struct str text; /* as written between the braces, white space trimmed */
    const struct ref_use *uses;
    uint32_t uses_count;
};

/* The distinct jq expressions of one flow; their index is their number in the evaluator's program.
 * Zero it, then let the parser fill it; everything in it lives in the parser's arena. */
struct tmpl_exprs {
    struct tmpl_expr *list;
    uint32_t count;
    uint32_t cap;
};

/* ---- Building ---- */

/*
 * A template under construction, filled like a msgpack writer: heads announce how many members
 * follow. Errors are sticky. The template, its texts and its uses live in <arena>.
 *
 *     struct tmpl_builder b;
 *     tmpl_builder_init(&b, arena, exprs);
 *     tmpl_put_map(&b, 2);
 *     tmpl_put_key(&b, STR("path"));
 *     tmpl_put_string(&b, STR("data/${params.month}.csv"), &offset, why);
 *     tmpl_put_key(&b, STR("rows"));
 *     tmpl_put_val(&b, packed_10);
 *     err = tmpl_builder_finish(&b, &tmpl, why);
 *     tmpl_builder_done(&b);
 */
struct tmpl_builder {
    struct arena *arena;
    struct tmpl_exprs *exprs;
    const void *origin; /* set it freely: it is copied into the uses found from then on */
    struct buf bytes;   /* the rest is private */
    struct tmpl_op *ops;
    uint32_t ops_count;
    uint32_t ops_cap;
    struct ref_use *uses;
    uint32_t uses_count;
    uint32_t uses_cap;
    size_t run_begin;             /* of packed bytes not yet in an op */
    uint32_t left[VAL_DEPTH_MAX]; /* members that open containers still expect */
    uint32_t depth;
    int err;
};

void tmpl_builder_init(struct tmpl_builder *builder, struct arena *arena, struct tmpl_exprs *exprs);
/* Frees what is not in the arena; needed after success and failure alike. */
void tmpl_builder_done(struct tmpl_builder *builder);

void tmpl_put_map(struct tmpl_builder *builder, uint32_t count);
void tmpl_put_list(struct tmpl_builder *builder, uint32_t count);
/* A map's key, taken literally. */
void tmpl_put_key(struct tmpl_builder *builder, struct str key);
/* A value, taken literally. */
void tmpl_put_val(struct tmpl_builder *builder, struct val value);
/* A finished template (same exprs) as a member of this one. */
void tmpl_put_tmpl(struct tmpl_builder *builder, const struct tmpl *tmpl);
/*
 * A string with `${...}` in it, or without. On ERR_PARSE, ERR_INVALID and ERR_LIMIT there is a
 * sentence, <reterr_offset> is the byte in <text> it is about, and the builder goes on as if the
 * string were nil, so that the caller can collect several problems.
 */
int tmpl_put_string(struct tmpl_builder *builder, struct str text, size_t *reterr_offset,
                    struct err_text *reterr_why);

/* ERR_LIMIT when the whole is larger than the limits above or nested deeper than VAL_DEPTH_MAX;
 * ERR_PARSE for repeated keys and counts that were not kept; ERR_MEMORY. */
int tmpl_builder_finish(struct tmpl_builder *builder, const struct tmpl **ret_tmpl,
                        struct err_text *reterr_why);

/* A template of one string. Errors as tmpl_put_string. */
int tmpl_parse_string(struct arena *arena, struct str text, struct tmpl_exprs *exprs,
                      const struct tmpl **ret_tmpl, size_t *reterr_offset,
                      struct err_text *reterr_why);
/* A template of one literal value, copied into the arena; NULL when the arena is full. */
const struct tmpl *tmpl_of_val(struct arena *arena, struct val value);

/* ---- Looking at one ---- */

/* The packed value of a template without references, else VAL_NONE. */
struct val tmpl_literal(const struct tmpl *tmpl);
/* Every use of root.name, also those inside expressions, in text order; offsets count from the
 * start of the string that was parsed. */
const struct ref_use *tmpl_uses(const struct tmpl *tmpl, uint32_t *ret_count);
/* True when there is a jq expression in it, so that only the evaluator can finish it. */
bool tmpl_computes(const struct tmpl *tmpl);
/* When the template is exactly one plain reference: that reference, else NULL. */
const struct ref *tmpl_plain(const struct tmpl *tmpl);

/* ---- Evaluating ---- */

enum tmpl_job_kind {
    TMPL_JOB_EXPR = 0, /* run expression <expr> */
    TMPL_JOB_PATH = 1, /* follow <ref>; large results become blobs */
    TMPL_JOB_TEXT = 2, /* follow <ref> and render it as text */
};

/* Something that the evaluator has to do, identified by what it is about. */
struct tmpl_job {
    enum tmpl_job_kind kind;
    uint32_t expr;
    const struct ref *ref;
};

struct tmpl_answer {
    struct tmpl_job job;
    struct val value;
};

struct tmpl_scope {
    /*
     * The value of root.name (<name> empty: the item, the index, or the whole of params or run),
     * borrowed until tmpl_eval returns. 0; ERR_NOT_FOUND when there is none; any other error.
     */
    int (*lookup)(void *user, enum ref_root root, struct str name, struct val *ret_value);
    void *user;
    struct ref_blobs blobs; /* .get NULL: blobs are never opened here */
    const struct tmpl_answer *answers;
    size_t answers_count;
};

/*
 * Appends the template's value to <out>. 0; TMPL_NEEDS_EVALUATOR when an expression has no answer,
 * a path leads through a blob that is not at hand, or a reference gives an inline value of more
 * than VAL_INLINE_MAX bytes; ERR_NOT_FOUND, ERR_TYPE, ERR_LIMIT with a sentence. <out> is as before
 * unless 0 is returned (or its own maximum was hit). No heap memory besides <out>. Any thread.
 */
int tmpl_eval(const struct tmpl *tmpl, const struct tmpl_scope *scope, struct buf *out,
              struct err_text *reterr_why);

/* The template as text (run names, messages): a string without quotes, anything else as JSON.
 * Returns as tmpl_eval. */
int tmpl_text(const struct tmpl *tmpl, const struct tmpl_scope *scope, struct buf *out,
              struct err_text *reterr_why);

/*
 * Lists what tmpl_eval needs from the evaluator: at most <max> jobs (TMPL_JOBS_MAX is enough), each
 * once. ERR_LIMIT when there are more; the other errors of tmpl_eval.
 */
int tmpl_jobs(const struct tmpl *tmpl, const struct tmpl_scope *scope, size_t max,
              struct tmpl_job *ret_jobs, size_t *ret_count, struct err_text *reterr_why);

/* Appends a job as eval.h reads it: [kind, expression], or [kind, value of root.name, path,
 * text]. */
int tmpl_job_pack(const struct tmpl_job *job, const struct tmpl_scope *scope, struct buf *out,
                  struct err_text *reterr_why);

/*
 * Appends the scope map that the expressions among <jobs> need: {root: {name: value}}, with item
 * and index directly under their names. Names that do not exist are left out, so that
 * `vars.x // "default"` works. Errors of the lookup; buf_err().
 */
int tmpl_scope_pack(const struct tmpl_exprs *exprs, const struct tmpl_job *jobs, size_t jobs_count,
                    const struct tmpl_scope *scope, struct buf *out, struct err_text *reterr_why);

#endif
