/*
 * `--engine random`: whole traces from a seed. Each trace draws its own character (which features,
 * which kinds of command, how long its sends are, how many connections), so that traces differ more
 * than their commands do. It then takes turns: a batch of commands on a connection, a clock step, a
 * connection closed; sends are cut at any byte and their tails come later.
 */
#include "harness/generate.h"

#include "harness/cut.h"
#include "harness/generate_internal.h"

#include <stdlib.h>

enum { MD_SEND_UNITS_CUT = 1 << 20 };

/* A trace in the making. */
struct md_plan {
    struct md_gen g;
    struct md_random random;
    struct md_trace *t;
    size_t max_steps;
    unsigned commands; /* about so many */
    unsigned batch;    /* commands of one send at most */
    unsigned n_conns, conn;
    unsigned clock_rate, cut_rate; /* in 1024 turns */
    bool watching;                 /* a watcher is there */
    bool mortal;                   /* the node runs with -A */
    struct {
        struct md_step tail; /* what was cut off its last send; owned */
        bool has_tail, ended, open;
        bool binary;
    } conns[MD_GEN_CONNS];
};

void md_generate_config_default(struct md_generate_config *c) {
    *c = (struct md_generate_config){.min_steps = 1, .max_steps = 100, .options = true};
}

/* ---- character of the trace -------------------------------------------------------------- */

/*
 * A node of its own is needed for each set of options, and starting one costs as much as a hundred
 * traces. So there are few sets, and of these only some are used at a time: whoever runs traces in
 * order can keep the nodes. Mutants stay with the first ones.
 */
static const struct md_option_set {
    const char *words[6];
} md_option_sets[] = {
    {{"-C"}},
    {{"-I", "16k", "-o", "slab_chunk_max=16384"}},
    {{"-F"}},
    {{"-I", "2m"}},
    {{"-C", "-n", "16", "-m", "256"}},
    {{"-I", "512k"}},
    {{"-m", "64"}},
    {{"-f", "1.08"}},
    {{"-n", "72", "-f", "2"}},
    {{"-C", "-I", "512k"}},
    {{"-F", "-m", "1024"}},
};
enum { MD_MUTANT_SETS = 5, MD_SETS_AT_A_TIME = 4, MD_TRACES_PER_TIME = 16384 };

bool md_gen_take_options(const char *const *words, struct md_node_options *o) {
    struct md_node_options taken;
    struct md_buf why = {0};
    size_t n = 0;
    while (words[n])
        n++;
    md_node_options_default(&taken);
    bool ok = md_node_options_parse(&taken, words, n, &why);
    if (ok)
        md_node_options_copy(o, &taken);
    md_node_options_free(&taken);
    md_buf_free(&why);
    return ok;
}

void md_gen_options(struct md_random *r, struct md_node_options *o) {
    md_gen_take_options(md_option_sets[md_pick(r, MD_MUTANT_SETS)].words, o);
}

/* One of the sets that are in use around this trace. */
static unsigned md_current_set(struct md_plan *p, uint64_t seed, uint64_t index) {
    struct md_random r;
    md_random_seed(&r, seed ^ ~(index / MD_TRACES_PER_TIME));
    unsigned first = md_pick(&r, MD_COUNT(md_option_sets));
    return (first + md_pick(&p->random, MD_SETS_AT_A_TIME)) % MD_COUNT(md_option_sets);
}

static void md_plan_options(struct md_plan *p, unsigned set) {
    md_gen_take_options(md_option_sets[set].words, &p->t->options);
    p->g.cas = p->t->options.model.cas;
    p->g.item_max = p->t->options.model.item_size_max;
    /* Where the limit is low, going over it is cheap. */
    if (p->g.item_max < 1 << 17 && md_chance(&p->random, 700))
        p->g.features |= MD_GEN_LARGE;
}

/* What administrative commands want of a node. */
static void md_admin_options(struct md_plan *p) {
    static const struct md_option_set sets[] = {
        {{"-A"}}, {{"-o", "slab_reassign"}}, {{"-o", "lru_crawler"}}};
    unsigned set = md_pick(&p->random, MD_COUNT(sets));
    md_gen_take_options(sets[set].words, &p->t->options);
    p->mortal = set == 0;
}

static unsigned md_plan_length(struct md_random *r) {
    unsigned dice = md_pick(r, 100);
    if (dice < 10)
        return 1 + md_pick(r, 5);
    if (dice < 70)
        return 6 + md_pick(r, 20);
    if (dice < 95)
        return 15 + md_pick(r, 30);
    return 40 + md_pick(r, 60);
}

