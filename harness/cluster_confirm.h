/*
 * Cluster traces on fresh nodes, run as often as it takes to be sure. That a call took too long can
 * be made of nothing by a busy machine: it counts only if it shows in each of several runs, which is
 * to say that the fastest of them was too slow. So the slack can be small.
 */
#ifndef MEMDIVERGE_CLUSTER_CONFIRM_H
#define MEMDIVERGE_CLUSTER_CONFIRM_H

#include "harness/cluster_run.h"

enum { MD_TIME_RUNS = 4 };

/* Whether a busy machine can make findings of this kind: a call that took too long, or that the
 * client gave up. */
bool md_cluster_is_about_time(const char *kind);
/* Of these only the former: the fastest of several runs is the one that counts. */
bool md_cluster_is_measured(const char *kind);

/* One run on nodes that nobody used before; that a call took too long is told only if it shows in
 * MD_TIME_RUNS runs. */
bool md_cluster_run_fresh(const struct md_cluster_config *config, const struct md_cluster_trace *t,
                          struct md_cluster_verdict *v);

/* How many runs on fresh nodes showed it; 0: it is not confirmed. What depends on when a reply
 * arrives does not show every time, and once is enough; what a busy machine can make must show
 * twice. */
unsigned md_cluster_confirm(const struct md_cluster_config *config,
                            const struct md_cluster_trace *t, const char *kind);

#endif
