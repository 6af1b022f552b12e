/*
 * Runs from their rows: what a former engine left behind, and ended runs that are started again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/must.h"
#include "drive/big.h"
#include "drive/flows.h"
#include "drive/loop.h"
#include "drive/mail.h"
#include "drive/records.h"
#include "drive/run_data.h"
#include "drive/submit.h"
#include "model/params.h"
#include "store/key.h"
#include "store/store_read.h"
#include "value/pack.h"

/* Run numbers that a scan collected. */
struct numbers {
    uint64_t *list;
    size_t count;
    size_t cap;
};

/* Adds one. */
static void numbers_add(struct numbers *numbers, uint64_t number)
{
    if (numbers->count == numbers->cap) {
        numbers->cap = numbers->cap ? numbers->cap * 2 : 16;
        numbers->list = xreallocarray(numbers->list, numbers->cap, sizeof(*numbers->list));
    }
    numbers->list[numbers->count++] = number;
}

/* store_visit: collects the run number at the key's beginning. */
static bool collect_number(void *user, struct str key, struct str val)
{
    (void)val;
    numbers_add(user, key_read_u64(key, 0));
    return true;
}

/* Reads a run's row; <bytes> keeps what <ret_row> borrows. */
static int read_row(struct engine *engine, uint64_t number, struct buf *bytes,
                    struct run_row *ret_row, struct err_text *reterr_why)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct store_key key = {0};
    int err = store_read_begin(engine->store, &read);

    key_u64(&key, number);
    if (err == 0) {
        err = store_get(read, STORE_FLOW_RUN, key_str(&key), bytes);
    }
    if (err) {
        return err_set(reterr_why, err, "there is no such flow run any more");
    }
    return record_parse_run(buf_str(bytes), ret_row, reterr_why);
}

/* What restoring tasks needs. */
struct task_reading {
    struct run *run;
    struct store_read *read;
    struct err_text *why;
    int err;
};

/* store_visit: restores one task with its result. */
static bool restore_task(void *user, struct str key, struct str bytes)
{
    struct task_reading *reading = user;
    struct val result = VAL_NONE;
    struct task_row row;
    struct str stored;

    reading->err = record_parse_task(bytes, &row, reading->why);
    if (reading->err == 0 && store_peek(reading->read, STORE_RESULT, key, &stored) == 0) {
        reading->err = val_scan(stored.ptr, stored.len, &val_limits_task, &result, reading->why);
    }
    if (reading->err == 0) {
        reading->err = core_restore_task(reading->run, &row, result, reading->why);
    }
    return reading->err == 0;
}

/* Restores all tasks of a run. */
static int restore_tasks(struct engine *engine, struct run *run, struct err_text *reterr_why)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct task_reading reading = {.run = run, .why = reterr_why};
    struct store_key prefix = {0};
    int err = store_read_begin(engine->store, &read);

    if (err) {
        return err_set(reterr_why, err, "the store can not be read: %s", err_sentence(err));
    }
    key_u64(&prefix, run->number);
    reading.read = read;
    err =
        store_scan(read, STORE_TASK_RUN, key_str(&prefix), STR_NONE, false, restore_task, &reading);
    return reading.err ? reading.err : err;
}

/* Makes the drive's data of a restored run; <renew> binds it to the plugins of today. */
static int restore_data(struct engine *engine, struct run *run, bool renew,
                        struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf params = BUF_INIT(2 * PARAMS_TOTAL_MAX);
    const struct run *parent = run->parent_run ? core_run(engine->core, run->parent_run) : NULL;
    struct pins *pins;
    int err = big_get(engine->blobs, run->params, &params, reterr_why);

    if (err) {
        return err;
    }
    if (run->parent_run && !parent) {
        return err_set(reterr_why, ERR_NOT_FOUND, "the run that called it can not go on");
    }
    if (parent) {
        run_data_new(engine, run, run_data(parent)->pins, &run_data(parent)->root,
                     run_data(parent)->root_number);
    } else {
        err = pins_read(engine, run->number, &pins, reterr_why);
        if (err) {
            return err;
        }
        if (renew) {
            pins_renew_plugins(pins, engine->catalogue);
            pins_write(engine, pins, run->number);
        }
        run_data_new(engine, run, pins, &run->uuid, run->number);
        pins_unref(pins);
    }
    run_data_set_params(run, (struct val){params.data, params.len});
    return 0;
}

/* Drops a run that could not be restored. */
static void drop(struct engine *engine, struct run *run)
{
    uint64_t number = run->number;

    run_data_free(run);
    core_forget(engine->core, number);
}

