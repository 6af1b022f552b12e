/*
 * The engine's own log: lines on stderr for operators. Layers base to store never log; they return
 * errors. Logs of runs are data and live in the store, not here.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_NONE };

/* Lines below <level> are dropped. The default is LOG_WARNING. Any thread. */
void log_set_level(enum log_level level);
/* One line: time, level, <module>, text. Any thread; lines never interleave. */
void log_line(enum log_level level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
