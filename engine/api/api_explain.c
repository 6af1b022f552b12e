/*
 * Why a task's result was or was not taken from the cache, in one sentence.
 *
 * An entry remembers the parts of its key. A miss is explained by comparing the task's own entry,
 * made when it completed, with the earlier entry of the same step that differs least.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/api_cache.h"
#include "api/api_handlers.h"
#include "api/call.h"
#include "api/find.h"
#include "api/rows.h"
#include "base/clock.h"
#include "store/key.h"
#include "value/pack.h"

enum {
    LOOKED_AT_MAX = 10000, /* earlier entries of a step that are looked at */
    COMPARED_MAX = 100,    /* and those of other runs that are compared */
    PARTS_MAX = 300,       /* parts of a key: parameters of a part and two more */
    NAMED_MAX = 3,         /* differences that the sentence names */
};

/* Two parts of keys that differ; one may be missing. */
struct difference {
    struct str name;
    bool parameter;    /* else the task's type, the plugin, or the text of a custom key */
    struct str before; /* STR_NONE: it was not there */
    struct str now;
};

/* The entry most like the task's own. */
struct nearest {
    bool found;
    struct hash key;
    struct cache_row row;
    struct difference differs[PARTS_MAX];
    uint32_t count;
};

/* What is explained. */
struct question {
    struct api_call *call;
    struct rows rows;
    uint64_t number;
    struct run_row run;
    struct task_row task;
    struct flow *flow; /* borrowed from pinned; NULL: it can not be read */
    const struct flow_step *step;
    struct cache_row own; /* the entry of the task's key */
    bool has_own;

    unsigned looked_at;
    unsigned compared;
    bool any_earlier;    /* the step had entries before */
    int64_t same_key_us; /* when an earlier entry with the same key was made; 0: never */
    struct nearest *nearest;
    char sentence[1024];
};

/* ---- comparing keys ------------------------------------------------------------------------- */

/* One part of a stored key: [name, hash, preview]. */
static bool read_part(struct val part, struct str *ret_name, struct str *ret_hash,
                      struct str *ret_preview)
{
    struct val name = val_at(part, 0);
    struct val hash = val_at(part, 1);
    struct val preview = val_at(part, 2);

    if (!name.ptr || val_type(name) != VAL_STR || !hash.ptr || val_type(hash) != VAL_BIN) {
        return false;
    }
    *ret_name = val_str(name);
    *ret_hash = val_str(hash);
    *ret_preview = preview.ptr && val_type(preview) == VAL_STR ? val_str(preview) : STR("");
    return true;
}

/* The part with <name> of a key; parameters begin at 2, so that one may be called "task". */
static bool find_part(struct val parts, bool parameter, struct str name, struct str *ret_hash,
                      struct str *ret_preview)
{
    struct val_iter iter = val_iter(parts);
    struct str found;
    struct val part;

    for (uint32_t i = 0; val_next(&iter, NULL, &part); i++) {
        if ((i >= 2) == parameter && read_part(part, &found, ret_hash, ret_preview) &&
            str_eq(found, name)) {
            return true;
        }
    }
    return false;
}

/* Notes one difference. */
static void add_difference(struct nearest *nearest, struct str name, bool parameter,
                           struct str before, struct str now)
{
    if (nearest->count < PARTS_MAX) {
        nearest->differs[nearest->count++] =
            (struct difference){.name = name, .parameter = parameter, .before = before, .now = now};
    }
}

/* Lists what differs between two keys. */
static void compare(struct val now, struct val before, struct nearest *nearest)
{
    struct val_iter iter = val_iter(now);
    struct str old_preview;
    struct str old_hash;
    struct str preview;
    struct str hash;
    struct str name;
    struct val part;

    nearest->count = 0;
    for (uint32_t i = 0; val_next(&iter, NULL, &part); i++) {
        if (!read_part(part, &name, &hash, &preview)) {
            continue;
        }
        if (!find_part(before, i >= 2, name, &old_hash, &old_preview)) {
            add_difference(nearest, name, i >= 2, STR_NONE, preview);
        } else if (!str_eq(hash, old_hash)) {
            add_difference(nearest, name, i >= 2, old_preview, preview);
        }
    }
    iter = val_iter(before);
    for (uint32_t i = 0; val_next(&iter, NULL, &part); i++) {
        if (read_part(part, &name, &old_hash, &old_preview) &&
            !find_part(now, i >= 2, name, &hash, &preview)) {
            add_difference(nearest, name, i >= 2, old_preview, STR_NONE);
        }
    }
}

