/*
 * When a failed attempt is tried again, and after how long.
 *
 * Pure arithmetic on a step's retry policy; the state machine in attempt.c asks here and nowhere
 * else. Any thread, one at a time per generator.
 */
#ifndef CORE_RETRY_H
#define CORE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/str.h"
#include "model/flow.h"

/* The longest wait that a part's own wish can ask for: one day. */
#define RETRY_WISH_US_MAX (INT64_C(86400) * 1000000)
/* No wait is longer, whatever the policy says: one year. */
#define RETRY_DELAY_US_MAX (INT64_C(31536000) * 1000000)

/* True when the policy grants one more attempt after <failed> failures that count, the last of
 * which had the error code <code>. What the part itself calls <pointless> is tried again only if
 * the policy names its code. */
bool retry_allowed(const struct flow_retry *policy, uint32_t failed, bool pointless,
                   struct str code);

/*
 * How many microseconds to wait before the attempt after the <failed>-th failure (1 or more).
 * Jitter spreads the policy's delay d evenly from d x (1 - f) (not below 0) to d x (1 + f) for
 * f <= 1, and more steeply for larger f so that it averages to d all the same. A part's wish
 * <wish_ms> (-1 for none) may only lengthen the wait. 0 to RETRY_DELAY_US_MAX.
 */
int64_t retry_delay_us(const struct flow_retry *policy, uint32_t failed, int64_t wish_ms,
                       struct rng *rng);

#endif
