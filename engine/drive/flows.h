/*
 * Flows by text and by name: parsing with the catalogue at hand, a cache by content, and the files
 * of subflows.
 *
 * Loop thread.
 */
#ifndef DRIVE_FLOWS_H
#define DRIVE_FLOWS_H

#include "drive/run_data.h"

/*
 * Parses <text> and, in turn, every flow that it calls, and collects them with their plugins in new
 * pins. Subflow NAME is looked for as NAME.yaml (or .yml) beside <file>, then in HOME/flows. All
 * problems of all files, rendered for people, go to <ret_problems>: ERR_INVALID.
 */
int flows_collect(struct engine *engine, struct str text, const char *file, struct flow **ret_flow,
                  struct hash *ret_hash, struct pins **ret_pins, struct buf *ret_problems);

/* The flow with the pinned text of <hash>, from the cache or the store; names are not checked
 * again. Borrowed from the cache. ERR_NOT_FOUND, ERR_CORRUPT, with a sentence. */
int flows_pinned(struct engine *engine, const struct hash *hash, struct flow **ret_flow,
                 struct err_text *reterr_why);

/* The text of a flow in the cache, for pins_write(). Empty when it is not there. */
struct str flows_text(struct engine *engine, const struct hash *hash);

/* Frees the cache. */
void flows_done(struct engine *engine);

#endif
