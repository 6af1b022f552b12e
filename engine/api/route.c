/*
 * See route.h. Paths have few segments and routes are few: they are compared one by one.
 */
#include "api/route.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/must.h"
#include "base/suggest.h"
#include "core/state.h"

/* ---- text ----------------------------------------------------------------------------------- */

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX, and + as a space in queries. ERR_INVALID with a sentence. */
static int decode(struct str text, bool query, struct arena *arena, struct str *ret_text,
                  struct err_text *reterr_why)
{
    char *out = text.len <= 3 * ROUTE_TEXT_MAX ? arena_alloc(arena, text.len + 1) : NULL;
    size_t len = 0;

    if (!out) {
        return err_set(reterr_why, ERR_INVALID,
                       "A part of the path or query is longer than %d bytes.", ROUTE_TEXT_MAX);
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return err_set(reterr_why, ERR_INVALID,
                               "A %% in the path or query is not followed by two hexadecimal "
                               "digits.");
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && query) {
            c = ' ';
        }
        out[len++] = c;
    }
    *ret_text = (struct str){out, len};
    if (len > ROUTE_TEXT_MAX || !str_utf8_ok(*ret_text)) {
        return err_set(reterr_why, ERR_INVALID,
                       "A part of the path or query is not UTF-8 text of at most %d bytes.",
                       ROUTE_TEXT_MAX);
    }
    return 0;
}

/* Cuts the text before <c> off the front of <rest>; the whole rest when there is none. */
static struct str cut(struct str *rest, char c)
{
    const char *at = rest->len ? memchr(rest->ptr, c, rest->len) : NULL;
    struct str front = *rest;

    if (!at) {
        *rest = STR_NONE;
        return front;
    }
    front.len = (size_t)(at - rest->ptr);
    rest->ptr = at + 1;
    rest->len -= front.len + 1;
    return front;
}

/* ---- path ----------------------------------------------------------------------------------- */

/* The decoded segments of a path. */
struct path {
    struct str parts[ROUTE_PARTS_MAX];
    size_t count;
};

/* Splits what follows the prefix; a path with too many parts fits no route. */
static int split_path(struct str text, struct arena *arena, struct path *ret_path,
                      struct err_text *reterr_why)
{
    int err = 0;

    ret_path->count = 0;
    while (err == 0 && text.ptr && ret_path->count < ROUTE_PARTS_MAX) {
        struct str part = cut(&text, '/');

        err = decode(part, false, arena, &ret_path->parts[ret_path->count++], reterr_why);
    }
    return err;
}

/* Compares a pattern with a path and collects the ids. */
static bool pattern_fits(const char *pattern, const struct path *path,
                         struct str ids[ROUTE_IDS_MAX])
{
    struct str rest = str_of(pattern + 1);
    size_t id_count = 0;
    size_t index = 0;

    while (rest.ptr) {
        struct str part = cut(&rest, '/');

        if (index == path->count) {
            return false;
        }
        if (part.ptr[0] == '{') {
            if (path->parts[index].len == 0) {
                return false;
            }
            must(id_count < ROUTE_IDS_MAX);
            ids[id_count++] = path->parts[index];
        } else if (!str_eq(part, path->parts[index])) {
            return false;
        }
        index++;
    }
    return index == path->count;
}

