/*
 * Doors 2 and 3: private copies of plugin files, named by the hash of their content, and what is
 * known about each content.
 *
 *   HOME/store/plugins/<hash>.so       the copy that hosts load; never changed
 *   HOME/store/plugins/<hash>.desc     its descriptor as msgpack
 *   HOME/store/plugins/<hash>.refused  instead of it, for a while: why there is none
 *
 * Every file appears complete or not at all, so several processes may share the directory. Decoded
 * plugins live as long as the struct copies. One thread; what copies_plugin() and copies_describe()
 * gave out may be read by any.
 */
#ifndef PLUG_COPIES_H
#define PLUG_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "plug/descriptor.h"

struct copies;

/* For the home at <home>; touches nothing yet. copies_free(NULL) is allowed; returns NULL. */
struct copies *copies_new(const char *home);
struct copies *copies_free(struct copies *copies);

/* Makes the directory when it is missing. Errors of file_mkdirs(). */
int copies_open(struct copies *copies, struct err_text *reterr_why);

/* The directory, and the path of one copy (on the heap; the caller frees it). */
const char *copies_dir(const struct copies *copies);
char *copies_path(const struct copies *copies, const struct hash *hash);

/* True when there is a copy of <size> bytes. */
bool copies_has(const struct copies *copies, const struct hash *hash, uint64_t size);

/* Stores the content whose hash is <hash>, durably, unless it is there. Errors of file_write(). */
int copies_put(struct copies *copies, const struct hash *hash, const void *bytes, size_t len,
               struct err_text *reterr_why);

/* 0 when the copy's content has the hash that its name says, ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO. */
int copies_verify(const struct copies *copies, const struct hash *hash,
                  struct err_text *reterr_why);

/*
 * The plugin with this content, from its descriptor file. A plugin seen for the first time gets
 * <source_path> (copied; NULL: the path of the copy). ERR_NOT_FOUND when there is no descriptor
 * that this version of leat understands.
 */
int copies_plugin(struct copies *copies, const struct hash *hash, const char *source_path,
                  const struct plug_plugin **ret_plugin, struct err_text *reterr_why);

/*
 * The same, but lets <describe> find out when no descriptor is known, and keeps the answer.
 * Refusals (ERR_PLUGIN_REFUSED, ERR_PLUGIN_ABI, ERR_TIMEOUT) are kept, too: one that was written
 * between <from_us> and <to_us> (wall clock) comes back as ERR_PLUGIN_REFUSED without a process.
 * ERR_UNAVAILABLE when <describe> is NULL; its own errors.
 */
int copies_describe(struct copies *copies, const struct hash *hash, const char *source_path,
                    int (*describe)(void *user, const char *copy_path, struct buf *ret_msgpack,
                                    struct err_text *reterr_why),
                    void *user, int64_t from_us, int64_t to_us,
                    const struct plug_plugin **ret_plugin, struct err_text *reterr_why);

#endif
