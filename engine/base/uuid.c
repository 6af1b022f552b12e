/*
 * UUID version 7; see uuid.h.
 *
 *      0                   6 7       8 9             15
 *     | milliseconds, 48 b  |7| us   |2| random, 62 b  |
 *
 * The twelve bits after the version hold the fraction of the millisecond, so that ids made in
 * the same process sort by time down to a quarter of a microsecond.
 */
#include "base/uuid.h"

#include <stdio.h>

#include "base/err.h"

struct uuid uuid_v7(int64_t wall_us, struct rng *rng)
{
    uint64_t us = wall_us < 0 ? 0 : (uint64_t)wall_us;
    uint64_t ms = us / 1000;
    uint64_t fraction = us % 1000 * 4096 / 1000;
    uint64_t random = rng_u64(rng);
    uint64_t high = ms << 16 | UINT64_C(0x7000) | fraction;
    uint64_t low = (random >> 2) | UINT64_C(1) << 63;
    struct uuid uuid;
    for (unsigned index = 0; index < 8; index++) {
        uuid.bytes[index] = (uint8_t)(high >> (56 - 8 * index));
        uuid.bytes[index + 8] = (uint8_t)(low >> (56 - 8 * index));
    }
    return uuid;
}

/* True where the text form has a hyphen. */
static int hyphen_at(size_t position)
{
    return position == 8 || position == 13 || position == 18 || position == 23;
}

void uuid_format(const struct uuid *uuid, char ret_text[UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t index = 0; index < UUID_SIZE; index++) {
        if (hyphen_at(at)) {
            ret_text[at] = '-';
            at++;
        }
        ret_text[at] = digits[uuid->bytes[index] >> 4];
        ret_text[at + 1] = digits[uuid->bytes[index] & 15];
        at += 2;
    }
    ret_text[at] = '\0';
}

/* The value of a hexadecimal digit, or -1. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int uuid_parse(struct str text, struct uuid *ret_uuid)
{
    if (text.len != UUID_TEXT_SIZE - 1) {
        return ERR_PARSE;
    }
    struct uuid uuid = {{0}};
    size_t nibble = 0;
    for (size_t at = 0; at < text.len; at++) {
        if (hyphen_at(at)) {
            if (text.ptr[at] != '-') {
                return ERR_PARSE;
            }
            continue;
        }
        int value = digit_value(text.ptr[at]);
        if (value < 0) {
            return ERR_PARSE;
        }
        uuid.bytes[nibble / 2] = (uint8_t)(uuid.bytes[nibble / 2] << 4 | value);
        nibble++;
    }
    *ret_uuid = uuid;
    return 0;
}
