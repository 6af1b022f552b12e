/*
 * Heap memory for small things of known size; see mem.h.
 *
 * Running out of memory here ends the process: these sizes are ours, so there is nothing that a
 * caller could do better, and the store makes dying safe.
 */
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"

/* Passes <memory> through, or aborts when it is NULL. */
static void *checked(void *memory)
{
    if (!memory) {
        must_fail("out of memory", __FILE__, __LINE__, __func__);
    }
    return memory;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size > 0 ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(count > 0 && size > 0 ? calloc(count, size) : calloc(1, 1));
}

void *xrealloc(void *memory, size_t size)
{
    return checked(realloc(memory, size > 0 ? size : 1));
}

void *xreallocarray(void *memory, size_t count, size_t size)
{
    must(size == 0 || count <= SIZE_MAX / size);
    return xrealloc(memory, count * size);
}

void *mem_try_reallocarray(void *memory, size_t count, size_t size)
{
    must(count > 0 && size > 0);
    must(count <= SIZE_MAX / size);
    return realloc(memory, count * size);
}

char *xstrdup(const char *text)
{
    must(text);
    return xmemdup(text, strlen(text) + 1);
}

char *xstrndup(const char *text, size_t len)
{
    must(text || len == 0);
    size_t used = text ? strnlen(text, len) : 0;
    char *copy = xmalloc(used + 1);
    if (used > 0) {
        memcpy(copy, text, used);
    }
    copy[used] = '\0';
    return copy;
}

void *xmemdup(const void *bytes, size_t len)
{
    must(bytes || len == 0);
    void *copy = xmalloc(len);
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    return copy;
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    must(len >= 0);
    return checked(text);
}

void mem_cleanup_free(void *pointer_to_pointer)
{
    void *memory = NULL;
    memcpy(&memory, pointer_to_pointer, sizeof memory);
    free(memory);
}

void mem_cleanup_close(const int *descriptor)
{
    if (*descriptor >= 0) {
        int saved = errno;
        close(*descriptor);
        errno = saved;
    }
}

void *mem_take(void *pointer_to_pointer)
{
    void *const nothing = NULL;
    void *taken = NULL;
    memcpy(&taken, pointer_to_pointer, sizeof taken);
    memcpy(pointer_to_pointer, &nothing, sizeof nothing);
    return taken;
}
