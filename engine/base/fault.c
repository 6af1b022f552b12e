/*
 * Fault points; see fault.h. Empty in release builds.
 */
#include "base/fault.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"

#ifdef LEAT_FAULTS

/* Stalls the calling thread. */
static void stall(unsigned long ms)
{
    struct timespec rest = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    while (nanosleep(&rest, &rest) != 0) {
    }
}

bool fault_hit(const char *name)
{
    static atomic_ulong hits;
    const char *armed = getenv("LEAT_FAULT");
    size_t len = strlen(name);
    if (!armed || strncmp(armed, name, len) != 0 || armed[len] != ':') {
        return false;
    }
    const char *action = armed + len + 1;
    const char *colon = strchr(action, ':');
    unsigned long nth = colon ? strtoul(colon + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&hits, 1) + 1 != nth) {
        return false;
    }
    size_t action_len = colon ? (size_t)(colon - action) : strlen(action);
    if (action_len == 5 && strncmp(action, "error", 5) == 0) {
        return true;
    }
    if (action_len == 4 && strncmp(action, "kill", 4) == 0) {
        kill(getpid(), SIGKILL);
        pause();
    }
    must(strncmp(action, "delay-", 6) == 0);
    stall(strtoul(action + 6, NULL, 10));
    return false;
}

#endif
