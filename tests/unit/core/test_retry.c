/*
 * Retry policies: how often, when, how long.
 */
#include "core/retry.h"

#include <criterion/criterion.h>
#include <signal.h>

TestSuite(retry, .timeout = 30);

static struct rng rng;

/* A seeded generator. */
static void setup(void)
{
    rng_seed(&rng, 42);
}

static const int64_t second = 1000000;

Test(retry, there_are_as_many_retries_as_the_policy_says)
{
    struct flow_retry policy = {.retries = 2};
    cr_assert(retry_allowed(&policy, 1, false, STR("x")));
    cr_assert(retry_allowed(&policy, 2, false, STR("x")));
    cr_assert_not(retry_allowed(&policy, 3, false, STR("x")));
}

Test(retry, without_retries_there_are_none)
{
    struct flow_retry policy = {.retries = 0};
    cr_assert_not(retry_allowed(&policy, 1, false, STR("x")));
}

Test(retry, only_codes_that_match_a_pattern_are_tried_again)
{
    struct str codes[] = {STR("http.*"), STR("host.died")};
    struct flow_retry policy = {.retries = 5, .codes = codes, .code_count = 2};
    cr_assert(retry_allowed(&policy, 1, false, STR("http.timeout")));
    cr_assert(retry_allowed(&policy, 1, false, STR("host.died")));
    cr_assert_not(retry_allowed(&policy, 1, false, STR("sql.locked")));
    cr_assert_not(retry_allowed(&policy, 1, false, STR_NONE));
}

Test(retry, what_is_pointless_is_not_tried_again_unless_its_code_is_named)
{
    struct str codes[] = {STR("http.*")};
    struct flow_retry policy = {.retries = 5};
    cr_assert_not(retry_allowed(&policy, 1, true, STR("http.404")));
    policy.codes = codes;
    policy.code_count = 1;
    cr_assert(retry_allowed(&policy, 1, true, STR("http.404")));
}

Test(retry, a_policy_without_delays_tries_at_once, .init = setup)
{
    struct flow_retry policy = {.retries = 5};
    cr_assert_eq(retry_delay_us(&policy, 1, -1, &rng), 0);
}

Test(retry, the_last_delay_of_a_list_repeats, .init = setup)
{
    int64_t delays[] = {second, 5 * second, 30 * second};
    struct flow_retry policy = {.retries = 9, .delays_us = delays, .delay_count = 3};
    cr_assert_eq(retry_delay_us(&policy, 1, -1, &rng), second);
    cr_assert_eq(retry_delay_us(&policy, 2, -1, &rng), 5 * second);
    cr_assert_eq(retry_delay_us(&policy, 3, -1, &rng), 30 * second);
    cr_assert_eq(retry_delay_us(&policy, 900, -1, &rng), 30 * second);
}

Test(retry, exponential_delays_double, .init = setup)
{
    int64_t delays[] = {10 * second};
    struct flow_retry policy = {.delays_us = delays, .delay_count = 1, .exponential = true};
    cr_assert_eq(retry_delay_us(&policy, 1, -1, &rng), 10 * second);
    cr_assert_eq(retry_delay_us(&policy, 2, -1, &rng), 20 * second);
    cr_assert_eq(retry_delay_us(&policy, 3, -1, &rng), 40 * second);
}

Test(retry, exponential_delays_stop_at_their_maximum, .init = setup)
{
    int64_t delays[] = {10 * second};
    struct flow_retry policy = {
        .delays_us = delays, .delay_count = 1, .exponential = true, .delay_max_us = 25 * second};
    cr_assert_eq(retry_delay_us(&policy, 2, -1, &rng), 20 * second);
    cr_assert_eq(retry_delay_us(&policy, 3, -1, &rng), 25 * second);
    cr_assert_eq(retry_delay_us(&policy, 1000, -1, &rng), 25 * second);
}

Test(retry, exponential_delays_without_a_maximum_do_not_overflow, .init = setup)
{
    int64_t delays[] = {10 * second};
    struct flow_retry policy = {.delays_us = delays, .delay_count = 1, .exponential = true};
    cr_assert_eq(retry_delay_us(&policy, 1000, -1, &rng), RETRY_DELAY_US_MAX);
    cr_assert_eq(retry_delay_us(&policy, UINT32_MAX, -1, &rng), RETRY_DELAY_US_MAX);
}

Test(retry, jitter_stays_in_its_bounds_and_keeps_the_average, .init = setup)
{
    static const double factors[] = {0.1, 0.5, 1, 2, 10};
    int64_t delays[] = {100 * second};
    for (size_t f = 0; f < 5; f++) {
        struct flow_retry policy = {.delays_us = delays, .delay_count = 1, .jitter = factors[f]};
        double sum = 0;
        int64_t highest = 0;
        int64_t lowest = RETRY_DELAY_US_MAX;
        enum { SAMPLES = 200000 };
        for (int sample = 0; sample < SAMPLES; sample++) {
            int64_t delay = retry_delay_us(&policy, 1, -1, &rng);
            sum += (double)delay;
            highest = delay > highest ? delay : highest;
            lowest = delay < lowest ? delay : lowest;
        }
        double mean = sum / SAMPLES / 1e8;
        double most = (double)highest / 1e8;
        double least = factors[f] < 1 ? 1 - factors[f] : 0;
        cr_assert(mean > 0.98 && mean < 1.02, "factor %g: mean %g", factors[f], mean);
        cr_assert(most <= 1 + factors[f] && most > 1 + 0.9 * factors[f], "factor %g: up to %g",
                  factors[f], most);
        cr_assert((double)lowest / 1e8 >= least - 1e-6 && (double)lowest / 1e8 < least + 0.1);
    }
}

Test(retry, the_wish_of_a_part_lengthens_the_wait_but_never_shortens_it, .init = setup)
{
    int64_t delays[] = {10 * second};
    struct flow_retry policy = {.delays_us = delays, .delay_count = 1};
    cr_assert_eq(retry_delay_us(&policy, 1, 3000, &rng), 10 * second);
    cr_assert_eq(retry_delay_us(&policy, 1, 0, &rng), 10 * second);
    cr_assert_eq(retry_delay_us(&policy, 1, 60000, &rng), 60 * second);
}

Test(retry, the_wish_of_a_part_ends_at_one_day, .init = setup)
{
    struct flow_retry policy = {.retries = 1};
    cr_assert_eq(retry_delay_us(&policy, 1, 86400 * 1000, &rng), RETRY_WISH_US_MAX);
    cr_assert_eq(retry_delay_us(&policy, 1, 86400 * 1000 + 1, &rng), RETRY_WISH_US_MAX);
    cr_assert_eq(retry_delay_us(&policy, 1, INT64_MAX, &rng), RETRY_WISH_US_MAX);
    cr_assert_eq(retry_delay_us(&policy, 1, INT64_MIN, &rng), 0);
}

Test(retry, the_failure_before_the_first_is_our_mistake, .signal = SIGABRT, .init = setup)
{
    struct flow_retry policy = {.retries = 1};
    retry_delay_us(&policy, 0, -1, &rng);
}
