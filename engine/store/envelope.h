/*
 * The envelope around every stored value: a header that tells a damaged or misplaced record from a
 * sound one. Bytes in, bytes out; no LMDB. Used by kv_rows.c only.
 *
 *     0       1      2          4               8                16
 *     +-------+------+----------+---------------+----------------+-------
 *     | format| table| 0        | value's length| checksum       | value
 *     +-------+------+----------+---------------+----------------+-------
 *
 * Numbers are little-endian. The checksum is keyed with the store's identity and covers the first
 * eight bytes, the key and the value, so a record copied to another key, table or store is damaged.
 */
#ifndef STORE_ENVELOPE_H
#define STORE_ENVELOPE_H

#include <stdint.h>

#include "base/str.h"

enum { ENVELOPE_SIZE = 16, ENVELOPE_FORMAT = 1 };

/* Writes the header for <val> (below 4 GiB) to be stored at <key> of <table> (0 to 255). */
void envelope_seal(uint64_t seed, unsigned table, struct str key, struct str val,
                   uint8_t ret_header[ENVELOPE_SIZE]);

/* Checks a stored <record> and gives the value in it, borrowed. 0, or ERR_CORRUPT for anything that
 * envelope_seal did not make for this seed, table and key. */
int envelope_open(uint64_t seed, unsigned table, struct str key, struct str record,
                  struct str *ret_val);

#endif
