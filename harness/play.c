/* Playing a trace: model and node side by side; see play.h. */
#include "harness/play.h"

#include "harness/compare.h"
#include "harness/packets.h"
#include "model/number.h"
#include "model/shape.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MAX_SLACK = 1 << 20,    /* reply bytes beyond what is expected that are not yet a flood */
    MAX_TURNS = 256,        /* choices turned around in one trace */
    MAX_LOG = 64 << 20,     /* bytes that a watcher is sent */
    MAX_OBSERVED = 16 << 10 /* bytes of a wrong reply that a verdict keeps */
};

void md_play_begin(struct md_play *p, struct md_model *model, struct md_node *node,
                   const struct md_base *base, struct md_verdict *v) {
    p->model = model;
    p->node = node;
    p->base = *base;
    p->n_events = 0;
    p->sent.len = p->heard.len = p->observed.len = p->canonical.len = 0;
    md_buf_reserve(&p->observed, 1); /* a span of them, empty or not, is never of NULL */
    md_buf_reserve(&p->expected.bytes, 1);
    md_buf_reserve(&p->heard, 1);
    p->verdict = v;
    p->step = 0;
    p->sweeping = p->down = p->ahead = false;
    p->sweep_on = MD_NODE_CONTROL;
    p->fired = *md_model_fired(model);
    md_model_forget_preferences(model);
    md_model_restart(model, base);
}

void md_play_free(struct md_play *p) {
    free(p->events);
    md_buf_free(&p->sent);
    md_buf_free(&p->heard);
    md_buf_free(&p->observed);
    md_buf_free(&p->canonical);
    for (unsigned c = 0; c < MD_CONNECTIONS_MAX; c++)
        md_buf_free(&p->log[c]);
    md_reply_free(&p->expected);
}

static struct md_event *event_add(struct md_play *p, enum md_event_kind kind, unsigned conn) {
    p->events = md_grow(p->events, &p->cap_events, p->n_events + 1, sizeof *p->events);
    struct md_event *e = &p->events[p->n_events++];
    *e = (struct md_event){.kind = kind, .conn = conn};
    return e;
}

/* Tells the model everything again; p->expected is then the reply to the last event. */
static enum md_feed_result retell(struct md_play *p) {
    enum md_feed_result r = MD_FEED_OK;
    md_model_fired_set(p->model, &p->fired);
    md_model_restart(p->model, &p->base);
    for (size_t i = 0; i < p->n_events; i++) {
        const struct md_event *e = &p->events[i];
        switch (e->kind) {
        case MD_EVENT_OPEN: md_model_open(p->model, e->conn); break;
        case MD_EVENT_BYTES:
            md_model_observe(p->model, p->heard.data + e->heard, e->n_heard);
            r = md_model_feed(p->model, e->conn, p->sent.data + e->offset, e->len, &p->expected);
            break;
        case MD_EVENT_CLOSE: md_model_close(p->model, e->conn); break;
        case MD_EVENT_FINISH: md_model_finish(p->model, e->conn, &p->expected); break;
        case MD_EVENT_CLOCK: md_model_advance(p->model, e->seconds); break;
        case MD_EVENT_REBOOT: md_model_reboot(p->model); break;
        }
    }
    return r;
}

/* ---- verdicts ------------------------------------------------------------------------------- */

static void keep(struct md_buf *b, const uint8_t *bytes, size_t n) {
    b->len = 0;
    md_buf_append(b, bytes, n < MAX_OBSERVED ? n : MAX_OBSERVED);
}

/* The command at which the replies part; if all were met, the last one. */
static const struct md_command *last_command(const struct md_play *p) {
    return p->expected.n_commands ? &p->expected.commands[p->expected.n_commands - 1] : NULL;
}

static const char *name_of(const struct md_command *k) {
    return k ? md_command_name_text((enum md_command_name)k->name) : "none";
}

static enum md_verdict_kind diverged(struct md_play *p, const struct md_command *k) {
    struct md_verdict *v = p->verdict;
    v->kind = MD_DIVERGED;
    v->step = p->step;
    if (k) {
        v->command = *k;
        keep(&v->expected, p->expected.bytes.data + k->reply_offset, k->reply_len);
        v->reason.len = 0;
        md_buf_str(&v->reason, md_model_reason(p->model, k->ordinal));
    }
    return MD_DIVERGED;
}

