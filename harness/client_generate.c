/*
 * Random sequences of calls from a seed alone. Each sequence has its own mood: which settings it
 * begins with, how many keys it uses, what it does much of. Few keys and plain arguments, so that
 * calls meet; now and then a border. The mutator draws its calls from the same source.
 */
#include "harness/client_calls.h"

static uint8_t below(struct md_random *r, unsigned n) { return (uint8_t)md_random_below(r, n); }

/* Mostly one of the first `plain` entries of a table, now and then any. */
static uint8_t pick(struct md_random *r, unsigned plain, unsigned rarely) {
    return md_random_one_in(r, rarely) ? below(r, 256) : below(r, plain);
}

static struct md_client_call setting(enum md_client_setting s, uint8_t on) {
    return (struct md_client_call){.op = MD_CLIENT_BEHAVIOR, .setting = (uint8_t)s, .on = on};
}

static void insert(struct md_client_sequence *s, size_t at, struct md_client_call c) {
    if (s->n == MD_CLIENT_CALLS_MAX || at > s->n)
        return;
    memmove(&s->calls[at + 1], &s->calls[at], (s->n - at) * sizeof *s->calls);
    s->calls[at] = c;
    s->n++;
}

static void add(struct md_client_sequence *s, struct md_client_call c) { insert(s, s->n, c); }

/* Whether a result with a CAS value may have been fetched before call `end`. */
static bool cas_was_seen(const struct md_client_sequence *s, size_t end) {
    bool support = false, asked = false;
    for (size_t i = 0; i < end; i++) {
        const struct md_client_call *c = &s->calls[i];
        if (c->op == MD_CLIENT_BEHAVIOR && c->setting == MD_CLIENT_SUPPORT_CAS)
            support = c->on;
        asked = asked || (support && c->op == MD_CLIENT_MGET);
        if (asked && c->op == MD_CLIENT_FETCH_RESULT)
            return true;
    }
    return false;
}

/* Mostly not what is known to end everything: a CAS value of 0, since none was seen. */
static void see_to_cas(struct md_random *r, struct md_client_call *c,
                       const struct md_client_sequence *s, size_t at) {
    struct md_client_cas cas = md_client_cas(c->cas);
    if (c->op == MD_CLIENT_CAS && cas.plus == 0 && !(cas.seen && cas_was_seen(s, at)) &&
        !md_random_one_in(r, 20))
        c->cas = 3;
}

static struct md_client_call any_call(struct md_random *r, unsigned keys) {
    /* The everyday ones more often. */
    static const uint8_t often[] = {
        MD_CLIENT_SET,  MD_CLIENT_SET,       MD_CLIENT_ADD,       MD_CLIENT_REPLACE,
        MD_CLIENT_GET,  MD_CLIENT_GET,       MD_CLIENT_APPEND,    MD_CLIENT_PREPEND,
        MD_CLIENT_MGET, MD_CLIENT_INCREMENT, MD_CLIENT_DECREMENT, MD_CLIENT_DELETE,
        MD_CLIENT_CAS,  MD_CLIENT_TOUCH,     MD_CLIENT_EXIST,     MD_CLIENT_INCREMENT_INITIAL,
    };
    struct md_client_call c = {0};
    c.op = md_random_one_in(r, 3) ? below(r, MD_CLIENT_OPS) : often[below(r, sizeof often)];
    c.key = pick(r, keys, 24);
    c.value = pick(r, 8, 3);
    c.exptime = md_random_one_in(r, 3) ? pick(r, md_random_one_in(r, 4) ? 10 : 4, 30) : 0;
    c.flags = pick(r, 2, 4);
    c.cas = pick(r, 2, 20);
    c.offset = pick(r, 4, 4);
    c.initial = pick(r, 4, 4);
    c.namespace = pick(r, 2, 4);
    c.setting = below(r, MD_CLIENT_SETTINGS);
    c.on = below(r, 2);
    if (c.op == MD_CLIENT_CLOCK)
        c.seconds = below(r, 7);
    else if (md_random_one_in(r, 12))
        c.seconds = below(r, 3);
    c.n_keys = (uint8_t)(1 + below(r, md_random_one_in(r, 4) ? MD_CLIENT_KEYS_MAX : 3));
    for (uint8_t i = 0; i < c.n_keys; i++)
        c.keys[i] = pick(r, keys, 24);
    return c;
}

static void fetch_some(struct md_random *r, struct md_client_sequence *s, size_t at,
                       uint8_t n_keys) {
    uint8_t op = below(r, 2) ? MD_CLIENT_FETCH : MD_CLIENT_FETCH_RESULT;
    unsigned n = md_random_one_in(r, 8) ? below(r, n_keys + 1U) : n_keys + 1U;
    for (unsigned i = 0; i < n; i++)
        insert(s, at, (struct md_client_call){.op = op});
}

/* What is set before call `at`: 1 << setting, and whether there is a namespace. */
static unsigned set_before(const struct md_client_sequence *s, size_t at, bool *namespace) {
    unsigned on = 0;
    *namespace = false;
    for (size_t i = 0; i < at; i++) {
        const struct md_client_call *c = &s->calls[i];
        if (c->op == MD_CLIENT_BEHAVIOR)
            on = c->on ? on | 1U << c->setting : on & ~(1U << c->setting);
        if (c->op == MD_CLIENT_NAMESPACE)
            *namespace = md_client_namespace(c->namespace).text != NULL;
    }
    return on;
}

