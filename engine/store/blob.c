/*
 * Content-addressed files; see blob.h.
 *
 *     blobs/ab/cdef...           62 more digits of the hash: a complete blob
 *     blobs/ab/.new-<pid>-<n>    being written
 */
#include "store/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"

enum {
    VERIFIED_MAX = 4096, /* blobs whose content is known to be good */
    FOLDER_DIGITS = 2,
    ABANDONED_S = 3600, /* age of a temporary file nobody finishes any more */
};

static const char unfinished_prefix[] = ".new-";
static const uint8_t nothing[1];

struct blob_dir {
    char *path;
    pthread_mutex_t lock; /* for verified */
    struct hash verified[VERIFIED_MAX];
};

static bool reuse(struct blob_dir *dir, const char *path, const struct blob_ref *ref);
static int write_new(struct blob_dir *dir, const struct blob_ref *ref, const char *path,
                     const void *bytes, size_t len, struct err_text *reterr_why);
static int make_folder(const char *folder, const char *parent, struct err_text *reterr_why);
static int open_blob(const char *path, const struct blob_ref *ref, int *ret_fd,
                     struct err_text *reterr_why);
static int check_content(struct blob_dir *dir, int fd, const char *path, const struct blob_ref *ref,
                         struct err_text *reterr_why);
static bool walk_folder(const char *folder, const char *digits, blob_visit *visit, void *user);
static bool walk_file(int folder_fd, const char *name, const char *digits, blob_visit *visit,
                      void *user);

int blob_dir_open(const char *home, struct blob_dir **ret_dir, struct err_text *reterr_why)
{
    CLEANUP_FREE char *path = file_join(home, "blobs");
    return blob_dir_open_path(path, ret_dir, reterr_why);
}

int blob_dir_open_path(const char *path, struct blob_dir **ret_dir, struct err_text *reterr_why)
{
    int err = file_mkdirs(path, 0700, reterr_why);
    if (err) {
        return err;
    }
    struct blob_dir *dir = xcalloc(1, sizeof *dir);
    dir->path = file_absolute(path);
    int failed = pthread_mutex_init(&dir->lock, NULL);
    must(!failed);
    *ret_dir = dir;
    return 0;
}

struct blob_dir *blob_dir_close(struct blob_dir *dir)
{
    if (dir) {
        pthread_mutex_destroy(&dir->lock);
        free(dir->path);
        free(dir);
    }
    return NULL;
}

const char *blob_dir_path(const struct blob_dir *dir)
{
    return dir->path;
}

/* The file of a blob, on the heap; its folder in <ret_folder> when wanted. */
static char *path_of(const struct blob_dir *dir, const struct hash *hash, char **ret_folder)
{
    char digits[HASH_TEXT_SIZE];
    hash_format(hash, digits);
    if (ret_folder) {
        *ret_folder = xasprintf("%s/%.*s", dir->path, FOLDER_DIGITS, digits);
    }
    return xasprintf("%s/%.*s/%s", dir->path, FOLDER_DIGITS, digits, digits + FOLDER_DIGITS);
}

/* The place in the memory of good blobs that belongs to a hash. */
static struct hash *verified_slot(struct blob_dir *dir, const struct hash *hash)
{
    size_t number = (size_t)hash->bytes[30] << 8 | hash->bytes[31];
    return &dir->verified[number % VERIFIED_MAX];
}

/* True when this directory object has seen the blob's content to be right. */
static bool is_verified(struct blob_dir *dir, const struct hash *hash)
{
    pthread_mutex_lock(&dir->lock);
    bool known = memcmp(verified_slot(dir, hash), hash, sizeof *hash) == 0;
    pthread_mutex_unlock(&dir->lock);
    return known;
}

/* Remembers a good blob, or forgets one. */
static void set_verified(struct blob_dir *dir, const struct hash *hash, bool good)
{
    pthread_mutex_lock(&dir->lock);
    struct hash *slot = verified_slot(dir, hash);
    if (good) {
        *slot = *hash;
    } else if (memcmp(slot, hash, sizeof *hash) == 0) {
        memset(slot, 0, sizeof *slot);
    }
    pthread_mutex_unlock(&dir->lock);
}

