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

#include <inttypes.h>

bool md_promise_counted(const struct md_accounts *a, const struct md_told_stats *t,
                        struct md_buf *why) {
    uint64_t gone = t->total_items - t->curr_items;
    uint64_t told = t->get_expired + t->get_flushed + t->evictions + t->reclaimed +
                    t->crawler_reclaimed + t->mover;
    if (a->reset)
        return true;
    uint64_t most = told + a->removed + a->unsure_removed, least = told + a->removed;
    uint64_t missing = a->vanished + a->unsure_removed + a->unsure_expired + a->unseen;
    if (gone > most)
        md_buf_printf(
            why, "%" PRIu64 " items are gone, but the counters account for %" PRIu64 " at most",
            gone, most);
    else if (!a->mover && gone + a->expired < least)
        md_buf_printf(why, "%" PRIu64 " items are gone, but the counters say %" PRIu64 " at least",
                      gone, least - a->expired);
    else if (a->vanished > t->evictions + t->mover)
        md_buf_printf(
            why, "%" PRIu64 " live items vanished, but only %" PRIu64 " evictions were counted",
            a->vanished, t->evictions);
    else if (!a->mover && t->evictions > missing)
        md_buf_printf(why,
                      "%" PRIu64 " evictions were counted, but at most %" PRIu64
                      " items can have vanished",
                      t->evictions, missing);
    else
        return true;
    return false;
}
