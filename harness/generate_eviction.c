/*
 * Whole traces that run a node out of memory on purpose: `fuzz_eviction`, and its share of
 * `--engine random`. Each trace draws its options from a small list, the slab classes that it
 * fills, and its character: what it does to the keys that are there, how time passes, what fails. A
 * class is filled first, then its items are read, changed, flooded out, while the clock moves
 * around the borders that matter to the order of last use.
 */
#include "harness/generate.h"

#include "harness/generate_internal.h"

enum {
    MD_PRESS_BYTES = 1280 << 10, /* of data blocks in one trace, about */
    MD_PRESSING_COMMANDS = 100,  /* in what is added to a trace, at most */
};

/*
 * Few, so that whoever runs traces can start the nodes ahead. What they have in common: few
 * commands, with few bytes, fill a class. A large -f makes classes wide, and their smallest items
 * are a quarter of a chunk; a small one leaves all above 2 KiB to the largest class.
 */
enum { MD_SET_WORDS = 14 };
static const char *const md_tight_sets[][MD_SET_WORDS] = {
    {"-I", "512k", "-m", "1", "-f", "4"},
    {"-I", "512k", "-m", "1", "-f", "2", "-o", "slab_chunk_max=131072"},
    {"-I", "64k", "-m", "1", "-o", "slab_chunk_max=16384"},
    {"-C", "-I", "256k", "-m", "1", "-f", "4", "-o", "slab_chunk_max=65536"},
    {"-I", "128k", "-m", "1", "-f", "1.05", "-o", "slab_chunk_max=131072"},
    {"-M", "-I", "512k", "-m", "1", "-f", "4", "-o", "slab_chunk_max=262144"},
    {"-I", "64k", "-m", "1", "-f", "4", "-n", "1024", "-o", "slab_chunk_max=65536"},
    {"-I", "64k", "-m", "1", "-f", "2", "-o", "slab_chunk_max=65536", "-o", "lru_maintainer"},
    {"-M", "-I", "64k", "-m", "1", "-n", "1024", "-o", "slab_chunk_max=1024"},
    {"-L", "-I", "512k", "-m", "8", "-f", "4"},
    {"-m", "2", "-f", "4"},
    {"-I", "32k", "-m", "1", "-f", "2", "-t", "4", "-o", "slab_chunk_max=32768"},
    {"-I", "1k", "-m", "1", "-f", "4", "-o", "slab_chunk_max=1024"},
    {"-I", "512k", "-m", "1", "-f", "4", "-o", "lru_maintainer", "-o", "lru_crawler"},
    {"-m", "4", "-f", "1.05", "-n", "1", "-o", "slab_chunk_max=262144"},
    {"-C", "-I", "16k", "-m", "1", "-f", "2", "-n", "200", "-o", "slab_chunk_max=8192"},
    {"-I", "128k", "-m", "1", "-f", "4", "-o", "slab_chunk_max=131072", "-o", "lru_maintainer",
     "-o", "temporary_ttl=61"},
    {"-I", "32k", "-m", "2", "-f", "2", "-o", "slab_chunk_max=16384", "-o", "lru_maintainer"},
    {"-I", "512k", "-m", "16", "-f", "1.05"},
};
enum { MD_TIGHT_AT_A_TIME = 4, MD_TIGHT_TRACES_PER_TIME = 64 };

uint32_t md_gen_lru_seconds(struct md_random *r) {
    static const uint16_t seconds[] = {1, 1, 2, 30, 59, 60, 61, 61, 61, 62, 62, 63, 121, 3600};
    return seconds[md_pick(r, MD_COUNT(seconds))];
}

/* ---- options ----------------------------------------------------------------------------- */

/* The same options with another limit of memory. */
static void md_other_limit(struct md_random *r, struct md_node_options *o) {
    static const char *const limits[] = {"1", "1", "2", "3", "4", "8"};
    const char *words[MD_NODE_ARGS_MAX + 1] = {NULL};
    struct md_node_options old;
    md_node_options_default(&old);
    md_node_options_copy(&old, o);
    for (size_t i = 0; i < old.n_args; i++) {
        bool limit = i > 0 && strcmp(old.args[i - 1], "-m") == 0;
        words[i] = limit ? limits[md_pick(r, MD_COUNT(limits))] : old.args[i];
    }
    md_gen_take_options(words, o);
    md_node_options_free(&old);
}

