/*
 * `memdiverge run --target client|placement`: targets that are no traces on one node. Each is a
 * fuzz target of its own that goes on after a finding and sums up itself; this finds it, gives it
 * a folder, a corpus and a command line, and becomes it.
 *
 *   OUT/corpus/TARGET   what libFuzzer found worth keeping; for client also corpus/client's calls
 *   OUT/divergences, OUT/unconfirmed, OUT/summary.json
 */
#ifndef MEMDIVERGE_CAMPAIGN_ALONE_H
#define MEMDIVERGE_CAMPAIGN_ALONE_H

#include "harness/settings.h"

/* Returns only if it could not be started: the exit code, and why was said. */
int md_campaign_alone(struct md_settings *s);

#endif
