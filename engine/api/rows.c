/*
 * See rows.h.
 */
#include "api/rows.h"

#include <stdio.h>
#include <string.h>

#include "api/find.h"
#include "base/clock.h"
#include "store/key.h"
#include "value/pack.h"

#define MASKED "***"

/* ---- states --------------------------------------------------------------------------------- */

struct rows_state rows_state_of(struct str text)
{
    struct rows_state wanted = {.all = text.ptr == NULL, .state = STATE_NONE};

    if (!wanted.all) {
        wanted.type = state_type_parse(text);
        wanted.state = wanted.type == STATE_TYPE_NONE ? state_parse(text) : STATE_NONE;
    }
    return wanted;
}

bool rows_state_fits(const struct rows_state *wanted, enum state state)
{
    if (wanted->all) {
        return true;
    }
    return wanted->state == STATE_NONE ? state_type(state) == wanted->type : state == wanted->state;
}

/* ---- members -------------------------------------------------------------------------------- */

void rows_put_str(struct buf *out, const char *key, struct str text)
{
    pack_cstr(out, key);
    if (text.ptr) {
        pack_text(out, text);
    } else {
        pack_nil(out);
    }
}

void rows_put_time(struct buf *out, const char *key, int64_t wall_us)
{
    char text[CLOCK_TEXT_SIZE];

    if (wall_us != 0) {
        clock_format(wall_us, text);
    }
    rows_put_str(out, key, wall_us != 0 ? str_of(text) : STR_NONE);
}

void rows_put_int(struct buf *out, const char *key, int64_t number)
{
    pack_cstr(out, key);
    pack_int(out, number);
}

void rows_put_uuid(struct buf *out, const char *key, const struct uuid *uuid)
{
    char text[UUID_TEXT_SIZE];

    uuid_format(uuid, text);
    rows_put_str(out, key, str_of(text));
}

void rows_put_hash(struct buf *out, const char *key, const struct hash *hash)
{
    char text[HASH_TEXT_SIZE];

    hash_format(hash, text);
    rows_put_str(out, key, str_of(text));
}

void rows_put_state(struct buf *out, enum state state)
{
    pack_cstr(out, "state");
    pack_map(out, 2);
    rows_put_str(out, "type", str_of(state_type_name(state_type(state))));
    rows_put_str(out, "name", str_of(state_name(state)));
}

/* "duration_ms": null while there is no end. */
static void put_duration(struct buf *out, int64_t started_us, int64_t ended_us)
{
    pack_cstr(out, "duration_ms");
    if (started_us == 0 || ended_us == 0) {
        pack_nil(out);
        return;
    }
    pack_float(out, (double)(ended_us - started_us) / 1000.0);
}

/* "error": null, or {"code", "text"}. */
static void put_error(struct buf *out, struct str code, struct str text)
{
    pack_cstr(out, "error");
    if (!code.ptr) {
        pack_nil(out);
        return;
    }
    pack_map(out, 2);
    rows_put_str(out, "code", code);
    rows_put_str(out, "text", text.ptr ? text : STR(""));
}

/* ---- flow runs ------------------------------------------------------------------------------ */

void rows_run_id(const struct rows *rows, uint64_t number, char ret_text[UUID_TEXT_SIZE])
{
    struct run_row row;

    ret_text[0] = '\0';
    if (number != 0 && find_run_row(rows->read, number, &row, NULL) == 0) {
        uuid_format(&row.uuid, ret_text);
    }
}

/* Packs a map of parameters with the secret ones masked. */
static void put_masked(struct buf *out, const struct flow *flow, struct val params)
{
    struct val_iter iter = val_iter(params);
    struct val member;
    struct str name;

    pack_map(out, val_count(params));
    while (val_next(&iter, &name, &member)) {
        bool secret = false;

        for (uint32_t i = 0; i < flow->param_count && !secret; i++) {
            secret = flow->params[i].secret && str_eq(flow->params[i].name, name);
        }
        pack_str(out, name);
        if (secret && val_type(member) != VAL_NIL) {
            pack_cstr(out, MASKED);
        } else {
            pack_val(out, member);
        }
    }
}

