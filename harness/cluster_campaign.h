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

/* Runs traces of files and tells what each shows. repro: where the last one is written as a C
 * program; NULL: nowhere. Returns the exit code. */
int md_cluster_replay(const struct md_settings *s, char **files, size_t n, const char *repro);

void md_cluster_node_config(const struct md_settings *s, struct md_cluster_config *out);

#endif
