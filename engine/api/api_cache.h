/*
 * Entries of the result cache in answers.
 */
#ifndef API_API_CACHE_H
#define API_API_CACHE_H

#include "base/buf.h"
#include "drive/cache.h"

/* Appends a cache_entry. */
void api_cache_put(struct buf *out, const struct hash *key, const struct cache_row *row);

/* Bytes of a result, what lies in blobs included. */
uint64_t api_cache_bytes(struct val result);

#endif
