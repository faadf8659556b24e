/*
 * Keys to place, from a seed alone: what applications use, and what is hard on a hash. A set is
 * made once and then walked; keys are 1 to 250 bytes.
 */
#ifndef MEMDIVERGE_KEY_SETS_H
#define MEMDIVERGE_KEY_SETS_H

#include "model/buf.h"
#include "model/placement.h"

enum md_key_set {
    MD_KEYS_SEQUENTIAL, /* key:0, key:1, key:2 ... */
    MD_KEYS_RANDOM,     /* 1 to 250 random printable bytes */
    MD_KEYS_PREFIX,     /* 200 bytes that all keys share, then a number */
    MD_KEYS_ZIPF, /* key:N, N drawn with a chance near 1/N: what is asked for, not what is stored */
    MD_KEYS_ADVERSARIAL, /* mined: every key falls on the same node */
    MD_KEYS_FUZZED,      /* any bytes, zeros and blanks included */
    MD_KEY_SETS
};

enum { MD_KEY_LONGEST = 250 };

/* Zero-initialise. */
struct md_keys {
    struct md_buf bytes; /* one behind the other */
    size_t *start;       /* n + 1 of them */
    size_t n, cap;
};

void md_keys_add(struct md_keys *k, const void *key, size_t nkey);
/* Appends n keys. `target` and `node`: where an adversarial set is to fall; if the node gets hardly
 * anything, fewer than n keys come out. */
void md_keys_make(struct md_keys *k, enum md_key_set set, size_t n, uint64_t seed,
                  const struct md_placement *target, uint32_t node);
void md_keys_free(struct md_keys *k);

static inline const uint8_t *md_keys_at(const struct md_keys *k, size_t i, size_t *nkey) {
    *nkey = k->start[i + 1] - k->start[i];
    return k->bytes.data + k->start[i];
}

#endif
