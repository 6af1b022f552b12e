/*
 * How runs, tasks and transitions are written into the store: msgpack lists that begin with the
 * version of their layout.
 *
 * Writers append one value to a buffer (look at buf_err() afterwards). Parsers check everything,
 * as the disk is an outsider: ERR_CORRUPT with a sentence, ERR_STORE_SCHEMA for a later version.
 * What they return is borrowed from the bytes. Any thread.
 */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/uuid.h"
#include "core/state.h"
#include "value/val.h"

struct run;  /* core/core.h */
struct task; /* core/core.h */

enum { RECORD_VERSION = 1 };

/* A flow run. Its key in the store is its number. */
struct run_row {
    struct uuid uuid;
    struct str name;
    struct str flow_name;
    struct hash flow_hash;
    enum state state;
    enum state kill_state; /* where a Cancelling run will end; else STATE_NONE */
    uint32_t epoch;
    uint32_t depth;
    int64_t created_us;
    int64_t started_us;
    int64_t ended_us;
    uint64_t parent_run;
    uint32_t parent_task;
    uint32_t task_count; /* when this was written; maps may have added more */
    bool refresh_cache;
    struct str base_dir;
    struct val tags;       /* a list of strings */
    struct val params;     /* a map or a blob reference */
    struct val result;     /* VAL_NONE when there is none */
    struct str error_code; /* STR_NONE when there is no error */
    struct str error_text;
};

/* A task run. Its key in the store is its run's number and its index. */
struct task_row {
    uint32_t index;
    uint32_t step;
    struct str step_name;
    int32_t map_index; /* -1 for a step itself */
    enum state state;
    enum state kill_state; /* where a Cancelling task will end; else STATE_NONE */
    uint32_t attempt;
    uint32_t attempt_free;
    uint32_t epoch;
    int64_t started_us;
    int64_t ended_us;
    int64_t due_us;
    uint64_t child_run;
    uint32_t first_child; /* a mapped step: where its children's rows begin, and how many */
    uint32_t child_count;
    struct str label; /* what the step's `run_name` gave; empty without one */
    bool has_cache_key;
    struct hash cache_key;
    struct str error_code; /* STR_NONE when there is no error */
    struct str error_text;
};

/* One transition. Its key in the store is a sequence number. */
struct journal_row {
    int64_t wall_us;
    uint64_t run;
    uint32_t task; /* CORE_NO_TASK for the run itself */
    uint32_t attempt;
    uint32_t epoch;
    enum state from; /* STATE_NONE for a new run */
    enum state to;
    struct str code; /* STR_NONE when there is no error */
    struct str text;
};

void record_run(const struct run *run, struct buf *out);
void record_task(const struct run *run, const struct task *task, struct buf *out);
void record_journal(const struct journal_row *row, struct buf *out);

int record_parse_run(struct str bytes, struct run_row *ret_row, struct err_text *reterr_why);
int record_parse_task(struct str bytes, struct task_row *ret_row, struct err_text *reterr_why);
int record_parse_journal(struct str bytes, struct journal_row *ret_row,
                         struct err_text *reterr_why);

#endif
