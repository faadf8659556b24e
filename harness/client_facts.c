/* The table of what libmemcached returns; see client_facts.h. */
#include "harness/client_facts.h"

#include <libmemcached/memcached.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define OP(name) (UINT64_C(1) << MD_CLIENT_##name)
#define OUT(name) (1U << MD_CLIENT_OUT_##name)
#define C(name) ((uint32_t)MD_CLIENT_C_##name)
#define RC(name) MD_CLIENT_RETURNS_RC, MEMCACHED_##name
#define BARE(name) MD_CLIENT_RETURNS_BARE, MEMCACHED_##name
#define REFUSED(name) MD_CLIENT_REFUSED, MEMCACHED_##name
#define SPOILED MD_CLIENT_SPOILED, 0
#define AVOIDED MD_CLIENT_AVOIDED, 0

#define ADDS (OP(ADD) | OP(REPLACE) | OP(APPEND) | OP(PREPEND))
#define STORES (OP(SET) | ADDS | OP(CAS))
#define PLAIN_COUNTS (OP(INCREMENT) | OP(DECREMENT))
#define SEED_COUNTS (OP(INCREMENT_INITIAL) | OP(DECREMENT_INITIAL))
#define COUNTS (PLAIN_COUNTS | SEED_COUNTS)
#define KEYED (STORES | COUNTS | OP(GET) | OP(MGET) | OP(TOUCH) | OP(EXIST) | OP(DELETE))
#define FETCHES (OP(FETCH) | OP(FETCH_RESULT))
/* Those that read an answer. */
#define ANSWERED                                                                                   \
    (ADDS | OP(SET) | OP(CAS) | COUNTS | OP(TOUCH) | OP(EXIST) | OP(DELETE) | OP(FLUSH) | OP(STAT))
#define ANY ((1U << MD_CLIENT_OUTCOMES) - 1)
#define LOCAL                                                                                      \
    (OP(FLUSH_BUFFERS) | OP(ADD_SERVER) | OP(BEHAVIOR) | OP(NAMESPACE) | OP(QUIT) | OP(CLONE))

#define DOC MD_CLIENT_DOCUMENTED
#define DEV MD_CLIENT_DEVIATION

