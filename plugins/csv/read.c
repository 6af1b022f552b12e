/*
 * See read.h. Two walks over the text: the first counts rows and finds each column's type, the
 * second fills the columns, so that nothing has to grow or change its type on the way.
 */
#include "read.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <leat/file.h>
#include <leat/plugin.h>
#include <leat/table.h>
#include <leat/text.h>

#include "parser.h"

enum {
    PROGRESS_ROWS = 16384, /* rows between two looks at progress and cancel */
    NUMBER_MAX = 64        /* bytes of a number */
};

/* What cells of a column were met. */
enum { SAW_INT = 1, SAW_FLOAT = 2, SAW_MISSING = 4, SAW_TEXT = 8 };

/* A column of the file. */
struct column {
    leat_str name;
    uint32_t type; /* 0 until it is known */
    unsigned saw;
    int wanted;      /* it goes into the table */
    void *cells;     /* int64_t, double, or for texts where in `texts` each one ends, as size_t */
    char *texts;     /* texts, one after the other */
    size_t text_len; /* bytes of all texts as they stand in the file */
    size_t text_at;  /* bytes filled in so far */
};

/* A file being read. */
struct reading {
    leat_call *call;
    const char *path;
    char *text;
    size_t len;
    struct parser body; /* standing before the first row of cells */
    struct column *columns;
    size_t n_columns;
    struct column **order; /* the wanted columns in the wanted order */
    size_t n_order;
    size_t rows;
};

/* What to do with each cell of a walk. LEAT_OK or a reported outcome. */
typedef leat_status (*on_cell)(struct reading *reading, size_t line, struct column *column,
                               size_t row, const struct field *field);

/* Reports that the file is wrong in a line. */
static leat_status __attribute__((__format__(__printf__, 3, 4)))
report_line(const struct reading *reading, size_t line, const char *format, ...)
{
    char what[512];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return leat_fail(reading->call, "csv.bad_csv", "%s, line %zu: %s", reading->path, line, what);
}

/* Reports that there is no memory. */
static leat_status report_memory(const struct reading *reading)
{
    return leat_retry(reading->call, -1, "csv.no_memory", "no memory for the table in %s",
                      reading->path);
}

/* ---- cells ---- */

/* 1 for what stands for a missing number. */
static int is_missing(const struct field *field)
{
    return field->len == 0 || (field->len == 2 && memcmp(field->ptr, "NA", 2) == 0) ||
           (field->len == 3 && strncasecmp(field->ptr, "nan", 3) == 0);
}

/* Skips digits. */
static size_t digits(const char *text, size_t len, size_t at)
{
    while (at < len && text[at] >= '0' && text[at] <= '9') {
        at++;
    }
    return at;
}

/* What a field looks like: one of SAW_*. A leading zero makes a text: it is a postal code, not a
 * number. */
static unsigned look(const struct field *field)
{
    const char *text = field->ptr;
    size_t len = field->len;
    size_t begin = len > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    size_t at = digits(text, len, begin);
    size_t count = at - begin;
    size_t mark;

    if (!field->quoted && is_missing(field)) {
        return SAW_MISSING;
    }
    if (field->quoted || len > NUMBER_MAX || (count > 1 && text[begin] == '0')) {
        return SAW_TEXT;
    }
    if (at == len && count > 0) {
        /* Eighteen digits always fit into an integer. */
        return count <= 18 ? SAW_INT : SAW_FLOAT;
    }
    if (at < len && text[at] == '.') {
        mark = at + 1;
        at = digits(text, len, mark);
        count += at - mark;
    }
    if (count > 0 && at < len && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += at < len && (text[at] == '-' || text[at] == '+') ? 1 : 0;
        mark = at;
        at = digits(text, len, mark);
        count = at > mark ? count : 0;
    }
    return count > 0 && at == len ? SAW_FLOAT : SAW_TEXT;
}

/* First walk: notes what kind of cell it is. */
static leat_status learn(struct reading *reading, size_t line, struct column *column, size_t row,
                         const struct field *field)
{
    unsigned saw = look(field);
    leat_str text = {field->ptr, field->len};
    unsigned allowed = SAW_INT | SAW_FLOAT | SAW_MISSING | SAW_TEXT;

    (void)row;
    if (!leat_utf8_ok(text)) {
        return report_line(reading, line, "column \"%.*s\" is not UTF-8", LEAT_STRF(column->name));
    }
    if (column->type == LEAT_COLUMN_I64) {
        allowed = SAW_INT;
    } else if (column->type == LEAT_COLUMN_F64) {
        allowed = SAW_INT | SAW_FLOAT | SAW_MISSING;
    }
    if ((saw & allowed) == 0) {
        return report_line(reading, line, "column \"%.*s\" holds \"%.*s\", which is not %s",
                           LEAT_STRF(column->name), (int)(field->len < 64 ? field->len : 64),
                           field->ptr, allowed == SAW_INT ? "an integer" : "a number");
    }
    column->saw |= saw;
    column->text_len += field->len;
    return LEAT_OK;
}

