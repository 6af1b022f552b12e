/*
 * flights: the part of the example that knows about flights. Cleans the records, derives features a
 * tree can use, splits them into a train and a test table, and puts the model's figures into words.
 *
 * A plugin of one's own for a pipeline of one's own looks like this file.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <leat/file.h>
#include <leat/plugin.h>
#include <leat/table.h>

/* The columns of the tables that flights.features gives. */
enum {
    DELAY,      /* minutes, the label */
    DISTANCE,   /* miles */
    HOUR,       /* of departure, with its fraction */
    SINCE_DAWN, /* hours since 05:00: delays pile up over the day and vanish over night */
    ARRIVAL,    /* hour of arrival, were the flight on time */
    PEAK,       /* 1 in the morning and evening rush */
    TRAFFIC,    /* flights that leave in the same quarter of an hour of the day */
    COLUMNS
};

static const char *const names[COLUMNS] = {"delay",   "distance", "hour",   "since_dawn",
                                           "arrival", "peak",     "traffic"};

enum { QUARTERS = 24 * 4 };

/* A table being put together: column by column, in memory of the call. */
struct table {
    double *columns[COLUMNS];
    size_t rows;
};

/* The three columns of the input. */
struct source {
    leat_column delay;
    leat_column distance;
    leat_column time;
    size_t rows;
    double traffic[QUARTERS];
};

/* ---- features ---- */

/* A number from 0 to 1 that depends on the row and the seed only, so that a row is always on the
 * same side of the split. */
static double chance(uint64_t row, uint64_t seed)
{
    uint64_t bits = row + seed * UINT64_C(0x9e3779b97f4a7c15);

    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((bits ^ (bits >> 31)) >> 11) / (double)(UINT64_C(1) << 53);
}

/* The quarter of an hour of the day in which an hour lies. */
static size_t quarter_of(double hour)
{
    return (size_t)(hour * 4) % QUARTERS;
}

/* Takes memory for <rows> rows; 0 without. */
static int table_init(leat_call *call, struct table *table, size_t rows)
{
    table->rows = 0;
    for (size_t i = 0; i < COLUMNS; i++) {
        table->columns[i] = leat_alloc(call, (rows + 1) * sizeof(double));
        if (table->columns[i] == NULL) {
            return 0;
        }
    }
    return 1;
}

/* Appends one flight with its features. */
static void table_add(struct table *table, const struct source *source, size_t row)
{
    double hour = leat_column_number(&source->time, row);
    double distance = leat_column_number(&source->distance, row);
    /* Half an hour on the ground and 460 miles an hour in the air. */
    double duration = 0.5 + distance / 460;
    int is_peak = (hour >= 7 && hour < 9) || (hour >= 16 && hour < 19);
    size_t at = table->rows++;

    table->columns[DELAY][at] = leat_column_number(&source->delay, row);
    table->columns[DISTANCE][at] = distance;
    table->columns[HOUR][at] = hour;
    table->columns[SINCE_DAWN][at] = fmod(hour + 24 - 5, 24);
    table->columns[ARRIVAL][at] = fmod(hour + duration, 24);
    table->columns[PEAK][at] = is_peak;
    table->columns[TRAFFIC][at] = source->traffic[quarter_of(hour)];
}

/* 1 when the record can be true. Delays beyond the limits are slips of the pen, or flights of which
 * the time of day tells nothing. */
static int is_sane(const struct source *source, size_t row, double min, double max)
{
    double delay = leat_column_number(&source->delay, row);
    double distance = leat_column_number(&source->distance, row);
    double hour = leat_column_number(&source->time, row);

    return delay >= min && delay <= max && distance > 0 && distance < 13000 && hour >= 0 &&
           hour < 24;
}

/* Finds a column of numbers. LEAT_OK or a reported outcome. */
static leat_status find_column(leat_call *call, leat_view table, const char *name,
                               leat_column *ret_column)
{
    if (!leat_table_find(table, leat_str_of(name), ret_column) ||
        ret_column->type == LEAT_COLUMN_STR) {
        return leat_fail(call, "flights.bad_table",
                         "the table has no column of numbers called \"%s\"", name);
    }
    return LEAT_OK;
}

