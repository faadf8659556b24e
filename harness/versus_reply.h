/*
 * What a node sent on a connection, cut into answers without knowing what was asked: lines, values
 * with their data, binary packets. Each has a plain form in which two nodes can be compared: CAS
 * values and the version are named by when they first came, of `stats` only counters are kept that
 * follow from what was sent.
 */
#ifndef MEMDIVERGE_VERSUS_REPLY_H
#define MEMDIVERGE_VERSUS_REPLY_H

#include "model/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* CAS values that a node has shown, over all connections. */
struct md_shown {
    uint64_t *value; /* owned; in the order in which they first came */
    size_t n, cap;
    struct md_shown_key {
        uint8_t *key; /* owned */
        size_t n;
        uint64_t cas;
    } * key; /* owned; the last one for each key */
    size_t n_keys, cap_keys;
};
void md_shown_clear(struct md_shown *s);
void md_shown_free(struct md_shown *s);
/* The CAS value that was shown last for the key; `none` if there was none. */
uint64_t md_shown_cas(const struct md_shown *s, const void *key, size_t nkey, uint64_t none);

/* One piece of a reply: in the bytes as they came, and in the plain ones. */
struct md_piece {
    size_t at, n;
    size_t plain_at, plain_n;
    bool last; /* of an answer: VALUE, STAT and ITEM lines go on to END */
};

/* What came on one connection. */
struct md_heard {
    struct md_buf bytes, plain;
    size_t used;            /* bytes that are cut already */
    struct md_piece *piece; /* owned */
    size_t n, cap;
};
void md_heard_clear(struct md_heard *h);
void md_heard_free(struct md_heard *h);
/* Cuts what has come since into pieces; an unfinished one stays, unless this is the end of it. */
void md_heard_cut(struct md_heard *h, struct md_shown *shown, bool end);

/* The difference of two pieces in one or two words, fit for a signature: "value.flags", "error-stored".
 * NULL: there is none. */
void md_piece_difference(const struct md_heard *a, const struct md_piece *pa,
                         const struct md_heard *b, const struct md_piece *pb, char *out,
                         size_t size);
bool md_piece_equal(const struct md_heard *a, const struct md_piece *pa, const struct md_heard *b,
                    const struct md_piece *pb);

#endif
