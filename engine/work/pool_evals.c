/*
 * The queue of evaluations.
 */
#include "work/pool_evals.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <leat/abi.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "value/pack.h"
#include "value/tmpl.h"
#include "work/evaluator.h"

struct eval {
    struct eval *next;
    uint64_t id;
    uint64_t seq; /* 0: not sent to the present process */
    bool has_program;
    struct hash program;
    struct val texts; /* these and base_dir point into `bytes` */
    struct val jobs;
    struct val scope;
    struct str base_dir;
    uint8_t *bytes;
    size_t size;
};

struct pool_evals {
    struct proc_set *set;
    const struct pool_config *config;
    const struct pool_callbacks *callbacks;
    struct proc *proc; /* NULL: none runs */
    bool ready;
    bool leaving;
    bool timed_out;         /* the head, and the process was killed for it */
    struct err_text broken; /* why it was killed, or empty */
    int64_t born_us;
    int64_t head_began_us;
    int64_t idle_since_us;
    int64_t leave_us;
    uint64_t last_seq;
    unsigned ahead; /* evaluations sent and not answered */
    size_t ahead_bytes;
    struct eval *first; /* those sent come first */
    struct eval *last;
    struct hash known[EVALUATOR_PROGRAMS_MAX]; /* what the process remembers; see evaluator.h */
    size_t known_count;
};

static struct eval *pack_eval(const struct pool_eval *eval);
static void free_eval(struct eval *eval);
static void start(struct pool_evals *evals, int64_t now_us);
static bool send_next(struct pool_evals *evals, int64_t now_us);
static bool knows(const struct pool_evals *evals, const struct hash *program);
static void learn(struct pool_evals *evals, const struct hash *program);
static void end_head(struct pool_evals *evals, const struct pool_eval_result *result);
static void fail_head(struct pool_evals *evals, struct str code, const char *text);
static void on_frame(void *user, const struct frame *frame, bool control);
static void on_result(struct pool_evals *evals, const struct frame_eval_result *result);
static void on_line(struct pool_evals *evals, enum pool_stream stream, int32_t level,
                    struct str line);
static void on_broken(void *user, const char *why, bool closed);
static void on_last_words(void *user, enum pool_stream stream, struct str line);
static void on_ended(void *user, const struct spawner_report *report);
static int64_t mono_us(void);

static const struct proc_events proc_events = {
    .on_frame = on_frame,
    .on_broken = on_broken,
    .on_last_words = on_last_words,
    .on_ended = on_ended,
};

struct pool_evals *pool_evals_new(struct proc_set *set, const struct pool_config *config,
                                  const struct pool_callbacks *callbacks)
{
    struct pool_evals *evals = xcalloc(1, sizeof(*evals));

    evals->set = set;
    evals->config = config;
    evals->callbacks = callbacks;
    return evals;
}

struct pool_evals *pool_evals_free(struct pool_evals *evals)
{
    if (!evals) {
        return NULL;
    }
    proc_free(evals->proc);
    while (evals->first) {
        struct eval *eval = evals->first;
        evals->first = eval->next;
        free_eval(eval);
    }
    free(evals);
    return NULL;
}

int pool_evals_put(struct pool_evals *evals, const struct pool_eval *request, int64_t now_us,
                   struct err_text *reterr_why)
{
    must(!request->program || request->texts_count <= TMPL_EXPRS_MAX);
    if (val_count(request->jobs) > POOL_EVAL_JOBS_MAX) {
        return err_set(reterr_why, ERR_LIMIT, "an evaluation has more than %d jobs",
                       POOL_EVAL_JOBS_MAX);
    }
    struct eval *eval = pack_eval(request);
    if (!eval) {
        return err_set(reterr_why, ERR_LIMIT,
                       "the values that an expression looks at are larger than %d MiB",
                       FRAME_EVAL_MAX >> 20);
    }
    if (!evals->first) {
        evals->first = eval;
        evals->head_began_us = now_us;
    } else {
        evals->last->next = eval;
    }
    evals->last = eval;
    return 0;
}

/* A copy of all that will be sent, in one piece of memory; NULL when it is too large. */
static struct eval *pack_eval(const struct pool_eval *request)
{
    struct buf buf = BUF_INIT(FRAME_EVAL_MAX - FRAME_PATH_MAX);
    struct eval *eval = xcalloc(1, sizeof(*eval));

