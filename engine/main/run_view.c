/*
 * See run_view.h. News build a small model of the run tree; in a terminal the model is drawn as
 * lines that replace each other, elsewhere each change is a line of its own.
 */
#include "main/run_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "main/run_model.h"
#include "main/term.h"
#include "value/json.h"

enum { FRAME_MAX = 4 * 1024 * 1024, NAME_COLUMNS = 24, BAR_COLUMNS = 20, ROWS_DEFAULT = 24 };

struct run_view {
    const struct cli *cli;
    bool quiet;
    bool live;      /* a tree that is drawn again and again */
    int drawn;      /* lines of the tree on the screen */
    bool changed;   /* since it was drawn */
    struct run_model *model;
    struct buf out;
};

struct run_view *run_view_new(const struct cli *cli, bool quiet)
{
    struct run_view *view = xcalloc(1, sizeof(*view));

    view->cli = cli;
    view->quiet = quiet;
    view->live = cli->terminal && !quiet;
    view->model = run_model_new();
    buf_init(&view->out, FRAME_MAX);
    return view;
}

struct run_view *run_view_free(struct run_view *view)
{
    if (view) {
        run_model_free(view->model);
        buf_done(&view->out);
        free(view);
    }
    return NULL;
}

/* Writes what was collected. */
static void flush(struct run_view *view)
{
    fwrite(view->out.data, 1, view->out.len, stdout);
    fflush(stdout);
    buf_clear(&view->out);
}

/* Takes the tree off the screen. */
static void erase(struct run_view *view)
{
    if (view->drawn > 0) {
        buf_printf(&view->out, "\033[%dA\033[J", view->drawn);
        view->drawn = 0;
    }
}

/* ---- plain lines ---------------------------------------------------------------------------- */

/* "20:27:47.123  ": the time of day of an instant, UTC. */
static void put_clock(struct buf *out, int64_t wall_us)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format(wall_us, text);
    buf_printf(out, "%.12s  ", text + 11);
}

/* The time an object of news speaks of. */
static int64_t time_of(struct val news)
{
    struct val time = val_find(news, STR("time"));

    return time.ptr && val_type(time) == VAL_INT ? val_int(time) : clock_wall_us(&clock_real);
}

/* A string member, or STR_NONE. */
static struct str text_of(struct val news, const char *key)
{
    struct val member = val_find(news, str_of(key));

    return member.ptr && val_type(member) == VAL_STR ? val_str(member) : STR_NONE;
}

/* One line about a state. */
static void put_state_line(struct run_view *view, struct val news, struct str who, int indent)
{
    struct val state = val_find(news, STR("state"));
    struct val duration = val_find(news, STR("duration_us"));
    struct val retry = val_find(news, STR("retry_us"));
    struct str name = state.ptr ? text_of(state, "name") : STR_NONE;
    struct str text = text_of(news, "text");
    struct buf *out = &view->out;

    put_clock(out, time_of(news));
    term_put_spaces(out, indent);
    term_put_text(out, who);
    term_put_spaces(out, NAME_COLUMNS - indent - term_columns(who));
    buf_put_byte(out, ' ');
    term_put_text(out, name);
    if (duration.ptr) {
        buf_put_str(out, STR(" in "));
        term_put_duration(out, val_int(duration));
    }
    if (retry.ptr) {
        buf_put_str(out, STR(" in "));
        term_put_duration(out, val_int(retry));
    }
    if (text.len > 0) {
        buf_put_str(out, STR(": "));
        term_put_text(out, text);
    }
    buf_put_byte(out, '\n');
}

/* One log line. */
static void put_log_line(struct run_view *view, struct val news, bool with_clock)
{
    struct str task = text_of(news, "task");
    struct val level = val_find(news, STR("level"));
    int64_t number = level.ptr ? val_int(level) : 20;
    struct buf *out = &view->out;

    if (with_clock) {
        put_clock(out, time_of(news));
    }
    term_colour(out, view->cli->colour, number >= 40 ? TERM_RED : number >= 30 ? TERM_YELLOW : TERM_DIM);
    term_put_text(out, task.len ? task : STR("run"));
    buf_put_str(out, STR(" │ "));
    term_colour(out, view->cli->colour, TERM_PLAIN);
    term_put_text(out, text_of(news, "text"));
    buf_put_byte(out, '\n');
}

/* Prints what an object of news says, for readers without a terminal. */
static void print_plain(struct run_view *view, struct val news)
{
    struct str type = text_of(news, "type");

    if (str_is(type, "flow_run")) {
        CLEANUP_FREE char *who = xasprintf("%.*s (%.*s)", STR_ARGS(text_of(news, "flow")),
                                           STR_ARGS(text_of(news, "name")));

        put_state_line(view, news, str_of(who), 2 * run_model_depth(view->model, news));
    } else if (str_is(type, "task_run")) {
        put_state_line(view, news, text_of(news, "task"),
                       2 * run_model_depth(view->model, news) + 2);
    } else if (str_is(type, "log")) {
        put_log_line(view, news, true);
    }
    flush(view);
}

