/*
 * Proves that libmemcached puts every key where the model says, whatever the servers, weights,
 * ports, settings and keys, and however the settings were reached; no sockets. What is known to be
 * different (harness/placement_library.h) is passed over.
 */
#include "fuzz/placement_engine.h"

#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer's calls carry no context of ours. */
static struct md_placement_engine *engine;

static void end(void) {
    int code = md_placement_engine_end(engine);
    if (code)
        _exit(code); /* libFuzzer says 0 when it comes to its end */
}

/* NOLINTNEXTLINE(readability-non-const-parameter): libFuzzer says so */
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    engine = md_placement_engine_new(*argc, *argv);
    atexit(end);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    md_placement_engine_run(engine, data, size);
    return 0;
}
