/*
 * Door 3: the descriptor of a plugin copy, read by a throw-away process with limits.
 *
 * Blocks the calling thread for as long as the child takes, at most DESCRIBE_MS: once per plugin
 * content, because the catalogue caches the answer by hash. Its caller is the catalogue (plug/),
 * through a callback that main or drive wires; loop thread, or any thread that owns the spawner.
 */
#ifndef WORK_DESCRIBE_H
#define WORK_DESCRIBE_H

#include "base/buf.h"
#include "base/err.h"

struct spawner;

enum {
    DESCRIBE_MS = 5000,
    DESCRIBE_BYTES_MAX = 1024 * 1024, /* of a descriptor as msgpack */
    DESCRIBE_OUTPUT_MAX = 4096,       /* of the child's last output that is kept for messages */
};

/*
 * Runs `leat host --describe <copy_path>` and appends what it answers (not scanned) to
 * <ret_msgpack>, whose maximum must be at least DESCRIBE_BYTES_MAX. <spawner_user> is the struct
 * spawner (a void pointer so that this function fits the catalogue's callback). ERR_PLUGIN_REFUSED
 * with a sentence that has the child's signal, exit code or last words; ERR_TIMEOUT;
 * ERR_UNAVAILABLE without a spawner.
 */
int describe_plugin(void *spawner_user, const char *copy_path, struct buf *ret_msgpack,
                    struct err_text *reterr_why);

#endif
