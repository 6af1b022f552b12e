/*
 * See snapshot.h. The tree of runs is walked breadth first with a list of numbers, which is also
 * what the caller gets.
 */
#include "api/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/find.h"
#include "api/rows.h"
#include "api/task_names.h"
#include "base/mem.h"
#include "drive/logs.h"
#include "store/key.h"
#include "store/store_log.h"
#include "value/pack.h"

enum { LINES_BYTES_MAX = 32 * 1024 * 1024 };

/* A snapshot being written. */
struct taking {
    struct rows rows;
    struct buf *out;
    struct buf *numbers;     /* of the runs found so far */
    const struct flow *flow; /* of the run whose rows are visited */
    uint64_t run;
    uint32_t tasks_left;
};

/* How many runs were found. */
static size_t run_count(const struct buf *numbers)
{
    return numbers->len / sizeof(uint64_t);
}

/* The n-th run that was found. */
static uint64_t run_at(const struct buf *numbers, size_t index)
{
    uint64_t number;

    memcpy(&number, numbers->data + index * sizeof(number), sizeof(number));
    return number;
}

/* store_visit over the children of a mapped subflow. */
static bool visit_child(void *user, struct str key, struct str val)
{
    struct taking *taking = user;
    struct task_row row;

    (void)key;
    if (record_parse_task(val, &row, NULL) == 0 && row.child_run) {
        buf_put(taking->numbers, &row.child_run, sizeof(row.child_run));
    }
    return run_count(taking->numbers) < API_FOLLOW_RUNS_MAX;
}

/* store_visit over the steps of a run: notes the runs of subflows. */
static bool visit_step(void *user, struct str key, struct str val)
{
    struct taking *taking = user;
    struct store_key first = {0};
    struct store_key prefix = {0};
    struct task_row row;

    (void)key;
    if (record_parse_task(val, &row, NULL) != 0) {
        return true;
    }
    if (row.map_index >= 0 || row.step >= taking->flow->step_count) {
        return false;
    }
    if (row.child_run) {
        buf_put(taking->numbers, &row.child_run, sizeof(row.child_run));
    }
    if (row.child_count && taking->flow->steps[row.step].target_kind == FLOW_TARGET_FLOW) {
        key_u64(&prefix, taking->run);
        key_u64(&first, taking->run);
        key_u32(&first, row.first_child);
        store_scan(taking->rows.read, STORE_TASK_RUN, key_str(&prefix), key_str(&first), false,
                   visit_child, taking);
    }
    return run_count(taking->numbers) < API_FOLLOW_RUNS_MAX;
}

/* Finds the subflows of a run. */
static void find_children(struct taking *taking, uint64_t number, const struct run_row *row)
{
    struct flow *flow = NULL;
    struct store_key prefix = {0};

    if (pinned_get(taking->rows.pinned, taking->rows.read, &row->flow_hash, &flow) != 0) {
        return;
    }
    taking->flow = flow;
    taking->run = number;
    key_u64(&prefix, number);
    store_scan(taking->rows.read, STORE_TASK_RUN, key_str(&prefix), STR_NONE, false, visit_step,
               taking);
    pinned_put(taking->rows.pinned, flow);
}

/* Appends the members of a run with its task runs; returns their number. */
static uint32_t put_run(struct taking *taking, uint64_t number, const struct run_row *row)
{
    struct rows_filter filter = {.state = {.all = true}, .after = -1, .limit = taking->tasks_left};
    uint32_t count = rows_put_flow_run(&taking->rows, number, row, false, taking->out);
    uint32_t tasks;
    int64_t next;
    size_t place;

    pack_cstr(taking->out, "task_runs");
    place = pack_list_open(taking->out);
    tasks = rows_put_task_runs(&taking->rows, number, row, &filter, taking->out, &next);
    pack_close(taking->out, place, tasks);
    taking->tasks_left -= tasks;
    find_children(taking, number, row);
    return count + 1;
}

