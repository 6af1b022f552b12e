/*
 * Requests of commands: targets put together from what people typed, and answers as messages,
 * documents or values.
 */
#ifndef MAIN_REQUEST_H
#define MAIN_REQUEST_H

#include <stdbool.h>

#include "base/buf.h"
#include "main/cli.h"
#include "main/client.h"

/* An empty target ("/flow-runs?limit=5"). */
#define REQUEST_INIT BUF_INIT(API_TARGET_MAX)

/* The options that every list has. */
#define REQUEST_LIST_OPTIONS                                                       \
    {"limit", 'l', "N", "how many to show, up to 1000 (default: 50)", false},      \
    {                                                                              \
        "after", 0, "CURSOR", "begin after what an earlier list ended with", false \
    }

/* Appends a piece of path ("/flow-runs/") and after it <word>, escaped, unless that is NULL. */
void request_path(struct buf *target, const char *path, const char *word);
/* Appends "/flow-runs/RUN/task-runs/TASK" for "RUN/TASK"; false after a message. */
bool request_task(struct buf *target, const char *run_and_task);
/* Appends a query parameter, unless <value> is NULL. */
void request_query(struct buf *target, const char *name, const char *value);
/* The same with the value of the option of that name, when it was given. */
void request_option(struct buf *target, const struct cli_args *args, const char *name);
/* The query parameters of a list; false after a message. */
bool request_list(struct buf *target, const struct cli_args *args);

/* client_get() for a target made by these functions. */
int request_get(struct cli *cli, const char *method, struct buf *target, struct val body,
                struct api_response *ret_response);

/* Sends a GET and shows the answer: as the document for -o json, else through <show>. */
int request_show(struct cli *cli, struct buf *target,
                 void (*show)(const struct cli *cli, struct val answer, struct buf *out));

/* After a list: how to get at what was left out. */
void request_more(const struct cli *cli, struct val answer, struct buf *out);

#endif
