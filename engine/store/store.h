/*
 * The durable store: sorted tables of bytes in LMDB, written by one thread in grouped transactions.
 *
 * Promises: a batch is all or nothing; batches commit in the order of submission; `done` is called
 * with 0 only after the batch was flushed to disk; every record is checked against its checksum
 * when it is read. Knows keys and bytes, nothing of flows. Never logs; errors come back.
 *
 *     loop thread                              store thread
 *     -----------                              ------------
 *     store_batch_new, _put, ...
 *     store_submit ------- queue ----------->  takes all that waits (a bounded group)
 *                                              one transaction, one flush
 *     store_poll  <------- finished, wake() -- hands the batches back
 *       done(user, err) for each, in order
 *
 * HOME/store/lock      held while a process owns the store; names that process
 * HOME/store/state/    LMDB environment with the tables of tables.h
 * HOME/store/log/      LMDB environment with log lines (store_log.h)
 * HOME/store/acked     last acknowledged commit number, to notice a store that went back in time
 *
 * drive owns the store object; api and main read through it. Reading is in store_read.h.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

struct store;
struct store_batch;

enum store_table {
#define TABLE(NAME, number, text, holds) STORE_##NAME = (number),
#include "store/tables.h"
#undef TABLE
    STORE_TABLES, /* how many there are */
};

enum {
    STORE_KEY_MAX = 255,                      /* bytes; 8 to 64 is best (key.h builds them) */
    STORE_VALUE_MAX = 64 * 1024,              /* bytes; what is larger goes into a blob (blob.h) */
    STORE_BATCH_BYTES_MAX = 16 * 1024 * 1024, /* keys and values of one batch */
    STORE_BATCH_OPS_MAX = 65536,              /* operations of one batch */
    STORE_SLICE = 500,                        /* keys a range deletion removes per transaction */
};

struct store_options {
    size_t map_size;          /* bytes; most the state may grow to; 0: 64 GiB */
    size_t log_map_size;      /* bytes; the same for log lines; 0: 16 GiB */
    bool accept_rollback;     /* open a store that is older than what was acknowledged */
    void (*wake)(void *user); /* store thread: store_poll has work; may be NULL */
    void *user;               /* for wake */
};

/*
 * Opens the store in <home> (made with its parents when missing, mode 0700), creating it when there
 * is none. Blocks for a few flushes. <options> may be NULL. Call once the process forks no more.
 *
 * ERR_STORE_BUSY: another process (named in the sentence), or this one, has it open.
 * ERR_STORE_UNSUITABLE: wrong file system, owner or mode.
 * ERR_STORE_SCHEMA: written by a newer version.
 * ERR_CORRUPT: damaged or cut files, or the store went back in time; files are left alone.
 */
int store_open(const char *home, const struct store_options *options, struct store **ret_store,
               struct err_text *reterr_why);

/* Commits what was submitted, calls the outstanding `done` functions on this thread, stops the
 * threads, gives up the lock. No read may be open. NULL is allowed; returns NULL. Loop thread. */
struct store *store_close(struct store *store);

/*
 * The process that owns the store in <home>: its pid, 0 when nobody does. Does not disturb it.
 * -1 in <ret_pid> when someone holds the lock but left no readable pid. Negated errno on trouble;
 * a missing home is nobody.
 */
int store_owner(const char *home, pid_t *ret_pid);

/* A sentence when the place is only fit for trying out (memory file system ...), else NULL.
 * Borrowed from the store. */
const char *store_warning(const struct store *store);

/* True after a commit or flush failed with unknown outcome: every later batch ends with ERR_IO; the
 * process must end (exit code 75) and read the truth from disk. Any thread. */
bool store_broken(const struct store *store);
/* Why, as a sentence; "" while the store is sound. Any thread once store_broken() is true. */
const char *store_broken_why(const struct store *store);

/* LMDB's name and version. Static text. Any thread. */
const char *store_engine_version(void);

/* ---- batches; loop thread only --------------------------------------------------------------- */

/*
 * An empty batch, from recycled memory. Errors inside a batch are sticky: after a key or value past
 * its limit (ERR_LIMIT) the batch does nothing more and its `done` gets that error. Keys and values
 * are copied. Operations apply in order; a later one for the same key wins.
 */
struct store_batch *store_batch_new(struct store *store);
/* Gives back a batch that will not be submitted. NULL is allowed; returns NULL. */
struct store_batch *store_batch_free(struct store *store, struct store_batch *batch);

/* Adds or replaces. <key> 1 to STORE_KEY_MAX bytes, <val> 0 to STORE_VALUE_MAX. 0 or ERR_LIMIT. */
int store_batch_put(struct store_batch *batch, enum store_table table, struct str key,
                    struct str val);
