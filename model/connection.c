/*
 * A connection: how bytes become lines and data blocks, and when replies leave.
 *
 * A node reads up to MD_READ_BUFFER bytes at a time into a buffer, works through the commands in it,
 * and sends the collected replies when it needs to read again, or after a retrieval or mn:
 *
 *      read -> | line | line data | line ...half |   -> replies of the three go out, half stays
 *
 * In the middle of a data block it reads straight into the item and sends nothing meanwhile: replies
 * of earlier commands are held back until the block is complete (choice held-back).
 *
 * A binary connection is the same with requests in place of lines, and values in place of data blocks;
 * its buffer does not grow.
 */
#include "model/binary.h"
#include "model/lru.h"
#include "model/meta.h"
#include "model/text.h"

#include <stdlib.h>

/* A server has many connections for long: what one needed for a large item is not kept for the next. */
static void spare(const struct md_model *m, struct md_buf *b) {
    b->len = 0;
    if (m->process && b->cap > 4 * MD_READ_BUFFER)
        md_buf_free(b);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* What is in the reply is none of the feed's business any more. */
static void mark_sent(struct md_feed *f) {
    f->sent_bytes = f->out->bytes.len;
    f->sent_commands = f->out->n_commands;
    f->sent_marks = f->out->n_marks;
}

void md_feed_send(struct md_feed *f) {
    mark_sent(f);
    md_hold_release(f->m, f->c);
}

bool md_feed_unsent(const struct md_feed *f) {
    for (size_t i = f->sent_commands; i < f->out->n_commands; i++)
        if (f->out->commands[i].reply_len || f->out->commands[i].flags & MD_COMMAND_STATS)
            return true;
    return false;
}

/* A choice that only its reply decides, and whose reply does not come (now): the model is lost. Of a
 * binary command it depends on the choice whether its reply has gone out. */
static void lose_choices(struct md_feed *f) {
    for (size_t i = f->c->binary ? 0 : f->sent_commands; i < f->out->n_commands; i++)
        for (unsigned j = 0; j < f->out->commands[i].refs; j++) {
            enum md_choice choice = f->out->commands[i].ref[j].choice;
            f->m->lost |= choice == MD_CHOICE_COUNTER_MEMORY || choice == MD_CHOICE_COUNTER_BLANK;
        }
}

void md_feed_lose(struct md_feed *f) {
    lose_choices(f);
    for (size_t i = f->sent_commands; i < f->out->n_commands; i++) {
        f->out->commands[i].reply_offset = (uint32_t)f->sent_bytes;
        f->out->commands[i].reply_len = 0;
        f->out->commands[i].flags &= (uint8_t) ~(MD_COMMAND_STATS | MD_COMMAND_LATE);
        f->out->commands[i].marks = 0;
    }
    f->out->bytes.len = f->sent_bytes;
    f->out->n_marks = f->sent_marks;
    md_hold_release(f->m, f->c);
}

void md_feed_begin(struct md_feed *f, uint64_t input_offset) {
    f->c->command = (struct md_command){.ordinal = f->m->ordinal++,
                                        .conn = (uint16_t)f->conn,
                                        .input_offset = (uint32_t)input_offset,
                                        .name = MD_CMD_UNKNOWN,
                                        .rule = MD_RULE_NONE,
                                        .reply_offset = (uint32_t)f->out->bytes.len,
                                        .mark_first = (uint32_t)f->out->n_marks};
    f->m->command = &f->c->command;
}

void md_feed_commit(struct md_feed *f) {
    struct md_reply *out = f->out;
    struct md_command *k = &f->c->command;
    k->reply_len = (uint32_t)out->bytes.len - k->reply_offset;
    k->marks = (uint32_t)out->n_marks - k->mark_first;
    f->m->fired.rule[k->rule]++;
    out->commands =
        md_grow(out->commands, &out->cap_commands, out->n_commands + 1, sizeof *out->commands);
    out->commands[out->n_commands++] = *k;
}

/* Appends the part of `from` behind the given marks to `to`, offsets adjusted. */
static void reply_move(struct md_reply *to, const struct md_reply *from, size_t bytes,
                       size_t commands, size_t marks) {
    size_t base = to->bytes.len, base_mark = to->n_marks;
    if (from->bytes.len > bytes)
        md_buf_append(&to->bytes, from->bytes.data + bytes, from->bytes.len - bytes);
    for (size_t i = commands; i < from->n_commands; i++) {
        to->commands =
            md_grow(to->commands, &to->cap_commands, to->n_commands + 1, sizeof *to->commands);
        struct md_command *k = &to->commands[to->n_commands++];
        *k = from->commands[i];
        k->reply_offset += (uint32_t)(base - bytes);
        k->mark_first += (uint32_t)(base_mark - marks);
    }
    for (size_t i = marks; i < from->n_marks; i++) {
        to->marks = md_grow(to->marks, &to->cap_marks, to->n_marks + 1, sizeof *to->marks);
        to->marks[to->n_marks] = from->marks[i];
        to->marks[to->n_marks++].offset += (uint32_t)(base - bytes);
    }
}

static void reply_clear(struct md_reply *r) {
    r->bytes.len = r->n_commands = r->n_marks = 0;
    r->closed = r->cut = r->more = r->ended = false;
}

/* The node has read all it can and waits for more of a data block: what is unsent stays with it. */
static void hold_back(struct md_feed *f) {
    struct md_reply *out = f->out;
    if (out->n_commands == f->sent_commands)
        return;
    lose_choices(f);
    if (md_feed_unsent(f))
        md_chosen(f->m, MD_CHOICE_HELD_BACK);
    reply_move(&f->c->held, out, f->sent_bytes, f->sent_commands, f->sent_marks);
    out->bytes.len = f->sent_bytes;
    out->n_commands = f->sent_commands;
    out->n_marks = f->sent_marks;
}

static bool next_chunk(struct md_feed *f) {
    return f->c->binary ? md_binary_next_chunk(f) : md_text_next_chunk(f);
}

static void data_complete(struct md_feed *f, const uint8_t *data) {
    if (f->c->binary)
        md_binary_data(f, data);
    else if (f->c->block == MD_BLOCK_META)
        md_meta_data(f, data);
    else
        md_text_data(f, data);
}

/* Takes up to n bytes of a data block, or of what is swallowed; returns how many. */
static size_t take_data(struct md_feed *f, const uint8_t *bytes, size_t n) {
    struct md_conn *c = f->c;
    n = least(n, (size_t)c->missing);
    f->m->command = &c->command;
    if (c->state == MD_CONN_DATA) {
        bool chunked = c->chunk_left > 0;
        for (size_t left = n; chunked && left > 0;) {
            size_t step = least(left, c->chunk_left);
            left -= step;
            c->missing -= step;
            c->chunk_left -= (uint32_t)step;
            if (c->chunk_left == 0 && c->missing > 0 && !next_chunk(f))
                return n - left; /* out of memory: the rest is swallowed */
        }
        if (!chunked)
            c->missing -= n;
        bool whole = c->missing == 0 && c->data.len == 0;
        if (!whole)
            md_buf_append(&c->data, bytes, n);
        if (c->missing == 0) {
            c->state = MD_CONN_LINE;
            data_complete(f, whole ? bytes : c->data.data);
            spare(f->m, &c->data);
        }
        return n;
    }
    c->missing -= n;
    if (c->missing == 0) {
        c->state = MD_CONN_LINE;
        f->m->places[c->place].left = 0;
        md_room_give(&f->m->memory, &c->room);
    }
    return n;
}

/* A command is done: after -R of them in one go the node sends what it has and yields. */
static void take_turn(struct md_feed *f) {
    if (--f->requests >= 0)
        return;
    md_feed_send(f);
    f->m->yields++;
    f->requests = (int64_t)f->m->options.reqs_per_event - 1;
}

/* The line that begins here; returns how many bytes it had, 0: there must come more. */
static size_t take_line(struct md_feed *f, const uint8_t *w, size_t n) {
    const uint8_t *end = memchr(w, '\n', n);
    if (!end) {
        if (n > MD_LINE_MAX) {
            f->c->grown = md_text_long_line(f, w, n);
            f->close = !f->c->grown;
        }
        return 0;
    }
    size_t len = (size_t)(end - w), text = len > 1 && end[-1] == '\r' ? len - 1 : len;
    f->line_end = len + 1 - text;
    md_feed_begin(f, f->c->input - n);
    f->c->stalled = false;
    f->behind = n - len - 1;
    md_text_line(f, w, text);
    return len + 1;
}

/* The same of a binary request. */
static size_t take_request(struct md_feed *f, const uint8_t *w, size_t n) {
    size_t len = md_binary_whole(f, w, n);
    if (len)
        md_binary_request(f, w, len, n - len);
    return len;
}

/* The commands left have to wait until the client has taken what was said. */
static bool is_full(const struct md_feed *f) {
    return f->m->process && f->c->state == MD_CONN_LINE && f->out->bytes.len > MD_SAID_AT_ONCE;
}

/* Works through what one read brought; returns how much of it was used up. */
static size_t window(struct md_feed *f, const uint8_t *w, size_t n) {
    struct md_conn *c = f->c;
    size_t at = 0;
    while (at < n && !f->close && !f->unmodelled && !is_full(f) && c->state != MD_CONN_WATCH &&
           !(f->nobody && f->sent_bytes)) {
        size_t used;
        if (c->state != MD_CONN_LINE) {
            used = take_data(f, w + at, n - at);
        } else {
            used = c->binary ? take_request(f, w + at, n - at) : take_line(f, w + at, n - at);
            if (used == 0)
                break;
        }
        at += used;
        if (c->state == MD_CONN_LINE)
            take_turn(f);
        if (c->dumped) { /* it comes back from the crawler with nothing left to send */
            c->dumped = false;
            md_feed_send(f);
            if (c->stalled)
                break;
        }
    }
    return at;
}

/* One read of the node while it looks for a line; returns how many bytes it took. */
static size_t read_lines(struct md_feed *f, const uint8_t *bytes, size_t n) {
    struct md_conn *c = f->c;
    size_t room = c->grown ? n : MD_READ_BUFFER - c->line.len;
    size_t take = least(n, room);
    if (take == 0 && n > 0) {
        md_binary_overfull(f, c->line.data);
        return 0;
    }
    c->input += take;
    f->requests = f->m->options.reqs_per_event; /* each read is an event of its own */
    if (c->line.len) {
        md_buf_append(&c->line, bytes, take);
        size_t used = window(f, c->line.data, c->line.len);
        md_buf_drop(&c->line, used);
    } else {
        size_t used = window(f, bytes, take);
        md_buf_append(&c->line, bytes + used, take - used);
    }
    return take;
}

static void conn_clear(struct md_model *m, struct md_conn *c) {
    md_room_give(&m->memory, &c->room);
    md_hold_release(m, c);
    if (c->state != MD_CONN_NONE)
        m->places[c->place].taken = false;
    if (c->state == MD_CONN_SWALLOW)
        m->places[c->place].left = c->missing;
    c->state = MD_CONN_NONE;
    spare(m, &c->line);
    spare(m, &c->data);
    c->missing = c->input = 0;
    c->chunk_left = 0;
    c->grown = c->dumped = c->stalled = false;
    c->first = true;
    c->binary = c->quiet = false;
    reply_clear(&c->held);
}

/* As many as a trace has at once. */
static void conns_make(struct md_model *m, unsigned conn) {
    unsigned n = (conn / MD_CONNECTIONS_MAX + 1) * MD_CONNECTIONS_MAX;
    m->conn = md_realloc(m->conn, n * sizeof *m->conn);
    memset(m->conn + m->n_conns, 0, (n - m->n_conns) * sizeof *m->conn);
    m->places = md_realloc(m->places, n * sizeof *m->places);
    memset(m->places + m->n_conns, 0, (n - m->n_conns) * sizeof *m->places);
    m->n_conns = n;
    m->command = NULL; /* it was in there */
}

void md_model_open(struct md_model *m, unsigned conn) {
    if (conn >= m->n_conns)
        conns_make(m, conn);
    conn_clear(m, &m->conn[conn]);
    m->conn[conn].state = MD_CONN_LINE;
    uint32_t place = 0;
    while (m->places[place].taken)
        place++;
    m->places[place].taken = true;
    m->conn[conn].place = place;
}

bool md_model_leftover(const struct md_model *m) {
    for (unsigned i = 0; i < m->n_conns; i++)
        if (m->places[i].left || m->places[i].cas || m->conn[i].state == MD_CONN_SWALLOW)
            return true;
    return false;
}

bool md_model_is_open(const struct md_model *m, unsigned conn) {
    return conn < m->n_conns && m->conn[conn].state != MD_CONN_NONE;
}

bool md_model_at_command(const struct md_model *m, unsigned conn) {
    const struct md_conn *c = &m->conn[conn];
    return md_model_is_open(m, conn) && c->state == MD_CONN_LINE && c->line.len == 0 && !c->binary;
}

bool md_model_watches(const struct md_model *m, unsigned conn) {
    return md_model_is_open(m, conn) && m->conn[conn].state == MD_CONN_WATCH;
}

/* Commands that stand behind a metadump and were not looked at yet: the end of the stream wakes the
 * node as well, and it works on them before it meets that. */
static void wake(struct md_model *m, unsigned conn, bool nobody, struct md_reply *out) {
    struct md_conn *c = &m->conn[conn];
    if (!c->stalled || c->state != MD_CONN_LINE)
        return;
    struct md_feed f = {.m = m,
                        .c = c,
                        .conn = conn,
                        .out = out,
                        .nobody = nobody,
                        .requests = m->options.reqs_per_event};
    md_buf_reserve(&out->bytes, 1);
    md_buf_drop(&c->line, window(&f, c->line.data, c->line.len));
    m->lost |= f.unmodelled || f.ended;
    if (!f.close)
        md_feed_send(&f);
    md_feed_lose(&f);
}

void md_model_finish(struct md_model *m, unsigned conn, struct md_reply *out) {
    reply_clear(out);
    md_buf_reserve(&out->bytes, 1);
    if (!md_model_is_open(m, conn))
        return;
    wake(m, conn, false, out);
    out->closed = true;
    m->conn[conn].stalled = false;
    md_model_close(m, conn);
}

void md_model_close(struct md_model *m, unsigned conn) {
    if (!md_model_is_open(m, conn))
        return;
    struct md_reply unread = {0};
    wake(m, conn, true, &unread);
    md_reply_free(&unread);
    if (m->conn[conn].held.bytes.len)
        md_chosen(m, MD_CHOICE_LOST_ON_CLOSE);
    conn_clear(m, &m->conn[conn]);
}

/* What was held back is in front of what comes now. */
static void release(struct md_feed *f) {
    mark_sent(f); /* everything before it is gone already */
    if (f->c->held.n_commands) {
        reply_move(f->out, &f->c->held, 0, 0, 0);
        reply_clear(&f->c->held);
    }
}

/* Bytes that the node finds when it looks: at most what it can read at once. */
static void arrive(struct md_feed *f, const uint8_t *in, size_t len) {
    struct md_conn *c = f->c;
    if (len == 0 && c->state == MD_CONN_LINE && c->line.len)
        read_lines(f, in, 0);
    for (size_t at = 0; at < len && !f->close && !f->unmodelled && c->state != MD_CONN_WATCH;) {
        if (c->state == MD_CONN_LINE) {
            at += read_lines(f, in + at, len - at);
        } else {
            size_t n = take_data(f, in + at, len - at);
            c->input += n;
            at += n;
        }
        if (c->state == MD_CONN_LINE && !f->close) {
            md_feed_send(f);
            c->grown &= c->line.len > 0; /* an empty buffer is given back */
        }
    }
    if (f->close) {
        if (md_feed_unsent(f))
            md_chosen(f->m, MD_CHOICE_LOST_ON_CLOSE);
        md_feed_lose(f);
        f->out->closed = true;
        conn_clear(f->m, c);
    } else if (c->state == MD_CONN_WATCH) {
        md_feed_send(f);
        c->line.len = 0; /* never looked at */
    } else if (c->state != MD_CONN_LINE) {
        hold_back(f);
    }
}

/* The node ends with the command in hand, and so does every connection. */
static void end(struct md_feed *f) {
    for (unsigned i = 0; i < MD_CONNECTIONS_MAX; i++)
        md_model_close(f->m, i);
    f->out->ended = true;
}

/* The first byte decides, unless the node speaks one protocol only. */
static bool is_binary(struct md_model *m, uint8_t first) {
    if (m->options.protocol != MD_PROTOCOL_AUTO)
        return m->options.protocol == MD_PROTOCOL_BINARY;
    m->fired.rule[MD_RULE_BIN_NEGOTIATED]++;
    return first == MD_PACKET_REQUEST;
}

enum md_feed_result md_model_feed(struct md_model *m, unsigned conn, const void *bytes, size_t len,
                                  struct md_reply *out) {
    reply_clear(out);
    md_removals_clear(m);
    md_buf_reserve(&out->bytes, 1); /* so that a span of it, empty or not, is never of NULL */
    if (!md_model_is_open(m, conn))
        return MD_FEED_NO_CONNECTION;
    struct md_conn *c = &m->conn[conn];
    const uint8_t *in = bytes;
    struct md_feed f = {.m = m, .c = c, .conn = conn, .out = out};
    if (c->first && len) {
        c->first = false;
        c->binary = is_binary(m, in[0]);
    }
    if (c->binary && m->options.segmented) { /* what it answers is not looked into */
        m->lost = true;
        return MD_FEED_UNMODELLED;
    }
    release(&f);
    for (size_t i = 0; m->options.segmented && i < out->n_commands; i++)
        if (out->commands[i].flags & MD_COMMAND_STATS)
            md_segmented_skip(m, out->commands[i].reply_offset);
    size_t at = 0;
    do {
        if (at)
            release(&f);
        arrive(&f, in + at, least(len - at, MD_READ_BUFFER));
        at += MD_READ_BUFFER;
    } while (at < len && !f.close && !f.unmodelled && c->state != MD_CONN_WATCH);
    out->more = is_full(&f) && c->line.len > 0;
    if (f.ended && !f.unmodelled)
        end(&f);
    /* With memory short it matters what the crawler has freed. */
    m->lost |= m->admin.crawled && m->memory.pressed;
    m->lost &= !m->process;
    return f.unmodelled || m->lost ? MD_FEED_UNMODELLED : MD_FEED_OK;
}

void md_reply_free(struct md_reply *r) {
    md_buf_free(&r->bytes);
    free(r->commands);
    free(r->marks);
    *r = (struct md_reply){0};
}
