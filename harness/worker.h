/*
 * A worker of a campaign: runs one trace after the other on nodes of its own, counts into its slot
 * of the shared page, and puts every divergence on disk before anything else is done with it. It
 * never ends because of a divergence. The engine (libFuzzer in fuzz/engine.c, or md_worker_random)
 * decides what it runs.
 */
#ifndef MEMDIVERGE_WORKER_H
#define MEMDIVERGE_WORKER_H

#include "harness/page.h"
#include "harness/settings.h"

struct md_worker;

/* NULL: could not start; the slot's message says why, and the process should exit with 3. */
struct md_worker *md_worker_new(const struct md_settings *s, struct md_page *page, unsigned slot);
void md_worker_free(struct md_worker *w);

enum md_worker_next {
    MD_WORKER_GO_ON,
    MD_WORKER_DONE,   /* told to stop, or its quota is run */
    MD_WORKER_FAILED, /* the slot's message says why */
};

/* Waits for its turn and runs a trace of this target; `text` is what is kept if this process
 * dies on it. */
enum md_worker_next md_worker_run(struct md_worker *w, struct md_trace *t, enum md_target target,
                                  const void *text, size_t n);

/* `--engine random`: every jobs-th trace of the seed's streams, from this slot's first on.
 * Returns the exit code of the process. */
int md_worker_random(const struct md_settings *s, struct md_page *page, unsigned slot);

#endif
