/*
 * Members of the API's objects, read without ceremony: what is absent, null or of another type than
 * asked for is empty, so that a command shows what there is. Everything is borrowed from the
 * object.
 */
#ifndef MAIN_MEMBER_H
#define MAIN_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "value/val.h"

/* A member that is neither absent nor null, or VAL_NONE. <object> may be VAL_NONE or no map. */
struct val member(struct val object, const char *key);
/* A string, or STR_NONE. */
struct str member_text(struct val object, const char *key);
/* An integer, or a float's whole part; else <fallback>. */
int64_t member_int(struct val object, const char *key, int64_t fallback);
/* A number, else <fallback>. */
double member_number(struct val object, const char *key, double fallback);
/* True only for true. */
bool member_true(struct val object, const char *key);
/* An instant as microseconds, from an RFC 3339 text; 0 when there is none. */
int64_t member_time(struct val object, const char *key);
/* The name and the type of an object's "state". */
struct str member_state(struct val object);
struct str member_state_type(struct val object);
/* Members of a list, 0 for anything else. */
uint32_t member_count(struct val object, const char *key);
/* Iterates over a list or map member; over nothing when it is something else. */
struct val_iter member_iter(struct val object, const char *key);

#endif
