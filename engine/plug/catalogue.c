/*
 * The catalogue of plugins: scanning, and looking things up in what a scan found. See catalogue.h.
 *
 *   scanning thread                                   any thread
 *   ---------------                                   ----------
 *   directories -> slots (one per path, probed when   newest view (atomic pointer), whose
 *   its stamp changes) -> candidate view -> resolve   files, parts and plugins never change
 *   -> differs? -> becomes the newest view            and are freed with the catalogue
 */
#include "plug/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "plug/copies.h"
#include "plug/index.h"
#include "plug/probe.h"
#include "plug/resolve.h"

enum { VIEW_MEMORY_MAX = 64 * 1024 * 1024 };

/* One path that scans see, between scans. */
struct slot {
    struct probe_result result;
    int64_t probed_us;
    bool settled;                     /* the stamp can be believed */
    uint64_t scan;                    /* the last scan that saw the path */
    const struct plug_plugin *served; /* the last content that was fit to be served */
};

/* A view with its memory. */
struct box {
    struct catalogue_view view;
    struct arena arena;
    struct box *older;
};

struct catalogue {
    char *home_dir;
    char *bundled_dir;
    char *index_path;
    struct copies *copies;
    struct index *index;
    struct map *slots; /* path -> struct slot */
    int (*describe)(void *user, const char *copy_path, struct buf *ret_msgpack,
                    struct err_text *reterr_why);
    void *user;
    uint64_t scans;
    _Atomic(struct box *) newest;
};

/* The `*.so` names of one directory. */
struct names {
    char *items[CATALOGUE_FILES_MAX];
    size_t count;
    bool too_many;
};

static int scan_dir(struct catalogue *catalogue, const char *dir, bool bundled,
                    struct resolve *resolve, struct err_text *reterr_why);
static int scan_file(struct catalogue *catalogue, const char *path, bool bundled,
                     struct resolve *resolve, struct err_text *reterr_why);
static void forget_missing(struct catalogue *catalogue);
static bool publish(struct catalogue *catalogue, struct box *box, const struct resolve *resolve);

struct catalogue *catalogue_new(const char *home, const char *bundled_dir,
                                int (*describe)(void *user, const char *copy_path,
                                                struct buf *ret_msgpack,
                                                struct err_text *reterr_why),
                                void *user)
{
    struct catalogue *catalogue = xcalloc(1, sizeof *catalogue);
    struct box *empty = xcalloc(1, sizeof *empty);

    catalogue->home_dir = file_join(home, "plugins");
    catalogue->bundled_dir = bundled_dir == NULL ? NULL : xstrdup(bundled_dir);
    catalogue->copies = copies_new(home);
    catalogue->index_path = file_join(copies_dir(catalogue->copies), "index");
    catalogue->index = index_new();
    catalogue->slots = map_new();
    catalogue->describe = describe;
    catalogue->user = user;
    arena_init(&empty->arena, VIEW_MEMORY_MAX);
    atomic_init(&catalogue->newest, empty);
    return catalogue;
}

struct catalogue *catalogue_free(struct catalogue *catalogue)
{
    if (catalogue == NULL) {
        return NULL;
    }
    struct box *box = atomic_load(&catalogue->newest);
    while (box != NULL) {
        struct box *older = box->older;
        arena_done(&box->arena);
        free(box);
        box = older;
    }
    size_t cursor = 0;
    struct str path;
    void *slot = NULL;
    while (map_next(catalogue->slots, &cursor, &path, &slot)) {
        free(slot);
    }
    map_free(catalogue->slots);
    index_free(catalogue->index);
    copies_free(catalogue->copies);
    free(catalogue->index_path);
    free(catalogue->bundled_dir);
    free(catalogue->home_dir);
    free(catalogue);
    return NULL;
}

/* ---- scanning ---- */

