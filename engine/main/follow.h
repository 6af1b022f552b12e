/*
 * Following a run to its end in front of a person or a program; shared by `run` and `flow-run retry`.
 */
#ifndef MAIN_FOLLOW_H
#define MAIN_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "main/cli.h"

/* Shows the run <id> until it has ended, lets Ctrl-C cancel it, and prints the summary, or the one
 * JSON document of -o json. An exit code. <number> is the run's number in the engine. */
int follow_run(struct cli *cli, const char *id, uint64_t number, bool quiet);

#endif
