/*
 * An item that was stored with no more than temporary_ttl seconds to live is in TEMP_LRU and stays there
 * until it expires: doc/new_lru.txt, "Items stored in TEMP [...] cannot be evicted". The page mover may
 * take it with its page.
 */
#include "model/internal.h"

void md_promise_temporary(struct md_model *m, const struct md_item *gone) {
    if (gone->temporary && !m->options.slab_reassign)
        md_break(m, "temporary", "the item vanished before its time, though it was in TEMP_LRU");
}
