/* What the files of the placement share. */
#ifndef MEMDIVERGE_PLACEMENT_INTERNAL_H
#define MEMDIVERGE_PLACEMENT_INTERNAL_H

#include "model/buf.h"
#include "model/placement.h"

struct md_placement {
    struct md_placement_settings settings; /* prefix: owned */
    struct md_server *server; /* in the order that counts: sorted, if that was asked for */
    uint32_t *given;          /* its index in the list as given */
    size_t n;
    size_t live;
    bool ejects;           /* the rule looks at who is dead */
    struct md_point *ring; /* ascending; `server` is an index in the list as given */
    size_t points;
};

void md_md5(const void *key, size_t n, uint8_t out[16]);
/* Makes p->ring. */
void md_ring_build(struct md_placement *p);
/* The point that gets the hash; the ring is not empty. */
const struct md_point *md_ring_find(const struct md_placement *p, uint32_t hash);
/* How many hash values there are: 0 .. this - 1. */
uint64_t md_key_hash_values(enum md_key_hash hash);

#endif
