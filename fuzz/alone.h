/*
 * What the targets that are a whole campaign in one process share (fuzz_client, fuzz_placement):
 * when to stop, a sign of life, and the summary with its exit code. With --out they go on after a
 * finding; without, the first one ends them, as libFuzzer and OSS-Fuzz want it.
 */
#ifndef MEMDIVERGE_ALONE_H
#define MEMDIVERGE_ALONE_H

#include "harness/settings.h"

#include <jansson.h>

struct md_alone {
    struct md_settings settings;
    char **words; /* owned: what the settings point into */
    uint64_t started_ns, shown_ns, inputs;
    size_t divergences, unconfirmed;
};

/* Reads the settings from libFuzzer's command line; ends the process where they are wrong. */
void md_alone_begin(struct md_alone *a, int argc, char **argv);
/* After each input. True: enough was found, or Ctrl-C was pressed. */
bool md_alone_is_over(struct md_alone *a);
/*
 * With --out: says the result, writes OUT/summary.json (`what` was tested; `counts`: an object,
 * which is taken). Frees all. Returns the exit code: 1 if anything was found.
 */
int md_alone_end(struct md_alone *a, const char *what, json_t *counts);

#endif
