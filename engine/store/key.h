/*
 * Keys: parts joined so that bytewise order is the order of the parts. Numbers are big-endian and
 * of fixed width; text ends with a NUL unless it is the last part.
 *
 *     struct store_key key = {0};
 *     key_u64(&key, run);
 *     key_u32(&key, step);
 *     store_batch_put(batch, STORE_TASK_RUN, key_str(&key), row);
 *
 * A part that does not fit makes the key invalid: key_str gives 256 bytes, which every store
 * function refuses with ERR_LIMIT. Used by drive and api; header only.
 */
#ifndef STORE_KEY_H
#define STORE_KEY_H

#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "store/store.h"

struct store_key {
    size_t len;
    uint8_t bytes[STORE_KEY_MAX + 1];
};

/* Adds <len> bytes as they are. */
static inline void key_bytes(struct store_key *key, const void *bytes, size_t len)
{
    if (len > STORE_KEY_MAX - key->len || key->len > STORE_KEY_MAX) {
        key->len = STORE_KEY_MAX + 1;
        return;
    }
    if (len > 0) {
        memcpy(key->bytes + key->len, bytes, len);
        key->len += len;
    }
}

static inline void key_u8(struct store_key *key, uint8_t number)
{
    key_bytes(key, &number, 1);
}

static inline void key_u32(struct store_key *key, uint32_t number)
{
    uint8_t bytes[4];
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(number >> (24 - 8 * i));
    }
    key_bytes(key, bytes, sizeof bytes);
}

static inline void key_u64(struct store_key *key, uint64_t number)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    }
    key_bytes(key, bytes, sizeof bytes);
}

/* Text with a NUL after it, so that "a" sorts before "a.b" whatever follows; <s> has no NUL. */
static inline void key_text(struct store_key *key, struct str s)
{
    key_bytes(key, s.ptr, s.len);
    key_u8(key, 0);
}

/* The key, borrowed from <key>. */
static inline struct str key_str(const struct store_key *key)
{
    return (struct str){(const char *)key->bytes, key->len};
}

/* Reads back a big-endian number at <offset>; 0 when the key is too short. */
static inline uint32_t key_read_u32(struct str key, size_t offset)
{
    uint32_t number = 0;
    if (key.len < 4 || offset > key.len - 4) {
        return 0;
    }
    for (size_t i = 0; i < 4; i++) {
        number = number << 8 | (uint8_t)key.ptr[offset + i];
    }
    return number;
}

static inline uint64_t key_read_u64(struct str key, size_t offset)
{
    if (key.len < 8 || offset > key.len - 8) {
        return 0;
    }
    return (uint64_t)key_read_u32(key, offset) << 32 | key_read_u32(key, offset + 4);
}

#endif
