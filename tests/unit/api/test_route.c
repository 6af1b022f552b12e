/*
 * Finding routes: paths, methods, queries, and everything that can be wrong with them.
 */
#include "api/route.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"

static struct arena arena;
static struct route_target target;
static struct err_text why;
static char allow[64];

/* An empty arena. */
static void start(void)
{
    arena_init(&arena, 1024 * 1024);
}

/* Frees it. */
static void stop(void)
{
    arena_done(&arena);
}

TestSuite(route, .init = start, .fini = stop);

/* Finds the route for what follows the prefix. */
static int find(const char *method, const char *rest)
{
    char text[8192];
    int len = snprintf(text, sizeof(text), API_PREFIX "%s", rest);

    why.text[0] = '\0';
    return route_find(method, (struct str){text, (size_t)len}, &arena, &target, allow, &why);
}

Test(route, ids_of_a_path_are_decoded)
{
    cr_assert_eq(find("GET", "/flow-runs/a%20b/task-runs/fit%5B3%5D/cache"), 0);
    cr_assert_str_eq(target.route->id, "explain_cache");
    cr_assert(str_is(target.ids[0], "a b"));
    cr_assert(str_is(target.ids[1], "fit[3]"));
}

Test(route, an_escaped_slash_stays_in_its_part)
{
    cr_assert_eq(find("GET", "/flow-runs/a%2Fb"), 0);
    cr_assert(str_is(target.ids[0], "a/b"));
}

Test(route, a_plus_is_a_space_in_queries_only)
{
    cr_assert_eq(find("GET", "/flow-runs?name=a+b"), 0);
    cr_assert(str_is(target.texts[5], "a b"));
    cr_assert_eq(find("GET", "/flow-runs/a+b"), 0);
    cr_assert(str_is(target.ids[0], "a+b"));
}

Test(route, a_path_outside_the_prefix_is_not_found)
{
    cr_assert_eq(route_find("GET", STR("/version"), &arena, &target, allow, &why), ERR_NOT_FOUND);
    cr_assert_eq(route_find("GET", STR(""), &arena, &target, allow, &why), ERR_NOT_FOUND);
    cr_assert_eq(route_find("GET", STR("/api/v1"), &arena, &target, allow, &why), ERR_NOT_FOUND);
    cr_assert_eq(route_find("GET", STR("/api/v11/version"), &arena, &target, allow, &why),
                 ERR_NOT_FOUND);
}

Test(route, an_unknown_path_gets_a_suggestion)
{
    cr_assert_eq(find("GET", "/flow-run"), ERR_NOT_FOUND);
    cr_assert(strstr(why.text, "did you mean /api/v1/flow-runs?"), "%s", why.text);
}

Test(route, odd_paths_are_not_found)
{
    static const char *const paths[] = {
        "/",
        "//",
        "/flow-runs/",
        "/flow-runs//logs",
        "/version/",
        "/flow-runs/a/b/c/d/e/f/g/h/i/j",
        "/flow-runs/x/nothing",
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        cr_expect_eq(find("GET", paths[i]), ERR_NOT_FOUND, "%s", paths[i]);
    }
}

Test(route, a_wrong_method_tells_the_right_ones)
{
    cr_assert_eq(find("PUT", "/flow-runs"), ERR_CONFLICT);
    cr_assert_str_eq(allow, "POST, GET, HEAD");
    cr_assert_eq(find("GET", "/flow-runs/x/cancel"), ERR_CONFLICT);
    cr_assert_str_eq(allow, "POST");
}

Test(route, head_is_served_like_get)
{
    cr_assert_eq(find("HEAD", "/version"), 0);
    cr_assert_str_eq(target.route->id, "version");
}

Test(route, methods_are_told_apart_by_case)
{
    cr_assert_eq(find("get", "/version"), ERR_CONFLICT);
}

Test(route, numbers_get_their_usual_value)
{
    cr_assert_eq(find("GET", "/flow-runs"), 0);
    cr_assert_eq(target.numbers[0], 50);
    cr_assert_null(target.texts[0].ptr);
}

