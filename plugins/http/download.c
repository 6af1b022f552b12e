/*
 * See download.h. The body goes to a temporary file beside the target, which takes the target's
 * name only when every byte has arrived, is hashed, matches `sha256` if one is given, and is on the
 * disk.
 */
#include "download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include <leat/plugin.h>

/* A download on its way. */
struct download {
    int fd;
    int error; /* errno of a failed write */
    crypto_hash_sha256_state hash;
};

/* The transfer's sink: into the file and the hash. */
static int on_data(void *user, const char *data, size_t len)
{
    struct download *download = user;
    size_t done = 0;

    while (done < len) {
        ssize_t count = write(download->fd, data + done, len - done);

        if (count < 0 && errno != EINTR) {
            download->error = errno;
            return 0;
        }
        done += count < 0 ? 0 : (size_t)count;
    }
    crypto_hash_sha256_update(&download->hash, (const unsigned char *)data, len);
    return 1;
}

/* Writes the hash of what went through <state> as 64 hexadecimal digits and a NUL. */
static void hash_text(crypto_hash_sha256_state *state, char *ret_text)
{
    unsigned char digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256_final(state, digest);
    sodium_bin2hex(ret_text, 2 * crypto_hash_sha256_BYTES + 1, digest, sizeof digest);
}

/* 1 when there is a file at <path> with this hash; then its size, too. */
static int have_already(const char *path, leat_str sha256, int64_t *ret_size)
{
    crypto_hash_sha256_state state;
    char text[2 * crypto_hash_sha256_BYTES + 1];
    unsigned char chunk[65536];
    int64_t size = 0;
    ssize_t count;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        return 0;
    }
    crypto_hash_sha256_init(&state);
    for (;;) {
        count = read(fd, chunk, sizeof chunk);
        if (count <= 0) {
            break;
        }
        crypto_hash_sha256_update(&state, chunk, (unsigned long long)count);
        size += count;
    }
    close(fd);
    hash_text(&state, text);
    *ret_size = size;
    return count == 0 && sha256.len == strlen(text) &&
           strncasecmp(text, sha256.ptr, sha256.len) == 0;
}

/* Reports a failure of the file system. */
static leat_status report_errno(leat_call *call, const char *path, int error)
{
    if (error == ENOSPC || error == EDQUOT || error == EIO || error == ENOMEM) {
        return leat_retry(call, -1, "http.disk", "%s could not be written: %s", path,
                          strerror(error));
    }
    return leat_fail(call, "http.disk", "%s could not be written: %s", path, strerror(error));
}

/* Makes the finished file durable under its name; 0 or an errno value. */
static int publish(int fd, const char *temporary, const char *path)
{
    char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    int error = 0;
    int folder_fd;

    if (folder == NULL) {
        return ENOMEM;
    }
    if (fsync(fd) != 0 || fchmod(fd, 0644) != 0 || rename(temporary, path) != 0) {
        error = errno;
    }
    folder_fd = error == 0 ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder_fd >= 0) {
        /* Some file systems refuse this; the file itself is safe by now. */
        (void)fsync(folder_fd);
        close(folder_fd);
    }
    free(folder);
    return error;
}

/* Gives the results. */
static leat_status give(leat_call *call, leat_str path, int64_t size, const char *sha256,
                        int fetched)
{
    leat_result_str(call, "path", path);
    leat_result_int(call, "size", size);
    leat_result_text(call, "sha256", sha256);
    return leat_result_bool(call, "fetched", fetched);
}

/* Checks what has arrived and gives the file its name. */
static leat_status finish(struct transfer *transfer, struct download *download, leat_str sha256,
                          const char *temporary, const char *path)
{
    leat_call *call = transfer->call;
    leat_str none = {NULL, 0};
    leat_status status = transfer_judge(transfer, none);
    char text[2 * crypto_hash_sha256_BYTES + 1];
    int error;

    if (status != LEAT_OK) {
        return status;
    }
    hash_text(&download->hash, text);
    if (sha256.len > 0 &&
        (sha256.len != strlen(text) || strncasecmp(text, sha256.ptr, sha256.len) != 0)) {
        return leat_retry(call, -1, "http.bad_hash", "%s has the SHA-256 %s, but %.*s is expected",
                          transfer->url, text, LEAT_STRF(sha256));
    }
    error = publish(download->fd, temporary, path);
    if (error != 0) {
        return report_errno(call, path, error);
    }
    return give(call, leat_str_of(path), transfer->received, text, 1);
}

leat_status download_run(struct transfer *transfer)
{
    leat_call *call = transfer->call;
    leat_str sha256 = leat_param_str(call, "sha256");
    const char *path = leat_str_dup(call, leat_param_str(call, "path"));
    struct download download = {.fd = -1};
    char *temporary = NULL;
    leat_status status;
    int64_t size;

    if (path == NULL || path[0] == '\0') {
        return leat_fail(call, "http.bad_params", "`path` is not a path");
    }
    if (sha256.len > 0 && have_already(path, sha256, &size)) {
        return give(call, leat_str_of(path), size, leat_str_dup(call, sha256), 0);
    }
    if (asprintf(&temporary, "%s.leat-XXXXXX", path) < 0) {
        return leat_retry(call, -1, "http.no_memory", "no memory for a path");
    }
    download.fd = mkostemp(temporary, O_CLOEXEC);
    if (download.fd < 0) {
        status = report_errno(call, path, errno);
        free(temporary);
        return status;
    }
    crypto_hash_sha256_init(&download.hash);
    transfer->sink = on_data;
    transfer->user = &download;
    status = transfer_run(transfer);
    if (status != LEAT_OK && download.error != 0) {
        status = report_errno(call, path, download.error);
    }
    if (status == LEAT_OK) {
        status = finish(transfer, &download, sha256, temporary, path);
    }
    /* After a success there is no such name any more. */
    unlink(temporary);
    close(download.fd);
    free(temporary);
    return status;
}
