/*
 * Mistakes that a client could make when nodes fail or replies are not waited for: each is planted
 * between our client's process and the library (the linker puts the functions below in its way) and
 * has to be found by random traces that were not made for it, as something that is neither known
 * nor a hazard, and that shows again on fresh nodes. Without a mistake the same traces find nothing.
 */
#include "harness/cluster_campaign.h"
#include "harness/cluster_confirm.h"
#include "harness/cluster_generate.h"
#include "harness/cluster_known.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* X(NAME, "what the findings that count begin with") */
#define WRONG_LIST(X)                                                                              \
    X(NOTHING, "")                                                                                 \
    X(DIES_AFTER_QUIET_DELETE, "client-died:get")                                                  \
    X(LOSES_A_SET_AFTER_FAILED_MGET, "acknowledged-and-lost:set")                                  \
    X(WRONG_FLAGS_AFTER_QUIET_DELETE, "wrong-flags")                                               \
    X(INVENTS_AFTER_QUIET_DELETE, "invented-value:get")                                            \
    X(NEVER_EJECTS, "never-ejected:refused")                                                       \
    X(LOSES_NOREPLY_DELETES, "lost-without-failure:noreply-delete")                                \
    X(LOSES_BUFFERED_DELETES, "buffered-and-lost:delete")                                          \
    X(WAITS_WHEN_IT_EJECTS, "blocks-too-long:get")                                                 \
    X(COMES_BACK_LATE, "never-recovers")                                                           \
    X(HASH_LAST_IGNORED, "placement:")

#define X(name, kind) WRONG_##name,
enum wrong { WRONG_LIST(X) WRONGS };
#undef X

static const struct {
    const char *name, *kind;
} wrongs[] = {
#define X(name, kind) {#name, kind},
    WRONG_LIST(X)
#undef X
};

enum { SEED = 1, TRACES = 3000, WELL = 40, WAIT_MS = 160, LATE_S = 1000 };

/* Which one is planted; the client's process inherits it. What follows is of that process. */
static enum wrong planted;
static bool deleted_quietly, mget_failed;

/* ---- in the library's way -------------------------------------------------------------------- */

#define WRAPPED_LIST(X)                                                                            \
    X(memcached_return_t, memcached_behavior_set,                                                  \
      (memcached_st * m, memcached_behavior_t which, uint64_t value), (m, which, value))           \
    X(memcached_return_t, memcached_delete,                                                        \
      (memcached_st * m, const char *key, size_t n, time_t expires), (m, key, n, expires))         \
    X(memcached_return_t, memcached_set,                                                           \
      (memcached_st * m, const char *key, size_t n, const char *value, size_t len, time_t expires, \
       uint32_t flags),                                                                            \
      (m, key, n, value, len, expires, flags))                                                     \
    X(memcached_return_t, memcached_mget,                                                          \
      (memcached_st * m, const char *const *keys, const size_t *lengths, size_t n),                \
      (m, keys, lengths, n))                                                                       \
    X(char *, memcached_get,                                                                       \
      (memcached_st * m, const char *key, size_t n, size_t *len, uint32_t *flags,                  \
       memcached_return_t *rc),                                                                    \
      (m, key, n, len, flags, rc))

#define X(type, name, parameters, arguments)                                                       \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;
WRAPPED_LIST(X)
#undef X

static bool is_set(memcached_st *m, memcached_behavior_t which) {
    return memcached_behavior_get(m, which) != 0;
}

memcached_return_t __wrap_memcached_behavior_set(memcached_st *m, memcached_behavior_t which,
                                                 uint64_t value) {
    if (planted == WRONG_NEVER_EJECTS && which == MEMCACHED_BEHAVIOR_REMOVE_FAILED_SERVERS)
        return MEMCACHED_SUCCESS;
    if (planted == WRONG_COMES_BACK_LATE && which == MEMCACHED_BEHAVIOR_RETRY_TIMEOUT)
        value += LATE_S;
    if (planted == WRONG_HASH_LAST_IGNORED && which == MEMCACHED_BEHAVIOR_HASH &&
        memcached_server_count(m) > 0)
        return MEMCACHED_SUCCESS;
    return __real_memcached_behavior_set(m, which, value);
}

memcached_return_t __wrap_memcached_delete(memcached_st *m, const char *key, size_t n,
                                           time_t expires) {
    bool quiet = is_set(m, MEMCACHED_BEHAVIOR_NOREPLY);
    bool buffers = is_set(m, MEMCACHED_BEHAVIOR_BUFFER_REQUESTS);
    if (planted == WRONG_LOSES_NOREPLY_DELETES && quiet && !buffers)
        return MEMCACHED_SUCCESS;
    if (planted == WRONG_LOSES_BUFFERED_DELETES && buffers)
        return MEMCACHED_BUFFERED;
    deleted_quietly = deleted_quietly || (quiet && is_set(m, MEMCACHED_BEHAVIOR_BINARY_PROTOCOL));
    return __real_memcached_delete(m, key, n, expires);
}

memcached_return_t __wrap_memcached_set(memcached_st *m, const char *key, size_t n,
                                        const char *value, size_t len, time_t expires,
                                        uint32_t flags) {
    if (planted == WRONG_LOSES_A_SET_AFTER_FAILED_MGET && mget_failed)
        return MEMCACHED_SUCCESS;
    return __real_memcached_set(m, key, n, value, len, expires, flags);
}

