/*
 * jq programs; see expr.h. The program of a flow looks like this:
 *
 *     . as [$__i, $__s] | null as $ENV | def params: $__s.params; ... def input: error(...); ...
 *     def __e0: (
 *     <first expression>
 *     );
 *     def __e1: (
 *     ...
 *     null | if $__i == 0 then __e0 elif $__i == 1 then __e1 ... else null end
 *
 * Every expression stands on lines of its own, so that the line in jq's message tells which one is
 * wrong, and an expression that ends in a comment does no harm. ref_scan has made sure that its
 * brackets match, so it can not break out of its function.
 */
#include "value/expr.h"

#include <stdlib.h>

#include <jq.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/must.h"
#include "value/jqval.h"
#include "value/tmpl.h"

enum {
    PROGRAM_MAX = 8 * 1024 * 1024,
    MESSAGES_MAX = 256 * 1024,
    REASON_MAX = 256, /* bytes of jq's reason in a sentence */
    QUOTE_MAX = 120,  /* bytes of an expression in a sentence */
};

static const char prelude[] =
    ". as [$__i, $__s] | null as $ENV | "
    "def params: $__s.params; def steps: $__s.steps; def item: $__s.item; def index: $__s.index; "
    "def run: $__s.run; def vars: $__s.vars; def secrets: $__s.secrets; def env: $__s.env; "
    "def input: error(\"input is not available in a flow\"); "
    "def inputs: error(\"inputs is not available in a flow\"); "
    "def input_filename: error(\"input_filename is not available in a flow\"); "
    "def input_line_number: error(\"input_line_number is not available in a flow\"); "
    "def halt: error(\"halt is not available in a flow\"); "
    "def halt_error: error(\"halt_error is not available in a flow\"); "
    "def halt_error(f): error(\"halt_error is not available in a flow\"); "
    "def modulemeta: error(\"modulemeta is not available in a flow\"); "
    "def get_search_list: error(\"get_search_list is not available in a flow\"); "
    "def debug: .; def stderr: .;\n";

struct expr_program {
    jq_state *jq;
    struct arena arena; /* of the texts */
    struct str *texts;
    size_t count;
};

/* The lines of one expression in the program, first and last. */
struct lines {
    unsigned first;
    unsigned last;
};

/* ---- compiling ---- */

/* How many line feeds there are in <text>. */
static unsigned count_lines(struct str text)
{
    unsigned count = 0;
    for (size_t at = 0; at < text.len; at++) {
        count += text.ptr[at] == '\n' ? 1 : 0;
    }
    return count;
}

/* Writes the program of those <texts> that are not left out, and notes where each one stands. */
static int write_program(const struct str *texts, size_t count, const bool *left_out,
                         struct buf *program, struct lines *ret_lines)
{
    buf_put_str(program, str_of(prelude));
    unsigned line = 2;
    for (size_t index = 0; index < count; index++) {
        size_t begin = program->len;
        ret_lines[index] = (struct lines){0, 0};
        if (left_out[index]) {
            continue;
        }
        buf_printf(program, "def __e%zu: (\n", index);
        ref_put_jq(program, texts[index]);
        buf_put_str(program, STR("\n);\n"));
        if (buf_err(program)) {
            return buf_err(program);
        }
        unsigned lines =
            count_lines((struct str){(const char *)program->data + begin, program->len - begin});
        ret_lines[index] = (struct lines){line, line + lines - 1};
        line += lines;
    }
    buf_put_str(program, STR("null | "));
    for (size_t index = 0; index < count; index++) {
        if (!left_out[index]) {
            buf_printf(program, "if $__i == %zu then __e%zu else ", index, index);
        }
    }
    buf_put_str(program, STR("null"));
    for (size_t index = 0; index < count; index++) {
        buf_put_str(program, left_out[index] ? STR("") : STR(" end"));
    }
    return buf_err(program);
}

/* jq's way to report: messages are collected, one after the other. */
static void collect_message(void *user, jv message)
{
    struct buf *messages = user;
    jv text = jq_format_error(message);
    if (jv_get_kind(text) == JV_KIND_STRING) {
        struct str str = str_of(jv_string_value(text));
        if (str.len + 1 < messages->max - messages->len) {
            buf_put_str(messages, str);
            buf_put_byte(messages, '\0');
        }
    }
    jv_free(text);
}

/* A compiled program, or NULL with <messages> filled. */
static jq_state *compile(const char *program, struct buf *messages)
{
    jq_state *jq = jq_init();
    must(jq);
    jq_set_error_cb(jq, collect_message, messages);
    int ok = jq_compile(jq, program);
    jq_set_error_cb(jq, NULL, NULL);
    if (!ok) {
        jq_teardown(&jq);
        return NULL;
    }
    return jq;
}

