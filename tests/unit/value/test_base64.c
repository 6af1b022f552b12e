/*
 * Base64 against the examples of RFC 4648 and against itself.
 */
#include "value/base64.h"

#include <criterion/criterion.h>

#include "base/err.h"
#include "base/rng.h"

Test(base64, gives_the_examples_of_the_standard)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t index = 0; index < sizeof(pairs) / sizeof(pairs[0]); index++) {
        struct buf buf = BUF_INIT(100);
        cr_assert_eq(base64_put(&buf, str_of(pairs[index][0])), 0);
        cr_assert_str_eq(buf_cstr(&buf), pairs[index][1]);
        buf_done(&buf);
    }
}

Test(base64, decodes_what_it_encodes)
{
    struct rng rng;
    rng_seed(&rng, 21);
    for (int round = 0; round < 1000; round++) {
        char bytes[64];
        size_t len = rng_below(&rng, sizeof(bytes));
        for (size_t index = 0; index < len; index++) {
            bytes[index] = (char)rng_u64(&rng);
        }
        struct buf text = BUF_INIT(100);
        struct buf back = BUF_INIT(100);
        base64_put(&text, (struct str){bytes, len});
        cr_assert_eq(base64_decode(buf_str(&text), &back), 0);
        cr_assert(str_eq(buf_str(&back), (struct str){bytes, len}));
        buf_done(&text);
        buf_done(&back);
    }
}

Test(base64, refuses_what_it_would_not_have_written)
{
    static const char *const wrong[] = {
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zm9-"};
    for (size_t index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        struct buf buf = BUF_INIT(100);
        buf_put_byte(&buf, 'x');
        cr_assert_eq(base64_decode(str_of(wrong[index]), &buf), ERR_PARSE, "%s", wrong[index]);
        cr_assert_eq(buf.len, 1);
        buf_done(&buf);
    }
}
