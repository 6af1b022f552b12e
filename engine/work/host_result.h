/*
 * What a call hands over: keyed results or one whole value, collected while the part runs. Values
 * of more than VAL_INLINE_MAX bytes are stored as blobs at once and only their reference stays.
 *
 * One per host, used by the thread that runs calls.
 */
#ifndef WORK_HOST_RESULT_H
#define WORK_HOST_RESULT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "value/val.h"

struct blob_dir;
struct host_result;

/* <blobs> is borrowed; NULL for none, then large values are refused. */
struct host_result *host_result_new(struct blob_dir *blobs);
struct host_result *host_result_free(struct host_result *result);

/* Forgets everything: a call begins. */
void host_result_begin(struct host_result *result);

/*
 * Takes one value (copied) under <key>, or the whole result with key NULL. ERR_INVALID, ERR_PARSE,
 * ERR_LIMIT: the plugin misbehaves; ERR_STORE_FULL, ERR_IO, ...: the value could not be stored.
 * Each with a sentence.
 */
int host_result_put(struct host_result *result, const char *key, const void *bytes, size_t len,
                    struct err_text *reterr_why);

/* The whole result: at most VAL_INLINE_MAX bytes, valid until the next begin. Errors of storing. */
int host_result_finish(struct host_result *result, struct val *ret_value,
                       struct err_text *reterr_why);

#endif
