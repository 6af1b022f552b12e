/*
 * Names of task runs by place, remembered: log lines only know places.
 */
#ifndef API_TASK_NAMES_H
#define API_TASK_NAMES_H

#include <stdint.h>

#include "store/store_read.h"

struct task_names;

struct task_names *task_names_new(void);
/* NULL is allowed; returns NULL. */
struct task_names *task_names_free(struct task_names *names);

/* "step" or "step[3]", borrowed until task_names_free(); NULL when the store has no such task. */
const char *task_names_get(struct task_names *names, struct store_read *read, uint64_t run,
                           uint32_t index);

#endif
