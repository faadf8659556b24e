/*
 * How a request and a reply travel between us and the client's process: a length, then fields one
 * behind the other. Both ends are the same program, yet a client that has gone wild may write
 * anything: reading never goes beyond what came.
 */
#ifndef MEMDIVERGE_CLUSTER_WIRE_H
#define MEMDIVERGE_CLUSTER_WIRE_H

#include "model/buf.h"

#include <stdbool.h>

enum { MD_WIRE_MAX = 64 << 20 };

static inline void md_wire_u32(struct md_buf *b, uint32_t n) { md_buf_append(b, &n, sizeof n); }

static inline void md_wire_bytes(struct md_buf *b, const void *bytes, size_t n) {
    md_wire_u32(b, (uint32_t)n);
    md_buf_append(b, bytes, n);
}

struct md_wire {
    const uint8_t *at, *end;
    bool bad; /* something was missing: what was read since is 0 or empty */
};

static inline uint32_t md_wire_take_u32(struct md_wire *w) {
    uint32_t n = 0;
    if ((size_t)(w->end - w->at) < sizeof n) {
        w->bad = true;
        return 0;
    }
    memcpy(&n, w->at, sizeof n);
    w->at += sizeof n;
    return n;
}

static inline const void *md_wire_take_bytes(struct md_wire *w, size_t *len) {
    *len = md_wire_take_u32(w);
    if ((size_t)(w->end - w->at) < *len) {
        w->bad = true;
        *len = 0;
    }
    const void *p = w->at;
    w->at += *len;
    return p;
}

#endif
