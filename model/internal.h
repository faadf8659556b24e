/*
 * What the files of model/ share: the pieces of struct md_model. Two layers: the store (store.h:
 * operations on items with a result, no bytes, no protocol) under the text protocol (text.h) and the
 * binary one (binary.h), which a connection (connection.c) feeds line by line, request by request.
 *
 *      feed -> connection.c -> text.c, binary.c -> store.c -> lru.c -> memory.c, slab.c, flush.c
 *                                 \-> meta.c, number.c, packet.c
 *                                 \-> stats.c, shape.c
 *
 * hold.c knows which items answers on their way hold.
 *
 * With the segmented LRU segmented.c stands in for what lru.c would predict, and promise_*.c say what
 * the node is held to.
 */
#ifndef MEMDIVERGE_MODEL_INTERNAL_H
#define MEMDIVERGE_MODEL_INTERNAL_H

#include "model/flush.h"
#include "model/hold.h"
#include "model/memory.h"
#include "model/model.h"
#include "model/number.h"
#include "model/packet.h"
#include "model/segmented.h"
#include "model/shape.h"
#include "model/slab.h"
#include "model/stats.h"

enum {
    MD_NIL = -1,            /* no item, no record */
    MD_TOKENS_MAX = 24,     /* tokens of one pass over a line, the end counted */
    MD_LINE_MAX = 2048,     /* bytes without a line end before a node gives up */
    MD_INLINE_VALUE = 32,   /* values up to this many bytes live in the item */
    MD_ITEM_HEADER = 48,    /* bytes of an item before CAS, key and value (1.6.x, 64 bit) */
    MD_CHUNK_HEADER = 48,   /* bytes of a chunk of a large item before its data */
    MD_CRAWLER_SLEEP = 100, /* microseconds, as a crawler begins */
    MD_BUMP_INTERVAL = 60,  /* seconds; an item moves to the head only if last moved longer ago */
};

/* Everything known about one key of this trace; stays when its item goes. */
struct md_record {
    uint32_t hash;
    int32_t item; /* index of its item, MD_NIL if it has none */
    uint64_t cas_seen;
    uint32_t gone_at;     /* time of the trace at which the last item went */
    uint32_t exptime;     /* of the item that went, and the following: times of the trace too */
    uint32_t exptime_set; /* when that was set, and by which command */
    uint8_t exptime_by;   /* enum md_command_name */
    uint8_t gone;         /* enum md_rule: why there is no item */
    uint8_t nkey;
    uint8_t key[MD_KEY_MAX];
};

struct md_item {
    int32_t prev, next; /* order of last use in its class: next is older */
    int32_t record;
    uint32_t exptime; /* relative seconds, 0: never */
    uint32_t time;    /* relative time of the last move to the head */
    uint32_t used;    /* relative time of the last use */
    uint32_t flags;
    uint32_t nbytes; /* of the value, without CRLF */
    uint32_t total;  /* bytes that it counts for in `bytes` */
    uint64_t cas;
    uint64_t order; /* when it was stored, among all stores of this model */
    uint32_t exptime_set;
    uint32_t padded_by; /* ordinal of the decr whose padding choice this value stands on */
    uint8_t exptime_by;
    uint8_t class;
    bool chunked, fetched;
    bool touched;     /* fetched, or touched by incr, decr, append, prepend */
    bool open_choice; /* padded_by is valid */
    /* What the meta commands keep with it. */
    bool stale, won;    /* marked by md I; a client was told to recache it */
    bool binary_key;    /* its key came as base64, and is told so */
    bool key_forgotten; /* ... which a version may have forgotten (quirk key-raw) */
    bool gone;          /* unlinked, but held */
    uint16_t held;      /* answers that point into it (hold.h) */
    /* With the segmented LRU only. */
    bool temporary; /* in TEMP_LRU */
    bool spared;    /* a flush_all may have left it alive (quirk flush-spares-used) */
    bool doubtful; /* a set that may have been refused, and then removed it, has not answered yet */
    uint8_t hits;  /* fetches, up to 2 */
    uint64_t sure_at; /* md_segmented.taken of its class when it was there for certain */
    uint64_t survived_untouched, survived_active; /* md_survivors.gone that it was counted for */
    struct md_room room;
    uint8_t *value; /* owned if longer than MD_INLINE_VALUE */
    uint8_t small[MD_INLINE_VALUE];
};

enum md_conn_state {
    MD_CONN_NONE,
    MD_CONN_LINE,
    MD_CONN_DATA,
    MD_CONN_SWALLOW,
    MD_CONN_WATCH, /* a watcher: nothing is read any more */
};

