/*
 * See run_view.h. News build a small model of the run tree; in a terminal the model is drawn as
 * lines that replace each other, elsewhere each change is a line of its own.
 */
#include "main/run_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "main/member.h"
#include "main/run_model.h"
#include "main/run_show.h"
#include "main/run_tree.h"
#include "main/show.h"
#include "main/term.h"

enum { NAME_COLUMNS = 22, RESULT_LINES = 12, FRAME_US = 40000 };

struct run_view {
    const struct cli *cli;
    bool quiet;
    bool live;        /* a tree that is drawn again and again */
    bool begun;       /* a snapshot was printed */
    bool changed;     /* since it was drawn */
    int64_t frame_us; /* when that was */
    struct run_model *model;
    struct run_tree *tree;
    struct buf out;
};

struct run_view *run_view_new(const struct cli *cli, bool quiet)
{
    struct run_view *view = xcalloc(1, sizeof(*view));
    const char *term = getenv("TERM");

    view->cli = cli;
    view->quiet = quiet;
    view->live = cli->terminal && !quiet && term && strcmp(term, "dumb") != 0;
    view->model = run_model_new();
    view->tree = run_tree_new(cli);
    buf_init(&view->out, SHOW_MAX);
    return view;
}

struct run_view *run_view_free(struct run_view *view)
{
    if (view) {
        run_model_free(view->model);
        run_tree_free(view->tree);
        buf_done(&view->out);
        free(view);
    }
    return NULL;
}

/* Writes what was collected. */
static void flush(struct run_view *view)
{
    show_flush(&view->out);
    fflush(stdout);
}

/* Draws the tree. */
static void draw(struct run_view *view, bool last)
{
    size_t count;
    const struct run_node *const *nodes = run_model_nodes(view->model, &count);

    run_tree_draw(view->tree, nodes, count, last, &view->out);
    flush(view);
    view->changed = false;
    view->frame_us = clock_mono_us(&clock_real);
}

/* ---- plain lines ---------------------------------------------------------------------------- */

/* The time an object of news speaks of. */
static int64_t time_of(struct val news)
{
    return member_int(news, "time", clock_wall_us(&clock_real));
}

/* The beginning of a line: "20:27:47.123  train                    ". */
static void put_who(struct run_view *view, int64_t time_us, struct str who)
{
    int columns = term_columns(who);

    term_colour(&view->out, view->cli->colour, TERM_DIM);
    show_clock(&view->out, time_us);
    term_colour(&view->out, view->cli->colour, TERM_PLAIN);
    buf_put_str(&view->out, STR("  "));
    term_put_text(&view->out, who);
    term_put_spaces(&view->out, columns < NAME_COLUMNS ? NAME_COLUMNS - columns : 0);
    buf_put_byte(&view->out, ' ');
}

/* A state in its colour. */
static void put_state(struct run_view *view, struct str state)
{
    term_colour(&view->out, view->cli->colour, term_state_colour(state));
    term_put_text(&view->out, state);
    term_colour(&view->out, view->cli->colour, TERM_PLAIN);
}

/* " in 1.2 s" */
static void put_in(struct run_view *view, int64_t us)
{
    buf_put_str(&view->out, STR(" in "));
    term_put_duration(&view->out, us);
}

/* One line about a state. */
static void put_state_line(struct run_view *view, struct val news, struct str who)
{
    struct str text = member_text(news, "text");

    put_who(view, time_of(news), who);
    put_state(view, member_state(news));
    if (member(news, "duration_us").ptr) {
        put_in(view, member_int(news, "duration_us", 0));
    }
    if (member(news, "retry_us").ptr) {
        put_in(view, member_int(news, "retry_us", 0));
    }
    if (member_text(news, "task").len == 0 && member_text(news, "parent").len > 0) {
        buf_put_str(&view->out, STR(" as "));
        term_put_text(&view->out, member_text(news, "name"));
    }
    if (text.len > 0) {
        buf_put_str(&view->out, STR(": "));
        term_put_text(&view->out, text);
    }
    buf_put_byte(&view->out, '\n');
}

/* What had happened before anybody looked. */
static void put_snapshot(struct run_view *view)
{
    size_t count;
    const struct run_node *const *nodes = run_model_nodes(view->model, &count);

    for (size_t i = 0; i < count; i++) {
        const struct run_node *node = nodes[i];

        if (!node->begun || !node->started_us) {
            continue;
        }
        put_who(view, node->over ? node->ended_us : node->started_us,
                str_of(node->path[0] ? node->path : node->name));
        put_state(view, str_of(node->state));
        if (node->over) {
            put_in(view, node->ended_us - node->started_us);
        }
        buf_put_byte(&view->out, '\n');
    }
}

