/*
 * command: notifies by running a program, with the event as JSON on its standard input and its main
 * facts in the environment. What the program writes becomes log lines, because it inherits the
 * host's output.
 *
 * Promises: no shell; a program that does not end in time is killed together with what it started.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <leat/json.h>
#include <leat/plugin.h>

enum {
    ARGS_MAX = 4096, /* words of a command */
    GRACE_MS = 2000  /* between the polite signal and the other one */
};

/* Milliseconds of the steady clock. */
static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what to run ---- */

/* The program and its arguments, ending with NULL; NULL after reporting what is wrong. */
static char **build_argv(leat_call *call)
{
    leat_view command = leat_param_str_list(call, "command");
    size_t count = leat_view_count(command);
    leat_iter iter = leat_iter_of(command);
    char **argv = leat_alloc(call, (count + 1) * sizeof *argv);
    leat_view item;
    size_t n = 0;

    if (count == 0 || count > ARGS_MAX || argv == NULL) {
        leat_fail(call, "command.bad_params", "`command` is a list of 1 to %d words", ARGS_MAX);
        return NULL;
    }
    while (leat_iter_next(&iter, NULL, &item)) {
        argv[n] = leat_str_dup(call, leat_view_str(item));
        if (argv[n] == NULL) {
            leat_fail(call, "command.bad_params", "argument %zu has a NUL character inside", n);
            return NULL;
        }
        n++;
    }
    argv[n] = NULL;
    return argv;
}

/* "NAME=value" in memory of the call; NULL for no value, for a NUL inside, and without memory. */
static char *env_entry(leat_call *call, const char *name, leat_view value)
{
    leat_str text = leat_view_str(value);
    size_t name_len = strlen(name);
    char *entry;

    if (text.ptr == NULL || memchr(text.ptr, '\0', text.len) != NULL) {
        return NULL;
    }
    entry = leat_alloc(call, name_len + text.len + 2);
    if (entry != NULL) {
        memcpy(entry, name, name_len);
        entry[name_len] = '=';
        memcpy(entry + name_len + 1, text.ptr, text.len);
        entry[name_len + 1 + text.len] = '\0';
    }
    return entry;
}

/* The host's environment and the event's main facts; NULL without memory. */
static char **build_env(leat_call *call, leat_view event)
{
    leat_view run = leat_view_find(event, "flow_run");
    leat_view state = leat_view_find(run, "state");
    const struct {
        const char *name;
        leat_view value;
    } facts[] = {
        {"LEAT_EVENT_ID", leat_view_find(event, "id")},
        {"LEAT_MESSAGE", leat_view_find(event, "message")},
        {"LEAT_FLOW", leat_view_find(run, "flow")},
        {"LEAT_FLOW_RUN_ID", leat_view_find(run, "id")},
        {"LEAT_FLOW_RUN_NAME", leat_view_find(run, "name")},
        {"LEAT_STATE", leat_view_find(state, "name")},
        {"LEAT_STATE_TYPE", leat_view_find(state, "type")},
    };
    size_t inherited = 0;
    size_t n = 0;
    char **env;

    while (environ[inherited] != NULL) {
        inherited++;
    }
    env = leat_alloc(call, (inherited + sizeof facts / sizeof facts[0] + 1) * sizeof *env);
    if (env == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        env[n] = env_entry(call, facts[i].name, facts[i].value);
        n += env[n] != NULL;
    }
    /* A variable that is there twice would be a riddle: the facts stand for themselves. */
    for (size_t i = 0; i < inherited; i++) {
        if (strncmp(environ[i], "LEAT_", 5) != 0) {
            env[n++] = environ[i];
        }
    }
    env[n] = NULL;
    return env;
}

/* A file in memory that holds the event as JSON; -1 without memory. */
static int open_event(leat_view event)
{
    char *json = leat_json_text(event, JSON_COMPACT);
    size_t len = json == NULL ? 0 : strlen(json);
    int fd = json == NULL ? -1 : memfd_create("leat-event", MFD_CLOEXEC);

    /* Memory takes all of it at once or none. */
    if (fd >= 0 && pwrite(fd, json, len, 0) != (ssize_t)len) {
        close(fd);
        fd = -1;
    }
    free(json);
    return fd;
}

/* ---- run it ---- */

/* Starts the program in a group of its own with <input> as its standard input; 0 or an errno value.
 */
