/*
 * Rows and journal entries as msgpack lists; see record.h.
 *
 *   run      [1, uuid, name, flow, flow hash, state, kill state, epoch, depth, created, started,
 *             ended, parent run, parent task, tasks, refresh, base dir, tags, params, [result],
 *             [code, text]]
 *   task     [1, index, step, step name, map index, state, kill state, attempt, free attempts,
 *             epoch, started, ended, due, child run, first child, children, [cache key],
 *             [code, text]]
 *   journal  [1, time, run, task, attempt, epoch, from, to, [code, text]]
 *
 * Lists in brackets are empty when there is no such thing.
 */
#include "core/record.h"

#include <string.h>

#include "base/must.h"
#include "core/core.h"
#include "value/pack.h"

enum { RUN_MEMBERS = 21, TASK_MEMBERS = 19, JOURNAL_MEMBERS = 9 };

/* Far more than a row can have: parameters are limited to 512 KiB, larger results are blobs. */
static const struct val_limits row_limits = {
    .bytes_max = (size_t)4 << 20, .nodes_max = 1000000, .depth_max = VAL_DEPTH_MAX + 2};
/* Attempts are counted in memory; no honest row has more. */
static const uint32_t attempts_max = 1000000000;

/* ---- writing ------------------------------------------------------------------------------ */

/* [code, text] or []. */
static void pack_error(struct buf *out, struct str code, struct str text)
{
    if (!code.ptr) {
        pack_list(out, 0);
        return;
    }
    pack_list(out, 2);
    pack_text(out, code);
    pack_text(out, text);
}

/* The same for an error in memory. */
static void pack_core_error(struct buf *out, const struct core_error *error)
{
    struct str code = error ? str_of(error->code) : STR_NONE;
    struct str text = error ? str_of(error->text) : STR_NONE;
    pack_error(out, code, text);
}

/* [value] or []. */
static void pack_optional(struct buf *out, struct val value)
{
    pack_list(out, value.ptr ? 1 : 0);
    if (value.ptr) {
        pack_val(out, value);
    }
}

/* A NULL-terminated list of strings. */
static void pack_tags(struct buf *out, char *const *tags)
{
    uint32_t count = 0;
    while (tags[count]) {
        count++;
    }
    pack_list(out, count);
    for (uint32_t index = 0; index < count; index++) {
        pack_text(out, str_of(tags[index]));
    }
}

void record_run(const struct run *run, struct buf *out)
{
    pack_list(out, RUN_MEMBERS);
    pack_uint(out, RECORD_VERSION);
    pack_bin(out, run->uuid.bytes, UUID_SIZE);
    pack_text(out, str_of(run->name));
    pack_str(out, run->flow->name);
    pack_bin(out, run->flow_hash.bytes, HASH_SIZE);
    pack_uint(out, run->state);
    pack_uint(out, run->kill_state);
    pack_uint(out, run->epoch);
    pack_uint(out, run->depth);
    pack_int(out, run->created_us);
    pack_int(out, run->started_us);
    pack_int(out, run->ended_us);
    pack_uint(out, run->parent_run);
    pack_uint(out, run->parent_task);
    pack_uint(out, run->task_count);
    pack_bool(out, run->refresh_cache);
    pack_text(out, str_of(run->base_dir));
    pack_tags(out, run->tags);
    if (run->params.ptr) {
        pack_val(out, run->params);
    } else {
        pack_map(out, 0);
    }
    pack_optional(out, run->result);
    pack_core_error(out, run->error);
}

