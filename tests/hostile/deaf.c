/*
 * A plugin that does not listen: not to the flag, not to SIGTERM.
 */
#include <signal.h>
#include <unistd.h>

#include <leat/plugin.h>

/* Blocks every signal that can be blocked, in this thread, then waits for ever. */
static leat_status deaf(leat_call *call)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    leat_info(call, "not listening");
    while (pause()) {
    }
    return LEAT_OK;
}

/* Burns a processor, deaf. */
static leat_status spin(leat_call *call)
{
    volatile int turns = 0;

    signal(SIGTERM, SIG_IGN);
    leat_info(call, "not listening");
    while (turns >= 0) {
        turns = (turns + 1) & 0xff;
    }
    return LEAT_OK;
}

/* Only stops itself: the process answers nothing until somebody kills it. */
static leat_status frozen(leat_call *call)
{
    leat_info(call, "not listening");
    raise(SIGSTOP);
    return LEAT_OK;
}

LEAT_PLUGIN("deaf", "1.0", "Does not listen", LEAT_TASK(deaf, "deaf.wait", "Waits for ever"),
            LEAT_TASK(spin, "deaf.spin", "Spins for ever"),
            LEAT_TASK(frozen, "deaf.frozen", "Stops its process"));