static int start(char *const *argv, char *const *env, int input, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0) {
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    error = posix_spawn_file_actions_adddup2(&actions, input, 0);
    if (error == 0) {
        error = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    }
    if (error == 0) {
        error = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, env);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* How the wait for a program ended. */
enum ending { ENDED, TIMED_OUT, STOPPED };

/* Waits for the program, and ends it when its time is up or the delivery is cancelled. */
static enum ending await(leat_call *call, pid_t pid, int pidfd, int64_t timeout_ms)
{
    struct pollfd fds[2] = {{pidfd, POLLIN, 0}, {leat_cancel_fd(call), POLLIN, 0}};
    int64_t until = now_ms() + timeout_ms;
    enum ending ending = ENDED;

    for (;;) {
        int64_t left = until - now_ms();

        if (poll(fds, 2,
                 left < 0         ? 0
                 : left > INT_MAX ? INT_MAX
                                  : (int)left) < 0 &&
            errno != EINTR) {
            kill(-pid, SIGKILL);
        }
        if (fds[0].revents != 0) {
            return ending;
        }
        if (ending != ENDED && now_ms() >= until) {
            kill(-pid, SIGKILL);
            until = INT64_MAX;
        }
        if (ending == ENDED && (leat_cancelled(call) || now_ms() >= until)) {
            ending = leat_cancelled(call) ? STOPPED : TIMED_OUT;
            kill(-pid, SIGTERM);
            until = now_ms() + GRACE_MS;
            fds[1].fd = -1;
        }
    }
}

/* Follows the started program and reports how it ended. */
static leat_status follow(leat_call *call, const char *program, pid_t pid)
{
    int64_t timeout_ms = leat_param_duration(call, "timeout") / 1000;
    int64_t deadline_ms = leat_deadline_ms(call);
    int pidfd = pidfd_open(pid, 0);
    enum ending ending = TIMED_OUT;
    siginfo_t info = {0};

    if (deadline_ms >= 0 && deadline_ms < timeout_ms) {
        timeout_ms = deadline_ms;
    }
    if (pidfd >= 0) {
        ending = await(call, pid, pidfd, timeout_ms);
        close(pidfd);
    }
    /* The ended program still holds its number, so the group cannot be somebody else's yet. */
    kill(-pid, SIGKILL);
    while (waitid(P_PID, (id_t)pid, &info, WEXITED) != 0 && errno == EINTR) {
    }
    if (ending == STOPPED) {
        return leat_stopped(call);
    }
    if (ending == TIMED_OUT) {
        return leat_retry(call, -1, "command.timeout", "\"%s\" did not end in time", program);
    }
    if (info.si_code != CLD_EXITED) {
        return leat_retry(call, -1, "command.signal", "\"%s\" was killed by SIG%s", program,
                          sigabbrev_np(info.si_status));
    }
    if (info.si_status != 0) {
        return leat_retry(call, -1, "command.exit", "\"%s\" ended with exit code %d", program,
                          info.si_status);
    }
    return LEAT_OK;
}

/* command */
static leat_status notify(leat_call *call)
{
    leat_view event = leat_param_value(call, "event");
    char **argv = build_argv(call);
    char **env;
    pid_t pid;
    int input;
    int error;

    if (argv == NULL) {
        return LEAT_FAIL;
    }
    env = build_env(call, event);
    input = open_event(event);
    if (env == NULL || input < 0) {
        if (input >= 0) {
            close(input);
        }
        return leat_retry(call, -1, "command.no_memory", "no memory for the event");
    }
    error = start(argv, env, input, &pid);
    close(input);
    if (error == ENOENT || error == EACCES || error == ENOEXEC) {
        return leat_fail(call, "command.not_found", "there is no program \"%s\" to run", argv[0]);
    }
    if (error != 0) {
        return leat_retry(call, -1, "command.system", "\"%s\" could not be started: %s", argv[0],
                          strerror(error));
    }
    return follow(call, argv[0], pid);
}

LEAT_PLUGIN("command", "1.0.0", "Notifies by running a program",
            LEAT_NOTIFIER(notify, "command", "Run a program with the event on its standard input",
                          LEAT_VALUE_REQUIRED("event", "What happened; the engine fills it in"),
                          LEAT_STRING_LIST_REQUIRED("command", "The program and its arguments"),
                          LEAT_DURATION("timeout", "60s", "After that it is killed")));
