/*
 * Life of one LMDB environment, and the only place that knows LMDB's codes; see kv.h.
 */
#include "store/kv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <lmdb.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rng.h"
#include "store/datafile.h"
#include "store/kv_rows.h"

enum {
    READERS_MAX = 256,
    FREE_PAGES_DBI = 0,          /* LMDB's own table of free pages */
    FREE_DISK_MIN = 1024 * 1024, /* bytes of disk a transaction leaves */
    FILE_STEP = 4 * 1024 * 1024, /* the file's length grows in steps of this */
    IDENTITY_SIZE = 4 + 4 + KV_ID_SIZE + 8,
};

static const char identity_key[] = "identity";

static void on_assert(MDB_env *mdb, const char *text);
static int create(const struct kv_spec *spec, const char *dir, struct err_text *reterr_why);
static int write_first_rows(struct kv *kv);
static int open_environment(const struct kv_spec *spec, const char *dir, struct kv *kv,
                            struct err_text *reterr_why);
static size_t allowed_map_size(size_t wanted);
static int open_tables(const struct kv_spec *spec, struct kv *kv);
static int read_identity(struct kv *kv, struct err_text *reterr_why);
static int write_identity(struct kv *kv, struct MDB_txn *txn);
static void seed_from_identity(struct kv *kv);
static int free_pages(struct MDB_txn *txn, uint64_t *ret_count);

int kv_open(const struct kv_spec *spec, struct kv *ret_kv, struct err_text *reterr_why)
{
    must(spec->table_count > 0 && spec->table_count <= KV_TABLES_MAX);
    CLEANUP_FREE char *dir = file_join(spec->parent, spec->name);
    if (!file_exists(dir)) {
        int err = create(spec, dir, reterr_why);
        if (err) {
            return err;
        }
    }
    CLEANUP_FREE char *data = file_join(dir, "data.mdb");
    int err = datafile_check(data, reterr_why);
    if (err) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    struct kv kv = {0};
    err = open_environment(spec, dir, &kv, reterr_why);
    if (err) {
        return err;
    }
    err = open_tables(spec, &kv);
    if (err) {
        kv_done(&kv);
        return err_set(reterr_why, err, "The tables of %s can not be opened: %s.", dir,
                       err_sentence(err));
    }
    err = read_identity(&kv, reterr_why);
    if (err) {
        kv_done(&kv);
        return err;
    }
    kv_check_readers(&kv);
    *ret_kv = kv;
    return 0;
}

void kv_done(struct kv *kv)
{
    if (kv->mdb) {
        mdb_env_close(kv->mdb);
        kv->mdb = NULL;
    }
    mem_cleanup_free(&kv->dir);
    kv->dir = NULL;
}

bool kv_exists(const char *parent, const char *name)
{
    CLEANUP_FREE char *dir = file_join(parent, name);
    return file_exists(dir);
}

/* LMDB found its own file inconsistent: there is no way on from here. */
static void on_assert(MDB_env *mdb, const char *text)
{
    (void)mdb;
    must_fail(text, "lmdb", 0, "lmdb");
}

/* Builds a new environment next to its place and moves it there when it is complete on disk. */
static int create(const struct kv_spec *spec, const char *dir, struct err_text *reterr_why)
{
    CLEANUP_FREE char *unfinished = xasprintf("%s.new", dir);
    int err = file_remove_tree(unfinished, reterr_why);
    if (err) {
        return err;
    }
    err = file_mkdirs(unfinished, 0700, reterr_why);
    if (err) {
        return err;
    }
    struct kv kv = {0};
    err = open_environment(spec, unfinished, &kv, reterr_why);
    if (err) {
        return err;
    }
    err = open_tables(spec, &kv);
    if (!err) {
        err = write_first_rows(&kv);
    }
    if (!err && fsync(kv.fd) != 0) {
        err = ERR_IO;
    }
    kv_done(&kv);
    if (err) {
        return err_set(reterr_why, err, "A new store can not be written to %s: %s.", unfinished,
                       err_sentence(err));
    }
    err = file_sync_dir(unfinished, reterr_why);
    if (err) {
        return err;
    }
    (void)FAULT("store.create");
    if (rename(unfinished, dir) != 0) {
        return err_set(reterr_why, ERR_IO, "%s can not be renamed to %s: %s.", unfinished, dir,
                       strerror(errno));
    }
    return file_sync_dir(spec->parent, reterr_why);
}

