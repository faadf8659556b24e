/*
 * Runs a cluster trace: real nodes, a real client, and the model of what it may see. What must not
 * be is collected, each kind once with its first step; the run goes on as long as there is a client
 * to go on with.
 */
#ifndef MEMDIVERGE_CLUSTER_RUN_H
#define MEMDIVERGE_CLUSTER_RUN_H

#include "harness/cluster_trace.h"

enum { MD_CLUSTER_KIND_MAX = 128, MD_CLUSTER_FINDINGS_MAX = 16 };

struct md_cluster_finding {
    char kind[MD_CLUSTER_KIND_MAX]; /* the same for the same fault */
    bool hazard;                    /* what failures bring with them, told as what it is */
    size_t step;
    char text[512];
};

/* A key as it really was. */
struct md_cluster_text {
    char bytes[MD_CLUSTER_NAME_MAX + 8];
    size_t len;
};

/* Zero-initialise; reused; free with md_cluster_verdict_free. */
struct md_cluster_verdict {
    bool failed; /* the environment: `reason` */
    struct md_cluster_finding findings[MD_CLUSTER_FINDINGS_MAX];
    size_t n_findings;
    struct md_buf reason;
    struct md_buf story; /* if told: one line for each step */
    bool tell;
    unsigned block;                                     /* of addresses, see cluster.h */
    struct md_cluster_text keys[MD_CLUSTER_TRACE_KEYS]; /* of the trace's names */
    /* What was done. */
    uint64_t calls, asked, errors, misses, hits, stale;
};
void md_cluster_verdict_free(struct md_cluster_verdict *v);

/* The finding of this kind; NULL: there is none. */
const struct md_cluster_finding *md_cluster_found(const struct md_cluster_verdict *v,
                                                  const char *kind);

/*
 * `c` is a cluster that was started, or one with n_places 0 and its config set: then it is started.
 * A cluster that was used is brought back to new where that can be done. False: v->reason. What is
 * told of time holds for this run; cluster_confirm.h has what to make of it.
 */
bool md_cluster_run(struct md_cluster *c, const struct md_cluster_trace *t,
                    struct md_cluster_verdict *v);
/* The longest time, in ms, that a call may take with these settings when `away` nodes do not
 * answer. */
unsigned md_cluster_limit_ms(const struct md_client_settings *s, unsigned away);

#endif
