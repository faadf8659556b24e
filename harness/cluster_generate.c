/*
 * Random cluster traces. Three moods: all nodes well (whatever is wrong then is plainly wrong);
 * failures and returns with reads and writes around them; and a list that changes. Time passes
 * often enough in the latter for the client's timers to come due.
 */
#include "harness/cluster_generate.h"

#include "harness/generate.h"
#include "harness/key_sets.h"

#include <stdio.h>

enum {
    MD_NAMES = 10,
    MD_KEY_NAMES = 16, /* of a key set */
    MD_STEPS_LEAST = 6,
    MD_STEPS_MORE = 34,
    MD_BIG = 20000
};

enum md_mood { MD_WELL, MD_FAILING, MD_CHANGING, MD_MOODS };

struct md_maker {
    struct md_random random;
    struct md_cluster_trace *t;
    enum md_mood mood;
    unsigned values, places;
    unsigned hot; /* the node that most of what happens happens to */
};

static unsigned md_below(struct md_maker *g, unsigned n) {
    return (unsigned)md_random_below(&g->random, n);
}

static bool md_chance(struct md_maker *g, unsigned one_in) {
    return md_random_one_in(&g->random, one_in);
}

/* ---- settings -------------------------------------------------------------------------------- */

static void md_choose_timers(struct md_maker *g, struct md_client_settings *c) {
    static const uint32_t limits[] = {1, 1, 2, 5}, seconds[] = {0, 1, 2, 10};
    c->auto_eject = md_chance(g, 2);
    c->failure_limit = limits[md_below(g, 4)];
    c->timeout_limit = md_chance(g, 3) ? 1 : 0;
    c->retry_timeout = seconds[md_below(g, 4)];
    c->dead_timeout = seconds[md_below(g, 4)];
    c->poll_timeout = c->connect_timeout = 80;
}

static void md_choose_client(struct md_maker *g, const struct md_cluster_wish *wish) {
    struct md_client_settings *c = &g->t->client;
    c->distribution = wish->has_distribution
                          ? wish->distribution
                          : (enum md_distribution)md_below(g, MD_DIST_VIRTUAL_BUCKET + 1);
    c->hash = wish->has_hash ? wish->hash : (enum md_key_hash)md_below(g, MD_KEY_HASHES);
    if (md_chance(g, 3))
        c->reach = (enum md_reach)md_below(g, MD_REACHES);
    if (c->reach >= MD_REACH_STRING &&
        (c->distribution > MD_DIST_CONSISTENT || c->hash == MD_HASH_MURMUR3))
        c->reach = MD_REACH_CLONE;
    if (c->reach == MD_REACH_KETAMA && c->distribution != MD_DIST_CONSISTENT &&
        c->distribution != MD_DIST_KETAMA_WEIGHTED)
        c->reach = MD_REACH_POOL;
    if (md_chance(g, 4))
        snprintf(c->prefix, sizeof c->prefix, "ns%u:", md_below(g, 3));
    c->hash_with_prefix = c->prefix[0] && md_chance(g, 2);
    c->binary = md_chance(g, 2);
    c->sort_hosts = md_chance(g, 6);
    c->cas = md_chance(g, 8);
    c->no_block = md_chance(g, 6);
    c->buffer = md_chance(g, 8);
    c->noreply = md_chance(g, 8);
    /* Nobody is away in the best of moods: then only a hang takes long, or a busy machine. */
    c->poll_timeout = c->connect_timeout = 2000;
    if (g->mood != MD_WELL)
        md_choose_timers(g, c);
}

static void md_choose_nodes(struct md_maker *g, const struct md_cluster_wish *wish) {
    struct md_cluster_trace *t = g->t;
    t->nodes = wish->nodes ? wish->nodes : 1 + md_below(g, 5);
    t->ports = (enum md_ports)md_below(g, MD_PORTS);
    if (md_chance(g, 4))
        for (unsigned i = 0; i < t->nodes; i++)
            t->weights[i] = 1 + md_below(g, 4);
    g->places = t->nodes;
    g->hot = md_below(g, t->nodes);
}