static void name_failure(struct md_verdict *v, const char *what, const struct md_command *k) {
    snprintf(v->signature, sizeof v->signature, "%s.%s", what, name_of(k));
    md_signature_plain(v->signature);
}

/* The node died, hangs, floods: a divergence of its own kind; our own environment: a failure. */
static enum md_verdict_kind node_trouble(struct md_play *p, enum md_node_status status) {
    struct md_verdict *v = p->verdict;
    v->node = status;
    v->step = p->step;
    keep(&v->observed, p->observed.data, p->observed.len);
    md_node_stderr(p->node, &v->stderr_tail);
    v->reason.len = 0;
    md_buf_str(&v->reason, md_node_error(p->node));
    switch (status) {
    case MD_NODE_DIED: name_failure(v, "node.died", last_command(p)); break;
    case MD_NODE_HANGS: name_failure(v, "node.hangs", last_command(p)); break;
    case MD_NODE_BUSY: name_failure(v, "node.busy", last_command(p)); break;
    case MD_NODE_FLOOD: name_failure(v, "node.floods", last_command(p)); break;
    default: v->kind = MD_FAILED; return MD_FAILED;
    }
    v->kind = MD_DIVERGED;
    const struct md_command *k = last_command(p);
    if (k)
        v->command = *k;
    return MD_DIVERGED;
}

/* ---- comparing ------------------------------------------------------------------------------ */

struct mismatch {
    const struct md_command *command;
    size_t at;     /* index of the command, n_commands: behind the last */
    size_t cursor; /* where its reply begins in what was observed */
    size_t agreed; /* bytes of its reply that are as expected */
    bool stats;
    char stat[32];
    struct md_buf why;
};

static size_t agreeing(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b) {
    size_t i = 0;
    while (i < n_a && i < n_b && a[i] == b[i])
        i++;
    return i;
}

static bool find_mismatch(struct md_play *p, struct mismatch *mm) {
    const struct md_reply *e = &p->expected;
    const struct md_buf *o = &p->observed;
    size_t cursor = 0;
    mm->command = NULL;
    for (size_t i = 0; i < e->n_commands; i++) {
        const struct md_command *k = &e->commands[i];
        size_t used = k->reply_len;
        mm->command = k;
        mm->at = i;
        mm->cursor = cursor;
        if (p->stranger) {
            mm->agreed = 0;
            if (!md_stranger_agrees(p->stranger, e, k, o->data + cursor, o->len - cursor, &used))
                return true;
        } else if (k->flags & MD_COMMAND_STATS) {
            mm->stats = true;
            mm->why.len = 0;
            if (!md_model_pattern_agrees(p->model, k->ordinal, o->data + cursor, o->len - cursor,
                                         &used, mm->stat, &mm->why))
                return true;
            mm->stats = false;
        } else if (o->len - cursor < used ||
                   (used && memcmp(o->data + cursor, e->bytes.data + k->reply_offset, used) != 0)) {
            mm->agreed =
                agreeing(o->data + cursor, o->len - cursor, e->bytes.data + k->reply_offset, used);
            return true;
        }
        cursor += used;
    }
    mm->at = e->n_commands;
    mm->cursor = cursor;
    return cursor != o->len;
}

static bool has_stats(const struct md_reply *e) {
    for (size_t i = 0; i < e->n_commands; i++)
        if (e->commands[i].flags & MD_COMMAND_STATS)
            return true;
    return false;
}

static bool bytes_agree(const struct md_play *p) {
    const struct md_buf *e = &p->expected.bytes, *o = &p->observed;
    return e->len == o->len && (e->len == 0 || memcmp(e->data, o->data, e->len) == 0);
}

/* What the node said in place of the mismatched reply, if it is a number; that of ma is a block. */
static bool observed_number(const struct md_play *p, const struct mismatch *mm, uint64_t *n) {
    const uint8_t *o = p->observed.data + mm->cursor;
    size_t left = p->observed.len - mm->cursor;
    struct md_response r;
    if (md_is_binary((enum md_command_name)mm->command->name)) {
        bool value = md_response_at(o, left, &r) && r.n_value == 8;
        *n = value ? md_be_read(r.value, 8) : 0;
        return value && r.header.status == MD_STATUS_OK;
    }
    const uint8_t *block = left > 2 && memcmp(o, "VA ", 3) == 0 ? memchr(o, '\n', left) : NULL;
    if (block) {
        left -= (size_t)(block + 1 - o);
        o = block + 1;
    }
    const uint8_t *end = left ? memchr(o, '\r', left) : NULL;
    struct md_number v = md_number_unsigned(o, end ? (size_t)(end - o) : 0);
    *n = v.value;
    return v.proper;
}

