/*
 * Checks of an LMDB 0.9 data file; see datafile.h. The layout on 64-bit little-endian machines:
 *
 *     page 0, page 1:  0  page number   10 flags (0x08 = meta page)   16 magic   20 version
 *                     40  page size     136 last page               144 transaction
 */
#include "store/datafile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    META_SIZE = 152,
    AT_FLAGS = 10,
    AT_MAGIC = 16,
    AT_VERSION = 20,
    AT_PAGE_SIZE = 40,
    AT_LAST_PAGE = 136,
    AT_TRANSACTION = 144,
    FLAG_META = 0x08,
    VERSION = 1,
    PAGE_SIZE_MIN = 256,
    PAGE_SIZE_MAX = 65536,
};

#define MAGIC 0xBEEFC0DEu

/* What one meta page says. */
struct meta {
    uint64_t page_size;
    uint64_t last_page;
    uint64_t transaction;
};

/* Reads a number of the machine's byte order. */
static uint64_t number_at(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    memcpy(&number, bytes, size);
    return number;
}

/* Owner, mode and kind of the file. */
static int check_access(const char *path, const struct stat *st, struct err_text *reterr_why)
{
    if (!S_ISREG(st->st_mode)) {
        return err_set(reterr_why, ERR_STORE_UNSUITABLE,
                       "%s is not a regular file; move it away or choose another home.", path);
    }
    if (st->st_uid != geteuid()) {
        return err_set(reterr_why, ERR_STORE_UNSUITABLE,
                       "%s belongs to user %u, not to user %u who runs this; run as its owner.",
                       path, (unsigned)st->st_uid, (unsigned)geteuid());
    }
    if (st->st_mode & 077) {
        return err_set(reterr_why, ERR_STORE_UNSUITABLE,
                       "%s can be touched by other users (mode %03o); run `chmod 600` on it.", path,
                       (unsigned)(st->st_mode & 0777));
    }
    return 0;
}

/* Reads and checks the meta page at <offset>, called page <number> in sentences. */
static int read_meta(int fd, off_t offset, int number, const char *path, struct meta *ret_meta,
                     struct err_text *reterr_why)
{
    uint8_t page[META_SIZE];
    ssize_t got = pread(fd, page, sizeof page, offset);
    if (got < 0) {
        return err_set(reterr_why, ERR_IO, "%s can not be read: %s.", path, strerror(errno));
    }
    if (got != sizeof page) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "%s is cut short before the end of its header; restore a backup.", path);
    }
    bool is_meta =
        (number_at(page + AT_FLAGS, 2) & FLAG_META) != 0 && number_at(page + AT_MAGIC, 4) == MAGIC;
    if (!is_meta) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "Header page %d of %s is damaged; restore a backup, or repair a copy of it.",
                       number, path);
    }
    if (number_at(page + AT_VERSION, 4) != VERSION) {
        return err_set(reterr_why, ERR_STORE_SCHEMA,
                       "%s has data format %llu of LMDB, this program reads format %d.", path,
                       (unsigned long long)number_at(page + AT_VERSION, 4), VERSION);
    }
    struct meta meta = {.page_size = number_at(page + AT_PAGE_SIZE, 4),
                        .last_page = number_at(page + AT_LAST_PAGE, 8),
                        .transaction = number_at(page + AT_TRANSACTION, 8)};
    bool size_ok = meta.page_size >= PAGE_SIZE_MIN && meta.page_size <= PAGE_SIZE_MAX &&
                   (meta.page_size & (meta.page_size - 1)) == 0;
    if (!size_ok || meta.last_page > INT64_MAX / PAGE_SIZE_MAX - 1) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "Header page %d of %s has impossible sizes; restore a backup.", number,
                       path);
    }
    *ret_meta = meta;
    return 0;
}

/* Both meta pages, and the length against the newest. */
static int check_content(int fd, const char *path, const struct stat *st,
                         struct err_text *reterr_why)
{
    struct meta first = {0};
    struct meta second = {0};
    int err = read_meta(fd, 0, 0, path, &first, reterr_why);
    if (err) {
        return err;
    }
    err = read_meta(fd, (off_t)first.page_size, 1, path, &second, reterr_why);
    if (err) {
        return err;
    }
    if (first.page_size != second.page_size) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "The header pages of %s disagree about the page size; restore a backup.",
                       path);
    }
    const struct meta *newest = second.transaction > first.transaction ? &second : &first;
    uint64_t need = (newest->last_page + 1) * newest->page_size;
    if ((uint64_t)st->st_size < need) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "%s is cut short: %llu bytes long, but %llu bytes are in use; restore a "
                       "backup.",
                       path, (unsigned long long)st->st_size, (unsigned long long)need);
    }
    return 0;
}

int datafile_check(const char *path, struct err_text *reterr_why)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        return err_set(reterr_why, ERR_NOT_FOUND, "%s is missing; restore a backup.", path);
    }
    if (fd < 0) {
        int err = errno == ELOOP || errno == EACCES ? ERR_STORE_UNSUITABLE : ERR_IO;
        return err_set(reterr_why, err, "%s can not be opened: %s.", path, strerror(errno));
    }
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return err_set(reterr_why, ERR_IO, "%s can not be examined: %s.", path, strerror(errno));
    }
    int err = check_access(path, &st, reterr_why);
    if (err) {
        return err;
    }
    return check_content(fd, path, &st, reterr_why);
}
