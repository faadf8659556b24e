/*
 * An item goes only if its class needed memory since it was last there, and memory may have run out by
 * then. Memory is taken class by class (slabs.c), and a store evicts from the class that it needs a chunk
 * of: doc/new_lru.txt, "Each slab class has an independent [...] LRU". (The last chunk of a large item may
 * come from the largest class instead of its own: both count as needed.) With -M nothing is evicted. With
 * the page mover on, pages of any class may go.
 */
#include "model/internal.h"

void md_promise_explained(struct md_model *m, const struct md_item *gone) {
    if (m->options.slab_reassign)
        return;
    if (m->segmented.taken[gone->class] <= gone->sure_at)
        md_break(
            m, "explained",
            "the item vanished, but no store took memory of its class since it was last there");
    else if (!m->options.evict)
        md_break(m, "explained", "the item vanished, but with -M nothing may be evicted");
    else if (!md_segmented_short(m))
        md_break(m, "explained", "the item vanished, but memory cannot have run out yet");
}
