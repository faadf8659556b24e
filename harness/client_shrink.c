/* The shortest sequence of calls that still shows the same thing. */
#include "harness/client_run.h"

enum { RUNS_MAX = 2000 };

struct shrink {
    struct md_client_runner *r;
    struct md_client_sequence *best;
    char signature[MD_CLIENT_SIGNATURE_MAX];
    struct md_client_verdict scratch;
    unsigned runs;
};

static bool takes(struct shrink *k, const struct md_client_sequence *s) {
    if (k->runs >= RUNS_MAX)
        return false;
    k->runs++;
    if (md_client_run(k->r, s, &k->scratch) != MD_CLIENT_DIVERGED ||
        strcmp(k->scratch.signature, k->signature) != 0)
        return false;
    *k->best = *s;
    return true;
}

/* Runs of calls, long ones first. */
static bool remove_calls(struct shrink *k) {
    bool better = false;
    for (size_t n = k->best->n; n > 0; n /= 2)
        for (size_t at = 0; at + n <= k->best->n;) {
            struct md_client_sequence s = *k->best;
            memmove(&s.calls[at], &s.calls[at + n], (s.n - at - n) * sizeof *s.calls);
            s.n -= n;
            if (takes(k, &s))
                better = true;
            else
                at++;
        }
    return better;
}

/* The field's smaller values, the plainest (0) first. */
static bool lower(struct shrink *k, size_t call, uint8_t *(*field)(struct md_client_call *, size_t),
                  size_t which) {
    uint8_t now = *field(&k->best->calls[call], which);
    for (uint8_t value = 0; value < now; value++) {
        struct md_client_sequence s = *k->best;
        *field(&s.calls[call], which) = value;
        if (takes(k, &s))
            return true;
    }
    return false;
}

static uint8_t *plain_field(struct md_client_call *c, size_t which) {
    uint8_t *const fields[] = {&c->key,    &c->value,   &c->exptime,   &c->flags,  &c->cas,
                               &c->offset, &c->initial, &c->namespace, &c->seconds};
    return fields[which];
}

static uint8_t *key_field(struct md_client_call *c, size_t which) { return &c->keys[which]; }

static bool fewer_keys(struct shrink *k, size_t call) {
    bool better = false;
    for (uint8_t i = 0; k->best->calls[call].n_keys > 1 && i < k->best->calls[call].n_keys;) {
        struct md_client_sequence s = *k->best;
        struct md_client_call *c = &s.calls[call];
        memmove(&c->keys[i], &c->keys[i + 1], (size_t)(c->n_keys - i - 1));
        c->n_keys--;
        if (takes(k, &s))
            better = true;
        else
            i++;
    }
    return better;
}

static bool plainer_arguments(struct shrink *k) {
    static const unsigned fields[] = {
        MD_CLIENT_F_KEY,     MD_CLIENT_F_VALUE,     MD_CLIENT_F_EXPTIME,
        MD_CLIENT_F_FLAGS,   MD_CLIENT_F_CAS,       MD_CLIENT_F_OFFSET,
        MD_CLIENT_F_INITIAL, MD_CLIENT_F_NAMESPACE, MD_CLIENT_F_SECONDS};
    bool better = false;
    for (size_t i = 0; i < k->best->n; i++) {
        unsigned has = md_client_op_fields((enum md_client_op)k->best->calls[i].op);
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
            if (has & fields[f])
                better |= lower(k, i, plain_field, f);
        if (!(has & MD_CLIENT_F_KEYS))
            continue;
        better |= fewer_keys(k, i);
        for (size_t n = 0; n < k->best->calls[i].n_keys; n++)
            better |= lower(k, i, key_field, n);
    }
    return better;
}

unsigned md_client_shrink(struct md_client_runner *r, struct md_client_sequence *s,
                          struct md_client_verdict *v) {
    struct shrink k = {.r = r, .best = s};
    memcpy(k.signature, v->signature, sizeof k.signature);
    if (v->call + 1 < s->n) { /* nothing behind it was made */
        struct md_client_sequence head = *s;
        head.n = v->call + 1;
        takes(&k, &head);
    }
    while (remove_calls(&k) || plainer_arguments(&k))
        ;
    md_client_run(r, s, v);
    md_client_verdict_free(&k.scratch);
    return k.runs + 1;
}
