/*
 * See prepare.h. A preparation starts from the beginning after every trip to the evaluator: what it
 * knew then it finds among the answers, and the common case keeps no state at all.
 */
#include "drive/prepare.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/must.h"
#include "drive/big.h"
#include "drive/cache.h"
#include "drive/loop.h"
#include "drive/run_data.h"
#include "drive/scope.h"
#include "model/params.h"
#include "value/eval.h"
#include "value/json.h"
#include "value/pack.h"

enum { LABEL_MAX = 255 };

/* What one attempt to go on came to. */
enum progress {
    DONE,   /* an event was sent; the preparation is over */
    PARKED, /* somebody holds a copy and will resume it */
};

static enum progress go_on(struct prep *prep);
static enum progress prepare_output(struct prep *prep, struct run *run);
static enum progress prepare_map(struct prep *prep, struct run *run, struct task *task);
static enum progress prepare_task(struct prep *prep, struct run *run, struct task *task);

/* ---- life of a preparation ------------------------------------------------------------------ */

/* Frees what it owns. */
static void prep_done(struct prep *prep)
{
    for (uint32_t i = 0; i < prep->round_count; i++) {
        buf_done(&prep->rounds[i]);
    }
    free(prep->answers);
    free(prep->jobs);
}

void prepare_free(struct prep *prep)
{
    if (prep) {
        prep_done(prep);
        free(prep);
    }
}

struct prep *prepare_park(struct prep *prep)
{
    struct prep *copy = xmemdup(prep, sizeof(*prep));

    *prep = (struct prep){.engine = copy->engine, .errand = copy->errand};
    return copy;
}

void prepare(struct engine *engine, const struct errand *errand)
{
    struct prep prep = {.engine = engine, .errand = *errand};

    go_on(&prep);
    prep_done(&prep);
}

void prepare_resume(struct prep *prep)
{
    go_on(prep);
    prepare_free(prep);
}

/* The task of a preparation if it still waits for it, else NULL. */
static struct task *task_of(struct run *run, const struct errand *errand)
{
    struct task *task;

    if (!run || errand->task >= run->task_count) {
        return NULL;
    }
    task = &run->tasks[errand->task];
    return task->epoch == errand->epoch && task->place == CORE_PLACE_PREPARING ? task : NULL;
}

/* Does what can be done now. */
static enum progress go_on(struct prep *prep)
{
    struct run *run = core_run(prep->engine->core, prep->errand.run);
    struct task *task;

    if (prep->errand.type == ERRAND_OUTPUT) {
        return run ? prepare_output(prep, run) : DONE;
    }
    task = task_of(run, &prep->errand);
    if (!task) {
        return DONE; /* cancelled meanwhile */
    }
    return prep->errand.type == ERRAND_MAP ? prepare_map(prep, run, task)
                                           : prepare_task(prep, run, task);
}

/* ---- answers to core ------------------------------------------------------------------------ */

/* An event of this preparation. */
static struct core_event event_of(const struct prep *prep, enum core_event_type type)
{
    return (struct core_event){.type = type,
                               .wall_us = engine_wall_us(),
                               .run = prep->errand.run,
                               .task = prep->errand.task,
                               .epoch = prep->errand.epoch};
}

/* The preparation can not succeed. */
static enum progress fail(struct prep *prep, const char *code, const char *text)
{
    struct core_event event;

    if (prep->errand.type == ERRAND_OUTPUT) {
        event = event_of(prep, CORE_OUTPUT);
        event.output.failed = true;
        event.output.code = code;
        event.output.text = text;
    } else if (prep->errand.type == ERRAND_MAP) {
        event = event_of(prep, CORE_MAPPED);
        event.mapped.failed = true;
        event.mapped.code = code;
        event.mapped.text = text;
    } else {
        event = event_of(prep, CORE_PREPARED);
        event.prepared.how = CORE_PREPARED_FAIL;
        event.prepared.code = code;
        event.prepared.text = text;
    }
    loop_apply(prep->engine, &event, NULL);
    return DONE;
}

/* ---- the evaluator -------------------------------------------------------------------------- */