int catalogue_scan(struct catalogue *catalogue, struct err_text *reterr_why)
{
    int err = copies_open(catalogue->copies, reterr_why);
    if (err < 0) {
        return err;
    }
    if (catalogue->scans == 0) {
        index_load(catalogue->index, catalogue->index_path);
    }
    catalogue->scans++;
    struct box *box = xcalloc(1, sizeof *box);
    struct resolve resolve = {.arena = &box->arena};
    arena_init(&box->arena, VIEW_MEMORY_MAX);
    err = scan_dir(catalogue, catalogue->home_dir, false, &resolve, reterr_why);
    if (err == 0 && catalogue->bundled_dir != NULL) {
        err = scan_dir(catalogue, catalogue->bundled_dir, true, &resolve, reterr_why);
    }
    if (err == 0) {
        err = resolve_run(&resolve, reterr_why);
    }
    if (err < 0 || !publish(catalogue, box, &resolve)) {
        arena_done(&box->arena);
        free(box);
    }
    if (err == 0) {
        forget_missing(catalogue);
        /* The index saves time and nothing else: without it the next process reads the files. */
        (void)index_save(catalogue->index, catalogue->index_path, NULL);
    }
    return err;
}

/* Frees the names. */
static void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i]);
    }
}

/* Orders names. */
static int names_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lists the plugin files of <dir>, in order. 0 or a negated errno. */
static int names_read(const char *dir, struct names *names)
{
    DIR *stream = opendir(dir);
    if (stream == NULL) {
        return -errno;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            break;
        }
        size_t len = strlen(entry->d_name);
        if (len <= 3 || entry->d_name[0] == '.' || strcmp(entry->d_name + len - 3, ".so") != 0) {
            continue;
        }
        if (names->count == CATALOGUE_FILES_MAX) {
            names->too_many = true;
            break;
        }
        names->items[names->count] = xstrdup(entry->d_name);
        names->count++;
    }
    int err = -errno;
    (void)closedir(stream);
    qsort(names->items, names->count, sizeof names->items[0], names_compare);
    return names->too_many ? 0 : err;
}

/* Takes one directory into the candidate. An unfit directory stands there in place of its files. */
static int scan_dir(struct catalogue *catalogue, const char *dir, bool bundled,
                    struct resolve *resolve, struct err_text *reterr_why)
{
    struct err_text why = {""};
    int err = probe_dir(dir, &why);
    if (err == ERR_NOT_FOUND) {
        return 0;
    }
    if (err < 0) {
        return resolve_refused(resolve, dir, bundled, why.text, reterr_why);
    }
    struct names *names = xcalloc(1, sizeof *names);
    err = names_read(dir, names);
    if (err < 0) {
        err = resolve_refused(resolve, dir, bundled, err_sentence(err), reterr_why);
    } else if (names->too_many) {
        (void)err_set(&why, ERR_LIMIT, "holds more than %d plugin files, and none of them is used",
                      CATALOGUE_FILES_MAX);
        err = resolve_refused(resolve, dir, bundled, why.text, reterr_why);
    } else {
        for (size_t i = 0; err == 0 && i < names->count; i++) {
            CLEANUP_FREE char *path = file_join(dir, names->items[i]);
            err = scan_file(catalogue, path, bundled, resolve, reterr_why);
        }
    }
    names_done(names);
    free(names);
    return err;
}

/* True when what the slot says still holds without another look into the file. */
static bool slot_fresh(const struct slot *slot, const char *path, int64_t wall_us)
{
    struct stat info;
    if (slot->probed_us == 0 || !slot->settled || slot->result.status == PROBE_PENDING ||
        lstat(path, &info) < 0) {
        return false;
    }
    struct index_stamp stamp = index_stamp_of(&info);
    if (!index_stamp_same(&stamp, &slot->result.stamp)) {
        return false;
    }
    int64_t age_us = wall_us - slot->probed_us;
    return slot->result.status == PROBE_OK ||
           (age_us >= 0 && age_us < (int64_t)CATALOGUE_RETRY_MS * 1000);
}

/* Brings the slot of <path> up to date. */
static int refresh(struct catalogue *catalogue, struct slot *slot, const char *path,
                   struct err_text *reterr_why)
{
    int64_t wall_us = clock_wall_us(&clock_real);
    if (slot_fresh(slot, path, wall_us)) {
        return 0;
    }
    const struct probe probe = {
        .copies = catalogue->copies,
        .index = catalogue->index,
        .describe = catalogue->describe,
        .user = catalogue->user,
        .wall_us = wall_us,
        .settle_ms = CATALOGUE_SETTLE_MS,
        .refused_ms = CATALOGUE_REFUSED_MS,
    };
    int err = probe_file(&probe, path, &slot->result, reterr_why);
    if (err < 0) {
        return err;
    }
    slot->probed_us = wall_us;
    slot->settled = index_stamp_settled(&slot->result.stamp, wall_us, CATALOGUE_SETTLE_MS);
    if (slot->result.status != PROBE_PENDING) {
        slot->served = slot->result.plugin;
    }
    return 0;
}

