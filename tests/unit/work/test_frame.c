/*
 * Frames: what is written reads back, everything else is refused with a sentence.
 */
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/mem.h"
#include "value/pack.h"
#include "work/frame.h"

/* Encodes and decodes one frame; the bytes stay in <bytes>. */
static struct frame pass(const struct frame *frame, struct buf *bytes)
{
    struct frame back;
    struct err_text why = {""};

    buf_init(bytes, FRAME_EVAL_MAX);
    cr_assert_eq(frame_put(bytes, frame, FRAME_MAX), 0);
    size_t len = bytes->data[0] | (size_t)bytes->data[1] << 8 | (size_t)bytes->data[2] << 16;
    cr_assert_eq(len, bytes->len - FRAME_HEAD_SIZE);
    cr_assert_eq(frame_decode(bytes->data + FRAME_HEAD_SIZE, len, &back, &why), 0, "%s", why.text);
    cr_assert_eq(back.type, frame->type);
    return back;
}

/* Decodes bytes that must be refused; the sentence. */
static struct err_text refuse(const void *bytes, size_t len)
{
    struct frame frame;
    struct err_text why = {""};

    cr_assert_eq(frame_decode(bytes, len, &frame, &why), ERR_PROTOCOL);
    cr_assert_neq(why.text[0], 0);
    return why;
}

Test(frame, a_call_reads_back)
{
    CLEANUP_BUF struct buf input = BUF_INIT(1024);
    CLEANUP_BUF struct buf bytes;
    pack_map(&input, 1);
    pack_cstr(&input, "a");
    pack_int(&input, -5);
    struct frame call = {
        .type = FRAME_CALL,
        .call = {.seq = 7,
                 .kind = 1,
                 .type = STR("csv.read"),
                 .timeout_ms = -1,
                 .base_dir = STR("/tmp"),
                 .input = {input.data, input.len}},
    };

    struct frame back = pass(&call, &bytes);
    cr_assert_eq(back.call.seq, 7);
    cr_assert(str_is(back.call.type, "csv.read"));
    cr_assert_eq(back.call.timeout_ms, -1);
    cr_assert(str_is(back.call.base_dir, "/tmp"));
    cr_assert_eq(val_type(back.call.facts), VAL_MAP, "no facts are an empty map");
    cr_assert_eq(val_int(val_find(back.call.input, STR("a"))), -5);
}

Test(frame, a_result_reads_back)
{
    CLEANUP_BUF struct buf bytes;
    uint8_t one[] = {1};
    struct frame result = {
        .type = FRAME_RESULT,
        .result = {.seq = INT64_MAX,
                   .status = -3,
                   .code = STR("x.y"),
                   .text = STR("why"),
                   .retry_after_ms = 5,
                   .started_us = INT64_MIN,
                   .duration_us = 1,
                   .result = {one, 1}},
    };

    struct frame back = pass(&result, &bytes);
    cr_assert_eq(back.result.seq, INT64_MAX);
    cr_assert_eq(back.result.status, -3);
    cr_assert(str_is(back.result.code, "x.y"));
    cr_assert(str_is(back.result.text, "why"));
    cr_assert_eq(back.result.started_us, INT64_MIN);
    cr_assert_eq(val_int(back.result.result), 1);
}

Test(frame, hello_keeps_the_hash)
{
    CLEANUP_BUF struct buf bytes;
    struct frame hello = {
        .type = FRAME_HELLO,
        .hello = {.wire_version = 1, .name = STR("n"), .version = STR("v"), .pid = 42},
    };
    memset(hello.hello.hash.bytes, 0xab, HASH_SIZE);

    struct frame back = pass(&hello, &bytes);
    cr_assert_arr_eq(back.hello.hash.bytes, hello.hello.hash.bytes, HASH_SIZE);
    cr_assert_eq(back.hello.pid, 42);
}

Test(frame, unknown_progress_stays_unknown)
{
    CLEANUP_BUF struct buf bytes;
    struct frame progress = {.type = FRAME_PROGRESS,
                             .progress = {.seq = 1, .fraction = (double)NAN}};

    cr_assert(isnan(pass(&progress, &bytes).progress.fraction));
}

