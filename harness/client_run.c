/* Runs sequences of calls; see client_run.h. */
#include "harness/client_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NODE_USES = 2000,     /* sequences until a node is replaced */
    CLIENT_BUFFER = 8000, /* about what the client keeps back: with more, some of it may be sent */
    REPLY_MAX = 4 << 20,
    LOOKER = 1, /* the model's connection for what another client sees */
};

#define BEFORE                                                                                     \
    (1U << MD_CLIENT_REFUSED | 1U << MD_CLIENT_SPOILED | 1U << MD_CLIENT_CRASHES |                 \
     1U << MD_CLIENT_AVOIDED)

/* ---- nodes ----------------------------------------------------------------------------------- */

static void drop_side(struct md_client_side *s) {
    md_node_free(s->node);
    md_model_free(s->model);
    *s = (struct md_client_side){0};
}

static bool start_side(struct md_client_runner *r, struct md_client_side *s, struct md_buf *why) {
    bool exact;
    drop_side(s);
    if (md_pool_fresh(&r->pool, &r->options, &s->node) != MD_NODE_OK ||
        md_node_open(s->node, MD_NODE_CONTROL) != MD_NODE_OK) {
        md_buf_clear(why);
        md_buf_str(why, s->node ? md_node_error(s->node) : "no node could be started");
        return false;
    }
    r->counts.nodes_started++;
    s->model = md_model_new(md_profile_find(md_node_version(s->node), &exact), &r->options.model,
                            MD_START_TIME);
    return true;
}

static void delete_item(void *ctx, const uint8_t *key, size_t nkey) {
    struct md_buf *out = ctx;
    md_buf_str(out, "delete ");
    md_buf_append(out, key, nkey);
    md_buf_str(out, "\r\n");
}

/* The next sequence's base: no item left (a flush is not enough: a later one with a delay
 * revives what it killed), the CAS counter known. */
static bool reset_side(struct md_client_runner *r, struct md_client_side *s) {
    struct md_base base = {.start_time = MD_START_TIME};
    unsigned long long cas = 0;
    md_buf_clear(&r->command);
    md_buf_clear(&r->scratch);
    md_buf_str(&r->command, "set x 0 0 0\r\n\r\ngets x\r\ndelete x\r\n");
    md_model_each_item(s->model, delete_item, &r->command);
    if (md_model_flushed(s->model))
        md_buf_str(&r->command, "flush_all\r\n");
    bool ok = md_node_exchange(s->node, MD_NODE_CONTROL, r->command.data, r->command.len, 1 << 16,
                               &r->scratch) == MD_NODE_OK &&
              sscanf(md_buf_cstr(&r->scratch), "STORED VALUE x 0 0 %llu", &cas) == 1 &&
              md_node_advance(s->node, 2) == MD_NODE_OK;
    base.cas = cas + md_model_flushed(s->model);
    base.uptime = (uint32_t)md_node_uptime(s->node);
    md_model_restart(s->model, &base);
    md_model_open(s->model, 0);
    md_model_open(s->model, LOOKER);
    s->uses++;
    return ok;
}

static bool ready_side(struct md_client_runner *r, struct md_client_side *s) {
    struct md_buf why = {0};
    bool ok = true;
    if (!s->node || s->dirty || s->uses >= NODE_USES)
        ok = start_side(r, s, &why);
    if (ok && !reset_side(r, s)) /* what the last one left may be to blame: once more */
        ok = start_side(r, s, &why) && reset_side(r, s);
    if (!ok)
        md_client_failed(r, why.len ? md_buf_cstr(&why) : "a node cannot be reset");
    md_buf_free(&why);
    return ok;
}

struct md_client_runner *md_client_runner_new(const struct md_client_config *config,
                                              struct md_buf *why) {
    struct md_client_runner *r = md_calloc(1, sizeof *r);
    r->config = *config;
    md_node_options_default(&r->options);
    md_pool_init(&r->pool, &config->node);
    r->box = md_client_box_new();
    if (r->box && start_side(r, &r->side[0], why))
        return r;
    if (!r->box)
        md_buf_str(why, "no memory to share with the client");
    md_client_runner_free(r);
    return NULL;
}

void md_client_runner_free(struct md_client_runner *r) {
    if (!r)
        return;
    md_client_box_free(r->box);
    for (unsigned i = 0; i < MD_CLIENT_SERVERS_MAX; i++)
        drop_side(&r->side[i]);
    md_pool_free(&r->pool);
    md_node_options_free(&r->options);
    md_client_state_free(&r->state);
    md_buf_free(&r->answer.value);
    md_buf_free(&r->key);
    md_buf_free(&r->command);
    md_buf_free(&r->scratch);
    free(r);
}

struct md_client_config *md_client_runner_config(struct md_client_runner *r) {
    return &r->config;
}
const struct md_client_counts *md_client_runner_counts(const struct md_client_runner *r) {
    return &r->counts;
}

