/*
 * From single files to one set of plugins: who replaces whom, and who is in whose way.
 *
 * Add the files (home first, each directory by name), then run. The rules are told in catalogue.h.
 * Pure: files come in, statuses and the sorted list of parts come out. Its caller is the catalogue.
 */
#ifndef PLUG_RESOLVE_H
#define PLUG_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "plug/catalogue.h"

/* Begin with {.arena = ...}; all memory is the arena's. */
struct resolve {
    struct arena *arena;
    struct catalogue_file *files;
    size_t count;
    size_t room;
    bool *yields; /* bundled files that are replaced by a home plugin at present */
    const struct plug_part **parts; /* filled by resolve_run() */
    size_t part_count;
};

/* Adds a file; its texts are copied. ERR_LIMIT when the arena is full. */
int resolve_add(struct resolve *resolve, const struct catalogue_file *file,
                struct err_text *reterr_why);

/* Adds a refused file or directory of which nothing else is known. */
int resolve_refused(struct resolve *resolve, const char *path, bool bundled, const char *reason,
                    struct err_text *reterr_why);

/* Settles every status and lists the parts that are offered. ERR_LIMIT when the arena is full. */
int resolve_run(struct resolve *resolve, struct err_text *reterr_why);

/* Orders parts by kind and type: below, at or above zero when <part> comes before, is, or comes
 * after the one named. */
int resolve_compare(const struct plug_part *part, uint32_t kind, struct str type);

/* "task", "notifier" or "part". Static text. */
const char *resolve_kind_word(uint32_t kind);

#endif
