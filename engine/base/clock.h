/*
 * Where time comes from. The engine reads time only through a struct clock, so that a simulation
 * can own it.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct clock {
    int64_t (*wall_us)(void *user); /* microseconds since 1970-01-01 UTC; may jump */
    int64_t (*mono_us)(void *user); /* microseconds, never goes back */
    void *user;
};

/* The system's clocks. */
extern const struct clock clock_real;

static inline int64_t clock_wall_us(const struct clock *clock)
{
    return clock->wall_us(clock->user);
}

static inline int64_t clock_mono_us(const struct clock *clock)
{
    return clock->mono_us(clock->user);
}

enum { CLOCK_TEXT_SIZE = 32 };

/* "2026-11-21T20:27:47.123456Z" into <ret_text>. */
void clock_format(int64_t wall_us, char ret_text[CLOCK_TEXT_SIZE]);
/* The instant written as clock_format() does (fractions of up to six digits, "Z"), or 0. */
int64_t clock_parse(struct str text);
/* A length of time for people: "850 us", "12 ms", "1.24 s", "3 min 05 s", "2 h 10 min". */
void clock_format_duration(int64_t us, char ret_text[CLOCK_TEXT_SIZE]);

#endif
