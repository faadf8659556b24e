/*
 * Mistakes that a client could make in placing keys: each is made on purpose by another program
 * for rings, as simple as can be (no sorting, no search: every point is looked at for every key),
 * and has to be noticed by the comparison with the model, in a case that was not made for it.
 * Without a mistake that program has to agree.
 */
#include "harness/placement_compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>

/* X(name) */
#define WRONG_LIST(X)                                                                              \
    X(NOTHING)                                                                                     \
    X(POINT_TOO_FEW)                                                                               \
    X(POINT_TOO_MANY)                                                                              \
    X(POINTS_COUNTED_FROM_ONE)                                                                     \
    X(WEIGHT_IGNORED)                                                                              \
    X(WEIGHT_ROUNDED_UP)                                                                           \
    X(WEIGHT_SHARED_WITH_THE_DEAD)                                                                 \
    X(WEIGHT_IN_CONSISTENT)                                                                        \
    X(PORT_ALWAYS_NAMED)                                                                           \
    X(PORT_NEVER_NAMED)                                                                            \
    X(PORT_HAS_FIVE_DIGITS)                                                                        \
    X(OWN_POINT_LEFT_OUT)                                                                          \
    X(WRAP_GOES_TO_THE_LAST)                                                                       \
    X(TIES_GO_TO_THE_LAST)                                                                         \
    X(MD5_READ_BACKWARDS)                                                                          \
    X(ONE_POINT_OF_AN_MD5)                                                                         \
    X(EJECTION_REHASHES)                                                                           \
    X(EJECTION_FORGOTTEN)                                                                          \
    X(PREFIX_ALWAYS_HASHED)                                                                        \
    X(PREFIX_NEVER_HASHED)                                                                         \
    X(ONE_SERVER_LESS)                                                                             \
    X(HOSTS_NEVER_SORTED)                                                                          \
    X(HOSTS_SORTED_BY_HOST_ONLY)

#define X(name) WRONG_##name,
enum wrong { WRONG_LIST(X) WRONGS };
#undef X

static const char *const wrong_names[] = {
#define X(name) #name,
    WRONG_LIST(X)
#undef X
};

enum { POINTS_MAX = 5000, ONE_POINT = 100, FOUR_POINTS = 40 };

struct naive {
    const struct md_placement_case *c;
    enum wrong wrong;
    uint32_t at[POINTS_MAX];
    uint32_t of[POINTS_MAX];
    unsigned n;
};

static unsigned port_of(const struct md_server *s) { return s->port ? s->port : MD_SERVER_PORT; }
static unsigned weight_of(const struct md_server *s) { return s->weight ? s->weight : 1; }

/* ---- a ring ---------------------------------------------------------------------------------- */

/* Of a live server: the sum is not 0. */
static unsigned share_of(const struct naive *w, const struct md_server *s) {
    unsigned total = 0, live = 0;
    for (size_t i = 0; i < w->c->n; i++) {
        bool counts = !w->c->server[i].dead || w->wrong == WRONG_WEIGHT_SHARED_WITH_THE_DEAD;
        total += counts ? weight_of(&w->c->server[i]) : 0;
        live += !w->c->server[i].dead;
    }
    if (w->wrong == WRONG_WEIGHT_IGNORED || total == 0)
        return FOUR_POINTS;
    unsigned scaled = weight_of(s) * FOUR_POINTS * live;
    return (scaled + (w->wrong == WRONG_WEIGHT_ROUNDED_UP ? total - 1 : 0)) / total;
}

static void point(struct naive *w, uint32_t at, uint32_t server) {
    assert_true(w->n < POINTS_MAX);
    w->at[w->n] = at;
    w->of[w->n++] = server;
}

static void server_points(struct naive *w, uint32_t server) {
    const struct md_server *s = &w->c->server[server];
    bool spy = w->c->settings.distribution == MD_DIST_KETAMA_SPY;
    bool by_weight = w->c->settings.distribution == MD_DIST_KETAMA_WEIGHTED ||
                     (w->wrong == WRONG_WEIGHT_IN_CONSISTENT && weight_of(s) > 1);
    unsigned n = by_weight ? share_of(w, s) : ONE_POINT, from = 0;
    n -= w->wrong == WRONG_POINT_TOO_FEW;
    n += w->wrong == WRONG_POINT_TOO_MANY;
    from += w->wrong == WRONG_POINTS_COUNTED_FROM_ONE;
    bool named = spy || port_of(s) != MD_SERVER_PORT || w->wrong == WRONG_PORT_ALWAYS_NAMED;
    for (unsigned i = from; i < n + from; i++) {
        char text[MD_HOST_MAX + 40], port[16] = "";
        uint8_t digest[16];
        if (named && w->wrong != WRONG_PORT_NEVER_NAMED)
            snprintf(port, sizeof port, w->wrong == WRONG_PORT_HAS_FIVE_DIGITS ? ":%05u" : ":%u",
                     port_of(s));
        int len = snprintf(text, sizeof text, "%s%s%s-%u", spy ? "/" : "", s->host, port, i);
        if (!by_weight) {
            point(w, md_key_hash(w->c->settings.hash, text, (size_t)len), server);
            continue;
        }
        MD5((const uint8_t *)text, (size_t)len, digest);
        for (unsigned j = 0; j < (w->wrong == WRONG_ONE_POINT_OF_AN_MD5 ? 1 : 4); j++) {
            const uint8_t *d = digest + (size_t)4 * j;
            uint32_t at = d[0] | (uint32_t)d[1] << 8 | (uint32_t)d[2] << 16 | (uint32_t)d[3] << 24;
            point(w, w->wrong == WRONG_MD5_READ_BACKWARDS ? __builtin_bswap32(at) : at, server);
        }
    }
}