void record_task(const struct run *run, const struct task *task, struct buf *out)
{
    const struct run_step *map = core_task_is_map(run, task) ? &run->steps[task->step] : NULL;
    pack_list(out, TASK_MEMBERS);
    pack_uint(out, RECORD_VERSION);
    pack_uint(out, task->index);
    pack_uint(out, task->step);
    pack_str(out, run->flow->steps[task->step].name);
    pack_int(out, task->map_index);
    pack_uint(out, task->state);
    pack_uint(out, task->kill_state);
    pack_uint(out, task->attempt);
    pack_uint(out, task->attempt_free);
    pack_uint(out, task->epoch);
    pack_int(out, task->started_us);
    pack_int(out, task->ended_us);
    pack_int(out, task->due_us);
    pack_uint(out, task->child_run);
    pack_uint(out, map ? map->first_child : 0);
    pack_uint(out, map ? map->child_count : 0);
    pack_str(out, str_of(task->label ? task->label : ""));
    pack_list(out, task->has_cache_key ? 1 : 0);
    if (task->has_cache_key) {
        pack_bin(out, task->cache_key.bytes, HASH_SIZE);
    }
    pack_core_error(out, task->error);
}

void record_journal(const struct journal_row *row, struct buf *out)
{
    pack_list(out, JOURNAL_MEMBERS);
    pack_uint(out, RECORD_VERSION);
    pack_int(out, row->wall_us);
    pack_uint(out, row->run);
    pack_uint(out, row->task);
    pack_uint(out, row->attempt);
    pack_uint(out, row->epoch);
    pack_uint(out, row->from);
    pack_uint(out, row->to);
    pack_error(out, row->code, row->text);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Walks the members of a row. The first member that does not fit makes all later ones fail. */
struct cursor {
    struct val_iter iter;
    uint32_t member; /* number of the one read last, from 1 */
    bool damaged;
};

/* The next member, or nil when there is something wrong. */
static struct val take(struct cursor *cursor)
{
    static const uint8_t nil[] = {0xC0};
    struct val member = {nil, sizeof nil};
    if (!cursor->damaged) {
        cursor->member++;
        cursor->damaged = !val_next(&cursor->iter, NULL, &member);
    }
    return member;
}

/* A number from 0 to <max>. */
static uint64_t take_uint(struct cursor *cursor, uint64_t max)
{
    struct val member = take(cursor);
    enum val_type type = val_type(member);
    bool fits = (type == VAL_INT && val_int(member) >= 0) || type == VAL_UINT;
    uint64_t number = fits ? val_uint(member) : 0;
    if (!fits || number > max) {
        cursor->damaged = true;
        return 0;
    }
    return number;
}

/* The same for 32 bits. */
static uint32_t take_u32(struct cursor *cursor)
{
    return (uint32_t)take_uint(cursor, UINT32_MAX);
}

/* A number of at least <min>. */
static int64_t take_int(struct cursor *cursor, int64_t min)
{
    struct val member = take(cursor);
    if (val_type(member) != VAL_INT || val_int(member) < min) {
        cursor->damaged = true;
        return 0;
    }
    return val_int(member);
}

/* A state; STATE_NONE only if <none_ok>. */
static enum state take_state(struct cursor *cursor, bool none_ok)
{
    uint64_t number = take_uint(cursor, UINT8_MAX);
    if (!state_known(number) && !(none_ok && number == STATE_NONE)) {
        cursor->damaged = true;
        return STATE_NONE;
    }
    return (enum state)number;
}

/* A string without NUL. */
static struct str take_str(struct cursor *cursor)
{
    struct val member = take(cursor);
    if (val_type(member) != VAL_STR) {
        cursor->damaged = true;
        return STR_NONE;
    }
    struct str text = val_str(member);
    if (text.len > 0 && memchr(text.ptr, 0, text.len)) {
        cursor->damaged = true;
    }
    return text;
}

/* A truth value. */
static bool take_bool(struct cursor *cursor)
{
    struct val member = take(cursor);
    if (val_type(member) != VAL_BOOL) {
        cursor->damaged = true;
        return false;
    }
    return val_bool(member);
}

/* <size> bytes into <ret_bytes>. */
static void take_bytes(struct cursor *cursor, uint8_t *ret_bytes, size_t size)
{
    struct val member = take(cursor);
    if (val_type(member) != VAL_BIN || val_str(member).len != size) {
        cursor->damaged = true;
        return;
    }
    memcpy(ret_bytes, val_str(member).ptr, size);
}

/* The members of a list of 0 or <count> members, the way of all optional things. */
static struct cursor take_optional(struct cursor *cursor, uint32_t count, bool *ret_present)
{
    struct val member = take(cursor);
    struct cursor inner = {.damaged = true};
    *ret_present = false;
    bool list = val_type(member) == VAL_LIST;
    if (!list || (val_count(member) != 0 && val_count(member) != count)) {
        cursor->damaged = true;
        return inner;
    }
    *ret_present = val_count(member) == count;
    inner.damaged = false;
    inner.iter = val_iter(member);
    return inner;
}

/* [code, text] or []. */
static void take_error(struct cursor *cursor, struct str *ret_code, struct str *ret_text)
{
    bool present = false;
    struct cursor inner = take_optional(cursor, 2, &present);
    *ret_code = STR_NONE;
    *ret_text = STR_NONE;
    if (present) {
        *ret_code = take_str(&inner);
        *ret_text = take_str(&inner);
        cursor->damaged = cursor->damaged || inner.damaged;
    }
}

/* A list of strings, few enough. */
static struct val take_tags(struct cursor *cursor)
{
    struct val member = take(cursor);
    if (val_type(member) != VAL_LIST || val_count(member) > CORE_TAGS_MAX) {
        cursor->damaged = true;
        return VAL_NONE;
    }
    struct cursor inner = {.iter = val_iter(member)};
    for (uint32_t index = 0; index < val_count(member); index++) {
        take_str(&inner);
    }
    cursor->damaged = cursor->damaged || inner.damaged;
    return member;
}

/* A map, or a reference to a blob that holds one. */
static struct val take_params(struct cursor *cursor)
{
    struct val member = take(cursor);
    enum val_type type = val_type(member);
    cursor->damaged = cursor->damaged || (type != VAL_MAP && type != VAL_BLOB);
    return member;
}

/* Checks the whole row <bytes> of a <what> and begins to read behind its version. */
static int open_row(struct str bytes, const char *what, uint32_t members, struct cursor *ret_cursor,
                    struct err_text *reterr_why)
{
    struct val row = VAL_NONE;
    struct err_text why;
    int err = val_scan(bytes.ptr ? bytes.ptr : "", bytes.len, &row_limits, &row, &why);
    if (err == ERR_MEMORY) {
        return err_set(reterr_why, err, "A stored %s could not be read: out of memory.", what);
    }
    if (err) {
        return err_set(reterr_why, ERR_CORRUPT, "A stored %s is damaged: %s", what, why.text);
    }
    if (row.len != bytes.len || val_type(row) != VAL_LIST || val_count(row) == 0) {
        return err_set(reterr_why, ERR_CORRUPT, "A stored %s is damaged: it is not one list.",
                       what);
    }
    struct cursor cursor = {.iter = val_iter(row)};
    uint64_t version = take_uint(&cursor, UINT32_MAX);
    if (!cursor.damaged && version > RECORD_VERSION) {
        return err_set(reterr_why, ERR_STORE_SCHEMA,
                       "A stored %s has version %u; this program knows versions up to %d. Use the "
                       "program that wrote it or a later one.",
                       what, (unsigned)version, RECORD_VERSION);
    }
    if (cursor.damaged || version != RECORD_VERSION || val_count(row) != members) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "A stored %s is damaged: it has %u members instead of %u, or no version.",
                       what, (unsigned)val_count(row), (unsigned)members);
    }
    *ret_cursor = cursor;
    return 0;
}

