/*
 * Between libFuzzer and the comparison of placements. By hand, or in OSS-Fuzz, a disagreement is
 * shrunk, printed as "Assertion failure: SIGNATURE", and the process aborts. With a folder given
 * (--out) each new one is put into OUT/divergences/SIGNATURE and fuzzing goes on. Known deviations
 * are passed over, unless the oracle is strict.
 */
#ifndef MEMDIVERGE_PLACEMENT_ENGINE_H
#define MEMDIVERGE_PLACEMENT_ENGINE_H

#include <stddef.h>
#include <stdint.h>

struct md_placement_engine;

/* Reads the settings. Never NULL. */
struct md_placement_engine *md_placement_engine_new(int argc, char **argv);
void md_placement_engine_run(struct md_placement_engine *e, const uint8_t *data, size_t size);
/* Says what was found, frees it. Returns the exit code. NULL is fine. */
int md_placement_engine_end(struct md_placement_engine *e);

#endif
