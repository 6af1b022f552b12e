/*
 * Heap memory for small things of known size, and clean-up attributes for locals.
 *
 * The x-functions abort when memory runs out; anything whose size comes from outside goes through
 * buf.h or arena.h, which have a maximum and report an error instead.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *memory, size_t size) __attribute__((returns_nonnull));
/* Grows an array: room for <count> members of <size> bytes, checked for overflow. */
void *xreallocarray(void *memory, size_t count, size_t size) __attribute__((returns_nonnull));
/* The same for a size that an outsider decides within a limit: NULL when memory runs out, and
 * <memory> is as it was. */
void *mem_try_reallocarray(void *memory, size_t count, size_t size);
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *bytes, size_t len) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* Locals that clean up after themselves: `CLEANUP_FREE char *name = ...;` */
#define CLEANUP_FREE __attribute__((cleanup(mem_cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(mem_cleanup_close)))

/* Moves a pointer out of its variable, which is NULL afterwards. */
#define TAKE(pointer) mem_take((void *)&(pointer))

void mem_cleanup_free(void *pointer_to_pointer);
void mem_cleanup_close(const int *descriptor);
void *mem_take(void *pointer_to_pointer);

#endif