/* The identity of a new environment, committed. */
static int write_first_rows(struct kv *kv)
{
    struct rng rng;
    rng_seed_system(&rng);
    kv->identity.major = KV_SCHEMA_MAJOR;
    kv->identity.minor = KV_SCHEMA_MINOR;
    for (size_t i = 0; i < KV_ID_SIZE; i++) {
        kv->identity.id[i] = (uint8_t)rng_u64(&rng);
    }
    kv->identity.generation = rng_u64(&rng);
    struct MDB_txn *txn = NULL;
    int err = kv_begin(kv, &txn);
    if (err) {
        return err;
    }
    err = write_identity(kv, txn);
    if (err) {
        kv_abort(txn);
        return err;
    }
    return kv_commit(txn);
}

/* LMDB's part of opening. */
static int open_environment(const struct kv_spec *spec, const char *dir, struct kv *kv,
                            struct err_text *reterr_why)
{
    MDB_env *mdb = NULL;
    int code = mdb_env_create(&mdb);
    if (code) {
        return err_set(reterr_why, kv_err(code), "LMDB does not start: %s.", kv_err_text(code));
    }
    size_t map_size = allowed_map_size(spec->map_size);
    bool set = mdb_env_set_mapsize(mdb, map_size) == 0 &&
               mdb_env_set_maxreaders(mdb, READERS_MAX) == 0 &&
               mdb_env_set_maxdbs(mdb, (MDB_dbi)spec->table_count) == 0 &&
               mdb_env_set_assert(mdb, on_assert) == 0;
    must(set);
    code = mdb_env_open(mdb, dir, MDB_NOTLS, 0600);
    if (code) {
        mdb_env_close(mdb);
        return err_set(reterr_why, kv_err(code), "%s can not be opened: %s.", dir,
                       kv_err_text(code));
    }
    MDB_stat stat;
    MDB_envinfo info;
    int fd = -1;
    bool known = mdb_env_stat(mdb, &stat) == 0 && mdb_env_info(mdb, &info) == 0 &&
                 mdb_env_get_fd(mdb, &fd) == 0;
    must(known);
    /* LMDB leaves this one open across exec on purpose. */
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        int cause = errno;
        mdb_env_close(mdb);
        return err_set(reterr_why, ERR_IO, "%s can not be kept from child processes: %s.", dir,
                       strerror(cause));
    }
    kv->mdb = mdb;
    kv->dir = xstrdup(dir);
    kv->fd = fd;
    kv->page_size = stat.ms_psize;
    kv->map_size = info.me_mapsize;
    kv->table_count = spec->table_count;
    return 0;
}

/* What we may map of <wanted> bytes under the process's limit on address space. */
static size_t allowed_map_size(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return wanted;
    }
    size_t half = (size_t)limit.rlim_cur / 2;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return wanted <= half ? wanted : half / page * page;
}

/* Opens every table, making those that are new in this version. */
static int open_tables(const struct kv_spec *spec, struct kv *kv)
{
    struct MDB_txn *txn = NULL;
    int err = kv_begin(kv, &txn);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < spec->table_count; i++) {
        int code = mdb_dbi_open(txn, spec->tables[i], MDB_CREATE, &kv->tables[i]);
        if (code) {
            kv_abort(txn);
            return kv_err(code);
        }
    }
    return kv_commit(txn);
}

