/*
 * A cluster: several nodes of ours on loopback addresses, a list of them as a client would be given
 * it, and a connection of our own to each, to ask the node itself what it holds.
 *
 * Where nodes listen is no part of a trace. Each cluster claims a block of addresses, 127.77.B.1
 * and up, the lowest B that no other campaign on this machine uses: so that rings, which depend on
 * addresses and ports, are nearly always the same from run to run.
 *
 * A node has a place: its number, for good. The list holds places in the client's order.
 */
#ifndef MEMDIVERGE_CLUSTER_H
#define MEMDIVERGE_CLUSTER_H

#include "harness/node.h"
#include "model/placement.h"

enum {
    MD_CLUSTER_NODES_MAX = 16, /* in the list */
    MD_CLUSTER_PLACES = 32,    /* in the life of a cluster */
    MD_CLUSTER_PORT = 22122,   /* of the first node, where it is not the default */
    MD_CLUSTER_KEYS = 64,      /* that can be asked for at once */
};

/* X(NAME, "id"): how ports are given to nodes */
#define MD_PORTS_LIST(X)                                                                           \
    X(DISTINCT, "distinct") /* another one for each */                                             \
    X(SAME, "same")         /* one for all */                                                      \
    X(DEFAULT, "default")   /* 11211, which a ring's strings leave out */
#define X(name, id) MD_PORTS_##name,
enum md_ports { MD_PORTS_LIST(X) MD_PORTS };
#undef X
const char *md_ports_id(enum md_ports p);
bool md_ports_find(const char *id, size_t len, enum md_ports *out);

enum md_place_state { MD_PLACE_EMPTY, MD_PLACE_UP, MD_PLACE_STOPPED, MD_PLACE_DOWN };

struct md_place {
    struct md_node *node;
    enum md_place_state state;
    struct md_server server;
    uint32_t late; /* seconds that its clock must still be moved: it was stopped */
};

struct md_cluster_config {
    const char *binary;
    const char *const *node_args;
    size_t n_node_args;
    unsigned deadline_ms;
};

struct md_cluster {
    struct md_cluster_config config;
    struct md_place places[MD_CLUSTER_PLACES];
    unsigned n_places;
    uint32_t list[MD_CLUSTER_NODES_MAX]; /* places */
    unsigned n_list;
    enum md_ports ports;
    unsigned block;
    int claim; /* holds the block */
    struct md_buf error;
};

/* False: md_cluster.error says why, for a person. The cluster is zeroed or was freed before. */
bool md_cluster_start(struct md_cluster *c, const struct md_cluster_config *config, unsigned n,
                      enum md_ports ports, const uint32_t *weights);
void md_cluster_free(struct md_cluster *c);
/* As new, for the next trace: what is still good is used again. */
bool md_cluster_reset(struct md_cluster *c, unsigned n, enum md_ports ports,
                      const uint32_t *weights);

/* The list for a client; `out` has room for MD_CLUSTER_NODES_MAX. Returns how many. */
unsigned md_cluster_servers(const struct md_cluster *c, struct md_server *out);

/* What can happen to a place. All false only when the environment fails; what makes no sense
 * (continue of a node that runs) does nothing. */
bool md_cluster_kill(struct md_cluster *c, unsigned place);
bool md_cluster_stop(struct md_cluster *c, unsigned place);
bool md_cluster_continue(struct md_cluster *c, unsigned place);
bool md_cluster_restart(struct md_cluster *c, unsigned place);
/* Takes a place out of the list; its node goes on. */
bool md_cluster_remove(struct md_cluster *c, unsigned place);
/* Puts a place that was removed, or a new one (place >= n_places), at the end of the list. */
bool md_cluster_add(struct md_cluster *c, unsigned place, uint32_t weight);
/* A new node where `place` was in the list. */
bool md_cluster_replace(struct md_cluster *c, unsigned place);
/* Seconds pass for every node. */
bool md_cluster_clock(struct md_cluster *c, uint32_t seconds);
/* Where in the list; n_list if it is not there. */
unsigned md_cluster_position(const struct md_cluster *c, unsigned place);

/* What a node says of a key. */
struct md_holding {
    bool held;
    uint32_t flags;
    size_t value, len; /* where in the buffer */
};

struct md_cluster_key {
    const void *bytes; /* no blanks, no control characters: a key of the text protocol */
    size_t len;
};

/*
 * Asks the node itself, after it has done all that was sent to it before: on a new connection,
 * which it takes in order, so that its answer is behind everything. Values go to `bytes`. False:
 * the node does not run (then nothing is held), or the environment failed (error is set).
 */
bool md_cluster_ask(struct md_cluster *c, unsigned place, const struct md_cluster_key *keys,
                    size_t n, struct md_holding *out, struct md_buf *bytes);

#endif
