/*
 * Proves that a memcached node means the same in text, meta and binary: an input is a list of abstract
 * commands, said in all three; an answer or a state in which they disagree is a finding, and needs no
 * model to be one. MEMDIVERGE_NODE names the node.
 */
#include "fuzz/protocols_engine.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer's calls carry no context of ours. */
static struct md_protocols_engine *engine;

static void end(void) { md_protocols_engine_free(engine); }

/* NOLINTNEXTLINE(readability-non-const-parameter): libFuzzer says so */
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    engine = md_protocols_engine_new(*argc, *argv);
    atexit(end);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    md_protocols_engine_run(engine, data, size);
    return 0;
}
