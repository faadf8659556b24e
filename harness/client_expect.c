/*
 * What a call that was made should have returned: the call as text commands to the models of the
 * servers that it went to, their replies as an outcome, and the row of the table for it.
 */
#include "harness/client_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define EFFECT(name) (1U << MD_CLIENT_##name)
#define ANSWERS (EFFECT(RETURNS_RC) | EFFECT(RETURNS_BARE) | EFFECT(NULL_VALUE) | EFFECT(SPOILED))

static bool ask(struct md_client_runner *r, unsigned server, const struct md_buf *command) {
    if (md_client_ask(r->side[server].model, command, &r->answer)) {
        r->spoiled |= r->answer.open;
        return true;
    }
    return md_client_failed(r, "the model does not know a command of ours");
}

bool md_client_flush_pending(struct md_client_runner *r, unsigned server) {
    struct md_buf *pending = &r->state.pending[server];
    struct md_reply reply = {0};
    enum md_feed_result fed = MD_FEED_OK;
    for (size_t done = 0; fed == MD_FEED_OK && done < pending->len;) {
        size_t left = pending->len - done, piece = left < MD_READ_BUFFER ? left : MD_READ_BUFFER;
        fed = md_model_feed(r->side[server].model, 0, pending->data + done, piece, &reply);
        done += piece;
    }
    md_reply_free(&reply);
    md_buf_clear(pending);
    return fed == MD_FEED_OK || md_client_failed(r, "the model does not know a command of ours");
}