/* Brings a run back into core, but for the last step. <renew> as above. */
static int restore(struct engine *engine, uint64_t number, bool renew, struct run **ret_run,
                   struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(STORE_VALUE_MAX);
    struct flow *flow = NULL;
    struct run_row row;
    struct run *run;
    int err = read_row(engine, number, &bytes, &row, reterr_why);

    if (err == 0) {
        err = flows_pinned(engine, &row.flow_hash, &flow, reterr_why);
    }
    if (err) {
        return err;
    }
    err = core_restore_begin(engine->core, number, &row, flow_ref(flow), &run, reterr_why);
    if (err) {
        flow_unref(flow);
        return err;
    }
    err = restore_data(engine, run, renew, reterr_why);
    if (err == 0) {
        err = restore_tasks(engine, run, reterr_why);
    }
    if (err) {
        drop(engine, run);
        return err;
    }
    *ret_run = run;
    return 0;
}

/* Lets a restored run go on. */
static int go_on(struct engine *engine, struct run *run, bool reset_failed,
                 struct err_text *reterr_why)
{
    int err = core_restore_end(engine->core, run, reset_failed, engine_wall_us(),
                               &engine->decisions, reterr_why);

    if (err) {
        drop(engine, run);
        return err;
    }
    loop_decisions(engine, &engine->decisions);
    return 0;
}

/* A subflow's run can not go on: the task that called it fails, if it is waiting. */
static void child_lost(struct engine *engine, uint64_t number, const char *text)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(STORE_VALUE_MAX);
    struct core_event event = {.type = CORE_ENDED, .wall_us = engine_wall_us()};
    const struct run *parent;
    struct run_row row;

    if (read_row(engine, number, &bytes, &row, NULL) != 0 || !row.parent_run) {
        return;
    }
    parent = core_run(engine->core, row.parent_run);
    if (!parent || row.parent_task >= parent->task_count ||
        parent->tasks[row.parent_task].child_run != number) {
        return;
    }
    event.run = row.parent_run;
    event.task = row.parent_task;
    event.epoch = parent->tasks[row.parent_task].epoch;
    event.ended.outcome = CORE_OUTCOME_CRASHED;
    event.ended.code = "subflow.lost";
    event.ended.text = text;
    event.ended.retry_after_ms = -1;
    loop_apply(engine, &event, NULL);
}

/* The tags of a row as a run has them; the caller frees the list with its texts. */
static char **tags_of(const struct run_row *row)
{
    char **tags = xcalloc(val_count(row->tags) + 1u, sizeof(*tags));
    struct val_iter iter = val_iter(row->tags);
    struct val tag;

    for (size_t i = 0; val_next(&iter, NULL, &tag); i++) {
        tags[i] = str_dup(val_str(tag));
    }
    return tags;
}

/*
 * Records that a run which can not be taken up has crashed, so that it can be looked at, tried
 * again and deleted. Its tasks' rows stay as they are: that is how far it came.
 */
static void give_up(struct engine *engine, uint64_t number, const char *text)
{
    static const uint8_t empty[] = {0x80};
    CLEANUP_BUF struct buf bytes = BUF_INIT(STORE_VALUE_MAX);
    struct core_error error = {"run.lost", text};
    struct run_data data = {.params = {empty, sizeof(empty)}, .root_number = number};
    struct flow flow = {0};
    struct run_row row;
    struct run run = {.number = number, .flow = &flow, .user = &data, .error = &error};
    struct core_decision decision = {
        .type = CORE_DO_RECORD, .run = &run, .task = CORE_NO_TASK, .to = STATE_CRASHED};

    if (read_row(engine, number, &bytes, &row, NULL) != 0) {
        return; /* nothing is known about it that could be recorded */
    }
    data.root = row.uuid;
    data.workdir = (char[]){""};
    data.workdir_made = true;
    flow.name = row.flow_name;
    run.uuid = row.uuid;
    run.flow_hash = row.flow_hash;
    run.name = str_dup(row.name);
    run.base_dir = str_dup(row.base_dir);
    run.params = row.params;
    run.tags = tags_of(&row);
    run.refresh_cache = row.refresh_cache;
    run.epoch = row.epoch;
    run.depth = row.depth;
    run.parent_run = row.parent_run;
    run.parent_task = row.parent_task;
    run.created_us = row.created_us;
    run.started_us = row.started_us;
    run.ended_us = engine_wall_us();
    run.task_count = row.task_count;
    run.state = STATE_CRASHED;
    decision.from = row.state;
    loop_room(engine);
    records_write(engine, &decision);
    for (char **tag = run.tags; *tag; tag++) {
        free(*tag);
    }
    free(run.tags);
    free(run.base_dir);
    free(run.name);
}