/* Bytes of a key, but for those that no key of the text protocol can have, and what is too long. */
static size_t md_make_name(const struct md_maker *g, const uint8_t *key, size_t len,
                           char out[MD_CLUSTER_NAME_MAX]) {
    size_t n = 0, room = md_cluster_trace_room(g->t, -1);
    for (size_t i = 0; i < len && n < room; i++)
        if (key[i] > ' ' && key[i] != 127)
            out[n++] = (char)key[i];
    return n;
}

/* As applications have them, or hard on a hash; adversarial: all on one node. */
static void md_choose_key_set(struct md_maker *g) {
    enum md_key_set set = (enum md_key_set)md_below(g, MD_KEY_SETS);
    uint64_t seed = md_random_next(&g->random);
    struct md_keys keys = {0};
    uint16_t at;
    if (set == MD_KEYS_ADVERSARIAL) {
        for (unsigned i = 0; i < MD_NAMES; i++)
            md_cluster_trace_name(g->t, (char[]){(char)('a' + (int)i)}, 1, (int)g->hot, &at);
        return;
    }
    md_keys_make(&keys, set, MD_KEY_NAMES, seed, NULL, 0);
    for (size_t i = 0; i < keys.n; i++) {
        char name[MD_CLUSTER_NAME_MAX];
        size_t len;
        const uint8_t *key = md_keys_at(&keys, i, &len);
        len = md_make_name(g, key, len, name);
        if (len)
            md_cluster_trace_name(g->t, name, len, -1, &at);
    }
    md_keys_free(&keys);
    if (g->t->n_names == 0) /* all of them were of what had to be left out */
        md_cluster_trace_name(g->t, "a", 1, -1, &at);
}

