/*
 * The directory HOME/store: is it fit for a store, who owns it, and how far had the store come when
 * this process or an earlier one last looked.
 *
 * Internal to engine/store; store.c calls it. Descriptors it opens are never LMDB's files.
 */
#ifndef STORE_STORE_PLACE_H
#define STORE_STORE_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "store/kv.h"

struct store_place;

/*
 * Makes HOME/store when missing, checks owner, mode and file system, takes the lock and writes our
 * pid and boot id into it. Errors as store_open.
 */
int store_place_open(const char *home, struct store_place **ret_place, struct err_text *reterr_why);
/* Gives up the lock. NULL is allowed; returns NULL. */
struct store_place *store_place_close(struct store_place *place);

/* HOME/store, borrowed. */
const char *store_place_dir(const struct store_place *place);
/* A sentence when the file system is only fit for trying out, else NULL. Borrowed. */
const char *store_place_warning(const struct store_place *place);

/* Adds the generation to what the lock file says. 0 or ERR_IO. */
int store_place_announce(struct store_place *place, uint64_t generation,
                         struct err_text *reterr_why);

/* Who holds the lock of HOME/store; see store_owner. */
int store_place_owner(const char *home, pid_t *ret_pid);

/* What to think of a file system, by its statfs number. */
enum store_place_verdict { PLACE_FIT, PLACE_NOT_DURABLE, PLACE_UNFIT };
enum store_place_verdict store_place_judge(uint64_t filesystem);

/*
 * The side file: the identity of the store and the last commit number that was acknowledged.
 * Reading gives ERR_NOT_FOUND when the file is missing or unreadable (then nothing is known).
 * Writing is not flushed: it may lag behind, it is never ahead.
 */
int store_place_read_acked(const struct store_place *place, uint8_t ret_id[KV_ID_SIZE],
                           uint64_t *ret_commit_seq);
int store_place_write_acked(struct store_place *place, const uint8_t id[KV_ID_SIZE],
                            uint64_t commit_seq);

#endif