static void md_plan_init(struct md_plan *p, struct md_trace *t, uint64_t seed, uint64_t index,
                         enum md_target target) {
    static const uint8_t batches[] = {1, 2, 4, 6, 8, 12, 20, 40};
    static const uint16_t clock_rates[] = {100, 200, 200, 400};
    struct md_random *r = &p->random;
    md_random_seed(r, seed);
    md_random_seed(r, md_random_next(r) ^ index * UINT64_C(0x9e3779b97f4a7c15));
    p->t = t;
    md_gen_init(&p->g, r);
    md_gen_swarm(&p->g);
    if (target == MD_TARGET_META)
        md_gen_mostly_meta(&p->g);
    p->commands = md_plan_length(r);
    p->batch = batches[md_pick(r, MD_COUNT(batches))];
    p->n_conns = md_chance(r, 500) ? 1 : 2 + md_pick(r, MD_GEN_CONNS - 1);
    p->conn = 0;
    p->clock_rate = p->g.features & MD_GEN_CLOCK ? clock_rates[md_pick(r, 4)] : 0;
    /* Long batches mean few turns: time must pass in them too. */
    if (p->clock_rate && p->batch > 8)
        p->clock_rate += 150;
    p->cut_rate = p->g.features & MD_GEN_SPLIT ? (md_chance(r, 300) ? 700 : 200) : 0;
    memset(p->conns, 0, sizeof p->conns);
    p->watching = p->mortal = false;
}

/* ---- steps ------------------------------------------------------------------------------- */

static bool md_room(const struct md_plan *p, size_t steps) {
    return p->t->n_steps + steps <= p->max_steps;
}

static void md_drop_tail(struct md_plan *p, unsigned conn) {
    if (!p->conns[conn].has_tail)
        return;
    md_step_free(&p->conns[conn].tail);
    p->conns[conn].has_tail = false;
}

static void md_close_step(struct md_plan *p, unsigned conn) {
    bool half = md_pick(&p->random, 4) == 0;
    md_trace_add(p->t, half ? MD_STEP_SHUTDOWN : MD_STEP_CLOSE, conn);
    if (half && md_room(p, 1) && md_chance(&p->random, 800))
        md_trace_add(p->t, MD_STEP_CLOSE, conn);
    md_drop_tail(p, conn);
    p->conns[conn].ended = p->conns[conn].open = false;
    p->g.want_cas = -1;
    if (md_pick(&p->random, 6) == 0 && md_room(p, 1)) {
        md_trace_add(p->t, MD_STEP_OPEN, conn);
        p->conns[conn].open = true;
    }
}

uint32_t md_gen_seconds(struct md_random *r) {
    static const uint32_t seconds[] = {1,  1,  1,  1,  1,  2,   2,  2,    3,     3,  4,
                                       5,  5,  6,  7,  10, 10,  11, 0,    0,     29, 30,
                                       31, 59, 60, 61, 62, 100, 3,  1000, 86400, 1};
    static const uint32_t far[] = {2591999, 2592000, 2592001, 2592002, 31536000, 100000000};
    if (md_chance(r, 12))
        return far[md_chance(r, 100) ? md_pick(r, 6) : md_pick(r, 4)];
    return seconds[md_pick(r, MD_COUNT(seconds))];
}

/* The clock goes to where something happens, or a second either side; or anywhere. */
static uint32_t md_aimed_seconds(struct md_plan *p) {
    struct md_gen *g = &p->g;
    uint64_t due = 0;
    if (md_chance(g->r, 300))
        return md_gen_seconds(g->r);
    if (g->flush_at > g->now && md_chance(g->r, 600)) {
        due = g->flush_at;
    } else {
        unsigned start = md_pick(g->r, g->n_keys);
        for (unsigned i = 0; i < g->n_keys && !due; i++) {
            const struct md_gen_key *k = &g->keys[(start + i) % g->n_keys];
            if (k->expires > g->now && md_gen_alive(g, k))
                due = k->expires;
        }
    }
    if (due <= g->now || (due - g->now > 1000 && !md_chance(g->r, 150)))
        return md_gen_seconds(g->r);
    due = due - g->now + md_pick(g->r, 3) - 1;
    return due > MD_CLOCK_STEP_MAX ? MD_CLOCK_STEP_MAX : (uint32_t)due;
}

static void md_clock_turn(struct md_plan *p) {
    struct md_gen *g = &p->g;
    uint32_t seconds = md_aimed_seconds(p);
    if (g->now + seconds > MD_TRACE_CLOCK_MAX)
        return;
    md_trace_add(p->t, MD_STEP_CLOCK, 0)->seconds = seconds;
    g->now += seconds;
    if (g->flush_at && g->now >= g->flush_at) {
        for (unsigned i = 0; i < g->n_keys; i++)
            if (g->keys[i].state == MD_GEN_STORED)
                g->keys[i].state = MD_GEN_FLUSHED;
        g->flush_at = 0;
    }
}

