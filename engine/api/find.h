/*
 * Finding runs and task runs by what people call them.
 *
 * A run is a uuid, the beginning of one (at least FIND_PREFIX_MIN characters, unique), a run's name
 * (the newest with it) or "@last" (the newest that is no subflow). A task run is "step" or
 * "step[3]". Any thread.
 */
#ifndef API_FIND_H
#define API_FIND_H

#include "base/err.h"
#include "core/record.h"
#include "store/store_read.h"

enum { FIND_PREFIX_MIN = 8 };

/* The number of the run. ERR_NOT_FOUND with a suggestion, ERR_INVALID when several fit; errors of
 * the store. */
int find_run(struct store_read *read, struct str text, uint64_t *ret_number,
             struct err_text *reterr_why);

/* The row of a run by number, borrowed from <read>. ERR_NOT_FOUND, ERR_CORRUPT, with a sentence. */
int find_run_row(struct store_read *read, uint64_t number, struct run_row *ret_row,
                 struct err_text *reterr_why);

/* The row of a task run by its place, borrowed from <read>. Likewise. */
int find_task_row(struct store_read *read, uint64_t run, uint32_t index, struct task_row *ret_row,
                  struct err_text *reterr_why);

/* The row of a task run by name. ERR_NOT_FOUND with a suggestion, also when it has not begun. */
int find_task(struct store_read *read, uint64_t run, struct str name, struct task_row *ret_row,
              struct err_text *reterr_why);

/* Splits "step[3]": index -1 for "step". False when it is neither. */
bool find_split_task(struct str name, struct str *ret_step, int32_t *ret_index);

#endif
