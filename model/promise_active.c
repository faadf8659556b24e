/*
 * An item fetched twice is active: it moves to WARM instead of COLD, or back from COLD to WARM
 * (doc/new_lru.txt, "The primary goal is to better protect active items"). So it outlives the items
 * of its class that came before it and were not fetched twice. MD_PASSED_OVER of them may be there by
 * chance.
 */
#include "model/internal.h"

void md_promise_active_gone(struct md_model *m, const struct md_item *gone) {
    struct md_survivors *s = &m->segmented.active[gone->class];
    if (gone->hits < 2 || gone->temporary || gone->order <= s->gone)
        return;
    *s = (struct md_survivors){.gone = gone->order};
}

void md_promise_active_seen(struct md_model *m, struct md_item *seen) {
    struct md_survivors *s = &m->segmented.active[seen->class];
    if (seen->hits >= 2 || seen->temporary || seen->order >= s->gone ||
        seen->survived_active == s->gone || m->options.slab_reassign)
        return;
    seen->survived_active = s->gone;
    if (++s->older >= MD_PASSED_OVER)
        md_break(m, "active",
                 "an item that was fetched twice is gone, and %u older ones of its class "
                 "that were not are still there",
                 s->older);
}
