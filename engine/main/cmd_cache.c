/*
 * `leat cache`: what results can be reused, why one was or was not, and removing them.
 */
#include <stdio.h>

#include "base/clock.h"
#include "main/commands.h"
#include "main/member.h"
#include "main/request.h"
#include "main/show.h"
#include "main/table.h"
#include "main/term.h"

enum { KEY_SHORT = 16, ID_SHORT = 13 };

/* The beginning of a long name, for terminals. */
static struct str shortened(const struct cli *cli, struct str text, size_t len)
{
    return (struct str){text.ptr, cli->terminal && text.len > len ? len : text.len};
}

/* Entries as a table. */
static void show_list(const struct cli *cli, struct val answer, struct buf *out)
{
    static const struct table_column columns[] = {
        {"TASK", false, 16, 0},   {"STEP", false, 10, 1}, {"CREATED", false, 0, 3},
        {"EXPIRES", false, 0, 4}, {"SIZE", true, 0, 2},   {"RUN", false, 0, 5},
        {"KEY", false, 0, 0},     {NULL, false, 0, 0},
    };
    int64_t now = clock_wall_us(&clock_real);
    struct table *table = table_new(cli, columns, 0);
    struct val_iter iter = member_iter(answer, "items");
    struct val entry;

    if (member_count(answer, "items") == 0) {
        buf_put_str(out, STR("The cache is empty. Steps with `cache: inputs` fill it.\n"));
    }
    while (val_next(&iter, NULL, &entry)) {
        int64_t expires = member_time(entry, "expires");

        table_cell(table, TERM_BOLD, member_text(entry, "task_type"));
        table_cell(table, TERM_PLAIN, member_text(entry, "task"));
        show_ago(table_begin(table), member_time(entry, "created"), now);
        table_end(table, TERM_PLAIN);
        if (expires) {
            show_ago(table_begin(table), expires, now);
            table_end(table, expires <= now ? TERM_DIM : TERM_PLAIN);
        } else {
            table_cell(table, TERM_DIM, STR("never"));
        }
        show_size(table_begin(table), member_int(entry, "bytes", 0));
        table_end(table, TERM_PLAIN);
        table_cell(table, TERM_DIM, shortened(cli, member_text(entry, "run"), ID_SHORT));
        table_cell(table, TERM_DIM, shortened(cli, member_text(entry, "key"), KEY_SHORT));
    }
    if (member_count(answer, "items") > 0) {
        table_put(table, out);
    }
    table_free(table);
    request_more(cli, answer, out);
}

/* leat cache ls */
static int list(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;

    request_path(&target, "/cache", NULL);
    if (!request_list(&target, args)) {
        return CLI_USAGE;
    }
    request_option(&target, args, "task");
    return request_show(cli, &target, show_list);
}

/* Totals. */
static void show_stats(const struct cli *cli, struct val answer, struct buf *out)
{
    int64_t expired = member_int(answer, "expired", 0);

    show_label(out, cli, "entries");
    buf_printf(out, "%lld", (long long)member_int(answer, "entries", 0));
    if (expired > 0) {
        buf_printf(out, ", %lld of them expired", (long long)expired);
    }
    buf_put_byte(out, '\n');
    show_label(out, cli, "results");
    show_size(out, member_int(answer, "bytes", 0));
    buf_put_byte(out, '\n');
}

/* leat cache stats */
static int stats(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;

    (void)args;
    request_path(&target, "/cache/stats", NULL);
    return request_show(cli, &target, show_stats);
}

/* What differs from the nearest entry. */
static void show_nearest(const struct cli *cli, struct val nearest, struct buf *out)
{
    static const struct table_column columns[] = {
        {"PART", false, 12, 0}, {"THEN", false, 12, 0}, {"NOW", false, 12, 0}, {NULL, false, 0, 0}};
    struct table *table = table_new(cli, columns, 2);
    struct val_iter iter = member_iter(nearest, "differs");
    struct val difference;

    buf_put_str(out, STR("\nMost similar earlier result: "));
    show_ago(out, member_time(nearest, "created"), clock_wall_us(&clock_real));
    buf_put_str(out, STR(", from run "));
    term_put_text(out, member(nearest, "run_name").ptr ? member_text(nearest, "run_name")
                                                       : member_text(nearest, "run"));
    if (member_count(nearest, "differs") == 0) {
        buf_put_byte(out, '\n');
        table_free(table);
        return;
    }
    buf_put_str(out, STR("\n\n"));
    while (val_next(&iter, NULL, &difference)) {
        table_cell(table, TERM_BOLD, member_text(difference, "part"));
        table_cell(table, TERM_RED, member_text(difference, "before"));
        table_cell(table, TERM_GREEN, member_text(difference, "now"));
    }
    table_put(table, out);
    table_free(table);
}