/* Sends jobs to the evaluator and parks the preparation. */
static enum progress ask_evaluator(struct prep *prep, const struct run *run, struct val jobs,
                                   struct val scope)
{
    struct engine *engine = prep->engine;
    const struct run_data *data = run_data(run);
    struct pool_eval eval = {.program = data->text_count ? &data->program : NULL,
                             .texts = data->texts,
                             .texts_count = data->text_count,
                             .jobs = jobs,
                             .scope = scope,
                             .base_dir = str_of(run->base_dir)};
    struct err_text why;
    struct slot *slot;
    int err;

    if (prep->round_count == PREP_ROUNDS_MAX) {
        return fail(prep, "input.rounds", "the input needs too many rounds of evaluation");
    }
    if (!jobs.ptr) {
        return fail(prep, "input.too_large", "what the expressions need is too large");
    }
    eval.id = slots_add(&engine->evals, &slot);
    err = pool_eval(engine->pool, &eval, &why);
    if (err) {
        slots_remove(&engine->evals, eval.id);
        return fail(prep, "input.too_large", why.text);
    }
    slot->object = prepare_park(prep);
    return PARKED;
}

/* Asks for everything that <tmpl> needs. */
static enum progress ask_for(struct prep *prep, const struct run *run, const struct tmpl *tmpl,
                             const struct scope *scope)
{
    CLEANUP_BUF struct buf jobs = BUF_INIT(2 * LEAT_INPUT_MAX);
    CLEANUP_BUF struct buf values = BUF_INIT(2 * LEAT_INPUT_MAX);
    struct err_text why = {""};
    int err;

    free(prep->jobs);
    prep->jobs = xcalloc(TMPL_JOBS_MAX, sizeof(*prep->jobs));
    err = tmpl_jobs(tmpl, &scope->tmpl, TMPL_JOBS_MAX, prep->jobs, &prep->job_count, &why);
    if (err == 0) {
        pack_list(&jobs, (uint32_t)prep->job_count);
        for (size_t i = 0; i < prep->job_count && err == 0; i++) {
            err = tmpl_job_pack(&prep->jobs[i], &scope->tmpl, &jobs, &why);
        }
    }
    if (err == 0) {
        err = tmpl_scope_pack(run->flow->exprs, prep->jobs, prep->job_count, &scope->tmpl, &values,
                              &why);
    }
    if (buf_err(&jobs) || buf_err(&values)) {
        return fail(prep, "input.too_large", "what the expressions need is too large");
    }
    if (err) {
        return fail(prep, "input.reference", why.text[0] ? why.text : err_sentence(err));
    }
    return ask_evaluator(prep, run, (struct val){jobs.data, jobs.len},
                         (struct val){values.data, values.len});
}

/* True for [0, value] and [code, sentence]. The evaluator is another process, so this is looked at.
 */
static bool result_ok(struct val result, bool of_file)
{
    bool pair = val_type(result) == VAL_LIST && val_count(result) == 2 &&
                val_type(val_at(result, 0)) == VAL_INT;

    if (!pair) {
        return false;
    }
    if (val_int(val_at(result, 0)) != 0) {
        return val_type(val_at(result, 1)) == VAL_STR;
    }
    return !of_file || val_type(val_at(result, 1)) == VAL_MAP;
}

