/*
 * Time as text, and the system's clocks.
 */
#include "base/clock.h"

#include <criterion/criterion.h>

/* Compares the text of an instant. */
static void expect_instant(int64_t wall_us, const char *want)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_us, text);
    cr_expect_str_eq(text, want);
}

/* Compares the text of a length of time. */
static void expect_duration(int64_t us, const char *want)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format_duration(us, text);
    cr_expect_str_eq(text, want);
}

Test(clock, format_writes_utc_with_microseconds)
{
    expect_instant(0, "1970-01-01T00:00:00.000000Z");
    expect_instant(1795292867123456, "2026-11-21T20:27:47.123456Z");
    expect_instant(951825600000000, "2000-02-29T12:00:00.000000Z");
}

Test(clock, format_handles_instants_before_1970)
{
    expect_instant(-1, "1969-12-31T23:59:59.999999Z");
    expect_instant(-1000000, "1969-12-31T23:59:59.000000Z");
}

Test(clock, format_fits_the_first_and_last_instant)
{
    expect_instant(INT64_MAX, "294247-01-10T04:00:54.775807Z");
    expect_instant(INT64_MIN, "-290308-12-21T19:59:05.224192Z");
}

Test(clock, durations_use_the_unit_that_people_would)
{
    expect_duration(0, "0 us");
    expect_duration(850, "850 us");
    expect_duration(12 * 1000, "12 ms");
    expect_duration(1240000, "1.24 s");
    expect_duration(185000000, "3 min 05 s");
    expect_duration(INT64_C(7800) * 1000000, "2 h 10 min");
}

Test(clock, durations_change_units_at_the_border)
{
    expect_duration(999, "999 us");
    expect_duration(1000, "1 ms");
    expect_duration(999999, "999 ms");
    expect_duration(1000000, "1.00 s");
    expect_duration(59999999, "59.99 s");
    expect_duration(60000000, "1 min 00 s");
    expect_duration(INT64_C(3599999999), "59 min 59 s");
    expect_duration(INT64_C(3600000000), "1 h 00 min");
}

Test(clock, durations_may_be_negative_or_extreme)
{
    expect_duration(-12000, "-12 ms");
    expect_duration(INT64_MAX, "2562047788 h 00 min");
    expect_duration(INT64_MIN, "-2562047788 h 00 min");
}

Test(clock, the_real_clocks_go_on)
{
    int64_t begin_us = clock_mono_us(&clock_real);
    int64_t wall_us = clock_wall_us(&clock_real);
    cr_assert_gt(wall_us, INT64_C(1700000000) * 1000000);
    while (clock_mono_us(&clock_real) == begin_us) {
        /* Until the next microsecond. */
    }
    cr_assert_gt(clock_mono_us(&clock_real), begin_us);
}

Test(clock, parses_what_it_formats)
{
    static const int64_t instants[] = {1, 999999, 1000000, 1795295799429999};
    char text[CLOCK_TEXT_SIZE];

    for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
        clock_format(instants[i], text);
        cr_assert_eq(clock_parse(str_of(text)), instants[i], "%s", text);
    }
}

Test(clock, parses_nothing_else)
{
    static const char *const texts[] = {"",
                                        "yesterday",
                                        "2026-11-21",
                                        "2026-11-21T20:27:47",
                                        "2026-11-21T20:27:47.1234567Z",
                                        "2026-11-21T20:27:47+01"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cr_assert_eq(clock_parse(str_of(texts[i])), 0, "%s", texts[i]);
    }
}
