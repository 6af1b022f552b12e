/*
 * Friendly names.
 */
#include "core/run_name.h"

#include <criterion/criterion.h>

#include "base/map.h"
#include "base/str.h"

TestSuite(run_name, .timeout = 10);

Test(run_name, every_name_is_a_valid_name_with_one_hyphen)
{
    struct rng rng;
    rng_seed(&rng, 1);
    for (int count = 0; count < 100000; count++) {
        char name[RUN_NAME_SIZE];
        run_name_random(&rng, name);
        cr_assert(str_name_ok(str_of(name), RUN_NAME_SIZE), "%s", name);
        const char *hyphen = strchr(name, '-');
        cr_assert(hyphen && !strchr(hyphen + 1, '-'), "%s", name);
    }
}

Test(run_name, there_are_about_ten_thousand_different_names)
{
    struct rng rng;
    rng_seed(&rng, 1);
    struct map *seen = map_new();
    for (int count = 0; count < 200000; count++) {
        char name[RUN_NAME_SIZE];
        run_name_random(&rng, name);
        map_put(seen, str_of(name), &rng);
    }
    cr_assert_gt(map_count(seen), 10000);
    map_free(seen);
}

Test(run_name, the_same_seed_gives_the_same_name)
{
    struct rng first;
    struct rng second;
    char one[RUN_NAME_SIZE];
    char two[RUN_NAME_SIZE];
    rng_seed(&first, 9);
    rng_seed(&second, 9);
    run_name_random(&first, one);
    run_name_random(&second, two);
    cr_assert_str_eq(one, two);
}
