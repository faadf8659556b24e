/*
 * Proves that libmemcached does what its documents and the model say: an input is a sequence of
 * calls, made by the client on a real node and fed to the model as text commands; a return code,
 * value, flag, CAS value or number that the model does not allow, a crash or a hang is a
 * divergence.
 */
#include "fuzz/client_engine.h"
#include "harness/client_calls.h"

#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* libFuzzer's calls carry no context of ours. */
static struct md_client_engine *engine;

static void end(void) {
    int code = md_client_engine_end(engine);
    if (code)
        _exit(code); /* libFuzzer says 0 when it comes to its end */
}

/* NOLINTNEXTLINE(readability-non-const-parameter): libFuzzer says so */
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    engine = md_client_engine_new(*argc, *argv);
    atexit(end);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    md_client_engine_run(engine, data, size);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    return md_client_mutate(data, size, max_size, seed);
}