void md_gen_tight_options(struct md_random *r, struct md_node_options *o) {
    if (md_options_tight(&o->model) && md_chance(r, 400))
        md_other_limit(r, o);
    else
        md_gen_take_options(md_tight_sets[md_pick(r, MD_COUNT(md_tight_sets))], o);
}

/* One of the sets that are in use around this trace. */
static void md_current_options(struct md_random *own, uint64_t seed, uint64_t index,
                               struct md_node_options *o) {
    struct md_random r;
    md_random_seed(&r, seed ^ ~(index / MD_TIGHT_TRACES_PER_TIME));
    unsigned first = md_pick(&r, MD_COUNT(md_tight_sets));
    unsigned set = (first + md_pick(own, MD_TIGHT_AT_A_TIME)) % MD_COUNT(md_tight_sets);
    md_gen_take_options(md_tight_sets[set], o);
}

/* ---- character of the trace -------------------------------------------------------------- */

static const struct {
    md_press *act;
    uint8_t weight;
} md_acts[] = {
    {md_press_flood, 30},    {md_press_read, 36},   {md_press_store, 14},  {md_press_chain, 8},
    {md_press_gets_cas, 6},  {md_press_chunked, 7}, {md_press_counter, 4}, {md_press_delete, 4},
    {md_press_too_large, 3}, {md_press_stats, 5},   {md_press_gone, 4},    {md_press_flush, 1},
    {md_press_limit, 6},
};

/* A trace in the making. */
struct md_tight_plan {
    struct md_pressure p;
    struct md_random random;
    struct md_trace *t;
    size_t max_steps;
    unsigned weight[MD_COUNT(md_acts)], total;
    unsigned turns_a_send; /* about */
    unsigned n_conns, conn;
    bool in_send; /* p.g.out is the last step, and more may follow in it */
    /* A store whose data is not complete. */
    bool half;
    unsigned half_conn, half_turns;
    uint32_t half_left;
    uint8_t half_byte;
};

static unsigned md_draw_pressure(struct md_random *r, const struct md_options *o) {
    static const struct {
        unsigned feature, per_1024;
    } odds[] = {{MD_PRESS_DENSE, 110}, {MD_PRESS_BORDER, 500}, {MD_PRESS_CLOCK, 700},
                {MD_PRESS_FLUSH, 150}, {MD_PRESS_SPLIT, 250},  {MD_PRESS_CLOSE, 150},
                {MD_PRESS_LIMIT, 80},  {MD_PRESS_REBOOT, 40}};
    unsigned features = 0;
    for (size_t i = 0; i < MD_COUNT(odds); i++)
        if (md_chance(r, odds[i].per_1024))
            features |= odds[i].feature;
    if (o->memory_limit > 8 * (uint64_t)MD_PAGE_SIZE && md_chance(r, 700))
        features |= MD_PRESS_LIMIT;
    /* What becomes of an item while others wait for their replies cannot be seen. */
    if (o->segmented)
        features &= ~(unsigned)MD_PRESS_SPLIT;
    return features;
}

static void md_draw_weights(struct md_tight_plan *plan) {
    static const uint8_t factors[] = {0, 0, 1, 1, 1, 2, 2, 5};
    plan->total = 0;
    for (size_t i = 0; i < MD_COUNT(md_acts); i++) {
        unsigned factor = factors[md_pick(&plan->random, MD_COUNT(factors))];
        if (md_acts[i].act == md_press_flood && factor == 0)
            factor = 1;
        if (md_acts[i].act == md_press_flush)
            factor = plan->p.features & MD_PRESS_FLUSH ? 4 : 0;
        if (md_acts[i].act == md_press_limit)
            factor = plan->p.features & MD_PRESS_LIMIT ? 1 : 0;
        plan->total += plan->weight[i] = md_acts[i].weight * factor;
    }
}

static unsigned md_tight_length(struct md_random *r) {
    unsigned dice = md_pick(r, 100);
    return dice < 50   ? 20 + md_pick(r, 40)
           : dice < 85 ? 40 + md_pick(r, 80)
                       : 100 + md_pick(r, 200);
}

