/*
 * `leat plugin`: which plugins there are, what they offer, trying one, checking one.
 */
#include "base/mem.h"
#include "main/commands.h"
#include "main/desk.h"
#include "main/member.h"
#include "main/plugin_check.h"
#include "main/plugin_run.h"
#include "main/request.h"
#include "main/show.h"
#include "main/table.h"
#include "main/term.h"
#include "value/json.h"

/* The colour of a status. */
static enum term_colour status_colour(struct str status)
{
    if (str_is(status, "ok")) {
        return TERM_GREEN;
    }
    return str_is(status, "refused") ? TERM_RED : TERM_YELLOW;
}

/* What is wrong with or odd about a file, below its path. */
static void show_note(const struct cli *cli, struct str path, struct str words, struct buf *out)
{
    buf_put_byte(out, '\n');
    term_colour(out, cli->colour, TERM_YELLOW);
    term_put_text(out, path);
    term_colour(out, cli->colour, TERM_PLAIN);
    if (cli->terminal) {
        buf_put_str(out, STR("\n  "));
        show_wrapped(out, words, 2, cli->width - 3);
    } else {
        buf_put_byte(out, ' ');
        term_put_text(out, words);
    }
    buf_put_byte(out, '\n');
}

/* Plugins as a table, then what is wrong with some. */
static void show_list(const struct cli *cli, struct val answer, struct buf *out)
{
    static const struct table_column columns[] = {
        {"PLUGIN", false, 12, 0}, {"VERSION", false, 8, 2}, {"STATUS", false, 0, 0},
        {"FROM", false, 0, 3},    {"PARTS", false, 20, 1},  {NULL, false, 0, 0}};
    struct table *table = table_new(cli, columns, 0);
    struct val_iter iter = member_iter(answer, "items");
    struct val plugin;

    while (val_next(&iter, NULL, &plugin)) {
        struct str name = member_text(plugin, "name");
        struct val_iter parts = member_iter(plugin, "parts");
        struct buf *text;
        struct val part;

        table_cell(table, TERM_BOLD, name.len ? name : STR("?"));
        table_cell(table, TERM_PLAIN, member_text(plugin, "version"));
        table_cell(table, status_colour(member_text(plugin, "status")),
                   member_text(plugin, "status"));
        table_cell(table, TERM_DIM, member_true(plugin, "bundled") ? STR("bundled") : STR("home"));
        text = table_begin(table);
        while (val_next(&parts, NULL, &part)) {
            buf_put_str(text, text->len ? STR(", ") : STR(""));
            buf_put_str(text, member_text(part, "type"));
        }
        table_end(table, TERM_PLAIN);
    }
    if (member_count(answer, "items") > 0) {
        table_put(table, out);
    } else {
        buf_put_str(out, STR("No plugins.\n"));
    }
    table_free(table);
    iter = member_iter(answer, "items");
    while (val_next(&iter, NULL, &plugin)) {
        struct str reason = member_text(plugin, "reason");
        struct str words = reason.len > 0 ? reason : member_text(plugin, "warning");

        /* Nobody can do anything about warnings of what came with the program. */
        if (words.len > 0 && (reason.len > 0 || !member_true(plugin, "bundled"))) {
            show_note(cli, member_text(plugin, "path"), words, out);
        }
    }
}

/* leat plugin ls */
static int list(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;

    (void)args;
    request_path(&target, "/plugins", NULL);
    request_query(&target, "scan", "1");
    return request_show(cli, &target, show_list);
}

/* One parameter's default as people would write it; or that it is required. */
static void cell_default(struct table *table, struct val param)
{
    struct val fallback = member(param, "default");
    struct str type = member_text(param, "type");
    bool quantity = fallback.ptr && val_type(fallback) == VAL_INT && !member_true(param, "list");
    struct buf *text;

    if (member_true(param, "required")) {
        table_cell(table, TERM_YELLOW, STR("required"));
        return;
    }
    text = table_begin(table);
    if (quantity && str_is(type, "duration")) {
        term_put_duration(text, val_int(fallback));
    } else if (quantity && str_is(type, "size")) {
        show_size(text, val_int(fallback));
    } else if (fallback.ptr) {
        json_print(text, fallback);
    }
    table_end(table, TERM_PLAIN);
}

