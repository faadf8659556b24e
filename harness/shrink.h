/*
 * Makes a trace small while it keeps its signature: ddmin over steps and connections, then simpler
 * keys, values, numbers, tokens and options, until nothing single can go. Deterministic,
 * idempotent.
 */
#ifndef MEMDIVERGE_SHRINK_H
#define MEMDIVERGE_SHRINK_H

#include "harness/runner.h"
#include "harness/trace.h"

struct md_shrink_config {
    /* What a candidate has to show, instead of a divergence with the signature on the runner's node (then
     * there is no need of a runner): on nodes that nothing ran on before, if `fresh`. May be NULL. */
    bool (*shows)(void *ctx, const struct md_trace *t, const char *signature, bool fresh);
    unsigned max_runs; /* candidates to try at most; 0: no limit */
    unsigned max_ms;   /* wall time at most; 0: no limit */
    /* Called now and then with the current best; may be NULL. False stops early. */
    bool (*progress)(void *ctx, size_t steps, size_t commands, unsigned runs);
    void *ctx;
    /* Called when a candidate shows another divergence; may be NULL. */
    void (*found_other)(void *ctx, const struct md_trace *t, const struct md_verdict *v);
};

struct md_shrink_result {
    unsigned runs, ms;
    size_t steps, commands, bytes;
    bool minimal; /* false: a limit was hit first */
};

/* t becomes the smallest found. False: t does not show the signature on a fresh node. */
bool md_shrink(struct md_runner *r, struct md_trace *t, const char *signature,
               const struct md_shrink_config *config, struct md_shrink_result *result);

#endif
