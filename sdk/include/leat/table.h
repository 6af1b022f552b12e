/*
 * Tables: rows of named columns as one compact value.
 *
 *   {rows: n, columns: {<name>: {type: "f64" | "i64", data: <n numbers of 8 bytes, little end
 * first>}, <name>: {type: "str", data: [<n strings>]}}}
 *
 * Two hundred thousand numbers are one value of 1.6 MB instead of two hundred thousand small ones,
 * so a table passes between steps as a blob and is read in place. A missing number is NaN, a
 * missing text "". The bundled csv, json, xgboost and flights plugins speak it; any plugin may.
 *
 * Convenience over leat/value.h, no part of the contract. C11 and C++11; little-endian machines.
 */
#ifndef LEAT_TABLE_H
#define LEAT_TABLE_H

#include <leat/value.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "leat/table.h copies numbers as they lie in memory and needs a little-endian machine"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Most columns a table may have. */
#define LEAT_TABLE_COLUMNS_MAX 1024u

/* Types of column. */
#define LEAT_COLUMN_F64 1u
#define LEAT_COLUMN_I64 2u
#define LEAT_COLUMN_STR 3u

/* One column, borrowed from its table. */
typedef struct leat_column {
    leat_str name;
    uint32_t type;
    size_t rows;
    const char *numbers; /* 8 bytes a row, any alignment; NULL for texts */
    leat_view texts;     /* a list of strings; empty for numbers */
} leat_column;

/* ---- reading ---- */

/* Why <table> is not a well-formed table, as a static sentence, or NULL when it is one. Ask once;
 * the other functions read a table that is not well-formed as one without rows or columns. */
LEAT_API const char *leat_table_problem(leat_view table);

/* How many rows and columns there are. */
LEAT_API size_t leat_table_rows(leat_view table);
LEAT_API size_t leat_table_width(leat_view table);

/* Finds a column by its name; 0 when there is none. */
LEAT_API int leat_table_find(leat_view table, leat_str name, leat_column *ret_column);

/* Walks over the columns in their order: begin with leat_table_columns(), then ask for the next
 * until it returns 0. */
LEAT_API leat_iter leat_table_columns(leat_view table);
LEAT_API int leat_table_next(leat_iter *iter, leat_column *ret_column);

/* The number in <row>, which must be less than column->rows; NaN in a column of texts. */
LEAT_API double leat_column_number(const leat_column *column, size_t row);

/* The bits of the number in <row> of an I64 column; 0 in any other. */
LEAT_API int64_t leat_column_int(const leat_column *column, size_t row);

/* ---- writing: begin, one call for each column with exactly <rows> items, end ---- */

LEAT_API void leat_table_begin(leat_writer *writer, size_t rows);
LEAT_API void leat_table_floats(leat_writer *writer, leat_str name, const double *items,
                                size_t rows);
LEAT_API void leat_table_ints(leat_writer *writer, leat_str name, const int64_t *items,
                              size_t rows);
/* Between these two, call leat_write_str() once for each row. */
LEAT_API void leat_table_texts_begin(leat_writer *writer, leat_str name);
LEAT_API void leat_table_texts_end(leat_writer *writer);
LEAT_API void leat_table_end(leat_writer *writer);

/* ---- bodies ---- */

/* Reads one entry of the map of columns; 0 when it is not well-formed. */
LEAT_API int leat_column_read_(leat_view key, leat_view item, leat_column *ret_column)
{
    leat_view type = leat_view_find(item, "type");
    leat_view data = leat_view_find(item, "data");
    leat_str numbers = leat_view_bytes(data);
    leat_view none = {NULL, 0};

    ret_column->name = leat_view_str(key);
    ret_column->numbers = numbers.ptr;
    ret_column->texts = none;
    ret_column->rows = numbers.len / 8;
    if (leat_view_is(type, "f64") && numbers.ptr != NULL && numbers.len % 8 == 0) {
        ret_column->type = LEAT_COLUMN_F64;
        return 1;
    }
    if (leat_view_is(type, "i64") && numbers.ptr != NULL && numbers.len % 8 == 0) {
        ret_column->type = LEAT_COLUMN_I64;
        return 1;
    }
    if (leat_view_is(type, "str") && leat_view_type(data) == LEAT_VIEW_LIST) {
        ret_column->type = LEAT_COLUMN_STR;
        ret_column->numbers = NULL;
        ret_column->texts = data;
        ret_column->rows = leat_view_count(data);
        return 1;
    }
    return 0;
}

LEAT_API size_t leat_table_rows(leat_view table)
{
    return (size_t)leat_view_uint(leat_view_find(table, "rows"), 0);
}

LEAT_API size_t leat_table_width(leat_view table)
{
    return leat_view_count(leat_view_find(table, "columns"));
}

