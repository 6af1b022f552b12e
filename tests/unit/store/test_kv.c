/*
 * Environments: identity, versions, tables that are added later, translated codes.
 */
#include "store/kv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <lmdb.h>

#include <criterion/criterion.h>

#include "store/kv_rows.h"
#include "temp_store.h"

TestSuite(kv, .init = temp_store_enter, .fini = temp_store_leave);

static const char *const names[] = {"meta", "first", "second"};

/* Opens temp_home/env with the first <tables> tables. */
static int open_env(size_t tables, struct kv *ret_kv, struct err_text *ret_why)
{
    struct kv_spec spec = {.parent = temp_home,
                           .name = "env",
                           .tables = names,
                           .table_count = tables,
                           .map_size = 1 << 20};
    return kv_open(&spec, ret_kv, ret_why);
}

/* Writes one row. */
static void put(struct kv *kv, unsigned table, struct str key, struct str val)
{
    struct MDB_txn *txn = NULL;
    cr_assert_eq(kv_begin(kv, &txn), 0);
    cr_assert_eq(kv_put(kv, txn, table, key, val, false), 0);
    cr_assert_eq(kv_commit(txn), 0);
}

/* Checks one row. */
static bool has(struct kv *kv, unsigned table, struct str key, struct str val)
{
    struct MDB_txn *txn = NULL;
    struct str found = STR_NONE;
    cr_assert_eq(kv_read_begin(kv, &txn), 0);
    bool same = kv_get(kv, txn, table, key, &found) == 0 && str_eq(found, val);
    kv_read_end(txn);
    return same;
}

Test(kv, the_identity_stays_the_same)
{
    struct kv kv;
    struct err_text why = {""};
    cr_assert_eq(open_env(2, &kv, &why), 0, "%s", why.text);
    struct kv_identity identity = kv.identity;
    kv_done(&kv);
    cr_assert_eq(open_env(2, &kv, &why), 0, "%s", why.text);
    cr_expect_eq(kv.identity.generation, identity.generation);
    cr_expect_arr_eq(kv.identity.id, identity.id, KV_ID_SIZE);
    cr_expect_eq(kv.identity.major, KV_SCHEMA_MAJOR);
    kv_done(&kv);
}

Test(kv, a_table_added_later_comes_into_being)
{
    struct kv kv;
    struct err_text why = {""};
    cr_assert_eq(open_env(2, &kv, &why), 0, "%s", why.text);
    put(&kv, 1, STR("k"), STR("old"));
    kv_done(&kv);
    cr_assert_eq(open_env(3, &kv, &why), 0, "%s", why.text);
    put(&kv, 2, STR("k"), STR("new"));
    cr_expect(has(&kv, 1, STR("k"), STR("old")));
    cr_expect(has(&kv, 2, STR("k"), STR("new")));
    kv_done(&kv);
}

Test(kv, a_newer_format_is_refused)
{
    struct kv kv;
    struct err_text why = {""};
    cr_assert_eq(open_env(2, &kv, &why), 0, "%s", why.text);
    uint8_t row[32] = {KV_SCHEMA_MAJOR + 1};
    kv.seed = 0;
    put(&kv, KV_META, STR("identity"), (struct str){(const char *)row, sizeof row});
    kv_done(&kv);
    cr_expect_eq(open_env(2, &kv, &why), ERR_STORE_SCHEMA);
    cr_expect_not_null(strstr(why.text, "newer version"), "%s", why.text);
}

Test(kv, an_environment_without_identity_is_refused)
{
    struct kv kv;
    struct err_text why = {""};
    cr_assert_eq(open_env(2, &kv, &why), 0, "%s", why.text);
    struct MDB_txn *txn = NULL;
    cr_assert_eq(kv_begin(&kv, &txn), 0);
    cr_assert_eq(kv_del(&kv, txn, KV_META, STR("identity")), 0);
    cr_assert_eq(kv_commit(txn), 0);
    kv_done(&kv);
    cr_expect_eq(open_env(2, &kv, &why), ERR_CORRUPT);
}

Test(kv, a_new_generation_is_kept)
{
    struct kv kv;
    struct err_text why = {""};
    cr_assert_eq(open_env(2, &kv, &why), 0, "%s", why.text);
    put(&kv, 1, STR("k"), STR("v"));
    uint64_t before = kv.identity.generation;
    cr_assert_eq(kv_set_generation(&kv, &why), 0);
    uint64_t after = kv.identity.generation;
    cr_expect_neq(before, after);
    kv_done(&kv);
    cr_assert_eq(open_env(2, &kv, &why), 0, "%s", why.text);
    cr_expect_eq(kv.identity.generation, after);
    cr_expect(has(&kv, 1, STR("k"), STR("v")));
    kv_done(&kv);
}

Test(kv, a_place_that_can_not_be_written_is_reported)
{
    struct kv kv;
    struct err_text why = {""};
    struct kv_spec spec = {.parent = "/proc/self",
                           .name = "env",
                           .tables = names,
                           .table_count = 1,
                           .map_size = 1 << 20};
    cr_expect_lt(kv_open(&spec, &kv, &why), 0);
    cr_expect_not_null(strstr(why.text, "/proc/self/env"), "%s", why.text);
}

Test(kv, freed_pages_do_not_count_as_used)
{
    static char big[40000];
    struct kv kv;
    struct err_text why = {""};
    cr_assert_eq(open_env(2, &kv, &why), 0, "%s", why.text);
    put(&kv, 1, STR("k"), (struct str){big, sizeof big});
    struct MDB_txn *txn = NULL;
    cr_assert_eq(kv_begin(&kv, &txn), 0);
    cr_assert_eq(kv_del(&kv, txn, 1, STR("k")), 0);
    cr_assert_eq(kv_commit(txn), 0);
    struct kv_space rough;
    struct kv_space exact;
    cr_assert_eq(kv_read_begin(&kv, &txn), 0);
    cr_expect_eq(kv_space(&kv, txn, false, &rough), 0);
    cr_expect_eq(kv_space(&kv, txn, true, &exact), 0);
    kv_read_end(txn);
    cr_expect_leq(exact.used_bytes + sizeof big, rough.used_bytes);
    cr_expect_gt(exact.used_bytes, 0);
    kv_done(&kv);
}

Test(kv, codes_are_translated)
{
    cr_expect_eq(kv_err(0), 0);
    cr_expect_eq(kv_err(MDB_NOTFOUND), ERR_NOT_FOUND);
    cr_expect_eq(kv_err(MDB_KEYEXIST), ERR_EXISTS);
    cr_expect_eq(kv_err(MDB_MAP_FULL), ERR_STORE_FULL);
    cr_expect_eq(kv_err(MDB_TXN_FULL), ERR_STORE_FULL);
    cr_expect_eq(kv_err(ENOSPC), ERR_STORE_FULL);
    cr_expect_eq(kv_err(MDB_BAD_VALSIZE), ERR_LIMIT);
    cr_expect_eq(kv_err(MDB_READERS_FULL), ERR_UNAVAILABLE);
    cr_expect_eq(kv_err(MDB_VERSION_MISMATCH), ERR_STORE_SCHEMA);
    cr_expect_eq(kv_err(MDB_CORRUPTED), ERR_CORRUPT);
    cr_expect_eq(kv_err(EACCES), ERR_STORE_UNSUITABLE);
    cr_expect_eq(kv_err(ENOMEM), ERR_MEMORY);
    cr_expect_eq(kv_err(MDB_PANIC), ERR_IO);
    cr_expect_eq(kv_err(EIO), ERR_IO);
}