/* Second walk: fills the cell in. */
static leat_status fill(struct reading *reading, size_t line, struct column *column, size_t row,
                        const struct field *field)
{
    char number[NUMBER_MAX + 1];

    (void)reading;
    (void)line;
    if (column->type == LEAT_COLUMN_STR) {
        column->text_at += field_copy(field, column->texts + column->text_at);
        ((size_t *)column->cells)[row] = column->text_at;
        return LEAT_OK;
    }
    /* What the first walk took for a number is at most that long. */
    memcpy(number, field->ptr, field->len);
    number[field->len] = '\0';
    if (column->type == LEAT_COLUMN_I64) {
        ((int64_t *)column->cells)[row] = strtoll(number, NULL, 10);
    } else {
        ((double *)column->cells)[row] = is_missing(field) ? (double)NAN : strtod(number, NULL);
    }
    return LEAT_OK;
}

/* Walks over all cells of the wanted columns. LEAT_OK or a reported outcome. */
static leat_status walk(struct reading *reading, on_cell on, double from)
{
    struct parser parser = reading->body;
    struct field field;
    size_t column = 0;
    size_t row = 0;
    int found = parser_next(&parser, &field);

    while (found > 0) {
        if (column == reading->n_columns) {
            return report_line(reading, parser.row_line, "the row has more than %zu fields",
                               reading->n_columns);
        }
        if (reading->columns[column].wanted) {
            leat_status status =
                on(reading, parser.row_line, &reading->columns[column], row, &field);

            if (status != LEAT_OK) {
                return status;
            }
        }
        column++;
        if (field.last && column < reading->n_columns) {
            return report_line(reading, parser.row_line, "the row has %zu fields instead of %zu",
                               column, reading->n_columns);
        }
        if (field.last) {
            column = 0;
            row++;
        }
        if (field.last && row % PROGRESS_ROWS == 0) {
            leat_progress(reading->call, from + 0.5 * (double)parser.at / (double)reading->len,
                          NULL);
            if (leat_cancelled(reading->call)) {
                return leat_stopped(reading->call);
            }
        }
        found = parser_next(&parser, &field);
    }
    reading->rows = row;
    return found == 0 ? LEAT_OK : report_line(reading, parser.line, "%s", parser.problem);
}

/* ---- columns ---- */

/* The column of that name, or NULL. */
static struct column *column_find(const struct reading *reading, leat_str name)
{
    for (size_t i = 0; i < reading->n_columns; i++) {
        leat_str own = reading->columns[i].name;

        if (own.len == name.len && memcmp(own.ptr, name.ptr, name.len) == 0) {
            return &reading->columns[i];
        }
    }
    return NULL;
}

/* Adds a column. LEAT_OK or a reported outcome. */
static leat_status column_add(struct reading *reading, size_t line, leat_str name)
{
    if (name.len == 0 || name.len > LEAT_KEY_MAX || !leat_utf8_ok(name)) {
        return report_line(reading, line,
                           "the name of column %zu is empty, longer than %u bytes or "
                           "not UTF-8",
                           reading->n_columns + 1, LEAT_KEY_MAX);
    }
    if (column_find(reading, name) != NULL) {
        return report_line(reading, line, "two columns are called \"%.*s\"", LEAT_STRF(name));
    }
    if (reading->n_columns == LEAT_TABLE_COLUMNS_MAX) {
        return report_line(reading, line, "there are more than %u columns", LEAT_TABLE_COLUMNS_MAX);
    }
    reading->columns[reading->n_columns++].name = name;
    return LEAT_OK;
}

/* Takes the names from the first row, which is skipped then; without a header, counts its fields
 * and calls them c1, c2, ... LEAT_OK or a reported outcome. */
