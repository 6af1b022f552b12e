/*
 * Fuzz target: envelopes of stored records. The input is a seed, a table, a key and a record.
 *
 * An envelope that is accepted must be the one that sealing its value gives, byte for byte; so no
 * input can make the store believe a value that it did not write.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/must.h"
#include "store/envelope.h"

enum { FIXED = 8 + 1 + 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is accepted can be made again. */
static void check_decoding(uint64_t seed, unsigned table, struct str key, struct str record)
{
    struct str val = STR_NONE;
    int err = envelope_open(seed, table, key, record, &val);
    if (err) {
        must(err == ERR_CORRUPT);
        return;
    }
    uint8_t header[ENVELOPE_SIZE];
    must(val.ptr == record.ptr + ENVELOPE_SIZE);
    must(val.len == record.len - ENVELOPE_SIZE);
    envelope_seal(seed, table, key, val, header);
    must(memcmp(header, record.ptr, ENVELOPE_SIZE) == 0);
}

/* Whatever is sealed is accepted, and refused once a bit of the header is flipped. */
static void check_encoding(uint64_t seed, unsigned table, struct str key, struct str val)
{
    uint8_t bytes[ENVELOPE_SIZE + 256];
    struct str part = {val.ptr, val.len < 256 ? val.len : 256};
    envelope_seal(seed, table, key, part, bytes);
    if (part.len > 0) {
        memcpy(bytes + ENVELOPE_SIZE, part.ptr, part.len);
    }
    struct str record = {(const char *)bytes, ENVELOPE_SIZE + part.len};
    struct str found = STR_NONE;
    must(envelope_open(seed, table, key, record, &found) == 0);
    must(str_eq(found, part));
    bytes[seed % ENVELOPE_SIZE] ^= (uint8_t)(1u << table % 8);
    must(envelope_open(seed, table, key, record, &found) == ERR_CORRUPT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < FIXED) {
        return 0;
    }
    uint64_t seed = 0;
    memcpy(&seed, data, sizeof seed);
    unsigned table = data[8];
    size_t key_len = data[9] < size - FIXED ? data[9] : size - FIXED;
    struct str key = {(const char *)data + FIXED, key_len};
    struct str record = {key.ptr + key_len, size - FIXED - key_len};
    check_decoding(seed, table, key, record);
    check_encoding(seed, table, key, record);
    return 0;
}
