/*
 * `leat`: the one binary. The first word says what it is this time: a host process that the engine
 * started, or one of the commands that people use.
 */
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "main/cli.h"
#include "main/commands.h"
#include "main/version.h"
#include "work/host.h"

static const char help[] =
    "To begin:\n"
    "  leat init demo && cd demo      a project to start from\n"
    "  leat run flows/hello.yaml      run a flow and watch it\n"
    "  leat flow-run inspect @last    look at what it did\n"
    "\n"
    "A flow is a YAML file whose steps call tasks. Tasks come from plugins: shared objects in "
    "HOME/plugins besides those that come with leat. Every run is recorded in HOME/store.\n"
    "\n"
    "HOME is --home, else $LEAT_HOME, else the nearest directory upwards with a leat.yaml, else "
    "~/.local/share/leat.\n"
    "\n"
    "RUN is a run's id, the beginning of one (8 characters or more), its name, or @last. RUN/TASK "
    "is a task run of it, such as @last/train or @last/fit[3].\n"
    "\n"
    "Exit codes:\n"
    "  0  fine\n"
    "  1  the run failed\n"
    "  2  wrong usage or input\n"
    "  3  the engine can not be reached or started\n"
    "  4  cancelled";

/* Widths of characters are those of UTF-8 whatever the locale: names and texts are UTF-8. */
static void set_locale(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        setlocale(LC_CTYPE, "C.UTF-8");
    }
}

int main(int argc, char **argv)
{
    const struct cli_command commands[] = {
        cmd_run,      cmd_check,   cmd_init,         cmd_schema, cmd_flow_run,
        cmd_task_run, cmd_cache,   cmd_notification, cmd_plugin, cmd_config,
        cmd_api,      cmd_version, {.name = NULL},
    };
    const struct cli_command root = {.name = "leat",
                                     .arguments = "",
                                     .summary = "leat " VERSION_TEXT
                                                ": workflows of native code, durable and cached",
                                     .help = help,
                                     .subcommands = commands};

    if (argc > 1 && strcmp(argv[1], "host") == 0) {
        return host_main(argc - 1, argv + 1);
    }
    set_locale();
    signal(SIGPIPE, SIG_IGN); /* a closed reader ends us through a failed write, with a message */
    return cli_main(&root, argc, argv);
}
