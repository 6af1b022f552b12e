/*
 * Collecting results.
 *
 * The values stand one after the other in one buffer; a repeated key cuts the old value out. With
 * at most LEAT_RESULT_KEYS_MAX entries plain loops are fast enough.
 */
#include "work/host_result.h"

#include <stdlib.h>
#include <string.h>

#include <leat/abi.h>

#include "base/mem.h"
#include "store/blob.h"
#include "value/pack.h"
#include "work/blob_view.h"

struct entry {
    char key[LEAT_KEY_MAX + 1];
    size_t offset;
    size_t len;
    size_t given; /* bytes that the plugin handed over, before it became a blob */
};

struct host_result {
    struct blob_dir *blobs;
    struct buf values;
    struct buf packed;
    struct entry *entries; /* LEAT_RESULT_KEYS_MAX of them */
    size_t count;
    bool whole; /* there is one entry, without a key */
};

static int check_key(const struct host_result *result, const char *key,
                     struct err_text *reterr_why);
static int check_value(const void *bytes, size_t len, struct err_text *reterr_why);
static struct entry *take_entry(struct host_result *result, const char *key);
static struct entry *find_entry(const struct host_result *result, const char *key);
static void cut_value(struct host_result *result, const struct entry *entry);
static size_t total_given(const struct host_result *result, const char *but_for);
static int store(struct host_result *result, struct val value, struct buf *out,
                 struct err_text *reterr_why);

struct host_result *host_result_new(struct blob_dir *blobs)
{
    struct host_result *result = xcalloc(1, sizeof(*result));

    result->blobs = blobs;
    result->entries = xcalloc(LEAT_RESULT_KEYS_MAX, sizeof(result->entries[0]));
    buf_init(&result->values, (size_t)LEAT_RESULT_KEYS_MAX * VAL_INLINE_MAX * 2);
    buf_init(&result->packed, (size_t)LEAT_RESULT_KEYS_MAX * (VAL_INLINE_MAX + 256));
    return result;
}

struct host_result *host_result_free(struct host_result *result)
{
    if (!result) {
        return NULL;
    }
    buf_done(&result->values);
    buf_done(&result->packed);
    free(result->entries);
    free(result);
    return NULL;
}

void host_result_begin(struct host_result *result)
{
    buf_clear(&result->values);
    buf_clear(&result->packed);
    result->count = 0;
    result->whole = false;
}

int host_result_put(struct host_result *result, const char *key, const void *bytes, size_t len,
                    struct err_text *reterr_why)
{
    int err = check_key(result, key, reterr_why);
    if (err) {
        return err;
    }
    struct err_text why;
    err = check_value(bytes, len, &why);
    if (err) {
        return err_set(reterr_why, err, "the plugin's result \"%s\" is not usable: %s",
                       key ? key : "(whole)", why.text);
    }
    if (total_given(result, key) + len > 2 * (size_t)LEAT_RESULT_MAX) {
        return err_set(reterr_why, ERR_LIMIT,
                       "the plugin's results pass %u bytes together; hand over files instead",
                       2 * LEAT_RESULT_MAX);
    }

    struct entry *entry = take_entry(result, key);
    entry->offset = result->values.len;
    entry->given = len;
    result->whole = !key;
    struct val value = {bytes, len};
    if (len > VAL_INLINE_MAX) {
        err = store(result, value, &result->values, reterr_why);
    } else {
        pack_val(&result->values, value);
    }
    entry->len = result->values.len - entry->offset;
    if (!err && buf_err(&result->values)) {
        err = err_set(reterr_why, buf_err(&result->values), "no memory for a result");
    }
    return err;
}

/* A usable key that fits what has been handed over so far. */
static int check_key(const struct host_result *result, const char *key, struct err_text *reterr_why)
{
    if (!key) {
        if (result->count > 0 && !result->whole) {
            return err_set(reterr_why, ERR_INVALID,
                           "the plugin handed over a whole result after keyed ones");
        }
        return 0;
    }
    size_t len = strnlen(key, LEAT_KEY_MAX + 1);
    if (len == 0 || len > LEAT_KEY_MAX || !str_utf8_ok((struct str){key, len})) {
        return err_set(reterr_why, ERR_INVALID,
                       "the plugin's result key \"%.32s\" is not UTF-8 text of 1 to %u bytes", key,
                       LEAT_KEY_MAX);
    }
    if (result->whole) {
        return err_set(reterr_why, ERR_INVALID,
                       "the plugin handed over the keyed result \"%s\" after a whole one", key);
    }
    if (result->count == LEAT_RESULT_KEYS_MAX && !find_entry(result, key)) {
        return err_set(reterr_why, ERR_LIMIT, "the plugin handed over more than %u results",
                       LEAT_RESULT_KEYS_MAX);
    }
    return 0;
}

