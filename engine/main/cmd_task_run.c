/*
 * `leat task-run`: list, look at and read the logs of task runs.
 */
#include <string.h>

#include "main/commands.h"
#include "main/logs.h"
#include "main/request.h"
#include "main/run_show.h"

/* leat task-run ls */
static int list(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;
    const char *run = cli_value(args, "run");

    if (run && cli_given(args, "step")) {
        return cli_error(CLI_USAGE, "--step goes over all runs; with --run, name the task run: "
                                    "leat task-run inspect RUN/TASK");
    }
    if (!run && cli_given(args, "children")) {
        return cli_error(CLI_USAGE, "--children needs --run");
    }
    if (run) {
        request_path(&target, "/flow-runs/", run);
        request_path(&target, "/task-runs", NULL);
    } else {
        request_path(&target, "/task-runs", NULL);
    }
    if (!request_list(&target, args)) {
        return CLI_USAGE;
    }
    request_option(&target, args, "state");
    request_option(&target, args, "step");
    request_query(&target, "children", cli_given(args, "children") ? "1" : NULL);
    return request_show(cli, &target, run_show_tasks);
}

/* leat task-run inspect */
static int inspect(struct cli *cli, const struct cli_args *args)
{
    CLEANUP_BUF struct buf target = REQUEST_INIT;

    if (!request_task(&target, args->arguments[0])) {
        return CLI_USAGE;
    }
    request_query(&target, "expand", cli_given(args, "expand") ? "1" : NULL);
    return request_show(cli, &target, run_show_task);
}

/* leat task-run logs */
static int logs(struct cli *cli, const struct cli_args *args)
{
    char *slash = strrchr(args->arguments[0], '/');
    struct logs_wanted wanted = {.run = args->arguments[0], .follow = cli_given(args, "follow")};

    if (!slash || slash == args->arguments[0] || slash[1] == '\0') {
        return cli_error(CLI_USAGE, "a task run is named RUN/TASK, such as @last/train, not \"%s\"",
                         args->arguments[0]);
    }
    *slash = '\0';
    wanted.task = slash + 1;
    if (!logs_options(args, &wanted)) {
        return CLI_USAGE;
    }
    return logs_show(cli, &wanted);
}

static const struct cli_option list_options[] = {
    {"run", 'r', "RUN", "only task runs of this flow run", false},
    {"state", 's', "STATE", "only in this state (TimedOut) or type of states (FAILED)", false},
    {"step", 0, "STEP", "only of steps of this name", false},
    {"children", 'c', NULL, "children of mapped steps, too (with --run)", false},
    REQUEST_LIST_OPTIONS,
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_option inspect_options[] = {
    {"expand", 0, NULL, "show large values (up to 64 MiB) in place of references", false},
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_option log_options[] = {
    {"follow", 'f', NULL, "keep on until the run has ended", false},
    LOGS_OPTIONS,
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_command subcommands[] = {
    {.name = "ls",
     .arguments = "",
     .summary = "List task runs, newest flow run first",
     .help = "Examples:\n"
             "  leat task-run ls --state FAILED\n"
             "  leat task-run ls --run @last --children",
     .options = list_options,
     .run = list},
    {.name = "inspect",
     .arguments = "RUN/TASK",
     .arguments_min = 1,
     .arguments_max = 1,
     .summary = "Show everything about a task run",
     .help = "Examples:\n"
             "  leat task-run inspect @last/train\n"
             "  leat task-run inspect 'perky-eel/fit[3]' -o json | jq .result",
     .options = inspect_options,
     .run = inspect},
    {.name = "logs",
     .arguments = "RUN/TASK",
     .arguments_min = 1,
     .arguments_max = 1,
     .summary = "Print the log lines of a task run",
     .help = "Those of a mapped step include its children's.",
     .options = log_options,
     .run = logs},
    {.name = NULL},
};

const struct cli_command cmd_task_run = {
    .name = "task-run",
    .arguments = "",
    .summary = "List and look at single task runs",
    .help =
        "RUN/TASK is a flow run (id, beginning of one, name, or @last) and a task run of it: the\n"
        "name of a step, or STEP[3] for a child of a mapped one.",
    .subcommands = subcommands,
};
