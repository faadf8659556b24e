/*
 * Items that nobody uses go in the order in which they came: new items enter HOT at its head, flow to
 * COLD from its tail, and go at COLD's tail (doc/new_lru.txt, "Items which are never hit again will
 * flow from HOT, through COLD, and out the bottom"). So the item just stored is there as long as older
 * ones are. MD_PASSED_OVER older ones may be there by chance.
 */
#include "model/internal.h"

void md_promise_order_gone(struct md_model *m, const struct md_item *gone) {
    struct md_survivors *s = &m->segmented.untouched[gone->class];
    if (gone->hits >= 2 || gone->temporary || gone->order <= s->gone)
        return;
    *s = (struct md_survivors){.gone = gone->order};
}

void md_promise_order_seen(struct md_model *m, struct md_item *seen) {
    struct md_survivors *s = &m->segmented.untouched[seen->class];
    if (seen->hits >= 2 || seen->temporary || seen->order >= s->gone ||
        seen->survived_untouched == s->gone || m->options.slab_reassign)
        return;
    seen->survived_untouched = s->gone;
    if (++s->older >= MD_PASSED_OVER)
        md_break(m, "order",
                 "an item that nobody used is gone, and %u older ones of its class that "
                 "nobody used are still there",
                 s->older);
}
