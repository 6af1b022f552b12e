/*
 * The inside of the spawner process, and the messages between it and spawner.c.
 *
 * One message is one SOCK_SEQPACKET packet. A start request is the head, then exe, arguments and
 * environment as NUL-terminated texts, and the descriptors as SCM_RIGHTS; reports are a struct
 * spawner_report. Both ends are the same program, so structs travel as they are.
 */
#ifndef WORK_FORKER_H
#define WORK_FORKER_H

#include <stdint.h>

#include "work/spawner.h"

enum forker_op { FORKER_START = 1, FORKER_KILL = 2 };

struct forker_head {
    uint32_t op;
    int32_t signal; /* KILL */
    uint64_t id;
    uint64_t memory_max;
    uint32_t processes_max;
    uint32_t fds_count; /* of the new process */
    uint32_t fds_null;  /* bit i: descriptor i is /dev/null and is not in the message */
    uint32_t args_count;
    uint32_t env_count;
    uint32_t reserved; /* zero: no byte of the message is left unset */
};

/* Serves <socket> until its end of file, then kills everything and exits. The process must be a
 * fresh fork without threads. Blocks; never returns. */
_Noreturn void forker_run(int socket);

#endif
