/*
 * exec: runs a program as a step. Values go in as JSON on its standard input and come out as JSON
 * from its standard output, so that a task can be written in any language.
 *
 * Promises: no shell unless asked for; every line of standard error becomes a log line while the
 * program runs; a cancelled step ends its program's whole process group (SIGTERM, then SIGKILL
 * after `grace`); nothing the program started in its group outlives it.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <leat/json.h>
#include <leat/plugin.h>
#include <leat/text.h>

#include "child.h"
#include "stream.h"

enum {
    ARGS_MAX = 4096, /* words of a command */
    ENV_MAX = 1024,  /* variables a step may set */
    TAIL_SIZE = 4096 /* bytes of standard error kept for the result */
};

/* What a run needs at hand. */
struct run {
    leat_call *call;
    struct child child;
    struct stream out;
    struct stream err;
    int64_t grace_ms;
    int64_t kill_at_ms; /* 0: not cancelled; -1: killed */
    int no_memory;
};

/* Milliseconds of the steady clock. */
static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* How long poll() may sleep: until the kill is due, or for ever. */
static int patience_ms(const struct run *run)
{
    int64_t left;

    if (run->kill_at_ms <= 0) {
        return -1;
    }
    left = run->kill_at_ms - now_ms();
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Reads output until the child has ended; on cancel, ends it. */
static void run_pump(struct run *run)
{
    struct pollfd fds[4];
    int alive = 1;

    while (alive) {
        fds[0] = (struct pollfd){run->child.out, POLLIN, 0};
        fds[1] = (struct pollfd){run->child.err, POLLIN, 0};
        fds[2] = (struct pollfd){run->child.pidfd, POLLIN, 0};
        fds[3] = (struct pollfd){run->kill_at_ms == 0 ? leat_cancel_fd(run->call) : -1, POLLIN, 0};
        if (poll(fds, 4, patience_ms(run)) < 0 && errno != EINTR) {
            child_signal(&run->child, SIGKILL);
        }
        if (!stream_read(&run->out, &run->child.out) || !stream_read(&run->err, &run->child.err)) {
            run->no_memory = 1;
            child_signal(&run->child, SIGKILL);
        }
        if (run->kill_at_ms == 0 && leat_cancelled(run->call)) {
            child_signal(&run->child, SIGTERM);
            run->kill_at_ms = now_ms() + run->grace_ms;
        }
        if (run->kill_at_ms > 0 && now_ms() >= run->kill_at_ms) {
            child_signal(&run->child, SIGKILL);
            run->kill_at_ms = -1;
        }
        alive = (fds[2].revents & (POLLIN | POLLHUP | POLLERR)) == 0;
    }
}

/* ---- what to run ---- */

/* The program and its arguments, ending with NULL; NULL after reporting what is wrong. */
static char **build_argv(leat_call *call)
{
    leat_view command = leat_param_str_list(call, "command");
    leat_str shell = leat_param_str(call, "shell");
    leat_iter iter = leat_iter_of(command);
    size_t count = leat_view_count(command);
    char **argv = leat_alloc(call, (count + 4) * sizeof *argv);
    leat_view item;
    size_t n = 0;

    if ((shell.ptr == NULL) == (count == 0) || count > ARGS_MAX) {
        leat_fail(
            call, "exec.bad_params",
            "give either `command`, a list of 1 to %d words, or `shell`, one line for /bin/sh",
            ARGS_MAX);
        return NULL;
    }
    if (argv == NULL) {
        leat_retry(call, -1, "exec.no_memory", "no memory for %zu arguments", count);
        return NULL;
    }
    if (shell.ptr != NULL) {
        argv[n++] = leat_str_dup(call, leat_str_of("/bin/sh"));
        argv[n++] = leat_str_dup(call, leat_str_of("-c"));
        argv[n++] = leat_str_dup(call, shell);
    }
    while (leat_iter_next(&iter, NULL, &item)) {
        argv[n++] = leat_str_dup(call, leat_view_str(item));
    }
    for (size_t i = 0; i < n; i++) {
        if (argv[i] == NULL) {
            leat_fail(call, "exec.bad_params", "argument %zu has a NUL character inside", i);
            return NULL;
        }
    }
    argv[n] = NULL;
    return argv;
}

/* "name=value" from a map's item: texts as they are, anything else as JSON. NULL when it cannot be.
 */
static char *env_entry(leat_call *call, leat_str name, leat_view item)
{
    leat_str text = leat_view_str(item);
    char *json = NULL;
    char *entry = NULL;

    if (name.len == 0 || memchr(name.ptr, '=', name.len) != NULL ||
        memchr(name.ptr, '\0', name.len) != NULL) {
        return NULL;
    }
    if (text.ptr == NULL) {
        json = leat_json_text(item, JSON_COMPACT);
        text = leat_str_of(json);
    }
    if (text.ptr != NULL && memchr(text.ptr, '\0', text.len) == NULL) {
        entry = leat_alloc(call, name.len + text.len + 2);
    }
    if (entry != NULL) {
        memcpy(entry, name.ptr, name.len);
        entry[name.len] = '=';
        memcpy(entry + name.len + 1, text.ptr, text.len);
        entry[name.len + 1 + text.len] = '\0';
    }
    free(json);
    return entry;
}

/* Sets a variable, replacing one of the same name. The array has room. */
static void env_put(char **env, size_t *n, char *entry)
{
    size_t name_len = (size_t)(strchr(entry, '=') - entry) + 1;
    size_t i = 0;

    while (i < *n && strncmp(env[i], entry, name_len) != 0) {
        i++;
    }
    env[i] = entry;
    if (i == *n) {
        (*n)++;
    }
}

/* Adds LEAT_STEP and its like, so that a program can tell its attempt. */
static void env_put_facts(leat_call *call, char **env, size_t *n)
{
    static const char *const facts[][2] = {
        {"LEAT_FLOW_RUN_ID", "flow_run_id"},
        {"LEAT_FLOW_RUN_NAME", "flow_run_name"},
        {"LEAT_FLOW", "flow"},
        {"LEAT_STEP", "step"},
        {"LEAT_TASK_RUN", "task_run"},
        {"LEAT_ATTEMPT", "attempt"},
        {"LEAT_WORKDIR", "workdir"},
        {"LEAT_IDEMPOTENCY_KEY", "idempotency_key"},
    };

    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        leat_str value = leat_fact(call, facts[i][1]);
        size_t name_len = strlen(facts[i][0]);
        char *entry = value.len == 0 ? NULL : leat_alloc(call, name_len + value.len + 2);

        if (entry != NULL) {
            memcpy(entry, facts[i][0], name_len);
            entry[name_len] = '=';
            memcpy(entry + name_len + 1, value.ptr, value.len);
            entry[name_len + 1 + value.len] = '\0';
            env_put(env, n, entry);
        }
    }
}

