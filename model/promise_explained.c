/*
 * An item goes only if its class needed memory since it was last there. Memory is taken class by class
 * (slabs.c), and a store evicts from the class that it needs a chunk of, no other: doc/new_lru.txt,
 * "Each slab class has an independent [...] LRU". With the page mover on, pages of any class may go.
 */
#include "model/internal.h"

void md_promise_explained(struct md_model *m, const struct md_item *gone) {
    if (m->options.slab_reassign || m->segmented.taken[gone->class] > gone->sure_at)
        return;
    md_break(m, "explained",
             "the item vanished, but no store took memory of its class since it was last there");
}
