/*
 * What a transition leaves in the store: its journal entry, the row of the run or task, its result,
 * and the secondary keys by which runs are found. And the news about it.
 *
 * Loop thread.
 */
#ifndef DRIVE_RECORDS_H
#define DRIVE_RECORDS_H

#include "drive/engine_int.h"

/* Adds everything that belongs to one CORE_DO_RECORD to the open batch. */
void records_write(struct engine *engine, const struct core_decision *decision);

/* Adds the removal of everything about an ended run. */
void records_delete(struct engine *engine, uint64_t number, const struct run_row *row);

#endif
