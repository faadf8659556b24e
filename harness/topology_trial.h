/*
 * Trials of topology discovery: a stand-in for a configuration endpoint whose list changes (nodes
 * added, removed, replaced; versions that go up, stay, go back), that answers badly or is gone, and
 * a client that follows it over real nodes. After every refresh:
 *   - the version in use has not gone down, and the nodes in use are those of the last valid answer;
 *   - a refresh that failed has changed nothing, and says why it failed;
 *   - every key that the client writes is on exactly one node, the one that the placement model
 *     names for the list in use.
 */
#ifndef MEMDIVERGE_TOPOLOGY_TRIAL_H
#define MEMDIVERGE_TOPOLOGY_TRIAL_H

#include "harness/cluster_run.h"
#include "harness/endpoint.h"
#include "harness/topology.h"

/* What a refresh is asked to do; replaced in tests by one that does it wrong. */
typedef enum md_refresh (*md_refresh_fn)(struct md_topology *t, const char *host, uint16_t port,
                                         unsigned deadline_ms, struct md_buf *why);

/* One trial, all of it from the seed. False: the environment failed, v->reason. */
bool md_topology_trial(const struct md_cluster_config *config, uint64_t seed, unsigned steps,
                       md_refresh_fn refresh, struct md_cluster_verdict *v);

#endif
