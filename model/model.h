/*
 * The state model: memcached as a deterministic state machine that eats bytes and time and predicts
 * bytes. Contract C1 (prediction, choices, rollback) lives here.
 *
 * The model states what memcached SHOULD do (model/rules.h lists each statement with its source).
 * Known differences of a version are quirks, applied on top at one named place each.
 *
 * It needs libc only: no sockets, threads, clock of its own or globals. One model is one node.
 *
 * Use: md_model_new, then any mix of open / feed / advance / close. `feed` is given what a client
 * writes and yields the preferred reply. If the node answered exactly that, nothing else is needed.
 * If not, the caller looks at the commands of the reply: one that stands on a choice
 * (md_choice_ref) may be answered otherwise. The caller then makes the model go back
 * (md_model_restart), prefers the other alternative (md_model_prefer) and feeds the same events
 * again: everything after the choice is predicted anew. That costs nothing while nodes and model
 * agree, which is practically always, and it cannot forget a piece of state.
 */
#ifndef MEMDIVERGE_MODEL_H
#define MEMDIVERGE_MODEL_H

#include "model/buf.h"
#include "model/rules.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MD_KEY_MAX = 250,          /* bytes; protocol.txt "Keys" */
    MD_CONNECTIONS_MAX = 16,   /* connections of one trace, numbered 0 .. 15 */
    MD_READ_BUFFER = 16384,    /* bytes that a node takes with one read */
    MD_THIRTY_DAYS = 2592000,  /* seconds; protocol.txt "Expiration times" */
    MD_RESTART_SLACK = 62,     /* a node's relative time at start, seconds */
    MD_SLAB_CLASSES = 64,      /* classes are numbered 1 .. 63 */
    MD_PAGE_SIZE = 1 << 20,    /* bytes of a slab page */
    MD_SAID_AT_ONCE = 1 << 20, /* bytes after which a server lets further commands wait */
    MD_REPLY_MAX = 64 << 20,   /* bytes of one feed's replies; more is not modelled */
};

/* -B: which protocol a connection speaks; auto: the first byte says. */
enum md_protocol { MD_PROTOCOL_AUTO, MD_PROTOCOL_ASCII, MD_PROTOCOL_BINARY };

/* What of a node's command line the model must know. Sizes in bytes. */
struct md_options {
    uint64_t memory_limit;   /* -m, default 1024 MiB */
    uint32_t item_size_max;  /* -I, default 1 MiB */
    uint32_t slab_chunk_max; /* -o slab_chunk_max, default 512 KiB */
    uint32_t chunk_size;     /* -n, default 48 */
    double factor;           /* -f, default 1.25 */
    uint32_t reqs_per_event; /* -R, default 10000 (design: nobody is overtaken in a batch) */
    enum md_protocol protocol;
    bool cas;           /* false with -C */
    bool flush_enabled; /* false with -F */
    bool evict;         /* false with -M */
    bool preallocated;  /* -L: all memory is taken at the start, each class gets a page */
    bool slab_reassign; /* -o slab_reassign: pages are of one size */
    bool shutdown;      /* -A: shutdown ends the node */
    bool crawler;       /* -o lru_crawler */
    unsigned threads;   /* -t, default 1: how many keys share a lock follows from it */
    /* -o lru_maintainer: HOT, WARM and COLD queues that background threads juggle. The model then says
     * what may happen, not what will (model/segmented.h). */
    bool segmented;
    bool temporary;         /* -o temporary_ttl was given */
    uint32_t temporary_ttl; /* seconds; items with no more to live are never evicted */
};
void md_options_default(struct md_options *o);
/* Whether a trace may well fill the memory: little of it, or a free choice of what to evict. What is
 * under pressure cannot be reset: each such trace wants a node of its own. */
bool md_options_tight(const struct md_options *o);

/* A version of memcached as data: what it knows, its limits, texts, choices, quirks. */
struct md_profile;
/* By `version` reply ("1.6.18") or name. *exact says whether the version itself is known; if not,
 * the nearest older profile is given (never NULL). */
const struct md_profile *md_profile_find(const char *version, bool *exact);
const char *md_profile_name(const struct md_profile *p);
/* Bytes that -o slab_chunk_max counts in. */
uint32_t md_profile_chunk_max_unit(const struct md_profile *p);
/* Whether the quirk is one of this version's. */
bool md_profile_has(const struct md_profile *p, enum md_quirk quirk);

/*
 * What a node that was used before cannot forget, taken over by the model so that a trace means the
 * same on it as on a fresh one (contract C2).
 */
struct md_base {
    uint64_t cas;        /* CAS values used up since its start */
    uint32_t uptime;     /* virtual seconds since the node started, 0 on a fresh one */
    uint64_t start_time; /* Unix time of the node's start */
    uint64_t malloced;   /* bytes of all slab pages: a node keeps them, each with its class */
    uint16_t pages[MD_SLAB_CLASSES];
};

