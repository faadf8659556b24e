/* The one runner: traces on nodes and in the model, resets, fresh checks; see runner.h. */
#include "harness/runner.h"

#include "harness/binary_node.h"
#include "harness/now.h"
#include "harness/play.h"
#include "harness/pool.h"
#include "model/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    WINDOW = 32,       /* traces kept that ran since the node was new */
    SWEEP_LINE = 1500, /* bytes of keys in one gets of the sweep */
};

struct md_runner {
    struct md_runner_config config;
    struct md_pool pool;
    struct md_model *model;
    struct md_node_options model_options; /* what the model is set to */
    struct md_play play;
    struct md_counts counts;
    const struct md_profile *profile;
    struct md_stranger *stranger; /* owned; NULL: nodes are our own */
    struct md_buf translated;     /* the step in hand, as the stranger gets it */
    char version[32];
    struct md_buf note;
    struct md_buf bytes; /* of the send step in hand */
    /* What was done behind the last trace. */
    struct md_buf sweep_bytes;
    struct md_buf sweep_packets; /* goes before that, on a connection of its own */
    bool sweep_clock;
    /* Traces since the node in use was new. */
    struct md_trace window[WINDOW];
    uint64_t window_node[WINDOW]; /* which node ran it */
    const struct md_trace *window_list[WINDOW];
    size_t window_n, window_next;
    uint64_t node_in_use;
};

void md_verdict_free(struct md_verdict *v) {
    md_buf_free(&v->expected);
    md_buf_free(&v->observed);
    md_buf_free(&v->reason);
    md_buf_free(&v->stderr_tail);
    *v = (struct md_verdict){0};
}

static void verdict_clear(struct md_verdict *v) {
    v->kind = MD_AGREE;
    v->signature[0] = 0;
    v->step = 0;
    v->command = (struct md_command){0};
    v->in_sweep = false;
    v->node = MD_NODE_OK;
    v->expected.len = v->observed.len = v->reason.len = v->stderr_tail.len = 0;
}

/* ---- making --------------------------------------------------------------------------------- */

static void choose_profile(struct md_runner *r) {
    bool exact;
    const char *wanted = r->config.profile ? r->config.profile : r->version;
    r->profile = md_profile_find(wanted, &exact);
    if (!exact && !r->stranger)
        md_buf_printf(&r->note,
                      "memcached %s is unknown: held to the profile of %s, so differences between "
                      "the versions will show as divergences",
                      wanted, md_profile_name(r->profile));
}

static void set_model(struct md_runner *r, const struct md_node_options *options) {
    if (r->model && md_node_options_equal(&r->model_options, options))
        return;
    if (!r->model) {
        r->model = md_model_new(r->profile, &options->model, MD_START_TIME);
        for (size_t i = 0; i < r->config.n_without; i++)
            md_model_quirk(r->model, r->config.without[i], false);
        /* What it does to the node cannot be predicted: a hunt lets it happen. */
        if (r->config.oracle == MD_ORACLE_STRICT)
            md_model_quirk(r->model, MD_QUIRK_APPEND_READS_OUTSIDE, false);
    } else {
        md_model_set_options(r->model, &options->model);
    }
    md_node_options_free(&r->model_options);
    md_node_options_copy(&r->model_options, options);
}

struct md_runner *md_runner_new(const struct md_runner_config *config, struct md_buf *why) {
    struct md_runner *r = md_calloc(1, sizeof *r);
    r->config = *config;
    md_pool_init(&r->pool, &config->node);
    md_node_options_default(&r->model_options);
    for (size_t i = 0; i < WINDOW; i++)
        md_trace_init(&r->window[i]);
    struct md_node *failed;
    struct md_slot *s = md_pool_get(&r->pool, &r->pool.default_options, 0, &failed);
    if (!s) {
        md_buf_str(why, failed ? md_node_error(failed) : "no node could be started");
        md_node_free(failed);
        md_runner_free(r);
        return NULL;
    }
    snprintf(r->version, sizeof r->version, "%s", md_node_version(s->node));
    if (config->node.connect) {
        r->play.stranger = r->stranger = md_stranger_new(config->wait);
        if (!md_stranger_learn(r->stranger, s->node, why)) {
            md_runner_free(r);
            return NULL;
        }
        md_buf_str(&r->note, md_stranger_note(r->stranger));
    }
    choose_profile(r);
    bool exact;
    r->pool.config.chunk_max_unit = md_profile_chunk_max_unit(md_profile_find(r->version, &exact));
    set_model(r, &r->pool.default_options);
    r->play.counts = &r->counts;
    r->play.oracle = config->oracle;
    return r;
}