/* The same for keys that only grow (much cheaper). A key that is not greater than every key of the
 * table fails the batch with ERR_EXISTS. */
int store_batch_append(struct store_batch *batch, enum store_table table, struct str key,
                       struct str val);
/* Removes a key; a missing one is fine. */
int store_batch_del(struct store_batch *batch, enum store_table table, struct str key);
/*
 * Removes every key that begins with <prefix> (empty: the whole table), as it is when the batch is
 * applied. Up to STORE_SLICE keys go in the batch's own transaction. When there are more, slices
 * are removed in transactions of their own before anything of the batch is applied, so a crash can
 * leave some of them; submit the same again then.
 */
int store_batch_del_prefix(struct store_batch *batch, enum store_table table, struct str prefix);
/* The same for <from> <= key < <until> (an empty <until>: to the end). */
int store_batch_del_range(struct store_batch *batch, enum store_table table, struct str from,
                          struct str until);
/* Appends <val> to the journal. The key is the next sequence number, given out at store_submit:
 * the first journal record of a batch gets store_next_sequence() as it was before the submit. */
int store_batch_journal(struct store_batch *batch, struct str val);

/* Operations so far; 0 for a fresh batch. */
size_t store_batch_count(const struct store_batch *batch);
/* Bytes so far, as STORE_BATCH_BYTES_MAX counts them. */
size_t store_batch_bytes(const struct store_batch *batch);
/* 0 or the sticky error. */
int store_batch_err(const struct store_batch *batch);

/*
 * The end of a batch, on the loop thread inside store_poll (or _drain, _close). <err>:
 *   0               durable
 *   ERR_STORE_FULL  no room (map or disk); nothing of the batch was applied; the store goes on
 *   ERR_IO          outcome unknown, store_broken() is true
 *   ERR_LIMIT, ERR_EXISTS, ERR_CORRUPT, ...  this batch was refused, others are not affected
 */
typedef void store_done(void *user, int err);

/* Adopts <batch>. <done> may be NULL. Never blocks, never calls <done> itself. Loop thread. */
void store_submit(struct store *store, struct store_batch *batch, store_done *done, void *user);

/* Calls `done` for every finished batch, in order of submission; returns how many. The functions
 * may submit again. Loop thread. */
size_t store_poll(struct store *store);
/* Blocks until everything submitted so far has ended; calls the `done` functions. Loop thread. */
void store_drain(struct store *store);

/* Batches submitted and not handed back yet: what drive looks at to refuse new work while the disk
 * stalls. Any thread. */
size_t store_waiting(const struct store *store);

/* The number the next submitted journal record will get; numbers start at 1 and grow, with gaps
 * after failed batches. Loop thread. */
uint64_t store_next_sequence(const struct store *store);
/* The newest journal number that is durable; 0 when there is none. Any thread. */
uint64_t store_sequence(const struct store *store);

/* ---- facts; any thread ----------------------------------------------------------------------- */

/* How much room is left, kept up to date by the store thread. */
enum store_room {
    STORE_ROOM_FINE,
    STORE_ROOM_TIGHT,   /* 70 % of the map used, or less than 1 GiB of disk: tell people */
    STORE_ROOM_LOW,     /* 80 %, or less than 256 MiB: take no new runs */
    STORE_ROOM_RESERVE, /* 90 %, or less than 64 MiB: only ends of runs and clean-up */
};
enum store_room store_room(const struct store *store);

struct store_stats {
    uint64_t generation;      /* random; changes when a roll-back was accepted */
    uint64_t commit_seq;      /* transactions committed in the life of this store */
    uint64_t sequence;        /* newest durable journal number */
    uint64_t transactions;    /* since open */
    uint64_t operations;      /* since open */
    uint64_t batches_waiting; /* submitted and not handed back by store_poll */
    uint64_t commit_us;       /* how long the latest transaction took, flush included */
    uint64_t commit_us_max;   /* longest since open */
    uint64_t map_bytes;       /* most the state may use */
    uint64_t used_bytes;      /* pages in use */
    uint64_t file_bytes;      /* size of the state file on disk */
    uint64_t disk_free_bytes; /* what the file system has left for us */
    uint64_t damaged;         /* records whose checksum did not match, since open */
    uint64_t readers;         /* open reads */
    uint64_t oldest_read_us;  /* age of the oldest open read, 0 when there is none */
    uint64_t log_lines;       /* since open */
    uint64_t log_dropped;     /* log lines lost for want of room, since open */
};
/* Opens a short read of its own and walks LMDB's list of free pages: for people and monitoring, not
 * for every request. 0 or ERR_IO. */
int store_stats(struct store *store, struct store_stats *ret_stats);

#endif
