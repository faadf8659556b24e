/*
 * Many traces on two nodes: a corpus, then generated ones until time is up; what differs is grouped by
 * its signature, one trace of each group is made short and written up:
 *
 *   OUT/differences/SIGNATURE/trace          as it was found
 *   OUT/differences/SIGNATURE/shrunk.trace
 *   OUT/differences/SIGNATURE/report.md      what either node said
 */
#ifndef MEMDIVERGE_VERSUS_HUNT_H
#define MEMDIVERGE_VERSUS_HUNT_H

#include "harness/corpus.h"
#include "harness/generate.h"
#include "harness/settings.h"
#include "harness/versus.h"

struct md_hunt_config {
    const struct md_settings *settings[MD_SIDES]; /* ready: their nodes and node_args */
    const struct md_corpus *corpus;
    enum md_target target;  /* MD_TARGETS: by turns */
    uint64_t seed, seconds; /* seconds of generated traces; 0: none */
    unsigned jobs;
    const char *out;
};

struct md_group {
    char signature[MD_SIGNATURE_MAX];
    uint64_t traces; /* that showed it first of all */
    char *path;      /* owned: one of them, as found */
    bool confirmed;  /* it showed again on new nodes, every time */
    struct md_trace shrunk;
    struct md_buf transcript; /* of that */
};

struct md_hunt {
    struct md_group *group; /* owned; in the order of their names */
    size_t n, cap;
    uint64_t traces, skipped;
    uint64_t
        unsteady; /* groups left out: a node differs from itself as well (background threads) */
    char version[MD_SIDES][32];
    struct md_buf why; /* of a failure */
};

/* Returns the exit code; MD_EXIT_FAILED: hunt->why says why. */
int md_hunt(const struct md_hunt_config *config, struct md_hunt *hunt);
void md_hunt_free(struct md_hunt *h);

/* ---- versus_share.c ---- */
/* What one process found: merged into `hunt`. */
bool md_hunt_shares(const struct md_hunt_config *config, struct md_hunt *hunt);
struct md_group *md_hunt_group(struct md_hunt *h, const char *signature);
/* Nodes on a CPU that was claimed for them (-1: on any). */
void md_hunt_nodes(const struct md_hunt_config *config, int cpu, const cpu_set_t *unpinned,
                   struct md_node_config out[MD_SIDES]);

#endif
