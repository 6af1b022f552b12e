/*
 * Preparing a task: `when`, the list of a map, the input with all its parameters, the cache key and
 * what the cache has; and the flow's output. Ends in an event for core.
 *
 * Plain references into small values are resolved at once. jq expressions, paths into blobs and
 * content hashes of files are jobs for the evaluator process; then the preparation is parked and
 * begins again when the answers are there.
 *
 * Loop thread.
 */
#ifndef DRIVE_PREPARE_H
#define DRIVE_PREPARE_H

#include "drive/engine_int.h"
#include "value/tmpl.h"

enum {
    PREP_ROUNDS_MAX = 8,          /* trips to the evaluator for one preparation */
    PREP_INPUT_MAX = 1024 * 1024, /* bytes of an input; blobs count as references */
};

/* What is known about blobs behind a cache entry. */
enum prep_blobs { PREP_BLOBS_UNKNOWN, PREP_BLOBS_SOUND, PREP_BLOBS_DAMAGED };

/* One preparation. */
struct prep {
    struct engine *engine;
    struct errand errand;
    struct tmpl_answer *answers;
    size_t answer_count;
    struct buf rounds[PREP_ROUNDS_MAX]; /* what the evaluator answered; answers borrow from here */
    uint32_t round_count;
    struct tmpl_job *jobs; /* asked for now */
    size_t job_count;      /* 0 while file hashes are asked for */
    struct val files; /* {hash, size} for each file parameter; VAL_NONE before they are known */
    enum prep_blobs blobs;
};

/* Does one preparation, or as much of it as is possible now. */
void prepare(struct engine *engine, const struct errand *errand);

/* Goes on with a parked preparation, which is freed when it ends. */
void prepare_resume(struct prep *prep);

/* pool_callbacks.on_eval */
void prepare_on_eval(void *user, uint64_t eval_id, const struct pool_eval_result *result);

/* Frees a parked preparation that will not go on. NULL is allowed. */
void prepare_free(struct prep *prep);

/* A copy of <prep> on the heap, which takes over everything <prep> owns. */
struct prep *prepare_park(struct prep *prep);

#endif
