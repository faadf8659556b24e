/* Beginnings: an empty picture, and the random character of a trace (swarm testing). */
#include "harness/generate_internal.h"

void md_gen_init(struct md_gen *g, struct md_random *r) {
    g->r = r;
    g->out = NULL;
    g->features = g->oddness = g->noreply = 0;
    g->total = 0;
    for (unsigned i = 0; i < MD_GEN_KINDS; i++)
        g->total += g->weight[i] = md_gen_shapes[i].weight;
    g->binary_total = g->binary_cas = 0;
    g->cas = true;
    g->item_max = 1 << 20;
    g->n_keys = g->serial = g->commands = 0;
    g->now = g->flush_at = g->stores = 0;
    g->want_cas = -1;
    g->want_counter = false;
    g->said_quit = g->swallowed = false;
    g->odd = MD_ODD_NONE;
    g->odd_at = g->token = 0;
}

static unsigned md_draw_features(struct md_random *r) {
    static const struct {
        unsigned feature, per_1024;
    } odds[] = {
        {MD_GEN_TTL, 620},   {MD_GEN_CLOCK, 620},     {MD_GEN_COUNTERS, 400}, {MD_GEN_MULTI, 420},
        {MD_GEN_SPLIT, 250}, {MD_GEN_CLOSE, 160},     {MD_GEN_ODD_KEYS, 90},  {MD_GEN_BINARY, 150},
        {MD_GEN_LARGE, 15},  {MD_GEN_LONG, 60},       {MD_GEN_BLOCKS, 300},   {MD_GEN_STATS, 250},
        {MD_GEN_SIZES, 150}, {MD_GEN_CAS_PAIRS, 500}, {MD_GEN_SWEEP, 500},    {MD_GEN_RULES, 25}};
    unsigned features = 0;
    for (size_t i = 0; i < MD_COUNT(odds); i++)
        if (md_chance(r, odds[i].per_1024))
            features |= odds[i].feature;
    return features;
}

void md_gen_swarm(struct md_gen *g) {
    static const uint8_t factors[] = {0, 0, 1, 1, 1, 2, 2, 5};
    static const uint16_t oddness[] = {0,   0,   0,   0,   60,  60,  60,  120,
                                       120, 120, 200, 200, 200, 350, 350, 700};
    static const uint16_t noreply[] = {0, 0, 0, 40, 40, 100, 100, 500};
    uint64_t bits = md_random_next(g->r);
    g->features = md_draw_features(g->r);
    g->oddness = oddness[md_random_next(g->r) >> 60];
    g->noreply = noreply[md_random_next(g->r) >> 61];
    g->total = 0;
    for (unsigned i = 0; i < MD_GEN_KINDS; i++, bits >>= 3) {
        unsigned factor = factors[bits & 7];
        if (i == 20)
            bits = md_random_next(g->r);
        if (factor == 0 && (i == MD_GEN_SET || i == MD_GEN_GET))
            factor = 1;
        g->total += g->weight[i] = (uint16_t)(md_gen_shapes[i].weight * factor);
    }
    if (g->features & MD_GEN_RULES)
        g->total += g->weight[MD_GEN_ADMIN] = (uint16_t)(g->total / 6);
    g->n_keys = 2 + md_pick(g->r, md_chance(g->r, 300) ? MD_GEN_KEYS - 1 : 4);
    for (unsigned i = 0; i < g->n_keys; i++)
        md_gen_make_key(g, i, &g->keys[i]);
}

void md_gen_mostly_meta(struct md_gen *g) {
    g->total = 0;
    for (unsigned i = 0; i < MD_GEN_KINDS; i++) {
        uint16_t least = md_gen_shapes[i].weight, *w = &g->weight[i];
        if (md_gen_is_meta((enum md_gen_kind)i)) {
            *w = (uint16_t)(*w * 4 + least);
        } else {
            *w /= 4;
        }
        g->total += *w;
    }
}

void md_gen_adopt_key(struct md_gen *g, const void *key, size_t len) {
    if (g->n_keys == MD_GEN_KEYS || len == 0 || len > MD_KEY_MAX)
        return;
    struct md_gen_key *k = &g->keys[g->n_keys];
    md_gen_make_key(g, g->n_keys++, k);
    memcpy(k->bytes, key, len);
    k->len = (uint8_t)len;
    k->state = MD_GEN_STORED;
    k->counter = k->seen = true;
}
