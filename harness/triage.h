/*
 * What becomes of a trace that a worker left in OUT/found: confirmed on a fresh node from itself
 * alone, shrunk, written up in OUT/divergences/SIGNATURE; or, when it does not happen again, kept
 * with the traces that ran before it in OUT/unconfirmed/SIGNATURE. Runs in a process of its own, so
 * that the campaign goes on meanwhile and an interrupt can cut it short.
 */
#ifndef MEMDIVERGE_TRIAGE_H
#define MEMDIVERGE_TRIAGE_H

#include "harness/page.h"
#include "harness/settings.h"

enum md_outcome {
    MD_OUTCOME_NONE, /* still at work, or died */
    MD_OUTCOME_CONFIRMED,
    MD_OUTCOME_UNCONFIRMED,
    MD_OUTCOME_FAILED, /* message says why */
};

struct md_found {
    char path[1024];
    char signature[MD_SIGNATURE_MAX];
};
/* "OUT/found/SIGNATURE-SLOT-N.trace"; false: not the name of a found trace. */
bool md_found_name(const char *out, const char *name, struct md_found *f);
/* Removes a found trace and its window. */
void md_found_remove(const struct md_found *f);

/* Does all of it and fills `result`. max_ms: how long it may shrink. */
void md_triage(const struct md_settings *s, const struct md_found *f, unsigned max_ms,
               struct md_page_triage *result);

#endif
