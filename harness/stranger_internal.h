/* Shared by stranger.c (traces) and stranger_learn.c (what the server knows). */
#ifndef MEMDIVERGE_STRANGER_INTERNAL_H
#define MEMDIVERGE_STRANGER_INTERNAL_H

#include "harness/polite.h"
#include "harness/stranger.h"

/* The model's CAS value of a key, and the server's for the same. */
struct md_cas_pair {
    uint64_t key; /* its hash */
    uint64_t model, theirs;
};

struct md_stranger {
    uint32_t wait;
    char own[MD_POLITE_PREFIX_MAX / 2]; /* what all our keys begin with */
    char prefix[MD_POLITE_PREFIX_MAX];  /* of the trace in hand */
    uint64_t traces;
    struct md_trace soft, trace;
    bool unknown[MD_COMMAND_NAMES];
    struct md_buf note;
    /* Said behind the commands of a write, so that the end of their replies can be told: a value
     * of our own, stored and read again. No other reply looks like it, as one to mn may. */
    struct md_buf barrier, barrier_reply;
    struct md_cas_pair *cas; /* owned */
    size_t n_cas, cap_cas;
    uint64_t began_ns;
    struct md_buf deletions; /* of all keys of the trace in hand */
    struct md_excused excused;
};

/* stranger_compare.c: whether the bytes begin with the text. */
bool md_begins(const uint8_t *bytes, size_t n, const char *text);

#endif
