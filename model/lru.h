/*
 * Which item goes: the order of last use in each slab class, and the room that a store takes, from
 * free chunks or from the tail of that order. doc/new_lru.txt ("Previously: Each slab class has an
 * independent doubly-linked list comprising its LRU. Items are pulled from the bottom and either
 * reclaimed or evicted as needed") and the comments of items.c and slabs.c.
 */
#ifndef MEMDIVERGE_LRU_H
#define MEMDIVERGE_LRU_H

#include "model/internal.h"

/* The item (class and time set) becomes the head of its class's queue, or leaves the queue. */
void md_lru_in(struct md_model *m, int32_t item);
void md_lru_out(struct md_model *m, int32_t item);
/* The item is in use: it moves to the head, unless it did so in the last MD_BUMP_INTERVAL seconds. */
void md_lru_bump(struct md_model *m, int32_t item);

/* Bytes of an item: header, key, value with its CRLF, flags if not 0, CAS value if there are any. */
size_t md_item_total(const struct md_model *m, size_t nkey, uint32_t flags, size_t nbytes);
/* Whether it is so large that it is kept in chunks. */
bool md_is_chunked(const struct md_model *m, size_t nkey, uint32_t flags, size_t nbytes);

/*
 * Takes the room for an item; of a large one only for its header, the chunks come with the data.
 * `locked` is the record of a key whose lock is held meanwhile, or MD_NIL. False: out of memory.
 */
bool md_room_take(struct md_model *m, struct md_room *room, size_t nkey, uint32_t flags,
                  size_t nbytes, int32_t locked);
/* Takes the next chunk of a large item with `missing` bytes to go; *left is the room in it. */
bool md_room_chunk(struct md_model *m, struct md_room *room, uint64_t missing, int32_t locked,
                   uint32_t *left);
/* Takes the chunks for n bytes that are copied at once, *left being free in the last one. A chunk that
 * is full is followed by one more, even an empty one. */
bool md_room_copy(struct md_model *m, struct md_room *room, uint32_t *left, uint64_t n,
                  int32_t locked);

void md_removals_clear(struct md_model *m);

#endif