/* Takes one file into the candidate. */
static int scan_file(struct catalogue *catalogue, const char *path, bool bundled,
                     struct resolve *resolve, struct err_text *reterr_why)
{
    if (!str_utf8_ok(str_of(path))) {
        return resolve_refused(resolve, bundled ? catalogue->bundled_dir : catalogue->home_dir,
                               bundled, "holds a file whose name is not UTF-8", reterr_why);
    }
    struct slot *slot = map_get(catalogue->slots, str_of(path));
    if (slot == NULL) {
        slot = xcalloc(1, sizeof *slot);
        (void)map_put(catalogue->slots, str_of(path), slot);
    }
    slot->scan = catalogue->scans;
    int err = refresh(catalogue, slot, path, reterr_why);
    if (err < 0) {
        return err;
    }
    const struct probe_result *result = &slot->result;
    static const enum catalogue_status statuses[] = {
        [PROBE_OK] = CATALOGUE_OK,
        [PROBE_PENDING] = CATALOGUE_PENDING,
        [PROBE_REFUSED] = CATALOGUE_REFUSED,
    };
    struct catalogue_file file = {
        .path = path,
        .bundled = bundled,
        .status = statuses[result->status],
        .name = result->name,
        .version = result->version,
        .reason = result->reason.text,
        .warning = result->warning.text,
        .plugin = result->plugin,
    };
    if (result->status == PROBE_PENDING && slot->served != NULL) {
        /* Somebody is copying a new version over the old one: runs go on with the old content. */
        file.status = CATALOGUE_OK;
        file.name = slot->served->name;
        file.version = slot->served->version;
        file.reason = "";
        file.warning = "is being replaced; until it is complete, its previous content is used";
        file.plugin = slot->served;
    }
    return resolve_add(resolve, &file, reterr_why);
}

/* True when the last scan saw <path>. */
static bool was_seen(void *user, const char *path)
{
    const struct catalogue *catalogue = user;
    const struct slot *slot = map_get(catalogue->slots, str_of(path));

    return slot != NULL && slot->scan == catalogue->scans;
}

/* Drops slots and index entries of files that are gone. */
static void forget_missing(struct catalogue *catalogue)
{
    index_sweep(catalogue->index, was_seen, catalogue);
    struct map *kept = map_new();
    size_t cursor = 0;
    struct str path;
    void *item = NULL;
    while (map_next(catalogue->slots, &cursor, &path, &item)) {
        const struct slot *slot = item;
        if (slot->scan == catalogue->scans) {
            (void)map_put(kept, path, item);
        } else {
            free(item);
        }
    }
    map_free(catalogue->slots);
    catalogue->slots = kept;
}

/* True when both views say the same. */
static bool same_view(const struct catalogue_view *a, const struct resolve *b)
{
    if (a->file_count != b->count) {
        return false;
    }
    for (size_t i = 0; i < b->count; i++) {
        const struct catalogue_file *x = &a->files[i];
        const struct catalogue_file *y = &b->files[i];
        if (x->status != y->status || x->bundled != y->bundled || x->plugin != y->plugin ||
            strcmp(x->path, y->path) != 0 || strcmp(x->name, y->name) != 0 ||
            strcmp(x->version, y->version) != 0 || strcmp(x->reason, y->reason) != 0 ||
            strcmp(x->warning, y->warning) != 0) {
            return false;
        }
    }
    return true;
}

/* Makes <box> the newest view, unless it says nothing new: then false, and it is the caller's. */
static bool publish(struct catalogue *catalogue, struct box *box, const struct resolve *resolve)
{
    struct box *newest = atomic_load(&catalogue->newest);
    if (same_view(&newest->view, resolve)) {
        return false;
    }
    box->view = (struct catalogue_view){
        .files = resolve->files,
        .file_count = resolve->count,
        .parts = resolve->parts,
        .part_count = resolve->part_count,
        .generation = newest->view.generation + 1,
    };
    box->older = newest;
    atomic_store(&catalogue->newest, box);
    return true;
}

/* ---- looking things up ---- */

