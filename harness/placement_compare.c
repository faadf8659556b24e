/* The model's placement against another one; see placement_compare.h. */
#include "harness/placement_compare.h"

#include "harness/trace.h"

#include <stdlib.h>

/* ---- the library as the other side ----------------------------------------------------------- */

static void *make_library(const struct md_other_side *self, const struct md_placement_case *c,
                          const char **why) {
    (void)self;
    return md_library_new(c->reach, &c->settings, c->server, c->n, why);
}
static uint32_t library_of(const void *it, const void *key, size_t nkey) {
    return md_library_of(it, key, nkey);
}
static void release_library(void *it) { md_library_free(it); }

const struct md_other_side *md_side_library(void) {
    static const struct md_other_side side = {make_library, library_of, release_library, true, 0};
    return &side;
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* A case, opened: both sides, and the model as the library is known to deviate. */
struct pair {
    const struct md_placement_case *c;
    const struct md_other_side *side;
    void *other;
    struct md_placement *model, *really; /* really: the same, if nothing is known */
    enum md_deviation known;
};

static bool pair_open(struct pair *p, const struct md_other_side *side,
                      const struct md_placement_case *c) {
    struct md_placement_settings really = c->settings;
    const char *why;
    *p = (struct pair){.c = c, .side = side, .known = MD_DEVIATION_NONE};
    p->other = side->make(side, c, &why);
    if (!p->other)
        return false;
    p->model = md_placement_new(&c->settings, c->server, c->n);
    if (side->is_library)
        p->known = md_library_deviation(c->reach, &c->settings, c->server, c->n, &really);
    p->really = p->known ? md_placement_new(&really, c->server, c->n) : p->model; /* dear */
    return true;
}

static void pair_close(struct pair *p) {
    p->side->release(p->other);
    if (p->really != p->model)
        md_placement_free(p->really);
    md_placement_free(p->model);
}

/* Of servers with the same host and port nobody can say which is meant: the first one stands for
 * them. */
static uint32_t representative(const struct md_placement_case *c, uint32_t server) {
    bool ejects = md_distribution_is_ring(c->settings.distribution);
    for (uint32_t i = 0; i < server && server < c->n; i++) {
        const struct md_server *a = &c->server[i], *b = &c->server[server];
        if ((a->port ? a->port : MD_SERVER_PORT) == (b->port ? b->port : MD_SERVER_PORT) &&
            strcmp(a->host, b->host) == 0 && !(ejects && a->dead))
            return i;
    }
    return server;
}

static uint32_t placed(const struct pair *p, const struct md_placement *by, const void *key,
                       size_t nkey) {
    return representative(p->c, md_placement_of(by, key, nkey));
}

/* What the library hashes in place of the key; false: the key itself. */
static bool cut_at_nul(const struct pair *p, const uint8_t *key, size_t nkey,
                       uint8_t out[MD_KEY_LONGEST]) {
    const struct md_placement_settings *s = &p->c->settings;
    const uint8_t *nul = memchr(key, 0, nkey);
    if (!p->side->is_library || !nul || !s->hash_with_prefix)
        return false;
    memset(out, 0, nkey);
    memcpy(out, key, (size_t)(nul - key));
    return true;
}

enum outcome { AGREED, KNOWN, NEWS };

static enum outcome pair_key(const struct pair *p, const uint8_t *key, size_t nkey,
                             struct md_disagreement *d) {
    uint8_t cut[MD_KEY_LONGEST];
    uint32_t model = placed(p, p->model, key, nkey);
    uint32_t other = representative(p->c, p->side->of(p->other, key, nkey));
    enum md_deviation known = p->known;
    *d = (struct md_disagreement){.model = model, .other = other, .nkey = nkey};
    if (other == model && p->known == MD_DEVIATION_NONE)
        return AGREED;
    const uint8_t *hashed = key;
    if (cut_at_nul(p, key, nkey, cut)) {
        hashed = cut;
        known = known ? known : MD_DEVIATION_PREFIX_NUL;
    }
    if (placed(p, p->really, hashed, nkey) != other)
        known = MD_DEVIATION_NONE;
    else if (other == model)
        return AGREED;
    d->known = known;
    return known ? KNOWN : NEWS;
}

/* Walks the keys up to the first one with this outcome. */
static bool walk(const struct md_other_side *side, const struct md_placement_case *c,
                 const struct md_keys *keys, enum outcome until, struct md_compared *count,
                 struct md_disagreement *first) {
    struct pair p;
    struct md_disagreement d;
    bool found = false;
    if (!pair_open(&p, side, c)) {
        count->refused++;
        return false;
    }
    for (size_t i = 0; i < keys->n; i++) {
        size_t nkey;
        const uint8_t *key = md_keys_at(keys, i, &nkey);
        if (nkey + (c->settings.prefix ? strlen(c->settings.prefix) : 0) > MD_KEY_LONGEST)
            continue; /* not a key */
        enum outcome outcome = pair_key(&p, key, nkey, &d);
        count->placements++;
        count->agreed += outcome == AGREED;
        count->known[d.known] += outcome == KNOWN;
        if (outcome == until && !found) {
            found = true;
            *first = d;
            memcpy(first->key, key, nkey);
        }
    }
    if (found) {
        first->c = *c;
        first->c.settings.prefix = c->settings.prefix ? first->c.prefix : NULL;
    }
    pair_close(&p);
    return found;
}

bool md_placement_compare(const struct md_other_side *side, const struct md_placement_case *c,
                          const struct md_keys *keys, struct md_compared *count,
                          struct md_disagreement *first) {
    return walk(side, c, keys, NEWS, count, first);
}

bool md_placement_known(const struct md_other_side *side, const struct md_placement_case *c,
                        const struct md_keys *keys, struct md_disagreement *first) {
    struct md_compared count = {0};
    return walk(side, c, keys, KNOWN, &count, first);
}

/* ---- making it smaller ----------------------------------------------------------------------- */

/* Short keys first, then numbered ones, then the one that was found. */
static void candidates(struct md_keys *k, const struct md_disagreement *d) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    enum { NUMBERED = 2000, LETTERS = sizeof letters - 1 };
    for (size_t i = 0; i < LETTERS; i++)
        md_keys_add(k, &letters[i], 1);
    for (size_t i = 0; i < LETTERS; i++)
        for (size_t j = 0; j < LETTERS; j++)
            md_keys_add(k, (char[]){letters[i], letters[j]}, 2);
    if (d->known == MD_DEVIATION_PREFIX_NUL)
        for (size_t i = 0; i < LETTERS; i++)
            md_keys_add(k, (char[]){0, letters[i]}, 2);
    md_keys_make(k, MD_KEYS_SEQUENTIAL, NUMBERED, 0, NULL, 0);
    md_keys_add(k, d->key, d->nkey);
}

