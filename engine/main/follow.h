/*
 * Following a run to its end in front of a person or a program; shared by `run` and `flow-run
 * retry`.
 */
#ifndef MAIN_FOLLOW_H
#define MAIN_FOLLOW_H

#include <stdint.h>

#include "main/cli.h"

/* What is shown of a run meanwhile and at its end. With -o json it is always the one document. */
enum follow_style {
    FOLLOW_TREE,   /* a live tree or plain lines, then the summary */
    FOLLOW_QUIET,  /* only the summary */
    FOLLOW_RESULT, /* log lines on standard error, then the result as JSON on standard output */
    FOLLOW_WATCH,  /* as FOLLOW_TREE, but Ctrl-C only stops looking */
};

/* From now on Ctrl-C and SIGTERM cancel the run that is followed next instead of ending this
 * process. To be called before that run is started, so that it can not go on unattended. */
void follow_catch_interrupts(void);

/* Shows the run <id> until it has ended; Ctrl-C cancels it. An exit code. <number> is the
 * run's number in the engine. */
int follow_run(struct cli *cli, const char *id, uint64_t number, enum follow_style style);

#endif
