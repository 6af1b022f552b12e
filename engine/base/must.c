/*
 * Assertions that stay on in release builds; see must.h.
 *
 * The report is put together with write(2) alone, so that it works in a signal handler and with a
 * broken heap.
 */
#include "base/must.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Writes one piece of the report; nothing can be done when stderr is gone. */
static void put(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

/* Writes <number> in decimal. */
static void put_number(int number)
{
    char digits[12] = {0};
    char *start = digits + sizeof digits - 1;
    unsigned rest = number < 0 ? 0 : (unsigned)number;
    do {
        start--;
        *start = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    put(start);
}

void must_fail(const char *condition, const char *file, int line, const char *function)
{
    put("leat: broken assertion: ");
    put(condition);
    put(" (");
    put(file);
    put(":");
    put_number(line);
    put(", ");
    put(function);
    put(")\n");
    abort();
}