/* Keeps `smaller` in place of d if it shows the same thing. */
static bool still(const struct md_other_side *side, struct md_disagreement *d,
                  struct md_placement_case *smaller, const struct md_keys *keys) {
    struct md_disagreement found;
    struct md_compared count = {0};
    smaller->settings.prefix = smaller->settings.prefix ? smaller->prefix : NULL;
    if (!walk(side, smaller, keys, d->known ? KNOWN : NEWS, &count, &found) ||
        found.known != d->known)
        return false;
    *d = found;
    d->c.settings.prefix = found.c.settings.prefix ? d->c.prefix : NULL;
    return true;
}

static void fewer_servers(const struct md_other_side *side, struct md_disagreement *d,
                          const struct md_keys *keys) {
    for (size_t i = d->c.n; i-- > 0 && d->c.n > 1;) {
        struct md_placement_case c = d->c;
        c.n--;
        memmove(&c.server[i], &c.server[i + 1], (c.n - i) * sizeof c.server[0]);
        still(side, d, &c, keys);
        i = i < d->c.n ? i : d->c.n;
    }
}

static void plainer_servers(const struct md_other_side *side, struct md_disagreement *d,
                            const struct md_keys *keys) {
    for (size_t i = 0; i < d->c.n; i++) {
        struct md_placement_case c = d->c;
        memset(c.server[i].host, 0, sizeof c.server[i].host);
        memcpy(c.server[i].host, (char[]){(char)('a' + i % 26), 0}, 2);
        still(side, d, &c, keys);
        c = d->c;
        c.server[i].port = MD_SERVER_PORT;
        still(side, d, &c, keys);
        c = d->c;
        c.server[i].dead = false;
        still(side, d, &c, keys);
        for (uint32_t weight = 1; weight < d->c.server[i].weight && weight <= 4; weight++) {
            c = d->c;
            c.server[i].weight = weight;
            still(side, d, &c, keys);
        }
    }
}

