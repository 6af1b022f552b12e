/*
 * See run_tree.h. A frame is written over the one before, line by line, and what is left of that is
 * cleared at the end, so that nothing flickers. Lines are never wrapped by the terminal: the number
 * of lines drawn is the number of lines to go up.
 */
#include "main/run_tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "main/term.h"

enum {
    ROWS_DEFAULT = 24,
    LAST_LINES_MAX = 100,
    NAME_COLUMNS_MIN = 16,
    TIME_COLUMNS = 9,
    BAR_COLUMNS = 20,
    SPIN_US = 100000,
};

struct run_tree {
    const struct cli *cli;
    int drawn; /* lines of the tree on the screen */
    int width; /* of the terminal, looked up for each frame */
    int name_columns;
    int64_t now_us;
};

/* What is not shown for want of room. */
struct hidden {
    bool *nodes;
    size_t done;
    size_t waiting;
    size_t failed;
    size_t running;
};

struct run_tree *run_tree_new(const struct cli *cli)
{
    struct run_tree *tree = xcalloc(1, sizeof(*tree));

    tree->cli = cli;
    return tree;
}

struct run_tree *run_tree_free(struct run_tree *tree)
{
    free(tree);
    return NULL;
}

void run_tree_erase(struct run_tree *tree, struct buf *out)
{
    if (tree->drawn > 0) {
        buf_printf(out, "\033[%dA\033[J", tree->drawn);
        tree->drawn = 0;
    }
}

/* ---- one line ------------------------------------------------------------------------------- */

/* Text in a colour, cut to <columns>; returns the columns used. */
static int put(const struct run_tree *tree, enum term_colour colour, struct str text, int columns,
               struct buf *out)
{
    int used;

    if (columns <= 0) {
        return 0;
    }
    term_colour(out, tree->cli->colour && colour != TERM_PLAIN, colour);
    used = term_put_cut(out, text, columns);
    term_colour(out, tree->cli->colour && colour != TERM_PLAIN, TERM_PLAIN);
    return used;
}

/* A bar of progress with its percentage; returns the columns used. */
static int put_bar(const struct run_tree *tree, double fraction, int columns, struct buf *out)
{
    int length = columns < BAR_COLUMNS + 8 ? columns - 8 : BAR_COLUMNS;
    int full;

    fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    full = (int)(fraction * length);
    if (length < 4) {
        buf_printf(out, "%3.0f %%", fraction * 100);
        return 5;
    }
    term_colour(out, tree->cli->colour, TERM_BLUE);
    for (int i = 0; i < length; i++) {
        if (i == full) {
            term_colour(out, tree->cli->colour, TERM_PLAIN);
            term_colour(out, tree->cli->colour, TERM_DIM);
        }
        buf_put_str(out, tree->cli->colour || i < full ? STR("━") : STR("·"));
    }
    term_colour(out, tree->cli->colour, TERM_PLAIN);
    buf_printf(out, " %3.0f %%", fraction * 100);
    return length + 6;
}

/* The counts of a mapped step. */
static void put_counts(const struct run_tree *tree, const struct run_node *node, int columns,
                       struct buf *out)
{
    CLEANUP_BUF struct buf text = BUF_INIT(256);

    if (!node->over) {
        columns -= put_bar(tree, (double)node->done / (double)node->total, columns - 16, out) + 2;
        buf_put_str(out, STR("  "));
    }
    buf_printf(&text, "%u of %u", node->done, node->total);
    columns -= put(tree, TERM_DIM, buf_str(&text), columns, out);
    if (node->bad > 0) {
        buf_clear(&text);
        buf_printf(&text, ", %u failed", node->bad);
        columns -= put(tree, TERM_RED, buf_str(&text), columns, out);
    }
    if (node->over && !node->good && node->text[0] != '\0') {
        put(tree, TERM_DIM, STR(": "), columns, out);
        put(tree, TERM_DIM, str_of(node->text), columns - 2, out);
    }
}

