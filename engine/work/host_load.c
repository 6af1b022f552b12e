/*
 * File to sealed memory to loaded plugin.
 */
#include "work/host_load.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "plug/catalogue.h"

static int open_copy(const char *path, off_t *ret_size, struct err_text *reterr_why);
static int seal(int file, off_t size, const char *path, int *ret_memory,
                struct err_text *reterr_why);
static int check_hash(int memory, const struct hash *expected, const char *path,
                      struct err_text *reterr_why);
static int link_in(int memory, const char *path, const leat_plugin **ret_plugin,
                   struct err_text *reterr_why);
static int check_plugin(const leat_plugin *plugin, const char *path, struct err_text *reterr_why);

int host_load(const char *path, const struct hash *expected, const leat_plugin **ret_plugin,
              struct err_text *reterr_why)
{
    off_t size = 0;
    int memory = -1;

    CLEANUP_CLOSE int file = open_copy(path, &size, reterr_why);
    if (file < 0) {
        return file;
    }
    int err = seal(file, size, path, &memory, reterr_why);
    if (err) {
        return err;
    }
    if (expected) {
        err = check_hash(memory, expected, path, reterr_why);
    }
    if (!err) {
        err = link_in(memory, path, ret_plugin, reterr_why);
    }
    close(memory);
    return err;
}

/* Opens the copy as what it must be: a regular file of a sane size. A descriptor or an error. */
static int open_copy(const char *path, off_t *ret_size, struct err_text *reterr_why)
{
    struct stat info;

    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info)) {
        int err = -errno;
        mem_cleanup_close(&fd);
        return err_set(reterr_why, err, "the plugin copy %s can not be opened: %s", path,
                       strerror(-err));
    }
    if (!S_ISREG(info.st_mode) || info.st_size <= 0 || info.st_size > CATALOGUE_FILE_SIZE_MAX) {
        close(fd);
        return err_set(reterr_why, ERR_PLUGIN_FORMAT,
                       "the plugin copy %s is not a file of 1 byte to %d MiB", path,
                       CATALOGUE_FILE_SIZE_MAX >> 20);
    }
    *ret_size = info.st_size;
    return fd;
}

/* Copies the file into memory that can not change any more. */
static int seal(int file, off_t size, const char *path, int *ret_memory,
                struct err_text *reterr_why)
{
    int memory = memfd_create("leat-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    off_t copied = 0;

    while (memory >= 0 && copied < size) {
        ssize_t len = sendfile(memory, file, NULL, (size_t)(size - copied));
        if (len <= 0 && errno != EINTR) {
            break;
        }
        copied += len > 0 ? len : 0;
    }
    int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    if (memory < 0 || copied < size || fcntl(memory, F_ADD_SEALS, seals)) {
        int err = errno ? -errno : ERR_IO;
        mem_cleanup_close(&memory);
        return err_set(reterr_why, err, "the plugin copy %s can not be read into memory: %s", path,
                       err_sentence(err));
    }
    *ret_memory = memory;
    return 0;
}

/* The sealed bytes are the ones that were looked at when the plugin was taken in. */
static int check_hash(int memory, const struct hash *expected, const char *path,
                      struct err_text *reterr_why)
{
    struct hash hash;
    uint64_t size;

    int err = hash_file(memory, &hash, &size, reterr_why);
    if (err) {
        return err;
    }
    if (memcmp(&hash, expected, sizeof(hash)) != 0) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "the content of the plugin copy %s is not what it was when it was taken "
                       "in; remove it and let it be copied again",
                       path);
    }
    return 0;
}

/* Maps the sealed bytes as code, runs constructors, asks for the descriptor. */
static int link_in(int memory, const char *path, const leat_plugin **ret_plugin,
                   struct err_text *reterr_why)
{
    char name[64];
    leat_plugin_entry entry;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", memory);
    void *object = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        return err_set(reterr_why, ERR_PLUGIN_FORMAT, "the plugin copy %s can not be loaded: %s",
                       path, dlerror());
    }
    void *symbol = dlsym(object, LEAT_PLUGIN_SYMBOL);
    if (!symbol) {
        return err_set(reterr_why, ERR_PLUGIN_ABI,
                       "the plugin copy %s does not export %s; rebuild it with an SDK of major "
                       "version %d",
                       path, LEAT_PLUGIN_SYMBOL, LEAT_ABI_MAJOR);
    }
    memcpy(&entry, &symbol, sizeof(entry));
    const leat_plugin *plugin = entry();
    int err = check_plugin(plugin, path, reterr_why);
    if (!err) {
        *ret_plugin = plugin;
    }
    return err;
}

/* The few members without which nothing else can be read. Door 3 has checked the rest. */
static int check_plugin(const leat_plugin *plugin, const char *path, struct err_text *reterr_why)
{
    if (!plugin || plugin->magic != LEAT_PLUGIN_MAGIC ||
        plugin->struct_size < offsetof(leat_plugin, open)) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                       "the plugin copy %s gives no descriptor that begins with its magic and size",
                       path);
    }
    if (plugin->abi_major != LEAT_ABI_MAJOR) {
        return err_set(reterr_why, ERR_PLUGIN_ABI,
                       "the plugin copy %s says ABI %u.%u under the name of ABI %d; rebuild it",
                       path, plugin->abi_major, plugin->abi_minor, LEAT_ABI_MAJOR);
    }
    if (!plugin->name || !plugin->version || !plugin->parts) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                       "the descriptor of the plugin copy %s lacks a name, a version or parts",
                       path);
    }
    return 0;
}
