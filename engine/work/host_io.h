/*
 * A host's connection with the engine: everything that is written to it, from whatever thread, and
 * the thread that listens while the plugin runs.
 *
 * The listening thread reads the control channel (cancel, take back, ping) and the output pipes.
 * One lock orders all writing, so output, log lines and progress of a call are on their way before
 * its result, and nothing of the next call comes before it.
 *
 * There is one per process. Functions say which thread may call them: [main] the one that runs
 * calls, [any] plugin threads too.
 */
#ifndef WORK_HOST_IO_H
#define WORK_HOST_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "work/frame.h"

struct host_io;

enum {
    HOST_IO_PROGRESS_MS = 100,       /* between two progress frames */
    HOST_IO_DRAIN_MAX = 1024 * 1024, /* bytes of one pipe read at the end of a call */
};

/*
 * Prepares the descriptors of enum host_fd and starts the listening thread. NULL when they are
 * not there (the process was started by hand) or there is no memory for a thread. [main]
 */
struct host_io *host_io_new(void);

/* Writes one frame to the data channel. A connection that is gone is ignored: the spawner ends this
 * process. ERR_LIMIT when it is too large. [any] */
int host_io_send(struct host_io *io, const struct frame *frame, size_t max);

/* A call begins, with number <seq>. False when the engine has taken it back: it must not run and
 * nobody wants an answer. [main] */
bool host_io_begin(struct host_io *io, uint64_t seq);

/* The call has ended: sends what its output left in the pipes, held-back progress, then <result>.
 * ERR_LIMIT when the frame is too large: nothing was sent then but the output. [main] */
int host_io_end(struct host_io *io, const struct frame *result);

/* One log line (or several, at line ends) of the running call; of the process outside calls. [any]
 */
void host_io_log(struct host_io *io, int32_t level, struct str text);

/* Progress of the running call; nothing outside calls. [any] */
void host_io_progress(struct host_io *io, double fraction, struct str text);

/* True when the running call should stop. [any] */
bool host_io_cancelled(struct host_io *io);

/* A descriptor that is readable while the running call should stop; -1 when none can be had. [any]
 */
int host_io_cancel_fd(struct host_io *io);

/* Bytes of the data channel, blocking: as read(), but never fails for a signal. [main] */
long host_io_read(struct host_io *io, void *bytes, size_t len);

#endif
