/*
 * Makes a cluster trace shorter and plainer while it goes on showing the same kind of finding on
 * fresh nodes: without steps, without settings, with fewer nodes, without weights.
 */
#ifndef MEMDIVERGE_CLUSTER_SHRINK_H
#define MEMDIVERGE_CLUSTER_SHRINK_H

#include "harness/cluster_run.h"

struct md_cluster_shrunk {
    unsigned runs;
    bool minimal; /* false: the time was over */
};

/* tries: how often a trace may be run to show it. False: it does not show it, or the environment failed. */
bool md_cluster_shrink(const struct md_cluster_config *config, struct md_cluster_trace *t,
                       const char *kind, unsigned tries, unsigned max_ms,
                       struct md_cluster_shrunk *out);

#endif