/* ---- the live tree -------------------------------------------------------------------------- */

/* A bar of progress. */
static void put_bar(struct run_view *view, double fraction)
{
    int full = (int)(fraction * BAR_COLUMNS + 0.5);
    struct buf *out = &view->out;

    full = full < 0 ? 0 : full > BAR_COLUMNS ? BAR_COLUMNS : full;
    term_colour(out, view->cli->colour, TERM_BLUE);
    for (int i = 0; i < full; i++) {
        buf_put_str(out, STR("━"));
    }
    term_colour(out, view->cli->colour, TERM_PLAIN);
    term_colour(out, view->cli->colour, TERM_DIM);
    for (int i = full; i < BAR_COLUMNS; i++) {
        buf_put_str(out, STR("━"));
    }
    term_colour(out, view->cli->colour, TERM_PLAIN);
    buf_printf(out, " %3.0f %%", fraction * 100);
}

/* What stands behind the duration of a task. */
static void put_details(struct run_view *view, const struct run_node *node, int columns)
{
    struct buf *out = &view->out;

    if (node->total > 0) {
        if (!node->over) {
            put_bar(view, (double)node->done / (double)node->total);
            columns -= BAR_COLUMNS + 6;
        }
        buf_printf(out, "  %u of %u", node->done, node->total);
        if (node->bad) {
            buf_printf(out, ", %u failed", node->bad);
        }
    } else if (!node->over && node->fraction >= 0) {
        put_bar(view, node->fraction);
        columns -= BAR_COLUMNS + 6;
        buf_put_str(out, STR("  "));
        term_put_cut(out, str_of(node->text), columns);
    } else if (node->text[0] != '\0') {
        term_colour(out, view->cli->colour, TERM_DIM);
        term_put_cut(out, str_of(node->text), columns);
        term_colour(out, view->cli->colour, TERM_PLAIN);
    }
}

/* One line of the tree. */
static void put_node(struct run_view *view, const struct run_node *node)
{
    struct buf *out = &view->out;
    int indent = 2 + 2 * node->depth;
    int used = indent + 2;

    term_put_spaces(out, indent);
    term_colour(out, view->cli->colour, term_state_colour(str_of(node->state)));
    buf_put_str(out, str_of(term_state_sign(str_of(node->state))));
    buf_put_byte(out, ' ');
    term_colour(out, view->cli->colour, TERM_PLAIN);
    used += term_put_cut(out, str_of(node->name), NAME_COLUMNS);
    term_put_spaces(out, NAME_COLUMNS + 6 - used);
    used = NAME_COLUMNS + 6;
    {
        size_t before = out->len;

        if (node->started_us) {
            term_put_duration(out, (node->over ? node->ended_us : clock_wall_us(&clock_real)) -
                                       node->started_us);
        }
        term_put_spaces(out, 10 - term_columns((struct str){(char *)out->data + before,
                                                            out->len - before}));
        used += 10;
    }
    if (strcmp(node->state, "Completed") != 0 && strcmp(node->state, "Running") != 0) {
        term_colour(out, view->cli->colour, term_state_colour(str_of(node->state)));
        used += term_put_cut(out, str_of(node->state), 24) + 2;
        buf_put_str(out, STR("  "));
        term_colour(out, view->cli->colour, TERM_PLAIN);
    }
    put_details(view, node, view->cli->width - used - 1);
    buf_put_byte(out, '\n');
}

/* How many lines the terminal has. */
static int rows(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 4 ? size.ws_row
                                                                           : ROWS_DEFAULT;
}

/* Draws the tree; finished tasks make room for others when there are too many. */
static void draw(struct run_view *view)
{
    size_t count;
    const struct run_node *const *nodes = run_model_nodes(view->model, &count);
    size_t room = (size_t)rows() - 3;
    size_t hidden = 0;
    size_t over = count > room ? count - room + 1 : 0;

    erase(view);
    for (size_t i = 0; i < count; i++) {
        if (hidden < over && nodes[i]->over && nodes[i]->good && nodes[i]->depth > 0) {
            hidden++;
            continue;
        }
        if ((size_t)view->drawn >= room) {
            continue;
        }
        put_node(view, nodes[i]);
        view->drawn++;
    }
    if (hidden > 0) {
        buf_printf(&view->out, "  … and %zu more that are done\n", hidden);
        view->drawn++;
    }
    flush(view);
    view->changed = false;
}

