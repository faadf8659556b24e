/* Nodes kept ready; see pool.h. */
#include "harness/pool.h"

enum {
    BUDGET_INPUTS = 50000,
    BUDGET_SECONDS = 1000000000, /* virtual; a node's own limit is 2^31 from its birth in 2001 */
    BUDGET_MEMORY_SHARE = 8,     /* bytes stored at most: this part of -m */
};

void md_pool_init(struct md_pool *p, const struct md_node_config *config) {
    *p = (struct md_pool){.config = *config};
    md_node_options_default(&p->default_options);
}

void md_pool_drop(struct md_slot *s) {
    md_node_free(s->node);
    md_node_options_free(&s->options);
    *s = (struct md_slot){0};
}

void md_pool_free(struct md_pool *p) {
    for (int i = 0; i < MD_POOL_SLOTS; i++)
        if (p->slots[i].node)
            md_pool_drop(&p->slots[i]);
    md_node_free(p->spare);
    md_node_options_free(&p->default_options);
}

static bool is_default(const struct md_pool *p, const struct md_node_options *o) {
    return md_node_options_equal(o, &p->default_options);
}

enum md_node_status md_pool_fresh(struct md_pool *p, const struct md_node_options *options,
                                  struct md_node **out) {
    *out = NULL;
    if (p->spare && is_default(p, options)) {
        *out = p->spare;
        p->spare = NULL;
    }
    enum md_node_status status =
        *out ? md_node_ready(*out) : md_node_start(&p->config, options, true, out);
    p->started++;
    /* One ahead for the next time. Its own failure would show when it is used. */
    if (status == MD_NODE_OK && !p->spare && is_default(p, options) &&
        md_node_start(&p->config, options, false, &p->spare) != MD_NODE_OK) {
        md_node_free(p->spare);
        p->spare = NULL;
    }
    return status;
}

static bool worn(const struct md_slot *s, uint64_t seconds) {
    return s->dirty || s->inputs >= BUDGET_INPUTS || s->base.uptime + seconds > BUDGET_SECONDS ||
           s->base.malloced > s->options.model.memory_limit / BUDGET_MEMORY_SHARE;
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