/* Adds a method to the value of Allow. */
static void add_method(char allow[64], const char *method)
{
    size_t len = strlen(allow);

    snprintf(allow + len, 64 - len, "%s%s%s", len ? ", " : "", method,
             strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

/* True when <method> may use a route of method <of>. */
static bool method_fits(const char *method, const char *of)
{
    return strcmp(method, of) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(of, "GET") == 0);
}

/* The route for method and path. */
static int find_route(const char *method, const struct path *path, struct route_target *ret_target,
                      char ret_allow[64], struct err_text *reterr_why)
{
    struct suggest suggest = {.word = path->parts[0]};

    ret_allow[0] = '\0';
    for (size_t i = 0; i < route_count; i++) {
        const struct route *route = &route_table[i];
        struct str first = str_of(route->pattern + 1);

        suggest_offer(&suggest, cut(&first, '/'));
        if (!pattern_fits(route->pattern, path, ret_target->ids)) {
            continue;
        }
        if (method_fits(method, route->method)) {
            ret_target->route = route;
            return 0;
        }
        add_method(ret_allow, route->method);
    }
    if (ret_allow[0]) {
        return err_set(reterr_why, ERR_CONFLICT, "This path does not know the method; it has %s.",
                       ret_allow);
    }
    if (suggest.best.len && !str_eq(suggest.best, path->parts[0])) {
        return err_set(reterr_why, ERR_NOT_FOUND,
                       "There is nothing at this path; did you mean " API_PREFIX "/%.*s?",
                       STR_ARGS(suggest.best));
    }
    return err_set(reterr_why, ERR_NOT_FOUND, "There is nothing at this path.");
}

/* ---- query ---------------------------------------------------------------------------------- */

/* Number of query parameters of a route. */
static size_t query_count(const struct route *route)
{
    size_t count = 0;

    while (route->query && route->query[count].name) {
        count++;
    }
    must(count <= ROUTE_QUERY_MAX);
    return count;
}

/* Says that a query parameter is unknown. */
static int refuse_query(const struct route *route, struct str name, struct err_text *reterr_why)
{
    struct suggest suggest = {.word = name};
    int shown = name.len > 64 ? 64 : (int)name.len;
    size_t count = query_count(route);

    for (size_t i = 0; i < count; i++) {
        suggest_offer(&suggest, str_of(route->query[i].name));
    }
    if (suggest.best.len) {
        return err_set(reterr_why, ERR_INVALID,
                       "There is no query parameter \"%.*s\" here; did you mean \"%.*s\"?", shown,
                       name.ptr, STR_ARGS(suggest.best));
    }
    return err_set(reterr_why, ERR_INVALID, "There is no query parameter \"%.*s\" here.", shown,
                   name.ptr);
}

/* Reads a whole number within its bounds. */
static int read_number(const struct route_query *query, struct str text, int64_t *ret_number,
                       struct err_text *reterr_why)
{
    char *end = NULL;
    long long number = 0;
    bool ok = text.len > 0 && text.len < 20 && (isdigit((unsigned char)text.ptr[0]) != 0);

    if (ok) {
        number = strtoll(text.ptr, &end, 10);
        ok = end == text.ptr + text.len;
    }
    if (!ok || number < query->min || number > query->max) {
        return err_set(reterr_why, ERR_INVALID,
                       "The query parameter \"%s\" must be a whole number from %lld to %lld.",
                       query->name, (long long)query->min, (long long)query->max);
    }
    *ret_number = number;
    return 0;
}

/* Reads a switch: 1, true, 0, false, or nothing at all for true. */
static int read_bool(const struct route_query *query, struct str text, int64_t *ret_number,
                     struct err_text *reterr_why)
{
    bool yes = text.len == 0 || str_is(text, "1") || str_is(text, "true");

    if (!yes && !str_is(text, "0") && !str_is(text, "false")) {
        return err_set(reterr_why, ERR_INVALID,
                       "The query parameter \"%s\" must be 1, true, 0 or false.", query->name);
    }
    *ret_number = yes;
    return 0;
}

/* Checks that a text names a state or a type of states. */
static int check_state(const struct route_query *query, struct str text,
                       struct err_text *reterr_why)
{
    struct suggest suggest = {.word = text};
    int shown = text.len > 64 ? 64 : (int)text.len;

    if (state_parse(text) != STATE_NONE || state_type_parse(text) != STATE_TYPE_NONE) {
        return 0;
    }
    for (int i = 0; i < STATE_COUNT; i++) {
        suggest_offer(&suggest, str_of(state_name((enum state)i)));
    }
    return err_set(reterr_why, ERR_INVALID,
                   "The query parameter \"%s\" must be a state or a type of states, and \"%.*s\" "
                   "is none%s%.*s%s",
                   query->name, shown, text.ptr, suggest.best.len ? "; did you mean \"" : "",
                   (int)suggest.best.len, suggest.best.len ? suggest.best.ptr : "",
                   suggest.best.len ? "\"?" : ".");
}

/* Reads one value. The decoded text is NUL-terminated, as the arena's memory is zeroed. */
static int read_value(const struct route_query *query, struct str text, int64_t *ret_number,
                      struct err_text *reterr_why)
{
    switch (query->type) {
    case ROUTE_TEXT:
        return 0;
    case ROUTE_INT:
        return read_number(query, text, ret_number, reterr_why);
    case ROUTE_BOOL:
        return read_bool(query, text, ret_number, reterr_why);
    case ROUTE_STATE:
        return check_state(query, text, reterr_why);
    }
    unreachable("a query parameter's type");
}

/* Reads one "name=value". */
static int read_pair(struct str pair, struct arena *arena, struct route_target *target,
                     struct err_text *reterr_why)
{
    size_t count = query_count(target->route);
    struct str name = cut(&pair, '=');
    size_t index = 0;
    int err = decode(name, true, arena, &name, reterr_why);

    if (err) {
        return err;
    }
    while (index < count && !str_is(name, target->route->query[index].name)) {
        index++;
    }
    if (index == count) {
        return refuse_query(target->route, name, reterr_why);
    }
    if (target->texts[index].ptr) {
        return err_set(reterr_why, ERR_INVALID, "The query parameter \"%s\" is given twice.",
                       target->route->query[index].name);
    }
    err = decode(pair.ptr ? pair : STR(""), true, arena, &target->texts[index], reterr_why);
    if (err) {
        return err;
    }
    return read_value(&target->route->query[index], target->texts[index], &target->numbers[index],
                      reterr_why);
}

/* Reads the whole query. */
static int read_query(struct str text, struct arena *arena, struct route_target *target,
                      struct err_text *reterr_why)
{
    size_t count = query_count(target->route);
    int err = 0;

    for (size_t i = 0; i < count; i++) {
        target->numbers[i] = target->route->query[i].fallback;
    }
    while (err == 0 && text.ptr) {
        struct str pair = cut(&text, '&');

        if (pair.len) {
            err = read_pair(pair, arena, target, reterr_why);
        }
    }
    return err;
}

int route_find(const char *method, struct str target, struct arena *arena,
               struct route_target *ret_target, char ret_allow[64], struct err_text *reterr_why)
{
    struct str query = target;
    struct str path_text = cut(&query, '?');
    struct route_target found = {0};
    struct path path;
    int err;

    if (!str_starts(path_text, STR(API_PREFIX "/"))) {
        return err_set(reterr_why, ERR_NOT_FOUND,
                       "There is nothing at this path: all paths begin with " API_PREFIX "/.");
    }
    path_text.ptr += sizeof(API_PREFIX);
    path_text.len -= sizeof(API_PREFIX);
    err = split_path(path_text, arena, &path, reterr_why);
    if (err == 0) {
        err = find_route(method, &path, &found, ret_allow, reterr_why);
    }
    if (err == 0) {
        err = read_query(query, arena, &found, reterr_why);
    }
    if (err == 0) {
        *ret_target = found;
    }
    return err;
}
