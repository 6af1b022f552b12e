/*
 * The catalogue: which plugins there are, what they offer, and why a file is not one of them.
 *
 * A scan looks at HOME/plugins and at the bundled directory and takes every `*.so` through three
 * doors:
 *
 *   1  the file is safe to read (not a link, nobody else may write it) and its marker names an ABI
 *      we speak
 *   2  its content is copied to HOME/store/plugins/<hash>.so, which nothing ever changes
 *   3  a child process (the `describe` callback) loads the copy and prints the descriptor, which is
 *      kept as <hash>.desc, so that a known content never starts a process again
 *
 * A home plugin replaces a bundled one of the same name. Two plugins of one directory with the same
 * name, or with a part of the same kind and type, are both refused; a home plugin that declares a
 * part of a bundled one without replacing it is refused.
 *
 * Plugins and views are immutable and live as long as the catalogue: a run keeps pointers and
 * hashes of what it started with whatever happens to the directory. catalogue_scan() and
 * catalogue_pin() belong to one thread (the loop's, or the only one); all other functions may be
 * called from any thread meanwhile.
 */
#ifndef PLUG_CATALOGUE_H
#define PLUG_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/suggest.h"
#include "plug/descriptor.h"

enum {
    CATALOGUE_FILE_SIZE_MAX = 64 * 1024 * 1024, /* bytes of a plugin file */
    CATALOGUE_FILES_MAX = 1024,                 /* `*.so` files in one directory */
    CATALOGUE_SETTLE_MS = 2000,   /* a file this young may change again without a newer time */
    CATALOGUE_REFUSED_MS = 60000, /* how long other processes believe a refusal by door 3 ... */
    CATALOGUE_RETRY_MS = 600000,  /* ... and this one any refusal, while the file is untouched */
};

enum catalogue_status {
    CATALOGUE_OK,       /* its parts are offered */
    CATALOGUE_REPLACED, /* by a home plugin of the same name, or a file of the same content */
    CATALOGUE_PENDING,  /* not complete yet, or not described because that was not allowed here */
    CATALOGUE_REFUSED,
};

/* One `*.so` file that a scan saw. */
struct catalogue_file {
    const char *path;
    bool bundled;
    enum catalogue_status status;
    const char *name;    /* from the marker; "" before door 1 */
    const char *version; /* likewise */
    const char *reason;  /* why the status is not OK, as a predicate for after the path, or "" */
    const char *warning; /* what is odd about a plugin that is served all the same, likewise */
    const struct plug_plugin *plugin; /* NULL before door 3 */
};

/* What one scan found. */
struct catalogue_view {
    const struct catalogue_file *files; /* home first, each directory by name */
    size_t file_count;
    const struct plug_part *const *parts; /* what is offered, by kind and type */
    size_t part_count;
    uint64_t generation; /* grows by one with every change */
};

struct catalogue;

/*
 * An empty catalogue; call catalogue_scan() next. <home> and <bundled_dir> (NULL: none) are
 * absolute and copied. <describe> is door 3: it appends the descriptor of the copy at <copy_path>
 * as msgpack, not scanned, to <ret_msgpack>; NULL when no process may be started, then unknown
 * files stay pending.
 */
struct catalogue *catalogue_new(const char *home, const char *bundled_dir,
                                int (*describe)(void *user, const char *copy_path,
                                                struct buf *ret_msgpack,
                                                struct err_text *reterr_why),
                                void *user);

/* Frees the catalogue and every plugin and view it gave out. NULL is allowed; returns NULL. */
struct catalogue *catalogue_free(struct catalogue *catalogue);

/*
 * Looks at both directories again. Costs two directory listings and one lstat per file when nothing
 * changed; may block for seconds per new file (door 3). A bad file is no error: it is in the view
 * with its reason. Errors are those of the store directory, with a sentence; the view is as before
 * then.
 */
int catalogue_scan(struct catalogue *catalogue, struct err_text *reterr_why);

/* The newest view, borrowed for the catalogue's life. */
const struct catalogue_view *catalogue_view(const struct catalogue *catalogue);

/* The part of <kind> (LEAT_KIND_*) called <type>, or NULL. */
const struct plug_part *catalogue_part(const struct catalogue *catalogue, uint32_t kind,
                                       struct str type);

/* Says why catalogue_part() found nothing: which file would have it, or what it could have meant.
 * Returns ERR_NOT_FOUND. */
int catalogue_part_missing(const struct catalogue *catalogue, uint32_t kind, struct str type,
                           struct err_text *reterr_why);

/* Offers the types of all parts of <kind> to <suggest>. */
void catalogue_offer(const struct catalogue *catalogue, uint32_t kind, struct suggest *suggest);

/* The offered plugin of that name, or NULL. */
const struct plug_plugin *catalogue_plugin(const struct catalogue *catalogue, struct str name);

/*
 * The plugin with exactly this content, offered or not: what a run was pinned to may have been
 * replaced or removed since. ERR_NOT_FOUND with a sentence when its copy is gone; ERR_CORRUPT when
 * the copy's content is no longer what its name says.
 */
int catalogue_pin(struct catalogue *catalogue, const struct hash *hash,
                  const struct plug_plugin **ret_plugin, struct err_text *reterr_why);

/* "ok", "replaced", "pending" or "refused". Static text. */
const char *catalogue_status_name(enum catalogue_status status);

#endif
