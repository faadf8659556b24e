/*
 * Where a key lives: the node that a client with these settings sends it to. The rules are those
 * of libmemcached's documentation and of measurements of its behaviour, computed here on our own:
 * no libhashkit (MD5 is libcrypto's). Two rules of other clients stand beside them for comparison.
 *
 * A placement is made once for a list of nodes and then asked for any number of keys; it is
 * deterministic and knows no sockets.
 */
#ifndef MEMDIVERGE_PLACEMENT_H
#define MEMDIVERGE_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, id, is_ring) */
#define MD_DISTRIBUTION_LIST(X)                                                                    \
    X(MODULA, "modula", false)                  /* hash % N */                                     \
    X(CONSISTENT, "consistent", true)           /* 100 points a node, by the key hash */           \
    X(KETAMA_WEIGHTED, "ketama-weighted", true) /* 160 points a node on average, by MD5 */         \
    X(KETAMA_SPY, "ketama-spy", true)           /* as spymemcached writes its points */            \
    X(VIRTUAL_BUCKET, "virtual-bucket", false)  /* hash & (N - 1), without a map */                \
    X(RENDEZVOUS, "rendezvous", false)          /* pymemcache's HashClient: highest score wins */  \
    X(JUMP, "jump", false)                      /* jump consistent hash */

#define MD_KEY_HASH_LIST(X)                                                                        \
    X(DEFAULT, "default") /* Jenkins' one-at-a-time */                                             \
    X(MD5, "md5")                                                                                  \
    X(CRC, "crc")                                                                                  \
    X(FNV1_64, "fnv1_64")                                                                          \
    X(FNV1A_64, "fnv1a_64")                                                                        \
    X(FNV1_32, "fnv1_32")                                                                          \
    X(FNV1A_32, "fnv1a_32")                                                                        \
    X(MURMUR, "murmur")                                                                            \
    X(JENKINS, "jenkins") /* lookup3 */                                                            \
    X(MURMUR3, "murmur3")

#define X(name, ...) MD_DIST_##name,
enum md_distribution { MD_DISTRIBUTION_LIST(X) MD_DISTRIBUTIONS };
#undef X
#define X(name, id) MD_HASH_##name,
enum md_key_hash { MD_KEY_HASH_LIST(X) MD_KEY_HASHES };
#undef X

enum {
    MD_SERVERS_MAX = 64,
    MD_HOST_MAX = 256,       /* bytes of a host name, NUL included */
    MD_SERVER_PORT = 11211,  /* the port that a ring's strings leave out */
    MD_NOWHERE = 0xffffffff, /* no live node */
};

struct md_server {
    char host[MD_HOST_MAX];
    uint16_t port;   /* 0 counts as MD_SERVER_PORT */
    uint32_t weight; /* 0 counts as 1; only ketama-weighted looks at it */
    bool dead;       /* ejected, see below */
};

struct md_placement_settings {
    enum md_distribution distribution;
    enum md_key_hash hash;
    bool sort_hosts;       /* by host, then port, before anything else */
    bool hash_with_prefix; /* the namespace is hashed with the key */
    const char *prefix;    /* namespace; NULL: none */
    /* What nobody asks for, but a client may come to: */
    bool other_points; /* a ring of the points of point_hash; keys still go by `hash` */
    enum md_key_hash point_hash;
    bool spy_by_weight; /* ketama-spy's texts for the points of ketama-weighted */
};

/*
 * A dead server gets no keys from a ring (the others keep their points; by weight, they share
 * among themselves) nor by rendezvous. modula, virtual-bucket and jump know no ejection: keys of a
 * dead server stay with it, and so MD_NOWHERE is for the others. One server alone gets everything.
 * Keys are valid ones: at most 250 bytes with the prefix.
 */

struct md_placement;

/* Copies what it is given. n: 1 .. MD_SERVERS_MAX. Owned by the caller. */
struct md_placement *md_placement_new(const struct md_placement_settings *settings,
                                      const struct md_server *servers, size_t n);
void md_placement_free(struct md_placement *p);

/* The index, in the list as given, of the node that gets this key; MD_NOWHERE if none is live. */
uint32_t md_placement_of(const struct md_placement *p, const void *key, size_t nkey);
/* The same by the key's hash, for every rule but rendezvous (which hashes server and key
 * together). */
uint32_t md_placement_of_hash(const struct md_placement *p, uint32_t hash);

/* A point of a ring: keys with a hash above the point before it, up to this one, go to `server`. */
struct md_point {
    uint32_t at;
    uint32_t server;
};
/* The ring in ascending order; 0 points if the distribution has none. */
size_t md_placement_ring(const struct md_placement *p, const struct md_point **points);
/* The share of all hash values (sum 1) that belongs to each of the n nodes, by the ring's arcs or
 * the rule; false: the rule has no such shares that follow from the hash alone. */
bool md_placement_shares(const struct md_placement *p, double *shares);

uint32_t md_key_hash(enum md_key_hash hash, const void *key, size_t nkey);
const char *md_distribution_id(enum md_distribution d);
bool md_distribution_is_ring(enum md_distribution d);
const char *md_key_hash_id(enum md_key_hash h);
/* False: no such id. */
bool md_distribution_find(const char *id, enum md_distribution *out);
bool md_key_hash_find(const char *id, enum md_key_hash *out);

#endif
