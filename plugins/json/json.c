/*
 * json: JSON files and texts as values and tables.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <leat/file.h>
#include <leat/json.h>
#include <leat/plugin.h>

#include "rows.h"

/* Reports a failure of the file system. */
static leat_status report_file(leat_call *call, const char *path, int error)
{
    if (error == EFBIG) {
        return leat_fail(call, "json.too_large", "%s is larger than `max_size`", path);
    }
    if (error == ENOSPC || error == EDQUOT || error == EIO || error == ENOMEM) {
        return leat_retry(call, -1, "json.file", "%s: %s", path, strerror(error));
    }
    return leat_fail(call, "json.file", "%s: %s", path,
                     error == EINVAL ? "not a regular file" : strerror(error));
}

/* Loads the call's `path`. LEAT_OK or a reported outcome; the text is to be freed. */
static leat_status load(leat_call *call, char **ret_path, char **ret_text, size_t *ret_len)
{
    char *path = leat_str_dup(call, leat_param_file(call, "path"));
    int64_t max = leat_param_size(call, "max_size");
    int error;

    if (path == NULL || path[0] == '\0') {
        return leat_fail(call, "json.file", "`path` is not a path");
    }
    error = leat_file_read(path, max < 0 ? 0 : (size_t)max, ret_text, ret_len);
    *ret_path = path;
    return error == 0 ? LEAT_OK : report_file(call, path, error);
}

/* How many values a tree consists of, keys included, counted no further than just above the limit.
 */
static size_t count_nodes(json_t *json)
{
    size_t count = 1;

    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json) && count <= LEAT_NODES_MAX; i++) {
            count += count_nodes(json_array_get(json, i));
        }
    }
    if (json_is_object(json)) {
        for (void *at = json_object_iter(json); at != NULL && count <= LEAT_NODES_MAX;
             at = json_object_iter_next(json, at)) {
            count += 1 + count_nodes(json_object_iter_value(at));
        }
    }
    return count;
}

/* Gives a text's value as the whole result. <from> names the text in messages. */
static leat_status give_value(leat_call *call, const char *from, const char *text, size_t len)
{
    json_error_t error;
    json_t *json =
        json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    leat_writer writer;
    leat_str value;

    if (json == NULL) {
        return leat_fail(call, "json.bad_json", "%s, line %d, column %d: %s", from, error.line,
                         error.column, error.text);
    }
    if (count_nodes(json) > LEAT_NODES_MAX) {
        json_decref(json);
        return leat_fail(call, "json.too_large",
                         "%s has more than %u values; an array of objects fits through json.table",
                         from, LEAT_NODES_MAX);
    }
    leat_writer_init(&writer, call);
    leat_json_write(&writer, json);
    json_decref(json);
    value = leat_writer_done(&writer);
    if (value.ptr == NULL) {
        return leat_fail(call, "json.too_deep", "%s is nested deeper than %u levels", from,
                         LEAT_DEPTH_MAX);
    }
    return leat_result_whole(call, value);
}

/* json.read */
static leat_status json_read(leat_call *call)
{
    char *path = NULL;
    char *text = NULL;
    size_t len = 0;
    leat_status status = load(call, &path, &text, &len);

    if (status == LEAT_OK) {
        status = give_value(call, path, text, len);
    }
    free(text);
    return status;
}

/* json.parse */
static leat_status json_parse(leat_call *call)
{
    leat_str text = leat_param_str(call, "text");

    return give_value(call, "the text", text.len == 0 ? "" : text.ptr, text.len);
}

/* json.table */
static leat_status json_table(leat_call *call)
{
    struct rows *rows = NULL;
    char *path = NULL;
    char *text = NULL;
    size_t len = 0;
    leat_status status = load(call, &path, &text, &len);

    if (status == LEAT_OK) {
        rows = rows_new(call, leat_param_str_list(call, "columns"));
        status = rows == NULL ? leat_retry(call, -1, "json.no_memory", "no memory for a table")
                              : rows_read(rows, path, text, len);
    }
    free(text);
    if (status == LEAT_OK) {
        status = rows_give(rows);
    }
    rows_free(rows);
    return status;
}

/* The `value` as text with the wished indentation, to be freed; NULL after reporting what is wrong.
 */
static char *format_value(leat_call *call)
{
    int64_t indent = leat_param_int(call, "indent");
    char *text = NULL;

    if (indent < 0 || indent > 31) {
        leat_fail(call, "json.bad_params", "`indent` is 0 to 31");
        return NULL;
    }
    text = leat_json_text(leat_param_value(call, "value"),
                          (indent == 0 ? JSON_COMPACT : JSON_INDENT((size_t)indent)));
    if (text == NULL) {
        leat_fail(call, "json.bad_params", "`value` cannot be written as JSON");
    }
    return text;
}

/* json.format */
static leat_status json_format(leat_call *call)
{
    char *text = format_value(call);
    leat_status status;

    if (text == NULL) {
        return LEAT_FAIL;
    }
    status = leat_result_text(call, NULL, text);
    free(text);
    return status;
}

/* json.write */
static leat_status json_write(leat_call *call)
{
    char *path = leat_str_dup(call, leat_param_str(call, "path"));
    char *text;
    size_t len;
    int error;

    if (path == NULL || path[0] == '\0') {
        return leat_fail(call, "json.file", "`path` is not a path");
    }
    text = format_value(call);
    if (text == NULL) {
        return LEAT_FAIL;
    }
    len = strlen(text);
    /* The NUL at the end gives way to a newline. */
    text[len] = '\n';
    error = leat_file_write(path, text, len + 1);
    free(text);
    if (error != 0) {
        return report_file(call, path, error);
    }
    leat_result_text(call, "path", path);
    return leat_result_int(call, "size", (int64_t)len + 1);
}

LEAT_PLUGIN("json", "1.0.0", "JSON files and texts",
            LEAT_TASK_EX(json_read, "json.read", "Read a JSON file as one value",
                         LEAT_PART_IDEMPOTENT,
                         LEAT_FILE_REQUIRED("path", "The file; the cache counts its content"),
                         LEAT_SIZE("max_size", "64MiB", "Most bytes to read")),
            LEAT_TASK_EX(json_table, "json.table", "Read a JSON array of flat objects as a table",
                         LEAT_PART_IDEMPOTENT,
                         LEAT_FILE_REQUIRED("path", "The file; the cache counts its content"),
                         LEAT_STRING_LIST("columns", NULL,
                                          "Columns to keep, in this order; all by default"),
                         LEAT_SIZE("max_size", "256MiB", "Most bytes to read")),
            LEAT_TASK_EX(json_parse, "json.parse", "Turn a JSON text into a value",
                         LEAT_PART_IDEMPOTENT, LEAT_STRING_REQUIRED("text", "The text")),
            LEAT_TASK_EX(json_format, "json.format", "Turn a value into a JSON text",
                         LEAT_PART_IDEMPOTENT, LEAT_VALUE_REQUIRED("value", "The value"),
                         LEAT_INT("indent", "0", "Spaces of indentation, 0 for one line")),
            LEAT_TASK_EX(json_write, "json.write", "Write a value to a JSON file",
                         LEAT_PART_NOCACHE | LEAT_PART_IDEMPOTENT,
                         LEAT_STRING_REQUIRED("path", "The file"),
                         LEAT_VALUE_REQUIRED("value", "The value"),
                         LEAT_INT("indent", "2", "Spaces of indentation, 0 for one line")));