int snapshot_take(struct store *store, struct pinned *pinned, uint64_t number, struct buf *out,
                  struct buf *ret_numbers, enum state *ret_state, struct err_text *reterr_why)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct taking taking = {.out = out, .numbers = ret_numbers, .tasks_left = API_FOLLOW_TASKS_MAX};
    uint32_t count = 2;
    uint32_t children = 0;
    struct run_row row;
    size_t place;
    size_t list;
    int err = store_read_begin(store, &read);

    if (err == 0) {
        err = find_run_row(read, number, &row, reterr_why);
    }
    if (err) {
        return err;
    }
    taking.rows = (struct rows){.read = read, .pinned = pinned};
    *ret_state = row.state;
    buf_put(ret_numbers, &number, sizeof(number));
    place = pack_map_open(out);
    rows_put_str(out, "type", STR("snapshot"));
    count += put_run(&taking, number, &row);
    pack_cstr(out, "child_runs");
    list = pack_list_open(out);
    for (size_t i = 1; buf_err(ret_numbers) == 0 && i < run_count(ret_numbers); i++) {
        uint64_t child = run_at(ret_numbers, i);

        if (find_run_row(read, child, &row, NULL) == 0) {
            size_t map = pack_map_open(out);

            pack_close(out, map, put_run(&taking, child, &row));
            children++;
        }
    }
    pack_close(out, list, children);
    pack_close(out, place, count);
    return buf_err(out);
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* One line and where it belongs. */
struct line {
    uint64_t sequence;
    size_t offset; /* into the bytes collected */
    uint32_t len;
};

/* Lines being collected. */
struct collecting {
    struct store_read *read;
    struct task_names *names;
    struct buf bytes;
    struct line *lines;
    uint32_t count;
    uint64_t run;
    char id[UUID_TEXT_SIZE];
};

/* Writes a line as news. */
static void put_line(struct collecting *collecting, const struct log_row *row)
{
    struct buf *out = &collecting->bytes;
    const char *task = NULL;

    if (row->task != CORE_NO_TASK) {
        task = task_names_get(collecting->names, collecting->read, collecting->run, row->task);
    }
    pack_map(out, task ? 7 : 6);
    rows_put_str(out, "type", STR("log"));
    rows_put_str(out, "run", str_of(collecting->id));
    rows_put_int(out, "level", row->level);
    rows_put_str(out, "stream", str_of(logs_stream_name(row->stream)));
    rows_put_int(out, "time", row->wall_us);
    rows_put_str(out, "text", row->text);
    if (task) {
        rows_put_str(out, "task", str_of(task));
    }
}

/* store_log_visit, newest first. */
static bool visit_line(void *user, uint64_t sequence, struct str bytes)
{
    struct collecting *collecting = user;
    size_t offset = collecting->bytes.len;
    struct log_row row;

    if (logs_parse(bytes, &row) != 0) {
        return true;
    }
    put_line(collecting, &row);
    if (buf_err(&collecting->bytes) || collecting->count == API_FOLLOW_LINES_MAX) {
        return false;
    }
    collecting->lines[collecting->count++] = (struct line){
        .sequence = sequence, .offset = offset, .len = (uint32_t)(collecting->bytes.len - offset)};
    return collecting->bytes.len < LINES_BYTES_MAX;
}

/* For qsort: older lines first. */
static int by_sequence(const void *a, const void *b)
{
    const struct line *left = a;
    const struct line *right = b;

    return left->sequence > right->sequence ? 1 : left->sequence < right->sequence ? -1 : 0;
}

/* Collects the lines of all runs, newest first within each. */
static int collect(struct collecting *collecting, struct store *store, const struct buf *numbers)
{
    struct rows rows = {.read = collecting->read};
    int err = 0;

    for (size_t i = 0; err == 0 && i < run_count(numbers); i++) {
        collecting->run = run_at(numbers, i);
        rows_run_id(&rows, collecting->run, collecting->id);
        err = store_log_scan(store, collecting->run, UINT64_MAX, true, visit_line, collecting);
        err = err == ERR_CORRUPT ? 0 : err; /* damaged lines are left out */
    }
    return err;
}

int snapshot_lines(struct store *store, const struct buf *numbers, struct buf *out)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct collecting collecting = {0};
    int err;

    store_log_flush(store); /* what was published before now can be read now */
    err = store_read_begin(store, &read);
    if (err) {
        return err;
    }
    collecting.read = read;
    collecting.names = task_names_new();
    collecting.lines = xcalloc(API_FOLLOW_LINES_MAX, sizeof(*collecting.lines));
    buf_init(&collecting.bytes, 2 * (size_t)LINES_BYTES_MAX);
    err = collect(&collecting, store, numbers);
    if (err == 0 && buf_err(&collecting.bytes) == 0) {
        qsort(collecting.lines, collecting.count, sizeof(*collecting.lines), by_sequence);
        for (uint32_t i = 0; i < collecting.count; i++) {
            const struct line *line = &collecting.lines[i];

            buf_put(out, &line->len, sizeof(line->len));
            buf_put(out, collecting.bytes.data + line->offset, line->len);
        }
    }
    buf_done(&collecting.bytes);
    free(collecting.lines);
    task_names_free(collecting.names);
    return err ? err : buf_err(out);
}
