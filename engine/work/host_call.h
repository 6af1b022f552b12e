/*
 * One call at a time: the struct leat_host that plugins see, and what becomes of a call.
 *
 * Functions of the table check that they run on the thread that their tag names; a breach is logged
 * as the plugin's misbehaviour and fails the attempt. Main thread, but for the table's own
 * functions.
 */
#ifndef WORK_HOST_CALL_H
#define WORK_HOST_CALL_H

#include <leat/abi.h>

#include "base/err.h"
#include "work/frame.h"

struct blob_dir;
struct host_call;
struct host_io;

enum { HOST_CALL_ALLOC_MAX = 256 * 1024 * 1024 }; /* bytes of leat_host.alloc in one call */

/* The handle of this process. <blobs> may be NULL; both are borrowed. */
struct host_call *host_call_new(struct host_io *io, struct blob_dir *blobs);
struct host_call *host_call_free(struct host_call *call);

/* Runs the plugin's open(), if it has one. ERR_PLUGIN_REFUSED with the plugin's own sentence. */
int host_call_open(struct host_call *call, const leat_plugin *plugin, struct err_text *reterr_why);

/* Runs the plugin's close(), if its open() succeeded. */
void host_call_close(struct host_call *call, const leat_plugin *plugin);

/* Runs one call, unless it was taken back, and sends its result. */
void host_call_run(struct host_call *call, const leat_plugin *plugin,
                   const struct frame_call *frame);

#endif
