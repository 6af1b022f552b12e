/*
 * Log lines of runs as they are stored: [wall_us, task index or nil, level, stream, text].
 */
#ifndef DRIVE_LOGS_H
#define DRIVE_LOGS_H

#include "drive/engine_int.h"

/* One stored line; text is borrowed from the bytes. */
struct log_row {
    int64_t wall_us;
    uint32_t task; /* CORE_NO_TASK: the run itself */
    int32_t level;
    enum pool_stream stream;
    struct str text;
};

/* Whose line it is; the run may have been forgotten already. */
struct log_place {
    uint64_t run;
    const struct uuid *run_id;
    const struct uuid *root;
    uint32_t task;         /* CORE_NO_TASK: the run itself */
    const char *task_name; /* NULL: the run itself */
};

/* Stores a line and tells followers. Loop thread. */
void logs_write(struct engine *engine, const struct log_place *place, int32_t level,
                enum pool_stream stream, int64_t wall_us, struct str text);

/* 0 or ERR_CORRUPT. Any thread. */
int logs_parse(struct str bytes, struct log_row *ret_row);

/* "log", "stdout", "stderr". Static text. */
const char *logs_stream_name(enum pool_stream stream);

#endif