/* Opens the input. LEAT_OK or a reported outcome. */
static leat_status source_init(leat_call *call, struct source *source)
{
    leat_view table = leat_param_value(call, "table");
    const char *problem = leat_table_problem(table);
    leat_status status;

    if (problem != NULL) {
        return leat_fail(call, "flights.bad_table", "`table`: %s", problem);
    }
    source->rows = leat_table_rows(table);
    status = find_column(call, table, "delay", &source->delay);
    if (status == LEAT_OK) {
        status = find_column(call, table, "distance", &source->distance);
    }
    if (status == LEAT_OK) {
        status = find_column(call, table, "time", &source->time);
    }
    return status;
}

/* Gives a table under <key>. */
static leat_status give_table(leat_call *call, const char *key, const struct table *table)
{
    leat_writer writer;

    leat_writer_init(&writer, call);
    leat_table_begin(&writer, table->rows);
    for (size_t i = 0; i < COLUMNS; i++) {
        leat_table_floats(&writer, leat_str_of(names[i]), table->columns[i], table->rows);
    }
    leat_table_end(&writer);
    return leat_result_value(call, key, leat_writer_done(&writer));
}

/* flights.features */
static leat_status flights_features(leat_call *call)
{
    double min = leat_param_float(call, "min_delay");
    double max = leat_param_float(call, "max_delay");
    double share = leat_param_float(call, "test_share");
    uint64_t seed = (uint64_t)leat_param_int(call, "seed");
    struct source source = {0};
    struct table train;
    struct table test;
    size_t kept = 0;
    leat_status status = source_init(call, &source);

    if (status != LEAT_OK) {
        return status;
    }
    if (!(share > 0 && share < 1) || !(min < max)) {
        return leat_fail(call, "flights.bad_params",
                         "`test_share` lies between 0 and 1, and `min_delay` below `max_delay`");
    }
    if (!table_init(call, &train, source.rows) || !table_init(call, &test, source.rows)) {
        return leat_retry(call, -1, "flights.no_memory", "no memory for %zu rows", source.rows);
    }
    for (size_t row = 0; row < source.rows; row++) {
        if (is_sane(&source, row, min, max)) {
            source.traffic[quarter_of(leat_column_number(&source.time, row))]++;
            kept++;
        }
    }
    for (size_t row = 0; row < source.rows; row++) {
        if (is_sane(&source, row, min, max)) {
            table_add(chance(row, seed) < share ? &test : &train, &source, row);
        }
    }
    leat_info(call, "%zu flights: %zu to learn from, %zu to judge by, %zu dropped", source.rows,
              train.rows, test.rows, source.rows - kept);
    leat_result_int(call, "rows", (int64_t)kept);
    leat_result_int(call, "dropped", (int64_t)(source.rows - kept));
    leat_result_int(call, "train_rows", (int64_t)train.rows);
    leat_result_int(call, "test_rows", (int64_t)test.rows);
    give_table(call, "train", &train);
    return give_table(call, "test", &test);
}

/* ---- report ---- */

/* A figure out of the metrics; NaN when it is not there. */
static double figure(leat_view metrics, const char *name)
{
    return leat_view_float(leat_view_find(metrics, name), (double)NAN);
}

/* The table of errors. */
static void put_errors(FILE *out, leat_view metrics)
{
    fprintf(out, "| | root mean square error | mean absolute error |\n|---|---:|---:|\n");
    fprintf(out, "| always guess the mean (%.1f min) | %.2f min | %.2f min |\n",
            figure(metrics, "baseline"), figure(metrics, "baseline_rmse"),
            figure(metrics, "baseline_mae"));
    fprintf(out, "| the model | %.2f min | %.2f min |\n", figure(metrics, "rmse"),
            figure(metrics, "mae"));
    fprintf(out, "| better by | %.1f %% | %.1f %% |\n\n", 100 * figure(metrics, "improvement"),
            100 * (1 - figure(metrics, "mae") / figure(metrics, "baseline_mae")));
}

/* The ten parts, each with a bar. */
static void put_groups(FILE *out, leat_view groups)
{
    leat_iter iter = leat_iter_of(groups);
    leat_view group;
    unsigned n = 0;

    fprintf(out, "Flights sorted by the predicted delay, in ten equal parts:\n\n"
                 "| part | predicted | actual | |\n|---:|---:|---:|:---|\n");
    while (leat_iter_next(&iter, NULL, &group)) {
        double actual = figure(group, "actual");

        fprintf(out, "| %u | %.1f min | %.1f min | ", ++n, figure(group, "predicted"), actual);
        for (double bar = 0; bar < actual && bar < 60; bar += 1) {
            fputs("#", out);
        }
        fputs(" |\n", out);
    }
}

