/* Random cluster traces from a seed alone. */
#ifndef MEMDIVERGE_CLUSTER_GENERATE_H
#define MEMDIVERGE_CLUSTER_GENERATE_H

#include "harness/cluster_trace.h"

/* What all traces of a campaign have in common. */
struct md_cluster_wish {
    unsigned nodes; /* 0: any number */
    bool has_distribution, has_hash;
    enum md_distribution distribution;
    enum md_key_hash hash;
};

/* Fills t (initialised) with trace number `index` of the stream of this seed. */
void md_cluster_generate(struct md_cluster_trace *t, uint64_t seed, uint64_t index,
                         const struct md_cluster_wish *wish);

#endif