void run_view_take(struct run_view *view, struct val news)
{
    struct str type = text_of(news, "type");

    view->changed = run_model_take(view->model, news) || view->changed;
    if (view->quiet) {
        return;
    }
    if (!view->live) {
        print_plain(view, news);
        return;
    }
    if (str_is(type, "log")) {
        struct val level = val_find(news, STR("level"));
        bool of_run = text_of(news, "task").len == 0;

        if (of_run || (level.ptr && val_int(level) >= 30)) {
            erase(view);
            put_log_line(view, news, false);
            draw(view);
        }
    }
}

void run_view_tick(struct run_view *view)
{
    if (view->live && (view->changed || run_model_running(view->model))) {
        draw(view);
    }
}

/* ---- the summary ---------------------------------------------------------------------------- */

/* Counts task runs by state name: "4 Completed, 2 Cached". */
static void put_counts(struct run_view *view, struct val run)
{
    struct val counts = val_find(run, STR("counts"));
    struct val_iter iter;
    struct val number;
    struct str state;
    bool first = true;

    if (!counts.ptr || val_type(counts) != VAL_MAP) {
        return;
    }
    iter = val_iter(counts);
    while (val_next(&iter, &state, &number)) {
        buf_printf(&view->out, "%s%lld ", first ? "" : ", ", (long long)val_int(number));
        term_colour(&view->out, view->cli->colour, term_state_colour(state));
        term_put_text(&view->out, state);
        term_colour(&view->out, view->cli->colour, TERM_PLAIN);
        first = false;
    }
}

/* The flow's result, as far as it fits on some lines. */
static void put_result(struct run_view *view, struct val run)
{
    enum { LINES_MAX = 12 };
    struct val result = val_find(run, STR("result"));
    CLEANUP_BUF struct buf text = BUF_INIT(FRAME_MAX);
    struct str left;

    if (!result.ptr || val_type(result) == VAL_NIL ||
        (val_type(result) == VAL_MAP && val_count(result) == 0)) {
        return;
    }
    if (val_type(result) == VAL_STR) {
        buf_put_str(&text, val_str(result));
    } else {
        json_print_pretty(&text, result);
    }
    left = buf_str(&text);
    for (int line = 0; left.len > 0 && line < LINES_MAX; line++) {
        const char *end = memchr(left.ptr, '\n', left.len);
        size_t len = end ? (size_t)(end - left.ptr) : left.len;

        buf_put_str(&view->out, line == 0 ? STR("  result   ") : STR("           "));
        term_put_cut(&view->out, (struct str){left.ptr, len},
                     view->cli->terminal ? view->cli->width - 12 : INT32_MAX);
        buf_put_byte(&view->out, '\n');
        left = end ? (struct str){end + 1, left.len - len - 1} : STR_NONE;
    }
    if (left.len > 0) {
        buf_put_str(&view->out, STR("           … (all of it: leat flow-run inspect)\n"));
    }
}

void run_view_end(struct run_view *view, struct val run)
{
    struct val state = val_find(run, STR("state"));
    struct str name = state.ptr ? text_of(state, "name") : STR_NONE;
    struct val error = val_find(run, STR("error"));
    struct val duration = val_find(run, STR("duration_ms"));
    struct buf *out = &view->out;

    if (view->live) {
        draw(view);
        buf_put_byte(out, '\n');
    }
    term_colour(out, view->cli->colour, term_state_colour(name));
    buf_printf(out, "%s %.*s", term_state_sign(name), STR_ARGS(name));
    term_colour(out, view->cli->colour, TERM_PLAIN);
    buf_put_str(out, STR("  "));
    term_put_text(out, text_of(run, "flow"));
    buf_put_str(out, STR(" ("));
    term_put_text(out, text_of(run, "name"));
    buf_put_str(out, STR(")"));
    if (duration.ptr && val_type(duration) == VAL_INT) {
        buf_put_str(out, STR(" in "));
        term_put_duration(out, val_int(duration) * 1000);
    }
    buf_put_str(out, STR("\n  tasks    "));
    put_counts(view, run);
    buf_put_byte(out, '\n');
    if (error.ptr && val_type(error) == VAL_MAP) {
        buf_put_str(out, STR("  reason   "));
        term_put_text(out, text_of(error, "text"));
        buf_put_byte(out, '\n');
    }
    put_result(view, run);
    term_colour(out, view->cli->colour, TERM_DIM);
    buf_put_str(out, STR("  more     leat flow-run inspect "));
    term_put_text(out, text_of(run, "name"));
    term_colour(out, view->cli->colour, TERM_PLAIN);
    buf_put_byte(out, '\n');
    flush(view);
}