/* The host's environment, the facts, and `env` over them; NULL after reporting what is wrong. */
static char **build_env(leat_call *call)
{
    leat_view own = leat_param_value(call, "env");
    leat_iter iter = leat_iter_of(own);
    size_t inherited = 0;
    size_t n = 0;
    leat_view key;
    leat_view item;
    char **env;

    while (environ[inherited] != NULL) {
        inherited++;
    }
    if ((leat_param_given(call, "env") && leat_view_type(own) != LEAT_VIEW_MAP) ||
        leat_view_count(own) > ENV_MAX) {
        leat_fail(call, "exec.bad_params", "`env` must be a map of at most %d variables", ENV_MAX);
        return NULL;
    }
    env = leat_alloc(call, (inherited + leat_view_count(own) + 16) * sizeof *env);
    if (env == NULL) {
        leat_retry(call, -1, "exec.no_memory", "no memory for the environment");
        return NULL;
    }
    memcpy(env, environ, inherited * sizeof *env);
    n = inherited;
    env_put_facts(call, env, &n);
    while (leat_iter_next(&iter, &key, &item)) {
        leat_str name = leat_view_str(key);
        char *entry = env_entry(call, name, item);

        if (entry == NULL) {
            leat_fail(call, "exec.bad_params", "`env` cannot set \"%.*s\" to that value",
                      LEAT_STRF(name));
            return NULL;
        }
        env_put(env, &n, entry);
    }
    env[n] = NULL;
    return env;
}

/* Fills in the input; 0 after reporting what is wrong. <ret_json> is to be freed. */
static int build_input(leat_call *call, struct child_plan *plan, char **ret_json)
{
    leat_str text = leat_param_str(call, "stdin");

    if (!leat_param_given(call, "input")) {
        plan->input = text.ptr;
        plan->input_len = text.len;
        return 1;
    }
    if (text.ptr != NULL) {
        leat_fail(call, "exec.bad_params", "give `stdin` or `input`, not both");
        return 0;
    }
    *ret_json = leat_json_text(leat_param_value(call, "input"), JSON_COMPACT);
    if (*ret_json == NULL) {
        leat_fail(call, "exec.bad_params", "`input` cannot be written as JSON");
        return 0;
    }
    plan->input = *ret_json;
    plan->input_len = strlen(*ret_json);
    return 1;
}

/* ---- how it ended ---- */