/* True when a parameter of the flow is secret. */
static bool has_secret(const struct flow *flow)
{
    for (uint32_t i = 0; i < flow->param_count; i++) {
        if (flow->params[i].secret) {
            return true;
        }
    }
    return false;
}

void rows_put_params(const struct rows *rows, const struct run_row *row, struct val params,
                     struct buf *out)
{
    struct flow *flow = NULL;

    pack_cstr(out, "params");
    if (val_type(params) != VAL_MAP || val_count(params) == 0) {
        pack_val(out, params);
        return;
    }
    if (pinned_get(rows->pinned, rows->read, &row->flow_hash, &flow) != 0) {
        pack_nil(out); /* nobody knows which are secret */
        return;
    }
    if (has_secret(flow)) {
        put_masked(out, flow, params);
    } else {
        pack_val(out, params);
    }
    pinned_put(rows->pinned, flow);
}

/* "parent": null, or {"run", "task"}. */
static void put_parent(const struct rows *rows, const struct run_row *row, struct buf *out)
{
    char name[ROWS_TASK_NAME_SIZE] = "";
    char id[UUID_TEXT_SIZE];
    struct task_row task;

    pack_cstr(out, "parent");
    rows_run_id(rows, row->parent_run, id);
    if (!id[0]) {
        pack_nil(out);
        return;
    }
    if (find_task_row(rows->read, row->parent_run, row->parent_task, &task, NULL) == 0) {
        rows_task_name(&task, name);
    }
    pack_map(out, 2);
    rows_put_str(out, "run", str_of(id));
    rows_put_str(out, "task", str_of(name));
}

/* How many steps are in which state. */
struct counting {
    uint32_t counts[STATE_COUNT];
    uint32_t rows;
};

/* store_visit over the rows of a run, up to the first child of a map. */
static bool visit_count(void *user, struct str key, struct str val)
{
    struct counting *counting = user;
    struct task_row row;

    (void)key;
    if (record_parse_task(val, &row, NULL) != 0) {
        return true;
    }
    if (row.map_index >= 0) {
        return false;
    }
    counting->counts[row.state]++;
    counting->rows++;
    return true;
}

/* Steps of a run that has not ended may have no row: the flow's text knows them. NULL for others.
 */
static struct flow *flow_of_live(const struct rows *rows, const struct run_row *row)
{
    struct flow *flow = NULL;

    if (!state_terminal(row->state)) {
        pinned_get(rows->pinned, rows->read, &row->flow_hash, &flow);
    }
    return flow;
}

/* "counts": {"Completed": 3, ...} */
static void put_counts(const struct rows *rows, uint64_t number, const struct run_row *row,
                       struct buf *out)
{
    struct counting counting = {0};
    struct store_key prefix = {0};
    struct flow *flow = flow_of_live(rows, row);
    uint32_t count = 0;
    size_t place;

    key_u64(&prefix, number);
    store_scan(rows->read, STORE_TASK_RUN, key_str(&prefix), STR_NONE, false, visit_count,
               &counting);
    if (flow && flow->step_count > counting.rows) {
        counting.counts[STATE_PENDING] += flow->step_count - counting.rows;
    }
    pinned_put(rows->pinned, flow);
    pack_cstr(out, "counts");
    place = pack_map_open(out);
    for (int i = 0; i < STATE_COUNT; i++) {
        if (counting.counts[i]) {
            rows_put_int(out, state_name((enum state)i), counting.counts[i]);
            count++;
        }
    }
    pack_close(out, place, count);
}

