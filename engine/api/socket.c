/*
 * See socket.h. The directory is opened first and the socket is named below its descriptor, which
 * keeps the address short and the directory the one that was checked.
 */
#include "api/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define RUN_DIR "run"
#define SOCKET_NAME "engine.sock"

enum { BACKLOG = 128 };

/* Opens HOME/run. */
static int open_dir(const char *home, int *ret_fd)
{
    CLEANUP_FREE char *path = file_join(home, RUN_DIR);
    int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    *ret_fd = fd;
    return 0;
}

/* The socket's path below the directory's descriptor. */
static void path_below(int dir, char ret_path[SOCKET_PATH_SIZE])
{
    snprintf(ret_path, SOCKET_PATH_SIZE, "/proc/self/fd/%d/" SOCKET_NAME, dir);
}

/* The socket's address, which holds that path. */
static struct sockaddr_un address_below(int dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    path_below(dir, address.sun_path);
    return address;
}

/* A new socket. */
static int open_socket(int *ret_fd)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    *ret_fd = fd;
    return 0;
}

/* Removes a socket that a dead engine left; whatever else lies there is not ours. */
static int remove_stale(int dir, const char *home, struct err_text *reterr_why)
{
    struct stat found;

    if (fstatat(dir, SOCKET_NAME, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? 0
                               : err_set(reterr_why, -errno, "%s/" RUN_DIR "/" SOCKET_NAME ": %s.",
                                         home, strerror(errno));
    }
    if (!S_ISSOCK(found.st_mode)) {
        return err_set(reterr_why, ERR_UNAVAILABLE,
                       "%s/" RUN_DIR "/" SOCKET_NAME " is not a socket; remove it.", home);
    }
    if (unlinkat(dir, SOCKET_NAME, 0) != 0) {
        return err_set(reterr_why, -errno, "%s/" RUN_DIR "/" SOCKET_NAME " can not be removed: %s.",
                       home, strerror(errno));
    }
    return 0;
}

/* Binds and listens; the mode is that of the socket's inode, so no umask is in the way for others.
 */
static int bind_and_listen(int fd, int dir)
{
    struct sockaddr_un address = address_below(dir);

    if (fchmod(fd, 0600) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        fchmodat(dir, SOCKET_NAME, 0600, 0) != 0 || listen(fd, BACKLOG) != 0) {
        return -errno;
    }
    return 0;
}

/* Makes HOME/run if need be and opens it, for its owner only. */
static int make_dir(const char *home, int *ret_dir, struct err_text *reterr_why)
{
    CLEANUP_FREE char *path = file_join(home, RUN_DIR);
    int err = file_mkdirs(path, 0700, reterr_why);

    if (err) {
        return err;
    }
    if (chmod(path, 0700) != 0) {
        return err_set(reterr_why, -errno, "%s can not be closed to others: %s.", path,
                       strerror(errno));
    }
    err = open_dir(home, ret_dir);
    return err ? err_set(reterr_why, err, "%s can not be opened: %s.", path, strerror(-err)) : 0;
}

int socket_listen(const char *home, int *ret_fd, struct err_text *reterr_why)
{
    CLEANUP_CLOSE int dir = -1;
    CLEANUP_CLOSE int fd = -1;
    int err = make_dir(home, &dir, reterr_why);

    if (err == 0) {
        err = remove_stale(dir, home, reterr_why);
    }
    if (err) {
        return err;
    }
    err = open_socket(&fd);
    if (err == 0) {
        err = bind_and_listen(fd, dir);
    }
    if (err) {
        return err_set(reterr_why, err, "Can not listen on %s/" RUN_DIR "/" SOCKET_NAME ": %s.",
                       home, strerror(-err));
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

void socket_remove(const char *home)
{
    CLEANUP_CLOSE int dir = -1;

    if (open_dir(home, &dir) == 0) {
        unlinkat(dir, SOCKET_NAME, 0);
    }
}

int socket_connect(const char *home, int *ret_fd, struct err_text *reterr_why)
{
    CLEANUP_CLOSE int dir = -1;
    CLEANUP_CLOSE int fd = -1;
    struct sockaddr_un address;
    int err = open_dir(home, &dir);

    if (err == 0) {
        err = open_socket(&fd);
    }
    if (err == 0) {
        address = address_below(dir);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
            err = -errno;
        }
    }
    if (err) {
        return err_set(reterr_why, ERR_UNAVAILABLE,
                       "No engine listens on %s/" RUN_DIR "/" SOCKET_NAME " (%s).", home,
                       strerror(-err));
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

int socket_path(const char *home, int *ret_dir, char ret_path[SOCKET_PATH_SIZE],
                struct err_text *reterr_why)
{
    CLEANUP_CLOSE int probe = -1;
    int err = socket_connect(home, &probe, reterr_why);

    if (err) {
        return err;
    }
    err = open_dir(home, ret_dir);
    if (err) {
        return err_set(reterr_why, ERR_UNAVAILABLE, "%s/" RUN_DIR " can not be opened: %s.", home,
                       strerror(-err));
    }
    path_below(*ret_dir, ret_path);
    return 0;
}
