/*
 * A cluster trace: how many nodes, how the client is set, and what happens, step by step. Text,
 * line by line, in the manner of harness/trace.h:
 *
 *   memdiverge-cluster 1
 *   # Comments start with '#' and take a whole line.
 *   nodes 4 ports=distinct weights=1,1,2,1
 *   client distribution=consistent hash=md5 reach=clone binary auto-eject failure-limit=1
 *   set a@2 one
 *   kill 2
 *   get a@2
 *
 * `nodes` and `client` come before the steps; what they leave out has its default. The words of
 * `client` are those of MD_CLIENT_FLAG_LIST, and NAME=VALUE with distribution, hash, reach, prefix
 * and those of MD_CLIENT_NUMBER_LIST.
 *
 *   set KEY VALUE [SIZE]   stores VALUE, filled up to SIZE bytes
 *   get KEY
 *   mget KEY...            at most MD_CLUSTER_MGET_MAX
 *   delete KEY
 *   flush                  what the client has buffered goes out
 *   clock SECONDS          passes for the nodes and for the client's timers
 *   kill N, stop N, continue N, restart N   the node's process (SIGKILL, SIGSTOP, SIGCONT)
 *   remove N               takes the node out of the client's list; it goes on running
 *   add [N]                a new node, or one that was removed, at the end of the list
 *   replace N              a new, empty node in its place in the list
 *   renew                  a new client with the same settings
 *
 * KEY: printable bytes, others as \xHH. NAME@N stands for a key that belongs to node N at the start
 * of the trace (the first of NAME.0, NAME.1, ... that does), so that a trace means the same
 * wherever its nodes listen. With the prefix a key has at most 250 bytes. Nodes are numbered from 0; `add` and `replace` give the next number.
 *
 * A trace is hostile input: everything has a limit, and nothing in it says where a node listens or
 * what program runs.
 */
#ifndef MEMDIVERGE_CLUSTER_TRACE_H
#define MEMDIVERGE_CLUSTER_TRACE_H

#include "harness/cluster.h"
#include "harness/cluster_client.h"
#include "harness/trace.h"

enum {
    MD_CLUSTER_TRACE_VERSION = 1,
    MD_CLUSTER_STEPS_MAX = 10000,
    MD_CLUSTER_MGET_MAX = 16,
    MD_CLUSTER_NAME_MAX = 250, /* bytes of a key's name */
    MD_CLUSTER_KEY_MAX = 250,  /* bytes of a key: prefix, name, and the number of NAME@N */
    MD_CLUSTER_NUMBER_MAX = 6, /* bytes of that: ".19999" */
    MD_CLUSTER_VALUE_MAX = 64, /* bytes of a value as written */
    MD_CLUSTER_SIZE_MAX = 100000,
    MD_CLUSTER_CLOCK_MAX = 100000,
    MD_CLUSTER_TRACE_KEYS = MD_CLUSTER_KEYS, /* distinct ones */
    MD_CLUSTER_WEIGHT_MAX = 100,
};

/* X(NAME, "word", arguments): k: key, K: keys, v: value, n: node, o: node or nothing, s: seconds */
#define MD_CLUSTER_STEP_LIST(X)                                                                    \
    X(SET, "set", 'v')                                                                             \
    X(GET, "get", 'k')                                                                             \
    X(MGET, "mget", 'K')                                                                           \
    X(DELETE, "delete", 'k')                                                                       \
    X(FLUSH, "flush", 0)                                                                           \
    X(CLOCK, "clock", 's')                                                                         \
    X(KILL, "kill", 'n')                                                                           \
    X(STOP, "stop", 'n')                                                                           \
    X(CONTINUE, "continue", 'n')                                                                   \
    X(RESTART, "restart", 'n')                                                                     \
    X(REMOVE, "remove", 'n')                                                                       \
    X(ADD, "add", 'o')                                                                             \
    X(REPLACE, "replace", 'n')                                                                     \
    X(RENEW, "renew", 0)
#define X(name, ...) MD_CS_##name,
enum md_cluster_step_kind { MD_CLUSTER_STEP_LIST(X) MD_CLUSTER_STEPS };
#undef X

struct md_cluster_name {
    uint8_t len;
    int8_t on; /* node that the key belongs to; -1: the name is the key */
    char bytes[MD_CLUSTER_NAME_MAX];
};

struct md_cluster_step {
    enum md_cluster_step_kind kind;
    uint32_t number; /* node, seconds; MD_CLUSTER_PLACES: a new node */
    uint32_t size;   /* of the value; at least value_len */
    uint8_t n_keys;
    uint8_t value_len;
    char value[MD_CLUSTER_VALUE_MAX];
    uint16_t keys[MD_CLUSTER_MGET_MAX]; /* into names */
};

struct md_cluster_trace {
    unsigned nodes;
    enum md_ports ports;
    uint32_t weights[MD_CLUSTER_NODES_MAX];
    struct md_client_settings client;
    struct md_cluster_name names[MD_CLUSTER_TRACE_KEYS];
    size_t n_names;
    struct md_cluster_step *steps; /* owned */
    size_t n_steps, cap_steps;
};

void md_cluster_trace_init(struct md_cluster_trace *t);
void md_cluster_trace_free(struct md_cluster_trace *t);
void md_cluster_trace_copy(struct md_cluster_trace *to, const struct md_cluster_trace *from);
/* A step at the end; stays valid until the next one. */
struct md_cluster_step *md_cluster_trace_add(struct md_cluster_trace *t,
                                             enum md_cluster_step_kind kind);
void md_cluster_trace_remove(struct md_cluster_trace *t, size_t at, size_t n);
/* The most bytes that a name may have. */
size_t md_cluster_trace_room(const struct md_cluster_trace *t, int on);
/* The number of a name in the list, which it joins; false: the list is full, or it is too long. */
bool md_cluster_trace_name(struct md_cluster_trace *t, const void *bytes, size_t len, int on,
                           uint16_t *out);

bool md_cluster_trace_parse(struct md_cluster_trace *t, const void *text, size_t len,
                            struct md_trace_error *error);
bool md_cluster_trace_load(struct md_cluster_trace *t, const char *path,
                           struct md_trace_error *error);
void md_cluster_trace_print(const struct md_cluster_trace *t, struct md_buf *out);
void md_cluster_step_print(const struct md_cluster_trace *t, const struct md_cluster_step *s,
                           struct md_buf *out);
/* True if the file's first line names this format. */
bool md_cluster_trace_is(const void *text, size_t len);

#endif
