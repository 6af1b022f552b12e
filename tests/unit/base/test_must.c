/*
 * Assertions that stay on.
 */
#include "base/must.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

Test(must, lets_a_true_condition_pass)
{
    int calls = 0;
    must(++calls == 1);
    cr_assert_eq(calls, 1, "the condition is evaluated once");
}

Test(must, aborts_on_a_false_condition, .signal = SIGABRT)
{
    must(1 + 1 == 3);
}

Test(must, unreachable_aborts, .signal = SIGABRT)
{
    unreachable("a test asked for it");
}

Test(must, fail_names_condition_file_line_and_function)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        must_fail("x > 0", "some/file.c", 1203, "some_function");
    }
    close(ends[1]);
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    char text[256] = "";
    cr_assert_gt(read(ends[0], text, sizeof text - 1), 0);
    close(ends[0]);
    const char *want = "leat: broken assertion: x > 0 (some/file.c:1203, some_function)\n";
    cr_assert(strncmp(text, want, strlen(want)) == 0, "the report is: %s", text);
}
