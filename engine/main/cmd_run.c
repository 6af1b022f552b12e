/*
 * `leat run`: hands a flow to an engine, which may be this process, and follows the run to its end.
 */
#include "base/file.h"
#include "base/mem.h"
#include "main/commands.h"
#include "main/follow.h"
#include "main/start.h"
#include "model/flow.h"

/* Reads the flow file; false after a message. */
static bool read_flow(const char *path, struct buf *text)
{
    struct err_text why;

    if (file_read(path, text, &why) != 0) {
        cli_error(CLI_USAGE, "%s", why.text);
        return false;
    }
    if (!str_utf8_ok(buf_str(text))) {
        cli_error(CLI_USAGE, "%s is not a flow file: it is not UTF-8 text", path);
        return false;
    }
    return true;
}

/* leat run */
static int run(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_FREE char *file = file_absolute(args->arguments[0]);
    CLEANUP_BUF struct buf text = BUF_INIT(FLOW_TEXT_MAX);
    struct start_run started;
    int code;

    if (!read_flow(args->arguments[0], &text)) {
        return CLI_USAGE;
    }
    code = start_flow(cli, &(struct start_flow){.args = args, .text = buf_str(&text), .file = file},
                      &started);
    if (code != CLI_OK) {
        return code;
    }
    return follow_run(cli, started.id, started.number,
                      cli_given(args, "quiet") ? FOLLOW_QUIET : FOLLOW_TREE);
}

static const struct cli_option options[] = {
    START_PARAM_OPTIONS,
    {"name", 'n', "NAME", "a name for the run (default: the flow's, or a friendly one)", false},
    {"tag", 't', "TAG", "a tag for the run", true},
    {"refresh-cache", 0, NULL, "compute everything anew and renew the cache", false},
    {"quiet", 'q', NULL, "show only the summary", false},
    {NULL, 0, NULL, NULL, false},
};

const struct cli_command cmd_run = {
    .name = "run",
    .group = "Flows",
    .arguments = "FLOW.yaml",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "Run a flow and follow it to its end",
    .help =
        "If an engine owns the home, it runs the flow; otherwise this process is the engine for "
        "as long as it takes. Relative paths in the flow's tasks start in the current directory.\n"
        "In a terminal a live tree is shown; elsewhere, plain lines. Ctrl-C cancels the run.\n"
        "\n"
        "Examples:\n"
        "  leat run flows/train.yaml -p month=2001-01 -p rounds=80\n"
        "  leat run flows/train.yaml -o json | jq .state.name",
    .options = options,
    .run = run,
};
