/*
 * The client in a box: libmemcached runs in a child process and does one call at a time when told
 * to. So an assertion, a sanitizer's report or a hang ends the child and not the campaign, and
 * between two calls the parent can look at the node, move its clock and compare. Each sequence has
 * a client of its own; a child does many sequences, as long as each comes to its end.
 *
 * client_box.c is the only file that calls libmemcached, and is linked with the one or the other
 * build of it: nothing else knows which.
 */
#ifndef MEMDIVERGE_CLIENT_BOX_H
#define MEMDIVERGE_CLIENT_BOX_H

#include "harness/client_calls.h"

enum {
    MD_CLIENT_VALUE_MAX = 2 << 20, /* bytes of a value that the box hands over */
    MD_CLIENT_POLL_MS = 1000,      /* the client's own MEMCACHED_BEHAVIOR_POLL_TIMEOUT */
    MD_CLIENT_DEADLINE_MS = 20000, /* a call that takes longer hangs */
    MD_CLIENT_RETURNS = 64,        /* memcached_return_t are less than this */
};

/* What a call returned. Every field is set by every call: 0 where it has no meaning. */
struct md_client_result {
    uint32_t rc; /* memcached_return_t */
    bool has_value;
    uint32_t len; /* of the value; all of it is in `value` if not more than MD_CLIENT_VALUE_MAX */
    uint32_t flags;
    uint64_t cas, number;
    uint32_t nkey;
    uint8_t key[264];
    uint32_t where[MD_CLIENT_KEYS_MAX]; /* the server of each key that was named */
    uint8_t value[MD_CLIENT_VALUE_MAX];
};

enum md_client_end {
    MD_CLIENT_GOES_ON,
    MD_CLIENT_CRASHED, /* md_client_box_words says how */
    MD_CLIENT_HUNG,
    MD_CLIENT_NO_BOX, /* our environment: no process, no memory */
};

struct md_client_box;

/* Sockets of the nodes, the first being the one that the client starts with. NULL: no memory. */
struct md_client_box *md_client_box_new(void);
void md_client_box_free(struct md_client_box *b);

/* A new client with the first server. `sockets` are read at once. */
enum md_client_end md_client_box_begin(struct md_client_box *b, const struct md_client_sequence *s,
                                       const char *const sockets[MD_CLIENT_SERVERS_MAX]);
/* Makes call number i. When this returns, all that the client wrote has been read by the nodes
 * (settle them before anything else). */
enum md_client_end md_client_box_call(struct md_client_box *b, size_t i, uint64_t cas_seen);
/* Of the last call; the box's. */
struct md_client_result *md_client_box_result(struct md_client_box *b);
/* memcached_free. */
enum md_client_end md_client_box_finish(struct md_client_box *b);
/* Ends the child at once, wherever it is. */
void md_client_box_end(struct md_client_box *b);
/* What a crashed client said last: signal or exit code, then its stderr, bounded. */
const char *md_client_box_words(struct md_client_box *b);

/* "MEMCACHED_SUCCESS"; by number, since only the box knows the library. */
const char *md_client_return_name(uint32_t rc);
/* The version of the library, and whether it is sanitized. */
const char *md_client_library(void);

#endif
