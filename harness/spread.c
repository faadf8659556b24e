/* How evenly keys are spread, and how many move; see spread.h. */
#include "harness/spread.h"

#include "harness/generate.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FIRST_PORT = 22122,
    MOVES = 5, /* one key in so many is followed when the list changes */
};

/* Keys as their texts, and where they are with each number of nodes. */
struct bench {
    struct md_spread *s;
    uint32_t first; /* number of the first key */
    struct md_keys keys;
    uint32_t *hash;                  /* of each key, by the hash in use */
    uint8_t *at[MD_SPREAD_MOST + 2]; /* [n]: the node of each key, n nodes */
};

static const struct {
    const char *id, *sentence;
} promises[] = {
#define X(name, id, sentence) {id, sentence},
    MD_PROMISE_LIST(X)
#undef X
};

const char *md_promise_id(enum md_promise p) { return promises[p].id; }
const char *md_promise_sentence(enum md_promise p) { return promises[p].sentence; }

void md_spread_servers(bool weighted, size_t n, struct md_server *out) {
    for (size_t i = 0; i < n; i++) {
        out[i] = (struct md_server){.port = (uint16_t)(FIRST_PORT + i),
                                    .weight = weighted ? 1 + (uint32_t)i % 3 : 1};
        snprintf(out[i].host, sizeof out[i].host, "127.0.0.1");
    }
}

/* ---- measuring ------------------------------------------------------------------------------- */

static uint32_t place(const struct bench *b, const struct md_placement *p, bool by_hash, size_t k) {
    size_t nkey;
    if (by_hash)
        return md_placement_of_hash(p, b->hash[k]);
    const uint8_t *key = md_keys_at(&b->keys, k, &nkey);
    return md_placement_of(p, key, nkey);
}

static struct md_placement *with(const struct md_spread_row *r, const struct md_server *servers,
                                 size_t n) {
    struct md_placement_settings settings = {.distribution = r->distribution, .hash = r->hash};
    return md_placement_new(&settings, servers, n);
}

/* Where all keys are with n nodes. */
static void settle_all(struct bench *b, const struct md_spread_row *like, size_t n) {
    struct md_server servers[MD_SPREAD_MOST + 1];
    md_spread_servers(like->weighted, n, servers);
    struct md_placement *p = with(like, servers, n);
    bool by_hash = like->distribution != MD_DIST_RENDEZVOUS;
    for (size_t k = 0; k < b->s->keys; k++)
        b->at[n][k] = (uint8_t)place(b, p, by_hash, k);
    md_placement_free(p);
}

static void count(const struct bench *b, struct md_spread_row *r) {
    struct md_server servers[MD_SPREAD_MOST];
    unsigned possible = 0, total = 0;
    md_spread_servers(r->weighted, r->n, servers);
    struct md_placement *p = with(r, servers, r->n);
    if (!md_placement_shares(p, r->share)) /* jump of 15 bits: as even as can be */
        for (size_t i = 0; i < r->n; i++)
            r->share[i] = 1.0 / (double)r->n;
    md_placement_free(p);
    for (size_t k = 0; k < b->s->keys; k++)
        r->count[b->at[r->n][k]]++;
    for (size_t i = 0; i < r->n; i++)
        total += servers[i].weight;
    for (size_t i = 0; i < r->n; i++) {
        double expected = r->share[i] * (double)b->s->keys, off = r->count[i] - expected;
        double fair = (double)b->s->keys * servers[i].weight / total;
        possible += r->share[i] > 0;
        r->chi_square += expected > 0 ? off * off / expected : r->count[i] ? INFINITY : 0;
        r->imbalance = fmax(r->imbalance, r->count[i] / fair);
    }
    r->p = possible > 1 ? gsl_cdf_chisq_Q(r->chi_square, possible - 1) : 1;
}

static void example(struct md_spread_row *r, enum md_promise p, uint32_t key, uint32_t from,
                    uint32_t to) {
    if (r->example[p].key != UINT32_MAX)
        return;
    r->example[p].key = key;
    r->example[p].from = from;
    r->example[p].to = to;
}

/* One more node at the end of the list. */
static void join(const struct bench *b, struct md_spread_row *r) {
    size_t moved = 0, between = 0;
    for (size_t k = 0; k < b->s->keys; k++) {
        uint32_t from = b->at[r->n][k], to = b->at[r->n + 1][k];
        moved += from != to;
        between += from != to && to != r->n;
        if (from != to && to != r->n)
            example(r, MD_PROMISE_MONOTONE, b->first + (uint32_t)k, from, to);
    }
    r->joined = (double)moved / (double)b->s->keys;
    r->survivors_join = (double)between / (double)b->s->keys;
}

