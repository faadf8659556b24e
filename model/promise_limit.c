/*
 * Nothing is evicted before the memory limit is used: a store takes a new page as long as there is one
 * (memcached -h, -m; doc/new_lru.txt, items are evicted "as needed"). Pages are never given back, so
 * it is enough to look afterwards.
 */
#include "model/internal.h"

bool md_promise_limit(const struct md_accounts *a, const struct md_told_stats *t,
                      struct md_buf *why) {
    if (a->vanished == 0 || t->total_malloced + MD_PAGE_SIZE > a->limit)
        return true;
    md_buf_printf(why, "%llu items were evicted, but only %llu of %llu bytes are in use",
                  (unsigned long long)a->vanished, (unsigned long long)t->total_malloced,
                  (unsigned long long)a->limit);
    return false;
}
