/*
 * Memory that is freed all at once: one arena per request, per flow file, per decision.
 *
 * An arena has a maximum given at creation; an allocation past it returns NULL and the arena
 * remembers the error. Memory is zeroed and aligned to 16 bytes.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used;
    size_t max;
    int err;
};

#define CLEANUP_ARENA __attribute__((cleanup(arena_done)))

void arena_init(struct arena *arena, size_t max);
/* Frees everything. NULL is allowed. */
void arena_done(struct arena *arena);
/* Forgets all allocations but keeps one block for the next use. */
void arena_reset(struct arena *arena);
/* 0, ERR_LIMIT or ERR_MEMORY; sticky. */
int arena_err(const struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size);
/* <count> members of <size> bytes, checked for overflow. */
void *arena_array(struct arena *arena, size_t count, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
/* A NUL-terminated copy of <s>. */
char *arena_str(struct arena *arena, struct str s);
void *arena_memdup(struct arena *arena, const void *bytes, size_t len);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
