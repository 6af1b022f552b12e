/*
 * A plugin that takes for ever to load.
 */
#include <unistd.h>

#include <leat/plugin.h>

/* Runs before anybody has asked for anything. */
__attribute__((constructor)) static void begin(void)
{
    for (;;) {
        pause();
    }
}

/* Does nothing. */
static leat_status noop(leat_call *call)
{
    (void)call;
    return LEAT_OK;
}

LEAT_PLUGIN("slow_constructor", "1.0", "Works too early",
            LEAT_TASK(noop, "slow_constructor.noop", "Do nothing"));
