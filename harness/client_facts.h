/*
 * What libmemcached makes of a server's answer, as data: one table. A row says: these calls, under
 * these conditions, when the model answers so, return this. A row is either documented (its source
 * is named: that is what the client is held to) or a deviation of libmemcached's that is known: it
 * has an id, says what it contradicts, and has a reproducer in corpus/client. The first row that
 * fits decides, and deviations come first; each can be switched off, and then shows again as a
 * divergence.
 */
#ifndef MEMDIVERGE_CLIENT_FACTS_H
#define MEMDIVERGE_CLIENT_FACTS_H

#include "harness/client_calls.h"

/* What the model's reply to the equivalent text command means. */
enum md_client_outcome {
    MD_CLIENT_OUT_NONE, /* nothing is sent */
    MD_CLIENT_OUT_STORED,
    MD_CLIENT_OUT_NOT_STORED,
    MD_CLIENT_OUT_EXISTS,
    MD_CLIENT_OUT_NOT_FOUND,
    MD_CLIENT_OUT_DELETED,
    MD_CLIENT_OUT_TOUCHED,
    MD_CLIENT_OUT_OK,
    MD_CLIENT_OUT_NUMBER,
    MD_CLIENT_OUT_HIT,
    MD_CLIENT_OUT_MISS,
    MD_CLIENT_OUT_CLIENT_ERROR,
    MD_CLIENT_OUT_TOO_LARGE,
    MD_CLIENT_OUT_ERROR, /* any other */
    MD_CLIENT_OUTCOMES
};

/* What holds when the call is made: of the client's settings, of the call's arguments, of what
 * earlier calls left behind. */
enum md_client_condition {
    MD_CLIENT_C_BINARY = 1 << 0,
    MD_CLIENT_C_BUFFER = 1 << 1,
    MD_CLIENT_C_NOREPLY = 1 << 2,
    MD_CLIENT_C_NO_BLOCK = 1 << 3,
    MD_CLIENT_C_VERIFY = 1 << 4,
    MD_CLIENT_C_NAMESPACE = 1 << 5,
    MD_CLIENT_C_KEY_EMPTY = 1 << 6,   /* a key named has no bytes */
    MD_CLIENT_C_KEY_LONG = 1 << 7,    /* a key named has more than 250 bytes */
    MD_CLIENT_C_KEY_NS_LONG = 1 << 8, /* not that, but with its namespace it has */
    MD_CLIENT_C_KEY_ILLEGAL = 1 << 9, /* a key named has a control character or a blank */
    MD_CLIENT_C_KEY_HIGH = 1 << 10,   /* a key named has bytes over 126 */
    MD_CLIENT_C_CAS_ZERO = 1 << 11,
    MD_CLIENT_C_EMPTY = 1 << 12,           /* the value expected has no bytes */
    MD_CLIENT_C_EXPTIME_OVER = 1 << 14,    /* does not fit into 32 bits, unsigned */
    MD_CLIENT_C_EXPTIME_NOT_ADD = 1 << 15, /* its low 32 bits are MEMCACHED_EXPIRATION_NOT_ADD */
    MD_CLIENT_C_TIME_GIVEN = 1 << 16,      /* to delete */
    MD_CLIENT_C_UNANSWERED = 1 << 17,      /* buffered commands whose answers nobody has read */
    MD_CLIENT_C_UNFETCHED = 1 << 18,       /* results of an mget that nobody has fetched */
    MD_CLIENT_C_FOUND_SOME = 1 << 19,      /* the last mget has given a result before */
    MD_CLIENT_C_QUIET_ERROR = 1 << 20, /* a quiet command of the binary protocol failed before */
    MD_CLIENT_C_NO_MGET = 1 << 21,     /* nothing to fetch: no mget, or something came between */
    MD_CLIENT_C_TWO_SERVERS = 1 << 22,
    MD_CLIENT_C_NS_LONG = 1 << 23,        /* the namespace given has more than 127 bytes */
    MD_CLIENT_C_SECOND_TWICE = 1 << 24,   /* the server is there already */
    MD_CLIENT_C_TEXT_IN_BINARY = 1 << 25, /* a setting that the binary protocol does not take */
    MD_CLIENT_C_CAS_WIDE = 1 << 27,       /* the CAS value has 20 digits */
    MD_CLIENT_C_NS_ILLEGAL = 1 << 28, /* the namespace given has a control character or a blank */
    MD_CLIENT_C_COUNT_LEFT =
        1 << 29, /* a result was handed out by the client's own result object */
    MD_CLIENT_C_EXPTIME_NEGATIVE = 1 << 30,
    MD_CLIENT_C_BULK =
        1U << 31, /* with what is buffered or not fetched, more than fits on the way */
    MD_CLIENT_C_EXPTIME_HIGH = 1 << 26, /* its low 32 bits are more than 2147483647 */
};

enum md_client_kind { MD_CLIENT_DOCUMENTED, MD_CLIENT_DEVIATION };

enum md_client_effect {
    MD_CLIENT_RETURNS_RC,    /* returns rc; value, flags, number as the model says */
    MD_CLIENT_RETURNS_BARE,  /* returns rc and nothing else */
    MD_CLIENT_NULL_VALUE,    /* as the model says, but the value is NULL */
    MD_CLIENT_NEVER_EXPIRES, /* the server is given a time that never comes */
    MD_CLIENT_REFUSED,       /* returns rc, and the server is not asked */
    MD_CLIENT_SPOILED,       /* nobody can say what this call or a later one returns: the end */
    MD_CLIENT_CRASHES,       /* ends the process, or may: not made, and the end */
    MD_CLIENT_AVOIDED,       /* the call may not be made: it is not, and the sequence goes on */
};

struct md_client_fact {
    const char *id; /* [a-z0-9-] */
    enum md_client_kind kind;
    const char *source;   /* the document; of a deviation: what it contradicts */
    const char *sentence; /* what happens */
    uint64_t ops;         /* bit 1 << op */
    uint32_t all, none;   /* conditions */
    uint32_t outcomes;    /* bit 1 << outcome */
    enum md_client_effect effect;
    uint32_t rc;
};

size_t md_client_facts(const struct md_client_fact **table);
/* The first row with one of these effects (bit 1 << effect) that fits, or NULL. Rows are left
 * out where `off` (may be NULL) says so: one entry for each row. */
const struct md_client_fact *md_client_fact_find(enum md_client_op op, uint32_t conditions,
                                                 enum md_client_outcome outcome, unsigned effects,
                                                 const bool *off);
const char *md_client_outcome_name(enum md_client_outcome o);

#endif
