/* The same trace on two nodes; see versus.h. */
#include "harness/versus_internal.h"

#include "harness/shrink.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAID_SHOWN = 240, MOST_REPLIES = 64 << 20 };

void md_versus_verdict_free(struct md_versus_verdict *v) {
    for (unsigned i = 0; i < MD_SIDES; i++)
        md_buf_free(&v->said[i]);
    md_buf_free(&v->reason);
    *v = (struct md_versus_verdict){0};
}

/* ---- making ------------------------------------------------------------------------------------- */

static bool refuse(const struct md_node_config *config, struct md_node *node, struct md_buf *why) {
    const char *error = node ? md_node_error(node) : "no node could be started";
    if (!strstr(error, config->binary))
        md_buf_printf(why, "node %s: ", config->binary);
    md_buf_str(why, error);
    md_node_free(node);
    return false;
}

/* Asks a new node what its first item gets: the counter's start. */
static bool learn(struct md_side *s, const struct md_node_config *config, struct md_buf *why) {
    static const char ask[] = "set a 0 0 0\r\n\r\ngets a\r\n";
    struct md_node *node;
    struct md_buf reply = {0};
    bool exact;
    if (md_pool_fresh(&s->pool, &s->pool.default_options, &node) != MD_NODE_OK)
        return refuse(config, node, why);
    snprintf(s->version, sizeof s->version, "%s", md_node_version(node));
    s->pool.config.chunk_max_unit = md_profile_chunk_max_unit(md_profile_find(s->version, &exact));
    if (md_node_exchange(node, MD_NODE_CONTROL, ask, sizeof ask - 1, 256, &reply) != MD_NODE_OK) {
        md_buf_free(&reply);
        return refuse(config, node, why);
    }
    struct md_heard heard = {.bytes = reply};
    struct md_shown shown = {0};
    md_heard_cut(&heard, &shown, true);
    uint64_t first = md_shown_cas(&shown, "a", 1, 1);
    s->base = first ? first - 1 : 0;
    md_heard_free(&heard);
    md_shown_free(&shown);
    md_node_free(node);
    return true;
}

struct md_versus *md_versus_new(const struct md_node_config config[MD_SIDES], struct md_buf *why) {
    struct md_versus *v = md_calloc(1, sizeof *v);
    for (unsigned i = 0; i < MD_SIDES; i++)
        md_pool_init(&v->side[i].pool, &config[i]);
    for (unsigned i = 0; i < MD_SIDES; i++)
        if (!learn(&v->side[i], &config[i], why)) {
            md_versus_free(v);
            return NULL;
        }
    return v;
}

void md_versus_free(struct md_versus *v) {
    if (!v)
        return;
    for (unsigned i = 0; i < MD_SIDES; i++) {
        struct md_side *s = &v->side[i];
        md_pool_free(&s->pool);
        md_shown_free(&s->shown);
        for (unsigned c = 0; c < MD_CONNECTIONS_MAX; c++) {
            md_buf_free(&s->talk[c].sent);
            md_heard_free(&s->talk[c].heard);
        }
    }
    md_versus_verdict_free(&v->shrinking);
    md_buf_free(&v->bytes);
    free(v->mark);
    free(v);
}

const char *md_versus_version(const struct md_versus *v, unsigned side) {
    return v->side[side].version;
}

/* ---- one step on one side ------------------------------------------------------------------------ */

static uint64_t seen_cas(const void *ctx, const void *key, size_t nkey) {
    const struct md_side *s = ctx;
    return md_shown_cas(&s->shown, key, nkey, s->base);
}

static void heard(struct md_side *s, unsigned conn, enum md_node_status status) {
    struct md_talk *t = &s->talk[conn];
    if (status == MD_NODE_CLOSED)
        t->closed = true;
    else if (status != MD_NODE_OK)
        s->trouble = status;
    md_heard_cut(&t->heard, &s->shown, status != MD_NODE_OK);
}

static void open_conn(struct md_side *s, unsigned conn) {
    if (md_node_is_open(s->node, conn))
        return;
    enum md_node_status status = md_node_open(s->node, conn);
    s->talk[conn].closed = false;
    s->talk[conn].sent.len = 0;
    s->talk[conn].first = s->talk[conn].heard.n;
    if (status != MD_NODE_OK)
        s->trouble = status;
}