uint32_t rows_put_flow_run(const struct rows *rows, uint64_t number, const struct run_row *row,
                           bool counts, struct buf *out)
{
    rows_put_uuid(out, "id", &row->uuid);
    rows_put_int(out, "number", (int64_t)number);
    rows_put_str(out, "name", row->name);
    rows_put_str(out, "flow", row->flow_name);
    rows_put_state(out, row->state);
    rows_put_time(out, "created", row->created_us);
    rows_put_time(out, "started", row->started_us);
    rows_put_time(out, "ended", row->ended_us);
    put_duration(out, row->started_us, row->ended_us);
    pack_cstr(out, "tags");
    pack_val(out, row->tags);
    rows_put_params(rows, row, row->params, out);
    put_parent(rows, row, out);
    put_error(out, row->error_code, row->error_text);
    rows_put_hash(out, "flow_hash", &row->flow_hash);
    if (counts) {
        put_counts(rows, number, row, out);
    }
    return counts ? 15 : 14;
}

/* ---- task runs ------------------------------------------------------------------------------ */

void rows_task_name(const struct task_row *row, char ret_text[ROWS_TASK_NAME_SIZE])
{
    if (row->map_index < 0) {
        snprintf(ret_text, ROWS_TASK_NAME_SIZE, "%.*s", STR_ARGS(row->step_name));
    } else {
        snprintf(ret_text, ROWS_TASK_NAME_SIZE, "%.*s[%d]", STR_ARGS(row->step_name),
                 (int)row->map_index);
    }
}

struct task_row rows_pending(struct str step_name, uint32_t step, int32_t map_index)
{
    return (struct task_row){.index = step,
                             .step = step,
                             .step_name = step_name,
                             .map_index = map_index,
                             .state = STATE_PENDING,
                             .kill_state = STATE_NONE};
}

/* Children of a mapped step, counted. */
struct children {
    uint64_t run;
    uint32_t end; /* index behind the last */
    uint32_t done;
    uint32_t failed;
};

/* store_visit over the rows of a map's children. */
static bool visit_child(void *user, struct str key, struct str val)
{
    struct children *children = user;
    struct task_row row;

    if (key_read_u64(key, 0) != children->run || key_read_u32(key, 8) >= children->end) {
        return false;
    }
    if (record_parse_task(val, &row, NULL) == 0 && state_terminal(row.state)) {
        children->done++;
        children->failed += !state_completed(row.state);
    }
    return true;
}

/* "map": {"total", "done", "failed"} */
static void put_map(const struct rows *rows, uint64_t number, const struct task_row *row,
                    struct buf *out)
{
    struct children children = {.run = number, .end = row->first_child + row->child_count};
    struct store_key from = {0};

    if (state_completed(row->state)) {
        children.done = row->child_count; /* no need to count up to a million rows */
    } else {
        key_u64(&from, number);
        key_u32(&from, row->first_child);
        store_scan(rows->read, STORE_TASK_RUN, STR_NONE, key_str(&from), false, visit_child,
                   &children);
    }
    pack_cstr(out, "map");
    pack_map(out, 3);
    rows_put_int(out, "total", row->child_count);
    rows_put_int(out, "done", children.done);
    rows_put_int(out, "failed", children.failed);
}