struct md_model;

/* A node just started with these options. The caller owns it. */
struct md_model *md_model_new(const struct md_profile *profile, const struct md_options *options,
                              uint64_t start_time);
void md_model_free(struct md_model *m);
/* A deep copy, for searches that try several continuations. */
struct md_model *md_model_clone(const struct md_model *m);
/* Empty, all connections gone, counters zero, `base` taken over; quirk switches and preferences
 * stay (md_model_forget_preferences drops the latter). */
void md_model_restart(struct md_model *m, const struct md_base *base);
/* The base that the next trace on the same node would start from. */
void md_model_base(const struct md_model *m, struct md_base *out);
/* Takes another node's options without a new allocation; implies a restart. */
void md_model_set_options(struct md_model *m, const struct md_options *options);
void md_model_set_profile(struct md_model *m, const struct md_profile *profile);

/* Quirk switches: all of the profile's are on at first. `strict` is not a different prediction: the
 * quirk is applied and its firing is told (md_command.quirk). */
void md_model_quirk(struct md_model *m, enum md_quirk quirk, bool on);
bool md_model_quirk_on(const struct md_model *m, enum md_quirk quirk);

/* ---- what came back ---------------------------------------------------------------------- */

/* A choice that a command made: names it across replays. */
struct md_choice_ref {
    uint32_t ordinal;      /* of the command that made the choice, counted from the restart */
    enum md_choice choice; /* which kind; at most one of a kind for each command and key */
};

enum { MD_REFS_MAX = 8 };

enum md_command_flags {
    MD_COMMAND_ERROR = 1,   /* predicted reply is an error line */
    MD_COMMAND_HIT = 2,     /* a retrieval with at least one hit */
    MD_COMMAND_MISS = 4,    /* a retrieval with at least one miss */
    MD_COMMAND_STATS = 8,   /* reply is a pattern: compare with md_model_pattern_agrees */
    MD_COMMAND_SILENT = 16, /* noreply: no bytes, by design */
    MD_COMMAND_LATE = 32,   /* a thread in the background answers: by and by */
};

/* One command of a feed, in order. */
struct md_command {
    uint32_t ordinal;      /* 0-based since the restart */
    uint32_t reply_offset; /* span in md_reply.bytes */
    uint32_t reply_len;
    uint32_t input_offset; /* where its line starts, counted over all bytes fed on the connection */
    uint16_t rule;         /* enum md_rule that made the prediction */
    uint16_t quirk;        /* enum md_quirk that changed it, or MD_QUIRK_NONE */
    uint8_t name;          /* enum md_command_name */
    uint8_t flags;         /* enum md_command_flags */
    uint8_t refs;          /* choices that this reply stands on */
    uint16_t conn;
    uint32_t mark_first; /* its marks in md_reply.marks */
    uint32_t marks;
    struct md_choice_ref ref[MD_REFS_MAX];
};

/* A place in the reply whose text depends on the node's past: a CAS value. Lets two runs of a trace
 * on nodes with different pasts be compared. */
struct md_mark {
    uint32_t offset, len; /* in md_reply.bytes */
    uint64_t relative;    /* the value less its base */
};

/*
 * What a feed makes the node send. Commands whose reply the node still holds back (it is in the
 * middle of a later command's data block) come with the feed that releases them.
 */
struct md_reply {
    struct md_buf bytes;
    struct md_command *commands; /* owned */
    size_t n_commands, cap_commands;
    struct md_mark *marks; /* owned */
    size_t n_marks, cap_marks;
    bool closed; /* the node closes the connection after these bytes */
    bool more;   /* a server: commands wait until md_model_feed is called again, with nothing */
    bool cut;    /* values are missing: the reply would have been longer than MD_REPLY_MAX */
    bool ended;  /* the node itself ends */
};
void md_reply_free(struct md_reply *r);

enum md_feed_result {
    MD_FEED_OK,
    MD_FEED_UNMODELLED,    /* a command that this model does not know (most of meta, most of
                           stats, administration): nothing after it can be predicted. The reply
                           covers what came before it; the model must be restarted. */
    MD_FEED_NO_CONNECTION, /* not open (never opened, or closed by either side): bytes go nowhere */
};

/* ---- events ------------------------------------------------------------------------------ */

/* Opens connection conn; it must not be open. A trace has 0 .. MD_CONNECTIONS_MAX - 1; any other caller
 * may have more, and gives the lowest free number first. */
void md_model_open(struct md_model *m, unsigned conn);
bool md_model_is_open(const struct md_model *m, unsigned conn);
/*
 * The node reads these bytes in pieces of MD_READ_BUFFER (the caller settles in between, so that
 * arrival is the same every time). `out` is cleared first.
 */
