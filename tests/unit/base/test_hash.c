/*
 * Content hashes and checksums.
 */
#include "base/hash.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

/* BLAKE2b-256 of nothing and of "abc", as other tools compute them. */
static const char empty_text[] = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
static const char abc_text[] = "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";

/* Compares a hash with its text. */
static void expect_hash(struct hash hash, const char *want)
{
    char text[HASH_TEXT_SIZE];
    hash_format(&hash, text);
    cr_expect_str_eq(text, want);
}

Test(hash, bytes_have_their_known_hashes)
{
    expect_hash(hash_bytes("", 0), empty_text);
    expect_hash(hash_bytes(NULL, 0), empty_text);
    expect_hash(hash_bytes("abc", 3), abc_text);
}

Test(hash, pieces_have_the_hash_of_the_whole)
{
    struct hash_state state;
    hash_begin(&state);
    hash_add(&state, "a", 1);
    hash_add(&state, NULL, 0);
    hash_add(&state, "bc", 2);
    expect_hash(hash_end(&state), abc_text);
}

/* An unnamed file with <len> times 'x'. */
static int file_of(size_t len)
{
    char path[] = "/tmp/leat-hash.XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    cr_assert_geq(fd, 0);
    unlink(path);
    char *bytes = calloc(1, len);
    memset(bytes, 'x', len);
    cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
    free(bytes);
    return fd;
}

Test(hash, file_is_hashed_from_its_start_in_pieces)
{
    enum { LEN = 200000 };
    int fd = file_of(LEN);
    struct hash hash;
    uint64_t size = 0;
    cr_assert_eq(hash_file(fd, &hash, &size, NULL), 0);
    cr_assert_eq(size, LEN);
    char *bytes = malloc(LEN);
    memset(bytes, 'x', LEN);
    struct hash want = hash_bytes(bytes, LEN);
    cr_assert_arr_eq(hash.bytes, want.bytes, HASH_SIZE);
    free(bytes);
    close(fd);
}

Test(hash, file_that_cannot_be_read_is_an_error_with_a_sentence)
{
    struct hash hash = {{1}};
    uint64_t size = 5;
    struct err_text why;
    cr_assert_eq(hash_file(-1, &hash, &size, &why), ERR_IO);
    cr_assert_str_eq(why.text, "Cannot read the file to hash it: Bad file descriptor.");
    cr_assert_eq(size, 5);
    cr_assert_eq(hash.bytes[0], 1);
}

Test(hash, text_comes_back_as_it_was)
{
    struct hash hash;
    cr_assert_eq(hash_parse(str_of(abc_text), &hash), 0);
    expect_hash(hash, abc_text);
}

Test(hash, parse_refuses_other_texts)
{
    struct hash hash = {{1}};
    char text[HASH_TEXT_SIZE + 1];
    memcpy(text, abc_text, HASH_TEXT_SIZE);
    cr_expect_eq(hash_parse((struct str){text, 63}, &hash), ERR_PARSE);
    text[64] = '0';
    cr_expect_eq(hash_parse((struct str){text, 65}, &hash), ERR_PARSE);
    text[10] = 'g';
    cr_expect_eq(hash_parse((struct str){text, 64}, &hash), ERR_PARSE);
    cr_expect_eq(hash_parse(STR_NONE, &hash), ERR_PARSE);
    cr_expect_eq(hash.bytes[0], 1);
}

Test(hash, checksum_depends_on_seed_and_bytes)
{
    cr_expect_eq(hash_checksum(0, "", 0), UINT64_C(0x2D06800538D394C2));
    uint64_t sum = hash_checksum(1, "record", 6);
    cr_expect_eq(hash_checksum(1, "record", 6), sum);
    cr_expect_neq(hash_checksum(2, "record", 6), sum);
    cr_expect_neq(hash_checksum(1, "recore", 6), sum);
}
