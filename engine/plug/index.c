/*
 * The index of plugin files. See index.h.
 *
 *   [ [path, device, inode, size, changed_ns, touched_ns, hash, name, version, search_path,
 *      same_version], ... ]
 */
#include "plug/index.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "value/pack.h"
#include "value/val.h"

enum { FIELDS = 11 };

struct index {
    struct map *entries; /* path -> struct index_entry */
    bool changed;
};

static const struct val_limits index_limits = {
    .bytes_max = INDEX_BYTES_MAX, .nodes_max = 1000000, .depth_max = 3};

struct index *index_new(void)
{
    struct index *index = xcalloc(1, sizeof *index);

    index->entries = map_new();
    return index;
}

struct index *index_free(struct index *index)
{
    size_t cursor = 0;
    struct str path;
    void *entry;

    if (index == NULL) {
        return NULL;
    }
    while (map_next(index->entries, &cursor, &path, &entry)) {
        free(entry);
    }
    map_free(index->entries);
    free(index);
    return NULL;
}

/* Copies a text that must fit with its NUL. */
static bool read_text(struct val v, char *ret_text, size_t size)
{
    struct str text;

    if (val_type(v) != VAL_STR) {
        return false;
    }
    text = val_str(v);
    if (text.len >= size) {
        return false;
    }
    memcpy(ret_text, text.ptr, text.len);
    ret_text[text.len] = '\0';
    return true;
}

/* Reads a whole number in either of its two types. */
static bool read_number(struct val v, uint64_t *ret_number)
{
    if (val_type(v) == VAL_INT) {
        *ret_number = (uint64_t)val_int(v);
        return true;
    }
    if (val_type(v) == VAL_UINT) {
        *ret_number = val_uint(v);
        return true;
    }
    return false;
}

/* One row of the file; false when it is not one. */
static bool read_row(struct val row, struct str *ret_path, struct index_entry *ret_entry)
{
    struct val fields[FIELDS];
    uint64_t numbers[5];

    if (val_type(row) != VAL_LIST || val_count(row) != FIELDS) {
        return false;
    }
    for (uint32_t i = 0; i < FIELDS; i++) {
        fields[i] = val_at(row, i);
    }
    for (size_t i = 0; i < 5; i++) {
        if (!read_number(fields[1 + i], &numbers[i])) {
            return false;
        }
    }
    if (val_type(fields[0]) != VAL_STR || val_str(fields[0]).len == 0 ||
        val_str(fields[0]).len > INDEX_PATH_MAX || val_type(fields[6]) != VAL_BIN ||
        val_str(fields[6]).len != HASH_SIZE || val_type(fields[10]) != VAL_BOOL) {
        return false;
    }
    *ret_path = val_str(fields[0]);
    ret_entry->stamp = (struct index_stamp){numbers[0], numbers[1], numbers[2], (int64_t)numbers[3],
                                            (int64_t)numbers[4]};
    memcpy(ret_entry->hash.bytes, val_str(fields[6]).ptr, HASH_SIZE);
    ret_entry->same_version = val_bool(fields[10]);
    return read_text(fields[7], ret_entry->name, sizeof ret_entry->name) &&
           read_text(fields[8], ret_entry->version, sizeof ret_entry->version) &&
           read_text(fields[9], ret_entry->search_path, sizeof ret_entry->search_path);
}

/* Adds or replaces without looking at what changes. */
static void store_entry(struct index *index, struct str path, const struct index_entry *entry)
{
    struct index_entry *old = map_get(index->entries, path);

    if (old != NULL) {
        *old = *entry;
        return;
    }
    (void)map_put(index->entries, path, xmemdup(entry, sizeof *entry));
}

