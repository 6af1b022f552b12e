/*
 * The evaluator: frames in, value/eval.h's work, frames out.
 */
#include "work/evaluator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/blob.h"
#include "value/eval.h"
#include "value/tmpl.h"
#include "work/blob_view.h"
#include "work/host_io.h"

/* Sanitizers reserve terabytes of address space. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EVALUATOR_LIMITED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EVALUATOR_LIMITED 0
#endif
#endif
#ifndef EVALUATOR_LIMITED
#define EVALUATOR_LIMITED 1
#endif

struct program {
    struct hash hash;
    struct expr_program *compiled; /* NULL: `why` says what is wrong with it */
    struct err_text why;
};

struct evaluator {
    struct host_io *io;
    struct blob_dir *blobs;
    struct blob_view *view;
    struct program programs[EVALUATOR_PROGRAMS_MAX];
    size_t programs_count;
    struct buf results;
};

static int find_program(struct evaluator *evaluator, const struct frame_eval *frame,
                        struct expr_program **ret_program, struct err_text *reterr_why);
static int compile(struct evaluator *evaluator, const struct hash *hash, struct val texts,
                   struct program **ret_program, struct err_text *reterr_why);
static void forget_programs(struct evaluator *evaluator);
static int run(struct evaluator *evaluator, const struct frame_eval *frame,
               struct err_text *reterr_why);
static int get_blob(void *user, const struct blob_ref *blob, struct val *ret_value,
                    struct err_text *reterr_why);
static int put_blob(void *user, struct val value, struct blob_ref *ret_blob,
                    struct err_text *reterr_why);
static const char *code_of(int err);

struct evaluator *evaluator_new(struct host_io *io, struct blob_dir *blobs)
{
    struct evaluator *evaluator = xcalloc(1, sizeof(*evaluator));
    struct rlimit memory = {EVALUATOR_MEMORY_MAX, EVALUATOR_MEMORY_MAX};

    if (EVALUATOR_LIMITED) {
        setrlimit(RLIMIT_AS, &memory);
    }
    evaluator->io = io;
    evaluator->blobs = blobs;
    evaluator->view = blob_view_new(blobs);
    buf_init(&evaluator->results, FRAME_EVAL_MAX);
    return evaluator;
}

struct evaluator *evaluator_free(struct evaluator *evaluator)
{
    if (!evaluator) {
        return NULL;
    }
    forget_programs(evaluator);
    blob_view_free(evaluator->view);
    buf_done(&evaluator->results);
    free(evaluator);
    return NULL;
}

void evaluator_run(struct evaluator *evaluator, const struct frame_eval *frame)
{
    struct err_text why;

    if (!host_io_begin(evaluator->io, frame->seq)) {
        return;
    }
    struct frame reply = {.type = FRAME_EVAL_RESULT, .eval_result = {.seq = frame->seq}};
    int err = run(evaluator, frame, &why);
    if (err) {
        reply.eval_result.code = str_of(code_of(err));
        reply.eval_result.text = str_of(why.text);
    } else {
        reply.eval_result.results = (struct val){evaluator->results.data, evaluator->results.len};
    }
    host_io_end(evaluator->io, NULL);
    if (host_io_send(evaluator->io, &reply, FRAME_EVAL_MAX)) {
        reply.eval_result.results = VAL_NONE;
        reply.eval_result.code = STR("expression.size");
        reply.eval_result.text = STR("The results do not fit into a message to the engine.");
        host_io_send(evaluator->io, &reply, FRAME_EVAL_MAX);
    }
    blob_view_reset(evaluator->view);
    buf_clear(&evaluator->results);
}

/* Fills `results`. */
static int run(struct evaluator *evaluator, const struct frame_eval *frame,
               struct err_text *reterr_why)
{
    CLEANUP_FREE char *dir = str_dup(frame->base_dir.len ? frame->base_dir : STR("/"));
    struct eval_ctx ctx = {
        .blobs = {.get = get_blob, .user = evaluator},
        .blob_put = put_blob,
        .user = evaluator,
    };

