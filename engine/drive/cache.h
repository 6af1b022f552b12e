/*
 * The result cache: keys from what a task is and what it is given, single flight, and entries that
 * remember the parts of their key so that a miss can be explained.
 *
 * Key of `by: inputs`: task type, content hash of its plugin, and each parameter's canonical value
 * (a file parameter counts by the file's content). Key of `key: template`: task type and the text.
 */
#ifndef DRIVE_CACHE_H
#define DRIVE_CACHE_H

#include "drive/prepare.h"
#include "drive/run_data.h"
#include "store/key.h"

enum {
    CACHE_PREVIEW_MAX = 64, /* bytes of a parameter's value shown by explain */
};

enum cache_answer {
    CACHE_OFF,   /* the task is not cached, or can not be: run it */
    CACHE_MISS,  /* run it; this task computes for all who wait */
    CACHE_HIT,   /* the result is there */
    CACHE_WAIT,  /* another task computes the same; the preparation is parked */
    CACHE_FILES, /* content hashes of file parameters are needed first */
    CACHE_CHECK, /* blobs are being checked; the preparation is parked */
};

/*
 * Asks for <task> with the bound <input>. <text> is the custom key's text, or empty. HIT fills
 * <ret_result>; MISS and HIT fill <ret_key>. WAIT and CHECK take <prep> over. Loop thread.
 */
enum cache_answer cache_ask(struct prep *prep, struct run *run, struct task *task, struct val input,
                            struct str text, struct hash *ret_key, struct buf *ret_result);

/* Adds an entry for a task that ended well to the open batch. Call it before core hears of the end.
 * Loop thread. */
void cache_store(struct engine *engine, struct run *run, struct task *task, struct val result);

/* The task with a key has ended, well or not: those who wait go on when that is durable. */
void cache_task_over(struct engine *engine, const struct run *run, const struct task *task);
/* Lets them go on. Loop thread. */
void cache_flight_end(struct engine *engine, const struct hash *key);

/* Frees all flights. */
void cache_done(struct engine *engine);

/* One entry as it is stored. Borrowed from the row. */
struct cache_row {
    int64_t created_us;
    int64_t expires_us; /* 0: never */
    struct str task_type;
    struct str task_name;
    struct uuid run;
    struct val result;
    struct val parts; /* list of [name, hash (bin), preview or nil] */
};

/* 0 or ERR_CORRUPT. Any thread. */
int cache_row_parse(struct str bytes, struct cache_row *ret_row);

/* How the keys of CACHE_BY_TASK for a step of a flow begin; the time of the entry follows. Names
 * are hashed when both together are too long for a key. Any thread. */
void cache_task_prefix(struct str flow, struct str step, struct store_key *ret_prefix);

/* Whether a stored result's blobs are all there and of the right size. Any thread. */
bool cache_blobs_exist(struct blob_dir *blobs, struct val result);

#endif
