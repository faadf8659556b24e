/*
 * A binary request that the generator makes: its parts, then its header, then bytes and symbols.
 */
#ifndef MEMDIVERGE_GENERATE_REQUEST_H
#define MEMDIVERGE_GENERATE_REQUEST_H

#include "harness/generate_internal.h"

/* A request in the making: what its parts are, and what its header says. */
struct md_asked {
    struct md_packet header;
    const struct md_gen_key *key;
    uint8_t extras[MD_EXTRAS_MAX];
    unsigned n_extras;
    int now_at;  /* bytes of extras before an expiration time that is a symbol, or -1 */
    int64_t now; /* seconds of it */
    bool has_value;
    struct md_gen_value value;
    unsigned long_key;     /* bytes of a key that is none of the picture's; 0: it is */
    enum md_part_kind cas; /* MD_PART_CAS, MD_PART_BASE, or MD_PART_BYTES: as in the header */
    int64_t cas_number;
    bool cas_matches; /* as far as the picture knows */
    bool odd;
};

/* The lengths of the header, as the parts have them. */
void md_ask_lengths(struct md_asked *a);
/* What the header says, after what is odd about it was drawn. */
void md_ask_header(struct md_gen *g, struct md_asked *a);
/* Appends the request to g->out. */
void md_ask_put(struct md_gen *g, const struct md_asked *a);

#endif
