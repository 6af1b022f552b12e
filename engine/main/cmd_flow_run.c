/*
 * `leat flow-run`: list, look at, follow the logs of, cancel, retry and delete flow runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main/commands.h"
#include "main/follow.h"
#include "main/logs.h"
#include "main/member.h"
#include "main/request.h"
#include "main/run_show.h"
#include "main/show.h"
#include "main/term.h"
#include "value/pack.h"

/* leat flow-run ls */
static int list(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;

    request_path(&target, "/flow-runs", NULL);
    if (!request_list(&target, args)) {
        return CLI_USAGE;
    }
    request_option(&target, args, "state");
    request_option(&target, args, "flow");
    request_option(&target, args, "tag");
    request_option(&target, args, "name");
    request_query(&target, "top", cli_given(args, "subflows") ? NULL : "1");
    return request_show(cli, &target, run_show_list);
}

/* leat flow-run inspect */
static int inspect(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;

    request_path(&target, "/flow-runs/", args->arguments[0]);
    request_query(&target, "children", cli_given(args, "children") ? "1" : NULL);
    request_query(&target, "expand", cli_given(args, "expand") ? "1" : NULL);
    return request_show(cli, &target, run_show_one);
}

/* leat flow-run logs */
static int logs(struct cli *cli, const struct cli_args *args)
{
    struct logs_wanted wanted = {.run = args->arguments[0],
                                 .task = cli_value(args, "task"),
                                 .follow = cli_given(args, "follow")};

    if (!logs_options(args, &wanted)) {
        return CLI_USAGE;
    }
    return logs_show(cli, &wanted);
}

/* Prints the flow_run of an answer: as JSON, or as "<words> NAME". */
static void tell(const struct cli *cli, struct val run, const char *words)
{
    CLEANUP_BUF struct buf out = BUF_INIT(SHOW_MAX);

    if (cli->json) {
        show_json(run);
        return;
    }
    buf_printf(&out, "%s ", words);
    term_put_text(&out, member_text(run, "name"));
    buf_put_str(&out, STR(" ("));
    term_put_text(&out, member_text(run, "id"));
    buf_put_str(&out, STR(")\n"));
    show_flush(&out);
}

/* leat flow-run cancel */
static int cancel(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    CLEANUP_BUF struct buf body = BUF_INIT(64 * 1024);
    const char *reason = cli_value(args, "reason");
    struct api_response response;
    int code;

    request_path(&target, "/flow-runs/", args->arguments[0]);
    request_path(&target, "/cancel", NULL);
    pack_map(&body, 1);
    pack_cstr(&body, "reason");
    pack_text(&body, str_of(reason ? reason : "cancelled on the command line"));
    code = request_get(cli, "POST", &target, (struct val){body.data, body.len}, &response);
    if (code == CLI_OK) {
        tell(cli, api_response_value(&response), "cancelling");
        api_response_done(&response);
    }
    return code;
}

/* leat flow-run retry */
static int retry(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    struct api_response response;
    uint64_t number;
    char id[64];
    int code = client_open(cli, CLIENT_RUN); /* this process has to be able to run it */

    request_path(&target, "/flow-runs/", args->arguments[0]);
    request_path(&target, "/retry", NULL);
    if (code == CLI_OK) {
        follow_catch_interrupts();
        code = request_get(cli, "POST", &target, VAL_NONE, &response);
    }
    if (code != CLI_OK) {
        return code;
    }
    snprintf(id, sizeof(id), "%.*s", STR_ARGS(member_text(api_response_value(&response), "id")));
    number = (uint64_t)member_int(api_response_value(&response), "number", 0);
    api_response_done(&response);
    return follow_run(cli, id, number, cli_given(args, "quiet") ? FOLLOW_QUIET : FOLLOW_TREE);
}

