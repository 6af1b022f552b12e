/*
 * HOME/run/engine.sock: where an engine listens and its clients connect.
 *
 * A path longer than a socket address can hold is reached through its directory's descriptor, so a
 * home may lie as deep as it likes. Used by the HTTP server and by the command line's client.
 */
#ifndef API_SOCKET_H
#define API_SOCKET_H

#include "base/err.h"

/*
 * A listening socket (mode 0600, close-on-exec) in HOME/run, which is made with mode 0700. Replaces
 * what a dead engine left: the caller holds the store's lock, so nobody listens there.
 * ERR_UNAVAILABLE when something else than a socket lies there; negated errno.
 */
int socket_listen(const char *home, int *ret_fd, struct err_text *reterr_why);

/* Removes the socket's name. */
void socket_remove(const char *home);

/* Connects (blocking). ERR_UNAVAILABLE with a sentence when no engine listens. */
int socket_connect(const char *home, int *ret_fd, struct err_text *reterr_why);

/* The socket's path for somebody who connects by himself: short, and good in this process as long
 * as the directory <ret_dir> is open. ERR_UNAVAILABLE when no engine listens. */
enum { SOCKET_PATH_SIZE = 64 };
int socket_path(const char *home, int *ret_dir, char ret_path[SOCKET_PATH_SIZE],
                struct err_text *reterr_why);

#endif
