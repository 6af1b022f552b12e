/*
 * The store thread: the only writer of the state environment.
 *
 *     queued --take all--> group --one transaction--> finished --collect--> loop thread
 *
 * A group is what waits, in order, up to a bound; a batch is never split. When a group fails before
 * its commit, its batches are tried one by one, so that a bad one harms only itself. When a commit
 * or the storage fails, the writer is broken for good: everything ends with ERR_IO.
 *
 * Internal to engine/store; store.c calls it from the loop thread unless noted.
 */
#ifndef STORE_STORE_WRITER_H
#define STORE_STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/kv.h"
#include "store/store.h"
#include "store/store_batch.h"
#include "store/store_place.h"

struct store_writer;

struct store_writer_config {
    struct kv *kv;
    struct store_place *place;
    uint64_t commit_seq; /* of the newest transaction */
    uint64_t sequence;   /* newest journal number */
    void (*wake)(void *user);
    void *user;
};

/* Starts the thread. 0 or ERR_UNAVAILABLE with a sentence. */
int store_writer_new(const struct store_writer_config *config, struct store_writer **ret_writer,
                     struct err_text *reterr_why);
/* Ends the thread once the queue is empty; finished batches must have been collected, or still can
 * be before the free: see store_writer_stop. NULL is allowed; returns NULL. */
struct store_writer *store_writer_free(struct store_writer *writer);
/* Works off the queue and joins the thread; store_writer_collect works afterwards. */
void store_writer_stop(struct store_writer *writer);

/* Queues <batch>; gives numbers to its journal records. */
void store_writer_submit(struct store_writer *writer, struct store_batch *batch);
/* The finished batches in order, as a list; the caller owns them. */
struct store_batch *store_writer_collect(struct store_writer *writer);
/* Blocks until nothing is queued or in work. */
void store_writer_wait(struct store_writer *writer);
/* The number the next submitted journal record gets. */
uint64_t store_writer_next_sequence(const struct store_writer *writer);

/* Any thread. */
uint64_t store_writer_sequence(const struct store_writer *writer);
bool store_writer_broken(const struct store_writer *writer);
const char *store_writer_broken_why(const struct store_writer *writer);
enum store_room store_writer_room(const struct store_writer *writer);
/* Fills in what the writer knows: commit_seq, sequence, transactions, operations, commit_us. */
void store_writer_stats(const struct store_writer *writer, struct store_stats *ret_stats);

/* The key in STORE_META of the row that holds the newest commit number (8 bytes). */
extern const struct str store_writer_commit_key;

#endif
