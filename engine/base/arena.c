/*
 * Memory that is freed all at once; see arena.h.
 *
 * Blocks form a list with the one in use first. They come zeroed from calloc, and only the part
 * that was handed out is zeroed again on a reset.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/must.h"

enum { ALIGNMENT = 16, BLOCK_SIZE_MIN = 4096, BLOCK_SIZE_MAX = 256 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    _Alignas(ALIGNMENT) uint8_t bytes[];
};

void arena_init(struct arena *arena, size_t max)
{
    *arena = (struct arena){.max = max};
}

/* Frees <block> and all after it. */
static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_done(struct arena *arena)
{
    if (arena) {
        free_blocks(arena->blocks);
        arena_init(arena, arena->max);
    }
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->blocks;
    if (kept) {
        free_blocks(kept->next);
        kept->next = NULL;
        memset(kept->bytes, 0, kept->used);
        kept->used = 0;
    }
    *arena = (struct arena){.blocks = kept, .max = arena->max};
}

int arena_err(const struct arena *arena)
{
    return arena->err;
}

/* Puts a block with room for <size> bytes in front; false when memory runs out. */
static bool add_block(struct arena *arena, size_t size)
{
    size_t want = arena->blocks ? arena->blocks->size * 2 : BLOCK_SIZE_MIN;
    want = want > BLOCK_SIZE_MAX ? BLOCK_SIZE_MAX : want;
    want = want < size ? size : want;
    if (want > SIZE_MAX - sizeof(struct arena_block)) {
        return false;
    }
    struct arena_block *block = calloc(1, sizeof(struct arena_block) + want);
    if (!block) {
        return false;
    }
    block->size = want;
    block->next = arena->blocks;
    arena->blocks = block;
    return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    must(arena->used <= arena->max);
    if (arena->err) {
        return NULL;
    }
    if (size > arena->max - arena->used || size > SIZE_MAX - ALIGNMENT) {
        arena->err = ERR_LIMIT;
        return NULL;
    }
    /* An empty allocation gets its own address too. */
    size_t room = size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct arena_block *block = arena->blocks;
    if (!block || room > block->size - block->used) {
        if (!add_block(arena, room)) {
            arena->err = ERR_MEMORY;
            return NULL;
        }
        block = arena->blocks;
    }
    void *memory = block->bytes + block->used;
    block->used += room;
    arena->used += room < arena->max - arena->used ? room : arena->max - arena->used;
    return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size > 0 && count > SIZE_MAX / size) {
        arena->err = arena->err ? arena->err : ERR_LIMIT;
        return NULL;
    }
    return arena_alloc(arena, count * size);
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_str(arena, str_of(text));
}

char *arena_str(struct arena *arena, struct str s)
{
    must(s.len < SIZE_MAX);
    char *copy = arena_alloc(arena, s.len + 1);
    if (copy && s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    return copy;
}

void *arena_memdup(struct arena *arena, const void *bytes, size_t len)
{
    must(bytes || len == 0);
    void *copy = arena_alloc(arena, len);
    if (copy && len > 0) {
        memcpy(copy, bytes, len);
    }
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    must(len >= 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    if (text) {
        int written = vsnprintf(text, (size_t)len + 1, format, again);
        must(written == len);
    }
    va_end(again);
    return text;
}