static void send_bytes(struct md_side *s, unsigned conn, const uint8_t *bytes, size_t len) {
    struct md_talk *t = &s->talk[conn];
    open_conn(s, conn);
    for (size_t at = 0; at < len && s->trouble == MD_NODE_OK && md_node_is_open(s->node, conn);
         at += MD_READ_BUFFER) {
        size_t n = len - at < MD_READ_BUFFER ? len - at : MD_READ_BUFFER;
        md_buf_append(&t->sent, bytes + at, n);
        heard(s, conn,
              md_node_exchange(s->node, conn, bytes + at, n, MOST_REPLIES, &t->heard.bytes));
    }
}

static void send_step(struct md_versus *v, struct md_side *s, const struct md_step *step) {
    const struct md_symbols by = {
        .now = MD_START_TIME + md_node_uptime(s->node), .base = s->base, .cas = seen_cas, .ctx = s};
    v->bytes.len = 0;
    md_step_resolve_by(step, &by, MD_TRACE_BYTES_MAX, &v->bytes);
    send_bytes(s, step->conn, v->bytes.data, v->bytes.len);
}

static void close_conn(struct md_side *s, unsigned conn, bool half) {
    struct md_talk *t = &s->talk[conn];
    if (!md_node_is_open(s->node, conn))
        return;
    heard(s, conn,
          half ? md_node_shutdown(s->node, conn, &t->heard.bytes) : md_node_close(s->node, conn));
    md_heard_cut(&t->heard, &s->shown, true);
    t->closed = false;
}

static void other_step(struct md_side *s, const struct md_step *step) {
    enum md_node_status status = MD_NODE_OK;
    switch (step->kind) {
    case MD_STEP_CLOCK: status = md_node_advance(s->node, step->seconds); break;
    case MD_STEP_KILL:
        status = md_node_kill(s->node);
        s->down = true;
        break;
    case MD_STEP_RESTART:
        status = md_node_restart(s->node);
        s->down = false;
        break;
    default: break;
    }
    if (status != MD_NODE_OK)
        s->trouble = status;
}

static void step_on(struct md_versus *v, struct md_side *s, const struct md_step *step) {
    if (s->down && step->kind <= MD_STEP_SHUTDOWN)
        return;
    switch (step->kind) {
    case MD_STEP_SEND: send_step(v, s, step); break;
    case MD_STEP_OPEN: open_conn(s, step->conn); break;
    case MD_STEP_CLOSE: close_conn(s, step->conn, false); break;
    case MD_STEP_SHUTDOWN: close_conn(s, step->conn, true); break;
    default: other_step(s, step); break;
    }
}

/* ---- a trace -------------------------------------------------------------------------------------- */

static void begin(struct md_side *s) {
    s->down = false;
    s->trouble = MD_NODE_OK;
    md_shown_clear(&s->shown);
    for (unsigned c = 0; c < MD_CONNECTIONS_MAX; c++) {
        s->talk[c].sent.len = s->talk[c].compared = s->talk[c].first = 0;
        s->talk[c].closed = false;
        md_buf_reserve(&s->talk[c].sent, 1);
        md_heard_clear(&s->talk[c].heard);
    }
}

static void note_mark(struct md_versus *v, const struct md_step *s) {
    v->mark = md_grow(v->mark, &v->cap_marks, v->n_marks + 1, sizeof *v->mark);
    struct md_versus_mark *m = &v->mark[v->n_marks++];
    for (unsigned i = 0; i < MD_SIDES; i++)
        m->heard[i] = s->kind <= MD_STEP_SHUTDOWN ? v->side[i].talk[s->conn].heard.n : 0;
}

static enum md_verdict_kind play(struct md_versus *v, const struct md_trace *t) {
    enum md_verdict_kind kind = MD_AGREE;
    for (size_t i = 0; i < t->n_steps && kind == MD_AGREE; i++) {
        const struct md_step *s = &t->steps[i];
        if (s->kind == MD_STEP_STOP)
            return v->verdict->kind = MD_SKIPPED;
        for (unsigned side = 0; side < MD_SIDES; side++)
            step_on(v, &v->side[side], s);
        note_mark(v, s);
        kind = md_versus_compare_step(v, s, i);
        if (kind == MD_AGREE && v->side[0].trouble != MD_NODE_OK)
            return kind;
    }
    return kind == MD_AGREE ? md_versus_compare_end(v, t->n_steps ? t->n_steps - 1 : 0) : kind;
}

