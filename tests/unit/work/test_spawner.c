/*
 * The spawner with plain programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "work/env.h"
#include "work/spawner.h"

enum { WAIT_MS = 20000 };

static struct spawner *spawner;

/* Starts the spawner. */
static void start(void)
{
    struct err_text why;

    cr_assert_eq(spawner_new(&spawner, &why), 0);
}

/* Ends the spawner. */
static void done(void)
{
    spawner = spawner_free(spawner);
}

TestSuite(spawner, .init = start, .fini = done);

/* Starts /bin/sh with a script; its stdout is <out>, or /dev/null for -1. */
static void run_shell(uint64_t id, const char *script, int out)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const char *envp[] = {"PATH=/usr/bin:/bin", "MARK=seen", NULL};
    int fds[] = {-1, out, -1};
    struct spawner_request request = {
        .id = id, .exe = "/bin/sh", .argv = argv, .envp = envp, .fds = fds, .fds_count = 3};
    struct err_text why = {""};

    cr_assert_eq(spawner_start(spawner, &request, &why), 0, "%s", why.text);
}

/* The report of a process. */
static struct spawner_report wait_for(uint64_t id)
{
    struct spawner_report report = {.id = 0};

    cr_assert_eq(spawner_wait(spawner, id, WAIT_MS, &report), 1);
    cr_assert_eq(report.id, id);
    return report;
}

/* Runs a script and gives what it printed (a static text). */
static const char *output_of(const char *script)
{
    static char text[4096];
    size_t len = 0;
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    run_shell(100, script, ends[1]);
    close(ends[1]);
    for (;;) {
        ssize_t got = read(ends[0], text + len, sizeof(text) - 1 - len);
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
    }
    close(ends[0]);
    text[len] = 0;
    wait_for(100);
    return text;
}

Test(spawner, an_exit_code_is_reported)
{
    run_shell(1, "exit 7", -1);
    struct spawner_report report = wait_for(1);
    cr_assert_eq(report.status, 7);
    cr_assert_eq(report.signal, 0);
    cr_assert_gt(report.pid, 0);
}

Test(spawner, a_signal_is_reported)
{
    run_shell(1, "kill -SEGV $$", -1);
    cr_assert_eq(wait_for(1).signal, SIGSEGV);
}

Test(spawner, a_program_that_is_not_there_exits_with_127)
{
    const char *argv[] = {"x", NULL};
    const char *envp[] = {NULL};
    int fds[] = {-1, -1, -1};
    struct spawner_request request = {
        .id = 1, .exe = "/no/such/program", .argv = argv, .envp = envp, .fds = fds, .fds_count = 3};

    cr_assert_eq(spawner_start(spawner, &request, NULL), 0);
    cr_assert_eq(wait_for(1).status, 127);
}

Test(spawner, the_environment_is_the_given_one_only)
{
    setenv("NOT_FOR_HOSTS", "1", 1);
    const char *seen = output_of("env");
    cr_assert(strstr(seen, "MARK=seen"));
    cr_assert_null(strstr(seen, "NOT_FOR_HOSTS"));
}

Test(spawner, no_descriptor_leaks)
{
    cr_assert_str_eq(output_of("ls /proc/self/fd | wc -l"), "4\n", "0, 1, 2 and that of ls");
}

/* What a library does that has descriptors of its own: closes them in a child, by number. */
static void close_in_grandchildren(void)
{
    static int generation;

    generation++; /* the first one is the spawner */
    for (int fd = 0; generation > 1 && fd < 16; fd++) {
        close(fd);
    }
}

Test(spawner, handlers_of_libraries_do_not_touch_the_descriptors)
{
    done();
    cr_assert_eq(pthread_atfork(NULL, NULL, close_in_grandchildren), 0);
    start();
    cr_assert_str_eq(output_of("echo whole"), "whole\n");
}

Test(spawner, a_process_leads_its_own_session_and_group)
{
    long pid = 0;
    long group = 0;
    long session = 0;

    const char *text = output_of("read p c s pp g ses rest < /proc/$$/stat; echo $p $g $ses");
    cr_assert_eq(sscanf(text, "%ld %ld %ld", &pid, &group, &session), 3, "%s", text);
    cr_assert_eq(pid, group);
    cr_assert_eq(pid, session);
}

Test(spawner, limits_and_mask_are_set)
{
    char expected[64];

    snprintf(expected, sizeof(expected), "0 %d 0077\n", SPAWNER_NOFILE);
    cr_assert_str_eq(output_of("echo $(ulimit -c) $(ulimit -n) $(umask)"), expected);
}

Test(spawner, new_privileges_are_off)
{
    cr_assert_str_eq(output_of("grep -c 'NoNewPrivs:.1' /proc/self/status"), "1\n");
}

Test(spawner, signals_are_as_by_default)
{
    signal(SIGUSR1, SIG_IGN);
    const char *text = output_of("grep SigIgn /proc/self/status | cut -c9-");
    unsigned long long ignored = strtoull(text, NULL, 16);
    for (int number = 1; number < 32; number++) {
        cr_assert_eq(ignored >> (number - 1) & 1, 0, "signal %d is ignored", number);
    }
}

Test(spawner, kill_reaches_the_whole_group)
{
    int ends[2];
    char byte;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    run_shell(1, "sleep 1000 & echo; wait", ends[1]);
    close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    cr_assert_eq(spawner_kill(spawner, 1, SIGTERM), 0);
    cr_assert_eq(wait_for(1).signal, SIGTERM);
    cr_assert_eq(read(ends[0], &byte, 1), 0, "the sleeper held the pipe open");
    close(ends[0]);
}

