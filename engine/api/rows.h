/*
 * Rows of the store as objects of the API: flow runs, task runs, and the small things inside.
 *
 * The functions append members or whole maps to a buffer (look at buf_err() afterwards) and belong
 * to the thread of the read. What they show is the snapshot's.
 */
#ifndef API_ROWS_H
#define API_ROWS_H

#include "api/pinned.h"
#include "base/buf.h"
#include "core/record.h"
#include "store/store_read.h"

/* Where the rows come from. */
struct rows {
    struct store_read *read;
    struct pinned *pinned;
};

/* A state or a type of states to look for; .all for no condition. */
struct rows_state {
    bool all;
    enum state state; /* STATE_NONE: the type counts */
    enum state_type type;
};

/* From the text of a query parameter that was checked; STR_NONE means all. */
struct rows_state rows_state_of(struct str text);
bool rows_state_fits(const struct rows_state *wanted, enum state state);

/* ---- members ---- */

/* "key": text, or null for STR_NONE. */
void rows_put_str(struct buf *out, const char *key, struct str text);
/* "key": RFC 3339 time, or null for 0. */
void rows_put_time(struct buf *out, const char *key, int64_t wall_us);
void rows_put_int(struct buf *out, const char *key, int64_t number);
void rows_put_uuid(struct buf *out, const char *key, const struct uuid *uuid);
void rows_put_hash(struct buf *out, const char *key, const struct hash *hash);
void rows_put_state(struct buf *out, enum state state);

/* ---- flow runs ---- */

/* Appends the members of a flow_run and returns their number; <counts> adds "counts". */
uint32_t rows_put_flow_run(const struct rows *rows, uint64_t number, const struct run_row *row,
                           bool counts, struct buf *out);
/* The parameters of a run with secret ones masked: "params". <params> may be the row's or the same
 * with large values filled in. */
void rows_put_params(const struct rows *rows, const struct run_row *row, struct val params,
                     struct buf *out);
/* The run's id as text; "" when it is gone. */
void rows_run_id(const struct rows *rows, uint64_t number, char ret_text[UUID_TEXT_SIZE]);

/* ---- task runs ---- */

enum { ROWS_TASK_NAME_SIZE = 160 };
/* "step" or "step[3]". */
void rows_task_name(const struct task_row *row, char ret_text[ROWS_TASK_NAME_SIZE]);

/* Appends the members of a task_run and returns their number. */
uint32_t rows_put_task_run(const struct rows *rows, const struct uuid *run, uint64_t number,
                           const struct task_row *row, struct buf *out);

/* Which task runs of a run to list. */
struct rows_filter {
    struct rows_state state;
    bool children; /* children of mapped steps too; they follow the steps */
    int64_t after; /* index to begin behind; -1: from the beginning */
    uint32_t limit;
};

/*
 * Appends task_run objects to an open list and returns their number. Steps that have not begun are
 * shown as Pending, from the flow's text; such children are left out. <ret_next> is what `after`
 * must be for the rest, -1 at the end.
 */
uint32_t rows_put_task_runs(const struct rows *rows, uint64_t number, const struct run_row *run,
                            const struct rows_filter *filter, struct buf *out, int64_t *ret_next);

/* A row for a task that has none: Pending. Borrowed from <step_name>. */
struct task_row rows_pending(struct str step_name, uint32_t step, int32_t map_index);

#endif