/* What the cursor has found out, once all has been read. */
static int close_row(const struct cursor *cursor, const char *what, struct err_text *reterr_why)
{
    if (cursor->damaged) {
        return err_set(reterr_why, ERR_CORRUPT, "A stored %s is damaged at member %u.", what,
                       (unsigned)cursor->member);
    }
    return 0;
}

int record_parse_run(struct str bytes, struct run_row *ret_row, struct err_text *reterr_why)
{
    struct cursor cursor;
    int err = open_row(bytes, "flow run", RUN_MEMBERS, &cursor, reterr_why);
    if (err) {
        return err;
    }
    struct run_row row = {0};
    take_bytes(&cursor, row.uuid.bytes, UUID_SIZE);
    row.name = take_str(&cursor);
    row.flow_name = take_str(&cursor);
    take_bytes(&cursor, row.flow_hash.bytes, HASH_SIZE);
    row.state = take_state(&cursor, false);
    row.kill_state = take_state(&cursor, true);
    row.epoch = take_u32(&cursor);
    row.depth = (uint32_t)take_uint(&cursor, CORE_SUBFLOW_DEPTH_MAX);
    row.created_us = take_int(&cursor, 0);
    row.started_us = take_int(&cursor, 0);
    row.ended_us = take_int(&cursor, 0);
    row.parent_run = take_uint(&cursor, UINT64_MAX);
    row.parent_task = take_u32(&cursor);
    row.task_count = (uint32_t)take_uint(&cursor, CORE_TASKS_MAX);
    row.refresh_cache = take_bool(&cursor);
    row.base_dir = take_str(&cursor);
    row.tags = take_tags(&cursor);
    row.params = take_params(&cursor);
    bool present = false;
    struct cursor result = take_optional(&cursor, 1, &present);
    row.result = present ? take(&result) : VAL_NONE;
    take_error(&cursor, &row.error_code, &row.error_text);
    err = close_row(&cursor, "flow run", reterr_why);
    if (!err) {
        *ret_row = row;
    }
    return err;
}

