/*
 * Allocators that abort, and clean-up helpers.
 */
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

Test(mem, xmalloc_of_nothing_gives_memory)
{
    CLEANUP_FREE void *memory = xmalloc(0);
    cr_assert_not_null(memory);
}

Test(mem, xcalloc_is_zeroed)
{
    CLEANUP_FREE unsigned char *memory = xcalloc(16, 4);
    for (size_t index = 0; index < 64; index++) {
        cr_assert_eq(memory[index], 0);
    }
}

Test(mem, xcalloc_of_nothing_gives_memory)
{
    CLEANUP_FREE void *memory = xcalloc(0, 8);
    cr_assert_not_null(memory);
}

Test(mem, xmalloc_aborts_when_memory_runs_out, .signal = SIGABRT)
{
    volatile size_t size = SIZE_MAX / 2;
    free(xmalloc(size));
}

Test(mem, xcalloc_aborts_on_overflow, .signal = SIGABRT)
{
    volatile size_t count = SIZE_MAX / 2;
    free(xcalloc(count, 3));
}

Test(mem, xreallocarray_keeps_contents)
{
    CLEANUP_FREE int *numbers = xreallocarray(NULL, 2, sizeof *numbers);
    numbers[0] = 7;
    numbers[1] = 9;
    numbers = xreallocarray(numbers, 200, sizeof *numbers);
    cr_assert_eq(numbers[0], 7);
    cr_assert_eq(numbers[1], 9);
}

Test(mem, try_reallocarray_keeps_contents)
{
    CLEANUP_FREE int *numbers = mem_try_reallocarray(NULL, 1, sizeof *numbers);
    numbers[0] = 7;
    numbers = mem_try_reallocarray(numbers, 1000, sizeof *numbers);
    cr_assert_eq(numbers[0], 7);
}

Test(mem, try_reallocarray_aborts_on_overflow, .signal = SIGABRT)
{
    size_t count = SIZE_MAX / 2;
    free(mem_try_reallocarray(NULL, count, 4));
}

Test(mem, xreallocarray_aborts_on_overflow, .signal = SIGABRT)
{
    volatile size_t count = SIZE_MAX / 4 + 1;
    free(xreallocarray(NULL, count, 4));
}

Test(mem, xstrndup_stops_at_nul_and_at_len)
{
    CLEANUP_FREE char *cut = xstrndup("abcdef", 3);
    CLEANUP_FREE char *whole = xstrndup("ab", 10);
    CLEANUP_FREE char *empty = xstrndup(NULL, 0);
    cr_assert_str_eq(cut, "abc");
    cr_assert_str_eq(whole, "ab");
    cr_assert_str_eq(empty, "");
}

Test(mem, xstrdup_of_null_aborts, .signal = SIGABRT)
{
    const char *volatile nothing = NULL;
    free(xstrdup(nothing));
}

Test(mem, xmemdup_copies_bytes_with_nul)
{
    CLEANUP_FREE char *copy = xmemdup("a\0b", 3);
    cr_assert_arr_eq(copy, "a\0b", 3);
}

Test(mem, xasprintf_formats)
{
    CLEANUP_FREE char *text = xasprintf("%s-%d", "x", 42);
    cr_assert_str_eq(text, "x-42");
}

Test(mem, take_empties_the_variable)
{
    char *text = xstrdup("kept");
    CLEANUP_FREE char *taken = TAKE(text);
    cr_assert_null(text);
    cr_assert_str_eq(taken, "kept");
}

/* Opens and forgets: the attribute closes. */
static int open_and_leave(void)
{
    CLEANUP_CLOSE int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    errno = EXDEV;
    return fd;
}

Test(mem, cleanup_close_closes_and_keeps_errno)
{
    int fd = open_and_leave();
    cr_assert_eq(errno, EXDEV);
    cr_assert_eq(fcntl(fd, F_GETFD), -1);
    cr_assert_eq(errno, EBADF);
}

Test(mem, cleanup_close_ignores_no_descriptor)
{
    CLEANUP_CLOSE int fd = -1;
    cr_assert_eq(fd, -1);
}
