/*
 * A cluster trace as a C program of its own, for people who have libmemcached and memcached but not
 * memdiverge: it starts the nodes, makes the calls one after the other and prints what each said.
 */
#ifndef MEMDIVERGE_CLUSTER_REPRO_H
#define MEMDIVERGE_CLUSTER_REPRO_H

#include "harness/cluster_run.h"

/* `v`: of a run of this trace, for the keys as they really were. `shows`: for its first lines. */
void md_cluster_repro(const struct md_cluster_trace *t, const struct md_cluster_verdict *v,
                      const char *shows, struct md_buf *out);

#endif
