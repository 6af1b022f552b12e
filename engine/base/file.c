/*
 * Files and directories; see file.h.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/must.h"

enum {
    READ_CHUNK = 64 * 1024,
    /* A pipe without a writer must not stall its reader for ever. */
    PIPE_WAIT_MS = 10000,
    /* Every level of a tree that is removed costs a descriptor. */
    TREE_DEPTH_MAX = 128,
};

/* Ends a failing function: "<what> <path>: <reason>." with the present errno. */
static int fail(struct err_text *reterr_why, const char *what, const char *path)
{
    int code = errno > 0 ? -errno : ERR_IO;
    return err_set(reterr_why, code, "Cannot %s %s: %s.", what, path, err_sentence(code));
}

/* One read, through interruptions and waiting for a pipe's writer. -1 with errno on failure. */
static ssize_t read_some(int fd, void *bytes, size_t len)
{
    for (;;) {
        ssize_t got = read(fd, bytes, len);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN)) {
            return got;
        }
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (errno == EAGAIN && poll(&wait, 1, PIPE_WAIT_MS) == 0) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
}

int file_read(const char *path, struct buf *ret_buf, struct err_text *reterr_why)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return fail(reterr_why, "open", path);
    }
    for (;;) {
        size_t room = ret_buf->max - ret_buf->len;
        size_t want = room < READ_CHUNK ? room : READ_CHUNK;
        /* At the maximum, one byte more tells a file that fits from one that does not. */
        uint8_t extra = 0;
        uint8_t *into = want > 0 ? buf_reserve(ret_buf, want) : &extra;
        if (!into) {
            return err_set(reterr_why, buf_err(ret_buf), "Cannot read %s: %s.", path,
                           err_sentence(buf_err(ret_buf)));
        }
        ssize_t got = read_some(fd, into, want > 0 ? want : 1);
        if (got < 0) {
            return fail(reterr_why, "read", path);
        }
        if (got == 0) {
            return 0;
        }
        if (want == 0) {
            return err_set(reterr_why, ERR_LIMIT, "%s is larger than the allowed %zu bytes.", path,
                           ret_buf->max);
        }
        ret_buf->len += (size_t)got;
    }
}

int file_write_all(int fd, const void *bytes, size_t len)
{
    must(bytes || len == 0);
    const uint8_t *rest = bytes;
    while (len > 0) {
        ssize_t written = write(fd, rest, len);
        if (written < 0 && errno != EINTR) {
            return -errno;
        }
        if (written > 0) {
            rest += written;
            len -= (size_t)written;
        }
    }
    return 0;
}

/* Fills the temporary file <fd> and makes it durable. 0, or -1 with errno. */
static int fill(int fd, const void *bytes, size_t len, unsigned mode)
{
    if (fchmod(fd, mode) != 0) {
        return -1;
    }
    int err = FAULT("file_write") ? -ENOSPC : file_write_all(fd, bytes, len);
    if (err) {
        errno = -err;
        return -1;
    }
    return fdatasync(fd);
}

int file_write(const char *path, const void *bytes, size_t len, unsigned mode,
               struct err_text *reterr_why)
{
    CLEANUP_FREE char *dir = file_dirname(path);
    CLEANUP_FREE char *temporary = xasprintf("%s/.%s.XXXXXX", dir, file_basename(path));
    CLEANUP_CLOSE int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return fail(reterr_why, "create a file beside", path);
    }
    if (fill(fd, bytes, len, mode) != 0 || FAULT("file_rename") || rename(temporary, path) != 0) {
        int code = fail(reterr_why, "write", path);
        unlink(temporary);
        return code;
    }
    return file_sync_dir(dir, reterr_why);
}

int file_sync_dir(const char *path, struct err_text *reterr_why)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fail(reterr_why, "open the directory", path);
    }
    /* Some file systems cannot sync directories and say so with EINVAL. */
    if (fsync(fd) != 0 && errno != EINVAL) {
        return fail(reterr_why, "sync the directory", path);
    }
    return 0;
}

int file_mkdirs(const char *path, unsigned mode, struct err_text *reterr_why)
{
    CLEANUP_FREE char *prefix = xstrdup(path);
    for (char *at = prefix + (*prefix == '/'); *prefix != '\0'; at++) {
        if (*at != '/' && *at != '\0') {
            continue;
        }
        char separator = *at;
        *at = '\0';
        if (mkdir(prefix, mode) != 0 && !(errno == EEXIST && file_is_dir(prefix))) {
            errno = errno == EEXIST ? ENOTDIR : errno;
            return fail(reterr_why, "make the directory", prefix);
        }
        *at = separator;
        if (separator == '\0') {
            return 0;
        }
    }
    errno = ENOENT;
    return fail(reterr_why, "make the directory", "with an empty name");
}

static int remove_entries(int dir_fd, unsigned depth);

/* Removes <name> in the directory <dir_fd>, and what is below it. 0 or negative code. */
static int remove_entry(int dir_fd, const char *name, unsigned depth)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EISDIR && errno != EPERM) {
        return -errno;
    }
    if (depth == TREE_DEPTH_MAX) {
        return ERR_LIMIT;
    }
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int err = remove_entries(fd, depth + 1);
    if (!err && unlinkat(dir_fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
        err = -errno;
    }
    return err;
}

/* Removes everything in the directory <dir_fd>, which is closed. */
static int remove_entries(int dir_fd, unsigned depth)
{
    DIR *dir = fdopendir(dir_fd);
    if (!dir) {
        int code = -errno;
        close(dir_fd);
        return code;
    }
    int err = 0;
    const struct dirent *entry = readdir(dir);
    while (entry && !err) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            err = remove_entry(dir_fd, entry->d_name, depth);
        }
        entry = readdir(dir);
    }
    closedir(dir);
    return err;
}

int file_remove_tree(const char *path, struct err_text *reterr_why)
{
    int err = remove_entry(AT_FDCWD, path, 0);
    if (err) {
        return err_set(reterr_why, err, "Cannot remove %s: %s.", path, err_sentence(err));
    }
    return 0;
}

bool file_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *file_join(const char *dir, const char *name)
{
    if (name[0] == '/' || dir[0] == '\0') {
        return xstrdup(name);
    }
    const char *separator = dir[strlen(dir) - 1] == '/' ? "" : "/";
    return xasprintf("%s%s%s", dir, separator, name);
}

char *file_dirname(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return xstrdup(".");
    }
    /* The root stays a slash. */
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

const char *file_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Takes the last part off the normal path of <*len> bytes in <path>. */
static void drop_part(const char *path, size_t *len)
{
    while (*len > 0) {
        (*len)--;
        if (path[*len] == '/') {
            return;
        }
    }
}

char *file_absolute(const char *path)
{
    CLEANUP_FREE char *here = getcwd(NULL, 0);
    /* A working directory that was removed has no name any more; the root is as good as any. */
    CLEANUP_FREE char *joined = file_join(here ? here : "/", path);
    char *normal = xmalloc(strlen(joined) + 2);
    size_t len = 0;
    for (const char *part = joined; *part != '\0';) {
        size_t part_len = strcspn(part, "/");
        if (part_len == 2 && part[0] == '.' && part[1] == '.') {
            drop_part(normal, &len);
        } else if (part_len > 0 && !(part_len == 1 && part[0] == '.')) {
            normal[len] = '/';
            memcpy(normal + len + 1, part, part_len);
            len += part_len + 1;
        }
        part += part_len + (part[part_len] == '/');
    }
    if (len == 0) {
        normal[len] = '/';
        len++;
    }
    normal[len] = '\0';
    return normal;
}
