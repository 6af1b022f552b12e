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

enum { NAME_COLUMNS = 24, RESULT_LINES = 12, FRAME_US = 40000 };

struct run_view {
    const struct cli *cli;
    bool quiet;
    bool live;    /* a tree that is drawn again and again */
    bool changed; /* since it was drawn */
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

/* One line about a state: "20:27:47.123    train                  Completed in 1.2 s". */
static void put_state_line(struct run_view *view, struct val news, struct str who, int indent)
{
    struct str state = member_state(news);
    struct str text = member_text(news, "text");
    struct buf *out = &view->out;

    show_clock(out, time_of(news));
    term_put_spaces(out, indent + 2);
    term_put_text(out, who);
    term_put_spaces(out, NAME_COLUMNS - indent - term_columns(who));
    buf_put_byte(out, ' ');
    term_colour(out, view->cli->colour, term_state_colour(state));
    term_put_text(out, state);
    term_colour(out, view->cli->colour, TERM_PLAIN);
    if (member(news, "duration_us").ptr) {
        buf_put_str(out, STR(" in "));
        term_put_duration(out, member_int(news, "duration_us", 0));
    }
    if (member(news, "retry_us").ptr) {
        buf_put_str(out, STR(" in "));
        term_put_duration(out, member_int(news, "retry_us", 0));
    }
    if (text.len > 0) {
        buf_put_str(out, STR(": "));
        term_put_text(out, text);
    }
    buf_put_byte(out, '\n');
}

/* Prints what an object of news says, for readers without a terminal. */
static void print_plain(struct run_view *view, struct val news)
{
    struct str type = member_text(news, "type");
    int indent = 2 * run_model_depth(view->model, news);

    if (str_is(type, "flow_run")) {
        CLEANUP_FREE char *who = xasprintf("%.*s (%.*s)", STR_ARGS(member_text(news, "flow")),
                                           STR_ARGS(member_text(news, "name")));

        put_state_line(view, news, str_of(who), indent);
    } else if (str_is(type, "task_run")) {
        put_state_line(view, news, member_text(news, "task"), indent + 2);
    } else if (str_is(type, "log")) {
        run_show_log_line(view->cli, news, &view->out);
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
        run_show_log_line(view->cli, news, &view->out);
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
        term_colour(&view->out, view->cli->colour, term_state_colour(state));
        term_put_text(&view->out, state);
        term_colour(&view->out, view->cli->colour, TERM_PLAIN);
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
        show_wrapped(&view->out, text, 12,
                     view->cli->terminal ? view->cli->width - 13 : INT32_MAX);
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
