/*
 * Random traces from a seed alone: `--engine random`. Identical every time for the same seed, on
 * every machine. The generator keeps a picture of its own of what it has said so far (keys in use,
 * roughly what they hold), so that commands aim at keys that are alive, expired, deleted or
 * flushed, at CAS values seen, at borders. It never asks the node.
 *
 * There is a stream of traces for each fuzz target: md_generate says any command in any form,
 * md_generate_eviction puts a node's memory under pressure, md_generate_meta says meta commands mostly,
 * md_generate_binary speaks the binary protocol on most connections, text on the others.
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

/* What traces are about. Each has a stream of its own, a fuzz target fuzz/fuzz_NAME.c, and a folder
 * for its corpus. */
enum md_target {
    MD_TARGET_COMMANDS,
    MD_TARGET_EVICTION,
    MD_TARGET_META,
    MD_TARGET_BINARY,
    MD_TARGET_WIRE,
    MD_TARGETS
};
enum {
    MD_EVICTION_ONE_IN = 16
}; /* traces, where all take turns: one takes as long as many others */
const char *md_target_name(enum md_target target);
/* MD_TARGETS: there is none of that name. */
enum md_target md_target_find(const char *name);

struct md_generate_config {
    unsigned min_steps, max_steps; /* steps of a trace */
    bool options; /* vary node options (about one trace in ten); pressure always needs some */
};
void md_generate_config_default(struct md_generate_config *c);

/* Fills t (initialised; cleared first) with trace number `index` of the stream of this seed. */
void md_generate(struct md_trace *t, uint64_t seed, uint64_t index,
                 const struct md_generate_config *c);
/* The same of the stream of traces that are about the meta commands. */
void md_generate_meta(struct md_trace *t, uint64_t seed, uint64_t index,
                      const struct md_generate_config *c);
/* The same of the stream of traces that run a node out of memory: floods of one slab class,
 * sizes at the borders between classes, hot keys, chains of changes, the clock, failing sets. */
void md_generate_eviction(struct md_trace *t, uint64_t seed, uint64_t index,
                          const struct md_generate_config *c);
/* The same of the stream of traces in the binary protocol. */
void md_generate_binary(struct md_trace *t, uint64_t seed, uint64_t index,
                        const struct md_generate_config *c);
/* The same of the stream of hostile bytes: commands of all protocols, damaged without respect. */
void md_generate_wire(struct md_trace *t, uint64_t seed, uint64_t index,
                      const struct md_generate_config *c);
struct md_target_info {
    const char *name;
    void (*generate)(struct md_trace *t, uint64_t seed, uint64_t index,
                     const struct md_generate_config *c);
    unsigned input_max;   /* bytes of an input as an engine makes them */
    const char *seeds[5]; /* folders of the corpus that its fuzzer starts from; NULL behind them */
};
const struct md_target_info *md_target_info(enum md_target target);
/* Of the stream of this target. */
void md_generate_for(enum md_target target, struct md_trace *t, uint64_t seed, uint64_t index,
                     const struct md_generate_config *c);
/* Which target's stream trace number `index` comes from where all take turns: by chance, so that
 * each of several workers meets all of them. */
enum md_target md_generate_turn(uint64_t seed, uint64_t index);

/* Pieces: append one random command (with its data block) to a send step; a random border number's
 * text; a random key of a small pool. */
void md_generate_command(struct md_random *r, struct md_step *send);
void md_generate_number(struct md_random *r, struct md_buf *out);
void md_generate_key(struct md_random *r, struct md_buf *out);

#endif