static void leave(struct md_runner *r) {
    struct md_node *failed = NULL;
    struct md_slot *s =
        r->stranger ? md_pool_get(&r->pool, &r->pool.default_options, 0, &failed) : NULL;
    if (s)
        md_stranger_leave(r->stranger, s->node);
    md_node_free(failed);
}

void md_runner_free(struct md_runner *r) {
    if (!r)
        return;
    leave(r);
    md_pool_free(&r->pool);
    md_model_free(r->model);
    md_node_options_free(&r->model_options);
    md_play_free(&r->play);
    md_buf_free(&r->note);
    md_buf_free(&r->bytes);
    md_buf_free(&r->sweep_bytes);
    md_buf_free(&r->sweep_packets);
    md_buf_free(&r->translated);
    md_stranger_free(r->stranger);
    for (size_t i = 0; i < WINDOW; i++)
        md_trace_free(&r->window[i]);
    free(r);
}

/* ---- playing a trace ------------------------------------------------------------------------ */

static uint64_t clock_seconds(const struct md_trace *t) {
    uint64_t sum = 0;
    for (size_t i = 0; i < t->n_steps; i++)
        if (t->steps[i].kind == MD_STEP_CLOCK)
            sum += t->steps[i].seconds;
    return sum;
}

static enum md_verdict_kind play_step(struct md_runner *r, const struct md_step *s) {
    struct md_play *p = &r->play;
    switch (s->kind) {
    case MD_STEP_SEND:
        r->bytes.len = 0;
        md_step_resolve(s, r->model, MD_TRACE_BYTES_MAX, &r->bytes);
        if (r->stranger) {
            r->translated.len = 0;
            md_stranger_bytes(r->stranger, s, r->model, &r->translated);
            p->translated = &r->translated;
        }
        return md_play_send(p, s->conn, r->bytes.data, r->bytes.len);
    case MD_STEP_OPEN: return md_play_open(p, s->conn);
    case MD_STEP_CLOSE: return md_play_close(p, s->conn);
    case MD_STEP_SHUTDOWN: return md_play_shutdown(p, s->conn);
    case MD_STEP_CLOCK: return md_play_clock(p, s->seconds);
    case MD_STEP_KILL: return md_play_kill(p);
    case MD_STEP_RESTART: return md_play_restart(p);
    case MD_STEP_STOP: break;
    }
    p->verdict->kind = MD_SKIPPED;
    return MD_SKIPPED;
}

struct observing {
    struct md_runner *r;
    const struct md_trace *t;
    const struct md_observer *o;
};

static void observe(void *ctx) {
    struct observing *w = ctx;
    const struct md_play *p = &w->r->play;
    w->o->step(w->o->ctx, w->t, p->step, &p->expected, p->observed.data, p->observed.len,
               w->r->model);
}

static enum md_verdict_kind play_trace(struct md_runner *r, const struct md_trace *t,
                                       struct md_node *node, const struct md_base *base,
                                       struct md_verdict *v, const struct md_observer *o) {
    struct md_play *p = &r->play;
    if (r->stranger && !(t = md_stranger_begin(r->stranger, t))) {
        r->counts.skipped++;
        return v->kind = MD_SKIPPED;
    }
    set_model(r, &t->options);
    md_play_begin(p, r->model, node, base, v);
    struct observing watch = {r, t, o};
    p->piece = o ? observe : NULL;
    p->piece_ctx = &watch;
    enum md_verdict_kind kind = MD_AGREE;
    for (size_t i = 0; i < t->n_steps && kind == MD_AGREE; i++) {
        p->step = i;
        p->expected.bytes.len = p->expected.n_commands = p->expected.n_marks = 0;
        p->expected.closed = false;
        p->observed.len = 0;
        kind = play_step(r, &t->steps[i]);
        r->counts.steps++;
        if (o)
            observe(&watch);
    }
    p->piece = NULL;
    v->kind = kind;
    r->counts.traces++;
    r->counts.unmodelled += kind == MD_UNMODELLED;
    r->counts.skipped += kind == MD_SKIPPED;
    return kind;
}

