/*
 * See rows.h. A column begins as integers, becomes floating-point with the first fraction or
 * missing value, and is text from its first row or never: numbers and texts do not mix.
 */
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <leat/json.h>
#include <leat/plugin.h>
#include <leat/table.h>

enum {
    PROGRESS_ROWS = 16384 /* rows between two looks at progress and cancel */
};

/* The cells of one column; `type` is 0 until the first one that is not null. */
struct column {
    char *name;
    uint32_t type;
    size_t n;       /* cells so far */
    size_t size;    /* cells there is room for */
    int64_t *cells; /* integers, bits of doubles, or offsets into `text` */
    char *text;     /* all texts one after the other, each with a NUL */
    size_t text_len;
    size_t text_size;
};

struct rows {
    leat_call *call;
    struct column columns[LEAT_TABLE_COLUMNS_MAX];
    size_t n_columns;
    size_t n;
    int fixed; /* the columns were named beforehand */
};

/* ---- cells ---- */

/* Makes room for one more cell; 0 without memory. */
static int cell_room(struct column *column)
{
    size_t size = column->size == 0 ? 1024 : column->size * 2;
    int64_t *fresh;

    if (column->n < column->size) {
        return 1;
    }
    fresh = realloc(column->cells, size * sizeof *fresh);
    if (fresh == NULL) {
        return 0;
    }
    column->cells = fresh;
    column->size = size;
    return 1;
}

/* Appends a cell; 0 without memory. */
static int cell_add(struct column *column, int64_t cell)
{
    if (!cell_room(column)) {
        return 0;
    }
    column->cells[column->n++] = cell;
    return 1;
}