/* Splits a message of jq ("jq: error: <reason> at <top-level>, line 3:\n...") into reason and line.
 * False when it is not of that form. */
static bool split_message(const char *message, struct str *ret_reason, unsigned *ret_line)
{
    static const char mark[] = " at <top-level>, line ";
    const char *at = strstr(message, mark);
    if (!at) {
        return false;
    }
    struct str reason = {message, (size_t)(at - message)};
    static const char *const prefixes[] = {"jq: ", "error: "};
    for (size_t index = 0; index < sizeof(prefixes) / sizeof(prefixes[0]); index++) {
        struct str prefix = str_of(prefixes[index]);
        if (str_starts(reason, prefix)) {
            reason = (struct str){reason.ptr + prefix.len, reason.len - prefix.len};
        }
    }
    struct str advice = STR(" (Unix shell quoting issues?)");
    if (reason.len > advice.len && str_eq((struct str){at - advice.len, advice.len}, advice)) {
        reason.len -= advice.len;
    }
    *ret_reason = reason;
    *ret_line = (unsigned)strtoul(at + sizeof(mark) - 1, NULL, 10);
    return true;
}

/* Reports the expressions that <messages> speak of and leaves them out from now on. */
static size_t blame(const struct buf *messages, const struct lines *lines, size_t count,
                    bool *left_out, expr_problem_cb report, void *user)
{
    size_t found = 0;
    size_t at = 0;
    while (at < messages->len) {
        const char *message = (const char *)messages->data + at;
        at += strlen(message) + 1;
        struct str reason;
        unsigned line;
        if (!split_message(message, &reason, &line)) {
            continue;
        }
        for (size_t index = 0; index < count; index++) {
            if (left_out[index] || line < lines[index].first || line > lines[index].last) {
                continue;
            }
            char sentence[REASON_MAX];
            snprintf(sentence, sizeof(sentence), "jq says: %.*s.",
                     reason.len > 200 ? 200 : (int)reason.len, reason.ptr);
            report(user, index, sentence);
            left_out[index] = true;
            found++;
        }
    }
    return found;
}

/* When the lines do not tell: compiles each expression alone until a wrong one is found. */
static int blame_alone(const struct str *texts, size_t count, bool *left_out,
                       expr_problem_cb report, void *user)
{
    for (size_t index = 0; index < count; index++) {
        if (left_out[index]) {
            continue;
        }
        CLEANUP_BUF struct buf program = BUF_INIT(PROGRAM_MAX);
        CLEANUP_BUF struct buf messages = BUF_INIT(MESSAGES_MAX);
        struct lines lines;
        bool used = false;
        int err = write_program(&texts[index], 1, &used, &program, &lines);
        if (err) {
            return err;
        }
        jq_state *jq = compile(buf_cstr(&program), &messages);
        if (!jq) {
            report(user, index, "jq can not compile this expression.");
            left_out[index] = true;
            return 1;
        }
        jq_teardown(&jq);
    }
    return 0;
}

/* Compiles all that are not left out; reports and leaves out wrong ones until the rest compiles.
 * Gives the program of the rest; returns how many were wrong, or an error. */
static int compile_all(const struct str *texts, size_t count, expr_problem_cb report, void *user,
                       jq_state **ret_jq)
{
    must(count <= TMPL_EXPRS_MAX);
    bool left_out[TMPL_EXPRS_MAX] = {false};
    struct lines lines[TMPL_EXPRS_MAX];
    size_t wrong = 0;
    for (;;) {
        CLEANUP_BUF struct buf program = BUF_INIT(PROGRAM_MAX);
        CLEANUP_BUF struct buf messages = BUF_INIT(MESSAGES_MAX);
        int err = write_program(texts, count, left_out, &program, lines);
        if (err) {
            return err;
        }
        *ret_jq = compile(buf_cstr(&program), &messages);
        if (*ret_jq) {
            return (int)wrong;
        }
        size_t found = blame(&messages, lines, count, left_out, report, user);
        if (found == 0) {
            int alone = blame_alone(texts, count, left_out, report, user);
            if (alone <= 0) {
                return alone < 0 ? alone : ERR_LIMIT;
            }
            found = 1;
        }
        wrong += found;
    }
}

/* Where expr_program_new keeps the first problem. */
struct first_problem {
    const struct str *texts;
    struct err_text *reterr_why;
    bool found;
};

/* An expression in a sentence: at most QUOTE_MAX bytes. */
static int quote_len(struct str text)
{
    return text.len > QUOTE_MAX ? QUOTE_MAX : (int)text.len;
}

/* Keeps the first problem as a sentence. */
static void keep_first(void *user, size_t index, const char *sentence)
{
    struct first_problem *first = user;
    if (!first->found) {
        struct str text = first->texts[index];
        err_set(first->reterr_why, ERR_PARSE, "The expression `%.*s` is wrong: %s", quote_len(text),
                text.ptr, sentence);
        first->found = true;
    }
}