enum turn { TURN_NONE, TURN_HELPS, TURN_LOSES };

/*
 * Tries the other alternatives of what the mismatched command stands on. HELPS: more agrees than
 * before (up to a later byte or command, or altogether), and the preference stays. LOSES: the same, but with it the model no
 * longer knows what happens next.
 */
static enum turn turn_choice(struct md_play *p, struct mismatch *mm) {
    struct md_command k = *mm->command;
    size_t at = mm->at, agreed = mm->stats ? 0 : mm->agreed;
    for (unsigned i = 0; i < k.refs; i++) {
        unsigned n = md_choice_alternatives(k.ref[i].choice);
        uint64_t observed = 0;
        bool open = n == 0 && observed_number(p, mm, &observed);
        for (unsigned a = 1; a < (open ? 2 : n); a++) {
            md_model_prefer(p->model, k.ref[i], open ? observed : a);
            enum md_feed_result result = retell(p);
            if (!find_mismatch(p, mm) || mm->at > at ||
                (mm->at == at && !mm->stats && mm->agreed > agreed)) {
                p->counts->choices_turned++;
                return result == MD_FEED_OK ? TURN_HELPS : TURN_LOSES;
            }
            md_model_unprefer(p->model);
        }
    }
    retell(p);
    find_mismatch(p, mm);
    return TURN_NONE;
}

static enum md_verdict_kind reply_diverged(struct md_play *p, const struct mismatch *mm) {
    struct md_verdict *v = p->verdict;
    const struct md_command *k = mm->command;
    if (!k) {
        keep(&v->observed, p->observed.data, p->observed.len);
        snprintf(v->signature, sizeof v->signature, "none.reply.surplus.none");
        return diverged(p, NULL);
    }
    const uint8_t *o = p->observed.data + mm->cursor;
    size_t n = p->observed.len - mm->cursor;
    bool surplus = mm->at == p->expected.n_commands;
    diverged(p, k);
    if (mm->stats) {
        bool counters = k->name >= MD_CMD_STATS && k->name <= MD_CMD_STATS_SLABS;
        const char *name = counters ? "stats" : name_of(k);
        snprintf(v->signature, sizeof v->signature, "%s.%s.differs.%s", name, mm->stat, name);
        md_signature_plain(v->signature);
        md_buf_append(&v->reason, mm->why.data, mm->why.len);
    } else if (surplus) {
        snprintf(v->signature, sizeof v->signature, "%s.reply.surplus-after.any", name_of(k));
    } else {
        md_signature(k, p->expected.bytes.data + k->reply_offset, k->reply_len, o, n, v->signature,
                     sizeof v->signature);
    }
    size_t span = md_reply_span((enum md_command_name)k->name, o, n);
    keep(&v->observed, o, span && !surplus ? span : n);
    return MD_DIVERGED;
}

static bool is_excused(struct md_play *p, const struct mismatch *mm) {
    const struct md_command *k = mm->at < p->expected.n_commands ? mm->command : NULL;
    return p->stranger &&
           md_stranger_excuses(p->stranger, p->model, &p->fired, k, p->observed.data + mm->cursor,
                               p->observed.len - mm->cursor);
}

static enum md_verdict_kind compare_replies(struct md_play *p) {
    if (bytes_agree(p) && !has_stats(&p->expected) && !p->stranger)
        return MD_AGREE;
    struct mismatch mm = {0};
    bool wrong = find_mismatch(p, &mm);
    enum turn turn = TURN_HELPS;
    for (unsigned n = 0; wrong && mm.command && mm.at < p->expected.n_commands; n++) {
        turn = n < MAX_TURNS ? turn_choice(p, &mm) : TURN_NONE;
        if (turn != TURN_HELPS)
            break;
        wrong = find_mismatch(p, &mm);
    }
    enum md_verdict_kind kind = turn == TURN_LOSES            ? MD_UNMODELLED
                                : wrong && is_excused(p, &mm) ? MD_UNMODELLED
                                : wrong                       ? reply_diverged(p, &mm)
                                                              : MD_AGREE;
    md_buf_free(&mm.why);
    return kind;
}

