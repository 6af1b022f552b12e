/*
 * Log lines of a flow run.
 */
#include "api/api_handlers.h"
#include "api/call.h"
#include "api/find.h"
#include "api/rows.h"
#include "api/task_names.h"
#include "drive/logs.h"
#include "store/store_log.h"
#include "value/pack.h"

enum { SCANNED_MAX = 1000000 }; /* lines that one page looks at */

/* A page of lines being written. */
struct page {
    struct api_call *call;
    struct buf *out;
    uint64_t run;
    struct task_names *names;
    int32_t level;
    bool one_task;
    uint32_t task;        /* lines of this task, */
    uint32_t first_child; /* or of these */
    uint32_t child_count;
    uint32_t limit;
    uint32_t count;
    uint32_t scanned;
    uint64_t last; /* sequence of the latest line looked at */
    bool more;
};

/* "debug", "info", ... */
static const char *level_name(int32_t level)
{
    if (level >= 50) {
        return "critical";
    }
    if (level >= 40) {
        return "error";
    }
    if (level >= 30) {
        return "warning";
    }
    return level >= 20 ? "info" : "debug";
}

/* True when the line is wanted. */
static bool line_fits(const struct page *page, const struct log_row *row)
{
    if (row->level < page->level) {
        return false;
    }
    return !page->one_task || row->task == page->task ||
           (row->task >= page->first_child && row->task - page->first_child < page->child_count);
}

/* Writes one line. */
static void put_line(struct page *page, uint64_t sequence, const struct log_row *row)
{
    struct buf *out = page->out;
    const char *name = NULL;

    if (row->task != CORE_NO_TASK) {
        name = task_names_get(page->names, page->call->read, page->run, row->task);
    }
    pack_map(out, 7);
    rows_put_int(out, "sequence", (int64_t)sequence);
    rows_put_time(out, "time", row->wall_us);
    rows_put_int(out, "level", row->level);
    rows_put_str(out, "level_name", str_of(level_name(row->level)));
    rows_put_str(out, "task", str_of(name));
    rows_put_str(out, "stream", str_of(logs_stream_name(row->stream)));
    rows_put_str(out, "text", row->text);
}

/* store_log_visit, oldest first. */
static bool visit_line(void *user, uint64_t sequence, struct str line)
{
    struct page *page = user;
    struct log_row row;

    if (page->count == page->limit || page->scanned == SCANNED_MAX) {
        page->more = true;
        return false;
    }
    page->scanned++;
    page->last = sequence;
    if (logs_parse(line, &row) == 0 && line_fits(page, &row)) {
        put_line(page, sequence, &row);
        page->count++;
    }
    return true;
}

/* store_log_visit, newest first: finds where the tail begins. */
static bool visit_tail(void *user, uint64_t sequence, struct str line)
{
    struct page *page = user;
    struct log_row row;

    if (page->count == page->limit || page->scanned == SCANNED_MAX) {
        return false;
    }
    page->scanned++;
    if (logs_parse(line, &row) == 0 && line_fits(page, &row)) {
        page->last = sequence;
        page->count++;
    }
    return true;
}

/* Finds out which task's lines are wanted. */
static int choose_task(struct page *page, struct str name)
{
    struct task_row row;
    int err;

    if (!name.ptr) {
        return 0;
    }
    err = find_task(page->call->read, page->run, name, &row, &page->call->why);
    if (err == 0) {
        page->one_task = true;
        page->task = row.index;
        page->first_child = row.first_child;
        page->child_count = row.child_count;
    }
    return err;
}

/* Writes the page. */
static int put_page(struct page *page)
{
    struct store *store = engine_store(page->call->engine);
    uint64_t from = (uint64_t)call_number(page->call, "after") + 1;
    size_t place;
    int err = 0;

    if (call_number(page->call, "tail")) {
        err = store_log_scan(store, page->run, UINT64_MAX, true, visit_tail, page);
        from = page->count && page->last > from ? page->last : from;
        page->count = 0;
        page->scanned = 0;
    }
    pack_map(page->out, 2);
    pack_cstr(page->out, "items");
    place = pack_list_open(page->out);
    if (err == 0 || err == ERR_CORRUPT) {
        err = store_log_scan(store, page->run, from, false, visit_line, page);
    }
    pack_close(page->out, place, page->count);
    pack_cstr(page->out, "next");
    if (page->more) {
        pack_uint(page->out, page->last);
    } else {
        pack_nil(page->out);
    }
    return err == ERR_CORRUPT ? 0 : err; /* damaged lines are left out */
}

int api_logs_list(struct api_call *call)
{
    struct page page = {.call = call,
                        .out = call->out,
                        .level = (int32_t)call_number(call, "level"),
                        .limit = (uint32_t)call_number(call, "limit")};
    int err = call_run(call, &page.run);

    if (err == 0) {
        err = choose_task(&page, call_text(call, "task"));
    }
    if (err) {
        return err;
    }
    call_read_end(call);
    store_log_flush(engine_store(call->engine)); /* who has seen a task end sees all its lines */
    err = call_read(call); /* begun after the lines: it knows all their tasks */
    if (err) {
        return err;
    }
    page.names = task_names_new();
    err = put_page(&page);
    task_names_free(page.names);
    return err;
}