Test(frame, an_evaluation_without_program_has_none)
{
    CLEANUP_BUF struct buf bytes;
    uint8_t empty_list[] = {0x90};
    struct frame eval = {.type = FRAME_EVAL, .eval = {.seq = 1, .jobs = {empty_list, 1}}};

    struct frame back = pass(&eval, &bytes);
    cr_assert_eq(back.eval.program.len, 0);
    cr_assert_eq(back.eval.texts.len, 0);
}

Test(frame, a_text_beyond_its_limit_is_cut_between_characters)
{
    CLEANUP_BUF struct buf bytes;
    CLEANUP_FREE char *text = xmalloc(FRAME_TEXT_MAX + 10);
    struct frame log = {.type = FRAME_LOG};
    text[0] = 'a';
    for (size_t i = 1; i + 1 < FRAME_TEXT_MAX + 10; i += 2) {
        memcpy(text + i, "\xc3\xa9", 2);
    }
    log.log.text = (struct str){text, FRAME_TEXT_MAX + 9};

    struct frame back = pass(&log, &bytes);
    cr_assert_eq(back.log.text.len, FRAME_TEXT_MAX - 1);
}

Test(frame, a_text_that_is_no_text_becomes_one)
{
    CLEANUP_BUF struct buf bytes;
    CLEANUP_FREE char *text = xmalloc(FRAME_TEXT_MAX);
    struct frame log = {.type = FRAME_LOG, .log = {.text = {text, FRAME_TEXT_MAX}}};
    memset(text, 0xff, FRAME_TEXT_MAX);

    cr_assert(str_utf8_ok(pass(&log, &bytes).log.text));
}

Test(frame, a_frame_beyond_the_maximum_leaves_the_buffer_as_it_was)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(2 * FRAME_MAX);
    CLEANUP_BUF struct buf input = BUF_INIT(2 * FRAME_MAX);
    CLEANUP_FREE char *text = xcalloc(1, FRAME_MAX);
    memset(text, 'x', FRAME_MAX - 1);
    pack_map(&input, 1);
    pack_cstr(&input, "a");
    pack_cstr(&input, text);
    struct frame call = {.type = FRAME_CALL, .call = {.input = {input.data, input.len}}};

    buf_put_byte(&bytes, 1);
    cr_assert_eq(frame_put(&bytes, &call, FRAME_MAX), ERR_LIMIT);
    cr_assert_eq(bytes.len, 1);
    cr_assert_eq(buf_err(&bytes), 0);
}

Test(frame, an_empty_or_foreign_array_is_refused)
{
    refuse("", 0);
    refuse("\x90", 1);
    refuse("\x91\x7f", 2);
    refuse("\x81\x05\x01", 3);
    refuse("\x92\x06\x01", 3);
}

Test(frame, a_missing_member_is_refused)
{
    struct err_text why = refuse("\x91\x05", 2);

    cr_assert(strstr(why.text, "PING"), "%s", why.text);
}

Test(frame, a_member_of_the_wrong_type_is_named)
{
    struct err_text why = refuse("\x92\x05\xa1x", 4);

    cr_assert(strstr(why.text, "member number of a frame PING"), "%s", why.text);
}

Test(frame, a_negative_number_is_refused)
{
    refuse("\x92\x05\xff", 3);
}

