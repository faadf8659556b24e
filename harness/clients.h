/*
 * A fleet of different clients on the same nodes: each has its own rule, and a key that one writes
 * is found by another only if both rules name the same node. Which do, how often the others do by
 * chance, and how many keys each moves when a node comes.
 */
#ifndef MEMDIVERGE_CLIENTS_H
#define MEMDIVERGE_CLIENTS_H

#include "harness/key_sets.h"

#include <jansson.h>

/* X(name, id, distribution, hash, what): what is said by these settings in that client's words. */
#define MD_FLEET_LIST(X)                                                                           \
    X(LIB_DEFAULT, "libmemcached", MODULA, DEFAULT, "libmemcached as it comes")                    \
    X(LIB_CONSISTENT, "lib-consistent", CONSISTENT, MD5, "libmemcached, CONSISTENT and MD5")       \
    X(LIB_WEIGHTED, "lib-weighted", KETAMA_WEIGHTED, MD5, "libmemcached, KETAMA_WEIGHTED")         \
    X(NC_KETAMA, "nc-ketama", KETAMA_WEIGHTED, MD5, "nutcracker, distribution: ketama, hash: md5") \
    X(NC_MODULA, "nc-modula", MODULA, DEFAULT,                                                     \
      "nutcracker, distribution: modula, hash: one_at_a_time")                                     \
    X(SPY, "spymemcached", KETAMA_SPY, MD5, "as libmemcached writes spymemcached's points")        \
    X(PYMEMCACHE, "pymemcache", RENDEZVOUS, MURMUR3, "pymemcache's HashClient, keys of type str")

#define X(name, ...) MD_FLEET_##name,
enum md_fleet_client { MD_FLEET_LIST(X) MD_FLEET_CLIENTS };
#undef X

struct md_fleet {
    size_t n, keys;
    double same[MD_FLEET_CLIENTS]
               [MD_FLEET_CLIENTS];  /* part of the keys that both put on the same node */
    double moved[MD_FLEET_CLIENTS]; /* by one more node */
};

const char *md_fleet_id(enum md_fleet_client c);
const char *md_fleet_what(enum md_fleet_client c);
/* Owned by the caller. */
struct md_placement *md_fleet_placement(enum md_fleet_client c, const struct md_server *servers,
                                        size_t n);

/* n equal servers (2 .. MD_SERVERS_MAX - 1). */
void md_fleet_measure(struct md_fleet *f, size_t n, size_t keys);
void md_fleet_print(const struct md_fleet *f, struct md_buf *out);
json_t *md_fleet_json(const struct md_fleet *f);

#endif
