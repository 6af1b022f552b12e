/*
 * Door 1: what a file is, from its bytes alone, before any of its code could run.
 *
 * Checks that the bytes are a complete shared object for this machine, then looks for the marker
 * that leat/plugin.h leaves in every plugin. Every offset is checked against the length, so that
 * any bytes may be given. Its caller is the catalogue. Any thread.
 */
#ifndef PLUG_MANIFEST_H
#define PLUG_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <leat/abi.h>

#include "base/err.h"

enum {
    MANIFEST_SEARCH_PATH_SIZE = 256, /* room for a search path in messages, its NUL included */
};

struct manifest {
    uint16_t abi_major;
    uint16_t abi_minor;
    char name[LEAT_MARKER_NAME_MAX];
    char version[LEAT_MARKER_VERSION_MAX];
    /* RPATH or RUNPATH (cut to fit), empty when there is none: worth a warning, because it lets the
     * file pull code from places nobody looked at. */
    char search_path[MANIFEST_SEARCH_PATH_SIZE];
};

/* What is wrong with a file, for those who care more than about the sentence. */
enum manifest_fault {
    MANIFEST_SOUND,
    MANIFEST_CUT_SHORT, /* ends before its own headers say: perhaps still being written */
    MANIFEST_FOREIGN,   /* anything else */
};

/*
 * ERR_PLUGIN_FORMAT (not a plugin) or ERR_PLUGIN_ABI (made for another major version) with a
 * sentence for use after the path ("is not a shared object for this machine ..."). <ret_fault>
 * (NULL allowed) is always written.
 */
int manifest_read(const void *bytes, size_t len, struct manifest *ret_manifest,
                  enum manifest_fault *ret_fault, struct err_text *reterr_why);

#endif
