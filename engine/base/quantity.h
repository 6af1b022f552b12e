/*
 * Durations ("90s", "1h30m", "250ms", a bare number means seconds) and sizes ("64KiB", "10MB", a
 * bare number means bytes) as people write them in files and on the command line.
 */
#ifndef BASE_QUANTITY_H
#define BASE_QUANTITY_H

#include <stdint.h>

#include "base/str.h"

/* Longest accepted duration: 100 years. */
#define QUANTITY_DURATION_US_MAX ((int64_t)3155760000 * 1000000)

/* Units us, ms, s, m (or min), h, d, w; decimals allowed in any part. 0, ERR_PARSE, ERR_RANGE. */
int quantity_duration(struct str text, int64_t *ret_us);
/* Units B, kB, MB, GB, TB, KiB, MiB, GiB, TiB, case-insensitive. 0, ERR_PARSE, ERR_RANGE. */
int quantity_size(struct str text, int64_t *ret_bytes);

#endif
