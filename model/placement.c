/* Where a key lives, but for the rings (ring.c) and the hashes (key_hash.c). See placement.h. */
#include "model/placement_internal.h"

#include "model/hash.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *id;
    bool is_ring;
} distributions[] = {
#define X(name, id, ring) {id, ring},
    MD_DISTRIBUTION_LIST(X)
#undef X
};

static const char *const hashes[] = {
#define X(name, id) id,
    MD_KEY_HASH_LIST(X)
#undef X
};

const char *md_distribution_id(enum md_distribution d) { return distributions[d].id; }
bool md_distribution_is_ring(enum md_distribution d) { return distributions[d].is_ring; }
const char *md_key_hash_id(enum md_key_hash h) { return hashes[h]; }

bool md_distribution_find(const char *id, enum md_distribution *out) {
    for (int i = 0; i < MD_DISTRIBUTIONS; i++)
        if (strcmp(distributions[i].id, id) == 0) {
            *out = (enum md_distribution)i;
            return true;
        }
    return false;
}

bool md_key_hash_find(const char *id, enum md_key_hash *out) {
    for (int i = 0; i < MD_KEY_HASHES; i++)
        if (strcmp(hashes[i], id) == 0) {
            *out = (enum md_key_hash)i;
            return true;
        }
    return false;
}

/* ---- making one ------------------------------------------------------------------------------ */

/* Stable: n is small, and equal servers must keep their order. */
static void sort_hosts(struct md_placement *p) {
    for (size_t i = 1; i < p->n; i++)
        for (size_t j = i; j > 0; j--) {
            struct md_server *a = &p->server[j - 1], *b = &p->server[j], other;
            int order = strcmp(a->host, b->host);
            if (order < 0 || (order == 0 && a->port <= b->port))
                break;
            other = *a, *a = *b, *b = other;
            uint32_t index = p->given[j - 1];
            p->given[j - 1] = p->given[j], p->given[j] = index;
        }
}

struct md_placement *md_placement_new(const struct md_placement_settings *settings,
                                      const struct md_server *servers, size_t n) {
    struct md_placement *p = md_calloc(1, sizeof *p);
    p->settings = *settings;
    p->settings.prefix = settings->prefix ? md_strdup(settings->prefix) : NULL;
    p->n = n;
    p->server = md_calloc(n, sizeof *p->server);
    p->given = md_calloc(n, sizeof *p->given);
    memcpy(p->server, servers, n * sizeof *servers);
    for (size_t i = 0; i < n; i++) {
        p->given[i] = (uint32_t)i;
        p->server[i].port = p->server[i].port ? p->server[i].port : MD_SERVER_PORT;
        p->server[i].weight = p->server[i].weight ? p->server[i].weight : 1;
        p->live += !p->server[i].dead;
    }
    p->ejects = md_distribution_is_ring(settings->distribution) ||
                settings->distribution == MD_DIST_RENDEZVOUS;
    if (settings->sort_hosts)
        sort_hosts(p);
    if (md_distribution_is_ring(settings->distribution))
        md_ring_build(p);
    return p;
}

void md_placement_free(struct md_placement *p) {
    if (!p)
        return;
    free((char *)p->settings.prefix);
    free(p->server);
    free(p->given);
    free(p->ring);
    free(p);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Each live server is scored by a hash of its name and the key; equal scores go to the name that
 * sorts last. */
static uint32_t rendezvous(const struct md_placement *p, const void *key, size_t nkey) {
    char text[MD_HOST_MAX + 16], winner_text[MD_HOST_MAX + 16] = "";
    uint32_t best = 0, winner = MD_NOWHERE;
    struct md_buf b = {0};
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->server[i].dead)
            continue;
        snprintf(text, sizeof text, "%s:%u", p->server[i].host, p->server[i].port);
        md_buf_clear(&b);
        md_buf_printf(&b, "%s-", text);
        md_buf_append(&b, key, nkey);
        uint32_t score = md_hash(b.data, b.len);
        if (winner == MD_NOWHERE || score > best ||
            (score == best && strcmp(text, winner_text) > 0)) {
            best = score, winner = i;
            memcpy(winner_text, text, sizeof text);
        }
    }
    md_buf_free(&b);
    return winner;
}

