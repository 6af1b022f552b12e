/*
 * Retry policies; see retry.h.
 */
#include "core/retry.h"

#include <math.h>

#include "base/must.h"

bool retry_allowed(const struct flow_retry *policy, uint32_t failed, bool pointless,
                   struct str code)
{
    if (failed > policy->retries) {
        return false;
    }
    if (policy->code_count == 0) {
        return !pointless;
    }
    for (uint32_t index = 0; index < policy->code_count; index++) {
        if (str_match(code, policy->codes[index])) {
            return true;
        }
    }
    return false;
}

/* The policy's delay before jitter. */
static double base_delay_us(const struct flow_retry *policy, uint32_t failed)
{
    if (policy->delay_count == 0) {
        return 0;
    }
    if (!policy->exponential) {
        uint32_t entry = failed <= policy->delay_count ? failed - 1 : policy->delay_count - 1;
        return (double)policy->delays_us[entry];
    }
    int doublings = failed - 1 < 62 ? (int)(failed - 1) : 62;
    double delay = ldexp((double)policy->delays_us[0], doublings);
    bool capped = policy->delay_max_us > 0 && delay > (double)policy->delay_max_us;
    return capped ? (double)policy->delay_max_us : delay;
}

/*
 * A random factor of mean 1 that reaches up to 1 + <jitter>. Up to 1 it is even on both sides. For
 * more, it lies even over [0, 1) or over [1, 1 + jitter), the latter so much more seldom that the
 * mean stays: p x (1 + jitter / 2) + (1 - p) / 2 = 1 gives p = 1 / (1 + jitter).
 */
static double jitter_factor(double jitter, struct rng *rng)
{
    if (jitter <= 0) {
        return 1;
    }
    double unit = rng_unit(rng);
    if (jitter <= 1) {
        return 1 - jitter + 2 * jitter * unit;
    }
    bool high = rng_unit(rng) < 1 / (1 + jitter);
    return high ? 1 + jitter * unit : unit;
}

int64_t retry_delay_us(const struct flow_retry *policy, uint32_t failed, int64_t wish_ms,
                       struct rng *rng)
{
    must(failed > 0);
    double delay = base_delay_us(policy, failed) * jitter_factor(policy->jitter, rng);
    int64_t delay_us = RETRY_DELAY_US_MAX;
    if (delay < (double)RETRY_DELAY_US_MAX) {
        delay_us = delay > 0 ? (int64_t)delay : 0;
    }
    if (wish_ms <= 0) {
        return delay_us;
    }
    int64_t wish_us = wish_ms < RETRY_WISH_US_MAX / 1000 ? wish_ms * 1000 : RETRY_WISH_US_MAX;
    return wish_us > delay_us ? wish_us : delay_us;
}