/* Takes up the evaluator's results; false when one of them is a failure, which is sent on. */
static bool take_results(struct prep *prep, struct val results)
{
    static const uint8_t no_files[] = {0x90};
    struct buf *round = &prep->rounds[prep->round_count++];
    struct val_iter iter;
    struct val result;

    buf_init(round, 2 * LEAT_INPUT_MAX);
    buf_put(round, results.ptr, results.len);
    if (buf_err(round)) {
        fail(prep, "input.too_large", "what the expressions gave is too large");
        return false;
    }
    results = (struct val){round->data, round->len};
    prep->answers = xreallocarray(prep->answers, prep->answer_count + prep->job_count + 1,
                                  sizeof(*prep->answers));
    iter = val_iter(results);
    for (size_t i = 0; val_next(&iter, NULL, &result); i++) {
        if (!result_ok(result, prep->job_count == 0)) {
            fail(prep, "expression.protocol", "the evaluator sent something that is no result");
            return false;
        }
        if (val_int(val_at(result, 0)) != 0 && prep->job_count == 0) {
            /* A file that can not be read: no key can be made, and the task says what it misses. */
            prep->files = (struct val){no_files, sizeof(no_files)};
            return true;
        }
        if (val_int(val_at(result, 0)) != 0) {
            CLEANUP_FREE char *text = str_dup(val_str(val_at(result, 1)));

            fail(prep, "input.expression", text);
            return false;
        }
        if (i < prep->job_count) {
            prep->answers[prep->answer_count++] =
                (struct tmpl_answer){.job = prep->jobs[i], .value = val_at(result, 1)};
        }
    }
    if (prep->job_count == 0) {
        prep->files = results;
    }
    return true;
}

void prepare_on_eval(void *user, uint64_t eval_id, const struct pool_eval_result *result)
{
    struct engine *engine = user;
    struct slot *slot = slots_get(&engine->evals, eval_id);
    struct prep *prep;

    if (!slot) {
        return;
    }
    prep = slot->object;
    slots_remove(&engine->evals, eval_id);
    if (!result->ok) {
        CLEANUP_FREE char *code = str_dup(result->code);
        CLEANUP_FREE char *text = str_dup(result->text);

        fail(prep, code, text);
        prepare_free(prep);
        return;
    }
    if (!take_results(prep, result->results)) {
        prepare_free(prep);
        return;
    }
    prepare_resume(prep);
}

/* ---- templates ------------------------------------------------------------------------------ */

/* Opens a scope with the answers so far. */
static void open_scope(struct scope *scope, struct prep *prep, struct run *run,
                       const struct task *task)
{
    scope_init(scope, prep->engine, run, task);
    scope->tmpl.answers = prep->answers;
    scope->tmpl.answers_count = prep->answer_count;
}

/* Evaluates <tmpl> into <out>. True when it is there; otherwise <ret_progress> says how it goes on.
 */
static bool evaluate(struct prep *prep, struct run *run, const struct task *task,
                     const struct tmpl *tmpl, struct buf *out, enum progress *ret_progress)
{
    struct scope scope;
    struct err_text why = {""};
    int err;

    open_scope(&scope, prep, run, task);
    err = tmpl_eval(tmpl, &scope.tmpl, out, &why);
    if (err == TMPL_NEEDS_EVALUATOR) {
        *ret_progress = ask_for(prep, run, tmpl, &scope);
    } else if (err) {
        *ret_progress = fail(prep, "input.reference", why.text[0] ? why.text : err_sentence(err));
    }
    scope_done(&scope);
    return err == 0;
}

/* True when <tmpl> differs from item to item of a map. */
static bool uses_item(const struct tmpl *tmpl)
{
    uint32_t count;
    const struct ref_use *uses = tmpl_uses(tmpl, &count);

    for (uint32_t i = 0; i < count; i++) {
        if (uses[i].root == REF_ITEM || uses[i].root == REF_INDEX) {
            return true;
        }
    }
    return false;
}

/*
 * Evaluates `when`: 1 go on, 0 skip, -1 when <ret_progress> says how it goes on. In a mapped step
 * it is asked once, or for each child if it speaks of the item.
 */
static int evaluate_when(struct prep *prep, struct run *run, const struct task *task,
                         enum progress *ret_progress)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    CLEANUP_BUF struct buf out = BUF_INIT(PREP_INPUT_MAX);
    struct val value;

    if (!step->when || (step->map && uses_item(step->when) != (task->map_index >= 0))) {
        return 1;
    }
    if (!evaluate(prep, run, task, step->when, &out, ret_progress)) {
        return -1;
    }
    value = (struct val){out.data, out.len};
    if (val_type(value) != VAL_BOOL) {
        CLEANUP_FREE char *text =
            xasprintf("`when` wants true or false, not %s", val_type_words(val_type(value)));

        *ret_progress = fail(prep, "input.when", text);
        return -1;
    }
    return val_bool(value) ? 1 : 0;
}

