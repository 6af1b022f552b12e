/*
 * log: the simplest notifier. The message becomes a line of the log.
 */
#include <leat/plugin.h>

/* Writes the event's message. */
static leat_status notify(leat_call *call)
{
    leat_view event = leat_param_value(call, "event");
    leat_str level = leat_param_str(call, "level");
    leat_str message = leat_view_str(leat_view_find(event, "message"));

    if (message.ptr == NULL) {
        return leat_fail(call, "log.bad_event", "the event has no message");
    }
    if (leat_str_is(level, "debug")) {
        leat_debug(call, "%.*s", LEAT_STRF(message));
    } else if (leat_str_is(level, "info")) {
        leat_info(call, "%.*s", LEAT_STRF(message));
    } else if (leat_str_is(level, "warning")) {
        leat_warn(call, "%.*s", LEAT_STRF(message));
    } else if (leat_str_is(level, "error")) {
        leat_error(call, "%.*s", LEAT_STRF(message));
    } else {
        return leat_fail(call, "log.bad_params",
                         "`level` is debug, info, warning or error, not \"%.*s\"",
                         LEAT_STRF(level));
    }
    return LEAT_OK;
}

LEAT_PLUGIN("log", "1.0.0", "Notifies by writing to the log",
            LEAT_NOTIFIER(notify, "log", "Write the message to the log",
                          LEAT_VALUE_REQUIRED("event", "What happened; the engine fills it in"),
                          LEAT_STRING("level", "info", "debug, info, warning or error")));