static void md_choose_names(struct md_maker *g) {
    unsigned names = 2 + md_below(g, MD_NAMES - 2);
    if (g->mood == MD_WELL && !md_chance(g, 4)) {
        md_choose_key_set(g);
        return;
    }
    for (unsigned i = 0; i < names; i++) {
        char name[MD_CLUSTER_NAME_MAX];
        uint16_t at;
        int len = snprintf(name, sizeof name, "%c", 'a' + (int)i), on = -1;
        if (i % 2 == 0)
            on = (int)(md_chance(g, 3) ? md_below(g, g->t->nodes) : g->hot);
        else if (md_chance(g, 4))
            len = snprintf(name, sizeof name, "a/rather/long/common/prefix/%u", md_below(g, 1000));
        else if (md_chance(g, 4))
            len = snprintf(name, sizeof name, "\x80\xff%c\xc3%u", 33 + (int)md_below(g, 90),
                           md_below(g, 1000));
        md_cluster_trace_name(g->t, name, (size_t)len, on, &at);
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void md_pick_key(struct md_maker *g, struct md_cluster_step *s) {
    unsigned n = (unsigned)g->t->n_names;
    s->keys[s->n_keys++] = (uint16_t)(md_chance(g, 2) ? md_below(g, n) : 0);
}

static void md_make_set(struct md_maker *g, struct md_cluster_step *s) {
    md_pick_key(g, s);
    s->value_len = (uint8_t)snprintf(s->value, sizeof s->value, "v%u", g->values++);
    s->size = md_chance(g, 12) ? s->value_len + md_below(g, MD_BIG) : s->value_len;
}

static void md_make_mget(struct md_maker *g, struct md_cluster_step *s) {
    unsigned n = 1 + md_below(g, MD_NAMES - 1), from = md_below(g, (unsigned)g->t->n_names);
    for (unsigned i = 0; i < n && i < g->t->n_names; i++)
        s->keys[s->n_keys++] = (uint16_t)((from + i) % g->t->n_names);
}

static void md_make_data(struct md_maker *g) {
    static const enum md_cluster_step_kind kinds[] = {
        MD_CS_SET, MD_CS_SET, MD_CS_SET, MD_CS_GET, MD_CS_GET, MD_CS_GET, MD_CS_MGET, MD_CS_DELETE,
    };
    enum md_cluster_step_kind kind = kinds[md_below(g, 8)];
    if (g->t->client.buffer && md_chance(g, 4))
        kind = MD_CS_FLUSH;
    struct md_cluster_step *s = md_cluster_trace_add(g->t, kind);
    if (kind == MD_CS_SET)
        md_make_set(g, s);
    else if (kind == MD_CS_MGET)
        md_make_mget(g, s);
    else if (kind != MD_CS_FLUSH)
        md_pick_key(g, s);
}

/* The same again and again, as a program does that does not get its answer: what a client does of a
 * node that is away, or back, shows only so. */
static void md_make_burst(struct md_maker *g) {
    enum md_cluster_step_kind kind = md_chance(g, 3) ? MD_CS_SET : MD_CS_GET;
    for (unsigned n = 3 + md_below(g, g->t->client.failure_limit + 2); n > 0; n--) {
        struct md_cluster_step *s = md_cluster_trace_add(g->t, kind);
        if (kind == MD_CS_SET)
            md_make_set(g, s);
        else
            s->n_keys = 1;
        s->keys[0] = 0;
    }
}

static void md_make_event(struct md_maker *g) {
    static const enum md_cluster_step_kind failing[] = {
        MD_CS_KILL, MD_CS_STOP, MD_CS_CONTINUE, MD_CS_CONTINUE, MD_CS_RESTART, MD_CS_RESTART};
    static const enum md_cluster_step_kind changing[] = {MD_CS_REMOVE, MD_CS_ADD,  MD_CS_REPLACE,
                                                         MD_CS_RENEW,  MD_CS_KILL, MD_CS_RESTART};
    const enum md_cluster_step_kind *kinds = g->mood == MD_FAILING ? failing : changing;
    struct md_cluster_step *s = md_cluster_trace_add(g->t, kinds[md_below(g, 6)]);
    if (s->kind == MD_CS_RENEW)
        return;
    s->number = md_chance(g, 3) ? md_below(g, g->places) : g->hot;
    if (s->kind == MD_CS_ADD && md_chance(g, 3))
        s->number = MD_CLUSTER_PLACES;
    g->places += g->places < MD_CLUSTER_NODES_MAX &&
                 (s->kind == MD_CS_REPLACE || s->number == MD_CLUSTER_PLACES);
    bool back = s->kind == MD_CS_RESTART || s->kind == MD_CS_CONTINUE;
    if ((back || s->kind == MD_CS_KILL) && md_chance(g, 3)) {
        if (back) /* long enough for every timer */
            md_cluster_trace_add(g->t, MD_CS_CLOCK)->number = 13;
        md_make_burst(g);
    }
}

static void md_make_step(struct md_maker *g) {
    static const uint32_t seconds[] = {1, 2, 3, 4, 13, 30};
    if (g->mood != MD_WELL && md_chance(g, 15)) {
        md_make_burst(g);
        return;
    }
    if (g->mood != MD_WELL && md_chance(g, 6))
        md_make_event(g);
    else if (g->mood != MD_WELL && md_chance(g, 6))
        md_cluster_trace_add(g->t, MD_CS_CLOCK)->number = seconds[md_below(g, 6)];
    else
        md_make_data(g);
}

void md_cluster_generate(struct md_cluster_trace *t, uint64_t seed, uint64_t index,
                         const struct md_cluster_wish *wish) {
    struct md_maker g = {.t = t};
    md_cluster_trace_free(t);
    md_cluster_trace_init(t);
    md_random_seed(&g.random, seed ^ (index + 1) * UINT64_C(0x9e3779b97f4a7c15));
    g.mood = (enum md_mood)md_below(&g, MD_MOODS);
    md_choose_nodes(&g, wish);
    md_choose_client(&g, wish);
    md_choose_names(&g);
    for (unsigned n = MD_STEPS_LEAST + md_below(&g, MD_STEPS_MORE); n > 0; n--)
        md_make_step(&g);
}
