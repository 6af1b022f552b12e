/*
 * Looks at one plugin file. See probe.h.
 *
 *   stamp known? --yes--> hash from the index ------------------+
 *     | no                                                      v
 *   open safely -> read -> marker (door 1) -> copy (door 2) -> descriptor (door 3) -> OK
 */
#include "plug/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "plug/catalogue.h"
#include "plug/manifest.h"

static int enter_doors(const struct probe *probe, const char *path, struct probe_result *result,
                       struct err_text *reterr_why);
static int read_content(const char *path, struct probe_result *result, struct buf *ret_content);
static int pass_copy(const struct probe *probe, const char *path, const struct buf *content,
                     const struct manifest *manifest, struct probe_result *result,
                     struct index_entry *ret_entry, struct err_text *reterr_why);
static int pass_descriptor(const struct probe *probe, const char *path,
                           const struct index_entry *entry, struct probe_result *result,
                           struct err_text *reterr_why);

/* What a step answers besides 0 and errors: the result says why the file goes no further. */
enum { STOPPED = 1 };

/* Ends the way of a file. */
#define STOP(result, how, ...)                                                                    \
    ((result)->status = (how), (void)err_set(&(result)->reason, ERR_PLUGIN_REFUSED, __VA_ARGS__), \
     STOPPED)

/* True when the group is the owner's own (user private groups: same name, no other member), so that
 * the right to write of the group is nobody else's. */
static bool is_private_group(uid_t owner, gid_t group)
{
    const struct passwd *user = getpwuid(owner);
    char name[256];
    const struct group *members;

    if (user == NULL || user->pw_gid != group || strlen(user->pw_name) >= sizeof(name)) {
        return false;
    }
    memcpy(name, user->pw_name, strlen(user->pw_name) + 1);
    members = getgrgid(group);
    if (members == NULL || strcmp(members->gr_name, name) != 0) {
        return false;
    }
    for (char **member = members->gr_mem; *member != NULL; member++) {
        if (strcmp(*member, name) != 0) {
            return false;
        }
    }
    return true;
}

/* What is wrong with owner or mode, or 0. */
static int check_owner(const struct stat *info, const char *what, struct err_text *reterr_why)
{
    if (info->st_uid != 0 && info->st_uid != geteuid()) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                       "belongs to user %u; %s must belong to root or to the user who runs leat",
                       (unsigned)info->st_uid, what);
    }
    if ((info->st_mode & S_IWOTH) != 0 ||
        ((info->st_mode & S_IWGRP) != 0 && !is_private_group(info->st_uid, info->st_gid))) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED,
                       "may be changed by other users; take that away with chmod go-w");
    }
    return 0;
}

int probe_dir(const char *path, struct err_text *reterr_why)
{
    struct stat info;

    if (stat(path, &info) < 0) {
        return err_set(reterr_why, errno == ENOENT ? ERR_NOT_FOUND : ERR_PLUGIN_REFUSED,
                       "can not be looked at: %s", err_sentence(-errno));
    }
    if (!S_ISDIR(info.st_mode)) {
        return err_set(reterr_why, ERR_PLUGIN_REFUSED, "is not a directory");
    }
    return check_owner(&info, "a directory of plugins", reterr_why);
}

/* Refuses what is not a plain file of ours, before it is opened: opening a device can have effects
 * and opening a FIFO can block. */
static int check_file(const struct stat *info, struct probe_result *result)
{
    struct err_text why;

    if (S_ISLNK(info->st_mode)) {
        return STOP(result, PROBE_REFUSED,
                    "is a symbolic link; copy the plugin itself to this place");
    }
    if (!S_ISREG(info->st_mode)) {
        return STOP(result, PROBE_REFUSED, "is not a regular file");
    }
    if (check_owner(info, "a plugin", &why) < 0) {
        return STOP(result, PROBE_REFUSED, "%s", why.text);
    }
    if (info->st_size > CATALOGUE_FILE_SIZE_MAX) {
        return STOP(result, PROBE_REFUSED, "is larger than %d MiB, the most a plugin may have",
                    CATALOGUE_FILE_SIZE_MAX / (1024 * 1024));
    }
    return 0;
}

int probe_file(const struct probe *probe, const char *path, struct probe_result *ret_result,
               struct err_text *reterr_why)
{
    struct probe_result result = {.status = PROBE_OK};
    const struct index_entry *entry;
    struct index_entry known;
    struct stat info;
    int err;

    if (lstat(path, &info) < 0) {
        (void)STOP(&result, PROBE_PENDING, "can not be looked at: %s", err_sentence(-errno));
        *ret_result = result;
        return 0;
    }
    result.stamp = index_stamp_of(&info);
    err = check_file(&info, &result);
    entry = index_get(probe->index, path);
    if (err == 0 && entry != NULL && index_stamp_same(&entry->stamp, &result.stamp) &&
        copies_has(probe->copies, &entry->hash, entry->stamp.size)) {
        known = *entry;
        err = pass_descriptor(probe, path, &known, &result, reterr_why);
    } else if (err == 0) {
        err = enter_doors(probe, path, &result, reterr_why);
    }
    if (err < 0) {
        return err;
    }
    *ret_result = result;
    return 0;
}

