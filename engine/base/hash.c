/*
 * Content hashes through libsodium and checksums through xxHash; see hash.h.
 */
#include "base/hash.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>
#include <xxhash.h>

#include "base/must.h"

enum { CHUNK_SIZE = 64 * 1024 };

_Static_assert(sizeof(crypto_generichash_state) <= sizeof(struct hash_state),
               "struct hash_state must have room for libsodium's state");
_Static_assert(_Alignof(struct hash_state) >= _Alignof(crypto_generichash_state),
               "struct hash_state must be aligned like libsodium's state");

/* Lets libsodium choose the fastest code for this processor. */
static void init_library(void)
{
    int failed = sodium_init();
    must(failed >= 0);
}

/* The library's view of our opaque storage. */
static crypto_generichash_state *state_of(struct hash_state *state)
{
    return (crypto_generichash_state *)(void *)state->opaque;
}

void hash_begin(struct hash_state *state)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
    int failed = crypto_generichash_init(state_of(state), NULL, 0, HASH_SIZE);
    must(!failed);
}

void hash_add(struct hash_state *state, const void *bytes, size_t len)
{
    must(bytes || len == 0);
    int failed = crypto_generichash_update(state_of(state), bytes, len);
    must(!failed);
}

struct hash hash_end(struct hash_state *state)
{
    struct hash hash;
    int failed = crypto_generichash_final(state_of(state), hash.bytes, sizeof hash.bytes);
    must(!failed);
    return hash;
}

struct hash hash_bytes(const void *bytes, size_t len)
{
    struct hash_state state;
    hash_begin(&state);
    hash_add(&state, bytes, len);
    return hash_end(&state);
}

int hash_file(int fd, struct hash *ret_hash, uint64_t *ret_size, struct err_text *reterr_why)
{
    uint8_t chunk[CHUNK_SIZE];
    struct hash_state state;
    hash_begin(&state);
    uint64_t size = 0;
    for (;;) {
        ssize_t got = pread(fd, chunk, sizeof chunk, (off_t)size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_set(reterr_why, ERR_IO, "Cannot read the file to hash it: %s.",
                           err_sentence(-errno));
        }
        if (got == 0) {
            break;
        }
        hash_add(&state, chunk, (size_t)got);
        size += (uint64_t)got;
    }
    *ret_hash = hash_end(&state);
    *ret_size = size;
    return 0;
}

void hash_format(const struct hash *hash, char ret_text[HASH_TEXT_SIZE])
{
    sodium_bin2hex(ret_text, HASH_TEXT_SIZE, hash->bytes, sizeof hash->bytes);
}

int hash_parse(struct str text, struct hash *ret_hash)
{
    struct hash hash;
    size_t len = 0;
    if (text.len != HASH_TEXT_SIZE - 1) {
        return ERR_PARSE;
    }
    int failed =
        sodium_hex2bin(hash.bytes, sizeof hash.bytes, text.ptr, text.len, NULL, &len, NULL);
    if (failed || len != sizeof hash.bytes) {
        return ERR_PARSE;
    }
    *ret_hash = hash;
    return 0;
}

uint64_t hash_checksum(uint64_t seed, const void *bytes, size_t len)
{
    return XXH3_64bits_withSeed(bytes, len, seed);
}
