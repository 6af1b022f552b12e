/*
 * The directory of plugin copies. See copies.h.
 */
#include "plug/copies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"

/* One decoded content. */
struct known {
    struct plug_plugin plugin;
    struct arena arena;
};

struct copies {
    char *dir;
    struct map *known; /* hash bytes -> struct known */
};

struct copies *copies_new(const char *home)
{
    struct copies *copies = xcalloc(1, sizeof *copies);

    copies->dir = file_join(home, "store/plugins");
    copies->known = map_new();
    return copies;
}

/* Frees one decoded content. */
static struct known *known_free(struct known *known)
{
    if (known != NULL) {
        arena_done(&known->arena);
        free(known);
    }
    return NULL;
}

struct copies *copies_free(struct copies *copies)
{
    size_t cursor = 0;
    struct str key;
    void *known;

    if (copies == NULL) {
        return NULL;
    }
    while (map_next(copies->known, &cursor, &key, &known)) {
        known_free(known);
    }
    map_free(copies->known);
    free(copies->dir);
    free(copies);
    return NULL;
}

int copies_open(struct copies *copies, struct err_text *reterr_why)
{
    return file_mkdirs(copies->dir, 0700, reterr_why);
}

const char *copies_dir(const struct copies *copies)
{
    return copies->dir;
}

/* "<dir>/<hash>.<ending>" on the heap. */
static char *path_of(const struct copies *copies, const struct hash *hash, const char *ending)
{
    char text[HASH_TEXT_SIZE];

    hash_format(hash, text);
    return xasprintf("%s/%s.%s", copies->dir, text, ending);
}

char *copies_path(const struct copies *copies, const struct hash *hash)
{
    return path_of(copies, hash, "so");
}

