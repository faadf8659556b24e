/*
 * As many items vanish as the counters say (protocol.txt, "General-purpose statistics": evictions,
 * reclaimed, crawler_reclaimed, total_items, curr_items). Two ways of counting:
 *
 *   total_items - curr_items is what commands removed, what was met expired or flushed, and what the
 *   counters of reclaim and eviction say;
 *   evictions (and the page mover) are the live items that were found to be gone.
 *
 * After `stats reset` neither can be said. Background threads may reclaim between the lines of one reply, so that the later ones count more.
 */
#include "model/internal.h"

bool md_promise_counted(const struct md_accounts *a, const struct md_told_stats *t,
                        struct md_buf *why) {
    uint64_t gone = t->total_items - t->curr_items;
    uint64_t told = t->get_expired + t->get_flushed + t->evictions + t->reclaimed +
                    t->crawler_reclaimed + t->mover;
    if (a->reset)
        return true;
    if (gone > told + a->removed + a->unsure_removed)
        md_buf_printf(why, "%llu items are gone, but the counters account for %llu at most",
                      (unsigned long long)gone,
                      (unsigned long long)(told + a->removed + a->unsure_removed));
    else if (!a->mover && gone + a->expired < told + a->removed)
        md_buf_printf(why, "%llu items are gone, but the counters say %llu at least",
                      (unsigned long long)gone,
                      (unsigned long long)(told + a->removed - a->expired));
    else if (a->vanished > t->evictions + t->mover)
        md_buf_printf(why, "%llu live items vanished, but only %llu evictions were counted",
                      (unsigned long long)a->vanished, (unsigned long long)t->evictions);
    else if (!a->mover &&
             t->evictions > a->vanished + a->unsure_removed + a->unsure_expired + a->unseen)
        md_buf_printf(
            why, "%llu evictions were counted, but at most %llu items can have vanished",
            (unsigned long long)t->evictions,
            (unsigned long long)(a->vanished + a->unsure_removed + a->unsure_expired + a->unseen));
    else
        return true;
    return false;
}