/* A server of somebody else hung up. In a batch it is not seen by which command. */
static bool is_cut_short(struct md_play *p) {
    struct mismatch mm = {0};
    return find_mismatch(p, &mm) && mm.at < p->expected.n_commands && mm.cursor == p->observed.len;
}

static enum md_verdict_kind hung_up(struct md_play *p) {
    struct mismatch mm = {0};
    const struct md_command *k = find_mismatch(p, &mm) ? mm.command : last_command(p);
    if (is_excused(p, &mm)) {
        p->verdict->kind = MD_UNMODELLED;
        return MD_UNMODELLED;
    }
    name_failure(p->verdict, "connection.closed", k);
    if (p->expected.n_commands > 1)
        snprintf(p->verdict->signature, sizeof p->verdict->signature, "connection.closed.batch");
    keep(&p->verdict->observed, p->observed.data, p->observed.len);
    return diverged(p, k);
}

static enum md_verdict_kind compare_closed(struct md_play *p, bool closed) {
    if (closed == p->expected.closed)
        return MD_AGREE;
    name_failure(p->verdict, closed ? "connection.closed" : "connection.left-open",
                 last_command(p));
    return diverged(p, last_command(p));
}

static const struct md_command *command_of(const struct md_play *p, uint32_t ordinal) {
    for (size_t i = 0; i < p->expected.n_commands; i++)
        if (p->expected.commands[i].ordinal == ordinal)
            return &p->expected.commands[i];
    return NULL;
}

/* What the specification says to the command, which is what the model says without the quirk. */
static void expect_by_the_book(struct md_play *p, uint32_t ordinal, enum md_quirk quirk) {
    struct md_buf *expected = &p->verdict->expected;
    md_model_quirk(p->model, quirk, false);
    enum md_feed_result result = retell(p);
    const struct md_command *k = command_of(p, ordinal);
    if (result == MD_FEED_OK && k)
        keep(expected, p->expected.bytes.data + k->reply_offset, k->reply_len);
    md_model_quirk(p->model, quirk, true);
    retell(p);
}

/* With the strict oracle every quirk that fires is a divergence. */
static enum md_verdict_kind compare_strictly(struct md_play *p) {
    for (size_t i = 0; i < p->expected.n_commands; i++) {
        const struct md_command k = p->expected.commands[i];
        if (k.quirk == MD_QUIRK_NONE)
            continue;
        struct md_verdict *v = p->verdict;
        enum md_quirk quirk = (enum md_quirk)k.quirk;
        const struct md_quirk_info *q = md_quirk_info(quirk);
        char id[MD_ID_MAX];
        md_id_text(q->name, id, sizeof id);
        diverged(p, &k);
        snprintf(v->signature, MD_SIGNATURE_MAX, "quirk.%s", id);
        keep(&v->observed, v->expected.data, v->expected.len);
        v->reason.len = 0;
        md_buf_printf(&v->reason, "quirk %s: %s; contradicts: %s", id, q->sentence, q->contradicts);
        expect_by_the_book(p, k.ordinal, quirk);
        return MD_DIVERGED;
    }
    return MD_AGREE;
}

/* ---- counting ------------------------------------------------------------------------------- */

static void count_replies(struct md_play *p) {
    struct md_counts *n = p->counts;
    const struct md_reply *e = &p->expected;
    n->commands += e->n_commands;
    n->bytes_received += p->observed.len;
    if (p->sweeping) /* not what somebody generated: would blur the shares */
        return;
    for (size_t i = 0; i < e->n_commands; i++) {
        const struct md_command *k = &e->commands[i];
        n->by_command[k->name]++;
        n->hits += (k->flags & MD_COMMAND_HIT) != 0;
        n->misses += (k->flags & (MD_COMMAND_HIT | MD_COMMAND_MISS)) == MD_COMMAND_MISS;
        n->errors += (k->flags & (MD_COMMAND_ERROR | MD_COMMAND_SILENT)) == MD_COMMAND_ERROR;
        n->silent += (k->flags & MD_COMMAND_SILENT) != 0;
        n->stats += (k->flags & MD_COMMAND_STATS) != 0;
    }
}

