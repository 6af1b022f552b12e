/*
 * Values to jq's own values and back, directly, without JSON text. Only expr.c includes this.
 *
 * jq 1.6 has no integers, only doubles: integers beyond 2^53 are refused on the way in; on the way
 * out whole numbers up to 2^53 become integers again and NaN becomes nil. Binary data and blobs
 * that are not at hand look as they do in JSON (see json.h) and become themselves again on the way
 * out.
 */
#ifndef VALUE_JQVAL_H
#define VALUE_JQVAL_H

#include <jv.h>

#include "base/buf.h"
#include "base/err.h"
#include "value/ref.h"
#include "value/val.h"

/* Containers inside each other, opened blobs included. */
enum { JQVAL_DEPTH_MAX = 64 };

/* The scanned <value> for jq; the caller frees <ret_jv> with jv_free. ERR_RANGE, ERR_LIMIT or an
 * error from <blobs>, with a sentence. */
int jqval_from(struct val value, const struct ref_blobs *blobs, jv *ret_jv,
               struct err_text *reterr_why);

/* Appends the value of <from>, which is consumed. ERR_LIMIT with a sentence beyond val_limits_task,
 * ERR_INVALID for strings with NUL. What was appended before an error stays in <out>. */
int jqval_to(jv from, struct buf *out, struct err_text *reterr_why);

#endif
