/*
 * The step-aware mutator and crossover that serve every engine. Works on parsed traces: insert,
 * delete, duplicate, swap, splice, reuse a key that is alive, expired or deleted, reuse a CAS
 * value, borders, split at any byte, move to another connection. Deterministic in the seed.
 *
 * A mutant stays a trace for its target: of one that presses a node's memory, the options stay
 * among the few that do, sizes go to the borders between slab classes, and what is new comes from
 * the generator of such traces.
 */
#ifndef MEMDIVERGE_MUTATE_H
#define MEMDIVERGE_MUTATE_H

#include "harness/generate.h"
#include "harness/trace.h"

#include <stddef.h>
#include <stdint.h>

/* Mutates t in place (one to a few edits). */
void md_mutate(struct md_trace *t, enum md_target target, uint64_t seed);
/* A child of two: steps of both, options of one. `out` is initialised and cleared first. */
void md_crossover(struct md_trace *out, const struct md_trace *a, const struct md_trace *b,
                  enum md_target target, uint64_t seed);

/*
 * The byte forms that engines want: parse leniently, work, print; 0 if the result does not fit. One
 * in four of md_mutate_text's results is a fresh trace of the generator.
 */
size_t md_mutate_text(uint8_t *data, size_t size, size_t max_size, enum md_target target,
                      uint64_t seed);
size_t md_crossover_text(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                         uint8_t *out, size_t max_size, enum md_target target, uint64_t seed);

#endif
