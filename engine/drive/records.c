/*
 * See records.h. Rows say what is true now and are rewritten; the journal says what happened and is
 * only appended to.
 */
#include "drive/records.h"

#include <string.h>

#include "base/must.h"
#include "drive/cache.h"
#include "drive/loop.h"
#include "drive/news.h"
#include "drive/outbox.h"
#include "drive/run_data.h"
#include "drive/timers.h"
#include "store/key.h"
#include "store/store_log.h"
#include "value/pack.h"

/* The key of a run's row. */
static struct store_key run_key(uint64_t number)
{
    struct store_key key = {0};

    key_u64(&key, number);
    return key;
}

/* The key "text, run". */
static struct store_key text_key(struct str text, uint64_t number)
{
    struct store_key key = {0};

    key_text(&key, text);
    key_u64(&key, number);
    return key;
}

/* The key "state, run". */
static struct store_key state_key(enum state state, uint64_t number)
{
    struct store_key key = {0};

    key_u8(&key, (uint8_t)state);
    key_u64(&key, number);
    return key;
}

/* Appends the journal entry. */
static void write_journal(struct engine *engine, const struct core_decision *decision,
                          const struct task *task, int64_t wall_us)
{
    const struct core_error *error = task ? task->error : decision->run->error;
    struct journal_row row = {.wall_us = wall_us,
                              .run = decision->run->number,
                              .task = decision->task,
                              .attempt = task ? task->attempt : 0,
                              .epoch = task ? task->epoch : decision->run->epoch,
                              .from = decision->from,
                              .to = decision->to};
    struct buf *bytes = &engine->scratch_row;

    if (error) {
        row.code = str_of(error->code);
        row.text = str_of(error->text);
    }
    buf_clear(bytes);
    record_journal(&row, bytes);
    store_batch_journal(loop_batch(engine), buf_str(bytes));
}

/* Writes the ways to find a new run. */
static void write_new_run(struct engine *engine, const struct run *run)
{
    struct store_batch *batch = loop_batch(engine);
    struct store_key key = run_key(run->number);
    struct str uuid = {(const char *)run->uuid.bytes, UUID_SIZE};
    struct store_key by;

    store_batch_put(batch, STORE_BY_ID, uuid, key_str(&key));
    store_batch_put(batch, STORE_LIVE, key_str(&key), STR_NONE);
    by = text_key(str_of(run->name), run->number);
    store_batch_put(batch, STORE_BY_NAME, key_str(&by), STR_NONE);
    by = text_key(run->flow->name, run->number);
    store_batch_put(batch, STORE_BY_FLOW, key_str(&by), STR_NONE);
    for (char **tag = run->tags; tag && *tag; tag++) {
        by = text_key(str_of(*tag), run->number);
        store_batch_put(batch, STORE_BY_TAG, key_str(&by), STR_NONE);
    }
}

/* Writes a flow run's transition. */
static void write_run(struct engine *engine, const struct core_decision *decision)
{
    const struct run *run = decision->run;
    struct buf *bytes = &engine->scratch_row;
    struct store_key key = run_key(run->number);
    struct store_key by;

    if (decision->from == STATE_NONE) {
        write_new_run(engine, run);
    } else {
        by = state_key(decision->from, run->number);
        store_batch_del(loop_batch(engine), STORE_BY_STATE, key_str(&by));
    }
    by = state_key(decision->to, run->number);
    store_batch_put(loop_batch(engine), STORE_BY_STATE, key_str(&by), STR_NONE);
    if (state_terminal(decision->to)) {
        store_batch_del(loop_batch(engine), STORE_LIVE, key_str(&key));
    } else if (decision->from != STATE_NONE && state_terminal(decision->from)) {
        store_batch_put(loop_batch(engine), STORE_LIVE, key_str(&key), STR_NONE);
    }
    buf_clear(bytes);
    record_run(run, bytes);
    store_batch_put(loop_batch(engine), STORE_FLOW_RUN, key_str(&key), buf_str(bytes));
    news_run(engine, run, decision->to);
    outbox_match_settings(engine, decision->run, decision->to);
}

/* Writes a task run's transition. */
static void write_task(struct engine *engine, const struct core_decision *decision,
                       const struct task *task)
{
    const struct run *run = decision->run;
    struct buf *bytes = &engine->scratch_row;
    struct store_key key = run_key(run->number);

    key_u32(&key, task->index);
    buf_clear(bytes);
    record_task(run, task, bytes);
    store_batch_put(loop_batch(engine), STORE_TASK_RUN, key_str(&key), buf_str(bytes));
    if (state_completed(decision->to) && task->result.ptr) {
        store_batch_put(loop_batch(engine), STORE_RESULT, key_str(&key),
                        (struct str){(const char *)task->result.ptr, task->result.len});
    }
    if (state_terminal(decision->to)) {
        cache_task_over(engine, run, task);
        timers_task_over(engine, run->number, task->index);
    }
    news_task(engine, run, task, decision->from, decision->to);
}

void records_write(struct engine *engine, const struct core_decision *decision)
{
    const struct task *task =
        decision->task == CORE_NO_TASK ? NULL : &decision->run->tasks[decision->task];

    write_journal(engine, decision, task, engine_wall_us());
    if (task) {
        write_task(engine, decision, task);
    } else {
        write_run(engine, decision);
    }
}

void records_delete(struct engine *engine, uint64_t number, const struct run_row *row)
{
    struct store_batch *batch = loop_batch(engine);
    struct store_key key = run_key(number);
    struct store_key by;
    struct val_iter iter;
    struct val tag;

    store_batch_del_prefix(batch, STORE_TASK_RUN, key_str(&key));
    store_batch_del_prefix(batch, STORE_RESULT, key_str(&key));
    store_batch_del_prefix(batch, STORE_PIN, key_str(&key));
    store_batch_del(batch, STORE_FLOW_RUN, key_str(&key));
    store_batch_del(batch, STORE_LIVE, key_str(&key));
    store_batch_del(batch, STORE_BY_ID, (struct str){(const char *)row->uuid.bytes, UUID_SIZE});
    by = text_key(row->name, number);
    store_batch_del(batch, STORE_BY_NAME, key_str(&by));
    by = text_key(row->flow_name, number);
    store_batch_del(batch, STORE_BY_FLOW, key_str(&by));
    by = state_key(row->state, number);
    store_batch_del(batch, STORE_BY_STATE, key_str(&by));
    iter = val_iter(row->tags);
    while (val_next(&iter, NULL, &tag)) {
        by = text_key(val_str(tag), number);
        store_batch_del(batch, STORE_BY_TAG, key_str(&by));
    }
    store_log_delete(engine->store, number);
}
