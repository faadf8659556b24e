/* Nodes kept ready; see pool.h. */
#include "harness/pool.h"

enum {
    BUDGET_INPUTS = 50000,
    BUDGET_SECONDS = 1000000000, /* virtual; a node's own limit is 2^31 from its birth in 2001 */
    BUDGET_PAGES = 128 << 20,    /* bytes of slab pages at most, for the machine's sake */
};

void md_pool_init(struct md_pool *p, const struct md_node_config *config) {
    *p = (struct md_pool){.config = *config};
    md_node_options_default(&p->default_options);
    for (int i = 0; i < MD_POOL_SETS; i++)
        md_node_options_default(&p->sets[i].options);
}

void md_pool_drop(struct md_slot *s) {
    md_node_free(s->node);
    md_node_options_free(&s->options);
    *s = (struct md_slot){0};
}

static void give_up(struct md_spares *s) {
    for (unsigned i = 0; i < s->n; i++)
        md_node_free(s->node[i]);
    md_node_options_free(&s->options);
    *s = (struct md_spares){0};
}

void md_pool_free(struct md_pool *p) {
    for (int i = 0; i < MD_POOL_SLOTS; i++)
        if (p->slots[i].node)
            md_pool_drop(&p->slots[i]);
    for (int i = 0; i < MD_POOL_SETS; i++)
        give_up(&p->sets[i]);
    md_node_options_free(&p->default_options);
}

/* The default set stays in its place; another one may have to make room. */
static struct md_spares *spares_for(struct md_pool *p, const struct md_node_options *options) {
    struct md_spares *oldest = &p->sets[1];
    for (struct md_spares *s = p->sets; s < p->sets + MD_POOL_SETS; s++) {
        if ((s == p->sets || s->uses) && md_node_options_equal(&s->options, options))
            return s;
        if (s > oldest && s->used_at < oldest->used_at)
            oldest = s;
    }
    give_up(oldest);
    md_node_options_copy(&oldest->options, options);
    return oldest;
}

/* How many to have ready: what was asked for once may never be asked for again. */
static unsigned worth(const struct md_pool *p, const struct md_spares *s) {
    if (p->config.connect) /* starts at once: it is there already */
        return 0;
    if (s == p->sets)
        return 1;
    return s->uses <= MD_POOL_SPARES ? (unsigned)s->uses - 1 : MD_POOL_SPARES;
}

static struct md_node *take_oldest(struct md_spares *s) {
    struct md_node *n = s->node[0];
    s->n--;
    for (unsigned i = 0; i < s->n; i++)
        s->node[i] = s->node[i + 1];
    return n;
}

/* Their own failure would show when they are used. */
static void start_ahead(struct md_pool *p, struct md_spares *s) {
    while (s->n < worth(p, s)) {
        struct md_node *n;
        if (md_node_start(&p->config, &s->options, false, &n) != MD_NODE_OK) {
            md_node_free(n);
            return;
        }
        s->node[s->n++] = n;
    }
}

enum md_node_status md_pool_fresh(struct md_pool *p, const struct md_node_options *options,
                                  struct md_node **out) {
    struct md_spares *s = spares_for(p, options);
    enum md_node_status status;
    s->uses++;
    s->used_at = ++p->clock;
    if (s->n) {
        *out = take_oldest(s);
        status = md_node_ready(*out);
    } else {
        status = md_node_start(&p->config, options, true, out);
    }
    p->started++;
    if (status == MD_NODE_OK)
        start_ahead(p, s);
    return status;
}

static bool worn(const struct md_slot *s, uint64_t seconds) {
    uint64_t memory = s->options.model.memory_limit;
    return s->dirty || s->inputs >= BUDGET_INPUTS || s->base.uptime + seconds > BUDGET_SECONDS ||
           s->base.malloced > BUDGET_PAGES || s->base.malloced > memory - memory / 4;
}

static struct md_slot *slot_for(struct md_pool *p, const struct md_node_options *options) {
    struct md_slot *oldest = &p->slots[0];
    for (int i = 0; i < MD_POOL_SLOTS; i++) {
        struct md_slot *s = &p->slots[i];
        if (s->node && md_node_options_equal(&s->options, options))
            return s;
        if (oldest->node && (!s->node || s->used_at < oldest->used_at))
            oldest = s;
    }
    if (oldest->node)
        md_pool_drop(oldest);
    return oldest;
}

struct md_slot *md_pool_get(struct md_pool *p, const struct md_node_options *options,
                            uint64_t seconds, struct md_node **failed) {
    struct md_slot *s = slot_for(p, options);
    *failed = NULL;
    if (s->node && worn(s, seconds))
        md_pool_drop(s);
    if (!s->node) {
        struct md_node *node;
        if (md_pool_fresh(p, options, &node) != MD_NODE_OK) {
            *failed = node;
            return NULL;
        }
        *s = (struct md_slot){
            .node = node, .number = p->started, .base = {.start_time = MD_START_TIME}};
        md_node_options_copy(&s->options, options);
    }
    s->used_at = ++p->clock;
    s->inputs++;
    return s;
}
