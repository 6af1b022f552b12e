/*
 * UUID version 7 (RFC 9562): time-ordered ids for flow runs and everything else people see.
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdint.h>

#include "base/rng.h"
#include "base/str.h"

enum { UUID_SIZE = 16, UUID_TEXT_SIZE = 37 };

struct uuid {
    uint8_t bytes[UUID_SIZE];
};

/* A new id for the instant <wall_us>. */
struct uuid uuid_v7(int64_t wall_us, struct rng *rng);
/* Lower-case text with hyphens, NUL-terminated. */
void uuid_format(const struct uuid *uuid, char ret_text[UUID_TEXT_SIZE]);
/* 0 or ERR_PARSE; accepts either case, hyphens required. */
int uuid_parse(struct str text, struct uuid *ret_uuid);

#endif