static leat_status columns_from_text(struct reading *reading, int header)
{
    struct parser parser = reading->body;
    leat_status status = LEAT_OK;
    struct field field = {0};

    while (status == LEAT_OK && !field.last) {
        int found = parser_next(&parser, &field);
        char *name;
        leat_str text;

        if (found <= 0) {
            return found < 0 ? report_line(reading, parser.line, "%s", parser.problem) : LEAT_OK;
        }
        name = leat_alloc(reading->call, field.len + 32);
        if (name == NULL) {
            return report_memory(reading);
        }
        text.ptr = name;
        text.len = header ? field_copy(&field, name)
                          : (size_t)snprintf(name, 32, "c%zu", reading->n_columns + 1);
        status = column_add(reading, parser.row_line, text);
    }
    if (header) {
        reading->body = parser;
    }
    return status;
}

/* Replaces the names by those the step gives. LEAT_OK or a reported outcome. */
static leat_status columns_rename(struct reading *reading)
{
    leat_view names = leat_param_str_list(reading->call, "names");
    leat_iter iter = leat_iter_of(names);
    size_t found = reading->n_columns;
    leat_status status = LEAT_OK;
    leat_view item;

    if (leat_view_count(names) == 0) {
        return LEAT_OK;
    }
    if (leat_view_count(names) != found) {
        return leat_fail(reading->call, "csv.bad_params",
                         "`names` has %zu names, %s has %zu columns", leat_view_count(names),
                         reading->path, found);
    }
    reading->n_columns = 0;
    while (status == LEAT_OK && leat_iter_next(&iter, NULL, &item)) {
        status = column_add(reading, 1, leat_view_str(item));
    }
    return status;
}

/* Applies `types`, a map of names to f64, i64 or str. LEAT_OK or a reported outcome. */
static leat_status columns_declare(struct reading *reading)
{
    leat_iter iter = leat_iter_of(leat_param_value(reading->call, "types"));
    leat_view key;
    leat_view item;

    while (leat_iter_next(&iter, &key, &item)) {
        leat_str name = leat_view_str(key);
        struct column *column = column_find(reading, name);
        uint32_t type = leat_view_is(item, "f64")   ? LEAT_COLUMN_F64
                        : leat_view_is(item, "i64") ? LEAT_COLUMN_I64
                        : leat_view_is(item, "str") ? LEAT_COLUMN_STR
                                                    : 0;

        if (column == NULL || type == 0) {
            return leat_fail(reading->call, "csv.bad_params",
                             "`types` says something about \"%.*s\", but %s", LEAT_STRF(name),
                             column == NULL ? "there is no such column"
                                            : "a type is f64, i64 or str");
        }
        column->type = type;
    }
    return LEAT_OK;
}

/* Chooses the wanted columns. LEAT_OK or a reported outcome. */
static leat_status columns_choose(struct reading *reading)
{
    leat_view wanted = leat_param_str_list(reading->call, "columns");
    leat_iter iter = leat_iter_of(wanted);
    leat_view item;

    reading->order = leat_alloc(reading->call, (reading->n_columns + 1) * sizeof(struct column *));
    if (reading->order == NULL) {
        return report_memory(reading);
    }
    for (size_t i = 0; leat_view_count(wanted) == 0 && i < reading->n_columns; i++) {
        reading->columns[i].wanted = 1;
        reading->order[reading->n_order++] = &reading->columns[i];
    }
    while (leat_iter_next(&iter, NULL, &item)) {
        leat_str name = leat_view_str(item);
        struct column *column = column_find(reading, name);

        if (column == NULL || column->wanted) {
            return leat_fail(reading->call, "csv.bad_params",
                             column == NULL ? "%s has no column \"%.*s\""
                                            : "%s: `columns` names \"%.*s\" twice",
                             reading->path, LEAT_STRF(name));
        }
        column->wanted = 1;
        reading->order[reading->n_order++] = column;
    }
    return LEAT_OK;
}

/* Settles the types after the first walk and takes memory for the second. LEAT_OK or a reported
 * outcome. */