/* Reads and judges the identity row; sets the checksum seed. */
static int read_identity(struct kv *kv, struct err_text *reterr_why)
{
    struct MDB_txn *txn = NULL;
    int err = kv_read_begin(kv, &txn);
    if (err) {
        return err_set(reterr_why, err, "%s can not be read: %s.", kv->dir, err_sentence(err));
    }
    uint8_t row[IDENTITY_SIZE] = {0};
    struct str val = STR_NONE;
    err = kv_get(kv, txn, KV_META, str_of(identity_key), &val);
    if (!err && val.len < IDENTITY_SIZE) {
        err = ERR_CORRUPT;
    }
    if (!err) {
        memcpy(row, val.ptr, IDENTITY_SIZE);
    }
    kv_read_end(txn);
    if (err) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "%s has no readable identity (%s); restore a backup.", kv->dir,
                       err_sentence(err));
    }
    memcpy(&kv->identity.major, row, 4);
    memcpy(&kv->identity.minor, row + 4, 4);
    memcpy(kv->identity.id, row + 8, KV_ID_SIZE);
    memcpy(&kv->identity.generation, row + 8 + KV_ID_SIZE, 8);
    if (kv->identity.major > KV_SCHEMA_MAJOR) {
        return err_set(reterr_why, ERR_STORE_SCHEMA,
                       "%s was written by a newer version (format %u, this program knows %d); "
                       "use that version.",
                       kv->dir, (unsigned)kv->identity.major, KV_SCHEMA_MAJOR);
    }
    seed_from_identity(kv);
    return 0;
}

/* Puts the identity row. Its own checksum uses seed 0: the seed is not known before it is read. */
static int write_identity(struct kv *kv, struct MDB_txn *txn)
{
    uint8_t row[IDENTITY_SIZE];
    memcpy(row, &kv->identity.major, 4);
    memcpy(row + 4, &kv->identity.minor, 4);
    memcpy(row + 8, kv->identity.id, KV_ID_SIZE);
    memcpy(row + 8 + KV_ID_SIZE, &kv->identity.generation, 8);
    kv->seed = 0;
    int err = kv_put(kv, txn, KV_META, str_of(identity_key),
                     (struct str){(const char *)row, sizeof row}, false);
    seed_from_identity(kv);
    return err;
}

/* Keys the checksums with this environment's identity. */
static void seed_from_identity(struct kv *kv)
{
    kv->seed = hash_checksum(0, kv->identity.id, KV_ID_SIZE);
}

int kv_err(int code)
{
    switch (code) {
    case 0:
        return 0;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_KEYEXIST:
        return ERR_EXISTS;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_STORE_FULL;
    case MDB_BAD_VALSIZE:
        return ERR_LIMIT;
    case MDB_READERS_FULL:
        return ERR_UNAVAILABLE;
    case MDB_VERSION_MISMATCH:
        return ERR_STORE_SCHEMA;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_PAGE_FULL:
    case MDB_CURSOR_FULL:
    case MDB_INCOMPATIBLE:
        return ERR_CORRUPT;
    case EACCES:
    case EPERM:
        return ERR_STORE_UNSUITABLE;
    case ENOMEM:
        return ERR_MEMORY;
    default:
        return ERR_IO;
    }
}

const char *kv_err_text(int code)
{
    return mdb_strerror(code);
}

int kv_begin(struct kv *kv, struct MDB_txn **ret_txn)
{
    return kv_err(mdb_txn_begin(kv->mdb, NULL, 0, ret_txn));
}

void kv_abort(struct MDB_txn *txn)
{
    mdb_txn_abort(txn);
}

int kv_commit(struct MDB_txn *txn)
{
    if (FAULT("store.commit")) {
        mdb_txn_abort(txn);
        return ERR_IO;
    }
    int code = mdb_txn_commit(txn);
    if (code == 0) {
        return 0;
    }
    /* LMDB gives these two before it writes; after any other code the meta page may be on disk. */
    return code == MDB_MAP_FULL || code == MDB_TXN_FULL ? ERR_STORE_FULL : ERR_IO;
}

