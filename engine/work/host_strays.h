/*
 * Processes that a part left behind in another session (double fork, setsid): they end with the
 * call.
 *
 * The host is their subreaper, so they become its children however they were detached. A helper
 * process that a plugin wants to keep between calls stays in the host's session; that one dies with
 * the host.
 */
#ifndef WORK_HOST_STRAYS_H
#define WORK_HOST_STRAYS_H

enum { HOST_STRAYS_MS = 2000 }; /* longest wait for killed ones */

/* Makes this process the one that inherits its orphans. Main thread, at start. */
void host_strays_begin(void);

/* Kills and reaps children in other sessions, theirs included. One system call when there are no
 * children. Main thread, after a call. */
void host_strays_end(void);

#endif
