/*
 * Making and checking record envelopes; see envelope.h.
 */
#include "store/envelope.h"

#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/must.h"

enum { AT_FORMAT = 0, AT_TABLE = 1, AT_LENGTH = 4, AT_CHECKSUM = 8 };

/* Stores <count> bytes of <number>, least significant first. */
static void store_le(uint8_t *bytes, uint64_t number, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
}

/* Reads <count> bytes, least significant first. */
static uint64_t load_le(const uint8_t *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++) {
        number |= (uint64_t)bytes[i] << (8 * i);
    }
    return number;
}

/* The checksum over the fixed part of the header, the key and the value. */
static uint64_t checksum(uint64_t seed, const uint8_t *header, struct str key, struct str val)
{
    uint64_t fixed = load_le(header, AT_CHECKSUM);
    uint64_t of_key = hash_checksum(seed ^ fixed, key.ptr, key.len);
    return hash_checksum(of_key, val.ptr, val.len);
}

void envelope_seal(uint64_t seed, unsigned table, struct str key, struct str val,
                   uint8_t ret_header[ENVELOPE_SIZE])
{
    must(table <= UINT8_MAX);
    must(val.len <= UINT32_MAX);
    memset(ret_header, 0, ENVELOPE_SIZE);
    ret_header[AT_FORMAT] = ENVELOPE_FORMAT;
    ret_header[AT_TABLE] = (uint8_t)table;
    store_le(ret_header + AT_LENGTH, val.len, 4);
    store_le(ret_header + AT_CHECKSUM, checksum(seed, ret_header, key, val), 8);
}

int envelope_open(uint64_t seed, unsigned table, struct str key, struct str record,
                  struct str *ret_val)
{
    if (record.len < ENVELOPE_SIZE) {
        return ERR_CORRUPT;
    }
    const uint8_t *header = (const uint8_t *)record.ptr;
    struct str val = {record.ptr + ENVELOPE_SIZE, record.len - ENVELOPE_SIZE};
    bool fixed_ok = header[AT_FORMAT] == ENVELOPE_FORMAT && header[AT_TABLE] == table &&
                    header[2] == 0 && header[3] == 0 && load_le(header + AT_LENGTH, 4) == val.len;
    if (!fixed_ok) {
        return ERR_CORRUPT;
    }
    if (load_le(header + AT_CHECKSUM, 8) != checksum(seed, header, key, val)) {
        return ERR_CORRUPT;
    }
    *ret_val = val;
    return 0;
}
