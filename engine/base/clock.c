/*
 * The system's clocks, and time as text; see clock.h.
 */
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/must.h"

/* Microseconds of one of the system's clocks. */
static int64_t read_us(clockid_t id)
{
    struct timespec now;
    int failed = clock_gettime(id, &now);
    must(!failed);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Callback: the wall clock. */
static int64_t real_wall_us(void *user)
{
    (void)user;
    return read_us(CLOCK_REALTIME);
}

/* Callback: the monotonic clock. It stands still while the machine is suspended, like the
 * processes that it times. */
static int64_t real_mono_us(void *user)
{
    (void)user;
    return read_us(CLOCK_MONOTONIC);
}

const struct clock clock_real = {real_wall_us, real_mono_us, NULL};

void clock_format(int64_t wall_us, char ret_text[CLOCK_TEXT_SIZE])
{
    int64_t seconds = wall_us / 1000000;
    int64_t rest_us = wall_us % 1000000;
    if (rest_us < 0) {
        seconds--;
        rest_us += 1000000;
    }
    time_t when = (time_t)seconds;
    struct tm tm;
    const struct tm *ok = gmtime_r(&when, &tm);
    must(ok);
    /* Every int64_t of microseconds is in the years -290308 to 294247 and so fits. */
    int len = snprintf(ret_text, CLOCK_TEXT_SIZE, "%04ld-%02d-%02dT%02d:%02d:%02d.%06" PRId64 "Z",
                       tm.tm_year + 1900L, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                       tm.tm_sec, rest_us);
    must(len > 0 && len < CLOCK_TEXT_SIZE);
}

int64_t clock_parse(struct str text)
{
    char copy[CLOCK_TEXT_SIZE];
    struct tm parts = {0};
    int64_t us = 0;
    int64_t unit = 100000;
    const char *at;

    if (text.len >= sizeof(copy)) {
        return 0;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    at = strptime(copy, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!at) {
        return 0;
    }
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9' && unit > 0; at++, unit /= 10) {
            us += (*at - '0') * unit;
        }
    }
    return strcmp(at, "Z") == 0 ? (int64_t)timegm(&parts) * 1000000 + us : 0;
}

void clock_format_duration(int64_t us, char ret_text[CLOCK_TEXT_SIZE])
{
    const char *sign = us < 0 ? "-" : "";
    uint64_t length_us = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    uint64_t seconds = length_us / 1000000;
    int len = 0;
    if (length_us < 1000) {
        len = snprintf(ret_text, CLOCK_TEXT_SIZE, "%s%" PRIu64 " us", sign, length_us);
    } else if (seconds < 1) {
        len = snprintf(ret_text, CLOCK_TEXT_SIZE, "%s%" PRIu64 " ms", sign, length_us / 1000);
    } else if (seconds < 60) {
        len = snprintf(ret_text, CLOCK_TEXT_SIZE, "%s%" PRIu64 ".%02" PRIu64 " s", sign, seconds,
                       length_us / 10000 % 100);
    } else if (seconds < 3600) {
        len = snprintf(ret_text, CLOCK_TEXT_SIZE, "%s%" PRIu64 " min %02" PRIu64 " s", sign,
                       seconds / 60, seconds % 60);
    } else {
        len = snprintf(ret_text, CLOCK_TEXT_SIZE, "%s%" PRIu64 " h %02" PRIu64 " min", sign,
                       seconds / 3600, seconds / 60 % 60);
    }
    must(len > 0 && len < CLOCK_TEXT_SIZE);
}