static bool better(const struct naive *w, unsigned a, unsigned b) {
    if (w->at[a] != w->at[b])
        return w->at[a] < w->at[b];
    return w->wrong == WRONG_TIES_GO_TO_THE_LAST ? w->of[a] > w->of[b] : w->of[a] < w->of[b];
}

static uint32_t ring_of(const struct naive *w, uint32_t hash) {
    int above = -1, lowest = -1, highest = -1;
    for (unsigned i = 0; i < w->n; i++) {
        bool in = w->wrong == WRONG_OWN_POINT_LEFT_OUT ? w->at[i] > hash : w->at[i] >= hash;
        if (in && (above < 0 || better(w, i, (unsigned)above)))
            above = (int)i;
        if (lowest < 0 || better(w, i, (unsigned)lowest))
            lowest = (int)i;
        if (highest < 0 || better(w, (unsigned)highest, i))
            highest = (int)i;
    }
    if (w->n == 0)
        return MD_NOWHERE;
    if (above < 0)
        above = w->wrong == WRONG_WRAP_GOES_TO_THE_LAST ? highest : lowest;
    return w->of[above];
}

/* ---- modula ---------------------------------------------------------------------------------- */

static bool sorts_before(const struct naive *w, size_t a, size_t b) {
    const struct md_server *x = &w->c->server[a], *y = &w->c->server[b];
    int order = strcmp(x->host, y->host);
    if (order == 0 && w->wrong != WRONG_HOSTS_SORTED_BY_HOST_ONLY)
        order = (int)port_of(x) - (int)port_of(y);
    return order ? order < 0 : a < b;
}

/* The server that stands at this place in the list that counts. */
static uint32_t nth(const struct naive *w, uint32_t place) {
    if (!w->c->settings.sort_hosts || w->wrong == WRONG_HOSTS_NEVER_SORTED)
        return place;
    for (uint32_t i = 0; i < w->c->n; i++) {
        uint32_t before = 0;
        for (size_t j = 0; j < w->c->n; j++)
            before += j != i && sorts_before(w, j, i);
        if (before == place)
            return i;
    }
    return MD_NOWHERE;
}

/* ---- the side -------------------------------------------------------------------------------- */

static void *make(const struct md_other_side *self, const struct md_placement_case *c,
                  const char **why) {
    struct naive *w = md_calloc(1, sizeof *w);
    (void)why;
    w->c = c;
    w->wrong = (enum wrong)self->variant;
    for (uint32_t i = 0; i < c->n; i++)
        if (!c->server[i].dead || w->wrong == WRONG_EJECTION_FORGOTTEN)
            server_points(w, i);
    return w;
}

static uint32_t rehashed(const struct naive *w, uint32_t hash, uint32_t to) {
    uint32_t live = 0, which;
    for (size_t i = 0; i < w->c->n; i++)
        live += !w->c->server[i].dead;
    if (live == w->c->n || live == 0)
        return to;
    which = hash % live;
    for (uint32_t i = 0; i < w->c->n; i++)
        if (!w->c->server[i].dead && which-- == 0)
            return i;
    return to;
}

static uint32_t naive_of(const void *it, const void *key, size_t nkey) {
    const struct naive *w = it;
    const struct md_placement_settings *s = &w->c->settings;
    uint32_t n = (uint32_t)w->c->n - (w->wrong == WRONG_ONE_SERVER_LESS && w->c->n > 1);
    bool prefixed = s->prefix && (s->hash_with_prefix || w->wrong == WRONG_PREFIX_ALWAYS_HASHED) &&
                    w->wrong != WRONG_PREFIX_NEVER_HASHED;
    struct md_buf whole = {0};
    if (prefixed)
        md_buf_str(&whole, s->prefix);
    md_buf_append(&whole, key, nkey);
    uint32_t hash = md_key_hash(s->hash, whole.data, whole.len);
    md_buf_free(&whole);
    switch (s->distribution) {
    case MD_DIST_MODULA: return nth(w, hash % n);
    case MD_DIST_VIRTUAL_BUCKET: return nth(w, hash & (n - 1));
    default: break;
    }
    uint32_t to = ring_of(w, hash);
    return w->wrong == WRONG_EJECTION_REHASHES ? rehashed(w, hash, to) : to;
}