/* Brings back the runs in <numbers>, parents before their subflows, and lets all of them go on. */
static void restore_listed(struct engine *engine, struct numbers *numbers)
{
    struct err_text why;
    struct run *run;

    for (size_t i = 0; i < numbers->count; i++) {
        why = (struct err_text){""};
        if (restore(engine, numbers->list[i], false, &run, &why) != 0) {
            log_line(LOG_ERROR, "engine", "a run that was interrupted can not go on: %s", why.text);
            give_up(engine, numbers->list[i], why.text);
        }
    }
    for (size_t i = 0; i < numbers->count; i++) {
        run = core_run(engine->core, numbers->list[i]);
        why = (struct err_text){""};
        if (run && go_on(engine, run, false, &why) != 0) {
            log_line(LOG_ERROR, "engine", "a run that was interrupted can not go on: %s", why.text);
            give_up(engine, numbers->list[i], why.text);
            run = NULL;
        }
        if (!run) {
            child_lost(engine, numbers->list[i], "the subflow's run could not be taken up again");
        }
    }
}

int submit_restore_all(struct engine *engine, struct err_text *reterr_why)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct numbers numbers = {0};
    int err = store_read_begin(engine->store, &read);

    if (err == 0) {
        err = store_scan(read, STORE_LIVE, STR_NONE, STR_NONE, false, collect_number, &numbers);
    }
    read = store_read_end(read);
    if (err && err != ERR_CORRUPT) {
        free(numbers.list);
        return err_set(reterr_why, err, "the list of live runs can not be read: %s",
                       err_sentence(err));
    }
    restore_listed(engine, &numbers);
    free(numbers.list);
    return 0;
}

void submit_retry(struct engine *engine, struct mail *mail)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(STORE_VALUE_MAX);
    struct run_row row;
    struct run *run = NULL;
    int err = read_row(engine, mail->run, &bytes, &row, mail->why);

    if (err == 0 && !state_terminal(row.state)) {
        err = err_set(mail->why, ERR_CONFLICT, "the run has not ended: it is %s",
                      state_name(row.state));
    }
    if (err == 0 && row.parent_run) {
        err = err_set(mail->why, ERR_CONFLICT,
                      "it is the run of a subflow: retry the run that called it");
    }
    if (err == 0 && state_completed(row.state)) {
        err = err_set(mail->why, ERR_CONFLICT,
                      "the run has completed, so there is nothing to try again");
    }
    if (err == 0) {
        err = catalogue_scan(engine->catalogue, mail->why);
    }
    if (err == 0) {
        submit_forget(engine, mail->run);
        /* With the plugins of today: the reason to try again is often that one was mended. */
        err = restore(engine, mail->run, true, &run, mail->why);
    }
    if (err == 0) {
        err = go_on(engine, run, true, mail->why);
    }
    if (err) {
        mail_reply(engine, mail, err);
        return;
    }
    loop_effect(engine, EFFECT_REPLY, mail->run)->mail = mail;
}

/* store_visit: collects the subflow's run of a task. */
static bool collect_child(void *user, struct str key, struct str bytes)
{
    struct task_row row;

    (void)key;
    if (record_parse_task(bytes, &row, NULL) == 0 && row.child_run) {
        numbers_add(user, row.child_run);
    }
    return true;
}

/* Adds the numbers of all subflows' runs below those in <tree>. */
static void collect_tree(struct engine *engine, struct numbers *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        CLEANUP_STORE_READ struct store_read *read = NULL;
        struct store_key prefix = {0};

        key_u64(&prefix, tree->list[i]);
        if (store_read_begin(engine->store, &read) == 0) {
            store_scan(read, STORE_TASK_RUN, key_str(&prefix), STR_NONE, false, collect_child,
                       tree);
        }
    }
}

/* Removes what a run may have left in its own directory. */
static void remove_workdir(const struct engine *engine, const struct uuid *uuid)
{
    char id[UUID_TEXT_SIZE];
    CLEANUP_FREE char *path = NULL;

    uuid_format(uuid, id);
    path = xasprintf("%s/work/%s", engine->home, id);
    file_remove_tree(path, NULL);
}

void submit_delete(struct engine *engine, struct mail *mail)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(STORE_VALUE_MAX);
    struct numbers tree = {0};
    struct run_row row;
    int err = read_row(engine, mail->run, &bytes, &row, mail->why);

    if (err == 0 && (core_run(engine->core, mail->run) || !state_terminal(row.state))) {
        err = err_set(mail->why, ERR_CONFLICT, "the run has not ended: it is %s; cancel it first",
                      state_name(row.state));
    }
    if (err == 0 && row.parent_run) {
        err = err_set(mail->why, ERR_CONFLICT,
                      "it is the run of a subflow: delete the run that called it");
    }
    if (err) {
        mail_reply(engine, mail, err);
        return;
    }
    numbers_add(&tree, mail->run);
    collect_tree(engine, &tree);
    for (size_t i = tree.count; i-- > 0;) {
        buf_clear(&bytes);
        loop_room(engine); /* what is left after a crash goes with the run itself, which is last */
        if (read_row(engine, tree.list[i], &bytes, &row, NULL) == 0) {
            records_delete(engine, tree.list[i], &row);
            remove_workdir(engine, &row.uuid);
        }
    }
    free(tree.list);
    loop_effect(engine, EFFECT_REPLY, mail->run)->mail = mail;
}
