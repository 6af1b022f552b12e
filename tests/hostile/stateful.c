/*
 * A plugin with open and close: counts its calls, and leaves a file when it is closed properly.
 */
#include <stdio.h>
#include <stdlib.h>

#include <leat/plugin.h>

static int64_t counter;
static char closing_file[512];

/* Gives the counter as the state of this process. */
static leat_status begin(leat_call *call, void **ret_state)
{
    leat_info(call, "opened");
    *ret_state = &counter;
    return LEAT_OK;
}

/* Leaves a sign. */
static void end(void *state)
{
    FILE *file = state == &counter && closing_file[0] ? fopen(closing_file, "w") : NULL;

    if (file) {
        fclose(file);
    }
}

/* Counts, and notes where to leave the sign. */
static leat_status count(leat_call *call)
{
    int64_t *state = leat_state(call);

    (*state)++;
    snprintf(closing_file, sizeof(closing_file), "%.*s",
             LEAT_STRF(leat_param_str(call, "closing_file")));
    return leat_result_int(call, "count", *state);
}

LEAT_PLUGIN_EX("stateful", "1.0", "Counts", 0, begin, end,
               LEAT_TASK(count, "stateful.count", "Count calls",
                         LEAT_STRING("closing_file", "", "f")));