int record_parse_task(struct str bytes, struct task_row *ret_row, struct err_text *reterr_why)
{
    struct cursor cursor;
    int err = open_row(bytes, "task run", TASK_MEMBERS, &cursor, reterr_why);
    if (err) {
        return err;
    }
    struct task_row row = {0};
    row.index = (uint32_t)take_uint(&cursor, CORE_TASKS_MAX - 1);
    row.step = (uint32_t)take_uint(&cursor, FLOW_STEPS_MAX - 1);
    row.step_name = take_str(&cursor);
    int64_t map_index = take_int(&cursor, -1);
    cursor.damaged = cursor.damaged || map_index >= FLOW_MAP_MAX;
    row.map_index = cursor.damaged ? -1 : (int32_t)map_index;
    row.state = take_state(&cursor, false);
    row.kill_state = take_state(&cursor, true);
    row.attempt = (uint32_t)take_uint(&cursor, attempts_max);
    row.attempt_free = (uint32_t)take_uint(&cursor, row.attempt);
    row.epoch = take_u32(&cursor);
    row.started_us = take_int(&cursor, 0);
    row.ended_us = take_int(&cursor, 0);
    row.due_us = take_int(&cursor, 0);
    row.child_run = take_uint(&cursor, UINT64_MAX);
    row.first_child = (uint32_t)take_uint(&cursor, CORE_TASKS_MAX);
    row.child_count = (uint32_t)take_uint(&cursor, FLOW_MAP_MAX);
    row.label = take_str(&cursor);
    struct cursor key = take_optional(&cursor, 1, &row.has_cache_key);
    if (row.has_cache_key) {
        take_bytes(&key, row.cache_key.bytes, HASH_SIZE);
        cursor.damaged = cursor.damaged || key.damaged;
    }
    take_error(&cursor, &row.error_code, &row.error_text);
    err = close_row(&cursor, "task run", reterr_why);
    if (!err) {
        *ret_row = row;
    }
    return err;
}

int record_parse_journal(struct str bytes, struct journal_row *ret_row, struct err_text *reterr_why)
{
    struct cursor cursor;
    int err = open_row(bytes, "journal entry", JOURNAL_MEMBERS, &cursor, reterr_why);
    if (err) {
        return err;
    }
    struct journal_row row = {0};
    row.wall_us = take_int(&cursor, 0);
    row.run = take_uint(&cursor, UINT64_MAX);
    row.task = take_u32(&cursor);
    row.attempt = take_u32(&cursor);
    row.epoch = take_u32(&cursor);
    row.from = take_state(&cursor, true);
    row.to = take_state(&cursor, false);
    take_error(&cursor, &row.code, &row.text);
    err = close_row(&cursor, "journal entry", reterr_why);
    if (!err) {
        *ret_row = row;
    }
    return err;
}
