/*
 * The segmented LRU (-o lru_maintainer, memcached's real default): HOT, WARM and COLD queues that
 * background threads juggle in real time. Which item goes, and when, is theirs to decide, so the model
 * does not predict it. It looks into the node's own reply for what became of an item, and holds the
 * node to what doc/new_lru.txt promises all the same. Each promise has a file:
 *
 *   promise_explained.c    an item goes only if its class needed memory since it was last there
 *   promise_order.c        items that nobody uses go in the order in which they came: the item just
 *                          stored is there
 *   promise_active.c       an item fetched twice outlives the older ones that were not
 *   promise_temporary.c    an item in TEMP_LRU is not evicted
 *   promise_counted.c      as many items vanish as the counters of eviction and reclaim say
 *   promise_limit.c        nothing is evicted before the memory limit is used
 *
 * That a hit shows the latest value, flags, CAS value and lifetime needs no file: it is the same
 * prediction, compared byte for byte, as everywhere. What cannot be seen (noreply, replies held back)
 * makes the model lost, if something may have vanished.
 */
#ifndef MEMDIVERGE_SEGMENTED_H
#define MEMDIVERGE_SEGMENTED_H

#include "model/slab.h"

struct md_item;

enum {
    /* Items at a tail that one walk may pass over because a thread holds their lock: so many older ones
     * may survive a younger one by mere chance (new_lru.txt is silent; observed as "five tries"). */
    MD_PASSED_OVER = 5,
};

/* Of one class: an item that went, and older ones that were seen alive afterwards. */
struct md_survivors {
    uint64_t gone;  /* order of the youngest one that went; 0: none */
    unsigned older; /* seen since */
};

struct md_segmented {
    const uint8_t *observed; /* the node's reply to the bytes being fed; not owned */
    size_t n_observed;
    size_t skipped; /* bytes of it that answer `stats`: the model's reply has none in their place */
    uint64_t taken[MD_SLAB_CLASSES]; /* chunks that stores took from each class */
    uint64_t vanished;               /* items that an eviction must have taken */
    uint64_t removed;                /* items that commands removed or replaced, and were there */
    uint64_t unsure_removed;         /* the same, but they may have vanished before */
    uint64_t unsure_expired;         /* expired or flushed, but they may have been evicted before */
    struct md_survivors untouched[MD_SLAB_CLASSES], active[MD_SLAB_CLASSES];
    bool reset;           /* the counters were: they tell no longer of all that happened */
    uint64_t least_limit; /* bytes; of those that were in force */
    const char *broken;   /* id of the first promise that was broken, or NULL */
    uint32_t broken_at;   /* ordinal of the command that showed it */
    char why[160];
};

/* What a `stats` reply is held to, as of that command. */
struct md_accounts {
    uint64_t vanished, removed, unsure_removed, unsure_expired;
    uint64_t unseen;  /* items that may have vanished, and nobody has looked since */
    uint64_t expired; /* items that background threads may reclaim at any moment */
    uint64_t limit;   /* bytes; the least one that was in force */
    bool reset;       /* counters were reset on the way */
    bool sets_unsure; /* a store whose answer is not known yet counts in cmd_set, or was refused */
    bool mover;       /* pages may move between classes, and items be thrown out with them */
};

/* What the node says in `stats` and `stats slabs`. */
struct md_told_stats {
    uint64_t total_items, curr_items, get_expired, get_flushed;
    uint64_t evictions, reclaimed, crawler_reclaimed;
    uint64_t mover; /* items that the page mover threw out, all its counters together */
    uint64_t total_malloced;
};

/* Everywhere `cursor` counts the bytes of the model's own reply to the feed. */

/* Before a lookup of a live item: has it vanished? The node's reply at `cursor` then begins with
 * `missing` (NULL: it is a retrieval). If so it goes, and the promises are checked. */
void md_segmented_look(struct md_model *m, int32_t item, size_t cursor, const char *missing);
/* The node's reply at this place begins with the text. */
bool md_segmented_says(const struct md_model *m, size_t cursor, const char *text, size_t n);
/* Whether the node's reply to the command in hand is there at all. */
bool md_segmented_tells(const struct md_model *m, size_t cursor);
/* A command that shows no reply names a live item: what becomes of it is not known. */
void md_segmented_unseen(struct md_model *m, int32_t item);
/* The command in hand is a `stats`: steps over the node's answer. */
void md_segmented_skip(struct md_model *m, size_t cursor);
void md_segmented_taken(struct md_model *m, unsigned class);
/* The same where it is not known of which class: of each. */
void md_segmented_taken_somewhere(struct md_model *m);
/* Whether memory may have run out at all: so many chunks were taken that, had none come back, their pages
 * would not fit under the limit. */
bool md_segmented_short(const struct md_model *m);
/* since: relative time at which its memory was taken. */
void md_segmented_linked(struct md_model *m, struct md_item *it, uint32_t since);
void md_segmented_unlinked(struct md_model *m, const struct md_item *it, enum md_rule why);
/* An immediate flush_all that takes items out at once: which ones hangs on where background threads have
 * put them. */
void md_segmented_flushed(struct md_model *m);
bool md_segmented_may_have_gone(const struct md_model *m, const struct md_item *it);
void md_segmented_accounts(const struct md_model *m, struct md_accounts *out);

/* The promises. The first four look at an item that went, or was seen alive; they call md_break. */
void md_promise_explained(struct md_model *m, const struct md_item *gone);
void md_promise_order_gone(struct md_model *m, const struct md_item *gone);
void md_promise_order_seen(struct md_model *m, struct md_item *seen);
void md_promise_active_gone(struct md_model *m, const struct md_item *gone);
void md_promise_active_seen(struct md_model *m, struct md_item *seen);
void md_promise_temporary(struct md_model *m, const struct md_item *gone);
/* The last two look at what the node tells; false: broken, `why` says how. */
bool md_promise_counted(const struct md_accounts *a, const struct md_told_stats *t,
                        struct md_buf *why);
bool md_promise_limit(const struct md_accounts *a, const struct md_told_stats *t,
                      struct md_buf *why);

void md_break(struct md_model *m, const char *promise, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
