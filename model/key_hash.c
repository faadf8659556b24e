/*
 * The hashes of keys that libmemcached offers, each from its published definition. What differs
 * from that definition in the clients is said at the function; all of it was measured. Bytes from
 * 0x80 on count as negative numbers in the hashes that work byte by byte, whatever this machine's
 * char is.
 */
#include "model/hash.h"
#include "model/placement.h"
#include "model/placement_internal.h"

/* The plain function: the ones that replace it look their algorithm up at every call. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <stdlib.h>

/* A byte as the clients add it to 32 bits, and to 64. */
static uint32_t signed32(uint8_t byte) { return (uint32_t)(int8_t)byte; }
static uint64_t signed64(uint8_t byte) { return (uint64_t)(int8_t)byte; }
static uint32_t rotate(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }

/* Up to four bytes, the first one lowest. */
static uint32_t little(const uint8_t *p, size_t n) {
    uint32_t word = 0;
    for (size_t i = 0; i < n && i < 4; i++)
        word |= (uint32_t)p[i] << (8 * i);
    return word;
}

static uint32_t one_at_a_time(const uint8_t *key, size_t n) {
    uint32_t h = 0;
    for (size_t i = 0; i < n; i++) {
        h += signed32(key[i]);
        h += h << 10;
        h ^= h >> 6;
    }
    h += h << 3;
    h ^= h >> 11;
    return h + (h << 15);
}

void md_md5(const void *key, size_t n, uint8_t out[16]) { MD5(key, n, out); }

static uint32_t md5(const uint8_t *key, size_t n) {
    uint8_t digest[16];
    md_md5(key, n, digest);
    return little(digest, 4);
}

/* CRC-32 of Ethernet; the clients keep 15 bits of it. */
static uint32_t crc(const uint8_t *key, size_t n) {
    const uint32_t polynomial = 0xedb88320;
    uint32_t h = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        h ^= key[i];
        for (unsigned bit = 0; bit < 8; bit++)
            h = h & 1 ? h >> 1 ^ polynomial : h >> 1;
    }
    return ~h >> 16 & 0x7fff;
}

static uint32_t fnv1_64(const uint8_t *key, size_t n) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        h = h * UINT64_C(0x100000001b3) ^ signed64(key[i]);
    return (uint32_t)h;
}

/* The low halves of the constants of 64 bits, in a loop of 32: not FNV-1a of any width. */
static uint32_t fnv1a_64(const uint8_t *key, size_t n) {
    uint32_t h = 0x84222325;
    for (size_t i = 0; i < n; i++)
        h = (h ^ signed32(key[i])) * 0x1b3;
    return h;
}

static uint32_t fnv1_32(const uint8_t *key, size_t n) {
    uint32_t h = 0x811c9dc5;
    for (size_t i = 0; i < n; i++)
        h = h * 0x01000193 ^ signed32(key[i]);
    return h;
}

static uint32_t fnv1a_32(const uint8_t *key, size_t n) {
    uint32_t h = 0x811c9dc5;
    for (size_t i = 0; i < n; i++)
        h = (h ^ signed32(key[i])) * 0x01000193;
    return h;
}

/* The seed of both murmurs depends on the length. */
static uint32_t murmur_seed(size_t n) { return 0xdeadbeef * (uint32_t)n; }

/* MurmurHash2 */
static uint32_t murmur(const uint8_t *key, size_t n) {
    const uint32_t m = 0x5bd1e995;
    uint32_t h = murmur_seed(n) ^ (uint32_t)n;
    size_t i = 0;
    for (; n - i >= 4; i += 4) {
        uint32_t k = little(key + i, 4) * m;
        h = h * m ^ (k ^ k >> 24) * m;
    }
    if (i < n)
        h = (h ^ little(key + i, n - i)) * m;
    h = (h ^ h >> 13) * m;
    return h ^ h >> 15;
}

/* lookup3, initval 13 */
static uint32_t jenkins(const uint8_t *key, size_t n) {
    static const unsigned mix[] = {4, 6, 8, 16, 19, 4};
    static const unsigned final[] = {14, 11, 25, 16, 4, 14, 24};
    uint32_t v[3] = {0xdeadbeef + (uint32_t)n + 13, 0, 0};
    v[1] = v[2] = v[0];
    if (n == 0)
        return v[2];
    for (; n > 12; key += 12, n -= 12) {
        for (unsigned i = 0; i < 3; i++)
            v[i] += little(key + 4 * i, 4);
        /* a -= c, a ^= c rotated, c += b; then the same with b, c, a in the place of a, b, c ... */
        for (unsigned i = 0; i < 6; i++) {
            uint32_t *a = &v[i % 3], *b = &v[(i + 1) % 3], *c = &v[(i + 2) % 3];
            *a = (*a - *c) ^ rotate(*c, mix[i]);
            *c += *b;
        }
    }
    for (unsigned i = 0; i < 3 && n > 4 * i; i++)
        v[i] += little(key + 4 * i, n - 4 * i);
    for (unsigned i = 0; i < 7; i++) {
        uint32_t *to = &v[(i + 2) % 3], from = v[(i + 1) % 3];
        *to = (*to ^ from) - rotate(from, final[i]);
    }
    return v[2];
}

uint32_t md_key_hash(enum md_key_hash hash, const void *key, size_t n) {
    switch (hash) {
    case MD_HASH_DEFAULT: return one_at_a_time(key, n);
    case MD_HASH_MD5: return md5(key, n);
    case MD_HASH_CRC: return crc(key, n);
    case MD_HASH_FNV1_64: return fnv1_64(key, n);
    case MD_HASH_FNV1A_64: return fnv1a_64(key, n);
    case MD_HASH_FNV1_32: return fnv1_32(key, n);
    case MD_HASH_FNV1A_32: return fnv1a_32(key, n);
    case MD_HASH_MURMUR: return murmur(key, n);
    case MD_HASH_JENKINS: return jenkins(key, n);
    case MD_HASH_MURMUR3: return md_murmur3(key, n, murmur_seed(n));
    case MD_KEY_HASHES: break;
    }
    abort();
}