/* The last line of standard error, for the error text. */
static const char *last_line(struct run *run)
{
    size_t end = run->err.len;
    size_t begin;
    leat_str line;

    while (end > 0 && run->err.kept[end - 1] == '\n') {
        end--;
    }
    begin = end;
    while (begin > 0 && run->err.kept[begin - 1] != '\n' && end - begin < 1024) {
        begin--;
    }
    if (begin == end) {
        return "it wrote nothing to standard error";
    }
    line.ptr = run->err.kept + begin;
    line.len = end - begin;
    line = leat_utf8_clean(run->call, line);
    return line.ptr == NULL ? "" : line.ptr;
}

/* Reports why the child could not be started. */
static leat_status report_start(leat_call *call, const struct child_plan *plan, int error)
{
    struct stat info;

    if (plan->cwd != NULL && (stat(plan->cwd, &info) != 0 || !S_ISDIR(info.st_mode))) {
        return leat_fail(call, "exec.bad_cwd", "the directory %s does not exist", plan->cwd);
    }
    switch (error) {
    case ENOENT:
        return leat_fail(call, "exec.not_found", "there is no program \"%s\"%s", plan->argv[0],
                         strchr(plan->argv[0], '/') == NULL ? " in PATH" : "");
    case EACCES:
    case ENOEXEC:
        return leat_fail(call, "exec.not_executable", "\"%s\" is not a program that may be run",
                         plan->argv[0]);
    case E2BIG:
        return leat_fail(call, "exec.too_large",
                         "the command and environment are larger than the system allows; "
                         "give large values through `input`");
    default:
        return leat_retry(call, -1, "exec.system", "\"%s\" could not be started: %s", plan->argv[0],
                          strerror(error));
    }
}

/* Gives standard output as a list of its lines. */
static leat_status result_lines(struct run *run)
{
    leat_writer writer;
    size_t begin = 0;

    leat_writer_init(&writer, run->call);
    leat_write_list_begin(&writer);
    while (begin < run->out.len) {
        const char *from = run->out.kept + begin;
        const char *end = memchr(from, '\n', run->out.len - begin);
        size_t raw = end == NULL ? run->out.len - begin : (size_t)(end - from);
        leat_str line = {from, raw};

        line = leat_utf8_clean(run->call, line);
        if (line.ptr == NULL) {
            return leat_retry(run->call, -1, "exec.no_memory", "no memory for the output");
        }
        leat_write_str(&writer, line);
        begin += raw + 1;
    }
    leat_write_list_end(&writer);
    return leat_result_value(run->call, "stdout", leat_writer_done(&writer));
}

/* Gives standard output as the value that its JSON stands for. */
static leat_status result_json(struct run *run)
{
    leat_writer writer;
    char why[256];

    leat_writer_init(&writer, run->call);
    if (!leat_json_parse(&writer, run->out.len == 0 ? "" : run->out.kept, run->out.len, why,
                         sizeof why)) {
        return leat_fail(run->call, "exec.bad_json", "standard output is not JSON: %s", why);
    }
    return leat_result_value(run->call, "stdout", leat_writer_done(&writer));
}

/* Gives standard output in the form the step asks for. */
static leat_status result_stdout(struct run *run)
{
    leat_str parse = leat_param_str(run->call, "parse");
    leat_str text = {run->out.kept, run->out.len};

    if (leat_str_is(parse, "bytes")) {
        return leat_result_bytes(run->call, "stdout", text.ptr, text.len);
    }
    if (leat_str_is(parse, "text")) {
        text = leat_utf8_clean(run->call, text);
        return text.ptr == NULL ? leat_retry(run->call, -1, "exec.no_memory", "no memory")
                                : leat_result_str(run->call, "stdout", text);
    }
    if (run->out.cut) {
        return leat_fail(run->call, "exec.too_large",
                         "standard output is larger than `capture` (%zu bytes)", run->out.limit);
    }
    return leat_str_is(parse, "json") ? result_json(run) : result_lines(run);
}

/* 1 when the step counts this exit code as success. */
static int code_is_ok(leat_call *call, int code)
{
    leat_iter iter = leat_iter_of(leat_param_int_list(call, "ok_codes"));
    leat_view item;

    while (leat_iter_next(&iter, NULL, &item)) {
        if (leat_view_int(item, -1) == code) {
            return 1;
        }
    }
    return 0;
}