/* ---- behind a trace: sweep and reset ------------------------------------------------------------ */

struct keys {
    struct md_buf *out;
    const char *command, *meta; /* the same for keys that only base64 can say */
    size_t line;                /* bytes of the line in hand, 0: none begun */
    size_t limit;
};

/* Whether a key can be a word of a classic command. */
static bool is_word(const uint8_t *key, size_t nkey) {
    return nkey && !memchr(key, ' ', nkey) && !memchr(key, '\n', nkey) && !memchr(key, 0, nkey) &&
           key[nkey - 1] != '\r';
}

static void end_line(struct keys *k) {
    if (k->line)
        md_buf_append(k->out, "\r\n", 2);
    k->line = 0;
}

static void key_line(void *ctx, const uint8_t *key, size_t nkey) {
    struct keys *k = ctx;
    if (!is_word(key, nkey)) {
        end_line(k);
        md_buf_printf(k->out, "%s ", k->meta);
        md_base64_encode(k->out, key, nkey);
        md_buf_str(k->out, strcmp(k->meta, "mg") == 0 ? " b v c f\r\n" : " b\r\n");
        return;
    }
    if (k->line && k->line + nkey > k->limit)
        end_line(k);
    if (k->line == 0)
        md_buf_str(k->out, k->command);
    md_buf_byte(k->out, ' ');
    md_buf_append(k->out, key, nkey);
    k->line += nkey + 1;
}

static void gone_key_line(void *ctx, const uint8_t *key, size_t nkey, enum md_rule gone) {
    (void)gone;
    key_line(ctx, key, nkey);
}

static void each_key(struct md_runner *r, const char *command, size_t limit) {
    struct keys k = {.out = &r->sweep_bytes,
                     .command = command,
                     .meta = strcmp(command, "gets") == 0 ? "mg" : "md",
                     .limit = limit};
    md_model_each_item(r->model, key_line, &k);
    end_line(&k);
}

static void each_known_key(struct md_runner *r, const char *command, size_t limit) {
    struct keys k = {.out = &r->sweep_bytes, .command = command, .meta = "mg", .limit = limit};
    md_model_each_item(r->model, key_line, &k);
    md_model_each_gone(r->model, gone_key_line, &k);
    end_line(&k);
}

/* What a last look at a node says, in this order: a get may still reclaim what has expired, so
 * first comes what disturbs nothing. */
static void last_look(struct md_runner *r) {
    struct md_buf *b = &r->sweep_bytes;
    if (md_sweep_is_binary(r->model, &r->model_options.model)) {
        md_request_put(&r->sweep_packets, MD_OP_STAT, "items", 5);
        md_request_put(&r->sweep_packets, MD_OP_STAT, "slabs", 5);
        md_sweep_look(r->model, true, &r->sweep_packets);
        return;
    }
    md_buf_str(b, "stats\r\nstats items\r\nstats slabs\r\n");
    unsigned classes = r->model_options.model.segmented || md_model_crawled(r->model)
                           ? 0
                           : md_model_classes(r->model);
    for (unsigned c = 1; c <= classes; c++) {
        struct md_class_state state;
        md_model_class(r->model, c, &state);
        if (state.items)
            md_buf_printf(b, "stats cachedump %u 0\r\n", c);
    }
    each_known_key(r, "gets", SWEEP_LINE);
    md_buf_str(b, "stats\r\n");
    if (!classes) /* now it is known what was evicted: was memory used up? */
        md_buf_str(b, "stats slabs\r\n");
}

