/*
 * Topology discovery on top of libmemcached, which has none: asks a configuration endpoint for the
 * list of nodes and takes it over if it is valid and newer. An endpoint is a stranger: whatever it
 * sends, the list that is in use stays whole, and its version never goes down.
 *
 * The answer: "CONFIG cluster 0 LEN\r\n" or, from older engines that are asked with `get`,
 * "VALUE AmazonElastiCache:cluster 0 LEN\r\n", then LEN bytes, then "\r\nEND\r\n". The LEN bytes
 * are "VERSION\nhost|ip|port host|ip|port ...\n"; the ip may be empty.
 */
#ifndef MEMDIVERGE_TOPOLOGY_H
#define MEMDIVERGE_TOPOLOGY_H

#include "model/buf.h"
#include "model/placement.h"

struct md_topology {
    bool known; /* false: no list was ever taken over */
    uint64_t version;
    struct md_server nodes[MD_SERVERS_MAX];
    char ip[MD_SERVERS_MAX][MD_HOST_MAX]; /* of each node; "": none was given */
    size_t n;
};

/* X(NAME, "id"): what came of a refresh. Only NEW changes the topology. */
#define MD_REFRESH_LIST(X)                                                                         \
    X(NEW, "new")                                                                                  \
    X(SAME, "same")                                                                                \
    X(OLDER, "older")             /* a lower version than the one in use */                        \
    X(CHANGED, "changed")         /* other nodes under the version in use */                       \
    X(UNREACHABLE, "unreachable") /* no connection */                                              \
    X(TIMEOUT, "timeout")         /* not all of an answer until the deadline */                    \
    X(CLOSED, "closed")           /* the connection ended within an answer */                      \
    X(REFUSED, "refused")         /* an error instead of a list, or none */                        \
    X(MALFORMED, "malformed")
#define X(name, id) MD_REFRESH_##name,
enum md_refresh { MD_REFRESH_LIST(X) MD_REFRESHES };
#undef X
const char *md_refresh_id(enum md_refresh r);

enum md_topology_parse { MD_TOPOLOGY_WHOLE, MD_TOPOLOGY_MORE, MD_TOPOLOGY_NONE, MD_TOPOLOGY_BAD };

enum { MD_TOPOLOGY_MAX = 64 * 1024 }; /* bytes of an answer */

/* Reads an answer that may not have come in whole. NONE: an error reply, or END without a list. */
enum md_topology_parse md_topology_read(const void *bytes, size_t n, struct md_topology *out,
                                        struct md_buf *why);

/* Asks HOST:PORT, by both requests if need be, for at most deadline_ms; `why` if it is not NEW or
 * SAME. */
enum md_refresh md_topology_refresh(struct md_topology *t, const char *host, uint16_t port,
                                    unsigned deadline_ms, struct md_buf *why);

/*
 * True if node i is on this machine: load goes nowhere else. An endpoint is a stranger, and clients
 * connect to the name: both the address that it gives (if any) and all that the name means here
 * must be loopback addresses.
 */
bool md_topology_node_is_local(const struct md_topology *t, size_t i);
/* The same of all of them. */
bool md_topology_is_local(const struct md_topology *t);

#endif
