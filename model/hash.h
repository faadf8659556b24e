/* MurmurHash3 (x86, 32 bits, seed 0): memcached's default hash of keys, which says which keys share a
 * lock. Public domain algorithm by Austin Appleby. */
#ifndef MEMDIVERGE_HASH_H
#define MEMDIVERGE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint32_t md_hash(const uint8_t *key, size_t n);
/* The same with another seed. */
uint32_t md_murmur3(const uint8_t *key, size_t n, uint32_t seed);

#endif
