/*
 * Friendly names for flow runs that have no other: an adjective and an animal, "brisk-otter".
 *
 * Names are for people and need not be unique; runs are told apart by their ids. Any thread, one at
 * a time per generator.
 */
#ifndef CORE_RUN_NAME_H
#define CORE_RUN_NAME_H

#include "base/rng.h"

enum { RUN_NAME_SIZE = 32 };

/* A random name into <ret_text>, NUL-terminated. It satisfies str_name_ok(). */
void run_name_random(struct rng *rng, char ret_text[RUN_NAME_SIZE]);

#endif
