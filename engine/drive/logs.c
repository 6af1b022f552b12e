/*
 * See logs.h.
 */
#include "drive/logs.h"

#include "drive/news.h"
#include "store/store_log.h"
#include "value/pack.h"

enum { ROW_MEMBERS = 5, ROW_OVERHEAD = 64 };

void logs_write(struct engine *engine, const struct log_place *place, int32_t level,
                enum pool_stream stream, int64_t wall_us, struct str text)
{
    struct buf *row = &engine->scratch_row;

    if (text.len > STORE_LOG_LINE_MAX - ROW_OVERHEAD) {
        text.len = STORE_LOG_LINE_MAX - ROW_OVERHEAD;
    }
    buf_clear(row);
    pack_list(row, ROW_MEMBERS);
    pack_int(row, wall_us);
    if (place->task != CORE_NO_TASK) {
        pack_int(row, place->task);
    } else {
        pack_nil(row);
    }
    pack_int(row, level);
    pack_int(row, stream);
    pack_text(row, text);
    if (buf_err(row) == 0) {
        store_log(engine->store, place->run, buf_str(row));
    }
    news_log(engine, place, level, logs_stream_name(stream), wall_us, text);
}

int logs_parse(struct str bytes, struct log_row *ret_row)
{
    struct val members[ROW_MEMBERS];
    struct val_iter iter;
    struct val list;

    if (val_scan(bytes.ptr, bytes.len, &val_limits_task, &list, NULL) != 0 ||
        val_type(list) != VAL_LIST || val_count(list) != ROW_MEMBERS) {
        return ERR_CORRUPT;
    }
    iter = val_iter(list);
    for (size_t i = 0; val_next(&iter, NULL, &members[i]); i++) {
    }
    if (val_type(members[0]) != VAL_INT || val_type(members[2]) != VAL_INT ||
        val_type(members[3]) != VAL_INT || val_type(members[4]) != VAL_STR ||
        (val_type(members[1]) != VAL_INT && val_type(members[1]) != VAL_NIL)) {
        return ERR_CORRUPT;
    }
    if (val_int(members[2]) < INT32_MIN || val_int(members[2]) > INT32_MAX ||
        val_int(members[3]) < POOL_STREAM_LOG || val_int(members[3]) > POOL_STREAM_STDERR ||
        (val_type(members[1]) == VAL_INT &&
         (val_int(members[1]) < 0 || val_int(members[1]) >= CORE_NO_TASK))) {
        return ERR_CORRUPT;
    }
    ret_row->wall_us = val_int(members[0]);
    ret_row->task = val_type(members[1]) == VAL_INT ? (uint32_t)val_int(members[1]) : CORE_NO_TASK;
    ret_row->level = (int32_t)val_int(members[2]);
    ret_row->stream = (enum pool_stream)val_int(members[3]);
    ret_row->text = val_str(members[4]);
    return 0;
}

const char *logs_stream_name(enum pool_stream stream)
{
    static const char *const names[] = {[POOL_STREAM_LOG] = "log",
                                        [POOL_STREAM_STDOUT] = "stdout",
                                        [POOL_STREAM_STDERR] = "stderr"};

    return (size_t)stream < sizeof(names) / sizeof(names[0]) ? names[stream] : "log";
}
