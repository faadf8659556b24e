/*
 * The counters of `stats` that follow from the commands, and nothing that depends on the machine
 * (protocol.txt "General-purpose statistics").
 */
#ifndef MEMDIVERGE_STATS_H
#define MEMDIVERGE_STATS_H

#include <stdbool.h>
#include <stdint.h>

struct md_model;

/* X(name): counters kept while commands run, then those computed when asked. */
#define MD_COUNTER_LIST(X)                                                                         \
    X(cmd_get)                                                                                     \
    X(cmd_set)                                                                                     \
    X(cmd_flush)                                                                                   \
    X(cmd_touch)                                                                                   \
    X(cmd_meta)                                                                                    \
    X(get_hits)                                                                                    \
    X(get_misses)                                                                                  \
    X(get_expired)                                                                                 \
    X(get_flushed)                                                                                 \
    X(delete_misses)                                                                               \
    X(delete_hits)                                                                                 \
    X(incr_misses)                                                                                 \
    X(incr_hits)                                                                                   \
    X(decr_misses)                                                                                 \
    X(decr_hits)                                                                                   \
    X(cas_misses)                                                                                  \
    X(cas_hits)                                                                                    \
    X(cas_badval)                                                                                  \
    X(touch_hits)                                                                                  \
    X(touch_misses)                                                                                \
    X(store_too_large)                                                                             \
    X(store_no_memory)                                                                             \
    X(auth_cmds)                                                                                   \
    X(auth_errors)                                                                                 \
    X(total_items)                                                                                 \
    X(expired_unfetched)                                                                           \
    X(reclaimed)                                                                                   \
    X(evictions)                                                                                   \
    X(evicted_unfetched)                                                                           \
    X(curr_items)                                                                                  \
    X(bytes)                                                                                       \
    X(uptime)                                                                                      \
    X(time)                                                                                        \
    X(limit_maxbytes)                                                                              \
    X(pointer_size)

#define X(name) MD_STAT_##name,
enum md_stat { MD_COUNTER_LIST(X) MD_STATS };
#undef X

struct md_stats {
    uint64_t count[MD_STATS];
    uint64_t gat_hits, gat_misses; /* retrievals by gat and gats */
    uint64_t touched_unfetched;    /* of expired_unfetched: touched by incr, append and the like */
};

/* What a `stats` command ought to show, kept by the command's ordinal. */
struct md_stats_snapshot {
    uint32_t ordinal;
    uint64_t count[MD_STATS];
};

/* `stats reset`: all but what describes the present state. */
void md_stats_reset(struct md_stats *s);
/* Takes the snapshot for the command in hand. */
void md_stats_snapshot(struct md_model *m);

#endif