const struct catalogue_view *catalogue_view(const struct catalogue *catalogue)
{
    return &atomic_load(&catalogue->newest)->view;
}

const struct plug_part *catalogue_part(const struct catalogue *catalogue, uint32_t kind,
                                       struct str type)
{
    const struct catalogue_view *view = catalogue_view(catalogue);
    size_t low = 0;
    size_t high = view->part_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = resolve_compare(view->parts[middle], kind, type);
        if (order == 0) {
            return view->parts[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

void catalogue_offer(const struct catalogue *catalogue, uint32_t kind, struct suggest *suggest)
{
    const struct catalogue_view *view = catalogue_view(catalogue);

    for (size_t i = 0; i < view->part_count; i++) {
        if (view->parts[i]->kind == kind) {
            suggest_offer(suggest, str_of(view->parts[i]->type));
        }
    }
}

int catalogue_part_missing(const struct catalogue *catalogue, uint32_t kind, struct str type,
                           struct err_text *reterr_why)
{
    const struct catalogue_view *view = catalogue_view(catalogue);
    const char *word = resolve_kind_word(kind);
    size_t unusable = 0;

    for (size_t i = 0; i < view->file_count; i++) {
        const struct catalogue_file *file = &view->files[i];
        bool out = file->status == CATALOGUE_REFUSED || file->status == CATALOGUE_PENDING;
        unusable += out ? 1 : 0;
        if (out && file->plugin != NULL && descriptor_part(file->plugin, kind, type) != NULL) {
            return err_set(reterr_why, ERR_NOT_FOUND,
                           "The %s \"%.*s\" is in the plugin %s, which can not be used: it %s.",
                           word, STR_ARGS(type), file->path, file->reason);
        }
    }
    struct suggest suggest = {.word = type};
    catalogue_offer(catalogue, kind, &suggest);
    if (suggest.best.len > 0) {
        return err_set(reterr_why, ERR_NOT_FOUND, "There is no %s \"%.*s\"; did you mean \"%.*s\"?",
                       word, STR_ARGS(type), STR_ARGS(suggest.best));
    }
    if (unusable > 0) {
        return err_set(reterr_why, ERR_NOT_FOUND,
                       "There is no %s \"%.*s\"; `leat plugin ls` tells why %zu plugin file(s) can "
                       "not be used.",
                       word, STR_ARGS(type), unusable);
    }
    return err_set(reterr_why, ERR_NOT_FOUND,
                   "There is no %s \"%.*s\"; `leat plugin ls` shows what there is.", word,
                   STR_ARGS(type));
}

const struct plug_plugin *catalogue_plugin(const struct catalogue *catalogue, struct str name)
{
    const struct catalogue_view *view = catalogue_view(catalogue);

    for (size_t i = 0; i < view->file_count; i++) {
        if (view->files[i].status == CATALOGUE_OK && str_is(name, view->files[i].name)) {
            return view->files[i].plugin;
        }
    }
    return NULL;
}

int catalogue_pin(struct catalogue *catalogue, const struct hash *hash,
                  const struct plug_plugin **ret_plugin, struct err_text *reterr_why)
{
    const struct catalogue_view *view = catalogue_view(catalogue);

    for (size_t i = 0; i < view->file_count; i++) {
        const struct plug_plugin *plugin = view->files[i].plugin;
        if (view->files[i].status == CATALOGUE_OK &&
            memcmp(plugin->hash.bytes, hash->bytes, HASH_SIZE) == 0) {
            *ret_plugin = plugin;
            return 0;
        }
    }
    int err = copies_verify(catalogue->copies, hash, reterr_why);
    if (err < 0) {
        return err;
    }
    int64_t wall_us = clock_wall_us(&clock_real);
    return copies_describe(catalogue->copies, hash, NULL, catalogue->describe, catalogue->user,
                           wall_us - (int64_t)CATALOGUE_REFUSED_MS * 1000, wall_us, ret_plugin,
                           reterr_why);
}

const char *catalogue_status_name(enum catalogue_status status)
{
    static const char *const names[] = {
        [CATALOGUE_OK] = "ok",
        [CATALOGUE_REPLACED] = "replaced",
        [CATALOGUE_PENDING] = "pending",
        [CATALOGUE_REFUSED] = "refused",
    };

    return names[status];
}