memcached_return_t __wrap_memcached_mget(memcached_st *m, const char *const *keys,
                                         const size_t *lengths, size_t n) {
    memcached_return_t rc = __real_memcached_mget(m, keys, lengths, n);
    mget_failed = mget_failed || (rc != MEMCACHED_SUCCESS && rc != MEMCACHED_SOME_ERRORS);
    return rc;
}

char *__wrap_memcached_get(memcached_st *m, const char *key, size_t n, size_t *len, uint32_t *flags,
                           memcached_return_t *rc) {
    if (planted == WRONG_DIES_AFTER_QUIET_DELETE && deleted_quietly)
        abort();
    if (planted == WRONG_WAITS_WHEN_IT_EJECTS &&
        is_set(m, MEMCACHED_BEHAVIOR_REMOVE_FAILED_SERVERS))
        poll(NULL, 0, WAIT_MS);
    char *value = __real_memcached_get(m, key, n, len, flags, rc);
    if (planted == WRONG_WRONG_FLAGS_AFTER_QUIET_DELETE && deleted_quietly)
        *flags ^= 1;
    if (planted == WRONG_INVENTS_AFTER_QUIET_DELETE && deleted_quietly && value && *len)
        value[0] ^= 1;
    return value;
}

/* ---- looking --------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* The finding that counts, if there is one. */
static const struct md_cluster_finding *counting(const struct md_cluster_verdict *v,
                                                 const char *kind) {
    for (size_t i = 0; i < v->n_findings; i++) {
        const struct md_cluster_finding *f = &v->findings[i];
        if (!f->hazard && !md_cluster_known(f->kind) && begins(f->kind, kind))
            return f;
    }
    return NULL;
}

/* Traces whose settings have nothing to do with the mistake take their time for nothing. */
static bool matters(const struct md_cluster_trace *t) {
    const struct md_client_settings *s = &t->client;
    switch (planted) {
    case WRONG_DIES_AFTER_QUIET_DELETE:
    case WRONG_WRONG_FLAGS_AFTER_QUIET_DELETE:
    case WRONG_INVENTS_AFTER_QUIET_DELETE: return s->binary && s->noreply;
    case WRONG_LOSES_A_SET_AFTER_FAILED_MGET: return s->binary && !s->noreply && !s->buffer;
    case WRONG_LOSES_NOREPLY_DELETES: return s->noreply && !s->buffer;
    case WRONG_LOSES_BUFFERED_DELETES: return s->buffer;
    case WRONG_WAITS_WHEN_IT_EJECTS: return s->auto_eject;
    case WRONG_NEVER_EJECTS:
        return s->auto_eject && md_distribution_is_ring(s->distribution) && t->nodes > 1;
    case WRONG_COMES_BACK_LATE: return s->poll_timeout < 1000 && !s->auto_eject;
    case WRONG_HASH_LAST_IGNORED: return s->reach == MD_REACH_HASH_LAST;
    default: return true;
    }
}

/* The number of traces that were run until one found it; 0: none did. */
static unsigned found(unsigned most, const char *kind, char out[MD_CLUSTER_KIND_MAX]) {
    struct md_cluster_config config = {.binary = getenv("MEMDIVERGE_NODE")};
    struct md_cluster c = {.config = config, .claim = -1};
    struct md_cluster_wish wish = {0};
    struct md_cluster_verdict v = {0};
    struct md_cluster_trace t;
    unsigned runs = 0;
    bool shown = false;
    md_cluster_trace_init(&t);
    for (uint64_t i = 0; i < TRACES && runs < most && !shown; i++) {
        md_cluster_generate(&t, SEED, i, &wish);
        if (!matters(&t))
            continue;
        runs++;
        if (!md_cluster_run(&c, &t, &v))
            fail_msg("trace %u: %s", (unsigned)i, md_buf_cstr(&v.reason));
        const struct md_cluster_finding *f = counting(&v, kind);
        if (!f)
            continue;
        snprintf(out, MD_CLUSTER_KIND_MAX, "%s", f->kind);
        md_cluster_free(&c);
        c = (struct md_cluster){.config = config, .claim = -1};
        shown = md_cluster_confirm(&config, &t, out) > 0;
    }
    md_cluster_trace_free(&t);
    md_cluster_verdict_free(&v);
    md_cluster_free(&c);
    return shown ? runs : 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void without_a_mistake_nothing_is_found(void **state) {
    char kind[MD_CLUSTER_KIND_MAX];
    (void)state;
    planted = WRONG_NOTHING;
    if (found(WELL, "", kind))
        fail_msg("%s", kind);
}

static void each_mistake_is_found(void **state) {
    const char *only = getenv("MEMDIVERGE_WRONG");
    (void)state;
    for (planted = WRONG_NOTHING + 1; planted < WRONGS; planted++) {
        char kind[MD_CLUSTER_KIND_MAX];
        if (only && strcmp(only, wrongs[planted].name) != 0)
            continue;
        unsigned runs = found(TRACES, wrongs[planted].kind, kind);
        if (!runs)
            fail_msg("%s is not found", wrongs[planted].name);
        print_message("%-32s trace %3u: %s\n", wrongs[planted].name, runs, kind);
    }
    planted = WRONG_NOTHING;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_mistake_nothing_is_found),
        cmocka_unit_test(each_mistake_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
