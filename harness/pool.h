/*
 * Nodes kept ready for the runner: one in use for each set of options, and spares started ahead, so
 * that nobody waits for a fresh one: one with default options, and up to two for each of the few
 * sets of options that were asked for again and again last.
 */
#ifndef MEMDIVERGE_POOL_H
#define MEMDIVERGE_POOL_H

#include "harness/node.h"
#include "harness/trace.h"
#include "model/model.h"

enum {
    MD_POOL_SLOTS = 14,
    MD_POOL_SETS = 5,   /* sets of options with spares; the first is the default one */
    MD_POOL_SPARES = 2, /* of one set */
};

struct md_slot {
    struct md_node *node; /* NULL: empty slot */
    struct md_node_options options;
    struct md_base base; /* what the next trace starts from */
    uint64_t number;     /* of the node, among all that this pool had */
    uint64_t inputs;     /* traces run on it */
    uint64_t used_at;    /* for giving up the one not used longest */
    bool dirty;          /* cannot be reset: the next trace gets a new node */
};

/* Nodes of one set of options started ahead, perhaps still starting. */
struct md_spares {
    struct md_node_options options;
    struct md_node *node[MD_POOL_SPARES]; /* the first `n`, oldest first */
    unsigned n;
    uint64_t uses;    /* nodes asked for; 0: this place is free */
    uint64_t used_at; /* for giving up the one not used longest */
};

struct md_pool {
    struct md_node_config config;
    struct md_slot slots[MD_POOL_SLOTS];
    struct md_spares sets[MD_POOL_SETS];
    struct md_node_options default_options;
    uint64_t clock;   /* counts uses */
    uint64_t started; /* nodes started in all */
};

void md_pool_init(struct md_pool *p, const struct md_node_config *config);
void md_pool_free(struct md_pool *p);

/*
 * A slot with a ready node for these options, fit for a trace that moves the clock by `seconds`:
 * within its budget of inputs, bytes and virtual time, else a new one. On failure NULL; *failed (owned
 * by the caller, may be NULL) is the node to ask for the reason.
 */
struct md_slot *md_pool_get(struct md_pool *p, const struct md_node_options *options,
                            uint64_t seconds, struct md_node **failed);
/* A node of its own, not in any slot; the caller frees it. */
enum md_node_status md_pool_fresh(struct md_pool *p, const struct md_node_options *options,
                                  struct md_node **out);
/* Ends the slot's node now. */
void md_pool_drop(struct md_slot *s);

#endif
