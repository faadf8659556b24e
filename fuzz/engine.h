/*
 * Between libFuzzer and the harness. As a worker of `memdiverge run` (MEMDIVERGE_WORKER names the
 * shared page and the slot) a divergence is put on disk and fuzzing goes on. By hand, or in
 * OSS-Fuzz, it is confirmed on a fresh node, printed as "Assertion failure: SIGNATURE" and aborts.
 *
 * Settings of one's own go behind -ignore_remaining_args=1, as for `memdiverge run`:
 *
 *   fuzz_commands corpus -ignore_remaining_args=1 --node ./memcached
 */
#ifndef MEMDIVERGE_ENGINE_H
#define MEMDIVERGE_ENGINE_H

#include "harness/generate.h"

#include <stddef.h>
#include <stdint.h>

struct md_engine;

/* Reads the settings; nodes are started with the first input, not before. Never NULL. */
struct md_engine *md_engine_new(enum md_target target, int argc, char **argv);
/* Runs one input. Ends the process when the campaign says so or the environment fails. */
void md_engine_run(struct md_engine *e, const uint8_t *data, size_t size);
/* Ends the nodes. NULL is fine. */
void md_engine_free(struct md_engine *e);

#endif