    int err = find_program(evaluator, frame, &ctx.program, reterr_why);
    if (err) {
        return err;
    }
    if (chdir(dir)) {
        return err_set(reterr_why, -errno, "the directory %.300s that the run was started in: %s",
                       dir, strerror(errno));
    }
    return eval_run(&ctx, frame->jobs, frame->scope, &evaluator->results, reterr_why);
}

/* The compiled program of an evaluation, NULL when it has none. */
static int find_program(struct evaluator *evaluator, const struct frame_eval *frame,
                        struct expr_program **ret_program, struct err_text *reterr_why)
{
    struct hash hash;
    struct program *program = NULL;

    *ret_program = NULL;
    if (frame->program.len == 0) {
        return 0;
    }
    struct str bytes = val_str(frame->program);
    if (bytes.len != sizeof(hash)) {
        return err_set(reterr_why, ERR_PROTOCOL, "the program of an evaluation has no hash");
    }
    memcpy(&hash, bytes.ptr, sizeof(hash));
    for (size_t i = 0; i < evaluator->programs_count; i++) {
        if (memcmp(&evaluator->programs[i].hash, &hash, sizeof(hash)) == 0) {
            program = &evaluator->programs[i];
        }
    }
    if (!program) {
        int err = compile(evaluator, &hash, frame->texts, &program, reterr_why);
        if (err) {
            return err;
        }
    }
    if (!program->compiled) {
        return err_set(reterr_why, ERR_PARSE, "%s", program->why.text);
    }
    *ret_program = program->compiled;
    return 0;
}

/* Compiles and remembers a program, also one that does not compile. */
static int compile(struct evaluator *evaluator, const struct hash *hash, struct val texts,
                   struct program **ret_program, struct err_text *reterr_why)
{
    struct str list[TMPL_EXPRS_MAX];
    size_t count = 0;
    struct val text;

    if (texts.len == 0 || val_count(texts) > TMPL_EXPRS_MAX) {
        return err_set(reterr_why, ERR_PROTOCOL, "an evaluation came without its program");
    }
    struct val_iter iter = val_iter(texts);
    while (val_next(&iter, NULL, &text)) {
        if (val_type(text) != VAL_STR) {
            return err_set(reterr_why, ERR_PROTOCOL, "an expression is not text");
        }
        list[count++] = val_str(text);
    }
    if (evaluator->programs_count == EVALUATOR_PROGRAMS_MAX) {
        forget_programs(evaluator);
    }
    struct program *program = &evaluator->programs[evaluator->programs_count++];
    program->hash = *hash;
    program->compiled = NULL;
    if (expr_program_new(list, count, &program->compiled, &program->why)) {
        program->compiled = NULL;
    }
    *ret_program = program;
    return 0;
}

/* Frees all programs. */
static void forget_programs(struct evaluator *evaluator)
{
    for (size_t i = 0; i < evaluator->programs_count; i++) {
        expr_program_free(evaluator->programs[i].compiled);
    }
    evaluator->programs_count = 0;
}

/* ref_blobs.get */
static int get_blob(void *user, const struct blob_ref *blob, struct val *ret_value,
                    struct err_text *reterr_why)
{
    struct evaluator *evaluator = user;

    return blob_view_get(evaluator->view, blob, ret_value, reterr_why);
}

/* eval_ctx.blob_put */
static int put_blob(void *user, struct val value, struct blob_ref *ret_blob,
                    struct err_text *reterr_why)
{
    struct evaluator *evaluator = user;

    return blob_put(evaluator->blobs, value.ptr, value.len, ret_blob, reterr_why);
}

/* The stable word for why an evaluation as a whole failed. */
static const char *code_of(int err)
{
    return err == ERR_PARSE || err == ERR_EXPRESSION ? "expression.failed" : "expression.error";
}
