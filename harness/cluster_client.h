/*
 * A libmemcached client in a process of its own, so that whatever it does (an assertion that
 * aborts, a call that never returns, a crash) is something to report and not our own end. The
 * process is a fork of ours that only ever talks to us through one socket and to the nodes it was
 * given.
 *
 * The client is described by settings, not by calls: the same settings can be reached in several
 * ways (harness/placement_library.h), and must then mean the same.
 */
#ifndef MEMDIVERGE_CLUSTER_CLIENT_H
#define MEMDIVERGE_CLUSTER_CLIENT_H

#include "harness/placement_library.h"
#include "model/buf.h"

#include <libmemcached/memcached.h>
#include <stdbool.h>

/* X(field, "word"): off unless the word is there */
#define MD_CLIENT_FLAG_LIST(X)                                                                     \
    X(binary, "binary")                                                                            \
    X(sort_hosts, "sort-hosts")                                                                    \
    X(hash_with_prefix, "hash-with-prefix")                                                        \
    X(auto_eject, "auto-eject")                                                                    \
    X(buffer, "buffer")                                                                            \
    X(noreply, "noreply")                                                                          \
    X(no_block, "no-block")                                                                        \
    X(cas, "cas")

/* X(field, "word", default, least, most): the default of timers is short, to be tested */
#define MD_CLIENT_NUMBER_LIST(X)                                                                   \
    X(failure_limit, "failure-limit", 5, 1, 100)                                                   \
    X(timeout_limit, "timeout-limit", 0, 0, 100)                                                   \
    X(retry_timeout, "retry-timeout", 2, 0, 3600)  /* seconds of the client's clock */             \
    X(dead_timeout, "dead-timeout", 0, 0, 3600)    /* seconds of the client's clock */             \
    X(poll_timeout, "poll-timeout", 150, 10, 5000) /* real milliseconds */                         \
    X(connect_timeout, "connect-timeout", 150, 10, 5000)

enum { MD_PREFIX_MAX = 128, MD_CLIENT_KEYS_MAX = 64, MD_CLIENT_KEY_MAX = 251 };

struct md_client_settings {
    enum md_distribution distribution; /* of libmemcached's */
    enum md_key_hash hash;
    enum md_reach reach;
    char prefix[MD_PREFIX_MAX]; /* "": none */
#define X(field, ...) bool field;
    MD_CLIENT_FLAG_LIST(X)
#undef X
#define X(field, ...) uint32_t field;
    MD_CLIENT_NUMBER_LIST(X)
#undef X
};

void md_client_settings_default(struct md_client_settings *s);
/* What the model must know of them. `s` must stay. */
void md_client_rule(const struct md_client_settings *s, struct md_placement_settings *out);

enum md_client_op {
    MD_OP_SET,
    MD_OP_ADD,
    MD_OP_GET,
    MD_OP_DELETE,
    MD_OP_MGET,
    MD_OP_FLUSH,   /* what is buffered goes out */
    MD_OP_CLOCK,   /* `number` seconds forward */
    MD_OP_SERVERS, /* another list of servers: `servers` */
    MD_OP_END,
};

struct md_client_key {
    const void *bytes;
    size_t len;
};

struct md_client_request {
    enum md_client_op op;
    const struct md_client_key *keys;
    size_t n_keys; /* at most MD_CLIENT_KEYS_MAX */
    const void *value;
    size_t value_len;
    uint32_t flags;  /* of the item */
    uint32_t number; /* expiry, or MD_OP_CLOCK's seconds */
    const struct md_server *servers;
    size_t n_servers;
};

struct md_client_value {
    size_t key, key_len; /* where in `bytes` of the reply */
    size_t value, value_len;
    uint32_t flags;
};

/* Zero-initialise; reused from call to call; free with md_client_reply_free. */
struct md_client_reply {
    memcached_return_t rc;
    memcached_return_t end; /* MD_OP_MGET: what the last fetch said */
    uint32_t microseconds;  /* that the call took, in the client */
    struct md_client_value values[2 * MD_CLIENT_KEYS_MAX];
    size_t n_values;
    bool flood; /* more values than that */
    struct md_buf bytes;
};
void md_client_reply_free(struct md_client_reply *r);

enum md_client_status {
    MD_CLIENT_OK,
    MD_CLIENT_HANGS, /* no answer until the deadline; it has been ended */
    MD_CLIENT_DIED,  /* md_client_death says how */
    MD_CLIENT_ENV,   /* no process, no memory, no socket */
};

struct md_client;

/* Starts the process and makes the client. *out is the caller's even on failure. */
enum md_client_status md_client_open(const struct md_client_settings *settings,
                                     const struct md_server *servers, size_t n_servers,
                                     struct md_client **out);
void md_client_close(struct md_client *c);
/* One call; waits at most deadline_ms for its return. */
enum md_client_status md_client_do(struct md_client *c, const struct md_client_request *request,
                                   unsigned deadline_ms, struct md_client_reply *reply);
/* How its process ended and the last of what it said: "killed by SIGABRT: ...". */
const char *md_client_death(struct md_client *c);

/* ---- inside: harness/cluster_child.c ---- */

/* The life of the client's process; never returns. */
_Noreturn void md_client_child(int fd, const struct md_client_settings *settings,
                               const struct md_server *servers, size_t n_servers);

#endif