/* How far an entry is from the task's own: differences first, then whether it is another child. */
static uint32_t distance(const struct nearest *candidate, struct str task_name)
{
    return candidate->count * 2 + !str_eq(candidate->row.task_name, task_name);
}

/* Compares an earlier entry and keeps it when it is nearer than the ones before. */
static void consider(struct question *question, const struct hash *key, const struct cache_row *row)
{
    struct nearest *candidate = arena_alloc(&question->call->arena, sizeof(*candidate));

    if (!candidate) {
        return;
    }
    question->compared++;
    candidate->found = true;
    candidate->key = *key;
    candidate->row = *row;
    compare(question->own.parts, row->parts, candidate);
    if (!question->nearest || distance(candidate, question->own.task_name) <
                                  distance(question->nearest, question->own.task_name)) {
        question->nearest = candidate;
    }
}

/* store_visit over CACHE_BY_TASK, newest first: flow, step, time, start of key -> key. */
static bool visit_earlier(void *user, struct str key, struct str val)
{
    struct question *question = user;
    struct cache_row row;
    struct hash hash;
    struct str bytes;

    if (val.len != HASH_SIZE || key.len < 16) {
        return true;
    }
    memcpy(hash.bytes, val.ptr, HASH_SIZE);
    if (memcmp(&hash, &question->task.cache_key, sizeof(hash)) == 0) {
        if (question->same_key_us == 0) {
            question->same_key_us = (int64_t)key_read_u64(key, key.len - 16);
        }
        return true;
    }
    question->looked_at++;
    if (store_peek(question->call->read, STORE_CACHE, MAP_KEY(hash), &bytes) == 0 &&
        cache_row_parse(bytes, &row) == 0 &&
        memcmp(&row.run, &question->run.uuid, sizeof(row.run)) != 0) {
        question->any_earlier = true;
        if (question->has_own) {
            consider(question, &hash, &row);
        }
    }
    return question->looked_at < LOOKED_AT_MAX && question->compared < COMPARED_MAX;
}

/* Looks through the entries that the step had before the task began. */
static void look_back(struct question *question)
{
    const struct task_row *task = &question->task;
    int64_t until = task->started_us ? task->started_us : clock_wall_us(&clock_real);
    struct store_key prefix;
    struct store_key from;

    cache_task_prefix(question->run.flow_name, question->task.step_name, &prefix);
    from = prefix;
    key_u64(&from, (uint64_t)until);
    store_scan(question->call->read, STORE_CACHE_BY_TASK, key_str(&prefix), key_str(&from), true,
               visit_earlier, question);
}

/* ---- sentences ------------------------------------------------------------------------------ */

