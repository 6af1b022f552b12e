/*
 * One child process in a process group of its own, with its output on pipes. Knows nothing of leat.
 */
#ifndef EXEC_CHILD_H
#define EXEC_CHILD_H

#include <stddef.h>
#include <sys/types.h>

/* What to start. All borrowed for the call of child_start(). */
struct child_plan {
    char *const *argv; /* at least the program, which is looked for in PATH; ends with NULL */
    char *const *env;  /* ends with NULL */
    const char *cwd;   /* NULL: as it is */
    const char *input; /* all that the child can read; NULL: nothing */
    size_t input_len;
};

/* A started child. */
struct child {
    pid_t pid;
    int pidfd; /* becomes readable when it has ended */
    int out;   /* its standard output; does not block */
    int err;   /* its standard error; does not block */
};

/* Starts a child; 0 or an errno value. Never changes the calling process. */
int child_start(const struct child_plan *plan, struct child *ret_child);

/* Sends <sig> to the child and every process it started that stayed in its group. */
void child_signal(const struct child *child, int sig);

/*
 * To be called once the pidfd is readable: ends what is left of the child's group and fetches how
 * it ended. Returns the exit code, or minus the signal's number.
 */
int child_reap(struct child *child);

/* Closes all descriptors. */
void child_done(struct child *child);

#endif