/* ---- what others do and see ------------------------------------------------------------------ */

static bool settle(struct md_client_runner *r) {
    md_buf_clear(&r->scratch);
    for (unsigned i = 0; i < r->state.servers; i++)
        if (md_node_settle(r->side[i].node, MD_NODE_CONTROL, REPLY_MAX, &r->scratch) != MD_NODE_OK)
            return md_client_failed(r, md_node_error(r->side[i].node));
    return true;
}

/* What another client reads of a key, on every server: the node and the model must say the same. */
static bool look(struct md_client_runner *r, uint8_t key) {
    struct md_reply reply = {0};
    bool same = true;
    md_client_full_key(&r->state, key, &r->key);
    if (md_client_key(key).len == 0 || r->key.len > MD_KEY_MAX || md_client_odd_key(key))
        return true; /* has no name in the text protocol */
    md_buf_clear(&r->command);
    md_buf_str(&r->command, "gets ");
    md_buf_append(&r->command, r->key.data, r->key.len);
    md_buf_str(&r->command, "\r\n");
    for (unsigned i = 0; same && i < r->state.servers; i++) {
        struct md_client_side *side = &r->side[i];
        md_buf_clear(&r->scratch);
        if (md_node_exchange(side->node, MD_NODE_CONTROL, r->command.data, r->command.len,
                             REPLY_MAX, &r->scratch) != MD_NODE_OK)
            same = md_client_failed(r, md_node_error(side->node));
        else if (md_model_feed(side->model, LOOKER, r->command.data, r->command.len, &reply) !=
                 MD_FEED_OK)
            same = md_client_failed(r, "the model does not know a command of ours");
        else if (r->scratch.len != reply.bytes.len ||
                 memcmp(r->scratch.data, reply.bytes.data, reply.bytes.len) != 0)
            same =
                md_client_differs(r, "stored", md_buf_cstr(&reply.bytes), md_buf_cstr(&r->scratch));
    }
    md_reply_free(&reply);
    return same;
}

static bool buffer_overflows(const struct md_client_state *s) {
    for (unsigned i = 0; i < s->servers; i++)
        if (s->pending[i].len > CLIENT_BUFFER)
            return true;
    return false;
}

static bool clock_step(struct md_client_runner *r) {
    uint32_t seconds = md_client_seconds(r->call->seconds);
    for (unsigned i = 0; i < MD_CLIENT_SERVERS_MAX; i++) {
        if (!r->side[i].node)
            continue;
        if (md_node_advance(r->side[i].node, seconds) != MD_NODE_OK)
            return md_client_failed(r, md_node_error(r->side[i].node));
        md_model_advance(r->side[i].model, seconds);
    }
    return true;
}

/* ---- a sequence ------------------------------------------------------------------------------ */

static bool told_lie(struct md_client_runner *r, bool after, const struct md_client_result *got) {
    return r->config.lie &&
           r->config.lie(r->config.lie_ctx, after, r->call, (struct md_client_result *)got);
}

/* Each key that was named belongs to where the library says that it sends it. */
static bool right_servers(struct md_client_runner *r, const struct md_client_result *got) {
    unsigned fields = md_client_op_fields((enum md_client_op)r->call->op), server;
    uint8_t n = fields & MD_CLIENT_F_KEYS ? r->call->n_keys : fields & MD_CLIENT_F_KEY ? 1 : 0;
    for (unsigned i = 0; i < MD_CLIENT_KEYS_MAX; i++)
        if (got->where[i] >= r->state.servers)
            return md_client_differs(r, "server", "one of them", "none");
    for (uint8_t i = 0; i < n; i++) {
        uint8_t key = fields & MD_CLIENT_F_KEYS ? r->call->keys[i] : r->call->key;
        if (md_client_place(&r->state, key, &server) && server != got->where[i])
            return md_client_differs(r, "server", server ? "the second" : "the first",
                                     server ? "the first" : "the second");
    }
    return true;
}

static bool make_call(struct md_client_runner *r, const struct md_client_result **got) {
    enum md_client_end end;
    *got = md_client_box_result(r->box);
    if (told_lie(r, false, *got))
        return true;
    end = md_client_box_call(r->box, r->index, r->state.cas_seen);
    if (end != MD_CLIENT_GOES_ON)
        return md_client_crashed(r, end);
    told_lie(r, true, *got);
    return right_servers(r, *got) && settle(r);
}

