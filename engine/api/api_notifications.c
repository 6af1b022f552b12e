/*
 * Notifications: what waits in the outbox, and the log of attempts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/api_handlers.h"
#include "api/call.h"
#include "api/find.h"
#include "api/rows.h"
#include "drive/outbox.h"
#include "store/key.h"
#include "value/pack.h"

enum { SCANNED_MAX = 100000 }; /* rows that one page looks at */

/* A page of deliveries. */
struct page {
    struct api_call *call;
    struct rows rows;
    uint64_t run; /* 0: any */
    struct str outcome;
    uint32_t limit;
    uint32_t count;
    uint32_t scanned;
    struct store_key last; /* of the log */
    bool more;
};

/* What an outcome is called. */
static const char *outcome_name(enum delivery_outcome outcome)
{
    static const char *const names[] = {
        [DELIVERY_DELIVERED] = "delivered", [DELIVERY_RETRY] = "retry", [DELIVERY_DEAD] = "dead"};

    return (size_t)outcome < sizeof(names) / sizeof(names[0]) ? names[outcome] : "dead";
}

/* A text, or null when it is empty. */
static struct str or_null(struct str text)
{
    return text.len ? text : STR_NONE;
}

/* The members that both kinds of rows have. */
static void put_head(struct page *page, const struct uuid *id, uint64_t run, struct str state,
                     struct str via, uint32_t attempt)
{
    struct buf *out = page->call->out;
    struct run_row row;
    bool known = find_run_row(page->rows.read, run, &row, NULL) == 0;

    pack_map(out, 11);
    rows_put_uuid(out, "id", id);
    if (known) {
        rows_put_uuid(out, "run", &row.uuid);
    } else {
        rows_put_str(out, "run", STR_NONE);
    }
    rows_put_str(out, "run_name", known ? row.name : STR_NONE);
    rows_put_str(out, "state", state);
    rows_put_str(out, "via", via);
    rows_put_int(out, "attempt", attempt);
    page->count++;
}

/* True when the page wants this outcome. */
static bool wants(const struct page *page, const char *outcome)
{
    return !page->outcome.ptr || str_is(page->outcome, outcome);
}

/* store_visit over OUTBOX: those that had no attempt yet are not in the log. */
static bool visit_waiting(void *user, struct str key, struct str val)
{
    struct page *page = user;
    struct buf *out = page->call->out;
    struct outbox_row row;

    if (page->count == page->limit) {
        return false;
    }
    if (outbox_parse_row(val, &row) != 0 || row.attempts > 0 ||
        (page->run && row.run != page->run)) {
        return true;
    }
    put_head(page, &row.id, row.run, row.state, row.via, 0);
    rows_put_str(out, "time", STR_NONE);
    rows_put_str(out, "outcome", STR("waiting"));
    rows_put_str(out, "code", STR_NONE);
    rows_put_str(out, "text", STR_NONE);
    rows_put_time(out, "next", (int64_t)key_read_u64(key, 0));
    return true;
}

/* store_visit over DELIVERY, newest notification first. */
static bool visit_attempt(void *user, struct str key, struct str val)
{
    struct page *page = user;
    struct buf *out = page->call->out;
    struct delivery_row row;
    struct uuid id;

    if (page->count >= page->limit || page->scanned == SCANNED_MAX) {
        page->more = true;
        return false;
    }
    page->scanned++;
    page->last.len = 0;
    key_bytes(&page->last, key.ptr, key.len);
    if (key.len != UUID_SIZE + 4 || outbox_parse_delivery(val, &row) != 0 ||
        (page->run && row.run != page->run) || !wants(page, outcome_name(row.outcome))) {
        return true;
    }
    memcpy(id.bytes, key.ptr, UUID_SIZE);
    put_head(page, &id, row.run, row.state, row.via, row.attempt);
    rows_put_time(out, "time", row.time_us);
    rows_put_str(out, "outcome", str_of(outcome_name(row.outcome)));
    rows_put_str(out, "code", or_null(row.code));
    rows_put_str(out, "text", or_null(row.text));
    rows_put_time(out, "next", row.outcome == DELIVERY_RETRY ? row.next_us : 0);
    return true;
}

/* Reads "after", "UUID-ATTEMPT", as the key to begin before. */
static int read_place(struct api_call *call, struct store_key *ret_from)
{
    struct str text = call_text(call, "after");
    struct uuid id;
    unsigned attempt = 0;
    char extra;

    if (!text.ptr) {
        return 0;
    }
    if (text.len < UUID_TEXT_SIZE + 1 || text.len > UUID_TEXT_SIZE + 10 ||
        uuid_parse((struct str){text.ptr, UUID_TEXT_SIZE - 1}, &id) != 0 ||
        sscanf(text.ptr + UUID_TEXT_SIZE - 1, "-%u%c", &attempt, &extra) != 1 || attempt == 0) {
        return call_fail(call, ERR_INVALID,
                         "The query parameter \"after\" must be the \"next\" of a page before.");
    }
    key_bytes(ret_from, id.bytes, UUID_SIZE);
    key_u32(ret_from, attempt - 1);
    return 0;
}

/* "next": null, or the place of the next page. */
static void put_next(const struct page *page)
{
    char text[UUID_TEXT_SIZE + 12];
    struct str key = key_str(&page->last);
    struct uuid id;

    if (!page->more || key.len != UUID_SIZE + 4) {
        rows_put_str(page->call->out, "next", STR_NONE);
        return;
    }
    memcpy(id.bytes, key.ptr, UUID_SIZE);
    uuid_format(&id, text);
    snprintf(text + UUID_TEXT_SIZE - 1, sizeof(text) - UUID_TEXT_SIZE + 1, "-%" PRIu32,
             key_read_u32(key, UUID_SIZE));
    rows_put_str(page->call->out, "next", str_of(text));
}

/* Reads what the page is to show. */
static int read_page(struct page *page, struct store_key *ret_from)
{
    struct api_call *call = page->call;
    struct str run = call_text(call, "run");
    struct str outcome = page->outcome;
    int err = read_place(call, ret_from);

    if (err == 0 && outcome.ptr && !str_is(outcome, "delivered") && !str_is(outcome, "retry") &&
        !str_is(outcome, "dead") && !str_is(outcome, "waiting")) {
        err = call_fail(call, ERR_INVALID,
                        "The query parameter \"outcome\" must be delivered, retry, dead or "
                        "waiting.");
    }
    if (err == 0) {
        err = call_read(call);
    }
    if (err == 0 && run.ptr) {
        err = find_run(call->read, run, &page->run, &call->why);
    }
    page->rows = (struct rows){.read = call->read, .pinned = call->pinned};
    return err;
}

int api_notifications_list(struct api_call *call)
{
    struct page page = {.call = call,
                        .outcome = call_text(call, "outcome"),
                        .limit = (uint32_t)call_number(call, "limit")};
    struct store_key from = {0};
    size_t place;
    int err = read_page(&page, &from);

    if (err) {
        return err;
    }
    pack_map(call->out, 2);
    pack_cstr(call->out, "items");
    place = pack_list_open(call->out);
    if (from.len == 0 && wants(&page, "waiting")) {
        store_scan(call->read, STORE_OUTBOX, STR_NONE, STR_NONE, false, visit_waiting, &page);
    }
    if (!page.outcome.ptr || !str_is(page.outcome, "waiting")) {
        page.limit += page.count; /* what waits is shown besides a page of the log */
        store_scan(call->read, STORE_DELIVERY, STR_NONE, key_str(&from), true, visit_attempt,
                   &page);
    }
    pack_close(call->out, place, page.count);
    put_next(&page);
    return 0;
}