static bool flush_all_pending(struct md_client_runner *r) {
    for (unsigned i = 0; i < r->state.servers; i++)
        if (!md_client_flush_pending(r, i))
            return false;
    return true;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void describe(const struct md_buf *value, struct md_buf *out) {
    md_buf_clear(out);
    md_buf_printf(out, "%zu bytes", value->len);
    if (value->len == 0)
        return;
    md_buf_str(out, ": ");
    for (size_t i = 0; i < value->len && i < 60; i++) {
        uint8_t c = value->data[i];
        if (c < ' ' || c > '~')
            md_buf_printf(out, "\\x%02x", c);
        else
            md_buf_byte(out, c);
    }
}

static bool differs_in_value(struct md_client_runner *r, const char *field,
                             const struct md_client_result *got) {
    struct md_buf expected = {0}, observed = {0};
    size_t n = got->len < MD_CLIENT_VALUE_MAX ? got->len : MD_CLIENT_VALUE_MAX;
    struct md_buf value = {.data = (uint8_t *)got->value, .len = got->has_value ? n : 0};
    describe(&r->answer.value, &expected);
    describe(&value, &observed);
    if (!got->has_value) {
        md_buf_clear(&observed);
        md_buf_printf(&observed, "NULL, %u bytes", got->len);
    }
    md_client_differs(r, field, md_buf_cstr(&expected), md_buf_cstr(&observed));
    md_buf_free(&expected);
    md_buf_free(&observed);
    return false;
}

static bool differs_in_key(struct md_client_runner *r, const struct md_buf *key,
                           const struct md_client_result *got) {
    struct md_buf expected = {0}, observed = {0};
    size_t n = got->nkey < sizeof got->key ? got->nkey : sizeof got->key;
    struct md_buf given = {.data = (uint8_t *)got->key, .len = n};
    describe(key, &expected);
    describe(&given, &observed);
    md_client_differs(r, "key", md_buf_cstr(&expected), md_buf_cstr(&observed));
    md_buf_free(&expected);
    md_buf_free(&observed);
    return false;
}

static bool same_number(struct md_client_runner *r, const char *field, uint64_t expected,
                        uint64_t observed) {
    char a[32], b[32];
    if (expected == observed)
        return true;
    snprintf(a, sizeof a, "%" PRIu64, expected);
    snprintf(b, sizeof b, "%" PRIu64, observed);
    return md_client_differs(r, field, a, b);
}

static bool same_rc(struct md_client_runner *r, uint32_t expected, uint32_t observed) {
    if (expected == observed)
        return true;
    return md_client_differs(r, "rc", md_client_return_name(expected),
                             md_client_return_name(observed));
}

bool md_client_refused(struct md_client_runner *r, const struct md_client_fact *f,
                       const struct md_client_result *got) {
    md_buf_clear(&r->answer.value);
    return same_rc(r, f->rc, got->rc) && (!got->has_value || differs_in_value(r, "value", got));
}

static bool same_value(struct md_client_runner *r, const struct md_client_result *got, bool null) {
    const struct md_buf *value = &r->answer.value;
    if (got->has_value == null)
        return differs_in_value(r, "null", got);
    if (got->len != value->len)
        return differs_in_value(r, "length", got);
    size_t n = value->len < MD_CLIENT_VALUE_MAX ? value->len : MD_CLIENT_VALUE_MAX;
    if (!null && n && memcmp(got->value, value->data, n) != 0)
        return differs_in_value(r, "value", got);
    return same_number(r, "flags", r->answer.flags, got->flags);
}

/* By the row for what the model answered. */
static bool compare(struct md_client_runner *r, uint32_t conditions,
                    const struct md_client_result *got) {
    enum md_client_op op = (enum md_client_op)r->call->op;
    if (r->answer.outcome == MD_CLIENT_OUT_HIT && r->answer.value.len == 0)
        conditions |= MD_CLIENT_C_EMPTY;
    r->counts.by_outcome[r->answer.outcome]++;
    if (r->spoiled)
        return true;
    const struct md_client_fact *f =
        md_client_fact_find(op, conditions, r->answer.outcome, ANSWERS, r->config.off);
    if (!f)
        return md_client_differs(r, "undocumented", md_client_outcome_name(r->answer.outcome),
                                 md_client_return_name(got->rc));
    if (!md_client_fired(r, f))
        return false;
    if (f->effect == MD_CLIENT_SPOILED)
        return true;
    bool null = f->effect == MD_CLIENT_NULL_VALUE;
    if (!same_rc(r, f->rc, got->rc))
        return false;
    if (f->effect == MD_CLIENT_RETURNS_BARE)
        return !got->has_value || differs_in_value(r, "value", got);
    if (r->answer.outcome == MD_CLIENT_OUT_HIT && !same_value(r, got, null))
        return false;
    if (r->answer.outcome == MD_CLIENT_OUT_MISS && got->has_value)
        return differs_in_value(r, "value", got);
    if (op == MD_CLIENT_FETCH_RESULT && r->answer.outcome == MD_CLIENT_OUT_HIT &&
        r->state.with_cas && !same_number(r, "cas", r->answer.cas, got->cas))
        return false;
    return r->answer.outcome != MD_CLIENT_OUT_NUMBER ||
           same_number(r, "number", r->answer.number, got->number);
}

/* ---- one kind of call after the other -------------------------------------------------------- */

static bool local(struct md_client_runner *r, uint32_t conditions,
                  const struct md_client_result *got) {
    struct md_client_state *s = &r->state;
    const struct md_client_call *c = r->call;
    r->answer.outcome = MD_CLIENT_OUT_NONE;
    if (!compare(r, conditions, got))
        return false;
    if (got->rc != 0)
        return true; /* refused, as it should be */
    bool quits = c->op == MD_CLIENT_QUIT || c->op == MD_CLIENT_CLONE;
    if (c->op == MD_CLIENT_BEHAVIOR) {
        s->on[c->setting] = c->on;
        if (c->setting == MD_CLIENT_BINARY && c->on)
            s->on[MD_CLIENT_VERIFY_KEY] = false;
        quits = c->setting == MD_CLIENT_BINARY || c->setting == MD_CLIENT_BUFFER ||
                c->setting == MD_CLIENT_NO_BLOCK;
    }
    if (c->op == MD_CLIENT_NAMESPACE) {
        md_buf_clear(&s->namespace);
        md_client_bytes_append(&s->namespace, md_client_namespace(c->namespace));
        md_client_state_drop_found(s);
    }
    if (c->op == MD_CLIENT_ADD_SERVER) {
        s->servers++;
        md_client_state_drop_found(s);
    }
    if ((quits || c->op == MD_CLIENT_FLUSH_BUFFERS) && !flush_all_pending(r))
        return false;
    if (quits)
        md_client_state_quit(s);
    if (c->op == MD_CLIENT_CLONE)
        s->count_left = false;
    return true;
}

/* A get of any kind first reads all answers that are still due, from every server. */
static bool drain(struct md_client_runner *r) {
    struct md_client_state *s = &r->state;
    for (unsigned i = 0; i < s->servers; i++)
        if (s->unanswered[i] || s->on_wire[i]) {
            if (!md_client_flush_pending(r, i))
                return false;
            s->unanswered[i] = s->on_wire[i] = false;
        }
    md_client_state_drop_found(s);
    return true;
}

static bool look_up(struct md_client_runner *r, unsigned server, uint8_t key) {
    md_client_full_key(&r->state, key, &r->key);
    md_buf_clear(&r->command);
    md_buf_str(&r->command, "gets ");
    md_buf_append(&r->command, r->key.data, r->key.len);
    md_buf_str(&r->command, "\r\n");
    return md_client_flush_pending(r, server) && ask(r, server, &r->command);
}

static bool mget(struct md_client_runner *r, uint32_t conditions,
                 const struct md_client_result *got) {
    struct md_client_state *s = &r->state;
    if (!drain(r))
        return false;
    s->wire_bytes = 0;
    for (uint8_t i = 0; i < r->call->n_keys; i++) {
        struct md_client_found *f = &s->found[s->n_found];
        if (!look_up(r, got->where[i], r->call->keys[i]))
            return false;
        s->on_wire[got->where[i]] = true;
        if (r->answer.outcome != MD_CLIENT_OUT_HIT)
            continue;
        s->n_found++;
        s->wire_bytes += r->answer.value.len;
        md_buf_clear(&f->key);
        md_client_bytes_append(&f->key, md_client_key(r->call->keys[i]));
        struct md_client_answer empty = f->answer;
        f->answer = r->answer;
        r->answer = empty; /* its buffer is used again */
    }
    s->mget = true;
    s->with_cas = s->on[MD_CLIENT_SUPPORT_CAS];
    s->found_some = false;
    r->answer.outcome = MD_CLIENT_OUT_OK;
    return compare(r, conditions, got);
}

/* Results of several servers come in any order: the key that the client names says which it is. */
static bool fetch(struct md_client_runner *r, uint32_t conditions,
                  const struct md_client_result *got) {
    struct md_client_state *s = &r->state;
    size_t i = 0;
    while (i < s->n_found && (s->found[i].key.len != got->nkey ||
                              memcmp(s->found[i].key.data, got->key, got->nkey) != 0))
        i++;
    if (s->n_found == 0) {
        r->answer.outcome = MD_CLIENT_OUT_MISS;
        bool same = compare(r, conditions, got);
        if (r->call->op == MD_CLIENT_FETCH)
            s->count_left = false;
        for (unsigned k = 0; k < MD_CLIENT_SERVERS_MAX; k++)
            s->on_wire[k] = false;
        md_client_state_drop_found(s);
        return same;
    }
    if (i == s->n_found) /* not one that was due: it is compared with the first that is */
        i = 0;
    bool right =
        s->found[i].key.len == got->nkey && memcmp(s->found[i].key.data, got->key, got->nkey) == 0;
    struct md_client_answer used = r->answer;
    r->answer = s->found[i].answer;
    s->found[i].answer = used;
    bool same = compare(r, conditions, got);
    if (same && !r->spoiled && !right)
        same = differs_in_key(r, &s->found[i].key, got);
    if (r->call->op == MD_CLIENT_FETCH_RESULT)
        s->cas_seen = got->cas;
    else
        s->count_left = true;
    md_client_state_fetched(s, i);
    return same;
}

static bool flush(struct md_client_runner *r, uint32_t conditions,
                  const struct md_client_result *got) {
    if (!flush_all_pending(r))
        return false;
    md_client_command(r->call, &r->key, 0, false, &r->command);
    for (unsigned i = 0; i < r->state.servers; i++)
        if (!ask(r, i, &r->command))
            return false;
    for (unsigned i = 0; i < r->state.servers && !r->state.on[MD_CLIENT_NOREPLY]; i++)
        r->state.unanswered[i] = r->state.on_wire[i] = false;
    md_client_state_drop_found(&r->state);
    return compare(r, conditions, got);
}

/* The server is the oracle: what it says of itself is what the client must hand over. */
static bool stat_all(struct md_client_runner *r, uint32_t conditions,
                     const struct md_client_result *got) {
    static const char *const names[] = {
        "pid",     "version",     "pointer_size", "curr_items", "cmd_get",
        "cmd_set", "get_hits",    "get_misses",   "evictions",  "limit_maxbytes",
        "bytes",   "total_items", "threads"};
    struct md_buf reply = {0};
    if (!flush_all_pending(r))
        return false;
    md_buf_clear(&r->answer.value);
    for (unsigned i = 0; i < r->state.servers; i++) {
        md_buf_clear(&reply);
        if (md_node_exchange(r->side[i].node, MD_NODE_CONTROL, "stats\r\n", 7, 1 << 16, &reply) !=
            MD_NODE_OK) {
            md_buf_free(&reply);
            return md_client_failed(r, md_node_error(r->side[i].node));
        }
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            char word[48];
            snprintf(word, sizeof word, "STAT %s ", names[k]);
            const char *at = strstr(md_buf_cstr(&reply), word);
            at = at ? at + strlen(word) : "\r";
            md_buf_printf(&r->answer.value, "%s %.*s\n", names[k], (int)strcspn(at, "\r"), at);
        }
    }
    md_buf_free(&reply);
    for (unsigned i = 0; i < r->state.servers; i++)
        r->state.unanswered[i] = r->state.on_wire[i] = false;
    md_client_state_drop_found(&r->state);
    r->answer.outcome = MD_CLIENT_OUT_OK;
    if (!compare(r, conditions, got) || r->spoiled)
        return r->spoiled;
    return (got->len == r->answer.value.len &&
            memcmp(got->value, r->answer.value.data, got->len) == 0) ||
           differs_in_value(r, "value", got);
}

