/*
 * See table.h.
 */
#include "main/table.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "main/show.h"

enum { GAP = 2, CELL_MAX = 1024 * 1024 };

struct cell {
    char *text;
    enum term_colour colour;
    int columns;
};

struct table {
    const struct cli *cli;
    const struct table_column *columns;
    int column_count;
    int indent;
    bool wrap_last;
    struct cell *cells;
    size_t count;
    size_t cap;
    struct buf scratch;
};

struct table *table_new(const struct cli *cli, const struct table_column *columns, int indent)
{
    struct table *table = xcalloc(1, sizeof(*table));

    table->cli = cli;
    table->columns = columns;
    table->indent = indent;
    while (columns[table->column_count].title) {
        table->column_count++;
    }
    must(table->column_count > 0 && table->column_count <= TABLE_COLUMNS_MAX);
    buf_init(&table->scratch, CELL_MAX);
    return table;
}

struct table *table_free(struct table *table)
{
    if (table) {
        for (size_t i = 0; i < table->count; i++) {
            free(table->cells[i].text);
        }
        free(table->cells);
        buf_done(&table->scratch);
        free(table);
    }
    return NULL;
}

void table_wrap_last(struct table *table)
{
    table->wrap_last = true;
}

void table_cell(struct table *table, enum term_colour colour, struct str text)
{
    if (table->count == table->cap) {
        table->cap = table->cap ? table->cap * 2 : 64;
        table->cells = xreallocarray(table->cells, table->cap, sizeof(*table->cells));
    }
    table->cells[table->count++] =
        (struct cell){.text = str_dup(text), .colour = colour, .columns = term_columns(text)};
}

void table_state(struct table *table, struct str state)
{
    struct buf *text = table_begin(table);

    buf_printf(text, "%s ", term_state_sign(state));
    buf_put_str(text, state);
    table_end(table, term_state_colour(state));
}

struct buf *table_begin(struct table *table)
{
    buf_clear(&table->scratch);
    return &table->scratch;
}

void table_end(struct table *table, enum term_colour colour)
{
    table_cell(table, colour, buf_str(&table->scratch));
}

/* The width of a line with these columns; those of width -1 are left out. */
static int line_width(const struct table *table, const int *widths)
{
    int sum = table->indent;
    int shown = 0;

    for (int i = 0; i < table->column_count; i++) {
        if (widths[i] >= 0) {
            sum += widths[i];
            shown++;
        }
    }
    return sum + (shown > 0 ? shown - 1 : 0) * GAP;
}

/* Cuts the widest column that may be cut until the line fits or none is left. */
static void cut_columns(const struct table *table, int *widths, int room)
{
    while (line_width(table, widths) > room) {
        int widest = -1;

        for (int i = 0; i < table->column_count; i++) {
            if (table->columns[i].keep > 0 && widths[i] > table->columns[i].keep &&
                (widest < 0 || widths[i] > widths[widest])) {
                widest = i;
            }
        }
        if (widest < 0) {
            return;
        }
        widths[widest]--;
    }
}

/* Leaves the column out that can be missed most easily; false when there is none. */
static bool leave_column(const struct table *table, int *widths)
{
    int chosen = -1;

    for (int i = 0; i < table->column_count; i++) {
        if (widths[i] >= 0 && table->columns[i].leave > 0 &&
            (chosen < 0 || table->columns[i].leave > table->columns[chosen].leave)) {
            chosen = i;
        }
    }
    if (chosen < 0) {
        return false;
    }
    widths[chosen] = -1;
    return true;
}

/* The natural width of every column; columns without any content are left out. */
static void measure(const struct table *table, int *ret_widths)
{
    for (int i = 0; i < table->column_count; i++) {
        int widest = 0;

        for (size_t row = 0; row < table->count / (size_t)table->column_count; row++) {
            const struct cell *cell = &table->cells[row * (size_t)table->column_count + (size_t)i];

            widest = cell->columns > widest ? cell->columns : widest;
        }
        if (widest > 0) {
            int title = term_columns(str_of(table->columns[i].title));

            widest = title > widest ? title : widest;
        } else {
            widest = -1;
        }
        ret_widths[i] = widest;
    }
}

/* Decides about the width of every column. */
static void fit(const struct table *table, int *ret_widths)
{
    int natural[TABLE_COLUMNS_MAX];

    measure(table, natural);
    do {
        for (int i = 0; i < table->column_count; i++) {
            ret_widths[i] = natural[i];
        }
        if (!table->cli->terminal) {
            return;
        }
        cut_columns(table, ret_widths, table->cli->width - 1);
    } while (line_width(table, ret_widths) > table->cli->width - 1 && leave_column(table, natural));
}

/* One line: the headings when <cells> is NULL. */
static void put_line(const struct table *table, const int *widths, const struct cell *cells,
                     struct buf *out)
{
    int owed = table->indent; /* spaces are only written before something */
    int at = table->indent;

    for (int i = 0; i < table->column_count; i++) {
        enum term_colour colour = cells ? cells[i].colour : TERM_DIM;
        struct str text = str_of(cells ? cells[i].text : table->columns[i].title);
        int columns = cells ? cells[i].columns : term_columns(text);
        int width = widths[i];

        if (width < 0) {
            continue;
        }
        columns = columns > width ? width : columns;
        if (columns > 0) {
            term_put_spaces(out, owed + (table->columns[i].right ? width - columns : 0));
            term_colour(out, table->cli->colour && colour != TERM_PLAIN, colour);
            if (table->wrap_last && i + 1 == table->column_count) {
                show_wrapped(out, text, at, width);
            } else {
                term_put_cut(out, text, width);
            }
            term_colour(out, table->cli->colour && colour != TERM_PLAIN, TERM_PLAIN);
            owed = table->columns[i].right ? 0 : width - columns;
        } else {
            owed += width;
        }
        owed += GAP;
        at += width + GAP;
    }
    buf_put_byte(out, '\n');
}

void table_put(const struct table *table, struct buf *out)
{
    int widths[TABLE_COLUMNS_MAX];
    size_t rows = table->count / (size_t)table->column_count;

    must(table->count % (size_t)table->column_count == 0);
    fit(table, widths);
    put_line(table, widths, NULL, out);
    for (size_t row = 0; row < rows; row++) {
        put_line(table, widths, &table->cells[row * (size_t)table->column_count], out);
    }
}
