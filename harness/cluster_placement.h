/* `memdiverge cluster --placement`: everything about placement that needs no sockets. */
#ifndef MEMDIVERGE_CLUSTER_PLACEMENT_H
#define MEMDIVERGE_CLUSTER_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct md_cluster_placement_options {
    bool json;
    const char *svg; /* folder for the pictures, made if it is not there; NULL: none */
    uint64_t seed;
    size_t keys;  /* of the statistics; 0: MD_SPREAD_KEYS */
    size_t cases; /* random cases for model against library; 0: 2000 */
};

/* An exit code: 0; 1 the library differs from the model, or a promise is broken, in a way that is
 * not known yet; 3 the pictures cannot be written. */
int md_cluster_placement(const struct md_cluster_placement_options *o);

#endif
