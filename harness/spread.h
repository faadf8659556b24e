/*
 * How evenly keys are spread over nodes, and how many of them move when a node comes or goes:
 * measured by the model (which is held to libmemcached elsewhere) for every distribution, hash and
 * number of nodes, and held to what each of them promises. A promise that is broken comes out with
 * the smallest list of nodes that breaks it and, where one key can show it, that key.
 *
 * Everything follows from a seed, so a verdict repeats.
 */
#ifndef MEMDIVERGE_SPREAD_H
#define MEMDIVERGE_SPREAD_H

#include "harness/key_sets.h"

#include <jansson.h>

enum {
    MD_SPREAD_LEAST = 2, /* nodes */
    MD_SPREAD_MOST = 16,
    MD_SPREAD_KEYS = 100000,
    MD_SPREAD_KEYS_LEAST = 1000, /* with fewer, counts say nothing */
};

/* X(name, id, sentence) */
#define MD_PROMISE_LIST(X)                                                                         \
    X(UNIFORM, "uniform", "the counts fit the shares (chi-square, p at least 1e-6)")               \
    X(BALANCED, "balanced", "the fullest node has not much more than the mean")                    \
    X(NOBODY_EMPTY, "nobody-empty", "every node gets keys")                                        \
    X(MONOTONE, "monotone", "a node that comes or goes moves no key between two others")           \
    X(JOIN_SHARE, "join-share", "a node that comes takes about its share, not more")               \
    X(ORDERLESS, "orderless", "the order of the list does not matter")                             \
    X(REJOIN, "rejoin", "a node that went and is added again gets its keys back")

#define X(name, ...) MD_PROMISE_##name,
enum md_promise { MD_PROMISE_LIST(X) MD_PROMISES };
#undef X

/* One distribution, hash and number of nodes. Shares are of all keys, 0 to 1. */
struct md_spread_row {
    enum md_distribution distribution;
    enum md_key_hash hash; /* rendezvous has its own */
    bool weighted;         /* weights 1, 2, 3, 1, 2, 3 ... */
    size_t n;
    uint32_t count[MD_SPREAD_MOST];
    double share[MD_SPREAD_MOST]; /* expected */
    double chi_square, p;
    double imbalance;    /* max/mean, by weight if there are weights */
    double joined, left; /* moved when one more comes, when one in the middle goes */
    double survivors_join, survivors_left; /* of these: moved between two others */
    double order, rejoin; /* moved by turning the list around, by rejoining at its end */
    double limit[MD_PROMISES], measured[MD_PROMISES]; /* limit below 0: no such promise */
    unsigned broken;                                  /* 1 << promise */
    /* Where one key can show it: the first that does, and from where to where it goes. */
    struct {
        uint32_t key, from, to; /* of key:NUMBER */
    } example[MD_PROMISES];
};

/* A broken promise at its smallest: the row with the fewest nodes; how many rows break it. */
struct md_spread_finding {
    enum md_promise promise;
    const struct md_spread_row *row;
    unsigned rows;
    bool expected; /* a weakness that is known of this pair: told, but no news */
};

struct md_spread {
    struct md_spread_row *row;
    size_t n, cap;
    struct md_spread_finding *finding;
    size_t findings, findings_cap;
    size_t keys;
    uint64_t seed;
};

/* Key numbers begin at one that the seed chooses (0 for seed 0). keys: at least MD_SPREAD_KEYS_LEAST;
 * with fewer than MD_SPREAD_KEYS the limits are wider. */
void md_spread_measure(struct md_spread *s, size_t keys, uint64_t seed);
void md_spread_free(struct md_spread *s);
/* Whether it is known, and no news, that this pair breaks the promise. */
bool md_spread_known(const struct md_spread_row *r, enum md_promise p);
/* True: a promise is broken that is known to hold. */
bool md_spread_news(const struct md_spread *s);
/* NULL: not measured. */
const struct md_spread_row *md_spread_find(const struct md_spread *s, enum md_distribution d,
                                           enum md_key_hash h, bool weighted, size_t n);
/* The servers of a row, and of one with another n. */
void md_spread_servers(bool weighted, size_t n, struct md_server *out);

const char *md_promise_id(enum md_promise p);
const char *md_promise_sentence(enum md_promise p);
void md_spread_print(const struct md_spread *s, struct md_buf *out);
json_t *md_spread_json(const struct md_spread *s);
/* Pictures into a folder that is there; false: `why`. */
bool md_spread_draw(const struct md_spread *s, const char *folder, struct md_buf *why);

#endif