/* Replies with every CAS value counted from the base; `stats` is left out (it was compared already). */
static void add_canonical(struct md_play *p) {
    const struct md_reply *e = &p->expected;
    for (size_t i = 0; i < e->n_commands; i++) {
        const struct md_command *k = &e->commands[i];
        size_t at = k->reply_offset, end = at + k->reply_len;
        for (uint32_t j = 0; j < k->marks; j++) {
            const struct md_mark *mark = &e->marks[k->mark_first + j];
            md_buf_append(&p->canonical, e->bytes.data + at, mark->offset - at);
            md_buf_u64(&p->canonical, mark->relative);
            at = mark->offset + mark->len;
        }
        md_buf_append(&p->canonical, e->bytes.data + at, end - at);
    }
}

/* ---- events ------------------------------------------------------------------------------------ */

static enum md_verdict_kind settle_accounts(struct md_play *p, bool closed) {
    count_replies(p);
    if (p->stranger && closed && (!p->expected.closed || is_cut_short(p)))
        return hung_up(p);
    enum md_verdict_kind kind = compare_replies(p);
    if (kind == MD_AGREE)
        kind = compare_closed(p, closed);
    if (kind == MD_AGREE && p->oracle == MD_ORACLE_STRICT)
        kind = compare_strictly(p);
    if (kind == MD_AGREE && p->want_canonical)
        add_canonical(p);
    return kind;
}

/* A promise of the segmented LRU was broken: by a command of this event. */
static enum md_verdict_kind compare_promises(struct md_play *p) {
    uint32_t ordinal;
    const char *promise, *why;
    if (!md_model_broken(p->model, &ordinal, &promise, &why))
        return MD_AGREE;
    struct md_verdict *v = p->verdict;
    const struct md_command *k = command_of(p, ordinal);
    diverged(p, k);
    keep(&v->observed, p->observed.data, p->observed.len);
    snprintf(v->signature, sizeof v->signature, "promise.%s.%s", promise, name_of(k));
    md_signature_plain(v->signature);
    v->reason.len = 0;
    md_buf_str(&v->reason, why);
    return MD_DIVERGED;
}

/* At most MD_READ_BUFFER bytes: what a node takes with one read. */
static enum md_node_status exchange(struct md_play *p, unsigned conn, const uint8_t *bytes,
                                    size_t len, size_t limit) {
    p->observed.len = 0;
    p->counts->bytes_sent += len;
    if (p->stranger) { /* says whole commands only */
        if (p->expected.closed)
            md_node_goodbye(p->node);
        else
            md_node_barrier(p->node);
        bytes = p->translated->data;
        len = p->translated->len;
    }
    return md_node_exchange(p->node, p->sweeping ? p->sweep_on : conn, bytes, len, limit,
                            &p->observed);
}

/* The model cannot say what comes next. */
static enum md_verdict_kind unmodelled(struct md_play *p) {
    p->n_events--;
    retell(p);
    p->expected.n_commands = p->expected.bytes.len = p->expected.n_marks = 0;
    p->expected.closed = false;
    p->verdict->kind = MD_UNMODELLED;
    p->verdict->step = p->step;
    return MD_UNMODELLED;
}

static bool answered(enum md_node_status status) {
    return status == MD_NODE_OK || status == MD_NODE_CLOSED;
}

/* The model looks into the reply before it predicts: the node goes first. */
static enum md_verdict_kind send_observed(struct md_play *p, struct md_event *e,
                                          const uint8_t *bytes) {
    p->expected.n_commands = 0;
    enum md_node_status status = exchange(p, e->conn, bytes, e->len, MD_REPLY_MAX);
    if (status == MD_NODE_FLOOD) { /* more than the model would say: it cannot follow */
        p->ahead = true;
        return unmodelled(p);
    }
    if (!answered(status)) {
        /* Only to know which command it was. */
        md_model_observe(p->model, p->observed.data, p->observed.len);
        md_model_feed(p->model, e->conn, bytes, e->len, &p->expected);
        return node_trouble(p, status);
    }
    e->heard = p->heard.len;
    e->n_heard = p->observed.len;
    md_buf_append(&p->heard, p->observed.data, p->observed.len);
    md_model_observe(p->model, p->observed.data, p->observed.len);
    if (md_model_feed(p->model, e->conn, bytes, e->len, &p->expected) == MD_FEED_UNMODELLED) {
        p->ahead = true;
        return unmodelled(p);
    }
    enum md_verdict_kind kind = settle_accounts(p, status == MD_NODE_CLOSED);
    return kind == MD_AGREE ? compare_promises(p) : kind;
}