/* A counter that is not there is made, unless the time says not to. */
static bool seed_counter(struct md_client_runner *r, unsigned server, bool never) {
    const struct md_client_call *c = r->call;
    char initial[32];
    if (r->answer.outcome != MD_CLIENT_OUT_NOT_FOUND ||
        (uint32_t)md_client_exptime(c->exptime) == UINT32_MAX)
        return true;
    int n = snprintf(initial, sizeof initial, "%" PRIu64, md_client_number(c->initial));
    md_buf_clear(&r->command);
    md_buf_str(&r->command, "add ");
    md_buf_append(&r->command, r->key.data, r->key.len);
    md_buf_printf(&r->command, " 0 %" PRId64 " %d\r\n%s\r\n",
                  never ? 0 : md_client_exptime(c->exptime), n, initial);
    if (!ask(r, server, &r->command))
        return false;
    if (r->answer.outcome == MD_CLIENT_OUT_STORED) {
        r->answer.outcome = MD_CLIENT_OUT_NUMBER;
        r->answer.number = md_client_number(c->initial);
    }
    return true;
}

/* Whether the client left the call in its buffer. */
static bool buffers(const struct md_client_runner *r) {
    return r->state.on[MD_CLIENT_BUFFER] &&
           (r->call->op == MD_CLIENT_SET || r->call->op == MD_CLIENT_DELETE);
}

