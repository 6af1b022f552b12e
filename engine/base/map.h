/*
 * A hash map from byte strings to pointers, with keyed hashing so that outsiders who choose the
 * keys cannot make it slow. Keys are copied; values are borrowed. One thread at a time.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct map;

struct map *map_new(void);
/* Frees the map and its keys, not the values. NULL is allowed; returns NULL. */
struct map *map_free(struct map *map);

size_t map_count(const struct map *map);
/* The value for <key>, or NULL. */
void *map_get(const struct map *map, struct str key);
/* Adds or replaces; <value> must not be NULL. Returns the previous value or NULL. */
void *map_put(struct map *map, struct str key, void *value);
/* Removes and returns the value, or NULL. */
void *map_remove(struct map *map, struct str key);

/* Walks all entries, in an order that depends only on the calls made so far: set <*cursor> to 0
 * first; false at the end. The map must not change during a walk. */
bool map_next(const struct map *map, size_t *cursor, struct str *ret_key, void **ret_value);

/* A number as a key: the struct str borrows from <number>. */
#define MAP_KEY(number) ((struct str){(const char *)&(number), sizeof(number)})

#endif