/* A call of libmemcached's. */
static bool client_call(struct md_client_runner *r) {
    uint32_t conditions = md_client_conditions(&r->state, r->call);
    const struct md_client_result *got;
    const struct md_client_fact *before = md_client_fact_find(
        (enum md_client_op)r->call->op, conditions, MD_CLIENT_OUT_NONE, BEFORE, r->config.off);
    enum md_client_effect effect = before ? before->effect : MD_CLIENT_RETURNS_RC;
    if (before && !md_client_fired(r, before))
        return false;
    r->counts.avoided += effect == MD_CLIENT_AVOIDED;
    if (effect == MD_CLIENT_AVOIDED || effect == MD_CLIENT_CRASHES)
        return true;
    if (!make_call(r, &got))
        return false;
    if (effect == MD_CLIENT_REFUSED)
        return md_client_refused(r, before, got);
    return effect == MD_CLIENT_SPOILED || md_client_expect(r, conditions, got);
}

static bool step(struct md_client_runner *r) {
    unsigned fields = md_client_op_fields((enum md_client_op)r->call->op);
    r->counts.calls++;
    r->counts.by_op[r->call->op]++;
    if (fields & MD_CLIENT_F_KEY)
        md_client_state_uses(&r->state, r->call->key);
    for (uint8_t i = 0; fields & MD_CLIENT_F_KEYS && i < r->call->n_keys; i++)
        md_client_state_uses(&r->state, r->call->keys[i]);
    if (r->call->op != MD_CLIENT_CLOCK && r->call->op != MD_CLIENT_LOOK)
        return client_call(r);
    if (buffer_overflows(&r->state)) {
        r->spoiled = true; /* no deviation: the client may send a full buffer when it likes */
        return true;
    }
    return r->call->op == MD_CLIENT_CLOCK ? clock_step(r) : look(r, r->call->key);
}

/* memcached_free sends what is buffered; then the node must hold what the model holds. */
static bool finish(struct md_client_runner *r, const struct md_client_sequence *s) {
    r->call = NULL;
    r->index = s->n;
    enum md_client_end end = md_client_box_finish(r->box);
    if (end != MD_CLIENT_GOES_ON)
        return md_client_crashed(r, end);
    if (!settle(r))
        return false;
    for (unsigned i = 0; i < r->state.servers; i++)
        if (!md_client_flush_pending(r, i))
            return false;
    for (uint8_t key = 0; key < 64; key++)
        if (r->state.keys_used >> key & 1 && !look(r, key))
            return false;
    return true;
}

static void begin_verdict(struct md_client_runner *r, struct md_client_verdict *v) {
    v->kind = MD_CLIENT_AGREED;
    *v->signature = 0;
    v->call = 0;
    v->crashed = false;
    v->ended_by = NULL;
    md_buf_clear(&v->expected);
    md_buf_clear(&v->observed);
    md_buf_clear(&v->words);
    r->verdict = v;
    r->spoiled = false;
    r->call = NULL;
}

enum md_client_verdict_kind md_client_run(struct md_client_runner *r,
                                          const struct md_client_sequence *s,
                                          struct md_client_verdict *v) {
    const char *sockets[MD_CLIENT_SERVERS_MAX];
    bool good = true;
    unsigned servers = 1;
    begin_verdict(r, v);
    md_client_state_begin(&r->state);
    r->counts.sequences++;
    for (size_t i = 0; i < s->n; i++)
        if (s->calls[i].op == MD_CLIENT_ADD_SERVER)
            servers = MD_CLIENT_SERVERS_MAX;
    for (unsigned i = 0; i < MD_CLIENT_SERVERS_MAX; i++) {
        if (i < servers && !ready_side(r, &r->side[i]))
            return v->kind;
        sockets[i] = r->side[i].node ? md_node_socket_path(r->side[i].node) : "";
    }
    if (md_client_box_begin(r->box, s, sockets) != MD_CLIENT_GOES_ON) {
        md_client_failed(r, "the client's process cannot be started");
        return v->kind;
    }
    for (size_t i = 0; good && !r->spoiled && i < s->n; i++) {
        r->call = &s->calls[r->index = i];
        good = step(r);
    }
    if (good && !r->spoiled)
        good = finish(r, s);
    if (!good || r->spoiled)
        md_client_box_end(r->box); /* who knows what this client would do to the next one */
    for (unsigned i = 0; i < servers; i++)
        r->side[i].dirty = r->spoiled || v->kind != MD_CLIENT_AGREED || r->state.odd_keys;
    r->counts.spoiled += r->spoiled;
    return v->kind;
}

bool md_client_confirm(struct md_client_runner *r, const struct md_client_sequence *s,
                       const char *signature, struct md_client_verdict *v) {
    for (unsigned i = 0; i < MD_CLIENT_SERVERS_MAX; i++)
        drop_side(&r->side[i]);
    md_client_box_end(r->box);
    return md_client_run(r, s, v) == MD_CLIENT_DIVERGED && strcmp(v->signature, signature) == 0;
}

void md_client_verdict_free(struct md_client_verdict *v) {
    md_buf_free(&v->expected);
    md_buf_free(&v->observed);
    md_buf_free(&v->words);
}
