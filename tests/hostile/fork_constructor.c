/*
 * A plugin that starts a process while it is loaded, which keeps every pipe open.
 */
#include <unistd.h>

#include <leat/plugin.h>

/* Runs before anybody has asked for anything. */
__attribute__((constructor)) static void begin(void)
{
    if (fork() == 0) {
        for (;;) {
            pause();
        }
    }
}

/* Does nothing. */
static leat_status noop(leat_call *call)
{
    (void)call;
    return LEAT_OK;
}

LEAT_PLUGIN("fork_constructor", "1.0", "Works too early",
            LEAT_TASK(noop, "fork_constructor.noop", "Do nothing"));