int kv_make_room(struct kv *kv, size_t bytes, size_t operations)
{
    if (FAULT("store.full")) {
        return ERR_STORE_FULL;
    }
    uint64_t margin = FREE_DISK_MIN + 2 * (uint64_t)bytes + kv->page_size * (uint64_t)operations;
    struct statvfs disk;
    if (fstatvfs(kv->fd, &disk) != 0) {
        return ERR_IO;
    }
    if ((uint64_t)disk.f_bavail * disk.f_frsize < margin) {
        return ERR_STORE_FULL;
    }
    MDB_envinfo info;
    struct stat file;
    if (mdb_env_info(kv->mdb, &info) != 0 || fstat(kv->fd, &file) != 0) {
        return ERR_IO;
    }
    uint64_t need = (info.me_last_pgno + 1) * (uint64_t)kv->page_size + margin;
    if (need > kv->map_size) {
        need = kv->map_size;
    }
    if ((uint64_t)file.st_size >= need) {
        return 0;
    }
    uint64_t length = (need + FILE_STEP - 1) / FILE_STEP * FILE_STEP;
    if (ftruncate(kv->fd, (off_t)length) != 0) {
        return kv_err(errno);
    }
    return 0;
}

int kv_read_begin(struct kv *kv, struct MDB_txn **ret_txn)
{
    int code = mdb_txn_begin(kv->mdb, NULL, MDB_RDONLY, ret_txn);
    if (code == MDB_READERS_FULL) {
        kv_check_readers(kv);
        code = mdb_txn_begin(kv->mdb, NULL, MDB_RDONLY, ret_txn);
    }
    return kv_err(code);
}

void kv_read_reset(struct MDB_txn *txn)
{
    mdb_txn_reset(txn);
}

int kv_read_renew(struct MDB_txn *txn)
{
    return kv_err(mdb_txn_renew(txn));
}

void kv_read_end(struct MDB_txn *txn)
{
    mdb_txn_abort(txn);
}

int kv_space(struct kv *kv, struct MDB_txn *txn, bool exact, struct kv_space *ret_space)
{
    MDB_envinfo info;
    struct stat file;
    struct statvfs disk;
    bool known = mdb_env_info(kv->mdb, &info) == 0 && fstat(kv->fd, &file) == 0 &&
                 fstatvfs(kv->fd, &disk) == 0;
    if (!known) {
        return ERR_IO;
    }
    uint64_t unused = 0;
    if (exact) {
        int err = free_pages(txn, &unused);
        if (err) {
            return err;
        }
    }
    uint64_t pages = info.me_last_pgno + 1;
    *ret_space = (struct kv_space){
        .map_bytes = kv->map_size,
        .used_bytes = (pages > unused ? pages - unused : 0) * kv->page_size,
        .file_bytes = (uint64_t)file.st_blocks * 512,
        .disk_free = (uint64_t)disk.f_bavail * disk.f_frsize,
    };
    return 0;
}

/* Pages on LMDB's free list: each of its records begins with a count. */
static int free_pages(struct MDB_txn *txn, uint64_t *ret_count)
{
    MDB_cursor *cursor = NULL;
    int code = mdb_cursor_open(txn, FREE_PAGES_DBI, &cursor);
    if (code) {
        return kv_err(code);
    }
    uint64_t count = 0;
    MDB_val key;
    MDB_val list;
    for (code = mdb_cursor_get(cursor, &key, &list, MDB_FIRST); code == 0;
         code = mdb_cursor_get(cursor, &key, &list, MDB_NEXT)) {
        size_t in_record = 0;
        if (list.mv_size >= sizeof in_record) {
            memcpy(&in_record, list.mv_data, sizeof in_record);
        }
        count += in_record;
    }
    mdb_cursor_close(cursor);
    if (code != MDB_NOTFOUND) {
        return kv_err(code);
    }
    *ret_count = count;
    return 0;
}

void kv_check_readers(struct kv *kv)
{
    int cleared = 0;
    (void)mdb_reader_check(kv->mdb, &cleared);
}

int kv_set_generation(struct kv *kv, struct err_text *reterr_why)
{
    struct rng rng;
    rng_seed_system(&rng);
    kv->identity.generation = rng_u64(&rng);
    struct MDB_txn *txn = NULL;
    int err = kv_begin(kv, &txn);
    if (!err) {
        err = write_identity(kv, txn);
        if (err) {
            kv_abort(txn);
        } else {
            err = kv_commit(txn);
        }
    }
    if (err) {
        return err_set(reterr_why, err, "The generation of %s can not be written: %s.", kv->dir,
                       err_sentence(err));
    }
    return 0;
}

const char *kv_version(void)
{
    return mdb_version(NULL, NULL, NULL);
}
