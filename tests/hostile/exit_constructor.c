/*
 * A plugin that ends the process that loads it.
 */
#include <stdlib.h>

#include <leat/plugin.h>

/* Runs before anybody has asked for anything. */
__attribute__((constructor)) static void begin(void)
{
    exit(0);
}

/* Does nothing. */
static leat_status noop(leat_call *call)
{
    (void)call;
    return LEAT_OK;
}

LEAT_PLUGIN("exit_constructor", "1.0", "Works too early",
            LEAT_TASK(noop, "exit_constructor.noop", "Do nothing"));
