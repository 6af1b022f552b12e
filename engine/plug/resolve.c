/*
 * Settles which of several plugin files are used. See resolve.h.
 *
 *   1  in each directory: same name, or a part in common -> both refused
 *      (the same content twice: the second is replaced by the first)
 *   2  bundled with the name of a usable home plugin -> replaced
 *   3  home with a part of a bundled one that is still in use -> refused; back to 2, because what
 * it replaced is needed again
 */
#include "plug/resolve.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"

static int refuse_same_names(struct resolve *resolve);
static int refuse_same_parts(struct resolve *resolve, bool bundled);
static int replace_bundled(struct resolve *resolve);
static int refuse_intruders(struct resolve *resolve, bool *ret_changed);
static int list_parts(struct resolve *resolve);

int resolve_add(struct resolve *resolve, const struct catalogue_file *file,
                struct err_text *reterr_why)
{
    if (resolve->count == resolve->room) {
        size_t room = resolve->room == 0 ? 16 : resolve->room * 2;
        struct catalogue_file *files = arena_array(resolve->arena, room, sizeof *files);
        if (files == NULL) {
            return err_set(reterr_why, arena_err(resolve->arena), "There are too many plugins.");
        }
        if (resolve->count > 0) {
            memcpy(files, resolve->files, resolve->count * sizeof *files);
        }
        resolve->files = files;
        resolve->room = room;
    }
    struct catalogue_file *copy = &resolve->files[resolve->count];
    *copy = *file;
    copy->path = arena_strdup(resolve->arena, file->path);
    copy->name = arena_strdup(resolve->arena, file->name);
    copy->version = arena_strdup(resolve->arena, file->version);
    copy->reason = arena_strdup(resolve->arena, file->reason);
    copy->warning = arena_strdup(resolve->arena, file->warning);
    if (arena_err(resolve->arena) < 0) {
        return err_set(reterr_why, arena_err(resolve->arena), "There are too many plugins.");
    }
    resolve->count++;
    return 0;
}

int resolve_refused(struct resolve *resolve, const char *path, bool bundled, const char *reason,
                    struct err_text *reterr_why)
{
    const struct catalogue_file file = {
        .path = path,
        .bundled = bundled,
        .status = CATALOGUE_REFUSED,
        .name = "",
        .version = "",
        .reason = reason,
        .warning = "",
    };

    return resolve_add(resolve, &file, reterr_why);
}

int resolve_run(struct resolve *resolve, struct err_text *reterr_why)
{
    bool changed = true;
    resolve->yields = arena_array(resolve->arena, resolve->count + 1, sizeof *resolve->yields);
    int err = resolve->yields == NULL ? arena_err(resolve->arena) : refuse_same_names(resolve);
    if (err == 0) {
        err = refuse_same_parts(resolve, false);
    }
    if (err == 0) {
        err = refuse_same_parts(resolve, true);
    }
    /* Each round but the last refuses a home plugin, so there is an end. */
    while (err == 0 && changed) {
        err = replace_bundled(resolve);
        if (err == 0) {
            err = refuse_intruders(resolve, &changed);
        }
    }
    if (err == 0) {
        err = list_parts(resolve);
    }
    if (err < 0) {
        return err_set(reterr_why, err, "There are too many plugins.");
    }
    return 0;
}

/* Sets status and reason. <reason> comes from the arena. */
static int settle(struct catalogue_file *file, enum catalogue_status status, const char *reason,
                  const struct resolve *resolve)
{
    if (reason == NULL) {
        return arena_err(resolve->arena);
    }
    file->status = status;
    file->reason = reason;
    return 0;
}

/* Rule 1 for names. Everybody is compared with everybody before anybody is refused. */
static int refuse_same_names(struct resolve *resolve)
{
    const char **rivals = arena_array(resolve->arena, resolve->count + 1, sizeof *rivals);
    if (rivals == NULL) {
        return arena_err(resolve->arena);
    }
    int err = 0;
    for (size_t i = 0; err == 0 && i < resolve->count; i++) {
        struct catalogue_file *a = &resolve->files[i];
        for (size_t j = i + 1; a->status == CATALOGUE_OK && err == 0 && j < resolve->count; j++) {
            struct catalogue_file *b = &resolve->files[j];
            if (b->status != CATALOGUE_OK || a->bundled != b->bundled ||
                strcmp(a->name, b->name) != 0) {
                continue;
            }
            if (a->plugin == b->plugin) {
                err = settle(b, CATALOGUE_REPLACED,
                             arena_printf(resolve->arena, "has the same content as %s", a->path),
                             resolve);
                continue;
            }
            rivals[i] = b->path;
            rivals[j] = a->path;
        }
    }
    for (size_t i = 0; err == 0 && i < resolve->count; i++) {
        struct catalogue_file *file = &resolve->files[i];
        if (rivals[i] != NULL && file->status == CATALOGUE_OK) {
            err = settle(file, CATALOGUE_REFUSED,
                         arena_printf(resolve->arena,
                                      "calls itself \"%s\", and so does %s; remove one of them",
                                      file->name, rivals[i]),
                         resolve);
        }
    }
    return err;
}

/* "1 csv.read", the part as a key. */
static struct str part_key(struct resolve *resolve, const struct plug_part *part)
{
    return str_of(arena_printf(resolve->arena, "%u %s", part->kind, part->type));
}

/* Refuses <file> because of a part that <rival> has, too. */
static int refuse_part(struct resolve *resolve, struct catalogue_file *file,
                       const struct plug_part *part, const struct catalogue_file *rival,
                       const char *advice)
{
    return settle(file, CATALOGUE_REFUSED,
                  arena_printf(resolve->arena, "declares the %s \"%s\", and so does %s (%s); %s",
                               resolve_kind_word(part->kind), part->type, rival->path, rival->name,
                               advice),
                  resolve);
}