/* One log line: "20:27:47.123  train                  │ text". */
static void put_log_line(struct run_view *view, struct val line)
{
    const struct run_node *node = run_model_find(view->model, line);
    int64_t level = member_int(line, "level", 20);
    struct str who = node && node->path[0] ? str_of(node->path) : member_text(line, "task");

    put_who(view, time_of(line), who.len ? who : STR("run"));
    term_colour(&view->out, view->cli->colour,
                level >= 40   ? TERM_RED
                : level >= 30 ? TERM_YELLOW
                              : TERM_DIM);
    buf_put_str(&view->out, level >= 40   ? STR("│ error: ")
                            : level >= 30 ? STR("│ warning: ")
                                          : STR("│ "));
    term_colour(&view->out, view->cli->colour, TERM_PLAIN);
    term_put_text(&view->out, member_text(line, "text"));
    buf_put_byte(&view->out, '\n');
}

/* Prints what an object of news says, for readers without a terminal. */
static void print_plain(struct run_view *view, struct val news)
{
    struct str type = member_text(news, "type");
    const struct run_node *node = run_model_find(view->model, news);

    if (str_is(type, "snapshot") && !view->begun) {
        put_snapshot(view);
        view->begun = true;
    } else if (node && str_is(type, "flow_run")) {
        put_state_line(view, news, str_of(node->path[0] ? node->path : node->name));
    } else if (node && str_is(type, "task_run") && node->begun) {
        put_state_line(view, news, str_of(node->path));
    } else if (str_is(type, "log")) {
        put_log_line(view, news);
    }
    flush(view);
}

/* ---- the live tree -------------------------------------------------------------------------- */

/* In a terminal only lines of the run itself and warnings are shown while it goes on. */
static bool matters(struct val line)
{
    return member_text(line, "task").len == 0 || member_int(line, "level", 0) >= 30;
}

void run_view_take(struct run_view *view, struct val news)
{
    view->changed = run_model_take(view->model, news) || view->changed;
    if (view->quiet) {
        return;
    }
    if (!view->live) {
        print_plain(view, news);
    } else if (str_is(member_text(news, "type"), "log") && matters(news)) {
        run_tree_erase(view->tree, &view->out);
        put_log_line(view, news);
        draw(view, false);
    }
}

void run_view_say(struct run_view *view, const char *text)
{
    if (!view->live) {
        cli_error(0, "%s", text);
        return;
    }
    run_tree_erase(view->tree, &view->out);
    buf_printf(&view->out, "leat: %s\n", text);
    draw(view, false);
}

void run_view_tick(struct run_view *view)
{
    if (view->live && (view->changed || run_model_running(view->model)) &&
        clock_mono_us(&clock_real) - view->frame_us >= FRAME_US) {
        draw(view, false);
    }
}

/* ---- the summary ---------------------------------------------------------------------------- */

/* Counts task runs by state name: "4 Completed, 2 Cached". */
static void put_counts(struct run_view *view, struct val run)
{
    struct val_iter iter = member_iter(run, "counts");
    const char *between = "";
    struct val number;
    struct str state;

    show_label(&view->out, view->cli, "tasks");
    while (val_next(&iter, &state, &number)) {
        buf_printf(&view->out, "%s%lld ", between, (long long)val_int(number));
        put_state(view, state);
        between = ", ";
    }
    buf_put_byte(&view->out, '\n');
}

/* The flow's result, as far as it fits on some lines. */
static void put_result(struct run_view *view, struct val run)
{
    struct val result = member(run, "result");

    if (!result.ptr || (val_type(result) == VAL_MAP && val_count(result) == 0)) {
        return;
    }
    show_label(&view->out, view->cli, "result");
    show_value(&view->out, view->cli, result, 12, RESULT_LINES);
}

/* Why a run did not complete, wrapped. */
static void put_reason(struct run_view *view, struct val run)
{
    struct str text = member_text(member(run, "error"), "text");

    if (text.len > 0) {
        show_label(&view->out, view->cli, "reason");
        show_wrapped(&view->out, text, 12, view->cli->terminal ? view->cli->width - 13 : INT32_MAX);
        buf_put_byte(&view->out, '\n');
    }
}

void run_view_end(struct run_view *view, struct val run)
{
    struct buf *out = &view->out;

    if (view->live) {
        draw(view, true);
        buf_put_byte(out, '\n');
    }
    run_show_title(view->cli, run, out);
    put_counts(view, run);
    put_reason(view, run);
    put_result(view, run);
    show_label(out, view->cli, "more");
    term_colour(out, view->cli->colour, TERM_DIM);
    buf_put_str(out, STR("leat flow-run inspect "));
    term_put_text(out, member_text(run, "name"));
    term_colour(out, view->cli->colour, TERM_PLAIN);
    buf_put_byte(out, '\n');
    flush(view);
}
