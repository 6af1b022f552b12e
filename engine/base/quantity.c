/*
 * Durations and sizes as people write them; see quantity.h.
 *
 * Both are sums of parts, a decimal number and a unit. Parts of a duration go from larger to
 * smaller units ("1h30m"), which catches most slips; a size has one part.
 */
#include "base/quantity.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/must.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* The first unit is what a bare number means. */
static const struct unit duration_units[] = {
    {"s", 1000000},
    {"us", 1},
    {"ms", 1000},
    {"m", INT64_C(60) * 1000000},
    {"min", INT64_C(60) * 1000000},
    {"h", INT64_C(3600) * 1000000},
    {"d", INT64_C(86400) * 1000000},
    {"w", INT64_C(604800) * 1000000},
    {NULL, 0},
};

static const struct unit size_units[] = {
    {"B", 1},
    {"kB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", INT64_C(1000000000000)},
    {"KiB", INT64_C(1) << 10},
    {"MiB", INT64_C(1) << 20},
    {"GiB", INT64_C(1) << 30},
    {"TiB", INT64_C(1) << 40},
    {NULL, 0},
};

/* A number as digits: whole part, and the fraction as a double below 1. */
struct number {
    uint64_t whole;
    double fraction;
    bool too_large;
};

/* Removes and returns one leading byte of <rest> when it is <c>. */
static bool skip(struct str *rest, char c)
{
    if (rest->len == 0 || rest->ptr[0] != c) {
        return false;
    }
    rest->ptr++;
    rest->len--;
    return true;
}

/* The value of a leading digit, which is removed, or -1. */
static int take_digit(struct str *rest)
{
    if (rest->len == 0 || rest->ptr[0] < '0' || rest->ptr[0] > '9') {
        return -1;
    }
    int value = rest->ptr[0] - '0';
    rest->ptr++;
    rest->len--;
    return value;
}

/* Reads digits with an optional fraction from the start of <rest>. */
static int take_number(struct str *rest, struct number *ret_number)
{
    struct number number = {0};
    int digit = take_digit(rest);
    if (digit < 0) {
        return ERR_PARSE;
    }
    while (digit >= 0) {
        if (number.whole > (UINT64_MAX - 9) / 10) {
            number.too_large = true;
        } else {
            number.whole = number.whole * 10 + (uint64_t)digit;
        }
        digit = take_digit(rest);
    }
    if (skip(rest, '.')) {
        double place = 0.1;
        digit = take_digit(rest);
        if (digit < 0) {
            return ERR_PARSE;
        }
        while (digit >= 0) {
            number.fraction += digit * place;
            place /= 10;
            digit = take_digit(rest);
        }
    }
    *ret_number = number;
    return 0;
}

/* True when <word> is the name of <unit>. */
static bool is_named(const struct unit *unit, struct str word, bool fold_case)
{
    if (strlen(unit->name) != word.len) {
        return false;
    }
    return fold_case ? strncasecmp(unit->name, word.ptr, word.len) == 0
                     : memcmp(unit->name, word.ptr, word.len) == 0;
}

/* Reads the letters of a unit from the start of <rest>: the unit, or NULL for an unknown one. */
static const struct unit *take_unit(struct str *rest, const struct unit *units, bool fold_case)
{
    struct str word = {rest->ptr, 0};
    while (word.len < rest->len && rest->ptr[word.len] >= 'A') {
        word.len++;
    }
    for (const struct unit *unit = units; unit->name; unit++) {
        if (is_named(unit, word, fold_case)) {
            rest->ptr += word.len;
            rest->len -= word.len;
            return unit;
        }
    }
    return NULL;
}

/* Adds <number> times <factor> to <*total>; ERR_RANGE when the sum would pass <max>. */
static int add(int64_t *total, struct number number, int64_t factor, int64_t max)
{
    must(*total >= 0 && *total <= max && factor > 0);
    int64_t room = max - *total;
    if (number.too_large || number.whole > (uint64_t)(room / factor)) {
        return ERR_RANGE;
    }
    room -= (int64_t)number.whole * factor;
    int64_t part = llround(number.fraction * (double)factor);
    if (part > room) {
        return ERR_RANGE;
    }
    *total = max - room + part;
    return 0;
}

int quantity_duration(struct str text, int64_t *ret_us)
{
    struct str rest = text;
    int64_t total_us = 0;
    int64_t last_factor = INT64_MAX;
    do {
        struct number number;
        int err = take_number(&rest, &number);
        if (err) {
            return err;
        }
        /* A bare number is seconds, but not behind another part: "1h30" could mean two things. */
        const struct unit *unit = &duration_units[0];
        if (rest.len > 0 || last_factor != INT64_MAX) {
            skip(&rest, ' ');
            unit = take_unit(&rest, duration_units, false);
        }
        if (!unit || unit->factor >= last_factor) {
            return ERR_PARSE;
        }
        last_factor = unit->factor;
        err = add(&total_us, number, unit->factor, QUANTITY_DURATION_US_MAX);
        if (err) {
            return err;
        }
        if (skip(&rest, ' ') && rest.len == 0) {
            return ERR_PARSE;
        }
    } while (rest.len > 0);
    *ret_us = total_us;
    return 0;
}

int quantity_size(struct str text, int64_t *ret_bytes)
{
    struct str rest = text;
    struct number number;
    int err = take_number(&rest, &number);
    if (err) {
        return err;
    }
    const struct unit *unit = &size_units[0];
    if (rest.len > 0) {
        skip(&rest, ' ');
        unit = take_unit(&rest, size_units, true);
    }
    if (!unit || rest.len > 0) {
        return ERR_PARSE;
    }
    int64_t bytes = 0;
    err = add(&bytes, number, unit->factor, INT64_MAX);
    if (err) {
        return err;
    }
    *ret_bytes = bytes;
    return 0;
}
