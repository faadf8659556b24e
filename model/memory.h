/*
 * The memory of a node: pages of MD_PAGE_SIZE bytes, each cut into chunks of one slab class and never
 * given back. A class gets a page when it has no free chunk, as long as the limit (-m) allows; its
 * first page it gets even beyond the limit (memcached -h, -m; comments in slabs.c).
 */
#ifndef MEMDIVERGE_MEMORY_H
#define MEMDIVERGE_MEMORY_H

#include "model/buf.h"
#include "model/slab.h"

struct md_memory {
    struct {
        uint32_t per_page, pages, free; /* free: chunks */
    } class[MD_SLAB_CLASSES];
    uint64_t limit, malloced; /* bytes */
    uint64_t page;            /* bytes that a page counts for; 0: what its chunks are, in all */
    bool preallocated;
    bool pressed; /* a class was refused a page */
};

/* As after a node's start, but with the pages that `base` says it has already. */
void md_memory_init(struct md_memory *mem, const struct md_slabs *s, const struct md_options *o,
                    const struct md_base *base);
/* Takes a chunk of the class; false: there is none, and no page for it. *beyond is set if the page that
 * it comes from is over the limit. */
bool md_memory_take(struct md_memory *mem, const struct md_slabs *s, unsigned class, bool *beyond);
void md_memory_give(struct md_memory *mem, unsigned class);

/* The chunks of one item, linked or still on its way. Zero-initialised: none. */
struct md_room {
    uint8_t class;      /* of its only chunk, or of a large item's header; 0: none */
    struct md_buf rest; /* classes of a large item's further chunks, a byte each; owned */
};
/* Gives all of it back; the room is empty afterwards. */
void md_room_give(struct md_memory *mem, struct md_room *room);

#endif
