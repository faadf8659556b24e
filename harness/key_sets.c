/* Keys to place; see key_sets.h. */
#include "harness/key_sets.h"

#include "harness/generate.h"

#include <stdlib.h>

void md_keys_add(struct md_keys *k, const void *key, size_t nkey) {
    if (k->n + 2 > k->cap)
        k->start = md_grow(k->start, &k->cap, k->n + 2, sizeof *k->start);
    k->start[k->n++] = k->bytes.len;
    md_buf_append(&k->bytes, key, nkey);
    k->start[k->n] = k->bytes.len;
}

void md_keys_free(struct md_keys *k) {
    md_buf_free(&k->bytes);
    free(k->start);
    *k = (struct md_keys){0};
}

static void numbered(struct md_buf *b, const char *before, uint64_t n) {
    md_buf_clear(b);
    md_buf_str(b, before);
    md_buf_u64(b, n);
}

/* Without floating point: a power of two at random, then a number below it, comes to 1/rank. */
static uint64_t zipf(struct md_random *r, uint64_t n) {
    unsigned levels = 1;
    while (n >> levels)
        levels++;
    for (;;) {
        uint64_t low = UINT64_C(1) << md_random_below(r, levels);
        uint64_t rank = low + md_random_below(r, low);
        if (rank <= n)
            return rank - 1;
    }
}

static void random_bytes(struct md_random *r, struct md_buf *b, bool printable) {
    size_t n = 1 + md_random_below(r, MD_KEY_LONGEST);
    md_buf_clear(b);
    for (size_t i = 0; i < n; i++)
        md_buf_byte(b, (uint8_t)(printable ? '!' + md_random_below(r, '~' - '!' + 1)
                                           : md_random_below(r, UINT8_MAX + 1)));
}

/* Numbered keys that fall on the node; given up after so many misses in a row. */
static void mine(struct md_keys *k, size_t n, struct md_random *r,
                 const struct md_placement *target, uint32_t node) {
    enum { MISSES = 100000 };
    struct md_buf b = {0};
    uint64_t number = md_random_below(r, UINT32_MAX);
    for (size_t found = 0, misses = 0; found < n && misses < MISSES; number++) {
        numbered(&b, "key:", number);
        bool hit = md_placement_of(target, b.data, b.len) == node;
        misses = hit ? 0 : misses + 1;
        found += hit;
        if (hit)
            md_keys_add(k, b.data, b.len);
    }
    md_buf_free(&b);
}

void md_keys_make(struct md_keys *k, enum md_key_set set, size_t n, uint64_t seed,
                  const struct md_placement *target, uint32_t node) {
    enum { SHARED = 200 };
    struct md_random r;
    struct md_buf b = {0};
    md_random_seed(&r, seed);
    if (set == MD_KEYS_ADVERSARIAL) {
        mine(k, n, &r, target, node);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        switch (set) {
        case MD_KEYS_RANDOM: random_bytes(&r, &b, true); break;
        case MD_KEYS_FUZZED: random_bytes(&r, &b, false); break;
        case MD_KEYS_ZIPF: numbered(&b, "key:", zipf(&r, n)); break;
        case MD_KEYS_PREFIX:
            md_buf_clear(&b);
            md_buf_fill(&b, 'p', SHARED);
            md_buf_u64(&b, i);
            break;
        default: numbered(&b, "key:", i); break;
        }
        md_keys_add(k, b.data, b.len);
    }
    md_buf_free(&b);
}
