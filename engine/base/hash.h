/*
 * Content hashes (BLAKE2b-256 through libsodium) for cache keys, blobs and plugin files, and a fast
 * keyed checksum (XXH3-64) for records.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { HASH_SIZE = 32, HASH_TEXT_SIZE = 65 };

struct hash {
    uint8_t bytes[HASH_SIZE];
};

/* An unfinished hash over several pieces. Opaque storage for libsodium's state. */
struct hash_state {
    _Alignas(64) uint8_t opaque[384];
};

void hash_begin(struct hash_state *state);
void hash_add(struct hash_state *state, const void *bytes, size_t len);
struct hash hash_end(struct hash_state *state);

struct hash hash_bytes(const void *bytes, size_t len);
/* Hash of a file's content from the descriptor's start; ERR_IO with a sentence. */
int hash_file(int fd, struct hash *ret_hash, uint64_t *ret_size, struct err_text *reterr_why);

/* 64 lower-case hexadecimal digits and a NUL. */
void hash_format(const struct hash *hash, char ret_text[HASH_TEXT_SIZE]);
/* 0 or ERR_PARSE; accepts either case. */
int hash_parse(struct str text, struct hash *ret_hash);

/* XXH3-64 of <bytes>, seeded. Not for adversaries. */
uint64_t hash_checksum(uint64_t seed, const void *bytes, size_t len);

#endif