static void plainer_settings(const struct md_other_side *side, struct md_disagreement *d,
                             const struct md_keys *keys) {
    struct md_placement_case c = d->c;
    c.settings.sort_hosts = false;
    still(side, d, &c, keys);
    c = d->c;
    c.settings.hash_with_prefix = false;
    still(side, d, &c, keys);
    c = d->c;
    c.settings.prefix = NULL;
    still(side, d, &c, keys);
    for (int h = 0; h < (int)d->c.settings.hash; h++) {
        c = d->c;
        c.settings.hash = (enum md_key_hash)h;
        if (still(side, d, &c, keys))
            break;
    }
}

void md_disagreement_shrink(const struct md_other_side *side, struct md_disagreement *d) {
    struct md_keys keys = {0};
    d->c.settings.prefix = d->c.settings.prefix ? d->c.prefix : NULL;
    candidates(&keys, d);
    for (size_t before = 0; before != d->c.n;) {
        before = d->c.n;
        fewer_servers(side, d, &keys);
        plainer_settings(side, d, &keys);
        plainer_servers(side, d, &keys);
    }
    struct md_placement_case c = d->c;
    still(side, d, &c, &keys); /* the shortest key */
    md_keys_free(&keys);
}

/* ---- telling --------------------------------------------------------------------------------- */

void md_disagreement_signature(const struct md_disagreement *d, struct md_buf *out) {
    md_buf_printf(out, "placement.%s.%s.%s", md_distribution_id(d->c.settings.distribution),
                  md_reach_id(d->c.reach),
                  d->known                 ? md_deviation_id(d->known)
                  : d->other == MD_NOWHERE ? "nowhere"
                                           : "other-node");
}

static void print_server(const struct md_disagreement *d, uint32_t i, struct md_buf *out) {
    if (i >= d->c.n)
        md_buf_str(out, "no node");
    else
        md_buf_printf(out, "node %u (%s:%u)", i, d->c.server[i].host, d->c.server[i].port);
}

void md_disagreement_print(const struct md_disagreement *d, struct md_buf *out) {
    const struct md_placement_settings *s = &d->c.settings;
    md_disagreement_signature(d, out);
    md_buf_printf(out, "\n  settings: %s, hash %s%s%s", md_distribution_id(s->distribution),
                  md_key_hash_id(s->hash), s->sort_hosts ? ", hosts sorted" : "",
                  s->hash_with_prefix ? ", namespace hashed" : "");
    if (s->prefix)
        md_buf_printf(out, ", namespace \"%s\"", s->prefix);
    md_buf_printf(out, "\n  reached by: %s\n  servers:", md_reach_how(d->c.reach));
    for (size_t i = 0; i < d->c.n; i++)
        md_buf_printf(out, " %s:%u%s", d->c.server[i].host, d->c.server[i].port,
                      d->c.server[i].dead ? " (dead)" : "");
    md_buf_str(out, "\n  weights:");
    for (size_t i = 0; i < d->c.n; i++)
        md_buf_printf(out, " %u", d->c.server[i].weight);
    md_buf_str(out, "\n  key: \"");
    md_bytes_print(d->key, d->nkey, out);
    md_buf_str(out, "\"\n  expected: ");
    print_server(d, d->model, out);
    md_buf_str(out, "\n  observed: ");
    print_server(d, d->other, out);
    md_buf_str(out, "\n");
}
