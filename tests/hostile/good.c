/*
 * A plugin that keeps the rules: what the pool's tests run when nothing is to go wrong.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <leat/plugin.h>

/* Does nothing. */
static leat_status noop(leat_call *call)
{
    (void)call;
    return LEAT_OK;
}

/* Gives back its parameters, each in its type. */
static leat_status echo(leat_call *call)
{
    leat_str bytes = leat_param_bytes(call, "bytes");
    leat_view value = leat_param_value(call, "value");
    leat_view list = leat_param_int_list(call, "list");

    leat_result_str(call, "string", leat_param_str(call, "string"));
    leat_result_int(call, "int", leat_param_int(call, "int"));
    leat_result_float(call, "float", leat_param_float(call, "float"));
    leat_result_bool(call, "bool", leat_param_bool(call, "bool"));
    leat_result_int(call, "duration", leat_param_duration(call, "duration"));
    leat_result_int(call, "size", leat_param_size(call, "size"));
    leat_result_bytes(call, "bytes", bytes.ptr ? bytes.ptr : "", bytes.len);
    if (value.len > 0) {
        leat_result_value(call, "value", (leat_str){(const char *)value.ptr, value.len});
    }
    if (list.len > 0) {
        leat_result_value(call, "list", (leat_str){(const char *)list.ptr, list.len});
    }
    return leat_result_str(call, "file", leat_param_file(call, "file"));
}

/* Gives back the whole input. */
static leat_status whole(leat_call *call)
{
    leat_view input = leat_input(call);

    return leat_result_whole(call, (leat_str){(const char *)input.ptr, input.len});
}

/* How long a text is, and the text itself. */
static leat_status measure(leat_call *call)
{
    leat_str text = leat_param_str(call, "text");

    leat_result_int(call, "len", (int64_t)text.len);
    return leat_result_str(call, "text", text);
}

/* Makes a text of <size> bytes. */
static leat_status big(leat_call *call)
{
    size_t size = (size_t)leat_param_size(call, "size");
    char *text = leat_alloc(call, size + 1);

    if (!text) {
        return leat_fail(call, "good.memory", "no memory for %zu bytes", size);
    }
    memset(text, 'x', size);
    return leat_result_str(call, "text", (leat_str){text, size});
}

/* Works for <time> unless told to stop. */
static leat_status wait_for(leat_call *call)
{
    int64_t ms = leat_param_duration(call, "time") / 1000;
    struct pollfd cancel = {leat_cancel_fd(call), POLLIN, 0};

    if (poll(&cancel, 1, (int)ms) > 0) {
        leat_info(call, "told to stop: %d", (int)leat_cancelled(call));
        return leat_stopped(call);
    }
    return leat_result_int(call, "deadline_ms", leat_deadline_ms(call));
}

/* Waits until told to stop, and says that it is done. */
static leat_status finish_anyway(leat_call *call)
{
    struct pollfd cancel = {leat_cancel_fd(call), POLLIN, 0};

    poll(&cancel, 1, -1);
    return leat_result_text(call, "done", "anyway");
}

/* Three words for three ways of failing. */
static leat_status failing(leat_call *call)
{
    if (leat_param_bool(call, "retry")) {
        return leat_retry(call, 1500, "good.busy", "come back %s", "later");
    }
    return leat_fail(call, "good.bad", "no %s", "chance");
}

/* Says something on every stream. */
static leat_status talk(leat_call *call)
{
    printf("on stdout");
    fprintf(stderr, "on stderr\n");
    leat_warn(call, "in the log\nwith two lines");
    return LEAT_OK;
}

/* Reports progress often. */
static leat_status advance(leat_call *call)
{
    for (int i = 1; i <= 1000; i++) {
        leat_progress_fmt(call, i / 1000.0, "step %d", i);
    }
    return LEAT_OK;
}

/* What it knows about the run, and where it is. */
static leat_status facts(leat_call *call)
{
    char dir[4096];

    leat_result_str(call, "step", leat_fact(call, "step"));
    leat_result_str(call, "unknown", leat_fact(call, "unknown"));
    leat_result_text(call, "dir", getcwd(dir, sizeof(dir)) ? dir : "?");
    leat_result_text(call, "secret", getenv("KIT_SECRET") ? getenv("KIT_SECRET") : "unset");
    leat_result_text(call, "allowed", getenv("KIT_ALLOWED") ? getenv("KIT_ALLOWED") : "unset");
    return leat_result_int(call, "pid", getpid());
}

/* Replaces results, and ends as asked after doing so. */
static leat_status replace(leat_call *call)
{
    leat_result_text(call, "a", "first");
    leat_result_text(call, "b", "kept");
    return leat_result_text(call, "a", "second");
}

LEAT_PLUGIN("good", "1.0", "Keeps the rules", LEAT_TASK(noop, "good.noop", "Do nothing"),
            LEAT_TASK(echo, "good.echo", "Give back parameters", LEAT_STRING("string", "", "s"),
                      LEAT_INT("int", "0", "i"), LEAT_FLOAT("float", "0", "f"),
                      LEAT_BOOL("bool", "false", "b"), LEAT_DURATION("duration", "0s", "d"),
                      LEAT_SIZE("size", "0", "z"), LEAT_BYTES("bytes", NULL, "y"),
                      LEAT_VALUE("value", NULL, "v"), LEAT_INT_LIST("list", NULL, "l"),
                      LEAT_FILE("file", NULL, "p")),
            LEAT_TASK(whole, "good.whole", "Give back everything", LEAT_VALUE("a", NULL, "a")),
            LEAT_TASK(measure, "good.measure", "Measure", LEAT_STRING_REQUIRED("text", "t")),
            LEAT_TASK(big, "good.big", "Make a large result", LEAT_SIZE_REQUIRED("size", "z")),
            LEAT_TASK(wait_for, "good.wait", "Wait", LEAT_DURATION_REQUIRED("time", "t")),
            LEAT_TASK(finish_anyway, "good.finish", "Finish when cancelled"),
            LEAT_TASK(failing, "good.fail", "Fail", LEAT_BOOL("retry", "false", "r")),
            LEAT_TASK(talk, "good.talk", "Say something"),
            LEAT_TASK(advance, "good.advance", "Report progress"),
            LEAT_TASK(facts, "good.facts", "Tell what it knows"),
            LEAT_TASK(replace, "good.replace", "Replace a result"),
            LEAT_NOTIFIER(noop, "good", "Notify nobody"));
