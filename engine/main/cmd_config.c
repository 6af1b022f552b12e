/*
 * `leat config`: the effective settings.
 */
#include "main/commands.h"
#include "main/config.h"
#include "main/member.h"
#include "main/request.h"
#include "main/show.h"
#include "main/table.h"
#include "main/term.h"

/* Settings as a table. */
static void show_settings(const struct cli *cli, struct val answer, struct buf *out)
{
    static const struct table_column columns[] = {{"SETTING", false, 0, 0},
                                                  {"VALUE", false, 10, 0},
                                                  {"SOURCE", false, 0, 0},
                                                  {"MEANING", false, 20, 1},
                                                  {NULL, false, 0, 0}};
    struct table *table = table_new(cli, columns, 0);
    struct val_iter iter = member_iter(answer, "items");
    struct val setting;

    table_wrap_last(table);
    while (val_next(&iter, NULL, &setting)) {
        struct str name = member_text(setting, "name");
        struct str source = member_text(setting, "source");
        char text[128] = "";

        if (name.len < sizeof(text)) {
            memcpy(text, name.ptr, name.len);
        }
        table_cell(table, TERM_BOLD, name);
        table_cell(table, TERM_PLAIN, member_text(setting, "value"));
        table_cell(table, str_is(source, "default") ? TERM_DIM : TERM_CYAN, source);
        table_cell(table, TERM_DIM, str_of(config_doc(text)));
    }
    table_put(table, out);
    table_free(table);
}

/* leat config view */
static int view(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;

    (void)args;
    request_path(&target, "/config", NULL);
    return request_show(cli, &target, show_settings);
}

static const struct cli_command subcommands[] = {
    {.name = "view",
     .alias = "ls",
     .arguments = "",
     .summary = "Show every setting, its value and where it comes from",
     .help = "Settings come from HOME/leat.yaml; the environment overrules it: hosts.max is\n"
             "LEAT_HOSTS_MAX. A running engine keeps those it was started with.",
     .run = view},
    {.name = NULL},
};

const struct cli_command cmd_config = {
    .name = "config",
    .arguments = "",
    .summary = "See the effective settings",
    .subcommands = subcommands,
};
