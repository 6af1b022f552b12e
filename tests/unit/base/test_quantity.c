/*
 * Durations and sizes as people write them.
 */
#include "base/quantity.h"

#include <criterion/criterion.h>

#include "base/err.h"

/* Expects <text> to be a duration of <want_us>. */
static void expect_duration(const char *text, int64_t want_us)
{
    int64_t us = -1;
    cr_expect_eq(quantity_duration(str_of(text), &us), 0, "%s is a duration", text);
    cr_expect_eq(us, want_us, "%s gives %ld", text, us);
}

/* Expects <text> to be refused with <want>. */
static void expect_no_duration(const char *text, int want)
{
    int64_t us = -7;
    cr_expect_eq(quantity_duration(str_of(text), &us), want, "%s is refused", text);
    cr_expect_eq(us, -7, "the result is untouched");
}

/* Expects <text> to be a size of <want> bytes. */
static void expect_size(const char *text, int64_t want)
{
    int64_t bytes = -1;
    cr_expect_eq(quantity_size(str_of(text), &bytes), 0, "%s is a size", text);
    cr_expect_eq(bytes, want, "%s gives %ld", text, bytes);
}

/* Expects <text> to be refused with <want>. */
static void expect_no_size(const char *text, int want)
{
    int64_t bytes = -7;
    cr_expect_eq(quantity_size(str_of(text), &bytes), want, "%s is refused", text);
    cr_expect_eq(bytes, -7, "the result is untouched");
}

Test(quantity, durations_have_units)
{
    expect_duration("7us", 7);
    expect_duration("250ms", 250000);
    expect_duration("90s", 90000000);
    expect_duration("2m", 120000000);
    expect_duration("2min", 120000000);
    expect_duration("1h", INT64_C(3600000000));
    expect_duration("1d", INT64_C(86400000000));
    expect_duration("1w", INT64_C(604800000000));
    expect_duration("0", 0);
}

Test(quantity, a_bare_number_is_seconds)
{
    expect_duration("90", 90000000);
    expect_duration("0.5", 500000);
}

Test(quantity, durations_add_up_from_large_to_small)
{
    expect_duration("1h30m", INT64_C(5400000000));
    expect_duration("1w2d3h4m5s6ms7us", INT64_C(788645006007));
    expect_duration("1h 30m", INT64_C(5400000000));
    expect_duration("10 s", 10000000);
}

Test(quantity, decimals_are_allowed_in_any_part)
{
    expect_duration("1.5h", INT64_C(5400000000));
    expect_duration("1h0.5m", INT64_C(3630000000));
    expect_duration("1.1s", 1100000);
    expect_duration("0.0000005s", 1);
    expect_duration("0.0000004s", 0);
}

Test(quantity, other_texts_are_no_durations)
{
    const char *bad[] = {"",     " ",     "s",    "-5s",   "+5s",  "5x",     "5 S",      "1h30",
                         "5mm",  "1m1h",  "1m1m", "1.s",   ".5s",  "1..5s",  "1h ",      " 1h",
                         "1e3s", "5 s s", "1,5s", "0x10s", "5sec", "1h  5m", "\xC2\xB5s"};
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        expect_no_duration(bad[index], ERR_PARSE);
    }
}

Test(quantity, the_longest_duration_is_a_hundred_years)
{
    expect_duration("3155760000s", QUANTITY_DURATION_US_MAX);
    expect_duration("36525d", QUANTITY_DURATION_US_MAX);
    expect_no_duration("3155760000.000001s", ERR_RANGE);
    expect_no_duration("36525d1us", ERR_RANGE);
    expect_no_duration("3155760001s", ERR_RANGE);
    expect_no_duration("99999999999999999999999999999999s", ERR_RANGE);
}

Test(quantity, sizes_have_units_in_any_case)
{
    expect_size("17", 17);
    expect_size("17B", 17);
    expect_size("10kB", 10000);
    expect_size("10KB", 10000);
    expect_size("10MB", 10000000);
    expect_size("3gb", INT64_C(3000000000));
    expect_size("2TB", INT64_C(2000000000000));
    expect_size("64KiB", 65536);
    expect_size("64kib", 65536);
    expect_size("1MiB", 1048576);
    expect_size("1.5GiB", INT64_C(1610612736));
    expect_size("1 TiB", INT64_C(1099511627776));
}

Test(quantity, other_texts_are_no_sizes)
{
    const char *bad[] = {"",     "B",    "-1",  "64K",  "1KiB1B", "1KiB ",
                         "1XiB", "1 Ki", "1.B", "1k B", "0x5",    "1BB"};
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        expect_no_size(bad[index], ERR_PARSE);
    }
}

Test(quantity, the_largest_size_fits_64_bits)
{
    expect_size("9223372036854775807", INT64_MAX);
    expect_no_size("9223372036854775808", ERR_RANGE);
    expect_size("8388607TiB", INT64_C(8388607) << 40);
    expect_no_size("8388608TiB", ERR_RANGE);
    expect_no_size("18446744073709551616", ERR_RANGE);
    expect_no_size("184467440737095516160B", ERR_RANGE);
}
