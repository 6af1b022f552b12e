/*
 * The hash map, checked against a plain array over long random histories.
 */
#include "base/map.h"

#include <signal.h>
#include <stdio.h>

#include <criterion/criterion.h>

#include "base/rng.h"

static int one;
static int two;

Test(map, finds_what_was_put)
{
    struct map *map = map_new();
    cr_assert_null(map_put(map, STR("a"), &one));
    cr_assert_eq(map_get(map, STR("a")), &one);
    cr_assert_null(map_get(map, STR("b")));
    cr_assert_eq(map_count(map), 1);
    map_free(map);
}

Test(map, put_replaces_and_returns_the_previous_value)
{
    struct map *map = map_new();
    map_put(map, STR("a"), &one);
    cr_assert_eq(map_put(map, STR("a"), &two), &one);
    cr_assert_eq(map_get(map, STR("a")), &two);
    cr_assert_eq(map_count(map), 1);
    map_free(map);
}

Test(map, remove_returns_the_value_once)
{
    struct map *map = map_new();
    map_put(map, STR("a"), &one);
    cr_assert_eq(map_remove(map, STR("a")), &one);
    cr_assert_null(map_remove(map, STR("a")));
    cr_assert_null(map_get(map, STR("a")));
    cr_assert_eq(map_count(map), 0);
    map_free(map);
}

Test(map, the_empty_key_is_a_key)
{
    struct map *map = map_new();
    map_put(map, STR(""), &one);
    cr_assert_eq(map_get(map, STR_NONE), &one);
    map_free(map);
}

Test(map, keys_are_copied)
{
    char key[] = "a key that is longer than what fits into an entry";
    struct map *map = map_new();
    map_put(map, str_of(key), &one);
    key[0] = 'X';
    cr_assert_eq(map_get(map, STR("a key that is longer than what fits into an entry")), &one);
    cr_assert_null(map_get(map, str_of(key)));
    map_free(map);
}

Test(map, keys_around_the_inline_length_stay_apart)
{
    struct map *map = map_new();
    map_put(map, STR("1234567890123456"), &one);
    map_put(map, STR("12345678901234567"), &two);
    cr_assert_eq(map_get(map, STR("1234567890123456")), &one);
    cr_assert_eq(map_get(map, STR("12345678901234567")), &two);
    map_free(map);
}

Test(map, numbers_are_keys)
{
    struct map *map = map_new();
    uint64_t small = 7;
    uint64_t large = UINT64_C(7) << 40;
    map_put(map, MAP_KEY(small), &one);
    cr_assert_null(map_get(map, MAP_KEY(large)));
    cr_assert_eq(map_get(map, MAP_KEY(small)), &one);
    map_free(map);
}

Test(map, put_of_null_aborts, .signal = SIGABRT)
{
    struct map *map = map_new();
    map_put(map, STR("a"), NULL);
}

Test(map, free_accepts_null_and_returns_null)
{
    cr_assert_null(map_free(NULL));
    cr_assert_null(map_free(map_new()));
}

Test(map, a_walk_depends_on_the_calls_only)
{
    struct map *maps[2] = {map_new(), map_new()};
    for (unsigned which = 0; which < 2; which++) {
        for (uint32_t number = 0; number < 1000; number++) {
            map_put(maps[which], MAP_KEY(number), &one);
        }
        for (uint32_t number = 0; number < 1000; number += 3) {
            map_remove(maps[which], MAP_KEY(number));
        }
    }
    size_t cursors[2] = {0, 0};
    struct str keys[2];
    void *value = NULL;
    size_t seen = 0;
    while (map_next(maps[0], &cursors[0], &keys[0], &value)) {
        cr_assert(map_next(maps[1], &cursors[1], &keys[1], &value));
        cr_assert(str_eq(keys[0], keys[1]));
        seen++;
    }
    cr_assert_eq(seen, map_count(maps[0]));
    cr_assert_not(map_next(maps[1], &cursors[1], &keys[1], &value));
    map_free(maps[0]);
    map_free(maps[1]);
}

enum { MODEL_KEYS = 500, MODEL_STEPS = 200000 };

/* One random step on both; the model is the expected value of each key. */
static void step(struct map *map, struct rng *rng, void *model[MODEL_KEYS], size_t *count)
{
    static int values[MODEL_KEYS];
    size_t pick = (size_t)rng_below(rng, MODEL_KEYS);
    char text[64];
    /* Short and long keys by turns. */
    snprintf(text, sizeof text, "%s%zu", pick % 2 == 0 ? "" : "a rather long key, number ", pick);
    struct str key = str_of(text);
    void *before = model[pick];
    switch (rng_below(rng, 3)) {
    case 0:
        model[pick] = &values[rng_below(rng, MODEL_KEYS)];
        cr_assert_eq(map_put(map, key, model[pick]), before);
        *count += !before;
        break;
    case 1:
        model[pick] = NULL;
        cr_assert_eq(map_remove(map, key), before);
        *count -= before != NULL;
        break;
    default:
        cr_assert_eq(map_get(map, key), before);
        break;
    }
    cr_assert_eq(map_count(map), *count);
}

Test(map, agrees_with_a_plain_array_over_a_long_history)
{
    struct map *map = map_new();
    struct rng rng;
    rng_seed(&rng, 20260101);
    void *model[MODEL_KEYS] = {NULL};
    size_t count = 0;
    for (unsigned index = 0; index < MODEL_STEPS; index++) {
        step(map, &rng, model, &count);
    }
    map_free(map);
}
