#include <leat/plugin.h>

/* Greets one person by name and returns the sentence. */
static leat_status greet(leat_call *call)
{
    leat_str who = leat_param_str(call, "who");

    leat_info(call, "greeting %.*s", LEAT_STRF(who));
    return leat_result_fmt(call, "text", "Hello, %.*s!", LEAT_STRF(who));
}

LEAT_PLUGIN("example.hello", "1.0.0", "Says hello",
            LEAT_TASK(greet, "hello.greet", "Greet one person by name",
                      LEAT_STRING("who", "world", "Whom to greet")));