/* Lamping and Veach: the bucket moves on as long as a pseudo-random jump stays below n. */
static uint32_t jump(uint64_t key, size_t n) {
    int64_t bucket = -1, next = 0;
    while (next < (int64_t)n) {
        bucket = next;
        key = key * UINT64_C(2862933555777941757) + 1;
        next = (int64_t)((double)(bucket + 1) *
                         ((double)(INT64_C(1) << 31) / (double)((key >> 33) + 1)));
    }
    return (uint32_t)bucket;
}

uint32_t md_placement_of_hash(const struct md_placement *p, uint32_t hash) {
    if (p->n == 1 && (p->live || !p->ejects))
        return 0;
    switch (p->settings.distribution) {
    case MD_DIST_MODULA: return p->given[hash % p->n];
    case MD_DIST_VIRTUAL_BUCKET: return p->given[hash & (p->n - 1)];
    case MD_DIST_JUMP: return p->given[jump(hash, p->n)];
    default: return p->points ? md_ring_find(p, hash)->server : MD_NOWHERE;
    }
}

static uint32_t hash_of(const struct md_placement *p, const void *key, size_t nkey) {
    if (!p->settings.hash_with_prefix || !p->settings.prefix)
        return md_key_hash(p->settings.hash, key, nkey);
    struct md_buf whole = {0};
    md_buf_str(&whole, p->settings.prefix);
    md_buf_append(&whole, key, nkey);
    uint32_t hash = md_key_hash(p->settings.hash, whole.data, whole.len);
    md_buf_free(&whole);
    return hash;
}

uint32_t md_placement_of(const struct md_placement *p, const void *key, size_t nkey) {
    if (p->settings.distribution != MD_DIST_RENDEZVOUS)
        return md_placement_of_hash(p, hash_of(p, key, nkey));
    return p->live ? p->given[rendezvous(p, key, nkey)] : MD_NOWHERE;
}

size_t md_placement_ring(const struct md_placement *p, const struct md_point **points) {
    *points = p->ring;
    return p->points;
}

/* ---- shares ---------------------------------------------------------------------------------- */

uint64_t md_key_hash_values(enum md_key_hash hash) {
    return hash == MD_HASH_CRC ? UINT64_C(1) << 15 : UINT64_C(1) << 32;
}

/* The first point also has what lies above the last. */
static void ring_shares(const struct md_placement *p, double *shares) {
    uint64_t values = md_key_hash_values(p->settings.hash), from = 0;
    for (size_t i = 0; i < p->points && from < values; i++) {
        uint64_t to = (uint64_t)p->ring[i].at + 1;
        to = to < values ? to : values;
        shares[p->ring[i].server] += (double)(to - from) / (double)values;
        from = to;
    }
    shares[p->ring[0].server] += (double)(values - from) / (double)values;
}

static void bucket_shares(const struct md_placement *p, double *shares) {
    uint32_t mask = (uint32_t)(p->n - 1), hit = 0;
    for (uint32_t i = 0; i <= mask; i++)
        hit += (i & mask) == i;
    for (uint32_t i = 0; i <= mask; i++)
        shares[p->given[i]] = (i & mask) == i ? 1.0 / hit : 0;
}

bool md_placement_shares(const struct md_placement *p, double *shares) {
    uint64_t values = md_key_hash_values(p->settings.hash);
    for (size_t i = 0; i < p->n; i++)
        shares[i] = 0;
    if (p->live == 0 && p->ejects)
        return false;
    switch (p->settings.distribution) {
    case MD_DIST_MODULA:
        for (size_t i = 0; i < p->n; i++) {
            uint64_t mine = values / p->n + (i < values % p->n);
            shares[p->given[i]] = (double)mine / (double)values;
        }
        return true;
    case MD_DIST_VIRTUAL_BUCKET: bucket_shares(p, shares); return true;
    case MD_DIST_RENDEZVOUS:
        for (size_t i = 0; i < p->n; i++)
            shares[p->given[i]] = p->server[i].dead ? 0 : 1.0 / (double)p->live;
        return true;
    case MD_DIST_JUMP:
        if (p->settings.hash == MD_HASH_CRC)
            return false;
        for (size_t i = 0; i < p->n; i++)
            shares[i] = 1.0 / (double)p->n;
        return true;
    default: ring_shares(p, shares); return true;
    }
}