/* What a state has to say besides its sign; returns the columns used. */
static int put_state(const struct run_tree *tree, const struct run_node *node, int columns,
                     struct buf *out)
{
    CLEANUP_BUF struct buf text = BUF_INIT(256);

    if (!node->begun || strcmp(node->state, "Running") == 0 ||
        strcmp(node->state, "Completed") == 0 ||
        (strcmp(node->state, "Failed") == 0 && node->text[0] != '\0')) {
        return 0; /* the sign tells it */
    }
    if (strcmp(node->state, "Retrying") == 0) {
        buf_printf(&text, "attempt %lld", (long long)node->attempt);
    } else if (node->due_us > 0) {
        int64_t left_us = node->due_us > tree->now_us ? node->due_us - tree->now_us : 0;

        buf_printf(&text, "attempt %lld failed, next in %.*f s", (long long)node->attempt,
                   left_us < 10000000 ? 1 : 0, (double)left_us / 1e6);
    } else {
        buf_put_str(&text, str_of(node->state));
    }
    return put(tree, term_state_colour(str_of(node->state)), buf_str(&text), columns, out);
}

/* What stands behind the duration. */
static void put_details(const struct run_tree *tree, const struct run_node *node, int columns,
                        struct buf *out)
{
    int used;

    if (node->depth == 0 && node->over) {
        return; /* the summary tells */
    }
    if (node->total > 0) {
        put_counts(tree, node, columns, out);
        return;
    }
    if (!node->over && node->fraction >= 0) {
        columns -= put_bar(tree, node->fraction, columns, out) + 2;
        buf_put_str(out, STR("  "));
        put(tree, TERM_DIM, str_of(node->text), columns, out);
        return;
    }
    used = put_state(tree, node, columns, out);
    if (node->text[0] != '\0' && columns - used > 4) {
        used += used > 0 ? put(tree, TERM_DIM, STR(": "), 2, out) : 0;
        put(tree, TERM_DIM, str_of(node->text), columns - used, out);
    }
}

/* The sign of a node: what runs turns. */
static const char *sign_of(const struct run_tree *tree, const struct run_node *node)
{
    static const char *const turning[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
    size_t count = sizeof(turning) / sizeof(turning[0]);

    if (strcmp(node->state, "Running") == 0 || strcmp(node->state, "Retrying") == 0) {
        return turning[(size_t)(tree->now_us / SPIN_US) % count];
    }
    return term_state_sign(str_of(node->state));
}

/* One line of the tree. */
static void put_node(const struct run_tree *tree, const struct run_node *node, struct buf *out)
{
    CLEANUP_BUF struct buf time = BUF_INIT(64);
    int indent = 2 + 2 * node->depth;
    int used = indent + 2;

    term_put_spaces(out, indent);
    put(tree, term_state_colour(str_of(node->state)), str_of(sign_of(tree, node)), 1, out);
    buf_put_byte(out, ' ');
    used += put(tree,
                node->depth == 0 ? TERM_BOLD
                : node->begun    ? TERM_PLAIN
                                 : TERM_DIM,
                str_of(node->name), tree->name_columns - used, out);
    if (node->started_us) {
        int64_t end_us = node->over ? node->ended_us : tree->now_us;

        term_put_duration(&time, end_us > node->started_us ? end_us - node->started_us : 0);
    }
    term_put_spaces(out,
                    tree->name_columns - used + 1 + TIME_COLUMNS - term_columns(buf_str(&time)));
    put(tree, TERM_PLAIN, buf_str(&time), TIME_COLUMNS, out);
    buf_put_str(out, STR("  "));
    put_details(tree, node, tree->width - tree->name_columns - TIME_COLUMNS - 4, out);
    buf_put_str(out, STR("\033[K\n"));
}

/* ---- what fits ------------------------------------------------------------------------------ */

/* True for nodes that are hidden in pass <pass>: what is done, what waits, what failed, the rest.
 */
static bool may_go(const struct run_node *node, int pass)
{
    switch (pass) {
    case 0:
        return node->over && node->good;
    case 1:
        return !node->begun;
    case 2:
        return node->over;
    default:
        return true;
    }
}

/* Counts a node that is not shown. */
static void count_hidden(struct hidden *hidden, const struct run_node *node)
{
    if (node->over) {
        hidden->done += node->good;
        hidden->failed += !node->good;
    } else {
        hidden->running += node->begun;
        hidden->waiting += !node->begun;
    }
}

/* Chooses what is not shown so that at most <room> lines are; the first node always is. Done ones
 * go from the top, others from the bottom. */
static void hide(struct hidden *hidden, const struct run_node *const *nodes, size_t count,
                 size_t room)
{
    size_t excess = count > room ? count - room + 1 : 0;

    for (int pass = 0; pass < 4 && excess > 0; pass++) {
        for (size_t i = 1; i < count && excess > 0; i++) {
            size_t at = pass == 0 ? i : count - i;

            if (!hidden->nodes[at] && may_go(nodes[at], pass)) {
                hidden->nodes[at] = true;
                count_hidden(hidden, nodes[at]);
                excess--;
            }
        }
    }
}

/* The line about what is not shown. */
static void put_hidden(struct run_tree *tree, const struct hidden *hidden, struct buf *out)
{
    const struct {
        size_t count;
        const char *word;
    } parts[] = {{hidden->running, "running"},
                 {hidden->failed, "failed"},
                 {hidden->done, "done"},
                 {hidden->waiting, "waiting"}};
    const char *between = "    … and ";

    if (hidden->running + hidden->failed + hidden->done + hidden->waiting == 0) {
        return;
    }
    term_colour(out, tree->cli->colour, TERM_DIM);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].count > 0) {
            buf_printf(out, "%s%zu %s", between, parts[i].count, parts[i].word);
            between = ", ";
        }
    }
    term_colour(out, tree->cli->colour, TERM_PLAIN);
    buf_put_str(out, STR("\033[K\n"));
    tree->drawn++;
}