Test(route, numbers_keep_their_limits)
{
    cr_assert_eq(find("GET", "/flow-runs?limit=1000"), 0);
    cr_assert_eq(target.numbers[0], 1000);
    cr_assert_eq(find("GET", "/flow-runs?limit=1001"), ERR_INVALID);
    cr_assert(strstr(why.text, "from 1 to 1000"), "%s", why.text);
    cr_assert_eq(find("GET", "/flow-runs?limit=0"), ERR_INVALID);
}

Test(route, what_is_no_number_is_refused)
{
    static const char *const texts[] = {
        "", "x", "1x", "-1", "+1", "%201", "1.0", "0x10", "99999999999999999999"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char query[128];

        snprintf(query, sizeof(query), "/flow-runs?limit=%s", texts[i]);
        cr_expect_eq(find("GET", query), ERR_INVALID, "%s", query);
    }
}

Test(route, switches_take_four_words_or_none)
{
    cr_assert_eq(find("GET", "/flow-runs?top"), 0);
    cr_assert_eq(target.numbers[6], 1);
    cr_assert_eq(find("GET", "/flow-runs?top=true"), 0);
    cr_assert_eq(target.numbers[6], 1);
    cr_assert_eq(find("GET", "/flow-runs?top=0"), 0);
    cr_assert_eq(target.numbers[6], 0);
    cr_assert_eq(find("GET", "/flow-runs?top=maybe"), ERR_INVALID);
}

Test(route, a_misspelt_state_gets_a_suggestion)
{
    cr_assert_eq(find("GET", "/flow-runs?state=Runing"), ERR_INVALID);
    cr_assert(strstr(why.text, "did you mean \"Running\"?"), "%s", why.text);
}

Test(route, an_unknown_query_parameter_gets_a_suggestion)
{
    cr_assert_eq(find("GET", "/flow-runs?limt=5"), ERR_INVALID);
    cr_assert(strstr(why.text, "did you mean \"limit\"?"), "%s", why.text);
    cr_assert_eq(find("GET", "/version?x=1"), ERR_INVALID);
}

Test(route, a_query_parameter_given_twice_is_refused)
{
    cr_assert_eq(find("GET", "/flow-runs?name=a&name=b"), ERR_INVALID);
    cr_assert(strstr(why.text, "twice"), "%s", why.text);
}

Test(route, empty_pieces_of_a_query_are_nothing)
{
    cr_assert_eq(find("GET", "/flow-runs?&&name=a&"), 0);
    cr_assert(str_is(target.texts[5], "a"));
}

Test(route, broken_encodings_are_refused)
{
    static const char *const texts[] = {"%", "%4", "%zz", "%00", "%ff", "%c3%28", "%ed%a0%80"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char path[128];

        snprintf(path, sizeof(path), "/flow-runs/%s", texts[i]);
        cr_expect_eq(find("GET", path), ERR_INVALID, "%s", path);
        snprintf(path, sizeof(path), "/flow-runs?name=%s", texts[i]);
        cr_expect_eq(find("GET", path), ERR_INVALID, "%s", path);
    }
}

/* A path whose last part has <len> bytes. */
static int find_long(size_t len)
{
    char path[ROUTE_TEXT_MAX + 64] = "/flow-runs/";
    size_t begin = strlen(path);

    memset(path + begin, 'a', len);
    path[begin + len] = '\0';
    return find("GET", path);
}

Test(route, a_part_of_the_path_has_a_limit)
{
    cr_assert_eq(find_long(ROUTE_TEXT_MAX), 0);
    cr_assert_eq(find_long(ROUTE_TEXT_MAX + 1), ERR_INVALID);
}

Test(route, every_route_is_complete)
{
    for (size_t i = 0; i < route_count; i++) {
        const struct route *route = &route_table[i];

        cr_expect(route->handle && route->summary && route->tag, "%s", route->pattern);
        cr_expect(route->answer || route->stream || route->status == 204, "%s", route->pattern);
        for (size_t j = 0; j < i; j++) {
            cr_expect_str_neq(route_table[j].id, route->id);
        }
    }
}
