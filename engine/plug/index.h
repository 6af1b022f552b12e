/*
 * What the catalogue remembers about plugin files between scans and between processes, so that an
 * unchanged file is neither read nor hashed again: path and stamp on one side, content hash on the
 * other.
 *
 * Kept in one small msgpack file. A file that can not be read or understood counts as empty: all
 * that is lost is time. One thread.
 */
#ifndef PLUG_INDEX_H
#define PLUG_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include <leat/abi.h>

#include "base/err.h"
#include "base/hash.h"
#include "plug/manifest.h"

struct stat; /* sys/stat.h */

enum {
    INDEX_BYTES_MAX = 8 * 1024 * 1024, /* the index as a file */
    INDEX_PATH_MAX = 4096,             /* bytes of a path */
};

/* By what a changed file is told from an unchanged one. Times in nanoseconds. */
struct index_stamp {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    int64_t changed_ns; /* content */
    int64_t touched_ns; /* content, owner, mode, name */
};

struct index_entry {
    struct index_stamp stamp;
    struct hash hash;
    char name[LEAT_MARKER_NAME_MAX];
    char version[LEAT_MARKER_VERSION_MAX];
    char search_path[MANIFEST_SEARCH_PATH_SIZE];
    bool same_version; /* an earlier content at this path had the same name and version */
};

struct index;

/* An empty index. index_free(NULL) is allowed; returns NULL. */
struct index *index_new(void);
struct index *index_free(struct index *index);

/* Reads <path> into an empty index; whatever is wrong with the file leaves it empty. */
void index_load(struct index *index, const char *path);

/* Writes the index when it differs from what was loaded or saved last. Errors of file_write(). */
int index_save(struct index *index, const char *path, struct err_text *reterr_why);

/* The entry for the plugin file <path>, or NULL; borrowed until the next index_put() or sweep. */
const struct index_entry *index_get(const struct index *index, const char *path);

/* Adds or replaces the entry for <path>. */
void index_put(struct index *index, const char *path, const struct index_entry *entry);

/* Forgets all paths that <keep> refuses. */
void index_sweep(struct index *index, bool (*keep)(void *user, const char *path), void *user);

/* The stamp of a file. */
struct index_stamp index_stamp_of(const struct stat *info);
bool index_stamp_same(const struct index_stamp *a, const struct index_stamp *b);
/* When the file was last changed in any way, in microseconds of the wall clock. */
int64_t index_stamp_us(const struct index_stamp *stamp);

/*
 * True when the stamp can be believed: a file that changed within <settle_ms> before <wall_us> may
 * change once more without a newer time, because times have a granularity.
 */
bool index_stamp_settled(const struct index_stamp *stamp, int64_t wall_us, int64_t settle_ms);

#endif
