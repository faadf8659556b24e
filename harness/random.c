/*
 * The one source of randomness of generators, mutators and campaigns: a printed seed gives the same
 * numbers on every machine. The algorithms (splitmix64, xoshiro256**) are published by their
 * authors for free use; nothing here depends on libc's rand or on floating point.
 */
#include "harness/generate.h"

static uint64_t md_splitmix64(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t md_rotate_left(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

void md_random_seed(struct md_random *r, uint64_t seed) {
    for (unsigned i = 0; i < 4; i++)
        r->s[i] = md_splitmix64(&seed);
}

uint64_t md_random_next(struct md_random *r) {
    uint64_t *s = r->s, result = md_rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = md_rotate_left(s[3], 45);
    return result;
}

uint64_t md_random_below(struct md_random *r, uint64_t n) {
    /* The high half of a product; the few low halves that would favour some results are redrawn. */
    __uint128_t product = (__uint128_t)md_random_next(r) * n;
    if ((uint64_t)product < n) {
        uint64_t unfair = (0 - n) % n;
        while ((uint64_t)product < unfair)
            product = (__uint128_t)md_random_next(r) * n;
    }
    return (uint64_t)(product >> 64);
}

bool md_random_one_in(struct md_random *r, unsigned n) { return md_random_below(r, n) == 0; }