/* Looks up the terminal's size; returns its lines. */
static size_t look_up_size(struct run_tree *tree)
{
    struct winsize size;

    tree->width = tree->cli->width;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 5) {
        return ROWS_DEFAULT;
    }
    tree->width = size.ws_col > 0 ? size.ws_col : tree->width;
    return size.ws_row;
}

/* How wide the names are that are shown, at most two fifths of the screen. */
static int measure_names(const struct run_tree *tree, const struct run_node *const *nodes,
                         size_t count, const bool *hidden)
{
    int most = tree->width * 2 / 5;
    int widest = NAME_COLUMNS_MIN;

    for (size_t i = 0; i < count; i++) {
        if (!hidden[i]) {
            int columns = 4 + 2 * nodes[i]->depth + term_columns(str_of(nodes[i]->name));

            widest = columns > widest ? columns : widest;
        }
    }
    return widest < most ? widest : most > NAME_COLUMNS_MIN ? most : NAME_COLUMNS_MIN;
}

void run_tree_draw(struct run_tree *tree, const struct run_node *const *nodes, size_t count,
                   bool last, struct buf *out)
{
    struct hidden hidden = {.nodes = xcalloc(count + 1, sizeof(bool))};
    size_t room = look_up_size(tree) - 2;

    tree->now_us = clock_wall_us(&clock_real);
    hide(&hidden, nodes, count, last && room < LAST_LINES_MAX ? LAST_LINES_MAX : room);
    tree->name_columns = measure_names(tree, nodes, count, hidden.nodes);
    buf_put_str(out, STR("\033[?7l")); /* no wrapping of lines that turn out too long */
    if (tree->drawn > 0) {
        buf_printf(out, "\033[%dA", tree->drawn);
        tree->drawn = 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (!hidden.nodes[i]) {
            put_node(tree, nodes[i], out);
            tree->drawn++;
        }
    }
    put_hidden(tree, &hidden, out);
    buf_put_str(out, STR("\033[J\033[?7h"));
    free(hidden.nodes);
}