/* The binary protocol with NOREPLY or buffering, and a long key behind a namespace, are known to put
 * client and server out of step. */
static void see_to_settings(struct md_random *r, struct md_client_call *c,
                            const struct md_client_sequence *s, size_t at) {
    const unsigned quiet = 1U << MD_CLIENT_BUFFER | 1U << MD_CLIENT_NOREPLY;
    bool namespace;
    unsigned on = set_before(s, at, &namespace), with = on | 1U << c->setting;
    if (md_random_one_in(r, 6))
        return;
    if (c->op == MD_CLIENT_BEHAVIOR && c->on && with & 1U << MD_CLIENT_BINARY && with & quiet)
        c->on = 0;
    if (namespace && md_client_key(c->key).times > 122)
        c->key = 0;
    for (uint8_t i = 0; namespace && i < c->n_keys; i++)
        if (md_client_key(c->keys[i]).times > 122)
            c->keys[i] = 0;
}

/*
 * A call with what mostly belongs to it, so that a sequence goes on to where news may be: results
 * are fetched, CAS values seen, and nothing is half read when a server is added.
 */
static void insert_with_care(struct md_random *r, struct md_client_sequence *s, size_t at,
                             struct md_client_call c) {
    see_to_cas(r, &c, s, at);
    see_to_settings(r, &c, s, at);
    insert(s, at, c);
    if (c.op == MD_CLIENT_MGET)
        fetch_some(r, s, at + 1, c.n_keys);
    if (c.op == MD_CLIENT_ADD_SERVER && !md_random_one_in(r, 8))
        insert(s, at, (struct md_client_call){.op = MD_CLIENT_QUIT});
}

void md_client_generate(struct md_client_sequence *s, uint64_t seed, uint64_t index) {
    struct md_random r;
    md_random_seed(&r, seed ^ index * UINT64_C(0x9e3779b97f4a7c15));
    *s = (struct md_client_sequence){0};
    if (below(&r, 2))
        add(s, setting(MD_CLIENT_BINARY, 1));
    if (below(&r, 2))
        add(s, setting(MD_CLIENT_SUPPORT_CAS, 1));
    for (unsigned i = 0; i < MD_CLIENT_SETTINGS; i++)
        if (md_random_one_in(&r, 8))
            insert_with_care(&r, s, s->n, setting((enum md_client_setting)i, 1));
    if (md_random_one_in(&r, 5))
        add(s, (struct md_client_call){.op = MD_CLIENT_NAMESPACE, .namespace = pick(&r, 1, 4)});
    size_t length = s->n + 2 + below(&r, 30);
    unsigned keys = 1U + below(&r, 5);
    while (s->n < length)
        insert_with_care(&r, s, s->n, any_call(&r, keys));
    /* What add would leave out of its encoding must not differ from one machine to the other. */
    struct md_buf bytes = {0};
    md_client_encode(s, &bytes);
    md_client_decode(s, bytes.data, bytes.len);
    md_buf_free(&bytes);
}

/* ---- the mutator ----------------------------------------------------------------------------- */

static void take_out(struct md_client_sequence *s, size_t at) {
    s->n--;
    memmove(&s->calls[at], &s->calls[at + 1], (s->n - at) * sizeof *s->calls);
}

static void mutate_once(struct md_random *r, struct md_client_sequence *s) {
    size_t at = md_random_below(r, s->n + 1), from = md_random_below(r, s->n);
    struct md_client_call c = any_call(r, 4), other = s->calls[from];
    switch (below(r, 6)) {
    case 0: take_out(s, from); break;
    case 1: insert(s, at, other); break;
    case 2:
        s->calls[from] = s->calls[at % s->n];
        s->calls[at % s->n] = other;
        break;
    case 3: /* another call with the same arguments, or the same with others */
        if (below(r, 2))
            other.op = c.op;
        else
            c.op = other.op;
        s->calls[from] = below(r, 2) ? other : c;
        break;
    case 4:
        c = setting((enum md_client_setting)below(r, MD_CLIENT_SETTINGS), below(r, 2));
        insert_with_care(r, s, at, c);
        break;
    default: insert_with_care(r, s, at, c); break;
    }
}

size_t md_client_mutate(uint8_t *bytes, size_t len, size_t max, uint64_t seed) {
    struct md_random r;
    struct md_client_sequence s;
    struct md_buf out = {0};
    md_random_seed(&r, seed);
    md_client_decode(&s, bytes, len);
    if (s.n == 0 || md_random_one_in(&r, 16))
        md_client_generate(&s, seed, 0);
    for (unsigned i = 1U + below(&r, 4); i > 0; i--) {
        if (s.n == 0)
            md_client_generate(&s, seed, i);
        mutate_once(&r, &s);
    }
    do {
        md_buf_clear(&out);
        md_client_encode(&s, &out);
    } while (out.len > max && s.n-- > 0);
    if (out.len)
        memcpy(bytes, out.data, out.len);
    size_t n = out.len;
    md_buf_free(&out);
    return n;
}
