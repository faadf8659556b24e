/* What fuzz_protocols does around its one check: a node, kept between inputs and new after a finding. */
#ifndef MEMDIVERGE_PROTOCOLS_ENGINE_H
#define MEMDIVERGE_PROTOCOLS_ENGINE_H

#include <stddef.h>
#include <stdint.h>

struct md_protocols_engine;
struct md_protocols_engine *md_protocols_engine_new(int argc, char **argv);
void md_protocols_engine_free(struct md_protocols_engine *e);
/* A disagreement that happens again on a new node is printed with its trace, and aborts. */
void md_protocols_engine_run(struct md_protocols_engine *e, const uint8_t *data, size_t size);

#endif
