/*
 * See run_page.h. The most selective index that fits the filter is walked backwards, and its rows
 * are checked against the rest. A type of states is several indices, whose numbers are merged.
 */
#include "api/run_page.h"

#include <stdlib.h>

#include "api/find.h"
#include "store/key.h"

/* One walk through one index. */
struct walk {
    struct store_read *read;
    const struct run_page_filter *filter;
    uint64_t *numbers; /* of the page: room for `limit` more than there are */
    uint32_t *count;
    uint32_t found; /* by this walk */
    uint32_t scanned;
    uint64_t stopped; /* where it stopped before the end; 0: it did not */
};

/* True when the row has the tag. */
static bool has_tag(const struct run_row *row, struct str tag)
{
    struct val_iter iter = val_iter(row->tags);
    struct val member;

    while (val_next(&iter, NULL, &member)) {
        if (str_eq(val_str(member), tag)) {
            return true;
        }
    }
    return false;
}

/* True when the row fits the filter. */
static bool row_fits(const struct run_page_filter *filter, const struct run_row *row)
{
    return rows_state_fits(&filter->state, row->state) && (!filter->top || row->parent_run == 0) &&
           (!filter->flow.ptr || str_eq(filter->flow, row->flow_name)) &&
           (!filter->name.ptr || str_eq(filter->name, row->name)) &&
           (!filter->tag.ptr || has_tag(row, filter->tag));
}

/* store_visit over any index of runs: the run's number is at the end of the key. */
static bool visit(void *user, struct str key, struct str val)
{
    struct walk *walk = user;
    uint64_t number = key.len >= 8 ? key_read_u64(key, key.len - 8) : 0;
    struct run_row row;

    (void)val;
    if (walk->found == walk->filter->limit || walk->scanned == RUN_PAGE_SCANNED_MAX) {
        walk->stopped = number + 1;
        return false;
    }
    walk->scanned++;
    if (find_run_row(walk->read, number, &row, NULL) == 0 && row_fits(walk->filter, &row)) {
        walk->numbers[(*walk->count)++] = number;
        walk->found++;
    }
    return true;
}

/* Walks one index below the filter's number. Damaged rows were skipped, which is not an error. */
static int walk_index(struct walk *walk, enum store_table table, const struct store_key *prefix)
{
    struct store_key from = *prefix;
    int err;

    walk->found = 0;
    walk->scanned = 0;
    walk->stopped = 0;
    key_u64(&from, walk->filter->below - 1);
    if (from.len > STORE_KEY_MAX) {
        return 0; /* no run has a name that long */
    }
    err = store_scan(walk->read, table, key_str(prefix), key_str(&from), true, visit, walk);
    return err == ERR_CORRUPT ? 0 : err;
}

/* For qsort: greater numbers first. */
static int by_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return left < right ? 1 : left > right ? -1 : 0;
}

/* Walks the index of every state that counts; <ret_floor> is below which numbers are not sure. */
static int walk_states(struct walk *walk, uint64_t *ret_floor)
{
    uint64_t floor = 0;
    int err = 0;

    for (int state = 0; state < STATE_COUNT && err == 0; state++) {
        struct store_key prefix = {0};

        if (!rows_state_fits(&walk->filter->state, (enum state)state)) {
            continue;
        }
        key_u8(&prefix, (uint8_t)state);
        err = walk_index(walk, STORE_BY_STATE, &prefix);
        floor = walk->stopped > floor ? walk->stopped : floor;
    }
    *ret_floor = floor;
    return err;
}

/* Walks the one index that a text chooses, or all runs. */
static int walk_one(struct walk *walk, uint64_t *ret_floor)
{
    const struct run_page_filter *filter = walk->filter;
    enum store_table table = STORE_FLOW_RUN;
    struct store_key prefix = {0};
    int err;

    if (filter->name.ptr) {
        table = STORE_BY_NAME;
        key_text(&prefix, filter->name);
    } else if (filter->tag.ptr) {
        table = STORE_BY_TAG;
        key_text(&prefix, filter->tag);
    } else if (filter->flow.ptr) {
        table = STORE_BY_FLOW;
        key_text(&prefix, filter->flow);
    }
    err = walk_index(walk, table, &prefix);
    *ret_floor = walk->stopped;
    return err;
}

int run_page_find(struct store_read *read, const struct run_page_filter *filter,
                  struct arena *arena, struct run_page *ret_page)
{
    struct run_page page = {0};
    struct walk walk = {.read = read, .filter = filter, .count = &page.count};
    bool by_state =
        !filter->state.all && !filter->name.ptr && !filter->tag.ptr && !filter->flow.ptr;
    uint64_t floor = 0;
    int err;

    page.numbers = arena_array(arena, (size_t)filter->limit * (by_state ? STATE_COUNT : 1),
                               sizeof(*page.numbers));
    if (!page.numbers) {
        return ERR_MEMORY;
    }
    walk.numbers = page.numbers;
    err = by_state ? walk_states(&walk, &floor) : walk_one(&walk, &floor);
    if (err) {
        return err;
    }
    qsort(page.numbers, page.count, sizeof(*page.numbers), by_number);
    while (page.count > 0 && page.numbers[page.count - 1] < floor) {
        page.count--; /* another index may have numbers between that were not looked at */
    }
    page.next = floor;
    if (page.count > filter->limit) {
        page.count = filter->limit;
        page.next = page.numbers[page.count - 1];
    }
    *ret_page = page;
    return 0;
}