int blob_put(struct blob_dir *dir, const void *bytes, size_t len, struct blob_ref *ret_ref,
             struct err_text *reterr_why)
{
    if (len > BLOB_SIZE_MAX) {
        return err_set(reterr_why, ERR_LIMIT,
                       "A value of %zu bytes is larger than the allowed %llu bytes.", len,
                       (unsigned long long)BLOB_SIZE_MAX);
    }
    struct blob_ref ref = {.hash = hash_bytes(bytes, len), .size = len};
    CLEANUP_FREE char *folder = NULL;
    CLEANUP_FREE char *path = path_of(dir, &ref.hash, &folder);
    int err = 0;
    if (!reuse(dir, path, &ref)) {
        err = make_folder(folder, dir->path, reterr_why);
        if (!err) {
            err = write_new(dir, &ref, path, bytes, len, reterr_why);
        }
    }
    /* Also for a file that was there: another process may not have come to this line yet. */
    if (!err) {
        err = file_sync_dir(folder, reterr_why);
    }
    if (err) {
        return err == -ENOSPC || err == -EDQUOT ? ERR_STORE_FULL : err;
    }
    set_verified(dir, &ref.hash, true);
    *ret_ref = ref;
    return 0;
}

/* True when the blob is there and good; marks it as used now, for the sweep. */
static bool reuse(struct blob_dir *dir, const char *path, const struct blob_ref *ref)
{
    CLEANUP_CLOSE int fd = -1;
    int err = open_blob(path, ref, &fd, NULL);
    if (err) {
        return false;
    }
    err = check_content(dir, fd, path, ref, NULL);
    return !err && futimens(fd, NULL) == 0;
}

/* Makes one of the 256 folders. */
static int make_folder(const char *folder, const char *parent, struct err_text *reterr_why)
{
    if (mkdir(folder, 0700) == 0) {
        return file_sync_dir(parent, reterr_why);
    }
    if (errno != EEXIST) {
        return err_set(reterr_why, -errno, "Cannot make the folder %s: %s.", folder,
                       strerror(errno));
    }
    return 0;
}

/* Writes and flushes a temporary file and gives it its name. */
static int write_new(struct blob_dir *dir, const struct blob_ref *ref, const char *path,
                     const void *bytes, size_t len, struct err_text *reterr_why)
{
    static atomic_uint counter;
    char digits[HASH_TEXT_SIZE];
    hash_format(&ref->hash, digits);
    CLEANUP_FREE char *unfinished =
        xasprintf("%s/%.*s/%s%d-%u", dir->path, FOLDER_DIGITS, digits, unfinished_prefix,
                  (int)getpid(), atomic_fetch_add(&counter, 1));
    int fd = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set(reterr_why, -errno, "Cannot create %s: %s.", unfinished, strerror(errno));
    }
    int err = file_write_all(fd, bytes, len);
    if (!err && fdatasync(fd) != 0) {
        err = -errno;
    }
    if (close(fd) != 0 && !err) {
        err = -errno;
    }
    if (!err && rename(unfinished, path) != 0) {
        err = -errno;
    }
    if (err) {
        unlink(unfinished);
        return err_set(reterr_why, err, "Cannot write %s: %s.", path, strerror(-err));
    }
    return 0;
}

/* Opens the file of a blob and checks kind and size. */
static int open_blob(const char *path, const struct blob_ref *ref, int *ret_fd,
                     struct err_text *reterr_why)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        return err_set(reterr_why, ERR_NOT_FOUND,
                       "The stored value %s is missing; run the step that made it again.", path);
    }
    if (fd < 0) {
        return err_set(reterr_why, errno == ELOOP ? ERR_CORRUPT : ERR_IO,
                       "The stored value %s can not be opened: %s.", path, strerror(errno));
    }
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return err_set(reterr_why, ERR_IO, "The stored value %s can not be examined: %s.", path,
                       strerror(errno));
    }
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != ref->size) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "The stored value %s should have %llu bytes but has %llu; run the step that "
                       "made it again.",
                       path, (unsigned long long)ref->size, (unsigned long long)st.st_size);
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

