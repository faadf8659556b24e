/* MurmurHash3; see hash.h. */
#include "model/hash.h"

#include <string.h>

static uint32_t rotate(uint32_t x, unsigned r) { return x << r | x >> (32 - r); }
static uint32_t scramble(uint32_t k) { return rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u; }

uint32_t md_hash(const uint8_t *key, size_t n) { return md_murmur3(key, n, 0); }

uint32_t md_murmur3(const uint8_t *key, size_t n, uint32_t seed) {
    uint32_t h = seed;
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        uint32_t k;
        memcpy(&k, key + i, 4);
        h = rotate(h ^ scramble(k), 13) * 5 + 0xe6546b64u;
    }
    uint32_t rest = 0;
    for (size_t left = n - i; left > 0; left--)
        rest = rest << 8 | key[i + left - 1];
    if (n > i)
        h ^= scramble(rest);
    h ^= (uint32_t)n;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}