/* One part with its parameters. */
static void show_part(const struct cli *cli, struct val part, struct buf *out)
{
    static const struct table_column columns[] = {{"PARAMETER", false, 12, 0},
                                                  {"TYPE", false, 0, 0},
                                                  {"DEFAULT", false, 8, 0},
                                                  {"MEANING", false, 20, 0},
                                                  {NULL, false, 0, 0}};
    struct table *table = table_new(cli, columns, 2);
    struct val_iter iter = member_iter(part, "params");
    struct val param;

    table_wrap_last(table);
    buf_put_byte(out, '\n');
    term_colour(out, cli->colour, TERM_BOLD);
    term_put_text(out, member_text(part, "type"));
    term_colour(out, cli->colour, TERM_PLAIN);
    term_colour(out, cli->colour, TERM_DIM);
    buf_put_str(out, STR("  "));
    term_put_text(out, member_text(part, "kind"));
    if (!member_true(part, "cacheable") && str_is(member_text(part, "kind"), "task")) {
        buf_put_str(out, STR(", never cached"));
    }
    term_colour(out, cli->colour, TERM_PLAIN);
    buf_put_str(out, STR("\n  "));
    show_wrapped(out, member_text(part, "summary"), 2, cli->terminal ? cli->width - 3 : INT32_MAX);
    buf_put_byte(out, '\n');
    while (val_next(&iter, NULL, &param)) {
        struct buf *type;

        table_cell(table, TERM_CYAN, member_text(param, "name"));
        type = table_begin(table);
        buf_put_str(type, member_true(param, "list") ? STR("list of ") : STR(""));
        buf_put_str(type, member_text(param, "type"));
        table_end(table, TERM_PLAIN);
        cell_default(table, param);
        table_cell(table, TERM_PLAIN, member_text(param, "doc"));
    }
    if (member_count(part, "params") > 0) {
        buf_put_byte(out, '\n');
        table_put(table, out);
    }
    table_free(table);
}

/* A plugin with all it declares. */
static void show_plugin(const struct cli *cli, struct val plugin, struct buf *out)
{
    struct val_iter iter = member_iter(plugin, "parts");
    struct val part;

    term_colour(out, cli->colour, TERM_BOLD);
    term_put_text(out, member_text(plugin, "name"));
    term_colour(out, cli->colour, TERM_PLAIN);
    buf_put_byte(out, ' ');
    term_put_text(out, member_text(plugin, "version"));
    if (member_text(plugin, "summary").len > 0) {
        buf_put_str(out, STR(": "));
        term_put_text(out, member_text(plugin, "summary"));
    }
    buf_put_byte(out, '\n');
    show_fact(out, cli, "status", member_text(plugin, "status"));
    show_fact(out, cli, "reason", member_text(plugin, "reason"));
    show_fact(out, cli, "warning", member_text(plugin, "warning"));
    show_fact(out, cli, "file", member_text(plugin, "path"));
    show_fact(out, cli, "content", member_text(plugin, "hash"));
    if (member(plugin, "abi").ptr) {
        show_label(out, cli, "ABI");
        buf_printf(out, "%lld.%lld\n", (long long)member_int(member(plugin, "abi"), "major", 0),
                   (long long)member_int(member(plugin, "abi"), "minor", 0));
    }
    while (val_next(&iter, NULL, &part)) {
        show_part(cli, part, out);
    }
}

/* leat plugin info */
static int info(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    CLEANUP_FREE char *name = NULL;
    const char *word = args->arguments[0];
    struct desk *desk = NULL;
    int code = CLI_OK;

    if (desk_is_file(word)) {
        code = desk_open(cli, word, &desk);
        if (code == CLI_OK) {
            code = desk_name(desk, &name);
        }
    }
    if (code == CLI_OK) {
        request_path(&target, "/plugins/", name ? name : word);
        code = request_show(cli, &target, show_plugin);
    }
    desk_close(desk);
    return code;
}

static const struct cli_command subcommands[] = {
    {.name = "ls",
     .arguments = "",
     .summary = "List plugin files, what they offer, and why some are refused",
     .help =
         "Plugins are shared objects in HOME/plugins; those that come with leat are there, too,\n"
         "unless one in HOME has the same name.",
     .run = list},
    {.name = "info",
     .arguments = "NAME|FILE.so",
     .arguments_min = 1,
     .arguments_max = 1,
     .summary = "Show the tasks and notifiers of a plugin with their parameters",
     .help = "Examples:\n"
             "  leat plugin info csv\n"
             "  leat plugin info ./build/mine.so",
     .run = info},
    {.name = "run",
     .arguments = "NAME|FILE.so TASK",
     .arguments_min = 2,
     .arguments_max = 2,
     .summary = "Call one task: log on standard error, result as JSON on standard output",
     .help =
         "The call is a flow run like any other. A FILE.so need not be installed: it is tried in\n"
         "a temporary home.\n"
         "\n"
         "Examples:\n"
         "  leat plugin run csv csv.read -p path=flights.csv | jq .rows\n"
         "  leat plugin run ./build/hello.so hello.greet -p who=Ada",
     .options = plugin_run_options,
     .run = plugin_run},
    {.name = "check",
     .arguments = "FILE.so",
     .arguments_min = 1,
     .arguments_max = 1,
     .summary = "Say whether a file keeps the rules of plugins",
     .help = "One line per rule. The exit code is 2 when a rule is broken.",
     .run = plugin_check},
    {.name = NULL},
};

const struct cli_command cmd_plugin = {
    .name = "plugin",
    .group = "Plugins and settings",
    .arguments = "",
    .summary = "List, describe, try and check plugins",
    .subcommands = subcommands,
};