/* In the binary protocol a quiet command that fails is answered. The client expects that of a
 * storage command, but only from the server that it reads from next. */
static void note_quiet_error(struct md_client_runner *r, unsigned server) {
    unsigned f = md_client_op_fields((enum md_client_op)r->call->op);
    enum md_client_outcome o = r->answer.outcome;
    bool unexpected = f & MD_CLIENT_F_OFFSET || r->call->op == MD_CLIENT_DELETE ||
                      (f & MD_CLIENT_F_VALUE && r->state.servers > 1);
    if (r->state.on[MD_CLIENT_NOREPLY] && r->state.on[MD_CLIENT_BINARY] && unexpected &&
        o != MD_CLIENT_OUT_NUMBER && o != MD_CLIENT_OUT_DELETED && o != MD_CLIENT_OUT_STORED)
        r->state.quiet_error[server] = true;
}

static bool get(struct md_client_runner *r, uint32_t conditions,
                const struct md_client_result *got) {
    if (!drain(r) || !look_up(r, got->where[0], r->call->key))
        return false;
    r->state.count_left = r->answer.outcome == MD_CLIENT_OUT_HIT;
    /* The END behind the value is left for the next call to read over. */
    r->state.on_wire[got->where[0]] = r->state.count_left && !r->state.on[MD_CLIENT_BINARY];
    return compare(r, conditions, got);
}

