/*
 * A plugin that crashes the process that loads it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <leat/plugin.h>

/* Runs before anybody has asked for anything. */
__attribute__((constructor)) static void begin(void)
{
    fprintf(stderr, "no good\n");
    signal(SIGABRT, SIG_DFL);
    abort();
}

/* Does nothing. */
static leat_status noop(leat_call *call)
{
    (void)call;
    return LEAT_OK;
}

LEAT_PLUGIN("abort_constructor", "1.0", "Works too early",
            LEAT_TASK(noop, "abort_constructor.noop", "Do nothing"));