static void md_tight_init(struct md_tight_plan *plan, struct md_trace *t, uint64_t seed,
                          uint64_t index) {
    static const uint16_t rates[] = {0, 0, 60, 200, 200, 500, 900};
    struct md_random *r = &plan->random;
    *plan = (struct md_tight_plan){.t = t};
    md_random_seed(r, seed ^ UINT64_C(0x6576696374));
    md_random_seed(r, md_random_next(r) ^ index * UINT64_C(0x9e3779b97f4a7c15));
    md_current_options(r, seed, index, &t->options);
    const struct md_options *o = &t->options.model;
    md_pressure_init(&plan->p, r, o, md_draw_pressure(r, o));
    plan->p.ttl = rates[md_pick(r, MD_COUNT(rates))];
    plan->p.flags = rates[md_pick(r, MD_COUNT(rates))];
    plan->p.quiet = rates[md_pick(r, MD_COUNT(rates))];
    if (o->segmented) /* whether there was memory shows in the reply, and nowhere else */
        plan->p.quiet = 0;
    plan->p.most_bytes = MD_PRESS_BYTES;
    plan->p.most_commands = md_tight_length(r);
    plan->turns_a_send = md_chance(r, 150) ? 1 : 2 + md_pick(r, 10);
    plan->n_conns = md_chance(r, 700) ? 1 : 2 + md_pick(r, 2);
    if (plan->p.features & MD_PRESS_SPLIT && plan->n_conns == 1)
        plan->n_conns = 2;
    md_draw_weights(plan);
}

/* ---- steps ------------------------------------------------------------------------------- */

static bool md_tight_room(const struct md_tight_plan *plan, size_t steps) {
    return plan->t->n_steps + steps <= plan->max_steps;
}

static void md_tight_send(struct md_tight_plan *plan, unsigned conn) {
    plan->p.g.out = md_trace_add(plan->t, MD_STEP_SEND, conn);
    plan->p.send_ends = false;
    plan->in_send = true;
}

static void md_step_turn(struct md_tight_plan *plan, enum md_step_kind kind, unsigned conn) {
    md_trace_add(plan->t, kind, conn);
    plan->in_send = false;
}

static void md_clock_turn(struct md_tight_plan *plan) {
    md_step_turn(plan, MD_STEP_CLOCK, 0);
    plan->t->steps[plan->t->n_steps - 1].seconds = md_gen_lru_seconds(&plan->random);
}

/* Not the connection on which the node waits for data. */
static unsigned md_free_conn(struct md_tight_plan *plan) {
    unsigned conn =
        md_chance(&plan->random, 600) ? plan->conn : md_pick(&plan->random, plan->n_conns);
    if (plan->half && conn == plan->half_conn)
        conn = (conn + 1) % plan->n_conns;
    return plan->conn = conn;
}

static void md_begin_half(struct md_tight_plan *plan) {
    md_tight_send(plan, md_free_conn(plan));
    plan->half = true;
    plan->half_conn = plan->conn;
    plan->half_turns = 1 + md_pick(&plan->random, 4);
    plan->half_left = md_press_half_store(&plan->p, &plan->half_byte);
    plan->in_send = false;
}

static void md_end_half(struct md_tight_plan *plan) {
    unsigned dice = md_pick(&plan->random, 100);
    plan->half = false;
    if (dice < 12) {
        md_step_turn(plan, MD_STEP_CLOSE, plan->half_conn);
        return;
    }
    md_tight_send(plan, plan->half_conn);
    if (plan->half_left)
        md_gen_put_fill(&plan->p.g, plan->half_left, plan->half_byte);
    md_gen_put(&plan->p.g, dice < 20 ? "x\r\n" : "\r\n");
    plan->conn = plan->half_conn;
}

/* Nothing survives; then the same again. */
static void md_reboot_turn(struct md_tight_plan *plan) {
    if (md_chance(&plan->random, 300) && md_tight_room(plan, 4)) {
        md_step_turn(plan, MD_STEP_KILL, 0);
        if (plan->p.features & MD_PRESS_CLOCK && md_chance(&plan->random, 500))
            md_clock_turn(plan);
    }
    md_step_turn(plan, MD_STEP_RESTART, 0);
    plan->half = plan->p.cas_wanted = false;
    if (md_tight_room(plan, 1)) {
        md_tight_send(plan, md_free_conn(plan));
        md_press_look(&plan->p);
        if (md_chance(&plan->random, 600))
            md_press_fill(&plan->p, 0);
    }
}

