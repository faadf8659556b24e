/*
 * What may be said to a server of somebody else. A trace is hostile input, and such a server may be in
 * use: only commands that are named here reach it, well-formed, about keys with a prefix of our own.
 * Nothing that flushes, ends, reconfigures or looks into it, nothing that it would have to guess at;
 * no value is large, no time runs unless it was asked for. Everything that is sent is put together
 * anew from checked words, so what is not understood here cannot get through.
 *
 * Times: without waits a time to live is long enough for no trace to see its end. With waits the clock
 * goes in steps of MD_POLITE_TICK seconds, and lives end in the middle between two of them, so that
 * a server that counts whole seconds, and a slow network, make no difference.
 */
#ifndef MEMDIVERGE_POLITE_H
#define MEMDIVERGE_POLITE_H

#include "harness/trace.h"

enum {
    MD_POLITE_PREFIX_MAX = 48, /* bytes */
    MD_POLITE_KEY_MAX = MD_KEY_MAX - MD_POLITE_PREFIX_MAX,
    MD_POLITE_VALUE_MAX = 32768,   /* bytes of a data block */
    MD_POLITE_BYTES_MAX = 1 << 20, /* bytes of a trace */
    MD_POLITE_KEYS_MAX = 100,      /* keys of one retrieval */
    MD_POLITE_TICK = 4,            /* seconds */
    MD_POLITE_TTL_MIN = 60,        /* seconds, without waits */
};

struct md_polite {
    const char *prefix;       /* in front of every key; "" for none */
    bool strict;              /* refuse a trace rather than leave something out */
    uint32_t wait;            /* seconds that a trace may really take; 0: no clock steps */
    const bool *unknown;      /* by enum md_command_name: what the server does not know */
    struct md_buf *deletions; /* gets a delete for every key that is named; or NULL */
};

/* Writes to `out` (initialised) what may be sent of t. False: refused. With `strict` there is a step
 * for each step of t. */
bool md_polite_trace(const struct md_polite *p, const struct md_trace *t, struct md_trace *out);

#endif
