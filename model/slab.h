/*
 * Slab classes: which class holds an item of a given size. doc/memory_management notes in
 * memcached's own documentation: chunks of a class are of one size, sizes grow by the factor -f from
 * -n, and the largest is slab_chunk_max.
 */
#ifndef MEMDIVERGE_SLAB_H
#define MEMDIVERGE_SLAB_H

#include "model/model.h"

#include <stddef.h>
#include <stdint.h>

struct md_slabs {
    uint32_t size[MD_SLAB_CLASSES]; /* bytes of a chunk, classes 1 .. largest */
    uint8_t largest;
    uint32_t item_size_max;
    uint8_t small[256]; /* class by size in units of 8 bytes, for sizes below 2 KiB */
};

void md_slabs_init(struct md_slabs *s, const struct md_options *o);
/* The class for `total` bytes; 0: too large for any. */
unsigned md_slab_class(const struct md_slabs *s, size_t total);

#endif
