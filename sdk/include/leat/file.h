/*
 * Whole files, read and written in one go. A file is written whole or not at all: readers see the
 * old content or the new one, and after a power cut it is one of the two.
 *
 * Needs POSIX.1-2008 (compile with -D_GNU_SOURCE, or -D_POSIX_C_SOURCE=200809L); without it this
 * header declares nothing. Convenience, no part of the contract. C11 and C++11.
 */
#ifndef LEAT_FILE_H
#define LEAT_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_POSIX_C_SOURCE) && _POSIX_C_SOURCE >= 200809L

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef LEAT_API
#define LEAT_API static inline
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Reads a regular file of at most <max> bytes. 0 with its content, NUL-terminated, in <ret_data>,
 * which is to be released with free(); or an errno value, EFBIG for a larger file, EINVAL for one
 * that is not regular. */
LEAT_API int leat_file_read(const char *path, size_t max, char **ret_data, size_t *ret_len);

/* Replaces the file with <len> bytes, mode 0644. 0 or an errno value; the old file is still there
 * then. */
LEAT_API int leat_file_write(const char *path, const void *data, size_t len);

/* ---- bodies ---- */

/* Reads <len> bytes; 0 or an errno value. A file that became shorter is an error. */
LEAT_API int leat_file_fill_(int fd, char *data, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t count = read(fd, data + done, len - done);

        if (count == 0) {
            return EIO;
        }
        if (count < 0 && errno != EINTR) {
            return errno;
        }
        done += count < 0 ? 0 : (size_t)count;
    }
    data[len] = '\0';
    return 0;
}

LEAT_API int leat_file_read(const char *path, size_t max, char **ret_data, size_t *ret_len)
{
    struct stat info;
    char *data = NULL;
    int error = 0;
    /* A pipe without a writer must not hang the step before it is seen to be a pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        return errno;
    }
    if (fstat(fd, &info) != 0) {
        error = errno;
    } else if (!S_ISREG(info.st_mode)) {
        error = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    } else if ((unsigned long long)info.st_size > (unsigned long long)max) {
        error = EFBIG;
    }
    if (error == 0) {
        data = (char *)malloc((size_t)info.st_size + 1);
        error = data == NULL ? ENOMEM : leat_file_fill_(fd, data, (size_t)info.st_size);
    }
    close(fd);
    if (error != 0) {
        free(data);
        return error;
    }
    *ret_data = data;
    *ret_len = (size_t)info.st_size;
    return 0;
}

/* Writes everything to the disk and gives the file its name; 0 or an errno value. */
LEAT_API int leat_file_publish_(int fd, const char *temporary, const char *path, const void *data,
                                size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t count = write(fd, (const char *)data + done, len - done);

        if (count < 0 && errno != EINTR) {
            return errno;
        }
        done += count < 0 ? 0 : (size_t)count;
    }
    return fchmod(fd, 0644) != 0 || fsync(fd) != 0 || rename(temporary, path) != 0 ? errno : 0;
}

/* Makes the new name itself durable, as far as the file system can. */
LEAT_API void leat_file_sync_folder_(char *path)
{
    char *slash = strrchr(path, '/');
    int fd;

    if (slash != NULL) {
        slash[slash == path ? 1 : 0] = '\0';
    }
    fd = open(slash == NULL ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

LEAT_API int leat_file_write(const char *path, const void *data, size_t len)
{
    static const char suffix[] = ".leat-XXXXXX";
    size_t path_len = strlen(path);
    char *temporary = (char *)malloc(path_len + sizeof suffix);
    int error;
    int fd;

    if (temporary == NULL) {
        return ENOMEM;
    }
    memcpy(temporary, path, path_len);
    memcpy(temporary + path_len, suffix, sizeof suffix);
    fd = mkstemp(temporary);
    if (fd < 0) {
        error = errno;
        free(temporary);
        return error;
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    error = leat_file_publish_(fd, temporary, path, data, len);
    close(fd);
    if (error != 0) {
        unlink(temporary);
    } else {
        leat_file_sync_folder_(temporary);
    }
    free(temporary);
    return error;
}

#ifdef __cplusplus
}
#endif

#endif

#endif
