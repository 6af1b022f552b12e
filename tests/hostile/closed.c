/*
 * A plugin that does not open.
 */
#include <leat/plugin.h>

/* Never called. */
static leat_status noop(leat_call *call)
{
    (void)call;
    return LEAT_OK;
}

/* Refuses to work. */
static leat_status refuse(leat_call *call, void **ret_state)
{
    (void)ret_state;
    return leat_fail(call, "closed.licence", "there is no licence on this machine");
}

LEAT_PLUGIN_EX("closed", "1.0", "Does not open", 0, refuse, NULL,
               LEAT_TASK(noop, "closed.noop", "Do nothing"));