/* What a data block that comes in is for. */
enum md_block { MD_BLOCK_TEXT, MD_BLOCK_META };

/* What an ms that waits for its data block will need to answer. */
struct md_meta_block {
    bool quiet, invalidate, compare, vivify, binary_key;
    bool cas_given; /* the item gets new_cas */
    uint64_t new_cas;
    uint8_t n_returns, n_opaque;
    char returns[8];    /* letters of the flags to return */
    uint8_t opaque[40]; /* with its O */
};

/* Every leftover of a connection, explicitly. */
struct md_conn {
    enum md_conn_state state;
    uint32_t place;     /* in the node's table of connections */
    bool first;         /* nothing was read yet: the first byte decides on the protocol */
    bool binary;        /* it speaks the binary protocol */
    struct md_buf line; /* read, but no line end yet; no whole request */
    bool dumped;        /* the last command was a metadump: its end is on its way */
    bool stalled;       /* what was read is not looked at until more comes */
    bool grown;         /* its read buffer has grown for a long get: takes all that comes */
    uint64_t input;     /* bytes read since it was opened */
    /* MD_CONN_DATA: a store waits for its data block */
    enum md_block block;
    struct md_meta_block meta; /* MD_BLOCK_META: beside the fields that all stores share */
    uint8_t store;             /* enum md_command_name: which kind of store */
    bool noreply;
    int32_t record;
    uint32_t flags, exptime, exptime_set, nbytes;
    uint64_t cas;
    struct md_room room; /* of the item on its way, also while its data is swallowed */
    uint32_t chunk_left; /* room in the current chunk of a large item */
    struct md_buf data;
    struct md_command command; /* as begun with the command line */
    /* MD_CONN_SWALLOW and MD_CONN_DATA */
    uint64_t missing;     /* bytes still to come, CRLF included */
    struct md_reply held; /* replies that the node has not sent yet */
    int32_t *holds;       /* owned: items that replies not sent yet point into */
    size_t n_holds, cap_holds;
    /* A binary connection: the request in hand, whose value may still be to come. */
    struct md_packet request;
    bool quiet; /* only errors and hits are told */
};

/* What administrative commands have set since the node's start. */
struct md_admin {
    bool changed;  /* something that no reset of the harness changes back */
    bool crawler;  /* it runs */
    bool stopping; /* it was told to stop, and does when it gets to it: who knows whether it runs */
    bool crawled;  /* it has freed we do not know what */
    bool sizes, detail;
    uint32_t verbosity, crawler_sleep, crawler_tocrawl;
    uint32_t automove;
    bool automove_set, ratio_set, tuned; /* what stands there is known */
    double ratio;
    uint32_t hot, warm;
    double hot_factor, warm_factor;
};

struct md_preference {
    struct md_choice_ref ref;
    uint64_t alternative;
};

struct md_reason {
    uint32_t ordinal;
    char *text; /* owned */
};

struct md_removal_note {
    enum md_removal_kind kind;
    uint8_t class;
    int32_t record;
    uint32_t ordinal;
};

struct md_model {
    const struct md_profile *profile;
    struct md_options options;
    struct md_slabs slabs;
    struct md_memory memory;
    bool quirk[MD_QUIRKS];
    uint64_t start_time; /* Unix time at which the node started */
    struct md_base base; /* as of the restart */

    uint32_t now; /* relative seconds, MD_RESTART_SLACK at a node's start */
    int64_t zero; /* relative time at which the trace began; below 0 after a restart of the node */
    uint64_t cas;
    uint64_t order;
    uint32_t ordinal; /* of the next command */
    struct md_flush flush;
    struct md_stats stats;
    struct md_class_count count[MD_SLAB_CLASSES];
    struct md_segmented segmented;
    struct md_admin admin;

    struct md_record *records;
    size_t n_records, cap_records;
    int32_t *table; /* open addressing: index of a record */
    size_t table_size;
    struct md_item *items;
    size_t n_items, cap_items;
    int32_t free_item;
    int32_t head[MD_SLAB_CLASSES], tail[MD_SLAB_CLASSES];
    struct md_removal_note *removals; /* of the last feed */
    size_t n_removals, cap_removals;
    struct md_removal *told_removals; /* the same, as told */
    size_t cap_told_removals;

    struct md_conn *conn; /* owned; those opened so far and all numbers below */
    unsigned n_conns;
    /* A node keeps a place for each connection, the first free one, and what it still had to skip when
     * that was closed (quirk bin-leftover), or a CAS value that the next store takes (quirk cas-left).
     * Owned, n_conns of them. */
    struct md_place {
        bool taken;
        uint64_t left, cas;
    } * places;

