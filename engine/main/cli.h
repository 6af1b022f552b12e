/*
 * The command line: a tree of commands, each a table entry with its options, its help and a
 * function. Adding a command is a file cmd_<name>.c and a line in main.c.
 *
 * Exit codes: CLI_OK, CLI_FAILED (the run failed), CLI_USAGE (bad arguments or files),
 * CLI_NO_ENGINE (the engine can not be reached or started), CLI_CANCELLED.
 */
#ifndef MAIN_CLI_H
#define MAIN_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_NO_ENGINE = 3,
    CLI_CANCELLED = 4,
};

/* Most values of one option, and options and arguments of one command. */
enum { CLI_VALUES_MAX = 1000, CLI_OPTIONS_MAX = 32, CLI_ARGUMENTS_MAX = 1000 };

/* One option. A table of them ends with a NULL name. */
struct cli_option {
    const char *name;     /* "param": --param */
    char letter;          /* 'p': -p; 0 for none */
    const char *argument; /* "K=V"; NULL for a switch */
    const char *help;     /* one line */
    bool repeats;         /* may be given several times */
};

struct cli;
struct cli_args;

struct cli_command {
    const char *name;      /* "run" */
    const char *alias;     /* another word for it, or NULL */
    const char *group;     /* the heading it is listed under; NULL: that of the one before */
    const char *arguments; /* "FLOW.yaml", "[RUN]", "" */
    int arguments_min;
    int arguments_max;
    const char *summary;                   /* one line for the list of commands */
    const char *help;                      /* paragraphs and examples below the options, or NULL */
    const struct cli_option *options;      /* its own; the common ones are added */
    const struct cli_command *subcommands; /* ends with a NULL name; then <run> is NULL */
    int (*run)(struct cli *cli, const struct cli_args *args); /* an exit code */
};

/* What was given to a command. */
struct cli_args {
    const struct cli_command *command;
    char *arguments[CLI_ARGUMENTS_MAX + 1];
    int argument_count;
    struct {
        const struct cli_option *option;
        const char *value;
    } given[CLI_VALUES_MAX];
    int given_count;
};

/* The value of an option given once, or NULL; "" for a switch that was given. */
const char *cli_value(const struct cli_args *args, const char *name);
/* The <index>-th value of an option that repeats, or NULL. */
const char *cli_value_at(const struct cli_args *args, const char *name, int index);
bool cli_given(const struct cli_args *args, const char *name);
/* A whole number from <min> to <max>; false after printing what is wrong. Absent: <*ret> stays. */
bool cli_number(const struct cli_args *args, const char *name, long min, long max, long *ret);

/* How this process shows things; decided once. */
struct cli {
    const char *home;      /* absolute */
    bool home_is_default;  /* nobody named a home */
    bool json;             /* -o json */
    bool colour;           /* stdout is a terminal and nobody objects */
    bool terminal;         /* stdout is a terminal */
    int width;             /* of the terminal, 80 elsewhere */
    struct client *client; /* opened on first use; see client.h */
};

/* Parses argv and runs the command; the process's exit code. */
int cli_main(const struct cli_command *root, int argc, char **argv);

/* "leat: sentence" on stderr; returns <exit_code>. */
int cli_error(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
