/*
 * See cache_admin.h. The caller's thread looks for the rows, so that the loop only has to add their
 * removal to its batch.
 */
#include "drive/cache_admin.h"

#include <string.h>

#include "drive/cache.h"
#include "drive/loop.h"
#include "drive/mail.h"
#include "store/store_read.h"

/* Of one batch. An entry that was made more often than the second limit leaves rows behind that
 * lead nowhere, which readers expect anyway. */
enum {
    ENTRIES_MAX = 16384,
    ROWS_MAX = 49152,
    ROWS_BYTES_MAX = ROWS_MAX * (STORE_KEY_MAX + 2),
};

/* Rows to remove, as table (one byte), length of the key (one byte), key. */
struct removal {
    const struct cache_selection *selection;
    struct map *keys; /* entries that go, by key */
    struct buf rows;
    uint32_t row_count;
    uint64_t entries;
    bool more;
};

/* Notes one row. */
static void add_row(struct removal *removal, enum store_table table, struct str key)
{
    buf_put_byte(&removal->rows, (uint8_t)table);
    buf_put_byte(&removal->rows, (uint8_t)key.len);
    buf_put_str(&removal->rows, key);
    removal->row_count++;
}

/* store_visit over the entries. */
static bool visit_entry(void *user, struct str key, struct str val)
{
    struct removal *removal = user;
    struct cache_row row;
    bool wanted;

    if (removal->selection->key) {
        wanted = str_eq(key, MAP_KEY(*removal->selection->key));
        if (!wanted) {
            return false; /* the scan began where the key would be */
        }
    } else {
        wanted =
            cache_row_parse(val, &row) == 0 && str_eq(row.task_type, removal->selection->task_type);
    }
    if (!wanted) {
        return true;
    }
    if (removal->entries == ENTRIES_MAX) {
        removal->more = true;
        return false;
    }
    map_put(removal->keys, key, removal);
    removal->entries++;
    add_row(removal, STORE_CACHE, key);
    return !removal->selection->key;
}

/* store_visit over the rows that lead to entries. */
static bool visit_index(void *user, struct str key, struct str val)
{
    struct removal *removal = user;

    if (map_get(removal->keys, val)) {
        add_row(removal, STORE_CACHE_BY_TASK, key);
    }
    return removal->row_count < ROWS_MAX;
}

/* Collects the rows of one batch: entries, and what leads to them. */
static int collect(struct engine *engine, struct removal *removal)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct str from = removal->selection->key ? MAP_KEY(*removal->selection->key) : STR_NONE;
    int err = store_read_begin(engine->store, &read);

    if (err == 0) {
        err = store_scan(read, STORE_CACHE, from, STR_NONE, false, visit_entry, removal);
    }
    if (err == 0 || err == ERR_CORRUPT) {
        err =
            store_scan(read, STORE_CACHE_BY_TASK, STR_NONE, STR_NONE, false, visit_index, removal);
    }
    return err == ERR_CORRUPT ? 0 : err;
}

/* Removes what is selected, as far as one batch goes. */
static int remove_some(struct engine *engine, struct removal *removal, struct err_text *reterr_why)
{
    struct mail mail = {.type = MAIL_CACHE_REMOVE, .why = reterr_why};
    int err = collect(engine, removal);

    if (err) {
        return err_set(reterr_why, err, "the cache can not be read: %s", err_sentence(err));
    }
    mail.rows = buf_str(&removal->rows);
    err = mail.rows.len > 0 ? mail_send(engine, &mail) : 0;
    return err ? err_set(reterr_why, err, "the entries could not be removed: %s", err_sentence(err))
               : 0;
}

/* Removes everything. */
static int remove_all(struct engine *engine, uint64_t *ret_removed, struct err_text *reterr_why)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    struct mail mail = {.type = MAIL_CACHE_REMOVE, .why = reterr_why};
    uint64_t count = 0;
    int err = store_read_begin(engine->store, &read);

    if (err == 0) {
        err = store_count(read, STORE_CACHE, &count);
    }
    read = store_read_end(read);
    if (err == 0) {
        err = mail_send(engine, &mail); /* no rows: all of them */
    }
    if (err) {
        return err_set(reterr_why, err, "the cache could not be emptied: %s", err_sentence(err));
    }
    *ret_removed = count;
    return 0;
}

int cache_remove(struct engine *engine, const struct cache_selection *selection,
                 uint64_t *ret_removed, struct err_text *reterr_why)
{
    struct removal removal = {.selection = selection};
    uint64_t removed = 0;
    int err = 0;

    if (selection->all) {
        return remove_all(engine, ret_removed, reterr_why);
    }
    buf_init(&removal.rows, ROWS_BYTES_MAX);
    do {
        removal.keys = map_new();
        removal.more = false;
        removal.row_count = 0;
        removal.entries = 0;
        buf_clear(&removal.rows);
        err = remove_some(engine, &removal, reterr_why);
        removed += err ? 0 : removal.entries;
        map_free(removal.keys);
    } while (err == 0 && removal.more);
    buf_done(&removal.rows);
    if (err == 0) {
        *ret_removed = removed;
    }
    return err;
}

void cache_removal(struct engine *engine, struct mail *mail)
{
    const char *end = mail->rows.ptr + mail->rows.len;

    if (mail->rows.len == 0) {
        store_batch_del_prefix(loop_batch(engine), STORE_CACHE, STR_NONE);
        store_batch_del_prefix(loop_batch(engine), STORE_CACHE_BY_TASK, STR_NONE);
    }
    for (const char *at = mail->rows.ptr; mail->rows.len > 0 && at < end;) {
        struct str key = {at + 2, (uint8_t)at[1]};

        loop_room(engine); /* what leads to a removed entry may go later */
        store_batch_del(loop_batch(engine), (enum store_table)at[0], key);
        at = key.ptr + key.len;
    }
    loop_effect(engine, EFFECT_REPLY, 0)->mail = mail;
}
