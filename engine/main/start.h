/*
 * Starting a run: from a flow's text and what people gave on the command line to a request, sent to
 * an engine that may be this process. Shared by `run` and `plugin run`.
 */
#ifndef MAIN_START_H
#define MAIN_START_H

#include <stdint.h>

#include "base/str.h"
#include "base/uuid.h"
#include "main/cli.h"

/* Options by which parameters are given. */
#define START_PARAM_OPTIONS                                                                     \
    {"param", 'p', "NAME=VALUE", "a parameter", true},                                          \
    {                                                                                           \
        "params-file", 'f', "FILE", "parameters as a JSON object (- for standard input)", false \
    }

struct start_flow {
    const struct cli_args *args; /* param, params-file, name, tag, refresh-cache */
    struct str text;
    const char *file; /* absolute; NULL when the text is from nowhere */
};

struct start_run {
    char id[UUID_TEXT_SIZE];
    uint64_t number;
};

/* Starts the run, which is to be followed: see follow_catch_interrupts(). CLI_OK, or an exit code
 * after a message with every problem. */
int start_flow(struct cli *cli, const struct start_flow *flow, struct start_run *ret_run);

#endif