uint32_t rows_put_task_run(const struct rows *rows, const struct uuid *run, uint64_t number,
                           const struct task_row *row, struct buf *out)
{
    char id[UUID_TEXT_SIZE + 1 + ROWS_TASK_NAME_SIZE];
    char name[ROWS_TASK_NAME_SIZE];
    char text[UUID_TEXT_SIZE];

    rows_task_name(row, name);
    uuid_format(run, text);
    snprintf(id, sizeof(id), "%s/%s", text, name);
    rows_put_str(out, "id", str_of(id));
    rows_put_str(out, "run", str_of(text));
    rows_put_str(out, "name", str_of(name));
    rows_put_str(out, "step", row->step_name);
    rows_put_str(out, "label", row->label.len ? row->label : STR_NONE);
    pack_cstr(out, "map_index");
    if (row->map_index < 0) {
        pack_nil(out);
    } else {
        pack_int(out, row->map_index);
    }
    rows_put_state(out, row->state);
    rows_put_int(out, "attempts", row->attempt);
    rows_put_time(out, "started", row->started_us);
    rows_put_time(out, "ended", row->ended_us);
    rows_put_time(out, "due", row->state == STATE_AWAITING_RETRY ? row->due_us : 0);
    put_duration(out, row->started_us, row->ended_us);
    pack_cstr(out, "cached");
    pack_bool(out, row->state == STATE_CACHED);
    rows_run_id(rows, row->child_run, text);
    rows_put_str(out, "child_run", text[0] ? str_of(text) : STR_NONE);
    put_error(out, row->error_code, row->error_text);
    if (row->child_count > 0) {
        put_map(rows, number, row, out);
        return 16;
    }
    return 15;
}

/* A list of task runs being written. */
struct listing {
    const struct rows *rows;
    const struct rows_filter *filter;
    const struct run_row *run;
    uint64_t number;
    const struct flow *flow; /* NULL: all steps have rows */
    struct buf *out;
    uint32_t count;
    uint32_t expected; /* index of the next step to be shown */
    int64_t last;      /* index of the latest one written */
    bool more;
};

/* Adds one task run, if it fits the filter; false when the list is full. */
static bool add_task(struct listing *listing, const struct task_row *row)
{
    size_t place;

    if ((int64_t)row->index <= listing->filter->after ||
        !rows_state_fits(&listing->filter->state, row->state)) {
        return true;
    }
    if (listing->count == listing->filter->limit) {
        listing->more = true;
        return false;
    }
    place = pack_map_open(listing->out);
    pack_close(
        listing->out, place,
        rows_put_task_run(listing->rows, &listing->run->uuid, listing->number, row, listing->out));
    listing->last = row->index;
    listing->count++;
    return true;
}

/* Adds the steps before <index> that have no row. */
static bool add_pending(struct listing *listing, uint32_t index)
{
    uint32_t end = listing->flow ? listing->flow->step_count : 0;

    for (; listing->expected < index && listing->expected < end; listing->expected++) {
        struct task_row row =
            rows_pending(listing->flow->steps[listing->expected].name, listing->expected, -1);

        if (!add_task(listing, &row)) {
            return false;
        }
    }
    return true;
}

/* store_visit over the rows of a run. */
static bool visit_task(void *user, struct str key, struct str val)
{
    struct listing *listing = user;
    struct task_row row;

    (void)key;
    if (record_parse_task(val, &row, NULL) != 0) {
        return true;
    }
    if (row.map_index >= 0 && !listing->filter->children) {
        return false;
    }
    if (!add_pending(listing, row.index)) {
        return false;
    }
    listing->expected = row.index + 1;
    return add_task(listing, &row);
}

uint32_t rows_put_task_runs(const struct rows *rows, uint64_t number, const struct run_row *run,
                            const struct rows_filter *filter, struct buf *out, int64_t *ret_next)
{
    struct flow *flow = flow_of_live(rows, run);
    struct listing listing = {.rows = rows,
                              .filter = filter,
                              .run = run,
                              .number = number,
                              .flow = flow,
                              .out = out,
                              .expected = (uint32_t)(filter->after + 1),
                              .last = filter->after};
    struct store_key prefix = {0};
    struct store_key from = {0};

    key_u64(&prefix, number);
    key_u64(&from, number);
    key_u32(&from, listing.expected);
    store_scan(rows->read, STORE_TASK_RUN, key_str(&prefix), key_str(&from), false, visit_task,
               &listing);
    if (!listing.more) {
        add_pending(&listing, UINT32_MAX);
    }
    pinned_put(rows->pinned, flow);
    *ret_next = listing.more ? listing.last : -1;
    return listing.count;
}
