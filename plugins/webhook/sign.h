/*
 * Signatures of Standard Webhooks 1.0.0.
 */
#ifndef WEBHOOK_SIGN_H
#define WEBHOOK_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include <leat/abi.h>

/* "v1," and 32 bytes in base64, with a NUL. */
#define SIGN_SIZE 48
/* Bytes a secret may have, once decoded. */
#define SIGN_SECRET_MIN 24u
#define SIGN_SECRET_MAX 64u

/* Signs "<id>.<timestamp>.<body>" with a secret of the form whsec_<base64>. 1, or 0 when the secret
 * is not of that form or not 24 to 64 bytes long. Needs sodium_init(). */
int sign_make(leat_str secret, leat_str id, int64_t timestamp, leat_str body,
              char ret_signature[SIGN_SIZE]);

#endif