/* Notes the parts of <file> in <owners>; a part somebody has already is a clash of both. */
static int claim_parts(struct resolve *resolve, struct map *owners, struct catalogue_file *file)
{
    for (uint32_t i = 0; i < file->plugin->part_count; i++) {
        const struct plug_part *part = &file->plugin->parts[i];
        struct str key = part_key(resolve, part);
        if (key.ptr == NULL) {
            return arena_err(resolve->arena);
        }
        struct catalogue_file *owner = map_get(owners, key);
        if (owner == NULL) {
            (void)map_put(owners, key, file);
            continue;
        }
        int err = refuse_part(resolve, file, part, owner, "remove one of them");
        if (err == 0) {
            err = refuse_part(resolve, owner, part, file, "remove one of them");
        }
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* Rule 1 for parts. A file that is refused on the way still holds its claims: a third rival is
 * refused, too, instead of being the only one left by chance. */
static int refuse_same_parts(struct resolve *resolve, bool bundled)
{
    struct map *owners = map_new();
    int err = 0;

    for (size_t i = 0; err == 0 && i < resolve->count; i++) {
        struct catalogue_file *file = &resolve->files[i];
        if (file->status == CATALOGUE_OK && file->bundled == bundled) {
            err = claim_parts(resolve, owners, file);
        }
    }
    map_free(owners);
    return err;
}

/* The usable home plugin called <name>, or NULL. */
static const struct catalogue_file *home_plugin(const struct resolve *resolve, const char *name)
{
    for (size_t i = 0; i < resolve->count; i++) {
        const struct catalogue_file *file = &resolve->files[i];
        if (!file->bundled && file->status == CATALOGUE_OK && strcmp(file->name, name) == 0) {
            return file;
        }
    }
    return NULL;
}

/* Rule 2, from the beginning: what was replaced by a plugin that is refused now comes back. */
static int replace_bundled(struct resolve *resolve)
{
    for (size_t i = 0; i < resolve->count; i++) {
        struct catalogue_file *file = &resolve->files[i];
        if (!file->bundled || (file->status != CATALOGUE_OK && !resolve->yields[i])) {
            continue;
        }
        const struct catalogue_file *home = home_plugin(resolve, file->name);
        int err = settle(file, CATALOGUE_OK, "", resolve);
        if (home != NULL) {
            err = settle(file, CATALOGUE_REPLACED,
                         arena_printf(resolve->arena, "is replaced by %s", home->path), resolve);
        }
        if (err < 0) {
            return err;
        }
        resolve->yields[i] = home != NULL;
    }
    return 0;
}

/* Rule 3. */
static int refuse_intruders(struct resolve *resolve, bool *ret_changed)
{
    struct map *owners = map_new();
    int err = 0;

    *ret_changed = false;
    for (size_t i = 0; err == 0 && i < resolve->count; i++) {
        struct catalogue_file *file = &resolve->files[i];
        if (file->bundled && file->status == CATALOGUE_OK) {
            err = claim_parts(resolve, owners, file);
        }
    }
    for (size_t i = 0; err == 0 && i < resolve->count; i++) {
        struct catalogue_file *file = &resolve->files[i];
        for (uint32_t j = 0; err == 0 && !file->bundled && file->status == CATALOGUE_OK &&
                             j < file->plugin->part_count;
             j++) {
            struct str key = part_key(resolve, &file->plugin->parts[j]);
            const struct catalogue_file *owner = key.ptr == NULL ? NULL : map_get(owners, key);
            if (owner != NULL) {
                err = refuse_part(resolve, file, &file->plugin->parts[j], owner,
                                  "to replace that plugin, call this one the same");
                *ret_changed = true;
            }
        }
    }
    map_free(owners);
    return err == 0 ? arena_err(resolve->arena) : err;
}

/* Orders two parts of the list. */
static int part_order(const void *a, const void *b)
{
    const struct plug_part *right = *(const struct plug_part *const *)b;

    return resolve_compare(*(const struct plug_part *const *)a, right->kind, str_of(right->type));
}

/* Collects and sorts what is offered. */
static int list_parts(struct resolve *resolve)
{
    size_t total = 0;
    for (size_t i = 0; i < resolve->count; i++) {
        if (resolve->files[i].status == CATALOGUE_OK) {
            total += resolve->files[i].plugin->part_count;
        }
    }
    resolve->parts = arena_array(resolve->arena, total + 1, sizeof *resolve->parts);
    if (resolve->parts == NULL) {
        return arena_err(resolve->arena);
    }
    for (size_t i = 0; i < resolve->count; i++) {
        const struct catalogue_file *file = &resolve->files[i];
        for (uint32_t j = 0; file->status == CATALOGUE_OK && j < file->plugin->part_count; j++) {
            resolve->parts[resolve->part_count] = &file->plugin->parts[j];
            resolve->part_count++;
        }
    }
    qsort(resolve->parts, resolve->part_count, sizeof *resolve->parts, part_order);
    return 0;
}

int resolve_compare(const struct plug_part *part, uint32_t kind, struct str type)
{
    if (part->kind != kind) {
        return part->kind < kind ? -1 : 1;
    }
    size_t len = strlen(part->type);
    size_t common = len < type.len ? len : type.len;
    int order = memcmp(part->type, type.ptr, common);
    if (order != 0) {
        return order;
    }
    return len == type.len ? 0 : len < type.len ? -1 : 1;
}

const char *resolve_kind_word(uint32_t kind)
{
    return kind == LEAT_KIND_TASK ? "task" : kind == LEAT_KIND_NOTIFIER ? "notifier" : "part";
}