int expr_program_new(const struct str *texts, size_t count, struct expr_program **ret_program,
                     struct err_text *reterr_why)
{
    must((texts || count == 0) && ret_program);
    struct first_problem first = {.texts = texts, .reterr_why = reterr_why};
    jq_state *jq = NULL;
    int wrong = compile_all(texts, count, keep_first, &first, &jq);
    if (wrong < 0) {
        return err_set(reterr_why, wrong,
                       "The flow's expressions together are too large to compile.");
    }
    if (wrong > 0) {
        jq_teardown(&jq);
        return ERR_PARSE;
    }
    struct expr_program *program = xcalloc(1, sizeof(*program));
    program->jq = jq;
    program->count = count;
    arena_init(&program->arena, PROGRAM_MAX);
    program->texts = arena_array(&program->arena, count, sizeof(*program->texts));
    for (size_t index = 0; index < count && !arena_err(&program->arena); index++) {
        const char *copy = arena_str(&program->arena, texts[index]);
        program->texts[index] = (struct str){copy, texts[index].len};
    }
    if (arena_err(&program->arena)) {
        int err = arena_err(&program->arena);
        expr_program_free(program);
        return err_set(reterr_why, err, "There is no memory for the flow's expressions.");
    }
    *ret_program = program;
    return 0;
}

struct expr_program *expr_program_free(struct expr_program *program)
{
    if (!program) {
        return NULL;
    }
    arena_done(&program->arena);
    jq_teardown(&program->jq);
    free(program);
    return NULL;
}

int expr_check(const struct str *texts, size_t count, expr_problem_cb report, void *user)
{
    must((texts || count == 0) && report);
    jq_state *jq = NULL;
    int wrong = count == 0 ? 0 : compile_all(texts, count, report, user, &jq);
    if (jq) {
        jq_teardown(&jq);
    }
    return wrong;
}

/* ---- running ---- */

/* Says that expression <text> failed because of <reason>. */
static int run_failed(struct str text, struct str reason, struct err_text *reterr_why)
{
    return err_set(reterr_why, ERR_EXPRESSION, "The expression `%.*s` failed: %.*s.",
                   quote_len(text), text.ptr,
                   reason.len > REASON_MAX ? REASON_MAX : (int)reason.len, reason.ptr);
}

/* Turns an error of jq, which is consumed, into a sentence. */
static int run_error(struct str text, jv invalid, struct err_text *reterr_why)
{
    jv message = jv_invalid_get_msg(invalid);
    if (jv_get_kind(message) != JV_KIND_STRING) {
        message = jv_dump_string(message, 0);
    }
    int err = run_failed(text, str_of(jv_string_value(message)), reterr_why);
    jv_free(message);
    return err;
}

/* The one result of the program that was started; ERR_EXPRESSION for none or several. */
static int one_result(struct expr_program *program, struct str text, jv *ret_result,
                      struct err_text *reterr_why)
{
    jv result = jq_next(program->jq);
    if (!jv_is_valid(result)) {
        if (jv_invalid_has_msg(jv_copy(result))) {
            return run_error(text, result, reterr_why);
        }
        jv_free(result);
        return run_failed(text, STR("it gives no value"), reterr_why);
    }
    jv more = jq_next(program->jq);
    if (jv_is_valid(more)) {
        jv_free(more);
        jv_free(result);
        return run_failed(text, STR("it gives more than one value; put [ ] around it for a list"),
                          reterr_why);
    }
    if (jv_invalid_has_msg(jv_copy(more))) {
        jv_free(result);
        return run_error(text, more, reterr_why);
    }
    jv_free(more);
    *ret_result = result;
    return 0;
}

int expr_run(struct expr_program *program, uint32_t index, struct val scope,
             const struct ref_blobs *blobs, struct buf *out, struct err_text *reterr_why)
{
    must(program && out);
    if (index >= program->count) {
        return err_set(reterr_why, ERR_EXPRESSION, "The program has no expression number %u.",
                       index);
    }
    struct str text = program->texts[index];
    struct err_text why = {""};
    jv input;
    int err = jqval_from(scope, blobs, &input, &why);
    if (err) {
        return run_failed(text, str_of(why.text), reterr_why);
    }
    jq_start(program->jq, JV_ARRAY(jv_number(index), input), 0);
    jv result;
    err = one_result(program, text, &result, reterr_why);
    if (err) {
        return err;
    }
    size_t begin = out->len;
    err = jqval_to(result, out, &why);
    if (err) {
        out->len = buf_err(out) ? 0 : begin;
        return run_failed(text, str_of(why.text), reterr_why);
    }
    return 0;
}