static void md_act_turn(struct md_tight_plan *plan) {
    unsigned at = md_pick(&plan->random, plan->total), i = 0;
    bool fresh =
        !plan->in_send || plan->p.send_ends || md_random_one_in(&plan->random, plan->turns_a_send);
    if (fresh && !md_tight_room(plan, 1))
        return;
    if (fresh)
        md_tight_send(plan, md_free_conn(plan));
    while (at >= plan->weight[i])
        at -= plan->weight[i++];
    md_acts[i].act(&plan->p);
}

static void md_tight_turn(struct md_tight_plan *plan) {
    struct md_random *r = &plan->random;
    unsigned features = plan->p.features;
    if (plan->half && plan->half_turns-- == 0)
        md_end_half(plan);
    else if (features & MD_PRESS_CLOCK && md_chance(r, 130))
        md_clock_turn(plan);
    else if (features & MD_PRESS_SPLIT && !plan->half && md_chance(r, 120))
        md_begin_half(plan);
    else if (features & MD_PRESS_CLOSE && md_chance(r, 40))
        md_step_turn(plan, md_chance(r, 250) ? MD_STEP_SHUTDOWN : MD_STEP_CLOSE,
                     md_free_conn(plan));
    else if (features & MD_PRESS_REBOOT && md_chance(r, 40))
        md_reboot_turn(plan);
    else
        md_act_turn(plan);
}

/* The class is full before anything else happens, mostly; what came first is then at its tail. */
static void md_tight_begin(struct md_tight_plan *plan) {
    struct md_random *r = &plan->random;
    md_tight_send(plan, 0);
    bool brim = !plan->p.options->evict && md_chance(r, 500);
    if (brim)
        md_press_early(&plan->p);
    for (unsigned i = md_chance(r, 300) ? md_pick(r, 6) : 0; i > 0; i--)
        md_act_turn(plan);
    if (plan->p.features & MD_PRESS_CLOCK && md_chance(r, 300) && md_tight_room(plan, 2)) {
        md_clock_turn(plan);
        md_tight_send(plan, plan->conn);
    }
    for (unsigned i = 0; i < plan->p.n_pools; i++)
        if (md_chance(r, i ? 350 : 920))
            md_press_fill(&plan->p, i);
    if (brim)
        md_press_brim(&plan->p);
    plan->p.most_commands += plan->p.commands;
}

void md_generate_eviction(struct md_trace *t, uint64_t seed, uint64_t index,
                          const struct md_generate_config *c) {
    struct md_tight_plan plan, *p = &plan;
    md_trace_clear(t);
    md_tight_init(p, t, seed, index);
    p->max_steps = c->max_steps ? c->max_steps : 1;
    md_tight_begin(p);
    while (md_tight_room(p, 2) &&
           (p->p.commands < p->p.most_commands || t->n_steps < c->min_steps)) {
        md_tight_turn(p);
        if (p->p.bytes >= p->p.most_bytes && t->n_steps >= c->min_steps)
            break;
    }
    if (p->half && md_tight_room(p, 1))
        md_end_half(p);
    if (md_chance(&p->random, 700) && (p->in_send || md_tight_room(p, 1))) {
        if (!p->in_send || (md_random_one_in(&p->random, 2) && md_tight_room(p, 1)))
            md_tight_send(p, md_free_conn(p));
        md_press_look(&p->p);
    }
    while (t->n_steps > 1 && t->steps[t->n_steps - 1].kind == MD_STEP_SEND &&
           t->steps[t->n_steps - 1].n_parts == 0)
        md_trace_remove(t, t->n_steps - 1, 1);
}

void md_gen_pressing_commands(struct md_random *r, const struct md_options *o,
                              struct md_step *send) {
    struct md_pressure p;
    md_pressure_init(&p, r, o, md_draw_pressure(r, o));
    p.g.out = send;
    p.ttl = md_pick(r, 400);
    p.most_bytes = MD_PRESS_BYTES / 4;
    p.most_commands = MD_PRESSING_COMMANDS;
    for (unsigned i = 0; i < p.n_pools; i++)
        p.pool[i].begun = md_pick(r, p.pool[i].capacity + p.pool[i].capacity / 2 + 2);
    do
        md_acts[md_pick(r, MD_COUNT(md_acts))].act(&p);
    while (md_random_one_in(r, 2));
}
