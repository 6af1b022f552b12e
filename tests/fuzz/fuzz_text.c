/*
 * Fuzzes the small text readers of base: quantities, ids, hashes, names, UTF-8, patterns and
 * suggestions. Whatever is accepted must come back the same when it is written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/must.h"
#include "base/quantity.h"
#include "base/suggest.h"
#include "base/uuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Durations and sizes that are accepted lie within their limits. */
static void check_quantities(struct str text)
{
    int64_t amount = -1;
    if (quantity_duration(text, &amount) == 0) {
        must(amount >= 0 && amount <= QUANTITY_DURATION_US_MAX);
    }
    amount = -1;
    if (quantity_size(text, &amount) == 0) {
        must(amount >= 0);
    }
}

/* Ids and hashes that are accepted come back, in lower case. */
static void check_ids(struct str text)
{
    struct uuid uuid;
    char uuid_text[UUID_TEXT_SIZE];
    if (uuid_parse(text, &uuid) == 0) {
        uuid_format(&uuid, uuid_text);
        must(strncasecmp(uuid_text, text.ptr, text.len) == 0);
    }
    struct hash hash;
    char hash_text[HASH_TEXT_SIZE];
    if (hash_parse(text, &hash) == 0) {
        hash_format(&hash, hash_text);
        must(strncasecmp(hash_text, text.ptr, text.len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    /* An exact copy on the heap, so that reading one byte past the end is noticed. */
    char *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, bytes, len);
    struct str text = {copy, len};
    check_quantities(text);
    check_ids(text);
    if (str_name_ok(text, 64)) {
        must(str_utf8_ok(text) && len <= 64);
    }
    struct str half = {copy, len / 2};
    struct str rest = {copy + len / 2, len - len / 2};
    struct suggest suggest = {.word = half};
    suggest_offer(&suggest, rest);
    if (!memchr(rest.ptr, '*', rest.len) && !memchr(rest.ptr, '?', rest.len)) {
        must(str_match(half, rest) == str_eq(half, rest));
    }
    must(str_match(text, STR("*")));
    free(copy);
    return 0;
}
