/*
 * `leat`: the one binary. The first word says what it is this time: a host process that the engine
 * started, or one of the commands that people use.
 */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "main/cli.h"
#include "main/commands.h"
#include "work/host.h"

static const char help[] =
    "A flow is a YAML file whose steps call tasks; tasks come from plugins, which are shared objects\n"
    "in HOME/plugins. Every run is recorded in HOME/store and can be looked at afterwards.\n"
    "\n"
    "HOME is --home, else $LEAT_HOME, else the nearest directory upwards with a leat.yaml, else\n"
    "~/.local/share/leat. RUN is a run's id, the beginning of one, its name, or @last.\n"
    "\n"
    "Exit codes: 0 fine, 1 the run failed, 2 wrong usage or input, 3 the engine can not be reached\n"
    "or started, 4 cancelled.\n"
    "\n"
    "To begin:\n"
    "  leat init demo && cd demo      a project to start from\n"
    "  leat run flows/hello.yaml      run a flow and watch it\n"
    "  leat flow-run inspect @last    look at what it did";

int main(int argc, char **argv)
{
    const struct cli_command commands[] = {
        cmd_run,        cmd_check,        cmd_init,   cmd_schema, cmd_plugin, cmd_flow_run,
        cmd_task_run,   cmd_cache,        cmd_notification,       cmd_config, cmd_api,
        cmd_version,    {.name = NULL},
    };
    const struct cli_command root = {.name = "leat",
                                     .arguments = "",
                                     .summary = "leat: workflows of native code, durable and cached",
                                     .help = help,
                                     .subcommands = commands};

    if (argc > 1 && strcmp(argv[1], "host") == 0) {
        return host_main(argc - 1, argv + 1);
    }
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN); /* a closed reader ends us through a failed write, with a message */
    return cli_main(&root, argc, argv);
}
