/*
 * A campaign against a cluster: traces from a seed, each run on real nodes through a real client;
 * what is found is written down, confirmed on fresh nodes, shrunk, and told.
 */
#ifndef MEMDIVERGE_CLUSTER_CAMPAIGN_H
#define MEMDIVERGE_CLUSTER_CAMPAIGN_H

#include "harness/cluster_generate.h"
#include "harness/settings.h"

/* Runs it until its time is over and prints the summary. Returns the exit code. */
int md_cluster_campaign(const struct md_settings *s, const struct md_cluster_wish *wish);

/* Runs the trace of a file and tells what it shows. repro: where it is written as a C program; NULL:
 * nowhere. Returns the exit code. */
int md_cluster_replay(const struct md_settings *s, const char *file, const char *repro);

void md_cluster_node_config(const struct md_settings *s, struct md_cluster_config *out);

#endif
