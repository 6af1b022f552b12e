/*
 * Envelopes: what was sealed comes back, anything else is refused.
 */
#include "store/envelope.h"

#include <string.h>

#include <criterion/criterion.h>

#include "base/err.h"

enum { SEED = 42, TABLE_NUMBER = 3, RECORD_MAX = 64 };

/* Seals <val> at the key "key" into <ret_bytes> and returns the record. */
static struct str seal(const char *val, char ret_bytes[RECORD_MAX])
{
    uint8_t header[ENVELOPE_SIZE];
    size_t len = strlen(val);
    envelope_seal(SEED, TABLE_NUMBER, STR("key"), str_of(val), header);
    memcpy(ret_bytes, header, ENVELOPE_SIZE);
    memcpy(ret_bytes + ENVELOPE_SIZE, val, len);
    return (struct str){ret_bytes, ENVELOPE_SIZE + len};
}

Test(envelope, a_sealed_value_comes_back)
{
    char bytes[RECORD_MAX];
    struct str val = STR_NONE;
    struct str record = seal("the value", bytes);
    cr_assert_eq(envelope_open(SEED, TABLE_NUMBER, STR("key"), record, &val), 0);
    cr_assert(str_is(val, "the value"));
}

Test(envelope, an_empty_value_comes_back_empty)
{
    char bytes[RECORD_MAX];
    struct str val = STR("something else");
    struct str record = seal("", bytes);
    cr_assert_eq(envelope_open(SEED, TABLE_NUMBER, STR("key"), record, &val), 0);
    cr_assert_eq(val.len, 0);
}

Test(envelope, no_single_flipped_bit_goes_unnoticed)
{
    char bytes[RECORD_MAX];
    struct str val = STR_NONE;
    struct str record = seal("some value of a row", bytes);
    for (size_t bit = 0; bit < record.len * 8; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        int err = envelope_open(SEED, TABLE_NUMBER, STR("key"), record, &val);
        cr_assert_eq(err, ERR_CORRUPT, "bit %zu", bit);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
}

Test(envelope, a_record_cut_or_grown_by_a_byte_is_refused)
{
    char bytes[RECORD_MAX] = {0};
    struct str val = STR_NONE;
    struct str record = seal("some value of a row", bytes);
    for (size_t len = 0; len < record.len; len++) {
        struct str cut = {bytes, len};
        cr_assert_eq(envelope_open(SEED, TABLE_NUMBER, STR("key"), cut, &val), ERR_CORRUPT);
    }
    struct str grown = {bytes, record.len + 1};
    cr_assert_eq(envelope_open(SEED, TABLE_NUMBER, STR("key"), grown, &val), ERR_CORRUPT);
}

Test(envelope, a_record_of_another_key_is_refused)
{
    char bytes[RECORD_MAX];
    struct str val = STR_NONE;
    struct str record = seal("value", bytes);
    cr_assert_eq(envelope_open(SEED, TABLE_NUMBER, STR("kez"), record, &val), ERR_CORRUPT);
}

Test(envelope, a_record_of_another_table_is_refused)
{
    char bytes[RECORD_MAX];
    struct str val = STR_NONE;
    struct str record = seal("value", bytes);
    cr_assert_eq(envelope_open(SEED, TABLE_NUMBER + 1, STR("key"), record, &val), ERR_CORRUPT);
}

Test(envelope, a_record_of_another_store_is_refused)
{
    char bytes[RECORD_MAX];
    struct str val = STR_NONE;
    struct str record = seal("value", bytes);
    cr_assert_eq(envelope_open(SEED + 1, TABLE_NUMBER, STR("key"), record, &val), ERR_CORRUPT);
}

Test(envelope, a_refused_record_leaves_the_result_alone)
{
    struct str val = STR("before");
    struct str record = STR("short");
    cr_assert_eq(envelope_open(SEED, TABLE_NUMBER, STR("key"), record, &val), ERR_CORRUPT);
    cr_assert(str_is(val, "before"));
}
