/*
 * csv: CSV files as tables, and tables as CSV files.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <leat/file.h>
#include <leat/plugin.h>
#include <leat/table.h>

#include "read.h"

/* Writes a field, in quotes where it needs them. */
static void put_text(FILE *out, leat_str text, char delimiter)
{
    int plain = text.len > 0;

    for (size_t i = 0; i < text.len && plain; i++) {
        plain = text.ptr[i] != delimiter && strchr("\"\r\n", text.ptr[i]) == NULL;
    }
    if (plain) {
        fwrite(text.ptr, 1, text.len, out);
        return;
    }
    fputc('"', out);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') {
            fputc('"', out);
        }
        fputc(text.ptr[i], out);
    }
    fputc('"', out);
}

/* Writes a number with as many digits as it takes to read the same one back; nothing for NaN. */
static void put_float(FILE *out, double number)
{
    char text[40];

    if (isnan(number)) {
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (!(strtod(text, NULL) < number) && !(strtod(text, NULL) > number)) {
            break;
        }
    }
    fputs(text, out);
}

/* Writes the table as text. */
static void put_table(FILE *out, leat_view table, const leat_column *columns, leat_iter *texts,
                      size_t n, char delimiter)
{
    for (size_t i = 0; i < n; i++) {
        put_text(out, columns[i].name, delimiter);
        fputc(i + 1 < n ? delimiter : '\n', out);
    }
    for (size_t row = 0; row < leat_table_rows(table); row++) {
        for (size_t i = 0; i < n; i++) {
            leat_view item;

            if (columns[i].type == LEAT_COLUMN_I64) {
                fprintf(out, "%lld", (long long)leat_column_int(&columns[i], row));
            } else if (columns[i].type == LEAT_COLUMN_F64) {
                put_float(out, leat_column_number(&columns[i], row));
            } else if (leat_iter_next(&texts[i], NULL, &item)) {
                put_text(out, leat_view_str(item), delimiter);
            }
            fputc(i + 1 < n ? delimiter : '\n', out);
        }
    }
}

/* The table as text, to be freed; NULL without memory. */
static char *format_table(leat_call *call, leat_view table, char delimiter, size_t *ret_len)
{
    size_t n = leat_table_width(table);
    leat_column *columns = leat_alloc(call, (n + 1) * sizeof *columns);
    leat_iter *texts = leat_alloc(call, (n + 1) * sizeof *texts);
    leat_iter iter = leat_table_columns(table);
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_len);
    int failed;

    if (columns == NULL || texts == NULL || out == NULL) {
        if (out != NULL) {
            fclose(out);
        }
        free(text);
        return NULL;
    }
    for (size_t i = 0; i < n && leat_table_next(&iter, &columns[i]); i++) {
        texts[i] = leat_iter_of(columns[i].texts);
    }
    put_table(out, table, columns, texts, n, delimiter);
    failed = ferror(out);
    failed |= fclose(out) != 0;
    if (failed) {
        free(text);
        text = NULL;
    }
    return text;
}

/* csv.write */
static leat_status csv_write(leat_call *call)
{
    char *path = leat_str_dup(call, leat_param_str(call, "path"));
    leat_view table = leat_param_value(call, "table");
    leat_str delimiter = leat_param_str(call, "delimiter");
    const char *problem = leat_table_problem(table);
    char *text;
    size_t len = 0;
    int error;

    if (path == NULL || path[0] == '\0' || delimiter.len != 1 ||
        strchr("\"\r\n", delimiter.ptr[0]) != NULL) {
        return leat_fail(call, "csv.bad_params",
                         "`path` is not a path, or `delimiter` not a character");
    }
    if (problem != NULL) {
        return leat_fail(call, "csv.bad_params", "`table`: %s", problem);
    }
    text = format_table(call, table, delimiter.ptr[0], &len);
    if (text == NULL) {
        return leat_retry(call, -1, "csv.no_memory", "no memory for the text of the table");
    }
    error = leat_file_write(path, text, len);
    free(text);
    if (error == ENOSPC || error == EDQUOT || error == EIO || error == ENOMEM) {
        return leat_retry(call, -1, "csv.file", "%s: %s", path, strerror(error));
    }
    if (error != 0) {
        return leat_fail(call, "csv.file", "%s: %s", path, strerror(error));
    }
    leat_result_text(call, "path", path);
    leat_result_int(call, "rows", (int64_t)leat_table_rows(table));
    return leat_result_int(call, "size", (int64_t)len);
}

#define DELIMITER LEAT_STRING("delimiter", ",", "The character between fields")

LEAT_PLUGIN(
    "csv", "1.0.0", "CSV files",
    LEAT_TASK_EX(
        csv_read, "csv.read", "Read a CSV file as a table", LEAT_PART_IDEMPOTENT,
        LEAT_FILE_REQUIRED("path", "The file; the cache counts its content"), DELIMITER,
        LEAT_BOOL("header", "true", "The first row holds the names of the columns"),
        LEAT_STRING_LIST("names", NULL, "Names of all columns, instead of those in the file"),
        LEAT_STRING_LIST("columns", NULL, "Columns to keep, in this order; all by default"),
        LEAT_VALUE("types", NULL, "Types that must not be guessed: {name: f64, i64 or str}"),
        LEAT_SIZE("max_size", "256MiB", "Most bytes to read")),
    LEAT_TASK_EX(csv_write, "csv.write", "Write a table to a CSV file",
                 LEAT_PART_NOCACHE | LEAT_PART_IDEMPOTENT, LEAT_STRING_REQUIRED("path", "The file"),
                 LEAT_VALUE_REQUIRED("table", "The table"), DELIMITER));