void index_load(struct index *index, const char *path)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(INDEX_BYTES_MAX);
    struct val rows;
    struct val row;
    struct val_iter iter;

    if (file_read(path, &bytes, NULL) < 0 ||
        val_scan(bytes.data, bytes.len, &index_limits, &rows, NULL) < 0 ||
        val_type(rows) != VAL_LIST) {
        return;
    }
    iter = val_iter(rows);
    while (val_next(&iter, NULL, &row)) {
        struct index_entry entry = {0};
        struct str name;

        if (read_row(row, &name, &entry)) {
            store_entry(index, name, &entry);
        }
    }
}

/* Appends one row. */
static void write_row(struct buf *out, struct str path, const struct index_entry *entry)
{
    pack_list(out, FIELDS);
    pack_str(out, path);
    pack_uint(out, entry->stamp.device);
    pack_uint(out, entry->stamp.inode);
    pack_uint(out, entry->stamp.size);
    pack_int(out, entry->stamp.changed_ns);
    pack_int(out, entry->stamp.touched_ns);
    pack_bin(out, entry->hash.bytes, HASH_SIZE);
    pack_cstr(out, entry->name);
    pack_cstr(out, entry->version);
    pack_text(out, str_of(entry->search_path));
    pack_bool(out, entry->same_version);
}

int index_save(struct index *index, const char *path, struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf bytes = BUF_INIT(INDEX_BYTES_MAX);
    size_t cursor = 0;
    struct str name;
    void *entry;
    int err;

    if (!index->changed) {
        return 0;
    }
    pack_list(&bytes, (uint32_t)map_count(index->entries));
    while (map_next(index->entries, &cursor, &name, &entry)) {
        write_row(&bytes, name, entry);
    }
    if (buf_err(&bytes) < 0) {
        return err_set(reterr_why, buf_err(&bytes), "the index of plugins is too large for %s",
                       path);
    }
    err = file_write(path, bytes.data, bytes.len, 0600, reterr_why);
    if (err == 0) {
        index->changed = false;
    }
    return err;
}

const struct index_entry *index_get(const struct index *index, const char *path)
{
    return map_get(index->entries, str_of(path));
}

void index_put(struct index *index, const char *path, const struct index_entry *entry)
{
    struct str name = str_of(path);

    /* A path that could not be read back is not worth writing. */
    if (name.len == 0 || name.len > INDEX_PATH_MAX || !str_utf8_ok(name)) {
        return;
    }
    store_entry(index, name, entry);
    index->changed = true;
}

void index_sweep(struct index *index, bool (*keep)(void *user, const char *path), void *user)
{
    struct map *kept = map_new();
    size_t cursor = 0;
    struct str path;
    void *entry;

    while (map_next(index->entries, &cursor, &path, &entry)) {
        CLEANUP_FREE char *name = str_dup(path);

        if (keep(user, name)) {
            (void)map_put(kept, path, entry);
        } else {
            free(entry);
            index->changed = true;
        }
    }
    map_free(index->entries);
    index->entries = kept;
}

/* Nanoseconds; times beyond the year 2262 wrap, which still tells them apart. */
static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)((uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec);
}

struct index_stamp index_stamp_of(const struct stat *info)
{
    return (struct index_stamp){
        .device = (uint64_t)info->st_dev,
        .inode = (uint64_t)info->st_ino,
        .size = (uint64_t)info->st_size,
        .changed_ns = nanoseconds(info->st_mtim),
        .touched_ns = nanoseconds(info->st_ctim),
    };
}

bool index_stamp_same(const struct index_stamp *a, const struct index_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed_ns == b->changed_ns && a->touched_ns == b->touched_ns;
}

int64_t index_stamp_us(const struct index_stamp *stamp)
{
    int64_t newest_ns =
        stamp->changed_ns > stamp->touched_ns ? stamp->changed_ns : stamp->touched_ns;

    return newest_ns / 1000;
}

bool index_stamp_settled(const struct index_stamp *stamp, int64_t wall_us, int64_t settle_ms)
{
    return index_stamp_us(stamp) + settle_ms * 1000 < wall_us;
}
