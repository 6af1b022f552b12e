/*
 * Fuzzes the stream between host and engine: any bytes give frames or a sentence, however they are
 * cut into pieces, and what was decoded encodes to a frame that decodes to the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/must.h"
#include "work/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Encodes <frame>, decodes that, and encodes again: the bytes agree. */
static void check_round_trip(const struct frame *frame)
{
    CLEANUP_BUF struct buf first = BUF_INIT(FRAME_EVAL_MAX);
    CLEANUP_BUF struct buf second = BUF_INIT(FRAME_EVAL_MAX);
    struct frame back;
    struct err_text why = {""};

    must(frame_put(&first, frame, FRAME_EVAL_MAX) == 0);
    must(frame_decode(first.data + FRAME_HEAD_SIZE, first.len - FRAME_HEAD_SIZE, &back, &why) == 0);
    must(frame_put(&second, &back, FRAME_EVAL_MAX) == 0);
    must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
}

/* Feeds all bytes, <step> at a time; how many frames came before the end or the first error. */
static unsigned count_frames(const uint8_t *data, size_t size, size_t step)
{
    struct frame_reader reader;
    struct frame frame;
    unsigned count = 0;
    int got = 0;

    frame_reader_init(&reader, FRAME_MAX);
    for (size_t at = 0; at < size && got >= 0; at += step) {
        size_t len = size - at < step ? size - at : step;
        struct err_text why = {""};
        memcpy(frame_reader_space(&reader), data + at, len);
        frame_reader_added(&reader, len);
        for (got = frame_reader_next(&reader, &frame, &why); got == 1;
             got = frame_reader_next(&reader, &frame, &why)) {
            check_round_trip(&frame);
            count++;
        }
        must(got == 0 || why.text[0] != '\0');
    }
    frame_reader_done(&reader);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame frame;
    struct err_text why = {""};

    unsigned whole = count_frames(data, size, FRAME_READ_SIZE);
    must(count_frames(data, size, 7) == whole);
    if (frame_decode(data, size, &frame, &why) == 0) {
        check_round_trip(&frame);
    } else {
        must(why.text[0] != '\0');
    }
    return 0;
}
