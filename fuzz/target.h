/*
 * A libFuzzer target whose inputs are traces: all of it but its purpose, which the file that includes
 * this states. libFuzzer calls functions by their names, without a context of ours.
 *
 *   MD_FUZZ_TARGET(MD_TARGET_COMMANDS)
 */
#ifndef MEMDIVERGE_TARGET_H
#define MEMDIVERGE_TARGET_H

#include "fuzz/engine.h"
#include "fuzz/mutate.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size, unsigned seed);

/* NOLINTBEGIN(readability-non-const-parameter): libFuzzer says so */
#define MD_FUZZ_TARGET(target)                                                                     \
    static struct md_engine *engine;                                                               \
                                                                                                   \
    static void end(void) { md_engine_free(engine); }                                              \
                                                                                                   \
    int LLVMFuzzerInitialize(int *argc, char ***argv) {                                            \
        engine = md_engine_new(target, *argc, *argv);                                              \
        atexit(end);                                                                               \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {                                 \
        md_engine_run(engine, data, size);                                                         \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {   \
        return md_mutate_text(data, size, max_size, target, seed);                                 \
    }                                                                                              \
                                                                                                   \
    size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b,            \
                                     size_t b_size, uint8_t *out, size_t max_size,                 \
                                     unsigned seed) {                                              \
        return md_crossover_text(a, a_size, b, b_size, out, max_size, target, seed);               \
    }

/* NOLINTEND(readability-non-const-parameter) */

#endif
