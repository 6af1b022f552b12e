/*
 * A seeded random generator; see rng.h.
 */
#include "base/rng.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

#include "base/must.h"

/* <value> turned left by <count> bits. */
static uint64_t turn_left(uint64_t value, unsigned count)
{
    return (value << count) | (value >> (64 - count));
}

/* One step of SplitMix64: spreads a small seed over the whole state. */
static uint64_t split_mix(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15U;
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    for (unsigned index = 0; index < 4; index++) {
        rng->state[index] = split_mix(&seed);
    }
}

void rng_seed_system(struct rng *rng)
{
    ssize_t got = -1;
    do {
        got = getrandom(rng->state, sizeof rng->state, 0);
    } while (got < 0 && errno == EINTR);
    must(got == (ssize_t)sizeof rng->state);
}

uint64_t rng_u64(struct rng *rng)
{
    uint64_t *state = rng->state;
    must(state[0] | state[1] | state[2] | state[3]);
    uint64_t result = turn_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = turn_left(state[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    must(bound > 0);
    /* Values under 2^64 mod <bound> are drawn again, or small results would come more often. */
    uint64_t uneven = (0 - bound) % bound;
    uint64_t value = rng_u64(rng);
    while (value < uneven) {
        value = rng_u64(rng);
    }
    return value % bound;
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_u64(rng) >> 11) * 0x1.0p-53;
}