/* Servers in another order, some left out: order[i] is the number of the i-th. */
static struct md_placement *reordered(const struct md_spread_row *r, const size_t *order,
                                      size_t n) {
    struct md_server all[MD_SPREAD_MOST], some[MD_SPREAD_MOST];
    md_spread_servers(r->weighted, r->n, all);
    for (size_t i = 0; i < n; i++)
        some[i] = all[order[i]];
    return with(r, some, n);
}

struct moves {
    size_t followed, moved, between;
};

/* `gone`: the node that is left out, or n. */
static struct moves follow(const struct bench *b, struct md_spread_row *r, enum md_promise promise,
                           const size_t *order, size_t n, size_t gone) {
    struct moves m = {0};
    bool by_hash = r->distribution != MD_DIST_RENDEZVOUS;
    struct md_placement *p = reordered(r, order, n);
    for (size_t k = 0; k < b->s->keys; k += MOVES, m.followed++) {
        uint32_t from = b->at[r->n][k], to = (uint32_t)order[place(b, p, by_hash, k)];
        m.moved += from != to;
        m.between += from != to && from != gone;
        if (from != to && from != gone)
            example(r, promise, b->first + (uint32_t)k, from, to);
    }
    md_placement_free(p);
    return m;
}

static double part(size_t n, const struct moves *m) { return (double)n / (double)m->followed; }

static void change(const struct bench *b, struct md_spread_row *r) {
    size_t without[MD_SPREAD_MOST], back[MD_SPREAD_MOST], turned[MD_SPREAD_MOST], n = 0;
    /* The one that goes: in the middle; jump can only lose its last. */
    size_t gone = r->distribution == MD_DIST_JUMP ? r->n - 1 : r->n / 2;
    for (size_t i = 0; i < r->n; i++) {
        turned[i] = r->n - 1 - i;
        if (i != gone)
            without[n] = i, back[n++] = i;
    }
    back[n] = gone;
    struct moves left = follow(b, r, MD_PROMISE_MONOTONE, without, n, gone);
    struct moves rejoined = follow(b, r, MD_PROMISE_REJOIN, back, r->n, r->n);
    struct moves order = follow(b, r, MD_PROMISE_ORDERLESS, turned, r->n, r->n);
    r->left = part(left.moved, &left);
    r->survivors_left = part(left.between, &left);
    r->rejoin = part(rejoined.moved, &rejoined);
    r->order = part(order.moved, &order);
}

/* ---- judging --------------------------------------------------------------------------------- */

static void promise(struct md_spread_row *r, enum md_promise p, double measured, double limit,
                    bool holds) {
    r->measured[p] = measured;
    r->limit[p] = limit;
    r->broken |= holds ? 0 : 1U << p;
}

/* How full the fullest node may be, and how far a newcomer's part may be from its share. */
struct bounds {
    double imbalance, least, most;
};

/*
 * The fixed limits hold for MD_SPREAD_KEYS keys. With fewer, what is counted lies further from what
 * the arcs are: by how much more, in five standard deviations of a count whose variance, as a part
 * of all keys, is `variance`/keys.
 */
static double fewer_keys(double variance, size_t keys) {
    double more = sqrt(variance / (double)keys) - sqrt(variance / MD_SPREAD_KEYS);
    return 5 * fmax(more, 0);
}

static struct bounds bounds_of(const struct md_spread_row *r, size_t keys) {
    /* Of a node's part, 1/n, as a part of it; of a newcomer's, 1/(n + 1). */
    double full = fewer_keys((double)r->n - 1, keys), share = fewer_keys((double)r->n, keys);
    double noise = 1 + 5 * sqrt((double)(r->n - 1) / (double)keys);
    switch (r->distribution) {
    case MD_DIST_CONSISTENT:
    case MD_DIST_KETAMA_SPY: return (struct bounds){1.55 + full, 0.63 - share, 1.55 + share};
    case MD_DIST_KETAMA_WEIGHTED: return (struct bounds){1.40 + full, 0.70 - share, 1.40 + share};
    default: return (struct bounds){noise, 1 - 0.1 - share, 1 + 0.1 + share};
    }
}

