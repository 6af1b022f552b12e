/*
 * Fuzzes the JSON reader: what it accepts must be a well-formed value that prints to JSON which
 * reads back as the same value.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/must.h"
#include "value/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_BUF struct buf value = BUF_INIT((size_t)64 << 20);
    CLEANUP_BUF struct buf text = BUF_INIT((size_t)64 << 20);
    CLEANUP_BUF struct buf again = BUF_INIT((size_t)64 << 20);
    struct err_text why = {""};
    struct str input = {(const char *)data, size};
    int err = json_parse(input, &val_limits_task, JSON_PARSE_BLOBS, &value, &why);
    if (err) {
        must(why.text[0] != '\0' && value.len == 0);
        return 0;
    }
    struct val v;
    must(val_scan(value.data, value.len, &val_limits_task, &v, &why) == 0);
    must(v.len == value.len);
    must(json_print(&text, v) == 0);
    must(json_parse(buf_str(&text), &val_limits_task, JSON_PARSE_BLOBS, &again, &why) == 0);
    must(str_eq(buf_str(&value), buf_str(&again)));
    return 0;
}