/* Bytes of what was observed at which the reply of command `at` begins, as far as the model can tell. */
static size_t reply_begins(const struct md_play *p, size_t at) {
    size_t cursor = 0;
    for (size_t i = 0; i < at; i++) {
        const struct md_command *k = &p->expected.commands[i];
        char name[32];
        size_t used = k->reply_len;
        struct md_buf why = {0};
        if (k->flags & MD_COMMAND_STATS)
            md_model_pattern_agrees(p->model, k->ordinal, p->observed.data + cursor,
                                    p->observed.len - cursor, &used, name, &why);
        md_buf_free(&why);
        cursor += used < p->observed.len - cursor ? used : p->observed.len - cursor;
    }
    return cursor;
}

/* Answers of threads in the background come by and by: waits for the end of each. */
static enum md_node_status await_late(struct md_play *p, unsigned conn,
                                      enum md_node_status status) {
    for (size_t i = 0; i < p->expected.n_commands && status == MD_NODE_OK; i++) {
        const struct md_command *k = &p->expected.commands[i];
        if (!(k->flags & MD_COMMAND_LATE))
            continue;
        size_t begin = reply_begins(p, i);
        while (status == MD_NODE_OK &&
               !md_model_pattern_complete(p->model, k->ordinal, p->observed.data + begin,
                                          p->observed.len - begin))
            status = md_node_await(p->node, conn, MAX_SLACK, &p->observed);
        /* What comes behind it is the worker's again. */
        if (status == MD_NODE_OK)
            status = md_node_settle(p->node, conn, MAX_SLACK, &p->observed);
    }
    return status;
}

/* Of a watcher: what came behind the OK is the connection's. */
static void take_log(struct md_play *p, unsigned conn) {
    enum { OK_LINE = 4 }; /* bytes, CRLF included */
    size_t begin = reply_begins(p, p->expected.n_commands - 1) + OK_LINE;
    p->log[conn].len = 0;
    if (p->observed.len > begin)
        md_buf_append(&p->log[conn], p->observed.data + begin, p->observed.len - begin);
}

/* A command that ends the node: it goes in order, within a second, all connections with it. */
static enum md_verdict_kind node_ended(struct md_play *p) {
    md_model_advance(p->model, 1);
    event_add(p, MD_EVENT_CLOCK, 0)->seconds = 1;
    enum md_node_status status = md_node_ended(p->node);
    if (status != MD_NODE_OK)
        return node_trouble(p, status);
    p->down = true;
    return settle_accounts(p, true);
}

static enum md_verdict_kind send_piece(struct md_play *p, unsigned conn, const uint8_t *bytes,
                                       size_t len) {
    struct md_event *e = event_add(p, MD_EVENT_BYTES, conn);
    e->offset = p->sent.len;
    e->len = len;
    md_buf_append(&p->sent, bytes, len);
    if (md_model_observes(p->model))
        return send_observed(p, e, bytes);
    if (md_model_feed(p->model, conn, bytes, len, &p->expected) == MD_FEED_UNMODELLED)
        return unmodelled(p);
    enum md_node_status status = exchange(p, conn, bytes, len, p->expected.bytes.len + MAX_SLACK);
    if (p->expected.ended)
        return node_ended(p);
    status = await_late(p, conn, status);
    if (md_model_watches(p->model, conn))
        take_log(p, conn);
    return answered(status) ? settle_accounts(p, status == MD_NODE_CLOSED)
                            : node_trouble(p, status);
}

enum md_verdict_kind md_play_open(struct md_play *p, unsigned conn) {
    if (p->down || md_model_is_open(p->model, conn))
        return MD_AGREE;
    md_model_open(p->model, conn);
    event_add(p, MD_EVENT_OPEN, conn);
    unsigned on = p->sweeping ? p->sweep_on : conn;
    if (md_node_is_open(p->node, on))
        return MD_AGREE;
    enum md_node_status status = md_node_open(p->node, on);
    return status == MD_NODE_OK ? MD_AGREE : node_trouble(p, status);
}

enum md_verdict_kind md_play_send(struct md_play *p, unsigned conn, const uint8_t *bytes,
                                  size_t len) {
    enum md_verdict_kind kind = md_play_open(p, conn);
    /* A model that looks into the reply wants all of it, not what an unfinished piece holds back. */
    size_t most = md_model_observes(p->model) || p->stranger ? MD_TRACE_BYTES_MAX : MD_READ_BUFFER;
    for (size_t at = 0; at < len && kind == MD_AGREE; at += most) {
        /* Killed, or closed by the piece before; or a watcher, whose bytes nobody would ever read. */
        if (!md_model_is_open(p->model, conn) || md_model_watches(p->model, conn))
            break;
        size_t n = len - at < most ? len - at : most;
        kind = send_piece(p, conn, bytes + at, n);
        if (p->piece && kind == MD_AGREE && at + n < len)
            p->piece(p->piece_ctx);
    }
    return kind;
}