/* Sets the sentence. */
static void say(struct question *question, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say(struct question *question, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(question->sentence, sizeof(question->sentence), format, args);
    va_end(args);
}

/* One difference in words. */
static void describe(const struct difference *differs, struct buf *out)
{
    bool shown_alike = str_eq(differs->before, differs->now);

    if (!differs->parameter && str_is(differs->name, "plugin")) {
        if (shown_alike) {
            buf_printf(out, "the plugin's file changed (both are version %.*s)",
                       STR_ARGS(differs->now));
        } else {
            buf_printf(out, "the plugin changed (version %.*s -> %.*s)", STR_ARGS(differs->before),
                       STR_ARGS(differs->now));
        }
        return;
    }
    if (!differs->parameter) {
        buf_printf(out, "the %s changed (%.*s -> %.*s)",
                   str_is(differs->name, "task") ? "task" : "key", STR_ARGS(differs->before),
                   STR_ARGS(differs->now));
        return;
    }
    buf_printf(out, "parameter \"%.*s\" ", STR_ARGS(differs->name));
    if (!differs->before.ptr) {
        buf_printf(out, "is new (%.*s)", STR_ARGS(differs->now));
    } else if (!differs->now.ptr) {
        buf_printf(out, "is gone (it was %.*s)", STR_ARGS(differs->before));
    } else if (shown_alike) {
        buf_printf(out, "changed in content (%.*s)", STR_ARGS(differs->now));
    } else {
        buf_printf(out, "changed (%.*s -> %.*s)", STR_ARGS(differs->before),
                   STR_ARGS(differs->now));
    }
}

/* The name of the run with that id, or its id. */
static void run_name(struct question *question, const struct uuid *uuid, char ret_text[260])
{
    struct run_row row;
    uint64_t number;

    uuid_format(uuid, ret_text);
    if (find_run(question->call->read, str_of(ret_text), &number, NULL) == 0 &&
        find_run_row(question->call->read, number, &row, NULL) == 0) {
        snprintf(ret_text, 260, "%.*s", STR_ARGS(row.name));
    }
}

/* A miss although there were earlier entries of the step: what changed. */
static void say_differences(struct question *question)
{
    const struct nearest *nearest = question->nearest;
    CLEANUP_BUF struct buf text = BUF_INIT(4096);
    char time[CLOCK_TEXT_SIZE];
    char name[260];

    for (uint32_t i = 0; i < nearest->count && i < NAMED_MAX; i++) {
        if (i > 0) {
            buf_put_str(&text, i + 1 == nearest->count ? STR(" and ") : STR(", "));
        }
        describe(&nearest->differs[i], &text);
    }
    if (nearest->count > NAMED_MAX) {
        buf_printf(&text, " and %u more changed", nearest->count - NAMED_MAX);
    }
    run_name(question, &nearest->row.run, name);
    clock_format(nearest->row.created_us, time);
    say(question, "miss: %.700s since run %.200s at %s", buf_cstr(&text), name, time);
}

/* A miss with a key: why nothing was found under it. */
static void say_miss(struct question *question)
{
    int64_t ttl_us = question->step ? question->step->cache.ttl_us : 0;
    char time[CLOCK_TEXT_SIZE];
    char ttl[CLOCK_TEXT_SIZE];

    if (question->run.refresh_cache) {
        say(question, "miss: the run was asked to refresh the cache, so it did not look");
        return;
    }
    look_back(question);
    clock_format(question->same_key_us, time);
    if (question->same_key_us && ttl_us && question->task.started_us > question->same_key_us &&
        question->task.started_us - question->same_key_us >= ttl_us) {
        clock_format_duration(ttl_us, ttl);
        say(question, "miss: the entry of %s had expired (it counts for %s)", time, ttl);
    } else if (question->same_key_us) {
        say(question, "miss: the entry of %s had been removed, or its values were damaged", time);
    } else if (question->nearest) {
        say_differences(question);
    } else if (question->any_earlier) {
        say(question, "miss: no earlier result has this key; what differs is known once the step "
                      "has completed");
    } else {
        say(question, "miss: no other run has kept a result of step \"%.*s\"",
            STR_ARGS(question->task.step_name));
    }
}

/* A hit: where the result came from. */
static void say_hit(struct question *question)
{
    char time[CLOCK_TEXT_SIZE];
    char name[260];

    if (!question->has_own) {
        say(question, "hit: the result came from the cache; its entry has been removed since");
        return;
    }
    run_name(question, &question->own.run, name);
    clock_format(question->own.created_us, time);
    say(question, "hit: result of run %.200s from %s", name, time);
}

/* True when the step's part is never cached. */
static bool is_uncacheable(const struct question *question)
{
    const struct plug_part *part = catalogue_part(engine_catalogue(question->call->engine),
                                                  LEAT_KIND_TASK, question->step->target);

    return part && (part->flags & LEAT_PART_NOCACHE);
}

/* No key: why the cache was not asked. */
static void say_off(struct question *question)
{
    const struct flow_step *step = question->step;
    int shown = step ? (int)step->name.len : 0;

    if (!step) {
        say(question, "off: the flow file of the run can not be read any more");
    } else if (step->target_kind == FLOW_TARGET_FLOW) {
        say(question, "off: subflows as a whole are not cached; ask for the steps of the subflow");
    } else if (step->cache.mode == FLOW_CACHE_OFF) {
        say(question, "off: caching is off for step \"%.*s\"; `cache: inputs` turns it on", shown,
            step->name.ptr);
    } else if (is_uncacheable(question)) {
        say(question, "off: task %.*s works by side effect and is never cached",
            STR_ARGS(step->target));
    } else if (step->map && question->task.map_index < 0) {
        say(question, "off: a mapped step is cached child by child; ask for \"%.*s[0]\"", shown,
            step->name.ptr);
    } else if (!state_terminal(question->task.state)) {
        say(question, "off: the step has not begun, so its key is not known yet");
    } else if (question->task.attempt == 0) {
        say(question, "off: the step ended as %s before its key was known",
            state_name(question->task.state));
    } else {
        say(question, "off: an input can not be part of a key (it has a NaN)");
    }
}

/* ---- answering ------------------------------------------------------------------------------ */

/* "nearest": {...} or null. */
static void put_nearest(struct question *question, const struct nearest *nearest)
{
    struct buf *out = question->call->out;
    struct run_row row;
    uint64_t number;
    char id[UUID_TEXT_SIZE];
    bool known;

    pack_cstr(out, "nearest");
    if (!nearest) {
        pack_nil(out);
        return;
    }
    uuid_format(&nearest->row.run, id);
    known = find_run(question->call->read, str_of(id), &number, NULL) == 0 &&
            find_run_row(question->call->read, number, &row, NULL) == 0;
    pack_map(out, 6);
    rows_put_hash(out, "key", &nearest->key);
    rows_put_str(out, "run", str_of(id));
    rows_put_str(out, "run_name", known ? row.name : STR_NONE);
    rows_put_str(out, "task", nearest->row.task_name);
    rows_put_time(out, "created", nearest->row.created_us);
    pack_cstr(out, "differs");
    pack_list(out, nearest->count);
    for (uint32_t i = 0; i < nearest->count; i++) {
        pack_map(out, 3);
        rows_put_str(out, "part", nearest->differs[i].name);
        rows_put_str(out, "before", nearest->differs[i].before);
        rows_put_str(out, "now", nearest->differs[i].now);
    }
}

/* Decides, and writes the answer. */
static void explain(struct question *question)
{
    const struct task_row *task = &question->task;
    const char *answer = "off";
    struct buf *out = question->call->out;

    if (!task->has_cache_key) {
        say_off(question);
    } else if (task->state == STATE_CACHED) {
        answer = "hit";
        say_hit(question);
    } else {
        answer = "miss";
        say_miss(question);
    }
    pack_map(out, 5);
    rows_put_str(out, "answer", str_of(answer));
    rows_put_str(out, "sentence", str_of(question->sentence));
    if (task->has_cache_key) {
        rows_put_hash(out, "key", &task->cache_key);
    } else {
        rows_put_str(out, "key", STR_NONE);
    }
    pack_cstr(out, "entry");
    if (question->has_own) {
        api_cache_put(out, &task->cache_key, &question->own);
    } else {
        pack_nil(out);
    }
    put_nearest(question, question->nearest);
}

/* Finds run, task, flow and entry. */
static int gather(struct question *question)
{
    struct api_call *call = question->call;
    struct str bytes;
    struct str name;
    int32_t index;
    int64_t place;
    int err = call_run(call, &question->number);

    if (err == 0) {
        err = find_run_row(call->read, question->number, &question->run, &call->why);
    }
    if (err) {
        return err;
    }
    pinned_get(call->pinned, call->read, &question->run.flow_hash, &question->flow);
    err = find_task(call->read, question->number, call->target.ids[1], &question->task, &call->why);
    if (err == ERR_NOT_FOUND && question->flow && !state_terminal(question->run.state) &&
        find_split_task(call->target.ids[1], &name, &index) && index < 0) {
        place = flow_find_step(question->flow, name);
        if (place >= 0) {
            question->task = rows_pending(name, (uint32_t)place, -1);
            err = 0;
        }
    }
    if (err) {
        return err;
    }
    if (question->flow && question->task.step < question->flow->step_count) {
        question->step = &question->flow->steps[question->task.step];
    }
    question->has_own =
        question->task.has_cache_key &&
        store_peek(call->read, STORE_CACHE, MAP_KEY(question->task.cache_key), &bytes) == 0 &&
        cache_row_parse(bytes, &question->own) == 0;
    return 0;
}

int api_explain_cache(struct api_call *call)
{
    struct question question = {.call = call};
    int err = gather(&question);

    if (err == 0) {
        explain(&question);
    }
    pinned_put(call->pinned, question.flow);
    return err;
}