/* Closes everything and sends r->sweep_bytes; predicted and compared like any command. */
static enum md_verdict_kind sweep(struct md_runner *r, struct md_verdict *v) {
    struct md_play *p = &r->play;
    enum md_verdict_kind kind = MD_AGREE;
    for (unsigned c = 0; c < MD_CONNECTIONS_MAX && kind == MD_AGREE; c++)
        kind = md_play_close(p, c);
    p->sweeping = true;
    p->want_canonical = false;
    if (kind == MD_AGREE && r->sweep_packets.len) {
        p->sweep_on = MD_SWEEP_CONN;
        kind = md_play_send(p, MD_SWEEP_CONN, r->sweep_packets.data, r->sweep_packets.len);
        if (kind == MD_AGREE)
            kind = md_play_close(p, MD_SWEEP_CONN);
        p->sweep_on = MD_NODE_CONTROL;
    }
    if (kind == MD_AGREE && r->sweep_bytes.len)
        kind = md_play_send(p, MD_SWEEP_CONN, r->sweep_bytes.data, r->sweep_bytes.len);
    if (kind == MD_AGREE && r->sweep_clock)
        kind = md_play_clock(p, 1);
    p->sweeping = false;
    v->in_sweep = kind != MD_AGREE;
    return kind;
}

/* Behind a trace whose node is dropped: a node that was killed has nothing to look at. */
static enum md_verdict_kind look_behind(struct md_runner *r, struct md_verdict *v) {
    r->sweep_bytes.len = r->sweep_packets.len = 0;
    r->sweep_clock = false;
    if (!r->config.sweep || r->play.down)
        return MD_AGREE;
    last_look(r);
    return sweep(r, v);
}

/* Whether a rule was used in the trace in hand. */
static bool fired(const struct md_runner *r, enum md_rule rule) {
    return md_model_fired(r->model)->rule[rule] > r->play.fired.rule[rule];
}

/*
 * Looks at every key that has an item, deletes it, undoes what was set and zeroes the counters:
 * afterwards the node differs from a fresh one only in what md_base takes along.
 */
static enum md_verdict_kind clean_up(struct md_runner *r, struct md_verdict *v) {
    struct md_buf *b = &r->sweep_bytes;
    bool flushed = md_model_flushed(r->model);
    b->len = r->sweep_packets.len = 0;
    if (md_sweep_is_binary(r->model, &r->model_options.model)) {
        if (r->config.sweep)
            md_sweep_look(r->model, false, &r->sweep_packets);
        md_sweep_delete(r->model, &r->sweep_packets);
    } else {
        if (r->config.sweep) {
            each_key(r, "gets", SWEEP_LINE);
            md_buf_str(b, "stats\r\n");
        }
        each_key(r, "delete", 0);
    }
    if (flushed && r->model_options.model.flush_enabled)
        md_buf_str(b, "flush_all\r\n");
    if (fired(r, MD_RULE_VERBOSITY))
        md_buf_str(b, "verbosity 0\r\n");
    if (fired(r, MD_RULE_CACHE_MEMLIMIT))
        md_buf_printf(b, "cache_memlimit %u\r\n",
                      (unsigned)(r->model_options.model.memory_limit >> 20));
    md_buf_str(b, "stats reset\r\n");
    r->sweep_clock = flushed; /* with -C a flush kills what is stored in its second */
    r->counts.resets++;
    return sweep(r, v);
}

void md_runner_extend(const struct md_runner *r, struct md_trace *t) {
    for (unsigned c = 0; c < MD_CONNECTIONS_MAX; c++)
        for (size_t i = t->n_steps; i-- > 0;)
            if (t->steps[i].kind <= MD_STEP_OPEN && t->steps[i].conn == c) {
                md_trace_add(t, MD_STEP_CLOSE, c);
                break;
            }
    if (r->sweep_packets.len) {
        md_step_bytes(md_trace_add(t, MD_STEP_SEND, 0), r->sweep_packets.data,
                      r->sweep_packets.len);
        md_trace_add(t, MD_STEP_CLOSE, 0);
    }
    if (r->sweep_bytes.len)
        md_step_bytes(md_trace_add(t, MD_STEP_SEND, 0), r->sweep_bytes.data, r->sweep_bytes.len);
    if (r->sweep_clock)
        md_trace_add(t, MD_STEP_CLOCK, 0)->seconds = 1;
}

void md_runner_sweep(struct md_runner *r, bool on) { r->config.sweep = on; }