/* Cuts a send anywhere, mostly in its last command; the tail waits for another turn. */
static void md_cut_turn(struct md_plan *p, struct md_step *send, uint64_t last_command) {
    uint64_t units = md_step_units(send), from = md_chance(&p->random, 700) ? last_command : 0;
    if (units < 2 || from + 1 >= units || units > MD_SEND_UNITS_CUT)
        return;
    uint64_t at = from + 1 + md_random_below(&p->random, units - from - 1);
    struct md_step *tail = &p->conns[p->conn].tail;
    *tail = (struct md_step){.kind = MD_STEP_SEND, .conn = send->conn};
    md_step_cut(send, at, tail);
    p->conns[p->conn].has_tail = true;
}

static void md_tail_turn(struct md_plan *p) {
    struct md_step *tail = &p->conns[p->conn].tail;
    struct md_step *send = md_trace_add(p->t, MD_STEP_SEND, p->conn);
    md_step_join(send, tail);
    md_drop_tail(p, p->conn);
    if (md_chance(&p->random, 300))
        md_cut_turn(p, send, 0);
}

static void md_batch_turn(struct md_plan *p) {
    struct md_gen *g = &p->g;
    struct md_step *send = md_trace_add(p->t, MD_STEP_SEND, p->conn);
    unsigned n = 1 + md_pick(&p->random, p->batch);
    uint64_t last = 0;
    bool cut = p->cut_rate && md_chance(&p->random, p->cut_rate);
    if (n > p->commands + 2 - (g->commands < p->commands ? g->commands : p->commands))
        n = 1;
    for (unsigned i = 0; i < n; i++) {
        last = cut ? md_step_units(send) : 0;
        if (p->conns[p->conn].binary)
            md_gen_binary_command(g, send);
        else
            md_gen_command(g, send);
        if (g->want_cas >= 0 || g->swallowed || (g->said_quit && md_chance(&p->random, 800)))
            break;
    }
    p->conns[p->conn].open = true;
    p->conns[p->conn].ended |= g->said_quit || g->swallowed;
    g->said_quit = g->swallowed = false;
    if (cut)
        md_cut_turn(p, send, last);
}

/* A turn on a connection: what it waits for first, if anything. */
static void md_send_turn(struct md_plan *p) {
    struct md_random *r = &p->random;
    if (p->n_conns > 1 && md_chance(r, 500))
        p->conn = md_pick(r, p->n_conns);
    unsigned conn = p->conn;
    bool closes = p->g.features & MD_GEN_CLOSE && md_chance(r, 100);
    if (p->conns[conn].ended && md_chance(r, 900))
        closes = true;
    if (p->conns[conn].has_tail && md_pick(r, 16) == 0)
        closes = true;
    if (closes && p->conns[conn].open)
        md_close_step(p, conn);
    else if (p->conns[conn].has_tail)
        md_tail_turn(p);
    else
        md_batch_turn(p);
}

/* A watcher has a connection of its own; it stays until it is closed. */
static void md_watch_turn(struct md_plan *p) {
    if (!p->watching)
        md_gen_watch(&p->g, md_trace_add(p->t, MD_STEP_SEND, MD_GEN_CONNS));
    else
        md_trace_add(p->t, MD_STEP_CLOSE, MD_GEN_CONNS);
    p->watching = !p->watching;
}

/* The node ends on demand, and begins anew with nothing. */
static void md_shutdown_turn(struct md_plan *p) {
    if (!p->mortal || !md_room(p, 3) || md_chance(&p->random, 300))
        return;
    md_gen_shutdown(&p->g, md_trace_add(p->t, MD_STEP_SEND, p->conn));
    md_trace_add(p->t, MD_STEP_RESTART, 0);
    for (unsigned i = 0; i < p->g.n_keys; i++)
        p->g.keys[i].state = MD_GEN_NEVER;
    for (unsigned i = 0; i < p->n_conns; i++) {
        md_drop_tail(p, i);
        p->conns[i].ended = p->conns[i].open = false;
    }
    md_gen_command(&p->g, md_trace_add(p->t, MD_STEP_SEND, p->conn));
}

static void md_stats_step(struct md_plan *p) {
    struct md_step *send = md_trace_add(p->t, MD_STEP_SEND, p->conn);
    if (p->conns[p->conn].binary)
        md_gen_request(&p->g, send, MD_OP_STAT);
    else
        md_gen_command_of(&p->g, send, MD_GEN_STATS_ALL);
}