static void judge_moves(struct md_spread_row *r, const struct bounds *b, size_t keys) {
    double n = (double)r->n, total = 0, next = 1 + (double)(r->n % 3);
    double noise = 5 * sqrt(0.25 / (double)keys); /* of counting keys in place of arcs */
    bool ring = md_distribution_is_ring(r->distribution);
    double between = fmax(r->survivors_join, r->survivors_left);
    for (size_t i = 0; i < r->n; i++)
        total += 1 + (double)(i % 3);
    if (r->distribution == MD_DIST_VIRTUAL_BUCKET)
        return;
    if (r->distribution == MD_DIST_MODULA) { /* it promises nothing, but this is what it does */
        double off = fabs(r->joined - n / (n + 1)), most = 0.007 + fewer_keys(0.25, keys);
        promise(r, MD_PROMISE_JOIN_SHARE, off, most, off <= most);
        return;
    }
    promise(r, MD_PROMISE_MONOTONE, between, 0, between == 0);
    if (r->weighted) {
        double most = next / (total + next) + 0.06 + noise;
        promise(r, MD_PROMISE_JOIN_SHARE, r->joined, most, r->joined <= most);
    } else {
        double part_of_share = r->joined * (n + 1);
        promise(r, MD_PROMISE_JOIN_SHARE, part_of_share, part_of_share < 1 ? b->least : b->most,
                part_of_share >= b->least && part_of_share <= b->most);
    }
    if (ring || r->distribution == MD_DIST_RENDEZVOUS) {
        promise(r, MD_PROMISE_ORDERLESS, r->order, 0, r->order == 0);
        promise(r, MD_PROMISE_REJOIN, r->rejoin, 0, r->rejoin == 0);
    }
}

static void judge(struct md_spread_row *r, size_t keys) {
    const double alpha = 1e-6;
    struct bounds b = bounds_of(r, keys);
    size_t empty = 0;
    for (size_t i = 0; i < r->n; i++)
        empty += r->count[i] == 0;
    promise(r, MD_PROMISE_UNIFORM, r->p, alpha, r->p >= alpha);
    promise(r, MD_PROMISE_BALANCED, r->imbalance, b.imbalance, r->imbalance <= b.imbalance);
    promise(r, MD_PROMISE_NOBODY_EMPTY, (double)empty, 0, empty == 0);
    judge_moves(r, &b, keys);
}

/* Hashes that are good enough for all distributions. */
static bool strong(const struct md_spread_row *r) {
    return r->distribution == MD_DIST_RENDEZVOUS || r->hash == MD_HASH_DEFAULT ||
           r->hash == MD_HASH_MD5 || r->hash == MD_HASH_MURMUR || r->hash == MD_HASH_MURMUR3 ||
           r->hash == MD_HASH_JENKINS;
}

/* What a hash that is not may break: how even it is. What follows from the rule alone, it may not. */
static bool weak_hash(const struct md_spread_row *r, enum md_promise p) {
    bool crc = r->hash == MD_HASH_CRC && md_distribution_is_ring(r->distribution);
    switch (p) {
    case MD_PROMISE_UNIFORM:
    case MD_PROMISE_BALANCED:
    case MD_PROMISE_NOBODY_EMPTY: return true;
    /* fnv of numbers in order: the remainders by n and by n + 1 go together. */
    case MD_PROMISE_JOIN_SHARE: return r->distribution != MD_DIST_MODULA || r->hash != MD_HASH_CRC;
    /* Points of 15 bits often meet, and then the order decides; a node rejoins in another one. */
    case MD_PROMISE_ORDERLESS: return crc;
    case MD_PROMISE_REJOIN: return crc && r->broken >> MD_PROMISE_ORDERLESS & 1;
    default: return false;
    }
}

bool md_spread_known(const struct md_spread_row *r, enum md_promise p) {
    bool power_of_two = (r->n & (r->n - 1)) == 0;
    /* For some ranges of sequential numbers it is provably uneven; where the limit is that of
     * chance, as for all but the rings, the fullest node shows it too. */
    bool by_chance = p == MD_PROMISE_BALANCED && !md_distribution_is_ring(r->distribution);
    bool uneven = r->hash == MD_HASH_DEFAULT && (p == MD_PROMISE_UNIFORM || by_chance);
    return (!strong(r) && weak_hash(r, p)) || uneven ||
           (r->distribution == MD_DIST_VIRTUAL_BUCKET && !power_of_two &&
            (p == MD_PROMISE_NOBODY_EMPTY || p == MD_PROMISE_BALANCED)) ||
           (r->weighted && p == MD_PROMISE_MONOTONE);
}

