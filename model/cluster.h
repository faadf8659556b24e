/*
 * What a client of several nodes may see: which node may hold a key, which values a read may
 * return, when an error is due to a failure and when not. Deterministic, without sockets: it is
 * told what was done, what the client said, and what the nodes themselves hold.
 *
 * Values are named by the number of the write that made them. A miss after a node died is allowed,
 * an error while a node is away too; never a value of another key, never an error or a miss where
 * the node that holds the key was well all the time. A value older than the last acknowledged write
 * is a stale read: a hazard, if a failure or a change of the list can explain it, told as that.
 */
#ifndef MEMDIVERGE_CLUSTER_MODEL_H
#define MEMDIVERGE_CLUSTER_MODEL_H

#include "model/placement.h"

enum {
    MD_CM_PLACES = 32, /* nodes in the life of a cluster */
    MD_CM_KEYS = 64,
    /* What a node holds, or a client returned, beside the number of a write. */
    MD_CM_NOTHING = -1,
    MD_CM_OTHER_KEY = -2, /* a value that was written to another key */
    MD_CM_INVENTED = -3,  /* a value that nobody wrote */
    MD_CM_UNKNOWN = -4,   /* the node cannot be asked */
};

/* What a call said. */
#define MD_SEEN_LIST(X)                                                                            \
    X(OK, "ok")                                                                                    \
    X(MISS, "miss")                                                                                \
    X(BUFFERED, "buffered")                                                                        \
    X(TIMEOUT, "timeout")                                                                          \
    X(DISABLED, "disabled")       /* the client will not try for a while */                        \
    X(MARKED_DEAD, "marked-dead") /* the client gives the node up */                               \
    X(UNREACHABLE, "unreachable") /* no connection, or it broke */                                 \
    X(SOME_ERRORS, "some-errors")                                                                  \
    X(STRANGE, "strange") /* what no failure of a node explains */
#define X(name, id) MD_SEEN_##name,
enum md_seen { MD_SEEN_LIST(X) MD_SEENS };
#undef X
const char *md_seen_id(enum md_seen seen);

/* X(NAME, "id"): what happens to a node */
#define MD_CM_EVENT_LIST(X)                                                                        \
    X(KILL, "kill")                                                                                \
    X(STOP, "stop")                                                                                \
    X(CONTINUE, "continue")                                                                        \
    X(RESTART, "restart")                                                                          \
    X(LIST, "list") /* the client got another list, or a new client the same */
#define X(name, id) MD_CM_##name,
enum md_cm_event { MD_CM_EVENT_LIST(X) MD_CM_EVENTS };
#undef X

struct md_cm_config {
    struct md_placement_settings placement;
    bool auto_eject, noreply, buffer;
    uint32_t retry_timeout, dead_timeout; /* seconds */
    uint32_t failure_limit;
    /* Called for each thing that must not be, or (hazard) must be known. `kind` is the same for
     * the same thing: no key, value or number in it. */
    void (*report)(void *ctx, bool hazard, const char *kind, const char *text);
    void *ctx;
};

struct md_cluster_model;
struct md_cluster_model *md_cm_new(const struct md_cm_config *config);
void md_cm_free(struct md_cluster_model *m);

/* The client's list from now on. A new list also means new connections. */
void md_cm_list(struct md_cluster_model *m, const struct md_server *servers, const uint32_t *places,
                unsigned n);
void md_cm_happens(struct md_cluster_model *m, unsigned place, enum md_cm_event event);
void md_cm_clock(struct md_cluster_model *m, uint32_t seconds);

/* The client's rule from now on: the same settings may come to mean another one. */
void md_cm_rule(struct md_cluster_model *m, const struct md_placement_settings *rule);

/* Answers may be those of other calls, until there are new connections: they prove nothing of a
 * node's health. */
void md_cm_unsure(struct md_cluster_model *m);

/* What every place holds of a key after a call: the number of a write, or MD_CM_... */
struct md_cm_held {
    int after[MD_CM_PLACES];
};
struct md_cm_key {
    unsigned number; /* 0 .. MD_CM_KEYS - 1 */
    const void *bytes;
    size_t len;
    const struct md_cm_held *held;
};

/* The number of the write or delete that begins now: they count up from 0. */
int md_cm_begin(struct md_cluster_model *m, unsigned key);
void md_cm_set(struct md_cluster_model *m, const struct md_cm_key *k, int write, enum md_seen seen);
void md_cm_delete(struct md_cluster_model *m, const struct md_cm_key *k, int write,
                  enum md_seen seen);
void md_cm_get(struct md_cluster_model *m, const struct md_cm_key *k, enum md_seen seen, int value);
/* values[i]: of keys[i]. `said`: what the call and its last fetch said together. */
void md_cm_mget(struct md_cluster_model *m, const struct md_cm_key *keys, const int *values,
                unsigned n, enum md_seen said);
/* After buffers were flushed: keys that were written and not acknowledged. */
void md_cm_flushed(struct md_cluster_model *m, const struct md_cm_key *keys, unsigned n,
                   enum md_seen seen);
/* Nodes of the list that may not answer at once: away, or not known to be well again. */
unsigned md_cm_suspects(const struct md_cluster_model *m);

#endif
