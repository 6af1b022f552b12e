/*
 * See run_show.h.
 */
#include "main/run_show.h"

#include <string.h>

#include "base/clock.h"
#include "main/member.h"
#include "main/request.h"
#include "main/show.h"
#include "main/table.h"
#include "main/term.h"

enum { RESULT_LINES = 40, PARAM_LINES = 10, ID_SHORT = 13, TASK_NAME_COLUMNS = 12 };

/* The present. */
static int64_t now(void)
{
    return clock_wall_us(&clock_real);
}

/* A cell with how long ago an instant was. */
static void cell_ago(struct table *table, int64_t instant_us)
{
    show_ago(table_begin(table), instant_us, now());
    table_end(table, TERM_PLAIN);
}

/* A cell with the duration of a run. */
static void cell_duration(struct table *table, struct val run)
{
    show_duration_of(table_begin(table), run, now());
    table_end(table, TERM_PLAIN);
}

/* A cell with the members of a list of strings. */
static void cell_words(struct table *table, struct val object, const char *key)
{
    struct val_iter iter = member_iter(object, key);
    struct buf *text = table_begin(table);
    struct val word;

    while (val_next(&iter, NULL, &word)) {
        buf_put_str(text, text->len ? STR(", ") : STR(""));
        buf_put_str(text, val_type(word) == VAL_STR ? val_str(word) : STR("?"));
    }
    table_end(table, TERM_PLAIN);
}

/* True for a run that has not ended. */
static bool is_live(struct val run)
{
    return !member(run, "ended").ptr;
}

/* Says that live runs stand still, when this process had to look at the store by itself. */
static void put_idle(const struct cli *cli, bool live, struct buf *out)
{
    if (live && client_is_engine(cli->client)) {
        term_colour(out, cli->colour, TERM_YELLOW);
        buf_put_str(out, STR("No engine is running: leat flow-run watch RUN takes up what was "
                             "interrupted.\n"));
        term_colour(out, cli->colour, TERM_PLAIN);
    }
}

/* ---- flow runs ------------------------------------------------------------------------------ */

void run_show_list(const struct cli *cli, struct val answer, struct buf *out)
{
    static const struct table_column columns[] = {
        {"STATE", false, 0, 0},   {"NAME", false, 14, 0},   {"FLOW", false, 10, 0},
        {"CREATED", false, 0, 3}, {"DURATION", true, 0, 4}, {"TAGS", false, 6, 5},
        {"ID", false, 0, 0},      {NULL, false, 0, 0},
    };
    struct table *table = table_new(cli, columns, 0);
    struct val_iter iter = member_iter(answer, "items");
    bool live = false;
    struct val run;

    if (member_count(answer, "items") == 0) {
        buf_put_str(out, STR("No flow runs.\n"));
    }
    while (val_next(&iter, NULL, &run)) {
        struct str id = member_text(run, "id");

        live = live || is_live(run);
        table_state(table, member_state(run));
        table_cell(table, TERM_BOLD, member_text(run, "name"));
        table_cell(table, TERM_PLAIN, member_text(run, "flow"));
        cell_ago(table, member_time(run, "created"));
        cell_duration(table, run);
        cell_words(table, run, "tags");
        table_cell(table, TERM_DIM,
                   (struct str){id.ptr, cli->terminal && id.len > ID_SHORT ? ID_SHORT : id.len});
    }
    if (member_count(answer, "items") > 0) {
        table_put(table, out);
    }
    table_free(table);
    request_more(cli, answer, out);
    put_idle(cli, live, out);
}

/* "✓ Completed  train (perky-eel) in 4.2 s" */
static void put_title(const struct cli *cli, struct val object, struct str what, struct str name,
                      struct buf *out)
{
    CLEANUP_BUF struct buf duration = BUF_INIT(100);

    show_state(out, cli, member_state(object));
    buf_put_str(out, STR("  "));
    term_colour(out, cli->colour, TERM_BOLD);
    term_put_text(out, what);
    term_colour(out, cli->colour, TERM_PLAIN);
    if (name.len > 0) {
        buf_put_str(out, STR(" ("));
        term_put_text(out, name);
        buf_put_byte(out, ')');
    }
    show_duration_of(&duration, object, now());
    if (duration.len > 0) {
        buf_printf(out, " %s %s", member(object, "ended").ptr ? "in" : "for", buf_cstr(&duration));
    }
    buf_put_byte(out, '\n');
}

void run_show_title(const struct cli *cli, struct val run, struct buf *out)
{
    put_title(cli, run, member_text(run, "flow"), member_text(run, "name"), out);
}

/* "  created   2026-11-21 20:27:47 (3 min ago)" */
static void put_instant(const struct cli *cli, struct val object, const char *key, struct buf *out)
{
    int64_t instant = member_time(object, key);

    if (!instant) {
        return;
    }
    show_label(out, cli, key);
    show_time(out, instant);
    buf_put_str(out, STR(" ("));
    show_ago(out, instant, now());
    buf_put_str(out, STR(")\n"));
}

