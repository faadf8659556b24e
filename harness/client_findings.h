/*
 * What becomes of a divergence between libmemcached and the model. It is on disk before anything
 * else is done with it; then it is confirmed on fresh nodes, up to three times, since what depends
 * on when an answer arrives does not show every time; then it is shrunk. A crash or a sanitizer's
 * report needs no second time. One that stays unconfirmed is kept apart, and looked at again when
 * it is met again.
 *
 *   DIR/divergences/SIGNATURE, DIR/unconfirmed/SIGNATURE
 *       found.calls                            as found
 *       input, calls, repro.c, report.txt      shrunk, if it could be
 */
#ifndef MEMDIVERGE_CLIENT_FINDINGS_H
#define MEMDIVERGE_CLIENT_FINDINGS_H

#include "harness/client_run.h"

struct md_client_finding {
    char signature[MD_CLIENT_SIGNATURE_MAX];
    bool confirmed;
    uint64_t seen;
};

/* Zero-initialised but for `dir` is valid. */
struct md_client_findings {
    const char *dir; /* NULL: nothing is written */
    struct md_client_finding *finding;
    size_t n, cap;
};

enum md_client_fate {
    MD_CLIENT_KNOWN_ALREADY, /* nothing was done */
    MD_CLIENT_CONFIRMED,     /* `s` is the shortest, `v` its verdict */
    MD_CLIENT_UNCONFIRMED,   /* `s` and `v` as found */
    MD_CLIENT_NOT_WRITTEN,   /* `why` */
};

/* `s` diverged in `r`, and `v` is how. */
enum md_client_fate md_client_found(struct md_client_findings *f, struct md_client_runner *r,
                                    struct md_client_sequence *s, struct md_client_verdict *v,
                                    struct md_buf *why);
size_t md_client_found_count(const struct md_client_findings *f, bool confirmed);
void md_client_findings_free(struct md_client_findings *f);

#endif
