/*
 * Checks, lock and side file of HOME/store; see store_place.h.
 */
#include "store/store_place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"

enum { LOCK_TEXT_MAX = 256, ACKED_SIZE = 40, BOOT_ID_MAX = 64 };

static const char acked_magic[8] = "leatack1";

struct store_place {
    char *dir;
    const char *warning;
    int lock_fd;
    int acked_fd;
};

/* File systems we know, by their statfs number. */
static const struct {
    uint64_t number;
    enum store_place_verdict verdict;
} filesystems[] = {
    {0xEF53, PLACE_FIT},             /* ext2, ext3, ext4 */
    {0x58465342, PLACE_FIT},         /* XFS */
    {0x9123683E, PLACE_FIT},         /* btrfs */
    {0xF2F52010, PLACE_FIT},         /* F2FS */
    {0x2FC12FC1, PLACE_FIT},         /* ZFS */
    {0x01021994, PLACE_NOT_DURABLE}, /* tmpfs */
    {0x858458F6, PLACE_NOT_DURABLE}, /* ramfs */
    {0x794C7630, PLACE_NOT_DURABLE}, /* overlay: durable or not, depending on the layer below */
};

static int check_dir(const char *dir, struct err_text *reterr_why);
static int check_filesystem(struct store_place *place, struct err_text *reterr_why);
static int take_lock(struct store_place *place, const char *home, struct err_text *reterr_why);
static int write_lock_text(struct store_place *place, uint64_t generation,
                           struct err_text *reterr_why);
static void read_boot_id(char ret_text[BOOT_ID_MAX]);
static pid_t read_pid(int fd);

int store_place_open(const char *home, struct store_place **ret_place, struct err_text *reterr_why)
{
    struct store_place *place = xcalloc(1, sizeof *place);
    place->dir = file_join(home, "store");
    place->lock_fd = -1;
    place->acked_fd = -1;
    int err = file_mkdirs(place->dir, 0700, reterr_why);
    if (!err) {
        err = check_dir(place->dir, reterr_why);
    }
    if (!err) {
        err = check_filesystem(place, reterr_why);
    }
    if (!err) {
        err = take_lock(place, home, reterr_why);
    }
    if (err) {
        store_place_close(place);
        return err;
    }
    *ret_place = place;
    return 0;
}

struct store_place *store_place_close(struct store_place *place)
{
    if (!place) {
        return NULL;
    }
    if (place->acked_fd >= 0) {
        close(place->acked_fd);
    }
    if (place->lock_fd >= 0) {
        close(place->lock_fd);
    }
    free(place->dir);
    free(place);
    return NULL;
}

const char *store_place_dir(const struct store_place *place)
{
    return place->dir;
}

const char *store_place_warning(const struct store_place *place)
{
    return place->warning;
}

/* The directory is ours and nobody else's. */
static int check_dir(const char *dir, struct err_text *reterr_why)
{
    struct stat st;
    if (lstat(dir, &st) != 0) {
        return err_set(reterr_why, ERR_IO, "%s can not be examined: %s.", dir, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode)) {
        return err_set(reterr_why, ERR_STORE_UNSUITABLE,
                       "%s is not a directory; move it away or choose another home.", dir);
    }
    if (st.st_uid != geteuid()) {
        return err_set(reterr_why, ERR_STORE_UNSUITABLE,
                       "%s belongs to user %u, not to user %u who runs this; run as its owner.",
                       dir, (unsigned)st.st_uid, (unsigned)geteuid());
    }
    if (st.st_mode & 077) {
        return err_set(reterr_why, ERR_STORE_UNSUITABLE,
                       "%s is open to other users (mode %03o); run `chmod 700` on it.", dir,
                       (unsigned)(st.st_mode & 0777));
    }
    return 0;
}

enum store_place_verdict store_place_judge(uint64_t filesystem)
{
    for (size_t i = 0; i < sizeof filesystems / sizeof filesystems[0]; i++) {
        if (filesystems[i].number == filesystem) {
            return filesystems[i].verdict;
        }
    }
    return PLACE_UNFIT;
}

/* LMDB needs a local file system: locks and the shared map do not work over a network. */
static int check_filesystem(struct store_place *place, struct err_text *reterr_why)
{
    struct statfs fs;
    if (statfs(place->dir, &fs) != 0) {
        return err_set(reterr_why, ERR_IO, "The file system of %s can not be examined: %s.",
                       place->dir, strerror(errno));
    }
    uint64_t number = (uint64_t)fs.f_type & UINT32_MAX;
    switch (store_place_judge(number)) {
    case PLACE_FIT:
        return 0;
    case PLACE_NOT_DURABLE:
        place->warning = "The store is on a memory or overlay file system: what it holds may not "
                         "survive a restart of the machine.";
        return 0;
    case PLACE_UNFIT:
        break;
    }
    return err_set(reterr_why, ERR_STORE_UNSUITABLE,
                   "%s is on a file system (type 0x%" PRIx64 ") that is not known to keep data "
                   "safe; choose a home on a local disk with ext4, XFS, btrfs, F2FS or ZFS.",
                   place->dir, number);
}

/* One process at a time. The lock belongs to the open file, so it also keeps out a second store in
 * this process, and the kernel drops it when we die. */
