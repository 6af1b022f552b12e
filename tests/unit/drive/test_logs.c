/*
 * Rows of log lines: what is read back, and what is refused.
 */
#include "drive/logs.h"

#include <criterion/criterion.h>

#include "value/pack.h"

static struct buf row;

/* An empty row. */
static void enter(void)
{
    buf_init(&row, 1024);
}

/* Its end. */
static void leave(void)
{
    buf_done(&row);
}

TestSuite(logs, .init = enter, .fini = leave);

/* A row as logs_write() makes it; a negative task is none. */
static void write_row(int64_t task, int64_t level, int64_t stream)
{
    buf_clear(&row);
    pack_list(&row, 5);
    pack_int(&row, 1234567);
    if (task < 0) {
        pack_nil(&row);
    } else {
        pack_int(&row, task);
    }
    pack_int(&row, level);
    pack_int(&row, stream);
    pack_cstr(&row, "a line");
}

Test(logs, a_line_comes_back)
{
    struct log_row line;

    write_row(7, 30, POOL_STREAM_STDERR);
    cr_assert_eq(logs_parse(buf_str(&row), &line), 0);
    cr_assert_eq(line.wall_us, 1234567);
    cr_assert_eq(line.task, 7);
    cr_assert_eq(line.level, 30);
    cr_assert_eq(line.stream, POOL_STREAM_STDERR);
    cr_assert(str_eq(line.text, STR("a line")));
}

Test(logs, a_line_of_the_run_has_no_task)
{
    struct log_row line;

    write_row(-1, 20, POOL_STREAM_LOG);
    cr_assert_eq(logs_parse(buf_str(&row), &line), 0);
    cr_assert_eq(line.task, CORE_NO_TASK);
}

Test(logs, numbers_out_of_range_are_refused)
{
    struct log_row line;

    write_row(1, 20, POOL_STREAM_STDERR + 1);
    cr_assert_eq(logs_parse(buf_str(&row), &line), ERR_CORRUPT);
    write_row(1, 20, -1);
    cr_assert_eq(logs_parse(buf_str(&row), &line), ERR_CORRUPT);
    write_row((int64_t)1 << 32, 20, POOL_STREAM_LOG);
    cr_assert_eq(logs_parse(buf_str(&row), &line), ERR_CORRUPT);
    write_row(1, (int64_t)1 << 31, POOL_STREAM_LOG);
    cr_assert_eq(logs_parse(buf_str(&row), &line), ERR_CORRUPT);
}

Test(logs, a_row_cut_anywhere_is_refused)
{
    struct log_row line;

    write_row(7, 30, POOL_STREAM_STDERR);
    for (size_t len = 0; len < row.len; len++) {
        struct str cut = {(const char *)row.data, len};

        cr_assert_eq(logs_parse(cut, &line), ERR_CORRUPT, "%zu bytes", len);
    }
}

Test(logs, a_row_with_any_byte_changed_is_read_or_refused)
{
    struct log_row line;

    write_row(7, 30, POOL_STREAM_STDERR);
    for (size_t at = 0; at < row.len; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t kept = row.data[at];
            int err;

            row.data[at] = (uint8_t)byte;
            err = logs_parse(buf_str(&row), &line);
            cr_assert(err == ERR_CORRUPT || (err == 0 && logs_stream_name(line.stream)));
            row.data[at] = kept;
        }
    }
}

Test(logs, streams_have_names)
{
    cr_assert_str_eq(logs_stream_name(POOL_STREAM_LOG), "log");
    cr_assert_str_eq(logs_stream_name(POOL_STREAM_STDOUT), "stdout");
    cr_assert_str_eq(logs_stream_name(POOL_STREAM_STDERR), "stderr");
}