/* ---- running ------------------------------------------------------------------------------------ */

static void count_item(void *ctx, const uint8_t *key, size_t nkey) {
    (void)key;
    (void)nkey;
    ++*(size_t *)ctx;
}

static void window_add(struct md_runner *r, uint64_t node, const struct md_trace *t) {
    r->node_in_use = r->window_node[r->window_next] = node;
    md_trace_copy(&r->window[r->window_next], t);
    r->window_next = (r->window_next + 1) % WINDOW;
    if (r->window_n < WINDOW)
        r->window_n++;
}

size_t md_runner_window(const struct md_runner *r, const struct md_trace *const **traces) {
    struct md_runner *w = (struct md_runner *)r;
    size_t n = 0;
    for (size_t i = 0; i < r->window_n; i++) {
        size_t at = (r->window_next + WINDOW - r->window_n + i) % WINDOW;
        if (r->window_node[at] == r->node_in_use)
            w->window_list[n++] = &r->window[at];
    }
    *traces = w->window_list;
    return n;
}

static enum md_verdict_kind no_node(struct md_node *failed, const struct md_trace *t,
                                    struct md_verdict *v) {
    /* -L wants huge pages, which not every machine has: such traces are not for this node. */
    bool choosy = failed && t->options.model.preallocated;
    v->kind = choosy ? MD_SKIPPED : MD_FAILED;
    v->reason.len = 0;
    md_buf_str(&v->reason, failed ? md_node_error(failed) : "no node could be started");
    md_node_free(failed);
    return v->kind;
}

/* Uses up the node's first n CAS values. */
static enum md_node_status use_up_cas(struct md_node *n, uint64_t cas) {
    static const char store[] = "set x 0 0 0 noreply\r\n\r\n",
                      end[] = "delete x\r\nstats reset\r\n";
    struct md_buf batch = {0}, replies = {0};
    enum md_node_status status = MD_NODE_OK;
    for (uint64_t left = cas; left > 0 && status == MD_NODE_OK;) {
        batch.len = 0;
        for (; left > 0 && batch.len + sizeof store < MD_READ_BUFFER; left--)
            md_buf_str(&batch, store);
        status = md_node_exchange(n, MD_NODE_CONTROL, batch.data, batch.len, 0, &replies);
    }
    if (cas && status == MD_NODE_OK)
        status = md_node_exchange(n, MD_NODE_CONTROL, end, sizeof end - 1, 64, &replies);
    md_buf_free(&batch);
    md_buf_free(&replies);
    return status;
}

/* On a node of its own, brought to the base's time and CAS value first. */
static enum md_verdict_kind run_alone(struct md_runner *r, const struct md_trace *t,
                                      const struct md_base *base, struct md_verdict *v,
                                      const struct md_observer *o) {
    struct md_node *node;
    verdict_clear(v);
    enum md_node_status status = md_pool_fresh(&r->pool, &t->options, &node);
    if (status == MD_NODE_OK && base->cas)
        status = use_up_cas(node, base->cas);
    if (status == MD_NODE_OK && base->uptime)
        status = md_node_advance(node, base->uptime);
    if (status != MD_NODE_OK)
        return no_node(node, t, v);
    set_model(r, &t->options);
    md_model_explain(r->model, true);
    enum md_verdict_kind kind = play_trace(r, t, node, base, v, o);
    md_model_explain(r->model, false);
    md_node_free(node);
    return kind;
}

/* A node of somebody else is neither fresh nor reset: each trace has keys of its own there, and they are
 * deleted behind it. */
