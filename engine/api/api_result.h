/*
 * Results in answers: as they are stored, or with large values filled in.
 */
#ifndef API_API_RESULT_H
#define API_API_RESULT_H

#include "api/call.h"
#include "core/record.h"

enum { API_RESULT_LIST_MAX = 8 * 1024 * 1024 }; /* bytes of a mapped step's list of results */

/* Appends "result" of a task run: null when there is none; a mapped step's is the list of its
 * children's. <expand> fills blobs in. ERR_LIMIT with a sentence when it is too large to show,
 * ERR_NOT_FOUND and ERR_CORRUPT when a blob is gone or damaged. */
int api_result_of_task(struct api_call *call, uint64_t run, const struct task_row *task,
                       bool expand);

/* Appends <key> and a stored value (VAL_NONE: null), with blobs filled in when <expand>. */
int api_result_put(struct api_call *call, const char *key, struct val value, bool expand);

#endif