static int take_lock(struct store_place *place, const char *home, struct err_text *reterr_why)
{
    CLEANUP_FREE char *path = file_join(place->dir, "lock");
    place->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (place->lock_fd < 0) {
        return err_set(reterr_why, ERR_IO, "%s can not be opened: %s.", path, strerror(errno));
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(place->lock_fd, F_OFD_SETLK, &lock) == 0) {
        return write_lock_text(place, 0, reterr_why);
    }
    if (errno != EAGAIN && errno != EACCES) {
        return err_set(reterr_why, ERR_IO, "%s can not be locked: %s.", path, strerror(errno));
    }
    pid_t pid = read_pid(place->lock_fd);
    if (pid <= 0) {
        return err_set(reterr_why, ERR_STORE_BUSY,
                       "The store in %s is in use by another process; stop that one first.", home);
    }
    return err_set(reterr_why, ERR_STORE_BUSY,
                   "The store in %s is in use by process %d; stop that one first.", home, (int)pid);
}

int store_place_announce(struct store_place *place, uint64_t generation,
                         struct err_text *reterr_why)
{
    return write_lock_text(place, generation, reterr_why);
}

/* Who we are, for people and for store_owner. */
static int write_lock_text(struct store_place *place, uint64_t generation,
                           struct err_text *reterr_why)
{
    char boot_id[BOOT_ID_MAX];
    read_boot_id(boot_id);
    char text[LOCK_TEXT_MAX];
    int len = snprintf(text, sizeof text, "pid %d\nboot %s\ngeneration %016" PRIx64 "\n",
                       (int)getpid(), boot_id, generation);
    must(len > 0 && len < LOCK_TEXT_MAX);
    bool written =
        pwrite(place->lock_fd, text, (size_t)len, 0) == len && ftruncate(place->lock_fd, len) == 0;
    if (!written) {
        return err_set(reterr_why, ERR_IO, "%s/lock can not be written: %s.", place->dir,
                       strerror(errno));
    }
    return 0;
}

/* The kernel's name for this boot, "unknown" when there is none. */
static void read_boot_id(char ret_text[BOOT_ID_MAX])
{
    CLEANUP_BUF struct buf text = BUF_INIT(BOOT_ID_MAX - 1);
    int err = file_read("/proc/sys/kernel/random/boot_id", &text, NULL);
    const char *id = err ? "unknown" : buf_cstr(&text);
    (void)snprintf(ret_text, BOOT_ID_MAX, "%.*s", (int)strcspn(id, "\n"), id);
}

/* The pid a lock file names, or -1. */
static pid_t read_pid(int fd)
{
    char text[LOCK_TEXT_MAX + 1] = {0};
    ssize_t len = pread(fd, text, LOCK_TEXT_MAX, 0);
    if (len < 5 || strncmp(text, "pid ", 4) != 0) {
        return -1;
    }
    char *end = NULL;
    errno = 0;
    long pid = strtol(text + 4, &end, 10);
    bool sound = errno == 0 && *end == '\n' && pid > 0 && pid <= INT32_MAX;
    return sound ? (pid_t)pid : -1;
}

int store_place_owner(const char *home, pid_t *ret_pid)
{
    CLEANUP_FREE char *dir = file_join(home, "store");
    CLEANUP_FREE char *path = file_join(dir, "lock");
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        *ret_pid = 0;
        return 0;
    }
    if (fd < 0) {
        return -errno;
    }
    /* Only asks, so that an engine that starts at this moment is not turned away. */
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0) {
        return -errno;
    }
    *ret_pid = lock.l_type == F_UNLCK ? 0 : read_pid(fd);
    return 0;
}

/*
 *     0        8         24           32         40
 *     +--------+---------+------------+----------+
 *     | magic  | identity| commit_seq | checksum |
 *     +--------+---------+------------+----------+
 */
int store_place_read_acked(const struct store_place *place, uint8_t ret_id[KV_ID_SIZE],
                           uint64_t *ret_commit_seq)
{
    CLEANUP_FREE char *path = file_join(place->dir, "acked");
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return ERR_NOT_FOUND;
    }
    uint8_t bytes[ACKED_SIZE];
    if (pread(fd, bytes, sizeof bytes, 0) != ACKED_SIZE) {
        return ERR_NOT_FOUND;
    }
    uint64_t sum = 0;
    memcpy(&sum, bytes + 32, sizeof sum);
    bool sound =
        memcmp(bytes, acked_magic, sizeof acked_magic) == 0 && sum == hash_checksum(0, bytes, 32);
    if (!sound) {
        return ERR_NOT_FOUND;
    }
    memcpy(ret_id, bytes + 8, KV_ID_SIZE);
    memcpy(ret_commit_seq, bytes + 24, sizeof *ret_commit_seq);
    return 0;
}

int store_place_write_acked(struct store_place *place, const uint8_t id[KV_ID_SIZE],
                            uint64_t commit_seq)
{
    if (place->acked_fd < 0) {
        CLEANUP_FREE char *path = file_join(place->dir, "acked");
        place->acked_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (place->acked_fd < 0) {
            return ERR_IO;
        }
    }
    uint8_t bytes[ACKED_SIZE];
    memcpy(bytes, acked_magic, sizeof acked_magic);
    memcpy(bytes + 8, id, KV_ID_SIZE);
    memcpy(bytes + 24, &commit_seq, sizeof commit_seq);
    uint64_t sum = hash_checksum(0, bytes, 32);
    memcpy(bytes + 32, &sum, sizeof sum);
    return pwrite(place->acked_fd, bytes, sizeof bytes, 0) == ACKED_SIZE ? 0 : ERR_IO;
}
