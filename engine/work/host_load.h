/*
 * Loading a plugin copy: its bytes go into a sealed memory file, are checked against the hash, and
 * only that is loaded, so nothing that happens to the file afterwards reaches the running code.
 *
 * Runs the plugin's constructors: only in `leat host`. Main thread.
 */
#ifndef WORK_HOST_LOAD_H
#define WORK_HOST_LOAD_H

#include <leat/abi.h>

#include "base/err.h"
#include "base/hash.h"

/*
 * Loads <path>, whose content must have the hash <expected> (NULL: any), and gives its descriptor,
 * checked as far as a reader needs (magic, size, ABI major, name and parts there). It stays loaded
 * for good. ERR_CORRUPT, ERR_PLUGIN_FORMAT, ERR_PLUGIN_ABI, ERR_PLUGIN_REFUSED or a negated errno,
 * with a sentence.
 */
int host_load(const char *path, const struct hash *expected, const leat_plugin **ret_plugin,
              struct err_text *reterr_why);

#endif
