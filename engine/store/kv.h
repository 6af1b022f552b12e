/*
 * One LMDB environment as we use it: created so that a crash leaves it whole or absent, checked
 * before it is mapped, opened with full durability, every LMDB code translated here.
 *
 * Internal to engine/store: store.c opens the state, store_log.c the log. Rows are in kv_rows.h.
 */
#ifndef STORE_KV_H
#define STORE_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct MDB_env;
struct MDB_txn;

enum {
    KV_TABLES_MAX = 64,
    KV_SCHEMA_MAJOR = 1, /* a store with a greater one is refused */
    KV_SCHEMA_MINOR = 0,
    KV_ID_SIZE = 16,
    KV_META = 0, /* the table that holds the identity, in every environment */
};

/* What is written once, at creation. */
struct kv_identity {
    uint32_t major;
    uint32_t minor;
    uint8_t id[KV_ID_SIZE]; /* random; keys all checksums */
    uint64_t generation;    /* random; see kv_set_generation */
};

/* Where and what to open. */
struct kv_spec {
    const char *parent; /* existing directory */
    const char *name;   /* of the environment's directory in it */
    const char *const *tables;
    size_t table_count; /* 1 to KV_TABLES_MAX */
    size_t map_size;
};

/* An open environment. Read-only after kv_open, so any thread may look at it. */
struct kv {
    struct MDB_env *mdb;
    char *dir;
    int fd; /* the data file's descriptor, LMDB's */
    size_t page_size;
    size_t map_size;
    struct kv_identity identity;
    uint64_t seed;
    size_t table_count;
    unsigned tables[KV_TABLES_MAX]; /* LMDB's handles */
};

/*
 * Opens the environment, creating it first when its directory is missing. ERR_CORRUPT,
 * ERR_STORE_SCHEMA, ERR_STORE_UNSUITABLE, ERR_STORE_FULL, ERR_IO with a sentence; <ret_kv> must be
 * given to kv_done after success only.
 */
int kv_open(const struct kv_spec *spec, struct kv *ret_kv, struct err_text *reterr_why);
void kv_done(struct kv *kv);

/* True when the environment's directory is there. */
bool kv_exists(const char *parent, const char *name);

/* An LMDB or errno code as one of ours. */
int kv_err(int code);
/* LMDB's words for a code. Static text, or strerror's. */
const char *kv_err_text(int code);

/* ---- write transactions: one at a time, begun and ended on the same thread ------------------- */

int kv_begin(struct kv *kv, struct MDB_txn **ret_txn);
void kv_abort(struct MDB_txn *txn);
/* Commits and flushes. 0; ERR_STORE_FULL: nothing was published; ERR_IO: the outcome is unknown,
 * the environment must not be written again. The transaction is gone in every case. */
int kv_commit(struct MDB_txn *txn);

/*
 * To be called before a transaction that will write about <bytes> in <operations>: checks that the
 * disk has room, and makes the file longer than the transaction can need, because LMDB does not
 * write pages that were allocated and freed in the same transaction, and datafile_check() must be
 * able to take a short file for a damaged one. 0, ERR_STORE_FULL, ERR_IO.
 */
int kv_make_room(struct kv *kv, size_t bytes, size_t operations);

/* ---- read transactions: any thread --------------------------------------------------------- */

int kv_read_begin(struct kv *kv, struct MDB_txn **ret_txn);
/* Between these two a transaction holds no snapshot and costs nothing. */
void kv_read_reset(struct MDB_txn *txn);
int kv_read_renew(struct MDB_txn *txn);
void kv_read_end(struct MDB_txn *txn);

/* ---- facts --------------------------------------------------------------------------------- */

struct kv_space {
    uint64_t map_bytes;
    uint64_t used_bytes; /* pages in use */
    uint64_t file_bytes; /* what the file takes on the disk */
    uint64_t disk_free;
};
/* Walks the list of free pages when <exact>, else counts them as used. Needs a read transaction. */
int kv_space(struct kv *kv, struct MDB_txn *txn, bool exact, struct kv_space *ret_space);

/* Clears reader slots of dead processes. */
void kv_check_readers(struct kv *kv);

/* Records a new random generation (durable). Before any other thread uses the environment. */
int kv_set_generation(struct kv *kv, struct err_text *reterr_why);

/* LMDB's name and version. Static text. */
const char *kv_version(void);

#endif
