/*
 * See news.h.
 */
#include "drive/news.h"

#include <math.h>

#include "drive/logs.h"
#include "drive/loop.h"
#include "drive/run_data.h"
#include "value/pack.h"

enum { MAP_NEWS_US = 50 * 1000 };

/* True when somebody follows the tree of <run>. */
static bool wanted(const struct engine *engine, const struct run *run)
{
    return run->user && hub_wanted(engine->hub, &run_data(run)->root);
}

/* A key with an id as text. */
static void put_uuid(struct buf *out, const char *key, const struct uuid *uuid)
{
    char text[UUID_TEXT_SIZE];

    uuid_format(uuid, text);
    pack_cstr(out, key);
    pack_cstr(out, text);
}

/* "state": {"type", "name"} */
static void put_state(struct buf *out, enum state state)
{
    pack_cstr(out, "state");
    pack_map(out, 2);
    pack_cstr(out, "type");
    pack_cstr(out, state_type_name(state_type(state)));
    pack_cstr(out, "name");
    pack_cstr(out, state_name(state));
}

/* A key with a text. */
static void put_text(struct buf *out, const char *key, const char *text)
{
    pack_cstr(out, key);
    pack_text(out, str_of(text));
}

/* A key with a number. */
static void put_int(struct buf *out, const char *key, int64_t number)
{
    pack_cstr(out, key);
    pack_int(out, number);
}

/* "code" and "text" of an error, if there is one; returns how many members that is. */
static uint32_t put_error(struct buf *out, const struct core_error *error)
{
    if (!error) {
        return 0;
    }
    put_text(out, "code", error->code);
    put_text(out, "text", error->text);
    return 2;
}

void news_run(struct engine *engine, const struct run *run, enum state to)
{
    const struct run *parent;
    size_t offset;
    size_t place;
    struct buf *out;
    uint32_t count = 6;

    if (!wanted(engine, run)) {
        return;
    }
    out = loop_news_begin(engine, &offset);
    place = pack_map_open(out);
    put_text(out, "type", "flow_run");
    put_uuid(out, "run", &run->uuid);
    put_text(out, "name", run->name);
    pack_cstr(out, "flow");
    pack_text(out, run->flow->name);
    put_state(out, to);
    put_int(out, "time", state_terminal(to) ? run->ended_us : engine_wall_us());
    parent = run->parent_run ? core_run(engine->core, run->parent_run) : NULL;
    if (parent) {
        char name[CORE_TASK_NAME_SIZE];

        core_task_name(parent, &parent->tasks[run->parent_task], name);
        put_uuid(out, "parent", &parent->uuid);
        put_text(out, "parent_task", name);
        count += 2;
    }
    count += put_error(out, run->error);
    pack_close(out, place, count);
    loop_news_end(engine, run->number, offset);
}

/* News about a mapped step as a whole. */
static void news_map(struct engine *engine, const struct run *run, uint32_t index)
{
    const struct run_step *step = &run->steps[index];
    struct step_data *data = &run_data(run)->steps[index];
    char name[CORE_TASK_NAME_SIZE];
    size_t offset;
    struct buf *out;

    core_task_name(run, &run->tasks[index], name);
    out = loop_news_begin(engine, &offset);
    pack_map(out, 7);
    put_text(out, "type", "map");
    put_uuid(out, "run", &run->uuid);
    put_text(out, "task", name);
    put_int(out, "total", step->child_count);
    put_int(out, "done", step->children_done);
    put_int(out, "running", data->running);
    put_int(out, "bad", step->children_bad);
    loop_news_end(engine, run->number, offset);
}

/* Counts a child of a mapped step and tells about the step now and then. */
static void child_moved(struct engine *engine, const struct run *run, const struct task *task,
                        enum state from, enum state to)
{
    struct step_data *data = &run_data(run)->steps[task->step];
    int64_t now = engine_wall_us();