Test(frame, a_number_beyond_int64_is_refused)
{
    refuse("\x92\x05\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 11);
}

Test(frame, bytes_behind_the_last_member_are_refused)
{
    refuse("\x92\x05\x01\x01", 4);
}

Test(frame, a_cut_member_is_refused)
{
    refuse("\x92\x05\xcd\x01", 4);
}

Test(frame, an_inline_result_beyond_its_limit_is_refused)
{
    CLEANUP_BUF struct buf value = BUF_INIT(2 * VAL_INLINE_MAX);
    CLEANUP_BUF struct buf bytes = BUF_INIT(FRAME_MAX);
    CLEANUP_FREE char *text = xcalloc(1, VAL_INLINE_MAX);
    memset(text, 'x', VAL_INLINE_MAX - 1);
    pack_cstr(&value, text);
    struct frame result = {.type = FRAME_RESULT, .result = {.result = {value.data, value.len}}};

    cr_assert_gt(value.len, VAL_INLINE_MAX);
    cr_assert_eq(frame_put(&bytes, &result, FRAME_MAX), 0);
    refuse(bytes.data + FRAME_HEAD_SIZE, bytes.len - FRAME_HEAD_SIZE);
}

/* Puts bytes into a reader, <step> at a time, and counts the pings that come out in order. */
static unsigned count_pings(const struct buf *bytes, size_t step)
{
    struct frame_reader reader;
    unsigned count = 0;

    frame_reader_init(&reader, FRAME_MAX);
    for (size_t at = 0; at < bytes->len; at += step) {
        size_t len = bytes->len - at < step ? bytes->len - at : step;
        struct frame frame;
        struct err_text why = {""};
        memcpy(frame_reader_space(&reader), bytes->data + at, len);
        frame_reader_added(&reader, len);
        int got = frame_reader_next(&reader, &frame, &why);
        while (got == 1) {
            cr_assert_eq(frame.number, count);
            count++;
            got = frame_reader_next(&reader, &frame, &why);
        }
        cr_assert_eq(got, 0, "%s", why.text);
    }
    frame_reader_done(&reader);
    return count;
}

Test(frame_reader, pieces_of_every_size_give_the_same_frames)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(FRAME_MAX);
    for (unsigned i = 0; i < 300; i++) {
        struct frame ping = {.type = FRAME_PING, .number = i};
        cr_assert_eq(frame_put(&bytes, &ping, FRAME_MAX), 0);
    }

    for (size_t step = 1; step < 40; step++) {
        cr_assert_eq(count_pings(&bytes, step), 300);
    }
}

Test(frame_reader, a_frame_larger_than_a_read_is_put_together)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(2 * FRAME_MAX);
    CLEANUP_BUF struct buf input = BUF_INIT(FRAME_MAX);
    CLEANUP_FREE char *text = xcalloc(1, 500001);
    memset(text, 'x', 500000);
    pack_map(&input, 1);
    pack_cstr(&input, "a");
    pack_cstr(&input, text);
    struct frame call = {.type = FRAME_CALL, .call = {.seq = 1, .input = {input.data, input.len}}};
    struct frame_reader reader;
    struct frame frame;
    cr_assert_eq(frame_put(&bytes, &call, FRAME_MAX), 0);

    frame_reader_init(&reader, FRAME_MAX);
    int got = 0;
    for (size_t at = 0; at < bytes.len; at += FRAME_READ_SIZE) {
        size_t left = bytes.len - at;
        size_t len = left < FRAME_READ_SIZE ? left : FRAME_READ_SIZE;
        cr_assert_eq(got, 0);
        memcpy(frame_reader_space(&reader), bytes.data + at, len);
        frame_reader_added(&reader, len);
        got = frame_reader_next(&reader, &frame, NULL);
    }
    cr_assert_eq(got, 1);
    cr_assert_eq(val_str(val_find(frame.call.input, STR("a"))).len, 500000);
    frame_reader_done(&reader);
}

/* What a reader says to four bytes of length. */
static int judge_length(uint32_t length)
{
    struct frame_reader reader;
    struct frame frame;

    frame_reader_init(&reader, FRAME_MAX);
    uint8_t *space = frame_reader_space(&reader);
    for (int i = 0; i < 4; i++) {
        space[i] = (uint8_t)(length >> (8 * i));
    }
    frame_reader_added(&reader, 4);
    int got = frame_reader_next(&reader, &frame, NULL);
    frame_reader_done(&reader);
    return got;
}

Test(frame_reader, a_length_of_the_maximum_is_waited_for_and_one_more_refused)
{
    cr_assert_eq(judge_length(FRAME_MAX), 0);
    cr_assert_eq(judge_length(FRAME_MAX + 1), ERR_PROTOCOL);
    cr_assert_eq(judge_length(0), ERR_PROTOCOL);
}
