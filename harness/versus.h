/*
 * Two nodes side by side, without a model: the same trace on both, answer by answer. What only one
 * of them says, or says otherwise, is a difference; which of them is right is for a person to judge.
 *
 * Every trace runs on a new node on either side, so a difference never hangs on what ran before.
 * Symbols of a trace are resolved for each side by what that node itself has shown: the CAS value
 * that its own replies had last for a key, and the counter that its version starts from.
 */
#ifndef MEMDIVERGE_VERSUS_H
#define MEMDIVERGE_VERSUS_H

#include "harness/node.h"
#include "harness/runner.h"
#include "harness/trace.h"

enum { MD_SIDES = 2 };

struct md_versus;

struct md_versus_verdict {
    enum md_verdict_kind kind; /* MD_AGREE, MD_DIVERGED, MD_SKIPPED, MD_FAILED */
    char signature[MD_SIGNATURE_MAX];
    size_t step;                  /* at which it showed */
    struct md_buf said[MD_SIDES]; /* MD_DIVERGED: the answers that differ, bounded */
    struct md_buf reason;         /* MD_FAILED, MD_SKIPPED: why */
};
void md_versus_verdict_free(struct md_versus_verdict *v);

/* NULL: a node could not be started; `why` says which and why. */
struct md_versus *md_versus_new(const struct md_node_config config[MD_SIDES], struct md_buf *why);
void md_versus_free(struct md_versus *v);
const char *md_versus_version(const struct md_versus *v, unsigned side);

/* The verdict's buffers are kept for the next one. */
enum md_verdict_kind md_versus_run(struct md_versus *v, const struct md_trace *t,
                                   struct md_versus_verdict *out);

/*
 * After a run: a transcript of it, a line for each step and below it what either side said, last the
 * answers that differ. The trace and the verdict must be the same.
 */
void md_versus_print(const struct md_versus *v, const struct md_trace *t, struct md_buf *out);

/* Makes the trace as short as it can be while it shows the signature. False: it does not. */
bool md_versus_shrink(struct md_versus *v, struct md_trace *t, const char *signature,
                      unsigned max_ms);

#endif
