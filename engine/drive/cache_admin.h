/*
 * Removing entries of the result cache on request.
 */
#ifndef DRIVE_CACHE_ADMIN_H
#define DRIVE_CACHE_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"

struct engine;
struct mail;

/* Which entries; exactly one member is set. */
struct cache_selection {
    const struct hash *key;
    struct str task_type;
    bool all;
};

/*
 * Removes entries and returns when that is durable, with their number (0 is fine). A computation
 * that is under way stores its result all the same. Errors of the store with a sentence. Any thread
 * but the loop's.
 */
int cache_remove(struct engine *engine, const struct cache_selection *selection,
                 uint64_t *ret_removed, struct err_text *reterr_why);

/* Does what a mail of MAIL_CACHE_REMOVE says. Loop thread. */
void cache_removal(struct engine *engine, struct mail *mail);

#endif
