/*
 * `leat host`: the process that loads one plugin and runs its parts, one call at a time; or the
 * evaluator of expressions; or the throw-away process that reads a plugin's descriptor.
 *
 * Arguments (written by pool.c and describe.c, not meant for people):
 *   leat host --plugin COPY --hash HEX --blobs DIR   serve calls
 *   leat host --describe COPY --hash HEX             write the descriptor as msgpack, exit
 *   leat host --evaluator --blobs DIR                serve evaluations
 * Descriptors: 1 and 2 write ends of the output pipes, 3 data channel, 4 control channel, 5 and 6
 * read ends of the pipes of 1 and 2 (so that the output of a call is drained before its result is
 * sent; the engine keeps duplicates for what remains after a death), 7 the black box of host_box.h.
 * --describe has only 1, 2 and 3.
 */
#ifndef WORK_HOST_H
#define WORK_HOST_H

enum host_fd {
    HOST_FD_DATA = 3,
    HOST_FD_CONTROL = 4,
    HOST_FD_STDOUT = 5,
    HOST_FD_STDERR = 6,
    HOST_FD_BOX = 7,
    HOST_FD_COUNT = 8,
};

enum {
    HOST_EXIT_USAGE = 64,    /* bad arguments: started by hand */
    HOST_EXIT_REFUSED = 65,  /* the plugin was refused; HELLO_FAILED or stderr says why */
    HOST_EXIT_PROTOCOL = 66, /* the engine's frames made no sense */
};

/* Runs the process; <argv> begins with the word after `leat`, "host". Returns the exit code. Main
 * thread, no other threads yet. */
int host_main(int argc, char **argv);

#endif
