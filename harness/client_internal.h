/* Shared by the files of the client's runner; see client_run.h. */
#ifndef MEMDIVERGE_CLIENT_INTERNAL_H
#define MEMDIVERGE_CLIENT_INTERNAL_H

#include "harness/client_model.h"
#include "harness/client_run.h"
#include "harness/pool.h"

/* A result of an mget that the client has not fetched. */
struct md_client_found {
    struct md_buf key; /* without the namespace */
    struct md_client_answer answer;
};

/* What is known of the client while a sequence runs. Of each server: by its number. */
struct md_client_state {
    bool on[MD_CLIENT_SETTINGS];
    struct md_buf namespace;
    unsigned servers;
    struct md_buf pending[MD_CLIENT_SERVERS_MAX]; /* buffered, as text commands */
    bool unanswered[MD_CLIENT_SERVERS_MAX];       /* answers to buffered commands, not read */
    bool on_wire[MD_CLIENT_SERVERS_MAX];          /* results of an mget, not read */
    size_t wire_bytes;                            /* of results of the last mget */
    bool quiet_error[MD_CLIENT_SERVERS_MAX];      /* an answer that nobody waits for */
    struct md_client_found found[MD_CLIENT_KEYS_MAX];
    size_t n_found;
    bool mget, found_some; /* results may be fetched; one was */
    bool with_cas;         /* they were asked for with their CAS values */
    bool count_left;       /* what the client's own result object counts was not set back */
    uint64_t cas_seen;
    uint64_t keys_used; /* bit 1 << index */
    bool odd_keys;      /* some of them have no name in the text protocol */
};

/* One node and its model. */
struct md_client_side {
    struct md_node *node;
    struct md_model *model;
    uint64_t uses;
    bool dirty; /* nobody knows what is on it */
};

struct md_client_runner {
    struct md_client_config config;
    struct md_node_options options;
    struct md_pool pool;
    struct md_client_box *box;
    struct md_client_side side[MD_CLIENT_SERVERS_MAX];
    struct md_client_state state;
    struct md_client_counts counts;
    struct md_client_verdict *verdict;   /* of the run that goes on */
    const struct md_client_call *call;   /* made now; NULL at the end */
    size_t index;                        /* its number */
    bool spoiled;                        /* nothing can be said any more */
    struct md_client_answer answer;      /* the model's */
    struct md_buf key, command, scratch; /* of the call */
};

/* ---- client_state.c -------------------------------------------------------------------------- */

void md_client_state_begin(struct md_client_state *s);
void md_client_state_free(struct md_client_state *s);
uint32_t md_client_conditions(const struct md_client_state *s, const struct md_client_call *c);
/* The connections are made anew: nothing is on its way any more. Buffers are another matter. */
void md_client_state_quit(struct md_client_state *s);
void md_client_state_fetched(struct md_client_state *s, size_t i);
void md_client_state_drop_found(struct md_client_state *s);
void md_client_state_uses(struct md_client_state *s, uint8_t key);
/* Whether the key has a blank or a control character. */
bool md_client_odd_key(uint8_t key);
/* The namespace and the key, as the server sees it; bytes that only the binary protocol takes
 * are others there, since the model speaks the text protocol. */
void md_client_full_key(const struct md_client_state *s, uint8_t key, struct md_buf *out);

/* ---- client_place.c -------------------------------------------------------------------------- */

/* The number of the server that a key belongs to; false: the placement model does not say. */
bool md_client_place(const struct md_client_state *s, uint8_t key, unsigned *server);

/* ---- client_expect.c: what the model says of a call that was made ---------------------------- */

/* False: diverged, or our own fault; the verdict is filled. */
bool md_client_expect(struct md_client_runner *r, uint32_t conditions,
                      const struct md_client_result *got);
/* The same of a call that the client refuses by itself. */
bool md_client_refused(struct md_client_runner *r, const struct md_client_fact *f,
                       const struct md_client_result *got);
/* Hands what is buffered for this server to the model. */
bool md_client_flush_pending(struct md_client_runner *r, unsigned server);

/* ---- client_report.c ------------------------------------------------------------------------- */

/* Fills the verdict: the field that differs, and (NULL: none) what was expected and observed. */
bool md_client_differs(struct md_client_runner *r, const char *field, const char *expected,
                       const char *observed);
bool md_client_crashed(struct md_client_runner *r, enum md_client_end end);
bool md_client_failed(struct md_client_runner *r, const char *why);
/* A deviation was met: counted; in strict mode a divergence (false). */
bool md_client_fired(struct md_client_runner *r, const struct md_client_fact *f);

#endif