LEAT_API leat_iter leat_table_columns(leat_view table)
{
    return leat_iter_of(leat_view_find(table, "columns"));
}

LEAT_API int leat_table_next(leat_iter *iter, leat_column *ret_column)
{
    leat_view key;
    leat_view item;

    return leat_iter_next(iter, &key, &item) && leat_column_read_(key, item, ret_column);
}

LEAT_API int leat_table_find(leat_view table, leat_str name, leat_column *ret_column)
{
    leat_iter iter = leat_table_columns(table);
    leat_column column;

    while (leat_table_next(&iter, &column)) {
        if (column.name.len == name.len && memcmp(column.name.ptr, name.ptr, name.len) == 0) {
            *ret_column = column;
            return 1;
        }
    }
    return 0;
}

/* 1 when every item of the list is a string. */
LEAT_API int leat_column_texts_ok_(leat_view texts)
{
    leat_iter iter = leat_iter_of(texts);
    leat_view item;

    while (leat_iter_next(&iter, NULL, &item)) {
        if (leat_view_type(item) != LEAT_VIEW_STR) {
            return 0;
        }
    }
    return 1;
}

LEAT_API const char *leat_table_problem(leat_view table)
{
    leat_view columns = leat_view_find(table, "columns");
    leat_iter iter = leat_iter_of(columns);
    leat_view key;
    leat_view item;

    if (leat_view_type(table) != LEAT_VIEW_MAP || leat_view_type(columns) != LEAT_VIEW_MAP ||
        leat_view_type(leat_view_find(table, "rows")) != LEAT_VIEW_INT) {
        return "it is not a table: {rows, columns}, as csv.read and json.table give it";
    }
    if (leat_view_count(columns) > LEAT_TABLE_COLUMNS_MAX) {
        return "it has more than 1024 columns";
    }
    while (leat_iter_next(&iter, &key, &item)) {
        leat_column column;

        if (!leat_column_read_(key, item, &column)) {
            return "a column is not {type: f64, i64 or str, data}";
        }
        if (column.rows != leat_table_rows(table)) {
            return "its columns differ in length";
        }
        if (column.type == LEAT_COLUMN_STR && !leat_column_texts_ok_(column.texts)) {
            return "a column of texts holds something else";
        }
    }
    return NULL;
}

LEAT_API int64_t leat_column_int(const leat_column *column, size_t row)
{
    int64_t number = 0;

    if (column->type == LEAT_COLUMN_I64) {
        memcpy(&number, column->numbers + row * 8, sizeof number);
    }
    return number;
}

LEAT_API double leat_column_number(const leat_column *column, size_t row)
{
    /* A quiet NaN without <math.h>. */
    uint64_t bits = UINT64_C(0x7ff8000000000000);
    double number;

    if (column->type == LEAT_COLUMN_I64) {
        return (double)leat_column_int(column, row);
    }
    if (column->type == LEAT_COLUMN_F64) {
        memcpy(&bits, column->numbers + row * 8, sizeof bits);
    }
    memcpy(&number, &bits, sizeof number);
    return number;
}

LEAT_API void leat_table_begin(leat_writer *writer, size_t rows)
{
    leat_write_map_begin(writer);
    leat_write_key(writer, "rows");
    leat_write_uint(writer, rows);
    leat_write_key(writer, "columns");
    leat_write_map_begin(writer);
}

/* The beginning of a column up to its data. */
LEAT_API void leat_table_column_(leat_writer *writer, leat_str name, const char *type)
{
    leat_write_str(writer, name);
    leat_write_map_begin(writer);
    leat_write_key(writer, "type");
    leat_write_text(writer, type);
    leat_write_key(writer, "data");
}

LEAT_API void leat_table_floats(leat_writer *writer, leat_str name, const double *items,
                                size_t rows)
{
    leat_table_column_(writer, name, "f64");
    leat_write_bytes(writer, items, rows * sizeof *items);
    leat_write_map_end(writer);
}

LEAT_API void leat_table_ints(leat_writer *writer, leat_str name, const int64_t *items, size_t rows)
{
    leat_table_column_(writer, name, "i64");
    leat_write_bytes(writer, items, rows * sizeof *items);
    leat_write_map_end(writer);
}

LEAT_API void leat_table_texts_begin(leat_writer *writer, leat_str name)
{
    leat_table_column_(writer, name, "str");
    leat_write_list_begin(writer);
}

LEAT_API void leat_table_texts_end(leat_writer *writer)
{
    leat_write_list_end(writer);
    leat_write_map_end(writer);
}

LEAT_API void leat_table_end(leat_writer *writer)
{
    leat_write_map_end(writer);
    leat_write_map_end(writer);
}

#ifdef __cplusplus
}
#endif

#endif