static enum md_verdict_kind run_on_stranger(struct md_runner *r, const struct md_trace *t,
                                            struct md_verdict *v, const struct md_observer *o) {
    struct md_base base = {.start_time = MD_START_TIME};
    struct md_node *failed;
    uint64_t began = md_now_ns();
    verdict_clear(v);
    struct md_slot *s = md_pool_get(&r->pool, &r->pool.default_options, 0, &failed);
    if (!s)
        return no_node(failed, t, v);
    md_stranger_meet(r->stranger, s->node);
    md_model_explain(r->model, o != NULL);
    enum md_verdict_kind kind = play_trace(r, t, s->node, &base, v, o);
    md_model_explain(r->model, false);
    uint64_t played = md_now_ns();
    const struct md_excused *excused = md_stranger_excused(r->stranger);
    r->counts.left_open = excused->open;
    r->counts.server_errors = excused->server_errors;
    bool clean = md_stranger_clean(r->stranger, s->node) == MD_NODE_OK;
    for (unsigned c = 0; c < MD_CONNECTIONS_MAX && clean; c++)
        if (md_node_is_open(s->node, c))
            clean = md_node_close(s->node, c) == MD_NODE_OK;
    s->dirty = !clean || kind == MD_DIVERGED;
    r->counts.ns_run += played - began;
    r->counts.ns_reset += md_now_ns() - played;
    return kind;
}

enum md_verdict_kind md_runner_run_fresh(struct md_runner *r, const struct md_trace *t,
                                         struct md_verdict *v, const struct md_observer *o) {
    struct md_base base = {.start_time = MD_START_TIME};
    if (r->stranger)
        return run_on_stranger(r, t, v, o);
    return run_alone(r, t, &base, v, o);
}

enum md_verdict_kind md_runner_run_fresh_at(struct md_runner *r, const struct md_trace *t,
                                            uint32_t uptime, struct md_verdict *v) {
    struct md_base base = {.start_time = MD_START_TIME, .uptime = uptime};
    r->play.want_canonical = r->config.replies;
    return run_alone(r, t, &base, v, NULL);
}

const struct md_buf *md_runner_replies(const struct md_runner *r) { return &r->play.canonical; }

