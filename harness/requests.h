/*
 * Binary requests as a view of a send step: where each begins, what its fields are. Computed from the
 * bytes, never stored: a step that does not look like requests has none. For printing, for `show` and
 * for the mutator, which all see a step as a row of units: literal bytes and symbols.
 */
#ifndef MEMDIVERGE_REQUESTS_H
#define MEMDIVERGE_REQUESTS_H

#include "harness/trace.h"
#include "model/packet.h"

/* A literal byte, or a symbol of so many bytes. */
struct md_unit {
    int byte; /* -1: a symbol */
    enum md_part_kind kind;
    uint64_t width;
    size_t part, offset; /* in the step it came from */
};

struct md_units {
    struct md_unit *at; /* owned */
    size_t n, cap;
};
/* One unit at the end. */
void md_units_add(struct md_units *u, const struct md_unit *unit);
/* Those of a step; false: it is no send step that begins like a request, or too long to be looked at. */
bool md_units_of(const struct md_step *s, struct md_units *u);

/* A request: units of a row. A field that is a symbol is one unit. */
struct md_request {
    struct md_packet header; /* a symbol in place of the CAS value: 0 */
    size_t from, body, to;   /* the header, what is behind it, the next one */
    size_t n_key_at, n_body_at, opaque_at, cas_at;
    size_t key, value; /* where they begin; what is missing begins at `to` */
    bool whole;        /* all of its body is in the row */
};
/* The request that begins at unit `from`; false: there is none. */
bool md_request_at(const struct md_units *u, size_t from, struct md_request *r);

/* The request in words: `set key="k" flags=7 expires=30 "hello" opaque=0x1`. */
void md_request_words(const struct md_step *s, const struct md_units *u, const struct md_request *r,
                      struct md_buf *out);

#endif
