/*
 * Task runs: of one flow run, one of them with its result, and those of all flow runs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_handlers.h"
#include "api/api_result.h"
#include "api/call.h"
#include "api/find.h"
#include "api/rows.h"
#include "store/key.h"
#include "value/pack.h"

enum { SCANNED_MAX = 200000 }; /* rows that one page looks at */

/* Reads "after" as an index; -1 when it is not given. */
static int read_index(struct api_call *call, int64_t *ret_after)
{
    struct str text = call_text(call, "after");
    char *end = NULL;
    unsigned long index;

    *ret_after = -1;
    if (!text.ptr) {
        return 0;
    }
    index = strtoul(text.ptr, &end, 10);
    if (text.len == 0 || text.len > 10 || end != text.ptr + text.len || index > UINT32_MAX) {
        return call_fail(call, ERR_INVALID,
                         "The query parameter \"after\" must be the \"next\" of a page before.");
    }
    *ret_after = (int64_t)index;
    return 0;
}

int api_tasks_of_run(struct api_call *call)
{
    struct rows_filter filter = {.state = rows_state_of(call_text(call, "state")),
                                 .children = call_number(call, "children") != 0,
                                 .limit = (uint32_t)call_number(call, "limit")};
    struct rows rows = {.pinned = call->pinned};
    struct run_row run;
    uint64_t number;
    int64_t next;
    size_t place;
    int err = read_index(call, &filter.after);

    if (err == 0) {
        err = call_run(call, &number);
    }
    if (err == 0) {
        err = find_run_row(call->read, number, &run, &call->why);
    }
    if (err) {
        return err;
    }
    rows.read = call->read;
    pack_map(call->out, 2);
    pack_cstr(call->out, "items");
    place = pack_list_open(call->out);
    pack_close(call->out, place,
               rows_put_task_runs(&rows, number, &run, &filter, call->out, &next));
    pack_cstr(call->out, "next");
    if (next < 0) {
        pack_nil(call->out);
    } else {
        char text[24];

        snprintf(text, sizeof(text), "%" PRId64, next);
        pack_cstr(call->out, text);
    }
    return 0;
}

/* The row of a task that has none yet: a step of a live run, or a child of a mapped step. */
static int find_pending(struct api_call *call, uint64_t number, const struct run_row *run,
                        struct arena *arena, struct task_row *ret_row)
{
    struct flow *flow = NULL;
    struct task_row map;
    struct str step;
    int64_t place;
    int32_t index;

    if (state_terminal(run->state) || !find_split_task(call->target.ids[1], &step, &index)) {
        return ERR_NOT_FOUND;
    }
    if (index >= 0) {
        if (find_task(call->read, number, step, &map, NULL) != 0 ||
            (uint32_t)index >= map.child_count) {
            return ERR_NOT_FOUND;
        }
        *ret_row = rows_pending(map.step_name, map.step, index);
        ret_row->index = map.first_child + (uint32_t)index;
        return 0;
    }
    if (pinned_get(call->pinned, call->read, &run->flow_hash, &flow) != 0) {
        return ERR_NOT_FOUND;
    }
    place = flow_find_step(flow, step);
    if (place >= 0) {
        *ret_row = rows_pending(str_of(arena_str(arena, step)), (uint32_t)place, -1);
    }
    pinned_put(call->pinned, flow);
    return place >= 0 ? 0 : ERR_NOT_FOUND;
}

int api_tasks_get(struct api_call *call)
{
    struct rows rows = {.pinned = call->pinned};
    struct task_row task;
    struct run_row run;
    uint64_t number;
    uint32_t count;
    size_t place;
    int err = call_run(call, &number);

    if (err == 0) {
        err = find_run_row(call->read, number, &run, &call->why);
    }
    if (err == 0) {
        err = find_task(call->read, number, call->target.ids[1], &task, &call->why);
    }
    if (err == ERR_NOT_FOUND && call->read &&
        find_pending(call, number, &run, &call->arena, &task) == 0) {
        err = 0;
    }
    if (err) {
        return err;
    }
    rows.read = call->read;
    place = pack_map_open(call->out);
    count = rows_put_task_run(&rows, &run.uuid, number, &task, call->out);
    err = api_result_of_task(call, number, &task, call_number(call, "expand") != 0);
    pack_close(call->out, place, count + 1);
    return err;
}

/* A page of the task runs of all flow runs. */
struct page {
    struct api_call *call;
    struct rows rows;
    struct rows_state state;
    struct str step;
    uint32_t limit;
    uint32_t count;
    uint32_t scanned;
    bool more;
    uint64_t run_number; /* of the row below */
    struct run_row run;
    uint64_t last_run; /* the latest one looked at */
    uint32_t last_index;
};

/* Adds one task run to the page. */
static void add_row(struct page *page, uint64_t number, const struct task_row *row)
{
    struct buf *out = page->call->out;
    size_t place;

    if (number != page->run_number) {
        page->run_number = number;
        if (find_run_row(page->rows.read, number, &page->run, NULL) != 0) {
            page->run_number = 0;
            return;
        }
    }
    place = pack_map_open(out);
    pack_close(out, place, rows_put_task_run(&page->rows, &page->run.uuid, number, row, out));
    page->count++;
}

/* store_visit over TASK_RUN, backwards. */
static bool visit_row(void *user, struct str key, struct str val)
{
    struct page *page = user;
    struct task_row row;

    if (page->count == page->limit || page->scanned == SCANNED_MAX) {
        page->more = true;
        return false;
    }
    page->scanned++;
    page->last_run = key_read_u64(key, 0);
    page->last_index = key_read_u32(key, 8);
    if (record_parse_task(val, &row, NULL) == 0 && rows_state_fits(&page->state, row.state) &&
        (!page->step.ptr || str_eq(page->step, row.step_name))) {
        add_row(page, page->last_run, &row);
    }
    return true;
}

/* Reads "after" as "run-index" and makes the key to begin before. */
static int read_place(struct api_call *call, struct store_key *ret_from)
{
    struct str text = call_text(call, "after");
    unsigned long long run;
    unsigned index;
    char extra;

    if (!text.ptr) {
        return 0;
    }
    if (text.len > 32 || sscanf(text.ptr, "%llu-%u%c", &run, &index, &extra) != 2 ||
        (run == 0 && index == 0)) {
        return call_fail(call, ERR_INVALID,
                         "The query parameter \"after\" must be the \"next\" of a page before.");
    }
    if (index == 0) {
        run--;
        index = UINT32_MAX;
    } else {
        index--;
    }
    key_u64(ret_from, run);
    key_u32(ret_from, index);
    return 0;
}

int api_tasks_list(struct api_call *call)
{
    struct page page = {.call = call,
                        .rows = {.pinned = call->pinned},
                        .state = rows_state_of(call_text(call, "state")),
                        .step = call_text(call, "step"),
                        .limit = (uint32_t)call_number(call, "limit")};
    struct store_key from = {0};
    size_t place;
    int err = read_place(call, &from);

    if (err == 0) {
        err = call_read(call);
    }
    if (err) {
        return err;
    }
    page.rows.read = call->read;
    pack_map(call->out, 2);
    pack_cstr(call->out, "items");
    place = pack_list_open(call->out);
    store_scan(call->read, STORE_TASK_RUN, STR_NONE, key_str(&from), true, visit_row, &page);
    pack_close(call->out, place, page.count);
    pack_cstr(call->out, "next");
    if (page.more) {
        char text[40];

        snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu32, page.last_run, page.last_index);
        pack_cstr(call->out, text);
    } else {
        pack_nil(call->out);
    }
    return 0;
}
