/*
 * Proves that a memcached node answers meta commands as the model says, whatever their flags, mixed with
 * classic commands on the same keys and connections. What it does with an input is what fuzz_commands
 * does; its mutants are about flags.
 */
#include "fuzz/engine.h"
#include "fuzz/mutate.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size, unsigned seed);

/* libFuzzer's calls carry no context of ours. */
static struct md_engine *engine;

static void end(void) { md_engine_free(engine); }

/* NOLINTNEXTLINE(readability-non-const-parameter): libFuzzer says so */
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    engine = md_engine_new(MD_TARGET_META, *argc, *argv);
    atexit(end);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    md_engine_run(engine, data, size);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    return md_mutate_text(data, size, max_size, MD_TARGET_META, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size, unsigned seed) {
    return md_crossover_text(a, a_size, b, b_size, out, max_size, MD_TARGET_META, seed);
}
