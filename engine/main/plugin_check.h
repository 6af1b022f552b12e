/*
 * `leat plugin check`: does a file keep the rules of plugins?
 */
#ifndef MAIN_PLUGIN_CHECK_H
#define MAIN_PLUGIN_CHECK_H

#include "main/cli.h"

/* Checks the file args[0], one line or member of the document per rule. CLI_USAGE when it breaks a
 * rule. */
int plugin_check(struct cli *cli, const struct cli_args *args);

#endif
