/*
 * A plugin with a bug, for the demo: its task writes through a wild pointer until a given attempt.
 * The engine that runs it must not mind.
 */
#include <leat/plugin.h>

#include <stdlib.h>

/* Crashes on every attempt before `works_on`. */
static leat_status crash(leat_call *call)
{
    int64_t attempt = strtoll(leat_fact(call, "attempt").ptr, NULL, 10);

    if (attempt < leat_param_int(call, "works_on")) {
        volatile int *nowhere = (volatile int *)8;

        leat_warn(call, "attempt %lld is about to write where it must not", (long long)attempt);
        *nowhere = 1;
    }
    return leat_result_int(call, "attempt", attempt);
}

LEAT_PLUGIN("unstable", "0.1.0", "Crashes",
            LEAT_TASK(crash, "unstable.crash", "Crash until a given attempt",
                      LEAT_INT("works_on", "1", "The first attempt that does not crash")));
