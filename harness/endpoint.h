/*
 * A stand-in for the configuration endpoint of an ElastiCache cluster, as much of it as a client
 * talks to: both requests that ask for the list of nodes, `version` and `quit`. It listens on
 * 127.0.0.1, on a port that is free, in a thread of its own; what it answers can be swapped at any
 * moment, whole, and it can be told to answer badly.
 */
#ifndef MEMDIVERGE_ENDPOINT_H
#define MEMDIVERGE_ENDPOINT_H

#include "model/buf.h"
#include "model/placement.h"

/* X(NAME, "id"): how it answers a request for the list */
#define MD_ENDPOINT_MODE_LIST(X)                                                                   \
    X(GOOD, "good")                                                                                \
    X(ERROR, "error")     /* SERVER_ERROR */                                                       \
    X(EMPTY, "empty")     /* END, as if there were no such key */                                  \
    X(PARTIAL, "partial") /* half of the answer, and no more */                                    \
    X(SHORT, "short")     /* a shorter list than the length says */                                \
    X(CLOSE, "close")     /* closes the connection instead */                                      \
    X(CUT, "cut")         /* half of the answer, then closes */                                    \
    X(HANG, "hang")       /* says nothing */                                                       \
    X(RAW, "raw")         /* bytes that it was given */                                            \
    X(OLD, "old")         /* knows only the older request */
#define X(name, id) MD_ENDPOINT_##name,
enum md_endpoint_mode { MD_ENDPOINT_MODE_LIST(X) MD_ENDPOINT_MODES };
#undef X
const char *md_endpoint_mode_id(enum md_endpoint_mode mode);

struct md_endpoint;

/* NULL: `why` says so. It lists no nodes yet. */
struct md_endpoint *md_endpoint_start(struct md_buf *why);
void md_endpoint_free(struct md_endpoint *e);
uint16_t md_endpoint_port(const struct md_endpoint *e);

/* What it answers from now on: all of it or what it was before, never a mixture. */
void md_endpoint_list(struct md_endpoint *e, uint64_t version, const struct md_server *nodes,
                      size_t n);
void md_endpoint_mode(struct md_endpoint *e, enum md_endpoint_mode mode);
void md_endpoint_raw(struct md_endpoint *e, const void *bytes, size_t n); /* MD_ENDPOINT_RAW */
/* Appends the requests that came since the last call, one a line. */
void md_endpoint_log(struct md_endpoint *e, struct md_buf *out);

/* The payload of an answer: version and nodes. */
void md_topology_print(uint64_t version, const struct md_server *nodes, size_t n,
                       struct md_buf *out);

#endif