static bool same_bytes(const struct md_buf *a, const struct md_buf *b) {
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/*
 * The same trace on a fresh node must say the same (C2), CAS values counted from the base: at the same
 * time, since a trace may write Unix times out. It may write CAS values out as well, or use one for
 * something else (a length), so that only a node with the same base can be compared: that takes long,
 * and is done where the short way shows a difference.
 */
static enum md_verdict_kind fresh_check(struct md_runner *r, const struct md_trace *t,
                                        const struct md_base *base, struct md_verdict *v) {
    uint64_t turned = r->counts.choices_turned;
    struct md_base at = {.start_time = base->start_time, .uptime = base->uptime};
    struct md_buf reused = r->play.canonical;
    enum md_verdict_kind kind = MD_AGREE;
    bool same = false;
    r->play.canonical = (struct md_buf){0};
    r->counts.fresh_checks++;
    for (int tries = 0; tries < 2 && !same && kind == MD_AGREE; tries++) {
        r->play.want_canonical = true;
        kind = run_alone(r, t, &at, v, NULL);
        r->play.want_canonical = false;
        /* A choice is the node's: it may well fall differently there. */
        same = same_bytes(&r->play.canonical, &reused) || r->counts.choices_turned != turned;
        at.cas = base->cas;
    }
    if (kind == MD_AGREE && !same) {
        v->kind = kind = MD_FAILED;
        v->reason.len = 0;
        md_buf_str(&v->reason, "a fault of memdiverge: this trace answers differently on a reused "
                               "node and on a fresh one; please report it with the trace");
    }
    md_buf_free(&reused);
    return kind == MD_UNMODELLED ? MD_AGREE : kind;
}

/* A trace after which no node can be reset, and that means the same on a new one only. */
static bool wants_new_node(const struct md_trace *t) {
    if (md_options_tight(&t->options.model) || t->options.model.protocol == MD_PROTOCOL_BINARY)
        return true;
    for (size_t i = 0; i < t->n_steps; i++)
        if (t->steps[i].kind == MD_STEP_KILL || t->steps[i].kind == MD_STEP_RESTART)
            return true;
    return false;
}

/* Whether what the trace left behind is known, so that more can be asked. */
static bool known_behind(const struct md_runner *r, enum md_verdict_kind kind) {
    return kind == MD_AGREE ||
           (kind == MD_UNMODELLED && !md_model_lost(r->model) && !r->play.ahead);
}

/* On a new node, dropped afterwards. There is no use in a check on a fresh one: this was one. */
static enum md_verdict_kind run_on_new(struct md_runner *r, const struct md_trace *t,
                                       struct md_verdict *v) {
    struct md_base base = {.start_time = MD_START_TIME};
    struct md_node *node;
    uint64_t began = md_now_ns();
    verdict_clear(v);
    if (md_pool_fresh(&r->pool, &t->options, &node) != MD_NODE_OK)
        return no_node(node, t, v);
    window_add(r, r->pool.started, t);
    r->play.want_canonical = r->config.replies;
    enum md_verdict_kind kind = play_trace(r, t, node, &base, v, NULL);
    uint64_t played = md_now_ns();
    if (known_behind(r, kind)) {
        enum md_verdict_kind behind = look_behind(r, v);
        v->kind = kind = behind == MD_AGREE ? kind : behind;
    }
    md_node_free(node);
    r->counts.ns_run += played - began;
    r->counts.ns_reset += md_now_ns() - played;
    return kind;
}

/* The trace ran on a node whose pages were not where they are on a new one, and that mattered: as
 * if it had never run. */
static enum md_verdict_kind run_once_more(struct md_runner *r, const struct md_trace *t,
                                          struct md_verdict *v, const struct md_counts *before) {
    md_model_fired_set(r->model, &r->play.fired);
    r->counts = *before;
    return run_on_new(r, t, v);
}

void md_runner_soften(struct md_runner *r, struct md_trace *t) {
    if (r->stranger)
        md_stranger_soften(r->stranger, t);
}

enum md_verdict_kind md_runner_run(struct md_runner *r, const struct md_trace *t,
                                   struct md_verdict *v) {
    struct md_node *failed;
    uint64_t began = md_now_ns();
    if (r->stranger)
        return run_on_stranger(r, t, v, NULL);
    if (wants_new_node(t))
        return run_on_new(r, t, v);
    verdict_clear(v);
    struct md_slot *s = md_pool_get(&r->pool, &t->options, clock_seconds(t), &failed);
    if (!s)
        return no_node(failed, t, v);
    struct md_counts before = r->counts;
    window_add(r, s->number, t);
    uint64_t turned = r->counts.choices_turned;
    struct md_base base = s->base;
    bool check = r->config.fresh_every && r->counts.traces % r->config.fresh_every == 0;
    r->play.want_canonical = check || r->config.replies;
    enum md_verdict_kind kind = play_trace(r, t, s->node, &s->base, v, NULL);
    uint64_t played = md_now_ns();
    bool pressed = md_model_pressed(r->model), changed = md_model_administered(r->model);
    before.ns_run += played - began;
    r->counts.ns_run += played - began;
    s->dirty = pressed || changed || r->play.down || !known_behind(r, kind);
    if (pressed && base.malloced)
        return run_once_more(r, t, v, &before);
    if (!known_behind(r, kind))
        return kind;
    enum md_verdict_kind cleaned = s->dirty ? look_behind(r, v) : clean_up(r, v);
    size_t items = 0;
    md_model_each_item(r->model, count_item, &items);
    md_model_base(r->model, &s->base);
    s->dirty |= cleaned != MD_AGREE || items > 0 || md_model_leftover(r->model);
    r->counts.ns_reset += md_now_ns() - played;
    v->kind = cleaned == MD_AGREE ? kind : cleaned;
    if (check && v->kind == MD_AGREE && r->counts.choices_turned == turned)
        return fresh_check(r, t, &base, v);
    return v->kind;
}

bool md_runner_confirm(struct md_runner *r, const struct md_trace *t, const char *signature,
                       struct md_verdict *v) {
    return md_runner_run_fresh(r, t, v, NULL) == MD_DIVERGED &&
           strcmp(v->signature, signature) == 0;
}

const struct md_counts *md_runner_counts(const struct md_runner *r) {
    ((struct md_runner *)r)->counts.nodes_started = r->pool.started;
    return &r->counts;
}
struct md_model *md_runner_model(struct md_runner *r) {
    return r->model;
}
const char *md_runner_node_version(const struct md_runner *r) { return r->version; }

const char *md_runner_profile_note(const struct md_runner *r) {
    return r->note.len ? md_buf_cstr((struct md_buf *)&r->note) : "";
}
