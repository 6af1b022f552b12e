/*
 * Packing: bytes of each kind, repaired text, counts that come later, sticky errors.
 */
#include "value/pack.h"

#include <criterion/criterion.h>

#include "values.h"

static struct err_text why;

/* The buffer's content as JSON. */
static const char *text_of(struct arena *arena, const struct buf *buf)
{
    struct val v;
    int err = val_scan(buf->data, buf->len, &val_limits_task, &v, &why);
    cr_assert_eq(err, 0, "%s", why.text);
    return values_text(arena, v);
}

Test(pack, writes_every_kind)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct buf buf = BUF_INIT(1000);
    struct blob_ref blob = {.size = 513};
    pack_list(&buf, 9);
    pack_nil(&buf);
    pack_bool(&buf, true);
    pack_int(&buf, -5);
    pack_uint(&buf, UINT64_MAX);
    pack_float(&buf, 2);
    pack_cstr(&buf, "ä");
    pack_bin(&buf, "\xff\x00", 2);
    pack_map(&buf, 1);
    pack_str(&buf, STR("k"));
    pack_bool(&buf, false);
    pack_blob(&buf, &blob);
    cr_assert_str_eq(text_of(&arena, &buf),
                     "[null,true,-5,18446744073709551615,2.0,\"ä\",{\"$bin\":\"/wA=\"},"
                     "{\"k\":false},{\"$blob\":"
                     "\"0000000000000000000000000000000000000000000000000000000000000000\","
                     "\"size\":513}]");
    buf_done(&buf);
    arena_done(&arena);
}

Test(pack, counts_may_come_afterwards)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct buf buf = BUF_INIT(1000);
    size_t map = pack_map_open(&buf);
    pack_cstr(&buf, "a");
    size_t list = pack_list_open(&buf);
    pack_int(&buf, 1);
    pack_int(&buf, 2);
    pack_close(&buf, list, 2);
    pack_close(&buf, map, 1);
    cr_assert_str_eq(text_of(&arena, &buf), "{\"a\":[1,2]}");
    buf_done(&buf);
    arena_done(&arena);
}

Test(pack, text_of_unknown_origin_is_repaired)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct buf buf = BUF_INIT(1000);
    pack_text(&buf, STR("a\xff\xc3\xa4\0z\xe2\x82"));
    cr_assert_str_eq(text_of(&arena, &buf), "\"a\uFFFDä\uFFFDz\uFFFD\uFFFD\"");
    buf_done(&buf);
    arena_done(&arena);
}

Test(pack, errors_of_the_buffer_stick)
{
    struct buf buf = BUF_INIT(8);
    size_t list = pack_list_open(&buf);
    pack_cstr(&buf, "0123456789");
    pack_int(&buf, 1);
    pack_close(&buf, list, 2);
    cr_assert_eq(buf_err(&buf), ERR_LIMIT);
    buf_done(&buf);
}
