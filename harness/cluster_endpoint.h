/*
 * `memdiverge cluster --config-endpoint`: follows a configuration endpoint that is already there.
 * Its list is fetched, judged and told, with the part of the keys that belongs to each node, and each
 * is asked for its version: one that is not there is a finding. If all nodes are on this machine,
 * keys under a prefix of our own are also written through libmemcached, looked for on every node,
 * and removed again; nodes elsewhere get no load.
 */
#ifndef MEMDIVERGE_CLUSTER_ENDPOINT_H
#define MEMDIVERGE_CLUSTER_ENDPOINT_H

#include "harness/cluster_generate.h"
#include "harness/settings.h"

/* Returns the exit code. `seconds`: how long to follow it; 0: one look. */
int md_cluster_follow(const char *host_port, const struct md_cluster_wish *wish, uint64_t seed,
                      uint64_t seconds);

#endif