static void release(void *it) { free(it); }

/* ---- tests ----------------------------------------------------------------------------------- */

/* Cases at random, none of them made for a mistake. */
static void make_case(struct md_placement_case *c, uint64_t seed) {
    static const uint16_t ports[] = {MD_SERVER_PORT, 0, 22122, 80};
    uint64_t r = seed * UINT64_C(0x9e3779b97f4a7c15);
    memset(c, 0, sizeof *c);
    c->settings.distribution = seed % (MD_DIST_VIRTUAL_BUCKET + 1);
    c->settings.hash = r >> 8 & 1 ? MD_HASH_CRC : (r >> 12) % MD_KEY_HASHES;
    c->settings.sort_hosts = r >> 20 & 1;
    c->settings.hash_with_prefix = r >> 21 & 1;
    memcpy(c->prefix, "shop:", 5);
    c->settings.prefix = r >> 22 & 1 ? c->prefix : NULL;
    c->n = 2 + (r >> 24) % 5;
    bool some_dead = r >> 28 & 1;
    for (size_t i = 0; i < c->n; i++) {
        uint64_t s = (r ^ i) * UINT64_C(0xbf58476d1ce4e5b9);
        snprintf(c->server[i].host, MD_HOST_MAX, "cache%u", (unsigned)(s >> 8) % 4);
        c->server[i].port = (uint16_t)(ports[(s >> 16) % 4] + (s >> 32) % 3);
        c->server[i].weight = (uint32_t)((s >> 40) % 4);
        c->server[i].dead = some_dead && i > 0 && (s >> 50) % 3 == 0;
    }
}

enum { CASES = 400, KEYS = 250 };

/* The number of cases until it is noticed; 0: it never is. */
static uint64_t noticed(enum wrong which, uint64_t most, struct md_disagreement *d) {
    struct md_other_side side = {make, naive_of, release, false, which};
    struct md_keys keys = {0};
    uint64_t seed = 1;
    bool found = false;
    md_keys_make(&keys, MD_KEYS_SEQUENTIAL, KEYS, 0, NULL, 0);
    for (; seed <= most && !found; seed++) {
        struct md_placement_case c;
        struct md_compared count = {0};
        make_case(&c, seed);
        found = md_placement_compare(&side, &c, &keys, &count, d);
    }
    md_keys_free(&keys);
    return found ? seed - 1 : 0;
}

static void without_a_mistake_they_agree(void **state) {
    struct md_disagreement d;
    struct md_buf text = {0};
    (void)state;
    if (noticed(WRONG_NOTHING, CASES / 4, &d)) {
        md_disagreement_print(&d, &text);
        fail_msg("%s", md_buf_cstr(&text));
    }
}

static void each_mistake_is_noticed(void **state) {
    (void)state;
    for (enum wrong which = WRONG_NOTHING + 1; which < WRONGS; which++) {
        struct md_disagreement d;
        uint64_t cases = noticed(which, CASES, &d);
        print_message("%-28s noticed in case %llu\n", wrong_names[which],
                      (unsigned long long)cases);
        if (cases == 0)
            fail_msg("%s is not noticed", wrong_names[which]);
    }
}

static void a_mistake_is_made_small(void **state) {
    struct md_other_side side = {make, naive_of, release, false, WRONG_WEIGHT_IGNORED};
    struct md_disagreement d;
    struct md_buf signature = {0};
    (void)state;
    assert_true(noticed(WRONG_WEIGHT_IGNORED, CASES, &d) > 0);
    md_disagreement_shrink(&side, &d);
    assert_int_equal(d.c.n, 2);
    assert_true(d.nkey <= 2);
    assert_true(d.c.server[0].weight + d.c.server[1].weight <= 4);
    assert_false(d.c.settings.sort_hosts || d.c.settings.hash_with_prefix || d.c.settings.prefix);
    assert_int_equal(d.c.settings.hash, MD_HASH_DEFAULT);
    md_disagreement_signature(&d, &signature);
    assert_string_equal(md_buf_cstr(&signature),
                        "placement.ketama-weighted.behaviours-first.other-node");
    md_buf_free(&signature);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_mistake_they_agree),
        cmocka_unit_test(each_mistake_is_noticed),
        cmocka_unit_test(a_mistake_is_made_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