static void collect(struct md_spread *s) {
    for (size_t i = 0; i < s->n; i++)
        for (int p = 0; p < MD_PROMISES; p++) {
            const struct md_spread_row *r = &s->row[i];
            struct md_spread_finding *f = NULL;
            if (!(r->broken >> p & 1))
                continue;
            bool expected = md_spread_known(r, (enum md_promise)p);
            for (size_t j = 0; j < s->findings && !f; j++) {
                const struct md_spread_row *of = s->finding[j].row;
                if (s->finding[j].promise == (enum md_promise)p && of->hash == r->hash &&
                    of->distribution == r->distribution && of->weighted == r->weighted &&
                    s->finding[j].expected == expected)
                    f = &s->finding[j];
            }
            if (f) {
                f->rows++; /* rows come in the order of n */
                continue;
            }
            if (s->findings == s->findings_cap)
                s->finding =
                    md_grow(s->finding, &s->findings_cap, s->findings + 1, sizeof *s->finding);
            s->finding[s->findings++] =
                (struct md_spread_finding){(enum md_promise)p, r, 1, expected};
        }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void measure_pair(struct bench *b, enum md_distribution d, enum md_key_hash h,
                         bool weighted) {
    struct md_spread *s = b->s;
    struct md_spread_row like = {.distribution = d, .hash = h, .weighted = weighted};
    for (size_t n = MD_SPREAD_LEAST; n <= MD_SPREAD_MOST + 1; n++)
        settle_all(b, &like, n);
    for (size_t n = MD_SPREAD_LEAST; n <= MD_SPREAD_MOST; n++) {
        if (s->n == s->cap)
            s->row = md_grow(s->row, &s->cap, s->n + 1, sizeof *s->row);
        struct md_spread_row *r = &s->row[s->n++];
        *r = like;
        r->n = n;
        for (int p = 0; p < MD_PROMISES; p++) {
            r->limit[p] = -1;
            r->example[p].key = UINT32_MAX;
        }
        count(b, r);
        join(b, r);
        change(b, r);
        judge(r, s->keys);
    }
}

void md_spread_measure(struct md_spread *s, size_t keys, uint64_t seed) {
    struct bench b = {.s = s};
    struct md_random random;
    struct md_buf key = {0};
    *s = (struct md_spread){.keys = keys, .seed = seed};
    md_random_seed(&random, seed);
    b.first = seed ? (uint32_t)md_random_below(&random, 1000000000) : 0;
    for (size_t k = 0; k < keys; k++) {
        md_buf_clear(&key);
        md_buf_printf(&key, "key:%u", b.first + (uint32_t)k);
        md_keys_add(&b.keys, key.data, key.len);
    }
    b.hash = md_calloc(keys, sizeof *b.hash);
    for (size_t n = 0; n < sizeof b.at / sizeof *b.at; n++)
        b.at[n] = md_alloc(keys);
    for (int h = 0; h < MD_KEY_HASHES; h++) {
        for (size_t k = 0; k < keys; k++) {
            size_t nkey;
            const uint8_t *at = md_keys_at(&b.keys, k, &nkey);
            b.hash[k] = md_key_hash((enum md_key_hash)h, at, nkey);
        }
        for (int d = 0; d < MD_DISTRIBUTIONS; d++)
            if (d != MD_DIST_RENDEZVOUS || h == MD_HASH_MURMUR3)
                measure_pair(&b, (enum md_distribution)d, (enum md_key_hash)h, false);
        measure_pair(&b, MD_DIST_KETAMA_WEIGHTED, (enum md_key_hash)h, true);
    }
    for (size_t n = 0; n < sizeof b.at / sizeof *b.at; n++)
        free(b.at[n]);
    free(b.hash);
    md_keys_free(&b.keys);
    md_buf_free(&key);
    collect(s);
}

void md_spread_free(struct md_spread *s) {
    free(s->row);
    free(s->finding);
    *s = (struct md_spread){0};
}

bool md_spread_news(const struct md_spread *s) {
    for (size_t i = 0; i < s->findings; i++)
        if (!s->finding[i].expected)
            return true;
    return false;
}

const struct md_spread_row *md_spread_find(const struct md_spread *s, enum md_distribution d,
                                           enum md_key_hash h, bool weighted, size_t n) {
    for (size_t i = 0; i < s->n; i++)
        if (s->row[i].distribution == d && s->row[i].hash == h && s->row[i].weighted == weighted &&
            s->row[i].n == n)
            return &s->row[i];
    return NULL;
}