/* leat flow-run delete */
static int delete_runs(struct cli *cli, const struct cli_args *args)
{
    for (int i = 0; i < args->argument_count; i++) {
        CLEANUP_BUF struct buf target = REQUEST_INIT;
        CLEANUP_BUF struct buf path = REQUEST_INIT;
        struct api_response response;
        char id[64];
        int code;

        request_path(&target, "/flow-runs/", args->arguments[i]);
        request_query(&target, "tasks", "0");
        code = request_get(cli, "GET", &target, VAL_NONE, &response);
        if (code != CLI_OK) {
            return code;
        }
        /* By id from here on: a name could mean another run by the time of the second request. */
        snprintf(id, sizeof(id), "%.*s",
                 STR_ARGS(member_text(api_response_value(&response), "id")));
        request_path(&path, "/flow-runs/", id);
        {
            struct api_response gone;

            code = request_get(cli, "DELETE", &path, VAL_NONE, &gone);
            if (code == CLI_OK) {
                api_response_done(&gone);
                tell(cli, api_response_value(&response), "deleted");
            }
        }
        api_response_done(&response);
        if (code != CLI_OK) {
            return code;
        }
    }
    return CLI_OK;
}

static const struct cli_option list_options[] = {
    {"state", 's', "STATE", "only runs in this state (TimedOut) or type of states (FAILED)", false},
    {"flow", 'f', "FLOW", "only runs of this flow", false},
    {"tag", 't', "TAG", "only runs with this tag", false},
    {"name", 'n', "NAME", "only runs of this name", false},
    {"subflows", 0, NULL, "runs of subflows, too", false},
    REQUEST_LIST_OPTIONS,
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_option inspect_options[] = {
    {"children", 'c', NULL, "list the children of mapped steps, too", false},
    {"expand", 0, NULL, "show large values (up to 64 MiB) in place of references", false},
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_option log_options[] = {
    {"follow", 'f', NULL, "keep on until the run has ended", false},
    {"task", 't', "TASK", "only lines of this task run, such as train or fit[3]", false},
    LOGS_OPTIONS,
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_option cancel_options[] = {
    {"reason", 'r', "TEXT", "why; becomes the error text of the run", false},
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_option retry_options[] = {
    {"quiet", 'q', NULL, "show only the summary", false},
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_command subcommands[] = {
    {.name = "ls",
     .arguments = "",
     .summary = "List flow runs, newest first",
     .help = "Examples:\n"
             "  leat flow-run ls --state FAILED --flow train\n"
             "  leat flow-run ls -l 1000 -o json | jq -r '.items[].id'",
     .options = list_options,
     .run = list},
    {.name = "inspect",
     .arguments = "RUN",
     .arguments_min = 1,
     .arguments_max = 1,
     .summary = "Show everything about a flow run",
     .help = "Examples:\n"
             "  leat flow-run inspect @last\n"
             "  leat flow-run inspect perky-eel -o json | jq .result",
     .options = inspect_options,
     .run = inspect},
    {.name = "logs",
     .arguments = "RUN",
     .arguments_min = 1,
     .arguments_max = 1,
     .summary = "Print the log lines of a flow run",
     .help = "Examples:\n"
             "  leat flow-run logs @last --level warning\n"
             "  leat flow-run logs @last -f --task train",
     .options = log_options,
     .run = logs},
    {.name = "cancel",
     .arguments = "RUN",
     .arguments_min = 1,
     .arguments_max = 1,
     .summary = "Stop a flow run; its `finally` steps still run",
     .help = "What runs is asked to stop, then terminated, then killed, within a bounded time.",
     .options = cancel_options,
     .run = cancel},
    {.name = "retry",
     .arguments = "RUN",
     .arguments_min = 1,
     .arguments_max = 1,
     .summary = "Start an ended flow run again and follow it",
     .help =
         "Steps that completed keep their results; the others run again. The exit code is that\n"
         "of `leat run`.",
     .options = retry_options,
     .run = retry},
    {.name = "delete",
     .alias = "rm",
     .arguments = "RUN...",
     .arguments_min = 1,
     .arguments_max = CLI_ARGUMENTS_MAX,
     .summary = "Remove ended flow runs with their subflows, logs and results",
     .run = delete_runs},
    {.name = NULL},
};

const struct cli_command cmd_flow_run = {
    .name = "flow-run",
    .group = "Runs",
    .arguments = "",
    .summary = "List, look at, cancel, retry and delete flow runs",
    .help = "RUN is a run's id, the beginning of one (8 characters or more), its name, or @last.",
    .subcommands = subcommands,
};
