/*
 * Runs a sequence of calls with libmemcached on a real node and in the model, and says whether the
 * client returned what it should: return code, value, flags, CAS value, number; and, when it is
 * done, whether the node holds what the model holds.
 *
 * What it should return follows from the model's reply to the same command in the text protocol, by
 * the table in client_facts.h. A known deviation explains a difference; in strict mode, or switched
 * off, it is a divergence.
 */
#ifndef MEMDIVERGE_CLIENT_RUN_H
#define MEMDIVERGE_CLIENT_RUN_H

#include "harness/client_box.h"
#include "harness/client_facts.h"
#include "harness/node.h"

enum { MD_CLIENT_FACTS_MAX = 128, MD_CLIENT_SIGNATURE_MAX = 128 };

struct md_client_config {
    struct md_node_config node;
    bool strict; /* a deviation that is met is a divergence, with its id as the signature */
    bool off[MD_CLIENT_FACTS_MAX]; /* rows that are switched off */
    /* For tests, a client that is wrong: called when a call was made (after) or is to be made;
     * what it says true to is not made, and `r` is what the client returned. May be NULL. */
    bool (*lie)(void *ctx, bool after, const struct md_client_call *c, struct md_client_result *r);
    void *lie_ctx;
};

enum md_client_verdict_kind {
    MD_CLIENT_AGREED,
    MD_CLIENT_DIVERGED,
    MD_CLIENT_FAILED, /* our environment */
};

/* Zero-initialised is valid. */
struct md_client_verdict {
    enum md_client_verdict_kind kind;
    char signature[MD_CLIENT_SIGNATURE_MAX]; /* [a-z0-9-] */
    size_t call;                             /* which one; as many as there are: at the end */
    bool crashed; /* the client's process ended: an assertion, a signal, a sanitizer's report */
    const struct md_client_fact *ended_by; /* the deviation after which nothing can be said */
    struct md_buf expected, observed;      /* in words */
    struct md_buf words;                   /* a crashed client's last ones */
};
void md_client_verdict_free(struct md_client_verdict *v);

struct md_client_counts {
    uint64_t sequences, calls, avoided, spoiled, nodes_started;
    uint64_t by_op[MD_CLIENT_OPS], by_outcome[MD_CLIENT_OUTCOMES];
    uint64_t fired[MD_CLIENT_FACTS_MAX];
};

struct md_client_runner;

/* NULL: no node could be started; `why` says so. */
struct md_client_runner *md_client_runner_new(const struct md_client_config *config,
                                              struct md_buf *why);
void md_client_runner_free(struct md_client_runner *r);
/* May be changed between runs. */
struct md_client_config *md_client_runner_config(struct md_client_runner *r);

enum md_client_verdict_kind md_client_run(struct md_client_runner *r,
                                          const struct md_client_sequence *s,
                                          struct md_client_verdict *v);
/* Whether it happens again, with this signature, on nodes started for it alone. */
bool md_client_confirm(struct md_client_runner *r, const struct md_client_sequence *s,
                       const char *signature, struct md_client_verdict *v);
/* Takes calls away and makes arguments plainer, as long as the signature stays. Returns the
 * number of runs; `v` is the verdict of the result. */
unsigned md_client_shrink(struct md_client_runner *r, struct md_client_sequence *s,
                          struct md_client_verdict *v);
const struct md_client_counts *md_client_runner_counts(const struct md_client_runner *r);

/* What happened, for a report: the calls, what was expected and observed, last words. */
void md_client_report(const struct md_client_sequence *s, const struct md_client_verdict *v,
                      struct md_buf *out);
/* Writes DIR/SIGNATURE/{input,calls,repro.c,report.txt}; false: `why`. */
bool md_client_save(const char *dir, const struct md_client_sequence *s,
                    const struct md_client_verdict *v, struct md_buf *why);

#endif
