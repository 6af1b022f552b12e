/*
 * Large values as files named by their content: HOME/blobs/ab/cdef....
 *
 * A blob is complete and flushed under its name, or not there. Content never changes. Several
 * processes (the engine, hosts) read and write the same directory at once. A reference may be
 * recorded only after blob_put returned 0. Any thread.
 */
#ifndef STORE_BLOB_H
#define STORE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "value/val.h"

struct blob_dir;

/* Largest blob: 1 GiB. */
#define BLOB_SIZE_MAX ((uint64_t)1 << 30)

/* Opens HOME/blobs, or makes it with mode 0700. Negated errno with a sentence. */
int blob_dir_open(const char *home, struct blob_dir **ret_dir, struct err_text *reterr_why);
/* The same when the directory itself is known (hosts get its path). */
int blob_dir_open_path(const char *path, struct blob_dir **ret_dir, struct err_text *reterr_why);
/* NULL is allowed; returns NULL. Mapped blobs stay mapped. */
struct blob_dir *blob_dir_close(struct blob_dir *dir);
/* The directory's path, borrowed. */
const char *blob_dir_path(const struct blob_dir *dir);

/*
 * Stores <bytes> durably and gives the reference. Content that is there already is not written
 * again (it is checked, and replaced when it is damaged). ERR_LIMIT past BLOB_SIZE_MAX,
 * ERR_STORE_FULL when the disk is full, other negated errno.
 */
int blob_put(struct blob_dir *dir, const void *bytes, size_t len, struct blob_ref *ret_ref,
             struct err_text *reterr_why);

/*
 * Maps a blob read-only until blob_unmap. The size is checked; the first time this directory object
 * maps a blob its hash is checked too (remembered for the latest 4,096 blobs). An empty blob gives
 * a pointer that must not be read. ERR_NOT_FOUND when the file is missing, ERR_CORRUPT when it is
 * cut or altered, each with a sentence that names the file; ERR_IO.
 */
int blob_map(struct blob_dir *dir, const struct blob_ref *ref, const uint8_t **ret_bytes,
             size_t *ret_len, struct err_text *reterr_why);
void blob_unmap(const uint8_t *bytes, size_t len);

/* Reads the whole file and checks size and hash. Errors as blob_map. */
int blob_verify(struct blob_dir *dir, const struct blob_ref *ref, struct err_text *reterr_why);

/* True when a file of the right size is there; content is not looked at. */
bool blob_exists(struct blob_dir *dir, const struct blob_ref *ref);
/* Removes a blob; a missing one is fine. Who maps it now keeps the content. 0 or negated errno. */
int blob_remove(struct blob_dir *dir, const struct hash *hash);

/* One file of the directory; <age_s> is seconds since it was written or last used by blob_put.
 * False ends the walk. */
typedef bool blob_visit(void *user, const struct hash *hash, uint64_t size, int64_t age_s);

/* Visits every blob, in no particular order, for mark and sweep; removes temporary files older than
 * an hour that dead writers left. */
void blob_walk(struct blob_dir *dir, blob_visit *visit, void *user);

#endif
