/*
 * The engine's own log: its lines are read back through a pipe in place of stderr.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

static int read_end;

/* Puts a pipe in the place of stderr. */
static void catch_stderr(void)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 0);
    cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
    read_end = ends[0];
}

/* What was logged so far, in a static buffer. */
static const char *logged(void)
{
    static char text[1 << 20];
    ssize_t len = read(read_end, text, sizeof text - 1);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

Test(log, drops_lines_below_the_level, .init = catch_stderr)
{
    log_line(LOG_INFO, "store", "not by default");
    cr_assert_str_eq(logged(), "");
    log_set_level(LOG_DEBUG);
    log_line(LOG_DEBUG, "store", "now it is");
    cr_assert_not_null(strstr(logged(), "now it is"));
    log_set_level(LOG_NONE);
    log_line(LOG_ERROR, "store", "silence");
    cr_assert_str_eq(logged(), "");
}

Test(log, a_line_has_time_level_module_and_text, .init = catch_stderr)
{
    log_line(LOG_WARNING, "pool", "%d hosts", 3);
    const char *line = logged();
    cr_assert_eq(line[26], 'Z');
    cr_assert_str_eq(line + 27, " warning pool: 3 hosts\n");
}

Test(log, control_characters_cannot_forge_lines, .init = catch_stderr)
{
    log_line(LOG_ERROR, "pool", "%s", "one\n2026 error pool: two\x1B[31m\x7F");
    const char *line = logged();
    cr_assert_not_null(strstr(line, "one 2026 error pool: two [31m \n"));
    cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1);
}

Test(log, long_lines_are_cut_and_end_with_a_newline, .init = catch_stderr)
{
    char text[5000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    log_line(LOG_ERROR, "pool", "%s", text);
    const char *line = logged();
    cr_assert_eq(strlen(line), 2048);
    cr_assert_eq(line[2047], '\n');
}

Test(log, keeps_errno, .init = catch_stderr)
{
    errno = EXDEV;
    log_line(LOG_ERROR, "pool", "text");
    cr_assert_eq(errno, EXDEV);
}

/* Thread: logs many lines of its own letter. */
static void *log_many(void *letter)
{
    char text[65];
    memset(text, *(const char *)letter, 64);
    text[64] = '\0';
    for (unsigned index = 0; index < 500; index++) {
        log_line(LOG_ERROR, "m", "%s", text);
    }
    return NULL;
}

Test(log, lines_of_several_threads_never_interleave, .init = catch_stderr)
{
    char letters[] = "abcd";
    pthread_t threads[4];
    for (unsigned index = 0; index < 4; index++) {
        cr_assert_eq(pthread_create(&threads[index], NULL, log_many, &letters[index]), 0);
    }
    for (unsigned index = 0; index < 4; index++) {
        pthread_join(threads[index], NULL);
    }
    char *rest = NULL;
    char *copy = strdup(logged());
    unsigned lines = 0;
    char *line = strtok_r(copy, "\n", &rest);
    while (line) {
        const char *text = line + strlen("2026-11-21T20:27:47.123456Z error m: ");
        cr_assert_eq(strlen(text), 64);
        cr_assert_eq(strspn(text, (char[]){text[0], '\0'}), 64);
        lines++;
        line = strtok_r(NULL, "\n", &rest);
    }
    cr_assert_eq(lines, 2000);
    free(copy);
}