    eval->id = request->id;
    if (request->program) {
        eval->has_program = true;
        eval->program = *request->program;
        pack_list(&buf, (uint32_t)request->texts_count);
        for (size_t i = 0; i < request->texts_count; i++) {
            pack_str(&buf, request->texts[i]);
        }
    }
    eval->texts.len = buf.len;
    buf_put(&buf, request->jobs.ptr, request->jobs.len);
    eval->jobs.len = request->jobs.len;
    if (request->scope.len > 0) {
        buf_put(&buf, request->scope.ptr, request->scope.len);
        eval->scope.len = request->scope.len;
    }
    buf_put_str(&buf, request->base_dir);
    eval->base_dir.len = request->base_dir.len;
    if (buf_err(&buf)) {
        free(eval);
        return NULL;
    }
    eval->bytes = buf_take(&buf, &eval->size);
    eval->texts.ptr = eval->bytes;
    eval->jobs.ptr = eval->texts.ptr + eval->texts.len;
    eval->scope.ptr = eval->jobs.ptr + eval->jobs.len;
    eval->base_dir.ptr = (const char *)eval->scope.ptr + eval->scope.len;
    return eval;
}

/* One evaluation and its bytes. */
static void free_eval(struct eval *eval)
{
    free(eval->bytes);
    free(eval);
}

void pool_evals_step(struct pool_evals *evals, int64_t now_us)
{
    if (!evals->first) {
        return;
    }
    if (!evals->proc) {
        start(evals, now_us);
        if (!evals->proc) {
            return;
        }
    }
    while (!evals->leaving && evals->ahead < POOL_EVALS_AHEAD && send_next(evals, now_us)) {
    }
}

/* Starts a process; when that can not be, everything that waits fails. */
static void start(struct pool_evals *evals, int64_t now_us)
{
    const char *argv[] = {"leat", "host", "--evaluator", "--blobs", evals->config->blob_dir, NULL};
    struct err_text why;

    evals->ready = false;
    evals->leaving = false;
    evals->timed_out = false;
    evals->broken.text[0] = 0;
    evals->born_us = now_us;
    evals->ahead = 0;
    evals->ahead_bytes = 0;
    evals->known_count = 0;
    if (proc_start(evals->set, argv, FRAME_EVAL_MAX, &proc_events, evals, &evals->proc, &why)) {
        evals->proc = NULL;
        while (evals->first) {
            fail_head(evals, STR("expression.crashed"), why.text);
        }
    }
}

/* Sends the first evaluation that has not been sent; false when there is none, or no room. */
static bool send_next(struct pool_evals *evals, int64_t now_us)
{
    struct eval *eval = evals->first;

    while (eval && eval->seq) {
        eval = eval->next;
    }
    if (!eval || (evals->ahead > 0 && evals->ahead_bytes + eval->size > POOL_EVALS_AHEAD_BYTES)) {
        return false;
    }
    CLEANUP_BUF struct buf program = BUF_INIT(2 * HASH_SIZE);
    struct frame frame = {
        .type = FRAME_EVAL,
        .eval = {.seq = ++evals->last_seq,
                 .jobs = eval->jobs,
                 .scope = eval->scope,
                 .base_dir = eval->base_dir},
    };
    if (eval->has_program) {
        pack_bin(&program, eval->program.bytes, HASH_SIZE);
        frame.eval.program = (struct val){program.data, program.len};
        if (!knows(evals, &eval->program)) {
            learn(evals, &eval->program);
            frame.eval.texts = eval->texts;
        }
    }
    int err = proc_send(evals->proc, &frame);
    must(err == 0 || err == ERR_MEMORY);
    eval->seq = frame.eval.seq;
    evals->ahead++;
    evals->ahead_bytes += eval->size;
    if (eval == evals->first) {
        evals->head_began_us = now_us;
    }
    return err == 0;
}

/* True when the process has that program. */
static bool knows(const struct pool_evals *evals, const struct hash *program)
{
    for (size_t i = 0; i < evals->known_count; i++) {
        if (memcmp(&evals->known[i], program, sizeof(*program)) == 0) {
            return true;
        }
    }
    return false;
}

/* Remembers what the process will remember, by the rule of evaluator.h. */
static void learn(struct pool_evals *evals, const struct hash *program)
{
    if (evals->known_count == EVALUATOR_PROGRAMS_MAX) {
        evals->known_count = 0;
    }
    evals->known[evals->known_count++] = *program;
}

/* Removes the head and hands out its result. */
static void end_head(struct pool_evals *evals, const struct pool_eval_result *result)
{
    struct eval *eval = evals->first;
    uint64_t id = eval->id;

    evals->first = eval->next;
    if (eval->seq) {
        evals->ahead--;
        evals->ahead_bytes -= eval->size;
    }
    evals->head_began_us = mono_us();
    evals->idle_since_us = evals->head_began_us;
    free_eval(eval);
    evals->callbacks->on_eval(evals->callbacks->user, id, result);
}

/* Fails the head. */
static void fail_head(struct pool_evals *evals, struct str code, const char *text)
{
    struct pool_eval_result result = {.ok = false, .code = code, .text = str_of(text)};

    end_head(evals, &result);
}

