/*
 * A plugin file on the desk: a home of its own in a temporary directory, in which the file is the
 * only plugin besides the bundled ones, so that it can be looked at and tried without being
 * installed.
 */
#ifndef MAIN_DESK_H
#define MAIN_DESK_H

#include <stdbool.h>

#include "main/cli.h"

struct desk;

/* True when the word means a file: it ends with .so or holds a slash. */
bool desk_is_file(const char *word);

/* Copies <file> into a new home, which is <cli>'s home until desk_close(). CLI_OK, or an exit code
 * after a message. */
int desk_open(struct cli *cli, const char *file, struct desk **ret_desk);
/* Closes the client, removes the home and gives <cli> its own one back. NULL is allowed; returns
 * NULL. */
struct desk *desk_close(struct desk *desk);

/*
 * The plugin's name (a copy on the heap) into <ret_name>; CLI_USAGE after a message that says why
 * the file is refused.
 */
int desk_name(struct desk *desk, char **ret_name);

#endif