/* Door 1 to 3 for a file that is not known. */
static int enter_doors(const struct probe *probe, const char *path, struct probe_result *result,
                       struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf content = BUF_INIT(CATALOGUE_FILE_SIZE_MAX);
    struct manifest manifest;
    struct index_entry entry = {0};
    enum manifest_fault fault;
    struct err_text why;
    bool young;
    int err = read_content(path, result, &content);

    if (err != 0) {
        return err;
    }
    result->read = true;
    young = !index_stamp_settled(&result->stamp, probe->wall_us, probe->settle_ms);
    if (manifest_read(content.data, content.len, &manifest, &fault, &why) < 0) {
        return STOP(result, fault == MANIFEST_CUT_SHORT && young ? PROBE_PENDING : PROBE_REFUSED,
                    "%s%s", why.text,
                    fault == MANIFEST_CUT_SHORT && young ? " (perhaps it is still being written)"
                                                         : "");
    }
    memcpy(result->name, manifest.name, sizeof result->name);
    memcpy(result->version, manifest.version, sizeof result->version);
    err = pass_copy(probe, path, &content, &manifest, result, &entry, reterr_why);
    if (err == 0) {
        err = pass_descriptor(probe, path, &entry, result, reterr_why);
    }
    if (err == 0 && !young) {
        index_put(probe->index, path, &entry);
    }
    return err;
}

/* Reads the whole file into <ret_content>, sure that it did not change meanwhile. */
static int read_content(const char *path, struct probe_result *result, struct buf *ret_content)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat info;
    struct index_stamp stamp;
    ssize_t got;
    int err;

    if (fd < 0 || fstat(fd, &info) < 0) {
        return STOP(result, errno == ENOENT ? PROBE_PENDING : PROBE_REFUSED,
                    "can not be opened: %s", err_sentence(-errno));
    }
    /* Another file may stand there since it was looked at. */
    err = check_file(&info, result);
    if (err != 0) {
        return err;
    }
    result->stamp = index_stamp_of(&info);
    for (;;) {
        size_t room = (size_t)info.st_size - ret_content->len;
        uint8_t *into = room == 0 ? NULL : buf_reserve(ret_content, room);

        if (room > 0 && into == NULL) {
            return STOP(result, PROBE_PENDING, "can not be read: out of memory");
        }
        got = room == 0 ? 0 : read(fd, into, room);
        if (got > 0) {
            ret_content->len += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            break;
        }
    }
    if (got < 0) {
        return STOP(result, PROBE_REFUSED, "can not be read: %s", err_sentence(-errno));
    }
    if (fstat(fd, &info) < 0) {
        return STOP(result, PROBE_PENDING, "can not be looked at: %s", err_sentence(-errno));
    }
    stamp = index_stamp_of(&info);
    if (!index_stamp_same(&stamp, &result->stamp) || ret_content->len != stamp.size) {
        return STOP(result, PROBE_PENDING, "is being written");
    }
    return 0;
}

/* Door 2. Fills in what the index will remember. */
static int pass_copy(const struct probe *probe, const char *path, const struct buf *content,
                     const struct manifest *manifest, struct probe_result *result,
                     struct index_entry *ret_entry, struct err_text *reterr_why)
{
    const struct index_entry *before = index_get(probe->index, path);
    struct index_entry entry = {.stamp = result->stamp,
                                .hash = hash_bytes(content->data, content->len)};
    int err = copies_put(probe->copies, &entry.hash, content->data, content->len, reterr_why);

    if (err < 0) {
        return err;
    }
    memcpy(entry.name, manifest->name, sizeof entry.name);
    memcpy(entry.version, manifest->version, sizeof entry.version);
    memcpy(entry.search_path, manifest->search_path, sizeof entry.search_path);
    if (before != NULL && memcmp(before->hash.bytes, entry.hash.bytes, HASH_SIZE) == 0) {
        entry.same_version = before->same_version;
    } else if (before != NULL) {
        entry.same_version =
            strcmp(before->name, entry.name) == 0 && strcmp(before->version, entry.version) == 0;
    }
    *ret_entry = entry;
    return 0;
}

/* What people should know about a plugin that is served all the same. */
static void warn(const struct index_entry *entry, struct probe_result *result)
{
    if (entry->search_path[0] != '\0') {
        (void)err_set(&result->warning, 0,
                      "pulls libraries from \"%s\" (RPATH or RUNPATH); link it without -rpath",
                      entry->search_path);
    } else if (entry->same_version) {
        (void)err_set(&result->warning, 0,
                      "has other content than before but still calls itself version %s; give "
                      "every release its own version",
                      entry->version);
    }
}

/* Door 3. */
static int pass_descriptor(const struct probe *probe, const char *path,
                           const struct index_entry *entry, struct probe_result *result,
                           struct err_text *reterr_why)
{
    const struct plug_plugin *plugin = NULL;
    struct err_text why = {""};
    /* Whoever touches a refused file wants it to be looked at again. */
    int64_t from_us = index_stamp_us(&result->stamp);
    int64_t recent_us = probe->wall_us - probe->refused_ms * 1000;
    int err =
        copies_describe(probe->copies, &entry->hash, path, probe->describe, probe->user,
                        from_us > recent_us ? from_us : recent_us, probe->wall_us, &plugin, &why);

    memcpy(result->name, entry->name, sizeof result->name);
    memcpy(result->version, entry->version, sizeof result->version);
    if (err == ERR_UNAVAILABLE) {
        return STOP(result, PROBE_PENDING, "%s", why.text);
    }
    if (err == ERR_PLUGIN_REFUSED || err == ERR_PLUGIN_ABI || err == ERR_TIMEOUT ||
        err == ERR_LIMIT) {
        return STOP(result, PROBE_REFUSED, "breaks the SDK's rules: %s", why.text);
    }
    if (err < 0) {
        return err_set(reterr_why, err, "%s", why.text);
    }
    if (strcmp(plugin->name, entry->name) != 0 || strcmp(plugin->version, entry->version) != 0) {
        return STOP(result, PROBE_REFUSED,
                    "breaks the SDK's rules: its marker says \"%s\" %s, its descriptor says "
                    "\"%s\" %s",
                    entry->name, entry->version, plugin->name, plugin->version);
    }
    result->plugin = plugin;
    warn(entry, result);
    return 0;
}
