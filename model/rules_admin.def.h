/* The part of rules.def.h that is about administrative commands. Most of their answers are known by shape
 * only (shape.h). */
#ifndef MEMDIVERGE_RULES_ADMIN_DEF_H
#define MEMDIVERGE_RULES_ADMIN_DEF_H

/* clang-format off */

#define MD_ADMIN_COMMAND_LIST(X) \
    X(STATS_SETTINGS, "stats-settings") \
    X(STATS_SIZES, "stats-sizes") \
    X(STATS_CONNS, "stats-conns") \
    X(STATS_DETAIL, "stats-detail") \
    X(STATS_OTHER, "stats-other") \
    X(SLABS, "slabs") \
    X(LRU, "lru") \
    X(LRU_CRAWLER, "lru_crawler") \
    X(METADUMP, "metadump") \
    X(MGDUMP, "mgdump") \
    X(WATCH, "watch") \
    X(EXTSTORE, "extstore") \
    X(REFRESH_CERTS, "refresh_certs")

#define MD_ADMIN_RULE_LIST(X) \
    X(STATS_SETTINGS, MD_DOC, "Settings statistics", "stats settings tells the settings of the running node, which follow from its options and the commands so far") \
    X(STATS_SIZES, MD_DOC, "Item size statistics", "stats sizes counts items by size, within 32 bytes, while that is switched on") \
    X(STATS_SIZES_OFF, MD_DOC, "Item size statistics", "stats sizes says so while it is switched off") \
    X(STATS_SIZES_SWITCH, MD_DOC, "Item size statistics", "stats sizes_enable and sizes_disable switch it, but not with -C") \
    X(STATS_CONNS, MD_DOC, "Connection statistics", "stats conns tells address, state and idle time of every connection") \
    X(STATS_DETAIL, MD_INTENT, "t/stats-detail.t", "stats detail on, off and dump count gets, sets and deletes by the key's prefix") \
    X(STATS_DETAIL_BAD, MD_CHOICE_TAG, "-", "stats detail with anything else tells its usage") \
    X(STATS_BUILD, MD_CHOICE_TAG, "-", "stats extstore and stats proxy are for builds that have them") \
    X(STATS_UNKNOWN, MD_CHOICE_TAG, "-", "stats with an unknown argument answers ERROR") \
    X(SLABS_REASSIGN, MD_DOC, "Slabs Reassign", "slabs reassign schedules a page to move, or says why not") \
    X(SLABS_REASSIGN_OFF, MD_CHOICE_TAG, "-", "slabs reassign is refused unless the node runs with -o slab_reassign") \
    X(SLABS_AUTOMOVE, MD_DOC, "Slabs Automove", "slabs automove 0, 1 and 2 answer OK") \
    X(LRU_TUNE, MD_DOC, "LRU Tuning", "lru tune takes two percentages and two factors") \
    X(LRU_OFF, MD_DOC, "LRU Tuning", "lru mode and temp_ttl want a node that runs with -o lru_maintainer") \
    X(CRAWLER_SWITCH, MD_DOC, "LRU_Crawler", "lru_crawler enable and disable start and stop the crawler") \
    X(CRAWLER_NUMBER, MD_DOC, "LRU_Crawler", "lru_crawler sleep takes up to 1000000 microseconds, tocrawl a number of 32 bits") \
    X(CRAWLER_OFF, MD_CHOICE_TAG, "-", "crawl, metadump and mgdump are refused while the crawler is off") \
    X(CRAWL, MD_DOC, "LRU_Crawler", "lru_crawler crawl frees expired items of some classes, or all") \
    X(CRAWLER_CLASS, MD_DOC, "LRU_Crawler", "a class that is none answers BADCLASS") \
    X(METADUMP, MD_DOC, "LRU_Crawler", "lru_crawler metadump tells of every valid item once: key, expiration, last access, CAS, whether it was fetched") \
    X(MGDUMP, MD_DOC, "LRU_Crawler (1.6.38)", "lru_crawler mgdump lists the keys of all valid items as mg commands") \
    X(DUMP_PIPELINED, MD_CHOICE_TAG, "-", "metadump, mgdump and watch are refused while answers to earlier commands of the same batch wait") \
    X(WATCH, MD_DOC, "Watchers", "watch answers OK and makes the connection a watcher: log lines follow, commands are no longer read") \
    X(WATCH_BAD, MD_DOC, "Watchers", "watch with an argument that is none answers ERROR") \
    X(SHUTDOWN, MD_DOC, "Other commands, shutdown", "with -A shutdown ends the node, at once or gracefully") \
    X(SHUTDOWN_BAD, MD_CHOICE_TAG, "-", "shutdown takes nothing but graceful") \
    X(EXTSTORE, MD_CHOICE_TAG, "-", "extstore is for builds that have it; it wants a setting and a number") \
    X(REFRESH_CERTS, MD_INTENT, "t/ssl_certs_refresh.t", "refresh_certs answers OK, or why not") \
    X(ADMIN_FORM, MD_CHOICE_TAG, "-", "an administrative command in a form that is none answers ERROR")

#define MD_ADMIN_CHOICE_LIST(X) \
    X(SIZES_CAS, 1, "whether stats sizes_enable uses up a CAS value")

#define MD_ADMIN_QUIRK_LIST(X) \
    X(METADUMP_STALLS, "1.6.18-1.6.45", "Storage commands: after the command the client awaits the reply", "not reported", \
      "commands behind lru_crawler metadump in the same batch are not answered until more bytes come (depends on arrival)") \
    X(METADUMP_NO_OK, "1.6.18-1.6.38", "LRU_Crawler: OK to indicate successful launch", "a comment in proto_text.c", \
      "lru_crawler metadump does not answer OK before the items") \
    X(SIZES_NO_END, "1.6.18", "Statistics: the server terminates this list with the line END", "not reported", \
      "stats sizes_enable and stats sizes_disable end without END") \
    X(CONNS_OUTSIDE, "1.6.18-1.6.45", "Connection statistics: addr, for listening sockets the listen address", "not reported", \
      "stats conns shows 26 bytes of a longer path of a unix socket, and what lies behind them on the node's stack") \
    X(ADMIN_CUT, "1.6.18-1.6.38", "LRU_Crawler: tocrawl <32u>; sleep: 1000000 is the max", "not reported", \
      "numbers over 32 bits in slabs, lru and lru_crawler are cut to their low 32 bits") \
    X(LRU_TUNE_WRAPS, "1.6.18-1.6.45", "LRU Tuning: percent hot, percent warm", "not reported", \
      "lru tune accepts percentages whose sum wraps around 32 bits")

/* clang-format on */

#endif