/* ---- output --------------------------------------------------------------------------------- */

/* Resolves the flow's output. */
static enum progress prepare_output(struct prep *prep, struct run *run)
{
    CLEANUP_BUF struct buf out = BUF_INIT(LEAT_RESULT_MAX);
    CLEANUP_BUF struct buf stored = BUF_INIT(STORE_VALUE_MAX);
    struct core_event event = event_of(prep, CORE_OUTPUT);
    struct err_text why;
    enum progress progress = DONE;

    if (!evaluate(prep, run, NULL, run->flow->output, &out, &progress)) {
        return progress;
    }
    if (big_put(prep->engine->blobs, (struct val){out.data, out.len}, &stored, &why) != 0) {
        return fail(prep, "output.too_large", why.text);
    }
    event.output.result = (struct val){stored.data, stored.len};
    loop_apply(prep->engine, &event, NULL);
    return DONE;
}

/* ---- maps ----------------------------------------------------------------------------------- */

/* Makes the list of a mapped step available in its step data. */
static int keep_list(struct engine *engine, struct step_data *step, struct val value,
                     struct err_text *reterr_why)
{
    struct blob_ref ref;
    const uint8_t *bytes;
    size_t len;
    int err;

    if (step->list_is_blob) {
        blob_unmap(step->list.ptr, step->list.len);
        step->list_is_blob = false;
        step->list = VAL_NONE;
    }
    if (val_type(value) != VAL_BLOB) {
        buf_clear(&step->list_copy);
        buf_put(&step->list_copy, value.ptr, value.len);
        step->list = (struct val){step->list_copy.data, step->list_copy.len};
        return buf_err(&step->list_copy) ? err_set(reterr_why, ERR_LIMIT, "the list is too large")
                                         : 0;
    }
    ref = val_blob(value);
    err = blob_map(engine->blobs, &ref, &bytes, &len, reterr_why);
    if (err) {
        return err;
    }
    err = val_scan(bytes, len, &val_limits_task, &value, reterr_why);
    if (err) {
        blob_unmap(bytes, len);
        return err;
    }
    step->list = (struct val){bytes, len};
    step->list_is_blob = true;
    return 0;
}

/* Notes where each item of the list begins. */
static int index_list(struct step_data *step, struct err_text *reterr_why)
{
    struct val_iter iter;
    struct val item;

    if (val_type(step->list) != VAL_LIST) {
        return err_set(reterr_why, ERR_TYPE, "`map` wants a list, not %s",
                       val_type_words(val_type(step->list)));
    }
    if (val_count(step->list) > FLOW_MAP_MAX) {
        return err_set(reterr_why, ERR_LIMIT, "`map` takes at most %d items, not %u", FLOW_MAP_MAX,
                       val_count(step->list));
    }
    step->list_count = val_count(step->list);
    free(step->offsets);
    step->offsets = xreallocarray(NULL, step->list_count + 1u, sizeof(*step->offsets));
    iter = val_iter(step->list);
    for (uint32_t i = 0; val_next(&iter, NULL, &item); i++) {
        step->offsets[i] = (uint32_t)(item.ptr - step->list.ptr);
    }
    return 0;
}

/* Resolves the list of a mapped step; false when <ret_progress> says how it goes on. */
static bool make_list(struct prep *prep, struct run *run, const struct task *task,
                      enum progress *ret_progress)
{
    struct step_data *step = &run_data(run)->steps[task->step];
    CLEANUP_BUF struct buf out = BUF_INIT(LEAT_RESULT_MAX);
    struct err_text why;
    int err;

    if (!evaluate(prep, run, NULL, run->flow->steps[task->step].map, &out, ret_progress)) {
        return false;
    }
    err = keep_list(prep->engine, step, (struct val){out.data, out.len}, &why);
    if (err == 0) {
        err = index_list(step, &why);
    }
    if (err) {
        *ret_progress = fail(prep, "input.map", why.text);
    }
    return err == 0;
}

