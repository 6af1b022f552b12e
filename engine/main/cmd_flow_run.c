/*
 * `leat flow-run`: list, look at, follow the logs of, cancel, retry and delete flow runs.
 */
#include <stdio.h>

#include "base/uuid.h"
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

/* Which run a command is about, by what never changes. */
struct target_run {
    char id[UUID_TEXT_SIZE];
    uint64_t number;
};

/* Reads id and number of a flow_run. */
static struct target_run run_of(struct val run)
{
    struct target_run found = {.number = (uint64_t)member_int(run, "number", 0)};

    snprintf(found.id, sizeof(found.id), "%.*s", STR_ARGS(member_text(run, "id")));
    return found;
}

/* Looks a run up; its flow_run is the answer. */
static int look_up(struct cli *cli, const char *word, struct target_run *ret_run,
                   struct api_response *ret_response)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    int code;

    request_path(&target, "/flow-runs/", word);
    request_query(&target, "tasks", "0");
    code = request_get(cli, "GET", &target, VAL_NONE, ret_response);
    if (code == CLI_OK) {
        /* By id from here on: a name could mean another run by the time of the next request. */
        *ret_run = run_of(api_response_value(ret_response));
    }
    return code;
}

/* The same for commands that want an engine that runs things. */
static int take_up(struct cli *cli, const char *word, struct target_run *ret_run)
{
    struct api_response response;
    int code = client_open(cli, CLIENT_RUN);

    if (code == CLI_OK) {
        code = look_up(cli, word, ret_run, &response);
    }
    if (code == CLI_OK) {
        api_response_done(&response);
    }
    return code;
}

/* Sends the request to cancel. */
static int send_cancel(struct cli *cli, const struct target_run *run, const char *reason)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    CLEANUP_BUF struct buf body = BUF_INIT(64 * 1024);
    struct api_response response;
    int code;

    request_path(&target, "/flow-runs/", run->id);
    request_path(&target, "/cancel", NULL);
    pack_map(&body, 1);
    pack_cstr(&body, "reason");
    pack_text(&body, str_of(reason ? reason : "cancelled on the command line"));
    code = request_get(cli, "POST", &target, (struct val){body.data, body.len}, &response);
    if (code == CLI_OK) {
        if (!client_is_engine(cli->client)) {
            tell(cli, api_response_value(&response), "cancelling");
        }
        api_response_done(&response);
    }
    return code;
}

/* leat flow-run cancel */
static int cancel(struct cli *cli, const struct cli_args *args)
{
    struct target_run run;
    int code = take_up(cli, args->arguments[0], &run);

    if (code == CLI_OK) {
        code = send_cancel(cli, &run, cli_value(args, "reason"));
    }
    if (code == CLI_OK && client_is_engine(cli->client)) {
        /* An interrupted run: its end is up to this process. */
        code = follow_run(cli, run.id, run.number, FOLLOW_QUIET);
        code = code == CLI_CANCELLED ? CLI_OK : code;
    }
    return code;
}

/* leat flow-run watch */
static int watch(struct cli *cli, const struct cli_args *args)
{
    struct target_run run;
    int code = take_up(cli, args->arguments[0], &run);

    if (code != CLI_OK) {
        return code;
    }
    follow_catch_interrupts();
    return follow_run(cli, run.id, run.number, FOLLOW_WATCH);
}

/* leat flow-run retry */
static int retry(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    struct api_response response;
    struct target_run run;
    int code = take_up(cli, args->arguments[0], &run);

    if (code != CLI_OK) {
        return code;
    }
    request_path(&target, "/flow-runs/", run.id);
    request_path(&target, "/retry", NULL);
    follow_catch_interrupts();
    code = request_get(cli, "POST", &target, VAL_NONE, &response);
    if (code != CLI_OK) {
        return code;
    }
    api_response_done(&response);
    return follow_run(cli, run.id, run.number,
                      cli_given(args, "quiet") ? FOLLOW_QUIET : FOLLOW_TREE);
}

/* Removes one run. */
static int delete_run(struct cli *cli, const char *word)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    struct api_response response;
    struct api_response gone;
    struct target_run run;
    int code = look_up(cli, word, &run, &response);

    if (code != CLI_OK) {
        return code;
    }
    request_path(&target, "/flow-runs/", run.id);
    code = request_get(cli, "DELETE", &target, VAL_NONE, &gone);
    if (code == CLI_OK) {
        api_response_done(&gone);
        tell(cli, api_response_value(&response), "deleted");
    }
    api_response_done(&response);
    return code;
}

/* leat flow-run delete */
static int delete_runs(struct cli *cli, const struct cli_args *args)
{
    int code = CLI_OK;

    for (int i = 0; i < args->argument_count && code == CLI_OK; i++) {
        code = delete_run(cli, args->arguments[i]);
    }
    return code;
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
    {.name = "watch",
     .arguments = "RUN",
     .arguments_min = 1,
     .arguments_max = 1,
     .summary = "Follow a flow run to its end; take up an interrupted one",
     .help = "When no engine is running, this process becomes one and goes on with what was "
             "interrupted. Ctrl-C stops watching and cancels nothing. The exit code is that of "
             "`leat run`.",
     .run = watch},
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
         "Steps that completed keep their results; the others run again, with the flow file as it\n"
         "was and the plugins as they are now. The exit code is that of `leat run`.",
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
    .summary = "List, look at, watch, cancel, retry and delete flow runs",
    .help = "RUN is a run's id, the beginning of one (8 characters or more), its name, or @last.",
    .subcommands = subcommands,
};
