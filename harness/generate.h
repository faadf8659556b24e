/*
 * Random traces from a seed alone: `--engine random`. Identical every time for the same seed, on
 * every machine. The generator keeps a picture of its own of what it has said so far (keys in use,
 * roughly what they hold), so that commands aim at keys that are alive, expired, deleted or
 * flushed, at CAS values seen, at borders. It never asks the node.
 *
 * The same pieces (a command at random, a border number, a key) serve the mutator (fuzz/mutate.c).
 */
#ifndef MEMDIVERGE_GENERATE_H
#define MEMDIVERGE_GENERATE_H

#include "harness/trace.h"

#include <stdint.h>

/* xoshiro256** seeded by splitmix64: small, fast, the same everywhere. */
struct md_random {
    uint64_t s[4];
};
void md_random_seed(struct md_random *r, uint64_t seed);
uint64_t md_random_next(struct md_random *r);
/* Uniform in 0 .. n-1 (n > 0). */
uint64_t md_random_below(struct md_random *r, uint64_t n);
/* True with a chance of one in n. */
bool md_random_one_in(struct md_random *r, unsigned n);

struct md_generate_config {
    unsigned min_steps, max_steps; /* steps of a trace */
    bool options;                  /* vary node options (about one trace in ten) */
};
void md_generate_config_default(struct md_generate_config *c);

/* Fills t (initialised; cleared first) with trace number `index` of the stream of this seed. */
void md_generate(struct md_trace *t, uint64_t seed, uint64_t index,
                 const struct md_generate_config *c);

/* Pieces: append one random command (with its data block) to a send step; a random border number's
 * text; a random key of a small pool. */
void md_generate_command(struct md_random *r, struct md_step *send);
void md_generate_number(struct md_random *r, struct md_buf *out);
void md_generate_key(struct md_random *r, struct md_buf *out);

#endif