/* Turns how the child ended into results and an outcome. */
static leat_status report_end(struct run *run, const char *program, int code)
{
    leat_call *call = run->call;
    leat_str tail = {run->err.kept, run->err.len};

    if (run->kill_at_ms != 0) {
        return leat_stopped(call);
    }
    if (run->no_memory) {
        return leat_retry(call, -1, "exec.no_memory", "no memory for the output of \"%s\"",
                          program);
    }
    leat_result_int(call, "exit_code", code);
    leat_result_str(call, "stderr", leat_utf8_clean(call, tail));
    leat_result_bool(call, "truncated", run->out.cut);
    if (code < 0) {
        const char *name = sigabbrev_np(-code);

        return leat_retry(call, -1, "exec.signal", "\"%s\" was killed by SIG%s: %s", program,
                          name == NULL ? "?" : name, last_line(run));
    }
    if (!code_is_ok(call, code)) {
        return leat_retry(call, -1, "exec.exit", "\"%s\" ended with exit code %d: %s", program,
                          code, last_line(run));
    }
    if (run->out.cut) {
        leat_warn(call, "standard output is cut after %zu bytes; raise `capture` to keep more",
                  run->out.limit);
    }
    return result_stdout(run);
}

/* Starts the child, follows it and reports. */
static leat_status run_plan(leat_call *call, const struct child_plan *plan)
{
    struct run run = {.call = call, .grace_ms = leat_param_duration(call, "grace") / 1000};
    int64_t capture = leat_param_size(call, "capture");
    leat_status status;
    int error;

    capture = capture > (int64_t)LEAT_RESULT_MAX - 16 ? (int64_t)LEAT_RESULT_MAX - 16 : capture;
    if (!stream_init(&run.out, call, (size_t)(capture < 0 ? 0 : capture), 0,
                     leat_param_bool(call, "log_stdout")) ||
        !stream_init(&run.err, call, TAIL_SIZE, 1, leat_param_bool(call, "log_stderr"))) {
        return leat_retry(call, -1, "exec.no_memory", "no memory for the output");
    }
    error = child_start(plan, &run.child);
    if (error != 0) {
        return report_start(call, plan, error);
    }
    run_pump(&run);
    /* What the group wrote last is in the pipes; nobody is left to write more. */
    int code = child_reap(&run.child);
    run.no_memory |= !stream_read(&run.out, &run.child.out);
    run.no_memory |= !stream_read(&run.err, &run.child.err);
    stream_end(&run.out);
    stream_end(&run.err);
    child_done(&run.child);
    status = report_end(&run, plan->argv[0], code);
    stream_done(&run.out);
    stream_done(&run.err);
    return status;
}

/* Runs a program and waits for its end. */
static leat_status exec_run(leat_call *call)
{
    leat_str parse = leat_param_str(call, "parse");
    leat_str cwd = leat_param_str(call, "cwd");
    struct child_plan plan = {0};
    char *json = NULL;
    leat_status status;

    if (!leat_str_is(parse, "text") && !leat_str_is(parse, "json") &&
        !leat_str_is(parse, "lines") && !leat_str_is(parse, "bytes")) {
        return leat_fail(call, "exec.bad_params",
                         "`parse` is text, json, lines or bytes, not \"%.*s\"", LEAT_STRF(parse));
    }
    plan.argv = build_argv(call);
    if (plan.argv == NULL) {
        return LEAT_FAIL;
    }
    plan.env = build_env(call);
    if (plan.env == NULL) {
        return LEAT_FAIL;
    }
    plan.cwd = cwd.len == 0 ? NULL : leat_str_dup(call, cwd);
    if (!build_input(call, &plan, &json)) {
        return LEAT_FAIL;
    }
    status = run_plan(call, &plan);
    free(json);
    return status;
}

LEAT_PLUGIN(
    "exec", "1.0.0", "Runs programs, JSON in and JSON out",
    LEAT_TASK(
        exec_run, "exec.run", "Run a program and wait for its end",
        LEAT_STRING_LIST("command", NULL, "The program and its arguments; no shell sees them"),
        LEAT_STRING("shell", NULL, "One line for /bin/sh -c, instead of `command`"),
        LEAT_VALUE("input", NULL, "A value the program reads as JSON from standard input"),
        LEAT_STRING("stdin", NULL, "Text the program reads from standard input as it is"),
        LEAT_VALUE("env", NULL, "Variables to set, a map; others come from the host"),
        LEAT_STRING("cwd", NULL, "Directory to run in"),
        LEAT_STRING("parse", "text", "What to make of standard output: text, json, lines, bytes"),
        LEAT_INT_LIST("ok_codes", "[0]", "Exit codes that count as success"),
        LEAT_SIZE("capture", "1MiB", "How much of standard output to keep, 64 MiB at most"),
        LEAT_BOOL("log_stdout", "false", "Log every line of standard output"),
        LEAT_BOOL("log_stderr", "true", "Log every line of standard error"),
        LEAT_DURATION("grace", "5s", "Time between SIGTERM and SIGKILL on cancel")));