/* Starts both nodes. One that does not take the options: the trace is not for this pair. */
static bool start(struct md_versus *v, const struct md_trace *t) {
    for (unsigned i = 0; i < MD_SIDES; i++) {
        struct md_side *s = &v->side[i];
        begin(s);
        enum md_node_status status = md_pool_fresh(&s->pool, &t->options, &s->node);
        if (status == MD_NODE_OK)
            continue;
        v->verdict->kind = status == MD_NODE_NO_START ? MD_SKIPPED : MD_FAILED;
        md_buf_printf(&v->verdict->reason, "node %c: %s", md_side_letter(i),
                      s->node ? md_node_error(s->node) : "no node could be started");
        return false;
    }
    return true;
}

enum md_verdict_kind md_versus_run(struct md_versus *v, const struct md_trace *t,
                                   struct md_versus_verdict *out) {
    v->verdict = out;
    v->late = false;
    v->n_marks = 0;
    out->kind = MD_AGREE;
    out->signature[0] = 0;
    out->reason.len = 0;
    if (start(v, t))
        out->kind = play(v, t);
    for (unsigned i = 0; i < MD_SIDES; i++) {
        md_node_free(v->side[i].node);
        v->side[i].node = NULL;
    }
    return out->kind;
}

/* ---- what comes after ------------------------------------------------------------------------------ */

static void print_bytes(const uint8_t *bytes, size_t n, struct md_buf *out) {
    md_buf_byte(out, '"');
    if (n)
        md_bytes_print(bytes, n < SAID_SHOWN ? n : SAID_SHOWN, out);
    md_buf_str(out, n < SAID_SHOWN ? "\"\n" : "\"...\n");
}

static void print_said(const struct md_versus *v, unsigned side, unsigned conn, size_t from,
                       size_t to, struct md_buf *out) {
    const struct md_heard *h = &v->side[side].talk[conn].heard;
    md_buf_printf(out, "    %c: ", md_side_letter(side));
    if (from >= to || from >= h->n) {
        md_buf_str(out, "nothing\n");
        return;
    }
    size_t at = h->piece[from].at, n = h->piece[to - 1].at + h->piece[to - 1].n - at;
    print_bytes(h->bytes.data + at, n, out);
}

void md_versus_print(const struct md_versus *v, const struct md_trace *t, struct md_buf *out) {
    size_t before[MD_SIDES][MD_CONNECTIONS_MAX] = {{0}};
    for (size_t i = 0; i < t->options.n_args; i++)
        md_buf_printf(out, "%s%s%s", i ? " " : "node ", t->options.args[i],
                      i + 1 < t->options.n_args ? "" : "\n");
    for (size_t i = 0; i < t->n_steps && i < v->n_marks; i++) {
        const struct md_step *s = &t->steps[i];
        md_step_print(s, out);
        if (s->kind > MD_STEP_SHUTDOWN)
            continue;
        bool last = i + 1 == v->n_marks;
        for (unsigned side = 0; side < MD_SIDES; side++) {
            size_t to = last ? v->side[side].talk[s->conn].heard.n : v->mark[i].heard[side];
            print_said(v, side, s->conn, before[side][s->conn], to, out);
            before[side][s->conn] = to;
        }
    }
    for (unsigned side = 0; side < MD_SIDES && v->verdict->kind == MD_DIVERGED; side++) {
        const struct md_buf *said = &v->verdict->said[side];
        md_buf_printf(out, "  ! %c: ", md_side_letter(side));
        print_bytes(said->data, said->len, out);
    }
}

static bool shows(void *ctx, const struct md_trace *t, const char *signature, bool fresh) {
    struct md_versus *v = ctx;
    (void)fresh; /* they all are */
    return md_versus_run(v, t, &v->shrinking) == MD_DIVERGED &&
           strcmp(v->shrinking.signature, signature) == 0;
}

bool md_versus_shrink(struct md_versus *v, struct md_trace *t, const char *signature,
                      unsigned max_ms) {
    struct md_shrink_config config = {.shows = shows, .ctx = v, .max_ms = max_ms};
    struct md_shrink_result result;
    return md_shrink(NULL, t, signature, &config, &result);
}