bool copies_has(const struct copies *copies, const struct hash *hash, uint64_t size)
{
    CLEANUP_FREE char *path = copies_path(copies, hash);
    struct stat info;

    return lstat(path, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == size;
}

int copies_put(struct copies *copies, const struct hash *hash, const void *bytes, size_t len,
               struct err_text *reterr_why)
{
    CLEANUP_FREE char *path = copies_path(copies, hash);

    if (copies_has(copies, hash, len)) {
        return 0;
    }
    return file_write(path, bytes, len, 0500, reterr_why);
}

int copies_verify(const struct copies *copies, const struct hash *hash, struct err_text *reterr_why)
{
    CLEANUP_FREE char *path = copies_path(copies, hash);
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct hash found;
    uint64_t size;
    int err;

    if (fd < 0 && errno == ENOENT) {
        return err_set(reterr_why, ERR_NOT_FOUND, "The plugin copy %s is gone.", path);
    }
    if (fd < 0) {
        return err_set(reterr_why, ERR_IO, "Cannot open the plugin copy %s: %s.", path,
                       err_sentence(-errno));
    }
    err = hash_file(fd, &found, &size, reterr_why);
    if (err < 0) {
        return err;
    }
    if (memcmp(found.bytes, hash->bytes, HASH_SIZE) != 0) {
        return err_set(reterr_why, ERR_CORRUPT,
                       "The plugin copy %s does not have the content that its name promises; "
                       "remove it, and it is made anew from the plugin's file.",
                       path);
    }
    return 0;
}

/* The hash as a key. */
static struct str key_of(const struct hash *hash)
{
    return (struct str){(const char *)hash->bytes, HASH_SIZE};
}

/* Decodes a descriptor and keeps the plugin. */
static int adopt_descriptor(struct copies *copies, const struct hash *hash, const char *source_path,
                            const struct buf *msgpack, const struct plug_plugin **ret_plugin,
                            struct err_text *reterr_why)
{
    struct known *known = xcalloc(1, sizeof *known);
    struct plug_plugin *plugin = &known->plugin;
    CLEANUP_FREE char *copy_path = copies_path(copies, hash);
    int err;

    arena_init(&known->arena, DESCRIPTOR_MEMORY_MAX);
    err = descriptor_decode(msgpack->data, msgpack->len, &known->arena, plugin, reterr_why);
    if (err < 0) {
        known_free(known);
        return err;
    }
    plugin->hash = *hash;
    plugin->copy_path = arena_strdup(&known->arena, copy_path);
    plugin->source_path =
        arena_strdup(&known->arena, source_path == NULL ? copy_path : source_path);
    if (arena_err(&known->arena) < 0) {
        err = err_set(reterr_why, arena_err(&known->arena), "The plugin %s takes too much memory.",
                      plugin->name);
        known_free(known);
        return err;
    }
    (void)map_put(copies->known, key_of(hash), known);
    *ret_plugin = plugin;
    return 0;
}

int copies_plugin(struct copies *copies, const struct hash *hash, const char *source_path,
                  const struct plug_plugin **ret_plugin, struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf msgpack = BUF_INIT(DESCRIPTOR_BYTES_MAX);
    CLEANUP_FREE char *path = path_of(copies, hash, "desc");
    const struct known *known = map_get(copies->known, key_of(hash));

    if (known != NULL) {
        *ret_plugin = &known->plugin;
        return 0;
    }
    if (file_read(path, &msgpack, NULL) < 0 ||
        adopt_descriptor(copies, hash, source_path, &msgpack, ret_plugin, NULL) < 0) {
        return err_set(reterr_why, ERR_NOT_FOUND, "No usable descriptor is stored in %s.", path);
    }
    return 0;
}

/* True and the sentence when this content was refused between the two times. */
static bool recently_refused(const char *path, int64_t from_us, int64_t to_us,
                             struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf text = BUF_INIT(ERR_TEXT_SIZE);
    struct stat info;
    int64_t written_us;

    if (lstat(path, &info) < 0) {
        return false;
    }
    written_us = (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000;
    if (written_us < from_us || written_us > to_us || file_read(path, &text, NULL) < 0 ||
        !str_utf8_ok(buf_str(&text))) {
        return false;
    }
    (void)err_set(reterr_why, ERR_PLUGIN_REFUSED, "%s", buf_cstr(&text));
    return true;
}

/* Asks <describe> and keeps what it says. */
static int find_out(struct copies *copies, const struct hash *hash, const char *source_path,
                    int (*describe)(void *user, const char *copy_path, struct buf *ret_msgpack,
                                    struct err_text *reterr_why),
                    void *user, const struct plug_plugin **ret_plugin, struct err_text *reterr_why)
{
    CLEANUP_BUF struct buf msgpack = BUF_INIT(DESCRIPTOR_BYTES_MAX);
    CLEANUP_FREE char *copy_path = copies_path(copies, hash);
    CLEANUP_FREE char *desc_path = path_of(copies, hash, "desc");
    CLEANUP_FREE char *refused_path = path_of(copies, hash, "refused");
    const struct plug_plugin *plugin = NULL;
    struct err_text why = {"the process that should describe it gave no reason"};
    int err = describe(user, copy_path, &msgpack, &why);

    if (err == 0) {
        err = adopt_descriptor(copies, hash, source_path, &msgpack, &plugin, &why);
    }
    if (err == ERR_PLUGIN_REFUSED || err == ERR_PLUGIN_ABI || err == ERR_TIMEOUT) {
        /* The note saves time only; without it the next process asks again. */
        (void)file_write(refused_path, why.text, strlen(why.text), 0600, NULL);
    }
    if (err < 0) {
        return err_set(reterr_why, err, "%s", why.text);
    }
    err = file_write(desc_path, msgpack.data, msgpack.len, 0600, reterr_why);
    if (err < 0) {
        return err;
    }
    (void)unlink(refused_path);
    *ret_plugin = plugin;
    return 0;
}

int copies_describe(struct copies *copies, const struct hash *hash, const char *source_path,
                    int (*describe)(void *user, const char *copy_path, struct buf *ret_msgpack,
                                    struct err_text *reterr_why),
                    void *user, int64_t from_us, int64_t to_us,
                    const struct plug_plugin **ret_plugin, struct err_text *reterr_why)
{
    CLEANUP_FREE char *refused_path = path_of(copies, hash, "refused");

    if (copies_plugin(copies, hash, source_path, ret_plugin, NULL) == 0) {
        return 0;
    }
    if (recently_refused(refused_path, from_us, to_us, reterr_why)) {
        return ERR_PLUGIN_REFUSED;
    }
    if (describe == NULL) {
        return err_set(reterr_why, ERR_UNAVAILABLE,
                       "has not been described yet, and this command starts no processes");
    }
    return find_out(copies, hash, source_path, describe, user, ret_plugin, reterr_why);
}