enum md_feed_result md_model_feed(struct md_model *m, unsigned conn, const void *bytes, size_t len,
                                  struct md_reply *out);
/* Whether the model wants md_model_observe. */
bool md_model_observes(const struct md_model *m);
/*
 * Only with options.segmented, before each feed: what the node sent in answer to these bytes. The model
 * looks there whether items that it knows are still there. The bytes must stay until the feed is done.
 */
void md_model_observe(struct md_model *m, const void *bytes, size_t len);
/* Whether a promise of the segmented LRU was broken since the restart: which one, in words, and by which
 * command it showed. */
bool md_model_broken(const struct md_model *m, uint32_t *ordinal, const char **promise,
                     const char **why);
/* The client closes the connection. Replies that the node held back are lost. No effect on a connection
 * that is not open. */
void md_model_close(struct md_model *m, unsigned conn);
/* The client half-closes, and may still read: `out` is what the node says before it closes too. */
void md_model_finish(struct md_model *m, unsigned conn, struct md_reply *out);
/* The clock moves forward. */
void md_model_advance(struct md_model *m, uint32_t seconds);
/* The node ends and starts again at this moment: every connection closes, and nothing survives, not one
 * item, not one counter. Commands are counted on, preferences stay. */
void md_model_reboot(struct md_model *m);

/* True where a barrier (`mn`) would be read as a command of its own; never on a binary connection. */
bool md_model_at_command(const struct md_model *m, unsigned conn);
/* The connection is a watcher: the node sends log lines and reads no more, until it is closed. */
bool md_model_watches(const struct md_model *m, unsigned conn);

/* ---- as a server ----------------------------------------------------------------------------- */

/* What `stats` tells that is the process's, not the model's. Texts are not owned. */
struct md_process {
    uint64_t pid, user_us, system_us; /* CPU time in microseconds */
    uint64_t max_connections, curr_connections, total_connections, rejected_connections;
    uint64_t bytes_read, bytes_written;
    unsigned tcp_port, backlog;
    const char *interface, *socket_path; /* NULL: none */
    const char *library;                 /* libevent's version */
    /* `stats conns`: says each name and value. */
    void (*connections)(void *ctx, void (*say)(void *to, const char *name, const char *value),
                        void *to);
    void *ctx;
};
/*
 * From now on the model is not the picture of a node but the node: it answers everything (a command that
 * it does not know with ERROR), takes the preferred alternative of every choice, and is never lost.
 * MD_FEED_UNMODELLED then means this connection alone. `process` must live as long as the model.
 */
void md_model_serve(struct md_model *m, const struct md_process *process);
/* Forgets what only explains a trace: keys without an item, counters as they were shown. */
void md_model_tidy(struct md_model *m);
/* Bytes of a line, a data block and replies held back that the connection has waiting. */
size_t md_model_waiting(const struct md_model *m, unsigned conn);
/* Whether it is in the middle of a data block, or of one that is swallowed. */
bool md_model_in_data(const struct md_model *m, unsigned conn);

/* ---- choices ----------------------------------------------------------------------------- */

/* How many alternatives a choice has, the first (number 0) being what the profile prefers; none at all
 * if it is open: then the alternative is the number that was observed. */
unsigned md_choice_alternatives(enum md_choice choice);
/* From the next restart on, the command of that ordinal takes `alternative` (1 .. n-1, or the number
 * observed). */
void md_model_prefer(struct md_model *m, struct md_choice_ref ref, uint64_t alternative);
void md_model_unprefer(struct md_model *m); /* takes the last one back */
void md_model_forget_preferences(struct md_model *m);

/* ---- questions --------------------------------------------------------------------------- */

uint64_t md_model_now(const struct md_model *m);      /* Unix time of the node */
uint64_t md_model_cas_base(const struct md_model *m); /* CAS counter at the restart */
/* The CAS value that a reply of this trace showed last for the key; the base if none did. */
uint64_t md_model_cas_seen(const struct md_model *m, const void *key, size_t nkey);
/* Keys that have an item which the node has not given back yet (alive, expired or flushed), in no
 * particular order: calls f for each. For reset. */
void md_model_each_item(const struct md_model *m,
                        void (*f)(void *ctx, const uint8_t *key, size_t nkey), void *ctx);

/* Whether a cas of this trace named a CAS value from before the trace: a number written out, which
 * means something else on a fresh node ({base+N} does not). */
bool md_model_literal_cas(const struct md_model *m);
/* Whether the model no longer knows the node's state (MD_FEED_UNMODELLED was not taken back). */
bool md_model_lost(const struct md_model *m);
/* Whether this trace has used flush_all (a reset must then outlive it). */
bool md_model_flushed(const struct md_model *m);

