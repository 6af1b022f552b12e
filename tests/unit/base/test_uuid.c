/*
 * Time-ordered ids.
 */
#include "base/uuid.h"

#include <criterion/criterion.h>

#include "base/err.h"

static const char example[] = "019aa9f1-2b3c-7def-8123-456789abcdef";

Test(uuid, v7_has_version_variant_and_milliseconds)
{
    struct rng rng;
    rng_seed(&rng, 1);
    struct uuid uuid = uuid_v7(INT64_C(0x0123456789AB) * 1000, &rng);
    const uint8_t ms[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xAB};
    cr_assert_arr_eq(uuid.bytes, ms, sizeof ms);
    cr_assert_eq(uuid.bytes[6], 0x70, "the fraction of the millisecond is 0");
    cr_assert_eq(uuid.bytes[7], 0);
    cr_assert_eq(uuid.bytes[8] & 0xC0, 0x80);
}

Test(uuid, v7_sorts_by_time_within_a_millisecond)
{
    struct rng rng;
    rng_seed(&rng, 1);
    struct uuid last = uuid_v7(1700000000000000, &rng);
    for (int64_t us = 1; us < 3000; us++) {
        struct uuid next = uuid_v7(1700000000000000 + us, &rng);
        cr_assert_lt(memcmp(last.bytes, next.bytes, 8), 0);
        last = next;
    }
}

Test(uuid, v7_of_the_same_instant_differ)
{
    struct rng rng;
    rng_seed(&rng, 1);
    struct uuid first = uuid_v7(5, &rng);
    struct uuid second = uuid_v7(5, &rng);
    cr_assert_arr_neq(first.bytes, second.bytes, UUID_SIZE);
}

Test(uuid, v7_of_an_instant_before_1970_counts_as_1970)
{
    struct rng rng;
    rng_seed(&rng, 1);
    struct uuid uuid = uuid_v7(-1, &rng);
    const uint8_t zero[6] = {0};
    cr_assert_arr_eq(uuid.bytes, zero, sizeof zero);
}

Test(uuid, text_comes_back_as_it_was)
{
    struct uuid uuid;
    char text[UUID_TEXT_SIZE];
    cr_assert_eq(uuid_parse(str_of(example), &uuid), 0);
    uuid_format(&uuid, text);
    cr_assert_str_eq(text, example);
}

Test(uuid, parse_accepts_upper_case)
{
    struct uuid lower;
    struct uuid upper;
    cr_assert_eq(uuid_parse(str_of(example), &lower), 0);
    cr_assert_eq(uuid_parse(STR("019AA9F1-2B3C-7DEF-8123-456789ABCDEF"), &upper), 0);
    cr_assert_arr_eq(lower.bytes, upper.bytes, UUID_SIZE);
}

Test(uuid, parse_refuses_other_texts_and_leaves_the_result_alone)
{
    const char *bad[] = {
        "",
        "019aa9f1-2b3c-7def-8123-456789abcde",
        "019aa9f1-2b3c-7def-8123-456789abcdef0",
        "019aa9f12b3c7def8123456789abcdef0000",
        "019aa9f1-2b3c-7def-8123_456789abcdef",
        "019aa9g1-2b3c-7def-8123-456789abcdef",
        "0-9aa9f1-2b3c-7def-8123-456789abcdef",
    };
    struct uuid uuid = {{9}};
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        cr_expect_eq(uuid_parse(str_of(bad[index]), &uuid), ERR_PARSE);
        cr_expect_eq(uuid.bytes[0], 9);
    }
}
