/*
 * Helpers of the value tests: random values, and values written as JSON.
 */
#ifndef TEST_VALUES_H
#define TEST_VALUES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/rng.h"
#include "value/val.h"

enum values_flags {
    VALUES_LOOSE = 1, /* heads and integers wider than needed, floats of 32 bits */
    VALUES_JSON = 2,  /* only what survives JSON: no blobs, no integers beyond int64 */
};

/* Appends a random value of up to about <size> nodes. */
void values_random(struct buf *buf, struct rng *rng, unsigned flags, uint32_t size);

/* Appends the same value with every map's pairs in another order. */
void values_permute(struct buf *buf, struct rng *rng, struct val value);

/* The value of a JSON text, in the arena; fails the test when it is not JSON. */
struct val values_json(struct arena *arena, const char *json);

/* The value as JSON text, in the arena. */
const char *values_text(struct arena *arena, struct val value);

#endif
