/*
 * A plugin that says too much.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <leat/plugin.h>

/* Writes <mib> MiB of <byte> to a descriptor. */
static void pour(int fd, int byte, int64_t mib)
{
    static char block[64 * 1024];

    memset(block, byte, sizeof(block));
    for (int64_t i = 0; i < mib * 16; i++) {
        if (write(fd, block, sizeof(block)) < 0) {
            return;
        }
    }
}

/* Hundreds of megabytes on stdout without a line end. */
static leat_status no_newline(leat_call *call)
{
    pour(1, 'a', leat_param_int(call, "mib"));
    return LEAT_OK;
}

/* Bytes that are not UTF-8. */
static leat_status not_utf8(leat_call *call)
{
    (void)call;
    pour(2, 0xff, 1);
    return LEAT_OK;
}

/* Empty lines, which cost the most per byte. */
static leat_status empty_lines(leat_call *call)
{
    pour(1, '\n', leat_param_int(call, "mib"));
    return LEAT_OK;
}

/* The log, line by line. */
static leat_status log_lines(leat_call *call)
{
    for (int64_t i = 0; i < leat_param_int(call, "lines"); i++) {
        leat_info(call, "line %lld of a flood", (long long)i);
    }
    return LEAT_OK;
}

/* One line that is longer than a line may be, in characters of two bytes. */
static leat_status long_line(leat_call *call)
{
    size_t count = 20000;
    char *text = leat_alloc(call, 2 * count + 1);

    for (size_t i = 0; text && i < count; i++) {
        memcpy(text + 2 * i, "\xc3\xa9", 2);
    }
    call->host->log(call, LEAT_LOG_INFO, text);
    return LEAT_OK;
}

LEAT_PLUGIN("flood", "1.0", "Says too much",
            LEAT_TASK(no_newline, "flood.no_newline", "No line end", LEAT_INT_REQUIRED("mib", "m")),
            LEAT_TASK(not_utf8, "flood.not_utf8", "Not UTF-8"),
            LEAT_TASK(empty_lines, "flood.empty_lines", "Line ends only",
                      LEAT_INT_REQUIRED("mib", "m")),
            LEAT_TASK(log_lines, "flood.log", "Log lines", LEAT_INT_REQUIRED("lines", "n")),
            LEAT_TASK(long_line, "flood.long_line", "One long line"));