/* The report as text, to be freed; NULL without memory. */
static char *format_report(leat_call *call, leat_view metrics, size_t *ret_len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_len);
    int failed;

    if (out == NULL) {
        return NULL;
    }
    fprintf(out, "# Flight delays\n\nLearned from %lld flights, judged on %lld others",
            (long long)leat_param_int(call, "train_rows"),
            (long long)leat_view_int(leat_view_find(metrics, "rows"), 0));
    fprintf(out, " (%lld records dropped).\n\n", (long long)leat_param_int(call, "dropped"));
    put_errors(out, metrics);
    put_groups(out, leat_view_find(metrics, "groups"));
    failed = ferror(out);
    failed |= fclose(out) != 0;
    if (failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* "12.3 min late" or "1.6 min early". */
static void lateness(double minutes, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%.1f min %s", fabs(minutes), minutes < 0 ? "early" : "late");
}

/* flights.report */
static leat_status flights_report(leat_call *call)
{
    char *path = leat_str_dup(call, leat_param_str(call, "path"));
    leat_view metrics = leat_param_value(call, "metrics");
    leat_view groups = leat_view_find(metrics, "groups");
    size_t last = leat_view_count(groups) - 1;
    char most[64];
    char least[64];
    size_t len = 0;
    char *text;
    int error;

    if (path == NULL || path[0] == '\0') {
        return leat_fail(call, "flights.bad_params", "`path` is not a path");
    }
    if (isnan(figure(metrics, "rmse")) || leat_view_count(groups) == 0) {
        return leat_fail(call, "flights.bad_params",
                         "`metrics` is not what xgboost.evaluate gives");
    }
    text = format_report(call, metrics, &len);
    if (text == NULL) {
        return leat_retry(call, -1, "flights.no_memory", "no memory for the report");
    }
    error = leat_file_write(path, text, len);
    free(text);
    if (error != 0) {
        return leat_fail(call, "flights.file", "%s: %s", path, strerror(error));
    }
    leat_result_text(call, "path", path);
    leat_result_float(call, "rmse", figure(metrics, "rmse"));
    leat_result_float(call, "baseline_rmse", figure(metrics, "baseline_rmse"));
    lateness(figure(leat_view_at(groups, 0), "actual"), most, sizeof most);
    lateness(figure(leat_view_at(groups, last), "actual"), least, sizeof least);
    return leat_result_fmt(
        call, "summary",
        "error %.2f min, %.2f min when always guessing the mean: %.1f %% better; the "
        "tenth it trusts most left %s, the tenth it trusts least %s",
        figure(metrics, "rmse"), figure(metrics, "baseline_rmse"),
        100 * figure(metrics, "improvement"), most, least);
}

LEAT_PLUGIN(
    "flights", "1.0.0", "Features and reports about flight delays, the example's own plugin",
    LEAT_TASK_EX(flights_features, "flights.features",
                 "Clean flight records, derive features, split into train and test",
                 LEAT_PART_IDEMPOTENT,
                 LEAT_VALUE_REQUIRED("table", "Records with the columns delay, distance and time"),
                 LEAT_FLOAT("min_delay", "-60", "Drop flights that left earlier, in minutes"),
                 LEAT_FLOAT("max_delay", "300", "Drop flights that left later, in minutes"),
                 LEAT_FLOAT("test_share", "0.2", "Share of the flights to keep for judging"),
                 LEAT_INT("seed", "1", "Which flights those are")),
    LEAT_TASK_EX(flights_report, "flights.report", "Put the model's figures into words",
                 LEAT_PART_NOCACHE | LEAT_PART_IDEMPOTENT,
                 LEAT_VALUE_REQUIRED("metrics", "What xgboost.evaluate gave"),
                 LEAT_STRING_REQUIRED("path", "The report's file, Markdown"),
                 LEAT_INT("train_rows", "0", "How many flights the model learned from"),
                 LEAT_INT("dropped", "0", "How many records were dropped")));
