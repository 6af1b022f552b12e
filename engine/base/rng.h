/*
 * Where randomness comes from: a seeded generator (xoshiro256**, by Blackman and Vigna, public
 * domain description) for everything that a simulation must be able to repeat. Not for secrets;
 * those come from libsodium.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state[4];
};

/* The same seed gives the same sequence. */
void rng_seed(struct rng *rng, uint64_t seed);
/* Seeds from the system's random source. */
void rng_seed_system(struct rng *rng);
uint64_t rng_u64(struct rng *rng);
/* Even over 0 .. bound-1; <bound> must not be 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
/* Even over [0, 1). */
double rng_unit(struct rng *rng);

#endif
