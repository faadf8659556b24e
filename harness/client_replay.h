/*
 * Calls of libmemcached's in a file (corpus/client/NAME.calls, DIR/divergences/SIGNATURE/calls),
 * run once more: each call with what it should and does return where the two differ.
 */
#ifndef MEMDIVERGE_CLIENT_REPLAY_H
#define MEMDIVERGE_CLIENT_REPLAY_H

#include "harness/settings.h"

/* By its name: "calls", or anything with ".calls" at its end. */
bool md_client_is_calls(const char *file);

/*
 * Runs them and tells what came of it. A known deviation is shown, but is a divergence for the
 * strict oracle only. repro: where they are written as a C program; NULL: nowhere. Returns the
 * exit code.
 */
int md_client_replay(const struct md_settings *s, const char *file, const char *repro);

#endif
