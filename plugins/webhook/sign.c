/*
 * See sign.h.
 */
#include "sign.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

/* Decodes whsec_<base64>; the number of bytes, 0 when it is not a good secret. */
static size_t decode(leat_str secret, unsigned char key[SIGN_SECRET_MAX])
{
    static const char prefix[] = "whsec_";
    size_t skip = sizeof prefix - 1;
    size_t len = 0;

    if (secret.len <= skip || memcmp(secret.ptr, prefix, skip) != 0 ||
        sodium_base642bin(key, SIGN_SECRET_MAX, secret.ptr + skip, secret.len - skip, NULL, &len,
                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
        return 0;
    }
    return len < SIGN_SECRET_MIN ? 0 : len;
}

int sign_make(leat_str secret, leat_str id, int64_t timestamp, leat_str body,
              char ret_signature[SIGN_SIZE])
{
    unsigned char key[SIGN_SECRET_MAX];
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    size_t len = decode(secret, key);
    char middle[32];
    int size;

    if (len == 0) {
        sodium_memzero(key, sizeof key);
        return 0;
    }
    size = snprintf(middle, sizeof middle, ".%lld.", (long long)timestamp);
    crypto_auth_hmacsha256_init(&state, key, len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)id.ptr, id.len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)middle, (unsigned long long)size);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.ptr, body.len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(key, sizeof key);
    sodium_memzero(&state, sizeof state);
    memcpy(ret_signature, "v1,", 3);
    sodium_bin2base64(ret_signature + 3, SIGN_SIZE - 3, mac, sizeof mac,
                      sodium_base64_VARIANT_ORIGINAL);
    return 1;
}
