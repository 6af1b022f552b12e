/*
 * `leat plugin run`: one call of a task at the desk.
 */
#ifndef MAIN_PLUGIN_RUN_H
#define MAIN_PLUGIN_RUN_H

#include "main/cli.h"

extern const struct cli_option plugin_run_options[];

/* Runs task <args[1]> of the plugin or file <args[0]>: its log goes to standard error, its result
 * to standard output. An exit code. */
int plugin_run(struct cli *cli, const struct cli_args *args);

#endif