/* The bits of a double. */
static int64_t bits_of(double number)
{
    int64_t bits;

    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* Turns integers into doubles, from now on. */
static void widen(struct column *column)
{
    for (size_t i = 0; i < column->n; i++) {
        column->cells[i] = bits_of((double)column->cells[i]);
    }
    column->type = LEAT_COLUMN_F64;
}

/* Appends a text; 0 without memory. */
static int text_add(struct column *column, const char *text, size_t len)
{
    size_t size = column->text_size == 0 ? 4096 : column->text_size;
    char *fresh;

    while (size - column->text_len < len + 1) {
        size *= 2;
    }
    if (size != column->text_size) {
        fresh = realloc(column->text, size);
        if (fresh == NULL) {
            return 0;
        }
        column->text = fresh;
        column->text_size = size;
    }
    if (!cell_add(column, (int64_t)column->text_len)) {
        return 0;
    }
    memcpy(column->text + column->text_len, text, len);
    column->text[column->text_len + len] = '\0';
    column->text_len += len + 1;
    return 1;
}

/* Appends "nothing"; 0 without memory. */
static int missing_add(struct column *column)
{
    if (column->type == LEAT_COLUMN_STR) {
        return text_add(column, "", 0);
    }
    if (column->type == LEAT_COLUMN_I64) {
        widen(column);
    }
    /* A column of which nothing is known holds NaN; if texts come, its type decides anew. */
    return cell_add(column, bits_of((double)NAN));
}

/* Makes a column that so far only missed values one of <type>; 0 without memory. */
static int settle(struct column *column, uint32_t type)
{
    size_t missed = column->n;

    column->type = type == LEAT_COLUMN_I64 && missed > 0 ? LEAT_COLUMN_F64 : type;
    if (type != LEAT_COLUMN_STR) {
        return 1;
    }
    column->n = 0;
    for (size_t i = 0; i < missed; i++) {
        if (!text_add(column, "", 0)) {
            return 0;
        }
    }
    return 1;
}

/* ---- rows ---- */

/* Finds or makes the column <name>; NULL when there are too many, or without memory, or when it is
 * not wanted (then *ret_skip is 1). The next column in order is looked at first: rows mostly look
 * alike. */
static struct column *column_for(struct rows *rows, const char *name, size_t hint, int *ret_skip)
{
    struct column *column;

    *ret_skip = 0;
    for (size_t i = 0; i < rows->n_columns; i++) {
        column = &rows->columns[(hint + i) % rows->n_columns];
        if (strcmp(column->name, name) == 0) {
            return column;
        }
    }
    if (rows->fixed) {
        *ret_skip = 1;
        return NULL;
    }
    if (rows->n_columns == LEAT_TABLE_COLUMNS_MAX) {
        return NULL;
    }
    column = &rows->columns[rows->n_columns];
    column->name = strdup(name);
    if (column->name == NULL) {
        return NULL;
    }
    rows->n_columns++;
    while (column->n < rows->n) {
        if (!missing_add(column)) {
            return NULL;
        }
    }
    return column;
}

/* Appends one value to its column. LEAT_OK or a reported outcome. */
static leat_status value_add(struct rows *rows, struct column *column, const json_t *value)
{
    uint32_t type = json_is_string(value) ? LEAT_COLUMN_STR
                    : json_is_real(value) ? LEAT_COLUMN_F64
                                          : LEAT_COLUMN_I64;
    int added;

    if (json_is_object(value) || json_is_array(value)) {
        return leat_fail(rows->call, "json.not_flat", "row %zu: \"%s\" is not a single value",
                         rows->n + 1, column->name);
    }
    if (!json_is_null(value) && column->type == 0 && !settle(column, type)) {
        return leat_retry(rows->call, -1, "json.no_memory", "no memory for row %zu", rows->n + 1);
    }
    if (!json_is_null(value) && (type == LEAT_COLUMN_STR) != (column->type == LEAT_COLUMN_STR)) {
        return leat_fail(rows->call, "json.mixed", "row %zu: \"%s\" is %s here and %s before",
                         rows->n + 1, column->name, json_is_string(value) ? "text" : "a number",
                         json_is_string(value) ? "a number" : "text");
    }
    if (type == LEAT_COLUMN_F64 && column->type == LEAT_COLUMN_I64) {
        widen(column);
    }
    if (json_is_null(value)) {
        added = missing_add(column);
    } else if (type == LEAT_COLUMN_STR) {
        added = text_add(column, json_string_value(value), json_string_length(value));
    } else if (column->type == LEAT_COLUMN_I64) {
        added = cell_add(column,
                         json_is_integer(value) ? json_integer_value(value) : json_is_true(value));
    } else {
        added = cell_add(column, bits_of(json_is_boolean(value) ? (double)json_is_true(value)
                                                                : json_number_value(value)));
    }
    return added
               ? LEAT_OK
               : leat_retry(rows->call, -1, "json.no_memory", "no memory for row %zu", rows->n + 1);
}

/* Appends one object. LEAT_OK or a reported outcome. */
static leat_status row_add(struct rows *rows, json_t *row)
{
    size_t hint = 0;

    for (void *at = json_object_iter(row); at != NULL; at = json_object_iter_next(row, at)) {
        leat_status status;
        int skip;
        struct column *column = column_for(rows, json_object_iter_key(at), hint, &skip);

        if (skip) {
            continue;
        }
        if (column == NULL) {
            return leat_fail(rows->call, "json.too_large", "row %zu: more than %u columns",
                             rows->n + 1, LEAT_TABLE_COLUMNS_MAX);
        }
        status = value_add(rows, column, json_object_iter_value(at));
        if (status != LEAT_OK) {
            return status;
        }
        hint = (size_t)(column - rows->columns) + 1;
    }
    rows->n++;
    for (size_t i = 0; i < rows->n_columns; i++) {
        if (rows->columns[i].n < rows->n && !missing_add(&rows->columns[i])) {
            return leat_retry(rows->call, -1, "json.no_memory", "no memory for row %zu", rows->n);
        }
    }
    return LEAT_OK;
}

/* ---- text ---- */

/* Skips white space. */
static size_t skip_space(const char *text, size_t len, size_t at)
{
    while (at < len &&
           (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) {
        at++;
    }
    return at;
}

/* Reports that the text is not what it should be at <at>. */
static leat_status report_place(const struct rows *rows, const char *path, const char *text,
                                size_t at, const char *what)
{
    size_t line = 1;
    size_t begin = 0;

    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    return leat_fail(rows->call, "json.bad_json", "%s, line %zu, column %zu (row %zu): %s", path,
                     line, at - begin + 1, rows->n + 1, what);
}

/* Takes one object that begins at *at. LEAT_OK or a reported outcome. */
static leat_status take_row(struct rows *rows, const char *path, const char *text, size_t len,
                            size_t *at)
{
    json_error_t error;
    leat_status status;
    json_t *row;

    if (*at >= len || text[*at] != '{') {
        return report_place(rows, path, text, *at, "an object is expected here");
    }
    row = json_loadb(text + *at, len - *at,
                     JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (row == NULL) {
        return report_place(rows, path, text,
                            *at + (size_t)(error.position > 0 ? error.position : 0), error.text);
    }
    *at += (size_t)error.position;
    status = row_add(rows, row);
    json_decref(row);
    return status;
}

leat_status rows_read(struct rows *rows, const char *path, const char *text, size_t len)
{
    size_t at = skip_space(text, len, 0);
    leat_status status = LEAT_OK;

    if (at >= len || text[at] != '[') {
        return report_place(rows, path, text, at, "a table is an array of objects");
    }
    at = skip_space(text, len, at + 1);
    if (at < len && text[at] == ']') {
        return skip_space(text, len, at + 1) == len
                   ? LEAT_OK
                   : report_place(rows, path, text, at + 1, "there is text after the end");
    }
    for (;;) {
        status = take_row(rows, path, text, len, &at);
        if (status != LEAT_OK) {
            return status;
        }
        if (rows->n % PROGRESS_ROWS == 0) {
            leat_progress(rows->call, (double)at / (double)len, NULL);
            if (leat_cancelled(rows->call)) {
                return leat_stopped(rows->call);
            }
        }
        at = skip_space(text, len, at);
        if (at >= len || text[at] != ',') {
            break;
        }
        at = skip_space(text, len, at + 1);
    }
    if (at >= len || text[at] != ']') {
        return report_place(rows, path, text, at, "\",\" or \"]\" is expected here");
    }
    at = skip_space(text, len, at + 1);
    return at == len ? LEAT_OK : report_place(rows, path, text, at, "there is text after the end");
}

/* ---- result ---- */

/* Writes one column. */
static void column_write(leat_writer *writer, const struct column *column)
{
    leat_str name = leat_str_of(column->name);

    if (column->type == LEAT_COLUMN_I64) {
        leat_table_ints(writer, name, column->cells, column->n);
        return;
    }
    if (column->type == LEAT_COLUMN_STR) {
        leat_table_texts_begin(writer, name);
        for (size_t i = 0; i < column->n; i++) {
            size_t from = (size_t)column->cells[i];
            size_t to = i + 1 < column->n ? (size_t)column->cells[i + 1] : column->text_len;
            leat_str text = {column->text + from, to - from - 1};

            leat_write_str(writer, text);
        }
        leat_table_texts_end(writer);
        return;
    }
    leat_table_column_(writer, name, "f64");
    leat_write_bytes(writer, column->cells, column->n * sizeof *column->cells);
    leat_write_map_end(writer);
}

leat_status rows_give(struct rows *rows)
{
    size_t texts = 0;
    leat_writer writer;
    leat_str table;

    for (size_t i = 0; i < rows->n_columns; i++) {
        texts += rows->columns[i].type == LEAT_COLUMN_STR ? rows->columns[i].n : 0;
    }
    if (texts > LEAT_NODES_MAX - 8 * LEAT_TABLE_COLUMNS_MAX) {
        return leat_fail(rows->call, "json.too_large",
                         "the table has %zu texts, and %u values are the most; name the `columns` "
                         "that are needed",
                         texts, LEAT_NODES_MAX);
    }
    leat_writer_init(&writer, rows->call);
    leat_table_begin(&writer, rows->n);
    for (size_t i = 0; i < rows->n_columns; i++) {
        column_write(&writer, &rows->columns[i]);
    }
    leat_table_end(&writer);
    table = leat_writer_done(&writer);
    if (table.ptr == NULL || table.len > LEAT_RESULT_MAX) {
        return leat_fail(rows->call, "json.too_large",
                         "the table of %zu rows and %zu columns is larger than %u bytes; name the "
                         "`columns` that are needed",
                         rows->n, rows->n_columns, LEAT_RESULT_MAX);
    }
    return leat_result_whole(rows->call, table);
}

struct rows *rows_new(leat_call *call, leat_view wanted)
{
    struct rows *rows = calloc(1, sizeof *rows);
    leat_iter iter = leat_iter_of(wanted);
    leat_view item;

    if (rows == NULL || leat_view_count(wanted) > LEAT_TABLE_COLUMNS_MAX) {
        free(rows);
        return NULL;
    }
    rows->call = call;
    while (leat_iter_next(&iter, NULL, &item)) {
        leat_str name = leat_view_str(item);

        rows->columns[rows->n_columns].name = strndup(name.ptr, name.len);
        if (rows->columns[rows->n_columns].name == NULL) {
            rows_free(rows);
            return NULL;
        }
        rows->n_columns++;
        rows->fixed = 1;
    }
    return rows;
}

void rows_free(struct rows *rows)
{
    if (rows == NULL) {
        return;
    }
    for (size_t i = 0; i < rows->n_columns; i++) {
        free(rows->columns[i].name);
        free(rows->columns[i].cells);
        free(rows->columns[i].text);
    }
    free(rows);
}