/* Exactly one value within the limits, without references: plugins never see any. */
static int check_value(const void *bytes, size_t len, struct err_text *reterr_why)
{
    struct val_limits limits = val_limits_task;
    struct val value;

    limits.bytes_max = LEAT_RESULT_MAX;
    if (!bytes || len == 0) {
        return err_set(reterr_why, ERR_PARSE, "it has no bytes");
    }
    int err = val_scan(bytes, len, &limits, &value, reterr_why);
    if (err) {
        return err;
    }
    if (value.len != len) {
        return err_set(reterr_why, ERR_PARSE, "%zu bytes follow its end", len - value.len);
    }
    if (blob_view_has_ref(value)) {
        return err_set(reterr_why, ERR_INVALID,
                       "it holds an extension type, which plugins may not make");
    }
    return 0;
}

/* The entry to fill for <key>: a new one, or the old one without its value. */
static struct entry *take_entry(struct host_result *result, const char *key)
{
    struct entry *entry = find_entry(result, key);

    if (entry) {
        cut_value(result, entry);
        return entry;
    }
    entry = &result->entries[result->count++];
    memset(entry, 0, sizeof(*entry));
    if (key) {
        memcpy(entry->key, key, strlen(key) + 1);
    }
    return entry;
}

/* The entry of <key> (NULL: of the whole), or NULL. */
static struct entry *find_entry(const struct host_result *result, const char *key)
{
    for (size_t i = 0; i < result->count; i++) {
        if (strcmp(result->entries[i].key, key ? key : "") == 0) {
            return &result->entries[i];
        }
    }
    return NULL;
}

/* Takes the value of <entry> out of the buffer. */
static void cut_value(struct host_result *result, const struct entry *entry)
{
    size_t offset = entry->offset;
    size_t len = entry->len;
    struct buf *values = &result->values;

    if (buf_err(values)) {
        return;
    }
    memmove(values->data + offset, values->data + offset + len, values->len - offset - len);
    values->len -= len;
    for (size_t i = 0; i < result->count; i++) {
        if (result->entries[i].offset > offset) {
            result->entries[i].offset -= len;
        }
    }
}

/* Bytes handed over so far, the entry of <but_for> not counted. */
static size_t total_given(const struct host_result *result, const char *but_for)
{
    size_t total = 0;

    for (size_t i = 0; i < result->count; i++) {
        if (strcmp(result->entries[i].key, but_for ? but_for : "") != 0) {
            total += result->entries[i].given;
        }
    }
    return total;
}

/* Stores <value> as a blob and appends the reference. */
static int store(struct host_result *result, struct val value, struct buf *out,
                 struct err_text *reterr_why)
{
    struct blob_ref ref;

    if (!result->blobs) {
        return err_set(reterr_why, ERR_LIMIT, "there is no place for values of more than %d bytes",
                       VAL_INLINE_MAX);
    }
    int err = blob_put(result->blobs, value.ptr, value.len, &ref, reterr_why);
    if (err) {
        return err;
    }
    pack_blob(out, &ref);
    return 0;
}

int host_result_finish(struct host_result *result, struct val *ret_value,
                       struct err_text *reterr_why)
{
    struct buf *packed = &result->packed;

    buf_clear(packed);
    if (!result->whole) {
        pack_map(packed, (uint32_t)result->count);
    }
    for (size_t i = 0; i < result->count; i++) {
        const struct entry *entry = &result->entries[i];
        if (!result->whole) {
            pack_cstr(packed, entry->key);
        }
        buf_put(packed, result->values.data + entry->offset, entry->len);
    }
    if (packed->len > VAL_INLINE_MAX) {
        CLEANUP_BUF struct buf ref = BUF_INIT(VAL_INLINE_MAX);
        int err = store(result, (struct val){packed->data, packed->len}, &ref, reterr_why);
        if (err) {
            return err;
        }
        buf_clear(packed);
        buf_put(packed, ref.data, ref.len);
    }
    if (buf_err(packed) || buf_err(&result->values)) {
        return err_set(reterr_why, ERR_MEMORY, "no memory for the results");
    }
    *ret_value = (struct val){packed->data, packed->len};
    return 0;
}
