/*
 * The rings: every server puts points on a circle of 32 bits, and a key goes to the server of the
 * first point at or above its hash.
 *
 *      0 ----*-----*--------*---*-------------* ---- 2^32      * point of server a, b, c ...
 *            a     b   ^    a   c             b
 *                      key: goes to this a; above the last b: back to the first a
 *
 * A point is the hash of a string made of host, port and a number. The port that everybody uses is
 * left out of the string, except where spymemcached's way of writing is asked for.
 */
#include "model/placement_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    POINTS = 100,         /* of a server, one hash each */
    WEIGHTED_POINTS = 40, /* of a server of average weight: MD5s, four points each */
    FROM_MD5 = 4,
    STRING_MAX = MD_HOST_MAX + 32,
};

static int by_place(const void *a, const void *b) {
    const struct md_point *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->server < y->server ? -1 : x->server > y->server;
}

static size_t point_string(const struct md_placement *p, const struct md_server *s, unsigned i,
                           char out[STRING_MAX]) {
    bool spy = p->settings.distribution == MD_DIST_KETAMA_SPY;
    int n = spy || s->port != MD_SERVER_PORT
                ? snprintf(out, STRING_MAX, "%s%s:%u-%u", spy ? "/" : "", s->host, s->port, i)
                : snprintf(out, STRING_MAX, "%s-%u", s->host, i);
    return (size_t)n;
}

/* How many MD5s a server gets, in single precision and cut, as the clients count. */
static unsigned weighted_hashes(const struct md_placement *p, const struct md_server *s,
                                uint64_t total) {
    float share = (float)s->weight / (float)total;
    return (unsigned)(share * (WEIGHTED_POINTS * FROM_MD5) / FROM_MD5 * (float)p->live + 1e-10F);
}

static void put(struct md_placement *p, size_t *cap, uint32_t at, uint32_t server) {
    if (p->points == *cap)
        p->ring = md_grow(p->ring, cap, p->points + 1, sizeof *p->ring);
    p->ring[p->points++] = (struct md_point){.at = at, .server = server};
}

static void put_weighted(struct md_placement *p, size_t *cap, uint32_t server, uint64_t total) {
    unsigned hashes = weighted_hashes(p, &p->server[server], total);
    for (unsigned i = 0; i < hashes; i++) {
        char string[STRING_MAX];
        uint8_t digest[FROM_MD5 * 4], *d = digest;
        md_md5(string, point_string(p, &p->server[server], i, string), digest);
        for (unsigned part = 0; part < FROM_MD5; part++, d += 4)
            put(p, cap, d[0] | (uint32_t)d[1] << 8 | (uint32_t)d[2] << 16 | (uint32_t)d[3] << 24,
                server);
    }
}

static void put_equal(struct md_placement *p, size_t *cap, uint32_t server) {
    const struct md_placement_settings *s = &p->settings;
    enum md_key_hash hash = s->other_points ? s->point_hash : s->hash;
    for (unsigned i = 0; i < POINTS; i++) {
        char string[STRING_MAX];
        size_t n = point_string(p, &p->server[server], i, string);
        put(p, cap, md_key_hash(hash, string, n), server);
    }
}

void md_ring_build(struct md_placement *p) {
    const struct md_placement_settings *s = &p->settings;
    bool by_weight = s->distribution == MD_DIST_KETAMA_WEIGHTED ||
                     (s->distribution == MD_DIST_KETAMA_SPY && s->spy_by_weight);
    size_t cap = 0;
    uint64_t total = 0;
    for (size_t i = 0; i < p->n; i++)
        total += p->server[i].dead ? 0 : p->server[i].weight;
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->server[i].dead)
            continue;
        if (by_weight)
            put_weighted(p, &cap, i, total);
        else
            put_equal(p, &cap, i);
    }
    /* Where two servers have the same point, the one that comes first in the list has it. */
    if (p->points)
        qsort(p->ring, p->points, sizeof *p->ring, by_place);
    for (size_t i = 0; i < p->points; i++)
        p->ring[i].server = p->given[p->ring[i].server];
}

const struct md_point *md_ring_find(const struct md_placement *p, uint32_t hash) {
    size_t low = 0, high = p->points;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->ring[middle].at < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return &p->ring[low == p->points ? 0 : low];
}
