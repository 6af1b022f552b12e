/*
 * Fuzzes what comes in over HTTP once libmicrohttpd has taken it apart: the target of the request
 * line, and a body of JSON checked against the shape of its route.
 *
 * The first byte chooses the method, the rest up to a line feed is the target, what follows is the
 * body. What is accepted must keep the promises that handlers rely on.
 */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/route.h"
#include "base/must.h"
#include "value/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Texts are UTF-8 within their limit, numbers within theirs, ids are not empty. */
static void check_target(const struct route_target *target)
{
    const struct route_query *query = target->route->query;

    for (size_t i = 0; i < ROUTE_IDS_MAX; i++) {
        must(target->ids[i].len <= ROUTE_TEXT_MAX && str_utf8_ok(target->ids[i]));
    }
    for (size_t i = 0; query && query[i].name; i++) {
        must(target->texts[i].len <= ROUTE_TEXT_MAX);
        if (target->texts[i].ptr) {
            must(str_utf8_ok(target->texts[i]));
            must(target->texts[i].ptr[target->texts[i].len] == '\0');
        }
        if (query[i].type == ROUTE_INT) {
            must(target->numbers[i] >= query[i].min || target->numbers[i] == query[i].fallback);
            must(target->numbers[i] <= query[i].max);
        }
    }
}

/* A body that fits its shape fits it again after it was printed and read. */
static void check_body(const struct shape *shape, struct str body)
{
    static const struct val_limits limits = {
        .bytes_max = API_BODY_MAX, .nodes_max = 1000000, .depth_max = VAL_DEPTH_MAX};
    struct buf value = BUF_INIT(2 * (size_t)API_BODY_MAX);
    struct buf text = BUF_INIT(8 * (size_t)API_BODY_MAX);
    struct buf again = BUF_INIT(2 * (size_t)API_BODY_MAX);
    struct err_text why = {""};

    if (json_parse(body, &limits, 0, &value, &why) == 0) {
        struct val parsed = {value.data, value.len};

        if (shape_check(shape, parsed, &why) == 0) {
            must(json_print(&text, parsed) == 0);
            must(json_parse(buf_str(&text), &limits, 0, &again, &why) == 0);
            must(shape_check(shape, (struct val){again.data, again.len}, &why) == 0);
        } else {
            must(why.text[0] != '\0');
        }
    } else {
        must(why.text[0] != '\0');
    }
    buf_done(&value);
    buf_done(&text);
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const methods[] = {"GET", "POST", "DELETE", "HEAD"};
    struct str rest = {(const char *)bytes + 1, len ? len - 1 : 0};
    struct route_target target;
    struct err_text why = {""};
    struct arena arena;
    const char *end;
    char allow[64];

    if (len < 2) {
        return 0;
    }
    end = memchr(rest.ptr, '\n', rest.len);
    arena_init(&arena, 1024 * 1024);
    if (route_find(methods[bytes[0] % 4],
                   (struct str){rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len}, &arena,
                   &target, allow, &why) == 0) {
        check_target(&target);
        if (target.route->body && end) {
            check_body(target.route->body,
                       (struct str){end + 1, (size_t)(rest.ptr + rest.len - end - 1)});
        }
    } else {
        must(why.text[0] != '\0');
    }
    arena_done(&arena);
    return 0;
}