static bool keyed(struct md_client_runner *r, uint32_t conditions,
                  const struct md_client_result *got) {
    struct md_client_state *s = &r->state;
    unsigned server = got->where[0];
    struct md_client_cas cas = md_client_cas(r->call->cas);
    const struct md_client_fact *never =
        md_client_fact_find((enum md_client_op)r->call->op, conditions, MD_CLIENT_OUT_NONE,
                            EFFECT(NEVER_EXPIRES), r->config.off);
    if (never && !md_client_fired(r, never))
        return false;
    if (r->call->op == MD_CLIENT_GET)
        return get(r, conditions, got);
    md_client_command(r->call, &r->key, (cas.seen ? s->cas_seen : 0) + cas.plus, never,
                      &r->command);
    if (buffers(r)) {
        md_buf_append(&s->pending[server], r->command.data, r->command.len);
        s->unanswered[server] |= !s->on[MD_CLIENT_NOREPLY];
        /* Whether it fails shows later: until then it may. */
        s->quiet_error[server] |=
            s->on[MD_CLIENT_BINARY] && s->on[MD_CLIENT_NOREPLY] && r->call->op == MD_CLIENT_DELETE;
        r->answer.outcome = MD_CLIENT_OUT_NONE;
        return compare(r, conditions, got);
    }
    if (!md_client_flush_pending(r, server) || !ask(r, server, &r->command))
        return false;
    if (md_client_op_fields((enum md_client_op)r->call->op) & MD_CLIENT_F_INITIAL &&
        !seed_counter(r, server, never != NULL))
        return false;
    note_quiet_error(r, server);
    if (!s->on[MD_CLIENT_NOREPLY])
        s->unanswered[server] = s->on_wire[server] = false;
    md_client_state_drop_found(s);
    return compare(r, conditions, got);
}

bool md_client_expect(struct md_client_runner *r, uint32_t conditions,
                      const struct md_client_result *got) {
    md_buf_clear(&r->command);
    md_client_full_key(&r->state, r->call->key, &r->key);
    switch (r->call->op) {
    case MD_CLIENT_MGET: return mget(r, conditions, got);
    case MD_CLIENT_FETCH:
    case MD_CLIENT_FETCH_RESULT: return fetch(r, conditions, got);
    case MD_CLIENT_FLUSH: return flush(r, conditions, got);
    case MD_CLIENT_STAT: return stat_all(r, conditions, got);
    default: break;
    }
    if (md_client_op_fields((enum md_client_op)r->call->op) & MD_CLIENT_F_KEY)
        return keyed(r, conditions, got);
    return local(r, conditions, got);
}