/* Hit or miss, and why: the sentence begins with the answer. */
static void show_explanation(const struct cli *cli, struct val answer, struct buf *out)
{
    struct str word = member_text(answer, "answer");
    struct str sentence = member_text(answer, "sentence");
    struct val nearest = member(answer, "nearest");

    if (str_starts(sentence, word)) {
        sentence = (struct str){sentence.ptr + word.len, sentence.len - word.len};
    }
    term_colour(out, cli->colour,
                str_is(word, "hit")    ? TERM_GREEN
                : str_is(word, "miss") ? TERM_YELLOW
                                       : TERM_DIM);
    term_put_text(out, word);
    term_colour(out, cli->colour, TERM_PLAIN);
    show_wrapped(out, sentence, 2, cli->terminal ? cli->width - 3 - (int)word.len : INT32_MAX);
    buf_put_byte(out, '\n');
    show_fact(out, cli, "key", member_text(answer, "key"));
    if (nearest.ptr) {
        show_nearest(cli, nearest, out);
    }
}

/* leat cache explain */
static int explain(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;

    if (!request_task(&target, args->arguments[0])) {
        return CLI_USAGE;
    }
    request_path(&target, "/cache", NULL);
    return request_show(cli, &target, show_explanation);
}

/* leat cache invalidate */
static int invalidate(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    CLEANUP_BUF struct buf out = BUF_INIT(1024);
    struct api_response response;
    int given =
        (int)cli_given(args, "task") + (int)cli_given(args, "key") + (int)cli_given(args, "all");
    int code;

    if (given != 1) {
        return cli_error(CLI_USAGE, "say what is to go: one of --task TYPE, --key KEY or --all");
    }
    request_path(&target, "/cache", NULL);
    request_option(&target, args, "task");
    request_option(&target, args, "key");
    request_query(&target, "all", cli_given(args, "all") ? "1" : NULL);
    code = request_get(cli, "DELETE", &target, VAL_NONE, &response);
    if (code != CLI_OK) {
        return code;
    }
    if (cli->json) {
        show_json(api_response_value(&response));
    } else {
        buf_put_str(&out, STR("removed "));
        show_count(&out, member_int(api_response_value(&response), "removed", 0), "entry",
                   "entries");
        buf_put_byte(&out, '\n');
        show_flush(&out);
    }
    api_response_done(&response);
    return CLI_OK;
}

static const struct cli_option list_options[] = {
    {"task", 't', "TYPE", "only results of this type of task, such as csv.read", false},
    REQUEST_LIST_OPTIONS,
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_option invalidate_options[] = {
    {"task", 't', "TYPE", "results of this type of task, such as csv.read", false},
    {"key", 'k', "KEY", "the entry of this key", false},
    {"all", 'a', NULL, "every entry", false},
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_command subcommands[] = {
    {.name = "ls",
     .arguments = "",
     .summary = "List results that can be reused",
     .options = list_options,
     .run = list},
    {.name = "stats", .arguments = "", .summary = "Say how large the cache is", .run = stats},
    {.name = "explain",
     .arguments = "RUN/TASK",
     .arguments_min = 1,
     .arguments_max = 1,
     .summary = "Say why a result was or was not reused, and what changed",
     .help =
         "For a miss, the earlier result that is most like this one is shown with every part of\n"
         "the key that differs.\n"
         "\n"
         "Examples:\n"
         "  leat cache explain @last/features",
     .run = explain},
    {.name = "invalidate",
     .arguments = "",
     .summary = "Remove results, so that they are computed again",
     .help = "Examples:\n"
             "  leat cache invalidate --task csv.read\n"
             "  leat cache invalidate --all",
     .options = invalidate_options,
     .run = invalidate},
    {.name = NULL},
};

const struct cli_command cmd_cache = {
    .name = "cache",
    .arguments = "",
    .summary = "List, explain and remove cached results",
    .help =
        "A step with `cache: inputs` is not run again for the same task, plugin and inputs; files\n"
        "count by their content.",
    .subcommands = subcommands,
};