/* The error of a run, wrapped. */
static void put_error(const struct cli *cli, struct val object, struct buf *out)
{
    struct val error = member(object, "error");
    CLEANUP_BUF struct buf text = BUF_INIT(SHOW_MAX);

    if (!error.ptr) {
        return;
    }
    show_label(out, cli, "error");
    term_colour(out, cli->colour, TERM_RED);
    buf_put_str(&text, member_text(error, "text"));
    if (member_text(error, "code").len > 0) {
        buf_put_str(&text, text.len ? STR(" [") : STR("["));
        buf_put_str(&text, member_text(error, "code"));
        buf_put_byte(&text, ']');
    }
    show_wrapped(out, buf_str(&text), 12, cli->terminal ? cli->width - 13 : INT32_MAX);
    term_colour(out, cli->colour, TERM_PLAIN);
    buf_put_byte(out, '\n');
}

/* The parameters, one a line. */
static void put_params(const struct cli *cli, struct val run, struct buf *out)
{
    struct val_iter iter = member_iter(run, "params");
    struct str name;
    struct val value;
    int widest = 0;

    if (!member(run, "params").ptr || val_type(member(run, "params")) != VAL_MAP ||
        val_count(member(run, "params")) == 0) {
        return;
    }
    show_heading(out, cli, "Parameters");
    while (val_next(&iter, &name, &value)) {
        widest = term_columns(name) > widest ? term_columns(name) : widest;
    }
    iter = member_iter(run, "params");
    while (val_next(&iter, &name, &value)) {
        buf_put_str(out, STR("  "));
        term_colour(out, cli->colour, TERM_CYAN);
        term_put_text(out, name);
        term_colour(out, cli->colour, TERM_PLAIN);
        term_put_spaces(out, widest - term_columns(name) + 2);
        show_value(out, cli, value, widest + 4, PARAM_LINES);
    }
}

/* The result, unless there is none. */
static void put_result(const struct cli *cli, struct val object, struct buf *out)
{
    struct val result = member(object, "result");

    if (!result.ptr || (val_type(result) == VAL_MAP && val_count(result) == 0)) {
        return;
    }
    show_heading(out, cli, "Result");
    buf_put_str(out, STR("  "));
    if (!show_value(out, cli, result, 2, RESULT_LINES)) {
        term_colour(out, cli->colour, TERM_DIM);
        buf_put_str(out, STR("  (all of it: -o json)\n"));
        term_colour(out, cli->colour, TERM_PLAIN);
    }
}

/* What a task run has to say in a table: error, counts of a mapped step, when it is due. */
static void cell_note(struct table *table, struct val task)
{
    struct val map = member(task, "map");
    struct val error = member(task, "error");
    struct buf *text = table_begin(table);

    if (map.ptr) {
        int64_t failed = member_int(map, "failed", 0);

        buf_printf(text, "%lld of %lld", (long long)member_int(map, "done", 0),
                   (long long)member_int(map, "total", 0));
        if (failed > 0) {
            buf_printf(text, ", %lld failed", (long long)failed);
        }
    }
    if (error.ptr && member_text(error, "text").len > 0) {
        buf_put_str(text, text->len ? STR("; ") : STR(""));
        buf_put_str(text, member_text(error, "text"));
    } else if (member(task, "due").ptr) {
        buf_put_str(text, text->len ? STR("; next ") : STR("next "));
        show_ago(text, member_time(task, "due"), now());
    }
    table_end(table, TERM_DIM);
}

/* The rows of task runs; <run_column> tells which run each belongs to. */
static void put_tasks(const struct cli *cli, struct val answer, const char *key, bool run_column,
                      struct buf *out)
{
    static const struct table_column columns[] = {
        {"STATE", false, 0, 0},   {"TASK", false, 14, 0},   {"STARTED", false, 0, 4},
        {"DURATION", true, 0, 2}, {"ATTEMPTS", true, 0, 3}, {"RUN", false, 0, 0},
        {"NOTE", false, 16, 1},   {NULL, false, 0, 0},
    };
    struct table *table = table_new(cli, columns, run_column ? 0 : 2);
    struct val_iter iter = member_iter(answer, key);
    struct val task;

    while (val_next(&iter, NULL, &task)) {
        struct str run = run_column ? member_text(task, "run") : STR_NONE;
        int64_t attempts = member_int(task, "attempts", 0);
        int64_t started = member_time(task, "started");

        table_state(table, member_state(task));
        table_cell(table, TERM_BOLD, member_text(task, "name"));
        if (started && run_column) {
            cell_ago(table, started);
        } else {
            table_cell(table, TERM_PLAIN, STR_NONE);
        }
        cell_duration(table, task);
        if (attempts > 0) {
            buf_printf(table_begin(table), "%lld", (long long)attempts);
            table_end(table, attempts > 1 ? TERM_YELLOW : TERM_PLAIN);
        } else {
            table_cell(table, TERM_PLAIN, STR_NONE);
        }
        table_cell(table, TERM_DIM,
                   (struct str){run.ptr, cli->terminal && run.len > ID_SHORT ? ID_SHORT : run.len});
        cell_note(table, task);
    }
    table_put(table, out);
    table_free(table);
}