/* proc: a whole frame. */
static void on_frame(void *user, const struct frame *frame, bool control)
{
    struct pool_evals *evals = user;

    if (control || evals->broken.text[0]) {
        return;
    }
    switch (frame->type) {
    case FRAME_HELLO:
        evals->ready = true;
        evals->head_began_us = mono_us();
        return;
    case FRAME_EVAL_RESULT:
        on_result(evals, &frame->eval_result);
        return;
    case FRAME_LOG:
        on_line(evals, POOL_STREAM_STDERR, frame->log.level, frame->log.text);
        return;
    case FRAME_HELLO_FAILED:
        err_set(&evals->broken, 0, "%.*s", STR_ARGS(frame->hello_failed.text));
        return;
    default:
        on_broken(evals, "it sent a frame that does not belong there", false);
    }
}

/* The answer to the head. */
static void on_result(struct pool_evals *evals, const struct frame_eval_result *frame)
{
    struct pool_eval_result result = {
        .ok = frame->results.len > 0,
        .results = frame->results,
        .code = frame->code,
        .text = frame->text,
    };
    const struct eval *head = evals->first;

    if (!head || head->seq != frame->seq ||
        (result.ok && val_count(result.results) != val_count(head->jobs))) {
        on_broken(evals, "it answered something that it was not asked", false);
        return;
    }
    end_head(evals, &result);
}

/* A line of output, which belongs to no call. */
static void on_line(struct pool_evals *evals, enum pool_stream stream, int32_t level,
                    struct str line)
{
    struct pool_log log = {
        .level = level,
        .stream = stream,
        .wall_us = clock_wall_us(&clock_real),
        .text = line,
    };

    evals->callbacks->on_log(evals->callbacks->user, &log);
}

/* proc: the process must go. One that closed its channel does so by itself. */
static void on_broken(void *user, const char *why, bool closed)
{
    struct pool_evals *evals = user;

    if (evals->broken.text[0] == 0 && !closed) {
        err_set(&evals->broken, 0, "%s", why);
    }
    proc_kill(evals->proc, SIGKILL);
}

/* proc: output of a dead process. */
static void on_last_words(void *user, enum pool_stream stream, struct str line)
{
    on_line(user, stream, LEAT_LOG_WARNING, line);
}

/* proc: it is gone. The head goes with it; the others are sent to the next one. */
static void on_ended(void *user, const struct spawner_report *report)
{
    struct pool_evals *evals = user;
    struct err_text words;
    struct err_text text;

    evals->proc = proc_free(evals->proc);
    bool timed_out = evals->timed_out;
    bool lost = !report;
    if (evals->first && evals->first->seq && !evals->leaving) {
        if (timed_out) {
            err_set(&text, 0, "The expression did not come to an end within %d s.",
                    POOL_EVAL_MS / 1000);
        } else if (report) {
            proc_report_words(report, &words);
            err_set(&text, 0, "The process that evaluates expressions %s%s%.300s.", words.text,
                    evals->broken.text[0] ? ": " : "", evals->broken.text);
        }
        if (report) {
            fail_head(evals, timed_out ? STR("expression.timeout") : STR("expression.crashed"),
                      text.text);
        }
    }
    for (struct eval *eval = evals->first; eval; eval = eval->next) {
        eval->seq = 0;
    }
    evals->ahead = 0;
    evals->ahead_bytes = 0;
    while (lost && evals->first) {
        fail_head(evals, STR("host.lost"),
                  "The process that starts hosts died, and the evaluator with it.");
    }
}

int64_t pool_evals_tick(struct pool_evals *evals, int64_t now_us)
{
    if (!evals->proc) {
        return INT64_MAX;
    }
    if (evals->leaving) {
        int64_t due_us = evals->leave_us + POOL_EVALS_LEAVE_MS * 1000;
        if (now_us >= due_us) {
            proc_kill(evals->proc, SIGKILL);
            return INT64_MAX;
        }
        return due_us;
    }
    if (!evals->first) {
        int64_t due_us = evals->idle_since_us + evals->config->host_idle_ms * 1000;
        if (now_us < due_us) {
            return due_us;
        }
        evals->leaving = true;
        evals->leave_us = now_us;
        proc_leave(evals->proc);
        return now_us + POOL_EVALS_LEAVE_MS * 1000;
    }
    int64_t due_us = evals->ready ? evals->head_began_us + POOL_EVAL_MS * 1000
                                  : evals->born_us + evals->config->start_ms * 1000;
    if (now_us < due_us) {
        return due_us;
    }
    evals->timed_out = evals->ready;
    if (!evals->ready) {
        err_set(&evals->broken, 0, "it did not start in time");
    }
    proc_kill(evals->proc, SIGKILL);
    return INT64_MAX;
}

/* Monotonic microseconds. */
static int64_t mono_us(void)
{
    return clock_mono_us(&clock_real);
}