Test(spawner, what_a_dead_process_left_behind_is_killed)
{
    int ends[2];
    char byte;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    run_shell(1, "setsid sh -c 'sleep 1000 & sleep 1000' & echo; exit 0", ends[1]);
    close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    cr_assert_eq(wait_for(1).status, 0);
    struct pollfd wait = {.fd = ends[0], .events = POLLIN};
    cr_assert_eq(poll(&wait, 1, WAIT_MS), 1);
    cr_assert_eq(read(ends[0], &byte, 1), 0, "a sleeper holds the pipe open");
    close(ends[0]);
}

Test(spawner, killing_an_unknown_id_does_nothing)
{
    cr_assert_eq(spawner_kill(spawner, 4711, SIGKILL), 0);
    run_shell(1, "exit 3", -1);
    cr_assert_eq(wait_for(1).status, 3);
}

Test(spawner, reports_that_arrive_early_are_kept)
{
    struct spawner_report report;

    run_shell(1, "exit 1", -1);
    run_shell(2, "read x < /proc/self/stat; exit 2", -1);
    wait_for(2);
    if (!spawner_pending(spawner)) {
        /* The first one came last, which is fine as well. */
        wait_for(1);
        return;
    }
    cr_assert_eq(spawner_next(spawner, &report), 1);
    cr_assert_eq(report.id, 1);
    cr_assert_eq(spawner_next(spawner, &report), 0);
}

Test(spawner, waiting_ends_when_nothing_comes)
{
    struct spawner_report report;

    run_shell(1, "sleep 1000", -1);
    cr_assert_eq(spawner_wait(spawner, 1, 20, &report), 0);
}

Test(spawner, too_many_arguments_are_refused)
{
    const char *argv[SPAWNER_ARGS_MAX + 2];
    const char *envp[] = {NULL};
    int fds[] = {-1, -1, -1};
    struct spawner_request request = {
        .id = 1, .exe = "/bin/true", .argv = argv, .envp = envp, .fds = fds, .fds_count = 3};
    struct err_text why;

    for (size_t i = 0; i <= SPAWNER_ARGS_MAX; i++) {
        argv[i] = "x";
    }
    argv[SPAWNER_ARGS_MAX + 1] = NULL;
    cr_assert_eq(spawner_start(spawner, &request, &why), ERR_LIMIT);
    argv[SPAWNER_ARGS_MAX] = NULL;
    cr_assert_eq(spawner_start(spawner, &request, &why), 0);
    cr_assert_eq(wait_for(1).status, 0);
}

Test(spawner, a_request_that_is_too_large_is_refused)
{
    CLEANUP_FREE char *large = xcalloc(1, SPAWNER_REQUEST_MAX + 1);
    const char *argv[] = {large, NULL};
    const char *envp[] = {NULL};
    int fds[] = {-1, -1, -1};
    struct spawner_request request = {
        .id = 1, .argv = argv, .envp = envp, .fds = fds, .fds_count = 3};

    memset(large, 'x', SPAWNER_REQUEST_MAX);
    cr_assert_eq(spawner_start(spawner, &request, NULL), ERR_LIMIT);
}

Test(spawner, its_end_is_noticed)
{
    struct spawner_report report;

    run_shell(1, "sleep 1000", -1);
    kill((pid_t)spawner_pid(spawner), SIGKILL);
    cr_assert_eq(spawner_wait(spawner, 1, WAIT_MS, &report), ERR_UNAVAILABLE);
    cr_assert_eq(spawner_kill(spawner, 1, SIGKILL), ERR_UNAVAILABLE);
}

Test(spawner, the_end_of_the_engine_ends_everything)
{
    int ends[2];
    char byte;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    run_shell(1, "setsid sleep 1000 & sleep 1000 & echo; trap '' TERM; wait", ends[1]);
    close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    spawner = spawner_free(spawner);
    cr_assert_eq(read(ends[0], &byte, 1), 0, "somebody holds the pipe open");
    close(ends[0]);
}

/* True when a list of texts has <text>. */
static bool has(const char *const *list, const char *text)
{
    for (size_t i = 0; list[i]; i++) {
        if (strcmp(list[i], text) == 0) {
            return true;
        }
    }
    return false;
}

Test(env, standard_and_given_names_are_taken_once)
{
    const char *const names[] = {"MINE", "PATH", "MINE", "NOT_SET", NULL};
    setenv("PATH", "/bin", 1);
    setenv("MINE", "1", 1);
    setenv("OTHER", "1", 1);
    unsetenv("NOT_SET");
    unsetenv("LANG");
    unsetenv("LC_ALL");
    unsetenv("TZ");
    unsetenv("HOME");
    unsetenv("TMPDIR");

    struct env *env = env_new(names);
    const char *const *list = env_list(env);
    cr_assert(has(list, "PATH=/bin"));
    cr_assert(has(list, "MINE=1"));
    cr_assert_null(list[2]);
    env_free(env);
}

Test(env, names_of_the_dynamic_loader_are_never_taken)
{
    const char *const names[] = {"LD_PRELOAD", "LD_LIBRARY_PATH", NULL};
    setenv("LD_PRELOAD", "x", 1);
    setenv("LD_LIBRARY_PATH", "x", 1);

    struct env *env = env_new(names);
    for (size_t i = 0; env_list(env)[i]; i++) {
        cr_assert_neq(strncmp(env_list(env)[i], "LD_", 3), 0);
    }
    env_free(env);
}