/* Checks the hash of an open blob unless it is known to be good. */
static int check_content(struct blob_dir *dir, int fd, const char *path, const struct blob_ref *ref,
                         struct err_text *reterr_why)
{
    if (is_verified(dir, &ref->hash)) {
        return 0;
    }
    struct hash hash;
    uint64_t size = 0;
    int err = hash_file(fd, &hash, &size, reterr_why);
    if (err) {
        return err;
    }
    if (size != ref->size || memcmp(&hash, &ref->hash, sizeof hash) != 0) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "The stored value %s was altered: its content does not match its name; run "
                       "the step that made it again.",
                       path);
    }
    set_verified(dir, &ref->hash, true);
    return 0;
}

int blob_map(struct blob_dir *dir, const struct blob_ref *ref, const uint8_t **ret_bytes,
             size_t *ret_len, struct err_text *reterr_why)
{
    CLEANUP_FREE char *path = path_of(dir, &ref->hash, NULL);
    CLEANUP_CLOSE int fd = -1;
    int err = open_blob(path, ref, &fd, reterr_why);
    if (!err) {
        err = check_content(dir, fd, path, ref, reterr_why);
    }
    if (err) {
        return err;
    }
    if (ref->size == 0) {
        *ret_bytes = nothing;
        *ret_len = 0;
        return 0;
    }
    void *map = mmap(NULL, (size_t)ref->size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return err_set(reterr_why, errno == ENOMEM ? ERR_MEMORY : ERR_IO,
                       "The stored value %s can not be mapped: %s.", path, strerror(errno));
    }
    *ret_bytes = map;
    *ret_len = (size_t)ref->size;
    return 0;
}

void blob_unmap(const uint8_t *bytes, size_t len)
{
    if (len > 0) {
        int failed = munmap((void *)(uintptr_t)bytes, len);
        must(!failed);
    }
}

int blob_verify(struct blob_dir *dir, const struct blob_ref *ref, struct err_text *reterr_why)
{
    CLEANUP_FREE char *path = path_of(dir, &ref->hash, NULL);
    CLEANUP_CLOSE int fd = -1;
    set_verified(dir, &ref->hash, false);
    int err = open_blob(path, ref, &fd, reterr_why);
    return err ? err : check_content(dir, fd, path, ref, reterr_why);
}

bool blob_exists(struct blob_dir *dir, const struct blob_ref *ref)
{
    CLEANUP_FREE char *path = path_of(dir, &ref->hash, NULL);
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == ref->size;
}

int blob_remove(struct blob_dir *dir, const struct hash *hash)
{
    CLEANUP_FREE char *path = path_of(dir, hash, NULL);
    set_verified(dir, hash, false);
    return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

void blob_walk(struct blob_dir *dir, blob_visit *visit, void *user)
{
    bool more = true;
    for (unsigned number = 0; number < 256 && more; number++) {
        char digits[FOLDER_DIGITS + 1];
        (void)snprintf(digits, sizeof digits, "%02x", number & 0xffu);
        CLEANUP_FREE char *folder = file_join(dir->path, digits);
        more = walk_folder(folder, digits, visit, user);
    }
}

/* One folder; false when the walk is over. A missing folder is empty. */
static bool walk_folder(const char *folder, const char *digits, blob_visit *visit, void *user)
{
    DIR *list = opendir(folder);
    if (!list) {
        return true;
    }
    bool more = true;
    const struct dirent *entry = readdir(list);
    while (entry && more) {
        more = walk_file(dirfd(list), entry->d_name, digits, visit, user);
        entry = readdir(list);
    }
    closedir(list);
    return more;
}

/* One name: a blob is visited, an abandoned temporary file removed, anything else left alone. */
static bool walk_file(int folder_fd, const char *name, const char *digits, blob_visit *visit,
                      void *user)
{
    struct stat st;
    if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) {
        return true;
    }
    int64_t age_s = (int64_t)time(NULL) - st.st_mtime;
    if (strncmp(name, unfinished_prefix, sizeof unfinished_prefix - 1) == 0) {
        if (age_s > ABANDONED_S) {
            (void)unlinkat(folder_fd, name, 0);
        }
        return true;
    }
    char text[HASH_TEXT_SIZE];
    int len = snprintf(text, sizeof text, "%s%s", digits, name);
    struct hash hash;
    if (len != HASH_TEXT_SIZE - 1 || hash_parse(str_of(text), &hash) != 0) {
        return true;
    }
    return visit(user, &hash, (uint64_t)st.st_size, age_s);
}