    struct md_preference *preferences;
    size_t n_preferences, cap_preferences;
    struct md_stats_snapshot *snapshots;
    size_t n_snapshots, cap_snapshots;
    struct md_shape_note *notes; /* shape.h */
    size_t n_notes, cap_notes;
    bool explain;
    struct md_reason *reasons;
    size_t n_reasons, cap_reasons;
    struct md_fired fired;

    /* The command in hand. */
    struct md_command *command;
    bool literal_cas; /* md_model_literal_cas */
    bool lost; /* what happens now is not modelled: memory may run out, or a result is not shown */
    uint64_t yields;                  /* times that a connection had its -R requests */
    const struct md_process *process; /* not owned; NULL: the model is the picture of a node */
};

/* Data of a version (profile.c); its quirks are those of rules.def.h whose range it is in. */
struct md_profile {
    const char *version;
    uint32_t chunk_max_unit; /* bytes: what -o slab_chunk_max counts in */
    uint64_t cas_start;      /* the first item gets the next number */
    bool minus_anywhere;     /* behind a number of 2^63 or more a minus sign makes it none */
    bool failed_store_uses_cas, flush_uses_cas;
    bool sizes_at_runtime;  /* knows stats sizes_enable and sizes_disable */
    bool watch_noreply;     /* watch has noreply */
    bool mgdump;            /* knows lru_crawler mgdump */
    bool watches_deletions; /* knows watch deletions */
    bool flush_unlinks;   /* flush_all takes out at once what is too young to be told apart later */
    bool retrieval_sends; /* the replies of a batch go out behind each retrieval */
    bool strict_numbers;  /* own readers of numbers, but for flags and exptime of a store */
    bool surplus_words;   /* any number of words behind those that a command needs is let through */
    bool nul_ends_line;
    bool blanks_in_front; /* a command with a key may stand behind blanks */
    bool short_line_bad;  /* a line of less than 4 bytes is a bad one, not an unknown command */
    bool refused_store_swallows; /* a bad key or number in a store: its data block is swallowed */
    bool set_counts_at_line;     /* in cmd_set, not with the data block */
    bool unknown_is_quiet;       /* noreply silences the answer to an unknown command */
    bool http_by_last_word;      /* whatever the first one begins with */
    const char *too_few_words, *shutdown_off; /* answers */
    const char *meta_flags;                   /* those that it knows */
    uint8_t meta_words;                       /* of a line, at most */
    bool md_names_error; /* what is wrong with its flags, not one text for all */
    bool meta_mode_cut;  /* M takes the first letter, whatever follows */
    bool mg_compares;    /* C keeps back a value that the client has already */
    bool odd_flag_bad;   /* a flag that is no letter or digit makes the line a bad one */
    bool ma_hushes_made; /* q silences an item that N made, too */
    uint32_t
        binary_body_most; /* bytes; more is invalid, and the connection closed. 0: no such limit */
    bool
        ms_opaque_late; /* looked at when there is room for the item; the CAS value is drawn then */
    bool ms_draws_cas_early; /* with the line, not with the data block */
    bool ms_append_vivifies; /* N with modes A and P */
    bool ms_returns_size;    /* flag s */
};

/* True if the quirk is on; then it counts as fired and is noted on the command in hand. Called only
 * where the node would really differ from the specification. */
bool md_quirk_applies(struct md_model *m, enum md_quirk quirk);
/* The alternative to take at a choice of the command in hand. */
uint64_t md_choose(struct md_model *m, enum md_choice choice);
/* The same for an open choice: false if nothing was observed yet. */
bool md_choose_open(struct md_model *m, enum md_choice choice, uint64_t *observed);
/* Notes that the choice was met, where there is nothing to choose from. */
static inline void md_chosen(struct md_model *m, enum md_choice choice) {
    m->fired.choice[choice]++;
}
/* The command in hand stands on a choice made by an earlier command. */
void md_stands_on(struct md_model *m, uint32_t ordinal, enum md_choice choice);
static inline void md_rule_is(struct md_model *m, enum md_rule rule) {
    m->command->rule = (uint16_t)rule;
}
/* Sets the reason of the command in hand, if reasons are wanted. */
void md_because(struct md_model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Relative seconds from an expiration time as a client gives it; protocol.txt "Expiration times". */
uint32_t md_relative_time(const struct md_model *m, int64_t exptime);

static inline uint32_t md_trace_time(const struct md_model *m, uint32_t relative) {
    int64_t t = (int64_t)relative - m->zero;
    return t > 0 ? (uint32_t)t : 0;
}

#endif
