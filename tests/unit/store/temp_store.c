/*
 * See temp_store.h.
 */
#include "temp_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/file.h"
#include "store/store_read.h"

char temp_home[64];

void temp_store_enter(void)
{
    (void)snprintf(temp_home, sizeof temp_home, "/tmp/leat-store.XXXXXX");
    cr_assert_not_null(mkdtemp(temp_home));
    cr_assert_eq(chdir(temp_home), 0);
}

void temp_store_leave(void)
{
    file_remove_tree(temp_home, NULL);
}

struct store *temp_store_open_small(size_t map_size)
{
    struct store_options options = {.map_size = map_size, .log_map_size = (size_t)64 << 20};
    struct store *store = NULL;
    struct err_text why = {""};
    int err = store_open(temp_home, &options, &store, &why);
    cr_assert_eq(err, 0, "%s: %s", err_name(err), why.text);
    return store;
}

struct store *temp_store_open(void)
{
    return temp_store_open_small((size_t)64 << 20);
}

int temp_store_try(struct err_text *ret_why)
{
    struct store_options options = {.map_size = (size_t)64 << 20};
    struct store *store = NULL;
    int err = store_open(temp_home, &options, &store, ret_why);
    store_close(store);
    return err;
}

const char *temp_path(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", temp_home, name);
    return path;
}

bool temp_descriptor_is(int fd, const char *part)
{
    char link[64];
    char path[512] = "";
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, path, sizeof path - 1) > 0 && strstr(path, part) != NULL;
}

/* Notes the outcome. */
static void on_done(void *user, int err)
{
    int *outcome = user;
    *outcome = err;
}

int temp_store_commit(struct store *store, struct store_batch *batch)
{
    int outcome = 1;
    store_submit(store, batch, on_done, &outcome);
    store_drain(store);
    cr_assert_neq(outcome, 1, "done was not called");
    return outcome;
}

int temp_store_put(struct store *store, enum store_table table, const char *key, const char *val)
{
    struct store_batch *batch = store_batch_new(store);
    store_batch_put(batch, table, str_of(key), str_of(val));
    return temp_store_commit(store, batch);
}

bool temp_store_has(struct store *store, enum store_table table, const char *key, const char *val)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    cr_assert_eq(store_read_begin(store, &read), 0);
    struct str found;
    return store_peek(read, table, str_of(key), &found) == 0 && str_is(found, val);
}

uint64_t temp_store_rows(struct store *store, enum store_table table)
{
    CLEANUP_STORE_READ struct store_read *read = NULL;
    cr_assert_eq(store_read_begin(store, &read), 0);
    uint64_t count = 0;
    cr_assert_eq(store_count(read, table, &count), 0);
    return count;
}
