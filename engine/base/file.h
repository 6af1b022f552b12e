/*
 * Files and directories: reading with a maximum, writing so that a crash leaves old or new content,
 * and paths. Every descriptor is close-on-exec.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads a whole file into <ret_buf> (initialised by the caller with its maximum). Errors: negated
 * errno, or ERR_LIMIT when the file is larger; the sentence names the path. */
int file_read(const char *path, struct buf *ret_buf, struct err_text *reterr_why);

/* Replaces <path> atomically and durably: temporary sibling, write, fdatasync, rename, fsync of the
 * directory. */
int file_write(const char *path, const void *bytes, size_t len, unsigned mode,
               struct err_text *reterr_why);

/* Makes a directory and its parents with <mode>; an existing directory is fine. */
int file_mkdirs(const char *path, unsigned mode, struct err_text *reterr_why);

/* fsync of a directory, so that names in it are durable. */
int file_sync_dir(const char *path, struct err_text *reterr_why);

/* Removes a tree without following links; a missing one is fine. */
int file_remove_tree(const char *path, struct err_text *reterr_why);

bool file_exists(const char *path);
bool file_is_dir(const char *path);

/* Writes all of <bytes> to a descriptor, through short writes and EINTR. 0 or negated errno. */
int file_write_all(int fd, const void *bytes, size_t len);

/* "<dir>/<name>" on the heap; an absolute <name> stays as it is. */
char *file_join(const char *dir, const char *name);
/* The directory part of <path> on the heap ("." when there is none). */
char *file_dirname(const char *path);
/* The last part of <path>, borrowed from it. */
const char *file_basename(const char *path);
/* An absolute path without "." and ".." (not resolving links) on the heap. */
char *file_absolute(const char *path);

#endif
