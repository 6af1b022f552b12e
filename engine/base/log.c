/*
 * The engine's own log; see log.h.
 *
 * A line is put together on the stack and leaves with one write, so that lines of several threads
 * never interleave. Control characters, which may come from outsiders, become blanks.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/must.h"

enum { LINE_SIZE = 2048 };

static atomic_int threshold = LOG_WARNING;

void log_set_level(enum log_level level)
{
    must(level >= LOG_DEBUG && level <= LOG_NONE);
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

void log_line(enum log_level level, const char *module, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    must(level >= LOG_DEBUG && level < LOG_NONE);
    if ((int)level < atomic_load_explicit(&threshold, memory_order_relaxed)) {
        return;
    }
    int saved_errno = errno;
    char when[CLOCK_TEXT_SIZE];
    clock_format(clock_wall_us(&clock_real), when);
    char line[LINE_SIZE];
    int head = snprintf(line, sizeof line, "%s %s %s: ", when, names[level], module);
    must(head > 0 && head < LINE_SIZE);
    size_t len = (size_t)head;
    va_list args;
    va_start(args, format);
    int text = vsnprintf(line + len, sizeof line - len, format, args);
    va_end(args);
    if (text > 0) {
        size_t room = sizeof line - len - 1;
        len += (size_t)text < room ? (size_t)text : room;
    }
    for (size_t index = 0; index < len; index++) {
        unsigned char c = (unsigned char)line[index];
        line[index] = c < 0x20 || c == 0x7F ? ' ' : line[index];
    }
    line[len] = '\n';
    /* When stderr is gone, nobody is left to tell. */
    (void)file_write_all(STDERR_FILENO, line, len + 1);
    errno = saved_errno;
}
