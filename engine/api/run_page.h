/*
 * Pages of flow runs: which numbers fit a filter, newest first.
 */
#ifndef API_RUN_PAGE_H
#define API_RUN_PAGE_H

#include "api/rows.h"
#include "base/arena.h"

enum { RUN_PAGE_SCANNED_MAX = 100000 }; /* rows that one page looks at in each index */

struct run_page_filter {
    struct rows_state state;
    struct str flow; /* STR_NONE: any; likewise for tag and name */
    struct str tag;
    struct str name;
    bool top;       /* no subflows */
    uint64_t below; /* only numbers below; UINT64_MAX: all */
    uint32_t limit;
};

struct run_page {
    uint64_t *numbers; /* newest first; the arena's */
    uint32_t count;
    uint64_t next; /* `below` of the next page; 0: this is the last one */
};

/* Fills a page. It may be shorter than the limit and still have a next one, when few of many runs
 * fit. 0, ERR_MEMORY, errors of the store. */
int run_page_find(struct store_read *read, const struct run_page_filter *filter,
                  struct arena *arena, struct run_page *ret_page);

#endif
