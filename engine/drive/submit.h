/*
 * The life of runs as a whole: submitting, subflows, restoring, retrying, deleting, forgetting.
 *
 * Loop thread.
 */
#ifndef DRIVE_SUBMIT_H
#define DRIVE_SUBMIT_H

#include "drive/engine_int.h"

/* Starts a top-level run; the answer to <mail> follows when it is durable, or at once on failure.
 */
void submit_request(struct engine *engine, struct mail *mail);

/* Starts the subflow of a task whose CORE_DO_SUBMIT is durable. */
void submit_child(struct engine *engine, uint64_t run, uint32_t task, uint32_t epoch);

/* Starts an ended run again. */
void submit_retry(struct engine *engine, struct mail *mail);

/* Deletes an ended run and its subflows' runs. */
void submit_delete(struct engine *engine, struct mail *mail);

/* Takes up every run that a former engine left behind. */
int submit_restore_all(struct engine *engine, struct err_text *reterr_why);

/* Drops an ended run whose records are durable. */
void submit_forget(struct engine *engine, uint64_t run);

#endif