/* Whether an administrative command has changed what no reset changes back: the node is not for the next
 * trace. */
bool md_model_administered(const struct md_model *m);
/* Whether a crawler may have freed items behind our back: what is left of the dead ones is not known. */
bool md_model_crawled(const struct md_model *m);

/* Whether a connection was closed while the node still had bytes of it to skip: it may remember that. */
bool md_model_leftover(const struct md_model *m);
/* Whether memory has run out since the restart: a slab class was refused a page. Then the trace means
 * the same only on a node whose pages were free at its start. */
bool md_model_pressed(const struct md_model *m);

/* ---- memory and the order of last use: for pictures and sweeps ------------------------------------ */

struct md_class_state {
    uint32_t chunk_size; /* bytes */
    uint32_t chunks_per_page;
    uint32_t pages, used_chunks, free_chunks;
    uint32_t
        items; /* linked in its queue; a large item is, its chunks are counted where they are */
};
/* The largest slab class; they are numbered from 1. */
unsigned md_model_classes(const struct md_model *m);
void md_model_class(const struct md_model *m, unsigned class, struct md_class_state *out);

struct md_item_state {
    const uint8_t *key; /* the model's, valid until the next event */
    size_t nkey;
    uint32_t total;      /* bytes that it counts for */
    uint32_t moved;      /* seconds since it came to the head of its queue */
    uint32_t expires_in; /* seconds; 0: never, or (see dead) already */
    bool dead;           /* expired or flushed: next at the tail it is reclaimed */
    bool chunked;
};
/* The items of a class, the one that was moved to the head last first. */
void md_model_each_in_class(const struct md_model *m, unsigned class,
                            void (*f)(void *ctx, const struct md_item_state *item), void *ctx);
/* Keys that this trace knows and that hold no item now: `gone` says why (MD_RULE_MISS_...). */
void md_model_each_gone(const struct md_model *m,
                        void (*f)(void *ctx, const uint8_t *key, size_t nkey, enum md_rule gone),
                        void *ctx);

enum md_removal_kind { MD_EVICTED, MD_RECLAIMED };
struct md_removal {
    enum md_removal_kind kind;
    uint8_t class;
    uint8_t nkey;
    uint32_t ordinal;   /* of the command that needed the room */
    const uint8_t *key; /* the model's */
};
/* Items that went at a tail during the last feed, in order; valid until the next event. */
size_t md_model_removals(const struct md_model *m, const struct md_removal **out);

/* State of a key, for generators and mutators that want to aim. */
enum md_key_state {
    MD_KEY_NEVER,
    MD_KEY_ALIVE,
    MD_KEY_DELETED,
    MD_KEY_EXPIRED,
    MD_KEY_FLUSHED,
    MD_KEY_EVICTED
};
enum md_key_state md_model_key_state(const struct md_model *m, const void *key, size_t nkey);

/*
 * Compares a reply to `stats` with the counters that follow from the commands. observed/len is the
 * whole block (through "END\r\n"); *used is set to its length. True: all agree. False: `why` says
 * which counter ("curr_items: expected 3, observed 4"), `name` (at least 32 bytes) which one.
 * The counters as of that command are kept until the restart.
 */
bool md_model_stats_agree(const struct md_model *m, uint32_t ordinal, const uint8_t *observed,
                          size_t len, size_t *used, char *name, struct md_buf *why);

/*
 * The same for any reply that is a pattern (MD_COMMAND_STATS): counters, or a shape (model/shape.h). `name`
 * is then the field that is wrong.
 */
bool md_model_pattern_agrees(const struct md_model *m, uint32_t ordinal, const uint8_t *observed,
                             size_t len, size_t *used, char *name, struct md_buf *why);
/* Whether the reply of a MD_COMMAND_LATE is there to its end, at the start of what was observed. */
bool md_model_pattern_complete(const struct md_model *m, uint32_t ordinal, const uint8_t *observed,
                               size_t len);

/* How often each rule, choice and quirk was used since the model was made (survives restarts). */
struct md_fired {
    uint64_t rule[MD_RULES], choice[MD_CHOICES], quirk[MD_QUIRKS];
};
const struct md_fired *md_model_fired(const struct md_model *m);
/* Sets the counts, e.g. back to what they were before events were told again. */
void md_model_fired_set(struct md_model *m, const struct md_fired *fired);

/* The model's reason for the prediction of this command in words, in the past of the trace:
 * "miss: expired at t=31, 30 s after touch". t counts from the restart. Only after md_model_explain
 * was switched on before the restart (costs time; replay, show and reports want it). */
void md_model_explain(struct md_model *m, bool on);
const char *md_model_reason(const struct md_model *m, uint32_t ordinal);

#endif
