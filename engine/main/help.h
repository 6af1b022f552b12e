/*
 * What `--help` prints, made from the tables of commands and options.
 */
#ifndef MAIN_HELP_H
#define MAIN_HELP_H

#include <stdbool.h>

#include "main/cli.h"

/* Prints the help of <command>, which was reached by the words <path> ("leat flow-run ls"), in at
 * most <width> columns. <common> are the options that every command has. */
void help_print(const struct cli_command *command, const char *path,
                const struct cli_option *common, bool colour, int width);

#endif