/* Prepares a mapped step: is it skipped, and how many children does it have? */
static enum progress prepare_map(struct prep *prep, struct run *run, struct task *task)
{
    struct core_event event = event_of(prep, CORE_MAPPED);
    enum progress progress = DONE;
    int when = evaluate_when(prep, run, task, &progress);

    if (when < 0 || (when == 1 && !make_list(prep, run, task, &progress))) {
        return progress;
    }
    event.mapped.skip = when == 0;
    event.mapped.count = run_data(run)->steps[task->step].list_count;
    loop_apply(prep->engine, &event, NULL);
    return DONE;
}

/* ---- tasks ---------------------------------------------------------------------------------- */

/* Binds what the step gives to what the part declares. */
static int bind_input(struct engine *engine, const struct plug_part *part, struct val given,
                      struct buf *out, struct err_text *reterr_why)
{
    struct diag_list *problems = engine->problems;
    CLEANUP_BUF struct buf text = BUF_INIT(ERR_TEXT_SIZE * 4);
    int err = params_bind(part->params, part->param_count, given, VAL_NONE, out, problems);

    if (err) {
        for (size_t i = 0; i < diag_count(problems) && i < 4; i++) {
            const struct diag *diag = diag_at(problems, i);

            buf_printf(&text, "%s%s", i ? "; " : "", diag->text);
        }
        err_set(reterr_why, err, "%s", text.len ? buf_cstr(&text) : err_sentence(err));
        diag_free(problems);
        engine->problems = diag_new("", STR_NONE);
    }
    return err;
}

/* Makes the bound input of a task, or the parameters for a subflow. */
static bool make_input(struct prep *prep, struct run *run, struct task *task, struct buf *out,
                       enum progress *ret_progress)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    const struct plug_part *part = run_data(run)->steps[task->step].part;
    struct buf *given = &prep->engine->scratch_given;
    struct err_text why;

    if (step->target_kind == FLOW_TARGET_FLOW) {
        return evaluate(prep, run, task, step->with, out, ret_progress);
    }
    if (!part) {
        CLEANUP_FREE char *text =
            xasprintf("the plugin with the task \"%.*s\" is gone", STR_ARGS(step->target));

        *ret_progress = fail(prep, "plugin.missing", text);
        return false;
    }
    buf_clear(given);
    if (!evaluate(prep, run, task, step->with, given, ret_progress)) {
        return false;
    }
    if (bind_input(prep->engine, part, (struct val){given->data, given->len}, out, &why) != 0) {
        *ret_progress = fail(prep, "input.invalid", why.text);
        return false;
    }
    return true;
}

/* Asks the evaluator for the content hashes of all file parameters. */
static enum progress ask_for_files(struct prep *prep, const struct run *run,
                                   const struct task *task, struct val input)
{
    const struct plug_part *part = run_data(run)->steps[task->step].part;
    CLEANUP_BUF struct buf jobs = BUF_INIT(PREP_INPUT_MAX);
    size_t place = pack_list_open(&jobs);
    uint32_t count = 0;

    for (uint32_t i = 0; i < part->param_count; i++) {
        struct val value = val_find(input, part->params[i].name);
        struct val_iter iter;
        struct val path;

        if (part->params[i].type != PARAM_FILE || !value.ptr) {
            continue;
        }
        if (val_type(value) == VAL_STR) {
            eval_file_job_pack(&jobs, val_str(value));
            count++;
        } else if (val_type(value) == VAL_LIST) {
            iter = val_iter(value);
            while (val_next(&iter, NULL, &path)) {
                eval_file_job_pack(&jobs, val_str(path));
                count++;
            }
        }
    }
    pack_close(&jobs, place, count);
    prep->job_count = 0;
    return ask_evaluator(prep, run, (struct val){jobs.data, jobs.len}, VAL_NONE);
}

/* The custom cache key's text, or nothing. */
static bool make_key_text(struct prep *prep, struct run *run, struct task *task, struct buf *out,
                          enum progress *ret_progress)
{
    const struct flow_step *step = &run->flow->steps[task->step];
    CLEANUP_BUF struct buf value = BUF_INIT(PREP_INPUT_MAX);

