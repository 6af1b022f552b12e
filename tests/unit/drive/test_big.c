/*
 * Values in rows: inline up to a limit, beyond it as blobs.
 */
#include "drive/big.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "value/pack.h"

static char home[] = "/tmp/leat-big.XXXXXX";
static struct blob_dir *blobs;
static struct buf value;
static struct buf stored;
static struct buf back;

/* A directory of blobs. */
static void enter(void)
{
    cr_assert(mkdtemp(home));
    cr_assert_eq(blob_dir_open(home, &blobs, NULL), 0);
    buf_init(&value, 1024 * 1024);
    buf_init(&stored, 64 * 1024);
    buf_init(&back, 1024 * 1024);
}

/* Its end. */
static void leave(void)
{
    buf_done(&value);
    buf_done(&stored);
    buf_done(&back);
    blob_dir_close(blobs);
    file_remove_tree(home, NULL);
}

TestSuite(big, .init = enter, .fini = leave);

/* Makes `value` a binary of <size> packed bytes, 300 at least. */
static struct val make(size_t size)
{
    size_t head = size > 65535 + 3 ? 5 : 3;
    char *bytes = calloc(1, size);

    buf_clear(&value);
    pack_bin(&value, bytes, size - head);
    free(bytes);
    cr_assert_eq(value.len, size);
    return (struct val){value.data, value.len};
}

/* What was stored. */
static struct val kept(void)
{
    return (struct val){stored.data, stored.len};
}

Test(big, the_largest_inline_value_stays_as_it_is)
{
    struct val given = make(VAL_INLINE_MAX);

    cr_assert_eq(big_put(blobs, given, &stored, NULL), 0);
    cr_assert_eq(stored.len, VAL_INLINE_MAX);
    cr_assert_eq(memcmp(stored.data, given.ptr, given.len), 0);
}

Test(big, one_byte_more_makes_a_blob)
{
    struct val given = make(VAL_INLINE_MAX + 1);

    cr_assert_eq(big_put(blobs, given, &stored, NULL), 0);
    cr_assert_eq(val_type(kept()), VAL_BLOB);
    cr_assert_eq(val_blob(kept()).size, given.len);
}

Test(big, what_was_put_comes_back)
{
    static const size_t sizes[] = {300, VAL_INLINE_MAX, VAL_INLINE_MAX + 1, 512 * 1024};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct val given = make(sizes[i]);

        buf_clear(&stored);
        buf_clear(&back);
        cr_assert_eq(big_put(blobs, given, &stored, NULL), 0);
        cr_assert_eq(big_get(blobs, kept(), &back, NULL), 0);
        cr_assert_eq(back.len, given.len);
        cr_assert_eq(memcmp(back.data, given.ptr, given.len), 0);
    }
}

Test(big, a_blob_that_is_gone_is_an_error_with_a_sentence)
{
    struct err_text why = {""};
    struct blob_ref ref;

    cr_assert_eq(big_put(blobs, make(VAL_INLINE_MAX + 1), &stored, NULL), 0);
    ref = val_blob(kept());
    cr_assert_eq(blob_remove(blobs, &ref.hash), 0);
    cr_assert_lt(big_get(blobs, kept(), &back, &why), 0);
    cr_assert_gt(strlen(why.text), 0);
    cr_assert_eq(back.len, 0);
}

Test(big, a_blob_that_is_no_value_is_corrupt)
{
    static const uint8_t bytes[32] = {0xc1};
    struct err_text why = {""};
    struct blob_ref ref;

    cr_assert_eq(blob_put(blobs, bytes, sizeof(bytes), &ref, NULL), 0);
    pack_blob(&stored, &ref);
    cr_assert_eq(big_get(blobs, kept(), &back, &why), ERR_CORRUPT);
    cr_assert_gt(strlen(why.text), 0);
}

Test(big, a_buffer_that_is_too_small_is_a_limit)
{
    CLEANUP_BUF struct buf small = BUF_INIT(100);

    cr_assert_eq(big_put(blobs, make(300), &small, NULL), ERR_LIMIT);
}