    if (state_running(to)) {
        data->running++;
    } else if (state_running(from) && data->running > 0) {
        data->running--;
    }
    if (now - data->told_us >= MAP_NEWS_US ||
        run->steps[task->step].children_done == run->steps[task->step].child_count) {
        data->told_us = now;
        news_map(engine, run, task->step);
    }
}

void news_task(struct engine *engine, const struct run *run, const struct task *task,
               enum state from, enum state to)
{
    const struct run *child;
    char name[CORE_TASK_NAME_SIZE];
    uint32_t count = 7;
    size_t offset;
    size_t place;
    struct buf *out;

    if (!wanted(engine, run)) {
        return;
    }
    if (task->map_index >= 0) {
        child_moved(engine, run, task, from, to);
        if (!state_terminal(to) || state_completed(to)) {
            return;
        }
    }
    core_task_name(run, task, name);
    out = loop_news_begin(engine, &offset);
    place = pack_map_open(out);
    put_text(out, "type", "task_run");
    put_uuid(out, "run", &run->uuid);
    put_text(out, "task", name);
    pack_cstr(out, "step");
    pack_text(out, run->flow->steps[task->step].name);
    put_state(out, to);
    put_int(out, "time", engine_wall_us());
    put_int(out, "attempt", task->attempt);
    if (state_terminal(to) && task->started_us) {
        put_int(out, "duration_us", task->ended_us - task->started_us);
        count++;
    }
    if (to == STATE_AWAITING_RETRY) {
        put_int(out, "retry_us", task->due_us - engine_wall_us());
        count++;
    }
    child = task->child_run ? core_run(engine->core, task->child_run) : NULL;
    if (child) {
        put_uuid(out, "child", &child->uuid);
        count++;
    }
    if (to == STATE_AWAITING_RETRY || (state_terminal(to) && !state_completed(to))) {
        count += put_error(out, task->error); /* later attempts still know the earlier error */
    }
    pack_close(out, place, count);
    loop_news_end(engine, run->number, offset);
}

/* Publishes what was encoded in the engine's scratch bytes. */
static void publish_now(struct engine *engine, const struct uuid *root)
{
    if (buf_err(&engine->scratch_row) == 0) {
        hub_publish(engine->hub, root, buf_str(&engine->scratch_row));
        hub_flush(engine->hub);
    }
}

void news_progress(struct engine *engine, const struct run *run, const struct task *task,
                   double fraction, struct str text)
{
    struct buf *out = &engine->scratch_row;
    char name[CORE_TASK_NAME_SIZE];

    if (!wanted(engine, run)) {
        return;
    }
    core_task_name(run, task, name);
    buf_clear(out);
    pack_map(out, text.len ? 5 : 4);
    put_text(out, "type", "progress");
    put_uuid(out, "run", &run->uuid);
    put_text(out, "task", name);
    pack_cstr(out, "fraction");
    if (isnan(fraction)) {
        pack_nil(out);
    } else {
        pack_float(out, fraction);
    }
    if (text.len) {
        pack_cstr(out, "text");
        pack_text(out, text);
    }
    publish_now(engine, &run_data(run)->root);
}

void news_log(struct engine *engine, const struct log_place *place, int32_t level,
              const char *stream, int64_t wall_us, struct str text)
{
    struct buf *out = &engine->scratch_row;

    if (!hub_wanted(engine->hub, place->root)) {
        return;
    }
    buf_clear(out);
    pack_map(out, place->task_name ? 7 : 6);
    put_text(out, "type", "log");
    put_uuid(out, "run", place->run_id);
    put_int(out, "level", level);
    put_text(out, "stream", stream);
    put_int(out, "time", wall_us);
    pack_cstr(out, "text");
    pack_text(out, text);
    if (place->task_name) {
        put_text(out, "task", place->task_name);
    }
    publish_now(engine, place->root);
}

void news_publish(struct engine *engine, uint64_t number, struct str value)
{
    const struct run *run = core_run(engine->core, number);

    if (run && run->user) {
        hub_publish(engine->hub, &run_data(run)->root, value);
    }
}