    if (step->cache.mode != FLOW_CACHE_KEY) {
        return true;
    }
    if (!evaluate(prep, run, task, step->cache.key, &value, ret_progress)) {
        return false;
    }
    json_print_text(out, (struct val){value.data, value.len});
    if (buf_err(out)) {
        *ret_progress = fail(prep, "input.cache_key", "the cache key is longer than 1 MiB");
        return false;
    }
    return true;
}

/* What a task run is called if its step says so; false when <ret_progress> says how it goes on. */
static bool make_label(struct prep *prep, struct run *run, struct task *task, struct buf *out,
                       enum progress *ret_progress)
{
    const struct tmpl *name = run->flow->steps[task->step].run_name;
    CLEANUP_BUF struct buf value = BUF_INIT(PREP_INPUT_MAX);

    if (!name) {
        return true;
    }
    if (!evaluate(prep, run, task, name, &value, ret_progress)) {
        return false;
    }
    json_print_text(out, (struct val){value.data, value.len});
    if (buf_err(out) || out->len > LABEL_MAX) {
        *ret_progress = fail(prep, "input.run_name", "`run_name` gave more than 255 bytes");
        return false;
    }
    return true;
}

/* Sends the input, and what the cache had, to core. */
static enum progress send_prepared(struct prep *prep, struct run *run, struct task *task,
                                   struct val input, const char *label, enum cache_answer answer,
                                   const struct hash *key, struct val result)
{
    struct core_event event = event_of(prep, CORE_PREPARED);

    event.prepared.how = answer == CACHE_HIT ? CORE_PREPARED_HIT : CORE_PREPARED_RUN;
    event.prepared.input = input;
    event.prepared.result = result;
    event.prepared.label = label[0] ? label : NULL;
    event.prepared.key = answer == CACHE_HIT || answer == CACHE_MISS ? key : NULL;
    event.prepared.lane = run_data(run)->steps[task->step].lane;
    loop_apply(prep->engine, &event, NULL);
    return DONE;
}

/* Prepares a task or a subflow's stand-in. */
static enum progress prepare_task(struct prep *prep, struct run *run, struct task *task)
{
    struct buf *input = &prep->engine->scratch_input;
    struct buf *result = &prep->engine->scratch_result;
    CLEANUP_BUF struct buf key_text = BUF_INIT(PREP_INPUT_MAX);
    CLEANUP_BUF struct buf label = BUF_INIT(PREP_INPUT_MAX);
    enum progress progress = DONE;
    enum cache_answer answer = CACHE_OFF;
    struct hash key;
    struct val bound;
    int when;

    if (task->map_index >= 0 && !run_data(run)->steps[task->step].offsets &&
        !make_list(prep, run, task, &progress)) {
        return progress; /* a restored run knows its children, not their items */
    }
    when = evaluate_when(prep, run, task, &progress);
    if (when < 0) {
        return progress;
    }
    if (when == 0) {
        struct core_event event = event_of(prep, CORE_PREPARED);

        event.prepared.how = CORE_PREPARED_SKIP;
        loop_apply(prep->engine, &event, NULL);
        return DONE;
    }
    buf_clear(input);
    buf_clear(result);
    if (!make_label(prep, run, task, &label, &progress) ||
        !make_input(prep, run, task, input, &progress)) {
        return progress;
    }
    bound = (struct val){input->data, input->len};
    if (run->flow->steps[task->step].cache.mode != FLOW_CACHE_OFF) {
        if (!make_key_text(prep, run, task, &key_text, &progress)) {
            return progress;
        }
        answer = cache_ask(prep, run, task, bound, buf_str(&key_text), &key, result);
    }
    if (answer == CACHE_FILES) {
        return ask_for_files(prep, run, task, bound);
    }
    if (answer == CACHE_WAIT || answer == CACHE_CHECK) {
        return PARKED;
    }
    return send_prepared(prep, run, task, bound, buf_cstr(&label), answer, &key,
                         (struct val){result->data, result->len});
}
