/*
 * jq expressions, through libjq.
 *
 * Compiling costs tens of milliseconds, running microseconds, so all expressions of a flow become
 * one program that dispatches on the expression's index. Programs are compiled and run in the
 * evaluator host only, where an endless loop stalls nobody; `leat check` compiles in its own
 * process. One thread at a time per program.
 *
 * Expressions see the functions params, steps, item, index, run, vars, secrets and env; `.` is
 * null. What reaches outside (input, inputs, input_filename, halt, modulemeta, get_search_list,
 * $ENV, ...) is an error; debug and stderr do nothing.
 */
#ifndef VALUE_EXPR_H
#define VALUE_EXPR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "value/ref.h"
#include "value/val.h"

struct expr_program;

/*
 * Compiles <texts> (each accepted by ref_scan; at most TMPL_EXPRS_MAX) into one program. ERR_PARSE
 * with a sentence that quotes the first wrong expression and jq's reason. Tens of milliseconds.
 */
int expr_program_new(const struct str *texts, size_t count, struct expr_program **ret_program,
                     struct err_text *reterr_why);
/* NULL is allowed; returns NULL. */
struct expr_program *expr_program_free(struct expr_program *program);

/*
 * Runs expression <index> against the scope map {root: {name: value}} and appends its one result to
 * <out>. Blob references in the scope are opened through <blobs> (NULL, or not at hand: they show
 * as {"$blob": ..., "size": ...}). ERR_EXPRESSION with a sentence that quotes the expression: its
 * own failure, no result or more than one, an integer beyond 2^53 in what it reads, a result beyond
 * val_limits_task. Does not bound time or memory: the caller's process limits do.
 */
int expr_run(struct expr_program *program, uint32_t index, struct val scope,
             const struct ref_blobs *blobs, struct buf *out, struct err_text *reterr_why);

/* Reports one wrong expression: its index and a sentence without the expression's text. */
typedef void (*expr_problem_cb)(void *user, size_t index, const char *sentence);

/*
 * Compiles all <texts> and reports every wrong one. Returns the number of wrong ones, or a negative
 * error. One compilation when all are right, one more per wrong one.
 */
int expr_check(const struct str *texts, size_t count, expr_problem_cb report, void *user);

#endif
