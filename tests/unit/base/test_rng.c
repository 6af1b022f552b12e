/*
 * The seeded generator: known answers, bounds and evenness.
 */
#include "base/rng.h"

#include <signal.h>

#include <criterion/criterion.h>

Test(rng, follows_the_published_algorithm)
{
    /* State 1, 2, 3, 4: the first outputs worked out by hand from the description. */
    struct rng rng = {{1, 2, 3, 4}};
    cr_expect_eq(rng_u64(&rng), 11520);
    cr_expect_eq(rng_u64(&rng), 0);
    cr_expect_eq(rng_u64(&rng), 1509978240);
}

Test(rng, the_same_seed_gives_the_same_sequence)
{
    struct rng first;
    struct rng second;
    rng_seed(&first, 42);
    rng_seed(&second, 42);
    for (unsigned index = 0; index < 100; index++) {
        cr_assert_eq(rng_u64(&first), rng_u64(&second));
    }
}

Test(rng, neighbouring_seeds_give_different_sequences)
{
    struct rng first;
    struct rng second;
    rng_seed(&first, 0);
    rng_seed(&second, 1);
    cr_assert_neq(rng_u64(&first), rng_u64(&second));
}

Test(rng, system_seeds_differ)
{
    struct rng first;
    struct rng second;
    rng_seed_system(&first);
    rng_seed_system(&second);
    cr_assert_neq(rng_u64(&first), rng_u64(&second));
}

Test(rng, below_stays_below_and_reaches_everything)
{
    struct rng rng;
    rng_seed(&rng, 7);
    unsigned counts[6] = {0};
    for (unsigned index = 0; index < 6000; index++) {
        uint64_t value = rng_below(&rng, 6);
        cr_assert_lt(value, 6);
        counts[value]++;
    }
    for (unsigned index = 0; index < 6; index++) {
        cr_expect_gt(counts[index], 850);
        cr_expect_lt(counts[index], 1150);
    }
}

Test(rng, below_one_is_zero_and_large_bounds_work)
{
    struct rng rng;
    rng_seed(&rng, 7);
    cr_assert_eq(rng_below(&rng, 1), 0);
    for (unsigned index = 0; index < 1000; index++) {
        cr_assert_lt(rng_below(&rng, (UINT64_C(1) << 63) + 1), (UINT64_C(1) << 63) + 1);
    }
}

Test(rng, below_zero_aborts, .signal = SIGABRT)
{
    struct rng rng;
    rng_seed(&rng, 7);
    rng_below(&rng, 0);
}

Test(rng, an_unseeded_generator_aborts, .signal = SIGABRT)
{
    struct rng rng = {{0}};
    rng_u64(&rng);
}

Test(rng, unit_is_at_least_zero_and_less_than_one)
{
    struct rng rng;
    rng_seed(&rng, 7);
    double sum = 0;
    for (unsigned index = 0; index < 10000; index++) {
        double value = rng_unit(&rng);
        cr_assert(value >= 0 && value < 1);
        sum += value;
    }
    cr_assert(sum > 4850 && sum < 5150);
}
