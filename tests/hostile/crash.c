/*
 * A plugin that ends its process in every way there is.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <leat/plugin.h>

/* Ends by a wild pointer, with the default action whatever a sanitizer has installed. */
static leat_status crash_segv(leat_call *call)
{
    (void)call;
    signal(SIGSEGV, SIG_DFL);
    fprintf(stderr, "last words\n");
    raise(SIGSEGV);
    return LEAT_OK;
}

/* Ends by abort(). */
static leat_status crash_abort(leat_call *call)
{
    (void)call;
    signal(SIGABRT, SIG_DFL);
    abort();
}

/* Ends as if all was well. */
static leat_status crash_exit0(leat_call *call)
{
    leat_result_text(call, "lost", "never seen");
    exit(0);
}

/* Ends without any handlers. */
static leat_status crash_exit3(leat_call *call)
{
    (void)call;
    _exit(3);
}

/* Ends as the system's memory killer does it. */
static leat_status crash_kill(leat_call *call)
{
    (void)call;
    raise(SIGKILL);
    return LEAT_OK;
}

/* Ends everything it can reach by its process group. */
static leat_status crash_group(leat_call *call)
{
    (void)call;
    kill(0, SIGTERM);
    return LEAT_OK;
}

LEAT_PLUGIN("crash", "1.0", "Dies", LEAT_TASK(crash_segv, "crash.segv", "Dies of SIGSEGV"),
            LEAT_TASK(crash_abort, "crash.abort", "Aborts"),
            LEAT_TASK(crash_exit0, "crash.exit0", "Exits with 0"),
            LEAT_TASK(crash_exit3, "crash.exit3", "Exits with 3 at once"),
            LEAT_TASK(crash_kill, "crash.kill", "Dies of SIGKILL"),
            LEAT_TASK(crash_group, "crash.group", "Kills its group"));