/* What was cut off goes out, or not; then a look at everything. */
static void md_end(struct md_plan *p) {
    struct md_random *r = &p->random;
    for (unsigned i = 0; i < p->n_conns; i++)
        if (p->conns[i].has_tail && md_room(p, 1) && md_chance(r, 800)) {
            md_step_join(md_trace_add(p->t, MD_STEP_SEND, i), &p->conns[i].tail);
            md_drop_tail(p, i);
        }
    for (unsigned i = 0; i < p->n_conns; i++)
        if (!p->conns[i].ended && !p->conns[i].has_tail)
            p->conn = i;
    if (p->g.features & MD_GEN_SWEEP && md_room(p, 1)) {
        struct md_step *send = md_trace_add(p->t, MD_STEP_SEND, p->conn);
        (p->conns[p->conn].binary ? md_gen_binary_sweep : md_gen_sweep)(&p->g, send);
    }
    if (p->g.features & MD_GEN_STATS && md_room(p, 1))
        md_stats_step(p);
    for (unsigned i = 0; i < p->n_conns; i++)
        md_drop_tail(p, i);
}

/* Most connections speak the binary protocol, some of them text: about the same keys. */
static void md_plan_binary(struct md_plan *p) {
    static const uint16_t cas[] = {0, 60, 200, 500};
    p->g.binary_cas = cas[md_pick(&p->random, MD_COUNT(cas))];
    md_gen_binary_swarm(&p->g);
    for (unsigned i = 0; i < MD_GEN_CONNS; i++)
        p->conns[i].binary = i == 0 || md_chance(&p->random, 700);
    if (md_chance(&p->random, 60)) /* keys that no text command can name */
        for (unsigned i = 0; i < p->g.n_keys; i++)
            p->g.keys[i].bytes[p->g.keys[i].len / 2] = (uint8_t) " \n\0\r"[md_pick(&p->random, 4)];
}

/* Nodes that speak one protocol only, now and then. */
static void md_plan_protocol(struct md_plan *p) {
    static const char *const only[] = {"-B", "binary", NULL}, *const never[] = {"-B", "ascii",
                                                                                NULL};
    if (p->t->options.n_args == 0 && md_chance(&p->random, 8))
        md_gen_take_options(md_chance(&p->random, 800) ? only : never, &p->t->options);
}

static void md_generate_about(enum md_target target, struct md_trace *t, uint64_t seed,
                              uint64_t index, const struct md_generate_config *c) {
    struct md_plan plan, *p = &plan;
    md_trace_clear(t);
    md_plan_init(p, t, seed, index, target);
    if (target == MD_TARGET_BINARY)
        md_plan_binary(p);
    p->max_steps = c->max_steps ? c->max_steps : 1;
    if (c->options && md_pick(&p->random, 10) == 0)
        md_plan_options(p, md_current_set(p, seed, index));
    else if (c->options && target != MD_TARGET_BINARY && p->g.features & MD_GEN_RULES &&
             md_pick(&p->random, 3) == 0)
        md_admin_options(p);
    if (c->options && target == MD_TARGET_BINARY)
        md_plan_protocol(p);
    while (md_room(p, 1) && (p->g.commands < p->commands || t->n_steps < c->min_steps)) {
        if (t->n_steps > 0 && md_chance(&p->random, p->clock_rate))
            md_clock_turn(p);
        else if (p->g.features & MD_GEN_RULES && md_chance(&p->random, 30))
            md_watch_turn(p);
        else
            md_send_turn(p);
    }
    md_shutdown_turn(p);
    md_end(p);
}

void md_generate(struct md_trace *t, uint64_t seed, uint64_t index,
                 const struct md_generate_config *c) {
    md_generate_about(MD_TARGET_COMMANDS, t, seed, index, c);
}

void md_generate_meta(struct md_trace *t, uint64_t seed, uint64_t index,
                      const struct md_generate_config *c) {
    md_generate_about(MD_TARGET_META, t, seed, index, c);
}

void md_generate_binary(struct md_trace *t, uint64_t seed, uint64_t index,
                        const struct md_generate_config *c) {
    md_generate_about(MD_TARGET_BINARY, t, seed, index, c);
}

void md_generate_command(struct md_random *r, struct md_step *send) {
    struct md_gen g;
    md_gen_init(&g, r);
    md_gen_swarm(&g);
    for (unsigned i = 0; i < g.n_keys; i++)
        g.keys[i].state = MD_GEN_STORED;
    md_gen_command(&g, send);
}