void run_show_one(const struct cli *cli, struct val run, struct buf *out)
{
    struct val parent = member(run, "parent");
    struct val_iter iter = member_iter(run, "tags");
    CLEANUP_BUF struct buf tags = BUF_INIT(SHOW_MAX);
    struct val tag;

    run_show_title(cli, run, out);
    put_idle(cli, is_live(run), out);
    put_error(cli, run, out);
    show_fact(out, cli, "id", member_text(run, "id"));
    if (parent.ptr) {
        show_label(out, cli, "parent");
        term_put_text(out, member_text(parent, "run"));
        buf_put_byte(out, '/');
        term_put_text(out, member_text(parent, "task"));
        buf_put_byte(out, '\n');
    }
    put_instant(cli, run, "created", out);
    if (member_time(run, "started") - member_time(run, "created") >= 1000000) {
        put_instant(cli, run, "started", out);
    }
    put_instant(cli, run, "ended", out);
    while (val_next(&iter, NULL, &tag)) {
        buf_put_str(&tags, tags.len ? STR(", ") : STR(""));
        buf_put_str(&tags, val_type(tag) == VAL_STR ? val_str(tag) : STR("?"));
    }
    show_fact(out, cli, "tags", buf_str(&tags));
    put_params(cli, run, out);
    if (member_count(run, "task_runs") > 0) {
        show_heading(out, cli, "Task runs");
        put_tasks(cli, run, "task_runs", false, out);
    }
    put_result(cli, run, out);
}

/* ---- task runs ------------------------------------------------------------------------------ */

void run_show_tasks(const struct cli *cli, struct val answer, struct buf *out)
{
    if (member_count(answer, "items") == 0) {
        buf_put_str(out, STR("No task runs.\n"));
        return;
    }
    put_tasks(cli, answer, "items", true, out);
    request_more(cli, answer, out);
}

void run_show_task(const struct cli *cli, struct val task, struct buf *out)
{
    struct val map = member(task, "map");
    int64_t attempts = member_int(task, "attempts", 0);

    put_title(cli, task, member_text(task, "name"), STR_NONE, out);
    put_error(cli, task, out);
    show_fact(out, cli, "id", member_text(task, "id"));
    put_instant(cli, task, "started", out);
    put_instant(cli, task, "ended", out);
    put_instant(cli, task, "due", out);
    if (attempts > 0) {
        show_label(out, cli, "attempts");
        buf_printf(out, "%lld\n", (long long)attempts);
    }
    if (member_true(task, "cached")) {
        show_fact(out, cli, "cached", STR("yes: leat cache explain tells from where"));
    }
    show_fact(out, cli, "subflow", member_text(task, "child_run"));
    if (map.ptr) {
        show_label(out, cli, "children");
        buf_printf(out, "%lld of %lld are done, %lld failed\n",
                   (long long)member_int(map, "done", 0), (long long)member_int(map, "total", 0),
                   (long long)member_int(map, "failed", 0));
    }
    put_result(cli, task, out);
}

/* ---- logs ----------------------------------------------------------------------------------- */

/* The word for a level. */
static const char *level_word(int64_t level)
{
    static const char *const words[] = {"debug", "debug", "info", "warn", "error", "crit"};

    return words[level < 0 ? 0 : level > 50 ? 5 : level / 10];
}

void run_show_log_line(const struct cli *cli, struct val line, struct buf *out)
{
    int64_t level = member_int(line, "level", 20);
    int64_t time = member_time(line, "time");
    struct str task = member_text(line, "task");
    struct str stream = member_text(line, "stream");
    bool output = str_is(stream, "stdout") || str_is(stream, "stderr");
    enum term_colour colour = level >= 40 ? TERM_RED : level >= 30 ? TERM_YELLOW : TERM_DIM;
    int columns;

    term_colour(out, cli->colour, TERM_DIM);
    show_clock(out, time ? time : member_int(line, "time", 0));
    term_colour(out, cli->colour, TERM_PLAIN);
    term_colour(out, cli->colour, colour);
    buf_printf(out, " %-5s  ",
               output ? (str_is(stream, "stdout") ? "out" : "err") : level_word(level));
    term_colour(out, cli->colour, TERM_PLAIN);
    task = task.len ? task : STR("run");
    columns = term_columns(task);
    term_colour(out, cli->colour, TERM_CYAN);
    term_put_text(out, task);
    term_colour(out, cli->colour, TERM_PLAIN);
    term_put_spaces(out, columns < TASK_NAME_COLUMNS ? TASK_NAME_COLUMNS - columns : 0);
    buf_put_str(out, STR("  "));
    term_put_text(out, member_text(line, "text"));
    buf_put_byte(out, '\n');
}
