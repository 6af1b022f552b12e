/*
 * Log lines of a run on standard output; shared by `flow-run logs` and `task-run logs`.
 */
#ifndef MAIN_LOGS_H
#define MAIN_LOGS_H

#include <stdbool.h>

#include "main/cli.h"

#define LOGS_OPTIONS                                                                              \
    {"level", 'l', "LEVEL", "only lines of this level up: debug, info, warning, error, critical", \
     false},                                                                                      \
    {                                                                                             \
        "tail", 'n', "N", "only the last N lines", false                                          \
    }

struct logs_wanted {
    const char *run;
    const char *task; /* NULL: all lines */
    bool follow;      /* go on until the run has ended */
    long level;
    long tail; /* 0: all lines */
};

/* Fills in what LOGS_OPTIONS gave; false after a message. */
bool logs_options(const struct cli_args *args, struct logs_wanted *wanted);

/* Prints the lines; with -o json one document per line of output. An exit code. */
int logs_show(struct cli *cli, const struct logs_wanted *wanted);

#endif
