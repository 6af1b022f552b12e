/*
 * Memory that is freed all at once.
 */
#include "base/arena.h"

#include <stdint.h>

#include <criterion/criterion.h>

#include "base/err.h"

Test(arena, memory_is_zeroed_and_aligned)
{
    CLEANUP_ARENA struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t size = 0; size < 100; size++) {
        unsigned char *memory = arena_alloc(&arena, size);
        cr_assert_not_null(memory);
        cr_assert_eq((uintptr_t)memory % 16, 0);
        for (size_t index = 0; index < size; index++) {
            cr_assert_eq(memory[index], 0);
            memory[index] = 0xAA;
        }
    }
}

Test(arena, allocations_do_not_overlap)
{
    CLEANUP_ARENA struct arena arena;
    arena_init(&arena, 1 << 20);
    uint32_t *numbers[1000];
    for (uint32_t index = 0; index < 1000; index++) {
        numbers[index] = arena_array(&arena, index % 7 + 1, sizeof **numbers);
        for (uint32_t member = 0; member <= index % 7; member++) {
            numbers[index][member] = index;
        }
    }
    for (uint32_t index = 0; index < 1000; index++) {
        for (uint32_t member = 0; member <= index % 7; member++) {
            cr_assert_eq(numbers[index][member], index);
        }
    }
}

Test(arena, gives_exactly_its_maximum)
{
    CLEANUP_ARENA struct arena arena;
    arena_init(&arena, 100);
    cr_assert_not_null(arena_alloc(&arena, 100));
    cr_assert_eq(arena_err(&arena), 0);
}

Test(arena, refuses_one_byte_past_its_maximum_for_ever)
{
    CLEANUP_ARENA struct arena arena;
    arena_init(&arena, 100);
    cr_assert_null(arena_alloc(&arena, 101));
    cr_assert_eq(arena_err(&arena), ERR_LIMIT);
    cr_assert_null(arena_alloc(&arena, 1));
    cr_assert_null(arena_strdup(&arena, "x"));
    cr_assert_null(arena_printf(&arena, "%d", 1));
}

Test(arena, many_empty_allocations_cannot_pass_the_maximum)
{
    CLEANUP_ARENA struct arena arena;
    arena_init(&arena, 100);
    unsigned given = 0;
    while (given < 1000 && arena_alloc(&arena, 1)) {
        given++;
    }
    cr_assert_leq(given, 7);
    cr_assert_eq(arena_err(&arena), ERR_LIMIT);
}

Test(arena, an_array_whose_size_overflows_is_an_error)
{
    CLEANUP_ARENA struct arena arena;
    arena_init(&arena, SIZE_MAX);
    cr_assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    cr_assert_eq(arena_err(&arena), ERR_LIMIT);
}

Test(arena, running_out_of_memory_is_an_error)
{
    CLEANUP_ARENA struct arena arena;
    arena_init(&arena, SIZE_MAX);
    volatile size_t huge = SIZE_MAX / 2;
    cr_assert_null(arena_alloc(&arena, huge));
    cr_assert_eq(arena_err(&arena), ERR_MEMORY);
}

Test(arena, a_size_near_the_end_of_the_address_space_is_an_error)
{
    CLEANUP_ARENA struct arena arena;
    arena_init(&arena, SIZE_MAX);
    volatile size_t huge = SIZE_MAX;
    cr_assert_null(arena_alloc(&arena, huge));
    cr_assert_neq(arena_err(&arena), 0);
}

Test(arena, reset_forgets_errors_and_gives_zeroed_memory_again)
{
    CLEANUP_ARENA struct arena arena;
    arena_init(&arena, 10000);
    for (unsigned round = 0; round < 3; round++) {
        unsigned char *memory = arena_alloc(&arena, 9000);
        for (size_t index = 0; index < 9000; index++) {
            cr_assert_eq(memory[index], 0);
            memory[index] = 0xAA;
        }
        cr_assert_null(arena_alloc(&arena, 2000));
        arena_reset(&arena);
        cr_assert_eq(arena_err(&arena), 0);
    }
}

Test(arena, reset_of_an_unused_arena_is_fine)
{
    CLEANUP_ARENA struct arena arena;
    arena_init(&arena, 10);
    arena_reset(&arena);
    cr_assert_not_null(arena_alloc(&arena, 10));
}

Test(arena, texts_end_with_nul)
{
    CLEANUP_ARENA struct arena arena;
    arena_init(&arena, 1000);
    cr_assert_str_eq(arena_strdup(&arena, "abc"), "abc");
    cr_assert_str_eq(arena_str(&arena, (struct str){"abcdef", 2}), "ab");
    cr_assert_str_eq(arena_str(&arena, STR_NONE), "");
    cr_assert_str_eq(arena_printf(&arena, "%s=%d", "x", 5), "x=5");
    cr_assert_arr_eq(arena_memdup(&arena, "a\0b", 3), "a\0b", 3);
}

Test(arena, done_accepts_null_and_may_come_twice)
{
    struct arena arena;
    arena_init(&arena, 100);
    arena_alloc(&arena, 10);
    arena_done(&arena);
    arena_done(&arena);
    arena_done(NULL);
    cr_assert_not_null(arena_alloc(&arena, 100), "and the arena may be used again");
    arena_done(&arena);
}