/* What a watcher was sent until now is log lines, but for the last one, which may be on its way. */
static enum md_verdict_kind look_at_log(struct md_play *p, unsigned conn) {
    struct md_verdict *v = p->verdict;
    struct md_buf *log = &p->log[conn];
    enum md_verdict_kind kind = MD_AGREE;
    size_t at = 0;
    while (kind == MD_AGREE && at < log->len) {
        const uint8_t *line = log->data + at, *end = memchr(line, '\n', log->len - at);
        if (!end)
            break;
        size_t n = (size_t)(end - line);
        at += n + 1;
        v->reason.len = 0;
        if (md_shape_log_line(line, n && line[n - 1] == '\r' ? n - 1 : n, &v->reason))
            continue;
        v->step = p->step;
        keep(&v->observed, line, n + 1);
        snprintf(v->signature, sizeof v->signature, "watch.line.differs.watch");
        v->kind = kind = MD_DIVERGED;
    }
    md_buf_drop(log, at);
    return kind;
}

enum md_verdict_kind md_play_close(struct md_play *p, unsigned conn) {
    if (!md_model_is_open(p->model, conn))
        return MD_AGREE;
    if (md_model_watches(p->model, conn)) {
        enum md_node_status read = md_node_settle(p->node, conn, MAX_LOG, &p->log[conn]);
        enum md_verdict_kind kind = look_at_log(p, conn);
        p->log[conn].len = 0;
        if (kind != MD_AGREE)
            return kind;
        if (read != MD_NODE_OK)
            return node_trouble(p, read);
    }
    md_model_close(p->model, conn);
    event_add(p, MD_EVENT_CLOSE, conn);
    enum md_node_status status = md_node_close(p->node, conn);
    return status == MD_NODE_OK || status == MD_NODE_CLOSED ? MD_AGREE : node_trouble(p, status);
}

enum md_verdict_kind md_play_shutdown(struct md_play *p, unsigned conn) {
    if (!md_model_is_open(p->model, conn))
        return MD_AGREE;
    md_model_finish(p->model, conn, &p->expected);
    event_add(p, MD_EVENT_FINISH, conn);
    p->observed.len = 0;
    enum md_node_status status = md_node_shutdown(p->node, conn, &p->observed);
    if (status != MD_NODE_OK && status != MD_NODE_CLOSED)
        return node_trouble(p, status);
    return settle_accounts(p, true);
}

enum md_verdict_kind md_play_clock(struct md_play *p, uint32_t seconds) {
    md_model_advance(p->model, seconds);
    event_add(p, MD_EVENT_CLOCK, 0)->seconds = seconds;
    p->counts->clock_jumps++;
    enum md_node_status status = md_node_advance(p->node, seconds);
    return status == MD_NODE_OK ? MD_AGREE : node_trouble(p, status);
}

/* What the node held back is lost, like every connection. */
static void hang_up(struct md_play *p) {
    for (unsigned c = 0; c < MD_CONNECTIONS_MAX; c++)
        if (md_model_is_open(p->model, c)) {
            md_model_close(p->model, c);
            event_add(p, MD_EVENT_CLOSE, c);
        }
}

static enum md_verdict_kind skipped(struct md_play *p) {
    p->verdict->kind = MD_SKIPPED;
    return MD_SKIPPED;
}

enum md_verdict_kind md_play_kill(struct md_play *p) {
    if (md_node_is_remote(p->node))
        return skipped(p);
    hang_up(p);
    p->down = true;
    enum md_node_status status = md_node_kill(p->node);
    return status == MD_NODE_OK ? MD_AGREE : node_trouble(p, status);
}

enum md_verdict_kind md_play_restart(struct md_play *p) {
    if (md_node_is_remote(p->node))
        return skipped(p);
    md_model_reboot(p->model);
    event_add(p, MD_EVENT_REBOOT, 0);
    p->down = false;
    enum md_node_status status = md_node_restart(p->node);
    return status == MD_NODE_OK ? MD_AGREE : node_trouble(p, status);
}