static const struct md_client_fact facts[] = {
    /* ---- what a caller may not do, or where documents leave everything open ------------------ */
    {"key-illegal", DOC, "memcached_behavior(3), VERIFY_KEY: keys are checked only when asked to",
     "A key with blanks or control characters is the caller's to avoid in the text protocol.",
     KEYED, C(KEY_ILLEGAL), C(VERIFY) | C(BINARY), ANY, AVOIDED},
    {"namespace-illegal", DOC, "memcached_callback(3) is silent",
     "A namespace with blanks or control characters is the caller's to avoid.", OP(NAMESPACE),
     C(NS_ILLEGAL), 0, ANY, AVOIDED},
    {"second-server-once", DOC, "memcached_servers(3) is silent", "A server is added once.",
     OP(ADD_SERVER), C(SECOND_TWICE), 0, ANY, AVOIDED},

    /* ---- the client refuses ------------------------------------------------------------------ */
    {"key-length", DOC, "memcached_return_t(3), BAD_KEY_PROVIDED",
     "A key of no bytes or more than 250 is refused.", KEYED & ~OP(EXIST), C(KEY_EMPTY), 0, ANY,
     REFUSED(BAD_KEY_PROVIDED)},
    {"key-length", DOC, "memcached_set(3): limited to 250 characters",
     "A key of no bytes or more than 250 is refused.", KEYED & ~OP(EXIST), C(KEY_LONG), 0, ANY,
     REFUSED(BAD_KEY_PROVIDED)},
    {"key-verified", DOC, "memcached_behavior(3), VERIFY_KEY: all keys are tested",
     "A key with blanks or control characters is refused.", KEYED & ~OP(EXIST),
     C(VERIFY) | C(KEY_ILLEGAL), C(BINARY), ANY, REFUSED(BAD_KEY_PROVIDED)},
    {"initial-text", DOC, "memcached_increment_with_initial(3): binary protocol only",
     "Not supported in the text protocol.", SEED_COUNTS, 0, C(BINARY), ANY,
     REFUSED(INVALID_ARGUMENTS)},
    {"delete-time", DOC, "memcached_delete(3): expiration is obsolete", "A time is refused.",
     OP(DELETE), C(TIME_GIVEN), 0, ANY, REFUSED(INVALID_ARGUMENTS)},
    {"mget-deadlock", DOC, "memcached_mget(3): a really large multiget may deadlock",
     "With large results not fetched, a large command does not get through.", STORES,
     C(UNFETCHED) | C(BULK), C(NOREPLY), ANY, SPOILED},
    {"verify-binary", DOC, "memcached_behavior(3), VERIFY_KEY", "Not with the binary protocol.",
     OP(BEHAVIOR), C(TEXT_IN_BINARY), 0, ANY, REFUSED(INVALID_ARGUMENTS)},

/* ---- deviations ------------------------------------------------------------------------------ */
#include "harness/client_deviations.def.h"

    /* ---- what it ought to refuse (deviations come before) ------------------------------------ */
    {"exist-key-length", DOC, "memcached_return_t(3), BAD_KEY_PROVIDED", "As everywhere else.",
     OP(EXIST), C(KEY_EMPTY), 0, ANY, REFUSED(BAD_KEY_PROVIDED)},
    {"exist-key-length", DOC, "memcached_return_t(3), BAD_KEY_PROVIDED", "As everywhere else.",
     OP(EXIST), C(KEY_LONG), 0, ANY, REFUSED(BAD_KEY_PROVIDED)},
    {"exist-key-verified", DOC, "memcached_behavior(3), VERIFY_KEY: all keys are tested",
     "As everywhere else.", OP(EXIST), C(VERIFY) | C(KEY_ILLEGAL), C(BINARY), ANY,
     REFUSED(BAD_KEY_PROVIDED)},
    {"exptime-after-2106", DOC, "memcached_set(3): a time_t", "A time that never comes.",
     STORES | SEED_COUNTS | OP(TOUCH), C(BINARY) | C(EXPTIME_OVER), 0, ANY, MD_CLIENT_NEVER_EXPIRES,
     0},
    {"exptime-after-2038", DOC,
     "memcached_set(3) is silent; the binary protocol's field is unsigned",
     "A time after 2038 is taken as it is.", STORES | SEED_COUNTS | OP(TOUCH),
     C(BINARY) | C(EXPTIME_HIGH), C(EXPTIME_NEGATIVE), ANY, MD_CLIENT_NEVER_EXPIRES, 0},
    {"key-length-namespace", DOC,
     "memcached_callback(3), NAMESPACE: reduces MEMCACHED_MAX_KEY by its length",
     "A key that is too long with its namespace is refused.", KEYED, C(KEY_NS_LONG), 0, ANY,
     REFUSED(BAD_KEY_PROVIDED)},
    {"namespace-long", DOC, "memcached_callback(3): too long: BAD_KEY_PROVIDED",
     "A namespace that is too long is refused.", OP(NAMESPACE), C(NS_LONG), 0, ANY,
     REFUSED(BAD_KEY_PROVIDED)},

    /* ---- buffered, quiet --------------------------------------------------------------------- */
    {"noreply-buffered", DOC, "memcached_behavior(3), BUFFER_REQUESTS and NOREPLY",
     "Buffered and quiet: the text protocol's set is told as stored.", OP(SET),
     C(BUFFER) | C(NOREPLY), C(BINARY), ANY, BARE(SUCCESS)},
    {"buffered", DOC, "memcached_behavior(3), BUFFER_REQUESTS; memcached_return_t(3), BUFFERED",
     "A set or delete waits in the buffer.", OP(SET) | OP(DELETE), C(BUFFER), 0, ANY,
     BARE(BUFFERED)},
    {"noreply", DOC, "memcached_behavior(3), NOREPLY: you do not care about the result",
     "Returns at once.", STORES | OP(DELETE) | OP(FLUSH), C(NOREPLY), 0, ANY, BARE(SUCCESS)},
    {"noreply-count", DOC, "memcached_behavior(3), NOREPLY: you do not care about the result",
     "Returns at once, and the number means nothing.", COUNTS, C(NOREPLY), 0, ANY, BARE(SUCCESS)},

    /* ---- answers ----------------------------------------------------------------------------- */
    {"stored", DOC, "memcached_set(3), RETURN VALUE", "", STORES, 0, 0, OUT(STORED), RC(SUCCESS)},
    {"collision", DOC, "memcached_set(3): NOTSTORED in the case of a collision", "", ADDS, 0, 0,
     OUT(NOT_STORED), RC(NOTSTORED)},
    {"cas-differs", DOC, "memcached_return_t(3), DATA_EXISTS", "", OP(CAS), 0, 0, OUT(EXISTS),
     RC(DATA_EXISTS)},
    {"too-large", DOC, "memcached_return_t(3), E2BIG", "", STORES, 0, 0, OUT(TOO_LARGE), RC(E2BIG)},
    {"not-found", DOC, "memcached_return_t(3), NOTFOUND", "",
     OP(CAS) | OP(DELETE) | OP(TOUCH) | COUNTS, 0, 0, OUT(NOT_FOUND), RC(NOTFOUND)},
    {"number", DOC, "memcached_increment(3)", "", COUNTS, 0, 0, OUT(NUMBER), RC(SUCCESS)},
    {"client-error", DOC, "memcached_return_t(3), CLIENT_ERROR", "", STORES | COUNTS | OP(TOUCH), 0,
     0, OUT(CLIENT_ERROR), RC(CLIENT_ERROR)},
    {"deleted", DOC, "memcached_delete(3)", "", OP(DELETE), 0, 0, OUT(DELETED), RC(SUCCESS)},
    {"touched", DOC, "memcached_touch(3)", "", OP(TOUCH), 0, 0, OUT(TOUCHED), RC(SUCCESS)},
    {"exists", DOC, "memcached_exist(3)", "", OP(EXIST), 0, 0, OUT(NOT_STORED), RC(SUCCESS)},
    {"exists-not", DOC, "memcached_exist(3)", "", OP(EXIST), 0, 0, OUT(STORED), RC(NOTFOUND)},
    {"flushed", DOC, "memcached_flush(3)", "", OP(FLUSH), 0, 0, OUT(OK), RC(SUCCESS)},
    {"get-hit", DOC, "memcached_get(3)", "", OP(GET), 0, 0, OUT(HIT), RC(SUCCESS)},
    {"get-miss", DOC, "memcached_get(3), memcached_return_t(3)", "", OP(GET), 0, 0, OUT(MISS),
     RC(NOTFOUND)},
    {"mget", DOC, "memcached_mget(3)", "", OP(MGET), 0, 0, OUT(OK), RC(SUCCESS)},
    {"fetched", DOC, "memcached_fetch(3)", "", FETCHES, 0, 0, OUT(HIT), RC(SUCCESS)},
    {"fetch-without-mget", DOC, "memcached_fetch(3): memcached_mget must always be called before",
     "", FETCHES, C(NO_MGET), 0, ANY, AVOIDED},
    {"fetched-all", DOC, "memcached_fetch(3): END upon successful conclusion", "", FETCHES,
     C(FOUND_SOME), 0, OUT(MISS), RC(END)},
    {"fetched-none", DOC, "memcached_fetch(3): NOTFOUND if no keys at all were found", "", FETCHES,
     0, C(FOUND_SOME), OUT(MISS), RC(NOTFOUND)},
    {"stat", DOC, "memcached_stats(3)", "", OP(STAT), 0, 0, OUT(OK), RC(SUCCESS)},
    {"local", DOC, "memcached_behavior(3), memcached_flush_buffers(3) ...", "", LOCAL, 0, 0, ANY,
     RC(SUCCESS)},
};

size_t md_client_facts(const struct md_client_fact **table) {
    *table = facts;
    return COUNT(facts);
}

const struct md_client_fact *md_client_fact_find(enum md_client_op op, uint32_t conditions,
                                                 enum md_client_outcome outcome, unsigned effects,
                                                 const bool *off) {
    for (size_t i = 0; i < COUNT(facts); i++) {
        const struct md_client_fact *f = &facts[i];
        if (!(off && off[i]) && effects >> f->effect & 1 && f->ops >> op & 1 &&
            (f->all & ~conditions) == 0 && (f->none & conditions) == 0 &&
            f->outcomes >> outcome & 1)
            return f;
    }
    return NULL;
}

const char *md_client_outcome_name(enum md_client_outcome o) {
    static const char *const names[MD_CLIENT_OUTCOMES] = {
        "none", "stored", "not-stored", "exists", "not-found",    "deleted",   "touched",
        "ok",   "number", "hit",        "miss",   "client-error", "too-large", "error"};
    return names[o];
}