static leat_status columns_settle(struct reading *reading)
{
    size_t texts = 0;
    size_t bytes = 0;

    for (size_t i = 0; i < reading->n_order; i++) {
        struct column *column = reading->order[i];
        int numbers = (column->saw & (SAW_INT | SAW_FLOAT)) != 0;

        if (column->type == 0 && ((column->saw & SAW_TEXT) != 0 || !numbers)) {
            column->type = LEAT_COLUMN_STR;
        } else if (column->type == 0) {
            column->type = column->saw == SAW_INT ? LEAT_COLUMN_I64 : LEAT_COLUMN_F64;
        }
        texts += column->type == LEAT_COLUMN_STR ? reading->rows : 0;
        bytes +=
            column->type == LEAT_COLUMN_STR ? column->text_len + reading->rows : reading->rows * 8;
        column->cells = malloc(reading->rows * 8 + 8);
        column->texts = column->type == LEAT_COLUMN_STR ? malloc(column->text_len + 1) : NULL;
        if (column->cells == NULL || (column->type == LEAT_COLUMN_STR && column->texts == NULL)) {
            return report_memory(reading);
        }
    }
    if (texts > LEAT_NODES_MAX - 8 * LEAT_TABLE_COLUMNS_MAX || bytes > LEAT_RESULT_MAX) {
        return leat_fail(
            reading->call, "csv.too_large",
            "the table in %s would have %zu bytes and %zu texts; %u and %u are the most: "
            "name the `columns` that are needed",
            reading->path, bytes, texts, LEAT_RESULT_MAX, LEAT_NODES_MAX);
    }
    return LEAT_OK;
}

/* ---- the part ---- */

/* Writes one column of texts. */
static void write_texts(leat_writer *writer, const struct column *column, size_t rows)
{
    const size_t *ends = column->cells;
    size_t begin = 0;

    leat_table_texts_begin(writer, column->name);
    for (size_t row = 0; row < rows; row++) {
        leat_str text = {column->texts + begin, ends[row] - begin};

        leat_write_str(writer, text);
        begin = ends[row];
    }
    leat_table_texts_end(writer);
}

/* Gives the table as the whole result. */
static leat_status give(const struct reading *reading)
{
    leat_writer writer;

    leat_writer_init(&writer, reading->call);
    leat_table_begin(&writer, reading->rows);
    for (size_t i = 0; i < reading->n_order; i++) {
        const struct column *column = reading->order[i];

        if (column->type == LEAT_COLUMN_STR) {
            write_texts(&writer, column, reading->rows);
        } else if (column->type == LEAT_COLUMN_I64) {
            leat_table_ints(&writer, column->name, column->cells, reading->rows);
        } else {
            leat_table_floats(&writer, column->name, column->cells, reading->rows);
        }
    }
    leat_table_end(&writer);
    return leat_result_whole(reading->call, leat_writer_done(&writer));
}

/* Reads the text that has been loaded. */
static leat_status read_text(struct reading *reading, char delimiter)
{
    leat_status status;

    parser_init(&reading->body, reading->text, reading->len, delimiter);
    status = columns_from_text(reading, leat_param_bool(reading->call, "header"));
    if (status == LEAT_OK) {
        status = columns_rename(reading);
    }
    if (status == LEAT_OK) {
        status = columns_declare(reading);
    }
    if (status == LEAT_OK) {
        status = columns_choose(reading);
    }
    if (status == LEAT_OK) {
        status = walk(reading, learn, 0.0);
    }
    if (status == LEAT_OK) {
        status = columns_settle(reading);
    }
    if (status == LEAT_OK) {
        status = walk(reading, fill, 0.5);
    }
    return status == LEAT_OK ? give(reading) : status;
}

leat_status csv_read(leat_call *call)
{
    leat_str delimiter = leat_param_str(call, "delimiter");
    int64_t max = leat_param_size(call, "max_size");
    struct reading reading = {.call = call};
    leat_status status;
    int error;

    reading.path = leat_str_dup(call, leat_param_file(call, "path"));
    if (reading.path == NULL || delimiter.len != 1 || strchr("\"\r\n", delimiter.ptr[0]) != NULL) {
        return leat_fail(call, "csv.bad_params",
                         "`path` is not a path, or `delimiter` not a character");
    }
    error = leat_file_read(reading.path, max < 0 ? 0 : (size_t)max, &reading.text, &reading.len);
    if (error == EFBIG) {
        return leat_fail(call, "csv.too_large", "%s is larger than `max_size`", reading.path);
    }
    if (error == ENOMEM || error == EIO) {
        return leat_retry(call, -1, "csv.file", "%s: %s", reading.path, strerror(error));
    }
    if (error != 0) {
        return leat_fail(call, "csv.file", "%s: %s", reading.path,
                         error == EINVAL ? "not a regular file" : strerror(error));
    }
    reading.columns = calloc(LEAT_TABLE_COLUMNS_MAX, sizeof *reading.columns);
    status =
        reading.columns == NULL ? report_memory(&reading) : read_text(&reading, delimiter.ptr[0]);
    for (size_t i = 0; reading.columns != NULL && i < reading.n_columns; i++) {
        free(reading.columns[i].cells);
        free(reading.columns[i].texts);
    }
    free(reading.columns);
    free(reading.text);
    return status;
}
