/*
 * The black box of a host: which call it began last, and output that was read from its pipes but
 * has not been sent yet, in memory that outlives the process. Without it a crash would lose the
 * very lines that explain it.
 *
 * The host's listening thread and main thread write it (host_io.c, under its lock), the engine
 * reads it after the process's death (proc.c) and believes none of the lengths.
 *
 *     raw zeroed, raw_len set -> read() fills raw -> lines sent -> rest copied to partial, raw_len
 * = 0
 *
 * A process can die inside of read(), so the length is written before it: zeros mean that the bytes
 * are still in the pipe. One that dies between sending and the last step has its bytes shown twice.
 */
#ifndef WORK_HOST_BOX_H
#define WORK_HOST_BOX_H

#include <stdint.h>

#include "work/capture.h"

enum { HOST_BOX_RAW_MAX = 16 * 1024 };

struct host_box_stream {
    uint32_t partial_len;
    uint32_t raw_len;
    char partial[CAPTURE_LINE_MAX]; /* a line that has begun */
    char raw[HOST_BOX_RAW_MAX];     /* bytes behind it that may not have been sent */
};

struct host_box {
    uint64_t begun;                    /* number of the last call that began, or was skipped */
    struct host_box_stream streams[2]; /* stdout, stderr */
};

#endif
