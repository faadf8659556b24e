/*
 * libmemcached's own answer to where a key lives, without any socket: a client object is given the
 * settings and asked for its hash. There are many ways to give it the same settings, and they
 * ought to lead to the same place: each is a `reach`. Where one does not, that is a deviation,
 * named here.
 */
#ifndef MEMDIVERGE_PLACEMENT_LIBRARY_H
#define MEMDIVERGE_PLACEMENT_LIBRARY_H

#include "model/placement.h"

/* X(name, id, how) */
#define MD_REACH_LIST(X)                                                                           \
    X(BEHAVIOURS_FIRST, "behaviours-first", "hash, distribution, then the servers one by one")     \
    X(SERVERS_FIRST, "servers-first", "the servers, then hash, then distribution")                 \
    X(HASH_LAST, "hash-last", "the servers, then distribution, then hash")                         \
    X(HALFWAY, "halfway", "half of the servers, hash, distribution, the other half")               \
    X(LIST, "list", "hash, distribution, then memcached_server_push of a list")                    \
    X(LIST_FIRST, "list-first", "memcached_server_push of a list, then hash, then distribution")   \
    X(PARSED, "parsed", "hash, distribution, then a list from memcached_servers_parse")            \
    X(KETAMA, "ketama", "behaviour KETAMA or KETAMA_WEIGHTED, hash, then the servers")             \
    X(REFILLED, "refilled", "as behaviours-first, memcached_servers_reset, the servers again")     \
    X(CLONE, "clone", "memcached_clone of behaviours-first")                                       \
    X(CLONE_LATE, "clone-late", "memcached_clone of servers-first")                                \
    X(POOL, "pool", "fetched from a memcached_pool of behaviours-first")                           \
    X(STRING, "string", "memcached(\"--DISTRIBUTION= --HASH= --SERVER= ...\")")                    \
    X(STRING_LATE, "string-late", "memcached(\"--SERVER= ... --HASH= --DISTRIBUTION=\")")          \
    X(STRING_HASH_LAST, "string-hash-last", "memcached(\"--SERVER= ... --DISTRIBUTION= --HASH=\")")

#define X(name, ...) MD_REACH_##name,
enum md_reach { MD_REACH_LIST(X) MD_REACHES };
#undef X

/* X(name, id, sentence): where the library's placement depends on the way. */
#define MD_DEVIATION_LIST(X)                                                                       \
    X(NONE, "none", "")                                                                            \
    X(STALE_RING, "stale-ring",                                                                    \
      "a hash set after the ring was made is used for keys, but the ring keeps the points of the " \
      "old hash until something else makes it anew")                                               \
    X(WEIGHT_CHANGES_RING, "weight-changes-ring",                                                  \
      "a server with a weight above 1 that is added, pushed or cloned into a client with "         \
      "distribution consistent makes it ketama-weighted")                                          \
    X(CLONE_FORGETS_WEIGHTED, "clone-forgets-weighted",                                            \
      "a clone of a ketama-weighted client whose weights are all 1 has the ring of consistent")    \
    X(SPY_WEIGHTED, "spy-weighted",                                                                \
      "a weight above 1 makes ketama-spy use the number of points of ketama-weighted and MD5 for " \
      "them")                                                                                      \
    X(PREFIX_NUL, "prefix-nul",                                                                    \
      "with the namespace hashed, the bytes of a key behind its first NUL count as zeros")

#define X(name, ...) MD_DEVIATION_##name,
enum md_deviation { MD_DEVIATION_LIST(X) MD_DEVIATIONS };
#undef X

struct md_library;

/*
 * A client that reached the settings in this way. Servers that are dead are left out where the
 * distribution ejects (a ring of the live ones is what an ejection makes). NULL: this way cannot
 * say these settings, or the library refused them: `why` (a literal).
 */
struct md_library *md_library_new(enum md_reach reach, const struct md_placement_settings *settings,
                                  const struct md_server *servers, size_t n, const char **why);
void md_library_free(struct md_library *l);
/* libmemcached's own object, to be used for more than placement. */
struct memcached_st *md_library_client(struct md_library *l);
/* The index in the list as given; of servers with the same host and port: the first one that is not
 * dead. */
uint32_t md_library_of(const struct md_library *l, const void *key, size_t nkey);

/*
 * What is known to be different when these settings are reached in this way. *really: settings by
 * which the model places as the library does then.
 */
enum md_deviation md_library_deviation(enum md_reach reach,
                                       const struct md_placement_settings *settings,
                                       const struct md_server *servers, size_t n,
                                       struct md_placement_settings *really);

const char *md_reach_id(enum md_reach reach);
const char *md_reach_how(enum md_reach reach);
bool md_reach_find(const char *id, enum md_reach *out);
const char *md_deviation_id(enum md_deviation d);
const char *md_deviation_sentence(enum md_deviation d);

#endif
