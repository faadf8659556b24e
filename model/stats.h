/*
 * The counters of `stats` that follow from the commands, and nothing that depends on the machine
 * (protocol.txt "General-purpose statistics").
 */
#ifndef MEMDIVERGE_STATS_H
#define MEMDIVERGE_STATS_H

#include "model/segmented.h"

#include <stdbool.h>
#include <stddef.h>
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
    uint64_t gat_hits, gat_misses; /* retrievals by gat, gats and mg with T */
    uint64_t touch_missed;         /* mg with T that missed */
    uint64_t vivified[2];          /* by mg with N; the second: with T as well */
    uint64_t delta_vivified[2];    /* by ma with N: decr, incr */
    uint64_t delete_unmatched;     /* md whose CAS value was another */
    /* Of expired_unfetched and evicted_unfetched: touched by incr, append and the like. */
    uint64_t touched_expired, touched_evicted;
    uint64_t uncounted_no_memory;  /* storage requests out of memory that store_no_memory misses */
    uint64_t failed_delta_hits[2]; /* decr, incr: of the hits, those that ran out of memory */
    /* Binary requests that the counters miss. */
    uint64_t uncounted_too_large, uncounted_binary_no_memory, uncounted_flushes;
    uint64_t uncounted_misses[2]; /* decr, incr */
};

/* What `stats items` and `stats slabs` tell of one slab class. */
struct md_class_count {
    uint64_t number, bytes; /* of the items linked now */
    uint64_t evicted, evicted_nonzero, evicted_unfetched, touched_evicted;
    uint64_t reclaimed, expired_unfetched, touched_expired;
    uint64_t outofmemory, uncounted_no_memory;
    uint32_t evicted_moved, evicted_used; /* seconds since then, of the item evicted last */
    uint64_t get_hits, gat_hits, cmd_set, delete_hits, cas_hits, cas_badval, touch_hits;
    uint64_t delta_hits[2], failed_delta_hits[2]; /* decr, incr */
    uint64_t vivified[2];                         /* as in md_stats */
};

struct md_stats_line {
    char name[32];
    uint64_t value;
};

/* What a `stats` command ought to show, kept by the command's ordinal. */
struct md_stats_snapshot {
    uint32_t ordinal;
    uint64_t count[MD_STATS];    /* `stats` itself */
    struct md_stats_line *lines; /* owned; `stats items` and `stats slabs`: NULL with `stats` */
    size_t n_lines, cap_lines;
    bool by_class; /* the lines are what counts */
    bool packets;  /* asked for by a binary request with this opaque */
    uint32_t opaque;
    bool segmented;
    bool crawled;                /* dead items may have been freed behind our back */
    struct md_accounts accounts; /* with segmented */
};

const char *md_stat_name(enum md_stat stat);
/* `stats reset`: all but what describes the present state. */
void md_stats_reset(struct md_model *m);
/* Takes the snapshot for the command in hand: of `stats`, `stats items`, `stats slabs`. */
void md_stats_snapshot(struct md_model *m);
void md_stats_snapshot_items(struct md_model *m);
void md_stats_snapshot_slabs(struct md_model *m);
/* The snapshot just taken is asked for by a binary request. */
void md_stats_in_packets(struct md_model *m, uint32_t opaque);
/* Forgets all snapshots. */
void md_stats_forget(struct md_model *m);

#endif
