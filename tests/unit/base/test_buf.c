/*
 * The bounded byte buffer.
 */
#include "base/buf.h"

#include <signal.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "base/err.h"

Test(buf, begins_empty_and_allocates_nothing)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(10);
    cr_assert_eq(buf.len, 0);
    cr_assert_null(buf.data);
    cr_assert_str_eq(buf_cstr(&buf), "");
    cr_assert_eq(buf_err(&buf), 0);
}

Test(buf, appends_of_every_kind_follow_each_other)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(100);
    buf_put(&buf, "ab", 2);
    buf_put_byte(&buf, 'c');
    buf_put_str(&buf, STR("de"));
    buf_printf(&buf, "%03d", 7);
    cr_assert_str_eq(buf_cstr(&buf), "abcde007");
    cr_assert(str_is(buf_str(&buf), "abcde007"));
}

Test(buf, takes_exactly_its_maximum)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(4);
    cr_assert_eq(buf_put(&buf, "abcd", 4), 0);
    cr_assert_str_eq(buf_cstr(&buf), "abcd");
    cr_assert_eq(buf_put(&buf, "", 0), 0);
}

Test(buf, refuses_one_byte_past_its_maximum)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(4);
    cr_assert_eq(buf_put(&buf, "abcde", 5), ERR_LIMIT);
    cr_assert_eq(buf_err(&buf), ERR_LIMIT);
}

Test(buf, printf_takes_exactly_its_maximum_and_no_more)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(5);
    cr_assert_eq(buf_printf(&buf, "%05d", 42), 0);
    cr_assert_str_eq(buf_cstr(&buf), "00042");
    cr_assert_eq(buf_printf(&buf, "%d", 1), ERR_LIMIT);
}

Test(buf, an_error_sticks_and_drops_the_contents)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(4);
    buf_put(&buf, "abc", 3);
    buf_put(&buf, "de", 2);
    cr_assert_eq(buf_put_byte(&buf, 'x'), ERR_LIMIT);
    cr_assert_eq(buf_printf(&buf, "y"), ERR_LIMIT);
    cr_assert_eq(buf_put(&buf, "", 0), ERR_LIMIT);
    cr_assert_null(buf_reserve(&buf, 1));
    cr_assert_eq(buf.len, 0);
    cr_assert_str_eq(buf_cstr(&buf), "");
}

Test(buf, clear_forgets_an_error)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(2);
    buf_put(&buf, "abc", 3);
    buf_clear(&buf);
    cr_assert_eq(buf_put(&buf, "ab", 2), 0);
    cr_assert_str_eq(buf_cstr(&buf), "ab");
}

Test(buf, running_out_of_memory_is_an_error)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(SIZE_MAX);
    volatile size_t huge = SIZE_MAX / 2;
    cr_assert_null(buf_reserve(&buf, huge));
    cr_assert_eq(buf_err(&buf), ERR_MEMORY);
}

Test(buf, the_largest_request_does_not_overflow)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(SIZE_MAX);
    buf_put_byte(&buf, 'x');
    volatile size_t huge = SIZE_MAX;
    cr_assert_null(buf_reserve(&buf, huge));
    cr_assert_eq(buf_err(&buf), ERR_LIMIT);
    buf_clear(&buf);
    huge = SIZE_MAX;
    cr_assert_null(buf_reserve(&buf, huge));
    cr_assert_eq(buf_err(&buf), ERR_MEMORY);
}

Test(buf, reserve_gives_room_that_counts_when_len_is_raised)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(100);
    uint8_t *room = buf_reserve(&buf, 3);
    memcpy(room, "xyz", 3);
    cr_assert_eq(buf.len, 0);
    buf.len += 2;
    cr_assert_str_eq(buf_cstr(&buf), "xy");
}

Test(buf, contents_survive_growing)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(100000);
    for (unsigned index = 0; index < 100000; index++) {
        cr_assert_eq(buf_put_byte(&buf, (uint8_t)(index % 251)), 0);
    }
    for (unsigned index = 0; index < 100000; index++) {
        cr_assert_eq(buf.data[index], index % 251);
    }
}

Test(buf, consume_drops_the_front)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(10);
    buf_put_str(&buf, STR("abcdef"));
    buf_consume(&buf, 2);
    cr_assert_str_eq(buf_cstr(&buf), "cdef");
    buf_consume(&buf, 4);
    cr_assert_str_eq(buf_cstr(&buf), "");
}

Test(buf, consuming_more_than_there_is_aborts, .signal = SIGABRT)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(10);
    buf_put_str(&buf, STR("ab"));
    buf_consume(&buf, 3);
}

Test(buf, take_moves_the_contents_out_with_a_nul_behind)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(3);
    buf_put_str(&buf, STR("abc"));
    size_t len = 0;
    uint8_t *taken = buf_take(&buf, &len);
    cr_assert_eq(len, 3);
    cr_assert_arr_eq(taken, "abc", 4);
    cr_assert_eq(buf.len, 0);
    cr_assert_eq(buf_put_byte(&buf, 'x'), 0, "the buffer may be used again");
    free(taken);
}

Test(buf, take_of_an_empty_buffer_is_an_empty_text)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(0);
    size_t len = 7;
    uint8_t *taken = buf_take(&buf, &len);
    cr_assert_eq(len, 0);
    cr_assert_eq(taken[0], 0);
    free(taken);
}

Test(buf, take_after_an_error_is_null)
{
    CLEANUP_BUF struct buf buf = BUF_INIT(0);
    buf_put_byte(&buf, 'x');
    size_t len = 7;
    cr_assert_null(buf_take(&buf, &len));
    cr_assert_eq(len, 0);
}

Test(buf, done_accepts_null_and_may_come_twice)
{
    struct buf buf = BUF_INIT(8);
    buf_put_byte(&buf, 'x');
    buf_done(&buf);
    buf_done(&buf);
    buf_done(NULL);
    cr_assert_eq(buf.len, 0);
}
