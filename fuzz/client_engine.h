/*
 * Between libFuzzer and the client's runner. By hand, or in OSS-Fuzz, a divergence is confirmed on
 * fresh nodes, shrunk, printed as "Assertion failure: SIGNATURE", and the process aborts. With a
 * folder given (--out) each new one is put there (harness/client_findings.h) and fuzzing goes on:
 * the client runs in a process of its own, so a crash of it is one more finding. `memdiverge run
 * --target client` calls it so.
 *
 *   fuzz_client corpus -ignore_remaining_args=1 --node ./memcached --out findings
 */
#ifndef MEMDIVERGE_CLIENT_ENGINE_H
#define MEMDIVERGE_CLIENT_ENGINE_H

#include <stddef.h>
#include <stdint.h>

struct md_client_engine;

/* Reads the settings; a node is started with the first input, not before. Never NULL. */
struct md_client_engine *md_client_engine_new(int argc, char **argv);
/* Runs one input. Ends the process when the environment fails. */
void md_client_engine_run(struct md_client_engine *e, const uint8_t *data, size_t size);
/* Ends the nodes, says what was found, frees it. Returns the exit code: 1 if anything was found,
 * confirmed or not. NULL is fine. */
int md_client_engine_end(struct md_client_engine *e);

#endif
